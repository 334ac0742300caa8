"""Word to a loan's case that its books have changed. Activities book; the workflows around them call this.

Rules: para 7, part 5.
"""

from __future__ import annotations

import contextlib
from uuid import UUID

from temporalio import workflow
from temporalio.exceptions import FailureError, WorkflowAlreadyStartedError
from temporalio.workflow import ParentClosePolicy

from activities.care import LoanCare
from rules.calendar import local_date
from rules.editions import edition
from workflows import options
from workflows.cases import do
from workflows.servicing import ServeLoan, Servicing

_TRIES = 5  # the case may end, or begin, between our look and our word


async def tell_loan(loan_id: UUID) -> None:
    """Have a loan looked at now. One whose case has ended is taken up again: money may come after the end."""
    case_id = f"loan/{loan_id}"
    for _ in range(_TRIES):
        with contextlib.suppress(FailureError):  # there is no such open case
            case: workflow.ExternalWorkflowHandle[Servicing] = workflow.get_external_workflow_handle_for(
                Servicing.run, case_id
            )
            await case.signal(Servicing.loan_changed)
            return
        ref = await do(LoanCare.ref_of, loan_id, "чей это заём", options.LOAN)
        start = ServeLoan(
            loan_id=ref.loan_id, client_id=ref.client_id, edition=edition(local_date(workflow.now())).name
        )
        with contextlib.suppress(WorkflowAlreadyStartedError):
            await workflow.start_child_workflow(
                Servicing.run,
                start,
                id=case_id,
                parent_close_policy=ParentClosePolicy.ABANDON,
                static_summary="сопровождение займа",
            )
            return
