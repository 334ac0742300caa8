"""Sealing of personal data: AES-256-GCM under data keys, which are wrapped by a master key.

A wrapped key carries the id of its master key, so that masters can be rotated by re-wrapping alone:
nothing that a data key has sealed is touched. What belongs to nobody but the lender is sealed under a
data key of its own that travels, wrapped, in front of it.

>>> vault = Vault({"1": bytes(32)}, "1", bytes(32))
>>> key = vault.new_data_key()
>>> vault.open(key, vault.seal(key, b"secret", "client:7:personal"), "client:7:personal")
b'secret'
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlmodel import col, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from rules.errors import BusinessError, Gone
from storage.database import run
from storage.tables import MasterKeyCanary

_VERSION = b"\x01"
_NONCE = 12
_KEY = 32
_WRAPPING = b"nesie data key"


class Vault:
    """Seals and opens. Holds the master keys in memory; no I/O.

    Args:
        master: key id -> 32 bytes. All ids that anything is still wrapped under.
        current: the id that wraps new keys.
        index_key: 32 bytes for the blind indexes; it cannot be rotated without indexing again.
    """

    def __init__(self, master: dict[str, bytes], current: str, index_key: bytes) -> None:
        if current not in master:
            raise ValueError("the current master key is not among the master keys")
        if any(len(key) != _KEY for key in (*master.values(), index_key)):
            raise ValueError("keys are 32 bytes")
        if any(not 1 <= len(key_id.encode()) <= 255 for key_id in master):
            raise ValueError("key ids are 1 to 255 bytes")
        self._master = {key_id: AESGCM(key) for key_id, key in master.items()}
        self.current = current
        self._index_key = index_key

    @classmethod
    def from_base64(cls, master: Mapping[str, str], current: str, index_key: str) -> Vault:
        """From keys as the settings hold them."""
        decoded = {key_id: base64.b64decode(key, validate=True) for key_id, key in master.items()}
        return cls(decoded, current, base64.b64decode(index_key, validate=True))

    @property
    def key_ids(self) -> frozenset[str]:
        """The ids of the master keys at hand."""
        return frozenset(self._master)

    def new_data_key(self) -> bytes:
        """A fresh data key, wrapped under the current master key."""
        return self._wrap(AESGCM.generate_key(256))

    def rewrap(self, wrapped: bytes) -> bytes:
        """The same data key under the current master key."""
        return self._wrap(self._unwrap(wrapped))

    def seal(self, wrapped: bytes, plain: bytes, context: str) -> bytes:
        """Encrypt under a data key. The context (for example ``client:{id}:personal``) must be told again to open."""
        return _encrypt(AESGCM(self._unwrap(wrapped)), plain, context.encode())

    def open(self, wrapped: bytes, sealed: bytes, context: str) -> bytes:
        """The bytes that were sealed.

        Raises:
            BusinessError: `sealed-damaged`: changed bytes, another key, or another context.
            Gone: `data-destroyed`: the data key was destroyed after its retention; an empty one says so.
        """
        return _decrypt(AESGCM(self._unwrap(wrapped)), sealed, context.encode())

    def seal_own(self, plain: bytes, context: str) -> bytes:
        """Encrypt what is the lender's own: staff secrets, queued actions, kept answers."""
        wrapped = self.new_data_key()
        return len(wrapped).to_bytes(2, "big") + wrapped + self.seal(wrapped, plain, context)

    def open_own(self, sealed: bytes, context: str) -> bytes:
        """The bytes that seal_own was given. Raises as open()."""
        wrapped, body = _parts(sealed)
        return self.open(wrapped, body, context)

    def rewrap_own(self, sealed: bytes) -> bytes:
        """The same bytes with their key under the current master key; the context is not needed."""
        wrapped, body = _parts(sealed)
        again = self.rewrap(wrapped)
        return len(again).to_bytes(2, "big") + again + body

    def index(self, kind: str, value: str) -> bytes:
        """A keyed hash to look a value up by without storing it. kind: iin | phone | iban."""
        return hmac.new(self._index_key, f"{kind}\0{value}".encode(), hashlib.sha256).digest()

    @property
    def current_head(self) -> bytes:
        """The first bytes of every key that is wrapped under the current master key."""
        key_id = self.current.encode()
        return _VERSION + len(key_id).to_bytes(1, "big") + key_id

    def _wrap(self, key: bytes) -> bytes:
        head = self.current_head
        return head + _encrypt(self._master[self.current], key, _WRAPPING + head)

    def _unwrap(self, wrapped: bytes) -> bytes:
        if not wrapped:
            raise Gone("data-destroyed")
        key_id, head, body = _header(wrapped)
        if key_id not in self._master:
            raise BusinessError("wrong-master-key", f"master key '{key_id}' is not at hand")
        return _decrypt(self._master[key_id], body, _WRAPPING + head)


def master_key_id(wrapped: bytes) -> str:
    """The id of the master key that a data key is wrapped under."""
    return _header(wrapped)[0]


def _header(wrapped: bytes) -> tuple[str, bytes, bytes]:
    if wrapped[:1] != _VERSION or len(wrapped) < 2:
        raise BusinessError("sealed-damaged", "not a wrapped key")
    end = 2 + wrapped[1]
    return wrapped[2:end].decode(errors="replace"), wrapped[:end], wrapped[end:]


def _parts(sealed: bytes) -> tuple[bytes, bytes]:
    end = 2 + int.from_bytes(sealed[:2], "big")
    return sealed[2:end], sealed[end:]


def _encrypt(cipher: AESGCM, plain: bytes, context: bytes) -> bytes:
    nonce = secrets.token_bytes(_NONCE)
    return _VERSION + nonce + cipher.encrypt(nonce, plain, context)


def _decrypt(cipher: AESGCM, sealed: bytes, context: bytes) -> bytes:
    if sealed[:1] != _VERSION or len(sealed) < 1 + _NONCE:
        raise BusinessError("sealed-damaged", "not sealed bytes")
    try:
        return cipher.decrypt(sealed[1 : 1 + _NONCE], sealed[1 + _NONCE :], context)
    except InvalidTag:
        raise BusinessError("sealed-damaged", "changed bytes, another key or another context") from None


async def check_master_key(session: AsyncSession, vault: Vault) -> None:
    """Refuse to work with keys that are not the ones the stored data was sealed with.

    Every master key leaves a sealed word in the database when it is first current. A process that cannot
    open the words of all keys still in use must not start: it would seal new data under a wrong key.
    The word also holds a blind index, so that a wrong index key is found too.

    Raises:
        BusinessError: `wrong-master-key`.
    """
    in_use = or_(col(MasterKeyCanary.retired_at).is_(None), col(MasterKeyCanary.key_id) == vault.current)
    found = (await session.exec(select(MasterKeyCanary).where(in_use))).all()
    for canary in found:
        try:
            plain = vault.open_own(canary.sealed, f"canary:{canary.key_id}")
        except BusinessError:
            raise BusinessError("wrong-master-key", f"master key '{canary.key_id}' is missing or another one") from None
        if not hmac.compare_digest(plain, vault.index("canary", canary.key_id)):
            raise BusinessError("wrong-master-key", "the index key is not the one that the data was indexed with")
    if vault.current not in {canary.key_id for canary in found if canary.retired_at is None}:
        await run(
            session,
            "insert into master_key_canary (key_id, sealed, created_at) values (:id, :sealed, clock_timestamp())"
            " on conflict (key_id) do update set retired_at = null",
            id=vault.current,
            sealed=vault.seal_own(vault.index("canary", vault.current), f"canary:{vault.current}"),
        )
