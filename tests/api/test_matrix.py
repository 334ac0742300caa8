"""Nobody reads another's anything: every route of the API x everybody who may ask.

The routes come from OpenAPI. A new route without a row here fails, and so does a row without a route.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from enum import Enum, auto
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from activities import details_desk, leaks
from activities.context import Records
from api.app import create_app
from api.openapi import keyed
from api.services import Services
from rules.products import product
from rules.schedule import Method
from storage import factors, sessions, signing
from storage.outbox import add
from storage.refunds import Named
from storage.tables import Application, Contract, Loan, LoanEvent, OutboxAction, RestructuringRequest
from tests.support.api_world import (
    PASSWORD,
    Borrower,
    Colleague,
    application_body,
    assert_problem,
    new_key,
    new_phone,
)
from tests.support.cash_world import cash_order_of


class Who(Enum):
    """Whom a route is for."""

    ANYBODY = auto()
    ANY_CLIENT = auto()  # answers about the asker alone; there is nobody else's id in it
    OWNER = auto()  # the path names something; another client gets 404
    RECOVERER = auto()  # who shows the token of a recovery; tests/api/test_recovery.py asks with another's
    SIGNED = auto()  # a callback: the signature is the key
    TELEPHONE = auto()  # the state's application: the token of one document is the key
    STAFF = auto()
    REVIEWER = auto()  # officer and compliance
    OFFICER = auto()
    COMPLIANCE = auto()
    HANDLER = auto()  # of incidents: compliance and on call
    WATCHER = auto()  # those and the auditor
    READER = auto()  # of reports: officer, compliance and auditor
    LEAK_READER = auto()  # compliance and auditor
    REGULATOR = auto()  # reads what was handed in, and nothing of staff's
    CASHIER = auto()
    APPROVER = auto()  # cashiers of the order's own desk, officer and compliance


FOR_STAFF = (
    Who.STAFF, Who.REVIEWER, Who.OFFICER, Who.COMPLIANCE, Who.CASHIER, Who.APPROVER, Who.HANDLER, Who.WATCHER,
    Who.READER, Who.LEAK_READER, Who.REGULATOR,
)  # fmt: skip
V1 = "/api/v1"
ROWS: dict[tuple[str, str], Who] = {
    ("get", "/health"): Who.ANYBODY,
    ("get", "/ready"): Who.ANYBODY,
    ("get", f"{V1}/organisation"): Who.ANYBODY,
    ("get", f"{V1}/products"): Who.ANYBODY,
    ("get", f"{V1}/merchants"): Who.ANYBODY,
    ("get", f"{V1}/cash-desks"): Who.ANYBODY,
    ("post", f"{V1}/registrations"): Who.ANYBODY,
    ("get", f"{V1}/registrations/{{registration_id}}"): Who.OWNER,
    ("post", f"{V1}/registrations/{{registration_id}}/code"): Who.OWNER,
    ("post", f"{V1}/registrations/{{registration_id}}/code/confirmation"): Who.OWNER,
    ("post", f"{V1}/registrations/{{registration_id}}/document"): Who.OWNER,
    ("post", f"{V1}/registrations/{{registration_id}}/challenges"): Who.OWNER,
    ("post", f"{V1}/registrations/{{registration_id}}/face"): Who.OWNER,
    ("post", f"{V1}/registrations/{{registration_id}}/authority"): Who.OWNER,
    ("get", f"{V1}/registrations/{{registration_id}}/statement"): Who.OWNER,
    ("get", f"{V1}/registrations/{{registration_id}}/statement/content"): Who.OWNER,
    ("put", f"{V1}/registrations/{{registration_id}}/signature"): Who.OWNER,
    ("put", f"{V1}/registrations/{{registration_id}}/password"): Who.OWNER,
    ("post", f"{V1}/sessions"): Who.ANYBODY,
    ("post", f"{V1}/sessions/codes"): Who.ANYBODY,
    ("post", f"{V1}/sessions/passkeys"): Who.ANYBODY,
    ("post", f"{V1}/sessions/factors"): Who.ANYBODY,
    ("post", f"{V1}/sessions/factors/code"): Who.ANYBODY,
    ("post", f"{V1}/sessions/factors/passkey"): Who.ANYBODY,
    ("delete", f"{V1}/sessions/current"): Who.ANY_CLIENT,
    ("post", f"{V1}/recoveries"): Who.ANYBODY,
    ("post", f"{V1}/recoveries/code"): Who.ANYBODY,
    ("post", f"{V1}/recoveries/confirmation"): Who.ANYBODY,
    ("get", f"{V1}/recoveries/{{recovery_id}}"): Who.RECOVERER,
    ("post", f"{V1}/recoveries/{{recovery_id}}/challenges"): Who.RECOVERER,
    ("put", f"{V1}/recoveries/{{recovery_id}}/face"): Who.RECOVERER,
    ("put", f"{V1}/recoveries/{{recovery_id}}/password"): Who.RECOVERER,
    ("post", f"{V1}/account/step-ups"): Who.ANY_CLIENT,
    ("post", f"{V1}/account/step-ups/code"): Who.ANY_CLIENT,
    ("post", f"{V1}/account/step-ups/passkey"): Who.ANY_CLIENT,
    ("post", f"{V1}/account/step-ups/proof"): Who.ANY_CLIENT,
    ("get", f"{V1}/account/factors"): Who.ANY_CLIENT,
    ("post", f"{V1}/account/factors/totp"): Who.ANY_CLIENT,
    ("post", f"{V1}/account/factors/totp/confirmation"): Who.ANY_CLIENT,
    ("post", f"{V1}/account/factors/passkeys/options"): Who.ANY_CLIENT,
    ("post", f"{V1}/account/factors/passkeys"): Who.ANY_CLIENT,
    ("post", f"{V1}/account/factors/{{factor_id}}/removal"): Who.OWNER,
    ("put", f"{V1}/account/password"): Who.ANY_CLIENT,
    ("get", f"{V1}/account/sessions"): Who.ANY_CLIENT,
    ("delete", f"{V1}/account/sessions/{{session_id}}"): Who.OWNER,
    ("delete", f"{V1}/account/sessions"): Who.ANY_CLIENT,
    ("get", f"{V1}/account/security-notices"): Who.ANY_CLIENT,
    ("get", f"{V1}/me"): Who.ANY_CLIENT,
    ("get", f"{V1}/messages"): Who.ANY_CLIENT,
    ("post", f"{V1}/messages"): Who.ANY_CLIENT,
    ("get", f"{V1}/documents"): Who.ANY_CLIENT,
    ("get", f"{V1}/documents/{{document_id}}/content"): Who.OWNER,
    ("get", f"{V1}/documents/{{document_id}}/confirmation"): Who.OWNER,
    ("post", f"{V1}/documents/{{document_id}}/signing-requests"): Who.OWNER,
    ("get", f"{V1}/signing-requests/{{signing_request_id}}"): Who.OWNER,
    ("get", f"{V1}/signing-requests/{{signing_request_id}}/qr.png"): Who.OWNER,
    ("get", "/mgovSign"): Who.ANYBODY,
    ("get", "/mgovSign/documents/{signing_request_id}"): Who.TELEPHONE,
    ("put", "/mgovSign/documents/{signing_request_id}"): Who.TELEPHONE,
    ("get", f"{V1}/actions/{{action_id}}"): Who.OWNER,
    ("get", f"{V1}/account/leak"): Who.ANY_CLIENT,
    ("post", f"{V1}/account/leak/challenges"): Who.ANY_CLIENT,
    ("put", f"{V1}/account/leak/face"): Who.ANY_CLIENT,
    ("post", f"{V1}/account/phone-changes"): Who.ANY_CLIENT,
    ("get", f"{V1}/account/phone-changes"): Who.ANY_CLIENT,
    ("get", f"{V1}/account/phone-changes/{{change_id}}"): Who.OWNER,
    ("post", f"{V1}/account/phone-changes/{{change_id}}/code"): Who.OWNER,
    ("post", f"{V1}/account/phone-changes/{{change_id}}/code/confirmation"): Who.OWNER,
    ("post", f"{V1}/account/phone-changes/{{change_id}}/challenges"): Who.OWNER,
    ("put", f"{V1}/account/phone-changes/{{change_id}}/face"): Who.OWNER,
    ("put", f"{V1}/account/phone-changes/{{change_id}}/signature"): Who.OWNER,
    ("get", f"{V1}/account/bank-details"): Who.ANY_CLIENT,
    ("post", f"{V1}/account/bank-details/changes"): Who.ANY_CLIENT,
    ("get", f"{V1}/account/bank-details/changes"): Who.ANY_CLIENT,
    ("get", f"{V1}/account/bank-details/changes/{{account_change_id}}"): Who.OWNER,
    ("post", f"{V1}/account/bank-details/changes/{{account_change_id}}/challenges"): Who.OWNER,
    ("put", f"{V1}/account/bank-details/changes/{{account_change_id}}/face"): Who.OWNER,
    ("put", f"{V1}/account/bank-details/changes/{{account_change_id}}/signature"): Who.OWNER,
    ("post", f"{V1}/applications"): Who.ANY_CLIENT,
    ("get", f"{V1}/applications"): Who.ANY_CLIENT,
    ("get", f"{V1}/applications/{{application_id}}"): Who.OWNER,
    ("get", f"{V1}/applications/{{application_id}}/offers"): Who.OWNER,
    ("get", f"{V1}/applications/{{application_id}}/acknowledgements"): Who.OWNER,
    ("put", f"{V1}/applications/{{application_id}}/acknowledgements/{{subject}}"): Who.OWNER,
    ("put", f"{V1}/applications/{{application_id}}/choice"): Who.OWNER,
    ("post", f"{V1}/applications/{{application_id}}/confirmation"): Who.OWNER,
    ("post", f"{V1}/applications/{{application_id}}/withdrawal"): Who.OWNER,
    ("post", f"{V1}/applications/{{application_id}}/merchant-confirmation/challenges"): Who.OWNER,
    ("post", f"{V1}/applications/{{application_id}}/merchant-confirmation"): Who.OWNER,
    ("get", f"{V1}/applications/{{application_id}}/collection"): Who.OWNER,
    ("post", f"{V1}/applications/{{application_id}}/collection/codes"): Who.OWNER,
    ("get", f"{V1}/applications/{{application_id}}/contract"): Who.OWNER,
    ("post", f"{V1}/applications/{{application_id}}/signing"): Who.OWNER,
    ("put", f"{V1}/applications/{{application_id}}/signing"): Who.OWNER,
    ("get", f"{V1}/contracts"): Who.ANY_CLIENT,
    ("get", f"{V1}/contracts/{{contract_id}}"): Who.OWNER,
    ("get", f"{V1}/contracts/{{contract_id}}/pdf"): Who.OWNER,
    ("get", f"{V1}/contracts/{{contract_id}}/sealed-pdf"): Who.OWNER,
    ("get", f"{V1}/loans"): Who.ANY_CLIENT,
    ("get", f"{V1}/loans/{{loan_id}}"): Who.OWNER,
    ("get", f"{V1}/loans/{{loan_id}}/debt"): Who.OWNER,
    ("get", f"{V1}/loans/{{loan_id}}/schedule"): Who.OWNER,
    ("get", f"{V1}/loans/{{loan_id}}/payments"): Who.OWNER,
    ("get", f"{V1}/loans/{{loan_id}}/upcoming"): Who.OWNER,
    ("get", f"{V1}/loans/{{loan_id}}/ways-to-repay"): Who.OWNER,
    ("post", f"{V1}/loans/{{loan_id}}/early-repayment/preview"): Who.OWNER,
    ("put", f"{V1}/loans/{{loan_id}}/repayment-wish"): Who.OWNER,
    ("get", f"{V1}/loans/{{loan_id}}/refund"): Who.OWNER,
    ("put", f"{V1}/loans/{{loan_id}}/refund/account"): Who.OWNER,
    ("get", f"{V1}/loans/{{loan_id}}/certificate"): Who.OWNER,
    ("get", f"{V1}/loans/{{loan_id}}/notices"): Who.OWNER,
    ("post", f"{V1}/loans/{{loan_id}}/restructuring"): Who.OWNER,
    ("get", f"{V1}/loans/{{loan_id}}/restructuring"): Who.OWNER,
    ("post", f"{V1}/loans/{{loan_id}}/restructuring/{{request_id}}/signing"): Who.OWNER,
    ("put", f"{V1}/loans/{{loan_id}}/restructuring/{{request_id}}/signing"): Who.OWNER,
    ("post", f"{V1}/loans/{{loan_id}}/restructuring/{{request_id}}/decline"): Who.OWNER,
    ("post", f"{V1}/complaints"): Who.ANY_CLIENT,
    ("get", f"{V1}/complaints"): Who.ANY_CLIENT,
    ("post", f"{V1}/callbacks/bank"): Who.SIGNED,
    ("post", f"{V1}/callbacks/terminal"): Who.SIGNED,
    ("post", f"{V1}/callbacks/sms"): Who.SIGNED,
    ("post", "/staff/api/sessions"): Who.ANYBODY,
    ("delete", "/staff/api/sessions/current"): Who.STAFF,
    ("get", "/staff/api/me"): Who.STAFF,
    ("get", "/staff/api/reviews"): Who.REVIEWER,
    ("post", "/staff/api/reviews/{review_id}/claim"): Who.REVIEWER,
    ("post", "/staff/api/reviews/{review_id}/decide"): Who.REVIEWER,
    ("get", "/staff/api/reviews/{review_id}/card"): Who.OFFICER,
    ("get", "/staff/api/reviews/{review_id}/authority"): Who.REVIEWER,
    ("get", "/staff/api/reviews/{review_id}/authority/scans/{document_id}"): Who.REVIEWER,
    ("get", "/staff/api/clients/{client_id}/factors"): Who.REVIEWER,
    ("get", "/staff/api/payments"): Who.REVIEWER,
    ("post", "/staff/api/payments"): Who.OFFICER,
    ("post", "/staff/api/payments/{payment_id}/assignments"): Who.REVIEWER,
    ("post", "/staff/api/payments/{payment_id}/assignments/{assignment_id}/confirm"): Who.REVIEWER,
    ("post", "/staff/api/payments/{payment_id}/assignments/{assignment_id}/refuse"): Who.REVIEWER,
    ("get", "/staff/api/refunds"): Who.REVIEWER,
    ("get", "/staff/api/clocks"): Who.REVIEWER,
    ("get", "/staff/api/clocks/{clock_id}"): Who.REVIEWER,
    ("get", "/staff/api/disposals"): Who.REVIEWER,
    ("get", "/staff/api/disposals/due"): Who.REVIEWER,
    ("post", "/staff/api/disposals"): Who.REVIEWER,
    ("post", "/staff/api/disposals/{disposal_id}/confirm"): Who.REVIEWER,
    ("post", "/staff/api/disposals/{disposal_id}/refuse"): Who.REVIEWER,
    ("get", "/staff/api/disposals/{disposal_id}/certificate"): Who.REVIEWER,
    ("get", "/staff/api/legal-holds"): Who.REVIEWER,
    ("post", "/staff/api/legal-holds"): Who.REVIEWER,
    ("post", "/staff/api/legal-holds/{hold_id}/lift"): Who.REVIEWER,
    ("get", "/staff/api/calendar"): Who.REVIEWER,
    ("post", "/staff/api/calendar"): Who.REVIEWER,
    ("post", "/staff/api/calendar/{change_id}/confirm"): Who.REVIEWER,
    ("post", "/staff/api/calendar/{change_id}/refuse"): Who.REVIEWER,
    ("post", "/staff/api/papers"): Who.OFFICER,
    ("get", "/staff/api/papers"): Who.REVIEWER,
    ("get", "/staff/api/papers/{paper_id}"): Who.REVIEWER,
    ("get", "/staff/api/papers/{paper_id}/scan"): Who.REVIEWER,
    ("post", "/staff/api/papers/{paper_id}/confirm"): Who.REVIEWER,
    ("post", "/staff/api/papers/{paper_id}/refuse"): Who.REVIEWER,
    ("post", "/staff/api/papers/{paper_id}/force"): Who.OFFICER,
    ("get", "/staff/api/papers/{paper_id}/force"): Who.REVIEWER,
    ("get", "/staff/api/papers/{paper_id}/force/{force_id}/scan"): Who.REVIEWER,
    ("post", "/staff/api/papers/{paper_id}/force/{force_id}/confirm"): Who.REVIEWER,
    ("post", "/staff/api/papers/{paper_id}/force/{force_id}/refuse"): Who.REVIEWER,
    ("get", "/staff/api/claims"): Who.REVIEWER,
    ("get", "/staff/api/reports"): Who.READER,
    ("get", "/staff/api/reports/{code}/{period}"): Who.READER,
    ("get", "/staff/api/reports/{code}/{period}/figures"): Who.READER,
    ("get", "/staff/api/reports/{code}/{period}/facts"): Who.READER,
    ("get", "/staff/api/reports/{code}/{period}/files/{format}"): Who.READER,
    ("post", "/staff/api/reports/{code}/{period}/retry"): Who.COMPLIANCE,
    ("get", "/staff/api/complaints"): Who.REVIEWER,
    ("get", "/staff/api/complaints/{complaint_id}"): Who.REVIEWER,
    ("post", "/staff/api/complaints/{complaint_id}/answer"): Who.REVIEWER,
    ("get", "/staff/api/restructuring"): Who.REVIEWER,
    ("get", "/staff/api/restructuring/{request_id}"): Who.REVIEWER,
    ("post", "/staff/api/restructuring/{request_id}/answer"): Who.REVIEWER,
    ("get", "/staff/api/furnishing"): Who.REVIEWER,
    ("post", "/staff/api/furnishing/{record_id}/retry"): Who.OFFICER,
    ("post", "/staff/api/furnishing/{record_id}/decisions"): Who.OFFICER,
    ("post", "/staff/api/furnishing/{record_id}/decisions/{decision_id}/confirm"): Who.COMPLIANCE,
    ("post", "/staff/api/furnishing/{record_id}/decisions/{decision_id}/refuse"): Who.REVIEWER,
    ("post", "/staff/api/incidents"): Who.HANDLER,
    ("get", "/staff/api/incidents"): Who.WATCHER,
    ("get", "/staff/api/incidents/{incident_id}"): Who.WATCHER,
    ("get", "/staff/api/incidents/{incident_id}/clients"): Who.WATCHER,
    ("post", "/staff/api/incidents/{incident_id}/clients"): Who.HANDLER,
    ("post", "/staff/api/incidents/{incident_id}/certain"): Who.HANDLER,
    ("post", "/staff/api/incidents/{incident_id}/send-again"): Who.HANDLER,
    ("post", "/staff/api/incidents/{incident_id}/tasks"): Who.HANDLER,
    ("put", "/staff/api/incidents/{incident_id}/tasks/{task_id}/owner"): Who.HANDLER,
    ("post", "/staff/api/incidents/{incident_id}/tasks/{task_id}/done"): Who.HANDLER,
    ("post", "/staff/api/incidents/{incident_id}/documents"): Who.HANDLER,
    ("get", "/staff/api/incidents/{incident_id}/documents/{document_id}/content"): Who.WATCHER,
    ("post", "/staff/api/incidents/{incident_id}/closing"): Who.HANDLER,
    ("post", "/staff/api/incidents/{incident_id}/closing/{closing_id}/confirm"): Who.HANDLER,
    ("post", "/staff/api/incidents/{incident_id}/closing/{closing_id}/refuse"): Who.HANDLER,
    ("get", "/staff/api/leaks"): Who.LEAK_READER,
    ("post", "/staff/api/leaks"): Who.COMPLIANCE,
    ("get", "/staff/api/leaks/{leak_id}"): Who.LEAK_READER,
    ("post", "/staff/api/leaks/{leak_id}/block"): Who.COMPLIANCE,
    ("post", "/staff/api/leaks/{leak_id}/measures"): Who.COMPLIANCE,
    ("get", "/staff/api/resources"): Who.WATCHER,
    ("get", "/staff/api/resources/notices"): Who.WATCHER,
    ("post", "/staff/api/resources/notices"): Who.COMPLIANCE,
    ("post", "/staff/api/resources/notices/{notice_id}/confirm"): Who.COMPLIANCE,
    ("post", "/staff/api/resources/notices/{notice_id}/refuse"): Who.COMPLIANCE,
    ("post", "/staff/api/resources/notices/{notice_id}/retry"): Who.COMPLIANCE,
    ("get", "/regulator/api/audit"): Who.REGULATOR,
    ("get", "/regulator/api/bundles/{bundle_id}"): Who.REGULATOR,
    ("get", "/regulator/api/bundles/{bundle_id}/file"): Who.REGULATOR,
    ("post", "/regulator/api/loans/{loan_id}/bundles"): Who.REGULATOR,
    ("get", "/regulator/api/notices"): Who.REGULATOR,
    ("get", "/regulator/api/notices/{notice_id}/document"): Who.REGULATOR,
    ("get", "/regulator/api/notices/{notice_id}/receipt"): Who.REGULATOR,
    ("get", "/regulator/api/reports"): Who.REGULATOR,
    ("get", "/regulator/api/reports/{code}/{period}"): Who.REGULATOR,
    ("get", "/regulator/api/reports/{code}/{period}/files/{format}"): Who.REGULATOR,
    ("get", "/regulator/api/reports/{code}/{period}/receipt"): Who.REGULATOR,
    ("get", "/staff/api/cash-orders/{number}"): Who.APPROVER,
    ("post", "/staff/api/cash-orders/{number}/approve"): Who.APPROVER,
    ("post", "/staff/api/cash-orders/{number}/digital-document"): Who.CASHIER,
    ("post", "/staff/api/cash-orders/{number}/power-of-attorney"): Who.CASHIER,
    ("post", "/staff/api/cash-orders/{number}/pay"): Who.CASHIER,
}
JPEG, MP4 = b"\xff\xd8\xff" + b"\x00" * 64, b"\x00\x00\x00\x18ftypisom" + b"\x00" * 64
STEP_UP = {"step_up_id": "x" * 43}
BODIES: dict[str, dict[str, Any]] = {
    "/account/password": {"json": {**STEP_UP, "password": "correct horse"}},
    "/account/step-ups": {"json": {"password": PASSWORD}},
    "/step-ups/code": {"json": STEP_UP},
    "/step-ups/passkey": {"json": STEP_UP},
    "/step-ups/proof": {"json": {**STEP_UP, "totp": "123456"}},
    "/factors/totp": {"json": STEP_UP},
    "/totp/confirmation": {"json": {"totp": "123456"}},
    "/passkeys/options": {"json": STEP_UP},
    "/factors/passkeys": {
        "json": {
            "name": "key",
            "passkey": {
                "id": "AA",
                "rawId": "AA",
                "type": "public-key",
                "response": {"clientDataJSON": "e30", "attestationObject": "AA"},
            },
        }
    },
    "/removal": {"json": STEP_UP},
    "/code/confirmation": {"json": {"code": "123456"}},
    "/document": {"files": {"front": JPEG, "back": JPEG}},
    "/face": {"files": {"selfie": JPEG, "video": MP4}, "data": {"challenge_id": str(uuid4())}},
    "/merchant-confirmation": {"files": {"selfie": JPEG, "video": MP4}, "data": {"challenge_id": str(uuid4())}},
    "/digital-document": {"json": {"code": "123456"}},
    "/power-of-attorney": {"files": {"scan": JPEG}},
    "/retry": {"json": {"reason_code": "cause-corrected"}},
    "/decisions": {"json": {"way": "drop", "reason_code": "bureau-refuses", "words": "It is refused for ever."}},
    "/incidents": {
        "json": {
            "kind": "FRAUD",
            "severity": "LOW",
            "what": "Ничего",
            "occurred_at": "2026-06-01T09:00:00+05:00",
            "detected_at": "2026-06-01T10:00:00+05:00",
        }
    },
    "/clients": {"json": {"csv": "client_id\n"}},
    "/tasks": {"json": {"part": "CAUSE", "about": "Посмотреть"}},
    "/owner": {"json": {}},
    "/done": {"json": {"evidence": "Сделано"}},
    "/documents": {"files": {"file": JPEG}},
    "/closing": {"json": {"outcome": "FALSE_ALARM", "causes": "Нет", "lessons": "Нет"}},
    "/pay": {"json": {"code": "12345678", "document_number": "012345678"}},
    "/signature": {"json": {"cms": "MIIB"}},
    "/password": {"json": {"password": "correct horse"}},
    "/messages": {"json": {"text": "Сәлем"}},
    "/applications": {"json": application_body()},
    "/lending_rules": {"json": {"text_version": "1", "text_sha256": "0" * 64}},
    "/choice": {"json": {"method": "annuity"}},
    "/confirmation": {"json": {"confirmed": True}},
    "PUT /signing": {
        "files": {"cms": b"0\x82", "selfie": JPEG, "video": MP4},
        "data": {"challenge_id": str(uuid4())},
    },
    "/payments": {
        "json": {"receipt": "R-1", "contract_number": "MK-2026-0", "amount": "1.00", "value_date": "2026-01-15"}
    },
    "/assignments": {"json": {"to": "payer", "reason": "payer-called"}},
    "/preview": {"json": {"amount": "1000.00"}},
    "/refund/account": {"json": {"iban": "KZ86125KZT5004100100"}},
    "/repayment-wish": {"json": {"choice": "shorter_term"}},
    "/restructuring": {"json": {"ground": "income-lost", "text": "Жұмысымнан айырылдым"}},
    "/answer": {"json": {"decision": "refuse", "reason_code": "able-to-pay"}},
    "/authority": {
        "files": {"scan_1": JPEG},
        "data": {"paper": '{"kind":"ORDER","number":"1","issued_on":"2026-01-12"}'},
    },
    "/bank-details/changes": {"json": {"iban": "KZ86125KZT5004100100"}},
    "/phone-changes": {"json": {"phone": "+77019876543"}},
    "/complaints": {"json": {"topic": "service", "text": "Жауап кеш келді"}},
    "/disposals": {"json": {"client_id": str(uuid4()), "reason": "term-over"}},
    "/legal-holds": {"json": {"client_id": str(uuid4()), "reason": "dispute"}},
    "/calendar": {"json": {"act": "order 1 of 2026", "day": "2026-06-01", "works": False}},
    "/decide": {"json": {"decision": "approve", "reason_code": "looks-right"}},
}


def described(services: Services) -> set[tuple[str, str]]:
    paths = create_app(services=services).openapi()["paths"]
    return {(method, path) for path, methods in paths.items() for method in methods}


def test_every_route_has_a_row_and_every_row_a_route(services: Services) -> None:
    assert described(services) == set(ROWS)


@dataclass
class World:
    owner: Borrower
    other: Borrower
    staff: dict[str, Colleague]
    nobody: httpx.AsyncClient
    ids: dict[str, str]

    async def ask(self, who: str, method: str, path: str) -> httpx.Response:
        """One call by somebody, with a good body and a key of its own."""
        url = path.format(**self.ids)
        more = BODIES.get(f"{method.upper()} /{url.rsplit('/', 1)[1]}") or next(
            (body for end, body in BODIES.items() if url.endswith(end) and method in ("post", "put")), {}
        )
        headers = {"Idempotency-Key": new_key()} if keyed(method, path) else {}
        if who in ("owner", "other"):
            borrower = self.owner if who == "owner" else self.other
            headers |= {"Authorization": f"Bearer {borrower.token}", "X-Device-Id": borrower.device}
            return await borrower.http.request(method, url, headers=headers, **more)
        http = self.nobody if who == "nobody" else self.staff[who].http
        return await http.request(method, url, headers=headers | {"Origin": "http://nesie.test"}, **more)


@pytest.fixture
async def world(
    records: Records,
    new_borrower: Callable[[], Any],
    new_colleague: Callable[..., Any],
    client_of: Callable[[], httpx.AsyncClient],
) -> World:
    owner, other = await new_borrower(), await new_borrower()
    roles = ("officer", "compliance", "oncall", "auditor", "cashier", "regulator")
    staff = {role: await new_colleague(role) for role in roles}
    for member in staff.values():
        assert (await member.log_in()).status_code == 201
    ids = await _possessions(records, owner.client_id)
    ids |= await _care_of(records, owner.client_id, staff["compliance"].staff_id)
    return World(owner, other, staff, client_of(), ids)


async def _care_of(records: Records, client_id: UUID, staff_id: UUID) -> dict[str, str]:
    """A change of bank details that ended, one of the phone number, and a leak of the client's data."""
    async with records.moment() as moment:
        client = await records.clients.get(moment.session, client_id)
        account = Named(kind="iban", value="KZ86125KZT5004100100")
        ended = await details_desk.ask_account(records, moment, client, uuid4(), account, None)
        await details_desk.end(moment, ended, "EXPIRED", "details-change-expired")
        row = await details_desk.ask(records, moment, client, uuid4(), new_phone(), None)
        leak = await leaks.enter(records, moment, client, uuid4(), "police", "seen", moment.at, staff_id)
    return {
        "change_id": str(row.id), "account_change_id": str(ended.id), "leak_id": str(leak.id),
        "notice_id": str(uuid4()), "bundle_id": str(uuid4()),
    }  # fmt: skip


