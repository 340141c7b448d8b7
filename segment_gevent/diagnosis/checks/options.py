"""Which options do not fit together, or hardly do what was meant."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from segment_gevent.diagnosis.facts import Log
from segment_gevent.diagnosis.finding import Finding, Subject
from segment_gevent.options import EU_HOST, Options
from segment_gevent.words import counted

HERE = Subject("options")

LOOPBACK = {"localhost", "127.0.0.1", "::1"}


def findings(options: Options, problem: str, *, is_initialized: bool, log: Log) -> Iterator[Finding]:
    found = [*_of_problem(problem, options), *_of_host(options)]
    found += [*_of_sending(options, problem), *_of_times(options), *_of_log(log)]
    yield from found
    if not is_initialized:
        yield HERE.note(
            "not-initialized",
            "initialize was not called in this process",
            "What is looked at are the environment and the defaults.",
        )
    elif not found:
        yield HERE.ok("options", "The options fit together")


def of_others(others: int) -> Iterator[Finding]:
    if others:
        yield HERE.note(
            "several-clients",
            f"The process has {counted(others, 'other client')}",
            "What is said of options, delivery and the ways to the servers is about one of them.",
            "segment_gevent.diagnose(client) for each",
        )


def _of_problem(problem: str, options: Options) -> Iterator[Finding]:
    is_of_key = not options.api_key and "api_key is missing" in problem  # the write key's own subject says it
    if problem and not is_of_key:
        yield HERE.error("options-refused", "initialize would raise ConfigError", problem, "correct that option")


def _of_host(options: Options) -> Iterator[Finding]:
    parts = urlsplit(options.host)
    for end in ("/v1/batch", "/v1", "/batch"):
        if parts.path.endswith(end):
            yield HERE.error(
                "host-with-path",
                f"host ends with {end}, to which /v1/batch is added",
                f"Batches would go to {options.host}/v1/batch.",
                f"host={options.host.removesuffix(end)!r}",
            )
            break
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        yield HERE.warning(
            "host-in-clear",
            f"host is http://{parts.hostname}",
            "Events and the write key can be read on the way.",
            "use https://, unless the way is within one machine or a mesh that encrypts",
        )
    if options.region == "eu" and options.host.startswith("https://api.segment.io"):
        yield HERE.error(
            "host-of-another-region",
            "region is eu, and host is that of the US",
            "An explicit host, SEGMENT_HOST too, goes before the region.",
            f"leave host out, for {EU_HOST}",
        )


def _of_sending(options: Options, problem: str) -> Iterator[Finding]:
    if not options.enabled and not problem:
        yield HERE.warning(
            "disabled",
            "enabled=False: nothing is sent",
            "Calls are checked and counted.",
            "leave enabled out, if it is to",
        )
    if options.transport is not None:
        yield HERE.note(
            "own-transport",
            f"A transport of the application's own sends: {type(options.transport).__name__}",
            "host, proxies, verify and timeout are its business; the ways to the servers were not looked at.",
        )
    if options.uses_outbox:
        yield HERE.note(
            "outbox",
            "Batches go to Redis, and a relay sends them",
            "The ways from here to the servers were not looked at; `segment-gevent relay status` looks at Redis.",
        )
    if options.sample_rate < 1:
        make = HERE.warning if options.sample_rate == 0 else HERE.note
        yield make(
            "sampled",
            f"sample_rate={options.sample_rate:g}: messages of other users are dropped",
            "Which users, their ids decide.",
            "leave sample_rate out, if all are to be sent",
        )
    if options.max_queue_size < options.flush_at:
        yield HERE.error(
            "queue-below-threshold",
            f"max_queue_size={options.max_queue_size} is less than flush_at={options.flush_at}",
            "The queue is full, and refuses messages, before their number starts a flush.",
            "a larger max_queue_size, or a smaller flush_at",
        )
    if not options.async_ and options.flush_at > 1:
        yield HERE.note(
            "sync-in-batches",
            f"async_=False sends at every {options.flush_at}th call only",
            "What comes after the last flush waits for the next one, or the end.",
            "flush_at=1, if each call is to deliver its message",
        )
    if options.max_retries == 0 and not options.spool_dir:
        yield HERE.warning(
            "no-second-chance",
            "max_retries=0, and no spool_dir",
            "Each hiccup of the network loses a batch.",
            "leave max_retries out, or give a spool_dir",
        )


def _of_times(options: Options) -> Iterator[Finding]:
    connect, read = options.timeout
    if options.send_timeout < max(connect, read):
        yield HERE.warning(
            "time-outs",
            f"send_timeout={options.send_timeout:g} ends an attempt before timeout=({connect:g}, {read:g}) can",
            "The attempt is then told as a time-out of no certain step.",
            "a longer send_timeout, or shorter ones in timeout",
        )
    if options.shutdown_timeout == 0 and not options.spool_dir:
        yield HERE.warning(
            "no-time-to-end",
            "shutdown_timeout=0, and no spool_dir",
            "What waits when the process ends is dropped.",
            "leave shutdown_timeout out, or give a spool_dir",
        )
    if options.overflow == "block" and options.block_timeout > options.send_timeout:
        yield HERE.note(
            "long-block",
            f"A call may wait {options.block_timeout:g} s for room in the queue",
            "So long can a request of a visitor take when the server is away.",
        )


def _of_log(log: Log) -> Iterator[Finding]:
    if log.is_disabled:
        yield HERE.warning(
            "log-disabled",
            "The logger segment_gevent is disabled",
            "logging.config disables the loggers that are there before it: troubles of delivery are not told.",
            "disable_existing_loggers=False in the logging configuration",
        )
    elif log.hides_warnings:
        yield HERE.note(
            "log-silent",
            "The logger segment_gevent hides warnings",
            "Troubles of delivery are counted in stats, and not told.",
            "log=True, and a log_level of WARNING or below",
        )
