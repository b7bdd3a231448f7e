"""The entry point of the streams, which granian serves beside the rest."""

from django.core.asgi import get_asgi_application

application = get_asgi_application()
