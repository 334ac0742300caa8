"""What stops a set-up."""

from rules.errors import Fault


class SetupFailed(Fault):
    """A step could not be done; the message tells the person what to do."""
