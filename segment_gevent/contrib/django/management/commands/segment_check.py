"""`manage.py segment_check`: whether an event gets from this project to Segment."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser

import segment_gevent as segment
from segment_gevent.contrib.django import settings


class Command(BaseCommand):  # type: ignore[misc]  # Django has no types
    help = "Sends one event, Segment Checked, by the project's settings, and says what became of it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--timeout", type=float, default=10.0, help="seconds to wait for the answer")

    def handle(self, *_arguments: Any, **options: Any) -> None:
        """Send, and say so.

        Raises:
            CommandError: nothing was sent, and why.
        """
        try:
            settings.reader()
            if settings.has_login_traits():
                settings.login_traits()
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from error
        client = segment.default_client
        if client is None:
            raise CommandError("there is no client: set SEGMENT_WRITE_KEY, and have the application in INSTALLED_APPS")
        errors: list[segment.DeliveryError] = []
        client.on_failure(lambda _data, error: errors.append(error))
        if not client.track(user_id="segment_check", event="Segment Checked"):
            raise CommandError(f"the client took no event: {client.stats.dropped_by_reason}")
        if not client.flush(options["timeout"]):
            raise CommandError(str(errors[0]) if errors else f"no answer within {options['timeout']:g} s")
        self.stdout.write(self.style.SUCCESS(f"{client.options.host} took the event"))
