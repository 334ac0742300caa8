"""What the routes are given: records, archive, the door to Temporal. Built once by api.app."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, cast

from fastapi import Depends, Request

from activities.context import Records
from api.actions import Actions
from rules.lender import Lender


@dataclass(frozen=True)
class Services:
    """origin: scheme, host and port that our pages have. callback_secrets: by party (bank, sms)."""

    records: Records
    actions: Actions
    lender: Lender
    origin: str
    secure_cookies: bool = True
    callback_secrets: Mapping[str, bytes] = field(default_factory=dict, repr=False)


def _services(request: Request) -> Services:
    return cast(Services, request.app.state.services)


Kit = Annotated[Services, Depends(_services)]
