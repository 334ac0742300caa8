"""One record an identification: complete, compared with rows and archive, judged again. On real PostgreSQL and archive.

The judges are played here, so that each difference is made to order; with the real models: tests/e2e/test_evidence.py.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import date
from typing import TYPE_CHECKING, Any
from uuid import UUID

import psycopg
import pytest

from activities import identifications
from activities.context import Records
from activities.identifications_again import CannotRepeat, IdentificationsAgain, Judgement, Repeater, Verified
from rules.client import ClientKind, IdentityDocument, Person
from rules.errors import NotFound
from storage import reviews
from storage.database import libpq_url
from storage.tables import Check, Client, Identification
from tests.support.api_world import new_iin, new_phone
from tests.support.cash_world import hired
from tests.support.servicing_world import opened_records

if TYPE_CHECKING:
    from infra.settings import Archive as ArchiveSettings

SCORE = {"cosine": 0.7213, "decision": "same", "steps": ["left", "up"]}


@pytest.fixture(scope="module")
async def records(database_url: str, archive_settings: ArchiveSettings) -> AsyncIterator[Records]:
    async with opened_records(database_url, archive_settings) as kept:
        yield kept


async def registrant(records: Records) -> Client:
    person = Person(
        surname="АХМЕТОВА", given_name="АЙГЕРІМ", iin=new_iin(), phone=new_phone(),
        document=IdentityDocument(number="012345678", expires=date(2035, 4, 11)),
    )  # fmt: skip
    async with records.moment() as moment:
        return await records.clients.register(moment.session, person, ClientKind.INDIVIDUAL, "kk", "2025b")


async def checked(
    records: Records,
    client: Client,
    step: str,
    outcome: str = "passed",
    ground: str | None = None,
    *,
    picture: bytes = b"",
) -> UUID | None:
    """A check in the database, over an archived picture where one is given."""
    async with records.moment() as moment:
        inputs: dict[str, str] = {}
        if picture:
            document = await records.documents.keep(
                moment.session, picture, kind="selfie", media_type="image/jpeg", direction="received", client=client,
                retain_until=moment.retain_until(),
            )  # fmt: skip
            inputs["selfie"] = str(document.id)
        evidence: dict[str, Any] = {"inputs": inputs, "policy": {"face-same-cosine": "0.40"}, "result": SCORE}
        moment.session.add(
            Check(
                client_id=client.id, act="REGISTRATION", step=step, outcome=outcome, ground=ground,
                policy_version=moment.policy.version, evidence=evidence, at=moment.at,
            )
        )  # fmt: skip
    return UUID(inputs["selfie"]) if inputs else None


async def closed(records: Records, client: Client, ground: str | None = None) -> Identification | None:
    async with records.moment() as moment:
        client = await records.clients.get(moment.session, client.id)
        return await identifications.close(
            records, moment, client, "REGISTRATION", edition=client.edition, ground=ground
        )


async def registered(records: Records, picture: bytes = b"a selfie") -> tuple[Client, Identification]:
    client = await registrant(records)
    await checked(records, client, "phone")
    await checked(records, client, "face", picture=picture)
    await checked(records, client, "signature")
    row = await closed(records, client)
    assert row is not None
    return client, row


def same(check: dict[str, Any], inputs: Any, person: Person) -> Judgement:
    """A judge who sees what was seen then."""
    assert inputs["selfie"] == b"a selfie"
    return Judgement(check["ground"], {**SCORE, "cosine": 0.7214})


async def verified(records: Records, row: Identification, face: Repeater = same) -> Verified:
    return await IdentificationsAgain(records, {"face": face}).verify(row.id)


async def test_the_record_tells_everything_and_is_judged_the_same(records: Records) -> None:
    client, row = await registered(records)
    async with records.moment() as moment:
        document, content = await records.documents.load(moment.session, row.document_id)
    assert (document.kind, document.sha256) == ("identification_evidence", row.sha256)
    assert client.id.hex not in content.hex()
    for personal in ("АХМЕТОВА", "+7701"):
        assert personal.encode() not in content
    found = await verified(records, row)
    assert (found.same, found.findings, found.outcome) == (True, [], "PASSED")
    assert [(one.step, one.repeated, one.same) for one in found.checks][:2] == [
        ("phone", False, True),
        ("face", True, True),
    ]


async def test_a_check_made_while_the_end_waited_is_in_this_record_and_in_no_other(records: Records) -> None:
    client = await registrant(records)
    async with records.moment() as moment:  # its instant lies before the checks that it will see
        for step in ("phone", "face"):
            await checked(records, client, step, picture=b"a selfie" if step == "face" else b"")
        waited = await records.clients.get(moment.session, client.id)
        row = await identifications.close(records, moment, waited, "REGISTRATION", edition=client.edition)
    assert row is not None
    assert moment.at < row.began_at < row.ended_at
    assert len((await verified(records, row)).checks) == 2
    assert await closed(records, client) is None


async def test_another_answer_of_the_judge_is_named(records: Records) -> None:
    _, row = await registered(records)
    found = await verified(records, row, lambda *_: Judgement("face-different", {**SCORE, "cosine": 0.1}))
    assert not found.same
    assert found.checks[1].differences == [
        "ground: None then, face-different now",
        "result.cosine: 0.7213 then, 0.1 now",
    ]


async def test_a_check_that_cannot_be_made_again_is_not_called_the_same(records: Records) -> None:
    def gone(*_: Any) -> Judgement:
        raise CannotRepeat("model sface.onnx of then is not here")

    _, row = await registered(records)
    found = await verified(records, row, gone)
    assert (found.same, found.checks[1].repeated, found.checks[1].why) == (
        False, False, "model sface.onnx of then is not here",
    )  # fmt: skip


async def test_a_changed_row_and_a_changed_record_are_named(records: Records, database_urls: dict[str, str]) -> None:
    client, row = await registered(records)
    change = "update identification_check set outcome = 'review' where client_id = %s and step = 'face'"
    with psycopg.connect(libpq_url(database_urls["postgres"]), autocommit=True) as superuser:
        superuser.execute("set session_replication_role = replica")  # past the guards
        superuser.execute(change, [client.id])
        superuser.execute("update identification set ground = 'x', outcome = 'REFUSED' where id = %s", [row.id])
    found = await verified(records, row)
    assert not found.same
    assert [one.partition(":")[0] for one in found.findings] == [
        "record", "record", f"check {found.checks[1].check}"
    ]  # fmt: skip


async def test_passed_on_less_than_the_edition_asks_for_is_named(records: Records) -> None:
    client = await registrant(records)
    await checked(records, client, "face", picture=b"a selfie")
    row = await closed(records, client)
    assert row is not None
    assert (await verified(records, row)).findings == ["record: passed on less than the edition asks for"]


async def test_each_identification_has_its_own_checks(records: Records) -> None:
    client, first = await registered(records)
    assert await closed(records, client) is None  # nothing was shown since
    await checked(records, client, "face", "refused", "face-different")
    second = await closed(records, client, "face-different")
    assert second is not None
    assert (first.n, second.n, second.outcome, second.ground) == (1, 2, "REFUSED", "face-different")
    found = await verified(records, second, lambda check, *_: Judgement(check["ground"], SCORE))
    assert (found.same, len(found.checks)) == (True, 1)


@pytest.mark.parametrize(("decision", "shown"), [("approve", ["face"]), ("refuse", []), (None, [])])
async def test_an_officers_approval_counts_for_the_doubt_it_was_about(
    records: Records, decision: str | None, shown: list[str]
) -> None:
    client = await registrant(records)
    await checked(records, client, "face", "review", "face-unsure")
    async with records.moment() as moment:
        review = await reviews.open_review(
            moment.session, kind="IDENTITY", workflow_id=f"registration/{client.id}", ground="face-unsure",
            client_id=client.id,
        )  # fmt: skip
    officer = await hired(records, None, "officer")
    if decision is not None:
        async with records.moment() as moment:
            await reviews.claim(moment.session, review.id, officer)
            await reviews.decide(moment.session, review.id, officer, decision, "same-person")
    row = await closed(records, client)
    assert row is not None
    async with records.moment() as moment:
        _, content = await records.documents.load(moment.session, row.document_id)
    record = json.loads(content)
    assert (record["shown"], [one["staff_id"] for one in record["decisions"]]) == (
        shown, [str(officer)] if decision else [],
    )  # fmt: skip


async def test_nobody_knows_another_id(records: Records) -> None:
    with pytest.raises(NotFound, match="identification-unknown"):
        await IdentificationsAgain(records, {}).verify(UUID(int=7))
