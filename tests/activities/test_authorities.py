"""The paper by which a person signs for an organisation, on a real database: its term, the officer, the signature.

Simulated: the archive's scans are ids; the verifier's word on a signature.

Rules: para 6, part 2; para 9.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from sqlmodel import col, select

from activities.authorities import Authorities, AuthorityConfirmed, AuthorityShown, check_authority, signer_ground
from activities.context import Records
from rules.client import AuthorityKind, ClientKind, IdentityDocument, Person
from rules.errors import Conflict, NotFound
from rules.evidence import SignerCapacity
from storage import authorities
from storage.tables import Check, Client
from tests.support.api_world import new_iin, new_phone
from tests.support.servicing_world import Almanac, opened_records

if TYPE_CHECKING:
    from infra.settings import Archive as ArchiveSettings

TODAY = date(2026, 3, 31)


@pytest.fixture(scope="module")
async def kept(database_url: str, archive_settings: ArchiveSettings) -> AsyncIterator[Records]:
    async with opened_records(database_url, archive_settings) as records:
        yield records


async def registering(kept: Any, kind: ClientKind = ClientKind.LEGAL_ENTITY) -> Client:
    person = Person(
        surname="АХМЕТОВА", given_name="АЙГЕРІМ", iin=new_iin(), phone=new_phone(),
        bin="490740000400" if kind is ClientKind.LEGAL_ENTITY else None,
        organisation="ТОО «Ұлан»" if kind is ClientKind.LEGAL_ENTITY else None,
        document=IdentityDocument(number="012345678", expires=date(2035, 4, 11)),
    )  # fmt: skip
    async with kept.moment() as moment:
        client: Client = await kept.clients.register(moment.session, person, kind, "ru", "2025b")
        return client


async def shown(kept: Any, client: Client, until: date | None = TODAY) -> AuthorityShown:
    kind = AuthorityKind.POWER_OF_ATTORNEY if until else AuthorityKind.ORDER
    paper = authorities.Paper(kind=kind, number="12", issued_on=date(2026, 1, 12), valid_until=until)
    async with kept.moment() as moment:
        made = await authorities.keep(moment.session, client.id, uuid4(), paper, [uuid4(), uuid4()])
    return AuthorityShown(client_id=client.id, authority_id=made.id)


def approved(paper: AuthorityShown) -> AuthorityConfirmed:
    return AuthorityConfirmed(client_id=paper.client_id, authority_id=paper.authority_id, review_id=uuid4())


@pytest.mark.parametrize(
    ("until", "outcome", "ground"),
    [(TODAY, "review", "authority-to-check"), (None, "review", "authority-to-check"),
     (TODAY - timedelta(days=1), "retry", "authority-expired")],
)  # fmt: skip
async def test_a_paper_that_is_still_good_goes_to_an_officer(kept, until, outcome, ground) -> None:
    on_the_day = Almanac(kept, TODAY)
    client = await registering(on_the_day)
    found = await Authorities(on_the_day).check_authority(await shown(kept, client, until))
    assert (found.outcome, found.ground) == (outcome, ground)


async def test_the_officers_word_counts_until_the_papers_last_day_and_leaves_its_evidence(kept) -> None:
    client = await registering(kept)
    paper = await shown(kept, client)
    await Authorities(Almanac(kept, TODAY)).check_authority(paper)
    late = await Authorities(Almanac(kept, TODAY + timedelta(days=1))).confirm_authority(approved(paper))
    assert (late.outcome, late.ground) == ("retry", "authority-expired")
    async with kept.moment() as moment:
        assert await authorities.confirmed(moment.session, client.id) is None
    word = approved(paper)
    assert (await Authorities(Almanac(kept, TODAY)).confirm_authority(word)).outcome == "passed"
    async with kept.moment() as moment:
        found = await authorities.confirmed(moment.session, client.id)
        assert found is not None
        assert found.id == paper.authority_id
        query = select(Check.evidence).where(col(Check.client_id) == client.id, col(Check.outcome) == "passed")
        evidence = (await moment.session.exec(query)).one()
    assert sorted(evidence) == ["asked", "inputs", "models", "policy", "result"]
    assert evidence["inputs"] == {"scan-1": str(found.scans[0]), "scan-2": str(found.scans[1])}
    assert evidence["asked"]["review"] == str(word.review_id)


async def test_the_paper_of_another_client_is_unknown(kept) -> None:
    mine, other = await registering(kept), await registering(kept)
    paper = await shown(kept, other)
    with pytest.raises(NotFound, match="authority-unknown"):
        await Authorities(kept).check_authority(AuthorityShown(client_id=mine.id, authority_id=paper.authority_id))


async def test_an_officer_sees_the_paper_of_the_case_and_not_one_sent_meanwhile(kept) -> None:
    client = await registering(kept)
    first = await shown(kept, client, None)
    await Authorities(kept).check_authority(first)
    await shown(kept, client, None)  # kept, and refused by the case that waits for the officer
    async with kept.moment() as moment:
        found = await authorities.under_review(moment.session, client.id)
        assert found is not None
        assert found.id == first.authority_id
        with pytest.raises(Conflict, match="authority-tries"):
            await authorities.check_tries(moment.session, client.id, 2)


PAPERS = [  # power of attorney or order, whose certificate, what is said
    (True, SignerCapacity.RIGHT_TO_SIGN, None),
    (True, SignerCapacity.HEAD, "signature-other-capacity"),
    (True, None, "signature-other-capacity"),
    (False, SignerCapacity.HEAD, None),
    (False, SignerCapacity.RIGHT_TO_SIGN, "signature-other-capacity"),
]


@pytest.mark.parametrize(("by_power", "capacity", "ground"), PAPERS)
async def test_the_signature_is_of_the_capacity_that_the_paper_gives(kept, by_power, capacity, ground) -> None:
    on_the_day = Almanac(kept, TODAY)
    client = await registering(on_the_day)
    paper = await shown(kept, client, TODAY if by_power else None)
    await Authorities(on_the_day).confirm_authority(approved(paper))
    async with on_the_day.moment() as moment:
        assert await signer_ground(moment, client, capacity) == ground
        await check_authority(moment, client)
    if by_power:
        async with Almanac(kept, TODAY + timedelta(days=1)).moment() as moment:
            assert await signer_ground(moment, client, capacity) == "authority-expired"
            with pytest.raises(Conflict, match="authority-expired"):
                await check_authority(moment, client)


async def test_only_organisations_are_asked_for_a_paper(kept) -> None:
    person, organisation = await registering(kept, ClientKind.INDIVIDUAL), await registering(kept)
    async with kept.moment() as moment:
        await check_authority(moment, person)
        assert await signer_ground(moment, person, SignerCapacity.PERSON) is None
        with pytest.raises(Conflict, match="authority-missing"):
            await check_authority(moment, organisation)
