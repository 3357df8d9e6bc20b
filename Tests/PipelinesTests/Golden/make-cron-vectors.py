#!/usr/bin/env python3
"""Writes cron-vectors.txt: what croniter answers for random expressions, zones and moments.

    pip install croniter==7.0.0 tzdata==2026.6 && python3 make-cron-vectors.py

A line is `expression|zone|start|next|previous`: the zone is a number of the list in the second line, moments are seconds since
1970 in base 36; `next` and `previous` are successive answers of get_next and get_prev, each as minutes from the one before (the
first from the start's minute), joined by commas. A line `expression|!` is a text that croniter refuses.
"""
import datetime
import importlib.metadata
import pathlib
import random
import sys
import zoneinfo

import croniter as package
import tzdata

zoneinfo.reset_tzpath(())
croniter = package.croniter
version = importlib.metadata.version("croniter")
assert version == "7.0.0" and tzdata.IANA_VERSION == "2026f", (version, tzdata.IANA_VERSION)
random.seed(20180725)
utc = datetime.timezone.utc
zones = """UTC Europe/Brussels Europe/London Europe/Dublin America/New_York America/Los_Angeles America/Sao_Paulo America/St_Johns
America/Havana America/Santiago America/Caracas America/Nuuk Africa/Cairo Africa/Casablanca Asia/Kathmandu Asia/Kolkata Asia/Tehran
Asia/Gaza Asia/Pyongyang Asia/Tokyo Australia/Sydney Australia/Lord_Howe Pacific/Apia Pacific/Auckland Pacific/Chatham
Pacific/Kiritimati Europe/Istanbul Europe/Moscow Antarctica/Troll""".split()
tables = [zoneinfo.ZoneInfo(name) for name in zones]


def base36(number):
    digits, sign = "", "-" if number < 0 else ""
    number = abs(number)
    while number or not digits:
        number, digit = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    return sign + digits


def offset(zone, second):
    return datetime.datetime.fromtimestamp(second, utc).astimezone(zone).utcoffset()


def changes(zone):
    """Every change of a zone's offset from 1971 to 2040, to the second."""
    found = []
    first, last = 31_536_000, 2_208_988_800
    step = 6 * 3600
    before = offset(zone, first)
    for second in range(first, last, step):
        now = offset(zone, second)
        if now != before:
            low, high = second - step, second
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if offset(zone, middle) == before else (low, middle)
            found.append(high)
            before = now
    return found


transitions = [changes(zone) for zone in tables]
weekdays = "sun mon tue wed thu fri sat".split()
months = "jan feb mar apr may jun jul aug sep oct nov dec".split()


def value(low, high, names, offset):
    number = random.randint(low, high)
    if names and random.random() < 0.3:
        name = names[(number - offset) % len(names)]
        return random.choice([name, name.upper(), name.capitalize()])
    return str(number)


def item(low, high, names=(), offset=0):
    kind = random.random()
    if kind < 0.45:
        return value(low, high, names, offset)
    if kind < 0.6:
        return f"*/{random.choice([1, 2, 3, 5, 7, 10, 15, 20, 30])}"
    if kind < 0.65:
        return f"{value(low, high, names, offset)}/{random.randint(1, 20)}"
    span = f"{value(low, high, names, offset)}-{value(low, high, names, offset)}"
    return span + (f"/{random.randint(1, 7)}" if random.random() < 0.3 else "")


def field(low, high, star, names=(), offset=0):
    if random.random() < star:
        return "*"
    return ",".join(item(low, high, names, offset) for _ in range(random.choice([1, 1, 1, 1, 2, 3])))


def hour():
    kind = random.random()
    if kind < 0.3:
        return "*"
    if kind < 0.7:  # the hours at which clocks change
        return random.choice(["0", "1", "2", "3", "23", "1,2", "2-3", "0-4", "1-3/2", "*/2", "*/3", "0-23", "22-3"])
    return field(0, 23, 0)


def day_of_month():
    kind = random.random()
    if kind < 0.45:
        return random.choice(["*", "*", "*", "?"])
    if kind < 0.55:
        return random.choice(["L", "l", "1,L", "15,L", "28-L", "L,5-7"])
    if kind < 0.7:
        return random.choice(["29", "30", "31", "29,30", "31,1", "28-31", "1-31", "29-2"])
    return field(1, 31, 0)


