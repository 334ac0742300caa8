"""Encryption of everything that Temporal keeps: arguments, results, failures, summaries, memo.

A payload is sealed whole by AES-256-GCM. Its metadata names the key and the workflow it belongs to;
both are authenticated, so neither can be exchanged. Several keys may be known, one writes: that is
rotation, without rewriting histories. One key seals at most 2**32 payloads (random nonces), so it is
changed long before; at a million cases a year once a year is plenty.

Workers accept nothing that is not sealed: plain JSON typed into a terminal or into the Temporal UI does
not reach our code. Such a payload isn't an exception here, because an exception while a workflow task is
decoded blocks the workflow for ever; it becomes a payload that no converter reads, and the SDK then
drops the signal or refuses the update. A wrong key or a changed byte does raise: those are faults of
operation or attacks, and waiting is right.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from google.protobuf.message import DecodeError
from temporalio.api.common.v1 import Payload
from temporalio.converter import (
    ActivitySerializationContext,
    PayloadCodec,
    SerializationContext,
    WithSerializationContext,
    WorkflowSerializationContext,
)

from infra.settings import Keys
from rules.errors import BrokenContract

ENCRYPTED = b"binary/encrypted"
REFUSED = b"binary/refused"

_FORMAT = b"nesie-payload-1"
_KEY_ID, _WORKFLOW_ID = "encryption-key-id", "workflow-id"
_NONCE = 12  # bytes, the size AES-GCM is made for


@dataclass(frozen=True)
class PayloadKeys:
    """Keys of 32 bytes by id; `current` seals, every one of them opens."""

    known: Mapping[str, bytes] = field(repr=False)
    current: str

    def __post_init__(self) -> None:
        if self.current not in self.known:
            raise ValueError("the current payload key is not among the known ones")
        if any(len(key) != 32 for key in self.known.values()):
            raise ValueError("a payload key is 32 bytes")

    @classmethod
    def of(cls, keys: Keys) -> PayloadKeys:
        """From the settings."""
        known = {name: base64.b64decode(key.get_secret_value()) for name, key in keys.payload.items()}
        return cls(known, keys.payload_current)


class EncryptionCodec(PayloadCodec, WithSerializationContext):
    """Seals and opens payloads.

    Args:
        keys: see PayloadKeys.
        strict: True in every process of ours; False only for the staff's codec endpoint, whose browser page
            also shows what Temporal itself wrote in plain (markers of timers, versions and the like).
        workflow_id: the case the payloads belong to; set by the SDK through `with_context`.
    """

    def __init__(self, keys: PayloadKeys, *, strict: bool = True, workflow_id: str | None = None) -> None:
        self._keys = keys
        self._ciphers = {name: AESGCM(key) for name, key in keys.known.items()}
        self._strict = strict
        self._workflow_id = workflow_id

    def lenient(self) -> EncryptionCodec:
        """The same keys, for showing to staff: plain payloads stay as they are."""
        return EncryptionCodec(self._keys, strict=False)

    def of_workflow(self, workflow_id: str | None) -> EncryptionCodec:
        """The same codec, writing the workflow's id into what it seals."""
        copy = object.__new__(EncryptionCodec)  # shares the ciphers: this runs for every message
        copy.__dict__.update(self.__dict__, _workflow_id=workflow_id)
        return copy

    def with_context(self, context: SerializationContext) -> EncryptionCodec:
        """Called by the SDK for every message that belongs to a workflow."""
        if isinstance(context, WorkflowSerializationContext | ActivitySerializationContext):
            return self.of_workflow(context.workflow_id)
        return self

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Seal each."""
        return [self._seal(payload) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Open each.

        Raises:
            BrokenContract: an unknown key, or bytes that are not what was sealed.
        """
        return [self._open(payload) for payload in payloads]

    def _seal(self, payload: Payload) -> Payload:
        key_id, nonce = self._keys.current, os.urandom(_NONCE)
        metadata = {"encoding": ENCRYPTED, _KEY_ID: key_id.encode()}
        if self._workflow_id:
            metadata[_WORKFLOW_ID] = self._workflow_id.encode()
        sealed = self._ciphers[key_id].encrypt(nonce, payload.SerializeToString(), _authenticated(metadata))
        return Payload(metadata=metadata, data=nonce + sealed)

    def _open(self, payload: Payload) -> Payload:
        if not is_encrypted(payload):
            return Payload(metadata={"encoding": REFUSED}) if self._strict else payload
        cipher = self._ciphers.get(payload.metadata[_KEY_ID].decode(errors="replace"))
        if cipher is None:
            raise BrokenContract("a payload is sealed by a key that is not configured")
        nonce, sealed = payload.data[:_NONCE], payload.data[_NONCE:]
        try:
            return Payload.FromString(cipher.decrypt(nonce, sealed, _authenticated(payload.metadata)))
        except (InvalidTag, ValueError, DecodeError):
            raise BrokenContract("a payload is not what was sealed") from None


def is_encrypted(payload: Payload) -> bool:
    """Whether the payload says that it is sealed; only opening it proves that."""
    return payload.metadata.get("encoding") == ENCRYPTED


def workflow_of(payload: Payload) -> str | None:
    """The case a sealed payload belongs to; trustworthy once the payload has been opened."""
    return payload.metadata[_WORKFLOW_ID].decode(errors="replace") if _WORKFLOW_ID in payload.metadata else None


def _authenticated(metadata: Mapping[str, bytes]) -> bytes:
    # Lengths before values: no two different pairs give the same bytes.
    parts = [_FORMAT, metadata.get(_KEY_ID, b""), metadata.get(_WORKFLOW_ID, b"")]
    return b"".join(len(part).to_bytes(2, "big") + part for part in parts)
