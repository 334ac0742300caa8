"""Set-up: what a fresh machine needs before the stack can start. `make setup` ends with `python -m infra.setup`."""

from infra.setup.run import run

__all__ = ["run"]
