"""The lender's seal: it begins with the shown bytes, and one changed byte is seen."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from asn1crypto import keys as asn1_keys
from asn1crypto import tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from pyhanko.sign.timestamps import DummyTimeStamper
from pyhanko_certvalidator.registry import SimpleCertificateStore
from weasyprint import HTML

from activities.seal import HttpTimestamper, Seal, certificates, check
from rules.errors import BrokenContract, Unavailable

PEM = serialization.Encoding.PEM
DER = serialization.Encoding.DER
PKCS8 = serialization.PrivateFormat.PKCS8
PLAIN = serialization.NoEncryption()
Pair = tuple[rsa.RSAPrivateKey, x509.Certificate]


def issue(name: str, issuer: Pair | None = None, *, stamping: bool = False) -> Pair:
    key = rsa.generate_private_key(65537, 2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    ca, now = issuer is None, datetime.now(UTC)
    usage = x509.KeyUsage(not ca, not ca, False, False, False, ca, ca, False, False)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[1].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca, None), True)
        .add_extension(usage, True)
    )
    if stamping:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), True)
    return key, builder.sign(issuer[0] if issuer else key, hashes.SHA256())


@dataclass
class Authority:
    """A root, the lender's files below it, and a time-stamping authority."""

    root: x509.Certificate
    files: tuple[Path, Path, Path]
    stamper: DummyTimeStamper

    @property
    def pinned(self) -> list[asn1_x509.Certificate]:
        return certificates(self.root.public_bytes(PEM))


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    folder = tmp_path_factory.mktemp("seal")
    root = issue("Test root")
    key, own = issue("МҚҰ Үлгі", root)
    tsa_key, tsa = issue("Test TSA", root, stamping=True)
    files = (folder / "key.pem", folder / "cert.pem", folder / "chain.pem")
    files[0].write_bytes(key.private_bytes(PEM, PKCS8, PLAIN))
    files[1].write_bytes(own.public_bytes(PEM))
    files[2].write_bytes(root[1].public_bytes(PEM))
    store = SimpleCertificateStore()
    store.register(asn1_x509.Certificate.load(root[1].public_bytes(DER)))
    stamper = DummyTimeStamper(
        asn1_x509.Certificate.load(tsa.public_bytes(DER)),
        asn1_keys.PrivateKeyInfo.load(tsa_key.private_bytes(DER, PKCS8, PLAIN)),
        store,
    )
    return Authority(root[1], files, stamper)


@pytest.fixture(scope="module")
def pdf() -> bytes:
    return HTML(string="<p>Микрокредит беру туралы шарт</p>").write_pdf(pdf_variant="pdf/a-2b")


async def test_a_sealed_file_begins_with_the_shown_bytes(authority: Authority, pdf: bytes) -> None:
    sealed = await Seal(*authority.files).seal(pdf)
    assert sealed.startswith(pdf)
    found = await asyncio.to_thread(check, sealed, authority.pinned)
    assert (found.bottom_line, found.intact, found.trusted, found.whole_file) == (True, True, True, True)
    assert found.timestamped is False
    assert found.sealed_at is not None


def test_one_changed_byte_is_seen(authority: Authority, pdf: bytes) -> None:
    sealed = bytearray(Seal(*authority.files).seal_now(pdf))
    sealed[pdf.find(b"stream") + 40] ^= 1
    assert check(bytes(sealed), authority.pinned).bottom_line is False


def test_anything_added_behind_the_seal_is_seen(authority: Authority, pdf: bytes) -> None:
    sealed = Seal(*authority.files).seal_now(pdf)
    found = check(sealed + b"\n%added", authority.pinned)
    assert (found.bottom_line, found.whole_file) == (False, False)


def test_a_seal_of_another_authority_is_not_trusted(authority: Authority, pdf: bytes) -> None:
    stranger = issue("Another root")[1]
    found = check(Seal(*authority.files).seal_now(pdf), certificates(stranger.public_bytes(PEM)))
    assert (found.bottom_line, found.intact, found.trusted) == (False, True, False)


def test_no_path_of_a_failed_check_is_logged(
    authority: Authority, pdf: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    check(Seal(*authority.files).seal_now(pdf), [])
    assert "Үлгі" not in caplog.text


@pytest.mark.parametrize("content", [b"", b"no pdf", b"%PDF-1.7\n"])
def test_what_is_no_sealed_file_is_a_plain_no(authority: Authority, content: bytes, pdf: bytes) -> None:
    assert check(content, authority.pinned).bottom_line is False
    assert check(pdf, authority.pinned).bottom_line is False
    with pytest.raises(BrokenContract):
        Seal(*authority.files).seal_now(content)


def test_a_timestamp_over_http_is_part_of_the_seal(authority: Authority, pdf: bytes) -> None:
    asked: list[tsp.TimeStampReq] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(tsp.TimeStampReq.load(request.content))
        return httpx.Response(200, content=authority.stamper.request_tsa_response(asked[-1]).dump())

    http = httpx.Client(transport=httpx.MockTransport(answer))
    sealed = Seal(*authority.files, HttpTimestamper(http, "http://tsa.test/tsp")).seal_now(pdf)
    found = check(sealed, authority.pinned)
    assert (found.bottom_line, found.timestamped) == (True, True)
    assert asked


@pytest.mark.parametrize(
    ("response", "error"),
    [(httpx.Response(503), Unavailable), (httpx.Response(200, content=b"\x01nonsense"), BrokenContract)],
)
def test_a_timestamp_authority_out_of_order_is_a_fault(
    authority: Authority, pdf: bytes, response: httpx.Response, error: type[Exception]
) -> None:
    http = httpx.Client(transport=httpx.MockTransport(lambda request: response))
    with pytest.raises(error):
        Seal(*authority.files, HttpTimestamper(http, "http://tsa.test/tsp")).seal_now(pdf)


def test_a_key_that_is_no_key_is_a_fault(authority: Authority, tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text("nothing")
    with pytest.raises(BrokenContract):
        Seal(tmp_path / "key.pem", *authority.files[1:])
