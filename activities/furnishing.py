"""Records for the bureau with state participation: queued with their cause, sent in batches, answered one by one.

A record is stored in the transaction of what it tells. A batch is stored before it is sent and its bytes are archived
before they leave, so that whatever dies, the bureau gets the same batch again. The IIN stands only in those bytes.

Law on microfinance, art. 4. Rules: para 13, part 2; para 13, part 4.
"""

from __future__ import annotations

from uuid import UUID, uuid5

from temporalio import activity

from activities.context import Moment, Records
from activities.furnishing_queue import FurnishWanted, enqueue_in, paragraph_of
from activities.ports import BureauRecord, CreditBureau, SubmissionState
from rules.errors import BrokenContract, Conflict, InvalidInput, NotFound
from rules.evidence import Frozen
from rules.furnishing import RecordBody
from rules.masking import mask
from storage import audit, fraud, furnishing
from storage.tables import FurnishingBatch

__all__ = [
    "Answered", "BatchMade", "BatchRef", "BatchState", "BatchWanted", "FurnishWanted", "Furnishing", "enqueue_in",
]  # fmt: skip

_LISTED = 200  # batches told to the collector at once
_MESSAGE = 200  # characters of the bureau's words that are kept


class BatchWanted(Frozen):
    """A batch under this id, if anything may travel."""

    batch_id: UUID


class BatchMade(Frozen):
    """size: of the new batch, 0 for none. unfinished: every batch without the bureau's last word, the new one too."""

    size: int
    unfinished: list[UUID]
    waiting: int
    sent: int
    rejected: int
    patience_hours: int


class BatchRef(Frozen):
    """Which batch."""

    batch_id: UUID


class Answered(Frozen):
    """Records that the bureau has answered (of a batch), or that two people have decided on."""

    batch_id: UUID | None = None
    decision_id: UUID | None = None


class BatchState(Frozen):
    """Where a batch stands: open | sent | done. more: the bureau is free for others, its halves or what waited."""

    state: str
    size: int
    accepted: int = 0
    rejected: int = 0
    more: bool = False


class Furnishing:
    """The way of records to the bureau."""

    def __init__(self, records: Records, bureau: CreditBureau) -> None:
        self._records, self._bureau = records, bureau

    @activity.defn
    async def enqueue(self, wanted: FurnishWanted) -> UUID | None:
        """`enqueue_in` in a transaction of its own."""
        async with self._records.moment() as moment:
            return await enqueue_in(moment, wanted)

    @activity.defn
    async def make_batch(self, wanted: BatchWanted) -> BatchMade:
        """Put what may travel into a batch under the given id; the same id again is the same batch."""
        async with self._records.moment() as moment:
            session, policy = moment.session, moment.policy
            size = await furnishing.make_batch(session, wanted.batch_id, policy.whole("furnishing-batch-size"))
            found = await furnishing.counts(session)
            return BatchMade(
                size=size,
                unfinished=list(await furnishing.unfinished(session, _LISTED)),
                waiting=found.get("waiting", 0),
                sent=found.get("sent", 0),
                rejected=found.get("rejected", 0),
                patience_hours=policy.whole("furnishing-patience-hours"),
            )

    @activity.defn
    async def send_batch(self, ref: BatchRef) -> BatchState:
        """Archive the bytes, hand them to the bureau; a retry hands over the same bytes.

        A batch that the bureau refuses whole, because some record breaks its schema, is halved until that record
        stands alone; the others go on.

        Raises:
            Fault: the bureau or the archive is away, or the bureau knows other records under this id.
        """
        async with self._records.moment() as moment:
            batch = await furnishing.locked_batch(moment.session, ref.batch_id)
            if batch.state != "open":
                return await _state(moment, batch)
        refused = False
        try:
            await self._bureau.submit(str(ref.batch_id), await self._packed(ref.batch_id))
        except InvalidInput:
            refused = True
        except Conflict as error:
            raise BrokenContract(f"state-bureau: {error.code}") from None
        async with self._records.moment() as moment:
            batch = await furnishing.locked_batch(moment.session, ref.batch_id)
            if batch.state == "open" and refused:
                await _halve(moment, batch)
            elif batch.state == "open":
                await furnishing.set_sent(moment.session, batch, moment.at)
            return await _state(moment, batch)

    @activity.defn
    async def ask_batch(self, ref: BatchRef) -> BatchState:
        """The bureau's last word on each record; `sent` while it is still at work.

        A batch that the bureau has lost is handed over again, the same bytes.

        Raises:
            Fault: the bureau is away, or its word does not cover the batch.
        """
        async with self._records.moment() as moment:
            batch = await furnishing.locked_batch(moment.session, ref.batch_id)
            if batch.state == "done":
                return await _state(moment, batch)
        try:
            answer = await self._bureau.submission(str(ref.batch_id))
        except NotFound:
            await self._bureau.submit(str(ref.batch_id), await self._packed(ref.batch_id))
            return BatchState(state=batch.state, size=batch.size)
        if answer.state != "DONE":
            return BatchState(state=batch.state, size=batch.size)
        refusals = _refusals(answer, batch.size)
        async with self._records.moment() as moment:
            batch = await furnishing.locked_batch(moment.session, ref.batch_id)
            if batch.state != "done":
                await furnishing.set_answered(moment.session, batch, refusals, moment.at)
                await _tell_audit(moment, batch)
            return await _state(moment, batch)

    @activity.defn
    async def cases_waiting(self, answered: Answered) -> list[str]:
        """Ids of the cases that wait for the bureau's word on these loans. Rules: para 13, part 2."""
        async with self._records.moment() as moment:
            about = await furnishing.loans_of(moment.session, answered.batch_id, answered.decision_id)
            return await fraud.waiting_cases(moment.session, about)

    async def _packed(self, batch_id: UUID) -> bytes:
        """The bytes for the bureau, made and archived at the first asking."""
        async with self._records.moment() as moment:
            batch = await furnishing.locked_batch(moment.session, batch_id)
            if batch.document_id is not None:
                _, content = await self._records.documents.load(moment.session, batch.document_id)
                return content
            content = self._bureau.pack(str(batch_id), await self._with_iins(moment, batch_id))
            document = await self._records.documents.keep(
                moment.session,
                content,
                kind="furnishing",
                media_type="application/json",
                direction="made",
                client=None,
                retain_until=moment.retain_until(),
            )
            batch.document_id = document.id
            moment.session.add(batch)
            return content

    async def _with_iins(self, moment: Moment, batch_id: UUID) -> list[BureauRecord]:
        clients = self._records.clients
        records = []
        for record, client_id in await furnishing.of_batch(moment.session, batch_id):
            person = clients.person(await clients.get(moment.session, client_id))
            records.append(BureauRecord(iin=person.number, **RecordBody.model_validate(record.body).model_dump()))
        return records