async def _possessions(records: Records, client_id: UUID) -> dict[str, str]:
    """One of everything a client can own, as the workflows leave it."""
    application_id, action_id = uuid4(), uuid4().hex
    async with records.moment() as moment:
        client = await records.clients.get(moment.session, client_id)
        offered = product("personal", moment.day)
        terms = offered.terms(offered.min_amount, 3, Method.ANNUITY, date(2026, 1, 15), moment.policy.version)
        document = await records.documents.keep(
            moment.session,
            b"%PDF contract",
            kind="contract",
            media_type="application/pdf",
            direction="sent",
            client=client,
            application_id=application_id,
            retain_until=moment.retain_until(),
        )
        common = {"client_id": client_id, "created_at": moment.at}
        application = Application(
            id=application_id, stage="ISSUED", amount=offered.min_amount, term_months=3, purpose="REPAIR",
            receiving_method="OWN_ACCOUNT", account_index=b"i", edition="2025b", policy_version="1",
            account=records.vault.seal_own(b"KZ86125KZT5004100100", f"application:{application_id}:account"),
            product_code="personal", product_version="1", updated_at=moment.at, **common,
        )  # fmt: skip
        moment.session.add(application)
        await moment.session.flush()
        number = f"T-{application_id.hex[:12]}"
        contract = Contract(
            application_id=application_id, number=number, document_id=document.id, sha256=document.sha256, pages=1,
            template_version="1", terms=terms.model_dump(mode="json"), sealed_document_id=document.id, **common,
        )  # fmt: skip
        moment.session.add(contract)
        await moment.session.flush()
        loan = Loan(
            application_id=application_id, contract_id=contract.id, number=number,
            terms=terms.model_dump(mode="json"), disbursed_on=date(2026, 1, 15), **common,
        )  # fmt: skip
        moment.session.add(loan)
        await moment.session.flush()
        moment.session.add(
            LoanEvent(
                loan_id=loan.id,
                key=f"disbursed:{application_id}",
                kind="disbursed",
                value_date=date(2026, 1, 15),
                known_at=moment.at,
                payload={"amount": str(offered.min_amount)},
            )
        )
        await add(
            moment.session,
            OutboxAction(
                id=action_id, workflow_id=f"application/{application_id}", workflow="Origination", operation="update",
                name="withdraw", argument=b"", created_at=moment.at, next_attempt_at=moment.at,
            ),
        )  # fmt: skip
        order = await cash_order_of(moment, records, application)
        passkey = await factors.add_passkey(
            moment.session, records.vault, client, name="key", credential_id=uuid4().bytes, public_key=b"k",
            sign_count=0, backed_up=False, most=1,
        )  # fmt: skip
        other_log_in = sessions.token_hash(await sessions.open(moment.session, "client", client_id=client_id))
        request = RestructuringRequest(
            loan_id=loan.id, n=1, arrears_since=date(2026, 2, 16), received_at=moment.at, answer_due=date(2026, 3, 20),
            ground="income-lost", document_id=document.id, text=b"sealed",
        )  # fmt: skip
        moment.session.add(request)
        from storage.reviews import open_review

        review = await open_review(
            moment.session, kind="IDENTITY", workflow_id=f"registration/{client_id}", ground="face-unsure"
        )
        from storage import outbox

        await outbox.failed(moment.session, action_id, final=True)  # not for other tests' senders
        asked = await signing.ask(moment.session, uuid4(), client_id, document.id, "CMS_SIGN_ONLY", 600)
    return {
        "registration_id": str(client_id), "application_id": str(application_id), "contract_id": str(contract.id),
        "loan_id": str(loan.id), "document_id": str(document.id), "action_id": action_id,
        "signing_request_id": str(asked.id),
        "review_id": str(review.id), "subject": "lending_rules", "request_id": str(request.id), "number": order.number,
        "payment_id": str(uuid4()), "assignment_id": str(uuid4()),
        "incident_id": str(uuid4()), "task_id": str(uuid4()), "closing_id": str(uuid4()),
        "clock_id": str(uuid4()), "disposal_id": str(uuid4()), "hold_id": str(uuid4()),
        "code": "refusals", "period": "2026-10", "format": "XLSX", "complaint_id": str(uuid4()),
        "client_id": str(client_id), "factor_id": str(passkey.id), "recovery_id": str(uuid4()),
        "session_id": records.vault.index("session-name", other_log_in.hex()).hex()[:32],
        "record_id": str(uuid4()), "decision_id": str(uuid4()), "paper_id": str(uuid4()), "force_id": str(uuid4()),
    }  # fmt: skip


