"""The verdict on one signature as a pure function of bytes, limits and one moment.

The verifier calls it with what it has just obtained, `offline.recheck` with what the archive holds, years later: the
same bytes give the same ground. Nothing here reads a clock or the network.

Rules: para 9; para 35.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from activities.integrations.signature import revocation_list, stamp, status
from activities.integrations.signature.asn1 import Unreadable
from activities.integrations.signature.authorities import Authorities
from activities.integrations.signature.checks import Case, capacity_of
from activities.integrations.signature.limits import Limits
from activities.integrations.signature.standing import NO_PROOF, Standing
from rules.errors import BrokenContract, Unavailable
from rules.evidence import SignatureEvidence, SignatureGround


@dataclass(frozen=True)
class Proofs:
    """What the authority's services said, as bytes, and the nonces we asked with."""

    ocsp: bytes | None = None
    ocsp_nonce: bytes | None = None
    lists: tuple[bytes, ...] = ()
    token: bytes | None = None
    tsp_nonce: int | None = None


@dataclass(frozen=True)
class Judge:
    """limits: of the day. at: the one moment of the judgement."""

    authorities: Authorities
    limits: Limits
    at: datetime

    def standing(self, case: Case, proofs: Proofs) -> SignatureGround | None:
        """Why the certificate does not stand, None where it is proved that it does.

        Raises:
            Unavailable, BrokenContract: the responder's answer is none.
        """
        if proofs.ocsp is not None:
            question = status.Question(case.signer.certificate.serial, case.chain[0], proofs.ocsp_nonce)
            return status.judge(proofs.ocsp, question, self.at, self.limits.ocsp_oldest, self.limits.skew)
        return self.listed(case, proofs.lists).ground

    def listed(self, case: Case, lists: tuple[bytes, ...]) -> Standing:
        """What revocation lists say. Unreadable ones are none; without the rule in force they prove nothing."""
        wanted = revocation_list.Freshness(self.limits.skew, self.limits.list_oldest)
        found = []
        for one in lists if self.limits.list_instead else ():
            try:
                found.append(revocation_list.parse(one))
            except Unreadable:
                continue
        try:
            return revocation_list.standing(found, case.signer.certificate, case.chain[0], self.at, wanted)
        except Unreadable:
            return Standing(NO_PROOF)

    @staticmethod
    def about(case: Case, lists: tuple[bytes, ...]) -> tuple[bytes, ...]:
        """Those lists that are the issuer's: no others are kept."""
        return tuple(one for one in lists if _issuer(one) == case.chain[0].subject)

    def stamped(self, case: Case, proofs: Proofs) -> stamp.Stamp | None:
        """When the signature existed: the message's own stamp where it brings one, else the one we obtained.

        Raises:
            BrokenContract: the token we were given is none.
        """
        signer, key, limits = case.signer, case.signer.certificate.key, self.limits
        if signer.stamps:
            return stamp.embedded(signer, self.authorities, limits.stamp_policies, self.at, limits.skew)
        if proofs.token is None or key is None:
            return None
        asked = stamp.Question(signer.signature, key.algorithm, limits.stamp_policies[0], proofs.tsp_nonce)
        return stamp.judge(proofs.token, asked, self.authorities, limits.stamp_policies, self.at, limits.skew)

    def evidence(
        self, case: Case, ground: SignatureGround | None, proofs: Proofs, found: stamp.Stamp | None = None
    ) -> SignatureEvidence:
        """What is kept. ground: None only where everything is proved."""
        certificate, key = case.signer.certificate, case.signer.certificate.key
        above = dict.fromkeys([*case.chain, *(found.chain if found else ())])  # the stamp's maker may have others above
        asked = {"at": self.at.isoformat(), "authorities": " ".join(one.sha256 for one in above)}
        if proofs.ocsp_nonce is not None:
            asked["ocsp_nonce"] = proofs.ocsp_nonce.hex()
        if proofs.tsp_nonce is not None:
            asked["tsp_nonce"] = str(proofs.tsp_nonce)
        return SignatureEvidence(
            accepted=ground is None,
            ground=ground,
            algorithm=key.algorithm.name if key else None,
            certificate_serial=f"{certificate.serial:040x}",
            certificate_sha256=certificate.sha256,
            signed_at=found.at if found else case.signer.signing_time,
            ocsp_response=proofs.ocsp,
            timestamp_token=found.token if found else proofs.token,
            chain=[certificate.der, *(one.der for one in above)],
            capacity=capacity_of(certificate),
            revocation_lists=list(proofs.lists),
            asked=asked,
            policy=self.limits.texts(),
        )

    def decide(self, case: Case, ground: SignatureGround | None, proofs: Proofs) -> SignatureEvidence:
        """Everything after the message's own checks, whose ground comes first. A broken proof is no proof."""
        found = None
        if ground is None:
            ground = self._standing(case, proofs)
        if ground is None:
            found = self._stamped(case, proofs)
            ground = self.time_ground(case, found)
        return self.evidence(case, ground, proofs, found if ground is None else None)

    @staticmethod
    def time_ground(case: Case, found: stamp.Stamp | None) -> SignatureGround | None:
        """A stamp within the certificate's life, or the ground."""
        return None if found and case.signer.certificate.valid_at(found.at) else SignatureGround.NO_TIMESTAMP

    def _standing(self, case: Case, proofs: Proofs) -> SignatureGround | None:
        try:
            return self.standing(case, proofs)
        except (BrokenContract, Unavailable):
            return SignatureGround.STATUS_UNTRUSTED

    def _stamped(self, case: Case, proofs: Proofs) -> stamp.Stamp | None:
        try:
            return self.stamped(case, proofs)
        except BrokenContract:
            return None


def _issuer(one: bytes) -> bytes | None:
    try:
        return revocation_list.parse(one).issuer
    except Unreadable:
        return None
