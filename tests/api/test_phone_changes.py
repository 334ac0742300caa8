"""Another phone number through the API: what reaches the workflow, what is refused, and that no route takes an IIN.

Rules: para 6, part 5; para 6, part 6.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any
from uuid import UUID

from activities import details_desk
from activities.context import Records
from api.app import create_app
from api.services import Services
from storage.tables import DetailsChange
from tests.support.api_world import Borrower, StandInDoor, assert_problem, new_key, new_phone

ROUTE = "/account/phone-changes"
JPEG, MP4 = b"\xff\xd8\xff\xe0" + b"\x00" * 64, b"\x00\x00\x00\x18ftypisom" + b"\x00" * 64


async def asked(borrower: Borrower, **more: Any) -> dict[str, Any]:
    answer = await borrower.call("POST", ROUTE, json={"phone": new_phone()}, **more)
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def drawn(records: Records, borrower: Borrower, change_id: str) -> None:
    """The statement is in the archive, as the workflow's step leaves it."""
    async with records.moment() as moment:
        client = await records.clients.get(moment.session, borrower.client_id)
        document = await records.documents.keep(
            moment.session, b"%PDF the statement", kind="details_statement", media_type="application/pdf",
            direction="sent", client=client, retain_until=moment.retain_until(),
        )  # fmt: skip
        row = await moment.session.get_one(DetailsChange, UUID(change_id))
        row.statement_id = document.id
        moment.session.add(row)


async def test_the_whole_change_reaches_its_workflow(borrower: Borrower, door: StandInDoor, records: Records) -> None:
    key, phone = new_key(), new_phone()
    made = (await borrower.call("POST", ROUTE, key=key, json={"phone": phone})).json()
    again = (await borrower.call("POST", ROUTE, key=key, json={"phone": phone})).json()
    assert made == again
    assert made["missing"] == ["phone", "phone-owner", "face", "signature"]
    workflow_id = f"change/{borrower.client_id}/1"
    name, start = door.started[workflow_id]
    assert (name, start.signature_needed, str(start.change_id)) == ("DetailsChange", True, made["change_id"])
    assert phone[-7:] not in str(start)
    one = f"{ROUTE}/{made['change_id']}"
    assert (await borrower.call("POST", f"{one}/code")).json()["next"] == "phone"
    code = await borrower.call("POST", f"{one}/code/confirmation", json={"code": "123456"})
    assert code.json()["next"] == "face"
    challenge = (await borrower.call("POST", f"{one}/challenges")).json()
    files, data = {"selfie": JPEG, "video": MP4}, {"challenge_id": challenge["challenge_id"]}
    face = await borrower.call("PUT", f"{one}/face", files=files, data=data)
    assert face.json()["next"] == "signature"
    cms = {"cms": base64.b64encode(b"0\x82").decode()}
    assert_problem(await borrower.call("PUT", f"{one}/signature", json=cms), 409, "statement-not-ready")
    await drawn(records, borrower, made["change_id"])
    shown = (await borrower.call("GET", one)).json()
    content = await borrower.call("GET", shown["statement"]["content"].removeprefix("/api/v1"))
    assert content.content == b"%PDF the statement"
    assert (await borrower.call("PUT", f"{one}/signature", json=cms)).json()["next"] == "done"
    steps = [name for id_, name, _ in door.updates if id_ == workflow_id]
    assert steps == ["send_code", "confirm_phone", "submit_face", "submit_signature"]


async def test_what_cannot_be_asked_for_is_typed(
    borrower: Borrower, new_borrower: Callable[[], Any], records: Records
) -> None:
    other = await new_borrower()
    for phone, code in ((other.phone, "phone-taken"), (borrower.phone, "phone-not-new")):
        assert_problem(await borrower.call("POST", ROUTE, json={"phone": phone}), 409, code)
    assert (await borrower.call("POST", ROUTE, json={"phone": "+77272123456"})).status_code == 422  # no mobile number
    made = await asked(borrower)
    assert_problem(await borrower.call("POST", ROUTE, json={"phone": new_phone()}), 409, "details-change-open")
    one = f"{ROUTE}/{made['change_id']}"
    assert_problem(await other.call("GET", one), 404, "not-found")
    assert (await other.call("GET", ROUTE)).json() == []
    async with records.moment() as moment:
        row = await details_desk.locked(moment, UUID(made["change_id"]))
        await details_desk.end(moment, row, "EXPIRED", "details-change-expired")
    assert_problem(await borrower.call("POST", f"{one}/code"), 409, "details-change-ended")
    shown = (await borrower.call("GET", ROUTE, headers={"Accept-Language": "ru"})).json()
    assert [(each["state"], each["ground"]) for each in shown] == [("EXPIRED", "details-change-expired")]
    assert shown[0]["ground_title"].startswith("Срок смены истёк")
    assert (await asked(borrower))["state"] == "OPEN"


async def test_no_route_but_registration_takes_an_iin_or_a_bin(borrower: Borrower, services: Services) -> None:
    described = create_app(services=services).openapi()
    takers = {
        (method, path)
        for path, methods in described["paths"].items()
        for method, one in methods.items()
        if {"iin", "bin"} & _fields(one.get("requestBody", {}), described["components"]["schemas"])
    }
    assert takers == {("post", "/api/v1/registrations")}
    for more in ({"iin": "880412401006"}, {"bin": "880412401006"}):
        answer = await borrower.call("POST", ROUTE, json={"phone": new_phone(), **more})
        assert answer.status_code == 422, answer.text


def _fields(node: Any, schemas: dict[str, Any]) -> set[str]:
    """The names of all fields of a body, through its references."""
    if isinstance(node, list):
        return {name for one in node for name in _fields(one, schemas)}
    if not isinstance(node, dict):
        return set()
    found = set(node.get("properties", {}))
    if "$ref" in node:
        found |= _fields(schemas[node["$ref"].rsplit("/", 1)[1]], schemas)
    return found.union(*(_fields(one, schemas) for one in node.values()))