async def _halve(moment: Moment, batch: FurnishingBatch) -> None:
    """A batch refused whole becomes two, under ids that follow from its own; a record alone is rejected."""
    if batch.size == 1:
        await furnishing.set_answered(moment.session, batch, {0: ("SCHEMA", "")}, moment.at)
        return await _tell_audit(moment, batch)
    ids = [record.id for record, _ in await furnishing.of_batch(moment.session, batch.id)]
    middle = len(ids) // 2
    for name, half in (("first", ids[:middle]), ("second", ids[middle:])):
        await furnishing.put_into_batch(moment.session, uuid5(batch.id, name), half)
    batch.state, batch.answered_at = "done", moment.at
    moment.session.add(batch)


def _refusals(answer: SubmissionState, size: int) -> dict[int, tuple[str, str]]:
    refusals = {one.index: (one.code, mask(one.message)[:_MESSAGE]) for one in answer.rejected}
    covered = answer.accepted + len(answer.rejected) == size and len(refusals) == len(answer.rejected)
    if not covered or any(index >= size for index in refusals):
        raise BrokenContract("the bureau's answer does not cover the batch")
    return refusals


async def _tell_audit(moment: Moment, batch: FurnishingBatch) -> None:
    for record, _ in await furnishing.of_batch(moment.session, batch.id):
        await audit.record(
            moment.session,
            actor="system:worker",
            action="furnished" if record.state == "accepted" else "furnishing-rejected",
            subject=f"loan:{record.loan_id}",
            reason=record.rejection_code,
            paragraph=paragraph_of(record.op),
            detail={"op": record.op, "record": str(record.id), "hash": record.record_hash, "batch": str(batch.id)},
        )


async def _state(moment: Moment, batch: FurnishingBatch) -> BatchState:
    await moment.session.flush()
    states = [record.state for record, _ in await furnishing.of_batch(moment.session, batch.id)]
    return BatchState(
        state=batch.state,
        size=batch.size,
        accepted=states.count("accepted"),
        rejected=states.count("rejected"),
        more=batch.state == "done" and (len(states) < batch.size or await furnishing.is_any_due(moment.session)),
    )
