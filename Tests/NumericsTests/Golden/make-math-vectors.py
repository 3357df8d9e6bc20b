#!/usr/bin/env python3
"""Writes ../MathVectors.swift: correctly rounded values of elementary functions, from mpmath at 1,500 bits.

    pip install mpmath==1.4.1 && python3 make-math-vectors.py
"""
import math
import pathlib
import random
import struct

from mpmath import mp, mpf

mp.prec = 1500
random.seed(20260101)


def bits(x):
    return struct.pack(">d", x).hex()


def double(rng):
    while True:
        x = struct.unpack(">d", struct.pack(">Q", rng.getrandbits(64)))[0]
        if math.isfinite(x):
            return x


def rounded(v):
    """mpmath rounds to nearest even, also into subnormals: float() of an mpf does."""
    return float(v)


rows = []
rng = random


def add(name, value, *xs):
    r = rounded(value)
    if math.isfinite(r):
        rows.append(" ".join([name] + [bits(x) for x in xs] + [bits(r)]))


special = [0.0, -0.0, 5e-324, 2.2250738585072014e-308, 1e-300, 1e-20, 1e-9, 0.1, 0.5, 0.7071067811865475, 0.7071067811865476, 1.0, math.nextafter(1, 0), math.nextafter(1, 2), math.sqrt(2), 2.0, math.e, 3.0, 10.0, 1e5, 1e22, 1.7976931348623157e308]
for x in special:
    if x > 0:
        add("log", mp.log(mpf(x)), x)
    for y in (x, -x):
        if abs(y) < 745:
            add("exp", mp.exp(mpf(y)), y)
        add("sin", mp.sin(mpf(y)), y)
        add("cos", mp.cos(mpf(y)), y)
for y in (709.782712893384, 709.0, -708.5, -720.0, -744.0, -745.1):
    add("exp", mp.exp(mpf(y)), y)
for k in range(1, 40):
    for x in (float(k * mp.pi / 2), float(k * mp.pi / 4), math.nextafter(float(k * mp.pi / 4), 0)):
        add("sin", mp.sin(mpf(x)), x)
        add("cos", mp.cos(mpf(x)), x)
# The float64 nearest to a multiple of pi/2 of all (Kahan, McDonald).
for x in (6381956970095103 * 2.0**797, 5.319372648326541e255):
    add("sin", mp.sin(mpf(x)), x)
    add("cos", mp.cos(mpf(x)), x)
for _ in range(500):
    x = rng.uniform(-745, 709.7) if rng.random() < 0.6 else rng.uniform(-1, 1)
    add("exp", mp.exp(mpf(x)), x)
    x = abs(double(rng)) if rng.random() < 0.4 else rng.uniform(0.4, 3) if rng.random() < 0.6 else 1 + rng.uniform(-1, 1) * 2.0 ** -rng.randint(1, 52)
    if x > 0:
        add("log", mp.log(mpf(x)), x)
    x = double(rng) if rng.random() < 0.3 else rng.uniform(-10, 10) if rng.random() < 0.5 else rng.uniform(-1e6, 1e6)
    add("sin", mp.sin(mpf(x)), x)
    add("cos", mp.cos(mpf(x)), x)
for _ in range(1000):
    x = abs(double(rng)) if rng.random() < 0.3 else rng.uniform(0.01, 100) if rng.random() < 0.7 else 1 + rng.uniform(-1, 1) * 2.0 ** -rng.randint(2, 50)
    if x <= 0:
        continue
    limit = 700 / max(abs(math.log(x)), 1e-17)
    y = rng.uniform(-limit, limit) if rng.random() < 0.6 else rng.uniform(-3, 3)
    if abs(y) > 1e300:
        continue
    try:
        add("pow", mp.power(mpf(x), mpf(y)), x, y)
    except OverflowError:
        pass
for x, y in ((2.0, 10.0), (3.0, 2.0), (10.0, 15.0), (-2.0, 3.0), (-2.0, 4.0), (4.0, 0.5), (2.0, -1074.0), (2.0, -1060.5), (2.0, 1023.0), (0.5, 1000.0), (9.0, 1.5), (7.0, 1.0)):
    add("pow", mp.power(mpf(x), mpf(y)).real, x, y)

out = pathlib.Path(__file__).parent.parent / "MathVectors.swift"
out.write_text(
    "// Written by Golden/make-math-vectors.py with mpmath; do not edit.\n\n"
    "/// `function arguments result` a line, float64 as the hexadecimal digits of its bits.\n"
    'let mathVectors = """\n' + "\n".join("    " + r for r in rows) + '\n    """\n'
)
print(len(rows))
