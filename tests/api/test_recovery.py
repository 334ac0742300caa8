"""Recovery of access through the API, and what its last step leaves in the records.

Rules: para 6, part 4; para 25; para 35.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from temporalio.testing import ActivityEnvironment

from activities.recoveries import NewPassword, Recoveries, RecoveryEnd, act_of
from rules.errors import Conflict
from storage import passwords
from storage.tables import Check
from tests.api.test_log_in import account, new_account, with_phone  # noqa: F401 - fixtures
from tests.support.api_world import assert_problem, new_key
from tests.support.log_in_world import Account

JPEG, MP4 = b"\xff\xd8\xff\xe0" + b"\x00" * 64, b"\x00\x00\x00\x18ftypisom" + b"\x00" * 64


@pytest.fixture
async def lost(with_phone: Account) -> Account:  # noqa: F811
    """A client who has an enrolled face, an application and a passkey, and forgot the password."""
    async with with_phone.records.moment() as moment:
        client = await with_phone.records.clients.get(moment.session, with_phone.borrower.client_id)
        with_phone.records.clients.seal_embedding(client, b"\x00" * 512)
        moment.session.add(client)
    await with_phone.add_totp(by_code=True)
    return with_phone


async def begun(account: Account, device: str) -> tuple[dict[str, Any], str]:  # noqa: F811
    """The right code was shown: the recovery, and its token."""
    token = (await account.post("/recoveries", {"phone": account.phone}, device=device)).json()["recovery"]
    await account.deliver()
    body = {"recovery": token, "code": account.texts.code(account.phone)}
    answer = await account.post("/recoveries/confirmation", body, device=device)
    assert answer.status_code == 201, answer.text
    return answer.json(), token


async def call(account: Account, token: str | None, method: str, path: str, **more: Any) -> Any:  # noqa: F811
    headers = {"X-Device-Id": new_key(), "Idempotency-Key": new_key()}
    if token:
        headers["X-Recovery-Token"] = token
    return await account.borrower.http.request(method, f"/api/v1/recoveries/{path}", headers=headers, **more)


async def shown_face(account: Account, recovery_id: str, n: int) -> None:  # noqa: F811
    """As the workflow's step leaves it."""
    async with account.records.moment() as moment:
        moment.session.add(
            Check(
                client_id=account.borrower.client_id, act=act_of(n), step="face", outcome="passed", policy_version="1",
                evidence={"recovery": recovery_id}, at=moment.at,
            )
        )  # fmt: skip


async def test_the_whole_recovery_reaches_its_workflow(lost: Account) -> None:
    told, token = await begun(lost, new_key())
    one, case = told["recovery_id"], f"recovery/{lost.borrower.client_id}/1"
    name, start = lost.door.started[case]
    assert (name, str(start.recovery_id), told["step"]) == ("PasswordRecovery", one, "face")
    assert lost.phone[-7:] not in str(start)
    assert_problem(await call(lost, None, "GET", one), 401, "log-in-needed")
    assert_problem(await call(lost, "x" * 43, "GET", one), 404, "not-found")
    assert_problem(await call(lost, token, "GET", str(uuid4())), 404, "not-found")
    assert (await call(lost, token, "GET", one)).json()["state"] == "OPEN"
    challenge = (await call(lost, token, "POST", f"{one}/challenges")).json()
    files, data = {"selfie": JPEG, "video": MP4}, {"challenge_id": challenge["challenge_id"]}
    face = await call(lost, token, "PUT", f"{one}/face", files=files, data=data)
    assert face.json()["next"] == "password"
    done = await call(lost, token, "PUT", f"{one}/password", json={"password": "another horse battery"})
    assert done.json()["next"] == "done"
    assert [name for id_, name, _ in lost.door.updates if id_ == case] == ["submit_face", "set_password"]
    lost.door.away = True  # kept; whoever recovers has no log-in, and asks the recovery itself
    kept = await call(lost, token, "PUT", f"{one}/password", json={"password": "another horse battery"})
    assert (kept.status_code, kept.json()["poll"]) == (202, f"/api/v1/recoveries/{one}")


async def test_nothing_changes_before_the_face_and_everything_begins_anew_after_it(lost: Account) -> None:
    device = new_key()
    told, _ = await begun(lost, device)
    activities, run = Recoveries(lost.records), ActivityEnvironment().run
    wanted = NewPassword(
        recovery_id=UUID(told["recovery_id"]), password_hash=passwords.hash_password("another horse battery")
    )
    with pytest.raises(Conflict, match="recovery-not-proved"):
        await run(activities.apply_recovery, wanted)
    assert (await lost.password()).status_code == 200  # the old one, and the application is asked for
    await shown_face(lost, told["recovery_id"], 1)
    first, second = await run(activities.apply_recovery, wanted), await run(activities.apply_recovery, wanted)
    assert (first.state, first.notice is not None) == ("CHANGED", True)
    assert (second.state, second.notice) == ("CHANGED", None)
    assert_problem(await lost.borrower.call("GET", "/me"), 401, "session-expired")
    assert_problem(await lost.password(), 401, "log-in-wrong")
    new = "another horse battery"
    assert (await lost.password(password=new)).json()["second_factors"] == ["code"]  # the old device is new again
    opened = await lost.password(device, new)
    assert opened.status_code == 201  # from where it was recovered; no application is asked for any more
    lost.borrower.device, lost.borrower.token = device, opened.json()["token"]
    kinds = [one["kind"] for one in await lost.notices()]
    assert kinds[:2] == ["LOG_IN", "PASSWORD_RECOVERED"]
    assert kinds.count("PASSWORD_RECOVERED") == 1
    ended = await run(
        activities.end_recovery, RecoveryEnd(recovery_id=wanted.recovery_id, state="EXPIRED", ground="recovery-expired")
    )
    assert ended.state == "CHANGED"


async def test_a_recovery_that_was_left_gives_way_to_a_new_one(lost: Account) -> None:
    first, token = await begun(lost, new_key())
    second, _ = await begun(lost, new_key())
    state = (await call(lost, token, "GET", first["recovery_id"])).json()
    assert (state["state"], state["ground"]) == ("REFUSED", "recovery-begun-anew")
    assert_problem(await call(lost, token, "POST", f"{first['recovery_id']}/challenges"), 409, "recovery-ended")
    assert second["state"] == "OPEN"


async def test_a_number_that_is_not_shown_to_be_the_clients_gets_no_code(account: Account) -> None:  # noqa: F811
    await account.owns_phone("NOT_OWNED")
    token = (await account.post("/recoveries", {"phone": account.phone})).json()["recovery"]
    await account.deliver()
    assert account.texts.to(account.phone) == []
    body = {"recovery": token, "code": "123456"}
    assert_problem(await account.post("/recoveries/confirmation", body), 401, "log-in-wrong")
