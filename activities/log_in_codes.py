"""Codes for log-ins and recoveries, by SMS: to the number of the client whom an authentication is about, or to nobody.

The case runs the same way for a number that nobody has, so that nothing shows whether somebody has it. A code goes
only to a number that was found to be the client's own.

Rules: para 6, part 4.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from temporalio import activity

from activities import code_texts
from activities.context import Moment, Records
from activities.ports import Sms
from activities.recoveries import Recoveries
from activities.security_notices import SecurityNotices
from rules.errors import BusinessError
from rules.evidence import Frozen, StepResult
from rules.identification import passed
from rules.log_in import phone_is_factor
from storage import audit, authentications, devices
from storage.tables import Authentication, Client


class LogInCodeWanted(Frozen):
    """Which authentication asks for its n-th code."""

    authentication_id: UUID
    n: int


class LogInCodes:
    """Sends them."""

    def __init__(self, records: Records, sms: Sms) -> None:
        self._records, self._sms = records, sms

    @activity.defn
    async def send_log_in_code(self, wanted: LogInCodeWanted) -> StepResult:
        """Issue a code and hand it to the gateway, where there is a client with a number of their own.

        Raises:
            Fault: the gateway is away.
        """
        try:
            async with self._records.moment() as moment:
                client = await self._client(moment, wanted)
                if client is None:
                    return passed(code_texts.STEP)
                purpose = authentications.code_purpose(wanted.authentication_id)
                text = await code_texts.issue(self._records, moment, client, purpose)
                await audit.record(
                    moment.session,
                    actor="system:worker",
                    action="code-sent",
                    subject=f"client:{client.id}",
                    paragraph="6",
                    detail={"purpose": "log-in", "authentication": str(wanted.authentication_id)},
                )
        except BusinessError as error:
            return code_texts.not_sent(error)
        return await code_texts.send(self._sms, f"log-in-code/{wanted.authentication_id}/{wanted.n}", text)

    async def _client(self, moment: Moment, wanted: LogInCodeWanted) -> Client | None:
        """Whom it goes to: nobody once the authentication has ended, or where the number proves nothing."""
        row = await moment.session.get(Authentication, wanted.authentication_id)
        if row is None or row.client_id is None or row.enough_at is not None or row.expires_at <= moment.at:
            return None
        client = await self._records.clients.get(moment.session, row.client_id)
        is_factor = phone_is_factor(moment.policy, await devices.owner(moment.session, client))
        return client if is_factor and client.status == "REGISTERED" else None


def access_activities(records: Records, sms: Sms) -> list[Callable[..., Any]]:
    """What log-ins, recoveries and the notices about them need."""
    return [LogInCodes(records, sms).send_log_in_code, *SecurityNotices(records, sms).all(), *Recoveries(records).all()]
