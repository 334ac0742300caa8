"""Whether a detached CMS is a good signature of an organisation, as a receiver of signed papers checks it.

Written anew here on purpose: the lender's own software does not judge its own signatures. The certificate must be one
that this authority issued and has not taken back; every byte of the signed attributes and of the content counts.
"""

from __future__ import annotations

import hashlib
from base64 import b64decode
from datetime import UTC, datetime
from typing import Any

from asn1crypto import cms
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from infra.counterparties.pki.registry import Registry

_UNIT = x509.NameOID.ORGANIZATIONAL_UNIT_NAME


def signed_by_organisation(registry: Registry, message: str, content: bytes, bin_: str) -> bool:
    """Whether the organisation with this BIN signed the content. message: the CMS in base64."""
    try:
        signed = cms.ContentInfo.load(b64decode(message, validate=True), strict=True)["content"]
        (signer,) = signed["signer_infos"]
        certificate = _certificate(registry, signer)
        return certificate is not None and _names(certificate, bin_) and _fits(signer, certificate, content)
    except (ValueError, TypeError, KeyError, IndexError, InvalidSignature):
        return False


def _certificate(registry: Registry, signer: Any) -> x509.Certificate | None:
    """As the authority issued it: what the message itself carries is not looked at."""
    found = registry.find(f"{signer['sid'].chosen['serial_number'].native:040x}")
    if found is None or found.status != "GOOD" or found.alg != "RSA":
        return None
    certificate = x509.load_der_x509_certificate(registry.certificate(found.serial))
    alive = certificate.not_valid_before_utc <= datetime.now(UTC) <= certificate.not_valid_after_utc
    return certificate if alive else None


def _names(certificate: x509.Certificate, bin_: str) -> bool:
    return f"BIN{bin_}" in [one.value for one in certificate.subject.get_attributes_for_oid(_UNIT)]


def _fits(signer: Any, certificate: x509.Certificate, content: bytes) -> bool:
    attributes = {one["type"].native: one["values"] for one in signer["signed_attrs"]}
    (digest,) = attributes["message_digest"]
    if signer["digest_algorithm"]["algorithm"].native != "sha256":
        return False
    if digest.native != hashlib.sha256(content).digest():
        return False
    key = certificate.public_key()
    if not isinstance(key, RSAPublicKey):
        return False
    key.verify(signer["signature"].native, signer["signed_attrs"].untag().dump(), PKCS1v15(), SHA256())
    return True
