"""One message judged offline, signer by signer, in the words of `nesie signature verify`."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from activities.integrations.signature import checks, stamp
from activities.integrations.signature.asn1 import Unreadable
from activities.integrations.signature.authorities import Authorities
from activities.integrations.signature.checks import Case
from activities.integrations.signature.folder import Recorded
from activities.integrations.signature.limits import NATIONAL_POLICY
from activities.integrations.signature.message import Message, Signer, read
from rules.evidence import SignatureGround as Ground

# the worst first, which is the order the questions are asked in
VERDICTS = (
    "MALFORMED",
    "SIGNATURE_WRONG",
    "NOT_OUR_CA",
    "NOT_A_SIGNING_CERTIFICATE",
    "WRONG_SIGNER",
    "CERTIFICATE_EXPIRED",
    "REVOCATION",
    "VALID",
)
_WORDS = {
    Ground.OTHER_CONTENT: "SIGNATURE_WRONG",
    Ground.WRONG_DIGEST: "SIGNATURE_WRONG",
    Ground.WRONG: "SIGNATURE_WRONG",
    Ground.NOT_OUR_CA: "NOT_OUR_CA",
    Ground.NOT_SIGNING: "NOT_A_SIGNING_CERTIFICATE",
    Ground.OTHER_PERSON: "WRONG_SIGNER",
    Ground.EXPIRED: "CERTIFICATE_EXPIRED",
}
NOT_ASKED, NO_PROOF = "not_asked", "no_proof"
_SKEW = timedelta(minutes=5)
_NO_NONCE = "recorded OCSP answers: their nonce cannot be compared offline"
_CLAIMED = "judged at the time the signer claims; nothing proves it"
_BAD_STAMP = "the message brings a time stamp that proves nothing"
_NO_REVOCATION = "nothing says whether the certificate was revoked: refused"


@dataclass(frozen=True)
class Row:
    """One signer. Times ISO 8601 in UTC; revocation: as standing.Standing.word, or not_asked. Personal."""

    iin: str | None
    bin: str | None
    cn: str | None
    algorithm: str | None
    signing_time: str | None
    crypto_valid: bool
    chain_ok: bool
    in_validity: bool
    revocation: str
    verdict: str


@dataclass(frozen=True)
class Report:
    """verdict: the worst of the rows, or that of the person asked for. notes: what the verdict does not rest on."""

    verdict: str
    signers: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def plain(self) -> dict[str, Any]:
        """As the command prints it."""
        return asdict(self)


@dataclass(frozen=True)
class Asked:
    """What is asked of a message.

    at: the moment to judge validity and revocation at; by default that of the message's own time stamp, else the
    signer's claim, else now. recorded: proofs of standing; None: there are none, which refuses. revocation: False where
    it is not asked at all. iin: whose signature must be there.
    """

    authorities: Authorities
    now: datetime
    at: datetime | None = None
    recorded: Recorded | None = None
    revocation: bool = True
    iin: str | None = None


def report(raw: bytes, data: bytes | None, asked: Asked) -> Report:
    """The verdict. data: the content of a detached signature; beside an attached one it must be the same bytes."""
    try:
        message = read(raw)
    except Unreadable:
        return Report("MALFORMED")
    content = data if data is not None else message.content or b""
    present = any(one.certificate.iin == asked.iin for one in message.signers)
    notes: list[str] = []
    rows = []
    for signer in message.signers:
        # where the person is among the signers, the others are judged as what they are, not as impostors
        stranger = asked.iin is not None and not present
        rows.append(_row(message, signer, content, asked, asked.iin if stranger else signer.certificate.iin, notes))
    own = [row.verdict for row in rows if row.iin == asked.iin] if present else []
    verdict = max(own, key=VERDICTS.index) if own else min((row.verdict for row in rows), key=VERDICTS.index)
    if asked.recorded and asked.recorded.answers:
        notes.append(_NO_NONCE)
    return Report(verdict, rows, list(dict.fromkeys(notes)))


def _row(message: Message, signer: Signer, content: bytes, asked: Asked, iin: str | None, notes: list[str]) -> Row:
    certificate = signer.certificate
    at, proved = _moment(signer, asked, notes)
    chain = asked.authorities.chain(certificate)
    # the moment takes the place of the signer's claim
    case = Case(message, replace(signer, signing_time=None), content, iin or "", certificate.bin, chain, at)
    ground = checks.first_ground(case)
    revocation = _revocation(case, asked, proved, notes)
    verdict = _WORDS[ground] if ground else "VALID"
    if verdict == "VALID" and _stamp_spoilt(signer, asked):
        notes.append(_BAD_STAMP)
        verdict = "SIGNATURE_WRONG"
    if verdict == "VALID" and revocation not in ("good", NOT_ASKED):
        verdict = "REVOCATION"
    key = certificate.key
    return Row(
        iin=certificate.iin,
        bin=certificate.bin,
        cn=certificate.common_name,
        algorithm=key.algorithm.name if key else None,
        signing_time=_text(signer.signing_time),
        crypto_valid=checks.crypto_valid(case),
        chain_ok=bool(chain),
        in_validity=checks.in_validity(case),
        revocation=revocation,
        verdict=verdict,
    )


def _moment(signer: Signer, asked: Asked, notes: list[str]) -> tuple[datetime, bool]:
    """The moment to judge at, and whether it is more than the signer's claim."""
    if asked.at is not None:
        return asked.at, True
    if signer.stamps and (found := stamp.embedded(signer, asked.authorities, (NATIONAL_POLICY,), asked.now)):
        return found.at, True
    if signer.signing_time is not None and signer.signing_time <= asked.now + _SKEW:
        notes.append(_CLAIMED)
        return signer.signing_time, False
    return asked.now, True


def _stamp_spoilt(signer: Signer, asked: Asked) -> bool:
    found = stamp.embedded(signer, asked.authorities, (NATIONAL_POLICY,), asked.now) if signer.stamps else None
    return bool(signer.stamps) and (found is None or not signer.certificate.valid_at(found.at))


def _revocation(case: Case, asked: Asked, proved: bool, notes: list[str]) -> str:
    if not asked.revocation:
        return NOT_ASKED
    if not case.chain or asked.recorded is None:
        notes.append(_NO_REVOCATION)
        return NO_PROOF
    return asked.recorded.standing(case.signer.certificate, case.chain[0], case.now, proved=proved).word


def _text(at: datetime | None) -> str | None:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z") if at else None