def rows(*kinds: Who) -> list[tuple[str, str]]:
    return [row for row, who in ROWS.items() if who in kinds]


async def test_without_a_session_nothing_but_public_routes_answers(world: World) -> None:
    for method, path in rows(Who.ANY_CLIENT, Who.OWNER, *FOR_STAFF):
        assert_problem(await world.ask("nobody", method, path), 401, "log-in-needed")
    for method, path in rows(Who.RECOVERER):
        assert_problem(await world.ask("nobody", method, path), 401, "log-in-needed")
    for method, path in rows(Who.SIGNED):
        assert_problem(await world.ask("nobody", method, path), 403, "callback-signature")


async def test_a_document_for_the_telephone_is_opened_by_its_token_and_by_no_session(world: World) -> None:
    for who in ("nobody", "owner", "other", "officer"):
        for method, path in rows(Who.TELEPHONE):
            assert_problem(await world.ask(who, method, path), 401, "signing-token-wrong")


async def test_another_clients_anything_looks_absent(world: World) -> None:
    for method, path in rows(Who.OWNER):
        assert_problem(await world.ask("other", method, path), 404, "not-found")


# Nothing was shown once more here, so the owner is let in and the change is not.
TWICE = {
    f"{V1}/account/step-ups/code": "log-in-ended",
    f"{V1}/account/step-ups/passkey": "log-in-ended",
    f"{V1}/account/step-ups/proof": "log-in-ended",
    f"{V1}/account/factors/totp/confirmation": "totp-wrong",
    f"{V1}/account/factors/passkeys": "passkey-unreadable",
}


