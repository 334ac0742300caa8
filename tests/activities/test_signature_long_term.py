"""Time stamps that a message brings along, and the same verdict again ten years later from the archive alone.

Real: the counterparties' authority over HTTP, database and archive. Nothing is asked of anybody the second time.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
from pki_forge import NOW, YEAR, Forge, stamped
from pki_world import BASE, BORROWER, OTHER, PkiWorld, pki_world
from sqlmodel import col, select

from activities.context import Records
from activities.integrations.signature.asn1 import Unreadable
from activities.integrations.signature.authorities import Authorities, split
from activities.integrations.signature.offline import again, recheck
from activities.integrations.signature.verifier import NativeVerifier
from activities.signatures import SignatureGiven, Signatures
from infra.borrower.signing import SigningKey
from infra.counterparties.pki.keys import Alg
from infra.counterparties.pki.layout import Issuer
from rules.client import ClientKind, IdentityDocument, Person
from rules.evidence import SignatureEvidence
from rules.evidence import SignatureGround as Ground
from storage.tables import Check, Document, Signature
from tests.support.api_world import new_iin, new_phone
from tests.support.pki_world import Borrower
from tests.support.servicing_world import opened_records

if TYPE_CHECKING:
    from infra.settings import Archive as ArchiveSettings

CONTENT = b"the bytes that were shown"
BOTH = pytest.mark.parametrize("alg", ["RSA", "GOST2015"])
LISTS = ("nca_rsa.crl", "nca_gost.crl")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def world() -> AsyncIterator[PkiWorld]:
    async with pki_world() as found:
        yield found


@pytest.fixture(scope="module")
async def kept(database_url: str, archive_settings: ArchiveSettings) -> AsyncIterator[Records]:
    async with opened_records(database_url, archive_settings) as records:
        yield records


# ---- time stamps inside (CAdES-T)


@pytest.fixture(scope="module")
def forge() -> Forge:
    return Forge.make(born=datetime.now(UTC) - 2 * YEAR)


def value_of(key: SigningKey, at: datetime) -> bytes:
    """The signature's value of the key over the content at that time; the same each time it is made."""
    return stamped(key, CONTENT, at, [])[-len(key.key.sign(b"")) :]


def judged(forge: Forge, key: SigningKey, at: datetime, *tokens: bytes) -> SignatureEvidence:
    """As offline: the standing is proved by a fresh list."""
    now = datetime.now(UTC)
    cms = stamped(key, CONTENT, at, tokens)
    return recheck(
        forge.authorities,
        cms,
        CONTENT,
        iin=BORROWER.iin,
        bin=None,
        ocsp=None,
        tsp=None,
        at=now,
        lists=[forge.list(at=now)],
    )


def test_a_stamp_that_the_message_brings_is_its_signing_time(forge: Forge) -> None:
    at = datetime.now(UTC).replace(microsecond=0) - timedelta(days=3)
    key = forge.issue(not_before=at - timedelta(days=1), not_after=at + YEAR)
    value = value_of(key, at)
    found = judged(forge, key, at, forge.token(value, at + timedelta(minutes=1)))
    assert (found.ground, found.signed_at) == (None, at + timedelta(minutes=1))
    later = forge.token(value, at + timedelta(hours=5))
    assert judged(forge, key, at, later, forge.token(value, at + timedelta(hours=1))).signed_at == at + timedelta(
        hours=1
    )


def test_a_stamp_that_proves_nothing_spoils_the_message(forge: Forge) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    at, stranger = now - timedelta(days=3), Forge.make(born=now - 2 * YEAR)
    key = forge.issue(not_before=at - timedelta(days=1), not_after=at + YEAR)
    good = forge.token(value_of(key, at), at)
    bad = {
        "over another value": forge.token(b"another value", at),
        "of a stranger": stranger.token(value_of(key, at), at),
        "of a certificate for another purpose": forge.token(value_of(key, at), at, by=Issuer(key.key, key.certificate)),
        "by another policy": forge.token(value_of(key, at), at, policy="1.2.398.3.3.2.6.9"),
        "by a digest nobody trusts": forge.token(value_of(key, at), at, digest="1.3.14.3.2.26"),
        "from the future": forge.token(value_of(key, at), now + timedelta(hours=1)),
        "before the certificate": forge.token(value_of(key, at), at - timedelta(days=2)),
        "spoilt": good[:-1] + bytes([good[-1] ^ 1]),
        "no token": b"\x30\x03\x02\x01\x01",
    }
    grounds = {name: judged(forge, key, at, token).ground for name, token in bad.items()}
    assert grounds == dict.fromkeys(bad, Ground.NO_TIMESTAMP)
    assert judged(forge, key, at, good, bad["of a stranger"]).ground == Ground.NO_TIMESTAMP
    assert judged(forge, key, at, *[good] * 3).ground == Ground.UNREADABLE


