"""Launcher of a list of sessions in PostgreSQL behind axum, with the indexes that it needs."""

import json

from contender import run
from postgresql import PostgreSQL
from rust_peer import checks, lists, start, version


def prepare(sessions, directory, children):
    """Starts PostgreSQL, and the server with a full table."""
    database = PostgreSQL(directory, children)
    facts = start(sessions, children, ["list"], database.environment)
    length = sessions // 20
    # The first thousand are those that requests are made with.
    batches = [range(1_001 + batch * length, 1_001 + (batch + 1) * length) for batch in range(3)]

    def deletion(ids):
        return {
            "method": "POST",
            "path": "/sessions/delete",
            "headers": {"Content-Type": "application/json"},
            "body": json.dumps(list(ids)),
            "status": 200,
            "contains": f'"deleted":{length}',
        }

    create = {
        "method": "POST",
        "path": "/sessions/create",
        "headers": {"Content-Type": "text/plain"},
        "body": "user-000001",
        "status": 201,
        "contains": "user-000001",
    }
    return {
        "name": f"{version('axum')} and PostgreSQL",
        "versions": ", ".join([version("axum"), version("sqlx"), f"PostgreSQL {database.version}"]),
        "durability": "fsync and synchronous_commit on; each check updates",
        "address": facts["address"],
        "requests": checks(facts)
        | lists(sessions, facts)
        | {"create": create, "delete_many": [deletion(ids) for ids in batches]},
    }


run(prepare)
