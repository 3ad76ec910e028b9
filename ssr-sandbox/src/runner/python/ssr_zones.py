"""`time.tzset`, as far as there can be one.

The C library of WASI knows no other local time than UTC, and `time` and `datetime` both ask it. So
`tzset` sets what `time` tells about the zone, `timezone`, `altzone`, `daylight` and `tzname`, and
local time itself stays UTC everywhere.
"""

import datetime
import os
import re
import time

_NAME = r"([A-Za-z]{3,}|<[A-Za-z0-9+-]{3,}>)"
_OFFSET = r"([+-]?\d{1,3}(?::\d{1,2}){0,2})"
# Such as EST5EDT, <+03>-3 and CET-1CEST,M3.5.0,M10.5.0/3.
_POSIX = re.compile(f"{_NAME}{_OFFSET}(?:{_NAME}{_OFFSET}?(?:,.*)?)?")


def supply():
    if not hasattr(time, "tzset"):
        time.tzset = _tzset


def _tzset():
    name = os.environ.get("TZ", "").removeprefix(":")
    time.timezone, time.altzone, time.daylight, time.tzname = _posix(name) or _zone(name)


def _posix(text):
    match = _POSIX.fullmatch(text)
    if match is None:
        return None
    standard, offset, summer, summer_offset = match.groups()
    offset = _seconds(offset)
    names = standard.strip("<>"), (summer or standard).strip("<>")
    if summer is None:
        return offset, offset, 0, names
    altzone = offset - 3600 if summer_offset is None else _seconds(summer_offset)
    return offset, altzone, 1, names


def _seconds(text):
    sign = -1 if text.startswith("-") else 1
    parts = [int(part) for part in text.lstrip("+-").split(":")]
    return sign * sum(part * unit for part, unit in zip(parts, (3600, 60, 1)))


def _zone(name):
    """What the database of zones says, where one is installed; an unknown zone is UTC under its own
    name, as elsewhere."""
    if not name:
        return 0, 0, 0, ("UTC", "UTC")
    try:
        from zoneinfo import ZoneInfo

        zone = ZoneInfo(name)
    except Exception:
        known = re.match("[A-Za-z]{3,}", name)
        return 0, 0, 0, (known.group() if known else "",) * 2
    year = time.gmtime().tm_year
    january, july = (datetime.datetime(year, month, 1, tzinfo=zone) for month in (1, 7))
    west = [-int(at.utcoffset().total_seconds()) for at in (january, july)]
    if west[0] == west[1]:
        return west[0], west[0], 0, (january.tzname(),) * 2
    # Clocks go forward in summer: further to the east.
    winter, summer = (january, july) if west[0] > west[1] else (july, january)
    return max(west), min(west), 1, (winter.tzname(), summer.tzname())