async def test_the_owner_is_let_in(world: World) -> None:
    for method, path in rows(Who.OWNER, Who.ANY_CLIENT):
        if path.endswith("/sessions/current"):
            continue
        answer = await world.ask("owner", method, path)
        if method == "delete":
            assert answer.status_code == 204, (path, answer.text)
            continue
        if path in TWICE:
            assert_problem(answer, 403, TWICE[path])
            continue
        if path.endswith("/certificate"):
            assert_problem(answer, 404, "certificate-not-ready")  # something is owed still
            continue
        assert answer.status_code in (200, 201, 409), (method, path, answer.text)


async def test_lists_hold_nothing_of_another_client(world: World) -> None:
    for path in (
        "applications",
        "contracts",
        "loans",
        "documents",
        "messages",
        "account/phone-changes",
        "account/bank-details/changes",
    ):
        assert (await world.ask("other", "get", f"{V1}/{path}")).json() == [], path


async def test_clients_are_no_staff_and_staff_are_no_clients(world: World) -> None:
    for method, path in rows(*FOR_STAFF):
        assert_problem(await world.ask("owner", method, path), 401, "log-in-needed")
    for role in world.staff:
        for method, path in rows(Who.ANY_CLIENT, Who.OWNER):
            assert_problem(await world.ask(role, method, path), 401, "log-in-needed")


