"""The proof of a loan as a file: made on a real database and a real archive, signed and stamped, checked offline.

Proven: every row of the loan's audit trail lies under a signed seal; a changed byte anywhere in the file is named; a
trail made anew does not pass; the check needs no database.
"""

from __future__ import annotations

import asyncio
import io
import json
import random
import zipfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx
import pytest
from outside_world import outside

from activities.audit_seals import AuditSeals, SealWanted
from activities.bundles.container import MANIFEST, SIGNATURE, canonical, manifest, packed, unpacked
from activities.bundles.gather import Bundles
from activities.bundles.verify import BundleCheck, verify_bundle
from activities.context import Records
from activities.lender_signature import LenderSignature
from activities.seal import HttpTimestamper
from cli.main import run as nesie
from infra.counterparties.pki import issue_lender
from rules.errors import InvalidInput, NotFound
from rules.merkle import Tree
from rules.schedule import instalments
from storage import audit, loans, seals
from tests.support.servicing_world import TERMS, Borrowed, borrowed, opened_records

if TYPE_CHECKING:
    from infra.settings import Archive as ArchiveSettings

ROWS = tuple(instalments(TERMS))


@dataclass(frozen=True)
class Signer:
    """The lender's signature and what others trust."""

    signature: LenderSignature
    trusted: bytes


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Signer]:
    state, out = tmp_path_factory.mktemp("authority"), tmp_path_factory.mktemp("lender")
    with outside(state) as world:
        issue_lender.write(state, out)
        stamper = HttpTimestamper(httpx.Client(trust_env=False, timeout=60), f"{world.url}/pki/tsp")
        files = (out / "lender.key.pem", out / "lender.cert.pem", out / "lender.chain.pem")
        yield Signer(LenderSignature(*files, stamper), (out / "authorities.pem").read_bytes())


@pytest.fixture(scope="module")
async def kept(database_url: str, archive_settings: ArchiveSettings) -> AsyncIterator[Records]:
    async with opened_records(database_url, archive_settings) as records:
        yield records


@pytest.fixture(scope="module")
async def loan(kept: Records) -> Borrowed:
    one = await borrowed(kept)
    await one.pay(ROWS[0].due, ROWS[0].payment)
    async with kept.moment() as moment:
        await kept.documents.keep(
            moment.session, b"a paper", kind="evidence", media_type="text/plain", direction="received",
            client=one.client, application_id=(await loans.get(moment.session, one.ref.loan_id)).application_id,
            retain_until=moment.retain_until(),
        )  # fmt: skip
    return one


@pytest.fixture(scope="module")
async def bundle(kept: Records, loan: Borrowed, signer: Signer) -> bytes:
    return await Bundles(kept, signer.signature).made(loan.ref.loan_id)


def signed_anew(members: dict[str, bytes], signer: Signer) -> bytes:
    """The members as a lender who lies would sign them."""
    inside = {name: body for name, body in members.items() if name not in (MANIFEST, SIGNATURE)}
    head = {key: value for key, value in json.loads(members[MANIFEST]).items() if key != "files"}
    listed = manifest(inside, head)
    return packed(inside, listed, signer.signature.sign_now(listed))


def changed(content: bytes, name: str, change: Any, signer: Signer) -> BundleCheck:
    """The verdict on a bundle of which one part was changed and everything signed anew."""
    members = unpacked(content)
    value = json.loads(members[name])
    change(value)
    return verify_bundle(signed_anew({**members, name: canonical(value)}, signer), signer.trusted)


async def test_a_bundle_holds_and_carries_the_loans_whole_trail_under_seals(bundle, loan, signer, kept) -> None:
    found = await asyncio.to_thread(verify_bundle, bundle, signer.trusted)
    assert (found.ok, found.changed) == (True, [])
    assert found.signed.timestamped
    members = unpacked(bundle)
    async with kept.moment() as moment:
        entries = await audit.of_subject(moment.session, f"loan:{loan.ref.loan_id}")
    told = {row["n"] for row in json.loads(members["audit.json"])}
    made_at = json.loads(members[MANIFEST])["made_at"]
    assert {entry["n"] for entry in entries if entry["at"].isoformat() < made_at} <= told
    assert found.rows == len(told) > 0
    assert any(name.startswith("seals/") for name in members)
    assert json.loads(members["entries.json"])