@BOTH
async def test_where_the_message_brings_its_stamp_none_is_asked_for(world: PkiWorld, alg: Alg) -> None:
    key, at = await world.key(alg), datetime.now(UTC).replace(microsecond=0)
    own = await world.verify(stamped(key, CONTENT, at, []), CONTENT)
    assert own.timestamp_token is not None
    await world.fault("tsp", "http", status=503)  # not asked, so not met
    found = await world.verify(stamped(key, CONTENT, at, [own.timestamp_token]), CONTENT)
    assert (found.accepted, found.timestamp_token, found.signed_at) == (True, own.timestamp_token, own.signed_at)
    assert "tsp_nonce" not in found.asked
    assert (await world.client.request("DELETE", "/_control/faults", json={"service": "pki"})).is_success


# ---- ten years later


def archived(found: SignatureEvidence, cms: bytes, content: bytes) -> tuple[dict[str, Any], dict[str, bytes]]:
    """What activities/signatures.py keeps of it: evidence and files by role."""
    files = {"document": content, "cms": cms, "chain": b"".join(found.chain)}
    files |= {f"list_{n}": one for n, one in enumerate(found.revocation_lists, 1)}
    for role, one in (("ocsp", found.ocsp_response), ("tsp", found.timestamp_token)):
        if one:
            files[role] = one
    return {"asked": {"act": "CONTRACT"} | found.asked, "policy": found.policy}, files


@BOTH
async def test_ten_years_later_each_verdict_comes_out_the_same(world: PkiWorld, alg: Alg) -> None:
    good, revoked, other = await world.key(alg), await world.key(alg), await world.key(alg, OTHER)
    expired = await world.key(alg, not_after=datetime.now(UTC) - timedelta(days=1), not_before=NOW - 2 * YEAR)
    await revoked.set_status(world.client, "REVOKED", "keyCompromise")
    by_list = NativeVerifier(world.trust, world.client, f"{BASE}/pki", lists=LISTS)
    cases: list[tuple[SignatureEvidence, bytes]] = []
    for key in (good, revoked, other, expired):
        cms = key.sign(CONTENT)
        cases.append((await world.verify(cms, CONTENT), cms))
    own = cases[0][0].timestamp_token
    for key in (good, revoked):
        await world.fault("ocsp", "http", status=503)
        cms = key.sign(CONTENT)
        cases.append((await by_list.verify(cms, CONTENT, iin=BORROWER.iin), cms))
    await world.fault("tsp", "other_policy")
    cases.append((await world.verify(good.sign(CONTENT), CONTENT), good.sign(CONTENT)))
    cases.append((await world.verify(b"no message", CONTENT), b"no message"))
    assert own is not None

    grounds = []
    for found, cms in cases:
        evidence, files = archived(found, cms, CONTENT)
        repeated = again(evidence, files, iin=BORROWER.iin, bin=None)  # nobody's clock, nobody's list of authorities
        same = {"ground", "accepted", "algorithm", "certificate_sha256", "signed_at"}
        if found.ground != Ground.NO_TIMESTAMP:  # there the message was signed anew just for the record
            assert repeated.model_dump(include=same) == found.model_dump(include=same)
        grounds.append(repeated.ground)
    assert grounds == [
        None, Ground.REVOKED, Ground.OTHER_PERSON, Ground.EXPIRED, None, Ground.REVOKED, Ground.NO_TIMESTAMP,
        Ground.UNREADABLE,
    ]  # fmt: skip
    # the same message brought anew in ten years would be refused
    future = NativeVerifier(world.trust, world.client, f"{BASE}/pki", clock=lambda: datetime.now(UTC) + 10 * YEAR)
    assert future.inspect(cases[0][1], CONTENT, BORROWER.iin).ground == Ground.EXPIRED


