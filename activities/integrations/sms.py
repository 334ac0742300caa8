"""The SMS gateway."""

from __future__ import annotations

import httpx
from pydantic import Field

from activities.integrations.http import Service, Wire
from rules.errors import Conflict, InvalidInput


class _Taken(Wire):
    message_id: str = Field(min_length=1)


class SmsGateway:
    """The gateway. sender: the name the phone shows."""

    def __init__(
        self,
        url: str,
        token: str,
        client: httpx.AsyncClient | None = None,
        *,
        sender: str = "NESIE",
        timeout_seconds: float = 5.0,
    ) -> None:
        self._service = Service("sms", url, token, client, timeout_seconds=timeout_seconds)
        self._sender = sender

    async def send(self, key: str, phone: str, text: str, ttl_seconds: int) -> str:
        """Hand over one message; the gateway's id of it. The same key is delivered once.

        Raises:
            InvalidInput: `phone-rejected`.
            Conflict: `message-key-reused`: another message went out under this key.
        """
        taken = await self._service.ask(
            _Taken,
            "POST",
            "/v1/messages",
            key=key,
            json={"to": phone, "text": text, "sender": self._sender, "ttl_s": ttl_seconds},
            refusals={
                "422 BAD_NUMBER": lambda: InvalidInput("phone-rejected", field="/phone"),
                "422 KEY_REUSED": lambda: Conflict("message-key-reused"),
            },
        )
        return taken.message_id
