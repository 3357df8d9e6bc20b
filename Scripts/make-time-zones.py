#!/usr/bin/env python3
"""Writes Sources/Expressions/TimeZones/TimeZoneData.swift from the `tzdata` package of PyPI.

    pip install tzdata==2026.6 && python3 Scripts/make-time-zones.py

One line a zone, `name|offsets|transitions|rule`, or `link=zone`; see TimeZoneTable+Names.swift for the coding.
Transitions before 1970 are left out.
"""
import importlib.resources
import pathlib
import struct

import tzdata

root = importlib.resources.files("tzdata") / "zoneinfo"
names = (importlib.resources.files("tzdata") / "zones").read_text().split()
links = {}
for line in (root / "tzdata.zi").read_text().splitlines():
    if line.startswith("L "):
        _, target, name = line.split()
        links[name] = target


def read(name):
    """Parses a TZif file's 64-bit block (RFC 9636)."""
    data = (root / name).read_bytes()

    def header(at):
        assert data[at : at + 4] == b"TZif"
        return struct.unpack(">6l", data[at + 20 : at + 44])

    isut, isstd, leap, times, types, chars = header(0)
    at = 44 + times * 5 + types * 6 + chars + leap * 8 + isstd + isut
    isut, isstd, leap, times, types, chars = header(at)
    at += 44
    transitions = struct.unpack(f">{times}q", data[at : at + 8 * times])
    at += 8 * times
    indices = data[at : at + times]
    at += times
    offsets = [struct.unpack(">l", data[at + 6 * i : at + 6 * i + 4])[0] for i in range(types)]
    at += 6 * types + chars + leap * 12 + isstd + isut
    rule = data[at:].decode().strip()
    return [(t, offsets[i]) for t, i in zip(transitions, indices)], offsets[0], rule


def base36(number):
    text = ""
    while True:
        number, digit = divmod(number, 36)
        text = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + text
        if number == 0:
            return text


def encode(name):
    transitions, initial, rule = read(name)
    kept = []
    # The last transition stays even if it changes no offset: the rule holds from it on.
    begins_rule = transitions[-1:] if "," in rule else []
    for at, offset in transitions:
        if at < 0:
            initial = offset
        elif (at, offset) in begins_rule or offset != (kept[-1][1] if kept else initial):
            kept.append((at, offset))
    offsets = [initial]
    text, last = "", 0
    for at, offset in kept:
        if offset not in offsets:
            offsets.append(offset)
        text += "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[offsets.index(offset)] + base36(at - last)
        last = at
    # A rule without daylight time repeats the last offset.
    if "," not in rule:
        rule = ""
    return f"{name}|{','.join(map(str, offsets))}|{text}|{rule}"


lines = []
for name in sorted(set(names) | set(links)):
    if name == "UTC" or name in ("Factory", "localtime"):
        continue
    target = links.get(name, name)
    while target in links:
        target = links[target]
    lines.append(f"{name}={target}" if target != name and target != "UTC" else encode(name))

version = tzdata.IANA_VERSION
output = pathlib.Path(__file__).parent.parent / "Sources/Expressions/TimeZones/TimeZoneData.swift"
output.write_text(
    f"""// Written by Scripts/make-time-zones.py from the IANA time zone database; do not edit. The data is in the public domain.

/// The release of the IANA time zone database below.
let timeZoneDataVersion = "{version}"

/// One line a zone: `name|offsets|transitions|rule`, or `link=zone`. Decoded in `TimeZoneTable+Names.swift`.
let timeZoneData = \"\"\"
"""
    + "\n".join("    " + line for line in lines)
    + '\n    """\n'
)
print(f"{len(lines)} names, {output.stat().st_size} bytes, version {version}")
