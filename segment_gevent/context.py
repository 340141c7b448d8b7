"""What holds for every call of a request, a task or a block: fields of the context, and whose calls they are.

A binding belongs to one greenlet (or native thread), by Python's contextvars: what one greenlet binds no other sees.
gevent starts a greenlet with nothing bound, whoever spawned it; `carry_context` takes the spawner's binding along.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import wraps
from typing import Any, ParamSpec, TypeAlias, TypeVar

import orjson

from segment_gevent.errors import ValidationError
from segment_gevent.events.encoding import encode
from segment_gevent.events.message import Id, Tail, id_text, mapping, tail

P = ParamSpec("P")
R = TypeVar("R")

WhoseId: TypeAlias = "Id | Callable[[], Id | None]"
"""An id, or a function that finds it out, which is called by each call that needs it: most requests track nothing."""

_IDS = ("user_id", "session_id")


class Binding:
    """What is bound at one moment; never changed, only replaced by another."""

    __slots__ = ("_tail", "fields", "newcomer", "session_id", "user_id")

    def __init__(
        self,
        fields: dict[Any, Any],
        user_id: WhoseId | None = None,
        session_id: WhoseId | None = None,
        newcomer: Callable[[], Id] | None = None,
    ) -> None:
        self.fields = fields
        self.user_id = user_id
        self.session_id = session_id
        self.newcomer = newcomer
        self._tail: Tail | None = None

    @property
    def tail(self) -> Tail:
        """The fields as the end of a message, encoded with the first call that is made under them: 1.5 µs less each."""
        if self._tail is None:
            self._tail = tail(self.fields)
        return self._tail

    def under(self, context: Mapping[Any, Any] | None) -> dict[Any, Any]:
        """A call's context, completed by the fields."""
        return merged(self.fields, mapping("context", context))

    def who(self, session_id: Id | None, user_id: Id | None) -> tuple[Id | None, Id | None]:
        """A call's two ids, each completed by the bound one, unless its other id is of somebody else."""
        if session_id is not None and user_id is not None:
            return session_id, user_id
        own_session, own_user = _found(self.session_id), _found(self.user_id)
        is_nobodys = session_id is user_id is None and own_session in (None, "") and own_user in (None, "")
        if is_nobodys and self.newcomer is not None:
            return self.newcomer(), None
        if not (_agree("session_id", session_id, own_session) and _agree("user_id", user_id, own_user)):
            return session_id, user_id
        return own_session if session_id is None else session_id, own_user if user_id is None else user_id

    def user(self, user_id: Id | None) -> Id | None:
        """The user's id of a call that has no session id."""
        return _found(self.user_id) if user_id is None else user_id

    def with_fields(self, fields: dict[Any, Any]) -> Binding:
        return Binding(fields, self.user_id, self.session_id, self.newcomer)


_EMPTY = Binding({})
_current: ContextVar[Binding | None] = ContextVar("segment_gevent", default=None)
current = _current.get
"""The binding of the calling greenlet, None where nothing was bound; takes 0.01 µs."""


class Scope:
    """Bindings that hold while a function runs, for work that is done in pieces, as the body of an answer is.

    Nothing is left behind between the pieces, and what one piece binds the next one finds: in whichever greenlet or
    thread each runs, and whether or not there is a last one.
    """

    __slots__ = ("_binding",)

    def __init__(
        self,
        fields: Mapping[str, Any] | None = None,
        *,
        user_id: WhoseId | None = None,
        session_id: WhoseId | None = None,
        newcomer: Callable[[], Id] | None = None,
    ) -> None:
        """
        Args:
            newcomer: makes the session's id of calls that would be nobody's.
        """
        outer = current() or _EMPTY
        self._binding: Binding | None = Binding(
            merged(outer.fields, fixed(fields or {})),
            outer.user_id if user_id is None else user_id,
            outer.session_id if session_id is None else session_id,
            outer.newcomer if newcomer is None else newcomer,
        )

    def run(self, function: Callable[P, R], *arguments: P.args, **keywords: P.kwargs) -> R:
        """Call the function under the bindings; what it bound besides is kept for the next."""
        token = _current.set(self._binding)
        try:
            return function(*arguments, **keywords)
        finally:
            self._binding = current()
            _current.reset(token)


