"""Every value of our clients and payers that may stand nowhere in the clear, for those who look whether one does.

Rules: para 11; para 29.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from rules.products import ReceivingMethod
from rules.receiving import Receiving
from storage import client_accounts, refunds
from storage.clients import Clients
from storage.incoming import IncomingPayments
from storage.tables import Application, Client, ClientAccount, IncomingPayment, RefundAccount
from storage.vault import Vault

_PERSONAL = {ReceivingMethod.OWN_ACCOUNT: "iban", ReceivingMethod.OWN_CARD: "card"}


async def values(session: AsyncSession, vault: Vault) -> AsyncIterator[tuple[str, str]]:
    """(kind, value) of clients and payers: iin, bin, phone, document, name (surname and given name), iban, card."""
    clients = Clients(vault)
    for client in await session.exec(select(Client).where(col(Client.status) != "DESTROYED")):
        person = clients.person(client)
        yield "iin", person.iin
        yield "phone", person.phone
        yield "document", person.document.number
        yield "name", f"{person.surname} {person.given_name}"
        if person.bin:
            yield "bin", person.bin
        kept = select(ClientAccount).where(col(ClientAccount.client_id) == client.id)
        for account in (await session.exec(kept)).all():
            details = client_accounts.opened(vault, client, account)
            yield details.kind, details.value
    for application in await session.exec(select(Application).where(col(Application.account) != b"")):
        sealed = vault.open_own(application.account, f"application:{application.id}:account").decode()
        how = Receiving.read(sealed)
        if how.method in _PERSONAL and how.value:
            yield _PERSONAL[how.method], how.value
    for named in await session.exec(select(RefundAccount).where(col(RefundAccount.account) != b"")):
        yield named.kind, refunds.opened(vault, named).value
    file = IncomingPayments(vault)
    for payment in await session.exec(select(IncomingPayment).where(col(IncomingPayment.payer) != b"")):
        payer = file.payer(payment)
        if payer.iban:
            yield "iban", payer.iban
        if payer.iin:  # without one the bank's name of a payer may be any word
            yield "iin", payer.iin
            yield "name", payer.name
