"""The Django project that is measured: sessions of django-user-sessions in PostgreSQL.

Of the middleware only what sessions need is on, and what gives answers a Content-Length; the rest of Django
is not measured.
libpq finds the server by PGHOST, which the launcher sets.
"""

SECRET_KEY = "a fixed key: these sessions live for one benchmark on the loopback interface"
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "views"
MIDDLEWARE = ["views.SessionMiddleware", "django.middleware.common.CommonMiddleware"]
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "user_sessions"]
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"

SESSION_ENGINE = "user_sessions.backends.db"
# `last_activity` moves only when the session is saved; this is the documented way to save it on every request.
SESSION_SAVE_EVERY_REQUEST = True

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "postgres",
        "USER": "postgres",
        # Each server thread keeps its connection, as the documentation advises for speed.
        "CONN_MAX_AGE": None,
    }
}
