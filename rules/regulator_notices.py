"""What the lender signs when it tells the regulator something: one spelling of a notice's fields.

Both sides compute it from the notice itself, so a signature says nothing but what was sent.

>>> at = "2026-03-19T09:00:00+00:00"
>>> signed_content("INCIDENT", at, at, "d", "m", [b"a"])[:60]
b'{"attachments":["ca978112ca1bbdcafac231b39a23dc4da786eff8147'

Rules: para 4; para 5; para 13, part 1.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime


def signed_content(
    kind: str,
    occurred_at: str | datetime,
    detected_at: str | datetime,
    description: str,
    measures: str,
    attachments: Sequence[bytes] = (),
) -> bytes:
    """The bytes under the signature: JSON with sorted names, no spaces, instants in UTC, attachments by SHA-256.

    Args:
        kind: INCIDENT | RESOURCE_OPENING | CHANGE. occurred_at, detected_at: aware instants, text in RFC 3339.
    """
    fields = {
        "type": kind,
        "occurred_at": _instant(occurred_at),
        "detected_at": _instant(detected_at),
        "description": description,
        "measures": measures,
        "attachments": [hashlib.sha256(one).hexdigest() for one in attachments],
    }
    return json.dumps(fields, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def _instant(at: str | datetime) -> str:
    """One instant has one spelling, to the microsecond."""
    known = datetime.fromisoformat(at) if isinstance(at, str) else at
    return known.astimezone(UTC).isoformat(timespec="microseconds")
