"""Registration through the API: what reaches the workflow, uploads that hurt nobody, steps out of order."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from activities.context import Records
from api import outbox
from api.actions import Actions, CaseUnknown
from rules.errors import Conflict, Unavailable
from storage.database import run
from tests.support.api_world import Borrower, StandInDoor, assert_problem, new_key, registration_body

JPEG = b"\xff\xd8\xff\xe0" + b"\x00" * 64
PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 64
MP4 = b"\x00\x00\x00\x18ftypisom" + b"\x00" * 64
WEBM = b"\x1a\x45\xdf\xa3" + b"\x00" * 64
MIB = 1024 * 1024


@pytest.fixture
async def registrant(http: httpx.AsyncClient) -> Borrower:
    """Somebody who has begun to register."""
    device = new_key()
    answer = await http.post(
        "/api/v1/registrations", json=registration_body(), headers={"Idempotency-Key": new_key(), "X-Device-Id": device}
    )
    assert answer.status_code == 201, answer.text
    me = answer.json()
    return Borrower(UUID(me["registration_id"]), "", http, device, me["token"])


def path(registrant: Borrower, step: str) -> str:
    return f"/registrations/{registrant.client_id}/{step}"


async def test_the_whole_registration_reaches_the_workflow(
    registrant: Borrower, door: StandInDoor, records: Records
) -> None:
    workflow_id = f"registration/{registrant.client_id}"
    name, start = door.started[workflow_id]
    assert (name, start.edition, start.signature_needed) == ("Registration", "2025b", True)
    sent = await registrant.call("POST", path(registrant, "code"))
    assert (sent.status_code, sent.json()["next"]) == (200, "phone")
    code = await registrant.call("POST", path(registrant, "code/confirmation"), json={"code": "123456"})
    assert code.json()["next"] == "document"
    files = {"front": ("a.jpg", JPEG), "back": ("b.png", PNG)}
    card = await registrant.call("POST", path(registrant, "document"), files=files)
    assert (card.status_code, card.json()["next"]) == (200, "face")
    challenge = await registrant.call("POST", path(registrant, "challenges"))
    assert challenge.status_code == 201
    assert len(challenge.json()["movements"]) == 4, "no passive model is supplied"
    assert (challenge.json()["seconds"], challenge.json()["kbit_per_second"]) == ([5, 5, 5, 5], 1000)
    face = await registrant.call(
        "POST",
        path(registrant, "face"),
        files={"selfie": JPEG, "video": WEBM},
        data={"challenge_id": challenge.json()["challenge_id"]},
    )
    assert (face.status_code, face.json()["next"]) == (200, "signature")
    async with records.database.begin() as session:
        (same,) = await run(
            session,
            "select clip.session_hash = asked.session_hash and clip.device_id is not distinct from asked.device_id"
            " and clip.received_at <= asked.expires_at and clip.sent_sha256 = document.sha256"
            " from liveness_clip as clip join liveness_challenge as asked on asked.id = clip.challenge_id"
            " join document on document.id = document_id where clip.client_id = :id",
            id=registrant.client_id,
        )
        assert same == (True,), "what the check binds the clip to"
    assert_problem(await registrant.call("GET", path(registrant, "statement")), 409, "statement-not-ready")
    await keep_statement(records, registrant.client_id)
    statement = (await registrant.call("GET", path(registrant, "statement"))).json()
    content = await registrant.call("GET", path(registrant, "statement/content"))
    assert (content.content, len(content.content)) == (b"%PDF the statement", statement["size"])
    cms = {"cms": base64.b64encode(b"0\x82cms").decode()}
    signature = await registrant.call("PUT", path(registrant, "signature"), json=cms)
    assert (signature.status_code, signature.json()["next"]) == (200, "password")
    password = await registrant.call("PUT", path(registrant, "password"), json={"password": "correct horse"})
    assert (password.status_code, password.json()["next"]) == (200, "done")
    names = [name for _, name, _ in door.updates]
    assert names == ["send_code", "confirm_phone", "submit_document", "submit_face", "submit_signature", "set_password"]


async def keep_statement(records: Records, client_id: UUID) -> None:
    async with records.moment() as moment:
        await records.documents.keep(
            moment.session,
            b"%PDF the statement",
            kind="registration_statement",
            media_type="application/pdf",
            direction="sent",
            client=await records.clients.get(moment.session, client_id),
            retain_until=moment.retain_until(),
        )


HOSTILE = [
    (b"", 422, "file-empty"),
    (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415, "image-type"),
    (b"II*\x00tiff", 415, "image-type"),
    (b"MM\x00*tiff", 415, "image-type"),
    (b"\x00\x00\x00\x18ftypheic", 415, "image-type"),
    (b"GIF89a" + b"\x00" * 20, 415, "image-type"),
    (b"RIFF\x00\x00\x00\x00WEBPVP8 ", 415, "image-type"),
    (b"BM" + b"\x00" * 60, 415, "image-type"),
    (b"%PDF-1.7 /JavaScript", 415, "image-type"),
    (b"PK\x03\x04zip", 415, "image-type"),
    (b"<html><script>alert(1)</script>", 415, "image-type"),
    (b"\x7fELF", 415, "image-type"),
    (b"\x89PNG", 415, "image-type"),
    (b"\xff\xd8", 415, "image-type"),
    (b"\xff\xd8\xff" + b"\x00" * (10 * MIB), 413, "file-too-large"),
]


@pytest.mark.parametrize(("content", "status", "code"), HOSTILE)
@pytest.mark.parametrize("part", ["front", "back"])
async def test_a_file_that_is_no_photograph_is_refused_and_nothing_is_stored(
    registrant: Borrower, door: StandInDoor, content: bytes, status: int, code: str, part: str
) -> None:
    files = {"front": JPEG, "back": JPEG} | {part: content}
    answer = await registrant.call("POST", path(registrant, "document"), files=files)
    assert_problem(answer, status, code, f"/{part}")
    assert door.updates == []
    assert (await registrant.call("GET", "/documents")).json() == []


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"", 422, "file-empty"),
        (JPEG, 415, "video-type"),
        (b"RIFF....AVI ", 415, "video-type"),
        (b"\x00\x00\x01\xba", 415, "video-type"),
        (MP4 + b"\x00" * (20 * MIB), 413, "file-too-large"),
    ],
)
async def test_a_file_that_is_no_clip_is_refused(
    registrant: Borrower, door: StandInDoor, content: bytes, status: int, code: str
) -> None:
    answer = await registrant.call(
        "POST", path(registrant, "face"), files={"selfie": JPEG, "video": content}, data={"challenge_id": str(uuid4())}
    )
    assert_problem(answer, status, code, "/video")
    assert door.updates == []


@pytest.mark.parametrize(
    ("more", "status", "code"),
    [
        ({"files": {"front": JPEG}}, 422, "field-missing"),
        ({"files": {"front": JPEG, "back": JPEG, "side": JPEG}}, 422, "malformed-body"),
        ({"files": {"front": JPEG, "other": JPEG}}, 422, "unknown-field"),
        ({"files": [("front", JPEG), ("front", JPEG)]}, 422, "field-repeated"),
        ({"json": {"front": "x"}}, 415, "content-type"),
        ({"content": b"--x", "headers": {"Content-Type": "multipart/form-data"}}, 422, "malformed-body"),
        (
            {"content": b"--x\r\nbroken", "headers": {"Content-Type": "multipart/form-data; boundary=x"}},
            422,
            "field-missing",
        ),
    ],
)
async def test_a_crooked_form_is_refused(
    registrant: Borrower, door: StandInDoor, more: dict[str, Any], status: int, code: str
) -> None:
    answer = await registrant.call("POST", path(registrant, "document"), **more)
    assert answer.json()["code"] in {code, "malformed-body"}
    assert answer.status_code == status
    assert door.updates == []


@pytest.mark.parametrize("identity", ["", "nonsense", "1' or '1'='1"])
async def test_a_crooked_challenge_id_is_refused(registrant: Borrower, identity: str) -> None:
    files = {"selfie": JPEG, "video": MP4}
    answer = await registrant.call("POST", path(registrant, "face"), files=files, data={"challenge_id": identity})
    assert_problem(answer, 422, "field-format", "/challenge_id")


async def test_the_same_upload_with_another_boundary_is_the_same_call(registrant: Borrower, door: StandInDoor) -> None:
    key, files = new_key(), {"front": JPEG, "back": PNG}
    first = await registrant.call("POST", path(registrant, "document"), key=key, files=files)
    again = await registrant.call("POST", path(registrant, "document"), key=key, files=files)
    other = await registrant.call("POST", path(registrant, "document"), key=key, files=files | {"back": JPEG})
    assert (first.content, again.headers["idempotent-replay"]) == (again.content, "true")
    assert_problem(other, 422, "key-reused")
    assert len(door.updates) == 1


async def test_a_step_out_of_order_is_the_workflows_refusal(registrant: Borrower, door: StandInDoor) -> None:
    door.answers["set_password"] = Conflict("wrong-step")
    answer = await registrant.call("PUT", path(registrant, "password"), json={"password": "correct horse"})
    assert_problem(answer, 409, "wrong-step")


@pytest.mark.parametrize(
    ("outcome", "then"), [("retry", "face"), ("review", "wait"), ("refused", None), ("passed", "signature")]
)
async def test_each_outcome_says_what_to_do_next(
    registrant: Borrower, door: StandInDoor, outcome: str, then: str | None
) -> None:
    door.answers["submit_face"] = {"step": "face", "outcome": outcome, "ground": "face-different", "attempts_left": 4}
    answer = await registrant.call(
        "POST",
        path(registrant, "face"),
        files={"selfie": JPEG, "video": MP4},
        data={"challenge_id": str(uuid4())},
        headers={"Accept-Language": "en"},
    )
    assert answer.json() == {
        "step": "face",
        "outcome": outcome,
        "ground": "face-different",
        "ground_title": "The face does not match",
        "attempts_left": 4,
        "next": then,
    }


async def test_an_action_that_temporal_could_not_take_is_sent_again_with_the_same_id(
    registrant: Borrower, door: StandInDoor, records: Records
) -> None:
    door.away = True
    answer = await registrant.call("POST", path(registrant, "code"))
    assert answer.status_code == 202
    kept = answer.json()
    poll = kept["poll"].removeprefix("/api/v1")
    assert (await registrant.call("GET", poll)).json()["status"] == "waiting"
    door.away = False
    while await outbox.send_one(records, Actions(records, door)):
        pass
    done = (await registrant.call("GET", poll)).json()
    assert (done["status"], done["result"]["outcome"]) == ("done", "passed")
    assert (f"registration/{registrant.client_id}", "send_code", kept["action_id"]) in door.updates


async def test_a_kept_action_that_is_refused_later_shows_the_problem(
    registrant: Borrower, door: StandInDoor, records: Records
) -> None:
    door.away = True
    kept = (await registrant.call("POST", path(registrant, "code"))).json()
    door.away, door.answers["send_code"] = False, Conflict("wrong-step")
    while await outbox.send_one(records, Actions(records, door)):
        pass
    state = (await registrant.call("GET", kept["poll"].removeprefix("/api/v1"))).json()
    assert (state["status"], state["problem"]["code"], state["problem"]["status"]) == ("failed", "wrong-step", 409)


async def test_a_registration_begun_while_temporal_is_away_starts_later(
    client_of: Callable[[], httpx.AsyncClient], door: StandInDoor, records: Records
) -> None:
    door.away = True
    headers = {"Idempotency-Key": new_key(), "X-Device-Id": new_key()}
    answer = await client_of().post("/api/v1/registrations", json=registration_body(), headers=headers)
    assert (answer.status_code, door.started) == (201, {})
    door.away = False
    while await outbox.send_one(records, Actions(records, door)):
        pass
    assert f"registration/{answer.json()['registration_id']}" in door.started


async def test_one_who_registers_does_not_reach_the_personal_account(registrant: Borrower) -> None:
    assert_problem(await registrant.call("GET", "/me"), 403, "registration-not-finished")


async def test_a_step_that_comes_before_its_start_waits_for_it(
    registrant: Borrower, door: StandInDoor, records: Records
) -> None:
    door.answers["send_code"] = CaseUnknown()
    kept = await registrant.call("POST", path(registrant, "code"))
    assert kept.status_code == 202
    poll = kept.json()["poll"].removeprefix("/api/v1")
    await outbox.send_one(records, Actions(records, door))
    assert (await registrant.call("GET", poll)).json()["status"] == "waiting"
    del door.answers["send_code"]
    async with records.database.begin() as session:
        await run(session, "update outbox_action set next_attempt_at = clock_timestamp() where state = 'waiting'")
    while await outbox.send_one(records, Actions(records, door)):
        pass
    assert (await registrant.call("GET", poll)).json()["status"] == "done"


async def test_an_action_on_which_the_workflow_broke_is_told_and_not_repeated(
    registrant: Borrower, door: StandInDoor, records: Records
) -> None:
    door.away = True
    kept = (await registrant.call("POST", path(registrant, "code"))).json()
    door.away, door.answers["send_code"] = False, Unavailable("broke")
    while await outbox.send_one(records, Actions(records, door)):
        pass
    state = (await registrant.call("GET", kept["poll"].removeprefix("/api/v1"))).json()
    assert (state["status"], state["problem"]["code"]) == ("failed", "broken")
