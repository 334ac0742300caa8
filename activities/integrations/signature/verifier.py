"""Verifies clients' electronic signatures natively: no vendor's library, no outside service but the authority's own.

The message itself is checked first (checks.py), then the certificate's status is asked (status.py), and last a
time stamp over the signature's value is obtained (stamp.py). The first failure is the answer. All reading and
arithmetic is done in threads: it takes a few milliseconds, without nettle many more.

Rules: para 9; para 35.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx

from activities.integrations.signature import stamp, status
from activities.integrations.signature.asn1 import Unreadable
from activities.integrations.signature.authorities import Authorities
from activities.integrations.signature.checks import Case, first_ground
from activities.integrations.signature.keys import PublicKey
from activities.integrations.signature.message import read
from rules.errors import BrokenContract, Unavailable
from rules.evidence import SignatureEvidence, SignatureGround

NATIONAL_POLICY = "1.2.398.3.3.2.6.1"
_LARGEST_ANSWER = 256 * 1024


@dataclass(frozen=True)
class Verdict:
    """One signature after the checks that need no network."""

    case: Case
    ground: SignatureGround | None

    def evidence(self, **more: object) -> SignatureEvidence:
        """What is kept of it; `more` overrides and adds."""
        certificate, key = self.case.signer.certificate, self.case.signer.certificate.key
        known: dict[str, object] = {
            "accepted": False,
            "ground": self.ground,
            "algorithm": key.algorithm.name if key else None,
            "certificate_serial": f"{certificate.serial:040x}",
            "certificate_sha256": certificate.sha256,
            "signed_at": self.case.signer.signing_time,
            "chain": [certificate.der, *(one.der for one in self.case.chain)],
        }
        return SignatureEvidence.model_validate(known | more)


class NativeVerifier:
    """Satisfies activities.ports.SignatureVerifier.

    Args:
        authorities: the PEM file of pinned certificates; a message's own chain is never trusted.
        client: for OCSP and TSP; its connections are reused.
        base_url: where the authority answers; `/ocsp` and `/tsp` are added.
        policies: time-stamping policies we accept, the first is asked for.
        clock: the machine's time, only to judge how fresh the answers are.

    Raises:
        Unreadable: the file of authorities is broken.
    """

    def __init__(
        self,
        authorities: bytes,
        client: httpx.AsyncClient,
        base_url: str,
        *,
        policies: Sequence[str] = (NATIONAL_POLICY,),
        timeout_seconds: float = 10.0,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._authorities = Authorities.load(authorities)
        self._client = client
        self._url = base_url.rstrip("/")
        self._policies = tuple(policies)
        self._timeout = timeout_seconds
        self._clock = clock

    async def verify(self, cms: bytes, content: bytes, *, iin: str, bin: str | None = None) -> SignatureEvidence:
        """All checks in order over a CMS, attached or detached, in DER, PEM or base64.

        Where several people signed, the signature of the person asked about counts.

        Args:
            content: the bytes as we keep them.
            bin: the organisation's number where the client is one.

        Raises:
            Unavailable: OCSP or TSP do not answer, or ask to come later.
            BrokenContract: they answer what cannot be read.
        """
        try:
            verdict = await asyncio.to_thread(self.inspect, cms, content, iin, bin)
        except Unreadable:
            return SignatureEvidence(accepted=False, ground=SignatureGround.UNREADABLE)
        key = verdict.case.signer.certificate.key
        if verdict.ground or key is None:
            return verdict.evidence()
        return await self._with_proof(verdict, key)

    def inspect(self, cms: bytes, content: bytes, iin: str, bin: str | None = None) -> Verdict:
        """The checks that need no network, for the signature that gets furthest among those of the person.

        Raises:
            Unreadable: not a signed message.
        """
        message, now = read(cms), self._clock()
        own = [signer for signer in message.signers if signer.certificate.iin == iin] or message.signers[:1]
        verdicts = []
        for signer in own:
            case = Case(message, signer, content, iin, bin, self._authorities.chain(signer.certificate), now)
            verdicts.append(Verdict(case, first_ground(case)))
        return next((verdict for verdict in verdicts if verdict.ground is None), verdicts[0])

    async def _with_proof(self, verdict: Verdict, key: PublicKey) -> SignatureEvidence:
        signer = verdict.case.signer
        asked = status.Question(signer.certificate.serial, verdict.case.chain[0])
        answer = await self._post("ocsp", asked.encode(), status.MEDIA_TYPES)
        ground = await asyncio.to_thread(status.judge, answer, asked, self._clock())
        if ground:
            return verdict.evidence(ground=ground, ocsp_response=answer)

        wanted = stamp.Question(signer.signature, key.algorithm, self._policies[0])
        token = stamp.token_of(await self._post("tsp", wanted.encode(), stamp.MEDIA_TYPES))
        found = await asyncio.to_thread(stamp.judge, token, wanted, self._authorities, self._policies, self._clock())
        if found is None or not signer.certificate.valid_at(found.at):
            return verdict.evidence(ground=SignatureGround.NO_TIMESTAMP, ocsp_response=answer, timestamp_token=token)
        return verdict.evidence(accepted=True, signed_at=found.at, ocsp_response=answer, timestamp_token=token)

    async def _post(self, path: str, body: bytes, media: tuple[str, str]) -> bytes:
        headers = {"Content-Type": media[0], "Accept": media[1]}
        try:
            answer = await self._client.post(
                f"{self._url}/{path}", content=body, headers=headers, timeout=self._timeout
            )
        except httpx.HTTPError as error:
            raise Unavailable(f"the authority's {path} does not answer") from error
        if answer.status_code == httpx.codes.TOO_MANY_REQUESTS or answer.is_server_error:
            raise Unavailable(f"the authority's {path} answers {answer.status_code}")
        if answer.status_code != httpx.codes.OK or len(answer.content) > _LARGEST_ANSWER:
            raise BrokenContract(f"the authority's {path} answers {answer.status_code}, {len(answer.content)} bytes")
        return answer.content