@contextmanager
def bound_context(**fields: object) -> Iterator[None]:
    """Have the fields in the context of every call that this greenlet makes in the block; also a decorator.

    They go over what is bound already and under a call's own context. Where both have a dict, the two are merged, at
    every depth. At the end of the block all is bound as it was before: what `bind_context` and `bind_user` did in the
    block goes too. Never switches.

    Raises:
        ValidationError: a field is called `user_id` or `session_id`, which are no part of the context: see `bind_user`.

    >>> with bound_context(ip="198.51.100.7", page={"path": "/cart"}):
    ...     with bound_context(page={"title": "Cart"}):
    ...         current().fields
    {'ip': '198.51.100.7', 'page': {'path': '/cart', 'title': 'Cart'}}
    """
    token = _current.set(current())
    try:
        bind_context(**fields)
        yield
    finally:
        with suppress(ValueError):  # of a generator that is closed in another greenlet, which has a binding of its own
            _current.reset(token)


def bind_context(**fields: object) -> None:
    """Have the fields in the context of every call that this greenlet makes from now on; else as `bound_context`.

    A greenlet that serves one request after another, as those of servers do, keeps them for the next request:
    `SegmentMiddleware` or `bound_context` around the request takes them away again.
    """
    for name in _IDS:
        if name in fields:
            raise ValidationError(f"{name} is no field of the context: bind it with bind_user({name}=…)")
    binding = current() or _EMPTY
    _current.set(binding.with_fields(merged(binding.fields, fixed(fields))))


def bind_user(user_id: WhoseId | None = None, session_id: WhoseId | None = None) -> None:
    """Say whose the calls of this greenlet are from now on, where they do not say it themselves.

    A call that names another user, or another session, than the bound one is of somebody else: nothing is added to its
    ids. `""` in a call stands for no id, and nothing takes its place. Never switches.

    Args:
        user_id: the user's id; or a function that returns it, or None, which each call that needs it calls, and whose
            errors come out of that call. None leaves what is bound, and "" unbinds it.
        session_id: the same for the visitor's id before they log in, sent as `anonymousId`.

    Raises:
        ValidationError: an id is of a type that no id has.
    """
    for name, value in zip(_IDS, (user_id, session_id), strict=True):
        if not callable(value):
            id_text(name, value)
    binding = current() or _EMPTY
    _current.set(
        Binding(
            binding.fields,
            binding.user_id if user_id is None else user_id,
            binding.session_id if session_id is None else session_id,
            binding.newcomer,
        )
    )


def unbind_context(*names: str) -> None:
    """Take fields of these names out of the binding; one that is not bound is no error. Never switches."""
    binding = current()
    if binding is not None:
        fields = {name: value for name, value in binding.fields.items() if name not in names}
        _current.set(binding.with_fields(fields))


def clear_context() -> None:
    """Take all out of the binding of this greenlet, the user too. Never switches."""
    _current.set(None)


def carry_context(function: Callable[P, R]) -> Callable[P, R]:
    """The function, to be called anywhere else under what is bound here and now.

    For other greenlets and for threads: `gevent.spawn(carry_context(send_receipt), order)`. It may be called often, and
    by several at once; what one call binds ends with it.
    """
    binding = current()

    @wraps(function)
    def carried(*arguments: P.args, **keywords: P.kwargs) -> R:
        token = _current.set(binding)
        try:
            return function(*arguments, **keywords)
        finally:
            _current.reset(token)

    return carried


def fixed(values: Mapping[str, Any]) -> dict[str, Any]:
    """What would be sent of the values now: no later change to what they hold, however deep, reaches a message."""
    as_sent: dict[str, Any] = orjson.loads(encode(dict(values)))
    return as_sent


def merged(below: dict[Any, Any], above: dict[Any, Any]) -> dict[Any, Any]:
    """One over the other, in a new dict: where both have a dict the two are merged, at every depth.

    >>> merged({"app": {"name": "shop"}, "ip": "::1"}, {"app": {"build": 7}, "ip": None})
    {'app': {'name': 'shop', 'build': 7}, 'ip': None}
    """
    result = dict(below)
    for key, value in dict.items(above):
        lower = result.get(key)
        result[key] = merged(lower, value) if type(value) is dict and type(lower) is dict else value
    return result


def _found(who: WhoseId | None) -> Id | None:
    return who() if callable(who) else who


def _agree(name: str, given: Id | None, own: Id | None) -> bool:
    """Whether the two may be of one person: they are one id as they would be sent (7 is "7"), or one is none."""
    mine, yours = id_text(name, own), id_text(name, given)
    return mine == yours or not mine or not yours
