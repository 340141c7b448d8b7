"""What an answer means: delivered, try again after so long, or give up. Pure: the random draw and the clock come in.

The table is what Segment's own libraries do with a status (segment-analytics-python 2.4.0, @segment/analytics-node
3.1.0), and what they do not do with a batch that was refused for one of its messages:

    2xx                              delivered
    429                              try again when the server says so; nothing else is sent until then
    408 410 460, 5xx but below       try again
    501 505 511                      give up, S
    3xx, 401 402 403 404 405 407 421 give up, S (a redirect is never followed)
    413, 400 that says "too large"   take the batch apart; a message that is refused alone is given up
    any other 400                    take the batch apart, so often, in search of a bad message; then give up
    any other status                 give up
    no answer at all                 try again
    with OAuth, 400 401 403 511      as above, but once with a new token before that

S: a verdict on who sends, or on the host that was asked, and on no message: those on disk stay there. A list, and not
all but 400, 413 and 422: a status that nobody foresaw may be about one message, which would hold up all behind it.
"""

from __future__ import annotations

RATE_LIMIT = 429
RETRYABLE_4XX = frozenset({408, 410, RATE_LIMIT, 460})
FINAL_5XX = frozenset({501, 505, 511})
ABOUT_SENDER = FINAL_5XX | {401, 402, 403, 404, 405, 407, 421}

FIRST_WAIT = 0.5
"""Seconds before the second retry; the first goes at once, and every later wait is twice as long."""
LONGEST_WAIT = 60.0
"""Seconds: the ceiling of the doubling."""
LONGEST_RETRY_AFTER = 300.0
"""Seconds: a server that asks for more gets this much patience, as from Segment's own libraries."""
SPLITS_IN_SEARCH = 36
"""So often is a refused batch halved, twice as many requests: enough for three bad messages anywhere in 2,500 (12
halvings each), and an end where the server refuses everything."""


def is_delivered(status: int) -> bool:
    return 200 <= status < 300


def is_retryable(status: int) -> bool:
    return status in RETRYABLE_4XX or (500 <= status < 600 and status not in FINAL_5XX)


def is_about_sender(status: int | None) -> bool:
    """Whether it is the key, the token, the way there or the host that is wrong, and no message; None is no answer."""
    return status is not None and (status in ABOUT_SENDER or 300 <= status < 400)


def backoff(retry: int, draw: float) -> float:
    """Seconds to wait before the `retry`-th retry (from 1): up to 0, 0.5, 1, 2 … 60, times a `draw` from 0 to 1.

    The whole wait is drawn ("full jitter"), so that a fleet which failed together does not come back together.

    >>> [backoff(retry, draw=1.0) for retry in (1, 2, 3, 4, 10)]
    [0.0, 0.5, 1.0, 2.0, 60.0]
    """
    if retry <= 1:
        return 0.0
    return float(min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(retry - 2, 16))) * draw
