"""Times: what a caller may give as a timestamp, and the one form in which it is sent."""

import math
import subprocess
import sys
import time
from datetime import date, datetime, timedelta, timezone, tzinfo
from decimal import Decimal

import numpy as np
import pytest
from dateutil import parser
from hypothesis import example, given
from hypothesis import strategies as st

from segment_gevent.errors import ValidationError
from segment_gevent.events.timestamps import read_timestamp, stamp

NOW = 1795447180.388  # 2026-11-23T15:19:40.388Z
NOW_TEXT = "2026-11-23T15:19:40.388Z"


def read(timestamp, now=NOW):
    return read_timestamp(timestamp, now)


@pytest.fixture(params=["UTC", "America/New_York", "Asia/Kolkata"])
def local_zone(request, monkeypatch):
    """The process in another time zone."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


@given(st.datetimes(timezones=st.none() | st.just(timezone.utc) | st.just(timezone(timedelta(hours=-9, minutes=-30)))))
def test_iso_8601_reads_as_by_dateutil(moment):
    """Though it takes a short cut: the same instant, in every common form."""
    for separator in "T ":
        for precision in ("seconds", "milliseconds", "microseconds"):
            text = moment.isoformat(separator, precision)
            for form in {text, text.replace("+00:00", "Z")}:
                assert read(form) == read(parser.parse(form))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (0.0006, "1970-01-01T00:00:00.001Z"),
        (NOW, NOW_TEXT),
        (1795447180.9996, "2026-11-23T15:19:41.000Z"),
        (-62135596800, "0001-01-01T00:00:00.000Z"),
        (253402300799.999, "9999-12-31T23:59:59.999Z"),
    ],
)
def test_stamps_have_24_characters(seconds, text):
    """Whatever the year; milliseconds are rounded, over the second too."""
    assert stamp(seconds) == text


@given(st.datetimes(datetime(1971, 1, 1), datetime(9990, 1, 1)))
def test_stamp_says_what_datetime_says(moment):
    """The kept second changes nothing."""
    moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000, tzinfo=timezone.utc)
    assert stamp(moment.timestamp()) == moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@pytest.mark.parametrize(
    ("timestamp", "text"),
    [
        (datetime(2026, 11, 23, 15, 19, 40, 388999, timezone.utc), NOW_TEXT),
        (datetime(2026, 11, 23, 10, 19, 40, 388000, timezone(timedelta(hours=-5))), NOW_TEXT),
        (datetime(2012, 5, 8, 23, 41, 54), "2012-05-08T23:41:54.000Z"),
        (date(2026, 11, 23), "2026-11-23T00:00:00.000Z"),
        (date(1, 1, 1), "0001-01-01T00:00:00.000Z"),
        (datetime(1, 1, 1), "0001-01-01T00:00:00.000Z"),
        (datetime(9999, 12, 31, 23, 59, 59, 999999), "9999-12-31T23:59:59.999Z"),
        ("2010-05-08T23:41:54.000Z", "2010-05-08T23:41:54.000Z"),
        ("2010-05-08T23:41:54", "2010-05-08T23:41:54.000Z"),
        ("2010-05-08T23:41:54.1239+02:00", "2010-05-08T21:41:54.123Z"),
        ("8 May 2010 11:41 pm UTC", "2010-05-08T23:41:00.000Z"),
        ("2010-05-08", "2010-05-08T00:00:00.000Z"),
        (np.str_("2010-05-08"), "2010-05-08T00:00:00.000Z"),
    ],
)
def test_what_a_timestamp_may_be(timestamp, text, local_zone):
    """An instant is the same in whatever zone the process runs."""
    assert read(timestamp) == text


@pytest.mark.parametrize("off", [timedelta(0), timedelta(seconds=5), timedelta(seconds=-5), timedelta(seconds=2)])
def test_a_naive_datetime_around_now_is_local_time(off, local_zone):
    """`datetime.now()` means now, as a datetime and as a string, up to five seconds either side."""
    moment = datetime.fromtimestamp(NOW) + off
    expected = stamp(NOW + off.total_seconds())
    assert read(moment) == read(moment.isoformat()) == expected


@pytest.mark.parametrize(
    "off", [timedelta(seconds=5, milliseconds=1), timedelta(seconds=-5, milliseconds=-1), timedelta(days=-900)]
)
def test_any_other_naive_datetime_is_utc(off, local_zone):
    """`datetime.utcnow()` and historical data."""
    moment = datetime.fromtimestamp(NOW) + off
    assert read(moment) == read(moment.isoformat()) == moment.isoformat(timespec="milliseconds") + "Z"
    utc = datetime.fromtimestamp(NOW, timezone.utc).replace(tzinfo=None)
    assert read(utc) == NOW_TEXT


def test_a_string_without_a_day_is_of_today(local_zone):
    """The day of the call, not that of the parser's import; and a local abbreviation is understood."""
    assert read("10:30") == "2026-11-23T10:30:00.000Z"
    noon = {"UTC": "12:00", "America/New_York": "16:00", "Asia/Kolkata": "06:30"}[local_zone]
    assert read(f"2026-07-01 12:00 {time.tzname[time.daylight]}") == f"2026-07-01T{noon}:00.000Z"


class Refusing(tzinfo):
    def utcoffset(self, when):
        raise RuntimeError("no such zone")

    dst = tzname = utcoffset


@pytest.mark.parametrize(
    "timestamp",
    [
        0,
        NOW,
        True,
        Decimal(1),
        b"2010-05-08",
        timedelta(1),
        object(),
        "",
        "yesterday",
        "2010-13-08",
        "2010-05-08T25:00:00Z",
        "2010-05-08 10:00 XYZ",
        "9" * 5000,
        datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))),
        datetime(9999, 12, 31, 23, tzinfo=timezone(timedelta(hours=-14))),
        datetime(2026, 1, 1, tzinfo=Refusing()),
    ],
    ids=lambda value: repr(value)[:18],
)
def test_other_timestamps_are_refused(timestamp):
    """With the argument and the type in the text, and without a word of the rest of the call."""
    with pytest.raises(ValidationError, match=rf"timestamp .*\b{type(timestamp).__name__}\b"):
        read(timestamp)


def test_a_string_that_is_refused_is_told_what_it_may_be():
    """Its type says nothing to who typed it."""
    with pytest.raises(ValidationError, match="must be an ISO 8601 time such as 2"):
        read("yesterday")


@given(st.datetimes(timezones=st.none() | st.timezones()))
@example(datetime(2026, 11, 1, 1, 30, fold=1))
def test_every_datetime_is_sent_or_refused(moment):
    """As 24 characters that name the same instant; only what lies outside of the calendar in UTC is refused."""
    offset = moment.utcoffset() or timedelta(0)
    try:
        text = read(moment, now=math.inf)
    except ValidationError:
        assert moment.year in (1, 9999)
        assert offset
        return
    assert len(text) == 24
    assert text == (moment.replace(tzinfo=None) - offset).isoformat(timespec="milliseconds") + "Z"


def test_dateutil_is_imported_when_a_string_comes():
    """Not by the calls that need no parser."""
    program = """
import sys
from datetime import datetime
from segment_gevent.events import message
message.seal(message.track("s", "u", "E", {}), None, datetime(2026, 1, 1), None, None, new_id="m", now=0)
assert "dateutil" not in sys.modules
message.seal(message.track("s", "u", "E", {}), None, "2026-01-01", None, None, new_id="m", now=0)
assert "dateutil" in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True)
