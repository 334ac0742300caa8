"""Shapes of requests for a signature, and of what we say to the state's mobile application.

The second part follows the application's own specification: its spelling of names is not ours.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from api.fields import Answer

Method = Literal["CMS_SIGN_ONLY", "CMS_WITH_DATA"]


class Links(Answer):
    """What opens the application on the telephone itself. business: the application of legal entities."""

    personal: str
    business: str


class SigningRequestAnswer(Answer):
    """A signature that is asked for in the state's mobile application.

    state: waiting, opened (the application asked what to sign), signed, refused (what came is no signature of this
    client under this document; `ground` says why; ask anew), expired (its time is over, or a newer one was asked for).
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "signing_request_id": "3f1f6f0e-6e0c-4a0e-9df1-0a8f6f1f7a11",
                    "document_id": "8a3c1d52-7c55-4c8b-9a1e-0d2f6b7c8e90",
                    "state": "waiting",
                    "qr_text": "mobileSign:https://example.kz/mgovSign?3f1f6f0e-6e0c-4a0e-9df1-0a8f6f1f7a11",
                    "links": {"personal": "https://m.egov.kz/mobileSign/?link=…", "business": "https://m.egov.kz/…"},
                    "method": "CMS_SIGN_ONLY",
                    "asked_at": "2026-01-15T09:31:00Z",
                    "expires_at": "2026-01-15T09:41:00Z",
                }
            ]
        }
    )

    signing_request_id: UUID
    document_id: UUID
    state: Literal["waiting", "opened", "signed", "refused", "expired"]
    qr_text: str = Field(description="to be shown as a QR code")
    links: Links
    method: Method
    asked_at: datetime
    expires_at: datetime
    ended_at: datetime | None = None
    ground: str | None = None
    ground_title: str | None = Field(default=None, description="the ground in the asker's language")
    poll: str | None = Field(default=None, description="where the answer of the step is that the signature went into")


class Organisation(Answer):
    """Who asks for the signature."""

    nameRu: str
    nameKz: str
    nameEn: str
    bin: str


class Where(Answer):
    """Where the document is, and the token that opens it."""

    uri: str
    auth_type: Literal["Token"] = "Token"
    auth_token: str


class Wish(Answer):
    """The answer to the QR code: who asks for what, until when, and where the document is."""

    description: str
    expiry_date: datetime
    organisation: Organisation
    document: Where


class Meta(Answer):
    """One line that the application shows beside the document. It holds the signer's IIN."""

    name: str
    value: str


class File(Answer):
    """data: base64 of the document."""

    mime: str
    data: str


class FileOf(Answer):
    """The document's file."""

    file: File


class ToSign(Answer):
    """One document."""

    id: int
    nameRu: str
    nameKz: str
    nameEn: str
    meta: list[Meta]
    document: FileOf


class Papers(Answer):
    """What is to be signed. The XML method is not offered."""

    signMethod: Method
    documentsToSign: list[ToSign]


class _Lenient(BaseModel):
    """What comes back is ours with more or less around it: only the signature is read."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class SignedFile(_Lenient):
    """data: base64 of the CMS, or the CMS as PEM."""

    data: str = Field(min_length=1, max_length=1_000_000)


class SignedFileOf(_Lenient):
    """The file."""

    file: SignedFile


class Signed(_Lenient):
    """The document with its signature."""

    document: SignedFileOf


class SignedPapers(_Lenient):
    """The same JSON as was given out, with the CMS in place of the document."""

    documentsToSign: Annotated[list[Signed], Field(min_length=1, max_length=1)]


# the same for OpenAPI, where a body that is read by hand has no model
SIGNED_PAPERS = {
    "type": "object",
    "required": ["documentsToSign"],
    "properties": {
        "documentsToSign": {
            "type": "array",
            "minItems": 1,
            "maxItems": 1,
            "items": {
                "type": "object",
                "required": ["document"],
                "properties": {
                    "document": {
                        "type": "object",
                        "required": ["file"],
                        "properties": {
                            "file": {
                                "type": "object",
                                "required": ["data"],
                                "properties": {"data": {"type": "string", "description": "the CMS, base64"}},
                            }
                        },
                    }
                },
            },
        }
    },
}


class Taken(Answer):
    """The signature is good as far as can be seen without asking others."""

    status: Literal["signed"] = "signed"
