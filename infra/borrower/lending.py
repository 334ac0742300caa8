"""How a borrower borrows: from the application to the money, every step by the public API."""

from __future__ import annotations

import asyncio
import hashlib
import time

from infra.borrower import qr
from infra.borrower.outcomes import Stopped
from infra.borrower.transport import JSON, Telephone, filmed


class Lending(Telephone):
    """What is done once one is a client."""

    async def apply(
        self,
        amount: str,
        months: int,
        purpose: str = "PERSONAL_NEEDS",
        iban: str | None = None,
        receiving: JSON | None = None,
    ) -> str:
        """Submit an application; returns its id. receiving: how the money is to come, else to the own account."""
        own = {"method": "OWN_ACCOUNT", "iban": iban or self.persona.iban}
        body = {"amount": amount, "term_months": months, "purpose": purpose, "receiving": receiving or own}
        return str((await self.call("POST", "/applications", json=body))["application_id"])

    async def offers(self, application: str) -> list[JSON]:
        """The three draft schedules, once the decision is there.

        Raises:
            Stopped: the application was refused.
        """
        await self.until(application, "OFFERED")
        return list((await self.call("GET", f"/applications/{application}/offers"))["offers"])

    async def choose(self, application: str, method: str) -> None:
        """Read and mark the three texts, then choose a schedule."""
        texts = await self.call("GET", f"/applications/{application}/acknowledgements")
        for text in texts:
            mark = {"text_version": text["text_version"], "text_sha256": text["text_sha256"]}
            await self.call("PUT", f"/applications/{application}/acknowledgements/{text['subject']}", json=mark)
        await self.call("PUT", f"/applications/{application}/choice", json={"method": method})

    async def sign_contract(self, application: str) -> JSON:
        """Read the PDF, show the face again, sign exactly those bytes. Returns what was signed."""
        await self.until(application, "SIGNING")
        return await filmed(lambda: self._sign_once(application))

    async def _sign_once(self, application: str) -> JSON:
        start: JSON = await self.call("POST", f"/applications/{application}/signing")
        content = await self.fetch(start["pdf"].removeprefix("/api/v1"))
        if hashlib.sha256(content).hexdigest() != start["sha256"]:
            raise AssertionError("the PDF is not the one that is to be signed")
        files, data = await self.face(start["challenge"])
        if self.scan is None:
            files["cms"] = ("contract.cms", await self.sign(content), "application/pkcs7-signature")
        else:
            request = await qr.sign_in_telephone(self, start["document_id"], self.scan)
            data["signing_request_id"] = request["signing_request_id"]
        await self.step("PUT", f"/applications/{application}/signing", files=files, data=data)
        return start

    async def confirm_merchant(self, application: str) -> JSON:
        """Show the face for exactly the payment to the seller. Returns what was confirmed."""
        await self.until(application, "MERCHANT_CONFIRMATION")
        return await filmed(lambda: self._confirm_once(application))

    async def _confirm_once(self, application: str) -> JSON:
        path = f"/applications/{application}/merchant-confirmation"
        check: JSON = await self.call("POST", f"{path}/challenges")
        files, data = await self.face(check["challenge"])
        await self.step("POST", path, files=files, data=data)
        return check

    async def collection(self, application: str) -> JSON:
        """The order that waits at a desk or a terminal, with the code that is shown once."""
        await self.until(application, "DISBURSING")
        path = f"/applications/{application}/collection"
        waiting: JSON = await self.call("GET", path)
        return waiting | {"code": (await self.call("POST", f"{path}/codes"))["code"]}

    async def issued(self, application: str) -> JSON:
        """Wait for the money; the application's final state."""
        return await self.until(application, "ISSUED")

    async def until(self, application: str, stage: str) -> JSON:
        """Wait for a stage.

        Raises:
            Stopped: the case ended elsewhere, or a person is needed.
        """
        end, pause = time.monotonic() + self.patience_seconds, 0.05
        while True:
            state: JSON = await self.call("GET", f"/applications/{application}", name="GET /applications/{id}")
            if state["stage"] == stage:
                return state
            if state["stage"] in ("REFUSED", "WITHDRAWN", "EXPIRED", "REVIEW") or time.monotonic() > end:
                grounds = [ground["code"] for ground in state.get("grounds", [])]
                raise Stopped({"step": state["stage"], "outcome": "stopped", "ground": ",".join(grounds)})
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, 1.0)
