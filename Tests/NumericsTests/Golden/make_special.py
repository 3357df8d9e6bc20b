"""Makes special.json: functions of probability by mpmath at 60 digits (1.4.1 made the file kept here).

    pip install mpmath && python3 make_special.py
"""
import json, os, random
from mpmath import mp, mpf

mp.dps = 60
random.seed(7)
rows = {}


def add(name, *arguments, value):
    # Where mpmath gives up (it does on shares far below 10^-300), there is no vector.
    if value is None:
        return
    try:
        number = float(value)
    except OverflowError:
        return
    if number == 0 or abs(number) < 1e-300:
        return
    rows.setdefault(name, []).append([*arguments, number])


def tried(function):
    try:
        return function()
    except (ValueError, mp.NoConvergence):
        return None


def spread(low, high):
    return float(mp.exp(random.uniform(float(mp.log(low)), float(mp.log(high)))))


for x in [1e-300, 1e-10, 0.5, 1.0, 1.5, 2.0, 3.0, 15.9, 16.0, 100.0, 1e6, 1e15] + [spread(1e-3, 1e5) for _ in range(100)]:
    add("log_gamma", x, value=mp.loggamma(mpf(x)))

shapes = [0.5, 1.0, 1.5, 3.0, 10.0, 99.5, 1000.0, 12345.5, 1e6] + [spread(0.05, 1e4) for _ in range(60)]
for a in shapes:
    for r in [0.01, 0.5, 0.9, 0.99, 1.0, 1.01, 1.1, 2.0, 5.0]:
        x = a * r if a > 3 else a * r * 3
        with mp.workdps(120 if a < 1e5 else 60):
            p = tried(lambda: mp.gammainc(mpf(a), 0, mpf(x), regularized=True))
            q = tried(lambda: mp.gammainc(mpf(a), mpf(x), mp.inf, regularized=True))
        add("gamma_p", a, x, value=p)
        add("gamma_q", a, x, value=q)


def beta(x, a, b):
    with mp.workdps(100):
        return tried(lambda: mp.betainc(mpf(a), mpf(b), 0, mpf(x), regularized=True))


pairs = [(0.5, 0.5), (1.0, 1.0), (2.0, 3.0), (0.5, 50.0), (10.0, 0.5), (30.0, 70.0), (1.0, 1000.0), (500.0, 600.0), (3.0, 997.5)] + [
    (spread(0.1, 500), spread(0.1, 500)) for _ in range(60)]
for a, b in pairs:
    mean = a / (a + b)
    for x in [mean * 0.2, mean * 0.9, mean, 1 - (1 - mean) * 0.9, 1 - (1 - mean) * 0.2]:
        p = beta(x, a, b)
        add("beta", x, a, b, value=p)
        if p is not None and 1e-12 < p < 0.9999 and a >= 0.5 and b >= 0.5:
            # What x gives float(p) exactly: one Newton step from x.
            density = mpf(x) ** (mpf(a) - 1) * (1 - mpf(x)) ** (mpf(b) - 1) / mp.beta(mpf(a), mpf(b))
            add("beta_inverse", float(p), a, b, value=mpf(x) + (mpf(float(p)) - p) / density)

for z in [0.0, 1e-8, 0.1, 0.5, 1.0, 1.2, 1.7, 2.5, 5.0, 10.0, 30.0, 37.0]:
    add("normal_above", z, value=mp.erfc(mpf(z) / mp.sqrt(2)) / 2)
    add("normal_above", -z, value=mp.erfc(mpf(-z) / mp.sqrt(2)) / 2)
for p in [1e-300, 1e-20, 1e-10, 1e-5, 0.001, 0.0249, 0.05, 0.0751, 0.3, 0.49, 0.51, 0.9, 0.975, 0.99, 0.999999, 1 - 1e-12]:
    start = mpf(-1) * mp.sqrt(-2 * mp.log(min(p, 1 - p))) * (1 if p < 0.5 else -1)
    if 0.2 < p < 0.8:
        start = mpf(0)
    add("normal_quantile", p, value=mp.findroot(lambda z: mp.log(mp.erfc(-z / mp.sqrt(2)) / 2) - mp.log(mpf(p)) if p < 0.5 else mp.log(mp.erfc(z / mp.sqrt(2)) / 2) - mp.log(1 - mpf(p)), start, tol=1e-45))

for x in [0.05, 0.1, 0.2, 0.4, 0.5, 0.8, 0.999, 1.0, 1.001, 1.2, 1.36, 1.63, 2.0, 3.0, 5.0, 12.0]:
    add("kolmogorov_above", x, value=2 * mp.nsum(lambda k: (-1) ** (int(k) - 1) * mp.exp(-2 * k * k * mpf(x) ** 2), [1, mp.inf], method="d") if x > 0.5 else 1 - mp.sqrt(2 * mp.pi) / mpf(x) * sum(mp.exp(-(2 * k - 1) ** 2 * mp.pi ** 2 / (8 * mpf(x) ** 2)) for k in range(1, 40)))

for nu in [1.0, 2.0, 3.0, 5.5, 10.0, 30.0, 100.0, 1000.0, 1e5]:
    for t in [0.01, 0.3, 1.0, 1.96, 3.0, 10.0]:
        x = mpf(nu) / (nu + mpf(t) ** 2)
        with mp.workdps(100):
            tail = mp.betainc(mpf(nu) / 2, mpf(1) / 2, 0, x, regularized=True)
        add("student_beyond", t, nu, value=tail)
        p = float(1 - tail / 2)
        density = mp.gamma((mpf(nu) + 1) / 2) / (mp.sqrt(nu * mp.pi) * mp.gamma(mpf(nu) / 2)) * (1 + mpf(t) ** 2 / nu) ** (-(mpf(nu) + 1) / 2)
        if p < 1 - 1e-6:
            add("student_quantile", p, nu, value=mpf(t) + (mpf(p) - (1 - tail / 2)) / density)

json.dump(rows, open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "special.json"), "w"))
print({name: len(lines) for name, lines in rows.items()})
