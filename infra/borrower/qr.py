"""A borrower signs with the state's mobile application instead of a key of their own at hand.

The page shows a QR code, the telephone does the rest; the page asks how it stands until it is signed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from infra.borrower.outcomes import Stopped

if TYPE_CHECKING:
    from infra.borrower.transport import Telephone

JSON = dict[str, Any]
Scan = Callable[[str], Awaitable[JSON]]


async def sign_in_telephone(app: Telephone, document_id: str, scan: Scan) -> JSON:
    """Ask for a signature, scan, wait; the signed request.

    Args:
        scan: the text of the QR code is shown to the telephone.

    Raises:
        Stopped: the signature was refused, or nobody signed in time.
    """
    request: JSON = await app.call("POST", f"/documents/{document_id}/signing-requests")
    await scan(request["qr_text"])
    end = time.monotonic() + app.patience_seconds
    while request["state"] in ("waiting", "opened") and time.monotonic() < end:
        path = f"/signing-requests/{request['signing_request_id']}"
        request = await app.call("GET", path, name="GET /signing-requests/{id}")
        if request["state"] in ("waiting", "opened"):
            await asyncio.sleep(0.2)
    if request["state"] != "signed":
        raise Stopped({"step": "signature", "outcome": request["state"], "ground": request["ground"]})
    return request


async def sign_statement_in_telephone(app: Telephone, scan: Scan) -> JSON:
    """The registration statement: its signature goes into the case by itself; what the step led to.

    Raises:
        Stopped: the step did not pass, or was not answered in time.
    """
    statement: JSON = await app.call("GET", f"/registrations/{app.client_id}/statement")
    request = await sign_in_telephone(app, statement["document_id"], scan)
    path, end = str(request["poll"]).removeprefix("/api/v1"), time.monotonic() + app.patience_seconds
    action: JSON = {"status": "waiting", "result": None}
    while action["status"] == "waiting" and time.monotonic() < end:
        await asyncio.sleep(0.2)
        action = await app.call("GET", path, name="GET /actions/{id}")
    answer: JSON = action["result"] or {"step": "signature", "outcome": action["status"], "ground": None}
    if answer.get("outcome") != "passed":
        raise Stopped(answer)
    return answer
