"""A million lines: each arrives once, whatever ends the import half-way, in bounded memory."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
import pytest
from servers.counting_sink import CountingSink
from servers.program import Process, program

from segment_gevent.cli.importing.fates import UNSAVED

MILLION = 1_000_000
LINE = (
    b'{"type":"track","userId":"user-%d","event":"Order Completed","timestamp":"2020-05-03T10:00:%02d+02:00",'
    b'"properties":{"n":%d,"total":17.9,"currency":"EUR"}}\n'
)

ROOM = 16 << 20
"""Bytes that ten times as many lines may take more: what the allocator keeps, and not one for each line."""


@pytest.fixture
def sink() -> Iterator[CountingSink]:
    with CountingSink() as sink:
        yield sink


def written(path: Path, count: int) -> Path:
    """So many lines with a bad one before and behind them."""
    with path.open("wb") as file:
        file.write(b"{\n")
        file.writelines(LINE % (number % 5_000, number % 60, number) for number in range(count))
        file.write(b"[]\n")
    return path


def importing(sink: CountingSink, *arguments: object) -> Process:
    words = ["--write-key", "k", "--host", sink.url, *map(str, arguments)]
    return program("importing", *words, environment={"NO_PROXY": "*"})


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=lambda number: signal.Signals(number).name)
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_an_import_that_ended_half_way_goes_on(
    sink: CountingSink,
    tmp_path: Path,
    number: signal.Signals,
    record_property: Callable[[str, object], None],
) -> None:
    """Every line is there once, by its messageId; a killed one sends some again, a stopped one none."""
    count = MILLION
    path = written(tmp_path / "a.ndjson", count)
    flags = (path, "--checkpoint", tmp_path / "checkpoint", "--rejects", tmp_path / "bad")
    with importing(sink, *flags) as process:
        sink.wait_for(count // 2, timeout=600)
        process.signal(number)
        assert process.ended(120).code == (-9 if number == signal.SIGKILL else 2)
    half = sink.counted()
    assert half.ids < count
    with importing(sink, *flags) as process:
        ended = process.ended(600).check(code=1)
    assert f"delivered {count:,}, rejected 2" in ended.output
    counted = sink.counted()
    assert (counted.ids, counted.numbers, counted.strays) == (count, count, 0)
    assert counted.total - count <= (UNSAVED if number == signal.SIGKILL else 0)
    assert [orjson.loads(row)["line"] for row in (tmp_path / "bad").read_bytes().splitlines()] == [1, count + 2]
    record_property("said", f"{number.name} at {half.ids:,} of {count:,}: {counted.total - count:,} sent twice")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_million_lines_take_no_more_memory_than_a_tenth_of_them(
    sink: CountingSink, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """What is remembered is what is on its way."""
    peaks = []
    for count in (MILLION // 10, MILLION):
        path = written(tmp_path / f"{count}.ndjson", count)
        begin = time.monotonic()
        with importing(sink, path, "--checkpoint", tmp_path / f"{count}.json") as process:
            ended = process.ended(600).check(code=1)
        seconds = time.monotonic() - begin
        found = re.search(r"peak (\d+)", ended.output)
        assert found
        peaks.append(int(found[1]))
        record_property("said", f"{count:,} lines in {seconds:.1f} s, at most {peaks[-1] >> 20} MB")
    assert peaks[1] <= peaks[0] + ROOM
