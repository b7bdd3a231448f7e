"""Launcher of Redis alone: a GET of the username of a token, which neither checks a deadline nor touches."""

import socket

from contender import run
from redis_server import Redis
from sample import Sample


def prepare(sessions, directory, children):
    """Starts Redis and fills it."""
    redis = Redis(directory, children)
    kept = []
    with socket.create_connection(("127.0.0.1", redis.port)) as connection:
        answers = connection.makefile("rb")
        pending = 0
        for session in Sample(sessions):
            key = session.token.hex()
            connection.sendall(f"SET {key} {session.username}\r\n".encode())
            pending += 1
            if pending == 500:
                pending = drain(answers, pending)
            if len(kept) < 1_000:
                kept.append((key, session.username))
        drain(answers, pending)
    redis.be_durable()

    def get(key, username):
        return {"raw": f"GET {key}\r\n", "contains": f"${len(username)}\r\n{username}\r\n"}

    return {
        "name": f"Redis {redis.version}, GET alone",
        "versions": f"Redis {redis.version}",
        "durability": "appendonly, appendfsync always; a GET writes nothing",
        "address": f"127.0.0.1:{redis.port}",
        "requests": {
            "check": get(*kept[0]),
            "check_spread": [get(*session) for session in kept],
            "introspect": [get(*session) for session in kept],
            "check_unknown": {"raw": "GET nobody\r\n", "contains": "$-1\r\n"},
        },
    }


def drain(answers, count):
    """Reads so many answers, and leaves none."""
    for _ in range(count):
        answers.readline()
    return 0


run(prepare)
