"""Makes drift.json: distances, tests, intervals and estimates by SciPy, scikit-learn and NannyML.

The file kept here was made with SciPy 1.17.1, NumPy 2.4.6, scikit-learn and NannyML 0.13.1:

    pip install scipy scikit-learn nannyml statsmodels && python3 make_drift.py
"""
import json, os
import numpy as np
from scipy import special, stats
from scipy.spatial.distance import jensenshannon
from sklearn import metrics as m
from sklearn.isotonic import IsotonicRegression

g = np.random.default_rng(11)


def psi(e, a, s=0.5):
    use = (e + a) > 0
    e, a = e[use] + s, a[use] + s
    e, a = e / e.sum(), a / a.sum()
    return float(((a - e) * np.log(a / e)).sum())


def counts(e, a):
    e, a = np.array(e), np.array(a)
    use = (e + a) > 0
    if use.sum() > 1:
        test = stats.chi2_contingency(np.array([e[use], a[use]]), correction=False)
        chi, degrees, p = float(test.statistic), int(test.dof), float(test.pvalue)
    else:
        chi, degrees, p = 0.0, 0, 1.0
    return dict(reference=e.tolist(), current=a.tolist(), chi_squared=chi, degrees=degrees, p_value=p, psi=psi(e.astype(float), a.astype(float)),
        psi_small=psi(e.astype(float), a.astype(float), 1e-4), jensen_shannon=float(jensenshannon(e, a, base=2)))


