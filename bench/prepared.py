"""Signed applications, written straight into the database: what a payout stands on, without the borrower's part."""

from __future__ import annotations

from datetime import date
from uuid import uuid4

from activities.applications import ApplicationRef
from activities.context import Moment, Records
from rules.client import ClientKind, IdentityDocument, Person
from rules.editions import edition
from rules.money import Money
from rules.products import product
from rules.receiving import Receiving
from rules.schedule import Method
from storage.tables import Application, Contract

_MONTHS = 6


def person_of(surname: str, given_name: str, iin: str, phone: str, bin: str | None = None) -> Person:
    """A client's personal data. bin: of a legal entity."""
    document = IdentityDocument(number="012345678", expires=date(2035, 4, 11))
    return Person(surname=surname, given_name=given_name, iin=iin, bin=bin, document=document, phone=phone)


async def signed_application(
    records: Records,
    person: Person,
    receiving: Receiving,
    amount: Money,
    *,
    kind: ClientKind = ClientKind.INDIVIDUAL,
) -> ApplicationRef:
    """A client with a signed contract: the money may go."""
    async with records.moment() as moment:
        client = await records.clients.register(moment.session, person, kind, "kk", edition(moment.day).name)
        ref = ApplicationRef(application_id=uuid4(), client_id=client.id)
        application = _application(records, moment, ref, receiving, amount, kind)
        moment.session.add(application)
        await moment.session.flush()
        moment.session.add(_contract(moment, application))
    return ref


def _application(
    records: Records, moment: Moment, ref: ApplicationRef, receiving: Receiving, amount: Money, kind: ClientKind
) -> Application:
    offered = product("personal" if kind is ClientKind.INDIVIDUAL else "business", moment.day)
    context = f"application:{ref.application_id}:account"
    return Application(
        id=ref.application_id,
        client_id=ref.client_id,
        stage="SIGNING",
        amount=amount,
        term_months=_MONTHS,
        purpose=min(offered.purposes).value,
        receiving_method=receiving.method.value,
        account=records.vault.seal_own(receiving.written().encode(), context),
        account_index=records.vault.index("iban", receiving.value),
        edition=edition(moment.day).name,
        policy_version=moment.policy.version,
        product_code=offered.code,
        product_version=offered.version,
        created_at=moment.at,
        updated_at=moment.at,
    )


def _contract(moment: Moment, application: Application) -> Contract:
    offered = product(application.product_code, moment.day)
    terms = offered.terms(application.amount, _MONTHS, Method.ANNUITY, moment.day, moment.policy.version)
    return Contract(
        application_id=application.id,
        client_id=application.client_id,
        number=f"MK-{moment.day.year}-{application.id.hex[:10].upper()}",
        document_id=uuid4(),
        sha256="0" * 64,
        pages=1,
        template_version="1",
        terms=terms.model_dump(mode="json"),
        created_at=moment.at,
        signed_at=moment.at,
    )
