"""Verification by NCANode, a server around the national authority's own library, and as a second opinion on ours.

NCANode judges the mathematics, the chain and the certificate's status. What it cannot know is asked here, of the
message itself: that it is over the bytes we keep, whose it is, and what the certificate is for. Its answer must speak
of that very certificate.

It gives no OCSP answer and no time stamp to be archived, so a verification by it alone cannot be repeated offline;
`both` keeps our own proofs and asks it besides.

Rules: para 9; para 35.
"""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import httpx
from pydantic import BaseModel, ConfigDict, ValidationError

from activities.identity_ports import SignatureVerifier
from activities.integrations.signature.asn1 import Unreadable
from activities.integrations.signature.certificate import Certificate
from activities.integrations.signature.checks import capacity_of
from activities.integrations.signature.keys import DIGESTS
from activities.integrations.signature.message import DATA, Message, Signer, read
from rules.errors import BrokenContract, Unavailable
from rules.evidence import SignatureEvidence, SignatureGround

log = logging.getLogger("nesie.signature")

_LARGEST_ANSWER = 1024 * 1024
_EMAIL, _CLIENT_LOGIN = "1.3.6.1.5.5.7.3.4", "1.3.6.1.5.5.7.3.2"
_OWNERS = "1.2.398.3.3.4.1"
_INDIVIDUAL, _ORGANISATION = f"{_OWNERS}.1", f"{_OWNERS}.2"
_MAY_BIND = frozenset({f"{_ORGANISATION}.1", f"{_ORGANISATION}.2"})


