"""`segment-gevent track` and its siblings: one message sent, and its fate in words."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import requests
from rich.console import Console

from segment_gevent import Client, DeliveryError, Options, ValidationError
from segment_gevent.cli.listener import Listener
from segment_gevent.events.message import MESSAGE_LIMIT

ANSWER_SHOWN = 200
"""Characters of what a server says, at most."""


class Fate(NamedTuple):
    """What became of the message, in words."""

    words: str
    is_good: bool = False


def send(call: str, arguments: Mapping[str, Any], options: Options, within: float) -> int:
    """Make the client's call of that name, and wait so many seconds for the message's fate. Returns the exit code.

    Raises:
        ConfigError: the options can't be used.
        ValidationError: an argument is wrong.
    """
    begin = time.monotonic()
    fates: list[Fate] = []
    with Listener() as listener, Client.from_options(options) as client:
        client.on_success(lambda data, response: fates.append(delivered(data["batch"][0], response)))
        client.on_failure(lambda _data, error: fates.append(Fate(f"not delivered: {in_words(error)}")))
        client.on_drop(lambda _message, reason: fates.append(dropped(reason, listener.failure)))
        getattr(client, call)(**arguments)
        client.flush(within)
    fate = fates[0] if fates else dropped("shutdown", listener.failure)
    line = f"{fate.words} ({time.monotonic() - begin:.2f} s)"
    console = Console(highlight=False, markup=False)
    console.print(line, style="" if fate.is_good else "bold red", soft_wrap=True)
    return 0 if fate.is_good else 1


def delivered(message: Mapping[str, Any], response: requests.Response) -> Fate:
    """What it was, and what the server said."""
    what = message.get("event") or message.get("name") or message.get("groupId") or ""
    who = message.get("userId") or message.get("anonymousId")
    of_what = f" {what!r}" if what else ""
    said = f"the server answered {response.status_code}"
    return Fate(f"delivered {message['type']}{of_what} for {who}, messageId {message['messageId']}: {said}", True)


def in_words(error: DeliveryError) -> str:
    """The error, and the beginning of what the server said with it."""
    text = " ".join(str(getattr(error.response, "text", "")).split())
    return f"{error}: {text[:ANSWER_SHOWN]}" if text else str(error)


def mistake(error: ValidationError) -> str:
    """What is wrong, without how Python would order the arguments."""
    return str(error).partition("; the order here")[0]


def dropped(reason: str, failure: DeliveryError | None) -> Fate:
    """Why the message was not sent, or not for long enough."""
    if reason == "too_large":
        return Fate(f"not sent: the message has over {MESSAGE_LIMIT:,} bytes")
    if reason == "shutdown":
        return Fate(f"not delivered in time: {in_words(failure) if failure else 'no answer came'}")
    return Fate(f"not sent: {reason}")