async def test_only_officers_and_compliance_see_and_decide_reviews(world: World) -> None:
    for role in ("oncall", "auditor", "cashier"):
        for method, path in rows(Who.REVIEWER):
            assert_problem(await world.ask(role, method, path), 403, "role-needed")
    for role in ("officer", "compliance"):
        assert (await world.ask(role, "get", "/staff/api/reviews")).status_code == 200


async def test_only_officers_send_records_for_the_bureau_and_only_compliance_confirms_what_becomes_of_them(
    world: World,
) -> None:
    for other, kind in (("compliance", Who.OFFICER), ("officer", Who.COMPLIANCE)):
        for role in (other, "oncall", "auditor", "cashier"):
            for method, path in rows(kind):
                assert_problem(await world.ask(role, method, path), 403, "role-needed")
    record = "/staff/api/furnishing/{record_id}"
    for role, step in (
        ("officer", "retry"),
        ("officer", "decisions"),
        ("compliance", "decisions/{decision_id}/confirm"),
    ):
        assert_problem(await world.ask(role, "post", f"{record}/{step}"), 404, "furnishing-unknown")


async def test_only_compliance_and_whoever_is_on_call_work_on_incidents_and_auditors_read(world: World) -> None:
    for role in ("officer", "cashier"):
        for method, path in rows(Who.HANDLER, Who.WATCHER):
            assert_problem(await world.ask(role, method, path), 403, "role-needed")
    for method, path in rows(Who.HANDLER):
        assert_problem(await world.ask("auditor", method, path), 403, "role-needed")
    for role in ("compliance", "oncall", "auditor"):
        assert (await world.ask(role, "get", "/staff/api/incidents")).status_code == 200
        assert_problem(await world.ask(role, "get", "/staff/api/incidents/{incident_id}"), 404, "incident-unknown")


