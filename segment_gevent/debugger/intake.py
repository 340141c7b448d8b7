"""One request's headers and JSON, checked against Segment's API: the messages in it, and what is wrong, in words.

Pure: no clock, no I/O, never switches greenlets. The rules for a message and the limits are the library's own, in
`segment_gevent.events`, so that the local Segment cannot drift from what the client believes.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import orjson

from segment_gevent.debugger.catalogue import properties_of
from segment_gevent.debugger.event import Event
from segment_gevent.events.batch import BATCH_BYTES, BATCH_MESSAGES
from segment_gevent.events.message import MESSAGE_LIMIT, TYPES
from segment_gevent.events.problems import problems, wrong_time

BATCH_CALLS = ("batch", "import")
# Far over Segment's own limit, so that a batch somewhat too large can be read and explained. Without an end the 2.7
# million messages in 8 MiB of `{}` took 11 GB and a minute and a half.
MOST_MESSAGES = 10 * BATCH_MESSAGES
# Each message gets the batch's context, which may be megabytes.
MOST_BYTES = 64 * 1024 * 1024
# analytics.js shortens its calls to one letter: /v1/t is /v1/track.
_SHORT = {"b": "batch", **{name[0]: name for name in TYPES}}
_ENDPOINT = re.compile(r"(?:/.*)?/v1/([a-z]+)/?")
_MERGED = ("context", "integrations")
# Of a value that a client made up, this much is shown back.
_SHOWN = 40
UNTYPED = "(unknown type)"
_TOO_DEEP = b'"(nested too deep to keep)"'


class IntakeError(ValueError):
    """The body holds no messages at all: it is not JSON, or not of the form that the call takes."""


@dataclass(slots=True)
class Intake:
    """What a request carried: its messages as events, and the problems of the request itself."""

    events: list[Event] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    sent_at: str | None = None

    @property
    def valid(self) -> bool:
        """True when neither the request nor any of its messages has a problem."""
        return not self.problems and all(event.valid for event in self.events)

    def all_problems(self, limit: int = 20) -> list[str]:
        """The problems of the request, then of its messages with their place in the batch; at most `limit`."""
        found = [*self.problems]
        for place, event in enumerate(self.events):
            found.extend(f"message {place}: {problem}" for problem in event.problems)
            if len(found) >= limit:
                break
        return found[:limit]


def endpoint(path: str) -> str | None:
    """The call that a path names ("batch", "import" or a message type), behind any prefix; None for another path.

    >>> endpoint("/v1/batch"), endpoint("/proxy/v1/t"), endpoint("/v2/import")
    ('batch', 'track', None)
    """
    match = _ENDPOINT.fullmatch(path)
    if match is None:
        return None
    call = _SHORT.get(match[1], match[1])
    return call if call in BATCH_CALLS or call in TYPES else None


class Plan(Protocol):
    """A tracking plan: what is wrong with a decoded message, in words."""

    def problems(self, message: Mapping[str, object], /) -> list[str]: ...


@dataclass(frozen=True, slots=True)
class Rules:
    """What messages are held to: with `strict` all that the official libraries do, and not only what Segment needs;
    and a tracking plan, where there is one."""

    strict: bool = False
    plan: Plan | None = None


def take(call: str, environ: Mapping[str, object], body: bytes, rules: Rules, *, now: float, number: int) -> Intake:
    """Check a request and the messages in it.

    Args:
        call: what `endpoint` made of its path.
        environ: the WSGI environment, read for headers only.
        body: the JSON, inflated.
        rules: what to hold it to.
        now, number: when it arrived, in unix seconds, and which request it was; the events get both.

    Raises:
        IntakeError: when there is no message to be had from the body.
    """
    payload = _decode(body)
    sent_at = payload.get("sentAt")
    intake = Intake(sent_at=sent_at[:_SHOWN] if isinstance(sent_at, str) else None)
    intake.problems += _body_problems(body)
    if rules.strict:
        intake.problems += _content_type_problems(environ)
    intake.problems += key_problems(environ.get("HTTP_AUTHORIZATION"), payload.get("writeKey"))
    intake.problems += _sent_at_problems(sent_at, required=rules.strict and call in BATCH_CALLS)
    if retry_count(environ) is None:
        intake.problems.append(f"X-Retry-Count must be a whole number, not {_shown(environ['HTTP_X_RETRY_COUNT'])}")
    if call in BATCH_CALLS:
        batch = payload.get("batch")
        if not isinstance(batch, list):
            raise IntakeError(f"batch must be a list of messages, not {type(batch).__name__}")
        if len(batch) > MOST_MESSAGES:
            raise IntakeError(f"the batch has {len(batch):,} messages; over {MOST_MESSAGES:,} none is looked at")
        intake.problems += _count_problems(batch)
        shared = {key: payload[key] for key in _MERGED if isinstance(payload.get(key), dict)}
    else:
        batch, shared = [_single(call, payload)], {}
        if payload.get("type", call) != call:
            intake.problems.append(f"type must be {call!r} in a {call} call, not {_shown(payload['type'])}")
    retries = retry_count(environ) or 0
    size = 0
    for message in batch:
        event = _event(message, shared, rules, now, number)
        event.retry = retries
        size += len(event.message)
        if size > MOST_BYTES:
            raise IntakeError(f"with the batch's context its messages have over {MOST_BYTES:,} bytes")
        intake.events.append(event)
    return intake


def retry_count(environ: Mapping[str, object]) -> int | None:
    """The number in `X-Retry-Count`: 0 without that header, None when it is not a whole number."""
    text = str(environ.get("HTTP_X_RETRY_COUNT", "0"))
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def key_problems(authorization: object, write_key: object) -> list[str]:
    """What is wrong with the way a request shows its write key; the texts never hold the key itself."""
    if authorization is None:
        if isinstance(write_key, str) and write_key:
            return []
        return ["no write key: neither an Authorization header nor writeKey in the body"]
    scheme, _, credentials = str(authorization).partition(" ")
    if scheme.lower() == "bearer":
        if not isinstance(write_key, str) or not write_key:
            return ["a Bearer token needs writeKey in the body too"]
        return [] if credentials.strip() else ["the Bearer token is empty"]
    if scheme.lower() == "basic":
        return _basic_problems(credentials, write_key)
    return [f"Authorization must be Basic or Bearer, not {scheme[:20]!r}"]


def _basic_problems(credentials: str, write_key: object) -> list[str]:
    try:
        user, colon, password = base64.b64decode(credentials.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return ["the Basic credentials are not base64 of UTF-8 text"]
    if not colon:
        return ["the Basic credentials lack the colon after the write key"]
    if not user:
        return ["the Basic credentials hold no write key before the colon"]
    if password:
        return ["the Basic credentials hold something after the colon, where nothing belongs"]
    if write_key is not None and write_key != user:
        return ["writeKey in the body is not the key in the Authorization header"]
    return []


def _decode(body: bytes) -> dict[str, object]:
    try:
        payload = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise IntakeError(f"the body is not JSON in UTF-8: {error}") from error
    if not isinstance(payload, dict):
        raise IntakeError(f"the body must be a JSON object, not {type(payload).__name__}")
    return payload


def _shown(value: object) -> str:
    return repr(str(value)[:_SHOWN])


def _body_problems(body: bytes) -> list[str]:
    if len(body) > BATCH_BYTES:
        return [f"the body has {len(body):,} bytes, over the limit of {BATCH_BYTES:,}"]
    return []


def _content_type_problems(environ: Mapping[str, object]) -> list[str]:
    given = str(environ.get("CONTENT_TYPE", ""))
    kind = given.partition(";")[0].strip().lower()
    # Segment's library for browsers says text/plain, for which they ask no preflight.
    if kind == "application/json" or (kind == "text/plain" and "HTTP_ORIGIN" in environ):
        return []
    return [f"Content-Type must be application/json, not {_shown(given)}"]


def _sent_at_problems(sent_at: object, *, required: bool) -> list[str]:
    if sent_at is None:
        return ["sentAt is missing"] if required else []
    return wrong_time("sentAt", sent_at)


def _count_problems(batch: list[object]) -> list[str]:
    if not batch:
        return ["the batch is empty"]
    if len(batch) > BATCH_MESSAGES:
        return [f"the batch has {len(batch):,} messages, over the limit of {BATCH_MESSAGES:,}"]
    return []


def _single(call: str, payload: Mapping[str, object]) -> dict[str, object]:
    """The message of a single call: its body without the envelope's fields, and with the type that its path tells."""
    message = {key: value for key, value in payload.items() if key not in ("writeKey", "sentAt")}
    message.setdefault("type", call)
    return message


