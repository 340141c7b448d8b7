"""What is lost of batches that Redis had accepted: at SIGKILL, by `appendfsync`, and at a failover, by `replicas`.

A batch counts as accepted where a client's outbox would say so. Each round is a load, a kill in its midst, and a count.
"""

from __future__ import annotations

import json
import random
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from threading import Thread
from typing import Any, cast

import redis

from benchmarks.fleet import processes
from segment_gevent.errors import DeliveryError
from segment_gevent.options import Options

FILE = Path(__file__).parent / "losses.json"

SERVICE = "fleet"
DOWN_AFTER = 1_000
"""Milliseconds."""

WRITERS = 4
BODY = b'{"type":"track"}' + b" " * 20_000
"""A batch of some 50 events."""


Round = tuple[int, int, float]
"""Accepted, lost, seconds without."""


@dataclass(frozen=True)
class Loss:
    """Of batches, over all rounds of one case."""

    words: str
    rounds: int
    accepted: int
    lost: int
    rounds_with_loss: int
    most: int
    """In one round."""
    longest: float
    """Seconds in which no batch was accepted, where the load goes on."""


def read() -> list[Loss]:
    return [Loss(**each) for each in json.loads(FILE.read_text(encoding="utf-8"))]


def write(measured: list[Loss]) -> None:
    FILE.write_text(json.dumps([asdict(each) for each in measured], indent=1) + "\n", encoding="utf-8")


FENCED = ("--min-replicas-to-write", "1")

CASES: dict[str, Callable[[], Round]] = {
    "SIGKILL, `appendfsync always`": lambda: _killed("always"),
    "SIGKILL, `appendfsync everysec`": lambda: _killed("everysec"),
    "master killed": lambda: _failed_over(_kill, 0),
    "master killed, replicas half a second behind": lambda: _failed_over(_kill_late, 0),
    "the same, `replicas=1`": lambda: _failed_over(_kill_late, 1),
    "master told to `SHUTDOWN`": lambda: _failed_over(_shut_down, 0),
    "`SENTINEL FAILOVER`": lambda: _failed_over(_demote, 0),
    "the same, `min-replicas-to-write 1`": lambda: _failed_over(_demote, 0, *FENCED),
    "the same, `replicas=1` too": lambda: _failed_over(_demote, 1, *FENCED),
    "the same, `replicas=2`": lambda: _failed_over(_demote, 2, *FENCED),
}


def measure(rounds: int) -> list[Loss]:
    """All cases; some seconds a round."""
    found = []
    for words, case in CASES.items():
        found.append(_sum(words, [case() for _ in range(rounds)]))
        print(found[-1], flush=True)
    return found


def _sum(words: str, rounds: Sequence[Round]) -> Loss:
    lost = [each[1] for each in rounds]
    return Loss(
        words=words,
        rounds=len(rounds),
        accepted=sum(each[0] for each in rounds),
        lost=sum(lost),
        rounds_with_loss=sum(map(bool, lost)),
        most=max(lost),
        longest=round(max(each[2] for each in rounds), 1),
    )


class Load:
    """Adds batches from native threads, as clients' outboxes do, and keeps the ids of those that were accepted."""

    def __init__(self, url: str) -> None:
        self.accepted: list[tuple[float, bytes]] = []
        self.is_on = True
        self._url = url
        self._threads = [Thread(target=self._add, daemon=True) for _ in range(WRITERS)]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        self.is_on = False
        for thread in self._threads:
            thread.join()

    def _add(self) -> None:
        # Each in a thread, and so in a hub, of its own.
        from segment_gevent.delivery.outbox.transport import outbox_transport

        transport = outbox_transport(Options("key", host="https://segment.test", outbox=self._url))
        while self.is_on:
            try:
                answer = cast("Any", transport.send(BODY, {}))
            except DeliveryError:
                time.sleep(0.02)
            else:
                self.accepted.append((time.monotonic(), answer.entry_id.encode()))
        transport.close()


def _killed(policy: str) -> Round:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir="/var/tmp")))
        server = stack.enter_context(processes.Redis(folder, "--appendonly", "yes", "--appendfsync", policy))
        load = Load(server.url)
        time.sleep(2 + random.random())
        server.kill()
        load.end()
        server.start()
        return len(load.accepted), _missing(server.client(), load), 0.0


End = Callable[[Sequence[processes.Redis], redis.Redis], None]
"""How the first of them ceases to be the master; a sentinel may be asked."""