class _Wire(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Revocation(_Wire):
    revoked: bool


class _Subject(_Wire):
    iin: str | None = None
    bin: str | None = None


class _Certificate(_Wire):
    serialNumber: str
    notAfter: datetime
    keyUsage: str
    subject: _Subject
    revocations: list[_Revocation] | None = None


class _Stamp(_Wire):
    genTime: datetime | None = None


class _Signer(_Wire):
    certificates: list[_Certificate]
    tsp: _Stamp | None = None


class _Answer(_Wire):
    valid: bool
    signers: list[_Signer] = []


@dataclass(frozen=True)
class _Own:
    """What we see ourselves."""

    message: Message
    signer: Signer
    ground: SignatureGround | None

    def evidence(self, **more: Any) -> SignatureEvidence:
        certificate = self.signer.certificate
        known: dict[str, Any] = {
            "accepted": False,
            "ground": self.ground,
            "algorithm": certificate.key.algorithm.name if certificate.key else None,
            "certificate_serial": f"{certificate.serial:040x}",
            "certificate_sha256": certificate.sha256,
            "signed_at": self.signer.signing_time,
            "chain": [certificate.der],
            "capacity": capacity_of(certificate),
        }
        return SignatureEvidence.model_validate(known | more)


class NcanodeVerifier:
    """Satisfies activities.identity_ports.SignatureVerifier.

    Args:
        client: its connections are reused.
        base_url: where NCANode answers; `/cms/verify` is added.
        clock: the machine's time, to tell an expired certificate from another failure.
    """

    def __init__(
        self,
        client: httpx.AsyncClient,
        base_url: str,
        *,
        timeout_seconds: float = 10.0,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._client, self._url = client, base_url.rstrip("/")
        self._timeout, self._clock = timeout_seconds, clock

    async def verify(self, cms: bytes, content: bytes, *, iin: str, bin: str | None = None) -> SignatureEvidence:
        """Ours first, then NCANode's word; a refusal is a result.

        Raises:
            Unavailable: NCANode does not answer.
            BrokenContract: it answers what cannot be read, or of another certificate.
        """
        try:
            own, der = await asyncio.to_thread(_look, cms, content, iin, bin)
        except Unreadable:
            return SignatureEvidence(accepted=False, ground=SignatureGround.UNREADABLE)
        if own.ground:
            return own.evidence()
        answer = await self._ask(der, None if own.message.content is not None else content)
        if answer is None:
            return own.evidence(ground=SignatureGround.UNREADABLE)
        known, stamped = self._same(answer, own.signer.certificate, iin, bin)
        if not answer.valid:
            return own.evidence(ground=self._why(known))
        if known.keyUsage != "SIGN":
            return own.evidence(ground=SignatureGround.NOT_SIGNING)
        return own.evidence(accepted=True, signed_at=stamped or own.signer.signing_time)

    async def _ask(self, der: bytes, content: bytes | None) -> _Answer | None:
        """NCANode's answer; None where it cannot read the message."""
        body: dict[str, Any] = {"cms": base64.b64encode(der).decode(), "revocationCheck": ["OCSP"]}
        if content is not None:
            body["data"] = base64.b64encode(content).decode()
        try:
            answer = await self._client.post(f"{self._url}/cms/verify", json=body, timeout=self._timeout)
        except (httpx.HTTPError, ConnectionError) as error:
            raise Unavailable("ncanode does not answer") from error
        if answer.status_code == httpx.codes.BAD_REQUEST:
            return None
        if answer.status_code == httpx.codes.TOO_MANY_REQUESTS or answer.is_server_error:
            raise Unavailable(f"ncanode answers {answer.status_code}")
        if answer.status_code != httpx.codes.OK or len(answer.content) > _LARGEST_ANSWER:
            raise BrokenContract(f"ncanode answers {answer.status_code}, {len(answer.content)} bytes")
        try:
            return _Answer.model_validate_json(answer.content)
        except ValidationError:
            pass  # its text quotes the answer, so it is not kept as a cause
        raise BrokenContract("ncanode answers what cannot be read")

    def _same(
        self, answer: _Answer, certificate: Certificate, iin: str, bin: str | None
    ) -> tuple[_Certificate, datetime | None]:
        """What it says of the certificate that we ask about, with the time stamp it found.

        Raises:
            BrokenContract: it speaks of others only: what it calls valid is not what we asked.
        """
        for signer in answer.signers:
            for one in signer.certificates:
                same = int(one.serialNumber, 16) == certificate.serial if _hex(one.serialNumber) else False
                if same and (one.subject.iin, one.subject.bin) == (iin, bin):
                    return one, signer.tsp.genTime if signer.tsp else None
        raise BrokenContract("ncanode answers of another certificate")

    def _why(self, known: _Certificate) -> SignatureGround:
        if any(one.revoked for one in known.revocations or []):
            return SignatureGround.REVOKED
        until = known.notAfter if known.notAfter.tzinfo else known.notAfter.replace(tzinfo=UTC)
        return SignatureGround.EXPIRED if until < self._clock() else SignatureGround.WRONG


class BothVerifiers:
    """Satisfies activities.identity_ports.SignatureVerifier: ours decides and keeps its proofs; both must agree."""

    def __init__(self, ours: SignatureVerifier, other: SignatureVerifier) -> None:
        self._ours, self._other = ours, other

    async def verify(self, cms: bytes, content: bytes, *, iin: str, bin: str | None = None) -> SignatureEvidence:
        """Ours; and where it accepts, the other's. A disagreement refuses, and is written into the log."""
        found = await self._ours.verify(cms, content, iin=iin, bin=bin)
        if not found.accepted:
            return found
        second = await self._other.verify(cms, content, iin=iin, bin=bin)
        if second.accepted:
            return found
        log.error("verifiers disagree on certificate %s: %s", found.certificate_serial, second.ground)
        return found.model_copy(update={"accepted": False, "ground": second.ground})


def chosen(
    which: Literal["native", "ncanode", "both"], ours: SignatureVerifier, other: SignatureVerifier
) -> SignatureVerifier:
    """The verifier that the settings ask for."""
    return {"native": ours, "ncanode": other, "both": BothVerifiers(ours, other)}[which]


def _look(cms: bytes, content: bytes, iin: str, bin: str | None) -> tuple[_Own, bytes]:
    """The person's signature that gets furthest, and the message as DER.

    Raises:
        Unreadable: not a signed message.
    """
    message = read(cms)
    own = [one for one in message.signers if one.certificate.iin == iin] or message.signers[:1]
    seen = [_Own(message, signer, _ground(message, signer, content, iin, bin)) for signer in own]
    return next((one for one in seen if one.ground is None), seen[0]), _der(cms)


def _ground(message: Message, signer: Signer, content: bytes, iin: str, bin: str | None) -> SignatureGround | None:
    digest, certificate = DIGESTS.get(signer.digest_oid), signer.certificate
    if message.content is not None and message.content != content:
        return SignatureGround.OTHER_CONTENT
    if digest is None:
        return SignatureGround.WRONG_DIGEST
    if digest(content) != signer.message_digest:
        return SignatureGround.OTHER_CONTENT
    if not signer.content_type == message.content_type == DATA:
        return SignatureGround.WRONG
    if not _for_signing(certificate, bin):
        return SignatureGround.NOT_SIGNING
    if (certificate.iin, certificate.bin) != (iin, bin):
        return SignatureGround.OTHER_PERSON
    return None


def _for_signing(certificate: Certificate, bin: str | None) -> bool:
    general = (
        {"digital_signature", "non_repudiation"} <= certificate.usage
        and _EMAIL in certificate.extended
        and _CLIENT_LOGIN not in certificate.extended
        and not certificate.authority
    )
    if bin is None:
        return general and _INDIVIDUAL in certificate.extended
    return general and _ORGANISATION in certificate.extended and bool(_MAY_BIND & certificate.extended)


def _der(cms: bytes) -> bytes:
    """NCANode takes DER alone; `read` has shown that one of the three forms it is."""
    if cms[:1] == b"\x30":
        return cms
    lines = [line for line in cms.splitlines() if not line.startswith(b"-----") and b":" not in line]
    return base64.b64decode(b"".join(b"".join(lines).split()))


def _hex(text: str) -> bool:
    return bool(text) and all(sign in "0123456789abcdefABCDEF" for sign in text)
