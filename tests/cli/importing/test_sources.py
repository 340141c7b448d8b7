"""Files as lines: what their first bytes say, what is damaged, and how long a line may get."""

from __future__ import annotations

import gzip
import os
import threading
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from backports import zstd

from segment_gevent.cli.importing.sources import LINE_LIMIT, Source, SourceError

TEXT = b"".join(b"line %d\n" % number for number in range(100_000))
HUGE = 50 << 20


def lines_of(path: Path) -> Iterator[bytes]:
    return Source(str(path)).lines(lambda function: function())


def packed(name: str, content: bytes) -> bytes:
    compress: Any = {"plain": bytes, "gzip": gzip.compress, "zstd": zstd.compress}[name]
    return bytes(compress(content))


@pytest.mark.parametrize("name", ["plain", "gzip", "zstd"])
def test_what_is_compressed_is_read_in_all_its_parts(tmp_path: Path, name: str) -> None:
    """Several files put one behind the other are one, in gzip and in zstd too."""
    (tmp_path / "a").write_bytes(packed(name, TEXT[:5_000]) + packed(name, TEXT[5_000:]))
    assert list(lines_of(tmp_path / "a")) == TEXT.splitlines()


@pytest.mark.parametrize("name", ["gzip", "zstd"])
@pytest.mark.parametrize("left", [0.5, -3])
def test_a_file_that_was_cut_short_is_no_whole_one(tmp_path: Path, name: str, left: float) -> None:
    """What can be read of it is, and then it is said: its last lines are missing."""
    whole = packed(name, TEXT)
    (tmp_path / "a").write_bytes(whole[: int(left * len(whole)) if left > 0 else int(left)])
    read = []

    def read_all() -> None:
        for line in lines_of(tmp_path / "a"):
            read.append(line)

    with pytest.raises(SourceError, match="a: Compressed file ended before the end"):
        read_all()
    assert len(read) > 10_000
    assert read == TEXT.splitlines()[: len(read)]


@pytest.mark.parametrize("name", ["gzip", "zstd"])
def test_damage_is_said(tmp_path: Path, name: str) -> None:
    """With the file's name."""
    whole = bytearray(packed(name, TEXT))
    whole[len(whole) // 2 : len(whole) // 2 + 8] = b"\xff" * 8
    (tmp_path / "a").write_bytes(whole)
    with pytest.raises(SourceError, match="/a: "):
        list(lines_of(tmp_path / "a"))


@pytest.mark.parametrize(
    ("begin", "said"),
    [
        (b"PK\x03\x04....", "a zip archive"),
        (b"BZh9....", "bzip2"),
        (b"\xfd7zXZ\x00..", "xz"),
        ('{"event":"E"}'.encode("utf-16"), "UTF-16"),
    ],
)
def test_what_can_not_be_read_is_named(tmp_path: Path, begin: bytes, said: str) -> None:
    """A million rejected lines would say less."""
    (tmp_path / "a").write_bytes(begin)
    with pytest.raises(SourceError, match=f"{said}.*first$"):
        list(lines_of(tmp_path / "a"))


def test_a_pipe_may_bring_its_first_bytes_one_by_one(tmp_path: Path) -> None:
    """What it is compressed with is seen all the same."""
    os.mkfifo(tmp_path / "a")

    def write() -> None:
        with open(tmp_path / "a", "wb", buffering=0) as pipe:
            for byte in gzip.compress(b"one\ntwo\n"):
                pipe.write(bytes([byte]))

    writer = threading.Thread(target=write)
    writer.start()
    assert list(lines_of(tmp_path / "a")) == [b"one", b"two"]
    writer.join()


@pytest.mark.parametrize("name", ["gzip", "zstd"])
def test_a_line_of_any_length_takes_bounded_memory(tmp_path: Path, name: str) -> None:
    """A small file may hold a line that no memory holds: it is cut, and what comes after it is read."""
    parts = [packed(name, b"one\n"), *[packed(name, b"x" * (HUGE // 10))] * 10, packed(name, b"\nthree")]
    (tmp_path / "a").write_bytes(b"".join(parts))
    assert (tmp_path / "a").stat().st_size < HUGE / 300
    tracemalloc.start()
    try:
        read = list(lines_of(tmp_path / "a"))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert [(line[:5], len(line)) for line in read] == [(b"one", 3), (b"xxxxx", LINE_LIMIT + 1), (b"three", 5)]
    assert peak < 16 << 20


@pytest.mark.parametrize("step", [1_000, 4_096, 1 << 20])
def test_what_is_kept_of_a_long_line_is_the_same_however_it_comes(tmp_path: Path, step: int) -> None:
    """A checkpoint knows lines by their checksum, and a pipe gives them in other pieces each time."""
    content = b"".join(b"%d " % number for number in range(LINE_LIMIT // 5)) + b"\nend"
    os.mkfifo(tmp_path / "a")

    def write() -> None:
        with open(tmp_path / "a", "wb", buffering=0) as pipe:
            for begin in range(0, len(content), step):
                pipe.write(content[begin : begin + step])

    writer = threading.Thread(target=write)
    writer.start()
    assert list(lines_of(tmp_path / "a")) == [content[: LINE_LIMIT + 1], b"end"]
    writer.join()


def test_what_is_no_file_is_said_at_once(tmp_path: Path) -> None:
    """Before any other is sent."""
    with pytest.raises(SourceError, match="is a directory"):
        Source(str(tmp_path))
    with pytest.raises(SourceError, match="a: No such file"):
        Source(str(tmp_path / "a"))
