"""Launcher of tower-sessions with its store in PostgreSQL."""

from contender import run
from postgresql import PostgreSQL
from rust_peer import start, tower_sessions, version


def prepare(sessions, directory, children):
    """Starts PostgreSQL, and the server with a full store."""
    database = PostgreSQL(directory, children)
    facts = start(sessions, children, ["postgresql"], database.environment)
    versions = [version("tower-sessions-sqlx-store"), f"PostgreSQL {database.version}"]
    return tower_sessions("in PostgreSQL", facts, versions, "fsync and synchronous_commit on; each check saves")


run(prepare)
