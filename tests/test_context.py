"""What is bound for a request, a task or a block: in which calls it shows, for how long, and for whom."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any
from uuid import UUID

import gevent
import pytest
from gevent.pool import Pool

from segment_gevent import (
    Client,
    ValidationError,
    bind_context,
    bind_user,
    bound_context,
    carry_context,
    clear_context,
    unbind_context,
)
from segment_gevent.context import Scope
from segment_gevent.testing import RecordingTransport

Message = dict[str, Any]


@pytest.fixture(autouse=True)
def _nothing_bound() -> Iterator[None]:
    """All tests of a process run in one greenlet."""
    clear_context()
    yield
    clear_context()


class Sending:
    """A client whose messages can be looked at."""

    def __init__(self, client: Client, transport: RecordingTransport) -> None:
        self.client = client
        self._transport = transport

    def track(self, **arguments: Any) -> Message:
        """Track one event; the message as it was sent, its context without the library."""
        assert self.client.track(**{"event": "E", **arguments}) is True
        return self.sent()[-1]

    def sent(self) -> list[Message]:
        assert self.client.flush() is True
        messages = self._transport.messages
        for message in messages:
            del message["context"]["library"]
        return messages


@pytest.fixture
def sending(make_client: Callable[..., Client]) -> Sending:
    transport = RecordingTransport()
    return Sending(make_client(transport=transport), transport)


# Fields.


def test_a_bound_field_is_in_every_call_of_the_block(sending: Sending) -> None:
    """In all six calls, and in none after it."""
    client = sending.client
    with bound_context(ip="::1"):
        client.identify("s")
        client.track("s", event="E")
        client.page("s")
        client.screen("s")
        client.group("s", group_id="g")
        client.alias("s", "u")
    client.track("s", event="E")
    assert [message["context"] for message in sending.sent()] == [{"ip": "::1"}] * 6 + [{}]


def test_the_library_is_told_beside_what_is_bound(make_client: Callable[..., Client]) -> None:
    """In a context that was encoded for many calls too."""
    transport = RecordingTransport()
    with make_client(transport=transport) as client, bound_context(ip="::1"):
        client.track("s", event="E")
    assert set(transport.messages[0]["context"]) == {"ip", "library"}


def test_a_calls_own_context_goes_over_what_is_bound(sending: Sending) -> None:
    """Key by key, at every depth; None is a value like another."""
    with bound_context(ip="::1", page={"path": "/", "seen": {"a": 1}}):
        own = {"ip": None, "page": {"title": "T", "seen": {"b": 2}}}
        assert sending.track(session_id="s", context=own)["context"] == {
            "ip": None,
            "page": {"path": "/", "title": "T", "seen": {"a": 1, "b": 2}},
        }
        assert sending.track(session_id="s", context={"page": "none"})["context"] == {"ip": "::1", "page": "none"}
        with pytest.raises(ValidationError, match="context must be a mapping"):
            sending.track(session_id="s", context="page")
        assert sending.track(session_id="s")["context"] == {"ip": "::1", "page": {"path": "/", "seen": {"a": 1}}}


def test_what_is_bound_goes_over_the_default_context(make_client: Callable[..., Client]) -> None:
    """And the call's own over both."""
    transport = RecordingTransport()
    client = make_client(transport=transport, default_context={"app": {"name": "shop", "build": 1}, "ip": "0.0.0.0"})
    sending = Sending(client, transport)
    with bound_context(ip="::1", app={"build": 2}):
        assert sending.track(session_id="s")["context"] == {"app": {"name": "shop", "build": 2}, "ip": "::1"}
        assert sending.track(session_id="s", context={"app": {"build": 3}})["context"]["app"]["build"] == 3


def fail_in_a_block(sending: Sending) -> None:
    bind_context(ip="::1")
    bind_user("ilya")
    assert sending.track()["context"] == {"locale": "en-GB", "page": {"path": "/", "title": "T"}, "ip": "::1"}
    raise KeyError


def test_blocks_nest_and_end_with_all_that_was_bound_in_them(sending: Sending) -> None:
    """An exception ends them as well; as a decorator too."""
    bind_context(locale="en-GB")
    with bound_context(page={"path": "/"}):
        with pytest.raises(KeyError), bound_context(page={"title": "T"}):
            fail_in_a_block(sending)
        assert sending.track(session_id="s")["context"] == {"locale": "en-GB", "page": {"path": "/"}}
        assert "userId" not in sending.track(session_id="s")
    assert bound_context(ip="::2")(sending.track)(session_id="s")["context"] == {"locale": "en-GB", "ip": "::2"}
    assert sending.track(session_id="s")["context"] == {"locale": "en-GB"}


