"""Session libraries for Rust, served by the program of this folder's package."""

import json
import os
import subprocess
from pathlib import Path

from contender import Failure
from sample import ADDRESS_PART, USERNAME_PART

LOCK = Path(__file__).parent / "Cargo.lock"


def start(sessions, children, peer, environment=None):
    """Starts the program on a store; what it says of itself, once the store is full."""
    program = os.environ.get("PEERS_BIN")
    if program is None:
        raise Failure("PEERS_BIN does not say where the program of peers/Cargo.toml is")
    server = children.start(
        "peers",
        [program, "--sessions", str(sessions), *peer],
        env=environment or os.environ,
        facts=True,
    )
    line = server.first_line()
    return json.loads(line)


def version(package):
    """Names a package and its version, such as `axum 0.8.9`."""
    lines = iter(LOCK.read_text().splitlines())
    for line in lines:
        if line == f'name = "{package}"':
            number = next(lines).removeprefix('version = "').removesuffix('"')
            return f"{package} {number}"
    raise Failure(f"{package} is not in peers/Cargo.lock")


def checks(facts):
    """The requests that only look at a session."""

    def check(value, username):
        return refused(value) | {"status": 200, "contains": f"hello, {username}"}

    def refused(value):
        return {"method": "GET", "path": "/hello", "headers": {"Cookie": f"sid={value}"}, "status": 401}

    return {
        "bare": {"method": "GET", "path": "/bare", "headers": {}, "status": 200, "contains": "hello, user-000000"},
        "check": check(*facts["alive"][0]),
        "check_spread": [check(*session) for session in facts["alive"]],
        "check_unknown": refused("AAAAAAAAAAAAAAAAAAAAAA"),
    }


def lists(sessions, facts):
    """The requests that ask for a page."""

    def page(total, offset=0, sort="last_active", search=""):
        path = f"/sessions?sort={sort}&offset={offset}{search}"
        return {"method": "GET", "path": path, "headers": {}, "status": 200, "contains": f'"total":{total}'}

    return {
        "list_first": page(sessions),
        "list_middle": page(sessions, offset=sessions // 2),
        "list_by_username": page(sessions, sort="username"),
        "list_search": page(facts["with_username_part"], search=f"&username={USERNAME_PART}"),
        "list_search_address": page(facts["with_address_part"], search=f"&address={ADDRESS_PART}"),
    }


def tower_sessions(name, facts, more_versions, durability):
    """What the launcher of a store of tower-sessions prints."""
    return {
        "name": f"{version('tower-sessions')} {name}",
        "versions": ", ".join([version("tower-sessions"), version("axum"), *more_versions]),
        "durability": durability,
        "address": facts["address"],
        "requests": checks(facts),
    }
