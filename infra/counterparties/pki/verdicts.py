"""What another verifier sees in a signed message: every signer's certificate, and whether it holds.

Written anew here on purpose, as check.py is: it must be able to disagree with the lender's own software.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from asn1crypto import cms, core
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from infra.counterparties.pki.registry import Issued, Registry
from rules.gost import engine
from rules.gost.curves import GOST2015_512, decode_point

_DIGESTS = {
    "2.16.840.1.101.3.4.2.1": lambda data: hashlib.sha256(data).digest(),
    "1.2.398.3.10.1.3.3": engine.streebog512,
}


class _Parts(core.SequenceOf):  # type: ignore[misc]
    _child_spec = core.Any


@dataclass(frozen=True)
class Seen:
    """One signer. issued: as the authority knows the certificate now. holds: digest and signature are right."""

    certificate: x509.Certificate
    issued: Issued
    holds: bool

    @property
    def in_life(self) -> bool:
        """Whether the certificate is valid now."""
        return self.certificate.not_valid_before_utc <= datetime.now(UTC) <= self.certificate.not_valid_after_utc


def look(registry: Registry, message: bytes, content: bytes | None) -> list[Seen]:
    """Every signer of a message.

    Args:
        content: for a message without content.

    Raises:
        ValueError: not a signed message, nothing it could be over, or a signer this authority does not know.
    """
    try:
        signed = cms.ContentInfo.load(message, strict=True)["content"]
        inside = signed["encap_content_info"]["content"].native
        covered = content if inside is None else bytes(inside)
        found = [_seen(registry, signer, covered) for signer in signed["signer_infos"]]
    except (TypeError, KeyError, IndexError) as error:
        raise ValueError("not a signed message") from error
    if not found:
        raise ValueError("nobody signed")
    return found


def _seen(registry: Registry, signer: Any, covered: bytes | None) -> Seen:
    issued = registry.find(f"{signer['sid'].chosen['serial_number'].native:040x}")
    if issued is None or covered is None:
        raise ValueError("no signer of ours, or no content")
    der = registry.certificate(issued.serial)
    attributes = {one["type"].dotted: one["values"] for one in signer["signed_attrs"]}
    digest = _DIGESTS[signer["digest_algorithm"]["algorithm"].dotted]
    same = attributes["1.2.840.113549.1.9.4"][0].native == digest(covered)
    signed_part = signer["signed_attrs"].untag().dump()
    return Seen(x509.load_der_x509_certificate(der), issued, same and _right(issued.alg, der, signer, signed_part))


def _right(alg: str, der: bytes, signer: Any, signed_part: bytes) -> bool:
    value = signer["signature"].native
    if alg != "RSA":
        info = _Parts.load(_Parts.load(der)[0].dump())[6]
        bits = _Parts.load(info.dump())[1].contents[1:]
        point = decode_point(GOST2015_512, core.OctetString.load(bits).native)
        return engine.verify(GOST2015_512, point, engine.streebog512(signed_part), value)
    key = x509.load_der_x509_certificate(der).public_key()
    if not isinstance(key, RSAPublicKey):
        return False
    try:
        key.verify(value, signed_part, PKCS1v15(), SHA256())
    except InvalidSignature:
        return False
    return True
