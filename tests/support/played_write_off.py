"""Played activities of a write-off: paper and proof stand as a test wants, the loan's facts and the rules are real."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from temporalio import activity

from activities.write_off_cases import CaseState
from activities.write_offs import BureauSays, ClientTold, DebtGone, OwedBack, WriteOffRef
from rules.errors import BusinessError
from rules.loan import position
from rules.loan_events import Refunded, WrittenOff
from tests.support.loan_world import noon
from tests.support.played_servicing import PlayedServicing, today


class PlayedWriteOffs:
    """One paper about the played loan.

    paper: its state. force: None where the paper shows it itself, else what is known of the proof: "", ENTERED ... ;
    forces counts the proofs. bureau: answers to come, the last one stays. trouble: what the books refuse, in turn.
    """

    def __init__(self, calls: list[str], loan: PlayedServicing) -> None:
        self.calls, self._loan = calls, loan
        self.paper, self.rule, self.ground = "ENTERED", "P13.4", "court_verdict"
        self.received = datetime.now(UTC)
        self.force: str | None = None
        self.force_received = self.received
        self.forces = 0
        self.returns = True
        self.suspensions: list[int] = []
        self.bureau = [BureauSays(state="accepted", held_up=False)]
        self.trouble: list[BusinessError] = []
        self.under_way = False
        self.missing: list[str] = []

    def activities(self) -> Sequence[Callable[..., Any]]:
        """The real names and shapes."""

        @activity.defn
        async def write_off_case(ref: WriteOffRef) -> CaseState:
            return self._case(ref.paper_id)

        @activity.defn
        async def write_off(ref: WriteOffRef) -> DebtGone:
            if self.trouble:
                raise self.trouble.pop(0)
            if not any(isinstance(one, WrittenOff) for one in self._loan.facts):
                self.calls.append(f"write-off:{today()}")
                gone = WrittenOff(
                    key="off", value_date=today(), known_at=noon(today()), ground=self.ground, return_paid=self.returns
                )
                self._loan.facts.append(gone)
            return DebtGone(returns=self.returns, suspensions=self.suspensions)

        @activity.defn
        async def tell_client(told: ClientTold) -> UUID:
            self.calls.append("tell-client")
            return uuid4()

        @activity.defn
        async def bureau_says(ref: WriteOffRef) -> BureauSays:
            said = self.bureau.pop(0) if len(self.bureau) > 1 else self.bureau[0]
            self.calls.append(f"bureau:{said.state}")
            return said

        @activity.defn
        async def owed_back(ref: WriteOffRef) -> OwedBack:
            facts = self._loan.facts
            day = max(today(), max(one.value_date for one in facts))
            owed = position(facts, self._loan.terms, day).overpaid.root > 0
            self.calls.append(f"owed:{owed}")
            return OwedBack(
                owed=owed and not self.under_way,
                under_way=self.under_way,
                refund_n=1 + sum(isinstance(one, Refunded) for one in facts),
            )

        return [write_off_case, write_off, tell_client, bureau_says, owed_back]

    def _case(self, paper_id: UUID) -> CaseState:
        if self.force is None:
            received, key, proof = self.received, f"{self.rule}:{paper_id}", None
        elif self.force not in ("ENTERED", "CONFIRMED"):
            return CaseState(state=self.paper, rule=self.rule)
        else:
            received, key, proof = self.force_received, f"{self.rule}:{paper_id}:{self.forces}", self.force
        return CaseState(
            state=self.paper,
            rule=self.rule,
            proof=proof,
            received_at=received,
            document_id=uuid4(),
            clock_key=key,
            ready=self.paper == "CONFIRMED" and proof in (None, "CONFIRMED"),
            done={"decision": self.received},
            missing=self.missing,
        )
