"""The counterparties on a real socket in a thread, a listener for their callbacks, and people to plant."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from infra.counterparties.app import Config, create_app
from rules.iin import check_digit

TOKEN, SECRET = "token-of-tests", "secret-of-tests"
IBAN = "KZ86125KZT5004100100"
CONSENT = "ab" * 32
# everything here is plain HTTP on loopback: no client need read the authorities of the world, which takes 35 ms each
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def iin(serial: int) -> str:
    """A number with a right check digit, another one for each serial; born on 12 April 1988 or some days later."""
    for day in range(12, 31):
        digit = check_digit(f"8804{day}4{serial:04d}")
        if digit is not None:
            return f"8804{day}4{serial:04d}{digit}"
    raise ValueError("no number for this serial")


def iban(number: int) -> str:
    """An account with right check digits."""
    body = f"125KZT{number:010d}"
    digits = "".join(str(int(letter, 36)) for letter in body + "KZ00")
    return f"KZ{98 - int(digits) % 97:02d}{body}"


def persona(serial: int, **more: Any) -> dict[str, Any]:
    """Somebody whom every service knows."""
    return {
        "iin": iin(serial),
        "surname": "Серікова",
        "given_name": "Айгерім",
        "patronymic": "Ерланқызы",
        "document": {"number": f"{serial:09d}", "issued": "2021-05-20", "expires": "2031-05-20"},
        "phone": f"+7701{serial:07d}",
        "accounts": [{"iban": iban(serial)}],
    } | more


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Outside:
    """Running counterparties."""

    url: str
    control: httpx.Client

    def plant(self, person: dict[str, Any]) -> dict[str, Any]:
        """Plant somebody."""
        self.control.post("/_control/personas", json=person).raise_for_status()
        return person

    def fault(
        self, service: str, operation: str, fault: str, *, times: int = 1, key: str | None = None, **params: Any
    ) -> None:
        """Let a fault happen."""
        body = {"service": service, "operation": operation, "fault": fault, "times": times, "params": params}
        self.control.post("/_control/faults", json=body | {"match": {"key": key}}).raise_for_status()

    def bank(self, **settings: Any) -> None:
        """Change the bank's behaviour."""
        self.control.put("/_control/bank/settings", json=settings).raise_for_status()

    def payouts(self, order_id: str) -> list[dict[str, Any]]:
        """What the bank really accepted."""
        return list(self.control.get("/_control/bank/payouts", params={"order_id": order_id}).raise_for_status().json())

    def later(self, seconds: float) -> None:
        """Move the services' clock forward."""
        now = datetime.now(UTC) + timedelta(seconds=seconds)
        self.control.post("/_control/clock", json={"now": now.isoformat()}).raise_for_status()

    def faults_left(self) -> list[dict[str, Any]]:
        """Faults that have not happened yet."""
        return list(self.control.get("/_control/faults").raise_for_status().json())

    def contracts(self) -> list[dict[str, Any]]:
        """What the state bureau holds of our contracts."""
        return list(self.control.get("/_control/bureau/contracts").raise_for_status().json())

    def calls(self, service: str, operation: str) -> list[dict[str, Any]]:
        """The journal."""
        params = {"service": service, "operation": operation}
        return list(self.control.get("/_control/calls", params=params).raise_for_status().json())


@contextmanager
def outside(state: Path, callback_url: str = "") -> Iterator[Outside]:
    """The real application under uvicorn."""
    config = Config(state=state, token=TOKEN, callback_secret=SECRET, callback_url=callback_url)
    server = uvicorn.Server(uvicorn.Config(create_app(config), port=0, log_level="error", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until(lambda: server.started)
    url = f"http://127.0.0.1:{_port_of(server)}"
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=60) as control:
        try:
            yield Outside(url, control)
        finally:
            server.should_exit = True
            thread.join(10)


def _port_of(server: uvicorn.Server) -> int:
    """The port that the kernel gave it."""
    return int(server.servers[0].sockets[0].getsockname()[1])


@asynccontextmanager
async def served_app(app: Any, port: int | None = None) -> AsyncIterator[str]:
    """An application on a socket, in this loop; its address."""
    config = uvicorn.Config(app, port=port or 0, log_level="error", access_log=False, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{_port_of(server)}"
    finally:
        server.should_exit = True
        await serving


@dataclass
class Listener:
    """Takes callbacks. answers: statuses to give, one a call; then 200. says: the body of each answer."""

    url: str
    says: dict[str, Any] | None = None
    answers: list[int] = field(default_factory=list)
    received: list[tuple[str, str | None, bytes]] = field(default_factory=list)

    def events(self) -> list[dict[str, Any]]:
        """The bodies received."""
        return [json.loads(body) for _, _, body in self.received]


@contextmanager
def listener() -> Iterator[Listener]:
    """Our API as the bank sees it."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            taken.received.append((self.path, self.headers["X-Signature"], body))
            self.send_response(taken.answers.pop(0) if taken.answers else 200)
            said = b"" if taken.says is None else json.dumps(taken.says).encode()
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    taken = Listener(f"http://127.0.0.1:{server.server_port}/api/v1/callbacks")
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield taken
    finally:
        server.shutdown()
        server.server_close()


def until(condition: Any, seconds: float = 120.0) -> None:
    """Wait for something to become true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
