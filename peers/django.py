"""Launcher of Django with django-user-sessions on PostgreSQL, served by granian."""

import json
import sys
from pathlib import Path

from contender import answers_http, free_port, installed_program, installed_version, run, run_to_end, usable_cores
from postgresql import PostgreSQL
from sample import ADDRESS_PART, USERNAME_PART

PROJECT = Path(__file__).parent / "django_project"
# Enough to keep a core busy while others wait for a commit; more of them only contend for the interpreter.
THREADS_PER_WORKER = 4


def prepare(sessions, directory, children):
    """Fills PostgreSQL, starts granian, and describes the requests."""
    packages = ("Django", "django-user-sessions", "granian", "uvloop", "psycopg")
    versions = [installed_version(package) for package in packages]
    granian = installed_program("granian")
    database = PostgreSQL(directory, children)
    environment = database.environment | {"DJANGO_SETTINGS_MODULE": "settings"}
    facts = json.loads(run_to_end([sys.executable, str(PROJECT / "fill.py"), str(sessions)], env=environment))

    port = free_port()
    command = [granian, "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port), "--no-ws", "--http", "1"]
    command += ["--workers", str(usable_cores()), "--blocking-threads", str(THREADS_PER_WORKER), "wsgi:application"]
    server = children.start("granian", command, cwd=PROJECT, env=environment)
    server.wait_until(lambda: answers_http(port, "/bare"))
    live_port = free_port()
    command = [granian, "--interface", "asginl", "--host", "127.0.0.1", "--port", str(live_port), "--no-ws", "--http", "1"]
    command += ["--workers", "1", "--loop", "uvloop", "asgi:application"]
    streams = environment | {"DJANGO_SETTINGS_MODULE": "settings_of_streams"}
    server = children.start("granian-live", command, cwd=PROJECT, env=streams)
    server.wait_until(lambda: answers_http(live_port, "/bare"))
    return {
        "name": f"{versions[0]}, django-user-sessions on PostgreSQL",
        "versions": ", ".join([*versions, f"PostgreSQL {database.version}"]),
        "durability": "each save is a commit with fsync and synchronous_commit on; each check saves "
        "(SESSION_SAVE_EVERY_REQUEST)",
        "address": f"127.0.0.1:{port}",
        "requests": requests(sessions, facts),
        "live": live(live_port, facts),
    }


def live(port, facts):
    """Describes how a subscriber is opened."""
    return {
        "kind": "events",
        "address": f"127.0.0.1:{port}",
        "open": {"method": "GET", "path": "/sessions/live", "headers": session_cookie(facts["alive"][0][0])},
        "first": ": ready",
        "told": '"session_key"',
    }


def requests(sessions, facts):
    """Describes every request and its right answer."""
    signed_in = session_cookie(facts["alive"][0][0])

    def check(key, username):
        return refused(key) | {"status": 200, "contains": f"hello, {username}"}

    def refused(key):
        return {"method": "GET", "path": "/hello", "headers": session_cookie(key), "status": 401}

    def page(total, offset=0, sort="last_active", search=""):
        return {
            "method": "GET",
            "path": f"/sessions?sort={sort}&offset={offset}{search}",
            "headers": signed_in,
            "status": 200,
            "contains": f'"total": {total},',
        }

    return {
        "bare": {"method": "GET", "path": "/bare", "headers": {}, "status": 200, "contains": "hello, user-000000"},
        "check": check(*facts["alive"][0]),
        "check_spread": [check(*session) for session in facts["alive"]],
        "check_unknown": refused("0" * 32),
        "list_first": page(sessions),
        "list_middle": page(sessions, offset=sessions // 2),
        "list_by_username": page(sessions, sort="username"),
        "list_search": page(facts["with_username_part"], search=f"&username={USERNAME_PART}"),
        "list_search_address": page(facts["with_address_part"], search=f"&address={ADDRESS_PART}"),
        "create": create("/sessions/create"),
        "create_and_tell": create("/sessions/create-and-tell"),
        "delete_many": [
            deletion([key for key, _ in batch], signed_in | {"Content-Type": "application/json"})
            for batch in facts["deleted"]
        ],
        "deleted_check": [refused(batch[0][0]) for batch in facts["deleted"]],
    }


def create(path):
    """Describes a sign-in."""
    return {
        "method": "POST",
        "path": path,
        "headers": {"Content-Type": "text/plain"},
        "body": "user-000001",
        "status": 201,
        "contains": "user-000001",
    }


def session_cookie(key):
    """Presents a session."""
    return {"Cookie": f"sessionid={key}"}


def deletion(keys, headers):
    """Describes the deletion of many sessions in one action."""
    return {
        "method": "POST",
        "path": "/sessions/delete",
        "headers": headers,
        "body": json.dumps(keys),
        "status": 200,
        "contains": f'"deleted": {len(keys)}',
    }


run(prepare)
