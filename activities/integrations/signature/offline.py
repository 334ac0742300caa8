"""The same verification again from archived bytes alone, years later: no network, no clock.

Certificates, the authorities' own certificates and their services may be long gone. What counts is the moment of the
judgement that is repeated, and what was archived then: the message, the responder's answer or the revocation lists,
the time stamp, the chain, and in the evidence our nonces and the limits of that day.

Rules: para 9; para 34; para 35.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from activities.integrations.signature.asn1 import Unreadable
from activities.integrations.signature.authorities import Authorities, split
from activities.integrations.signature.judgement import Judge, Proofs
from activities.integrations.signature.limits import Limits
from activities.integrations.signature.people import examine
from rules.calendar import local_date
from rules.evidence import SignatureEvidence, SignatureGround
from rules.policy import policy as policy_of

_NOTHING: Mapping[str, str] = {}


def recheck(
    authorities: Authorities,
    cms: bytes,
    content: bytes,
    *,
    iin: str,
    bin: str | None,
    ocsp: bytes | None,
    tsp: bytes | None,
    at: datetime,
    lists: Sequence[bytes] = (),
    asked: Mapping[str, str] = _NOTHING,
    policy: Mapping[str, str] | None = None,
) -> SignatureEvidence:
    """The verdict of then: the same ground and algorithm, or a difference that says the archive was altered.

    Args:
        authorities: pinned ones, or those of the archived chain (see `again`).
        at: the moment of the judgement (`asked["at"]` of the evidence).
        asked: of the evidence: ocsp_nonce, tsp_nonce. Without them an answer's nonce is not compared.
        policy: of the evidence; the policy of that day where it is not given.
    """
    limits = Limits.of(policy_of(local_date(at))) if policy is None else Limits.read(policy)
    nonce, number = asked.get("ocsp_nonce"), asked.get("tsp_nonce")
    proofs = Proofs(
        ocsp=ocsp,
        ocsp_nonce=None if nonce is None else bytes.fromhex(nonce),
        lists=tuple(lists),
        token=tsp,
        tsp_nonce=None if number is None else int(number),
    )
    try:
        verdict = examine(authorities, cms, content, iin, bin, at)
    except Unreadable:
        return unreadable(at, limits)
    return Judge(authorities, limits, at).decide(verdict.case, verdict.ground, proofs)


def again(
    evidence: Mapping[str, Any],
    files: Mapping[str, bytes],
    *,
    iin: str,
    bin: str | None,
    authorities: Authorities | None = None,
) -> SignatureEvidence:
    """`recheck` of a check's evidence as activities/signatures.py wrote it.

    Args:
        files: the archived bytes by their role in `evidence["inputs"]`.
        authorities: still pinned ones. Without them the archived chain is taken, if it is the one the evidence names:
            worth as much as the archive's lock and the audited evidence, and nothing without them.

    Raises:
        Unreadable: the archived chain is another one, or broken; or another verifier judged, which leaves no proofs.
    """
    asked = evidence["asked"]
    if "at" not in asked:
        raise Unreadable("the judgement left nothing to repeat it by")
    return recheck(
        authorities or _archived(files.get("chain", b""), asked.get("authorities", "")),
        files["cms"],
        files["document"],
        iin=iin,
        bin=bin,
        ocsp=files.get("ocsp"),
        tsp=files.get("tsp"),
        at=datetime.fromisoformat(asked["at"]),
        lists=[content for role, content in sorted(files.items()) if role.startswith("list_")],
        asked=asked,
        policy=evidence["policy"],
    )


def _archived(chain: bytes, fingerprints: str) -> Authorities:
    found = split(chain)[1:]
    if [one.sha256 for one in found] != fingerprints.split():
        raise Unreadable("the archived chain is not the one of the evidence")
    return Authorities(found)


def unreadable(at: datetime, limits: Limits) -> SignatureEvidence:
    """What is kept of bytes that are no signed message."""
    return SignatureEvidence(
        accepted=False, ground=SignatureGround.UNREADABLE, asked={"at": at.isoformat()}, policy=limits.texts()
    )
