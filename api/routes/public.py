"""What anybody may see: who lends, and what is on offer. Rules: para 7, part 2."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files

from fastapi import APIRouter, Request

from api.problems import language_of
from api.routes.problems import problems
from api.schemas_lending import OrganisationAnswer, ProductAnswer
from rules.calendar import local_date
from rules.products import products
from rules.schedule import Method

router = APIRouter(tags=["public"])


@cache
def the_lender() -> OrganisationAnswer:
    """From api/organisation.toml."""
    content = (files("api") / "organisation.toml").read_text("utf-8")
    return OrganisationAnswer.model_validate(tomllib.loads(content))


@router.get("/organisation", responses=problems())
async def organisation() -> OrganisationAnswer:
    """Name, licence, head, addresses, telephones, e-mail."""
    return the_lender()


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
            methods=list(Method),
            receiving=sorted(one.receiving_methods),
        )
        for one in products(local_date(datetime.now(UTC)))
    ]
