"""Bad input gives a typed problem with a pointer, in three languages, and never what was sent."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import httpx
import pytest

from api.app import create_app
from api.services import Services
from api.titles import title
from storage.database import Database
from tests.support.api_world import (
    ORIGIN,
    Borrower,
    StandInDoor,
    application_body,
    assert_problem,
    new_key,
    registration_body,
)

KEY = "Idempotency-Key"


async def register(http: httpx.AsyncClient, body: Any, **headers: str) -> httpx.Response:
    given = {KEY: new_key(), "X-Device-Id": new_key(), **headers}
    return await http.post("/api/v1/registrations", json=body, headers=given)


REGISTRATION = [
    ({"iin": "880412401007"}, "iin-check-digit", "/iin"),
    ({"iin": "88041240100"}, "field-too-short", "/iin"),
    ({"iin": "8" * 21}, "field-too-long", "/iin"),
    ({"iin": "abcdefabcdef"}, "iin-format", "/iin"),
    ({"iin": "991332401007"}, "iin-birth-date", "/iin"),
    ({"iin": None}, "field-format", "/iin"),
    ({"phone": "+79161234567"}, "phone-not-kz-mobile", "/phone"),
    ({"phone": "1"}, "field-too-short", "/phone"),
    ({"phone": "+7701" + "1" * 30}, "field-too-long", "/phone"),
    ({"surname": ""}, "field-too-short", "/surname"),
    ({"surname": "А" * 81}, "field-too-long", "/surname"),
    ({"surname": "{{7*7}}"}, "field-format", "/surname"),
    ({"surname": "А\r\nX: y"}, "field-format", "/surname"),
    ({"surname": "=cmd|calc"}, "field-format", "/surname"),
    ({"given_name": "<script>"}, "field-format", "/given_name"),
    ({"patronymic": "1'; drop table client"}, "field-format", "/patronymic"),
    ({"document": {"number": "12345678", "expires": "2035-01-01"}}, "field-format", "/document/number"),
    ({"document": {"number": "١٢٣٤٥٦٧٨٩", "expires": "2035-01-01"}}, "field-format", "/document/number"),
    ({"document": {"number": "012345678", "expires": "2020-01-01"}}, "document-expired", "/document/expires"),
    ({"document": {"number": "012345678", "expires": "2300-01-01"}}, "field-out-of-range", "/document/expires"),
    ({"document": {"number": "012345678", "expires": "soon"}}, "field-format", "/document/expires"),
    ({"document": {"number": "012345678"}}, "field-missing", "/document/expires"),
    ({"kind": "ROBOT"}, "field-not-allowed", "/kind"),
    ({"language": "de"}, "field-not-allowed", "/language"),
    ({"application": "desktop"}, "field-not-allowed", "/application"),
    ({"bin": "940140000385"}, "bin-not-expected", "/bin"),
    ({"kind": "LEGAL_ENTITY"}, "bin-missing", "/bin"),
    ({"kind": "LEGAL_ENTITY", "bin": "940140000386"}, "iin-check-digit", "/bin"),
    ({"kind": "LEGAL_ENTITY", "bin": "880412401006"}, "bin-format", "/bin"),
    ({"role": "officer"}, "unknown-field", "/role"),
    ({"status": "REGISTERED"}, "unknown-field", "/status"),
]


@pytest.mark.parametrize(("change", "code", "pointer"), REGISTRATION)
async def test_a_wrong_field_of_a_registration_is_named(
    http: httpx.AsyncClient, door: StandInDoor, change: dict[str, Any], code: str, pointer: str
) -> None:
    answer = await register(http, registration_body(**change))
    assert_problem(answer, 422, code, pointer)
    assert door.started == {}


APPLICATION = [
    ({"amount": "0"}, "amount-not-positive", "/amount"),
    ({"amount": "-1.00"}, "amount-not-positive", "/amount"),
    ({"amount": "1e30"}, "field-format", "/amount"),
    ({"amount": "1.005"}, "field-format", "/amount"),
    ({"amount": "9" * 40}, "field-format", "/amount"),
    ({"amount": 0.1}, "money-not-text", "/amount"),
    ({"amount": 150000}, "money-not-text", "/amount"),
    ({"amount": None}, "money-not-text", "/amount"),
    ({"amount": "9999.99"}, "amount-outside-product", "/amount"),
    ({"amount": "1000000.01"}, "amount-outside-product", "/amount"),
    ({"term_months": 0}, "field-out-of-range", "/term_months"),
    ({"term_months": 121}, "field-out-of-range", "/term_months"),
    ({"term_months": 25}, "term-outside-product", "/term_months"),
    ({"term_months": "6"}, "field-format", "/term_months"),
    ({"term_months": 1.5}, "field-format", "/term_months"),
    ({"purpose": "YACHT"}, "field-not-allowed", "/purpose"),
    ({"purpose": "EQUIPMENT"}, "purpose-outside-product", "/purpose"),
    ({"receiving": {"method": "CASH_DESK"}}, "desk-missing", "/receiving/desk"),
    ({"receiving": {"method": "MERCHANT"}}, "merchant-missing", "/receiving/merchant_id"),
    ({"receiving": {"method": "PIGEON"}}, "field-not-allowed", "/receiving/method"),
    ({"receiving": {"method": "OWN_ACCOUNT"}}, "iban-missing", "/receiving/iban"),
    ({"receiving": {"method": "OWN_ACCOUNT", "iban": "KZ86125KZT5004100101"}}, "iban-invalid", "/receiving/iban"),
    ({"receiving": {"method": "OWN_ACCOUNT", "iban": "GB82WEST12345698765432"}}, "iban-not-kz", "/receiving/iban"),
    ({"receiving": {"method": "OWN_ACCOUNT", "iban": "K" * 31}}, "field-too-long", "/receiving/iban"),
    ({"receiving": {"method": "OWN_ACCOUNT", "iban": "http://169.254.169.254"}}, "iban-invalid", "/receiving/iban"),
    ({"product": "no-such"}, "product-unknown", "/product"),
    ({"product": "A B"}, "field-format", "/product"),
    ({"score": 999}, "unknown-field", "/score"),
    ({"stage": "ISSUED"}, "unknown-field", "/stage"),
]


@pytest.mark.parametrize(("change", "code", "pointer"), APPLICATION)
async def test_a_wrong_field_of_an_application_is_named(
    borrower: Borrower, door: StandInDoor, change: dict[str, Any], code: str, pointer: str
) -> None:
    answer = await borrower.call("POST", "/applications", json=application_body(**change))
    assert_problem(answer, 422, code, pointer)
    assert door.started == {}
    assert (await borrower.call("GET", "/applications")).json() == []


async def test_several_wrong_fields_are_told_at_once_and_none_is_echoed(http: httpx.AsyncClient) -> None:
    secret = "880412999999"
    answer = await register(http, registration_body(iin=secret, phone="+79160000001", surname="{{secret}}"))
    body = assert_problem(answer, 422, "invalid-input")
    assert {one["pointer"] for one in body["errors"]} == {"/iin", "/phone", "/surname"}
    assert not any(canary in answer.text for canary in (secret, "79160000001", "{{secret}}"))


@pytest.mark.parametrize(
    ("accept", "language"), [("kk", "kk"), ("ru-RU,ru;q=0.9,en;q=0.8", "ru"), ("en", "en"), ("de", "kk"), ("", "kk")]
)
async def test_the_words_follow_accept_language(http: httpx.AsyncClient, accept: str, language: str) -> None:
    answer = await register(http, registration_body(iin="880412401007"), **{"Accept-Language": accept})
    assert answer.json()["title"] == title("iin-check-digit", language)
    assert answer.headers["content-language"] == language


async def test_a_call_without_a_key_is_refused(http: httpx.AsyncClient) -> None:
    assert_problem(
        await http.post("/api/v1/registrations", json=registration_body(application="web")), 400, "key-missing"
    )


@pytest.mark.parametrize("key", ["short", "x" * 65, "with space in the key", "sixteen-signs-é-x"])
async def test_a_key_of_another_shape_is_refused(http: httpx.AsyncClient, key: str) -> None:
    answer = await http.post(
        "/api/v1/registrations",
        json=registration_body(),
        headers=[(b"idempotency-key", key.encode()), (b"x-device-id", b"d" * 20)],
    )
    assert_problem(answer, 422, "key-format")


async def test_a_mobile_application_without_its_device_is_refused(http: httpx.AsyncClient) -> None:
    answer = await http.post("/api/v1/registrations", json=registration_body(), headers={KEY: new_key()})
    assert_problem(answer, 422, "device-id")


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b'{"iin": ', b"[" * 100_000])
async def test_a_body_that_is_no_json_is_a_problem(http: httpx.AsyncClient, content: bytes) -> None:
    headers = {KEY: new_key(), "Content-Type": "application/json"}
    answer = await http.post("/api/v1/registrations", content=content, headers=headers)
    assert_problem(answer, 400, "malformed-body")


@pytest.mark.parametrize("content", [b"[]", b"null", b'"text"', b"7"])
async def test_a_body_of_another_shape_is_a_problem(http: httpx.AsyncClient, content: bytes) -> None:
    headers = {KEY: new_key(), "Content-Type": "application/json"}
    answer = await http.post("/api/v1/registrations", content=content, headers=headers)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_form_is_no_json(http: httpx.AsyncClient) -> None:
    answer = await http.post("/api/v1/registrations", data={"iin": "1"}, headers={KEY: new_key()})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_huge_body_is_refused_before_it_is_read(http: httpx.AsyncClient) -> None:
    answer = await http.post("/api/v1/registrations", content=b"x" * (1024 * 1024 + 1), headers={KEY: new_key()})
    assert_problem(answer, 413, "body-too-large")


async def test_a_body_that_grows_without_an_announced_size_is_cut(http: httpx.AsyncClient) -> None:
    async def endless() -> Any:
        for _ in range(40):
            yield b"x" * 65536

    headers = {KEY: new_key(), "Content-Type": "application/json"}
    answer = await http.post("/api/v1/registrations", content=endless(), headers=headers)
    assert_problem(answer, 413, "body-too-large")


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api/v2/me", "/staff/api/none"])
async def test_an_unknown_address_is_a_problem(http: httpx.AsyncClient, path: str) -> None:
    assert_problem(await http.get(path), 404, "not-found")


async def test_another_method_is_a_problem(http: httpx.AsyncClient) -> None:
    assert_problem(await http.patch("/api/v1/products"), 405, "method-not-allowed")


@pytest.mark.parametrize(
    "path",
    [
        "/applications/{0}", "/applications/{0}/offers", "/applications/{0}/acknowledgements",
        "/applications/{0}/contract", "/contracts/{0}", "/contracts/{0}/pdf", "/contracts/{0}/sealed-pdf",
        "/loans/{0}", "/loans/{0}/debt", "/loans/{0}/schedule", "/loans/{0}/payments", "/loans/{0}/ways-to-repay",
        "/documents/{0}/content", "/documents/{0}/confirmation", "/registrations/{0}",
        "/registrations/{0}/statement",
    ],
)  # fmt: skip
async def test_an_unknown_id_is_not_found_and_a_crooked_one_is_a_problem(borrower: Borrower, path: str) -> None:
    unknown = await borrower.call("GET", path.format("00000000-0000-4000-8000-000000000000"))
    assert_problem(unknown, 404, "not-found")
    assert_problem(await borrower.call("GET", path.format("1' or '1'='1")), 422, "field-format")


async def test_an_unknown_error_shows_nothing(borrower: Borrower, door: StandInDoor, caplog: Any) -> None:
    door.answers["withdraw"] = {"unexpected": "880412401006"}
    application = (await borrower.call("POST", "/applications", json=application_body())).json()["application_id"]
    door.update = broken  # type: ignore[method-assign]
    answer = await borrower.call("POST", f"/applications/{application}/withdrawal")
    assert_problem(answer, 500, "broken")
    assert "880412401006" not in answer.text + caplog.text
    assert answer.json()["trace_id"] in caplog.text


async def broken(*args: Any) -> Any:
    raise RuntimeError("a text with 880412401006 inside")


async def test_a_database_that_is_away_is_503_with_retry_after(services: Services) -> None:
    away = replace(services.records, database=Database("postgresql://nobody@127.0.0.1:1/none", 1))
    app = create_app(services=replace(services, records=away))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ORIGIN) as http:
        for answer in (await http.get("/ready"), await register(http, registration_body())):
            assert_problem(answer, 503, "unavailable")
            assert answer.headers["retry-after"] == "5"
        assert (await http.get("/health")).status_code == 200
    await away.database.close()


async def test_a_sign_that_no_database_keeps_is_a_problem(new_colleague: Any) -> None:
    officer = await new_colleague("officer", "compliance")
    await officer.log_in()
    for path in ("claims", "papers"):
        answer = await officer.http.get(f"/staff/api/{path}", params={"contract_number": "MK\x00"})
        assert_problem(answer, 422, "control-characters")
    body = {"receipt": "1", "contract_number": "MK\x00-1", "amount": "1.00", "value_date": "2026-02-20"}
    headers = {"Origin": ORIGIN, KEY: new_key()}
    answer = await officer.http.post("/staff/api/payments", json=body, headers=headers)
    assert_problem(answer, 422, "control-characters", "/contract_number")