async def test_officers_compliance_and_auditors_read_reports_and_compliance_alone_asks_for_another_version(
    world: World,
) -> None:
    for role in ("oncall", "cashier"):
        for method, path in rows(Who.READER):
            assert_problem(await world.ask(role, method, path), 403, "role-needed")
    for role in ("officer", "compliance", "auditor"):
        assert (await world.ask(role, "get", "/staff/api/reports")).status_code == 200
        assert_problem(await world.ask(role, "get", "/staff/api/reports/{code}/{period}"), 404, "report-not-built")
    retry = "/staff/api/reports/{code}/{period}/retry"
    assert_problem(await world.ask("auditor", "post", retry), 403, "role-needed")
    assert_problem(await world.ask("compliance", "post", retry), 404, "report-not-built")


async def test_only_compliance_and_auditors_read_of_leaks(world: World) -> None:
    for role in ("officer", "oncall", "cashier", "regulator"):
        for method, path in rows(Who.LEAK_READER):
            assert_problem(await world.ask(role, method, path), 403, "role-needed")
    for role in ("compliance", "auditor"):
        assert (await world.ask(role, "get", "/staff/api/leaks/{leak_id}")).status_code == 200


async def test_the_regulator_reads_its_own_routes_and_no_others(world: World) -> None:
    for role in ("officer", "compliance", "oncall", "auditor", "cashier"):
        for method, path in rows(Who.REGULATOR):
            assert_problem(await world.ask(role, method, path), 403, "role-needed")
    for method, path in rows(*(who for who in FOR_STAFF if who not in (Who.REGULATOR, Who.STAFF))):
        assert_problem(await world.ask("regulator", method, path), 403, "role-needed")
    assert (await world.ask("regulator", "get", "/regulator/api/notices")).status_code == 200


