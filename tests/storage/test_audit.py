"""The audit trail: chained by the database, verified outside of it, and a forger is named."""

from __future__ import annotations

import asyncio

import psycopg
import pytest

from storage import audit
from storage.database import Database, libpq_url


async def _append(database: Database, number: int, entries: int = 1) -> None:
    async with database.begin() as session:
        for entry in range(entries):
            await audit.record(
                session,
                actor="system:test",
                action="counted",
                subject=f"test:{number}",
                reason='quotes " and ю',
                paragraph="32",
                detail={"entry": entry, "text": "әріп", "list": [1, None, {"deep": 0.1}]},
            )


async def test_entries_of_parallel_transactions_form_one_chain(separate) -> None:
    database = Database(separate.app, pool_size=8)
    await asyncio.gather(*(_append(database, number, entries=3) for number in range(20)))
    async with database.begin() as session:
        report = await audit.verify(session)
        assert report.verified
        assert report.rows == 60
        entries = await audit.of_subject(session, "test:7")
        assert [entry["detail"]["entry"] for entry in entries] == [0, 1, 2]
        assert report.head != audit.START
    await database.close()


async def test_an_empty_trail_is_whole(separate) -> None:
    database = Database(separate.app)
    async with database.begin() as session:
        assert await audit.verify(session) == audit.AuditReport(rows=0, head=audit.START, verified=True)
    await database.close()


async def test_what_is_rolled_back_leaves_no_entry_and_no_gap(separate) -> None:
    database = Database(separate.app)
    await _append(database, 1)

    async def fail() -> None:
        async with database.begin() as session:
            await audit.record(session, actor="system:test", action="lost", subject="test:2")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    await _append(database, 3)
    async with database.begin() as session:
        report = await audit.verify(session)
        assert (report.rows, report.verified) == (2, True)
        assert await audit.of_subject(session, "test:2") == []
    await database.close()


@pytest.mark.parametrize(
    ("forgery", "row", "problem"),
    [
        ("update audit_entry set actor = 'staff:innocent' where n = 4", 4, "changed"),
        ("update audit_entry set detail = '{}' where n = 1", 1, "changed"),
        ("update audit_entry set at = at + interval '1 microsecond' where n = 10", 10, "changed"),
        ("delete from audit_entry where n = 5", 6, "row 5 is missing"),
        ("update audit_entry set hash = previous where n = 3", 3, "changed"),
        (
            "delete from audit_entry where n = 5; update audit_entry set n = n - 1 where n > 5",
            5,
            "the hash of the row before is another one",
        ),
    ],
)
async def test_a_superuser_who_forges_a_row_is_found_at_that_row(separate, forgery, row, problem) -> None:
    database = Database(separate.app)
    await _append(database, 1, entries=10)
    with psycopg.connect(libpq_url(separate.superuser)) as connection:
        connection.execute("set session_replication_role = replica")
        connection.execute(forgery)
    async with database.begin() as session:
        report = await audit.verify(session)
    await database.close()
    assert not report.verified
    assert report.forged_row == row
    assert problem in (report.problem or "")
    assert report.rows == min(row, 5 if "missing" in problem else row) - 1


async def test_a_cut_end_and_a_chain_made_anew_are_found_by_a_head_noted_elsewhere(separate) -> None:
    database = Database(separate.app)
    await _append(database, 1, entries=4)
    async with database.begin() as session:
        noted = await audit.verify(session)
    with psycopg.connect(libpq_url(separate.superuser)) as connection:
        connection.execute("set session_replication_role = replica")
        connection.execute("delete from audit_entry where n > 2")
    async with database.begin() as session:
        assert (await audit.verify(session)).verified, "the chain alone cannot know"
        cut = await audit.verify(session, (noted.rows, noted.head))
        other = await audit.verify(session, (2, noted.head))
    await database.close()
    assert (cut.verified, cut.forged_row) == (False, 3)
    assert (other.verified, other.forged_row) == (False, 2)
