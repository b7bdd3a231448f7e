"""The requests that the benchmark sends to Django."""

import json

import live
from django.contrib.auth import BACKEND_SESSION_KEY, SESSION_KEY, get_user_model
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection
from django.http import HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.http import require_GET, require_POST
from user_sessions import middleware
from user_sessions.models import Session

PAGE_ROWS = 50
COLUMNS = ("session_key", "user__username", "ip", "user_agent", "last_activity")
ORDERS = {"last_active": "-last_activity", "username": "user__username"}
SEARCHES = {"username": "user__username__contains", "address": "ip__contains"}


class SessionMiddleware(middleware.SessionMiddleware):
    """The product's middleware, which leaves `/bare` alone: that path is the floor of this stack."""

    def __call__(self, request):
        if request.path == "/bare":
            return self.get_response(request)
        return super().__call__(request)


def signed_in(view):
    """Refuses a request whose session belongs to nobody."""

    def guarded(request):
        if "username" not in request.session:
            return HttpResponse("sign in first", status=401)
        return view(request)

    return guarded


@require_GET
def bare(request):
    """Answers a constant."""
    return HttpResponse("hello, user-000000")


@require_GET
@signed_in
def hello(request):
    """Greets the user of the session; the middleware then saves the session, which touches it."""
    return HttpResponse(f"hello, {request.session['username']}")


@require_GET
@signed_in
def list_sessions(request):
    """Answers one page of the users' sessions and the exact total.

    The package stores a nameless session for every unknown token; those are nobody's and are not listed.
    """
    sessions = Session.objects.filter(user__isnull=False)
    for name, lookup in SEARCHES.items():
        if name in request.GET:
            sessions = sessions.filter(**{lookup: request.GET[name]})
    total = sessions.count()
    order = ORDERS[request.GET["sort"]]
    if request.GET["sort"] == "username":
        # This makes the join an inner one, which PostgreSQL can read in order of the names.
        sessions = sessions.filter(user__username__isnull=False)
    offset = int(request.GET["offset"])
    # Skipping to a page needs the keys only, which an index holds.
    keys = list(sessions.order_by(order).values_list("pk", flat=True)[offset : offset + PAGE_ROWS])
    rows = Session.objects.filter(pk__in=keys).order_by(order)
    return JsonResponse({"total": total, "sessions": list(rows.values(*COLUMNS))})


@require_POST
def create(request):
    """Signs a user in without a password: the middleware saves the session before the answer leaves."""
    user = get_user_model().objects.only("username").get(username=request.body.decode())
    request.session[SESSION_KEY] = user.pk
    request.session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    request.session["username"] = user.username
    return JsonResponse({"username": user.username}, status=201)


@require_POST
def create_and_tell(request):
    """Signs a user in and tells whoever listens, once the session is saved."""
    answer = create(request)
    request.session.save()
    told = Session.objects.filter(pk=request.session.session_key).values(*COLUMNS).get()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, %s)", [live.CHANNEL, json.dumps(told, cls=DjangoJSONEncoder)])
    return answer


@require_POST
@signed_in
def delete(request):
    """Deletes the sessions whose keys are in the body, in one statement."""
    deleted, _ = Session.objects.filter(pk__in=json.loads(request.body)).delete()
    return JsonResponse({"deleted": deleted})


urlpatterns = [
    path("bare", bare),
    path("hello", hello),
    path("sessions", list_sessions),
    path("sessions/create", create),
    path("sessions/create-and-tell", create_and_tell),
    path("sessions/live", live.stream),
    path("sessions/delete", delete),
]
