"""Creates the tables, fills them, and prints as JSON what the launcher needs to know about the sessions.

It runs as a process of its own because the launcher, being called `django.py`, cannot import Django.
"""

import json
import os
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import django
from django.conf import settings
from django.core.management import call_command
from django.db import connection

# At the end of the path, where the launcher cannot stand in for the package of the same name.
sys.path.append(str(Path(__file__).parents[1]))

from sample import Presented, Sample, username  # noqa: E402, found through the path above

ROWS_PER_WRITE = 1000
USER_COLUMNS = "id, username, first_name, last_name, email, password, is_superuser, is_staff, is_active, date_joined"
SESSION_COLUMNS = "session_key, session_data, expire_date, user_id, user_agent, last_activity, ip"
# The package leaves the columns that an administrator sorts and searches by without an index.
INDEXES = (
    "CREATE EXTENSION pg_trgm",
    "CREATE INDEX session_page ON user_sessions_session (last_activity, session_key) WHERE user_id IS NOT NULL",
    "CREATE INDEX session_address_part ON user_sessions_session USING gin (HOST(ip) gin_trgm_ops)",
    "CREATE INDEX user_username_part ON auth_user USING gin (username gin_trgm_ops)",
    "VACUUM ANALYZE",
    "CHECKPOINT",
)


def main():
    """Fills the database that the environment names with as many sessions as the first argument says."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
    django.setup()
    call_command("migrate", verbosity=0)
    sample = Sample(int(sys.argv[1]))
    presented = Presented(sample.size)
    with connection.cursor() as cursor:
        copy(cursor, f"auth_user ({USER_COLUMNS})", users(sample))
        copy(cursor, f"user_sessions_session ({SESSION_COLUMNS})", sessions(sample, presented))
        cursor.execute("SELECT setval(pg_get_serial_sequence('auth_user', 'id'), %s)", [sample.users])
        for statement in INDEXES:
            cursor.execute(statement)
    json.dump(
        {
            "alive": presented.alive,
            "deleted": presented.deleted,
            "with_username_part": sample.with_username_part,
            "with_address_part": sample.with_address_part,
        },
        sys.stdout,
    )


def copy(cursor, target, lines):
    """Streams lines in PostgreSQL's text format into a table."""
    with cursor.copy(f"COPY {target} FROM STDIN") as stream:
        pending = []
        for line in lines:
            pending.append(line)
            if len(pending) == ROWS_PER_WRITE:
                stream.write("".join(pending))
                pending.clear()
        stream.write("".join(pending))


def users(sample):
    """Yields the users, who have no usable password; their ids begin at 1."""
    for user in range(sample.users):
        yield f"{user + 1}\t{username(user)}\t\t\t\t!\tf\tf\tt\tnow\n"


def sessions(sample, presented):
    """Yields the sessions with the data that signing in through `views.create` leaves in them."""
    from user_sessions.backends.db import SessionStore

    store = SessionStore()
    age = timedelta(seconds=settings.SESSION_COOKIE_AGE)
    data_by_user = {}
    for session in sample:
        # Django's keys have 32 characters.
        key = session.token[:16].hex()
        presented.add(session, key)
        data = data_by_user.get(session.user)
        if data is None:
            data = data_by_user[session.user] = store.encode(
                {
                    "_auth_user_id": session.user + 1,
                    "_auth_user_backend": "django.contrib.auth.backends.ModelBackend",
                    "username": session.username,
                }
            )
        last_activity = datetime.fromtimestamp(session.last_active_at_ms / 1000, timezone.utc)
        owner = f"{session.user + 1}\t{session.user_agent}"
        yield f"{key}\t{data}\t{last_activity + age}\t{owner}\t{last_activity}\t{session.address}\n"


main()
