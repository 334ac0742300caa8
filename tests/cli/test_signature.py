"""`nesie signature verify`: every sample of the national test authority, and what must be refused.

The samples lie outside the project (../shared/data/eds); without them the authority of the tests makes its own.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import pem
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, pkcs12

from cli.main import run
from infra.counterparties.pki import der
from infra.counterparties.pki.keys import RsaKey
from infra.counterparties.pki.revocation_list import Entry
from infra.counterparties.pki.signed import signed_message
from tests.support.pki_forge import IIN, YEAR, Forge, stamped

SAMPLES = Path(__file__).parents[3] / "shared" / "data" / "eds"
HERE = pytest.mark.skipif(not SAMPLES.exists(), reason="no samples beside the project")
KEYS = [
    "iin",
    "bin",
    "cn",
    "algorithm",
    "signing_time",
    "crypto_valid",
    "chain_ok",
    "in_validity",
    "revocation",
    "verdict",
]
CONTENT = b"the bytes that were shown"
BIN = "940140000385"
Verify = Callable[..., dict[str, Any]]


@pytest.fixture
def verify(capsys: pytest.CaptureFixture[str]) -> Verify:
    """The command's JSON; its exit code must fit the verdict."""

    def call(file: Path, *options: object) -> dict[str, Any]:
        code = run(["signature", "verify", str(file), *map(str, options), "--json"])
        found: dict[str, Any] = json.loads(capsys.readouterr().out)
        assert set(found) == {"verdict", "signers", "notes"}
        assert all(list(row) == KEYS for row in found["signers"])
        assert code == (found["verdict"] != "VALID")
        return found

    return call


# ---- the samples


def rows() -> list[dict[str, str]]:
    with (SAMPLES / "truth.csv").open(encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if row["object"] == "signer"]


@HERE
def test_each_signer_of_the_samples_comes_out_as_the_table_says(verify: Verify, tmp_path: Path) -> None:
    (tmp_path / "content").write_bytes(b"test123")
    for row in rows():
        data = ["--data", tmp_path / "content"] if row["content"].startswith("detached") else []
        how = ["--trust", SAMPLES / "ca", *data]
        found = verify(SAMPLES / row["file"], *how, "--revocation", SAMPLES)
        signer = found["signers"][int(row["n"]) - 1]
        assert signer["verdict"] == row["strict"].split(":")[0], row
        assert (signer["iin"], signer["cn"], signer["algorithm"]) == (row["iin"], row["cn"], row["algorithm"])
        assert (signer["signing_time"], signer["in_validity"]) == (row["at"], row["valid_at"] == "yes")
        assert signer["crypto_valid"]
        assert signer["chain_ok"]
        assert signer["revocation"].startswith(row["status"])
        assert any("nonce" in note for note in found["notes"])
        # the table: nobody asked, two are accepted; and each person's own verdict where they are asked for
        valid = "VALID" if row["valid_at"] == "yes" else "CERTIFICATE_EXPIRED"
        assert verify(SAMPLES / row["file"], *how, "--revocation", "none", "--iin", row["iin"])["verdict"] == valid
        unproved = verify(SAMPLES / row["file"], *how)["signers"][int(row["n"]) - 1]
        assert unproved["verdict"] == ("REVOCATION" if row["valid_at"] == "yes" else "CERTIFICATE_EXPIRED")
        assert unproved["revocation"] == "no_proof"
    moment = ["--at", "2021-06-01T00:00:00Z", "--revocation", "none", "--trust", SAMPLES / "ca"]
    assert verify(SAMPLES / rows()[0]["file"], *moment)["verdict"] == "VALID"


