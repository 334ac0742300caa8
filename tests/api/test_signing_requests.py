"""Signatures made in the state's mobile application: our API and the simulated telephone over HTTP, a real database.

Only the door to Temporal is a stand-in that records what came; what came is then verified by the real activity.
Rules: para 6, part 4; para 9.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID, uuid4

import cv2
import numpy as np
import pytest
import pytest_asyncio
from sqlmodel import col, select

from activities.context import Moment, Records
from activities.signatures import SignatureGiven, Signatures
from api import outbox
from api.signing import action_of, waiting
from infra.borrower.app import BorrowerApp, Stopped
from infra.borrower.signing import SigningKey
from rules.errors import Conflict
from rules.products import product
from rules.schedule import Method
from storage import signing
from storage.database import run
from storage.tables import Application, AuditEntry, Contract, DetailsChange, Document, Signature, SigningRequest
from tests.support.api_world import Borrower, assert_problem, new_key, new_phone
from tests.support.pki_world import BORROWER
from tests.support.signing_world import CONTENT, SigningWorld, asked, signing_world, stands

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shared(records: Records) -> AsyncIterator[SigningWorld]:
    async with signing_world(records) as made:
        yield made


@pytest.fixture
def world(shared: SigningWorld) -> SigningWorld:
    shared.set_up()
    return shared


async def row_of(world: SigningWorld, request: dict[str, Any]) -> SigningRequest:
    async with world.records.moment() as moment:
        return await moment.session.get_one(SigningRequest, UUID(request["signing_request_id"]))


async def verified(world: SigningWorld, borrower: Borrower, row: SigningRequest) -> Any:
    """What the workflow's activity finds in what the telephone brought."""
    assert row.cms_id is not None
    given = SignatureGiven(
        client_id=borrower.client_id, act="REGISTRATION", document_id=row.document_id, cms_id=row.cms_id
    )
    return await Signatures(world.records, world.verifier, "lender").verify_signature(given)


def steps(world: SigningWorld) -> list[tuple[str, str, str]]:
    return [one for one in world.door.updates if one[1] == "submit_signature"]


# ---- the whole way


@pytest.mark.parametrize("alg", ["RSA", "GOST2015"])
async def test_a_statement_signed_in_the_telephone_passes_its_step_of_registration(
    world: SigningWorld, alg: str
) -> None:
    borrower, document, iin = await world.registrant()
    request = await asked(borrower, document)
    assert request["qr_text"] == f"mobileSign:{world.url}/mgovSign?{request['signing_request_id']}"
    assert iin not in json.dumps(request)
    assert request["links"]["personal"].startswith("https://m.egov.kz/mobileSign/?link=http%3A%2F%2F127.0.0.1%3A")
    assert "kz.mobile.mgov.business" in request["links"]["business"]
    assert request["state"] == "waiting"
    drawn = await borrower.call("GET", f"/signing-requests/{request['signing_request_id']}/qr.png")
    picture = cv2.imdecode(np.frombuffer(drawn.content, np.uint8), cv2.IMREAD_COLOR)
    # the plain detector of OpenCV misses a tenth of clean codes; a telephone does not
    assert cv2.QRCodeDetectorAruco().detectAndDecode(picture)[0] == request["qr_text"]
    told = await world.scan(request["qr_text"], iin, alg=alg)
    assert told == {"open_status": 200, "get_status": 200, "put_status": 200, "first_put_status": None, "code": None}
    action = action_of(UUID(request["signing_request_id"]))
    assert steps(world) == [(f"registration/{borrower.client_id}", "submit_signature", action)]
    state = await stands(borrower, request)
    assert (state["state"], state["ground"], state["poll"]) == ("signed", None, f"/api/v1/actions/{action}")
    polled = (await borrower.call("GET", state["poll"].removeprefix("/api/v1"))).json()
    assert (polled["status"], polled["result"]["outcome"]) == ("done", "passed")
    stored = await verified(world, borrower, await row_of(world, request))
    assert stored.result.outcome == "passed"
    async with world.records.moment() as moment:
        signature = await moment.session.get_one(Signature, stored.signature_id)
        assert (signature.document_id, signature.ocsp_document_id is not None) == (document.id, True)
        assert_nothing_more = await borrower.call("POST", f"/documents/{document.id}/signing-requests")
    assert_problem(assert_nothing_more, 409, "nothing-to-sign")


