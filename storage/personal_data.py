"""Every value of our clients that may stand nowhere in the clear, for those who look whether one does.

Rules: para 29; para 33.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from storage.clients import Clients
from storage.tables import Application, Client
from storage.vault import Vault


async def values(session: AsyncSession, vault: Vault) -> AsyncIterator[tuple[str, str]]:
    """(kind, value) of every client: iin, bin, phone, document, name (surname and given name), iban."""
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
        yield "iban", vault.open_own(application.account, f"application:{application.id}:account").decode()
