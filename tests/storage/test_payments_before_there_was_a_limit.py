"""Payments of an earlier release keep their meaning when the tables change: sent ones stay sent, done ones done."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy.engine import make_url

from storage import setup
from storage.database import libpq_url, sqlalchemy_url


@pytest.fixture
def earlier(database_urls: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A database of its own at the revision before."""
    name, upgrade = f"earlier_{secrets.token_hex(4)}", setup.command.upgrade
    url = make_url(sqlalchemy_url(database_urls["postgres"])).set(database=name)
    root = libpq_url(url.render_as_string(hide_password=False))
    with monkeypatch.context() as patch:
        patch.setattr(setup.command, "upgrade", lambda config, _: upgrade(config, "0003"))
        setup.migrate(root)
    yield root
    with psycopg.connect(libpq_url(database_urls["postgres"]), autocommit=True) as connection:
        connection.execute(f"drop database {name} with (force)")


def test_payments_of_an_earlier_release_go_on(earlier: str) -> None:
    application, odd = uuid4(), f"odd:{uuid4()}"
    insert = (
        "insert into outbound_payment (key, application_id, purpose, request_hash, amount, account, state, sent_at,"
        " bank_reference, value_date) values (%s, %s, 'disbursement', 'h', 9000000, 'a', %s, now() - interval '1 hour',"
        " %s, %s)"
    )
    with psycopg.connect(earlier) as connection:
        connection.execute(insert, (f"disburse:{application}", application, "sending", None, None))
        connection.execute(insert, (odd, None, "done", "B1", "2026-01-15"))
    setup.migrate(earlier)
    with psycopg.connect(earlier) as connection:
        rows = connection.execute(
            "select order_id, channel, state, limit_amount = amount, sent_at = first_sent_at, made_at = sent_at, doubt"
            " from outbound_payment order by state desc"
        ).fetchall()
        assert rows == [
            (str(application), "bank", "sending", True, True, True, None),
            (odd, "bank", "done", True, True, True, None),
        ]
        connection.execute("update outbound_payment set state = 'accepted' where state = 'sending'")
