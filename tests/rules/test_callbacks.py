"""The signature of callbacks."""

from datetime import UTC, datetime, timedelta

import pytest

from rules.callbacks import sign, verify
from rules.errors import NotConfirmed

NOW = datetime(2026, 1, 15, 9, 0, tzinfo=UTC)
BODY = b'{"event_id": "1"}'
# computed with openssl: printf '1768467600.{"event_id": "1"}' | openssl dgst -sha256 -hmac secret
KNOWN = "t=1768467600,v1=d648e72f9b07f5de74bf7c8add227890042654d31c0aba28fe58a17e7e82fcf3"


def code(header: str | None, body: bytes = BODY, now: datetime = NOW, secret: bytes = b"secret") -> str:
    with pytest.raises(NotConfirmed) as refused:
        verify(secret, header, body, now)
    return refused.value.code


def test_a_signature_made_by_another_program_is_accepted() -> None:
    assert sign(b"secret", BODY, NOW) == KNOWN
    verify(b"secret", KNOWN, BODY, NOW)


@pytest.mark.parametrize("header", [None, "", "t=1,v1=", KNOWN.upper(), KNOWN + ",v1=00", KNOWN.replace("t=1", "t=2")])
def test_a_missing_malformed_or_changed_header_is_refused(header: str | None) -> None:
    assert code(header) == "callback-signature"


def test_another_body_or_another_secret_is_refused() -> None:
    assert code(KNOWN, BODY + b" ") == "callback-signature"
    assert code(KNOWN, secret=b"other") == "callback-signature"


@pytest.mark.parametrize("shift", [timedelta(minutes=6), timedelta(minutes=-6)])
def test_an_old_or_future_callback_is_refused(shift: timedelta) -> None:
    assert code(KNOWN, now=NOW + shift) == "callback-expired"


def test_an_empty_secret_is_a_programmers_error() -> None:
    with pytest.raises(ValueError, match="secret"):
        verify(b"", KNOWN, BODY, NOW)
