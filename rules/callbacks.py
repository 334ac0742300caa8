"""The signature under a callback of an outside service: `X-Signature: t=<unix seconds>,v1=<hex>`.

v1 is HMAC-SHA256 over `<t>.<body>` under a secret that the service and we share. The time is signed too, so
an overheard callback cannot be played again later.

>>> from datetime import UTC, datetime
>>> now = datetime(2026, 1, 15, 9, 0, tzinfo=UTC)
>>> verify(b"secret", sign(b"secret", b"{}", now), b"{}", now)
"""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import datetime, timedelta

from rules.errors import NotConfirmed

HEADER = "X-Signature"
TOLERANCE = timedelta(minutes=5)
_SHAPE = re.compile(r"t=([0-9]{1,12}),v1=([0-9a-f]{64})", re.ASCII)


def _digest(secret: bytes, second: int, body: bytes) -> str:
    return hmac.new(secret, str(second).encode() + b"." + body, hashlib.sha256).hexdigest()


def sign(secret: bytes, body: bytes, now: datetime) -> str:
    """The header's value for a body sent now."""
    second = int(now.timestamp())
    return f"t={second},v1={_digest(secret, second, body)}"


def verify(secret: bytes, header: str | None, body: bytes, now: datetime, tolerance: timedelta = TOLERANCE) -> None:
    """Returns for a true and fresh signature.

    Args:
        header: the header's value, None where it is missing.
        now: aware instant of our own clock.

    Raises:
        NotConfirmed: `callback-signature` (missing, malformed, wrong), `callback-expired` (signed too long ago or
            too far ahead).
    """
    if not secret:
        raise ValueError("a callback secret is needed")
    parts = _SHAPE.fullmatch(header or "")
    if parts is None or not hmac.compare_digest(_digest(secret, int(parts[1]), body), parts[2]):
        raise NotConfirmed("callback-signature")
    if abs(now.timestamp() - int(parts[1])) > tolerance.total_seconds():
        raise NotConfirmed("callback-expired")
