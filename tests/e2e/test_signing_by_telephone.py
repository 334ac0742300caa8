"""A borrower without a key at hand: every signature is made in the state's mobile application, by a QR code.

Real: the whole stack. Simulated: the telephone, which speaks to our API over HTTP as the application does.
"""

from __future__ import annotations

from infra.settings import Settings
from storage.database import run
from tests.support.real_world import offered, our_records


async def test_registered_and_borrowed_with_the_telephone_alone(client, settings: Settings):
    app = await client(telephone=True)
    application = await offered(app, "30000.00", 6)
    await app.sign_contract(application)
    await app.issued(application)
    async with our_records(settings) as kept, kept.database.begin() as session:
        query = (
            "select r.state, d.kind from signing_request r join document d on d.id = r.document_id"
            " where r.client_id = :client order by r.asked_at"
        )
        asked = (await run(session, query, client=app.client_id)).all()
    statement, *contracts = [tuple(one) for one in asked]
    assert statement == ("SIGNED", "registration_statement")
    assert set(contracts) == {("SIGNED", "contract")}  # one for each film of the face
