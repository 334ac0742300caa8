"""The lender's sealing key and certificate, and the file of trusted authorities.

    python -m infra.counterparties.pki.issue_lender --state COUNTERPARTIES_STATE OUT

Writes OUT/{lender.key.pem,lender.cert.pem,lender.chain.pem,authorities.pem}; does nothing where the certificate
there is of this authority and lives for another month.
"""

from __future__ import annotations

import argparse
import os
from base64 import b64decode
from datetime import UTC, datetime, timedelta
from pathlib import Path

from asn1crypto import pem
from cryptography import x509

from infra.counterparties.pki.keys import generate
from infra.counterparties.pki.registry import Registry
from infra.counterparties.pki.routes import Wanted, issue
from rules import iin
from rules.lender import EXAMPLE

_FILES = ("lender.key.pem", "lender.cert.pem", "lender.chain.pem", "authorities.pem")
_ENOUGH = timedelta(days=30)
_YEARS = 3


def main(arguments: list[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Issue the lender's sealing certificate.")
    environment = os.environ.get("NESIE_COUNTERPARTIES_STATE")
    parser.add_argument("--state", type=Path, default=environment, required=environment is None)
    parser.add_argument("out", type=Path)
    chosen = parser.parse_args(arguments)
    write(Path(chosen.state), chosen.out)


def write(state: Path, out: Path) -> bool:
    """Write the four files, the trust file last. Returns False where they were already there."""
    registry = Registry(state)
    try:
        if _usable(registry, out):
            return False
        issued = issue(registry, _lender(), generate("RSA"))
        chain = [registry.own("RSA", role).certificate for role in ("ca", "root")]
        contents = (
            pem.armor("PRIVATE KEY", b64decode(issued.pkcs8)),
            _certificates([b64decode(issued.certificate)]),
            _certificates(chain),
            _certificates(registry.pinned()),
        )
    finally:
        registry.close()
    out.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name, content in zip(_FILES, contents, strict=True):
        _replace(out / name, content)
    return True


def _lender() -> Wanted:
    now = datetime.now(UTC)
    head = "85010130000"  # an invented person's number, completed by its check digit
    return Wanted(
        iin=head + (iin.check_digit(head) or ""),
        bin=EXAMPLE.bin,
        organisation=EXAMPLE.name("ru"),
        surname="ҮЛГІБАЕВ",
        given="ҮЛГІ",
        patronymic="ҮЛГІҰЛЫ",
        kind="CEO",
        not_before=now - timedelta(days=1),
        not_after=now + timedelta(days=365 * _YEARS),
    )


def _usable(registry: Registry, out: Path) -> bool:
    if not all((out / name).exists() for name in _FILES):
        return False
    try:
        certificate = x509.load_pem_x509_certificate((out / "lender.cert.pem").read_bytes())
    except ValueError:
        return False
    known = registry.find(f"{certificate.serial_number:040x}")
    trust = (out / "authorities.pem").read_bytes() == _certificates(registry.pinned())
    return trust and known is not None and certificate.not_valid_after_utc > datetime.now(UTC) + _ENOUGH


def _certificates(found: list[bytes]) -> bytes:
    return b"".join(pem.armor("CERTIFICATE", one) for one in found)


def _replace(file: Path, content: bytes) -> None:
    """Whole or not at all, readable by the owner only."""
    fresh = file.with_suffix(".new")
    with os.fdopen(os.open(fresh, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as handle:
        handle.write(content)
    fresh.replace(file)


if __name__ == "__main__":
    main()
