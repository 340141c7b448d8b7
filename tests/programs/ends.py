"""Tracks, and ends in a way of its own: … HOW. What became of the calls is told last, as JSON."""

import atexit
import gc
import itertools
import json
import os
import signal
import sys

numbers = itertools.count()
accepted = []
refused = []
segment = None


@atexit.register  # before the client's own handler, and so after it
def tell():
    stats = segment.stats
    unknown = set(range(next(numbers))) - {*accepted, *refused}  # an exception came in the middle of the call
    fates = {name: getattr(stats, name) for name in ("delivered", "failed", "dropped", "pending")}
    print(json.dumps({"accepted": accepted, "unknown": list(unknown), **fates}), flush=True)


from beginning import begin  # noqa: E402

segment = begin()

import gevent  # noqa: E402
import gevent.event  # noqa: E402


def track(count):
    for number in itertools.islice(numbers, count):
        is_accepted = segment.track(user_id="ends", event="Counted", properties={"n": number})
        (accepted if is_accepted else refused).append(number)


def keep_tracking(pause=0.0):
    while True:
        track(7)
        gevent.sleep(pause)


def exit_code():
    track(100)
    sys.exit(3)


def exit_in_greenlet():
    track(100)
    gevent.spawn(sys.exit, 3).join()
    raise AssertionError("a SystemExit in a greenlet ends the main one")


def uncaught():
    track(100)
    gevent.sleep(0)
    track(100)
    raise LookupError("of the application")


def uncaught_in_greenlet():
    def fail():
        track(100)
        raise LookupError("of the application")

    gevent.spawn(fail).join()
    track(100)


def killall():
    for _ in range(3):
        track(100)
        gevent.sleep(0)
        gevent.killall([each for each in gc.get_objects() if isinstance(each, gevent.Greenlet)])
        track(100)


def keyboard_interrupt_while_busy():
    print("busy", flush=True)
    while True:
        track(1)
        sum(range(2000))  # the local Segment remembers no more than 100,000 events
        gevent.sleep(0)


def keyboard_interrupt_while_waiting():
    gevent.spawn(keep_tracking, 0.0005)
    print("busy", flush=True)
    gevent.event.Event().wait()


def keyboard_interrupt_while_sending():
    """The only greenlet that runs Python is the flusher, so the signal's exception is raised there if anywhere."""
    track(100)
    segment.on_success(lambda *_: track(100))
    print("busy", flush=True)
    gevent.sleep(60)


def destroyed_hub():
    track(100)
    gevent.sleep(0)
    track(100)
    gevent.get_hub().destroy(destroy_loop=True)


def destroyed_hub_and_new():
    destroyed_hub()
    track(100)
    gevent.sleep(0.001)
    track(100)


def busy_greenlets():
    for _ in range(3):
        gevent.spawn(keep_tracking, 0.0002)  # the local Segment remembers no more than 100,000 events
    gevent.sleep(0.05)


def dropped_client():
    def in_function():
        client = segment.Client("write-key", host=sys.argv[2], verify=sys.argv[3] or None)
        for number in range(100):
            client.track(user_id="dropped", event="Counted", properties={"n": number})

    in_function()
    gc.collect()


def replaced_client():
    track(100)
    segment.initialize("write-key", host=sys.argv[2], verify=sys.argv[3] or None)
    gc.collect()
    track(100)


def synchronous():
    segment.initialize("write-key", host=sys.argv[2], verify=sys.argv[3] or None, async_=False)
    track(105)


def late_exit_handler():
    atexit.register(track, 100)
    track(100)


def without_exit():
    track(100)
    assert segment.flush(20)
    os._exit(0)


def on_sigterm():
    segment.install_signal_handlers()
    gevent.spawn(keep_tracking, 0.001)
    print("busy", flush=True)
    gevent.sleep(60)


def on_sigterm_in_busy_main():
    segment.install_signal_handlers()
    print("busy", flush=True)
    keep_tracking(0.001)


def on_sigterm_in_native_wait():
    import gevent.monkey

    segment.install_signal_handlers()
    track(9)
    print("busy", flush=True)
    gevent.monkey.get_original("time", "sleep")(60)


def on_sigterm_with_handler():
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(4))
    on_sigterm()


def on_sigterm_ignored():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    segment.install_signal_handlers()
    track(1)
    assert segment.flush(20)
    over = gevent.event.Event()
    segment.on_success(lambda *_: over.set())
    track(9)  # fewer than call for a flush: only the signal sends them so soon
    print("busy", flush=True)
    assert over.wait(9)


globals()[sys.argv[4]]()
