"""The forms in which browsers, phones and other people's software send a signed message."""

from __future__ import annotations

import subprocess
from base64 import b64encode
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from asn1crypto import pem
from asn1crypto.cms import ContentInfo
from pki_world import BORROWER, OTHER, PkiWorld, pki_world

from infra.counterparties.pki import der
from infra.counterparties.pki.keys import Alg
from rules.evidence import SignatureGround as Ground

CONTENT = b"the bytes that were shown " * 400
END = b"\0\0"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def world() -> AsyncIterator[PkiWorld]:
    async with pki_world() as found:
        yield found


@pytest.mark.parametrize("wrap", ["pem", "base64", "base64 in lines"])
async def test_text_forms_are_read(world: PkiWorld, wrap: str) -> None:
    cms = (await world.key()).sign(CONTENT)
    text = b64encode(cms)
    sent = {
        "pem": pem.armor("CMS", cms),
        "base64": text,
        "base64 in lines": b"\r\n".join(text[i : i + 64] for i in range(0, len(text), 64)),
    }[wrap]
    assert (await world.verify(sent, CONTENT)).accepted


@pytest.mark.parametrize("alg", ["RSA", "GOST2015"])
async def test_lengths_without_end_and_content_in_pieces_are_read(world: PkiWorld, alg: Alg) -> None:
    """As software writes it that streams: what is signed is the same."""
    cms = (await world.key(alg)).sign(CONTENT, detached=False)
    data = ContentInfo.load(cms)["content"]
    pieces = b"".join(der.octets(CONTENT[i : i + 1000]) for i in range(0, len(CONTENT), 1000))
    inside = b"\xa0\x80" + b"\x24\x80" + pieces + END + END
    streamed = (
        (b"\x30\x80" + der.oid("1.2.840.113549.1.7.2") + b"\xa0\x80" + b"\x30\x80")
        + data["version"].dump()
        + data["digest_algorithms"].dump()
        + (b"\x30\x80" + data["encap_content_info"]["content_type"].dump() + inside + END)
        + data["certificates"].dump()
        + data["signer_infos"].dump()
        + END * 3
    )
    assert (await world.verify(streamed, CONTENT)).accepted
    assert (await world.verify(streamed, CONTENT + b"!")).ground == Ground.OTHER_CONTENT


async def test_a_signature_without_signed_attributes_is_not_read(world: PkiWorld) -> None:
    """It states no time, and its content could be mistaken for another message's attributes."""
    cms = (await world.key()).sign(CONTENT)
    bare = ContentInfo.load(cms)
    signer = bare["content"]["signer_infos"][0]
    signer["signed_attrs"] = None
    assert (await world.verify(bare.dump(force=True), CONTENT)).ground == Ground.UNREADABLE


async def test_among_several_signers_the_borrowers_counts(world: PkiWorld) -> None:
    mine = await world.key()
    other = await world.key("GOST2015", OTHER)
    one, two = (ContentInfo.load(key.sign(CONTENT))["content"] for key in (other, mine))
    both = der.sequence(
        one["version"].dump(),
        der.set_of(one["digest_algorithms"][0].dump(), two["digest_algorithms"][0].dump()),
        one["encap_content_info"].dump(),
        der.explicit(0, other.certificate, mine.certificate),
        der.set_of(one["signer_infos"][0].dump(), two["signer_infos"][0].dump()),
    )
    cms = der.sequence(der.oid("1.2.840.113549.1.7.2"), der.explicit(0, both))
    for iin, serial in ((BORROWER.iin, mine.serial), (OTHER.iin, other.serial)):
        evidence = await world.verify(cms, CONTENT, iin=iin)
        assert (evidence.accepted, evidence.certificate_serial) == (True, serial)
    assert (await world.verify(cms, CONTENT, iin="850101300005")).ground == Ground.OTHER_PERSON


@pytest.mark.parametrize("extra", ["", "-nodetach", "-nodetach -stream", "-cades", "-keyid"])
async def test_messages_made_by_openssl_are_accepted(world: PkiWorld, tmp_path: Path, extra: str) -> None:
    key = await world.key()
    (tmp_path / "key").write_bytes(pem.armor("PRIVATE KEY", key.key.pkcs8()))
    (tmp_path / "certificate").write_bytes(pem.armor("CERTIFICATE", key.certificate))
    (tmp_path / "content").write_bytes(CONTENT)
    command = "openssl cms -sign -binary -md sha256 -signer certificate -inkey key -outform DER -in content -out cms"
    subprocess.run([*command.split(), *extra.split()], cwd=tmp_path, check=True)
    assert (await world.verify((tmp_path / "cms").read_bytes(), CONTENT)).accepted


@pytest.mark.parametrize(
    ("alg", "name"),
    [
        ("RSA4096", "RSA-SHA256"),
        ("GOST2015_256", "GOST34310-2015-256"),
        ("GOST2004", "GOST34310-2004"),
    ],
)
async def test_every_other_kind_of_key_is_judged_alike(world: PkiWorld, alg: Alg, name: str) -> None:
    key = await world.key(alg)
    for detached in (True, False):
        evidence = await world.verify(key.sign(CONTENT, detached=detached), CONTENT)
        assert (evidence.accepted, evidence.algorithm) == (True, name)
    assert (await world.verify(key.sign_badly(CONTENT), CONTENT)).ground == Ground.WRONG
    assert (await world.verify(key.sign(CONTENT), CONTENT + b"!")).ground == Ground.OTHER_CONTENT
    await key.set_status(world.client, "REVOKED", "superseded")
    assert (await world.verify(key.sign(CONTENT), CONTENT)).ground == Ground.REVOKED