async def test_only_officers_enter_money_taken_at_a_desk(world: World) -> None:
    for role in ("oncall", "auditor", "cashier", "compliance"):
        for method, path in rows(Who.OFFICER):
            assert_problem(await world.ask(role, method, path), 403, "role-needed")
    assert_problem(await world.ask("officer", "post", "/staff/api/payments"), 422, "contract-unknown")


async def test_only_cashiers_of_the_desk_pay_and_only_overseers_approve_besides(world: World) -> None:
    for role in ("oncall", "auditor"):
        for method, path in rows(Who.CASHIER, Who.APPROVER):
            assert_problem(await world.ask(role, method, path), 403, "role-needed")
    for method, path in rows(Who.CASHIER):
        for role in ("officer", "compliance"):
            assert_problem(await world.ask(role, method, path), 403, "role-needed")
        assert_problem(await world.ask("cashier", method, path), 403, "cash-order-other-desk")  # sits at no desk
    for role in ("officer", "compliance"):
        assert (await world.ask(role, "get", "/staff/api/cash-orders/{number}")).status_code == 200
    assert_problem(await world.ask("cashier", "get", "/staff/api/cash-orders/{number}"), 403, "cash-order-other-desk")


async def test_a_session_that_ended_opens_nothing(world: World) -> None:
    assert (await world.ask("owner", "delete", f"{V1}/sessions/current")).status_code == 204
    for method, path in rows(Who.ANY_CLIENT, Who.OWNER):
        assert_problem(await world.ask("owner", method, path), 401, "session-expired")
