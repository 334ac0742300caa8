"""The simulated certification authority, read by code that is not ours (cryptography, openssl where installed)."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from base64 import b64decode
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_der_private_key, load_pem_private_key
from cryptography.x509 import ocsp

from infra.counterparties.app import Config, create_app
from infra.counterparties.pki import issue_lender
from infra.counterparties.pki.keys import RsaKey, generate, load
from infra.counterparties.pki.registry import Registry
from infra.counterparties.pki.signed import signed_message

ROOT = Path(__file__).parents[2]
PERSON = {"iin": "880412401006", "surname": "СЫНАҚОВА", "given": "СЫНАҚ", "patronymic": "СЫНАҚҚЫЗЫ"}
CERTIFICATES = "/_control/pki/certificates"


@pytest_asyncio.fixture(loop_scope="session")
async def client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(Config(state=tmp_path, token="not used here"))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://authority") as found:
        yield found
    app.world.store.close()


async def _certificate(client: httpx.AsyncClient, path: str) -> x509.Certificate:
    return x509.load_der_x509_certificate((await client.get(path)).content)


async def test_the_chain_stands_by_anothers_judgement(client: httpx.AsyncClient) -> None:
    root, authority = [await _certificate(client, f"/pki/{name}.cer") for name in ("root", "ca")]
    answer = await client.post(CERTIFICATES, json=PERSON)
    assert answer.status_code == 201
    given = answer.json()
    leaf = x509.load_der_x509_certificate(b64decode(given["certificate"]))
    root.verify_directly_issued_by(root)
    authority.verify_directly_issued_by(root)
    leaf.verify_directly_issued_by(authority)
    key = load_der_private_key(b64decode(given["pkcs8"]), None)
    assert key.public_key() == leaf.public_key()
    assert f"{leaf.serial_number:040x}" == given["serial"]
    layout = {pair.oid.dotted_string: pair.value for pair in leaf.subject}
    assert layout == {
        "2.5.4.3": "СЫНАҚОВА СЫНАҚ",
        "2.5.4.4": "СЫНАҚОВА",
        "2.5.4.5": "IIN880412401006",
        "2.5.4.6": "KZ",
        "2.5.4.42": "СЫНАҚҚЫЗЫ",
    }
    purposes = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert [one.dotted_string for one in purposes] == ["1.3.6.1.5.5.7.3.4", "1.2.398.3.3.4.1.1"]
    usage = leaf.extensions.get_extension_for_class(x509.KeyUsage).value
    assert (usage.digital_signature, usage.content_commitment, usage.key_encipherment) == (True, True, False)


async def test_status_and_list_agree_by_anothers_judgement(client: httpx.AsyncClient) -> None:
    authority = await _certificate(client, "/pki/ca.cer")
    given = (await client.post(CERTIFICATES, json=PERSON)).json()
    leaf = x509.load_der_x509_certificate(b64decode(given["certificate"]))
    for status, expected, listed in (
        ("GOOD", ocsp.OCSPCertStatus.GOOD, False),
        ("REVOKED", ocsp.OCSPCertStatus.REVOKED, True),
        ("HOLD", ocsp.OCSPCertStatus.REVOKED, True),
        ("NEVER_ISSUED", ocsp.OCSPCertStatus.REVOKED, False),
        ("UNKNOWN", ocsp.OCSPCertStatus.UNKNOWN, False),
    ):
        change = {"status": status, "reason": "superseded" if status == "REVOKED" else None}
        assert (await client.patch(f"{CERTIFICATES}/{given['serial']}", json=change)).status_code == 200
        request = ocsp.OCSPRequestBuilder().add_certificate(leaf, authority, SHA256())
        request = request.add_extension(x509.OCSPNonce(b"12345678"), critical=False).build()
        answered = await client.post("/pki/ocsp", content=request.public_bytes(Encoding.DER))
        answer = ocsp.load_der_ocsp_response(answered.content)
        assert answered.headers["content-type"] == "application/ocsp-response"
        assert (answer.certificate_status, answer.serial_number) == (expected, leaf.serial_number)
        assert answer.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce == b"12345678"
        answer.certificates[0].verify_directly_issued_by(authority)
        responder = answer.certificates[0].public_key()
        responder.verify(answer.signature, answer.tbs_response_bytes, PKCS1v15(), SHA256())
        revoked = x509.load_der_x509_crl((await client.get("/pki/nca.crl")).content)
        assert revoked.is_signature_valid(authority.public_key())
        found = revoked.get_revoked_certificate_by_serial_number(leaf.serial_number)
        assert (found is not None) == listed
        if status == "REVOKED":
            assert answer.revocation_reason == x509.ReasonFlags.superseded
            assert found.extensions.get_extension_for_class(x509.CRLReason).value.reason == answer.revocation_reason


async def test_what_cannot_be_asked_is_refused(client: httpx.AsyncClient) -> None:
    assert (await client.patch(f"{CERTIFICATES}/{'0' * 40}", json={"status": "GOOD"})).status_code == 404
    for wrong in ({"iin": "12"}, {"alg": "DSA"}, {"kind": "KING"}, {"extra": 1}, {"surname": ""}):
        assert (await client.post(CERTIFICATES, json=PERSON | wrong)).status_code == 400
    answer = ocsp.load_der_ocsp_response((await client.post("/pki/ocsp", content=b"no request")).content)
    assert answer.response_status == ocsp.OCSPResponseStatus.MALFORMED_REQUEST
    rejection = (await client.post("/pki/tsp", content=b"no query")).content
    assert rejection.hex() == "30093007" + "020102" + "03020204"  # rejection; badDataFormat is bit 5
    for name in ("root_gost", "nca_gost", "root_rsa", "nca_rsa"):
        assert (await client.get(f"/pki/{name}.cer")).status_code == 200
    assert (await client.get("/pki/nca_gost.crl")).status_code == 200
    assert (await client.get("/pki/root_des.cer")).status_code == 400


def test_keys_and_statuses_survive_a_restart(tmp_path: Path) -> None:
    first = Registry(tmp_path)
    first.add(77, "RSA", "880412401006", b"certificate")
    first.change(f"{77:040x}", "REVOKED", "keyCompromise", None)
    second = Registry(tmp_path)  # the first is still open: the command that issues the lender's key may run beside
    assert second.pinned() == first.pinned()
    assert second.find(f"{77:040x}") == first.find(f"{77:040x}")
    assert second.find(f"{77:040x}").status == "REVOKED"
    assert second.own("GOST2015", "ocsp") == first.own("GOST2015", "ocsp")
    assert stat.S_IMODE((tmp_path / "pki.sqlite3").stat().st_mode) == 0o600
    first.close()
    second.close()


@pytest.mark.parametrize("alg", ["RSA", "GOST2015"])
def test_a_private_key_survives_its_file_form(alg: str) -> None:
    key = generate(alg)
    assert load(alg, key.pkcs8()).public() == key.public()


def test_the_lenders_files_are_written_once_and_fit_each_other(tmp_path: Path) -> None:
    state, out = tmp_path / "state", tmp_path / "out"
    environment = {**os.environ, "NESIE_COUNTERPARTIES_STATE": str(state)}
    command = [sys.executable, "-m", "infra.counterparties.pki.issue_lender", str(out)]
    for _ in range(2):
        subprocess.run(command, cwd=ROOT, env=environment, check=True)
    before = {file.name: file.read_bytes() for file in out.iterdir()}
    assert sorted(before) == ["authorities.pem", "lender.cert.pem", "lender.chain.pem", "lender.key.pem"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in out.iterdir()} == {0o600}
    assert issue_lender.write(state, out) is False
    assert {file.name: file.read_bytes() for file in out.iterdir()} == before

    certificate = x509.load_pem_x509_certificate(before["lender.cert.pem"])
    key = load_pem_private_key(before["lender.key.pem"], None)
    assert key.public_key() == certificate.public_key()
    authority, root = x509.load_pem_x509_certificates(before["lender.chain.pem"])
    certificate.verify_directly_issued_by(authority)
    authority.verify_directly_issued_by(root)
    assert before["authorities.pem"].count(b"BEGIN CERTIFICATE") == 4

    (out / "authorities.pem").write_bytes(b"")  # a damaged trust file is written anew
    assert issue_lender.write(state, out) is True


def test_openssl_accepts_what_the_authority_signs(tmp_path: Path) -> None:
    state, out = tmp_path / "state", tmp_path / "out"
    issue_lender.write(state, out)
    certificate = x509.load_pem_x509_certificate((out / "lender.cert.pem").read_bytes()).public_bytes(Encoding.DER)
    key = load_pem_private_key((out / "lender.key.pem").read_bytes(), None)
    (tmp_path / "content").write_bytes(b"the bytes that were shown")
    (tmp_path / "cms").write_bytes(signed_message(RsaKey(key), certificate, b"the bytes that were shown"))
    command = ["openssl", "cms", "-verify", "-inform", "DER", "-in", "cms", "-content", "content", "-purpose", "any"]
    done = subprocess.run(
        [*command, "-CAfile", out / "authorities.pem", "-out", "back"], cwd=tmp_path, capture_output=True
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "back").read_bytes() == b"the bytes that were shown"
