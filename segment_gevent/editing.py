"""What the options do to a message between the call and the buffer: sampling, default values, `before_send`."""

from __future__ import annotations

import logging
import zlib
from collections.abc import Mapping
from typing import Any

import orjson

from segment_gevent.context import fixed, merged
from segment_gevent.errors import ValidationError
from segment_gevent.events.encoding import encode
from segment_gevent.events.message import Fields, mapping
from segment_gevent.events.problems import problems
from segment_gevent.options import Options

HASHES = 1 << 32
"""So many values has the checksum of an id, evenly spread."""


class Editor:
    """Applies one client's options; asked in the caller's greenlet, and only where `changes_messages`."""

    def __init__(self, options: Options, logger: logging.Logger) -> None:
        self._before_send = options.before_send
        self._context = fixed(options.default_context)
        self._integrations = fixed(options.default_integrations)
        self._sample_rate = options.sample_rate
        self._logger = logger
        self._has_failed = False

    def context(self, given: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        """The call's context over the default one."""
        return _completed("context", given, self._context)

    def integrations(self, given: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        """The call's integrations over the default ones."""
        return _completed("integrations", given, self._integrations)

    def edited(self, sealed: bytes, fields: Fields) -> tuple[bytes, str]:
        """The message as `before_send` wants it, and why it is to be dropped, "" to send it.

        A hook that raises, or returns what is no message, drops it: it may be what removes a secret.
        """
        if self._is_sampled_out(fields):
            return sealed, "sampled"
        if self._before_send is None:
            return sealed, ""
        try:
            returned = self._before_send(orjson.loads(sealed))
            if returned is None:
                return sealed, "before_send"
            if wrong := problems(returned, strict=True):
                raise ValidationError(f"before_send returned no message: {wrong[0]}")
            return bytes(bytearray(encode(returned))), ""  # copied: orjson's own result holds a block of up to 4 KB
        except Exception:
            if not self._has_failed:
                self._has_failed = True
                self._logger.exception("before_send raised; such messages are dropped, and this is said once")
            return sealed, "before_send_error"

    def _is_sampled_out(self, fields: Fields) -> bool:
        """Whether the message's user is not among those whose messages are sent: the same verdict in every process."""
        who = fields.get("userId") or fields.get("anonymousId") or ""
        return zlib.crc32(str(who).encode("utf-8", "replace")) >= self._sample_rate * HASHES


def _completed(name: str, given: Mapping[str, Any] | None, defaults: dict[str, Any]) -> Mapping[Any, Any] | None:
    """The values given over the defaults; the message's own checks are made either way."""
    if not defaults or given is None:
        return defaults or given
    return merged(defaults, mapping(name, given))
