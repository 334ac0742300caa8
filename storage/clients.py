"""Clients: personal data sealed under the client's own key, look-ups by blind index.

Rules: para 6, part 1; para 6, part 6.
"""

from __future__ import annotations

from uuid import UUID, uuid4

from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from rules.client import ClientKind, Person
from rules.errors import BusinessError, Conflict, NotFound
from storage.clock import now
from storage.database import is_duplicate
from storage.tables import Client
from storage.vault import Vault


class Clients:
    """The clients' file; holds the vault."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    async def register(
        self, session: AsyncSession, person: Person, kind: ClientKind, language: str, edition: str
    ) -> Client:
        """A new client who is still to prove who they are. The same IIN may try again until one is registered."""
        client_id, key = uuid4(), self._vault.new_data_key()
        client = Client(
            id=client_id,
            kind=kind.value,
            language=language,
            edition=edition,
            iin_index=self._vault.index("iin", person.bin or person.iin),
            iin_hash=self._vault.index("iin", person.iin),
            bin_hash=self._vault.index("iin", person.bin) if person.bin else None,
            phone_index=self._vault.index("phone", person.phone),
            data_key=key,
            personal=self._vault.seal(key, person.model_dump_json().encode(), f"client:{client_id}:personal"),
            created_at=await now(session),
        )
        session.add(client)
        await session.flush()
        return client

    async def get(self, session: AsyncSession, client_id: UUID) -> Client:
        """The client's row.

        Raises:
            NotFound: `client-unknown`.
        """
        client = await session.get(Client, client_id)
        if client is None:
            raise NotFound("client-unknown")
        return client

    def person(self, client: Client) -> Person:
        """The personal data, opened; its IIN and BIN are those under which the client registered.

        Raises:
            BusinessError: `sealed-damaged`, also where the numbers inside are not those that the database froze.

        Rules: para 6, part 6.
        """
        person = Person.model_validate_json(
            self._vault.open(client.data_key, client.personal, f"client:{client.id}:personal")
        )
        frozen = ((client.iin_hash, person.iin), (client.bin_hash, person.bin))
        if any(hashed is not None and hashed != self._vault.index("iin", number or "") for hashed, number in frozen):
            raise BusinessError("sealed-damaged", "the IIN or BIN inside is another one")
        return person

    async def by_phone(self, session: AsyncSession, phone: str) -> Client | None:
        """The registered client with this phone; there is one at most."""
        query = select(Client).where(
            col(Client.phone_index) == self._vault.index("phone", phone), col(Client.status) == "REGISTERED"
        )
        return (await session.exec(query)).one_or_none()

    async def password_stands(self, session: AsyncSession, client: Client) -> bool:
        """Whether the password that was read with the client still opens the account.

        It stays so until the transaction ends: whoever changes it meanwhile waits, and then ends what was opened by it.
        """
        query = select(Client.id).where(
            col(Client.id) == client.id,
            col(Client.status) == "REGISTERED",
            col(Client.password_hash) == client.password_hash,
        )
        return (await session.exec(query.with_for_update(read=True))).first() is not None

    async def complete(self, session: AsyncSession, client: Client, password_hash: str) -> None:
        """Register the client for good.

        Raises:
            Conflict: `already-registered`: a client with this IIN or phone is, however close the race was.
        """
        at = await now(session)
        try:
            async with session.begin_nested():
                client.status, client.password_hash, client.registered_at = "REGISTERED", password_hash, at
                session.add(client)
        except IntegrityError as error:
            if not is_duplicate(error):
                raise
            raise Conflict("already-registered") from None

    async def change_phone(self, session: AsyncSession, client: Client, phone: str) -> None:
        """Give the client another number; everything else of the person stays. Rules: para 6, part 5; para 6, part 6.

        Raises:
            Conflict: `phone-taken`: another registered client has it, however close the race was.
        """
        person = self.person(client).model_copy(update={"phone": phone})
        try:
            async with session.begin_nested():
                client.phone_index = self._vault.index("phone", phone)
                client.personal = self._vault.seal(
                    client.data_key, person.model_dump_json().encode(), f"client:{client.id}:personal"
                )
                session.add(client)
        except IntegrityError as error:
            if not is_duplicate(error):
                raise
            raise Conflict("phone-taken") from None

    def seal_embedding(self, client: Client, embedding: bytes) -> None:
        """Put the face of the enrolled selfie into the client's row; the caller's transaction stores it."""
        client.face_embedding = self._vault.seal(client.data_key, embedding, f"client:{client.id}:face")

    def open_embedding(self, client: Client) -> bytes:
        """The enrolled face.

        Raises:
            NotFound: `face-not-enrolled`.
        """
        if client.face_embedding is None:
            raise NotFound("face-not-enrolled")
        return self._vault.open(client.data_key, client.face_embedding, f"client:{client.id}:face")