@BOTH
async def test_an_altered_archive_gives_another_verdict(world: PkiWorld, alg: Alg) -> None:
    key = await world.key(alg)
    cms = key.sign(CONTENT)
    evidence, files = archived(await world.verify(cms, CONTENT), cms, CONTENT)
    other, more = archived(await world.verify(cms, CONTENT), cms, CONTENT)

    def ground(**changed: bytes) -> Ground | None:
        return again(evidence, files | changed, iin=BORROWER.iin, bin=None).ground

    assert ground() is None
    assert ground(document=CONTENT + b" ") == Ground.OTHER_CONTENT
    assert ground(ocsp=more["ocsp"]) == Ground.STATUS_UNTRUSTED  # another answer: not the nonce we asked with
    assert ground(tsp=more["tsp"]) == Ground.NO_TIMESTAMP
    assert ground(ocsp=b"") == ground(ocsp=files["ocsp"][:-1]) == Ground.STATUS_UNTRUSTED
    assert ground(tsp=files["tsp"][:-1]) == Ground.NO_TIMESTAMP
    later = evidence | {"asked": evidence["asked"] | {"at": (datetime.now(UTC) + timedelta(hours=1)).isoformat()}}
    assert again(later, files, iin=BORROWER.iin, bin=None).ground == Ground.STATUS_UNTRUSTED
    assert again(evidence, files, iin=OTHER.iin, bin=None).ground == Ground.OTHER_PERSON
    leaf, *above = split(files["chain"])
    with pytest.raises(Unreadable):  # an authority that was not there
        again(evidence, files | {"chain": leaf.der + above[-1].der}, iin=BORROWER.iin, bin=None)
    with pytest.raises(Unreadable):
        again({"asked": {}, "policy": {}}, files, iin=BORROWER.iin, bin=None)
    pinned = again(other, more, iin=BORROWER.iin, bin=None, authorities=Authorities.load(world.trust))
    assert pinned.accepted


# ---- the step, in our own records


async def test_the_step_leaves_what_it_takes_to_repeat_it(kept: Records, world: PkiWorld) -> None:
    person = Person(
        surname="АХМЕТОВА", given_name="АЙГЕРІМ", iin=new_iin(), phone=new_phone(),
        document=IdentityDocument(number="012345678", expires=date(2035, 4, 11)),
    )  # fmt: skip
    async with kept.moment() as moment:
        client = await kept.clients.register(moment.session, person, ClientKind.INDIVIDUAL, "ru", "2025b")
    key = await world.key("GOST2015", Borrower(iin=person.iin))
    stranger = await world.key("RSA")
    steps = Signatures(kept, NativeVerifier(world.trust, world.client, f"{BASE}/pki"), "МҚҰ")

    async def keep(content: bytes, kind: str) -> UUID:
        async with kept.moment() as moment:
            document = await kept.documents.keep(
                moment.session, content, kind=kind, media_type="application/pdf", direction="received", client=client,
                retain_until=moment.retain_until(),
            )  # fmt: skip
            return document.id

    shown = await keep(CONTENT, "registration_statement")
    for signer, ground in ((stranger, Ground.OTHER_PERSON), (key, None)):
        cms = await keep(signer.sign(CONTENT), "cms")
        stored = await steps.verify_signature(
            SignatureGiven(client_id=client.id, act="REGISTRATION", document_id=shown, cms_id=cms)
        )
        assert stored.result.ground == ground
    async with kept.moment() as moment:
        query = select(Check).where(col(Check.client_id) == client.id).order_by(col(Check.at))
        refused, passed = [one.evidence for one in (await moment.session.exec(query)).all()]
        row = (await moment.session.exec(select(Signature).where(col(Signature.client_id) == client.id))).one()
        for evidence, ground in ((refused, Ground.OTHER_PERSON), (passed, None)):
            assert set(evidence) == {"inputs", "asked", "policy", "models", "result"}
            assert evidence["result"]["ground"] == ground
            files = {
                role: (await kept.documents.load(moment.session, UUID(one)))[1]
                for role, one in evidence["inputs"].items()
            }
            assert again(evidence, files, iin=person.iin, bin=None).ground == ground
        assert set(passed["inputs"]) == {"document", "cms", "ocsp", "tsp", "chain"}
        assert set(refused["inputs"]) == {"document", "cms", "chain"}
        assert (str(row.ocsp_document_id), str(row.tsp_document_id)) == (
            passed["inputs"]["ocsp"], passed["inputs"]["tsp"],
        )  # fmt: skip
        kinds = await moment.session.exec(select(Document.kind).where(col(Document.client_id) == client.id))
        assert {"cms", "ocsp", "tsp", "certificate_chain"} <= set(kinds.all())
        assert person.iin not in str(passed)
        assert client.iin_index.hex() not in str(passed)


def test_a_message_without_any_network_is_judged(forge: Forge) -> None:
    """The verifier's own checks need no server at all."""
    now = datetime.now(UTC)
    key = forge.issue(not_before=now - timedelta(days=1))
    verifier = NativeVerifier(forge.trust, httpx.AsyncClient(), "http://nobody-is-asked.invalid")
    assert verifier.inspect(key.sign(CONTENT), CONTENT, BORROWER.iin).ground is None
