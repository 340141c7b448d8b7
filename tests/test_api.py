"""The module functions: over one default client, before there is one, and when it is replaced."""

from __future__ import annotations

import gc
import inspect
import subprocess
import sys
import textwrap
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gevent
import pytest

import segment_gevent as segment
from segment_gevent import Client, ConfigError
from segment_gevent.testing import Hold, RecordingTransport, ScriptedTransport

ROOT = Path(segment.__file__).parent.parent
CALLS = ("identify", "track", "page", "screen", "group", "alias", "flush", "shutdown")
LISTENERS = ("on_success", "on_failure", "on_drop")


@pytest.fixture(autouse=True)
def _end_of_default_client() -> Iterator[None]:
    """Nothing of one test's default client is pending in the next."""
    yield
    if segment.default_client is not None:
        segment.shutdown(0)


def run(program: str) -> str:
    """Run a program in a process where nothing was initialized, and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
        env={"PATH": "", "PYTHONPATH": str(ROOT)},
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize("name", CALLS)
def test_a_module_function_has_the_signature_of_the_method(name: str) -> None:
    """Less `self`; so have the ones that register callbacks."""
    of_method = inspect.signature(getattr(Client, name))
    without_self = of_method.replace(parameters=list(of_method.parameters.values())[1:])
    assert inspect.signature(getattr(segment, name)) == without_self


@pytest.mark.parametrize("name", [*CALLS, *LISTENERS])
def test_a_module_function_is_named_and_documented(name: str) -> None:
    """`help(segment.track)` says what `help(Client.track)` says."""
    function = getattr(segment, name)
    assert function.__name__ == function.__qualname__ == name
    assert inspect.getdoc(function)


@pytest.mark.parametrize(
    ("arguments", "keywords", "wrong"),
    [((), {"bogus": 1}, "got an unexpected keyword argument 'bogus'"), (range(5), {}, "too many positional arguments")],
)
def test_a_wrong_call_is_told_by_the_name_that_was_called(arguments: Any, keywords: Any, wrong: str) -> None:
    """`track()` of the module, and `Client.track()` of a client."""
    client = segment.initialize("key", transport=RecordingTransport())
    track: Any = segment.track
    with pytest.raises(TypeError, match=rf"^track\(\): {wrong}$"):
        track(*arguments, **keywords)
    of_client: Any = client.track
    with pytest.raises(TypeError, match=r"^Client\.track\(\) "):
        of_client(*arguments, **keywords)


def test_before_initialize_calls_raise_and_the_rest_is_at_rest() -> None:
    """NotInitializedError says what to do; stats are zeros, default_client None, and callbacks may be registered."""
    printed = run(
        """
        import segment_gevent as segment
        calls = [
            lambda: segment.identify("s"), lambda: segment.track("s", event="E"), lambda: segment.page("s"),
            lambda: segment.screen("s"), lambda: segment.group("s", group_id="g"), lambda: segment.alias("a", "b"),
            segment.flush, segment.shutdown, segment.warm_up,
        ]
        for call in calls:
            try:
                call()
            except segment.NotInitializedError as error:
                print(isinstance(error, RuntimeError), error)
        print(segment.stats == segment.Stats(), segment.default_client)
        segment.on_success(print)
        segment.install_signal_handlers()
        """
    )
    *errors, last = printed.splitlines()
    assert errors == ["True call segment_gevent.initialize(write_key) first"] * 9
    assert last == "True None"


def test_an_unknown_attribute_is_an_attribute_error() -> None:
    """`stats` and `default_client` are made at each read; nothing else is."""
    with pytest.raises(AttributeError, match="statz"):
        segment.statz  # noqa: B018
    assert {"stats", "default_client", "track"} <= set(dir(segment))


def test_initialize_returns_the_default_client() -> None:
    """The module functions are its methods, and `stats` its counts."""
    transport = RecordingTransport()
    client = segment.initialize("key", transport=transport)
    assert client is segment.default_client
    assert segment.identify("s") is True
    assert segment.track("s", event="E") is True
    assert segment.flush() is True
    assert segment.stats == client.stats
    assert segment.stats.delivered == 2


def test_a_bad_initialize_leaves_the_default_client() -> None:
    """A mistake in a reload does not end what works."""
    client = segment.initialize("key", transport=RecordingTransport())
    with pytest.raises(ConfigError):
        segment.initialize("key", flush_at=0)
    assert segment.default_client is client
    assert segment.track("s", event="E") is True


def test_initialize_again_drains_the_old_client_in_the_background() -> None:
    """What waited for its threshold goes at once, and `initialize` does not wait for it."""
    old, new = ScriptedTransport(), RecordingTransport()
    segment.initialize("key", transport=old, flush_after=3600)
    segment.track("s", event="first, at once")
    old.wait_for(1)
    segment.track("s", event="waits")
    segment.initialize("key", transport=new)
    assert len(old.sent) == 1
    segment.track("s", event="to the new")
    old.wait_for(2)
    new.wait_for(1)
    assert [message["event"] for message in old.messages] == ["first, at once", "waits"]
    assert [message["event"] for message in new.messages] == ["to the new"]


@pytest.mark.parametrize(
    ("given", "words"), [({"within": "x"}, "within must be"), ({"network": "no"}, "network must be a")]
)
def test_a_wrong_argument_of_diagnose_is_named(given: dict[str, Any], words: str) -> None:
    """And nothing is looked at."""
    with pytest.raises(segment.ValidationError, match=f"^{words}.*str$"):
        segment.diagnose(**given)


def test_flush_also_awaits_replaced_clients() -> None:
    """True only when they, too, delivered; within one time-out for all."""
    hold = Hold()
    segment.initialize("key", transport=ScriptedTransport(hold))
    segment.track("s", event="held")
    hold.arrived.wait()
    segment.initialize("key", transport=RecordingTransport())
    segment.track("s", event="new")
    assert segment.flush(0.05) is False
    flushing = gevent.spawn(segment.flush)
    assert flushing.ready() is False
    hold.release()
    assert flushing.get(timeout=10) is True


def test_flush_tells_of_a_replaced_client_that_failed() -> None:
    """The failure of an old client's batch is not forgotten because the new one is well."""
    hold = Hold(400)
    segment.initialize("key", transport=ScriptedTransport(hold), log=False)
    segment.track("s", event="refused")
    hold.arrived.wait()
    segment.initialize("key", transport=RecordingTransport(), log=False)
    flushing = gevent.spawn(segment.flush)
    gevent.idle()
    hold.release()
    assert flushing.get(timeout=10) is False


