"""Values of signed messages read by hand: as the library reads them, and nothing that is not what it should be."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from asn1crypto import core
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from activities.integrations.signature import asn1
from activities.integrations.signature.asn1 import INTEGER, OCTETS, TIME, Row, Unreadable, only, reading
from activities.integrations.signature.certificate import parse
from infra.counterparties.pki import der

END = b"\0\0"


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(-(2**200), 2**200), st.integers(-631_152_000, 2_524_607_999), st.binary(max_size=300))
def test_plain_values_are_what_the_library_reads(number: int, seconds: int, content: bytes) -> None:
    at = datetime.fromtimestamp(seconds, UTC)  # 1950 to 2049: UTCTime knows no other years
    assert asn1.number(only(core.Integer(number).dump())) == number
    assert asn1.moment(only(core.UTCTime(at).dump())) == asn1.moment(only(core.GeneralizedTime(at).dump())) == at
    assert asn1.octets(only(core.OctetString(content).dump())) == content
    assert asn1.octets(only(core.OctetBitString(content).dump())) == content


@pytest.mark.parametrize(
    ("tag", "text", "at"),
    [
        (0x17, b"491231235959Z", datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (0x17, b"500101000000Z", datetime(1950, 1, 1, tzinfo=UTC)),
        (0x18, b"20260504093000.25Z", datetime(2026, 5, 4, 9, 30, 0, 250_000, tzinfo=UTC)),
        (0x18, b"20260504143000+0500", datetime(2026, 5, 4, 9, 30, tzinfo=UTC)),
        (0x18, b"20260504093000", None),
        (0x18, b"20261304093000Z", None),
        (0x18, b"260504093000Z", None),
        (0x17, b"20260504093000Z", None),
        (0x17, b"2605040930\xb2\xb3Z", None),
        (0x04, b"260504093000Z", None),
    ],
)
def test_times_of_every_form_have_an_offset_or_are_none(tag: int, text: bytes, at: datetime | None) -> None:
    value = only(bytes([tag, len(text)]) + text)
    if at is not None:
        assert asn1.moment(value) == at
        return
    with pytest.raises(Unreadable), reading("time"):
        asn1.moment(value)


def test_lengths_that_a_mark_ends_are_followed_to_it() -> None:
    inner = b"\x30\x80" + der.integer(1) + b"\x30\x80" + END + END
    with Row(only(b"\x30\x80" + inner + der.octets(b"x") + END)) as row:
        assert row.take(0x30).whole == inner
        assert row.take(OCTETS).contents == b"x"


@pytest.mark.parametrize(
    "read",
    [
        lambda: only(der.integer(1) + b"\0"),
        lambda: only(b"\x30\x80" + der.integer(1)),  # no mark
        lambda: only(b"\x04\x80" + END),  # cannot hold members
        lambda: only(b"\x30\x03\x02\x01"),
        lambda: asn1.members(only(b"\x30\x03\x02\x05\x01")),  # reaches beyond what it lies in
        lambda: asn1.members(only(der.integer(1))),
        lambda: asn1.members(only(der.sequence(*[der.integer(1)] * 1001))),
        lambda: Row(only(der.sequence(der.integer(1)))).take(OCTETS),
        lambda: Row(only(der.sequence())).take(INTEGER),
        lambda: asn1.number(only(b"\x0a\x01\x01")),
        lambda: asn1.number(only(b"\x02\x00")),
        lambda: asn1.oid(only(b"\x06\x41" + b"\x01" * 65)),
        lambda: asn1.octets(only(b"\x03\x02\x01\x00")),
        lambda: asn1.octets(only(b"\x05\x00")),
        lambda: asn1.explicit(only(der.explicit(0, der.integer(1), der.integer(2)))),
        lambda: asn1.named(only(der.sequence(der.oid("1.2.3"), der.integer(1)))),
        lambda: asn1.named(only(der.sequence(der.oid("1.2.3"), b"\x05\x01\x00"))),
        lambda: asn1.extensions(only(der.sequence(*[der.sequence(der.oid("1.2.3"), der.octets(b""))] * 2))),
        lambda: parse(der.sequence(der.octets(bytes(64 * 1024)))),
    ],
    ids=range(19),
)
def test_what_is_not_as_it_should_be_is_refused(read: Callable[[], object]) -> None:
    with pytest.raises(Unreadable):
        read()


def test_a_row_that_holds_more_than_was_taken_is_refused() -> None:
    with pytest.raises(Unreadable, match="follows"), Row(only(der.sequence(der.integer(1), der.integer(2)))) as row:
        row.take(INTEGER)
    with Row(only(der.sequence(der.integer(1)))) as row:
        assert row.maybe(TIME) is None
        assert row.take(INTEGER).contents == b"\x01"