async def test_the_kit_of_borrowers_signs_by_the_telephone_too(world: SigningWorld) -> None:
    async def unused(*_: Any) -> Any:
        raise AssertionError("no key is at hand")

    for behaviour in ("sign", "altered_document"):
        borrower, _, iin = await world.registrant()
        app = BorrowerApp(
            world.http, cast(Any, None), unused, unused, unused, b"", b"", b"", device=borrower.device,
            token=borrower.token, client_id=str(borrower.client_id), patience_seconds=180,
            scan=lambda code, iin=iin, behaviour=behaviour: world.scan(code, iin, behaviour),
        )  # fmt: skip
        if behaviour == "sign":
            await app.sign_statement()
            assert len(steps(world)) == 1
            continue
        with pytest.raises(Stopped) as stopped:
            await app.sign_statement()
        assert stopped.value.ground == "signature-other-content"


async def test_the_application_is_told_what_its_specification_asks_for(world: SigningWorld) -> None:
    borrower, document, iin = await world.registrant()
    request = await asked(borrower, document)
    wish = (await world.http.get(f"/mgovSign?{request['signing_request_id']}")).json()
    assert set(wish) == {"description", "expiry_date", "organisation", "document"}
    assert set(wish["organisation"]) == {"nameRu", "nameKz", "nameEn", "bin"}
    assert set(wish["document"]) == {"uri", "auth_type", "auth_token"}
    assert wish["document"]["auth_type"] == "Token"
    assert datetime.fromisoformat(wish["expiry_date"]) > datetime.now(UTC)
    bearer = {"Authorization": f"Bearer {wish['document']['auth_token']}"}
    answer = await world.http.get(wish["document"]["uri"], headers=bearer)
    assert answer.headers["cache-control"] == "no-store"
    papers = answer.json()
    (paper,) = papers["documentsToSign"]
    assert papers["signMethod"] == "CMS_SIGN_ONLY"
    assert set(paper) == {"id", "nameRu", "nameKz", "nameEn", "meta", "document"}
    assert {"name": "ИИН", "value": iin} in paper["meta"]
    assert paper["document"]["file"]["mime"] == "@file/pdf"
    assert base64.b64decode(paper["document"]["file"]["data"]) == CONTENT
    assert (await stands(borrower, request))["state"] == "opened"
    row = await row_of(world, request)
    assert wish["document"]["auth_token"].encode() not in (row.token_hash or b"")
    for told in (wish, request):
        assert iin not in json.dumps(told)


# ---- every behaviour of the telephone: the status it gets, what is left of it here

BAD = [
    ("wrong_person", "signature-other-person"),
    ("auth_certificate", "signature-not-a-signing-certificate"),
    ("expired_certificate", "signature-certificate-expired"),
    ("altered_document", "signature-other-content"),
    ("put_without_get", "signature-other-content"),
]


@pytest.mark.parametrize(("behaviour", "ground"), BAD)
async def test_what_is_no_signature_of_theirs_under_this_document_is_refused_for_good(
    world: SigningWorld, behaviour: str, ground: str
) -> None:
    borrower, document, iin = await world.registrant()
    request = await asked(borrower, document)
    told = await world.scan(request["qr_text"], iin, behaviour)
    assert (told["put_status"], told["code"]) == (403, ground)
    state = await stands(borrower, request)
    assert (state["state"], state["ground"], state["poll"]) == ("refused", ground, None)
    assert len(state["ground_title"]) > 3
    assert steps(world) == []
    again = await world.scan(request["qr_text"], iin, "sign")
    assert (again["open_status"], again["put_status"], again["code"]) == (410, None, "signing-request-ended")
    async with world.records.moment() as moment:
        query = select(AuditEntry).where(col(AuditEntry.subject) == f"document:{document.id}")
        entries = [(one.action, one.reason) for one in (await moment.session.exec(query)).all()]
        kept = select(Document.id).where(col(Document.client_id) == borrower.client_id, col(Document.kind) == "cms")
        assert (await moment.session.exec(kept)).all() == []
    assert ("signature-refused", ground) in entries
    fresh = await asked(borrower, document)
    assert (await world.scan(fresh["qr_text"], iin))["put_status"] == 200


