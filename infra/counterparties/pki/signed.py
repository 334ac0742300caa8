"""Signed messages (CMS) as the national software makes them: signed attributes, one signer, its certificate inside."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime

from asn1crypto import x509

from infra.counterparties.pki import der
from infra.counterparties.pki.keys import Key

DATA = "1.2.840.113549.1.7.1"
TIMESTAMP = "1.2.840.113549.1.9.16.1.4"
_STAMPED = "1.2.840.113549.1.9.16.2.14"


def signed_message(
    key: Key,
    certificate: bytes,
    content: bytes,
    *,
    detached: bool = True,
    content_type: str = DATA,
    at: datetime | None = None,
    names_certificate: bool = False,
    stamps: Sequence[bytes] = (),
) -> bytes:
    """A CMS, DER.

    Args:
        at: the signing time, now by default.
        names_certificate: adds the signing-certificate attribute, which time stamps must have.
        stamps: time-stamp tokens over the signature's value, brought along (CAdES-T).
    """
    attributes = [
        _attribute("1.2.840.113549.1.9.3", der.oid(content_type)),
        _attribute("1.2.840.113549.1.9.5", der.utc_time(at or datetime.now(UTC))),
        _attribute("1.2.840.113549.1.9.4", der.octets(key.digest(content))),
    ]
    if names_certificate:
        fingerprint = der.octets(hashlib.sha256(certificate).digest())
        named = der.sequence(der.sequence(der.sequence(fingerprint)))
        attributes.append(_attribute("1.2.840.113549.1.9.16.2.47", named))
    covered = der.set_of(*attributes)
    tbs = x509.Certificate.load(certificate)["tbs_certificate"]
    signer = der.sequence(
        der.integer(1),
        der.sequence(tbs["issuer"].dump(), tbs["serial_number"].dump()),
        key.digest_algorithm,
        b"\xa0" + covered[1:],  # the same bytes under the tag [0]
        key.signature_algorithm,
        der.octets(key.sign(covered)),
        der.explicit(1, _stamped(stamps)) if stamps else b"",
    )
    inside = b"" if detached else der.explicit(0, der.octets(content))
    data = der.sequence(
        der.integer(1 if content_type == DATA else 3),
        der.set_of(key.digest_algorithm),
        der.sequence(der.oid(content_type), inside),
        der.explicit(0, certificate),
        der.set_of(signer),
    )
    return der.sequence(der.oid("1.2.840.113549.1.7.2"), der.explicit(0, data))


def _stamped(stamps: Sequence[bytes]) -> bytes:
    return der.sequence(der.oid(_STAMPED), der.set_of(*stamps))


def _attribute(kind: str, value: bytes) -> bytes:
    return der.sequence(der.oid(kind), der.set_of(value))