def test_what_was_bound_can_be_taken_out(sending: Sending) -> None:
    """Some of it by name, or all, the user too."""
    unbind_context("ip")
    bind_context(ip="::1", locale="en-GB")
    bind_user("ilya")
    unbind_context("ip", "unheard of")
    message = sending.track()
    assert (message["context"], message["userId"]) == ({"locale": "en-GB"}, "ilya")
    clear_context()
    assert sending.track(session_id="s")["context"] == {}
    with pytest.raises(ValidationError, match="track needs a session_id or a user_id"):
        sending.track()


def test_later_changes_reach_nothing(sending: Sending) -> None:
    """A field is fixed when it is bound, even one that holds itself."""
    page: dict[str, object] = {"path": "/", "tags": ["a"]}
    endless: dict[str, object] = {}
    endless["self"] = endless
    with bound_context(page=page, endless=endless):
        page["path"] = "/changed"
        page["tags"] = []
        context = sending.track(session_id="s")["context"]
    assert context["page"] == {"path": "/", "tags": ["a"]}
    assert "self" in context["endless"]


@pytest.mark.parametrize("name", ["user_id", "session_id"])
def test_an_id_is_no_field(name: str) -> None:
    """It would go into the context, where nobody looks for it."""
    with pytest.raises(ValidationError, match=rf"bind_user\({name}=…\)"), bound_context(**{name: "ilya"}):
        pass


# Ids.

ILYA = ("visitor-17", "ilya")


@pytest.mark.parametrize(
    ("bound", "given", "sent"),
    [
        pytest.param(ILYA, (None, None), ILYA, id="none given"),
        pytest.param(ILYA, (None, "ilya"), ILYA, id="the same user"),
        pytest.param(ILYA, ("visitor-17", None), ILYA, id="the same session"),
        pytest.param(ILYA, (None, "olga"), (None, "olga"), id="another user"),
        pytest.param(ILYA, ("visitor-18", None), ("visitor-18", None), id="another session"),
        pytest.param(ILYA, ("visitor-18", "olga"), ("visitor-18", "olga"), id="both given"),
        pytest.param(ILYA, ("", None), (None, "ilya"), id="no session"),
        pytest.param(ILYA, ("", "ilya"), (None, "ilya"), id="no session, and the user"),
        pytest.param(ILYA, (None, ""), ("visitor-17", None), id="no user"),
        pytest.param(("visitor-17", None), (None, "olga"), ("visitor-17", "olga"), id="only a session is bound"),
        pytest.param((None, "ilya"), ("visitor-18", None), ("visitor-18", "ilya"), id="only a user is bound"),
        pytest.param((None, 7), (None, "7"), (None, "7"), id="a number and its text"),
        pytest.param((None, 7), ("s", UUID(int=7)), ("s", str(UUID(int=7))), id="a number and another id"),
    ],
)
def test_a_bound_id_serves_where_the_call_gives_none(
    sending: Sending, bound: tuple[Any, Any], given: tuple[Any, Any], sent: tuple[Any, Any]
) -> None:
    """Unless the call's other id is of somebody else."""
    bind_user(session_id=bound[0], user_id=bound[1])
    message = sending.track(session_id=given[0], user_id=given[1])
    assert (message.get("anonymousId"), message.get("userId")) == sent


def test_each_call_takes_the_bound_ids(sending: Sending) -> None:
    """`alias` has no session id: its first is another's."""
    bind_user(user_id="ilya", session_id="visitor-17")
    client = sending.client
    client.identify()
    client.page()
    client.screen()
    client.group(group_id="g")
    client.alias("visitor-16")
    *messages, alias = sending.sent()
    assert [(message["anonymousId"], message["userId"]) for message in messages] == [ILYA] * 4
    assert (alias["previousId"], alias["userId"], alias.get("anonymousId")) == ("visitor-16", "ilya", None)


def test_a_user_is_bound_beside_the_session(sending: Sending) -> None:
    """What is not given stays as it was; "" unbinds."""
    bind_user(session_id="visitor-17")
    bind_user("ilya")
    message = sending.track()
    assert (message["anonymousId"], message["userId"]) == ILYA
    bind_user("")
    assert "userId" not in sending.track()


