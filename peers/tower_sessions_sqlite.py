"""Launcher of tower-sessions with its store in SQLite."""

from contender import run
from rust_peer import start, tower_sessions, version


def prepare(sessions, directory, children):
    """Starts the server with a full store."""
    facts = start(sessions, children, ["sqlite", str(directory / "sessions.sqlite")])
    versions = [version("tower-sessions-sqlx-store"), version("libsqlite3-sys")]
    return tower_sessions("in SQLite", facts, versions, "WAL with synchronous=FULL; each check saves")


run(prepare)
