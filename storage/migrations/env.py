"""Alembic's entry: runs inside the connection that storage.setup hands over, as nesie_owner."""

from __future__ import annotations

from alembic import context
from sqlalchemy import text
from sqlmodel import SQLModel

import storage.tables  # noqa: F401  fills the metadata

connection = context.config.attributes["connection"]
with connection.begin():
    connection.execute(text("set local role nesie_owner"))
    context.configure(connection=connection, target_metadata=SQLModel.metadata)
    context.run_migrations()
