"""The client: the calls, as an object. It wires the parts and holds no logic of theirs."""

from __future__ import annotations

import os
import time
import weakref
from collections.abc import Callable, Mapping
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from segment_gevent import checks
from segment_gevent.context import Binding, current
from segment_gevent.counters import Health, Stats
from segment_gevent.delivery import lifecycle
from segment_gevent.delivery.lifecycle import Home
from segment_gevent.delivery.pipeline import Pipeline
from segment_gevent.delivery.reporter import Callbacks, OnDrop, OnFailure, OnSuccess, listen
from segment_gevent.delivery.trouble import logger_for
from segment_gevent.events import message
from segment_gevent.events.message import Fields, Id
from segment_gevent.events.timestamps import Timestamp
from segment_gevent.options import Options, Seconds
from segment_gevent.signatures import takes_options

if TYPE_CHECKING:
    import logging

    from segment_gevent.delivery.disabled import Disabled
    from segment_gevent.delivery.oauth.client_key import ClientKey
    from segment_gevent.editing import Editor

C = TypeVar("C")
Values = Mapping[str, Any]


class Client:
    """Sends identify and track calls to Segment from greenlets. The options are those of `initialize`.

    A call costs a few microseconds, and neither switches greenlets nor waits: with `async_=False`, which asks for it,
    it does both. A client may be used from any greenlet, hub and native thread, before and after a fork. As a
    context manager it ends with `shutdown()`.

    Raises:
        ConfigError: an option has a wrong type or value.
        TypeError: an option is unknown; the text names one that is spelt much like it.

    >>> with Client("write-key", host="http://127.0.0.1:9", enabled=False) as client:
    ...     client.track(user_id="ilya", event="Played a Song")  # a disabled client accepts nothing
    False
    """

    @takes_options(Options)
    def __init__(self, options: Options) -> None:
        self._set_up(options, Callbacks())

    @classmethod
    def from_options(cls, options: Options, shared: Callbacks | None = None) -> Client:
        """A client of ready-made options, which calls `shared` callbacks before its own."""
        client = cls.__new__(cls)
        client._set_up(options, Callbacks(shared))
        return client

    def _set_up(self, options: Options, callbacks: Callbacks) -> None:
        self.options = options
        self._callbacks = callbacks
        self._logger = logger_for(log=options.log, level=options.log_level)
        self._editor = _editor(options, self._logger)
        self._disabled = None if options.enabled else _disabled()
        self._pipelines: dict[int, Pipeline] = {}
        # Once a client: each forked child would have to parse the key anew, 28 to 200 ms.
        self._key = _client_key(options)
        _clients.add(self)
        if options.enabled:
            self._pipelines[os.getpid()] = Pipeline(options, callbacks, self._logger, Home.here(), self._key)
            lifecycle.inherits(self)
            if options.spool_dir:
                lifecycle.on_first_turn(partial(_begin_to_look, weakref.ref(self)))
        for diversion in _diversions:
            diversion.divert(self)

    # The six calls.

    def identify(
        self,
        session_id: Id | None = None,
        user_id: Id | None = None,
        traits: Values | None = None,
        *,
        context: Values | None = None,
        timestamp: Timestamp | None = None,
        integrations: Values | None = None,
        message_id: str | None = None,
    ) -> bool:
        """Tie a visitor to who they are, and record traits of theirs.

        Args:
            session_id: the visitor's id before they log in, sent as `anonymousId`. One of the two ids is required.
            user_id: the user's id. A string, a number (0 counts) or a UUID; sent as a string.
            traits: what is known of the user, such as `{"plan": "free"}`.
            context: what is known of the moment, such as `{"ip": …}`.
            timestamp: when it happened: an aware datetime; a naive one counts as UTC, within 5 s of now as local time;
                a date is its midnight in UTC; a string is parsed. Left out, it is now.
            integrations: which destinations get it, such as `{"All": False, "Mixpanel": True}`.
            message_id: under 100 characters, and the same for the same event: the server drops a repeat.

        Returns:
            True when the message was accepted. False when it was refused, since the client is closed or disabled, the
            queue is full, or the message is over 32,768 bytes; `stats.dropped_by_reason` and `on_drop` tell which.

        Raises:
            ValidationError: an argument is wrong; the text names it and the value's type. Nothing was counted.
        """
        if (bound := current()) is not None:
            session_id, user_id = bound.who(session_id, user_id)
        fields = message.identify(session_id, user_id, traits)
        return self._submit("identifies", fields, bound, context, timestamp, integrations, message_id)

    def track(
        self,
        session_id: Id | None = None,
        user_id: Id | None = None,
        event: str | None = None,
        properties: Values | None = None,
        *,
        context: Values | None = None,
        timestamp: Timestamp | None = None,
        integrations: Values | None = None,
        message_id: str | None = None,
    ) -> bool:
        """Record that a user did something: `event` is its name, such as `"Order Completed"`; else as `identify`."""
        if (bound := current()) is not None:
            session_id, user_id = bound.who(session_id, user_id)
        fields = message.track(session_id, user_id, event, properties)
        return self._submit("tracks", fields, bound, context, timestamp, integrations, message_id)

    def page(
        self,
        session_id: Id | None = None,
        user_id: Id | None = None,
        name: str | None = None,
        properties: Values | None = None,
        *,
        category: str | None = None,
        context: Values | None = None,
        timestamp: Timestamp | None = None,
        integrations: Values | None = None,
        message_id: str | None = None,
    ) -> bool:
        """Record that a page was seen; `name` and `category` also stand in its properties. Else as `identify`."""
        if (bound := current()) is not None:
            session_id, user_id = bound.who(session_id, user_id)
        fields = message.page(session_id, user_id, name, properties, category)
        return self._submit("pages", fields, bound, context, timestamp, integrations, message_id)

    def screen(
        self,
        session_id: Id | None = None,
        user_id: Id | None = None,
        name: str | None = None,
        properties: Values | None = None,
        *,
        category: str | None = None,
        context: Values | None = None,
        timestamp: Timestamp | None = None,
        integrations: Values | None = None,
        message_id: str | None = None,
    ) -> bool:
        """Record that a screen of an app was seen; else as `page`."""
        if (bound := current()) is not None:
            session_id, user_id = bound.who(session_id, user_id)
        fields = message.screen(session_id, user_id, name, properties, category)
        return self._submit("screens", fields, bound, context, timestamp, integrations, message_id)

    def group(
        self,
        session_id: Id | None = None,
        user_id: Id | None = None,
        group_id: Id | None = None,
        traits: Values | None = None,
        *,
        context: Values | None = None,
        timestamp: Timestamp | None = None,
        integrations: Values | None = None,
        message_id: str | None = None,
    ) -> bool:
        """Tie a user to a company, team or project; `traits` are the group's. Else as `identify`."""
        if (bound := current()) is not None:
            session_id, user_id = bound.who(session_id, user_id)
        fields = message.group(session_id, user_id, group_id, traits)
        return self._submit("groups", fields, bound, context, timestamp, integrations, message_id)

    def alias(
        self,
        previous_id: Id | None = None,
        user_id: Id | None = None,
        *,
        context: Values | None = None,
        timestamp: Timestamp | None = None,
        integrations: Values | None = None,
        message_id: str | None = None,
    ) -> bool:
        """Say that two ids are one user; both are required. Else as `identify`."""
        if (bound := current()) is not None:
            user_id = bound.user(user_id)
        fields = message.alias(previous_id, user_id)
        return self._submit("aliases", fields, bound, context, timestamp, integrations, message_id)

    def _submit(
        self,
        counter: str,
        fields: Fields,
        bound: Binding | None,
        context: Any,  # the caller's; what is bound, encoded, takes its place
        timestamp: Timestamp | None,
        integrations: Values | None,
        message_id: str | None,
    ) -> bool:
        pipeline = self._pipelines.get(os.getpid()) or self._pipeline()
        editor = self._editor
        if bound is not None:
            context = bound.tail if context is None and editor is None else bound.under(context)
        if editor is not None:
            context, integrations = editor.context(context), editor.integrations(integrations)
        sealed = message.seal(
            fields, context, timestamp, integrations, message_id, new_id=pipeline.new_id(), now=time.time()
        )
        if editor is not None:
            sealed, unwanted = editor.edited(sealed, fields)
            if unwanted:
                return pipeline.refuse(sealed, counter, unwanted)
        return pipeline.submit(sealed, counter)

    # Delivery.

    def flush(self, timeout: Seconds | None = None) -> bool:
        """Wait until everything pending has its fate; it switches greenlets, and other greenlets go on.

        Args:
            timeout: seconds or a timedelta, at most; left out, the option `flush_timeout`.

        Returns:
            True when every message pending at the call was delivered, and so when none was. False when one failed or
            was dropped; when one still waits at the time-out, and goes on to be delivered; and when called in the hub,
            where nothing can wait: there it only wakes the flusher. The callbacks of what it waited for have run by
            then, or go on if the time-out came first, which changes nothing about the answer.

        Raises:
            ValidationError: `timeout` is no duration.
        """
        return self._pipeline().flush(checks.duration(timeout, self.options.flush_timeout))

    def shutdown(self, timeout: Seconds | None = None) -> bool:
        """Flush, stop the flusher, close the connections, and refuse later messages; it switches greenlets.

        Args:
            timeout: seconds or a timedelta, at most; left out, the option `shutdown_timeout`. What is not delivered by
                then goes on disk where there is a `spool_dir`, else it is dropped; with a count and one log line.

        Returns:
            As `flush`. In the hub, where nothing can wait, a greenlet does it a little later, and the answer is False.

        Raises:
            ValidationError: `timeout` is no duration.
        """
        return self._pipeline().shutdown(checks.duration(timeout, self.options.shutdown_timeout))

    @property
    def stats(self) -> Stats:
        """The counts of this process, as a frozen snapshot; never switches."""
        return self._pipeline().stats()

    def health(self) -> Health:
        """Whether messages get through, for probes and status pages: some microseconds; never switches or raises."""
        return self._pipeline().health()

    def hasten(self) -> None:
        """Have what waits sent now, in the background; never switches."""
        self._pipeline().hasten()

    def close_idle(self) -> None:
        """Close the connections if nothing is pending; a later call opens new ones. Never switches."""
        self._pipeline().close_idle()

    def look(self) -> None:
        """Look into the spool, in the background, for what this or other processes left there; never switches."""
        self._pipeline().look()

    def _look_unasked(self) -> None:
        self._pipeline().look(is_asked=False)

    def warm_up(self) -> None:
        """Do now what the first send would do: import requests, read the CA bundle. Some 0.1 s, and it may switch."""
        self._pipeline().warm_up()

    # Listening.

    def on_success(self, callback: OnSuccess) -> OnSuccess:
        """Call `callback(data, response)` once a delivered batch; works as a decorator.

        `data` is the payload as a dict with its `batch`, without `writeKey`; `response` a `requests.Response`. Several
        callbacks are called in the order of registration, in a greenlet of their own: one that raises or blocks
        cooperatively holds up no delivery.

        Raises:
            ValidationError: `callback` can't be called.
        """
        return listen(self._callbacks.success, callback)

    def on_failure(self, callback: OnFailure) -> OnFailure:
        """Call `callback(data, error)` once a batch given up; `error` is a `DeliveryError`. Else as `on_success`."""
        return listen(self._callbacks.failure, callback)

    def on_drop(self, callback: OnDrop) -> OnDrop:
        """Call `callback(message, reason)` once a message that was refused or abandoned. As `on_success`."""
        return listen(self._callbacks.drop, callback)

    # The process.

    def _pipeline(self) -> Pipeline | Disabled:
        """This process's pipeline; in a forked child a new one, and the inherited one is left to the parent."""
        if self._disabled is not None:
            return self._disabled
        pid = os.getpid()
        pipeline = self._pipelines.get(pid)
        if pipeline is None:
            inherited = [other for owner, other in list(self._pipelines.items()) if owner != pid]
            home = inherited[-1].home.in_child()
            # setdefault is atomic: of two native threads that come first at once, one makes the pipeline of both.
            pipeline = self._pipelines.setdefault(
                pid, Pipeline(self.options, self._callbacks, self._logger, home, self._key)
            )
            for other in inherited:
                pipeline.inherit(other)
                other.abandon()
                self._pipelines.pop(other.pid, None)
        return pipeline

    def _divert(self, stand_in: Disabled) -> Callable[[], None]:
        """Have all that is called from now on go to a stand-in; call what is returned to have it back."""
        before = self._pipelines, self._disabled
        self._pipelines, self._disabled = {}, stand_in

        def back() -> None:
            self._pipelines, self._disabled = before

        return back

    def __enter__(self: C) -> C:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shutdown()

    def __repr__(self) -> str:
        return f"<Client of {self.options.host}, {self.stats.pending} pending>"


