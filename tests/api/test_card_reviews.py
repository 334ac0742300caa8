"""A card that two readings disagree on: sealed for the officer, shown to nobody else, nowhere in evidence or audit."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlmodel import col, select

from activities.cards import CardResult, Cards, CardShown
from activities.context import Records
from rules.client import ClientKind, IdentityDocument, Person
from rules.errors import InvalidInput
from rules.evidence import CardReading, CardSide, DocumentFields, DocumentOutcome, DocumentReading, FrontFields
from storage.reviews import open_review
from storage.tables import AuditEntry, Check, Document
from tests.support.api_world import Colleague, assert_problem, new_iin, new_phone

SURNAME, OTHER = "ӨТЕГЕНОВА", "ЩЕРБАКОВА"
NUMBER = "031337514"


class Reader:
    """Says that the front shows another surname than the MRZ; the back may be the picture given as the front."""

    def __init__(self, iin: str, *, swapped: bool = False, surname: str = OTHER, broken: bool = False) -> None:
        self._iin, self._swapped, self._surname, self._broken = iin, swapped, surname, broken

    def read(self, front: bytes, back: bytes) -> CardReading:
        if self._broken:
            raise InvalidInput("image-unreadable")
        fields = DocumentFields(
            number=NUMBER, iin=self._iin, birth_date="1988-04-12", sex="F", expires="2035-04-11",
            surname="OTEGENOVA", given_name="ASEL", issuer="KAZ", document_type="ID",
        )  # fmt: skip
        back_read = DocumentReading(
            outcome=DocumentOutcome.READ, format="TD1", fields=fields, lines=["IDKAZ...", "...", "OTEGENOVA<<ASEL"],
            second=["IDKAZ...", "...", "OTEGEN0VA<<ASEL"],
        )  # fmt: skip
        seen = FrontFields(surname=self._surname, given_name="ӘСЕЛ", birth_date="1988-04-12", iin=self._iin)
        return CardReading(
            sides={"front": CardSide.FRONT, "back": CardSide.BACK}, swapped=self._swapped, back=back_read, front=seen,
            portrait_pixels=140, model_sha256={"mrz_lines.onnx": "0" * 64},
        )  # fmt: skip

    def read_back(self, image: bytes) -> DocumentReading:
        raise NotImplementedError

    def portrait(self, front: bytes) -> bytes:
        raise NotImplementedError

    def cut(self, image: bytes) -> bytes:
        return b"cut " + image


async def _read(records: Records, **more: Any) -> tuple[CardResult, CardShown, str]:
    """A registration whose card was read."""
    iin = new_iin()
    person = Person(
        surname=SURNAME, given_name="Әсел", iin=iin, phone=new_phone(),
        document=IdentityDocument(number=NUMBER, expires=date(2035, 4, 11)),
    )  # fmt: skip
    async with records.moment() as moment:
        client = await records.clients.register(moment.session, person, ClientKind.INDIVIDUAL, "kk", "2025")
        kept = [
            await records.documents.keep(
                moment.session, side.encode(), kind=f"id_card_{side}", media_type="image/jpeg", direction="received",
                client=client, retain_until=moment.retain_until(),
            )
            for side in ("front", "back")
        ]  # fmt: skip
        shown = CardShown(client_id=client.id, front_id=kept[0].id, back_id=kept[1].id)
    return await Cards(records, Reader(iin, **more)).read_card(shown), shown, iin


async def _check(records: Records, client_id: UUID) -> Check:
    async with records.database.begin() as session:
        return (await session.exec(select(Check).where(col(Check.client_id) == client_id))).one()


async def _review(records: Records, client_id: UUID, ground: str) -> UUID:
    async with records.database.begin() as session:
        workflow = f"registration/{client_id}"
        review = await open_review(session, kind="IDENTITY", workflow_id=workflow, ground=ground, client_id=client_id)
        return review.id


async def test_the_officer_sees_all_readings_and_the_look_is_audited(
    records: Records, new_colleague: Callable[..., Any]
) -> None:
    result, shown, iin = await _read(records)
    assert (result.outcome.value, result.ground) == ("review", "document-front-name-differs")
    review_id = await _review(records, shown.client_id, "document-front-name-differs")
    officer: Colleague = await new_colleague("officer")
    await officer.log_in()
    answer = await officer.http.get(f"/staff/api/reviews/{review_id}/card")
    assert answer.status_code == 200
    told = answer.json()
    assert (told["typed"]["surname"], told["mrz"]["surname"], told["front"]["surname"]) == (SURNAME, "OTEGENOVA", OTHER)
    assert (told["mrz_first"][2], told["mrz_second"][2]) == ("OTEGENOVA<<ASEL", "OTEGEN0VA<<ASEL")
    assert (told["typed"]["iin"], told["front"]["iin"]) == (iin, iin)
    assert told["differences"] == ["document-front-name-differs"]
    assert told["front_picture"] == "Y3V0IGZyb250"  # "cut front"
    async with records.database.begin() as session:
        query = select(AuditEntry).where(col(AuditEntry.subject) == f"client:{shown.client_id}")
        rows = (await session.exec(query)).all()
    looked = [row for row in rows if row.action == "card-reading-opened"]
    assert [(row.actor, row.detail["review"]) for row in looked] == [(f"staff:{officer.staff_id}", str(review_id))]


async def test_nothing_that_was_read_stands_in_evidence_or_audit(records: Records) -> None:
    _, shown, iin = await _read(records)
    check = await _check(records, shown.client_id)
    assert set(check.evidence) == {"inputs", "asked", "policy", "models", "result"}
    assert check.evidence["policy"] == {"document-name-same": "90", "document-portrait-pixels": "60"}
    assert check.evidence["inputs"]["front"] == str(shown.front_id)
    async with records.database.begin() as session:
        reading = await session.get_one(Document, UUID(check.evidence["inputs"]["reading"]))
        audited = (await session.exec(select(AuditEntry).order_by(col(AuditEntry.n).desc()).limit(50))).all()
    assert (reading.kind, reading.client_id, reading.direction) == ("document_reading", shown.client_id, "made")
    said = json.dumps([check.evidence, [row.detail for row in audited]], ensure_ascii=False)
    assert not [word for word in (SURNAME, OTHER, "OTEGENOVA", iin, NUMBER) if word in said]
    sealed = await records.documents.archive.get(reading.key, reading.version_id)
    assert OTHER.encode() not in sealed


async def test_a_card_that_agrees_leaves_no_reading(records: Records) -> None:
    result, shown, _ = await _read(records, surname=SURNAME)
    assert result.outcome.value == "passed"
    assert set((await _check(records, shown.client_id)).evidence["inputs"]) == {"front", "back"}


async def test_exchanged_sides_tell_which_picture_is_the_front(records: Records) -> None:
    result, shown, _ = await _read(records, swapped=True, surname=SURNAME)
    assert result.front_id == shown.back_id
    assert set(result.step_result().model_dump()) == {"step", "outcome", "ground", "attempts_left"}


async def test_an_unreadable_picture_is_a_finding(records: Records) -> None:
    result, shown, _ = await _read(records, broken=True)
    assert (result.outcome.value, result.ground) == ("retry", "image-unreadable")
    assert set((await _check(records, shown.client_id)).evidence) == {"inputs", "asked", "policy", "models", "result"}


@pytest.mark.parametrize("ground", ["face-unsure", "document-name-differs"])
async def test_a_review_about_something_else_shows_no_card(
    records: Records, new_colleague: Callable[..., Any], ground: str
) -> None:
    _, shown, _ = await _read(records)
    review_id = await _review(records, shown.client_id, ground)
    officer: Colleague = await new_colleague("officer")
    await officer.log_in()
    assert_problem(await officer.http.get(f"/staff/api/reviews/{review_id}/card"), 404, "not-found")
    assert_problem(await officer.http.get(f"/staff/api/reviews/{uuid4()}/card"), 404, "not-found")


async def test_only_officers_open_it(records: Records, new_colleague: Callable[..., Any]) -> None:
    _, shown, _ = await _read(records)
    review_id = await _review(records, shown.client_id, "document-front-name-differs")
    for role in ("compliance", "oncall", "auditor", "cashier"):
        other: Colleague = await new_colleague(role)
        await other.log_in()
        assert_problem(await other.http.get(f"/staff/api/reviews/{review_id}/card"), 403, "role-needed")
