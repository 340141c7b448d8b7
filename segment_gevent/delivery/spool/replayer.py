"""The replayer: has batches from disk sent, one at a time, and takes in how each went."""

from __future__ import annotations

from collections.abc import Callable

from segment_gevent.delivery.fates import Fates
from segment_gevent.delivery.sender import OutOfTimeError, Sender
from segment_gevent.delivery.spool.replays import Replay, Replays


class Replayer:
    """Sends what `replays` hands out, until `is_closed` says that the client takes no more."""

    def __init__(self, replays: Replays, *, sender: Sender, fates: Fates, is_closed: Callable[[], bool]) -> None:
        self._replays = replays
        self._sender = sender
        self._fates = fates
        self._is_closed = is_closed

    def send_one(self) -> bool:
        """Send one batch from disk, if there is one and delivery works; whether it did. Switches."""
        if self._is_closed():
            return False
        if self._sender.is_limited:
            self._replays.put_off(self._sender.resume_at)
            return False
        with self._replays.under_way():
            replay = self._replays.next()
            return replay is not None and self._send(replay)

    def _send(self, replay: Replay) -> bool:
        try:
            if self._is_closed():  # since the look
                raise OutOfTimeError
            outcome = self._sender.deliver(replay, is_background=True, once=True)
        except OutOfTimeError:
            self._replays.back(replay)
            return False
        except BaseException:
            self._replays.back(replay)
            raise
        if outcome.pieces:
            self._replays.take_apart(outcome.pieces)
            return True
        if outcome.is_delivered or (outcome.is_final and not outcome.is_about_sender):
            self._fates.settle_replay(replay, outcome, of_mine=replay.of_mine)
            self._replays.done(replay)
            return True
        self._replays.back(replay, outcome.asked)
        return False
