"""The sessions that every product is filled with.

The same size gives the same sessions, so that products are compared on the same data.
"""

import random
import time
from typing import NamedTuple

USERNAME_PART = "1234"
ADDRESS_PART = "10.77."
SERVER_NAMES = ("alpha.example.com", "beta.example.com", "gamma.example.com")
USER_AGENTS = tuple(
    f"Mozilla/5.0 ({system}) {engine}/{version}.0"
    for system in ("Windows NT 10.0; Win64; x64", "Macintosh; Mac OS X 14_5", "X11; Linux x86_64", "Android 15; Mobile")
    for engine in ("Chrome", "Firefox", "Edg", "Safari", "OPR")
    for version in range(120, 130)
)
HOUR_MS = 3_600_000
DELETIONS = 3
CHECKED = 1000


class Session(NamedTuple):
    """One session; instants are milliseconds since 1970."""

    number: int
    token: bytes
    user: int
    address: str
    user_agent: str
    server_name: str
    created_at_ms: int
    last_active_at_ms: int

    @property
    def username(self):
        return username(self.user)


class Sample:
    """`size` sessions, and what a right answer about them is once they have been gone through."""

    def __init__(self, size):
        self.size = size
        self.users = max(1, size // 3)
        self.with_username_part = 0
        self.with_address_part = 0

    def __iter__(self):
        random_source = random.Random(self.size)
        now_ms = int(time.time() * 1000)
        for number in range(self.size):
            user = number % self.users
            bits = random_source.getrandbits(24)
            address = f"10.{bits >> 16}.{bits >> 8 & 255}.{bits & 255}"
            last_active_at_ms = now_ms - int(random_source.random() * 8 * HOUR_MS)
            self.with_username_part += USERNAME_PART in username(user)
            self.with_address_part += ADDRESS_PART in address
            yield Session(
                number=number,
                token=random_source.randbytes(32),
                user=user,
                address=address,
                user_agent=USER_AGENTS[bits % len(USER_AGENTS)],
                server_name=SERVER_NAMES[user % len(SERVER_NAMES)],
                created_at_ms=last_active_at_ms - int(random_source.random() * 4 * HOUR_MS),
                last_active_at_ms=last_active_at_ms,
            )


class Presented:
    """The sessions that the requests name, each as its identifier in the product and its user's name."""

    def __init__(self, size):
        self.alive = []
        self.deleted = [[] for _ in range(DELETIONS)]
        self._length = size // 20

    def add(self, session, identifier):
        """Takes a session if a request is to name it.

        Products rewrite the address of a session that is presented, so those that stay alive are not among
        those that a search for an address finds.
        """
        place = session.number % 20
        if place == 0:
            if len(self.alive) < CHECKED and ADDRESS_PART not in session.address:
                self.alive.append((identifier, session.username))
        elif place <= DELETIONS and len(self.deleted[place - 1]) < self._length:
            self.deleted[place - 1].append((identifier, session.username))


def username(user):
    """Names a user by number."""
    return f"user-{user:06}"
