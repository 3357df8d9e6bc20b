#!/usr/bin/env python3
"""Writes ../TimeZoneVectors.swift: offsets and local times of many zones, from Python's zoneinfo over PyPI's tzdata.

    pip install tzdata==2026.6 && PYTHONTZPATH= python3 make-time-zone-vectors.py
"""
import datetime
import pathlib
import random
import zoneinfo

import tzdata

zoneinfo.reset_tzpath(())
random.seed(7)
epoch = datetime.datetime(1970, 1, 1)
utc = datetime.timezone.utc
chosen = """Europe/Brussels Europe/London Europe/Dublin Europe/Lisbon Europe/Moscow Europe/Istanbul America/New_York US/Eastern
America/Los_Angeles America/Sao_Paulo America/St_Johns America/Havana America/Santiago America/Asuncion America/Nuuk
America/Caracas America/Phoenix America/Argentina/Buenos_Aires America/Tijuana Africa/Cairo Africa/Casablanca Africa/Monrovia
Africa/Johannesburg Asia/Kolkata Asia/Kathmandu Asia/Tehran Asia/Gaza Asia/Jerusalem Asia/Pyongyang Asia/Tokyo Asia/Shanghai
Asia/Beirut Australia/Sydney Australia/Lord_Howe Australia/Adelaide Pacific/Apia Pacific/Auckland Pacific/Chatham Pacific/Kiritimati
Pacific/Kwajalein Pacific/Easter Pacific/Norfolk Atlantic/Azores Antarctica/Troll Etc/GMT+5 EST5EDT CET UTC""".split()
names = sorted(zoneinfo.available_timezones() - {"Factory", "localtime"})
chosen += random.sample(names, 40)
lines = []


def offset(zone, second):
    return int((epoch.replace(tzinfo=utc) + datetime.timedelta(seconds=second)).astimezone(zone).utcoffset().total_seconds())


for name in dict.fromkeys(chosen):
    zone = zoneinfo.ZoneInfo(name)
    moments = [random.randrange(0, 4_000_000_000) for _ in range(12)] + [5_000_000_000, 7_000_000_123]
    # Both sides of every change of the offset that a scan by hours finds in some years.
    changes = []
    for year in (1971, 1983, 1996, 2007, 2011, 2018, 2024, 2026, 2031, 2075):
        start = int((datetime.datetime(year, 1, 1) - epoch).total_seconds())
        last = offset(zone, start)
        for second in range(start, start + 366 * 86400, 6 * 3600):
            now = offset(zone, second)
            if now != last:
                low, high = second - 6 * 3600, second
                while high - low > 1:
                    middle = (low + high) // 2
                    if offset(zone, middle) == last:
                        low = middle
                    else:
                        high = middle
                changes.append((high, last, now))
                last = now
    for at, before, after in changes[:24]:
        moments += [at - 1, at]
    for moment in moments:
        lines.append(f"at {name} {moment} {offset(zone, moment)}")
    for at, before, after in changes[:24]:
        for local in {at + before - 1, at + before, at + after - 1, at + after, at + (before + after) // 2, at + before + 7200}:
            naive = epoch + datetime.timedelta(seconds=local)
            moment = int((naive.replace(tzinfo=zone, fold=0).astimezone(utc).replace(tzinfo=None) - epoch).total_seconds())
            lines.append(f"local {name} {local} {moment}")
out = pathlib.Path(__file__).parent.parent / "TimeZoneVectors.swift"
out.write_text(
    f"// Written by Golden/make-time-zone-vectors.py with Python's zoneinfo and tzdata {tzdata.IANA_VERSION}; do not edit.\n\n"
    "/// `at zone second offset`, and `local zone second-by-the-local-clock second`, a line.\n"
    'let timeZoneVectors = """\n' + "\n".join("    " + line for line in lines) + '\n    """\n'
)
print(len(lines))