async def test_it_is_an_ordinary_zip_without_personal_data(bundle, loan, kept) -> None:
    with zipfile.ZipFile(io.BytesIO(bundle)) as file:
        assert file.testzip() is None
    person = kept.clients.person(await _client(kept, loan))
    for secret in (person.iin, person.phone, person.surname):
        assert secret.encode() not in bundle


async def _client(kept: Records, loan: Borrowed) -> Any:
    async with kept.moment() as moment:
        return await kept.clients.get(moment.session, (await loan.row()).client_id)


def test_any_changed_byte_is_named(bundle, signer) -> None:
    starts = sorted((bundle.index(body), name) for name, body in unpacked(bundle).items() if len(body) > 40)
    places = [start + 20 for start, _ in starts] + random.Random(5).sample(range(len(bundle)), 60)
    for place in places:
        forged = bytearray(bundle)
        forged[place] ^= 0x20
        found = verify_bundle(bytes(forged), signer.trusted)
        assert not found.ok, place
        assert found.changed, place
    for start, name in starts:
        forged = bytearray(bundle)
        forged[start + 20] ^= 1
        named = verify_bundle(bytes(forged), signer.trusted).changed
        assert (MANIFEST if name == SIGNATURE else name) in named, (name, named)


def test_what_is_cut_off_or_added_is_seen(bundle, signer) -> None:
    for forged in (bundle[:-1], bundle[: len(bundle) // 2], bundle + b"\0", b"", b"PK"):
        assert not verify_bundle(forged, signer.trusted).ok
    members = unpacked(bundle)
    inside = {name: body for name, body in members.items() if name not in (MANIFEST, SIGNATURE)}
    more = packed({**inside, "extra.json": b"{}"}, members[MANIFEST], members[SIGNATURE])
    assert "extra.json" in verify_bundle(more, signer.trusted).changed
    inside.pop("clocks.json")
    less = packed(inside, members[MANIFEST], members[SIGNATURE])
    assert "clocks.json" in verify_bundle(less, signer.trusted).changed


def test_another_authority_is_not_trusted(bundle, signer, tmp_path) -> None:
    other = tmp_path / "other"
    with outside(other):
        issue_lender.write(other, tmp_path)
        found = verify_bundle(bundle, (tmp_path / "authorities.pem").read_bytes())
    assert not found.ok
    assert SIGNATURE in found.changed


def test_another_organisation_of_the_same_authority_is_not_the_lender(bundle, signer) -> None:
    found = verify_bundle(bundle, signer.trusted, "990140000017")
    assert not found.ok
    assert SIGNATURE in found.changed
    assert [name for name in found.changed if name.startswith("seals/")]


class TestALenderWhoLiesAndSignsAnew:
    """The lender's key makes no lie true: the seals were signed before, and the figures follow from each other."""

    def test_a_changed_audit_row_has_another_hash(self, bundle, signer) -> None:
        def forge(rows: list[dict[str, Any]]) -> None:
            rows[0]["text"] = rows[0]["text"].replace("system", "somebody", 1).replace("client", "somebody", 1)

        found = changed(bundle, "audit.json", forge, signer)
        assert [one for one in found.changed if one.startswith("audit row")]

    def test_a_row_with_its_hash_made_anew_lies_under_no_seal(self, bundle, signer) -> None:
        def forge(rows: list[dict[str, Any]]) -> None:
            rows[0]["text"] = rows[0]["text"].replace("document", "dokument", 1).replace("loan", "lone", 1)
            rows[0]["hash"] = sha256(rows[0]["text"].encode()).hexdigest()

        found = changed(bundle, "audit.json", forge, signer)
        assert [one for one in found.changed if one.startswith("audit row")]

    def test_a_debt_that_does_not_follow_from_the_facts(self, bundle, signer) -> None:
        def forge(loan: dict[str, Any]) -> None:
            loan["debt"]["principal"] = "1.00"

        assert "the debt" in changed(bundle, "loan.json", forge, signer).changed

    def test_a_ledger_that_does_not_balance_or_does_not_fit(self, bundle, signer) -> None:
        def forge(entries: list[dict[str, Any]]) -> None:
            entries[0]["amount"] = "1.00"

        named = changed(bundle, "entries.json", forge, signer).changed
        assert "the ledger" in named
        assert [one for one in named if one.startswith("posting ")]

    def test_a_document_with_another_hash_than_when_it_was_archived(self, bundle, signer) -> None:
        rows = json.loads(unpacked(bundle)["audit.json"])
        archived = {json.loads(row["text"])[4] for row in rows if json.loads(row["text"])[3] == "document-archived"}
        documents = json.loads(unpacked(bundle)["documents.json"])
        assert documents

        def forge(listed: list[dict[str, Any]]) -> None:
            one = next(each for each in listed if f"document:{each['id']}" in archived)
            one["sha256"] = "0" * 64

        named = changed(bundle, "documents.json", forge, signer).changed
        assert [one for one in named if one.startswith("document ")]


class TestSeals:
    async def test_each_row_lies_under_one_seal_and_a_quiet_trail_gets_no_other(self, kept, signer) -> None:
        made = AuditSeals(kept, signer.signature)
        first = await made.seal_audit(SealWanted())
        again = await made.seal_audit(SealWanted())
        assert again.n == first.n
        async with kept.moment() as moment:
            newest = await seals.last_seal(moment.session)
            assert newest is not None
            leaves = await seals.hashes(moment.session, newest.first, newest.last)
            assert Tree(leaves).root.hex() == newest.root
            words, content = await kept.documents.load(moment.session, newest.document_id)
        assert words.kind == "audit_seal"
        assert json.loads(content)["root"] == newest.root

    async def test_new_rows_get_the_next_seal_without_a_gap(self, kept, signer) -> None:
        made = AuditSeals(kept, signer.signature)
        before = await made.seal_audit(SealWanted())
        async with kept.moment() as moment:
            for n in range(8):
                await audit.record(moment.session, actor="system:test", action="tried", subject=f"test:{n}")
        after = await made.seal_audit(SealWanted())
        assert after.n == before.n + 1
        async with kept.moment() as moment:
            newest = await seals.last_seal(moment.session)
        assert newest is not None
        assert newest.first == before.last + 1
        assert newest.last >= newest.first + 7


class TestTheCommand:
    def test_it_checks_a_file_and_names_what_was_changed(self, bundle, signer, tmp_path, capsys) -> None:
        file, trusted = tmp_path / "one.zip", tmp_path / "trusted.pem"
        file.write_bytes(bundle)
        trusted.write_bytes(signer.trusted)
        assert nesie(["bundle", "verify", str(file), "--trusted", str(trusted), "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert (told["ok"], told["changed"]) == (True, [])
        body = unpacked(bundle)["loan.json"]
        forged = bytearray(bundle)
        forged[bundle.index(body) + len(body) // 2] ^= 1
        file.write_bytes(bytes(forged))
        assert nesie(["bundle", "verify", str(file), "--trusted", str(trusted)]) == 1
        assert "loan.json: was changed" in capsys.readouterr().out

    def test_a_file_that_is_not_there_is_said_in_one_line(self, tmp_path: Path, capsys) -> None:
        assert nesie(["bundle", "verify", str(tmp_path / "none.zip"), "--trusted", str(tmp_path / "none.pem")]) == 1
        assert "file-unreadable" in capsys.readouterr().err


async def test_an_unknown_loan_has_no_bundle(kept, signer) -> None:
    with pytest.raises(NotFound):
        await Bundles(kept, signer.signature).made(uuid4())


def test_what_is_no_zip_is_unreadable() -> None:
    with pytest.raises(InvalidInput):
        unpacked(b"no zip at all")