_clients: weakref.WeakSet[Client] = weakref.WeakSet()
_diversions: list[Diversion] = []


def clients() -> list[Client]:
    """Those that somebody holds, the one that was called most before the others."""
    return sorted(_clients, key=lambda client: client.stats.submitted, reverse=True)


class Diversion:
    """In its block, all calls of all clients go to a stand-in for their pipelines, those of clients made there too.

    For tests of applications. It costs a call outside of such a block nothing.
    """

    def __init__(self, stand_in: Disabled) -> None:
        self._stand_in = stand_in
        self._back: list[Callable[[], None]] = []

    def divert(self, client: Client) -> None:
        self._back.append(client._divert(self._stand_in))

    def __enter__(self) -> None:
        for client in list(_clients):
            self.divert(client)
        _diversions.append(self)

    def __exit__(self, *_error: object) -> None:
        _diversions.remove(self)
        while self._back:
            self._back.pop()()


def is_diverted() -> bool:
    """Whether a block runs in which no client needs a write key."""
    return bool(_diversions)


# What few clients need is imported where one does: the package's import is the application's start.


def _editor(options: Options, logger: logging.Logger) -> Editor | None:
    """None where the options change nothing: then a call pays nothing for it."""
    if not options.changes_messages:
        return None
    from segment_gevent.editing import Editor

    return Editor(options, logger)


def _disabled() -> Disabled:
    from segment_gevent.delivery.disabled import Disabled

    return Disabled()


def _client_key(options: Options) -> ClientKey | None:
    if not options.enabled or not options.oauth_client_key:
        return None
    from segment_gevent.delivery.oauth.client_key import ClientKey

    return ClientKey(options.oauth_client_key)


def _begin_to_look(reference: weakref.ref[Client]) -> None:
    """In the hub, when it first turns, in a forked child too: look into the spool now and then.

    Not where it turns only because the process ends, as that of a server's master does, which leaves the spool alone.
    """
    from segment_gevent.delivery.spool.replays import LOOK_EVERY  # with sqlite3, where there is a spool

    client = reference()
    if client is not None and not lifecycle.is_ending():
        client._look_unasked()
        lifecycle.every(LOOK_EVERY, client._look_unasked)
