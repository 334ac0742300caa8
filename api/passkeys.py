"""Passkeys (WebAuthn): what a browser is asked, and whether its answer is right. No attestation, no storage here.

Each thing that can be wrong has its own code. The site is that of our public address; the user is always verified by
the device itself (PIN, finger or face), so that a passkey is two factors in one. Rules: para 6, part 4.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import webauthn
from webauthn.helpers import (
    base64url_to_bytes,
    options_to_json_dict,
    parse_attestation_object,
    parse_authenticator_data,
)
from webauthn.helpers.cose import COSEAlgorithmIdentifier as Algorithm
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorData,
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from api.services import Services
from rules.errors import NotConfirmed

_ALGORITHMS = [Algorithm.ECDSA_SHA_256, Algorithm.EDDSA, Algorithm.RSASSA_PKCS1_v1_5_SHA_256]
_LONGEST_ID = 1023  # bytes, by WebAuthn; more would not fit into the index either
_VERIFIED = UserVerificationRequirement.REQUIRED
JSON = dict[str, Any]


@dataclass(frozen=True)
class Site:
    """Who we are for a browser. id: the host; a number is none, so `localhost` on a developer's machine."""

    id: str
    origin: str
    name: str


@dataclass(frozen=True)
class NewKey:
    """What a device has shown at enrolment."""

    credential_id: bytes
    public_key: bytes
    sign_count: int
    backed_up: bool


@dataclass(frozen=True)
class Shown:
    """What a device has shown with a key that is known."""

    sign_count: int
    backed_up: bool


def site_of(kit: Services) -> Site:
    """Our own."""
    return Site(urlsplit(kit.origin).hostname or "", kit.origin, kit.lender.name("ru"))


def enrolment(site: Site, challenge: bytes, client_id: UUID, name: str, known: Iterable[bytes], seconds: int) -> JSON:
    """The options for `navigator.credentials.create`. name: what the device shows; no personal data."""
    options = webauthn.generate_registration_options(
        rp_id=site.id,
        rp_name=site.name,
        user_id=client_id.bytes,
        user_name=name,
        challenge=challenge,
        timeout=seconds * 1000,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.PREFERRED, user_verification=_VERIFIED
        ),
        exclude_credentials=[PublicKeyCredentialDescriptor(id=one) for one in known],
        supported_pub_key_algs=_ALGORITHMS,
    )
    return options_to_json_dict(options)


def proof(site: Site, challenge: bytes, of: Iterable[bytes], seconds: int) -> JSON:
    """The options for `navigator.credentials.get`. of: credentials; none for whichever the device has for us."""
    options = webauthn.generate_authentication_options(
        rp_id=site.id,
        challenge=challenge,
        timeout=seconds * 1000,
        allow_credentials=[PublicKeyCredentialDescriptor(id=one) for one in of] or None,
        user_verification=_VERIFIED,
    )
    return options_to_json_dict(options)


def challenge_in(credential: JSON) -> bytes:
    """Which challenge an answer is to; whether it is one of ours is asked of the database.

    Raises:
        NotConfirmed: `passkey-unreadable`.
    """
    try:
        return base64url_to_bytes(json.loads(_client_data(credential))["challenge"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise NotConfirmed("passkey-unreadable") from None


def enrolled(site: Site, credential: JSON, challenge: bytes) -> NewKey:
    """The key of an enrolment.

    Raises:
        NotConfirmed: `passkey-origin`, `passkey-site`, `passkey-user-not-verified`, `passkey-unreadable`,
            `passkey-wrong`.
    """
    try:
        attestation = parse_attestation_object(base64url_to_bytes(credential["response"]["attestationObject"]))
        _expect(site, credential, attestation.auth_data, "webauthn.create")
        found = webauthn.verify_registration_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=site.id,
            expected_origin=site.origin,
            require_user_verification=True,
            supported_pub_key_algs=_ALGORITHMS,
        )
    except NotConfirmed:
        raise
    except WebAuthnException:
        raise NotConfirmed("passkey-wrong") from None
    except Exception:  # what is not CBOR or not of this form fails in many ways; none of them is a key
        raise NotConfirmed("passkey-unreadable") from None
    if len(found.credential_id) > _LONGEST_ID:
        raise NotConfirmed("passkey-unreadable")
    return NewKey(found.credential_id, found.credential_public_key, found.sign_count, found.credential_backed_up)


def shown(site: Site, credential: JSON, challenge: bytes, public_key: bytes) -> Shown:
    """What a device has signed with a key that is known. Its counter is compared where it is stored.

    Raises:
        NotConfirmed: as enrolled().
    """
    try:
        data = parse_authenticator_data(base64url_to_bytes(credential["response"]["authenticatorData"]))
        _expect(site, credential, data, "webauthn.get")
        found = webauthn.verify_authentication_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=site.id,
            expected_origin=site.origin,
            credential_public_key=public_key,
            credential_current_sign_count=0,
            require_user_verification=True,
        )
    except NotConfirmed:
        raise
    except WebAuthnException:
        raise NotConfirmed("passkey-wrong") from None
    except Exception:  # as above
        raise NotConfirmed("passkey-unreadable") from None
    return Shown(found.new_sign_count, found.credential_backed_up)


def user_in(credential: JSON) -> bytes | None:
    """Whose key it is, as the device says; a device that keeps no names does not say."""
    handle = credential["response"].get("userHandle")
    try:
        return base64url_to_bytes(handle) if handle else None
    except ValueError:
        raise NotConfirmed("passkey-unreadable") from None


def credential_id_in(credential: JSON) -> bytes:
    """Which key it is.

    Raises:
        NotConfirmed: `passkey-unreadable`.
    """
    try:
        return base64url_to_bytes(credential["rawId"])
    except ValueError:
        raise NotConfirmed("passkey-unreadable") from None


def _client_data(credential: JSON) -> bytes:
    return base64url_to_bytes(credential["response"]["clientDataJSON"])


def _expect(site: Site, credential: JSON, data: AuthenticatorData, kind: str) -> None:
    said = json.loads(_client_data(credential))
    if said["type"] != kind:
        raise NotConfirmed("passkey-unreadable")
    if said["origin"] != site.origin or said.get("crossOrigin"):
        raise NotConfirmed("passkey-origin")
    if data.rp_id_hash != hashlib.sha256(site.id.encode()).digest():
        raise NotConfirmed("passkey-site")
    if not data.flags.uv:
        raise NotConfirmed("passkey-user-not-verified")
