"""Bodies on their way to Temporal: what they carry for a history must be sealed by our keys.

With the codec set, the UI seals what is typed; a browser without it, or a script with a staff cookie, would send
plain JSON, and personal data would stand in the history for as long as it is kept. So every payload in a body has
to open. The body is read strictly and written again: the server behind sees exactly what was judged here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from google.protobuf import json_format
from temporalio.api.common.v1 import Payload

from infra.codec import EncryptionCodec, is_encrypted
from rules.errors import BrokenContract, InvalidInput

LIMIT = 2 * 1024 * 1024  # bytes; Temporal takes no larger payload either

# Members whose value is a payload list in Temporal's API; other forms of them are a shorthand for plain JSON.
_LISTS = frozenset({"input", "signalinput", "queryargs", "args", "details", "lastheartbeatdetails", "result"})
# Members whose values are single payloads, by name.
_MAPS = frozenset({"memo", "header", "usermetadata"})
_SINGLE = frozenset({"encodedattributes"})
_PLAIN_BY_DESIGN = "searchattributes"


async def sealed(body: bytes, codec: EncryptionCodec) -> bytes:
    """The body to forward.

    Raises:
        InvalidInput: not strict JSON, or a payload that our keys don't open.
    """
    if not body:
        return body
    try:
        tree = json.loads(body, object_pairs_hook=_no_duplicates, parse_constant=_no_constant)
        payloads = [json_format.ParseDict(node, Payload()) for node in _payloads(tree)]
    except (ValueError, RecursionError, json_format.ParseError):
        raise InvalidInput("malformed-body", "the body is not JSON as Temporal's API has it") from None
    if not all(is_encrypted(payload) for payload in payloads):
        raise InvalidInput("payload-not-encrypted", "payloads must be encrypted: set the codec endpoint to /codec")
    try:
        await codec.decode(payloads)
    except BrokenContract:
        raise InvalidInput("payload-not-encrypted", "a payload is not encrypted by a key of ours") from None
    return json.dumps(tree, ensure_ascii=False).encode()


def _payloads(node: Any, name: str = "") -> Iterator[Any]:
    """Every payload below, known by its place or its shape.

    Raises:
        ValueError: a value that is no payload stands where only payloads may.
    """
    if isinstance(node, list):
        for value in node:
            yield from _payloads(value, name)
        if name in _LISTS and node:
            raise ValueError(name)
    elif isinstance(node, dict):
        yield from _of_object(node, name)
    elif node is not None and name in _LISTS | _SINGLE:
        raise ValueError(name)


def _of_object(node: dict[str, Any], name: str) -> Iterator[Any]:
    if name == _PLAIN_BY_DESIGN:
        return
    if name in _SINGLE or _looks_like_payload(node):
        yield node
        return
    for raw_key, value in node.items():
        key = raw_key.replace("_", "").lower()
        if key == "payloads":
            yield from _listed(value)
        elif name in _MAPS and key == "fields":
            yield from (value or {}).values() if isinstance(value, dict | None) else _listed(value)
        elif name == "usermetadata":
            yield from [] if value is None else [value]
        else:
            yield from _payloads(value, key)


def _looks_like_payload(node: dict[str, Any]) -> bool:
    metadata = node.get("metadata")
    return (isinstance(metadata, dict) and "encoding" in metadata) or (set(node) == {"data"})


def _listed(value: Any) -> Iterator[Any]:
    if value is not None and not isinstance(value, list):
        raise ValueError("payloads")
    yield from value or []


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name.replace("_", "").lower() for name, _ in pairs]
    if len(set(names)) != len(names):
        raise ValueError("duplicate member")
    return dict(pairs)


def _no_constant(name: str) -> None:
    raise ValueError(name)
