"""The control API: personas, faults, the journal of calls, the clock, reset. For tests and the demo only."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, ValidationError

from infra.counterparties import bank_books
from infra.counterparties.errors import Refusal
from infra.counterparties.faults import Fault
from infra.counterparties.personas import Account, Card, Persona
from infra.counterparties.world import World


class Clock(BaseModel):
    """The services' time; null goes back to the machine's. callbacks: they are signed at that time too."""

    now: AwareDatetime | None = None
    callbacks: bool = False


def router(world: World) -> APIRouter:
    """Mounted under /_control."""
    routes = APIRouter(prefix="/_control", tags=["control"])

    @routes.post("/personas", status_code=201)
    async def plant(personas: Persona | list[Persona]) -> dict[str, int]:
        """One person or many; planting again replaces, an account keeps its balance."""
        people = personas if isinstance(personas, list) else [personas]
        with world.store.transaction():
            for persona in people:
                _plant(world, persona)
        return {"planted": len(people)}

    @routes.get("/personas/{iin}")
    async def look(iin: str) -> Persona:
        return _known(world, iin)

    @routes.patch("/personas/{iin}")
    async def change(iin: str, changes: dict[str, Any]) -> Persona:
        """Merge: nested objects are merged, everything else is replaced."""
        try:
            persona = Persona.model_validate(_merged(_known(world, iin).model_dump(mode="json"), changes))
        except ValidationError:
            raise Refusal(400, "BAD_REQUEST", "not a persona any more") from None
        with world.store.transaction():
            _plant(world, persona)
        return persona

    _faults(routes, world)

    @routes.get("/calls")
    async def calls(
        service: str | None = None, operation: str | None = None, limit: Annotated[int, Query(le=100_000)] = 1000
    ) -> list[dict[str, Any]]:
        """The journal, oldest first. status is null where no answer was given."""
        return world.store.calls(service, operation, limit)

    @routes.post("/clock")
    async def clock(wanted: Clock) -> dict[str, str]:
        world.store.set_clock(wanted.now, callbacks=wanted.callbacks)
        world.agenda.wake()
        return {"now": world.store.now().isoformat()}

    @routes.post("/reset")
    async def reset() -> dict[str, bool]:
        """Forget personas, payouts, messages, faults and the journal; the certification authority stays.

        A callback that is on its way comes before the answer: none of what was forgotten comes after it.
        """
        world.faults.remove()
        await world.agenda.quiet()
        world.store.reset()
        return {"reset": True}

    return routes


def _faults(routes: APIRouter, world: World) -> None:
    @routes.post("/faults", status_code=201)
    async def add_fault(fault: Fault) -> Fault:
        return world.faults.add(fault)

    @routes.get("/faults")
    async def faults() -> list[Fault]:
        return world.faults.all()

    @routes.delete("/faults")
    async def remove_faults() -> dict[str, int]:
        return {"removed": world.faults.remove()}

    @routes.delete("/faults/{fault_id}")
    async def remove_fault(fault_id: str) -> dict[str, int]:
        return {"removed": world.faults.remove(fault_id)}


def _known(world: World, iin: str) -> Persona:
    persona = world.persona(iin)
    if persona is None:
        raise Refusal(404, "NOT_FOUND")
    return persona


def _plant(world: World, persona: Persona) -> None:
    world.store.put("persona", persona.iin, persona.model_dump(mode="json"), ref=persona.phone)
    if persona.listing:
        world.store.put("listed", persona.iin, persona.model_dump(mode="json"))
    else:
        world.store.remove("listed", persona.iin)
    places: dict[str, Account | Card] = {account.iban: account for account in persona.accounts}
    places |= {card.card_token: card for card in persona.cards}
    for old in world.store.where("account", persona.iin):
        if old["place"] not in places:
            world.store.remove("account", old["place"])
    for place, one in places.items():
        bank_books.open_account(
            world, place, one.model_dump(mode="json") | {"iin": persona.iin, "name": persona.full_name}
        )


def _merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    return old | {
        name: _merged(old[name], value) if isinstance(value, dict) and isinstance(old.get(name), dict) else value
        for name, value in new.items()
    }
