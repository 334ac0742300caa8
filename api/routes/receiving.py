"""How the borrower receives the money: sellers and desks on offer, the face that confirms a seller, the code for cash.

Rules: para 8, part 6; para 9.
"""

from __future__ import annotations

from typing import Literal, cast
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response

from api import lending, papers
from api.actions import BIOMETRIC_SECONDS
from api.once import Outcome, fingerprint
from api.problems import language_of
from api.routes.challenges import challenge_id_of, issue, receive_clip, recorded
from api.routes.problems import ASK, DO, SEND, problems
from api.schemas_common import StepAnswer
from api.schemas_receiving import CollectionCode, CollectionState, DeskAnswer, MerchantAnswer, MerchantCheck
from api.services import Kit
from api.sessions import ClientCaller, OnceDep
from api.steps import do_step
from api.uploads import multipart, read_form
from rules.contacts import masked
from rules.desks import Desk, desks, known_desk
from rules.errors import Conflict
from rules.partners import Partner, known_partner, partners
from rules.receiving import merchant_act
from storage import audit, cash_orders
from storage.tables import CashOrder
from workflows.messages import ConfirmMerchant

router = APIRouter(tags=["receiving"])

STAGE = "MERCHANT_CONFIRMATION"


@router.get("/merchants", responses=problems())
async def merchants(request: Request, kit: Kit) -> list[MerchantAnswer]:
    """Sellers that a microcredit for goods can be paid to today."""
    async with kit.records.moment() as moment:
        return [_seller(one, language_of(request.scope)) for one in partners(moment.day)]


@router.get("/cash-desks", responses=problems())
async def cash_desks(request: Request, kit: Kit) -> list[DeskAnswer]:
    """Cash desks that are open today."""
    async with kit.records.moment() as moment:
        return [_desk(one, language_of(request.scope)) for one in desks(moment.day)]


def _seller(seller: Partner, language: str) -> MerchantAnswer:
    return MerchantAnswer(merchant_id=seller.merchant_id, name=seller.name(language), bin=seller.bin)


def _desk(desk: Desk, language: str) -> DeskAnswer:
    return DeskAnswer(desk=desk.code, address=desk.addresses[language])


# ---- a seller is paid


@router.post(
    "/applications/{application_id}/merchant-confirmation/challenges",
    status_code=201,
    response_model=MerchantCheck,
    responses=DO,
)
async def begin_confirmation(
    application_id: UUID, request: Request, kit: Kit, caller: ClientCaller, once: OnceDep
) -> Response:
    """What is to be confirmed, and the movements to film for exactly this payment."""

    async def work() -> Outcome:
        async with kit.records.moment() as moment:
            found = await lending.own_application(moment.session, caller.client_id, application_id)
        seller = known_partner(lending.receiving(kit, found).value)
        if found.stage != STAGE or seller is None:
            raise Conflict("wrong-step")
        check = MerchantCheck(
            amount=found.amount,
            merchant=_seller(seller, language_of(request.scope)),
            iban=masked(seller.iban),
            challenge=await issue(kit, caller, merchant_act(application_id)),
        )
        return Outcome(check, 201)

    return await once.run(fingerprint(None), work)


@router.post(
    "/applications/{application_id}/merchant-confirmation",
    response_model=StepAnswer,
    responses=SEND,
    openapi_extra=multipart(selfie="file", video="file", challenge_id="text"),
)
async def confirm(application_id: UUID, request: Request, kit: Kit, caller: ClientCaller, once: OnceDep) -> Response:
    """Confirm the payment to the seller: selfie and filmed challenge. Rules: para 9."""
    async with kit.records.moment() as moment:
        await lending.own_application(moment.session, caller.client_id, application_id)
    form = await read_form(request, files=frozenset({"selfie", "video"}), fields=frozenset({"challenge_id"}))
    selfie, video, challenge_id = form.image("selfie"), form.video("video"), challenge_id_of(form)

    async def work() -> Outcome:
        clip = await recorded(kit, video)
        async with kit.records.moment() as moment:
            found = await lending.own_application(moment.session, caller.client_id, application_id)
            if found.stage != STAGE:
                raise Conflict("wrong-step")
            client = await kit.records.clients.get(moment.session, caller.client_id)
            shown = ConfirmMerchant(
                selfie_id=await papers.receive(kit, moment, client, selfie, "selfie", application_id),
                video_id=await receive_clip(kit, moment, caller, client, clip, challenge_id, application_id),
                challenge_id=challenge_id,
            )
        return await do_step(
            kit,
            request,
            lending.call(application_id, once, "merchant_confirmed", shown),
            this="confirm-merchant",
            following="wait",
            patience_seconds=BIOMETRIC_SECONDS,
        )

    return await once.run(form.fingerprint, kit.in_turn(work))


# ---- cash is collected


@router.get("/applications/{application_id}/collection", responses={**ASK, **problems(409)})
async def collection(application_id: UUID, request: Request, kit: Kit, caller: ClientCaller) -> CollectionState:
    """Where the money waits, and until when."""
    async with kit.records.moment() as moment:
        await lending.own_application(moment.session, caller.client_id, application_id)
        order = await cash_orders.of_application(moment.session, application_id)
    if order is None:
        raise Conflict("cash-order-not-ready")
    return _collection(order, language_of(request.scope))


def _collection(order: CashOrder, language: str) -> CollectionState:
    desk = known_desk(order.desk) if order.desk else None
    return CollectionState(
        order=order.number,
        channel=cast(Literal["cash-desk", "terminal"], order.channel),
        desk=_desk(desk, language) if desk else None,
        amount=order.amount,
        state=order.state,
        expires_at=order.expires_at,
        code_shown=order.code_hash is not None,
    )


@router.post(
    "/applications/{application_id}/collection/codes", status_code=201, response_model=CollectionCode, responses=DO
)
async def new_code(application_id: UUID, kit: Kit, caller: ClientCaller, once: OnceDep) -> Response:
    """The code that opens the money, shown this once. A new one makes the one before worthless."""

    async def work() -> Outcome:
        async with kit.records.moment() as moment:
            await lending.own_application(moment.session, caller.client_id, application_id)
            if await cash_orders.of_application(moment.session, application_id) is None:
                raise Conflict("cash-order-not-ready")
            order = await cash_orders.lock(moment.session, cash_orders.number_of(application_id))
            code = cash_orders.new_code(
                order,
                kit.records.vault,
                moment.at,
                digits=moment.policy.whole("collection-code-digits"),
                most=moment.policy.whole("collection-codes"),
            )
            moment.session.add(order)
            await audit.record(
                moment.session,
                actor=caller.who,
                action="collection-code-shown",
                subject=f"application:{application_id}",
                paragraph="9",
                detail={"order": order.number, "code": order.codes},
            )
        return Outcome(CollectionCode(order=order.number, code=code, expires_at=order.expires_at), 201)

    return await once.run(fingerprint(None), work)