def samples(x, y):
    exact = len(x) * len(y) <= 4_000_000
    d = stats.ks_2samp(x, y, method="exact" if exact else "asymp")
    limit = float(special.kolmogorov(d.statistic * np.sqrt(len(x) * len(y) / (len(x) + len(y)))))
    # PSI over bins of equal shares of the reference: the same edges, by rank.
    s = np.sort(x)
    edges = np.unique([s[max(0, (i * len(s) + 9) // 10 - 1)] for i in range(1, 10)])
    edges = edges[edges < s[-1]]
    e = np.bincount(np.searchsorted(edges, x, side="left"), minlength=len(edges) + 1)
    a = np.bincount(np.searchsorted(edges, y, side="left"), minlength=len(edges) + 1)
    return dict(reference=x.tolist(), current=y.tolist(), ks=float(d.statistic), ks_exact=exact, ks_p=float(d.pvalue) if exact else limit,
        wasserstein=float(stats.wasserstein_distance(x, y)), bins=counts(e, a))


sets = [
    samples(np.array([1.0]), np.array([2.0])), samples(np.array([3.0]), np.array([3.0])),
    samples(g.normal(size=10), g.normal(size=10)), samples(g.normal(size=50), g.normal(size=35) + 0.5),
    samples(g.normal(size=200), g.normal(size=300) * 2), samples(g.normal(size=400), g.normal(size=400) + 1.5),
    samples(np.round(g.normal(size=300)), np.round(g.normal(size=500) + 0.2)), samples(g.lognormal(size=3000, sigma=2), g.lognormal(size=2000, sigma=2)),
    samples(np.round(g.lognormal(size=500, sigma=2), 2), np.round(g.lognormal(size=700, sigma=2) * 1.3, 2)),
    samples(np.where(g.random(900) < 0.8, 0, g.normal(size=900)), np.where(g.random(800) < 0.7, 0, g.normal(size=800))),
    samples(g.normal(size=100), g.normal(size=97) + 3),
]
tables = [counts(*t) for t in [([10, 20, 30], [12, 18, 33]), ([5, 0, 7], [1, 4, 0]), ([100, 0], [0, 50]), ([3, 0, 4], [3, 0, 4]), ([1000], [10]),
    ([123456, 234567, 3, 99], [120000, 240000, 9, 50]), (g.integers(0, 50, 40).tolist(), g.integers(0, 50, 40).tolist())]]

rates = []
for k, n in [(0, 10), (10, 10), (1, 10), (3, 7), (50, 1000), (999, 1000), (123456, 1234567), (0, 1), (5, 100000)]:
    for c in [0.8, 0.95, 0.999]:
        r = stats.binomtest(k, n)
        w, tail = r.proportion_ci(c, "wilson"), (1 - c) / 2
        # Its own "exact" stops 10^-12 off, whatever the size of the answer.
        exact = [0.0 if k == 0 else float(stats.beta.ppf(tail, k, n - k + 1)), 1.0 if k == n else float(stats.beta.isf(tail, k + 1, n - k))]
        rates.append(dict(k=k, n=n, confidence=c, wilson=[w.low, w.high], exact=exact))


def newcombe(k1, n1, k2, n2, c):
    a, b = stats.binomtest(k1, n1).proportion_ci(c, "wilson"), stats.binomtest(k2, n2).proportion_ci(c, "wilson")
    p, q = k1 / n1, k2 / n2
    return [p - q - np.hypot(p - a.low, b.high - q), p - q + np.hypot(a.high - p, q - b.low)]


# The first two: R. Newcombe 1998, table II, method 10, gives 0.0524 to 0.3339 for 56/70 - 48/80, 0.1705 to 0.8090 for 9/10 - 3/10.
differences = [dict(k1=k1, n1=n1, k2=k2, n2=n2, confidence=c, interval=[float(v) for v in newcombe(k1, n1, k2, n2, c)])
    for k1, n1, k2, n2 in [(56, 70, 48, 80), (9, 10, 3, 10), (0, 10, 0, 20), (10, 10, 0, 20), (500, 1000, 480, 990)] for c in [0.9, 0.95]]

means = []
for n in [2, 5, 30, 1000]:
    x = g.normal(size=n) * 3 + 7
    for c in [0.9, 0.99]:
        low, high = stats.t.interval(c, n - 1, x.mean(), x.std(ddof=1) / np.sqrt(n))
        means.append(dict(mean=float(x.mean()), deviation=float(x.std(ddof=1)), n=n, confidence=c, interval=[float(low), float(high)]))


def delong(y, s):
    """By the definition: every pair of a positive and a negative."""
    p, n = s[y], s[~y]
    wins = (p[:, None] > n[None, :]) + 0.5 * (p[:, None] == n[None, :])
    return float(wins.mean()), float(wins.mean(axis=1).var(ddof=1) / len(p) + wins.mean(axis=0).var(ddof=1) / len(n))


scorers = []
for n, rounding in [(40, 6), (300, 2), (300, 1), (900, 9)]:
    y = g.random(n) < 0.25
    s = np.round(1 / (1 + np.exp(-(g.normal(size=n) + 1.6 * y - 1.2))), rounding)
    auc, variance = delong(y, s)
    ap = m.average_precision_score(y, s)
    logit, half = np.log(ap / (1 - ap)), 1.959963984540054 / np.sqrt(y.sum() * ap * (1 - ap))
    bins = np.minimum((s * 10).astype(int), 9)
    ece = sum((bins == b).sum() * abs(s[bins == b].mean() - y[bins == b].mean()) for b in range(10) if (bins == b).any()) / n
    scorers.append(dict(scores=s.tolist(), labels=y.tolist(), roc_auc=m.roc_auc_score(y, s), delong_variance=variance, average_precision=float(ap),
        average_precision_interval=[float(1 / (1 + np.exp(-(logit - half)))), float(1 / (1 + np.exp(-(logit + half))))],
        log_loss=m.log_loss(y, s) if (s > 0).all() and (s < 1).all() else None, brier=m.brier_score_loss(y, s), ece=float(ece)))

from nannyml.performance_estimation.confidence_based import metrics as cbpe
estimates = []
for n, rounding in [(200, 12), (3000, 12)]:
    y = g.random(n) < 0.2
    s = 1 / (1 + np.exp(-(2 * g.normal(size=n) + 2 * y - 1)))
    train = np.round(s, 2) if n < 1000 else s
    isotonic = IsotonicRegression(out_of_bounds="clip").fit(train, y)
    new = 1 / (1 + np.exp(-(2 * g.normal(size=n) + 0.3)))
    probabilities = isotonic.predict(new)
    decisions = new >= 0.5
    estimates.append(dict(fit_scores=train.tolist(), fit_labels=y.tolist(), scores=new.tolist(), probabilities=probabilities.tolist(),
        roc_auc=float(cbpe.estimate_roc_auc(probabilities, new)), average_precision=float(cbpe.estimate_ap(probabilities, new)),
        accuracy=float(cbpe.estimate_accuracy(decisions.astype(int), probabilities)), precision=float(cbpe.estimate_precision(decisions.astype(int), probabilities)),
        recall=float(cbpe.estimate_recall(decisions.astype(int), probabilities)), f1=float(cbpe.estimate_f1(decisions.astype(int), probabilities))))

sequences = []
for alpha in [0.01, 0.05, 0.2]:
    for tuning in [100.0, 10000.0]:
        for t in [1.0, 100.0, 5000.0, 1e6]:
            rho2 = (-2 * np.log(alpha) + np.log(-2 * np.log(alpha) + 1)) / tuning
            two = np.sqrt(2 * (t * rho2 + 1) / (t * t * rho2) * np.log(np.sqrt(t * rho2 + 1) / alpha)) * np.sqrt(t)
            r1 = (-2 * np.log(2 * alpha) + np.log(-2 * np.log(2 * alpha) + 1)) / tuning
            one = np.sqrt(2 * (t * r1 + 1) / (t * t * r1) * np.log(1 + np.sqrt(t * r1 + 1) / (2 * alpha))) * np.sqrt(t)
            sequences.append(dict(alpha=alpha, tuning=tuning, time=t, two_sided=float(two), one_sided=float(one)))

ratios = []
for shares, n in [([0.5, 0.5], [520, 480]), ([0.9, 0.1], [9300, 800]), ([0.2, 0.3, 0.5], [10, 40, 50]), ([0.5, 0.5], [0, 0])]:
    prior, n = 1000 * np.array(shares), np.array(n)
    # ln of Dirichlet-multinomial over multinomial, by SciPy's distributions.
    total = int(n.sum())
    value = 0.0 if total == 0 else float(stats.dirichlet_multinomial(prior, total).logpmf(n) - stats.multinomial(total, shares).logpmf(n))
    ratios.append(dict(shares=shares, counts=n.tolist(), log_bayes_factor=value))

out = dict(samples=sets, counts=tables, rates=rates, differences=differences, means=means, scorers=scorers, estimates=estimates, sequences=sequences,
    ratios=ratios)
json.dump(out, open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "drift.json"), "w"))