@pytest.mark.parametrize("method", ["CMS_SIGN_ONLY", "CMS_WITH_DATA"])
@pytest.mark.parametrize("behaviour", ["sign", "attached_instead_of_detached"])
async def test_with_the_document_inside_or_without_it_is_the_same_signature(
    world: SigningWorld, method: str, behaviour: str
) -> None:
    world.set_up(egov_method=method)
    borrower, document, iin = await world.registrant()
    request = await asked(borrower, document)
    assert request["method"] == method
    assert (await world.scan(request["qr_text"], iin, behaviour))["put_status"] == 200
    row = await row_of(world, request)
    async with world.records.moment() as moment:
        _, cms = await world.records.documents.load(moment.session, row.cms_id or uuid4())
    assert (CONTENT in cms) == ((method == "CMS_WITH_DATA") != (behaviour != "sign"))
    assert (await verified(world, borrower, row)).result.outcome == "passed"


async def test_a_revoked_certificate_is_found_by_the_workflow_which_asks_the_authority(world: SigningWorld) -> None:
    borrower, document, iin = await world.registrant()
    request = await asked(borrower, document)
    assert (await world.scan(request["qr_text"], iin, "revoked"))["put_status"] == 200
    assert len(steps(world)) == 1
    found = (await verified(world, borrower, await row_of(world, request))).result
    assert (found.outcome, found.ground) == ("retry", "signature-certificate-revoked")
    fresh = await asked(borrower, document)
    assert (await world.scan(fresh["qr_text"], iin))["put_status"] == 200


async def test_the_same_answer_brought_twice_is_taken_once(world: SigningWorld) -> None:
    borrower, document, iin = await world.registrant()
    told = await world.scan((await asked(borrower, document))["qr_text"], iin, "double_put")
    assert (told["first_put_status"], told["put_status"]) == (200, 200)
    assert len(steps(world)) == 1


@pytest.mark.parametrize(("behaviour", "seen", "state"), [("refuse", 200, "opened"), ("never", None, "opened")])
async def test_who_does_not_sign_leaves_a_request_that_ends_by_itself(
    world: SigningWorld, behaviour: str, seen: int | None, state: str
) -> None:
    borrower, document, iin = await world.registrant()
    request = await asked(borrower, document)
    told = await world.scan(request["qr_text"], iin, behaviour)
    assert (told["open_status"], told["get_status"], told["put_status"]) == (200, seen, None)
    assert (await stands(borrower, request))["state"] == state
    assert (await world.scan(request["qr_text"], iin))["put_status"] == 200  # they have thought it over


async def test_too_late_is_gone(world: SigningWorld) -> None:
    borrower, document, iin = await world.registrant()
    async with world.records.moment() as moment:
        row = await signing.ask(moment.session, uuid4(), borrower.client_id, document.id, "CMS_SIGN_ONLY", 5)
    told = await world.scan(f"mobileSign:{world.url}/mgovSign?{row.id}", iin, "late")
    assert (told["open_status"], told["get_status"], told["put_status"]) == (200, 200, 410)
    state = await stands(borrower, {"signing_request_id": str(row.id)})
    assert (state["state"], steps(world)) == ("expired", [])
    assert_problem(await world.http.get(f"/mgovSign?{row.id}"), 410, "signing-request-ended")


# ---- tokens


async def test_a_token_opens_one_document_and_only_the_newest_does(world: SigningWorld) -> None:
    borrower, document, _ = await world.registrant()
    _, other_document, _ = await world.registrant()
    request = await asked(borrower, document)
    address = f"/mgovSign?{request['signing_request_id']}"
    first, second = [(await world.http.get(address)).json()["document"] for _ in range(2)]
    assert first["auth_token"] != second["auth_token"]
    uri, body = second["uri"], {"documentsToSign": [{"document": {"file": {"data": "MIIB"}}}]}
    wrong = (None, "Bearer", "Bearer x", f"Basic {second['auth_token']}", f"Bearer {first['auth_token']}")
    for method, more in (("GET", {}), ("PUT", {"json": body})):
        for header in wrong:
            headers = {} if header is None else {"Authorization": header}
            answer = await world.http.request(method, uri, headers=headers, **more)
            assert_problem(answer, 401, "signing-token-wrong")
    bearer = {"Authorization": f"Bearer {second['auth_token']}"}
    assert (await world.http.get(uri, headers=bearer)).status_code == 200
    elsewhere = uri.replace(request["signing_request_id"], str(uuid4()))
    assert_problem(await world.http.get(elsewhere, headers=bearer), 404, "signing-request-unknown")
    assert other_document.id != document.id


