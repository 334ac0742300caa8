"""How the money reaches the borrower: a card, a seller, a cash desk, a terminal; and who gets none.

Real: the whole stack. Simulated: the counterparties (bank with its card form, terminals, digital documents), the
borrower and the cashiers' hands.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
import pytest

from cli.reconcile import reconcile
from infra.borrower.app import BorrowerApp, Refused, Stopped
from infra.borrower.town import Town
from infra.settings import Settings
from infra.stack import Stack
from rules.calendar import local_date
from rules.money import Money
from rules.partners import known_partner
from rules.terminal_operators import OPERATORS
from storage import incoming
from storage.tables import Staff
from tests.support.real_world import Colleague, assert_nothing_paid, books_of, our_records, soon, temporal, trail

AMOUNT = "40000.00"
SELLER = known_partner("ulgi-technika")
assert SELLER is not None


async def signed(app: BorrowerApp, purpose: str = "PERSONAL_NEEDS", amount: str = AMOUNT, **receiving: str) -> str:
    """An application whose contract is signed and whose money goes this way."""
    application = await app.apply(amount, 3, purpose, receiving=receiving)
    await app.offers(application)
    await app.choose(application, "annuity")
    await app.sign_contract(application)
    return application


async def cashier(stack: Stack, settings: Settings, login: str, desk: str | None, *roles: str) -> Colleague:
    """A member of staff at a desk, logged in."""
    made = await Colleague.hired(stack, settings, login, *(roles or ("cashier",)))
    async with our_records(settings) as kept, kept.database.begin() as session:
        row = await session.get_one(Staff, UUID(made.staff_id))
        row.desk = desk
        session.add(row)
    assert (await made.log_in()).status_code == 201
    return made


async def at_desk(who: Colleague, order: str, what: str = "", **body: Any) -> httpx.Response:
    """One call of a cashier about an order."""
    path = f"/staff/api/cash-orders/{order}{what}"
    if not what:
        return await who.http.get(path)
    return await who.http.post(path, headers={"Idempotency-Key": f"{order}{what}".replace("/", "-") + "-0001"}, **body)


async def told_to_the_bureau(town: Town, contract: str) -> None:
    """The loan lives: its case has told the state bureau."""

    async def look() -> Any:
        answer = await town.world.get("/_control/bureau/contracts", params={"contract_no": contract})
        return answer.json()

    assert await soon(look, "the loan's record at the bureau")


class TestCard:
    async def test_the_clients_card_is_paid_once(self, client, town: Town, settings: Settings):
        app = await client()
        token = await town.card(app.persona)
        application = await signed(app, method="OWN_CARD", card_token=token)
        state = await app.issued(application)
        assert state["account"] == f"••••{token[-4:]}"
        books = await books_of(settings, town, app, application)
        assert [(one["card_token"], one["amount"], one["status"]) for one in books.paid] == [(token, AMOUNT, "DONE")]
        assert books.posted == {("loans:principal", "D", AMOUNT), ("cash:bank", "C", AMOUNT)}
        assert books.payment is not None
        assert (books.payment.channel, books.payment.state, books.loans) == ("card", "done", 1)

    async def test_somebody_elses_card_gets_nothing(self, client, borrower, town: Town, settings: Settings):
        app, other = await client(), await borrower()
        token = await town.card(other.persona)
        application = await signed(app, method="OWN_CARD", card_token=token)
        with pytest.raises(Stopped) as stopped:
            await app.issued(application)
        assert stopped.value.ground == "account-not-owned"
        await assert_nothing_paid(settings, town, app, application)

    async def test_a_cards_number_is_refused_before_anything_is_kept(self, client):
        app = await client()
        with pytest.raises(Refused) as refused:
            await app.apply(AMOUNT, 3, receiving={"method": "OWN_CARD", "card_token": "4000 0012 3456 7899"})
        assert (refused.value.code, refused.value.status) == ("card-number-given", 422)
        assert "4000" not in str(refused.value.problem)


class TestMerchant:
    async def test_the_seller_is_paid_after_the_borrowers_own_face(self, client, town: Town, settings: Settings):
        app = await client()
        application = await signed(app, "GOODS", method="MERCHANT", merchant_id=SELLER.merchant_id)
        waiting = await app.until(application, "MERCHANT_CONFIRMATION")
        assert waiting["next"] == "confirm-merchant"
        await assert_nothing_paid(settings, town, app, application)
        check = await app.confirm_merchant(application)
        assert (check["amount"], check["merchant"]["bin"]) == (AMOUNT, SELLER.bin)
        await app.issued(application)
        books = await books_of(settings, town, app, application)
        assert [(one["iban"], one["recipient"], one["status"]) for one in books.paid] == [
            (SELLER.iban, {"bin": SELLER.bin}, "DONE")
        ]
        assert books.payment is not None
        assert (books.payment.channel, books.loans, books.received) == ("merchant", 1, "0.00")

    async def test_another_persons_face_stops_the_payment(self, client, borrower, town: Town, settings: Settings):
        app, other = await client(who="a"), await borrower(who="b")
        application = await signed(app, "GOODS", method="MERCHANT", merchant_id=SELLER.merchant_id)
        own, app.selfie = app.selfie, other.selfie
        with pytest.raises(Stopped) as stopped:
            await app.confirm_merchant(application)
        assert (stopped.value.ground, stopped.value.answer["outcome"]) == ("face-different", "retry")
        await assert_nothing_paid(settings, town, app, application)
        app.selfie = own
        await app.confirm_merchant(application)  # the borrower's own face goes on
        await app.issued(application)

    async def test_a_challenge_for_signing_confirms_no_payment(self, client, town: Town, settings: Settings):
        app = await client()
        application = await app.apply(AMOUNT, 3, "GOODS", receiving={"method": "MERCHANT", "merchant_id": "ulgi-mebel"})
        await app.offers(application)
        await app.choose(application, "annuity")
        await app.until(application, "SIGNING")
        spare = (await app.call("POST", f"/applications/{application}/signing"))["challenge"]
        await app.sign_contract(application)
        await app.until(application, "MERCHANT_CONFIRMATION")
        files, data = await app.face(spare)
        with pytest.raises(Stopped) as stopped:
            await app.step("POST", f"/applications/{application}/merchant-confirmation", files=files, data=data)
        assert stopped.value.ground == "challenge-unknown"
        await assert_nothing_paid(settings, town, app, application)


class TestCashDesk:
    async def test_a_cashier_pays_the_client_with_the_document_in_the_hand(
        self, client, town: Town, settings: Settings, stack: Stack
    ):
        app, who = await client(), await cashier(stack, settings, "cash-1", "almaty-1")
        other = await cashier(stack, settings, "cash-2", "astana-1")
        application = await signed(app, method="CASH_DESK", desk="almaty-1")
        order = await app.collection(application)
        assert (order["state"], order["desk"]["desk"]) == ("waiting", "almaty-1")
        assert (await app.call("GET", f"/applications/{application}"))["next"] == "collect"

        seen = (await at_desk(who, order["order"])).json()
        assert seen["receiver"] == app.persona.full_name
        given = {"code": order["code"], "document_number": app.persona.document_number}
        assert (await at_desk(other, order["order"], "/pay", json=given)).json()["code"] == "cash-order-other-desk"
        wrong = {**given, "document_number": "000000000"}
        tried = await who.http.post(
            f"/staff/api/cash-orders/{order['order']}/pay", json=wrong, headers={"Idempotency-Key": "w" * 20}
        )
        assert tried.json()["code"] == "document-number-wrong"
        paid = await at_desk(who, order["order"], "/pay", json=given)
        assert paid.status_code == 200, paid.text
        again = await at_desk(who, order["order"], "/pay", json=given)
        assert again.json() == paid.json()

        state = await app.issued(application)
        assert state["loan_id"] == paid.json()["loan_id"]
        books = await books_of(settings, town, app, application)
        assert books.posted == {("loans:principal", "D", AMOUNT), ("cash:cash-desk", "C", AMOUNT)}
        assert (books.paid, books.loans, books.postings) == ([], 1, 1)
        told = [one["action"] for one in await trail(settings, f"application:{application}")]
        assert {"collection-code-shown", "cash-order-seen", "cash-order-refused", "cash-order-paid"} <= set(told)
        await told_to_the_bureau(town, paid.json()["contract"])
        debt = await app.call("GET", f"/loans/{state['loan_id']}/debt")
        assert debt["principal"] == AMOUNT
        for one in (who, other):
            await one.http.aclose()

    async def test_the_digital_document_stands_for_the_card(self, client, town: Town, settings: Settings, stack: Stack):
        app, who = await client(), await cashier(stack, settings, "cash-3", "almaty-1")
        application = await signed(app, method="CASH_DESK", desk="almaty-1")
        order = await app.collection(application)
        given = {"code": order["code"], "digital_document": True}
        early = await who.http.post(
            f"/staff/api/cash-orders/{order['order']}/pay", json=given, headers={"Idempotency-Key": "e" * 20}
        )
        assert early.json()["code"] == "digital-document-not-shown"
        shown = await at_desk(
            who, order["order"], "/digital-document", json={"code": await town.digital_document(app.persona)}
        )
        assert shown.json() == {"shown": True, "ground": None, "ground_title": None}, shown.text
        assert (await at_desk(who, order["order"], "/pay", json=given)).status_code == 200
        await app.issued(application)
        await who.http.aclose()

    async def test_an_officer_neither_pays_nor_approves_what_needs_no_approval(
        self, client, settings: Settings, stack: Stack
    ):
        app, who = await client(), await cashier(stack, settings, "cash-4", "almaty-1")
        officer = await cashier(stack, settings, "cash-officer", None, "officer")
        application = await signed(app, method="CASH_DESK", desk="almaty-1")
        order = await app.collection(application)
        approved = await at_desk(officer, order["order"], "/approve")
        assert approved.json()["code"] == "approval-not-needed"
        given = {"code": order["code"], "document_number": app.persona.document_number}
        assert (await at_desk(officer, order["order"], "/pay", json=given)).json()["code"] == "role-needed"
        assert (await at_desk(who, order["order"], "/pay", json=given)).status_code == 200
        for one in (who, officer):
            await one.http.aclose()


class TestTerminal:
    async def test_the_right_code_counts_the_money_out_once(self, client, town: Town, settings: Settings):
        app = await client()
        application = await signed(app, method="CASH_TERMINAL")
        order = await app.collection(application)
        wrong = await town.at_terminal(order["order"], "00000000")
        assert (wrong["paid"], wrong["reason"]) == (False, "code-wrong")
        await assert_nothing_paid(settings, town, app, application)
        paid = await town.at_terminal(order["order"], order["code"])
        assert (paid["paid"], paid["amount"]) == (True, AMOUNT)
        await app.issued(application)
        again = await town.at_terminal(order["order"], order["code"])
        assert (again["paid"], again["reason"]) == (False, "cash-order-paid")
        books = await books_of(settings, town, app, application)
        assert books.posted == {("loans:principal", "D", AMOUNT), ("cash:terminal", "C", AMOUNT)}
        assert (books.loans, books.postings) == (1, 1)

    async def test_a_jam_costs_nobody_anything(self, client, town: Town, settings: Settings):
        app = await client()
        application = await signed(app, method="CASH_TERMINAL")
        order = await app.collection(application)
        await town.fault(service="terminal", operation="cash_out", fault="jam", match={"key": order["order"]})
        assert (await town.at_terminal(order["order"], order["code"]))["reason"] == "jam"

        async def waits() -> bool:
            return bool((await app.call("GET", f"/applications/{application}/collection"))["state"] == "waiting")

        await soon(waits, "the order to wait again")
        await assert_nothing_paid(settings, town, app, application)
        fresh = await app.collection(application)
        assert (await town.at_terminal(fresh["order"], fresh["code"]))["paid"] is True
        await app.issued(application)

    async def test_copies_of_the_terminals_word_are_one_loan(self, client, town: Town, settings: Settings):
        app = await client()
        application = await signed(app, method="CASH_TERMINAL")
        order = await app.collection(application)
        match = {"key": order["order"]}
        await town.fault(service="terminal", operation="callback", fault="duplicate", match=match, params={"n": 3})
        await town.at_terminal(order["order"], order["code"])
        await app.issued(application)
        books = await books_of(settings, town, app, application)
        assert (books.loans, books.postings) == (1, 1)


class TestMoneyBack:
    """One loan that was collected at a terminal and paid back there with too much: who settles what with whom."""

    async def test_it_goes_to_an_account_that_the_client_names_and_the_operators_books_agree(
        self, client, borrower, town: Town, settings: Settings, stack: Stack
    ):
        app, other = await client(), await borrower()
        application = await signed(app, method="CASH_TERMINAL")
        order = await app.collection(application)
        await town.fault(service="terminal", operation="cash_out", fault="silent", match={"key": order["order"]})
        assert (await town.at_terminal(order["order"], order["code"]))["paid"] is True

        # the terminal told nobody: its network's register does
        today = local_date(datetime.now(UTC))
        found = await reconcile(settings, today)
        assert found.terminals is not None
        assert found.terminals.payouts is not None
        assert order["order"] in found.terminals.payouts.taken
        assert order["order"] not in str([*found.terminals.payouts.differs, *found.terminals.payouts.missing])
        loan_id = (await app.issued(application))["loan_id"]

        loan = await app.call("GET", f"/loans/{loan_id}")
        owed = Money((await app.call("GET", f"/loans/{loan_id}/debt"))["total_to_close"])
        body = {"reference": loan["number"], "amount": str(owed + Money(500)), "terminal_id": "T-88"}
        (await town.world.post("/_control/terminals/payments", json=body)).raise_for_status()

        async def wanted() -> Any:
            told = await app.call("GET", f"/loans/{loan_id}/refund")
            return told if told["state"] == "account-wanted" else None

        told = await soon(wanted, "the client to be asked for an account")
        assert (told["owed"], told["ground"]) == ("500.00", "receiver-unknown")
        kinds = [one["kind"] for one in await app.call("GET", f"/loans/{loan_id}/notices")]
        assert sorted(kinds) == ["CLOSED", "REFUND_ACCOUNT"]
        officer = await cashier(stack, settings, "refunds-officer", None, "officer")
        queue = (await officer.http.get("/staff/api/refunds")).json()
        assert loan_id in [one["loan_id"] for one in queue]

        with pytest.raises(Refused) as refused:
            await app.call("PUT", f"/loans/{loan_id}/refund/account", json={"iban": other.persona.iban})
        assert (refused.value.status, refused.value.code) == (409, "account-not-owned")
        step = await app.call("PUT", f"/loans/{loan_id}/refund/account", json={"iban": app.persona.iban})
        assert step["outcome"] == "passed"

        async def paid() -> Any:
            told = await app.call("GET", f"/loans/{loan_id}/refund")
            return told if told["state"] == "paid" else None

        told = await soon(paid, "the refund")
        assert [one["amount"] for one in told["paid"]] == ["500.00"]
        answer = await town.world.get("/_control/bank/payouts", params={"order_id": f"refund:{loan_id}:1"})
        assert [(one["iban"], one["amount"], one["status"]) for one in answer.json()] == [
            (app.persona.iban, "500.00", "DONE")
        ]
        assert loan_id not in [one["loan_id"] for one in (await officer.http.get("/staff/api/refunds")).json()]
        case = (await temporal(settings)).get_workflow_handle(f"loan/{loan_id}", result_type=dict)
        assert (await case.result())["reason"] == "repaid"
        await officer.http.aclose()

    async def test_what_the_operator_sends_moves_from_the_terminals_to_the_bank(self, town: Town, settings: Settings):
        today = local_date(datetime.now(UTC))
        body = {"iban": OPERATORS[0].iban, "amount": "123.45", "purpose": f"Платежи, принятые за {today:%d.%m.%Y}"}
        line = (await town.world.post("/_control/bank/incoming", json=body)).raise_for_status().json()
        key = f"bank:{line['bank_ref']}"

        async def booked() -> Any:
            async with our_records(settings) as kept, kept.database.begin() as session:
                found = (await incoming.by_keys(session, [key])).get(key)
                return found if found is not None and found.state == "BOOKED" else None

        assert (await soon(booked, "the operator's money")).matched_by == "operator"
        found = await reconcile(settings, today)
        assert found.terminals is not None
        (one,) = [one for one in found.terminals.settlements if one.key == key]
        assert (one.since, one.until, one.settled) == (today, today, Money("123.45"))
        assert one.difference == one.settled - one.expected
        assert key not in found.ledger.differs
