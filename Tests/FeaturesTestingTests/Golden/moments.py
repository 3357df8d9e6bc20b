"""Writes moments.txt: sums and moments of numbers, exact until one rounding, by Python's fractions.

Each line: sum mean variance stddev : values. Doubles are the 16 hexadecimal digits of their bits, integers have an
`i` before their decimal digits, and `-` is missing. Run it as: python3 moments.py > moments.txt
"""
import math
import random
import struct
from fractions import Fraction


def bits(value):
    return struct.pack(">d", value).hex()


def rounded(value):
    # Division of integers rounds once, to the nearest even, also among subnormal numbers.
    try:
        return value.numerator / value.denominator
    except OverflowError:
        return None


def shown(value):
    return "-" if value is None else bits(value)


def line(values):
    exact = [Fraction(value) for value in values]
    total = sum(exact, Fraction(0))
    mean = rounded(total / len(exact)) if exact else None
    variance = None
    if len(exact) > 1:
        centre = total / len(exact)
        variance = rounded(sum((x - centre) ** 2 for x in exact) / (len(exact) - 1))
    deviation = None if variance is None else math.sqrt(variance)
    inputs = [f"i{value}" if isinstance(value, int) else bits(value) for value in values]
    return " ".join([shown(rounded(total)), shown(mean), shown(variance), shown(deviation), ":"] + inputs)


EXTREMES = [
    0.0, -0.0, 5e-324, -5e-324, 1.5e-323, 2.2250738585072014e-308, 2.225073858507201e-308, 1e308, -1e308,
    1.7976931348623157e308, -1.7976931348623157e308, 9.9792015476736e291, 1e16, -1e16, 1.0, 0.1, 1e-200, 3.0, 2.0**53, 1e154,
]


def any_double(generator):
    while True:
        value = struct.unpack(">d", generator.randbytes(8))[0]
        if math.isfinite(value):
            return value


def main():
    generator = random.Random(20261124)
    cases = [[], [0.0], [-0.0], [-0.0, -0.0], [1e16, 1.0, -1e16], [0.1] * 10, [1e308, 1e308, -1e308], [1e308, 1e308]]
    cases += [[5e-324, 0.0], [-5e-324, 0.0], [5e-324] * 3 + [0.0], [2.0**53, 1.0], [2.0**53 + 2, 1.0], [1.0, 2.0**-53]]
    # Half a unit in the last place above the largest double: even would be the overflow; a little less is not.
    largest = 1.7976931348623157e308
    cases += [[largest, 2.0**970], [largest, 2.0**970, -5e-324], [largest, largest]]
    cases += [[2**63 - 1, -(2**63)], [2**63 - 1, 2**63 - 1, 1], [-(2**63)] * 3, [2**53 + 1], [2**53 + 3]]
    for _ in range(150):
        cases.append([generator.choice(EXTREMES) for _ in range(generator.randint(1, 6))])
    for _ in range(100):
        cases.append([any_double(generator) for _ in range(generator.randint(1, 5))])
    for _ in range(100):
        cases.append([round(generator.uniform(-500, 500), 2) for _ in range(generator.randint(1, 12))])
    for _ in range(40):
        cases.append([generator.randint(-(2**63), 2**63 - 1) for _ in range(generator.randint(1, 6))])
    for values in cases:
        print(line(values))


main()
