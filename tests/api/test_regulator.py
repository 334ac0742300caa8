"""What the regulator reads through the API, and what nobody else's role opens; staff see no door of the regulator's."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy.exc import DBAPIError

from activities.bundles import orders
from activities.context import Records
from activities.report_inbox import ReportInbox
from activities.report_snapshots import SnapshotSource
from activities.reports import ReportRef, Reports, SnapshotWanted, VersionRef
from cli.staff import create
from rules.lender import EXAMPLE
from storage import audit, seals
from storage.database import Database
from storage.tables import AuditSeal, RegulatorNotice
from tests.support.api_world import ORIGIN, PASSWORD, Colleague, assert_problem
from tests.support.loan_world import LoanWorld, a_loan
from tests.support.report_world import Key, Portal, State

BASE = "/regulator/api"
HERE = {"Origin": ORIGIN}
CODE = "complaints"


@pytest.fixture
async def regulator(new_colleague: Callable[..., Any]) -> Colleague:
    made: Colleague = await new_colleague("regulator")
    assert (await made.log_in()).status_code == 201
    return made


@pytest.fixture
async def handed_in(records: Records, database_urls: dict[str, str]) -> Any:
    reading = Database(database_urls["read"], pool_size=2)

    async def make(period: str, *, upload: bool = True) -> None:
        steps = Reports(records, SnapshotSource(reading, database_urls["read"], EXAMPLE))
        portal = Portal()
        portal.states = [State("ACCEPTED", None, [])]
        inbox, ref = ReportInbox(records, portal, Key()), VersionRef(version_id=uuid4())
        await steps.take_snapshot(SnapshotWanted(version_id=ref.version_id, ref=ReportRef(code=CODE, period=period)))
        await steps.check_forms(ref)
        await steps.make_files(ref)
        await inbox.sign_files(ref)
        if upload:
            await inbox.upload_report(ref)
            await inbox.ask_receipt(ref)

    yield make
    await reading.close()


async def kept_document(records: Records, content: bytes) -> Any:
    async with records.moment() as moment:
        made = await records.documents.keep(
            moment.session, content, kind="regulator_notice", media_type="application/json", direction="made",
            client=None, retain_until=moment.retain_until(),
        )  # fmt: skip
        return made.id


async def test_reports_that_were_handed_in_are_read_with_files_and_receipts(regulator, handed_in, records) -> None:
    await handed_in("2025-03")
    await handed_in("2025-04", upload=False)
    listed = {(one["code"], one["period"]) for one in (await regulator.http.get(f"{BASE}/reports")).json()}
    assert (CODE, "2025-03") in listed
    assert (CODE, "2025-04") not in listed
    shown = (await regulator.http.get(f"{BASE}/reports/{CODE}/2025-03")).json()
    assert [version["state"] for version in shown["versions"]] == ["ACCEPTED"]
    file = await regulator.http.get(f"{BASE}/reports/{CODE}/2025-03/files/XLSX")
    assert (file.status_code, file.content[:2]) == (200, b"PK")
    receipt = await regulator.http.get(f"{BASE}/reports/{CODE}/2025-03/receipt")
    assert receipt.json()["upload_id"] == shown["versions"][0]["upload_id"]
    for path in ("", "/files/XLSX", "/receipt"):
        assert_problem(await regulator.http.get(f"{BASE}/reports/{CODE}/2025-04{path}"), 404, "report-unknown")
    async with records.moment() as moment:
        trail = await audit.of_subject(moment.session, f"report:{CODE}:2025-03")
    assert f"staff:{regulator.staff_id}" in {one["actor"] for one in trail if one["action"] == "regulator-read-report"}


async def test_notices_are_read_with_their_words(regulator, records) -> None:
    words = await kept_document(records, b'{"description": "a notice"}')
    cms = await kept_document(records, b"cms")
    async with records.moment() as moment:
        notice = RegulatorNotice(
            key=f"resource:{uuid4()}", kind="RESOURCE_OPENING", subject="resource:x", document_id=words, attachments=[],
            cms_document_id=cms, made_at=moment.at,
        )  # fmt: skip
        moment.session.add(notice)
    listed = {one["notice_id"]: one for one in (await regulator.http.get(f"{BASE}/notices")).json()}
    assert listed[str(notice.id)]["has_receipt"] is False
    told = await regulator.http.get(f"{BASE}/notices/{notice.id}/document")
    assert told.json() == {"description": "a notice"}
    assert_problem(await regulator.http.get(f"{BASE}/notices/{notice.id}/receipt"), 404, "not-found")
    assert_problem(await regulator.http.get(f"{BASE}/notices/{uuid4()}/document"), 404, "regulator-notice-unknown")


async def test_the_proof_of_a_loan_is_asked_for_made_by_a_case_and_fetched(regulator, records, door) -> None:
    loan_id = await LoanWorld(records.database).issued(a_loan())
    asked = (await regulator.http.post(f"{BASE}/loans/{loan_id}/bundles", headers=HERE)).json()
    assert asked["workflow_id"] == f"bundle/{loan_id}/1"
    workflow, start = door.started[f"bundle/{loan_id}/1"]
    assert (workflow, str(start.bundle_id)) == ("ExportBundle", asked["bundle_id"])
    assert_problem(await regulator.http.get(f"{BASE}/bundles/{asked['bundle_id']}/file"), 404, "not-found")
    document = await kept_document(records, b"PK the file")
    async with records.moment() as moment:
        row = await orders.get(moment, start.bundle_id, lock=True)
        row.document_id, row.sha256, row.made_at = document, "0" * 64, moment.at
        moment.session.add(row)
    assert (await regulator.http.get(f"{BASE}/bundles/{asked['bundle_id']}")).json()["made_at"] is not None
    assert (await regulator.http.get(f"{BASE}/bundles/{asked['bundle_id']}/file")).content == b"PK the file"
    again = (await regulator.http.post(f"{BASE}/loans/{loan_id}/bundles", headers=HERE)).json()
    assert again["n"] == 2
    unknown = await regulator.http.post(f"{BASE}/loans/{uuid4()}/bundles", headers=HERE)
    assert_problem(unknown, 404, "loan-unknown")


async def test_the_newest_seal_is_shown(regulator, records) -> None:
    document = await kept_document(records, b"seal")
    async with records.moment() as moment:
        newest = await seals.last_seal(moment.session)
        n, first = (1, 1) if newest is None else (newest.n + 1, newest.last + 1)
        moment.session.add(
            AuditSeal(
                n=n, first=first, last=first + 1, root="a" * 64, head="b" * 64, document_id=document,
                cms_document_id=document, sealed_at=datetime.now(UTC),
            )
        )  # fmt: skip
    shown = (await regulator.http.get(f"{BASE}/audit")).json()
    assert (shown["last_row"], shown["root"]) == (first + 1, "a" * 64)


@pytest.mark.parametrize("role", ["officer", "compliance", "oncall", "auditor", "cashier"])
async def test_no_other_role_reads_here(new_colleague, role) -> None:
    other = await new_colleague(role)
    await other.log_in()
    for path in ("/reports", "/notices", "/audit"):
        assert_problem(await other.http.get(f"{BASE}{path}"), 403, "role-needed")


async def test_the_regulator_opens_no_door_of_the_staff(regulator, the_app) -> None:
    paths = {
        path
        for path, methods in the_app.openapi()["paths"].items()
        if path.startswith("/staff/api/") and "get" in methods and "{" not in path
    }
    open_to_all = {"/staff/api/me"}
    assert len(paths) > 10
    for path in sorted(paths - open_to_all):
        answer = await regulator.http.get(path)
        assert answer.status_code in (403, 422), path


async def test_who_is_not_logged_in_reads_nothing(http) -> None:
    assert_problem(await http.get(f"{BASE}/reports"), 401, "log-in-needed")


async def test_the_database_gives_the_regulator_no_second_role(records) -> None:
    with pytest.raises(DBAPIError, match="staff_roles_check"):
        async with records.database.begin() as session:
            await create(session, records.vault, f"r{uuid4().hex[:10]}", "R", ["regulator", "officer"], PASSWORD)
