"""The file of a bundle: a ZIP in one agreed form, so that every byte of it is accounted for.

Members in order of their names, stored as they are, one fixed time, no comments. The last but one is `manifest.json`
with the hash of every other member, the last `manifest.p7s`, its signature. Whoever reads makes the file again out of
its members: any byte that the hashes do not cover must be as it would be made.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from rules.errors import InvalidInput

MANIFEST, SIGNATURE = "manifest.json", "manifest.p7s"
_ONE_TIME = (1980, 1, 1, 0, 0, 0)
_MOST = 256 * 1024 * 1024  # bytes of a bundle that is read


def canonical(value: Any) -> bytes:
    """JSON with one form for each value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def manifest(members: Mapping[str, bytes], head: Mapping[str, Any]) -> bytes:
    """What is signed: the hash of every member, and what the bundle is about."""
    files = {name: {"sha256": sha256(content).hexdigest(), "size": len(content)} for name, content in members.items()}
    return canonical({**head, "files": files})


def packed(members: Mapping[str, bytes], manifest_bytes: bytes, signature: bytes) -> bytes:
    """The file."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as file:
        for name in sorted(members):
            file.writestr(_entry(name), members[name])
        file.writestr(_entry(MANIFEST), manifest_bytes)
        file.writestr(_entry(SIGNATURE), signature)
    return out.getvalue()


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _ONE_TIME)
    entry.external_attr = 0o644 << 16
    entry.create_system = 3
    return entry


def unpacked(content: bytes) -> dict[str, bytes]:
    """The members by name; what is damaged is read all the same, for the hashes to name it.

    Raises:
        InvalidInput: `bundle-unreadable`: it is no such file at all.
    """
    if len(content) > _MOST:
        raise InvalidInput("bundle-unreadable", "the file is too large for a bundle")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as file:
            return {entry.filename: _read(content, entry) for entry in file.infolist()}
    except (zipfile.BadZipFile, ValueError, OverflowError, NotImplementedError, UnicodeError, IndexError) as error:
        raise InvalidInput("bundle-unreadable", f"no bundle can be read out of it: {type(error).__name__}") from None


def _read(content: bytes, entry: zipfile.ZipInfo) -> bytes:
    """The stored bytes, without the ZIP's own checksum, which would hide which member it is."""
    start = entry.header_offset + 30 + len(entry.filename.encode())
    return content[start : start + entry.file_size]


def first_difference(content: bytes, members: Mapping[str, bytes]) -> int | None:
    """Where the file is not as its members would make it; None where it is."""
    others = {name: kept for name, kept in members.items() if name not in (MANIFEST, SIGNATURE)}
    made = packed(others, members.get(MANIFEST, b""), members.get(SIGNATURE, b""))
    if made == content:
        return None
    return next(
        (at for at, (a, b) in enumerate(zip(content, made, strict=False)) if a != b), min(len(content), len(made))
    )
