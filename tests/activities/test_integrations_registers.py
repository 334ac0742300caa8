"""The bureaus, the identity centre, the register of persons and the sanctions lists."""

from __future__ import annotations

import json
from datetime import date

import httpx
import pytest
from our_adapters import (
    IIN,
    NOW,
    PNG,
    WHO,
    Adapters,
    record,
    submit,
)
from outside_world import CONSENT, Outside, iin, persona

from activities.integrations.aml import AfmLists
from rules.errors import (
    BrokenContract,
    BusinessError,
    Conflict,
    InvalidInput,
    NotFound,
    Unavailable,
)
from rules.money import Money


class TestBureau:
    async def test_a_report_is_read_with_its_bytes(self, world: Outside, adapters: Adapters) -> None:
        contract = {
            "financial_institution": "Bank",
            "agreement_number": "A-1",
            "kind": "MICROCREDIT",
            "outstanding_amount": "1000.50",
            "monthly_payment": "200.00",
            "overdue_days": 3,
            "overdue_amount": "10.00",
        }
        closed = contract | {"agreement_number": "A-0", "actual_end": "2025-02-01", "outstanding_amount": "0.00"}
        world.plant(persona(1, credit={"contracts": [contract, closed], "average_income": None}))
        report = await adapters.bureau.report(IIN, CONSENT, NOW)
        (one,) = report.contracts
        assert (one.microcredit, one.outstanding, one.overdue_days) == (True, Money("1000.50"), 3)
        assert (report.average_income, report.voluntary_refusal, report.max_overdue_days_12_months) == (None, False, 3)
        assert json.loads(report.raw)["report_id"] == report.report_id

    async def test_a_stranger_has_an_empty_report(self, adapters: Adapters) -> None:
        report = await adapters.bureau.report(iin(77), CONSENT, NOW)
        assert (report.contracts, report.voluntary_refusal, report.average_income) == ([], False, None)

    @pytest.mark.parametrize("kind", ["LOAN", "MICROCREDIT", "BOTH"])
    async def test_a_voluntary_refusal_of_any_kind_is_seen(self, world: Outside, adapters: Adapters, kind: str) -> None:
        world.plant(persona(1, credit={"voluntary_refusal": {"active": True, "type": kind}}))
        assert (await adapters.bureau.report(IIN, CONSENT, NOW)).voluntary_refusal is True

    async def test_a_refusal_set_between_two_calls_is_seen_by_the_second(
        self, world: Outside, adapters: Adapters
    ) -> None:
        assert (await adapters.bureau.report(IIN, CONSENT, NOW)).voluntary_refusal is False
        world.fault("bureau", "report", "refusal_set")
        assert (await adapters.bureau.report(IIN, CONSENT, NOW)).voluntary_refusal is True

    @pytest.mark.parametrize(("fault", "text"), [("stale", "bureau-stale"), ("contracts_missing", "bureau-unreadable")])
    async def test_an_old_or_incomplete_report_is_a_broken_contract(
        self, world: Outside, adapters: Adapters, fault: str, text: str
    ) -> None:
        world.fault("bureau", "report", fault)
        with pytest.raises(BrokenContract, match=text):
            await adapters.bureau.report(IIN, CONSENT, NOW)

    async def test_a_batch_sent_twice_is_one_batch(self, world: Outside, adapters: Adapters) -> None:
        assert [await submit(adapters, "b/1", record()) for _ in range(2)] == ["b/1", "b/1"]
        (held,) = world.contracts()
        assert len(held["records"]) == 1

    async def test_other_records_under_a_batch_id_are_refused(self, adapters: Adapters) -> None:
        await submit(adapters, "batch-1", record())
        with pytest.raises(Conflict) as refused:
            await submit(adapters, "batch-1", record(contract_no="C-2"))
        assert refused.value.code == "batch-id-reused"

    async def test_a_record_out_of_schema_is_refused(self, adapters: Adapters) -> None:
        with pytest.raises(InvalidInput) as refused:
            await submit(adapters, "batch-1", record(iin="none"))
        assert refused.value.code == "bureau-records-refused"

    @pytest.mark.parametrize(
        ("fault", "state", "accepted", "rejected"),
        [(None, "DONE", 2, 0), ("partly_accepted", "DONE", 1, 1), ("never_done", "IN_WORK", 0, 0)],
    )
    async def test_what_became_of_a_batch(
        self, world: Outside, adapters: Adapters, fault: str | None, state: str, accepted: int, rejected: int
    ) -> None:
        if fault:
            world.fault("state_bureau", "submit", fault)
        await submit(adapters, "batch-1", record(), record(contract_no="C-2"))
        found = await adapters.bureau.submission("batch-1")
        assert (found.state, found.accepted, len(found.rejected)) == (state, accepted, rejected)

    async def test_the_word_on_another_batch_is_no_answer(self, world: Outside, adapters: Adapters) -> None:
        await submit(adapters, "batch-1", record())
        world.fault("state_bureau", "submission", "wrong_subject")
        with pytest.raises(BrokenContract, match="other-subject"):
            await adapters.bureau.submission("batch-1")

    async def test_an_unknown_batch_is_not_found(self, adapters: Adapters) -> None:
        with pytest.raises(NotFound):
            await adapters.bureau.submission("none")


