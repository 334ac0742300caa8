"""Uploads: sizes, names of parts and magic bytes. Whether a picture is sound is found where it is decoded.

A file never touches the disk of this process: photographs of faces and documents stay in memory until they
are sealed into the archive. Rules: para 26; para 34.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TypeVar

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from api.guards import MIB
from api.problems import TooLarge, WrongContent
from rules.errors import InvalidInput

Shape = TypeVar("Shape", bound=BaseModel)

IMAGE_LIMIT, VIDEO_LIMIT, CMS_LIMIT = 10 * MIB, 20 * MIB, MIB // 4


@dataclass(frozen=True)
class Upload:
    """Bytes that came in, of a media type that we recognised ourselves."""

    content: bytes
    media_type: str


@dataclass(frozen=True)
class Form:
    """A multipart body, read whole. fingerprint: equal for equal parts, whatever the boundary."""

    files: dict[str, bytes]
    fields: dict[str, str]
    fingerprint: str

    def image(self, name: str) -> Upload:
        """A JPEG or PNG of at most 10 MiB."""
        return image(self._file(name), f"/{name}")

    def video(self, name: str) -> Upload:
        """An MP4 or WebM of at most 20 MiB."""
        return video(self._file(name), f"/{name}")

    def scan(self, name: str) -> Upload:
        """A scan: PDF, JPEG or PNG of at most 10 MiB."""
        content = self._file(name)
        if content.startswith(b"%PDF-") and len(content) <= IMAGE_LIMIT:
            return Upload(content, "application/pdf")
        return image(content, f"/{name}")

    def cms(self, name: str) -> bytes:
        """A CMS of at most 256 KiB."""
        content = self._file(name)
        if len(content) > CMS_LIMIT:
            raise TooLarge("file-too-large", field=f"/{name}")
        return content

    def _file(self, name: str) -> bytes:
        content = self.files.get(name)
        if content is None:
            raise InvalidInput("field-missing", field=f"/{name}")
        if not content:
            raise InvalidInput("file-empty", field=f"/{name}")
        return content


class _InMemory(MultiPartParser):
    """The body limit bounds what one request may hold; nothing spills to the disk."""

    spool_max_size = 64 * MIB


async def read_form(request: Request, *, files: frozenset[str], fields: frozenset[str] = frozenset()) -> Form:
    """A multipart body with no other parts than these, each once.

    Raises:
        WrongContent: not multipart/form-data.
        InvalidInput: malformed, an unknown or repeated part, a file where a field is expected.
    """
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise WrongContent("content-type")
    parser = _InMemory(
        request.headers, request.stream(), max_files=len(files), max_fields=len(fields) + 1, max_part_size=4096
    )
    try:
        parts = await parser.parse()
    except (MultiPartException, KeyError, ValueError, UnicodeDecodeError):
        # the message of the parser may quote the body
        raise InvalidInput("malformed-body") from None
    got_files: dict[str, bytes] = {}
    got_fields: dict[str, str] = {}
    for name, value in parts.multi_items():
        if name not in files | fields:
            raise InvalidInput("unknown-field")
        if name in got_files or name in got_fields:
            raise InvalidInput("field-repeated", field=f"/{name}")
        if isinstance(value, UploadFile) != (name in files):
            raise InvalidInput("field-format", field=f"/{name}")
        if isinstance(value, UploadFile):
            got_files[name] = await value.read()
        else:
            got_fields[name] = value
    await parts.close()
    return Form(got_files, got_fields, _fingerprint(got_files, got_fields))


def parsed(form: Form, name: str, shape: type[Shape]) -> Shape:
    """The JSON in a field of a form, as this shape.

    Raises:
        InvalidInput: the field is missing.
        RequestValidationError: as for a JSON body.
    """
    text = form.fields.get(name)
    if text is None:
        raise InvalidInput("field-missing", field=f"/{name}")
    try:
        return shape.model_validate_json(text)
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False)
        raise RequestValidationError([{**one, "loc": ("body", *one["loc"])} for one in found]) from None


def _fingerprint(files: dict[str, bytes], fields: dict[str, str]) -> str:
    digest = hashlib.sha256()
    for name, content in sorted({**files, **{k: v.encode() for k, v in fields.items()}}.items()):
        digest.update(f"{name}:{len(content)}:".encode() + hashlib.sha256(content).digest())
    return digest.hexdigest()


def image(content: bytes, field: str) -> Upload:
    """A photograph by its first bytes and its size."""
    if len(content) > IMAGE_LIMIT:
        raise TooLarge("file-too-large", field=field)
    if content.startswith(b"\xff\xd8\xff"):
        return Upload(content, "image/jpeg")
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return Upload(content, "image/png")
    raise WrongContent("image-type", field=field)


def video(content: bytes, field: str) -> Upload:
    """A clip by its first bytes and its size."""
    if len(content) > VIDEO_LIMIT:
        raise TooLarge("file-too-large", field=field)
    if content[4:8] == b"ftyp":
        return Upload(content, "video/mp4")
    if content.startswith(b"\x1a\x45\xdf\xa3"):
        return Upload(content, "video/webm")
    raise WrongContent("video-type", field=field)


def multipart(**parts: str) -> dict[str, object]:
    """What OpenAPI says of a multipart body: part -> 'file' or 'text', with '?' where it may be missing."""
    properties = {
        name: {"type": "string", "contentMediaType": "application/octet-stream"}
        if kind.startswith("file")
        else {"type": "string"}
        for name, kind in parts.items()
    }
    needed = [name for name, kind in parts.items() if not kind.endswith("?")]
    schema = {"type": "object", "properties": properties, "required": needed, "additionalProperties": False}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}