@pytest.mark.parametrize("query", ["", "x", "00000000-0000-0000-0000-000000000000", "id=1%27--", "%00"])
async def test_a_code_that_is_none_is_unknown(world: SigningWorld, query: str) -> None:
    assert_problem(await world.http.get(f"/mgovSign?{query}"), 404, "signing-request-unknown")


async def test_what_is_not_in_the_shape_of_an_answer_ends_nothing(world: SigningWorld) -> None:
    borrower, document, iin = await world.registrant()
    request = await asked(borrower, document)
    told = (await world.http.get(f"/mgovSign?{request['signing_request_id']}")).json()["document"]
    bearer = {"Authorization": f"Bearer {told['auth_token']}"}
    file = {"document": {"file": {"data": "MIIB"}}}
    for body in ({}, [], {"documentsToSign": []}, {"documentsToSign": [file, file]}, {"documentsToSign": [{"id": 1}]}):
        answer = await world.http.put(told["uri"], headers=bearer, json=body)
        assert answer.status_code == 422, body
    huge = await world.http.put(told["uri"], headers=bearer, content=b"x" * (2 * 1024 * 1024))
    assert_problem(huge, 413, "body-too-large")
    assert (await stands(borrower, request))["state"] == "opened"
    for data in ("MIIB", "not base64 at all!", "-----BEGIN CMS-----"):
        one = await asked(borrower, document)
        told = (await world.http.get(f"/mgovSign?{one['signing_request_id']}")).json()["document"]
        body = {"documentsToSign": [{"document": {"file": {"data": data}}}]}
        headers = {"Authorization": f"Bearer {told['auth_token']}"}
        assert_problem(await world.http.put(told["uri"], headers=headers, json=body), 403, "signature-unreadable")
    assert (await world.scan((await asked(borrower, document))["qr_text"], iin))["put_status"] == 200


# ---- one at a time, once


async def test_a_newer_request_ends_the_older_one(world: SigningWorld) -> None:
    borrower, document, iin = await world.registrant()
    key = new_key()
    first = await asked(borrower, document, key=key)
    assert (await asked(borrower, document, key=key))["signing_request_id"] == first["signing_request_id"]
    second, third = await asyncio.gather(asked(borrower, document), asked(borrower, document))
    states = sorted([(await stands(borrower, one))["state"] for one in (first, second, third)])
    assert states == ["expired", "expired", "waiting"]
    assert (await world.scan(first["qr_text"], iin))["open_status"] == 410


async def test_one_answer_of_many_at_the_same_moment_counts(world: SigningWorld) -> None:
    borrower, document, iin = await world.registrant()
    request = await asked(borrower, document)
    told = (await world.http.get(f"/mgovSign?{request['signing_request_id']}")).json()["document"]
    key = await SigningKey.obtain(world.outside, replace(BORROWER, iin=iin), alg="GOST2015")
    bearer = {"Authorization": f"Bearer {told['auth_token']}"}

    async def bring(cms: bytes) -> int:
        data = base64.b64encode(cms).decode()
        body = {"documentsToSign": [{"document": {"file": {"data": data}}}]}
        return (await world.http.put(told["uri"], headers=bearer, json=body)).status_code

    statuses = await asyncio.gather(*(bring(key.sign(CONTENT)) for _ in range(5)))
    assert statuses == [200] * 5
    assert await bring(key.sign_badly(CONTENT)) == 200  # the first answer, whatever comes now
    assert len(steps(world)) == 1
    async with world.records.moment() as moment:
        kept = select(Document.id).where(col(Document.client_id) == borrower.client_id, col(Document.kind) == "cms")
        assert list((await moment.session.exec(kept)).all()) == [(await row_of(world, request)).cms_id]


