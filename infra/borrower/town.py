"""A town of simulated borrowers: each is planted with the counterparties and given a phone, a card and a signing key.

The face mesh that films them is handed in: it belongs to the biometrics, which `infra` does not know.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from infra.borrower import card
from infra.borrower.app import BorrowerApp
from infra.borrower.camera import Camera
from infra.borrower.person import Persona, make_persona
from infra.borrower.signing import SigningKey

_SMS_PATIENCE_SECONDS = 120.0


class Town:
    """Makes borrowers for one API and one set of counterparties."""

    def __init__(
        self,
        api_url: str,
        counterparties_url: str,
        token: str,
        photos: Path,
        mesh: Callable[[bytes], np.ndarray[Any, Any]],
    ) -> None:
        # less than the servers keep an idle connection: one that is just being closed by them is not used again
        limits = httpx.Limits(max_connections=200, keepalive_expiry=2.0)
        self.api = httpx.AsyncClient(base_url=api_url.removesuffix("/api/v1"), timeout=60, limits=limits)
        self.world = httpx.AsyncClient(
            base_url=counterparties_url, timeout=60, headers={"Authorization": f"Bearer {token}"}, limits=limits
        )
        self._photos, self._camera = photos, Camera(mesh)
        self._read = set[str]()

    async def close(self) -> None:
        """Close the connections."""
        await self.api.aclose()
        await self.world.aclose()

    async def borrower(
        self,
        seed: int,
        *,
        who: str = "a",
        algorithm: str = "GOST2015",
        language: str = "kk",
        telephone: bool = False,
        **known: Any,
    ) -> BorrowerApp:
        """A person nobody has met yet.

        Args:
            seed: another seed is another person (IIN, phone, account, names).
            who: whose photographs, "a" or "b".
            algorithm: of the signing key, GOST2015 or RSA.
            telephone: they sign by the state's mobile application, not with a key at hand.
            known: what the services know besides, as in infra/counterparties/README.md (credit, listing, accounts ...).
        """
        persona = make_persona(seed, self._photos, who)
        await self.plant(persona, **known)
        key = await self.signing_key(persona, alg=algorithm)
        front, back = await asyncio.to_thread(lambda: (card.front(persona), card.back(persona)))
        return BorrowerApp(
            http=self.api,
            persona=persona,
            sms=self._newest_code,
            clip=lambda photo, sequence: asyncio.to_thread(self._camera.clip, photo, sequence),
            sign=lambda content: asyncio.to_thread(key.sign, content),
            front=front,
            back=back,
            selfie=self._camera.selfie(persona),
            language=language,
            scan=(lambda code: self.scan(persona, code)) if telephone else None,
        )

    async def plant(self, persona: Persona, **known: Any) -> None:
        """Tell the counterparties who the person is."""
        body: dict[str, Any] = {
            "iin": persona.iin,
            "surname": persona.surname,
            "given_name": persona.given_name,
            "patronymic": persona.patronymic,
            "document": {"number": persona.document_number, "expires": persona.expires.isoformat()},
            "phone": persona.phone,
            "accounts": [{"iban": persona.iban}],
        }
        (await self.world.post("/_control/personas", json=body | known)).raise_for_status()

    async def signing_key(self, persona: Persona, **wanted: Any) -> SigningKey:
        """A key and certificate of the counterparty authority for this person."""
        return await SigningKey.obtain(self.world, persona, **wanted)

    async def scan(self, persona: Persona, code: str, behaviour: str = "sign", **more: Any) -> dict[str, Any]:
        """The person holds their telephone before a QR code; what the lender answered it."""
        body = {"qr": code, "iin": persona.iin, "behaviour": behaviour, **more}
        answer = await self.world.post("/_control/egov-mobile/scan", json=body, timeout=90)
        answer.raise_for_status()
        told: dict[str, Any] = answer.json()
        return told

    async def card(self, persona: Persona, number: str = "4000001234567899") -> str:
        """A card typed into the bank's own form: its token. The number is made up."""
        return await self._control("/bank/card-form", "card_token", iin=persona.iin, card_number=number)

    async def digital_document(self, persona: Persona) -> str:
        """The code in the person's telephone that opens their document once."""
        return await self._control("/digital-documents", "code", iin=persona.iin)

    async def at_terminal(self, order: str, code: str) -> dict[str, Any]:
        """Somebody types an order and its code into a terminal."""
        answer = await self.world.post("/_control/terminals/cash-outs", json={"order": order, "code": code})
        answer.raise_for_status()
        told: dict[str, Any] = answer.json()
        return told

    async def _control(self, path: str, wanted: str, **body: str) -> str:
        answer = await self.world.post(f"/_control{path}", json=body)
        answer.raise_for_status()
        return str(answer.json()[wanted])

    async def fault(self, **fault: Any) -> None:
        """Plant a fault: service, operation, fault, times, match, params."""
        (await self.world.post("/_control/faults", json=fault)).raise_for_status()

    async def _newest_code(self, phone: str) -> str:
        """Six digits of the newest SMS that was not read yet."""
        for _ in range(int(_SMS_PATIENCE_SECONDS / 0.1)):
            messages = await self._unread(phone)
            if messages:
                self._read.add(messages[-1]["message_id"])
                found = re.search(r"\b[0-9]{6}\b", messages[-1]["text"])
                if found:
                    return found.group()
            await asyncio.sleep(0.1)
        raise TimeoutError("no SMS came")

    async def _unread(self, phone: str) -> list[dict[str, Any]]:
        """Messages not read yet; none while the counterparties are away."""
        try:
            response = await self.world.get("/_control/sms", params={"to": phone})
            received: list[dict[str, Any]] = response.json() if response.status_code == httpx.codes.OK else []
        except httpx.TransportError:
            return []
        return [one for one in received if one["message_id"] not in self._read]
