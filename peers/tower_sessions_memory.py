"""Launcher of tower-sessions with its store in memory."""

from contender import run
from rust_peer import start, tower_sessions


def prepare(sessions, directory, children):
    """Starts the server with a full store."""
    facts = start(sessions, children, ["memory"])
    return tower_sessions("in memory", facts, [], "none: a restart forgets everybody")


run(prepare)