def _event(message: object, shared: Mapping[str, object], rules: Rules, now: float, number: int) -> Event:
    fields = message if isinstance(message, dict) else {}
    try:
        encoded = orjson.dumps(message)
        size = len(encoded)
        if shared and fields:
            message = fields = _merged(fields, shared)
            encoded = orjson.dumps(message)
    except TypeError:  # orjson reads 1,024 levels and writes 254.
        return Event(_TOO_DEEP, UNTYPED, None, None, None, None, ("it is nested too deep",), now, number)
    found = problems(message, strict=rules.strict)
    if rules.plan is not None:
        found += rules.plan.problems(fields)
    if size > MESSAGE_LIMIT:
        found.append(f"it has {size:,} bytes, over the limit of {MESSAGE_LIMIT:,}")
    kind = _text_of(fields, "type")
    return Event(
        encoded,
        kind if kind is not None and kind in TYPES else UNTYPED,
        _text_of(fields, "name" if kind in ("page", "screen") else "event"),
        _text_of(fields, "userId"),
        _text_of(fields, "anonymousId"),
        _text_of(fields, "messageId"),
        tuple(found),
        now,
        number,
        previous_id=_text_of(fields, "previousId"),
        properties=properties_of(fields),
    )


def _text_of(message: Mapping[str, object], key: str) -> str | None:
    value = message.get(key)
    return value if isinstance(value, str) else None


def _merged(message: dict[str, object], shared: Mapping[str, object]) -> dict[str, object]:
    """The message with the batch's context and integrations under its own."""
    merged = dict(message)
    for key, common in shared.items():
        own = message.get(key, {})
        if isinstance(own, dict) and isinstance(common, dict):
            merged[key] = {**common, **own}
    return merged
