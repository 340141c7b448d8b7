"""Forks in a way of its own: … HOW. Children are told apart by name; a child that fails says so by its exit status."""

import gc
import os
import sys

from beginning import begin, track

segment = begin()

import gevent  # noqa: E402
import gevent.monkey  # noqa: E402
import gevent.os  # noqa: E402
import gevent.subprocess  # noqa: E402

if gevent.monkey.is_module_patched("os"):
    # gevent's fork does it after the fork only: of a child that ended before, waitpid never learns. Not patched, the
    # handler would take the status of children that only the native waitpid knows of.
    gevent.get_hub().loop.install_sigchld()

start_new_thread = gevent.monkey.get_original("_thread", "start_new_thread")
native_fork = gevent.monkey.get_original("os", "fork")  # gevent's own is for the main thread
allocate_lock = gevent.monkey.get_original("_thread", "allocate_lock")


def await_children(*children):
    for child in children:
        _, status = gevent.os.waitpid(child, 0)
        assert status == 0, (child, status)


def in_child(fork, function, *arguments):
    """Fork; the child runs the function and ends without exit handlers, the parent gets its id."""
    child = fork()
    if child:
        return child
    try:
        function(*arguments)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        os._exit(1)
    os._exit(0)


def track_and_flush(who, count):
    track(segment, who, range(count))
    assert segment.flush(20)


def under_load(fork):
    """20 children, each ended by its exit handlers, while greenlets of the parent track without end."""
    parent = os.getpid()
    is_over = []

    def keep_tracking(number):
        count = 0
        while not is_over and os.getpid() == parent:
            track(segment, f"parent {number}", range(count, count + 5))
            count += 5
            gevent.sleep(0.001)
        if os.getpid() == parent:
            print(f"parent {number}:{count}", flush=True)

    trackers = [gevent.spawn(keep_tracking, number) for number in range(4)]
    children = []
    for number in range(20):
        gevent.sleep(0.005)
        child = fork()
        if child == 0:
            track(segment, f"child {number}", range(30))
            sys.exit()
        children.append(child)
    is_over.append(True)
    gevent.joinall(trackers)
    await_children(*children)


def os_fork_under_load():
    under_load(os.fork)


def gevent_fork_under_load():
    under_load(gevent.os.fork)


def during_first_sends():
    """A fork while a native thread reads the CA bundle, a connection is opened, and everything else is done first."""
    import certifi

    bundle = f"{sys.argv[3]}.{os.getpid()}"
    with open(bundle, "wb") as file:
        for part in (certifi.where(), sys.argv[3]):
            with open(part, "rb") as source:
                file.write(source.read())
    for number in range(30):
        with segment.Client("write-key", host=sys.argv[2], verify=bundle) as client:
            track(client, "parent", [number])
            gevent.sleep(0.001 * number)
            child = os.fork()
            if child == 0:
                track(client, "child", [number])
                sys.exit()
            track(client, "parent", [30 + number])
            await_children(child)
    os.unlink(bundle)


def grandchildren():
    track(segment, "generation 0", range(50))
    for generation in range(1, 4):
        child = os.fork()
        if child:
            await_children(child)
            track(segment, f"generation {generation - 1}", range(50, 100))
            return
        track(segment, f"generation {generation}", range(50))


def flush_in_child():
    track(segment, "parent", range(100))
    children = [in_child(os.fork, track_and_flush, "child", 100)]
    track(segment, "parent", range(100, 200))
    await_children(*children)


def idle_calls_in_child():
    track(segment, "parent", range(100))

    def call():
        assert segment.flush(20)
        assert segment.stats.submitted == segment.stats.pending == 0
        assert segment.shutdown()
        assert not segment.track(user_id="child", event="Refused")

    await_children(in_child(os.fork, call))


def from_thread():
    """The child's only thread is then one that was never the home of a hub."""
    track(segment, "parent", range(100))
    over = allocate_lock()
    over.acquire()
    children = []

    def fork():
        try:
            children.append(in_child(native_fork, track_and_flush, "child", 100))
        finally:
            over.release()

    start_new_thread(fork, ())
    over.acquire()
    await_children(*children)
    track(segment, "parent", range(100, 200))


def from_greenlet():
    """Its siblings live on in the child too."""
    children = []

    def fork():
        track(segment, "parent", range(100, 200))
        children.append(in_child(os.fork, track_and_flush, "child", 100))

    def sibling():
        parent = os.getpid()
        while not children and os.getpid() == parent:
            gevent.sleep(0)

    track(segment, "parent", range(100))
    gevent.joinall([gevent.spawn(sibling), gevent.spawn_later(0.01, fork)], raise_error=True)
    await_children(*children)


def callbacks_in_child():
    told = []
    segment.on_success(lambda data, response: told.extend(data["batch"]))
    track(segment, "parent", range(100))

    def work():
        track_and_flush("child", 100)
        assert len(told) == 100, len(told)

    await_children(in_child(os.fork, work))
    assert segment.flush(20)
    assert len(told) == 100, len(told)


def several_clients():
    other = segment.Client("write-key", host=sys.argv[2], verify=sys.argv[3] or None)
    track(segment, "parent", range(50))
    track(other, "parent", range(50, 100))
    if os.fork() == 0:
        track(other, "child", range(50))
        track(segment, "child", range(50, 100))
    else:
        os.wait()
        track(segment, "parent", range(100, 150))
        track(other, "parent", range(150, 200))


def exec_costs_nothing():
    """What a child of gevent.subprocess is before its exec has no more greenlets; the parent keeps its connection."""

    def greenlets():
        return sum(isinstance(each, gevent.Greenlet) and not each.dead for each in gc.get_objects())

    def sockets():
        links = (f"/proc/self/fd/{fd}" for fd in os.listdir("/proc/self/fd"))
        return {os.readlink(link) for link in links if os.path.islink(link)}

    track_and_flush("parent", 100)
    before = sockets()
    assert any(each.startswith("socket:") for each in before), "the connection is kept alive"
    track(segment, "parent", range(100, 120))
    count = greenlets()

    def look():
        if greenlets() > count:
            os.write(2, b"a greenlet was started before exec\n")

    for _ in range(5):
        assert gevent.subprocess.call(["true"], preexec_fn=look) == 0
    assert {each for each in before if each.startswith("socket:")} <= sockets(), (before, sockets())
    track(segment, "parent", range(120, 200))


globals()[sys.argv[4]]()
