"""Organisations and entrepreneurs through the API: the paper on the right to sign, what staff see, contracts by a face.

Real: PostgreSQL, the archive, the routes. A stand-in: the door to Temporal, so the activities of the case run here.

Rules: para 6, part 2; para 6, part 5; para 9.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest

from activities.authorities import Authorities, AuthorityConfirmed, AuthorityShown
from activities.client_files import ClientFiles, PasswordChosen, ReviewWanted
from activities.context import Records
from rules.client import ClientKind, IdentityDocument, Person
from rules.schedule import Method
from storage import audit, authorities, client_accounts
from storage.database import libpq_url, run
from storage.refunds import Named
from storage.tables import Application, ClientAuthority, Contract, Document
from tests.support.api_world import (
    Borrower,
    Colleague,
    StandInDoor,
    application_body,
    assert_problem,
    new_iin,
    new_key,
    new_phone,
    registration_body,
)

JPEG, PNG, PDF = b"\xff\xd8\xff\xe0" + b"\x00" * 64, b"\x89PNG\r\n\x1a\n" + b"\x00" * 64, b"%PDF-1.7 order"
MP4 = b"\x00\x00\x00\x18ftypisom" + b"\x00" * 64
BIN, IBAN = "490740000400", "KZ86125KZT5004100100"
ORDER = {"kind": "ORDER", "number": "12-к", "issued_on": "2026-01-12"}
POWER = {"kind": "POWER_OF_ATTORNEY", "number": "7/2026", "issued_on": "2026-01-12", "valid_until": "2035-01-11"}
BUSINESS = {"amount": "500000.00", "purpose": "EQUIPMENT", "receiving": {"method": "OWN_ACCOUNT", "iban": IBAN}}


async def begun(http: httpx.AsyncClient, **body: Any) -> Borrower:
    device = new_key()
    headers = {"Idempotency-Key": new_key(), "X-Device-Id": device}
    answer = await http.post("/api/v1/registrations", json=registration_body(**body), headers=headers)
    assert answer.status_code == 201, answer.text
    me = answer.json()
    return Borrower(UUID(me["registration_id"]), "", http, device, me["token"])


@pytest.fixture
async def signatory(http: httpx.AsyncClient) -> Borrower:
    """Somebody who registers an organisation."""
    return await begun(http, kind="LEGAL_ENTITY", bin=BIN, organisation="ТОО «Ұлан»")


async def show(
    of: Borrower, paper: dict[str, Any] = ORDER, *, key: str | None = None, **scans: bytes
) -> httpx.Response:
    return await of.call(
        "POST", f"/registrations/{of.client_id}/authority", key=key, files=scans or {"scan_1": PDF},
        data={"paper": json.dumps(paper)},
    )  # fmt: skip


async def before_the_officer(records: Records, client_id: UUID) -> tuple[AuthorityShown, UUID]:
    """What the case does with the paper that came last."""
    async with records.moment() as moment:
        client = await records.clients.get(moment.session, client_id)
        query = "select id from client_authority where client_id = :id order by n desc limit 1"
        authority_id = (await run(moment.session, query, id=client.id)).scalar_one()
    shown = AuthorityShown(client_id=client_id, authority_id=authority_id)
    assert (await Authorities(records).check_authority(shown)).ground == "authority-to-check"
    wanted = ReviewWanted(
        kind="IDENTITY", workflow_id=f"registration/{client_id}", ground="authority-to-check", client_id=client_id
    )
    return shown, await ClientFiles(records).open_review(wanted)


async def test_the_start_says_what_each_kind_of_client_is_asked_for(
    client_of: Callable[[], httpx.AsyncClient], door: StandInDoor
) -> None:
    kinds = {
        "INDIVIDUAL": ({}, (True, False)),
        "ENTREPRENEUR": ({}, (False, False)),
        "LEGAL_ENTITY": ({"bin": BIN, "organisation": "ЖШС Арман-2"}, (True, True)),
    }
    for kind, (more, asked) in kinds.items():
        of = await begun(client_of(), kind=kind, **more)
        _, start = door.started[f"registration/{of.client_id}"]
        assert (start.signature_needed, start.authority_needed, start.statement_needed) == (*asked, True)
        assert not {BIN, "Арман"} & set(str(start).split())


async def test_the_paper_reaches_the_case_as_archived_scans(
    signatory: Borrower, door: StandInDoor, records: Records
) -> None:
    face = {"files": {"selfie": JPEG, "video": MP4}, "data": {"challenge_id": str(uuid4())}}
    assert (await signatory.call("POST", f"/registrations/{signatory.client_id}/face", **face)).json()["next"] == (
        "authority"
    )
    door.answers["submit_authority"] = {"step": "authority", "outcome": "review", "ground": "authority-to-check"}
    key, scans = new_key(), {"scan_1": PDF, "scan_2": JPEG, "scan_3": PNG}
    first = await show(signatory, POWER, key=key, **scans)
    again = await show(signatory, POWER, key=key, **scans)
    assert (first.status_code, first.json()["next"], again.json()) == (200, "wait", first.json())
    async with records.moment() as moment:
        query = "select id from client_authority where client_id = :id"
        (made,) = (await run(moment.session, query, id=signatory.client_id)).scalars().all()
        paper = await moment.session.get_one(ClientAuthority, made)
        kept = [await moment.session.get_one(Document, scan) for scan in paper.scans]
    assert (paper.kind, paper.number, paper.valid_until) == ("POWER_OF_ATTORNEY", "7/2026", date(2035, 1, 11))
    assert [one.media_type for one in kept] == ["application/pdf", "image/jpeg", "image/png"]
    assert {one.kind for one in kept} == {"authority"}
    assert [name for _, name, _ in door.updates] == ["submit_face", "submit_authority"]


WRONG = [
    ({**POWER, "valid_until": "2026-01-31"}, {"scan_1": PDF}, 422, "authority-expired"),
    ({**POWER, "valid_until": None}, {"scan_1": PDF}, 422, "authority-term-missing"),
    ({**ORDER, "valid_until": "2035-01-11"}, {"scan_1": PDF}, 422, "authority-term-not-expected"),
    ({**ORDER, "issued_on": "2099-01-01"}, {"scan_1": PDF}, 422, "day-in-the-future"),
    ({**ORDER, "number": " "}, {"scan_1": PDF}, 422, None),
    ({**ORDER, "iin": "880412401006"}, {"scan_1": PDF}, 422, "unknown-field"),
    (ORDER, {"scan_2": PDF}, 422, "field-missing"),
    (ORDER, {"scan_1": b"<html>"}, 415, "image-type"),
]


@pytest.mark.parametrize(("paper", "scans", "status", "code"), WRONG)
async def test_a_paper_that_cannot_be_right_is_refused_and_not_kept(
    signatory: Borrower, door: StandInDoor, records: Records, paper, scans, status, code
) -> None:
    answer = await show(signatory, paper, **scans)
    assert answer.status_code == status, answer.text
    if code is not None:
        assert code in answer.text
    assert door.updates == []
    async with records.moment() as moment:
        await authorities.check_tries(moment.session, signatory.client_id, 1)  # none was kept


async def test_a_person_has_no_paper_to_show_and_an_organisation_has_a_name(http: httpx.AsyncClient) -> None:
    person = await begun(http)
    assert_problem(await show(person), 409, "wrong-step")
    headers = {"Idempotency-Key": new_key(), "X-Device-Id": new_key()}
    for more, code in (({"kind": "LEGAL_ENTITY", "bin": BIN}, "organisation-missing"),
                       ({"organisation": "ТОО"}, "organisation-not-expected")):  # fmt: skip
        answer = await http.post("/api/v1/registrations", json=registration_body(**more), headers=headers)
        assert_problem(answer, 422, code, "/organisation")


async def test_an_officer_reads_the_paper_of_the_case_and_that_is_audited(
    signatory: Borrower, records: Records, new_colleague: Callable[..., Any]
) -> None:
    officer: Colleague = await new_colleague("officer")
    await officer.log_in()
    await show(signatory, ORDER, scan_1=PDF)
    shown, review_id = await before_the_officer(records, signatory.client_id)
    await show(signatory, {**ORDER, "number": "999"}, scan_1=PNG)  # sent meanwhile: the case does not take it
    where = f"/staff/api/reviews/{review_id}/authority"
    told = (await officer.http.get(where)).json()
    assert (told["authority_id"], told["number"], told["bin"]) == (str(shown.authority_id), "12-к", BIN)
    assert (told["organisation"], told["signatory"]) == ("ТОО «Ұлан»", "АХМЕТОВА АЙГЕРІМ")
    (scan,) = told["scans"]
    assert (await officer.http.get(scan)).content == PDF
    async with records.moment() as moment:
        other = (await authorities.get(moment.session, signatory.client_id, UUID(told["authority_id"]))).scans
        trail = await audit.of_subject(moment.session, f"client:{signatory.client_id}")
    assert [one["action"] for one in trail].count("authority-read") == 2
    assert_problem(await officer.http.get(f"{where}/scans/{uuid4()}"), 404, "not-found")
    assert scan.endswith(str(other[0]))


async def registered(records: Records, kind: ClientKind, password_hash: str, http: httpx.AsyncClient) -> Borrower:
    organisation = {"bin": BIN, "organisation": "ТОО «Ұлан»"} if kind is ClientKind.LEGAL_ENTITY else {}
    person = Person(
        surname="АХМЕТОВА", given_name="АЙГЕРІМ", iin=new_iin(), phone=new_phone(), **organisation,
        document=IdentityDocument(number="012345678", expires=date(2035, 4, 11)),
    )  # fmt: skip
    async with records.moment() as moment:
        client = await records.clients.register(moment.session, person, kind, "ru", "2025b")
    done = await ClientFiles(records).complete_registration(
        PasswordChosen(client_id=client.id, password_hash=password_hash)
    )
    assert done.outcome == "passed"
    borrower = Borrower(client.id, person.phone, http, device=new_key())
    assert (await borrower.log_in()).status_code == 201
    return borrower


async def test_an_organisation_applies_once_its_paper_is_confirmed_and_while_it_is_good(
    records: Records, password_hash: str, http: httpx.AsyncClient, door: StandInDoor
) -> None:
    organisation = await registered(records, ClientKind.LEGAL_ENTITY, password_hash, http)
    body = application_body(**BUSINESS)
    assert_problem(await organisation.call("POST", "/applications", json=body), 409, "authority-missing")
    async with records.moment() as moment:
        paper = authorities.Paper.model_validate(POWER)
        made = await authorities.keep(moment.session, organisation.client_id, uuid4(), paper, [uuid4()])
    confirmed = AuthorityConfirmed(client_id=made.client_id, authority_id=made.id, review_id=uuid4())
    assert (await Authorities(records).confirm_authority(confirmed)).outcome == "passed"
    answer = await organisation.call("POST", "/applications", json=body)
    assert answer.status_code == 201, answer.text
    _, start = door.started[f"application/{answer.json()['application_id']}"]
    assert (start.face_needed, start.signature_needed) == (True, True)
    assert start.edition == "2025b"


async def drawn(records: Records, application_id: UUID) -> None:
    """The contract stands in the archive, as the case leaves it."""
    async with records.moment() as moment:
        application = await moment.session.get_one(Application, application_id)
        client = await records.clients.get(moment.session, application.client_id)
        document = await records.documents.keep(
            moment.session, b"%PDF contract", kind="contract", media_type="application/pdf", direction="sent",
            client=client, application_id=application_id, retain_until=moment.retain_until(),
        )  # fmt: skip
        moment.session.add(
            Contract(
                application_id=application_id, client_id=client.id, number=f"T-{application_id.hex[:12]}",
                document_id=document.id, sha256=document.sha256, pages=1, template_version="1",
                terms={"method": Method.ANNUITY.value}, created_at=moment.at,
            )
        )  # fmt: skip
        application.stage = "SIGNING"
        moment.session.add(application)


async def test_an_entrepreneur_signs_a_contract_for_the_business_by_the_face_alone(
    records: Records, password_hash: str, http: httpx.AsyncClient, door: StandInDoor
) -> None:
    entrepreneur = await registered(records, ClientKind.ENTREPRENEUR, password_hash, http)
    made = (await entrepreneur.call("POST", "/applications", json=application_body(**BUSINESS))).json()
    application_id = UUID(made["application_id"])
    _, start = door.started[f"application/{application_id}"]
    assert (start.face_needed, start.signature_needed) == (True, False)
    await drawn(records, application_id)
    where = f"/applications/{application_id}/signing"
    started = (await entrepreneur.call("POST", where)).json()
    assert started["proofs"] == ["biometry"]
    face = {"selfie": JPEG, "video": MP4}
    data = {"challenge_id": started["challenge"]["challenge_id"]}
    with_cms = await entrepreneur.call("PUT", where, files={**face, "cms": b"0\x82"}, data=data)
    assert_problem(with_cms, 422, "signature-not-expected", "/cms")
    assert_problem(await entrepreneur.call("PUT", where, files={"selfie": JPEG}, data=data), 422, "field-missing")
    assert door.updates == []
    assert (await entrepreneur.call("PUT", where, files=face, data=data)).status_code == 200
    assert [name for _, name, _ in door.updates] == ["sign"]


@pytest.mark.parametrize(("edition", "proofs"), [("2021", ["signature"]), ("2024b", ["biometry", "signature"])])
async def test_a_contract_keeps_the_proofs_of_its_applications_edition(
    borrower: Borrower, records: Records, database_urls: dict[str, str], edition: str, proofs: list[str]
) -> None:
    made = (await borrower.call("POST", "/applications", json=application_body())).json()
    await drawn(records, UUID(made["application_id"]))
    with psycopg.connect(libpq_url(database_urls["owner"]), autocommit=True) as owner:  # as one of those days has it
        owner.execute("update application set edition = %s where id = %s", [edition, made["application_id"]])
    where = f"/applications/{made['application_id']}/signing"
    started = (await borrower.call("POST", where)).json()
    assert started["proofs"] == proofs
    assert (started["challenge"] is not None) == ("biometry" in proofs)
    parts: dict[str, Any] = {"files": {"cms": b"0\x82"}}
    if "biometry" in proofs:
        assert_problem(await borrower.call("PUT", where, **parts), 422, "field-missing")
        parts["files"] |= {"selfie": JPEG, "video": MP4}
        parts["data"] = {"challenge_id": started["challenge"]["challenge_id"]}
    else:
        assert_problem(
            await borrower.call("PUT", where, files={**parts["files"], "selfie": JPEG}), 422, "face-not-expected"
        )
    assert (await borrower.call("PUT", where, **parts)).status_code == 200


# ---- bank details


async def keep(records: Records, client_id: UUID, named: Named) -> None:
    async with records.moment() as moment:
        client = await records.clients.get(moment.session, client_id)
        await client_accounts.keep(moment.session, records.vault, client, named, source="change", bank_reference="b")


async def test_an_application_goes_to_the_account_that_is_kept(
    borrower: Borrower, records: Records, door: StandInDoor
) -> None:
    kept = application_body(receiving={"method": "OWN_ACCOUNT", "kept": True})
    assert_problem(await borrower.call("POST", "/applications", json=kept), 409, "account-not-kept")
    await keep(records, borrower.client_id, Named(kind="card", value="crd_b7e1f0c2a94d4c7f8a51"))
    assert_problem(await borrower.call("POST", "/applications", json=kept), 409, "account-not-kept")
    await keep(records, borrower.client_id, Named(kind="iban", value=IBAN))
    both = application_body(receiving={"method": "OWN_ACCOUNT", "kept": True, "iban": IBAN})
    assert_problem(await borrower.call("POST", "/applications", json=both), 422, "field-of-another-method")
    at_a_desk = application_body(receiving={"method": "CASH_DESK", "kept": True, "desk": "almaty-1"})
    assert (await borrower.call("POST", "/applications", json=at_a_desk)).status_code == 422
    answer = await borrower.call("POST", "/applications", json=kept)
    assert (answer.status_code, answer.json()["account"]) == (201, "••••0100")
    shown = (await borrower.call("GET", "/account/bank-details")).json()
    assert (shown["kind"], shown["account"]) == ("iban", "••••0100")


async def test_the_whole_change_of_bank_details_reaches_its_workflow(
    borrower: Borrower, door: StandInDoor, new_borrower: Callable[[], Any]
) -> None:
    route = "/account/bank-details/changes"
    assert (await borrower.call("GET", "/account/bank-details")).json() == {
        "kind": None,
        "account": None,
        "since": None,
    }
    made = (await borrower.call("POST", route, json={"iban": IBAN})).json()
    assert made["missing"] == ["account-owner", "face", "signature"]
    name, start = door.started[f"change/{borrower.client_id}/1"]
    assert (name, start.kind, start.signature_needed) == ("DetailsChange", "ACCOUNT", True)
    assert IBAN not in str(start)
    one = f"{route}/{made['change_id']}"
    challenge = (await borrower.call("POST", f"{one}/challenges")).json()
    files, data = {"selfie": JPEG, "video": MP4}, {"challenge_id": challenge["challenge_id"]}
    assert (await borrower.call("PUT", f"{one}/face", files=files, data=data)).json()["next"] == "signature"
    assert_problem(await borrower.call("PUT", f"{one}/signature", json={"cms": "MAA="}), 409, "statement-not-ready")
    # the two kinds of changes are not taken for one another, and one is open at a time
    assert_problem(await borrower.call("GET", f"/account/phone-changes/{made['change_id']}"), 404, "not-found")
    assert (await borrower.call("GET", "/account/phone-changes")).json() == []
    phone = await borrower.call("POST", "/account/phone-changes", json={"phone": new_phone()})
    assert_problem(phone, 409, "details-change-open")
    other = await new_borrower()
    assert_problem(await other.call("GET", one), 404, "not-found")
    for body in ({}, {"iban": IBAN, "card_token": "crd_b7e1f0c2a94d4c7f8a51"}, {"card_token": "4111111111111111"}):
        assert (await other.call("POST", route, json=body)).status_code == 422
