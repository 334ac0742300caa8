"""Disposal: a client's data is destroyed after its retention. Id `disposal/{client_id}`, a later try `.../{n}`.

Two people have decided it: that stands in the database, and the database destroys. Here its steps follow each other:
the key, the sealed documents in the archive, the signed certificate.

Rules: para 34.
"""

from __future__ import annotations

from uuid import UUID

from temporalio import workflow

from activities.disposals import DisposalRef, Disposals
from rules.evidence import Frozen
from workflows import options
from workflows.cases import Case, do


class DestroyData(Frozen):
    """Start: two people have confirmed the disposal."""

    disposal_id: UUID
    edition: str


class DataDestroyed(Frozen):
    """Outcome: CERTIFIED | STOPPED | the state of a disposal that nobody confirmed. kept: objects the archive keeps."""

    state: str
    why: str | None = None
    removed: int = 0
    kept: int = 0


def id_of(client_id: UUID, n: int) -> str:
    """The id of a client's n-th disposal."""
    return f"disposal/{client_id}" if n == 1 else f"disposal/{client_id}/{n}"


@workflow.defn
class Disposal:
    """See the module."""

    @workflow.run
    async def run(self, start: DestroyData) -> DataDestroyed:
        """The key first: from then on nothing can be read, whatever else is away."""
        case, ref = Case("disposal", start.edition), DisposalRef(disposal_id=start.disposal_id)
        case.show("CONFIRMED", "данные клиента уничтожаются по решению двух сотрудников")
        done = await do(Disposals.destroy_data, ref, "уничтожить ключ данных клиента", options.LOAN)
        if done.state not in ("DESTROYED", "CERTIFIED"):
            case.show(done.state, f"данные не уничтожены: `{done.why or done.state}`")
            return DataDestroyed(state=done.state, why=done.why)
        case.show("DESTROYED", "ключ уничтожен; документы удаляются из архива")
        objects = await do(Disposals.remove_objects, ref, "удалить документы из архива", options.LOAN)
        await do(Disposals.certify_disposal, ref, "акт об уничтожении: подпись и архив", options.LOAN)
        kept = f"; архив удерживает {objects.kept} (не читаются)" if objects.kept else ""
        case.show("CERTIFIED", f"акт подписан; удалено документов {objects.removed}{kept}")
        return DataDestroyed(state="CERTIFIED", removed=objects.removed, kept=objects.kept)
