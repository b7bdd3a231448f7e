"""The settings of the server of streams."""

from settings import *  # noqa: F403
from settings import DATABASES

# Each request has a thread of its own there, so that Django's documentation advises against connections that stay.
DATABASES["default"]["CONN_MAX_AGE"] = 0
# Saving would take a connection until the stream ends.
SESSION_SAVE_EVERY_REQUEST = False
