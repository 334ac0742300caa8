"""Every value of our clients that may stand nowhere in the clear, for those who look whether one does.

Rules: para 29; para 33.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from rules.products import ReceivingMethod
from rules.receiving import Receiving
from storage.clients import Clients
from storage.tables import Application, Client
from storage.vault import Vault

_PERSONAL = {ReceivingMethod.OWN_ACCOUNT: "iban", ReceivingMethod.OWN_CARD: "card"}


async def values(session: AsyncSession, vault: Vault) -> AsyncIterator[tuple[str, str]]:
    """(kind, value) of every client: iin, bin, phone, document, name (surname and given name), iban, card (token)."""
    clients = Clients(vault)
    for client in await session.exec(select(Client)):
        person = clients.person(client)
        yield "iin", person.iin
        yield "phone", person.phone
        yield "document", person.document.number
        yield "name", f"{person.surname} {person.given_name}"
        if person.bin:
            yield "bin", person.bin
    for application in await session.exec(select(Application)):
        sealed = vault.open_own(application.account, f"application:{application.id}:account").decode()
        how = Receiving.read(sealed)
        if how.method in _PERSONAL and how.value:
            yield _PERSONAL[how.method], how.value
