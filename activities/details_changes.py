"""Another phone number for a client: every proof anew, then one transaction changes it.

What a client wants is stored sealed; workflows know ids only. The IIN and the BIN are never changed.

Rules: para 6, part 5; para 6, part 6.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from temporalio import activity

from activities import code_texts, identifications, leaks, letters, personal_account
from activities.context import Moment, Records, conclude
from activities.details_desk import ACT, ChangeSeen, end, locked, missing, opened, purpose_of, record, signature_of
from activities.papers import DetailsPaper, details_statement, sms_phone_changed
from activities.phone import confirmed_by
from activities.ports import PhoneOwners, Sms
from rules.errors import BusinessError, Conflict, InvalidInput
from rules.evidence import Frozen, StepOutcome, StepResult
from rules.identification import passed
from storage import codes, devices, sessions
from storage.tables import Check, Client, DetailsChange

_SMS_LIVES_SECONDS = 24 * 3600


class ChangeRef(Frozen):
    """Which change."""

    change_id: UUID


class ChangeCode(Frozen):
    """A code for the new number. key: of this asking. code: as the client typed it, where one is checked."""

    change_id: UUID
    key: str
    code: str = ""


class ChangeEnd(Frozen):
    """How it ends without a change. state: REFUSED | EXPIRED."""

    change_id: UUID
    state: str
    ground: str


class DetailsChanges:
    """The steps of the case."""

    def __init__(self, records: Records, sms: Sms, owners: PhoneOwners, lender: str) -> None:
        self._records, self._sms, self._owners, self._lender = records, sms, owners, lender

    @activity.defn
    async def send_change_code(self, wanted: ChangeCode) -> StepResult:
        """Issue a code and send it to the new number, under the limits of a registration."""
        try:
            async with self._records.moment() as moment:
                row, client = await self._held(moment, wanted.change_id)
                phone = opened(self._records, client, row, "new")
                text = await code_texts.issue(self._records, moment, client, purpose_of(row.id), new_phone=phone)
                await record(moment, row, "system:worker", "code-sent")
        except BusinessError as error:
            return code_texts.not_sent(error)
        return await code_texts.send(self._sms, wanted.key, text)

    @activity.defn
    async def confirm_new_phone(self, given: ChangeCode) -> StepResult:
        """Consume a code that came to the new number; a wrong try is counted and committed, so it is no exception."""
        ground = None
        async with self._records.moment() as moment:
            row, client = await self._held(moment, given.change_id)
            if await confirmed_by(moment.session, given.key):
                return passed("phone")
            try:
                await codes.consume(moment.session, client.id, purpose_of(row.id), given.code)
            except BusinessError as error:
                ground = error.code
            evidence = {"key": given.key, "change": str(row.id)}
            return await conclude(
                moment, client, act=ACT, step="phone", ground=ground, evidence=evidence, paragraph="6"
            )

    @activity.defn
    async def check_new_owner(self, ref: ChangeRef) -> StepResult:
        """Whether the new number is the client's by the operators' base.

        A base that does not know ends the case too: the number opens the account, the client loses nothing by
        asking again later, and a person would have nothing better to go by than the base.

        Raises:
            Fault: the base is away.
        """
        async with self._records.moment() as moment:
            row, client = await self._held(moment, ref.change_id)
            iin, phone = self._records.clients.person(client).iin, opened(self._records, client, row, "new")
        owned = await self._owners.owned_by(iin, phone)
        result = passed("phone-owner")
        if owned is None:
            result = StepResult(step="phone-owner", outcome=StepOutcome.REFUSED, ground="phone-owner-unknown")
        elif not owned:
            result = StepResult(step="phone-owner", outcome=StepOutcome.REFUSED, ground="phone-not-owned")
        async with self._records.moment() as moment:
            row, client = await self._held(moment, ref.change_id)
            moment.session.add(
                Check(
                    client_id=client.id, act=ACT, step=result.step, outcome=result.outcome, ground=result.ground,
                    policy_version=moment.policy.version, evidence={"change": str(row.id), "by": "operators"},
                    at=moment.at,
                )
            )  # fmt: skip
            await record(moment, row, "system:worker", f"phone-owner-{result.outcome}", result.ground)
        return result

    @activity.defn
    async def draw_change_statement(self, ref: ChangeRef) -> UUID:
        """Render and archive what is changed into what, once; the client signs exactly these bytes."""
        async with self._records.moment() as moment:
            row, client = await self._held(moment, ref.change_id)
            if row.statement_id is not None:
                return row.statement_id
            paper = details_statement(
                DetailsPaper(
                    person=self._records.clients.person(client), client_id=str(client.id), lender=self._lender,
                    on=moment.day, edition=row.edition, new_phone=opened(self._records, client, row, "new"),
                )
            )  # fmt: skip
            document = await self._records.documents.keep(
                moment.session, paper.pdf, kind="details_statement", media_type="application/pdf", direction="sent",
                client=client, retain_until=moment.retain_until(),
            )  # fmt: skip
            row.statement_id = document.id
            moment.session.add(row)
            return document.id

    @activity.defn
    async def apply_change(self, ref: ChangeRef) -> ChangeSeen:
        """Change the number, end the other log-ins, write to the account: one transaction, and once.

        Raises:
            Conflict: `details-not-proved`: a proof that the edition asks for is not in our records.
        """
        async with self._records.moment() as moment:
            row, client = await self._held(moment, ref.change_id)
            if row.state != "OPEN":
                return ChangeSeen(state=row.state, ground=row.ground)
            if await missing(moment, row):
                raise Conflict("details-not-proved")
            if await leaks.standing(moment, client.id) is not None:
                return await self._end(moment, row, client, "REFUSED", "identity-to-be-confirmed")
            phone = opened(self._records, client, row, "new")
            try:
                await self._records.clients.change_phone(moment.session, client, phone)
            except Conflict as error:
                return await self._end(moment, row, client, "REFUSED", error.code)
            await devices.note_owner(moment.session, client, "OWNED", "operators")  # missing() has seen the check
            row.signature_id = await signature_of(moment, row)
            await sessions.end_all(moment.session, client_id=client.id, besides=row.session_hash)
            text = letters.message("phone_changed", client.language, ending=phone[-2:])
            await personal_account.write(self._records, moment, client, text, row.statement_id)
            return await self._end(moment, row, client, "CHANGED", None)

    @activity.defn
    async def tell_change(self, ref: ChangeRef) -> None:
        """An SMS to the old number and one to the new; a number that the gateway refuses keeps nobody from the other.

        Raises:
            Fault: the SMS gateway is away.
        """
        async with self._records.moment() as moment:
            row, client = await self._held(moment, ref.change_id)
            phones = {which: opened(self._records, client, row, which) for which in ("old", "new")}
            words = sms_phone_changed(client.language)
        for which, phone in phones.items():
            try:
                await self._sms.send(f"change/{ref.change_id}/{which}", phone, words, _SMS_LIVES_SECONDS)
            except InvalidInput:
                continue

    @activity.defn
    async def end_change(self, wanted: ChangeEnd) -> ChangeSeen:
        """Nothing changes; what has ended already stays as it is."""
        async with self._records.moment() as moment:
            row = await locked(moment, wanted.change_id)
            if row.state != "OPEN":
                return ChangeSeen(state=row.state, ground=row.ground)
            client = await self._records.clients.get(moment.session, row.client_id)
            return await self._end(moment, row, client, wanted.state, wanted.ground)

    def all(self) -> list[Callable[..., Any]]:
        """Its activities."""
        return [
            self.send_change_code, self.confirm_new_phone, self.check_new_owner, self.draw_change_statement,
            self.apply_change, self.tell_change, self.end_change,
        ]  # fmt: skip

    async def _end(
        self, moment: Moment, row: DetailsChange, client: Client, state: str, ground: str | None
    ) -> ChangeSeen:
        """The change and the identification that it needed end together."""
        await moment.session.refresh(client)  # a race for the number may have undone what was read of it
        await identifications.close(self._records, moment, client, ACT, edition=row.edition, ground=ground)
        return await end(moment, row, state, ground)

    async def _held(self, moment: Moment, change_id: UUID) -> tuple[DetailsChange, Client]:
        row = await locked(moment, change_id)
        return row, await self._records.clients.get(moment.session, row.client_id)
