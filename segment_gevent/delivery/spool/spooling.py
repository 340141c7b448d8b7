"""One client's dealings with its spool: what goes to disk when, and what is there already.

`writer.py` has the disk follow memory, with `durable`; `replays.py` has what comes back, and `replayer.py` has it sent.
All of it is cooperative: `storage.py` works on a native thread.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from segment_gevent.delivery.fates import Fates
from segment_gevent.delivery.flights import Flight, Flights
from segment_gevent.delivery.lifecycle import Home
from segment_gevent.delivery.sender import Outcome, OutOfTimeError, Sender
from segment_gevent.delivery.spool.replayer import Replayer
from segment_gevent.delivery.spool.replays import Replays
from segment_gevent.delivery.spool.storage import Storage
from segment_gevent.delivery.spool.store import Store, scope_of
from segment_gevent.delivery.spool.writer import Writer
from segment_gevent.events.batch import Envelope

if TYPE_CHECKING:
    from segment_gevent.options import Options


class Spooling:
    """Keeps messages on disk for a pipeline."""

    def __init__(
        self,
        options: Options,
        *,
        home: Home,
        flights: Flights,
        envelope: Envelope,
        sender: Sender,
        fates: Fates,
        logger: logging.Logger,
        on_due: Callable[[], None],
        is_closed: Callable[[], bool],
    ) -> None:
        self._store = Store(
            options.spool_dir,
            scope_of(options.api_key, options.host),
            max_bytes=options.spool_max_bytes,
            max_age=options.spool_max_age,
            is_synced=options.durable == "sync",
        )
        self._storage = Storage(self._store, fates=fates, logger=logger)
        self._being_kept: list[Flight] = []
        self.writer = Writer(
            self._storage,
            is_durable=bool(options.durable),
            interval=options.journal_interval,
            home=home,
            flights=flights,
        )
        self.replays = Replays(
            self._storage,
            max_age=options.spool_max_age,
            send_timeout=options.send_timeout,
            envelope=envelope,
            home=home,
            flights=flights,
            on_due=on_due,
        )
        self.replayer = Replayer(self.replays, sender=sender, fates=fates, is_closed=is_closed)

    def keep(self, flight: Flight, *, until: float | None = None) -> bool:
        """Put a flight on disk, from where any process may send it; False where the disk refuses it. Switches.

        Without the monotonic time `until` the disk has 30 s. If the caller is killed, the flight is not on disk.
        """
        rows = list(enumerate(flight.messages, flight.first))
        keeper = flight.keeper = object()

        def add() -> None:
            # As claimed, or a replay could send what the caller, killed before it hears of it, has sent from memory.
            self._store.add(rows, owned=False, claimed=True)

        def take_back() -> None:
            if flight.keeper is keeper:  # else another, such as a shutdown, has it put there since
                self._take_back(flight)

        self._being_kept.append(flight)
        self.writer.leave_out(flight)
        is_kept = False
        try:
            is_kept = self._storage.run(add, until=until, orphaned=take_back)
            if is_kept:
                self._store.hand_over(flight.first, flight.first + len(flight))
        finally:
            self._being_kept.remove(flight)
            self.writer.take_up(flight, is_on_disk=is_kept)
        self.replays.look_soon()
        return is_kept

    def keep_undeliverable(self, flight: Flight, outcome: Outcome, until: float | None) -> Outcome:
        """Before the flight is settled: on disk with it, if that is where it belongs. Switches.

        Raises:
            OutOfTimeError: the disk has not answered by the monotonic time `until`; the flight is still pending.
        """
        if outcome.error is None or outcome.pieces or outcome.is_final:
            return outcome
        is_spooled = self.keep(flight, until=until)
        if not is_spooled and until is not None and time.monotonic() >= until:
            raise OutOfTimeError
        return outcome._replace(is_spooled=is_spooled)

    def _take_back(self, flight: Flight) -> None:
        """On disk: the flight is in memory too, or has another fate, so that no replay may send it."""
        first, end = flight.first, flight.first + len(flight)
        self._store.take_back(first, end)
        if not self.writer.is_durable:
            self._store.remove(first, end)

    def settled(self, first: int, messages: int) -> None:
        """So many messages from this ordinal on have a fate other than spooled. Never switches."""
        for flight in self._being_kept:
            if first < flight.first + len(flight) and flight.first < first + messages:
                # Who keeps it sits in a hub that turns no more, and another sent it meanwhile.
                self._storage.later(partial(self._take_back, flight))
        self.writer.settled(first, messages)

    def leave(self, flights: Sequence[Flight], until: float) -> tuple[list[Flight], list[Flight]]:
        """At the end: what is on disk by the monotonic time `until`, and what is not. Switches.

        What `durable` put there before stays there, also where the disk fails now: the next process sends it. After the
        first failure nothing else is tried.
        """
        kept: list[Flight] = []
        lost: list[Flight] = []
        is_failing = False
        for flight in flights:
            flight.keeper = None  # a greenlet that is killed in the midst of `keep` takes nothing back
            there, new = flight.cut(self.writer.journaled - flight.first)
            if len(there) and not is_failing:
                end = there.first + len(there)
                found = self._storage.result(partial(self._store.give_up, there.first, end), until=until)
                is_failing = found is None
                if found is not None and found < len(there):  # of a full spool, what memory has goes too
                    there, new = flight.cut(0)
            if len(new):
                is_failing = is_failing or not self.keep(new, until=until)
                (lost if is_failing else kept).append(new)
                if is_failing:
                    self.settled(new.first, len(new))  # the writer may be in the midst of it
            if len(there):
                kept.append(there)
        return kept, lost

    def close(self, until: float) -> None:
        """Leave what is on disk to others, but nothing that has its fate: by the monotonic time `until`. Switches."""
        self.writer.take_off(until)
        self._storage.close(until)

    def abandon(self) -> None:
        """In a forked child: everything is the parent's."""
        self._storage.abandon()
        self.writer.abandon()
