"""Who gets the cash: seen with a document or a digital one, with a power of attorney, with two people for much money.

Real: PostgreSQL and its checks. Played: the service of digital documents.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import errors

from activities import cash_desk
from activities.applications import ApplicationRef
from activities.cash_orders import DigitalDocumentShown
from activities.ports import DigitalDocument
from rules.client import ClientKind
from rules.errors import Conflict
from storage.database import libpq_url
from storage.tables import Check, Document
from tests.support.cash_desk import CashDesk, number
from tests.support.cash_world import DOCUMENT, hired

if TYPE_CHECKING:
    from infra.settings import Archive as ArchiveSettings


@pytest.fixture
async def cash(
    database_url: str, database_urls: dict[str, str], archive_settings: ArchiveSettings
) -> AsyncIterator[CashDesk]:
    async with CashDesk.opened(database_url, database_urls["postgres"], archive_settings) as opened:
        yield opened


class TestTwoPeople:
    async def test_a_large_amount_needs_a_colleague_who_does_not_pay(self, cash: CashDesk) -> None:
        ref = await cash.placed("500000.01")
        code, colleague = await cash.code(ref), await hired(cash.records, None, "officer")
        alone = await cash.pay(ref, code, cash.cashier)
        assert alone.error is not None
        assert alone.error.code == "second-person-needed"
        async with cash.records.moment() as moment:
            await cash_desk.approve(moment, number(ref), cash.cashier)
        own = await cash.pay(ref, code, cash.cashier)
        assert own.error is not None
        assert own.error.code == "second-person-needed"
        async with cash.records.moment() as moment:
            with pytest.raises(Conflict, match="cash-order-approved"):
                await cash_desk.approve(moment, number(ref), colleague)
        assert (await cash.pay(ref, code, await hired(cash.records))).error is None

    async def test_a_small_amount_needs_none(self, cash: CashDesk) -> None:
        ref = await cash.placed("500000.00")
        async with cash.records.moment() as moment:
            with pytest.raises(Conflict, match="approval-not-needed"):
                await cash_desk.approve(moment, number(ref), cash.cashier)
        assert (await cash.pay(ref, await cash.code(ref), cash.cashier)).error is None

    async def test_the_database_refuses_what_the_code_would_not_ask(self, cash: CashDesk, database_url: str) -> None:
        ref = await cash.placed("600000.00")
        paid = "update cash_order set state = 'paid', paid_at = now(), receipt = 'r', identified_by = 'document',"
        with psycopg.connect(libpq_url(database_url), autocommit=True) as connection:
            for approver in (None, cash.cashier):
                with pytest.raises(errors.CheckViolation):
                    connection.execute(
                        f"{paid} paid_by = %s, approved_by = %s where number = %s",
                        [cash.cashier, approver, number(ref)],
                    )
            for statement in ("amount = 1", "desk = 'astana-1'", "expires_at = now()", "two_people = false"):
                with pytest.raises(errors.InsufficientPrivilege):
                    connection.execute(f"update cash_order set {statement} where number = %s", [number(ref)])

    async def test_an_order_that_ended_never_changes_again(self, cash: CashDesk, database_url: str) -> None:
        ref = await cash.placed()
        await cash.pay(ref, await cash.code(ref), cash.cashier)
        with psycopg.connect(libpq_url(database_url), autocommit=True) as connection:
            with pytest.raises(errors.InsufficientPrivilege, match="has ended"):
                connection.execute("update cash_order set state = 'waiting' where number = %s", [number(ref)])


class TestDigitalDocument:
    async def shown(self, cash: CashDesk, ref: ApplicationRef, **other: Any):
        async with cash.records.moment() as moment:
            client = await cash.records.clients.get(moment.session, ref.client_id)
        plain = {"iin": cash.records.clients.person(client).iin, "number": DOCUMENT, "expires": date(2035, 1, 1)}
        cash.played.document = DigitalDocument.model_validate({**plain, **other})
        return await cash.orders.check_digital_document(DigitalDocumentShown(ref=ref, code="123456"))

    async def test_it_stands_for_the_document_in_the_hand(self, cash: CashDesk) -> None:
        ref = await cash.placed()
        assert (await self.shown(cash, ref)).outcome == "passed"
        outcome = await cash.pay(ref, await cash.code(ref), cash.cashier, digital=True, document_number=None)
        assert outcome.error is None
        assert (await cash.row(ref)).identified_by == "digital-document"

    @pytest.mark.parametrize(
        ("other", "ground"),
        [({"iin": "910203300023"}, "document-other-person"), ({"expires": date(2025, 1, 1)}, "document-expired")],
    )
    async def test_another_persons_or_an_old_one_does_not(
        self, cash: CashDesk, other: dict[str, Any], ground: str
    ) -> None:
        ref = await cash.placed()
        assert (await self.shown(cash, ref, **other)).ground == ground
        outcome = await cash.pay(ref, await cash.code(ref), cash.cashier, digital=True, document_number=None)
        assert outcome.error is not None
        assert outcome.error.code == "digital-document-not-shown"

    async def test_a_wrong_code_is_a_finding_and_an_old_look_does_not_count(self, cash: CashDesk) -> None:
        ref = await cash.placed()
        wrong = await cash.orders.check_digital_document(DigitalDocumentShown(ref=ref, code="000000"))
        assert wrong.ground == "digital-document-code"
        async with cash.records.moment() as moment:
            moment.session.add(
                Check(
                    client_id=ref.client_id, application_id=ref.application_id, act=cash_desk.DESK_ACT,
                    step="document", outcome="passed", policy_version="1", evidence={},
                    at=moment.at - timedelta(minutes=31),
                )
            )  # fmt: skip
        outcome = await cash.pay(ref, await cash.code(ref), cash.cashier, digital=True, document_number=None)
        assert outcome.error is not None


class TestLegalEntity:
    async def authority(self, cash: CashDesk, ref: ApplicationRef, kind: str = "power_of_attorney") -> UUID:
        async with cash.records.moment() as moment:
            document = Document(
                client_id=ref.client_id, application_id=ref.application_id, kind=kind, media_type="application/pdf",
                direction="received", key=uuid4().hex, version_id="1", sha256="0" * 64, size=1,
                sealed_sha256="0" * 64, retain_until=moment.at, created_at=moment.at,
            )  # fmt: skip
            moment.session.add(document)
        return document.id

    async def test_its_receiver_shows_an_archived_power_of_attorney(self, cash: CashDesk) -> None:
        ref = await cash.placed(kind=ClientKind.LEGAL_ENTITY)
        other = await cash.placed(kind=ClientKind.LEGAL_ENTITY)
        code = await cash.code(ref)
        selfie, anothers = await self.authority(cash, ref, "selfie"), await self.authority(cash, other)
        for document in (None, uuid4(), selfie, anothers):
            outcome = await cash.pay(ref, code, cash.cashier, authority_id=document)
            assert outcome.error is not None
            assert outcome.error.code == "power-of-attorney-needed"
        paper = await self.authority(cash, ref)
        assert (await cash.pay(ref, code, cash.cashier, authority_id=paper)).error is None
        assert (await cash.row(ref)).authority_id == paper