@HERE
def test_what_the_table_wants_refused_is_refused(verify: Verify, tmp_path: Path) -> None:
    trust = ["--trust", SAMPLES / "ca", "--revocation", "none"]
    (tmp_path / "right").write_bytes(b"test123")
    (tmp_path / "wrong").write_bytes(b"test124")
    attached = SAMPLES / "cms" / "cmss_unit_signed_cms.cms.der"
    detached = SAMPLES / "cms" / "cmss_unit_signed_detached_cms.cms.der"
    spoilt = tmp_path / "spoilt"
    gost = "123456789012"
    for raw, data in (
        (attached.read_bytes().replace(b"test123", b"test124"), []),
        (detached.read_bytes(), ["--data", tmp_path / "wrong"]),
        (detached.read_bytes(), []),
        (attached.read_bytes(), ["--data", tmp_path / "wrong"]),
        *((one, []) for one in _tampered(attached.read_bytes())),
    ):
        spoilt.write_bytes(raw)
        found = verify(spoilt, *trust, *data, "--iin", gost)
        assert found["verdict"] == "SIGNATURE_WRONG"
        assert not found["signers"][0]["crypto_valid"]
    rsa_only = tmp_path / "ca"
    rsa_only.mkdir()
    (rsa_only / "any name at all").write_bytes((SAMPLES / "ca" / "nca_rsa_test.crt").read_bytes())
    assert verify(attached, "--trust", rsa_only, "--revocation", "none", "--iin", gost)["verdict"] == "NOT_OUR_CA"
    alone = SAMPLES / "cms" / "cmss_unit_signed_cms_one_signer.cms.der"
    assert verify(alone, *trust, "--iin", gost)["verdict"] == "WRONG_SIGNER"
    spoilt.write_bytes(_for_logging_in())
    assert verify(spoilt, *trust)["verdict"] == "NOT_A_SIGNING_CERTIFICATE"
    for broken in (SAMPLES / "truth.csv", SAMPLES / "ca" / "nca_rsa_test.crt"):
        assert verify(broken, *trust) == {"verdict": "MALFORMED", "signers": [], "notes": []}


def _tampered(cms: bytes) -> list[bytes]:
    """The last byte of the signature flipped, its halves swapped, all of it zero."""
    first = cms.index(der.oid("1.2.398.3.10.1.1.2.3.2"), cms.index(b"\x31\x82", 2500)) + 12
    start = cms.index(b"\x04\x81\x80", first - 4) + 3
    value = cms[start : start + 128]
    bad = (value[:-1] + bytes([value[-1] ^ 1]), value[64:] + value[:64], bytes(128))
    return [cms[:start] + one + cms[start + 128 :] for one in bad]


def _for_logging_in() -> bytes:
    """The sample's certificate for logging in, under a document after all."""
    store = (SAMPLES / "p12" / "key_individual_auth_revoked_2004.p12").read_bytes()
    private, certificate, _ = pkcs12.load_key_and_certificates(store, b"Qwerty12")
    assert isinstance(private, RSAPrivateKey)
    assert certificate is not None
    at = datetime(2022, 3, 1, tzinfo=UTC)
    return signed_message(RsaKey(private), certificate.public_bytes(Encoding.DER), CONTENT, detached=False, at=at)


# ---- an authority of our own


@pytest.fixture(scope="module")
def forge() -> Forge:
    return Forge.make(born=datetime.now(UTC) - 3 * YEAR)


@pytest.fixture
def how(forge: Forge, tmp_path: Path) -> list[object]:
    """Trust and an empty list of revoked certificates, in folders."""
    for name in ("trust", "standing"):
        (tmp_path / name).mkdir()
    (tmp_path / "trust" / "authorities").write_bytes(forge.trust)
    (tmp_path / "standing" / "list.crl").write_bytes(forge.list(at=datetime.now(UTC)))
    (tmp_path / "content").write_bytes(CONTENT)
    return ["--trust", tmp_path / "trust", "--revocation", tmp_path / "standing", "--data", tmp_path / "content"]


def written(tmp_path: Path, raw: bytes) -> Path:
    file = tmp_path / "message"
    file.write_bytes(raw)
    return file


