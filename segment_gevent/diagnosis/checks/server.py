"""What the server that runs the application, and its forks, mean for delivery."""

from __future__ import annotations

from collections.abc import Iterator

from segment_gevent.diagnosis.facts import Fork, Server
from segment_gevent.diagnosis.finding import Finding, Subject
from segment_gevent.options import Options
from segment_gevent.words import counted

HERE = Subject("server")

_FATE_IN_MASTER = {
    "gunicorn": "What is tracked here leaves at the master's exit.",
    "uWSGI": "What is tracked here leaves with the first worker.",
}

_GEVENT_WORKERS = {
    "gunicorn": "start it with `-k gevent`",
    "uWSGI": "start it with `--gevent 100`",
    "Celery": "start the worker with `--pool gevent`",
}


def findings(facts: Server, fork: Fork, options: Options) -> Iterator[Finding]:
    yield from _of_loop(facts, options)
    if facts.is_master:
        yield HERE.note(
            "master",
            f"This is {facts.name}'s master, which loads the application and never turns its hub",
            _FATE_IN_MASTER[facts.name],
            "end the loading with segment_gevent.flush(), or track in workers only",
        )
    elif facts.preloads:
        yield HERE.ok("preloads", f"{facts.name} loaded the application before it forked; each worker delivers its own")
    if facts.name == "uWSGI" and not facts.has_threads:
        yield HERE.warning(
            "no-threads",
            "uWSGI runs without --enable-threads",
            "Native threads of this process, those that look up names among them, run only while Python runs.",
            "start it with `--enable-threads`",
        )
    if facts.patience is not None and options.shutdown_timeout >= facts.patience:
        yield HERE.warning(
            "killed-early",
            f"A worker is killed {facts.patience:g} s after it was asked to end",
            f"Delivery at the end may take shutdown_timeout, {options.shutdown_timeout:g} s: what is not sent by then "
            "is lost, without a count.",
            "a longer graceful_timeout, or a shorter shutdown_timeout",
        )
    yield from _of_fork(fork, facts)


def _of_loop(facts: Server, options: Options) -> Iterator[Finding]:
    if facts.runs_asyncio:
        yield HERE.warning(
            "asyncio",
            "An asyncio loop runs in this thread",
            "gevent's hub has no turn as long as asyncio's loop waits: messages leave when a call of this thread "
            "waits in gevent, and at the end.",
            "run the application in a gevent server, or use async_=False with flush_at=1 in threads",
        )
    if not facts.name:
        yield HERE.ok("no-server", "No gunicorn, uWSGI or Celery around this process")
    elif facts.is_gevent:
        yield HERE.ok("gevent-worker", f"{facts.name}, {facts.worker or 'gevent'}")
    elif options.async_:
        yield HERE.error(
            "no-hub",
            f"{facts.name} runs {facts.worker or 'without gevent'}: no hub turns here",
            "What is tracked waits until a flush, or the end of the process.",
            f"{_GEVENT_WORKERS[facts.name]}; or initialize with async_=False and flush_at=1",
        )
    else:
        yield HERE.note(
            "no-hub-needed", f"{facts.name} runs {facts.worker or 'without gevent'}; async_=False sends in the calls"
        )


def _of_fork(fork: Fork, facts: Server) -> Iterator[Finding]:
    if fork.hooked_libraries:
        yield HERE.note(
            "hooks-of-others",
            f"{', '.join(fork.hooked_libraries)} may have at-fork hooks of their own",
            "gevent.subprocess runs os.register_at_fork hooks in every child. One that starts threads or waits can "
            "hang the child (opentelemetry-python 4298, dd-trace-py 18773).",
        )
    if fork.threads and fork.start_method == "fork":
        yield HERE.warning(
            "fork-with-threads",
            f"multiprocessing forks a process that has {counted(fork.threads, 'native thread')}",
            "A lock that such a thread holds at that moment stays locked in the child for ever.",
            'multiprocessing.set_start_method("spawn") or "forkserver"',
        )
    if facts.name == "uWSGI":
        yield HERE.ok("fork-ids", "Forks are noticed by the process id: uWSGI runs no os.register_at_fork hooks")
    elif fork.is_hooked:
        yield HERE.ok("fork-hooks", "Forks are noticed: the client's os.register_at_fork hooks are in place")
