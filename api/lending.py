"""What the lending routes share: the client's own application, and its state as clients see it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from activities.context import Moment
from api.actions import Call
from api.once import Once
from api.schemas_lending import ApplicationState, Ground
from api.services import Services
from api.titles import title
from rules.contacts import masked
from rules.desks import known_desk
from rules.errors import NotFound
from rules.evidence import Frozen
from rules.partners import known_partner
from rules.products import ReceivingMethod
from rules.receiving import CASH, Receiving
from rules.schedule import Method
from storage import client_accounts
from storage.refunds import Named
from storage.tables import Acknowledgement, Application, Contract, Loan

_NEXT = {
    "SUBMITTED": "wait",
    "DUE_DILIGENCE": "wait",
    "REVIEW": "wait",
    "CONTRACT": "wait",
    "SIGNING": "sign",
    "WAITING": "confirm",
    "MERCHANT_CONFIRMATION": "confirm-merchant",
    "DISBURSING": "wait",
    "PARKED": "wait",
}
SUBJECTS = 3
_MASKED = frozenset({ReceivingMethod.OWN_ACCOUNT, ReceivingMethod.OWN_CARD})


async def own_application(session: AsyncSession, client_id: UUID, application_id: UUID) -> Application:
    """The client's application.

    Raises:
        NotFound: absent or another's.
    """
    found = await session.get(Application, application_id)
    if found is None or found.client_id != client_id:
        raise NotFound("not-found")
    return found


async def own_contract(session: AsyncSession, client_id: UUID, contract_id: UUID) -> Contract:
    """The client's contract. Raises as own_application."""
    found = await session.get(Contract, contract_id)
    if found is None or found.client_id != client_id:
        raise NotFound("not-found")
    return found


async def own_loan(session: AsyncSession, client_id: UUID, loan_id: UUID) -> Loan:
    """The client's loan. Raises as own_application."""
    found = await session.get(Loan, loan_id)
    if found is None or found.client_id != client_id:
        raise NotFound("not-found")
    return found


async def kept_account(kit: Services, moment: Moment, client_id: UUID) -> Named | None:
    """The account or card that the client keeps with us, opened. Rules: para 6, part 5; para 8, part 7."""
    client = await kit.records.clients.get(moment.session, client_id)
    account = await client_accounts.active(moment.session, client.id)
    return client_accounts.opened(kit.records.vault, client, account) if account else None


async def marks(session: AsyncSession, application_id: UUID) -> dict[str, Acknowledgement]:
    """The client's marks under texts, by subject."""
    query = select(Acknowledgement).where(col(Acknowledgement.application_id) == application_id)
    return {one.subject: one for one in (await session.exec(query)).all()}


async def state(kit: Services, moment: Moment, application: Application, language: str) -> ApplicationState:
    """Where the application stands."""
    how = receiving(kit, application)
    acknowledged = sorted(await marks(moment.session, application.id))
    return ApplicationState(
        application_id=application.id,
        stage=application.stage,
        next=_next(application, len(acknowledged), moment),
        amount=application.amount,
        term_months=application.term_months,
        purpose=application.purpose,
        receiving_method=application.receiving_method,
        account=masked(how.value) if how.method in _MASKED and how.value else None,
        place=_place(how, language),
        grounds=_grounds(application.decision, language),
        chosen_method=Method(application.chosen_method) if application.chosen_method else None,
        contract_id=application.contract_id,
        loan_id=application.loan_id,
        waiting_until=application.waiting_until,
        acknowledged=acknowledged,
        edition=application.edition,
        product=application.product_code,
        created_at=application.created_at,
        updated_at=application.updated_at,
    )


def receiving(kit: Services, application: Application) -> Receiving:
    """How the client wants the money, opened."""
    return Receiving.read(kit.records.vault.open_own(application.account, account_context(application.id)).decode())


def _place(how: Receiving, language: str) -> str | None:
    if how.method is ReceivingMethod.MERCHANT:
        seller = known_partner(how.value)
        return seller.name(language) if seller else None
    if how.method is ReceivingMethod.CASH_DESK:
        desk = known_desk(how.value)
        return desk.addresses[language] if desk else None
    return None


def _next(application: Application, acknowledged: int, moment: Moment) -> str | None:
    if application.stage == "OFFERED":
        return "choose" if acknowledged == SUBJECTS else "acknowledge"
    if application.stage == "WAITING" and application.waiting_until and moment.at < application.waiting_until:
        return "wait"
    if application.stage == "DISBURSING" and ReceivingMethod(application.receiving_method) in CASH:
        return "collect"
    return _NEXT.get(application.stage)


def _grounds(decision: dict[str, Any] | None, language: str) -> list[Ground]:
    if not decision or decision.get("result") == "approved":
        return []
    return [
        Ground(
            code=one["code"],
            title=title(one["code"], language),
            paragraph=one.get("paragraph"),
            policy_row=one.get("policy_row"),
        )
        for one in decision.get("grounds", [])
    ]


def account_context(application_id: UUID) -> str:
    """What the sealed account of an application is bound to; activities.payments opens it under the same."""
    return f"application:{application_id}:account"


def call(application_id: UUID, once: Once, name: str, argument: Frozen | None) -> Call:
    """An update of the application's workflow."""
    return Call("Origination", f"application/{application_id}", name, argument, once.action_id)
