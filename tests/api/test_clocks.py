"""Staff see the statutory clocks and change the calendar, two of them.

Real: PostgreSQL, a database of its own. A stand-in: the door to Temporal, which records what came.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlmodel import col, select

from activities.clocks import ClockEnded, ClockRang, Clocks, ClockState, ClockWanted
from activities.context import Records
from api.actions import Actions
from api.app import create_app
from api.services import Services
from cli.staff import create
from rules.calendar import ALMATY, local_date
from rules.days_off import CALENDAR
from rules.lender import EXAMPLE
from storage import audit
from storage.tables import OutboxAction
from tests.support.api_world import ORIGIN, PASSWORD, Colleague, StandInDoor, assert_problem
from tests.support.own_database import own_database, records_on

HERE = {"Origin": ORIGIN}
NOW = datetime.now(UTC)
REACHES_OUT = datetime(2027, 12, 30, 12, tzinfo=ALMATY)
A_DAY = "2026-06-03"
YEAR = {
    "act": "order 1 of 2027",
    "year": 2028,
    "off": dict.fromkeys(
        [f"2028-{day}" for day in ("01-03", "03-08", "03-21", "03-22", "03-23", "05-01", "05-08", "05-09")], "a holiday"
    ),
    "worked": ["2028-01-08"],
}


@pytest.fixture(scope="module")
def own(database_urls: dict[str, str]) -> Iterator[dict[str, str]]:
    with own_database(database_urls) as urls:
        yield urls


@pytest.fixture(scope="module")
async def kept(own: dict[str, str]) -> AsyncIterator[Records]:
    records = records_on(own["app"])
    yield records
    await records.database.close()


@pytest.fixture
def app_of(kept: Records, door: StandInDoor) -> Callable[[], httpx.AsyncClient]:
    services = Services(records=kept, actions=Actions(kept, door), lender=EXAMPLE, origin=ORIGIN, secure_cookies=False)
    app = create_app(services=services)
    return lambda: httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ORIGIN, timeout=60)


@pytest.fixture
async def people(kept: Records, app_of: Callable[[], httpx.AsyncClient]) -> tuple[Colleague, Colleague]:
    """An officer and somebody of compliance, logged in."""
    made = []
    for role in ("officer", "compliance"):
        login = f"p{uuid4().hex[:12]}"
        async with kept.database.begin() as session:
            one = await create(session, kept.vault, login, "Colleague", [role], PASSWORD)
        member = Colleague(UUID(str(one["staff_id"])), login, str(one["totp_secret"]), app_of())
        assert (await member.log_in()).status_code == 201
        made.append(member)
    return made[0], made[1]


async def started(kept: Records, **changes: Any) -> ClockState:
    plain = {
        "key": f"test:{uuid4()}", "rule": "P13.2", "subject": f"loan:{uuid4()}", "workflow_id": f"case/{uuid4()}",
        "received_at": NOW,
    }  # fmt: skip
    return await Clocks(kept).start_clock(ClockWanted(**{**plain, **changes}))


async def get(member: Colleague, path: str, **params: str) -> Any:
    answer = await member.http.get(f"/staff/api/{path}", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def post(member: Colleague, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
    return await member.http.post(f"/staff/api/{path}", json=body, headers=HERE)


class TestClocks:
    async def test_those_that_need_a_person_come_first_and_filters_filter(
        self, kept: Records, people: tuple[Colleague, Colleague]
    ) -> None:
        running = await started(kept, rule="P13.4")
        undated = await started(kept, received_at=REACHES_OUT)
        missed = await started(kept, received_at=NOW - timedelta(days=30))
        await Clocks(kept).ring_clock(ClockRang(clock_id=missed.clock_id, kind="MISSED", at=NOW))
        over = await started(kept)
        await Clocks(kept).end_clock(ClockEnded(clock_id=over.clock_id, at=NOW, evidence={"notice": "n"}))

        mine = {str(one.clock_id) for one in (running, undated, missed, over)}

        def ids(found: list[dict[str, Any]]) -> list[str]:
            return [one["clock_id"] for one in found if one["clock_id"] in mine]

        everything = await get(people[0], "clocks")
        assert ids(everything) == [str(one.clock_id) for one in (undated, missed, running)]
        assert [one["needs_person"] for one in everything if one["clock_id"] in mine] == [True, True, False]
        assert ids(await get(people[0], "clocks", state="missed")) == [str(missed.clock_id)]
        assert ids(await get(people[0], "clocks", state="undated")) == [str(undated.clock_id)]
        assert ids(await get(people[0], "clocks", state="ended")) == [str(over.clock_id)]
        assert ids(await get(people[0], "clocks", rule="P13.4")) == [str(running.clock_id)]
        assert ids(await get(people[0], "clocks", after=str(undated.clock_id))) == ids(everything)[1:]
        assert_problem(await people[0].http.get("/staff/api/clocks?rule=P99"), 422, "clock-rule-unknown", "/rule")

    async def test_one_is_shown_with_its_history_and_its_proof(
        self, kept: Records, people: tuple[Colleague, Colleague]
    ) -> None:
        clock = await started(kept)
        done = ClockEnded(clock_id=clock.clock_id, at=NOW + timedelta(minutes=1), evidence={"notice": "n-1"})
        await Clocks(kept).end_clock(done)
        shown = await get(people[1], f"clocks/{clock.clock_id}")
        assert (shown["rule"], shown["paragraph"], shown["state"]) == ("P13.2", "para 13, part 2", "MET")
        assert shown["evidence"] == {"notice": "n-1"}
        assert {event["kind"] for event in shown["history"]} == {"STARTED", "MET"}
        assert_problem(await people[1].http.get(f"/staff/api/clocks/{uuid4()}"), 404, "clock-unknown")


class TestCalendar:
    async def test_two_people_move_a_day_and_the_case_is_started_once(
        self, kept: Records, people: tuple[Colleague, Colleague], door: StandInDoor
    ) -> None:
        first, second = people
        body = {"act": "order 9 of 2026", "day": A_DAY, "works": False}
        made = await post(first, "calendar", body)
        assert made.status_code == 201, made.text
        change = made.json()["change_id"]
        assert_problem(await post(first, f"calendar/{change}/confirm"), 403, "second-person-needed")
        assert (await get(first, "calendar"))["version"] == CALENDAR.version
        assert door.started == {}
        agreed = await post(second, f"calendar/{change}/confirm")
        assert agreed.json()["state"] == "CONFIRMED"
        name, start = door.started[f"calendar/{change}"]
        assert (name, str(start.change_id)) == ("CalendarChange", change)
        assert_problem(await post(second, f"calendar/{change}/confirm"), 409, "calendar-change-decided")
        shown = await get(first, "calendar")
        assert shown["version"] != CALENDAR.version
        assert [one["change_id"] for one in shown["changes"]] == [change]
        async with kept.database.begin() as session:
            audited = [one["action"] for one in await audit.of_subject(session, f"calendar:{A_DAY}")]
        assert audited == ["calendar-change-proposed", "calendar-change-confirmed"]

    async def test_while_temporal_is_away_the_start_of_the_case_is_kept(
        self, kept: Records, people: tuple[Colleague, Colleague], door: StandInDoor
    ) -> None:
        made = await post(people[0], "calendar", {"act": "order 9 of 2026", "day": "2026-06-04", "works": False})
        change = made.json()["change_id"]
        door.away = True
        assert (await post(people[1], f"calendar/{change}/confirm")).status_code == 200
        async with kept.database.begin() as session:
            query = select(OutboxAction).where(col(OutboxAction.workflow_id) == f"calendar/{change}")
            (waiting,) = (await session.exec(query)).all()
        assert (waiting.state, waiting.operation) == ("waiting", "start")

    async def test_the_one_who_proposed_it_may_take_it_back(self, people: tuple[Colleague, Colleague]) -> None:
        body = {"act": "order 9 of 2026", "day": "2026-06-10", "works": False}
        change = (await post(people[0], "calendar", body)).json()["change_id"]
        assert_problem(await post(people[1], "calendar", body), 409, "calendar-change-open")
        assert (await post(people[0], f"calendar/{change}/refuse")).json()["state"] == "REFUSED"
        assert_problem(await post(people[1], f"calendar/{change}/confirm"), 409, "calendar-change-decided")
        assert_problem(await post(people[1], f"calendar/{uuid4()}/confirm"), 404, "calendar-change-unknown")

    async def test_a_whole_year_is_added_and_clocks_without_a_last_day_are_counted(
        self, kept: Records, people: tuple[Colleague, Colleague], door: StandInDoor
    ) -> None:
        before = await get(people[0], "calendar")
        assert before["years"][-1] == 2027
        assert before["undated_clocks"] >= 0
        await started(kept, received_at=REACHES_OUT)
        assert (await get(people[0], "calendar"))["undated_clocks"] == before["undated_clocks"] + 1
        change = (await post(people[0], "calendar", YEAR)).json()["change_id"]
        assert (await post(people[1], f"calendar/{change}/confirm")).status_code == 200
        after = await get(people[0], "calendar")
        assert after["years"][-1] == 2028
        assert after["version"].startswith("2028.")
        dated = await started(kept, received_at=REACHES_OUT)
        assert dated.last_day == "2028-01-05"

    @pytest.mark.parametrize(
        ("body", "code"),
        [
            ({"act": "order 9", "day": A_DAY}, "calendar-day-or-year"),
            ({"act": "order 9", "works": True}, "calendar-day-or-year"),
            ({"act": "order 9"}, "calendar-day-or-year"),
            ({**YEAR, "day": A_DAY, "works": True}, "calendar-day-or-year"),
            ({"act": "order 9", "year": 2028, "off": YEAR["off"]}, "calendar-day-or-year"),
            ({"act": "order 9", "day": "2031-06-03", "works": True}, "calendar-year-unknown"),
            ({"act": "", "day": A_DAY, "works": True}, "field-too-short"),
        ],
    )
    async def test_half_a_change_is_refused(
        self, people: tuple[Colleague, Colleague], body: dict[str, Any], code: str
    ) -> None:
        assert_problem(await post(people[0], "calendar", body), 422, code)

    async def test_a_day_that_is_so_already_is_refused(self, people: tuple[Colleague, Colleague]) -> None:
        today = local_date(NOW)
        works = CALENDAR.is_working_day(today)
        answer = await post(people[0], "calendar", {"act": "order 9", "day": today.isoformat(), "works": works})
        assert_problem(answer, 409, "calendar-day-same")
