"""One borrower from a phone number to money, read top to bottom.

Real: PostgreSQL, Temporal, the S3 archive, workers with their models, the API. Simulated: the counterparties and the
borrower with card, camera and signing key. Proven: every invariant of the demonstration, and the personal account.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cli.proofs import invariants_of, proofs_of
from infra.settings import Settings
from tests.support.real_world import soon


class Silent:
    """Progress nobody reads."""

    def line(self, text: str) -> None:
        """Nothing."""


@pytest.mark.parametrize(("who", "algorithm", "method"), [("a", "GOST2015", "annuity"), ("b", "RSA", "differentiated")])
async def test_a_borrower_comes_from_a_phone_number_to_money(borrower, settings: Settings, who, algorithm, method):
    app = await borrower(who=who, algorithm=algorithm)
    await app.register()
    await app.log_in()
    application = await app.apply("150000.00", 6)

    offers = await app.offers(application)
    assert {offer["method"] for offer in offers} == {"annuity", "differentiated", "own"}
    assert all(len(offer["schedule"]) == 6 for offer in offers)

    await app.choose(application, method)
    signed = await app.sign_contract(application)
    state = await app.issued(application)

    proofs = await proofs_of(settings, application, Silent())
    while not any(document["kind"] == "history" for document in proofs["archive"]):  # archived after the money
        await asyncio.sleep(0.2)
        proofs = await proofs_of(settings, application, Silent())
    assert invariants_of(proofs) == dict.fromkeys(invariants_of(proofs), True)
    assert proofs["contract"]["sha256"] == signed["sha256"]
    assert proofs["ledger"] == {"debit": "150000.00", "credit": "150000.00"}
    kinds = {document["kind"] for document in proofs["archive"]}
    assert {
        "id_card_front", "id_card_back", "selfie", "liveness_video", "registration_statement", "contract",
        "sealed_contract", "cms", "ocsp", "tsp", "bureau_report", "history",
    } <= kinds  # fmt: skip

    debt = await app.call("GET", f"/loans/{state['loan_id']}/debt")
    schedule = await app.call("GET", f"/loans/{state['loan_id']}/schedule")
    chosen = next(offer for offer in offers if offer["method"] == method)
    assert [row["payment"] for row in schedule["rows"]] == [row["payment"] for row in chosen["schedule"]]
    assert debt["principal"] == "150000.00"


async def test_a_new_loan_is_furnished_to_the_state_bureau(client, town):
    app = await client()
    application = await app.apply("50000.00", 3)
    await app.offers(application)
    await app.choose(application, "own")
    await app.sign_contract(application)
    await app.issued(application)

    async def at_bureau() -> list[dict[str, Any]]:
        contracts = (await town.world.get("/_control/bureau/contracts")).json()
        return [one for one in contracts if one["iin"] == app.persona.iin]

    (held,) = await soon(at_bureau, "the NEW record at the bureau")
    assert [one["op"] for one in held["records"]] == ["NEW"]
    assert (held["principal"], held["outstanding"]) == ("50000.00", "50000.00")
