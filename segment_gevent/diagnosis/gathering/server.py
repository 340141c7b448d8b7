"""Facts of what runs the process, and of what its forks would meet."""

from __future__ import annotations

import gc
import os
import sys
from _thread import get_ident
from collections.abc import Iterator
from types import FrameType
from typing import Any

from segment_gevent.delivery import lifecycle, uwsgi
from segment_gevent.diagnosis.facts import Fork, Server

_CELERY_POOLS = ("gevent", "eventlet", "prefork", "thread", "solo")

_OWN_THREADS = (os.path.join("gevent", "threadpool"), os.path.join("segment_gevent", "delivery"))

_WITH_HOOKS = ("ddtrace", "opentelemetry.sdk", "newrelic")


def server() -> Server:
    """Takes some 50 ms in a large process: it looks for gunicorn's arbiter among all objects."""
    return _of_uwsgi() or _of_gunicorn() or _of_celery() or Server(runs_asyncio=_runs_asyncio())


def _of_uwsgi() -> Server | None:
    module = uwsgi.module()
    if module is None:
        return None
    options = {_text(name): value for name, value in module.opt.items()}
    loop = _text(module.loop) if getattr(module, "loop", None) else ""
    return Server(
        name="uWSGI",
        is_master=module.worker_id() == 0 and module.masterpid() == os.getpid(),
        worker=f"its loop {loop}" if loop else "",
        is_gevent=loop == "gevent",
        preloads="master" in options and "lazy-apps" not in options and "lazy" not in options,
        has_threads="enable-threads" in options or "threads" in options,
        lazy_apps="lazy-apps" in options or "lazy" in options,
    )


def _of_gunicorn() -> Server | None:
    module = sys.modules.get("gunicorn.arbiter")
    if module is None:
        return None
    # It is a local variable of the server's main function, and nothing else leads to it.
    arbiter = next((each for each in gc.get_objects() if type(each) is module.Arbiter), None)
    if arbiter is None:
        return None
    worker = str(arbiter.cfg.worker_class_str)
    return Server(
        name="gunicorn",
        is_master=_is_master(arbiter),
        worker=f"worker class {worker}",
        is_gevent="gevent" in worker or _is_of_gevent(arbiter),
        preloads=bool(arbiter.cfg.preload_app),
        patience=float(arbiter.cfg.graceful_timeout),
    )


def _is_of_gevent(arbiter: Any) -> bool:
    """Whether it is a class of the application's own, made of gunicorn's."""
    module, worker = sys.modules.get("gunicorn.workers.ggevent"), getattr(arbiter, "worker_class", None)
    return module is not None and isinstance(worker, type) and issubclass(worker, module.GeventWorker)


def _is_master(arbiter: Any) -> bool:
    """`pid` is set when the arbiter starts, which is after it has loaded an application that is preloaded."""
    return getattr(arbiter, "pid", None) in (None, os.getpid())


def _of_celery() -> Server | None:
    if "celery.worker.worker" not in sys.modules and "celery.apps.worker" not in sys.modules:
        return None
    pool = next((name for name in _CELERY_POOLS if f"celery.concurrency.{name}" in sys.modules), "")
    return Server(name="Celery", worker=f"pool {pool}" if pool else "", is_gevent=pool in {"gevent", ""})


def _runs_asyncio() -> bool:
    events = sys.modules.get("asyncio.events")
    return events is not None and events._get_running_loop() is not None


def fork() -> Fork:
    process = sys.modules.get("multiprocessing")
    method = process.get_start_method(allow_none=True) if process is not None else None
    return Fork(
        is_hooked=lifecycle.is_hooked(),
        threads=_threads(),
        start_method=method or "",
        hooked_libraries=tuple(name for name in _WITH_HOOKS if name in sys.modules),
    )


def _threads() -> int:
    """Native threads that run Python, besides this one, gevent's threadpool and the spool's."""
    others = [frame for ident, frame in sys._current_frames().items() if ident != get_ident()]
    return sum(not any(part in path for part in _OWN_THREADS for path in _files(frame)) for frame in others)


def _files(frame: FrameType | None) -> Iterator[str]:
    while frame is not None:
        yield frame.f_code.co_filename
        frame = frame.f_back


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
