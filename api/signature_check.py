"""What is seen of a signature at once, before its workflow asks others: the only piece of an integration in the API.

It reads no model and asks nobody. Rules: para 9; para 35.
"""

from __future__ import annotations

import httpx

from activities.integrations.signature.asn1 import Unreadable
from activities.integrations.signature.verifier import NativeVerifier
from api.services import SignatureGroundOf
from rules.evidence import SignatureGround


def signature_ground(authorities: bytes) -> SignatureGroundOf:
    """The check against these trusted authorities (PEM). Synchronous, some milliseconds: call it in a thread.

    Raises:
        Unreadable: the file of authorities is broken.
    """
    verifier = NativeVerifier(authorities, httpx.AsyncClient(), "http://nobody-is-asked.invalid")

    def ground(cms: bytes, content: bytes, iin: str, bin_: str | None) -> SignatureGround | None:
        try:
            return verifier.inspect(cms, content, iin, bin_).ground
        except Unreadable:
            return SignatureGround.UNREADABLE

    return ground
