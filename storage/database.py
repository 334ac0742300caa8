"""One way to PostgreSQL: a pool, and transactions that commit whole or not at all."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import CursorResult, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import create_async_engine
from sqlmodel.ext.asyncio.session import AsyncSession

from rules.errors import Unavailable

_CONNECT_TIMEOUT_SECONDS = 5
_POOL_WAIT_SECONDS = 10


def sqlalchemy_url(url: str) -> str:
    """A libpq URL as SQLAlchemy wants it.

    >>> sqlalchemy_url("postgresql://nesie_app@/nesie?host=/run/pg")
    'postgresql+psycopg://nesie_app@/nesie?host=/run/pg'
    """
    scheme, rest = url.split("://", 1)
    return f"{'postgresql+psycopg' if scheme in ('postgres', 'postgresql') else scheme}://{rest}"


def libpq_url(url: str) -> str:
    """The same URL for psycopg and for the tools of PostgreSQL."""
    return "postgresql://" + url.split("://", 1)[1]


class Database:
    """A pool of connections to one database under one role.

    The texts of database errors never show the values of a statement: those may be personal data.
    """

    def __init__(self, url: str, pool_size: int = 10) -> None:
        self._engine = create_async_engine(
            sqlalchemy_url(url),
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_timeout=_POOL_WAIT_SECONDS,
            pool_pre_ping=True,  # a restarted server costs one reconnect, not one failed request a connection
            hide_parameters=True,
            connect_args={"connect_timeout": _CONNECT_TIMEOUT_SECONDS},
        )

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncSession]:
        """One transaction: commits at the end, rolls back on an exception.

        Raises:
            Unavailable: the server is away, was restarted, or a lock was not to be had in time. Whether
                the commit went through is then unknown: every caller's statements bear to be run again.
        """
        try:
            async with AsyncSession(self._engine, expire_on_commit=False) as session, session.begin():
                yield session
        except (OperationalError, InterfaceError, PoolTimeout) as error:
            raise Unavailable(f"database: {_state(error)}") from error
        except DBAPIError as error:
            if error.connection_invalidated:
                raise Unavailable(f"database: {_state(error)}") from error
            raise

    async def close(self) -> None:
        """Close every connection."""
        await self._engine.dispose()


def is_duplicate(error: DBAPIError) -> bool:
    """Whether a unique index refused the row, and not another rule of the database."""
    return _state(error) == "23505"


def _state(error: Exception) -> str:
    """SQLSTATE where there is one, else the kind of error; never the text, it may quote values."""
    original = getattr(error, "orig", None)
    return str(getattr(original, "sqlstate", None) or type(original or error).__name__)


async def run(session: AsyncSession, statement: str, /, **values: Any) -> CursorResult[Any]:
    """A statement in SQL with bound values, in the session's transaction; rows the session holds back go first."""
    await session.flush()
    return await (await session.connection()).execute(text(statement), values)