@pytest.mark.parametrize("end", [segment.flush, segment.shutdown])
def test_a_replaced_client_that_somebody_kept_is_awaited_too(end: Callable[[], bool]) -> None:
    """It was idle when it was replaced, and went on being used."""
    transport = RecordingTransport()
    kept = segment.initialize("key", transport=transport, flush_after=3600)
    assert kept.track("s", event="first, at once")
    assert segment.flush() is True
    segment.initialize("key", transport=RecordingTransport())
    assert segment.flush() is True
    assert kept.track("s", event="waits")
    assert end() is True
    assert [message["event"] for message in transport.messages] == ["first, at once", "waits"]


def test_a_replaced_client_that_nobody_kept_goes() -> None:
    """What `flush` may still be for is no reason to hold it."""
    replaced = weakref.ref(segment.initialize("key", transport=RecordingTransport()))
    segment.initialize("key", transport=RecordingTransport())
    assert segment.flush() is True
    gc.collect()
    assert replaced() is None


def test_shutdown_ends_replaced_clients_too() -> None:
    """Nothing of an old client goes on when the program has shut down."""
    old = ScriptedTransport(Hold())
    replaced = segment.initialize("key", transport=old, log=False)
    segment.track("s", event="held")
    old.wait_for(1)
    segment.initialize("key", transport=RecordingTransport())
    assert segment.shutdown(0.05) is False
    assert (replaced.stats.pending, dict(replaced.stats.dropped_by_reason)) == (0, {"shutdown": 1})
    assert old.closed == 1
    assert segment.track("s", event="E") is False


def test_initialize_after_shutdown_starts_anew() -> None:
    """A module that was shut down can be used again, with counts from zero."""
    segment.initialize("key", transport=RecordingTransport())
    segment.track("s", event="E")
    assert segment.shutdown() is True
    transport = RecordingTransport()
    segment.initialize("key", transport=transport)
    assert segment.track("s", event="E") is True
    assert segment.flush() is True
    assert segment.stats.submitted == len(transport.messages) == 1


def test_callbacks_of_the_module_survive_initialize() -> None:
    """Registered once, also before the first client, they hear of every default client, in order."""
    heard: list[str] = []

    @segment.on_success
    def first(data: dict[str, Any], response: object) -> None:
        heard.append(f"first {data['batch'][0]['event']}")

    segment.initialize("key", transport=RecordingTransport())
    segment.on_success(lambda data, response: heard.append(f"second {data['batch'][0]['event']}"))
    segment.track("s", event="A")
    segment.flush()
    segment.initialize("key", transport=RecordingTransport())
    segment.track("s", event="B")
    segment.flush()
    assert heard == ["first A", "second A", "first B", "second B"]
    assert callable(first)


def test_a_client_of_its_own_hears_nothing_of_the_module() -> None:
    """`Client(...)` stands alone: its callbacks and the module's do not mix."""
    heard: list[str] = []
    segment.on_success(lambda data, response: heard.append("module"))
    with Client("key", transport=RecordingTransport()) as client:
        client.on_success(lambda data, response: heard.append("client"))
        client.track("s", event="E")
        client.flush()
        segment.initialize("key", transport=RecordingTransport())
        segment.track("s", event="E")
        segment.flush()
    assert heard == ["client", "module"]


@pytest.mark.parametrize("name", LISTENERS)
def test_a_callback_must_be_callable(name: str) -> None:
    """A mistake at registration raises there, not when the first batch is delivered."""
    register: Callable[[Any], Any] = getattr(segment, name)
    with pytest.raises(segment.ValidationError, match="callback must be callable, not int"):
        register(3)


@pytest.mark.parametrize("call", [segment.flush, segment.shutdown])
def test_a_time_out_that_is_no_duration_raises(call: Callable[..., bool]) -> None:
    """Also where nothing is pending; the client goes on."""
    segment.initialize("key", transport=RecordingTransport())
    for timeout in ("3", -1, True, float("nan")):
        with pytest.raises(segment.ValidationError, match="timeout must be a number of seconds"):
            call(timeout)
    assert segment.track("s", event="E") is True


def test_initialize_says_that_it_returns_a_client() -> None:
    """In its signature, as `help` shows it."""
    assert "Client" in str(inspect.signature(segment.initialize).return_annotation)