async def test_whoever_dies_after_the_answer_the_workflow_hears_of_it_once(world: SigningWorld) -> None:
    borrower, document, iin = await world.registrant()
    world.door.away = True  # nobody takes it now: as if the process had been killed after its commit
    request = await asked(borrower, document)
    assert (await world.scan(request["qr_text"], iin))["put_status"] == 200
    action = action_of(UUID(request["signing_request_id"]))
    assert steps(world) == []
    polled = (await borrower.call("GET", f"/actions/{action}")).json()
    assert polled["status"] == "waiting"
    world.door.away = False
    async with world.records.moment() as moment:
        await run(moment.session, "update outbox_action set next_attempt_at = created_at where id = :id", id=action)
    while await outbox.send_one(world.records, world.services.actions):
        pass
    assert steps(world) == [(f"registration/{borrower.client_id}", "submit_signature", action)]
    polled = (await borrower.call("GET", f"/actions/{action}")).json()
    assert (polled["status"], polled["result"]["outcome"]) == ("done", "passed")


async def test_an_answer_that_could_not_be_archived_may_come_again(
    world: SigningWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rules.errors import Unavailable

    borrower, document, iin = await world.registrant()
    request = await asked(borrower, document)
    archive = world.records.documents.archive
    real, calls = archive.put, []

    async def broken(*given: Any, **more: Any) -> Any:
        calls.append(1)
        raise Unavailable("archive")

    monkeypatch.setattr(archive, "put", broken)
    assert (await world.scan(request["qr_text"], iin))["put_status"] == 503
    monkeypatch.setattr(archive, "put", real)
    assert (len(calls), steps(world), (await stands(borrower, request))["state"]) == (1, [], "opened")
    assert (await world.scan(request["qr_text"], iin))["put_status"] == 200


async def test_a_document_signed_in_another_way_meanwhile_takes_no_second_signature(world: SigningWorld) -> None:
    borrower, document, iin = await world.registrant()
    request = await asked(borrower, document)
    async with world.records.moment() as moment:
        await run(moment.session, "update client set status = 'REFUSED' where id = :id", id=borrower.client_id)
    told = await world.scan(request["qr_text"], iin)
    assert (told["get_status"], told["put_status"], told["code"]) == (200, 410, "signing-request-ended")


# ---- other documents


async def test_a_statement_of_another_phone_number_goes_into_its_own_case(
    world: SigningWorld, password_hash: str
) -> None:
    borrower, _, iin = await world.registrant()
    async with world.records.moment() as moment:
        client = await world.records.clients.get(moment.session, borrower.client_id)
        await world.records.clients.complete(moment.session, client, password_hash)
    assert (await borrower.log_in()).status_code == 201
    change = (await borrower.call("POST", "/account/phone-changes", json={"phone": new_phone()})).json()
    document = await world.keep(borrower.client_id, "details_statement")
    path = f"/documents/{document.id}/signing-requests"
    assert_problem(await borrower.call("POST", path), 409, "nothing-to-sign")  # no open change has drawn it up
    async with world.records.moment() as moment:
        row = await moment.session.get_one(DetailsChange, UUID(change["change_id"]))
        row.statement_id = document.id
        moment.session.add(row)
    request = await asked(borrower, document)
    assert (await world.scan(request["qr_text"], iin))["put_status"] == 200
    assert [one[0] for one in steps(world)] == [f"change/{borrower.client_id}/1"]
    polled = await borrower.call("GET", (await stands(borrower, request))["poll"].removeprefix("/api/v1"))
    assert polled.json()["status"] == "done"


CLIP = {"selfie": b"\xff\xd8\xff" + bytes(64), "video": b"\x00\x00\x00\x18ftypisom" + bytes(64)}


async def test_a_contract_is_signed_with_the_face_and_the_signed_request_stands_in_for_the_signature(
    world: SigningWorld, password_hash: str
) -> None:
    borrower, _, iin = await world.registrant()
    application_id = uuid4()
    async with world.records.moment() as moment:
        client = await world.records.clients.get(moment.session, borrower.client_id)
        await world.records.clients.complete(moment.session, client, password_hash)
    assert (await borrower.log_in()).status_code == 201
    document = await world.keep(borrower.client_id, "contract", application_id)
    async with world.records.moment() as moment:
        await contract_of(moment, world.records, borrower.client_id, application_id, document)
    path = f"/applications/{application_id}/signing"
    request = await asked(borrower, document)
    named = {"challenge_id": str(uuid4()), "signing_request_id": request["signing_request_id"]}
    unsigned = await borrower.call("PUT", path, files=CLIP, data=named)
    assert_problem(unsigned, 409, "signing-request-not-signed")
    assert (await world.scan(request["qr_text"], iin))["put_status"] == 200
    state = await stands(borrower, request)
    assert (state["state"], state["poll"], world.door.updates) == ("signed", None, [])  # it waits for the face
    signed = await borrower.call("PUT", path, files=CLIP, data=named)
    assert (signed.status_code, signed.json()["outcome"]) == (200, "passed")
    cms_id = (await row_of(world, request)).cms_id
    assert [one.cms_id for one in world.given["sign"]] == [cms_id]
    other = await borrower.call("PUT", path, files=CLIP, data=named | {"signing_request_id": str(uuid4())})
    assert_problem(other, 404, "signing-request-unknown")
    twice = {"data": named, "files": CLIP | {"cms": b"0\x82"}}
    neither = {"data": {"challenge_id": named["challenge_id"]}, "files": CLIP}
    for body in (twice, neither):
        assert_problem(await borrower.call("PUT", path, **body), 422, "signature-or-request")
    as_json = {**named, "cms": "MIIB", "selfie": "AAAA", "video": "AAAA"}
    assert (await borrower.call("PUT", path, json=as_json)).json()["code"] == "signature-or-request"


async def contract_of(
    moment: Moment, records: Records, client_id: UUID, application_id: UUID, document: Document
) -> None:
    """An application whose contract waits for its signature."""
    offered = product("personal", moment.day)
    terms = offered.terms(offered.min_amount, 3, Method.ANNUITY, moment.day, moment.policy.version)
    application = Application(
        id=application_id, client_id=client_id, stage="SIGNING", amount=offered.min_amount, term_months=3,
        purpose="REPAIR", receiving_method="OWN_ACCOUNT", account_index=b"i", edition="2025b", policy_version="1",
        account=records.vault.seal_own(b"KZ86125KZT5004100100", f"application:{application_id}:account"),
        product_code="personal", product_version="1", created_at=moment.at, updated_at=moment.at,
    )  # fmt: skip
    moment.session.add(application)
    await moment.session.flush()
    moment.session.add(
        Contract(
            application_id=application_id, client_id=client_id, number=f"T-{application_id.hex[:12]}",
            document_id=document.id, sha256=document.sha256, pages=1, template_version="1",
            terms=terms.model_dump(mode="json"), created_at=moment.at,
        )
    )  # fmt: skip


async def test_a_statement_that_nobody_need_sign_is_not_asked_to_be_signed(world: SigningWorld) -> None:
    borrower, document, _ = await world.registrant()
    async with world.records.moment() as moment:
        client = await world.records.clients.get(moment.session, borrower.client_id)
        moment.session.expunge(client)
        client.kind = "ENTREPRENEUR"  # nowhere but here
        with pytest.raises(Conflict) as raised:
            await waiting(moment, client, await moment.session.get_one(Document, document.id))
    assert raised.value.code == "nothing-to-sign"


async def test_only_its_client_asks_and_only_for_what_waits(world: SigningWorld) -> None:
    borrower, document, _ = await world.registrant()
    other, other_document, _ = await world.registrant()
    path = f"/documents/{document.id}/signing-requests"
    assert_problem(await other.call("POST", path), 404, "not-found")
    request = await asked(borrower, document)
    assert_problem(await other.call("GET", f"/signing-requests/{request['signing_request_id']}"), 404, "not-found")
    selfie = await world.keep(borrower.client_id, "selfie")
    assert_problem(await borrower.call("POST", f"/documents/{selfie.id}/signing-requests"), 409, "nothing-to-sign")
    assert other_document.client_id == other.client_id


async def test_the_rows_of_requests_that_ended_stay_as_they_are(world: SigningWorld) -> None:
    borrower, document, iin = await world.registrant()
    request = await asked(borrower, document)
    await world.scan(request["qr_text"], iin)
    with pytest.raises(Exception, match="stays as it is"):
        async with world.records.moment() as moment:
            await run(
                moment.session,
                "update signing_request set state = 'EXPIRED', cms_id = null where id = :id",
                id=request["signing_request_id"],
            )
