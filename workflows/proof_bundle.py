"""A bundle of proof that somebody asked for. Id `bundle/{loan_id}/{n}`.

Rules: para 32.
"""

from __future__ import annotations

from uuid import UUID

from temporalio import workflow

from activities.bundles.orders import BundleMade, BundleOrders, BundleRef
from rules.evidence import Frozen
from workflows import options
from workflows.cases import Case, do


class MakeBundle(Frozen):
    """Start: the row is stored."""

    bundle_id: UUID
    loan_id: UUID
    n: int
    edition: str


def id_of(loan_id: UUID, n: int) -> str:
    """The id of the case."""
    return f"bundle/{loan_id}/{n}"


@workflow.defn
class ExportBundle:
    """See the module."""

    @workflow.run
    async def run(self, start: MakeBundle) -> BundleMade:
        """Make it; whatever is away comes back."""
        case = Case("bundle", start.edition)
        case.show("MAKING", f"доказательства по займу `{start.loan_id}`")
        made = await do(
            BundleOrders.make_bundle, BundleRef(bundle_id=start.bundle_id), "собрать и подписать", options.LOAN
        )
        case.show("MADE", f"доказательства по займу `{start.loan_id}`: SHA-256 `{made.sha256}`")
        return made
