"""What anybody may see: who lends, and what is on offer. Rules: para 7, part 2."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import APIRouter, Request

from api.problems import language_of
from api.routes.problems import problems
from api.schemas_lending import OrganisationAnswer, ProductAnswer
from api.services import Kit
from rules.calendar import local_date
from rules.products import products

router = APIRouter(tags=["public"])


@router.get("/organisation", responses=problems())
async def organisation(kit: Kit) -> OrganisationAnswer:
    """Name, register number, head, addresses, telephones, e-mail."""
    shown = OrganisationAnswer.model_fields
    return OrganisationAnswer.model_validate({k: v for k, v in kit.lender.model_dump().items() if k in shown})


@router.get("/products", responses=problems())
async def on_offer(request: Request) -> list[ProductAnswer]:
    """Products on offer today."""
    language = language_of(request.scope)
    return [
        ProductAnswer(
            code=one.code,
            version=one.version,
            title=one.names[language],
            kinds=sorted(one.kinds),
            amount_min=one.min_amount,
            amount_max=one.max_amount,
            term_months_min=one.min_months,
            term_months_max=one.max_months,
            rate_percent_per_year=one.rate_percent_per_year,
            purposes=sorted(one.purposes),
            methods=list(one.methods),
            receiving=sorted(one.receiving_methods),
        )
        for one in products(local_date(datetime.now(UTC)))
    ]