class TestIdentityCentre:
    async def test_similarity_is_a_fraction(self, world: Outside, adapters: Adapters) -> None:
        world.plant(persona(1, idec_similarity=0.81))
        assert (await adapters.idec.match_face(IIN, PNG, "image/png", "k")).similarity == 0.81

    async def test_percent_are_refused_not_guessed(self, world: Outside, adapters: Adapters) -> None:
        world.fault("idec", "verify", "percent")
        with pytest.raises(BrokenContract, match="idec-not-a-fraction"):
            await adapters.idec.match_face(IIN, PNG, "image/png", "k")

    async def test_the_same_key_gets_the_same_answer(self, world: Outside, adapters: Adapters) -> None:
        world.fault("idec", "verify", "similarity", value=0.2)
        seen = [(await adapters.idec.match_face(IIN, PNG, "image/png", "k")).similarity for _ in range(2)]
        assert seen == [0.2, 0.2]

    @pytest.mark.parametrize(
        ("number", "photo", "media_type", "error", "code"),
        [
            (iin(77), PNG, "image/png", NotFound, "iin-not-found"),
            (IIN, b"text", "image/png", InvalidInput, "no-face"),
            (IIN, b"GIF89a", "image/gif", InvalidInput, "photo-format"),
        ],
    )
    async def test_final_answers(
        self, adapters: Adapters, number: str, photo: bytes, media_type: str, error: type[BusinessError], code: str
    ) -> None:
        with pytest.raises(error) as refused:
            await adapters.idec.match_face(number, photo, media_type, "k")
        assert refused.value.code == code

    async def test_the_state_base_being_down_may_pass(self, world: Outside, adapters: Adapters) -> None:
        world.fault("idec", "verify", "state_db_error")
        with pytest.raises(Unavailable):
            await adapters.idec.match_face(IIN, PNG, "image/png", "k")

    async def test_the_register_knows_the_person(self, adapters: Adapters) -> None:
        person = await adapters.idec.person(IIN, CONSENT)
        assert (person.surname, person.birth_date) == (WHO["surname"], date(1988, 4, 12))
        assert (person.document_number, person.document_expires) == ("000000001", date(2031, 5, 20))

    async def test_a_stranger_is_not_found(self, adapters: Adapters) -> None:
        with pytest.raises(NotFound) as refused:
            await adapters.idec.person(iin(77), CONSENT)
        assert refused.value.code == "iin-not-found"


class TestAmlLists:
    async def test_a_listed_person_is_in_the_list_with_its_bytes(self, world: Outside, adapters: Adapters) -> None:
        for serial, name in enumerate(("active", "wmd", "un", "excluded"), 10):
            world.plant(persona(serial, surname=f"Listed{name}", listing={"list": name}))
        lists = await adapters.aml.current()
        planted = {one.surname: one for one in lists.names if one.surname.startswith("Listed")}
        assert set(planted) == {"Listedactive", "Listedwmd", "Listedun"}
        assert planted["Listedactive"].iin == iin(10)
        assert planted["Listedun"].birth_date == date(1988, 4, 12)
        assert set(lists.raw) == {"active", "wmd", "un"}
        assert b"Listedactive" in lists.raw["active"]

    async def test_an_unchanged_list_is_not_fetched_again(self, world: Outside, adapters: Adapters) -> None:
        first = await adapters.aml.current()
        second = await adapters.aml.current()
        assert second == first
        assert [row["status"] for row in world.calls("aml", "active")] == [200, 304]

    async def test_a_person_added_between_two_screenings_is_seen(self, world: Outside, adapters: Adapters) -> None:
        before = await adapters.aml.current()
        world.plant(persona(10, listing={"list": "active", "with_iin": False, "with_birth_date": False}))
        after = await adapters.aml.current()
        (new,) = [one for one in after.names if one not in before.names]
        assert (new.iin, new.birth_date) == (None, None)

    @pytest.mark.parametrize("name", ["active", "wmd", "un"])
    async def test_an_empty_list_is_a_broken_contract(self, world: Outside, adapters: Adapters, name: str) -> None:
        world.fault("aml", name, "empty_list")
        with pytest.raises(BrokenContract, match="aml-list-empty"):
            await adapters.aml.current()

    @pytest.mark.parametrize("name", ["active", "wmd", "un"])
    async def test_a_halved_list_is_a_broken_contract(self, world: Outside, adapters: Adapters, name: str) -> None:
        await adapters.aml.current()
        world.fault("aml", name, "half_list")
        with pytest.raises(BrokenContract, match="aml-list-shortened"):
            await adapters.aml.current()
        assert await adapters.aml.current()

    async def test_a_halved_list_is_found_after_a_restart_too(self, world: Outside, adapters: Adapters) -> None:
        adapters.aml.expect({"active": 40})
        world.fault("aml", "active", "half_list")
        with pytest.raises(BrokenContract, match="aml-list-shortened"):
            await adapters.aml.current()

    async def test_an_older_list_is_a_broken_contract(self, world: Outside, adapters: Adapters) -> None:
        world.plant(persona(10, listing={"list": "active"}))
        await adapters.aml.current()
        world.fault("aml", "active", "old_list")
        with pytest.raises(BrokenContract, match="aml-list-older"):
            await adapters.aml.current()

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"<xml><persons><person><lname>A</lname>",
            b"<!DOCTYPE x [<!ENTITY a 'b'>]><xml><person><lname>&a;</lname></person></xml>",
            b"<xml><person><lname/><fname/></person></xml>",
            b'<?xml version="1.0" encoding="nonsense"?><xml/>',
        ],
    )
    async def test_what_is_no_list_is_a_broken_contract(self, content: bytes) -> None:
        transport = httpx.MockTransport(lambda _: httpx.Response(200, content=content))
        async with httpx.AsyncClient(transport=transport) as client:
            with pytest.raises(BrokenContract):
                await AfmLists("http://x.test", "t", client).current()

    async def test_a_hit_is_told_to_the_agency_once(self, adapters: Adapters) -> None:
        told = [await adapters.aml.message("k", ["iin"], {"iin": IIN}, {"kind": "loan"}, NOW) for _ in range(2)]
        assert told[0] == told[1]
