"""What can stop the local stack from starting; each message is a sentence for the person at the terminal."""

from __future__ import annotations

from rules.errors import Conflict, Unavailable


class AlreadyRunning(Conflict):
    """This state folder already has a supervisor."""

    def __init__(self, message: str) -> None:
        super().__init__("stack-already-running", message)


class StartFailed(Unavailable):
    """A part did not become healthy, or something it needs is missing."""