def test_a_bound_function_is_asked_when_an_id_is_needed(sending: Sending) -> None:
    """Each time, so that who logs in in the middle of a request is told from there on; its errors are the caller's."""
    asked: list[str | None] = ["olga", None]
    bind_user(asked.pop, session_id="s")
    sending.track(session_id="s", user_id="u")
    assert len(asked) == 2
    assert "userId" not in sending.track()
    assert sending.track()["userId"] == "olga"
    with pytest.raises(IndexError):
        sending.track()


def test_what_is_no_id_is_refused_where_it_is_bound() -> None:
    """And not in a call, a hundred lines on."""
    with pytest.raises(ValidationError, match="session_id must be a string"):
        bind_user(session_id={"id": 7})  # type: ignore[arg-type]


# Greenlets.


def test_greenlets_do_not_see_each_others_bindings(sending: Sending) -> None:
    """However they take turns."""

    def request(number: int) -> bool:
        with bound_context(ip=number):
            for _ in range(3):
                gevent.sleep(0)
                sending.client.track("s", event="E", properties={"ip": number})
        sending.client.track("s", event="E", properties={"ip": None})
        return True

    gevent.joinall([gevent.spawn(request, number) for number in range(20)], raise_error=True)
    messages = sending.sent()
    assert len(messages) == 80
    assert all(message["properties"]["ip"] == message["context"].get("ip") for message in messages)


def test_a_new_greenlet_has_nothing_bound_unless_it_is_carried(sending: Sending) -> None:
    """Spawned, in a pool and in a thread; Python's own copy of a context carries it too."""
    with bound_context(ip="::1"):
        carried = carry_context(sending.track)
        whole = copy_context()
    assert gevent.spawn(sending.track, session_id="s").get()["context"] == {}
    assert gevent.spawn(carried, session_id="s").get()["context"] == {"ip": "::1"}
    assert gevent.spawn(whole.run, sending.track, session_id="s").get()["context"] == {"ip": "::1"}
    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(carried, session_id="s").result(20)["context"] == {"ip": "::1"}
    assert sending.track(session_id="s")["context"] == {}


def test_a_carried_function_may_run_many_times_at_once() -> None:
    """What one of them binds is gone with it."""
    with bound_context(ip="::1"):
        carried = carry_context(_bound_besides)
    seen = Pool(8).map(carried, range(8))
    assert seen == [{"ip": "::1", "n": number} for number in range(8)]
    assert carried(9) == {"ip": "::1", "n": 9}


def _bound_besides(number: int) -> dict[str, Any]:
    bind_context(n=number)
    gevent.sleep(0)
    return _fields()


def _fields() -> dict[str, Any]:
    """What is bound, as a call would have it."""
    transport = RecordingTransport()
    with Client("write-key", transport=transport) as client:
        client.track("s", event="E")
    context: dict[str, Any] = transport.messages[0]["context"]
    del context["library"]
    return context


def test_a_scope_holds_for_its_pieces_and_leaves_nothing_between_them() -> None:
    """What one piece binds the next one finds, in whichever greenlet or thread it runs."""
    scope = Scope({"ip": "::1"}, session_id="visitor-17")
    scope.run(bind_context, locale="en-GB")
    assert _fields() == {}
    with pytest.raises(KeyError):
        scope.run({}.__getitem__, "page")
    assert _fields() == {}
    assert gevent.spawn(scope.run, _fields).get() == {"ip": "::1", "locale": "en-GB"}
    seen: list[dict[str, Any]] = []
    thread = threading.Thread(target=lambda: seen.append(scope.run(_fields)))
    thread.start()
    thread.join(20)
    assert seen == [{"ip": "::1", "locale": "en-GB"}]


def test_a_generators_block_that_ends_in_another_greenlet_leaves_that_one_alone() -> None:
    """As the body of an answer may, that nobody read to its end."""

    def body() -> Iterator[dict[str, Any]]:
        with bound_context(ip="::1"):
            yield _fields()

    pieces = body()
    assert gevent.spawn(next, pieces).get() == {"ip": "::1"}
    bind_context(ip="::2")
    pieces.close()  # type: ignore[attr-defined]
    assert _fields() == {"ip": "::2"}
