"""Tells whoever listens which sessions are created.

Server-sent events from an asynchronous view, as Django's documentation has them, and PostgreSQL's NOTIFY as psycopg's:
one connection listens for all, and an event is written once for all who hear it.
"""

import asyncio

import psycopg
from asgiref.sync import sync_to_async
from django.db import connection
from django.http import HttpResponse, StreamingHttpResponse

CHANNEL = "sessions"


class Listener:
    """The connection that listens, from the first stream on."""

    def __init__(self):
        self._queues = set()
        self._listening = None

    async def events(self):
        """Yields each event from now on."""
        if self._listening is None:
            self._listening = asyncio.create_task(self._listen())
        queue = asyncio.Queue()
        self._queues.add(queue)
        try:
            yield b": ready\n\n"
            while True:
                yield await queue.get()
        finally:
            self._queues.discard(queue)

    async def _listen(self):
        listening = await psycopg.AsyncConnection.connect(dbname="postgres", user="postgres", autocommit=True)
        await listening.execute(f"LISTEN {CHANNEL}")
        async for notified in listening.notifies():
            event = f"data: {notified.payload}\n\n".encode()
            for queue in self._queues:
                queue.put_nowait(event)


LISTENER = Listener()


def is_signed_in(request):
    """Tells whether the session is somebody's, and gives the connection back, which else is kept as long as the stream."""
    try:
        return "username" in request.session
    finally:
        connection.close()


async def stream(request):
    """Answers with the events, to whoever is signed in."""
    if not await sync_to_async(is_signed_in)(request):
        return HttpResponse("sign in first", status=401)
    return StreamingHttpResponse(LISTENER.events(), content_type="text/event-stream")
