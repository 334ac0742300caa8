"""The identity exchange centre (ЦОИД): one face against the state's photograph. Rules: para 6, part 3; para 35."""

from __future__ import annotations

import httpx

from activities.integrations.http import Service, Wire
from activities.integrations.person_register import PersonRegister
from activities.ports import IdentityMatch
from rules.errors import BrokenContract, InvalidInput, NotFound


class _Match(Wire):
    result: float
    vendor: str
    x_idempotency_key: str


class Idec:
    """The centre, and with it the register of persons: the one port that activities know.

    Args:
        register: address and token of the state's register of persons.
        vendor: which of the centre's face engines is asked; liveness is our own duty.
    """

    def __init__(
        self,
        url: str,
        token: str,
        client: httpx.AsyncClient | None = None,
        *,
        register: tuple[str, str],
        vendor: str = "VENDOR-A",
        timeout_seconds: float = 10.0,
    ) -> None:
        self._service = Service("idec", url, token, client, timeout_seconds=timeout_seconds)
        self._vendor = vendor
        self.person = PersonRegister(*register, client, timeout_seconds=timeout_seconds).person

    async def match_face(self, iin: str, photo: bytes, media_type: str, key: str) -> IdentityMatch:
        """Similarity 0..1 of a photograph to the state's.

        Args:
            media_type: image/jpeg or image/png.
            key: the centre answers the same to the same key, so it names the photograph too.

        Raises:
            NotFound: `iin-not-found`.
            InvalidInput: `no-face`, `photo-format`.
            BrokenContract: `idec-other-subject`: the answer belongs to another question; `idec-not-a-fraction`: a
                similarity outside 0..1. Percent are not guessed: 0.9 could be either.
        """
        reply = await self._service.fetch(
            "POST",
            "/identity/1.1.0/verify",
            params={"iin": iin, "vendor": self._vendor},
            content=photo,
            headers={"Content-Type": media_type, "x-idempotency-key": key},
            refusals={
                "404 IIN_NOT_FOUND": lambda: NotFound("iin-not-found"),
                "422 NO_FACE": lambda: InvalidInput("no-face"),
                "415 UNSUPPORTED_MEDIA": lambda: InvalidInput("photo-format"),
            },
        )
        match = self._service.read(_Match, reply)
        if match.x_idempotency_key != key or match.vendor != self._vendor:
            raise BrokenContract("idec-other-subject")
        if not 0.0 <= match.result <= 1.0:
            raise BrokenContract("idec-not-a-fraction")
        return IdentityMatch(similarity=match.result, vendor=match.vendor)
