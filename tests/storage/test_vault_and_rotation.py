"""Sealed data: opened by the right key and context alone; master keys rotate; a wrong one is refused."""

from __future__ import annotations

import base64
import secrets
from datetime import date
from uuid import UUID

import pytest
from sqlmodel import select

from rules.client import ClientKind
from rules.errors import BusinessError, Gone
from rules.money import Money
from storage import assignments, payments
from storage.clients import Clients
from storage.clock import now
from storage.database import Database, run
from storage.incoming import IncomingPayments, Received
from storage.rotation import rotate_master
from storage.tables import Client, MasterKeyCanary, OutboxAction, PaymentAssignment, Staff
from storage.vault import Vault, check_master_key, master_key_id

ACCOUNT = "KZ86125KZT5004100100"


def _key() -> bytes:
    return secrets.token_bytes(32)


def test_what_is_sealed_opens_with_its_context_only(vault: Vault) -> None:
    key = vault.new_data_key()
    sealed = vault.seal(key, b"plain", "client:1:personal")
    assert vault.open(key, sealed, "client:1:personal") == b"plain"
    assert b"plain" not in sealed
    for other_key, other, context in [
        (key, sealed, "client:2:personal"),
        (vault.new_data_key(), sealed, "client:1:personal"),
        (key, sealed[:-1] + bytes([sealed[-1] ^ 1]), "client:1:personal"),
        (key, b"", "client:1:personal"),
        (key[:-1] + bytes([key[-1] ^ 1]), sealed, "client:1:personal"),
        (b"\x01", sealed, "client:1:personal"),
    ]:
        with pytest.raises(BusinessError) as refused:
            vault.open(other_key, other, context)
        assert refused.value.code == "sealed-damaged"


def test_an_empty_key_says_that_the_data_was_destroyed(vault: Vault) -> None:
    sealed = vault.seal(vault.new_data_key(), b"plain", "client:1:personal")
    for destroyed in (
        lambda: vault.open(b"", sealed, "client:1:personal"),
        lambda: vault.seal(b"", b"plain", "client:1:personal"),
        lambda: vault.open_own(b"", "application:1:account"),
        lambda: vault.rewrap(b""),
    ):
        with pytest.raises(Gone, match="data-destroyed"):
            destroyed()


def test_the_same_bytes_are_never_sealed_alike(vault: Vault) -> None:
    key = vault.new_data_key()
    assert vault.seal(key, b"x", "c") != vault.seal(key, b"x", "c")
    assert vault.seal_own(b"x", "c") != vault.seal_own(b"x", "c")


def test_rewrapping_moves_the_key_and_leaves_what_it_sealed() -> None:
    old_key, new_key, index = _key(), _key(), _key()
    old = Vault({"old": old_key}, "old", index)
    wrapped, own = old.new_data_key(), old.seal_own(b"totp", "staff:1")
    sealed = old.seal(wrapped, b"plain", "c")
    both = Vault({"old": old_key, "new": new_key}, "new", index)
    wrapped, own = both.rewrap(wrapped), both.rewrap_own(own)
    new = Vault({"new": new_key}, "new", index)
    assert master_key_id(wrapped) == "new"
    assert new.open(wrapped, sealed, "c") == b"plain"
    assert new.open_own(own, "staff:1") == b"totp"
    with pytest.raises(BusinessError) as refused:
        old.open(wrapped, sealed, "c")
    assert refused.value.code == "wrong-master-key"


def test_the_blind_index_tells_kinds_apart_and_needs_its_key(vault: Vault) -> None:
    assert vault.index("iin", "880412401006") == vault.index("iin", "880412401006")
    assert vault.index("iin", "880412401006") != vault.index("phone", "880412401006")
    assert Vault({"a": _key()}, "a", _key()).index("iin", "1") != vault.index("iin", "1")


@pytest.mark.parametrize(
    ("master", "current", "index"),
    [({"a": b"short"}, "a", bytes(32)), ({"a": bytes(32)}, "b", bytes(32)), ({"a": bytes(32)}, "a", b"")],
)
def test_impossible_keys_are_refused(master: dict[str, bytes], current: str, index: bytes) -> None:
    with pytest.raises(ValueError, match="key"):
        Vault(master, current, index)


def test_keys_come_from_settings_as_base64() -> None:
    text = base64.b64encode(bytes(32)).decode()
    assert Vault.from_base64({"a": text}, "a", text).index("iin", "1") == Vault({"a": bytes(32)}, "a", bytes(32)).index(
        "iin", "1"
    )


