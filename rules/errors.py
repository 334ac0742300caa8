"""Errors of the business, and faults of the world.

* BusinessError      a final answer: never retried, safe to show, HTTP 4xx
  x InvalidInput     422  a value that can't be right (names the field)
  x NotFound         404
  x Conflict         409  the step is not possible now (already signed, wrong order)
  x NotAllowed       403  the rules forbid it (IIN cannot be changed, para 6)
  x NotConfirmed     401/403  code, face or signature did not match
  x AccountNotOwned  409  no transfer: the account is not shown to be the client's (para 9)
  x Gone             410  it was destroyed after its retention (para 34)
* Fault              something outside failed: Temporal retries it, ops see it, HTTP 503
  x Unavailable      refused, timed out, 5xx
  x BrokenContract   an answer we cannot read: retried slowly, alarm at once
  x NotSettled       the outcome is not known yet: ask again later, never send again
  x Busy             too many wait already: nothing was begun, come back after some seconds

Messages never carry personal data: the worker logs them whole. `code` is the stable
kebab-case name that becomes the problem type of the API (`/problems/<code>`).
"""

from __future__ import annotations


class BusinessError(Exception):
    """A final answer of the business, safe to show.

    Args:
        code: stable kebab-case name, for example ``code-expired``.
        field: JSON pointer of the field at fault, for example ``/iin``.
    """

    status = 400

    def __init__(self, code: str, message: str | None = None, *, field: str | None = None) -> None:
        super().__init__(message or code)
        self.code = code
        self.field = field


class InvalidInput(BusinessError):
    """A value that cannot be right."""

    status = 422


class NotFound(BusinessError):
    """Absent, or not the asker's: the two look alike on purpose."""

    status = 404


class Conflict(BusinessError):
    """The step is not possible now."""

    status = 409


class NotAllowed(BusinessError):
    """The rules forbid it."""

    status = 403


class NotConfirmed(BusinessError):
    """A code, face or signature did not match."""

    status = 403


class AccountNotOwned(BusinessError):
    """The account is not shown to be the client's. Rules: para 9, part 2."""

    status = 409


class Gone(BusinessError):
    """It was there, and was destroyed after its retention. Rules: para 34."""

    status = 410


class Fault(Exception):
    """Something outside failed; the same call may succeed later."""


class Unavailable(Fault):
    """Refused, timed out, or answered 5xx."""


class BrokenContract(Fault):
    """An answer that does not follow the agreed contract."""


class NotSettled(Fault):
    """The outcome of a money call is not known yet."""


class Busy(Fault):
    """Too many wait for the same already; nothing was begun.

    Args:
        code: stable kebab-case name, as that of a BusinessError.
        retry_after_seconds: when it is worth coming back.
    """

    def __init__(self, code: str, retry_after_seconds: int) -> None:
        super().__init__(code)
        self.code = code
        self.retry_after_seconds = retry_after_seconds
