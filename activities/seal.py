"""The lender's PAdES seal on a PDF, and its check.

A seal is an incremental update: the sealed file begins with exactly the bytes that were shown and signed, so
their hash can be recomputed from it.

Rules: para 9; para 11.
"""

from __future__ import annotations

import asyncio
import io
import logging
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import httpx
from asn1crypto import pem, tsp, x509
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.misc import PdfReadError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign import fields, signers
from pyhanko.sign.timestamps import TimeStamper, TimestampRequestError
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko.sign.validation.errors import SignatureValidationError
from pyhanko.sign.validation.status import SignatureCoverageLevel
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.registry import SimpleCertificateStore

from rules.errors import BrokenContract, Unavailable
from rules.evidence import Frozen

FIELD = "Lender"
# Room for the signature in hexadecimal digits: a fixed room saves pyHanko a second, dummy signature.
_ROOM, _ROOM_STAMPED = 16_384, 32_768
# A failed path is told with the names of people in certificates: those lines stay out of our logs.
logging.getLogger("pyhanko").setLevel(logging.CRITICAL)
logging.getLogger("pyhanko_certvalidator").setLevel(logging.CRITICAL)
_TYPES = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}


class SealCheck(Frozen):
    """What a sealed file is worth. bottom_line: everything together; false after one changed byte.

    intact: the sealed bytes are unchanged. trusted: the certificate comes from a pinned authority. whole_file:
    nothing was added behind the seal. sealed_at: by the timestamp where there is one, else as the file says.
    """

    bottom_line: bool
    intact: bool = False
    trusted: bool = False
    whole_file: bool = False
    timestamped: bool = False
    sealed_at: datetime | None = None
    certificate_serial: str | None = None


class HttpTimestamper(TimeStamper):  # type: ignore[misc]  # the library has no types
    """Timestamps of an RFC 3161 authority over HTTP; the client is injected."""

    def __init__(self, http: httpx.Client, url: str, headers: dict[str, str] | None = None) -> None:
        super().__init__()
        self._http, self._url, self._headers = http, url, {**_TYPES, **(headers or {})}

    async def async_request_tsa_response(self, req: tsp.TimeStampReq) -> tsp.TimeStampResp:
        """Ask once; the seal runs in a thread of its own, so a blocking call is right here."""
        try:
            answer = self._http.post(self._url, content=req.dump(), headers=self._headers)
        except httpx.HTTPError:
            raise Unavailable("the timestamp authority did not answer") from None
        if answer.status_code != httpx.codes.OK:
            raise Unavailable(f"the timestamp authority answered {answer.status_code}")
        try:
            found = tsp.TimeStampResp.load(answer.content)
            # the library stumbles over a refusal, which comes without a token, and over another nonce
            stamped = found["time_stamp_token"]["content"]["encap_content_info"]["content"].parsed
            ours = all(stamped[one].native == req[one].native for one in ("nonce", "message_imprint"))
        except (ValueError, TypeError, KeyError):
            raise BrokenContract("the timestamp authority refused, or cannot be read") from None
        if not ours:
            raise BrokenContract("the timestamp is over something else")
        return found


class KeptKey(signers.Signer):  # type: ignore[misc]  # the library has no types
    """RSA with a key that is loaded once: loading checks the key, which costs far more than signing."""

    def __init__(self, key: RSAPrivateKey, certificate: x509.Certificate, chain: Sequence[x509.Certificate]) -> None:
        super().__init__(signing_cert=certificate, cert_registry=SimpleCertificateStore.from_certs(chain))
        self._key = key

    async def async_sign_raw(self, data: bytes, digest_algorithm: str, dry_run: bool = False) -> bytes:
        """A PKCS 1 signature; zeros of its size on a dry run."""
        if dry_run:
            return bytes(self._key.key_size // 8)
        return self._key.sign(data, PKCS1v15(), SHA256())


def kept_key(key: Path, certificate: Path, chain: Path) -> KeptKey:
    """The lender's key with its certificates, from PEM files.

    Raises:
        BrokenContract: a file cannot be read, or the key is no RSA key.
    """
    try:
        private = load_pem_private_key(key.read_bytes(), password=None)
        (own,) = certificates(certificate.read_bytes())
        others = certificates(chain.read_bytes())
    except ValueError:
        raise BrokenContract("the lender's key or certificate cannot be read") from None
    if not isinstance(private, RSAPrivateKey):
        raise BrokenContract("the lender's key is no RSA key")
    return KeptKey(private, own, others)


class Seal:
    """Seals with the lender's key.

    Args:
        key: private key, PEM (PKCS 8). certificate: PEM. chain: certificates up to the root, PEM.
        timestamper: asked for a timestamp over the seal; without one the file's own time stands.
    """

    def __init__(self, key: Path, certificate: Path, chain: Path, timestamper: TimeStamper | None = None) -> None:
        self._signer, self._timestamper = kept_key(key, certificate, chain), timestamper
        self._room = _ROOM if timestamper is None else _ROOM_STAMPED

    async def seal(self, pdf: bytes) -> bytes:
        """The sealed PDF; it begins with exactly the given bytes.

        Raises:
            Unavailable: the timestamp authority did not answer.
            BrokenContract: it answered what is no timestamp, or the file is no PDF.
        """
        return await asyncio.to_thread(self.seal_now, pdf)

    def seal_now(self, pdf: bytes) -> bytes:
        """The same, in the caller's thread; not inside a running event loop."""
        meta = signers.PdfSignatureMetadata(
            field_name=FIELD, subfilter=fields.SigSeedSubFilter.PADES, md_algorithm="sha256"
        )
        try:
            writer = IncrementalPdfFileWriter(io.BytesIO(pdf), strict=False)
            sealed = signers.sign_pdf(
                writer, meta, signer=self._signer, timestamper=self._timestamper, bytes_reserved=self._room
            )
        except TimestampRequestError:
            raise BrokenContract("the timestamp authority refused") from None
        except PdfReadError:
            raise BrokenContract("what is to be sealed is no PDF") from None
        return bytes(sealed.getvalue())


def certificates(content: bytes) -> list[x509.Certificate]:
    """Certificates out of a PEM file with any number of them."""
    return [x509.Certificate.load(der) for _, _, der in pem.unarmor(content, multiple=True)]


def check(pdf: bytes, authorities: Sequence[x509.Certificate]) -> SealCheck:
    """Whether a sealed file is whole and ours. Unreadable or unsealed files are a plain no.

    Rules: para 11.
    """
    try:
        reader = PdfFileReader(io.BytesIO(pdf), strict=False)
        (signature,) = [one for one in reader.embedded_signatures if one.field_name == FIELD]
        trust = _context(authorities)
        status = validate_pdf_signature(signature, trust, trust)
        stamped = status.timestamp_validity
        return SealCheck(
            bottom_line=status.bottom_line and status.coverage is SignatureCoverageLevel.ENTIRE_FILE,
            intact=status.intact,
            trusted=status.trusted,
            whole_file=status.coverage is SignatureCoverageLevel.ENTIRE_FILE,
            timestamped=stamped is not None and stamped.valid and stamped.trusted,
            sealed_at=stamped.timestamp if stamped is not None else status.signer_reported_dt,
            certificate_serial=f"{status.signing_cert.serial_number:x}",
        )
    except (PdfReadError, SignatureValidationError, ValueError, TypeError, KeyError, IndexError):
        return SealCheck(bottom_line=False)  # a damaged file fails wherever the damage lies


def _context(authorities: Sequence[x509.Certificate]) -> ValidationContext:
    return ValidationContext(trust_roots=list(authorities), allow_fetching=False)
