"""What must happen once: keyed calls, queued actions, challenges, decisions of staff."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from itertools import pairwise
from uuid import UUID, uuid4

import pytest
from sqlalchemy.exc import IntegrityError

from rules.errors import BusinessError, Conflict, InvalidInput, NotAllowed, NotFound, Unavailable
from rules.liveness import MOVEMENTS, sequences
from storage import challenges, idempotency, outbox, reviews
from storage.clock import now
from storage.database import Database, run
from storage.tables import Client, IdempotencyRecord, OutboxAction, ReviewDecision, Staff


async def _call(database: Database, key: str, request: str = "body") -> IdempotencyRecord | None:
    async with database.begin() as session:
        return await idempotency.begin(session, "client:1 POST /x", key, request)


async def test_of_two_hundred_calls_with_one_key_one_runs_and_all_get_its_answer(database: Database) -> None:
    key, runs = str(uuid4()), []

    async def call() -> bytes:
        while True:
            try:
                record = await _call(database, key)
            except (Conflict, Unavailable):  # in progress, or no connection in time
                await asyncio.sleep(0.05)
                continue
            if record is not None:
                return record.answer or b""
            runs.append(1)
            await asyncio.sleep(0.1)
            async with database.begin() as session:
                await idempotency.finish(session, "client:1 POST /x", key, 201, b"sealed answer")
            return b"sealed answer"

    answers = await asyncio.gather(*(call() for _ in range(200)))
    assert len(runs) == 1
    assert set(answers) == {b"sealed answer"}


async def test_of_forty_calls_in_one_transaction_each_one_runs(database: Database) -> None:
    key, runs = str(uuid4()), []

    async def call() -> None:
        async with database.begin() as session:
            if await idempotency.begin(session, "s", key, "h") is None:
                runs.append(1)
                await idempotency.finish(session, "s", key, 200, b"x")

    await asyncio.gather(*(call() for _ in range(40)))
    assert len(runs) == 1


async def test_another_request_under_a_used_key_is_refused(database: Database) -> None:
    key = str(uuid4())
    assert await _call(database, key) is None
    with pytest.raises(InvalidInput, match="another request") as refused:
        await _call(database, key, "another")
    assert (refused.value.code, refused.value.status) == ("key-reused", 422)


async def test_the_same_key_of_another_caller_looks_unused(database: Database) -> None:
    key = str(uuid4())
    async with database.begin() as session:
        assert await idempotency.begin(session, "client:1 POST /x", key, "h") is None
        assert await idempotency.begin(session, "client:2 POST /x", key, "other") is None


async def test_an_abandoned_key_may_come_again_and_a_running_one_only_when_its_process_is_dead(database) -> None:
    key = str(uuid4())
    assert await _call(database, key) is None
    with pytest.raises(Conflict, match="in-progress"):
        await _call(database, key)
    async with database.begin() as session:
        await idempotency.abandon(session, "client:1 POST /x", key)
    assert await _call(database, key) is None
    await asyncio.sleep(0.02)
    async with database.begin() as session:
        assert await idempotency.begin(session, "client:1 POST /x", key, "body", take_over_seconds=0) is None
        await idempotency.finish(session, "client:1 POST /x", key, 200, b"first")
        await idempotency.finish(session, "client:1 POST /x", key, 500, b"second")
        await idempotency.abandon(session, "client:1 POST /x", key)
    record = await _call(database, key)
    assert record is not None
    assert (record.status_code, record.answer) == (200, b"first")


def _action(action_id: str) -> OutboxAction:
    return OutboxAction(
        id=action_id, workflow_id="registration/1", workflow="W", operation="update", name="n", argument=b"sealed"
    )


async def test_a_queued_action_is_given_to_one_sender_until_it_is_answered(separate) -> None:
    database = Database(separate.app)
    async with database.begin() as session:
        for number in range(4):
            await outbox.add(session, _action(str(number)))
            await outbox.add(session, _action(str(number)))
    async with database.begin() as one, database.begin() as two:
        first, second = await outbox.due(one, 2), await outbox.due(two, 10)
        assert [action.id for action in first] == ["0", "1"]
        assert [action.id for action in second] == ["2", "3"]
        await outbox.answered(one, "0", b"sealed result")
        for _ in range(7):  # the seventh failure waits for a minute
            await outbox.failed(one, "1")
        await outbox.failed(two, "2", final=True, result=b"sealed reason")
    async with database.begin() as session:
        assert [action.id for action in await outbox.due(session)] == ["3"], "a failed one waits for its next time"
        done, waiting, failed = [await outbox.get(session, key) for key in ("0", "1", "2")]
        assert done is not None
        assert (done.state, done.result) == ("done", b"sealed result")
        assert waiting is not None
        assert (waiting.state, waiting.attempts, waiting.result) == ("waiting", 7, None)
        assert waiting.next_attempt_at > waiting.created_at
        assert failed is not None
        assert (failed.state, failed.result) == ("failed", b"sealed reason")
        assert (await outbox.add(session, _action("0"))).state == "done", "the same id is the same action"
        assert await outbox.get(session, "unknown") is None
    await database.close()


async def _challenge(database: Database, client: Client, lifetime: int = 60, act: str = "REGISTRATION"):
    async with database.begin() as session:
        return await challenges.issue(session, client.id, act, "device", b"session", lifetime)


BY = {"session_hash": b"session", "device_id": "device"}


async def _use(
    database: Database, challenge_id: UUID, client_id: UUID, act="REGISTRATION", video="v" * 64, by=None
) -> str:
    async with database.begin() as session:
        try:
            used = await challenges.use(session, challenge_id, client_id, act, video_sha256=video, **(by or BY))
            return used.sequence
        except BusinessError as error:
            return error.code


async def test_a_client_is_never_asked_for_the_same_sequence_twice(database: Database, client: Client) -> None:
    issued = await asyncio.gather(*(_challenge(database, client) for _ in range(60)))
    sequences = [challenge.sequence for challenge in issued]
    assert len(set(sequences)) == 60
    for sequence in sequences:
        moves = sequence.split(",")
        assert len(moves) in (3, 4)
        assert all(one != other for one, other in pairwise(moves))
        assert set(moves) <= set(MOVEMENTS)


async def test_when_every_sequence_was_asked_for_it_is_said(database: Database, client: Client) -> None:
    async with database.begin() as session:
        for _ in sequences(3):
            await challenges.issue(session, client.id, "REGISTRATION", None, None, 60)
        with pytest.raises(Conflict, match="challenges-exhausted"):
            await challenges.issue(session, client.id, "REGISTRATION", None, None, 60)


async def test_nobody_uses_up_a_clients_sequences_in_a_day(database: Database, client: Client) -> None:
    yesterday = (
        "insert into liveness_challenge (id, client_id, act, sequence, issued_at, expires_at)"
        " select gen_random_uuid(), :client, 'CONTRACT', :sequence, moment, moment"
        " from (select clock_timestamp() - interval '25 hours' as moment) as past"
    )
    async with database.begin() as session:
        for sequence in sequences(3)[:5]:
            await run(session, yesterday, client=client.id, sequence=sequence)
        for _ in range(5):
            await challenges.issue(session, client.id, "CONTRACT", None, None, 60, most_in_a_day=5)
        with pytest.raises(Conflict, match="too-many-challenges"):
            await challenges.issue(session, client.id, "CONTRACT", None, None, 60, most_in_a_day=5)


async def test_a_challenge_is_used_by_one_clip_and_the_same_clip_may_come_again(database, client) -> None:
    challenge = await _challenge(database, client)
    videos = [f"{number:064d}" for number in range(10)]
    answers = await asyncio.gather(*(_use(database, challenge.id, client.id, video=video) for video in videos))
    assert Counter(answers) == {challenge.sequence: 1, "challenge-used": 9}
    winner = videos[answers.index(challenge.sequence)]
    assert await _use(database, challenge.id, client.id, video=winner) == challenge.sequence
    async with database.begin() as session:
        assert await challenges.seen_video(session, winner)
        assert not await challenges.seen_video(session, winner, besides=challenge.id)
        assert not await challenges.seen_video(session, "f" * 64)


async def test_a_challenge_of_another_client_or_act_or_time_is_refused(database: Database, client: Client) -> None:
    challenge, short = await _challenge(database, client), await _challenge(database, client, lifetime=0)
    assert await _use(database, challenge.id, uuid4()) == "challenge-unknown"
    assert await _use(database, challenge.id, client.id, act="CONTRACT") == "challenge-unknown"
    assert await _use(database, uuid4(), client.id) == "challenge-unknown"
    assert await _use(database, short.id, client.id) == "challenge-expired"
    assert await _use(
        database, short.id, client.id, by=BY | {"received_at": short.issued_at - timedelta(seconds=1)}
    ) == (short.sequence), "what counts is when the clip came in, not when it is looked at"


@pytest.mark.parametrize("other", [{"session_hash": b"another"}, {"device_id": "another"}, {"device_id": None}])
async def test_a_challenge_of_another_session_or_device_is_unknown(database, client, other) -> None:
    challenge = await _challenge(database, client)
    assert await _use(database, challenge.id, client.id, by=BY | other) == "challenge-unknown"
    assert await _use(database, challenge.id, client.id) == challenge.sequence


async def test_without_a_passive_model_four_movements_are_asked_with_a_deadline_each(database, client) -> None:
    async with database.begin() as session:
        for _ in range(10):
            issued = await challenges.issue(session, client.id, "X", None, b"s", 60, fewest=4, step_seconds=6)
            assert (len(issued.sequence.split(",")), issued.step_seconds) == (4, [6, 6, 6, 6])


async def _staff(database: Database) -> UUID:
    async with database.begin() as session:
        person = Staff(
            login=uuid4().hex,
            name="x",
            roles=["officer", "compliance"],
            password_hash="x",
            totp_secret=b"x",
            created_at=await now(session),
        )
        session.add(person)
    return person.id


async def _review(database: Database, kind: str):
    async with database.begin() as session:
        return await reviews.open_review(session, kind=kind, workflow_id=f"application/{uuid4()}", ground="doubt")


async def _decide(database: Database, review_id: UUID, staff_id: UUID, decision: str = "approve") -> ReviewDecision:
    async with database.begin() as session:
        await reviews.claim(session, review_id, staff_id)
        return await reviews.decide(session, review_id, staff_id, decision, "seen")


async def test_the_same_open_case_is_one_review(database: Database) -> None:
    case = {"kind": "AML", "workflow_id": f"application/{uuid4()}", "ground": "aml-doubtful"}

    async def open_it() -> UUID:
        async with database.begin() as session:
            return (await reviews.open_review(session, **case)).id

    assert len(set(await asyncio.gather(*(open_it() for _ in range(10))))) == 1


async def test_one_person_decides_an_identity_review(database: Database) -> None:
    review, officer = await _review(database, "IDENTITY"), await _staff(database)
    made = await _decide(database, review.id, officer)
    assert made.final
    async with database.begin() as session:
        assert await reviews.decision(session, review.id, made.id) is not None
        assert await reviews.decision(session, uuid4(), made.id) is None
        assert await reviews.decision(session, review.id, uuid4()) is None
        assert review.id not in {one.id for one in await reviews.queue(session)}
    with pytest.raises(Conflict, match="review-decided"):
        await _decide(database, review.id, await _staff(database))


@pytest.mark.parametrize("kind", ["AML", "MONEY"])
async def test_money_and_listed_people_need_two_people_who_agree(database: Database, kind: str) -> None:
    review = await _review(database, kind)
    first, second, third = [await _staff(database) for _ in range(3)]
    proposal = await _decide(database, review.id, first)
    assert not proposal.final
    async with database.begin() as session:
        assert await reviews.decision(session, review.id, proposal.id) is None
        assert review.id in {one.id for one in await reviews.queue(session)}
    with pytest.raises(NotAllowed, match="second-person-needed"):
        await _decide(database, review.id, first)
    assert not (await _decide(database, review.id, second, "refuse")).final
    last = await _decide(database, review.id, third, "approve")
    assert last.final
    async with database.begin() as session:
        assert (await reviews.get(session, review.id)).state == "decided"
        assert await reviews.decision(session, review.id, last.id) is not None


async def test_the_database_itself_wants_a_second_person_for_money(database: Database) -> None:
    review, officer = await _review(database, "MONEY"), await _staff(database)
    with pytest.raises(IntegrityError, match="second person"):
        async with database.begin() as session:
            await run(
                session,
                "insert into review_decision values (:id, :review, :staff, 'approve', 'alone', true, now())",
                id=uuid4(),
                review=review.id,
                staff=officer,
            )


async def test_a_review_is_claimed_by_one_and_decided_by_that_one(database: Database) -> None:
    review = await _review(database, "IDENTITY")
    people = [await _staff(database) for _ in range(5)]

    async def claim(staff_id: UUID) -> str:
        try:
            async with database.begin() as session:
                await reviews.claim(session, review.id, staff_id)
        except Conflict as error:
            return error.code
        return "mine"

    answers = await asyncio.gather(*(claim(person) for person in people))
    assert sorted(answers) == ["mine"] + ["review-claimed"] * 4
    other = people[answers.index("review-claimed")]
    async with database.begin() as session:
        with pytest.raises(Conflict, match="review-not-claimed"):
            await reviews.decide(session, review.id, other, "approve", "seen")
        with pytest.raises(NotFound, match="review-unknown"):
            await reviews.get(session, uuid4())
