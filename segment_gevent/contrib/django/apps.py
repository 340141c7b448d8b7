"""The application, which starts with the project."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig

import segment_gevent as segment
from segment_gevent.contrib.django import settings


class SegmentConfig(AppConfig):  # type: ignore[misc]  # Django has no types
    name = "segment_gevent.contrib.django"
    label = "segment_gevent"
    verbose_name = "Segment"

    def ready(self) -> None:
        """Make the default client; have logins told where there are traits to tell."""
        settings.initialize()
        if settings.has_login_traits():
            from django.contrib.auth.signals import user_logged_in

            user_logged_in.connect(identify, dispatch_uid="segment_gevent")


def identify(user: Any, **_signal: object) -> None:
    """Say who logged in, and by the binding which visitor that was until now."""
    if segment.default_client is not None:
        segment.identify(user_id=str(user.pk), traits=settings.login_traits()(user))