def test_a_good_message_of_each_kind_is_valid(forge: Forge, how: list[object], tmp_path: Path, verify: Verify) -> None:
    now = datetime.now(UTC)
    for alg in ("RSA", "GOST2015", "GOST2015_256", "GOST2004"):
        key = forge.issue(alg, not_before=now - timedelta(hours=1))  # type: ignore[arg-type]
        for raw in (key.sign(CONTENT), pem.armor("CMS", key.sign(CONTENT, detached=False))):
            found = verify(written(tmp_path, raw), *how, "--iin", IIN)
            assert (found["verdict"], found["signers"][0]["revocation"]) == ("VALID", "good")
    early = verify(written(tmp_path, key.sign(CONTENT, at=now - timedelta(days=1))), *how)
    assert early["verdict"] == "CERTIFICATE_EXPIRED"


@pytest.mark.parametrize(
    ("kind", "bin_", "usage", "verdict"),
    [
        ("INDIVIDUAL", None, "SIGN", "VALID"),
        ("CEO", BIN, "SIGN", "VALID"),
        ("CAN_SIGN", BIN, "SIGN", "VALID"),
        ("EMPLOYEE", BIN, "SIGN", "NOT_A_SIGNING_CERTIFICATE"),
        ("CEO", BIN, "AUTH", "NOT_A_SIGNING_CERTIFICATE"),
        ("INDIVIDUAL", BIN, "SIGN", "NOT_A_SIGNING_CERTIFICATE"),
        ("CEO", None, "SIGN", "NOT_A_SIGNING_CERTIFICATE"),
    ],
)
def test_who_may_sign_for_whom(
    forge: Forge,
    how: list[object],
    tmp_path: Path,
    verify: Verify,
    kind: Any,
    bin_: str | None,
    usage: Any,
    verdict: str,
) -> None:
    key = forge.issue(kind=kind, bin=bin_, usage=usage, not_before=datetime.now(UTC) - timedelta(hours=1))
    found = verify(written(tmp_path, key.sign(CONTENT)), *how)
    assert (found["verdict"], found["signers"][0]["bin"]) == (verdict, bin_)


def test_a_revocation_after_the_signature_counts_unless_its_time_is_proved(
    forge: Forge, how: list[object], tmp_path: Path, verify: Verify
) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    signed_at, revoked_at = now - timedelta(days=3), now - timedelta(days=1)
    key = forge.issue(not_before=now - timedelta(days=9))
    listed = [Entry(int(key.serial, 16), revoked_at, "keyCompromise")]
    (tmp_path / "standing" / "list.crl").write_bytes(pem.armor("X509 CRL", forge.list(listed, now)))
    claimed = written(tmp_path, stamped(key, CONTENT, signed_at, []))
    assert verify(claimed, *how)["signers"][0]["revocation"] == "revoked key_compromise"
    assert verify(claimed, *how, "--at", signed_at.isoformat())["verdict"] == "VALID"
    assert verify(claimed, *how, "--at", now.isoformat())["verdict"] == "REVOCATION"
    token = forge.token(stamped(key, CONTENT, signed_at, [])[-128:], signed_at)
    proved = verify(written(tmp_path, stamped(key, CONTENT, signed_at, [token])), *how)
    assert (proved["verdict"], proved["notes"]) == ("VALID", [])
    late = forge.token(stamped(key, CONTENT, signed_at, [])[-128:], now)
    assert verify(written(tmp_path, stamped(key, CONTENT, signed_at, [late])), *how)["verdict"] == "REVOCATION"
    stranger = Forge.make().token(stamped(key, CONTENT, signed_at, [])[-128:], signed_at)
    (tmp_path / "standing" / "list.crl").write_bytes(forge.list(at=now))
    bad = verify(written(tmp_path, stamped(key, CONTENT, signed_at, [stranger])), *how)
    assert bad["verdict"] == "SIGNATURE_WRONG"


def test_what_cannot_be_used_is_said_in_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_bytes(b"x")
    for options in (["--trust", "empty"], ["--trust", "nowhere"], ["--trust", "file"]):
        assert run(["signature", "verify", str(tmp_path / "file"), options[0], str(tmp_path / options[1])]) == 2
        assert len(capsys.readouterr().err.splitlines()) == 1
    assert run(["signature", "verify", str(tmp_path / "absent"), "--trust", str(tmp_path / "empty")]) == 2
