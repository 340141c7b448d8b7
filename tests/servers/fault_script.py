"""The faults of the fault matrix: what the server does, and what is to become of the messages that meet it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from servers.fault_server import OK

TIME_OUT = 1.5
"""Seconds that the clients wait for an answer."""


class Fault(NamedTuple):
    """One fault, in the words of `fault_server`, and its messages' fate by their `n`."""

    script: dict[str, Any]
    fate: str = "delivered"
    is_unclear: bool = False
    """Whether the messages may arrive once more: they were taken, but the answer did not say so clearly, or in time."""
    but: Mapping[int, str] = MappingProxyType({})
    """The messages with another fate."""


def answered(status: int, *headers: str, body: str = "", **rest: Any) -> dict[str, Any]:
    lines = [f"HTTP/1.1 {status} Of a fault", f"Content-Length: {len(body)}", *headers, "", body]
    return {"answer": ["\r\n".join(lines)], **rest}


def tried_again(status: int, *headers: str, times: int = 1) -> Fault:
    return Fault(answered(status, *headers, times=times))


def refused(status: int, *headers: str) -> Fault:
    return Fault(answered(status, *headers, final="batch"), fate="failed")


def unclear(*answer: str, then: str = "close", pause: float = 0.0) -> Fault:
    """The messages have arrived, but the answer is none that says so."""
    return Fault({"takes": True, "answer": answer, "then": then, "pause": pause}, is_unclear=True)


def delivered(*answer: str, then: str = "keep", pause: float = 0.0, is_unclear: bool = False) -> Fault:
    """An odd answer, or the end of the connection after it; but it says that the messages have arrived."""
    return Fault({"takes": True, "answer": answer, "then": then, "pause": pause}, is_unclear=is_unclear)


def unread(*answer: str, then: str = "close", **rest: Any) -> Fault:
    """The messages have not arrived, which the client can't know."""
    return Fault({"answer": answer, "then": then, **rest})


FOR_EVER = 10**9
TRICKLE = ["HTTP/1.1 200 OK\r\n", *[f"X-Slow-{n}: 1\r\n" for n in range(20)]]
CHUNKED = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

FAULTS: dict[str, Fault] = {
    # Statuses.
    **{f"status-{status}": tried_again(status) for status in (408, 410, 429, 460, 500, 502, 503, 504, 507, 520, 599)},
    **{f"status-{status}": refused(status) for status in (401, 402, 403, 404, 405, 409, 415, 422, 501, 505, 511)},
    **{f"redirect-{status}": refused(status, "Location: /elsewhere") for status in (301, 302, 307, 308)},
    **{
        f"status-{status}": delivered(f"HTTP/1.1 {status} Of a fault\r\nContent-Length: 0\r\n\r\n")
        for status in (201, 202)
    },
    "status-204": delivered("HTTP/1.1 204 No Content\r\n\r\n"),
    "continue-100": delivered("HTTP/1.1 100 Continue\r\n\r\n", *OK),
    "status-400": Fault(answered(400, times=FOR_EVER, final="single"), fate="failed"),
    "one-bad-message": Fault(answered(400, times=FOR_EVER, final="single", only={"n": [1]}), but={1: "failed"}),
    "too-large-413": Fault(answered(413, times=FOR_EVER, only={"many": True})),
    "too-large-400": Fault(answered(400, body="Exceed payload limit", times=FOR_EVER, only={"many": True})),
    "too-large-alone": Fault(answered(413, times=FOR_EVER, final="single"), fate="failed"),
    # What it asks to wait.
    "retry-after-seconds": tried_again(429, "Retry-After: 1"),
    "retry-after-fraction": tried_again(429, "Retry-After: 0.2", times=3),
    "retry-after-date": tried_again(429, "Date: @DATE@", "Retry-After: @LATER@"),
    "retry-after-past": tried_again(503, "Retry-After: Thu, 01 Jan 1970 00:00:00 GMT"),
    "retry-after-negative": tried_again(429, "Retry-After: -5"),
    "retry-after-garbage": tried_again(429, "Retry-After: soon"),
    "retry-after-empty": tried_again(503, "Retry-After:"),
    "retry-after-of-503": tried_again(503, "Retry-After: 0.3"),
    "rate-limit-reset": tried_again(429, "X-RateLimit-Reset: 0.3"),
    # Time.
    "slow-headers": unclear(*TRICKLE, pause=TIME_OUT / 8),
    "slow-body": unclear("HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n", *["x"] * 20, pause=TIME_OUT / 8),
    "slow-but-in-time": delivered(*OK, pause=0.05),
    "no-answer": unclear(then="silence"),
    "half-an-answer": unclear(OK[0][:-2], then="silence"),
    "not-taken-no-answer": unread(then="silence"),
    "half-open": delivered(*OK, then="silence"),
    # The connection.
    "reset-before-taking": unread(then="reset"),
    "reset-after-taking": unclear(then="reset"),
    "reset-at-connect": delivered(*OK, then="unaccepted"),
    "closed-before-taking": unread(),
    "closed-after-taking": unclear(),
    "closed-while-idle": delivered(*OK, then="close"),
    "reset-while-idle": delivered(*OK, then="reset", is_unclear=True),
    "reset-in-the-answer": unclear("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{", then="reset"),
    "away": unread(then="away", away=2.0),
    # The answer.
    "truncated-status": unclear("HTTP/1.1 2"),
    "truncated-headers": unclear("HTTP/1.1 200 OK\r\nContent-Le", then="reset"),
    "truncated-body": unclear("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"),
    "truncated-chunks": unclear(CHUNKED + "5\r\nabcde\r\n"),
    "truncated-chunk": unclear(CHUNKED + "50\r\nabcde"),
    "bad-chunk-size": unclear(CHUNKED + "zz\r\nabcde\r\n"),
    "chunked": delivered(CHUNKED + "5\r\nabcde\r\n0\r\n\r\n"),
    "garbage": unclear("\x00\xff\x16\x03 what is this\r\n\r\n"),
    "garbage-status": unclear("HTTP/1.1 OK fine\r\n\r\n"),
    "another-protocol": unclear("220 mail.example ESMTP\r\n"),
    "endless-header": unclear("HTTP/1.1 200 OK\r\nX: " + "x" * 100_000 + "\r\n\r\n"),
    "false-gzip": delivered("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope"),
    "no-length": delivered("HTTP/1.1 200 OK\r\n\r\n{}", then="close"),
}

LOST: dict[str, tuple[str, ...]] = {
    # What never ends, each with a client of its own: the reasons that its failure may name.
    "down-for-ever": ("status",),
    "limited-for-ever": ("status",),
    "silent-for-ever": ("timeout",),
    "refused": ("connection",),
    "dns": ("dns",),
    "untrusted-certificate": ("tls",),
    "certificate-of-another": ("tls",),
    "retry-after-300": (),
}
LOST_SCRIPT = {
    "down-for-ever": answered(503, "Retry-After: 0", times=FOR_EVER),
    "limited-for-ever": answered(429, "Retry-After: 0.2", times=FOR_EVER),
    "silent-for-ever": {"answer": [], "then": "silence", "times": FOR_EVER},
    "retry-after-300": answered(429, "Retry-After: 300", times=FOR_EVER),
}
