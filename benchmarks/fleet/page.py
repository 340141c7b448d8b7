"""The tables of docs/fleet-sizing.md, and that of losses in docs/fleet.md, by the measured points and the model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.fleet import losses, model, points
from benchmarks.fleet.model import Costs

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "fleet-sizing.md"
PAGES = (PAGE, DOCS / "fleet.md")

ENCODINGS = ("identity", "gzip")
HOSTS, EACH = 1_000, 2_000
OUTAGE = 600
"""Seconds."""


def tables(hosts: int = HOSTS, each: int = EACH) -> str:
    """All of them, as Markdown."""
    return "\n\n".join(section for _, section in sections(hosts, each))


def sections(hosts: int = HOSTS, each: int = EACH) -> list[tuple[str, str]]:
    """Each by its name on the page."""
    measured = points.read()
    costs = {encoding: Costs.of(measured, encoding) for encoding in ENCODINGS}
    return [
        ("measured", _measured(measured)),
        ("needs", _needs(costs, hosts * each)),
        ("limit", _limit(costs["gzip"], hosts, each)),
        ("losses", _losses(losses.read())),
    ]


def write() -> None:
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for name, section in sections():
            begin, end = marks(name)
            before, begin, rest = text.partition(begin)
            if begin:
                text = f"{before}{begin}\n\n{section}\n\n{end}{rest.partition(end)[2]}"
        page.write_text(text, encoding="utf-8")


def marks(name: str) -> tuple[str, str]:
    return f"<!-- {name}, by benchmarks/fleet -->", f"<!-- the end of {name} -->"


def _measured(measured: Sequence[points.Point]) -> str:
    rows = [
        (
            f"{point.relays}",
            "`gzip=True`" if point.encoding == "gzip" else "plain",
            f"{point.throughput:,.0f}",
            f"{point.cores:.2f}",
            f"{1e6 * point.relay_cpu:.2f} µs",
            f"{1e6 * point.redis_in_cpu:.2f} + {1e6 * point.redis_out_cpu:.2f} µs",
            f"{point.memory:.0f} B",
            f"{point.a_request:,.0f}",
        )
        for point in measured
    ]
    head = ("relays", "entries", "events a second", "cores in use", "relay", "Redis, in + out", "in Redis", "a request")
    return _table(head, rows)


def _needs(costs: dict[str, Costs], events: int) -> str:
    found = {encoding: model.need(each, events) for encoding, each in costs.items()}
    plain, gzip = (found[encoding] for encoding in ENCODINGS)
    capacity = min(plain.workspaces * model.fitting(costs["identity"]), plain.relays * costs["identity"].of_relay)
    away = model.outage(events, capacity, OUTAGE)
    rows = [
        ("requests a second", *(f"{each.requests:,.0f}" for each in (plain, gzip))),
        (f"workspaces, at {model.SHARE:.0%} of the limit", f"{plain.workspaces}", f"{gzip.workspaces}"),
        ("streams, each in a Redis of its own", f"{plain.streams}", f"{gzip.streams}"),
        ("relays", f"{plain.relays}", f"{gzip.relays}"),
        (f"`--workers` of each, at {model.LATENCY:g} s a request", f"{plain.workers}", f"{gzip.workers}"),
        ("busy cores, of relays and Redis", f"{plain.cores:.1f}", f"{gzip.cores:.1f}"),
        ("to Redis, and again to the relays", *(f"{each.inwards / 1e6:,.0f} MB/s" for each in (plain, gzip))),
        ("to Segment", *(f"{each.outwards / 1e6:,.0f} MB/s" for each in (plain, gzip))),
        ("memory of all streams, when all is well", *(f"{each.memory / 1e9:.1f} GB" for each in (plain, gzip))),
        ("and more for a minute without Segment", *(f"{each.a_minute / 1e9:,.0f} GB" for each in (plain, gzip))),
        (
            f"and for {OUTAGE // 60} minutes",
            *(f"{away.backlog * costs[encoding].memory / 1e9:,.0f} GB" for encoding in ENCODINGS),
        ),
        ("which are worked off in", *[f"{away.caught_up / 60:,.0f} minutes"] * 2),
    ]
    return _table(("", "plain entries", "`gzip=True`"), rows)


def _limit(costs: Costs, hosts: int, each: int) -> str:
    rows = []
    for share, words in ((model.SHARE, "at the relays' default, 800 requests a second"), (1.0, "at the limit, 1,000")):
        fits = model.fitting(costs, share=share)
        of_all = min(1.0, fits / hosts / each)
        rows.append((words, f"{fits:,.0f}", f"{fits / each:,.0f}", f"{fits / hosts:,.0f}", f"{of_all:.2f}"))
    head = ("one workspace", "events a second", f"hosts of {each:,}", f"each of {hosts:,} hosts", "`sample_rate`")
    return _table(head, rows)


def _losses(measured: Sequence[losses.Loss]) -> str:
    rows = [
        (
            each.words,
            f"{each.rounds}",
            f"{each.accepted:,}",
            f"{each.lost:,}",
            f"{each.rounds_with_loss}",
            f"{each.most:,}",
            f"{each.longest:.1f} s" if each.longest else "",
        )
        for each in measured
    ]
    head = ("", "rounds", "batches accepted", "lost", "rounds with a loss", "most in one", "longest without any taken")
    return _table(head, rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
