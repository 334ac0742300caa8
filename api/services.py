"""What the routes are given: records, archive, the door to Temporal. Built once by api.app."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, TypeVar, cast

from fastapi import Depends, Request

from activities.context import Records
from activities.identity_ports import ClipRecorder
from activities.integrations.biometrics.queue import BoundedQueue
from api.actions import Actions
from rules.evidence import SignatureGround
from rules.lender import Lender

# cms, content, IIN, BIN -> why it is no signature of theirs, None where it is: what is seen without asking others
SignatureGroundOf = Callable[[bytes, bytes, str, str | None], SignatureGround | None]

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Services:
    """origin: scheme, host and port that our pages have. callback_secrets: by party (bank, sms).

    egov_method: how the state's mobile application is asked to sign: CMS_SIGN_ONLY (detached) | CMS_WITH_DATA.
    recorder: makes clips fit the archive's rate; None: they are kept as they come. passive_liveness: whether a passive
    model is supplied; without one more movements are asked.
    """

    records: Records
    actions: Actions
    lender: Lender
    origin: str
    secure_cookies: bool = True
    callback_secrets: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    signature_ground: SignatureGroundOf | None = None
    egov_method: str = "CMS_SIGN_ONLY"
    recorder: ClipRecorder | None = None
    passive_liveness: bool = False
    biometrics: BoundedQueue = field(default_factory=lambda: BoundedQueue(16, 84), repr=False)

    def in_turn(self, work: Callable[[], Awaitable[Answer]]) -> Callable[[], Awaitable[Answer]]:
        """The same work in its turn among the biometric steps of this process.

        Raises:
            Busy: too many are waiting; nothing was begun, and the same key may be sent again.
        """

        async def queued() -> Answer:
            async with self.biometrics.turn():
                return await work()

        return queued


def _services(request: Request) -> Services:
    return cast(Services, request.app.state.services)


Kit = Annotated[Services, Depends(_services)]
