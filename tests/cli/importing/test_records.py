"""Lines as records: what is one, and what is wrong with those that are none."""

from __future__ import annotations

import pytest

from segment_gevent.cli.importing.fields import ShapeError
from segment_gevent.cli.importing.records import CsvRecords, Numbered, Record, json_records
from segment_gevent.cli.importing.sources import LINE_LIMIT


def json_of(content: bytes) -> list[Record]:
    return list(json_records(Numbered(iter(content.split(b"\n")))))


def csv_of(content: bytes, delimiter: str = ",") -> list[Record]:
    return list(CsvRecords(Numbered(iter(content.split(b"\n"))), delimiter))


@pytest.mark.parametrize(
    "content",
    [
        b'\xef\xbb\xbf{"a":1}\n{"a":2}\n',
        b'{"a":1}\r\n\r\n{"a":2}\r\n',
        b'\n  \n{"a":1}\n\t\n  {"a":2}  ',
    ],
)
def test_json_may_stand_in_files_of_any_make(content: bytes) -> None:
    """With a byte order mark, with line ends of Windows, with empty lines."""
    assert [record.values for record in json_of(content)] == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b'{"a":"\xff"}', "not JSON: "),
        (b'{"a":"\x00"}', "not JSON: "),
        (b'\x00{"a":1}', "not JSON: "),
        (b'{"a":NaN}', "not JSON: "),
        (b'{"a":1e999}', "not JSON: "),
        (b'{"a":"\\ud800"}', "not JSON: "),
        (b'{"a":1}{"a":2}', "not JSON: "),
        (b'{"a":' * 50_000, "not JSON: "),
        (b"[" * 100_000, "not JSON: "),
        (b'"a"', "a line must be a JSON object, not str"),
        (b"null", "a line must be a JSON object, not NoneType"),
        (b'{"a":"%b"}' % (b"x" * LINE_LIMIT), "the line has over 1,048,576 bytes"),
    ],
)
def test_a_bad_line_is_one_and_the_next_is_read(line: bytes, problem: str) -> None:
    """Whatever is in it."""
    bad, good = json_of(line + b'\n{"a":1}')
    assert bad.problem.startswith(problem)
    assert (bad.values, bad.raw, bad.line) == (None, line, 1)
    assert (good.values, good.problem, good.line) == ({"a": 1}, "", 2)


@pytest.mark.parametrize(
    ("line", "value"),
    [
        (b'{"a":"\\u0000"}', "\0"),
        (b'{"a":18446744073709551615}', 2**64 - 1),
        (b'{"a":123456789012345678901234567890}', 1.2345678901234568e29),
        (b'{"a":0.1}', 0.1),
        (b'{"b":2,"a":1,"a":2}', 2),
    ],
)
def test_what_json_allows_is_taken(line: bytes, value: object) -> None:
    """A number that fits no integer of 64 bits is the nearest float."""
    (record,) = json_of(line)
    assert record.values is not None
    assert record.values["a"] == value


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_csv_may_quote_anything(end: bytes) -> None:
    """Line ends, delimiters and quotes within quotes; the record knows its first and last line."""
    content = end.join([b"\xef\xbb\xbfa,b", b'"1, one","say ""hi"""', b"", b'"two', b'lines",', b"3,x"])
    first, second, third = csv_of(content)
    assert first.values == {"a": "1, one", "b": 'say "hi"'}
    assert second.values == {"a": f"two{end.decode()}lines"}
    assert (second.line, second.last) == (4, 5)
    assert (third.values, third.line) == ({"a": "3", "b": "x"}, 6)


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (b"1", "1 cells under a header of 2"),
        (b"1,2,3", "3 cells under a header of 2"),
        (b'"1"2,3', "not CSV: "),
        (b"1,\xff", "not UTF-8"),
        (b"1,%b" % (b"x" * 200_000), "not CSV: field larger than field limit"),
        (b"1,%b" % b",".join([b"x" * 100_000] * 11), "the row has over 1,048,576 bytes"),
    ],
)
def test_a_bad_row_is_one_and_the_next_is_read(row: bytes, problem: str) -> None:
    """Whatever is in it."""
    bad, good = csv_of(b"a,b\n" + row + b"\n4,5")
    assert bad.problem.startswith(problem)
    assert (bad.values, bad.raw, bad.line) == (None, row, 2)
    assert (good.values, good.line) == ({"a": "4", "b": "5"}, 3)


@pytest.mark.parametrize("quotes", [1, 12])
def test_a_quote_that_nobody_closes_costs_no_more_than_a_row_may_have(quotes: int) -> None:
    """Not the rest of the file, nor the memory for it."""
    row = b"1," + b",".join([b'"' + b"x\n" * 40_000 + b'"'] * (quotes - 1) + [b'"'])
    records = csv_of(b"a,b\n" + row + b"y,y\n" * 60_000 + b"\n4,5")
    assert records[0].problem
    assert max(len(record.raw) for record in records) <= 2 * LINE_LIMIT
    assert records[-1].values == {"a": "4", "b": "5"}


def test_an_empty_file_has_no_rows() -> None:
    """Nor has a header alone, or a few empty lines."""
    assert csv_of(b"") == csv_of(b"a,b\n") == csv_of(b"\n\n") == json_of(b"") == []


def test_a_header_that_can_not_be_read_is_said() -> None:
    """Before any row is."""
    with pytest.raises(ShapeError, match="the header can't be read"):
        csv_of(b'"a"b,c\n1,2')
