"""One-time codes by SMS, whatever they are for: issued under the limits of the number, then handed to the gateway.

Rules: para 6, part 4; para 11. The life of a code is the lender's procedure (one minute).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from temporalio import activity

from activities.context import Moment, Records
from activities.papers import sms_code
from activities.ports import Sms
from rules.errors import BusinessError
from rules.evidence import StepOutcome, StepResult
from rules.identification import passed
from storage import codes
from storage.tables import Client

STEP = "code"


@dataclass(frozen=True)
class CodeText:
    """A code on its way."""

    phone: str = field(repr=False)
    words: str = field(repr=False)
    life_seconds: int


async def issue(
    records: Records, moment: Moment, client: Client, purpose: str, *, new_phone: str | None = None
) -> CodeText:
    """A new code; the ones before it for this purpose are void.

    Args:
        new_phone: the number that gets it, where it is not the client's own yet.

    Raises:
        Conflict: `too-many-codes`.
    """
    whole = moment.policy.whole
    life = whole("code-life-seconds")
    code = await codes.issue(
        moment.session,
        records.vault,
        client,
        purpose,
        life_seconds=life,
        max_in_ten_minutes=whole("codes-per-10-minutes"),
        max_in_a_day=whole("codes-per-day"),
        phone_index=None if new_phone is None else records.vault.index("phone", new_phone),
    )
    phone = records.clients.person(client).phone if new_phone is None else new_phone
    return CodeText(phone, sms_code(client.language, code, life), life)


async def send(sms: Sms, key: str, text: CodeText) -> StepResult:
    """Hand it to the gateway, once it is stored.

    The attempt of the activity is part of the key: a retry carries another code and is another message.

    Raises:
        Fault: the gateway is away.
    """
    await sms.send(f"{key}/{activity.info().attempt}", text.phone, text.words, text.life_seconds)
    return passed(STEP)


def not_sent(error: BusinessError) -> StepResult:
    """Why there is no code; the client may ask again."""
    return StepResult(step=STEP, outcome=StepOutcome.RETRY, ground=error.code)
