"""The two files that remember a local stack: `nesie.env`, told to processes, and `stack.json`, which is not.

`stack.json` holds the ports and the secrets of the servers themselves (superuser of PostgreSQL, root key of the
archive, token of the counterparties). Both are 0600, both are kept on later runs: a new master key would make every
sealed row unreadable.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from dotenv import dotenv_values

DEFAULT_PORTS = {
    "api": 8080,
    "counterparties": 8090,
    "temporal": 7233,
    "temporal_ui": 8233,
    "archive": 7070,
    "postgres": 5433,
}
PARTIES = {  # setting -> path prefix at the counterparties
    "bureau": "/fcb",
    "state_bureau": "/gkb",
    "idec": "/kisc",
    "person_register": "/gbdfl",
    "digital_documents": "/digital-documents",
    "pki": "/pki",
    "aml": "/afm",
    "antifraud": "/antifraud",
    "bank": "/bank",
    "terminal": "/terminals",
    "sms": "/sms",
    "operator": "/operator",
    "regulator": "",
}
_OWN_SECRETS = (
    "postgres_password",
    "owner_password",
    "app_password",
    "read_password",
    "archive_root_access",
    "archive_root_secret",
    "archive_secret",
    "counterparties_token",
    "callback_secret",
)


@dataclass
class StackFile:
    """`stack.json`: ports in use and the servers' own secrets (text, url-safe)."""

    ports: dict[str, int] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)

    @classmethod
    def load(cls, state: Path) -> StackFile:
        file = state / "stack.json"
        known = json.loads(file.read_text()) if file.exists() else {}
        stack = cls(known.get("ports", {}), known.get("secrets", {}))
        for name in _OWN_SECRETS:
            stack.secrets.setdefault(name, secrets.token_urlsafe(24))
        return stack

    def save(self, state: Path) -> None:
        write_private(state / "stack.json", json.dumps({"ports": self.ports, "secrets": self.secrets}, indent=1) + "\n")


def write_private(file: Path, content: str) -> None:
    """Write a file that only its owner reads (0600), whole or not at all."""
    new = file.with_name(file.name + ".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    new.rename(file)


def is_free(port: int) -> bool:
    """Whether a server could listen on 127.0.0.1:port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_ports() -> dict[str, int]:
    """One free loopback port for each listener, all different: for tests and second stacks on one machine."""
    held = [socket.socket() for _ in DEFAULT_PORTS]
    try:
        for one in held:
            one.bind(("127.0.0.1", 0))
        return {name: one.getsockname()[1] for name, one in zip(DEFAULT_PORTS, held, strict=True)}
    finally:
        for one in held:
            one.close()


def choose_ports(wanted: Mapping[str, int]) -> tuple[dict[str, int], list[str]]:
    """The ports to use, and a sentence for each wanted one that was busy."""
    chosen, notes, spare = dict(wanted), [], free_ports()
    for name, port in wanted.items():
        if not is_free(port):
            chosen[name] = spare[name]
            notes.append(f"port {port} is busy: {name} listens on {spare[name]}")
    return chosen, notes


def with_login(url: str, user: str, password: str) -> str:
    """The same database under another role."""
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{user}:{password}@{place}"))


def _random_key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


def _keys(known: Mapping[str, str]) -> dict[str, str]:
    """The lender's keys, made once."""
    fresh = {
        "NESIE_KEYS__MASTER": json.dumps({"m1": _random_key()}),
        "NESIE_KEYS__MASTER_CURRENT": "m1",
        "NESIE_KEYS__PAYLOAD": json.dumps({"p1": _random_key()}),
        "NESIE_KEYS__PAYLOAD_CURRENT": "p1",
        "NESIE_KEYS__INDEX": _random_key(),
    }
    return {name: known.get(name, value) for name, value in fresh.items()}


def settings(state: Path, stack: StackFile, owner_url: str) -> dict[str, str]:
    """Every setting of infra/settings.py for this stack; keys already in `nesie.env` stay as they are."""
    file = state / "nesie.env"
    known = {name: value for name, value in dotenv_values(file).items() if value} if file.exists() else {}
    ports, own = stack.ports, stack.secrets
    base = f"http://127.0.0.1:{ports['counterparties']}"
    values = {
        "NESIE_DATABASE__URL": with_login(owner_url, "nesie_app", own["app_password"]),
        "NESIE_DATABASE__OWNER_URL": owner_url,
        "NESIE_DATABASE__READ_URL": with_login(owner_url, "nesie_read", own["read_password"]),
        "NESIE_ARCHIVE__ENDPOINT": f"127.0.0.1:{ports['archive']}",
        "NESIE_ARCHIVE__ACCESS_KEY": "nesie-application",
        "NESIE_ARCHIVE__SECRET_KEY": own["archive_secret"],
        "NESIE_ARCHIVE__BUCKET": "nesie-documents",
        "NESIE_ARCHIVE__SECURE": "false",
        "NESIE_TEMPORAL__ADDRESS": f"127.0.0.1:{ports['temporal']}",
        "NESIE_TEMPORAL__NAMESPACE": "nesie",
        "NESIE_TEMPORAL__UI_URL": f"http://127.0.0.1:{ports['temporal_ui']}",
        "NESIE_SEAL__KEY_FILE": str(state / "pki" / "lender.key.pem"),
        "NESIE_SEAL__CERTIFICATE_FILE": str(state / "pki" / "lender.cert.pem"),
        "NESIE_SEAL__CHAIN_FILE": str(state / "pki" / "lender.chain.pem"),
        "NESIE_SEAL__TRUSTED_AUTHORITIES": str(state / "pki" / "authorities.pem"),
        "NESIE_SIGNATURES__NCANODE_URL": f"{base}/ncanode",
        "NESIE_MODELS": str(state / "models"),
        "NESIE_PUBLIC_URL": f"http://127.0.0.1:{ports['api']}",
        "NESIE_SECURE_COOKIES": "false",
    }
    for name, prefix in PARTIES.items():
        party = f"NESIE_PARTIES__{name.upper()}"
        values[f"{party}__URL"] = base + prefix
        values[f"{party}__TOKEN"] = own["counterparties_token"]
        values[f"{party}__CALLBACK_SECRET"] = own["callback_secret"]
    return {**known, **values, **_keys(known)}


def save_settings(state: Path, values: Mapping[str, str]) -> None:
    """Write `nesie.env`; JSON values are quoted so that a shell can read the file too."""
    lines = [f"{name}='{value}'" if "{" in value else f"{name}={value}" for name, value in sorted(values.items())]
    head = (
        "# Settings and secrets of this local stack. Lose the keys below and every sealed document is lost with them.\n"
    )
    write_private(state / "nesie.env", head + "\n".join(lines) + "\n")
