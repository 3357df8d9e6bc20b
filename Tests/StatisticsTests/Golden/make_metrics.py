"""Makes metrics.json: metrics of small random sets by scikit-learn (1.9.1 made the file kept here)."""
import json, os
import numpy as np
from sklearn import metrics as m

def binary(seed, n, ties, weighted):
    g = np.random.default_rng(seed)
    y = g.random(n) < 0.3
    s = 1 / (1 + np.exp(-(g.normal(size=n) + 1.5 * y - 1)))
    if ties: s = np.round(s, 1)
    w = g.random(n) * 3 if weighted else None
    if weighted: w[g.random(n) < 0.1] = 0
    p = s >= 0.5
    return dict(scores=s.tolist(), labels=y.tolist(), weights=None if w is None else w.tolist(),
        average_precision=m.average_precision_score(y, s, sample_weight=w),
        roc_auc=m.roc_auc_score(y, s, sample_weight=w),
        log_loss=m.log_loss(y, s, sample_weight=w),
        brier=m.brier_score_loss(y, s, sample_weight=w),
        accuracy=m.accuracy_score(y, p, sample_weight=w), precision=m.precision_score(y, p, sample_weight=w),
        recall=m.recall_score(y, p, sample_weight=w), f1=m.f1_score(y, p, sample_weight=w))

def regression(seed, n, weighted):
    g = np.random.default_rng(seed)
    y = g.normal(size=n) * 5 + 20
    p = y + g.normal(size=n)
    w = g.random(n) if weighted else None
    return dict(predictions=p.tolist(), values=y.tolist(), weights=None if w is None else w.tolist(),
        rmse=m.root_mean_squared_error(y, p, sample_weight=w), mae=m.mean_absolute_error(y, p, sample_weight=w),
        r2=m.r2_score(y, p, sample_weight=w))

def multiclass(seed, n, k, weighted):
    g = np.random.default_rng(seed)
    y = g.integers(0, k, size=n)
    z = g.normal(size=(n, k)); z[np.arange(n), y] += 1
    q = np.exp(z); q /= q.sum(axis=1, keepdims=True)
    w = g.random(n) if weighted else None
    p = q.argmax(axis=1)
    return dict(probabilities=q.ravel().tolist(), classes=k, labels=y.tolist(), weights=None if w is None else w.tolist(),
        log_loss=m.log_loss(y, q, sample_weight=w, labels=range(k)), accuracy=m.accuracy_score(y, p, sample_weight=w),
        macro_f1=m.f1_score(y, p, average="macro", sample_weight=w))

out = dict(binary=[binary(i, 60, t, w) for i, (t, w) in enumerate([(0, 0), (1, 0), (0, 1), (1, 1)])]
        + [dict(binary(9, 40, False, False))],
    regression=[regression(20, 40, False), regression(21, 40, True)],
    multiclass=[multiclass(30, 50, 4, False), multiclass(31, 50, 3, True)])
json.dump(out, open(os.path.join(os.path.dirname(__file__), "metrics.json"), "w"))
