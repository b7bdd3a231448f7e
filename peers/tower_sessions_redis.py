"""Launcher of tower-sessions with its store in Redis."""

from contender import run
from redis_server import Redis
from rust_peer import start, tower_sessions


def prepare(sessions, directory, children):
    """Starts Redis, and the server with a full store."""
    redis = Redis(directory, children)
    facts = start(sessions, children, ["redis", f"redis://127.0.0.1:{redis.port}"])
    redis.be_durable()
    return tower_sessions("in Redis", facts, [f"Redis {redis.version}"], "appendonly, appendfsync always; each check saves")


run(prepare)
