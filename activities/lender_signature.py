"""The lender's signature over a message that is no PDF: a report or a notice to the regulator.

A detached CMS (CAdES): the message stays as it is, the signature lies beside it. Its check needs no network: the
certificates and the time stamp are inside.

Rules: para 11; para 13, part 1.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from asn1crypto import cms, tsp, x509
from pyhanko.pdf_utils.misc import PdfReadError
from pyhanko.sign.timestamps import TimeStamper, TimestampRequestError
from pyhanko.sign.validation import async_validate_detached_cms
from pyhanko.sign.validation.errors import SignatureValidationError
from pyhanko_certvalidator import ValidationContext

from activities.seal import certificates, kept_key
from rules.errors import BrokenContract
from rules.evidence import Frozen

_STAMP = "signature_time_stamp_token"
_BIN = re.compile(r"BIN[0-9]{12}", re.ASCII)


class SignatureCheck(Frozen):
    """What a signature is worth. bottom_line: everything together; false after one changed byte.

    intact: the message is the signed one. trusted: the certificate comes from a pinned authority. timestamped: a
    pinned authority says when. signed_at: by the time stamp where there is one, else as the signer says. bin: of the
    organisation in the certificate; an authority certifies many, so whoever asks compares it with the lender's.
    """

    bottom_line: bool
    intact: bool = False
    trusted: bool = False
    timestamped: bool = False
    signed_at: datetime | None = None
    certificate_serial: str | None = None
    bin: str | None = None


class LenderSignature:
    """Signs with the lender's key.

    Args:
        key_file: private key, PEM (PKCS 8). certificate_file, chain_file: PEM, as for the seal (activities.seal).
        stamper: asked for a time stamp over each signature; without one the signer's own time stands.

    Raises:
        BrokenContract: a file cannot be read.
    """

    def __init__(
        self, key_file: Path, certificate_file: Path, chain_file: Path, stamper: TimeStamper | None = None
    ) -> None:
        self._key, self._stamper = kept_key(key_file, certificate_file, chain_file), stamper

    async def sign(self, content: bytes) -> bytes:
        """A detached CMS over the content, DER.

        Raises:
            Unavailable: the time-stamping authority did not answer.
            BrokenContract: it answered what is no time stamp.
        """
        return await asyncio.to_thread(self.sign_now, content)

    def sign_now(self, content: bytes) -> bytes:
        """The same, in the caller's thread; not inside a running event loop."""
        return asyncio.run(self._sign(content))

    async def _sign(self, content: bytes) -> bytes:
        try:
            signed = await self._key.async_sign_general_data(
                content, "sha256", detached=True, use_cades=True, timestamper=self._stamper
            )
        except TimestampRequestError:
            raise BrokenContract("the timestamp authority refused") from None
        return bytes(signed.dump())


async def verify(cms_message: bytes, content: bytes, trusted_pem: bytes) -> SignatureCheck:
    """As `check`, for a caller with an event loop; the arithmetic runs in a thread."""
    return await asyncio.to_thread(check, cms_message, content, trusted_pem)


def check(cms_message: bytes, content: bytes, trusted_pem: bytes) -> SignatureCheck:
    """Whether the message is the one that was signed, by a key of a pinned authority. Unreadable: a plain no.

    Certificates are judged as of the time stamp, so that a signature outlives its certificate. It computes only.

    Args:
        trusted_pem: certificates of the pinned authorities.

    Rules: para 11.
    """
    try:
        signed = cms.ContentInfo.load(cms_message, strict=True)["content"]
        return asyncio.run(_judged(signed, content, certificates(trusted_pem)))
    except (PdfReadError, SignatureValidationError, ValueError, TypeError, KeyError, IndexError):
        return SignatureCheck(bottom_line=False)  # a damaged message fails wherever the damage lies


async def _judged(signed: cms.SignedData, content: bytes, authorities: Sequence[x509.Certificate]) -> SignatureCheck:
    trust = ValidationContext(trust_roots=list(authorities), allow_fetching=False, moment=_stamped_at(signed))
    found = await async_validate_detached_cms(content, signed, trust, trust)
    stamp = found.timestamp_validity
    return SignatureCheck(
        bottom_line=found.bottom_line,
        intact=found.intact and found.valid,
        trusted=found.trusted,
        timestamped=stamp is not None and stamp.valid and stamp.trusted,
        signed_at=stamp.timestamp if stamp is not None else found.signer_reported_dt,
        certificate_serial=f"{found.signing_cert.serial_number:x}",
        bin=_bin(found.signing_cert),
    )


def _stamped_at(signed: cms.SignedData) -> datetime | None:
    """What the time stamp says, before anybody has looked whether it is worth anything."""
    for attribute in signed["signer_infos"][0]["unsigned_attrs"] or ():
        if attribute["type"].native == _STAMP:
            content = attribute["values"][0]["content"]["encap_content_info"]["content"]
            at: datetime = tsp.TSTInfo.load(content.contents)["gen_time"].native
            return at
    return None


def _bin(certificate: x509.Certificate) -> str | None:
    units = certificate.subject.native.get("organizational_unit_name", ())
    found = [one for one in ([units] if isinstance(units, str) else units) if _BIN.fullmatch(one)]
    return found[0].removeprefix("BIN") if len(found) == 1 else None