def _failed_over(end: End, replicas: int, *arguments: str) -> Round:
    with tempfile.TemporaryDirectory() as folder, _sentinels(Path(folder), *arguments) as (servers, url, sentinel):
        load = Load(f"{url}?replicas={replicas}")
        processes.until(lambda: len(load.accepted) > 200)
        time.sleep(0.2 + random.random())
        since = time.monotonic()
        end(servers, sentinel)
        processes.until(lambda: _masters(servers[1:]))
        processes.until(lambda: servers[0].process is None or _role(servers[0]) == "slave")
        enough = len(load.accepted) + 100
        processes.until(lambda: len(load.accepted) > enough)
        load.end()
        processes.until(lambda: len(_masters(servers[1:])) == 1)  # on a busy machine the sentinels may do it twice
        (master,) = _masters(servers[1:])
        return len(load.accepted), _missing(master.client(), load), _longest_gap(load, since)


def _kill(servers: Sequence[processes.Redis], _sentinel: redis.Redis) -> None:
    servers[0].kill()


def _shut_down(servers: Sequence[processes.Redis], _sentinel: redis.Redis) -> None:
    """Redis 7 waits for its replicas, taking nothing meanwhile."""
    with servers[0].client() as client:
        client.shutdown(nosave=True)
    servers[0].kill()


def _kill_late(servers: Sequence[processes.Redis], _sentinel: redis.Redis) -> None:
    """The replicas stand still for half a second, which is what a slow link or a slow replica comes to."""
    of_replicas = [each.process for each in servers[1:] if each.process is not None]
    for replica in of_replicas:
        replica.signal(signal.SIGSTOP)
    time.sleep(0.5)
    servers[0].kill()
    for replica in of_replicas:
        replica.signal(signal.SIGCONT)


def _demote(_servers: Sequence[processes.Redis], sentinel: redis.Redis) -> None:
    sentinel.sentinel_failover(SERVICE)


def _longest_gap(load: Load, since: float) -> float:
    """Seconds in which no batch was accepted."""
    times = [since, *sorted(at for at, _ in load.accepted if at > since)]
    return max(after - before for before, after in pairwise(times))


@contextmanager
def _sentinels(folder: Path, *arguments: str) -> Iterator[tuple[list[processes.Redis], str, redis.Redis]]:
    """A master, two replicas and three sentinels; the Redis, their URL, and a client of a sentinel."""
    with ExitStack() as stack:
        quick = ("--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1", *arguments)
        servers = [stack.enter_context(processes.Redis(folder / "0", *quick))]
        follow = (*quick, "--replicaof", f"127.0.0.1 {servers[0].port}")
        servers += [stack.enter_context(processes.Redis(folder / str(number), *follow)) for number in (1, 2)]
        processes.until(lambda: _replication(servers[0])["connected_slaves"] == 2)
        ports = [processes.free_port() for _ in range(3)]
        for port in ports:
            file = folder / f"sentinel-{port}.conf"
            file.write_text(
                f"port {port}\nbind 127.0.0.1\ndir {folder}\n"
                f"sentinel monitor {SERVICE} 127.0.0.1 {servers[0].port} 2\n"
                f"sentinel down-after-milliseconds {SERVICE} {DOWN_AFTER}\n"
                f"sentinel failover-timeout {SERVICE} 3000\n"
                f"sentinel parallel-syncs {SERVICE} 2\n",
                encoding="utf-8",
            )
            stack.enter_context(processes.Process(["redis-server", str(file), "--sentinel", "--logfile", "s.log"]))
        processes.until(lambda: all(_others(port) == 2 for port in ports))
        places = ",".join(f"127.0.0.1:{port}" for port in ports)
        with redis.Redis(port=ports[0], protocol=2) as sentinel:
            yield servers, f"redis+sentinel://{places}/{SERVICE}/0", sentinel


def _others(port: int) -> int:
    """Sentinels that one knows, once it knows both replicas."""
    try:
        with redis.Redis(port=port, protocol=2, decode_responses=True) as client:
            told = cast("dict[str, Any]", client.sentinel_master(SERVICE))
    except redis.RedisError:
        return 0
    return int(told["num-other-sentinels"]) if int(told["num-slaves"]) == 2 else 0


def _replication(server: processes.Redis) -> dict[str, Any]:
    with server.client() as client:
        return cast("dict[str, Any]", client.info("replication"))


def _masters(servers: Sequence[processes.Redis]) -> list[processes.Redis]:
    return [each for each in servers if _role(each) == "master"]


def _role(server: processes.Redis) -> str:
    return str(_replication(server)["role"])


def _missing(client: redis.Redis, load: Load) -> int:
    """Batches that were accepted and are not there."""
    with client:
        there = {entry_id for entry_id, _ in cast("list[tuple[bytes, Any]]", client.xrange("segment:outbox"))}
    return len({entry_id for _, entry_id in load.accepted} - there)
