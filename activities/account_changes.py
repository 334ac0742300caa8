"""Other bank details for a client: the bank says whose they are, every proof anew, then one transaction changes them.

What a client wants is stored sealed; workflows know ids only.

Rules: para 6, part 5; para 9, part 2.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from temporalio import activity

from activities import identifications, leaks, letters, personal_account
from activities.context import Moment, Records
from activities.details_changes import ChangeRef
from activities.details_desk import ACT, ChangeSeen, account_of, end, locked, missing, record, signature_of
from activities.money_ports import Bank, Destination, Recipient
from activities.papers import AccountPaper, account_statement, sms_account_changed
from activities.payout_orders import NOT_OWNED, OWNER_UNKNOWN
from activities.ports import Sms
from rules.contacts import masked
from rules.errors import BusinessError, Conflict, InvalidInput
from rules.evidence import StepOutcome, StepResult
from rules.identification import passed
from storage import client_accounts, sessions
from storage.refunds import Named
from storage.tables import Check, Client, DetailsChange

_SMS_LIVES_SECONDS = 24 * 3600
_OWNER = {"MATCH": None, "MISMATCH": NOT_OWNED}
STEP = "account-owner"


class AccountChanges:
    """The steps of the case that are those of bank details alone."""

    def __init__(self, records: Records, bank: Bank, sms: Sms, lender: str) -> None:
        self._records, self._bank, self._sms, self._lender = records, bank, sms, lender

    @activity.defn
    async def check_account_owner(self, ref: ChangeRef) -> StepResult:
        """Whether the bank says that the account is the client's, of an organisation the organisation's.

        Anything but its plain yes ends the case; nothing has changed, and the client may name another account.

        Raises:
            Fault: the bank is away.
        """
        async with self._records.moment() as moment:
            row, client = await self._held(moment, ref.change_id)
            person, named = self._records.clients.person(client), self._new(client, row)
        number = {"bin": person.bin} if person.bin else {"iin": person.iin}
        try:
            owner = await self._bank.verify_owner(
                Destination(kind=named.kind, value=named.value), Recipient(name=person.party, **number)
            )
        except BusinessError as error:
            ground: str | None = error.code
            answer = reference = ""
        else:
            ground = _OWNER.get(owner.result, OWNER_UNKNOWN)
            answer, reference = owner.result, owner.reference
        result = StepResult(step=STEP, outcome=StepOutcome.REFUSED, ground=ground) if ground else passed(STEP)
        async with self._records.moment() as moment:
            row, client = await self._held(moment, ref.change_id)
            evidence = {
                "change": str(row.id), "inputs": {}, "asked": {"change": str(row.id), "kind": named.kind}, "policy": {},
                "models": {}, "result": {"owner": answer, "bank_reference": reference},
            }  # fmt: skip
            moment.session.add(
                Check(
                    client_id=client.id, act=ACT, step=STEP, outcome=result.outcome, ground=ground,
                    policy_version=moment.policy.version, evidence=evidence, at=moment.at,
                )
            )  # fmt: skip
            await record(moment, row, "system:worker", f"{STEP}-{result.outcome}", ground)
        return result

    @activity.defn
    async def draw_account_statement(self, ref: ChangeRef) -> UUID:
        """Render and archive which details become which, once; the client signs exactly these bytes."""
        async with self._records.moment() as moment:
            row, client = await self._held(moment, ref.change_id)
            if row.statement_id is not None:
                return row.statement_id
            old, new = account_of(self._records, client, row, "old"), self._new(client, row)
            paper = account_statement(
                AccountPaper(
                    person=self._records.clients.person(client), client_id=str(client.id), lender=self._lender,
                    on=moment.day, edition=row.edition, old_account=masked(old.value) if old else None,
                    new_account=new.value if new.kind == "iban" else masked(new.value),
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
    async def apply_account_change(self, ref: ChangeRef) -> ChangeSeen:
        """Keep the new details, end the other log-ins, write to the account: one transaction, and once.

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
                ground = "identity-to-be-confirmed"
                await identifications.close(self._records, moment, client, ACT, edition=row.edition, ground=ground)
                return await end(moment, row, "REFUSED", ground)
            named = self._new(client, row)
            await client_accounts.keep(
                moment.session, self._records.vault, client, named, source="change", bank_reference=str(row.id)
            )
            row.signature_id = await signature_of(moment, row)
            await sessions.end_all(moment.session, client_id=client.id, besides=row.session_hash)
            text = letters.message("account_changed", client.language, ending=named.value[-2:])
            await personal_account.write(self._records, moment, client, text, row.statement_id)
            await identifications.close(self._records, moment, client, ACT, edition=row.edition)
            return await end(moment, row, "CHANGED", None)

    @activity.defn
    async def tell_account_change(self, ref: ChangeRef) -> None:
        """An SMS to the client's number.

        Raises:
            Fault: the SMS gateway is away.
        """
        async with self._records.moment() as moment:
            _, client = await self._held(moment, ref.change_id)
            phone, words = self._records.clients.person(client).phone, sms_account_changed(client.language)
        try:
            await self._sms.send(f"change/{ref.change_id}/account", phone, words, _SMS_LIVES_SECONDS)
        except InvalidInput:
            return  # a number that the gateway refuses; the message in the account stands

    def all(self) -> list[Callable[..., Any]]:
        """Its activities."""
        return [
            self.check_account_owner, self.draw_account_statement, self.apply_account_change, self.tell_account_change,
        ]  # fmt: skip

    def _new(self, client: Client, row: DetailsChange) -> Named:
        named = account_of(self._records, client, row, "new")
        if named is None:
            raise Conflict("wrong-step")
        return named

    async def _held(self, moment: Moment, change_id: UUID) -> tuple[DetailsChange, Client]:
        row = await locked(moment, change_id)
        return row, await self._records.clients.get(moment.session, row.client_id)
