"""Sends the actions that Temporal has not taken yet, again and again, with the same id."""

from __future__ import annotations

import asyncio
import logging

from activities.context import Records
from api.actions import Actions, NoAnswer
from storage import outbox

log = logging.getLogger("nesie.api.outbox")

IDLE_SECONDS = 1.0


async def send_one(records: Records, actions: Actions) -> bool:
    """Try the oldest action that is due. Whether there was one.

    The row stays locked meanwhile, so that several API processes never send the same action at once.
    """
    async with records.database.begin() as session:
        due = await outbox.due(session, 1)
        if not due:
            return False
        action = due[0]
        try:
            answer, done = await actions.resend(action)
        except NoAnswer:
            await outbox.failed(session, action.id)
        except Exception as error:  # the oldest comes first: what cannot be sent must not keep the others waiting
            log.error("outbox action cannot be sent: %s", type(error).__name__)
            await outbox.failed(session, action.id)
        else:
            if done:
                await outbox.answered(session, action.id, answer)
            else:
                await outbox.failed(session, action.id, final=True, result=answer)
    return True


async def run(records: Records, actions: Actions) -> None:
    """For ever; a fault of the database or of Temporal only makes it wait."""
    while True:
        try:
            while await send_one(records, actions):
                pass
        except asyncio.CancelledError:
            raise
        except Exception as error:
            log.warning("outbox waits: %s", type(error).__name__)
        await asyncio.sleep(IDLE_SECONDS)
