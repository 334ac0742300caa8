"""What the page of a loan's case says of it in Temporal UI: no sums and nothing personal."""

from __future__ import annotations

from uuid import UUID

from activities.care import Tended
from workflows.cases import link
from workflows.paper_messages import write_off_id


def described(loan_id: UUID, tended: Tended) -> list[str]:
    """How a loan stands, a line each."""
    lines = []
    if tended.arrears_since is not None:
        told = "уведомление отправлено" if tended.notice_by is None else "уведомление ещё не отправлено"
        lines.append(f"просрочка с {tended.arrears_since.isoformat()}, {told}")
    if tended.restructuring_n is not None:
        lines.append(link(f"restructuring/{loan_id}/{tended.restructuring_n}", "заявление об изменении условий"))
    if tended.owed_back:
        lines.append(_refund_link(loan_id, tended))
    if tended.wake_at is not None:
        lines.append(f"следующий взгляд {tended.wake_at.isoformat(timespec='minutes')}")
    return lines


def _refund_link(loan_id: UUID, tended: Tended) -> str:
    if tended.return_case is not None:
        return link(write_off_id(loan_id, tended.return_case), "списание: возврат взысканного")
    n = f"collected-{tended.refund_n}" if tended.return_collected else str(tended.refund_n)
    return link(f"refund/{loan_id}/{n}", "возврат переплаты")
