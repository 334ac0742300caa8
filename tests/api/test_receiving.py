"""How the money is to come: what an application may say, what is kept of it, and the codes and faces that follow.

Real: PostgreSQL, the archive, the routes. A stand-in: the door to Temporal.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from activities.context import Records
from api import lending
from rules.errors import NotConfirmed
from rules.products import ReceivingMethod
from rules.receiving import Receiving, merchant_act
from storage import challenges
from storage.tables import Application, LivenessChallenge
from tests.support.api_world import Borrower, StandInDoor, application_body, assert_problem
from tests.support.cash_world import cash_order_of, signed

TOKEN = "crd_b7e1f0c2a94d4c7f8a51"
JPEG, MP4 = b"\xff\xd8\xff" + b"\x00" * 64, b"\x00\x00\x00\x18ftypisom" + b"\x00" * 64


def asking(method: str, purpose: str = "GOODS", **receiving: Any) -> dict[str, Any]:
    return application_body(purpose=purpose, receiving={"method": method, **receiving})


GOOD = [
    (asking("OWN_ACCOUNT", iban="KZ86125KZT5004100100"), "KZ86125KZT5004100100", "••••0100", None),
    (asking("OWN_CARD", card_token=TOKEN), TOKEN, "••••8a51", None),
    (asking("MERCHANT", merchant_id="ulgi-technika"), "ulgi-technika", None, "Ulgi Technika LLP"),
    (asking("CASH_DESK", desk="astana-1"), "astana-1", None, "2 Ulgi Street, Astana"),
    (asking("CASH_TERMINAL"), "", None, None),
]


@pytest.mark.parametrize(("body", "value", "account", "place"), GOOD, ids=lambda one: str(one)[-24:])
async def test_each_way_is_kept_sealed_and_shown_masked(
    borrower: Borrower, records: Records, door: StandInDoor, body: dict[str, Any], value: str, account: str, place: str
) -> None:
    answer = await borrower.call("POST", "/applications", json=body, headers={"Accept-Language": "en"})
    assert answer.status_code == 201, answer.text
    state = answer.json()
    assert (state["account"], state["place"]) == (account, place)
    async with records.moment() as moment:
        row = await moment.session.get_one(Application, UUID(state["application_id"]))
    sealed = records.vault.open_own(row.account, lending.account_context(row.id)).decode()
    assert Receiving.read(sealed) == Receiving(method=ReceivingMethod(body["receiving"]["method"]), value=value)
    assert not value or value.encode() not in row.account
    _, start = door.started[f"application/{row.id}"]
    assert (start.receiving_method, start.merchant_hours) == (body["receiving"]["method"], 72)


IBAN, GOODS = "KZ86125KZT5004100100", {"purpose": "GOODS"}
WRONG = [
    ({"method": "OWN_CARD"}, "card-token-missing", "/receiving/card_token"),
    ({"method": "OWN_CARD", "card_token": "4111111111111111"}, "card-number-given", "/receiving/card_token"),
    ({"method": "OWN_CARD", "card_token": "4111 1111 1111 1111"}, "card-number-given", "/receiving/card_token"),
    ({"method": "OWN_CARD", "card_token": "4111-1111-1111-1111"}, "card-number-given", "/receiving/card_token"),
    ({"method": "OWN_CARD", "card_token": "4111111111111112"}, "card-number-given", "/receiving/card_token"),
    ({"method": "OWN_CARD", "card_token": "tok_5555555555554444_x"}, "card-number-given", "/receiving/card_token"),
    ({"method": "OWN_CARD", "card_token": "378282246310005"}, "card-number-given", "/receiving/card_token"),
    ({"method": "OWN_CARD", "card_token": "short"}, "card-token-format", "/receiving/card_token"),
    ({"method": "OWN_CARD", "card_token": "token with spaces in"}, "card-token-format", "/receiving/card_token"),
    ({"method": "OWN_CARD", "card_token": "t" * 129}, "field-too-long", "/receiving/card_token"),
    ({"method": "OWN_CARD", "card_token": TOKEN, "iban": IBAN}, "field-of-another-method", "/receiving/iban"),
    ({"method": "OWN_CARD", "iban": IBAN}, "field-of-another-method", "/receiving/iban"),
    ({"method": "OWN_CARD", "card_number": "4111111111111111"}, "unknown-field", "/receiving/card_number"),
    ({"method": "OWN_ACCOUNT", "iban": "4111111111111111"}, "field-too-short", "/receiving/iban"),
    ({"method": "MERCHANT"}, "merchant-missing", "/receiving/merchant_id"),
    ({"method": "MERCHANT", "merchant_id": "nobody"}, "merchant-unknown", "/receiving/merchant_id"),
    ({"method": "MERCHANT", "merchant_id": "ulgi-kitap"}, "merchant-unknown", "/receiving/merchant_id"),
    ({"method": "MERCHANT", "merchant_id": "A B"}, "field-format", "/receiving/merchant_id"),
    ({"method": "MERCHANT", "merchant_id": "ulgi-mebel", "desk": "d1"}, "field-of-another-method", "/receiving/desk"),
    ({"method": "CASH_DESK"}, "desk-missing", "/receiving/desk"),
    ({"method": "CASH_DESK", "desk": "nowhere-9"}, "desk-unknown", "/receiving/desk"),
    ({"method": "CASH_DESK", "desk": "almaty-1", "iban": IBAN}, "field-of-another-method", "/receiving/iban"),
    ({"method": "CASH_TERMINAL", "desk": "almaty-1"}, "field-of-another-method", "/receiving/desk"),
    ({"method": "CASH_TERMINAL", "card_token": TOKEN}, "field-of-another-method", "/receiving/card_token"),
]  # fmt: skip


@pytest.mark.parametrize(("receiving", "code", "pointer"), WRONG)
async def test_a_wrong_way_is_named_and_nothing_is_started(
    borrower: Borrower, door: StandInDoor, receiving: dict[str, Any], code: str, pointer: str
) -> None:
    answer = await borrower.call("POST", "/applications", json=application_body(receiving=receiving, **GOODS))
    assert_problem(answer, 422, code, pointer)
    for given in (receiving.get("card_token"), receiving.get("card_number")):
        assert given is None or given not in answer.text
    assert door.started == {}
    assert (await borrower.call("GET", "/applications")).json() == []


async def test_a_seller_is_paid_for_goods_only(borrower: Borrower) -> None:
    body = asking("MERCHANT", "HEALTH", merchant_id="ulgi-technika")

    answer = await borrower.call("POST", "/applications", json=body)
    assert_problem(answer, 422, "merchant-for-goods-only", "/receiving/method")


async def test_a_terminal_hands_out_no_large_amount(borrower: Borrower) -> None:
    body = asking("CASH_TERMINAL") | {"amount": "500000.01"}
    assert_problem(
        await borrower.call("POST", "/applications", json=body), 422, "amount-above-terminal-limit", "/amount"
    )


async def test_an_account_of_an_earlier_release_is_still_shown(borrower: Borrower, records: Records) -> None:
    answer = await borrower.call("POST", "/applications", json=application_body())
    application_id = UUID(answer.json()["application_id"])
    async with records.moment() as moment:
        row = await moment.session.get_one(Application, application_id)
        row.account = records.vault.seal_own(b"KZ86125KZT5004100100", lending.account_context(application_id))
        moment.session.add(row)
    state = (await borrower.call("GET", f"/applications/{application_id}")).json()
    assert state["account"] == "••••0100"


async def test_sellers_and_desks_are_listed_to_anybody(http: httpx.AsyncClient) -> None:
    sellers = (await http.get("/api/v1/merchants", headers={"Accept-Language": "en"})).json()
    assert [one["merchant_id"] for one in sellers] == ["ulgi-technika", "ulgi-mebel"]  # the third agreement has ended
    assert sellers[0] == {"merchant_id": "ulgi-technika", "name": "Ulgi Technika LLP", "bin": "490740000202"}
    desks = (await http.get("/api/v1/cash-desks", headers={"Accept-Language": "ru"})).json()
    assert {"desk": "almaty-1", "address": "г. Алматы, улица Улги, дом 1"} in desks


@pytest.fixture
def of_borrower(records: Records, borrower: Borrower) -> Callable[..., Any]:
    """An application of the logged-in client, at a stage."""

    async def make(how: Receiving, stage: str) -> UUID:
        ref = await signed(records, how, purpose="GOODS", client_id=borrower.client_id, stage=stage)
        return ref.application_id

    return make


SELLER = Receiving(method=ReceivingMethod.MERCHANT, value="ulgi-technika")


class TestMerchantConfirmation:
    async def test_the_challenge_is_for_this_payment_and_no_other(
        self, borrower: Borrower, records: Records, of_borrower: Callable[..., Any]
    ) -> None:
        application = await of_borrower(SELLER, "MERCHANT_CONFIRMATION")
        answer = await borrower.call("POST", f"/applications/{application}/merchant-confirmation/challenges")
        assert answer.status_code == 201
        check = answer.json()
        assert (check["amount"], check["merchant"]["bin"], check["iban"]) == ("150000.00", "490740000202", "••••0101")
        state = (await borrower.call("GET", f"/applications/{application}")).json()
        assert state["next"] == "confirm-merchant"
        challenge = UUID(check["challenge"]["challenge_id"])
        async with records.database.begin() as session:
            row = await session.get_one(LivenessChallenge, challenge)
            by = {"session_hash": row.session_hash, "device_id": row.device_id}
        for act in ("CONTRACT", "merchant-payment", merchant_act(uuid4())):
            async with records.database.begin() as session:
                with pytest.raises(NotConfirmed, match="challenge-unknown"):
                    await challenges.use(session, challenge, borrower.client_id, act, **by)
        async with records.database.begin() as session:
            await challenges.use(session, challenge, borrower.client_id, merchant_act(application), **by)

    async def test_selfie_and_clip_reach_the_case_as_documents(
        self, borrower: Borrower, door: StandInDoor, of_borrower: Callable[..., Any]
    ) -> None:
        application = await of_borrower(SELLER, "MERCHANT_CONFIRMATION")
        form = {"files": {"selfie": JPEG, "video": MP4}, "data": {"challenge_id": str(uuid4())}}
        answer = await borrower.call("POST", f"/applications/{application}/merchant-confirmation", **form)
        assert (answer.status_code, answer.json()["outcome"], answer.json()["next"]) == (200, "passed", "wait")
        assert [(case, name) for case, name, _ in door.updates] == [
            (f"application/{application}", "merchant_confirmed")
        ]

    @pytest.mark.parametrize("stage", ["SIGNING", "DISBURSING", "ISSUED"])
    async def test_at_another_stage_nothing_is_confirmed(
        self, borrower: Borrower, door: StandInDoor, of_borrower: Callable[..., Any], stage: str
    ) -> None:
        application = await of_borrower(SELLER, stage)
        path = f"/applications/{application}/merchant-confirmation"
        assert_problem(await borrower.call("POST", f"{path}/challenges"), 409, "wrong-step")
        form = {"files": {"selfie": JPEG, "video": MP4}, "data": {"challenge_id": str(uuid4())}}
        assert_problem(await borrower.call("POST", path, **form), 409, "wrong-step")
        assert door.updates == []

    @pytest.mark.parametrize(
        ("parts", "status", "code"),
        [
            ({"files": {"video": MP4}, "data": {"challenge_id": str(uuid4())}}, 422, "field-missing"),
            ({"files": {"selfie": JPEG, "video": MP4}, "data": {"challenge_id": "x"}}, 422, "field-format"),
            ({"files": {"selfie": b"GIF89a", "video": MP4}, "data": {"challenge_id": str(uuid4())}}, 415, "image-type"),
            ({"json": {"selfie": "x"}}, 415, "content-type"),
        ],
    )
    async def test_a_crooked_confirmation_is_refused(
        self, borrower: Borrower, of_borrower: Callable[..., Any], parts: dict[str, Any], status: int, code: str
    ) -> None:
        application = await of_borrower(SELLER, "MERCHANT_CONFIRMATION")
        answer = await borrower.call("POST", f"/applications/{application}/merchant-confirmation", **parts)
        assert_problem(answer, status, code)


class TestCollection:
    async def ordered(self, records: Records, application_id: UUID) -> None:
        async with records.moment() as moment:
            row = await moment.session.get_one(Application, application_id)
            await cash_order_of(moment, records, row)

    async def test_the_code_is_shown_once_and_a_new_one_voids_it(
        self, borrower: Borrower, records: Records, of_borrower: Callable[..., Any]
    ) -> None:
        how = Receiving(method=ReceivingMethod.CASH_DESK, value="almaty-1")
        application = await of_borrower(how, "DISBURSING")
        path = f"/applications/{application}/collection"
        assert_problem(await borrower.call("GET", path), 409, "cash-order-not-ready")
        assert_problem(await borrower.call("POST", f"{path}/codes"), 409, "cash-order-not-ready")
        await self.ordered(records, application)
        waiting = (await borrower.call("GET", path)).json()
        assert (waiting["state"], waiting["code_shown"], waiting["desk"]["desk"]) == ("waiting", False, "almaty-1")
        assert (await borrower.call("GET", f"/applications/{application}")).json()["next"] == "collect"
        first = await borrower.call("POST", f"{path}/codes", key="k" * 20)
        assert first.status_code == 201
        assert len(first.json()["code"]) == 8
        again = await borrower.call("POST", f"{path}/codes", key="k" * 20)  # the answer got lost: the same code
        assert (again.json(), again.headers["Idempotent-Replay"]) == (first.json(), "true")
        shown = (await borrower.call("GET", path)).json()
        assert shown["code_shown"] is True
        assert first.json()["code"] not in str(shown)
        codes = {first.json()["code"]}
        for _ in range(2):
            codes.add((await borrower.call("POST", f"{path}/codes")).json()["code"])
        assert len(codes) == 3
        assert_problem(await borrower.call("POST", f"{path}/codes"), 409, "collection-codes-used-up")
