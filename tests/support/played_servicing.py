"""Played activities of a running loan: its facts and the rules are real, only the database and the papers are not.

The day is that of the workflow's own, virtual clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from temporalio import activity

from activities.care import ArrearsFound, Tended, stands
from activities.closing import DebtEnded
from activities.loans import LoanRef
from activities.notices import NoticeRef
from activities.restructuring import (
    AddendumSigned,
    DecisionTaken,
    RequestAnswered,
    RequestEnded,
    RequestOpened,
    RequestRef,
)
from rules.calendar import add_months, end_of_day, local_date
from rules.errors import BusinessError
from rules.loan_care import arrears
from rules.loan_events import Disbursed, LoanEvent, Paid, Refunded
from rules.money import Money
from rules.policy import policy
from rules.schedule import LoanTerms, Method
from tests.support.loan_world import a_loan, noon


def today() -> date:
    """The day of the workflow's clock."""
    return local_date(activity.info().scheduled_time)


class PlayedServicing:
    """One loan and one request for other terms.

    facts: the loan's events. told: episodes of which the client was told, with the day. at_work: cleared, the sending
    of a notice hangs. request_due: last day of the answer; answers: what the officer's decisions lead to. return_case:
    the write-off that gives back.
    """

    def __init__(self, calls: list[str]) -> None:
        self.calls = calls
        self.client_id = uuid4()
        self.terms: LoanTerms = a_loan()
        self.facts: list[LoanEvent] = []
        self.told: dict[date, date] = {}
        self.locks_short = False
        self.return_case: int | None = None
        self.trouble: BusinessError | None = None
        self.at_work = asyncio.Event()
        self.at_work.set()
        self.texting = asyncio.Event()  # cleared: the SMS gateway is away
        self.texting.set()
        self.request_due: date | None = None
        self.review = uuid4()
        self.answers = [RequestAnswered(state="PROPOSED", addendum_id=uuid4(), notice_id=uuid4())]
        self.accept_days = 10
        self.written = asyncio.Event()  # unset: the answer stands in the database, word of it is on its way
        self.written.set()

    def lent(self, on: date, periods: int = 3) -> None:
        """The money leaves on a day; instalments follow monthly."""
        changes: dict[str, Any] = {"disbursed": on, "first_due": add_months(on, 1), "periods": periods}
        self.terms = a_loan(**changes, method=Method.ANNUITY)
        gone = Disbursed(key="disbursed", value_date=on, known_at=noon(on), amount=self.terms.principal)
        self.facts = [gone]

    def paid(self, on: date, amount: Money) -> None:
        """Money comes in."""
        self.facts.append(Paid(key=f"paid:{len(self.facts)}", value_date=on, known_at=noon(on), amount=amount))

    def refunded(self, on: date, amount: Money) -> None:
        """Money above the debt goes back."""
        self.facts.append(Refunded(key=f"back:{len(self.facts)}", value_date=on, known_at=noon(on), amount=amount))

    def activities(self) -> Sequence[Callable[..., Any]]:
        """The real names and shapes."""
        return [*self._of_loans(), *self._of_requests()]

    def _of_loans(self) -> Sequence[Callable[..., Any]]:
        @activity.defn
        async def tend(ref: LoanRef) -> Tended:
            if self.trouble is not None:
                raise self.trouble
            if not self.facts:
                self.lent(today())
            on = max(today(), self.terms.disbursed)
            self.calls.append(f"tend:{on}")
            rules = policy(on)
            late = arrears(self.facts, self.terms, on, rules)
            told = late is not None and late.since in self.told
            found = stands(ref, "ACTIVE", self.facts, self.terms, on, rules, late=late, told=told)
            return found.model_copy(update={"locks_short": self.locks_short, "return_case": self.return_case})

        @activity.defn
        async def ref_of(loan_id: UUID) -> LoanRef:
            return LoanRef(loan_id=loan_id, client_id=self.client_id)

        @activity.defn
        async def notice_late(found: ArrearsFound) -> None:
            self.calls.append(f"late:{today()}")

        @activity.defn
        async def send_arrears_notice(found: ArrearsFound) -> UUID | None:
            self.calls.append("sending")
            await self.at_work.wait()
            self.calls.append(f"notice:{today()}")
            self.told[found.since] = today()
            return uuid4()

        @activity.defn
        async def text_client(ref: NoticeRef) -> None:
            if not self.texting.is_set():
                self.calls.append("texting")
                await self.texting.wait()
            self.calls.append("sms")

        @activity.defn
        async def certify(ref: LoanRef) -> DebtEnded:
            self.calls.append("certify")
            return DebtEnded(document_id=uuid4(), notice_id=uuid4(), ended=today())

        @activity.defn
        async def extend_documents(ref: LoanRef) -> int:
            self.calls.append("extend")
            self.locks_short = False
            return 1

        return [tend, ref_of, notice_late, send_arrears_notice, text_client, certify, extend_documents]

    def _of_requests(self) -> Sequence[Callable[..., Any]]:
        @activity.defn
        async def open_request(ref: RequestRef) -> RequestOpened:
            self.request_due = self.request_due or today() + timedelta(days=15)
            due_at = end_of_day(self.request_due)
            self.calls.append("request:open")
            received = noon(self.request_due - timedelta(days=15))
            return RequestOpened(
                review_id=self.review, warn_at=due_at - timedelta(days=3), due_at=due_at, received_at=received,
                document_id=uuid4(),
            )  # fmt: skip

        @activity.defn
        async def warn_answer_due(ref: RequestRef) -> None:
            self.calls.append(f"request:warn:{today()}")

        @activity.defn
        async def answer_late(ref: RequestRef) -> None:
            self.calls.append(f"request:late:{today()}")

        @activity.defn
        async def answer_request(taken: DecisionTaken) -> RequestAnswered:
            answered = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            self.calls.append(f"request:answer:{answered.state}")
            await self.written.wait()
            until: datetime | None = end_of_day(today() + timedelta(days=self.accept_days))
            return answered.model_copy(update={"accept_until": until if answered.state == "PROPOSED" else None})

        @activity.defn
        async def apply_addendum(signed: AddendumSigned) -> str:
            self.calls.append("request:apply")
            return "ACCEPTED"

        @activity.defn
        async def end_request(ended: RequestEnded) -> str:
            self.calls.append(f"request:end:{ended.state}")
            return ended.state

        return [open_request, warn_answer_due, answer_late, answer_request, apply_addendum, end_request]
