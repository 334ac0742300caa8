"""The lender's signature beside a message: made with the authority's own certificate, checked without a network.

Real: the authority over HTTP with its time stamps, the lender's files as the stack writes them, the regulator's inbox.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from our_adapters import NOW, Adapters
from outside_world import Outside, outside
from pki_world import OTHER

from activities.lender_signature import LenderSignature, check, verify
from activities.seal import HttpTimestamper
from infra.borrower.signing import SigningKey
from infra.counterparties.pki import issue_lender
from infra.counterparties.pki.check import signed_by_organisation
from infra.counterparties.pki.registry import Registry
from rules.errors import BrokenContract, NotConfirmed, Unavailable
from rules.lender import EXAMPLE
from rules.regulator_notices import signed_content

CONTENT = "Қауіпсіздік оқиғасы туралы хабарлама".encode()


@dataclass(frozen=True)
class Lender:
    """The running authority, the lender's files, what others trust, and where the authority remembers."""

    world: Outside
    files: tuple[Path, Path, Path]
    trusted: bytes
    state: Path

    def signature(self, *, stamped: bool = True) -> LenderSignature:
        """With or without time stamps."""
        stamper = (
            HttpTimestamper(httpx.Client(trust_env=False, timeout=60), f"{self.world.url}/pki/tsp") if stamped else None
        )
        return LenderSignature(*self.files, stamper)


@pytest.fixture(scope="module")
def lender(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lender]:
    state, out = tmp_path_factory.mktemp("authority"), tmp_path_factory.mktemp("lender")
    with outside(state) as world:
        issue_lender.write(state, out)
        files = (out / "lender.key.pem", out / "lender.cert.pem", out / "lender.chain.pem")
        yield Lender(world, files, (out / "authorities.pem").read_bytes(), state)


async def test_a_signature_holds_for_its_message_and_says_who_and_when(lender: Lender) -> None:
    before = datetime.now(UTC) - timedelta(seconds=2)
    found = await verify(await lender.signature().sign(CONTENT), CONTENT, lender.trusted)
    assert (found.bottom_line, found.intact, found.trusted, found.timestamped) == (True, True, True, True)
    assert found.bin == EXAMPLE.bin
    assert found.signed_at is not None
    assert before <= found.signed_at <= datetime.now(UTC) + timedelta(seconds=2)


def test_without_an_authority_of_time_the_signers_own_time_stands(lender: Lender) -> None:
    found = check(lender.signature(stamped=False).sign_now(CONTENT), CONTENT, lender.trusted)
    assert (found.bottom_line, found.timestamped) == (True, False)
    assert found.signed_at is not None


def test_any_changed_byte_of_the_message_is_seen(lender: Lender) -> None:
    cms = lender.signature().sign_now(CONTENT)
    for place in range(len(CONTENT)):
        forged = bytearray(CONTENT)
        forged[place] ^= 1
        assert check(cms, bytes(forged), lender.trusted).bottom_line is False
    assert check(cms, b"", lender.trusted).bottom_line is False


def test_a_changed_signature_is_a_plain_no(lender: Lender) -> None:
    cms = lender.signature(stamped=False).sign_now(CONTENT)
    digest = cms.rindex(bytes.fromhex("06092a864886f70d010904"))
    for place in (0, *range(digest, digest + 40), len(cms) - 1):
        forged = bytearray(cms)
        forged[place] ^= 1
        assert check(bytes(forged), CONTENT, lender.trusted).bottom_line is False
    assert check(b"", CONTENT, lender.trusted).bottom_line is False


def test_another_authority_is_not_trusted(lender: Lender, tmp_path: Path) -> None:
    issue_lender.write(tmp_path / "state", tmp_path / "out")
    others = (tmp_path / "out" / "authorities.pem").read_bytes()
    found = check(lender.signature().sign_now(CONTENT), CONTENT, others)
    assert (found.bottom_line, found.intact, found.trusted) == (False, True, False)


def test_a_stamp_that_lies_takes_the_signature_down(lender: Lender) -> None:
    lender.world.fault("pki", "tsp", "wrong_signature")
    found = check(lender.signature().sign_now(CONTENT), CONTENT, lender.trusted)
    assert (found.bottom_line, found.timestamped) == (False, False)


@pytest.mark.parametrize(
    ("fault", "params", "error"),
    [
        ("http", {"status": 503}, Unavailable),
        ("rejection", {}, BrokenContract),
        ("other_nonce", {}, BrokenContract),
        ("other_imprint", {}, BrokenContract),
    ],
)
async def test_an_authority_of_time_out_of_order_is_a_fault(
    lender: Lender, fault: str, params: dict[str, int], error: type[Exception]
) -> None:
    lender.world.fault("pki", "tsp", fault, **params)
    with pytest.raises(error):
        await lender.signature().sign(CONTENT)


class TestTheRegulatorsInbox:
    async def test_it_takes_what_the_lender_signed(self, lender: Lender) -> None:
        adapters = Adapters(lender.world.url)
        content = signed_content("INCIDENT", NOW, NOW, "d", "m", [CONTENT])
        cms = await lender.signature().sign(content)
        receipt = await adapters.regulator.notice(
            "n-1", "INCIDENT", occurred_at=NOW, detected_at=NOW, description="d", measures="m", cms=cms,
            attachments=[CONTENT],
        )  # fmt: skip
        assert receipt.registration_number
        assert await adapters.regulator.upload(
            "u-1", "1", "2026-01", "A", CONTENT, await lender.signature().sign(CONTENT)
        )
        await adapters.client.aclose()

    async def test_it_refuses_anothers_signature_and_one_of_a_revoked_key(self, lender: Lender) -> None:
        adapters = Adapters(lender.world.url)
        async with httpx.AsyncClient(base_url=lender.world.url, trust_env=False, timeout=60) as control:
            person = await SigningKey.obtain(control, OTHER)
            stranger = await SigningKey.obtain(control, OTHER, kind="CEO", bin="990140000014")
            former = await SigningKey.obtain(control, OTHER, kind="CEO", bin=EXAMPLE.bin)
            assert await adapters.regulator.upload("f", "1", "2026-01", "A", CONTENT, former.sign(CONTENT))
            await former.set_status(control, "REVOKED", "keyCompromise")
        for n, key in enumerate((person, stranger, former)):
            with pytest.raises(NotConfirmed):
                await adapters.regulator.upload(f"k-{n}", "1", "2026-01", "A", CONTENT, key.sign(CONTENT))
        await adapters.client.aclose()

    def test_every_bit_of_the_signed_attributes_counts(self, lender: Lender) -> None:
        registry = Registry(lender.state)
        cms = lender.signature(stamped=False).sign_now(CONTENT)

        def good(message: bytes) -> bool:
            return signed_by_organisation(registry, b64encode(message).decode(), CONTENT, EXAMPLE.bin)

        start = cms.rindex(bytes.fromhex("06092a864886f70d010904"))  # the digest of the message
        assert good(cms)
        for place in (*range(start, start + 40), len(cms) - 1):
            forged = bytearray(cms)
            forged[place] ^= 1
            assert not good(bytes(forged))
        registry.close()
