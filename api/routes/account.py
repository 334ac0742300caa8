"""Messages both ways, documents with their exchange confirmations, and actions that were answered 202.

Rules: para 7, part 7; para 12; para 34.
"""

from __future__ import annotations

from typing import Literal, cast
from uuid import UUID

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response
from sqlmodel import col, select, update

from activities.context import Moment
from api import papers
from api.once import Outcome, fingerprint
from api.problems import describe
from api.routes.problems import ASK, DO, problems
from api.schemas_common import ActionState, DocumentInfo, Exchange
from api.schemas_lending import MessageAnswer, MessageBody
from api.services import Kit, Services
from api.sessions import AnyCaller, ClientCaller, OnceDep
from api.uploads import Upload
from rules.errors import NotFound
from storage import audit
from storage.tables import Application, Client, Document, Loan, Message, OutboxAction

router = APIRouter(tags=["personal account"])

PAGE = 200  # rows a list gives at most


def _context(message_id: UUID) -> str:
    return f"message:{message_id}"


def _message(kit: Services, client: Client, message: Message) -> MessageAnswer:
    text = kit.records.vault.open(client.data_key, message.body, _context(message.id)).decode()
    direction = cast(Literal["from_client", "to_client"], message.direction)
    return MessageAnswer(
        message_id=message.id,
        direction=direction,
        text=text,
        document_id=message.document_id,
        at=message.at,
        read_at=message.read_at,
    )


@router.get("/messages", responses=problems(401, 403))
async def messages(kit: Kit, caller: ClientCaller) -> list[MessageAnswer]:
    """Both directions, newest first. What the lender wrote counts as read from now on."""
    async with kit.records.moment() as moment:
        client = await kit.records.clients.get(moment.session, caller.client_id)
        query = select(Message).where(col(Message.client_id) == client.id).order_by(col(Message.at).desc()).limit(PAGE)
        found = list((await moment.session.exec(query)).all())
        seen = [one.id for one in found if one.direction == "to_client" and one.read_at is None]
        if seen:
            statement = update(Message).where(col(Message.id).in_(seen)).values(read_at=moment.at)
            await moment.session.exec(statement)
    return [_message(kit, client, one) for one in found]


@router.post("/messages", status_code=201, response_model=MessageAnswer, responses=DO)
async def write(body: MessageBody, kit: Kit, caller: ClientCaller, once: OnceDep) -> Response:
    """Write to the lender; the message is archived as a document of its own."""

    async def work() -> Outcome:
        async with kit.records.moment() as moment:
            client = await kit.records.clients.get(moment.session, caller.client_id)
            message = await moment.session.get(Message, once.new_id)
            if message is None:
                message = await _keep(kit, moment, client, once.new_id, body.text)
        return Outcome(_message(kit, client, message), 201)

    return await once.run(fingerprint(body), work)


async def _keep(kit: Services, moment: Moment, client: Client, message_id: UUID, text: str) -> Message:
    upload = Upload(text.encode(), "text/plain; charset=utf-8")
    message = Message(
        id=message_id,
        client_id=client.id,
        direction="from_client",
        body=kit.records.vault.seal(client.data_key, text.encode(), _context(message_id)),
        document_id=await papers.receive(kit, moment, client, upload, "message"),
        at=moment.at,
    )
    moment.session.add(message)
    await audit.record(
        moment.session,
        actor=f"client:{client.id}",
        action="message-received",
        subject=f"client:{client.id}",
        paragraph="7",
        detail={"message": str(message_id)},
    )
    return message


@router.get("/documents", responses=problems(401, 403))
async def documents(kit: Kit, caller: AnyCaller) -> list[DocumentInfo]:
    """Documents sent either way, newest first."""
    async with kit.records.moment() as moment:
        query = (
            select(Document)
            .where(col(Document.client_id) == caller.client_id, col(Document.kind).in_(papers.SHOWN))
            .order_by(col(Document.created_at).desc())
            .limit(PAGE)
        )
        return [papers.told(one) for one in (await moment.session.exec(query)).all()]


@router.get("/documents/{document_id}/content", response_class=Response, responses=ASK)
async def content(document_id: UUID, kit: Kit, caller: AnyCaller) -> Response:
    """The original bytes."""
    async with kit.records.moment() as moment:
        return await papers.serve(kit, moment, await papers.owned(moment, caller.client_id, document_id))


@router.get("/documents/{document_id}/confirmation", responses=ASK)
async def confirmation(document_id: UUID, kit: Kit, caller: AnyCaller) -> Exchange:
    """That this electronic document was received or sent: who, what, its hash, when, where it is archived."""
    async with kit.records.moment() as moment:
        document = await papers.owned(moment, caller.client_id, document_id)
        await audit.record(
            moment.session,
            actor=caller.who,
            action="exchange-confirmed",
            subject=f"document:{document.id}",
            paragraph="12",
        )
    received = document.direction == "received"
    return Exchange(
        document_id=document.id,
        kind=document.kind,
        direction=cast(Literal["received", "sent", "made"], document.direction),
        who=caller.who if received else "lender",
        to="lender" if received else caller.who,
        sha256=document.sha256,
        size=document.size,
        at=document.created_at,
        archive={
            "key": document.key,
            "version_id": document.version_id,
            "retain_until": document.retain_until.isoformat(),
        },
    )


@router.get("/actions/{action_id}", responses=ASK)
async def action(
    request: Request, kit: Kit, caller: AnyCaller, action_id: str = Path(pattern=r"^[0-9a-f]{32}$")
) -> ActionState:
    """An action that was answered 202. result: what the workflow answered."""
    async with kit.records.moment() as moment:
        found = await moment.session.get(OutboxAction, action_id)
        if found is None or await _owner(moment, found.workflow_id) != caller.client_id:
            raise NotFound("not-found")
    if found.state == "waiting":
        return ActionState(action_id=action_id, status="waiting")
    answer = kit.actions.open_result(found)
    refused = answer["problem"]
    if refused is None and found.state == "done":
        return ActionState(action_id=action_id, status="done", result=answer["result"])
    refused = refused or {"code": "broken", "status": 500, "field": None}
    problem = describe(request.scope, refused["status"], refused["code"], field=refused["field"])
    return ActionState(action_id=action_id, status="failed", problem=problem)


async def _owner(moment: Moment, workflow_id: str) -> UUID | None:
    """Whose case a workflow is."""
    kind, _, identity = workflow_id.partition("/")
    if kind == "registration":
        return UUID(identity)
    if kind in ("change", "leak"):
        return UUID(identity.partition("/")[0])
    if kind in ("loan", "restructuring"):
        loan = await moment.session.get(Loan, UUID(identity.partition("/")[0]))
        return loan.client_id if loan else None
    if kind in ("application", "disbursement"):
        application = await moment.session.get(Application, UUID(identity))
        return application.client_id if application else None
    return None
