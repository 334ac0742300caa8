"""Staff: what was read of an identity card, all readings side by side, for the officer who decides on it.

Rules: para 6, part 3; para 27.
"""

from __future__ import annotations

import json
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends

from api.routes.problems import problems
from api.schemas_cards import CardReadingShown, CardWords
from api.schemas_staff import Role
from api.services import Kit
from api.staff import Member, needs
from rules.errors import NotFound
from storage import audit, card_readings
from storage.tables import Review

router = APIRouter(prefix="/staff/api/reviews", tags=["staff"])
Officer = Annotated[Member, Depends(needs(Role.OFFICER))]


@router.get("/{review_id}/card", responses=problems(401, 403, 404, 422))
async def card(review_id: UUID, kit: Kit, member: Officer) -> CardReadingShown:
    """Typed, MRZ by both readers, front. It is opened for this look alone; each look is audited."""
    async with kit.records.moment() as moment:
        review = await moment.session.get(Review, review_id)
        document_id = await card_readings.of_review(moment.session, review) if review else None
        if review is None or review.client_id is None or document_id is None:
            raise NotFound("not-found")
        _, content = await kit.records.documents.load(moment.session, document_id)
        await audit.record(
            moment.session,
            actor=member.who,
            action="card-reading-opened",
            subject=f"client:{review.client_id}",
            paragraph="27",
            detail={"review": str(review_id), "document": str(document_id)},
        )
    return _told(review_id, review.client_id, json.loads(content))


def _told(review_id: UUID, client_id: UUID, reading: dict[str, Any]) -> CardReadingShown:
    fields, front = reading["mrz"]["fields"], reading["front"]
    return CardReadingShown(
        review_id=review_id,
        client_id=client_id,
        typed=CardWords(**reading["typed"]),
        mrz=CardWords(**fields) if fields else None,
        front=CardWords(**front) if front else None,
        mrz_first=reading["mrz"]["first"],
        mrz_second=reading["mrz"]["second"],
        differences=reading["differences"],
        unsure=front["unsure"] if front else [],
        front_picture=reading["pictures"]["front"],
        back_picture=reading["pictures"]["back"],
    )
