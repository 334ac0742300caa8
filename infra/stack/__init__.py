"""The local stack: every server, worker and counterparty under one state folder, kept alive by supervisord."""

from infra.stack.environment import free_ports
from infra.stack.errors import AlreadyRunning, StartFailed
from infra.stack.parts import PARTS
from infra.stack.stack import Stack

__all__ = ["PARTS", "AlreadyRunning", "Stack", "StartFailed", "free_ports"]
