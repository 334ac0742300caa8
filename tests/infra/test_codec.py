"""The encryption of payloads, alone: what opens, and what must never open."""

from __future__ import annotations

import base64
import secrets

import pytest
from pydantic import SecretStr
from temporalio.api.common.v1 import Payload
from temporalio.converter import WorkflowSerializationContext
from temporalio.exceptions import ApplicationError

from infra.codec import ENCRYPTED, REFUSED, EncryptionCodec, PayloadKeys, is_encrypted, workflow_of
from infra.settings import Keys
from infra.temporal import data_converter
from rules.errors import BrokenContract, Conflict

OLD, NEW = secrets.token_bytes(32), secrets.token_bytes(32)
PLAIN = Payload(metadata={"encoding": b"json/plain"}, data='{"name":"Айгүл"}'.encode())


def codec(current: str = "new", **known: bytes) -> EncryptionCodec:
    return EncryptionCodec(PayloadKeys(known or {"old": OLD, "new": NEW}, current))


async def test_a_payload_comes_back_as_it_was_and_is_unreadable_on_the_way() -> None:
    [sealed] = await codec().encode([PLAIN])
    assert sealed.metadata["encoding"] == ENCRYPTED
    assert "Айгүл".encode() not in sealed.SerializeToString()
    assert await codec().decode([sealed]) == [PLAIN]


async def test_the_same_payload_never_looks_the_same_twice() -> None:
    first, second = await codec().encode([PLAIN, PLAIN])
    assert first.data != second.data


async def test_after_a_rotation_old_payloads_open_and_new_ones_use_the_new_key() -> None:
    [before] = await codec("old").encode([PLAIN])
    [after] = await codec("new").encode([PLAIN])
    assert (before.metadata["encryption-key-id"], after.metadata["encryption-key-id"]) == (b"old", b"new")
    assert await codec("new").decode([before, after]) == [PLAIN, PLAIN]


async def test_a_key_that_is_not_configured_is_a_fault_and_not_a_refusal() -> None:
    [sealed] = await codec("old").encode([PLAIN])
    with pytest.raises(BrokenContract, match="not configured"):
        await codec("new", new=NEW).decode([sealed])


async def test_another_key_under_the_same_id_does_not_open() -> None:
    [sealed] = await codec().encode([PLAIN])
    with pytest.raises(BrokenContract, match="not what was sealed"):
        await codec("new", new=secrets.token_bytes(32)).decode([sealed])


async def test_a_changed_byte_a_cut_payload_and_an_exchanged_id_do_not_open() -> None:
    [sealed] = await codec().of_workflow("application/1").encode([PLAIN])
    changed, cut, exchanged, rekeyed = (Payload.FromString(sealed.SerializeToString()) for _ in range(4))
    changed.data = sealed.data[:-1] + bytes([sealed.data[-1] ^ 1])
    cut.data = sealed.data[:11]
    exchanged.metadata["workflow-id"] = b"application/2"
    rekeyed.metadata["encryption-key-id"] = b"old"
    for bad in (changed, cut, exchanged, rekeyed):
        with pytest.raises(BrokenContract, match="not what was sealed"):
            await codec().decode([bad])


async def test_a_sealed_payload_names_its_workflow() -> None:
    context = WorkflowSerializationContext(namespace="nesie", workflow_id="application/7")
    [sealed] = await codec().with_context(context).encode([PLAIN])
    assert workflow_of(sealed) == "application/7"
    [anonymous] = await codec().encode([PLAIN])
    assert workflow_of(anonymous) is None


async def test_plain_payloads_become_unreadable_ones_in_our_processes() -> None:
    nil = Payload(metadata={"encoding": b"binary/null"})
    assert await codec().decode([PLAIN, nil]) == [Payload(metadata={"encoding": REFUSED})] * 2


async def test_plain_payloads_are_shown_to_staff_as_they_are() -> None:
    [sealed] = await codec().encode([PLAIN])
    assert await codec().lenient().decode([PLAIN, sealed]) == [PLAIN, PLAIN]
    assert not is_encrypted(PLAIN)
    assert is_encrypted(sealed)


def test_keys_of_the_wrong_length_or_without_the_current_one_do_not_start() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        PayloadKeys({"k": b"short"}, "k")
    with pytest.raises(ValueError, match="current payload key"):
        PayloadKeys({"k": OLD}, "other")


def test_keys_come_from_the_settings_and_do_not_show_in_texts() -> None:
    key = SecretStr(base64.b64encode(OLD).decode())
    settings = Keys(master={"m": key}, master_current="m", payload={"p": key}, payload_current="p", index=key)
    keys = PayloadKeys.of(settings)
    assert keys.known["p"] == OLD
    assert str(OLD) not in repr(keys)


async def test_the_texts_of_failures_are_sealed_and_a_business_error_keeps_its_code() -> None:
    from temporalio.api.failure.v1 import Failure

    converter, failure = data_converter(PayloadKeys({"k": OLD}, "k")), Failure()
    try:
        try:
            raise ValueError("cause 880412401006")
        except ValueError:
            raise Conflict("already-signed", "signed before", field="/cms")  # noqa: B904 - the forgotten `from`
    except Conflict as error:
        await converter.encode_failure(error, failure)
    assert b"880412401006" not in failure.SerializeToString()
    assert b"signed before" not in failure.SerializeToString()
    assert failure.application_failure_info.type == "already-signed"
    back = await converter.decode_failure(failure)
    assert isinstance(back, ApplicationError)
    assert (back.message, back.non_retryable, list(back.details)) == ("signed before", True, ["Conflict", "/cms"])
    assert back.cause is None