def day_of_week():
    kind = random.random()
    if kind < 0.5:
        return random.choice(["*", "*", "*", "?"])
    if kind < 0.6:
        day = random.choice(["5", "0", "fri", "MON", "7", "mon-wed", "Sun"])
        return f"{day}#{random.randint(1, 5)}"
    if kind < 0.68:
        return random.choice(["L5", "l0", "L7", "L1,L3", "L2,4#1", "1#1,3#3", "fri#2,1", "1,L5", "LFRI"])
    if kind < 0.78:
        return random.choice(["1-5", "mon-fri", "0-6", "0-7", "5-7", "sat-sun", "6,7", "fri-mon", "sun-sat"])
    return field(0, 7, 0, weekdays, 0)


def expression():
    kind = random.random()
    if kind < 0.03:
        return random.choice(["@hourly", "@daily", "@weekly", "@monthly", "@yearly", "@annually", "@midnight", "@Daily"])
    if kind < 0.1:
        return random.choice(["0 0 29 2 *", "30 1 29 feb *", "0 2 29 2 *", "*/15 * * * *", "*/20 * * * *", "0 * * * *", "30 2 * * *",
                              "0 2 * * *", "30 1 * * *", "0 0 * * *", "0 0 L * *", "0 3 L 2 *", "45 1 * * *", "*/30 1-3 * * *",
                              "0 0 31 * *", "0 0 30 12 *", "0 * 30 12 *", "0 12 30 12 *"])
    minute = random.choice(["0", "30", "*/15", "*/10", "*"]) if random.random() < 0.5 else field(0, 59, 0.1)
    return " ".join([minute, hour(), day_of_month(), field(1, 12, 0.7, months, 1), day_of_week()])


def spoiled():
    """An expression with one character too many, too few or changed."""
    text = expression()
    place = random.randrange(len(text))
    change = random.choice(["", random.choice("0123456789*/-,#L?xw 61"), text[place] + random.choice("09*/-,#LW@~ ")])
    return text[:place] + change + text[place + 1:]


def moment(index):
    kind = random.random()
    if kind < 0.5 and transitions[index]:
        at = random.choice(transitions[index])
        return at + random.choice([random.randint(-90_000, 90_000), random.randint(-9_000, 9_000), -1, 0, 1, 60 * random.randint(-200, 200)])
    if kind < 0.65:  # ends of months, in leap years too
        year, month = random.randint(1972, 2039), random.choice([1, 2, 2, 3, 12, random.randint(1, 12)])
        first = datetime.datetime(year, month, 1, tzinfo=utc).timestamp()
        return int(first) + random.randint(-200_000, 100_000)
    if kind < 0.7:  # 2100 has no leap day
        return random.randint(3_900_000_000, 4_200_000_000)
    return random.randint(40_000_000, 2_100_000_000)


def answers(text, zone, start, name):
    cron = croniter(text, datetime.datetime.fromtimestamp(start, utc).astimezone(zone), ret_type=datetime.datetime)
    last, found = start // 60 * 60, []
    for _ in range(4):
        try:
            at = int(getattr(cron, name)().timestamp())
        except (package.CroniterBadDateError, AssertionError, RecursionError) as error:
            found.append("!" if isinstance(error, package.CroniterBadDateError) else "?")
            break
        assert (at - last) % 60 == 0
        found.append(base36((at - last) // 60))
        last = at
    return ",".join(found)


lines, seen = [], set()
while len(lines) < 10_000:
    text = spoiled() if random.random() < 0.06 else expression()
    if "|" in text or text in seen and random.random() < 0.3:
        continue
    seen.add(text)
    try:
        croniter(text, 0)
    except package.CroniterError:
        lines.append(f"{text}|!")
        continue
    if len(text.split()) > 5:
        continue  # seconds and years, which we do not have
    index = random.randrange(len(zones))
    start = moment(index)
    lines.append("|".join([text, str(index), base36(start), answers(text, tables[index], start, "get_next"),
                           answers(text, tables[index], start, "get_prev")]))
    if len(lines) % 1_000 == 0:
        print(len(lines), file=sys.stderr)
(pathlib.Path(__file__).parent / "cron-vectors.txt").write_text(
    f"# croniter {version}, tzdata {tzdata.IANA_VERSION}; written by make-cron-vectors.py, do not edit\n"
    + " ".join(zones) + "\n" + "\n".join(lines) + "\n")
