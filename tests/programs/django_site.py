"""A Django project in one file: its settings, its pages, its WSGI application and its `manage.py`."""

import io
import os
import sys

import django
from django.conf import settings
from django.urls import path

SITE = __name__

settings.configure(
    ALLOWED_HOSTS=["*"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ["SITE_DATABASE"]}},
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "segment_gevent.contrib.django"],
    MIDDLEWARE=[
        "segment_gevent.contrib.django.middleware.SegmentMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
    ROOT_URLCONF=SITE,
    SECRET_KEY="key",
    SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
    SEGMENT_WRITE_KEY=os.environ.get("SEGMENT_WRITE_KEY"),
    SEGMENT_OPTIONS={"host": os.environ["SEGMENT_HOST"]} if "SEGMENT_HOST" in os.environ else None,
    SEGMENT_REQUESTS={"trusted_proxies": 1, "set_anonymous_id": True},
    SEGMENT_LOGIN_TRAITS=f"{SITE}.traits",
    USE_TZ=True,
)
django.setup()

from django.contrib.auth import login as log_in  # noqa: E402  # models want the settings
from django.contrib.auth.models import User  # noqa: E402
from django.core.handlers.wsgi import WSGIHandler  # noqa: E402
from django.core.management import execute_from_command_line  # noqa: E402
from django.http import FileResponse, HttpResponse, StreamingHttpResponse  # noqa: E402

import segment_gevent as segment  # noqa: E402


def traits(user):
    """What is told of who logs in."""
    return {"username": user.username}


def plain(request):
    segment.track(event="plain")
    return HttpResponse("plain")


def new(request):
    segment.track(event="new")
    return HttpResponse("new")


def quiet(request):
    """Tracks nothing, so that nobody asks who the user is."""
    return HttpResponse("quiet")


def login(request):
    user, _ = User.objects.get_or_create(username="ilya")
    log_in(request, user)
    return HttpResponse(str(user.pk))


def stream(request):
    def pieces():
        yield "a"
        segment.track(event="stream")
        yield "b"

    return StreamingHttpResponse(pieces())


def file(request):
    return FileResponse(io.BytesIO(b"file"))


def fail(request):
    segment.bind_user("somebody else")
    segment.track(event="fail")
    return HttpResponse(status=418)


urlpatterns = [path(view.__name__, view) for view in (plain, new, quiet, login, stream, file, fail)]
application = WSGIHandler()

if __name__ == "__main__":
    execute_from_command_line(sys.argv)
