"""Documents on a real S3 server with object lock: locked, sealed, and read back as they were."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import pytest
from minio.commonconfig import COMPLIANCE, GOVERNANCE
from minio.deleteobjects import DeleteObject
from minio.error import S3Error
from minio.retention import Retention

from rules.errors import BrokenContract, BusinessError, NotFound, Unavailable
from storage import audit
from storage.archive import Archive
from storage.archive_lock import HELD, check_lock, clear_old_scratch, lock_is_sound
from storage.database import Database, run
from storage.documents import Documents
from storage.tables import Client
from storage.vault import Vault

SOON = timedelta(minutes=5)
PDF = b"%PDF-1.7 " + secrets.token_bytes(50_000)


def _soon() -> datetime:
    return datetime.now(UTC) + SOON


@pytest.fixture
def documents(archive: Archive, vault: Vault) -> Documents:
    """Documents on the archive server."""
    return Documents(archive, vault)


async def test_what_is_put_comes_back_with_version_hash_size_and_lock(archive: Archive) -> None:
    content, until, before = secrets.token_bytes(200_000), _soon(), datetime.now(UTC)
    stored = await archive.put(content, "contract", until)
    assert stored.key.startswith(tuple(f"contract/{at:%Y/%m}/" for at in (before, datetime.now(UTC))))
    assert (stored.sha256, stored.size) == (sha256(content).hexdigest(), 200_000)
    assert until <= stored.retain_until < until + timedelta(seconds=1)
    assert await archive.get(stored.key, stored.version_id) == content
    assert (await archive.put(content, "contract", until)).key != stored.key


async def test_nobody_deletes_shortens_or_softens_a_document(archive: Archive) -> None:
    stored = await archive.put(b"kept", "contract", _soon())
    client, bucket = archive._client, archive._bucket
    where = {"bucket_name": bucket, "object_name": stored.key, "version_id": stored.version_id}
    for attempt in (
        lambda: client.remove_object(**where),
        lambda: client.set_object_retention(
            **where, config=Retention(COMPLIANCE, datetime.now(UTC) + timedelta(seconds=5))
        ),
        lambda: client.set_object_retention(**where, config=Retention(GOVERNANCE, _soon())),
        lambda: client.remove_bucket(bucket_name=bucket),
    ):
        with pytest.raises(S3Error):
            attempt()
    refused = list(
        client.remove_objects(bucket_name=bucket, delete_object_list=[DeleteObject(stored.key, stored.version_id)])
    )
    assert len(refused) == 1
    client.remove_object(bucket_name=bucket, object_name=stored.key)  # only a marker
    assert await archive.get(stored.key, stored.version_id) == b"kept"


async def test_a_lock_is_extended_and_never_shortened(archive: Archive) -> None:
    stored = await archive.put(b"kept", "contract", _soon())
    later = stored.retain_until + timedelta(hours=1)
    await archive.extend(stored.key, stored.version_id, later)
    assert archive._locked_until(stored.key, stored.version_id, {}) == later
    await archive.extend(stored.key, stored.version_id, stored.retain_until)
    assert archive._locked_until(stored.key, stored.version_id, {}) == later


async def test_the_vital_rules_of_the_lock_hold(archive: Archive) -> None:
    checks = await archive.verify_lock()
    assert [check.rule for check in checks if check.vital and check.result != HELD] == []
    assert lock_is_sound(checks)
    assert len(checks) == 14
    assert all(check.result == HELD or "worked around" in check.result for check in checks)


def test_a_store_without_lock_is_broken(archive: Archive) -> None:
    class Careless:
        """Does everything that a locked store must refuse."""

        def __init__(self, real) -> None:
            self.real = real

        def __getattr__(self, name: str):
            if name in ("remove_object", "remove_bucket", "set_bucket_versioning"):
                return lambda **_: None
            if name == "remove_objects":
                return lambda **_: iter(())
            return getattr(self.real, name)

    checks = check_lock(Careless(archive._client), archive._bucket)  # type: ignore[arg-type]
    assert not lock_is_sound(checks)
    broken = {check.rule for check in checks if check.result == "BROKEN"}
    assert "deleting a locked version is refused" in broken
    assert "suspending versions is refused" in broken
    assert "shortening is refused" not in broken


def test_scratch_buckets_of_earlier_days_are_cleared_when_free(archive: Archive) -> None:
    client, bucket = archive._client, archive._bucket
    now = datetime.now(UTC)
    over, fresh = (f"{bucket}-check-{now - timedelta(minutes=age):%Y%m%d%H%M%S}-abcdef" for age in (21, 1))
    for name in (over, fresh, f"{bucket}-check-mine"):
        client.make_bucket(bucket_name=name)
    assert clear_old_scratch(client, bucket, now) == 1
    assert not client.bucket_exists(bucket_name=over)
    assert all(client.bucket_exists(bucket_name=name) for name in (fresh, f"{bucket}-check-mine", bucket))


async def test_a_bucket_without_lock_is_not_taken_as_an_archive(archive: Archive, archive_settings) -> None:
    archive._client.make_bucket(bucket_name="nesie-without-lock")
    careless = Archive(
        archive_settings.endpoint,
        archive_settings.access_key,
        archive_settings.secret_key.get_secret_value(),
        "nesie-without-lock",
    )
    with pytest.raises(BrokenContract, match="archive"):
        await careless.prepare()
    await careless.close()


async def test_an_archive_that_is_away_is_a_fault() -> None:
    away = Archive("127.0.0.1:1", "a", "s", "nesie-documents")
    with pytest.raises(Unavailable, match="archive"):
        await away.put(b"x", "contract", _soon())
    await away.close()


async def test_a_document_comes_back_as_it_was(database: Database, documents: Documents, client: Client) -> None:
    async with database.begin() as session:
        kept = await documents.keep(
            session,
            PDF,
            kind="contract",
            media_type="application/pdf",
            direction="sent",
            client=client,
            retain_until=_soon(),
        )
    assert (kept.sha256, kept.size) == (sha256(PDF).hexdigest(), len(PDF))
    async with database.begin() as session:
        document, content = await documents.load(session, kept.id)
        assert content == PDF
        assert document.client_id == client.id
        entry = (await audit.of_subject(session, f"document:{kept.id}"))[0]
        assert entry["detail"]["sha256"] == kept.sha256
        assert entry["detail"]["version"] == kept.version_id


async def test_the_archive_holds_only_sealed_bytes(database, archive, documents, client) -> None:
    marker = b"IIN 880412401006"
    async with database.begin() as session:
        kept = await documents.keep(
            session,
            marker * 100,
            kind="message",
            media_type="text/plain",
            direction="received",
            client=client,
            retain_until=_soon(),
        )
    raw = await archive.get(kept.key, kept.version_id)
    assert marker not in raw
    assert sha256(raw).hexdigest() == kept.sealed_sha256
    assert str(client.id) not in kept.key


async def test_a_document_of_no_client_has_a_key_of_its_own(database, documents) -> None:
    async with database.begin() as session:
        kept = await documents.keep(
            session,
            b"list",
            kind="sanctions_list",
            media_type="text/xml",
            direction="made",
            client=None,
            retain_until=_soon(),
        )
    assert kept.data_key is not None
    async with database.begin() as session:
        assert (await documents.load(session, kept.id))[1] == b"list"


async def test_altered_swapped_and_absent_bytes_are_noticed(
    database: Database, superuser: str, documents: Documents, client: Client
) -> None:
    kept = []
    async with database.begin() as session:
        for content in (b"one", b"two", b"three", b"four"):
            kept.append(
                await documents.keep(
                    session,
                    content,
                    kind="contract",
                    media_type="text/plain",
                    direction="made",
                    client=client,
                    retain_until=_soon(),
                )
            )
    forged, swapped, absent, wrong = kept
    forger = Database(superuser, pool_size=1)
    change = "update document set {} where id = :id"
    async with forger.begin() as session:
        await run(session, change.format("sha256 = repeat('0', 64)"), id=forged.id)
        await run(
            session,
            change.format("key = :key, version_id = :version, sealed_sha256 = :sha"),
            id=swapped.id,
            key=forged.key,
            version=forged.version_id,
            sha=forged.sealed_sha256,
        )
        await run(session, change.format("key = 'contract/none'"), id=absent.id)
        await run(session, change.format("sealed_sha256 = repeat('0', 64)"), id=wrong.id)
    await forger.close()
    for document, code in [
        (forged, "document-damaged"),
        (swapped, "sealed-damaged"),
        (absent, "document-absent"),
        (wrong, "document-damaged"),
    ]:
        async with database.begin() as session:
            with pytest.raises(BusinessError) as refused:
                await documents.load(session, document.id)
        assert refused.value.code == code
    async with database.begin() as session:
        with pytest.raises(NotFound, match="document-unknown"):
            await documents.load(session, uuid4())


async def test_a_dispute_keeps_a_document_longer(database, archive, documents, client) -> None:
    async with database.begin() as session:
        kept = await documents.keep(
            session, b"x", kind="contract", media_type="t", direction="made", client=client, retain_until=_soon()
        )
    later = kept.retain_until + timedelta(hours=2)
    async with database.begin() as session:
        await documents.extend(session, kept.id, later, "dispute")
        await documents.extend(session, kept.id, _soon(), "shorter is ignored")
    async with database.begin() as session:
        assert (await documents.load(session, kept.id))[0].retain_until == later
        entries = await audit.of_subject(session, f"document:{kept.id}")
        assert [entry["action"] for entry in entries] == ["document-archived", "retention-extended"]
    assert archive._locked_until(kept.key, kept.version_id, {}) == later


def test_no_archive_module_writes_without_an_explicit_retention() -> None:
    source = Path(__file__).parents[2].joinpath("storage/archive.py").read_text()
    assert source.count("put_object(") == 1
    assert "retention=Retention(COMPLIANCE, until)" in source
