"""Whose signature counts in a message of several, and what the message itself shows of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from activities.integrations.signature.authorities import Authorities
from activities.integrations.signature.checks import Case, first_ground
from activities.integrations.signature.message import read
from rules.evidence import SignatureGround


@dataclass(frozen=True)
class Verdict:
    """One signature after the checks that need no network."""

    case: Case
    ground: SignatureGround | None


def examine(authorities: Authorities, cms: bytes, content: bytes, iin: str, bin: str | None, at: datetime) -> Verdict:
    """The signature that gets furthest among those of the person; where there is none, the first stranger's.

    Raises:
        Unreadable: not a signed message.
    """
    message = read(cms)
    own = [signer for signer in message.signers if signer.certificate.iin == iin] or message.signers[:1]
    verdicts = []
    for signer in own:
        case = Case(message, signer, content, iin, bin, authorities.chain(signer.certificate), at)
        verdicts.append(Verdict(case, first_ground(case)))
    return next((verdict for verdict in verdicts if verdict.ground is None), verdicts[0])