async def test_a_wrong_missing_or_swapped_key_is_refused(separate) -> None:
    database, key, index = Database(separate.app), _key(), _key()

    async def check(vault: Vault) -> None:
        async with database.begin() as session:
            await check_master_key(session, vault)

    await check(Vault({"one": key}, "one", index))
    await check(Vault({"one": key}, "one", index))
    await check(Vault({"one": key, "two": _key()}, "one", index))  # the next one is told before it is current
    for wrong in (
        Vault({"one": _key()}, "one", index),
        Vault({"one": key}, "one", _key()),
        Vault({"two": _key()}, "two", index),
    ):
        with pytest.raises(BusinessError) as refused:
            await check(wrong)
        assert refused.value.code == "wrong-master-key"
    async with database.begin() as session:
        assert [canary.key_id for canary in await session.exec(select(MasterKeyCanary))] == ["one"]
    await database.close()


async def test_rotation_brings_everything_under_the_new_key(a_person, separate, monkeypatch) -> None:
    monkeypatch.setattr("storage.rotation._AT_ONCE", 50)  # so that it takes more than one go
    old_key, new_key, index = _key(), _key(), _key()
    old, both = Vault({"old": old_key}, "old", index), Vault({"old": old_key, "new": new_key}, "new", index)
    new = Vault({"new": new_key}, "new", index)
    application, owner = Database(separate.app), Database(separate.superuser)
    person = a_person()
    async with application.begin() as session:
        await check_master_key(session, old)
        client = await Clients(old).register(session, person, ClientKind.INDIVIDUAL, "ru", "2025")
        for _ in range(120):
            await Clients(old).register(session, a_person(), ClientKind.INDIVIDUAL, "ru", "2025")
        staff = Staff(
            login="o",
            name="O",
            roles=["officer"],
            password_hash="x",
            totp_secret=old.seal_own(b"secret", "totp:o"),
            created_at=await now(session),
        )
        session.add(staff)
        at = await now(session)
        session.add(
            OutboxAction(
                id="a",
                workflow_id="w",
                workflow="W",
                operation="start",
                name="n",
                argument=old.seal_own(b"{}", "outbox:a"),
                created_at=at,
                next_attempt_at=at,
            )
        )
    words = await _decided_words(application, old, staff.id)
    async with owner.begin() as session:
        assert await rotate_master(session, both) == 128
        assert await rotate_master(session, both) == 0
    async with application.begin() as session:
        await check_master_key(session, new)
        kept = await Clients(new).get(session, client.id)
        assert Clients(new).person(kept) == person
        assert all(master_key_id(one.data_key) == "new" for one in await session.exec(select(Client)))
        stored = await session.get(Staff, staff.id)
        assert stored is not None
        assert new.open_own(stored.totp_secret, "totp:o") == b"secret"
        assert new.open_own((await session.get_one(OutboxAction, "a")).argument, "outbox:a") == b"{}"
        assignment = await session.get_one(PaymentAssignment, words)
        assert assignments.other_account(new, assignment) == ACCOUNT
        with pytest.raises(BusinessError):
            await check_master_key(session, old)
        with pytest.raises(BusinessError):
            await check_master_key(session, Vault({"old": _key(), "new": new_key}, "old", index))
        await check_master_key(session, both)
        await check_master_key(session, Vault({"old": old_key, "new": new_key}, "old", index))
        with pytest.raises(BusinessError):
            await check_master_key(session, new)  # the old key is in use again
    await application.close()
    await owner.close()


async def test_no_clear_personal_data_stands_in_the_clients_row(a_person, database: Database, clients: Clients) -> None:
    person = a_person()
    async with database.begin() as session:
        client = await clients.register(session, person, ClientKind.INDIVIDUAL, "kk", "2025")
    async with database.begin() as session:
        row = (await run(session, "select c::text from client c where id = :id", id=client.id)).scalar_one()
    for secret in (person.iin, person.phone, person.surname, person.given_name, person.document.number):
        assert secret not in row
        assert secret.encode().hex() not in row


async def _decided_words(application: Database, old: Vault, one: UUID) -> UUID:
    """Two people have said that money goes back by another account: never changed again but in its wrapping."""
    async with application.begin() as session:
        other = Staff(
            login="p", name="P", roles=["officer"], password_hash="x", totp_secret=old.seal_own(b"s", "totp:p"),
            created_at=await now(session),
        )  # fmt: skip
        session.add(other)
        received = Received(key="bank:1", channel="BANK", amount=Money(1), value_date=date(2026, 1, 15))
        payment, _ = await IncomingPayments(old).keep(session, received)
        word = await assignments.propose(session, payment.id, None, "sent-by-mistake", one)
        await assignments.confirm(session, payment.id, word.id, other.id)
        tried, _ = await payments.intend(
            session, key=f"return:{payment.id}", purpose="return", request_hash="h", amount=Money(1),
            account_sealed=old.seal_own(b"a", "a"), incoming_payment_id=payment.id,
        )  # fmt: skip
        await payments.settle(session, tried.key, "refused")
        account = assignments.sealed(old, ACCOUNT)
        word = await assignments.propose(session, payment.id, None, "account-closed", one, account=account)
        await assignments.confirm(session, payment.id, word.id, other.id)
    return word.id
