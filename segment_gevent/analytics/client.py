"""The official client's `Client`, standing on `segment_gevent.Client`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, ClassVar, TypeAlias

import segment_gevent as segment
from segment_gevent.analytics.message import (
    ID_TYPES,
    Message,
    common,
    handed_back,
    is_too_large,
    require,
    text,
    values,
    view,
    who,
)
from segment_gevent.analytics.options import LONGEST_PATIENCE, DefaultConfig, by_official_names, of_core
from segment_gevent.analytics.request import shown

Answer: TypeAlias = "tuple[bool, Message]"
"""Whether the message was taken, and the message."""

OnError: TypeAlias = "Callable[[Exception, list[Message]], object]"


class Queue:
    """What waits or is on its way, as the official client's queue shows it."""

    def __init__(self, client: segment.Client, maxsize: int) -> None:
        self._client = client
        self.maxsize = maxsize

    def qsize(self) -> int:
        return self._client.stats.pending

    def empty(self) -> bool:
        return not self.qsize()

    def full(self) -> bool:
        return 0 < self.maxsize <= self.qsize()


class Client:
    """The official client's surface; delivery, its promises and its `stats` are those of `segment_gevent.Client`.

    Args:
        write_key: the source's write key.
        options: any other option of `segment_gevent.Client`, such as `spool_dir`; it wins over what the official ones
            amount to. docs/migrating.md says what each of those is here.

    Raises:
        AssertionError: `write_key` is no string.
        ConfigError: an option has a wrong type or value.
        ValueError: `max_total_backoff_duration` or `max_rate_limit_duration` is None or negative.
    """

    DefaultConfig = DefaultConfig
    log: ClassVar[logging.Logger] = logging.getLogger("segment")
    consumers: ClassVar[tuple[()]] = ()
    """The official client's threads, of which there are none."""

    def __init__(
        self,
        write_key: str | None = DefaultConfig.write_key,
        host: str | None = DefaultConfig.host,
        debug: bool = DefaultConfig.debug,
        max_queue_size: int = DefaultConfig.max_queue_size,
        send: bool = DefaultConfig.send,
        on_error: OnError | None = DefaultConfig.on_error,
        gzip: bool = DefaultConfig.gzip,
        max_retries: int = DefaultConfig.max_retries,
        sync_mode: bool = DefaultConfig.sync_mode,
        timeout: float | tuple[float, float] | None = DefaultConfig.timeout,
        proxies: Mapping[str, str] | None = DefaultConfig.proxies,
        thread: int = DefaultConfig.thread,
        upload_size: int = DefaultConfig.upload_size,
        upload_interval: float = DefaultConfig.upload_interval,
        log_handler: logging.Handler | None = DefaultConfig.log_handler,
        oauth_client_id: str | None = DefaultConfig.oauth_client_id,
        oauth_client_key: str | None = DefaultConfig.oauth_client_key,
        oauth_key_id: str | None = DefaultConfig.oauth_key_id,
        oauth_auth_server: str | None = DefaultConfig.oauth_auth_server,
        oauth_scope: str | None = DefaultConfig.oauth_scope,
        max_total_backoff_duration: float = DefaultConfig.max_total_backoff_duration,
        max_rate_limit_duration: float = DefaultConfig.max_rate_limit_duration,
        **options: Any,
    ) -> None:
        given = {name: value for name, value in locals().items() if name not in {"self", "options"}}
        require("write_key", write_key, str)
        self.write_key = write_key
        self.host = host
        self.debug = debug
        self.send = send
        self.on_error = on_error
        self.gzip = gzip
        self.sync_mode = sync_mode
        self.timeout = timeout
        self.proxies = proxies
        self.max_total_backoff_duration = max_total_backoff_duration
        self.max_rate_limit_duration = max_rate_limit_duration
        try:
            self._client = segment.Client(**{**of_core(given), **options})
        except segment.ConfigError as error:
            raise segment.ConfigError(by_official_names(str(error), options)) from error
        self._patience = max_total_backoff_duration + max_rate_limit_duration + LONGEST_PATIENCE
        self.queue = Queue(self._client, max_queue_size)
        self._refused: dict[str, Exception] = {}
        if sync_mode:
            self._client.on_failure(partial(_keep, self._refused))
        elif on_error:
            self._client.on_failure(partial(_tell, on_error))
        self._set_up_log(log_handler)

    @property
    def stats(self) -> segment.Stats:
        """The counts of this process, which the official client lacks."""
        return self._client.stats

    # The six calls. Each raises AssertionError for an argument of a wrong type and RuntimeError for a message over
    # 32 KB, and with `sync_mode` the error of a message that was not delivered.

    def identify(
        self,
        user_id: Any = None,
        traits: Any = None,
        context: Any = None,
        timestamp: Any = None,
        anonymous_id: Any = None,
        integrations: Any = None,
        message_id: Any = None,
    ) -> Answer:
        """Record traits of a user. Returns whether the message was taken, and the message."""
        own = {**who(user_id, anonymous_id), "traits": values("traits", traits)}
        return self._send("identify", own, context, timestamp, integrations, message_id)

    def track(
        self,
        user_id: Any = None,
        event: Any = None,
        properties: Any = None,
        context: Any = None,
        timestamp: Any = None,
        anonymous_id: Any = None,
        integrations: Any = None,
        message_id: Any = None,
    ) -> Answer:
        """Record that a user did something. Returns as `identify`."""
        own = {**who(user_id, anonymous_id), "event": event, "properties": values("properties", properties)}
        require("event", event, str)
        return self._send("track", own, context, timestamp, integrations, message_id)

    def alias(
        self,
        previous_id: Any = None,
        user_id: Any = None,
        context: Any = None,
        timestamp: Any = None,
        integrations: Any = None,
        message_id: Any = None,
    ) -> Answer:
        """Say that two ids are one user. Returns as `identify`."""
        require("previous_id", previous_id, ID_TYPES)
        require("user_id", user_id, ID_TYPES)
        own = {"previous_id": text(previous_id), "user_id": text(user_id)}
        return self._send("alias", own, context, timestamp, integrations, message_id)

    def group(
        self,
        user_id: Any = None,
        group_id: Any = None,
        traits: Any = None,
        context: Any = None,
        timestamp: Any = None,
        anonymous_id: Any = None,
        integrations: Any = None,
        message_id: Any = None,
    ) -> Answer:
        """Say which group a user belongs to. Returns as `identify`."""
        require("group_id", group_id, ID_TYPES)
        own = {**who(user_id, anonymous_id), "group_id": text(group_id), "traits": values("traits", traits)}
        return self._send("group", own, context, timestamp, integrations, message_id)

    def page(
        self,
        user_id: Any = None,
        category: Any = None,
        name: Any = None,
        properties: Any = None,
        context: Any = None,
        timestamp: Any = None,
        anonymous_id: Any = None,
        integrations: Any = None,
        message_id: Any = None,
    ) -> Answer:
        """Record that a page was seen. Returns as `identify`."""
        own = {**who(user_id, anonymous_id), **view(category, name, properties)}
        return self._send("page", own, context, timestamp, integrations, message_id)

    def screen(
        self,
        user_id: Any = None,
        category: Any = None,
        name: Any = None,
        properties: Any = None,
        context: Any = None,
        timestamp: Any = None,
        anonymous_id: Any = None,
        integrations: Any = None,
        message_id: Any = None,
    ) -> Answer:
        """Record that a screen of an app was seen. Returns as `identify`."""
        own = {**who(user_id, anonymous_id), **view(category, name, properties)}
        return self._send("screen", own, context, timestamp, integrations, message_id)

    def _send(
        self, kind: str, own: Message, context: object, timestamp: object, integrations: object, message_id: object
    ) -> Answer:
        """Make the core's call of this kind, with its `own` arguments and those that all calls share."""
        shared = common(context, timestamp, integrations, message_id)
        message = handed_back(kind, own, shared)
        self.log.debug("queueing: %s", message)
        try:
            is_taken = getattr(self._client, kind)(**own, **shared)
        except segment.ValidationError as error:  # which the official client sends, for the server to refuse
            self.log.warning("a message of type %s is not sent: %s", kind, error)
            return False, message
        if self.sync_mode and (refused := self._refused.pop(shared["message_id"], None)):
            raise refused
        if not is_taken and is_too_large(message):
            raise RuntimeError("Message exceeds 32kb limit.")
        return is_taken or not self.send, message

    # Delivery.

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until everything pending has its fate; it switches greenlets, and other greenlets go on.

        Args:
            timeout: seconds, at most; left out, as long as it takes: a batch is given up in the end.

        Returns:
            As `segment_gevent.Client.flush`; the official one returns nothing.
        """
        return self._client.flush(self._patience if timeout is None else timeout)

    def join(self) -> bool:
        """Flush, and close the connections. The client stays of use: a later message is delivered too."""
        is_delivered = self.flush()
        self._client.close_idle()
        return is_delivered

    def shutdown(self) -> bool:
        """As `join`: there is no thread to end, and what comes later is not lost, as it is with the official client."""
        return self.join()

    def _set_up_log(self, handler: logging.Handler | None) -> None:
        # What an application set up for the official client's logger holds for what the core says, levels too.
        logging.getLogger("segment_gevent").parent = self.log
        if handler:
            self.log.addHandler(handler)
        if self.debug:
            self.log.setLevel(logging.DEBUG)
            if not self.log.handlers:
                self.log.addHandler(logging.StreamHandler())


def _tell(on_error: OnError, data: dict[str, Any], error: segment.DeliveryError) -> None:
    on_error(shown(error), data["batch"])


def _keep(refused: dict[str, Exception], data: dict[str, Any], error: segment.DeliveryError) -> None:
    """For the calls that wait for these messages, to raise."""
    for message in data["batch"]:
        refused[message["messageId"]] = shown(error)
