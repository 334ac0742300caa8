"""Verifies clients' electronic signatures natively: no vendor's library, no outside service but the authority's own.

The message itself is checked first (checks.py), then the certificate's status is asked (status.py; while the responder
is away a fresh revocation list may answer for it), and last there must be a time stamp over the signature's value: the
message's own, or one we obtain (stamp.py). The first failure is the answer. All reading and arithmetic is done in
threads. What is kept lets `offline.recheck` come to the same answer without any of these services.

Rules: para 9; para 35.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import httpx

from activities.integrations.signature import stamp, status
from activities.integrations.signature.asn1 import Unreadable
from activities.integrations.signature.authorities import Authorities
from activities.integrations.signature.checks import Case
from activities.integrations.signature.judgement import Judge, Proofs
from activities.integrations.signature.limits import NATIONAL_POLICY, Limits
from activities.integrations.signature.lists import Lists
from activities.integrations.signature.offline import unreadable
from activities.integrations.signature.people import Verdict, examine
from rules.calendar import local_date
from rules.errors import BrokenContract, Unavailable
from rules.evidence import SignatureEvidence, SignatureGround
from rules.policy import policy

_LARGEST_ANSWER = 256 * 1024


class NativeVerifier:
    """Satisfies activities.identity_ports.SignatureVerifier.

    Args:
        authorities: the PEM file of pinned certificates; a message's own chain is never trusted.
        client: for OCSP, TSP and lists; its connections are reused.
        base_url: where the authority answers; `/ocsp` and `/tsp` are added.
        policies: time-stamping policies we accept, the first is asked for.
        lists: revocation lists that serve while the responder is away: addresses, or names under base_url.
        clock: the machine's time, read once a verification.

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
        lists: Sequence[str] = (),
        timeout_seconds: float = 10.0,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._authorities = Authorities.load(authorities)
        self._client = client
        self._url = base_url.rstrip("/")
        self._policies = tuple(policies)
        self._lists = Lists(client, [self._address(one) for one in lists], timeout_seconds)
        self._timeout = timeout_seconds
        self._clock = clock

    async def verify(self, cms: bytes, content: bytes, *, iin: str, bin: str | None = None) -> SignatureEvidence:
        """All checks in order over a CMS, attached or detached, in DER, PEM or base64.

        Where several people signed, the signature of the person asked about counts.

        Args:
            content: the bytes as we keep them.
            bin: the organisation's number where the client is one.

        Raises:
            Unavailable: OCSP (with no fresh list instead) or TSP do not answer, or ask to come later.
            BrokenContract: they answer what cannot be read.
        """
        at = self._clock()
        limits = Limits.of(policy(local_date(at)), self._policies)
        judge = Judge(self._authorities, limits, at)
        try:
            verdict = await asyncio.to_thread(examine, self._authorities, cms, content, iin, bin, at)
        except Unreadable:
            return unreadable(at, limits)
        if verdict.ground:
            return judge.evidence(verdict.case, verdict.ground, Proofs())
        return await self._with_proof(judge, verdict.case)

    def inspect(self, cms: bytes, content: bytes, iin: str, bin: str | None = None) -> Verdict:
        """The checks that need no network, for the signature that gets furthest among those of the person.

        Raises:
            Unreadable: not a signed message.
        """
        return examine(self._authorities, cms, content, iin, bin, self._clock())

    async def _with_proof(self, judge: Judge, case: Case) -> SignatureEvidence:
        proofs, ground = await self._standing(judge, case)
        if ground:
            return judge.evidence(case, ground, proofs)
        if not case.signer.stamps:
            proofs = await self._stamp(judge, case, proofs)
        found = await asyncio.to_thread(judge.stamped, case, proofs)
        ground = judge.time_ground(case, found)
        return judge.evidence(case, ground, proofs, found if ground is None else None)

    async def _standing(self, judge: Judge, case: Case) -> tuple[Proofs, SignatureGround | None]:
        """The responder's word; while it is away the lists', where one proves anything."""
        asked = status.Question(case.signer.certificate.serial, case.chain[0])
        try:
            answer = await self._post("ocsp", asked.encode(), status.MEDIA_TYPES)
            proofs = Proofs(ocsp=answer, ocsp_nonce=asked.nonce)
            return proofs, await asyncio.to_thread(judge.standing, case, proofs)
        except Unavailable:
            if not judge.limits.list_instead:
                raise
            lists = await asyncio.to_thread(judge.about, case, await self._lists.get(judge.at))
            ground = (await asyncio.to_thread(judge.listed, case, lists)).ground
            if ground == SignatureGround.STATUS_UNTRUSTED:  # no list proves anything: we wait for the responder
                raise
            return Proofs(lists=lists), ground

    async def _stamp(self, judge: Judge, case: Case, proofs: Proofs) -> Proofs:
        key = case.signer.certificate.key
        if key is None:  # such a message did not pass its own checks
            return proofs
        wanted = stamp.Question(case.signer.signature, key.algorithm, judge.limits.stamp_policies[0])
        token = stamp.token_of(await self._post("tsp", wanted.encode(), stamp.MEDIA_TYPES))
        return replace(proofs, token=token, tsp_nonce=wanted.nonce)

    def _address(self, name: str) -> str:
        return name if name.startswith(("http://", "https://")) else f"{self._url}/{name}"

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
