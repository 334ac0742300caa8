"""Applications that are signed and wait for cash, as the workflows leave them, with clients, cashiers and codes."""

from __future__ import annotations

from datetime import date
from uuid import UUID, uuid4

from activities.applications import ApplicationRef
from activities.context import Moment, Records
from rules.client import ClientKind, IdentityDocument, Person
from rules.money import Money
from rules.payment_keys import disbursement_key
from rules.products import ReceivingMethod, product
from rules.receiving import Receiving
from rules.schedule import Method
from storage import cash_orders, payments
from storage.tables import Application, CashOrder, Contract, Staff
from tests.support.api_world import new_iin, new_phone

DOCUMENT = "012345678"


async def cash_order_of(moment: Moment, records: Records, application: Application) -> CashOrder:
    """An order at the first desk, for a row that the caller has made."""
    key = disbursement_key(application.id)
    await payments.intend(
        moment.session,
        key=key,
        purpose="disbursement",
        request_hash="0" * 64,
        amount=application.amount,
        account_sealed=records.vault.seal_own(b"{}", f"payment:{key}"),
        application_id=application.id,
        channel="cash-desk",
    )
    await payments.settle(moment.session, key, "accepted", cash_orders.number_of(application.id))
    return await cash_orders.place(
        moment.session,
        payment_key=key,
        application_id=application.id,
        client_id=application.client_id,
        channel="cash-desk",
        desk="almaty-1",
        amount=application.amount,
        two_people=False,
        life_hours=72,
    )


async def signed(
    records: Records,
    how: Receiving,
    amount: str = "150000.00",
    *,
    kind: ClientKind = ClientKind.INDIVIDUAL,
    purpose: str = "PERSONAL_NEEDS",
    document: IdentityDocument | None = None,
    client_id: UUID | None = None,
    stage: str = "SIGNING",
) -> ApplicationRef:
    """A client (a new one, where none is named) with a signed contract whose money is to go this way."""
    application_id = uuid4()
    person = Person(
        surname="АХМЕТОВА",
        given_name="АЙГЕРІМ",
        iin=new_iin(),
        bin="490740000400" if kind is ClientKind.LEGAL_ENTITY else None,
        document=document or IdentityDocument(number=DOCUMENT, expires=date(2035, 4, 11)),
        phone=new_phone(),
    )
    async with records.moment() as moment:
        if client_id is None:
            client_id = (await records.clients.register(moment.session, person, kind, "kk", "2025b")).id
        offered = product("personal", moment.day)
        terms = offered.terms(Money(amount), 6, Method.ANNUITY, moment.day, moment.policy.version)
        application = Application(
            id=application_id, client_id=client_id, stage=stage, amount=Money(amount), term_months=6,
            purpose=purpose, receiving_method=how.method.value,
            account=records.vault.seal_own(how.written().encode(), f"application:{application_id}:account"),
            account_index=b"i", edition="2025b", policy_version=moment.policy.version, product_code="personal",
            product_version="1", created_at=moment.at, updated_at=moment.at,
        )  # fmt: skip
        moment.session.add(application)
        await moment.session.flush()
        moment.session.add(
            Contract(
                application_id=application_id, client_id=client_id, number=f"T-{application_id.hex[:12]}",
                document_id=uuid4(), sha256="0" * 64, pages=3, template_version="2",
                terms=terms.model_dump(mode="json"), created_at=moment.at, signed_at=moment.at,
            )
        )  # fmt: skip
    return ApplicationRef(application_id=application_id, client_id=client_id)


def at_desk(desk: str = "almaty-1") -> Receiving:
    """Cash at a desk."""
    return Receiving(method=ReceivingMethod.CASH_DESK, value=desk)


def at_terminal() -> Receiving:
    """Cash at any terminal."""
    return Receiving(method=ReceivingMethod.CASH_TERMINAL)


async def code_for(records: Records, ref: ApplicationRef) -> str:
    """What the personal account shows once."""
    async with records.moment() as moment:
        order = await cash_orders.lock(moment.session, cash_orders.number_of(ref.application_id))
        code = cash_orders.new_code(order, records.vault, moment.at, digits=8, most=3)
        moment.session.add(order)
    return code


async def hired(records: Records, desk: str | None = "almaty-1", *roles: str) -> UUID:
    """A member of staff."""
    async with records.moment() as moment:
        staff = Staff(
            login=f"c{uuid4().hex[:12]}", name="Cashier", roles=list(roles or ("cashier",)), desk=desk,
            password_hash="x", totp_secret=b"x", created_at=moment.at,
        )  # fmt: skip
        moment.session.add(staff)
    return staff.id
