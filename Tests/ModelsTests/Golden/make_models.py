"""Makes *.golden.json: small XGBoost models with the margins and contributions that XGBoost (3.2.0) and shap
(0.51.0, path-dependent) give for some rows. NaN stands as null."""
import json, os
import numpy as np, xgboost as xgb

here = os.path.dirname(os.path.abspath(__file__))

def rows(g, n, categories):
    x = np.round(g.normal(size=(n, 5)), 3).astype(np.float32)
    x[:, 0] = g.integers(-2, 3, size=n)
    if categories:
        x[:, 3] = g.integers(0, 3, size=n); x[:, 4] = g.integers(0, 12, size=n)
    x[g.random(size=x.shape) < 0.15] = np.nan
    return x

def make(name, objective, categories=False, classes=0, **more):
    g = np.random.default_rng(7)
    x = rows(g, 800, categories)
    f = np.nan_to_num(x)
    signal = f[:, 0] * 0.7 + f[:, 1] * f[:, 2] + (np.isin(f[:, 4], [1, 3, 8]) * 1.5 if categories else f[:, 3])
    noisy = signal + g.normal(size=len(x)) * 0.5
    y = noisy if objective == "reg:squarederror" else np.digitize(noisy, [-0.5, 0.7]) if classes else noisy > 0.5
    types = ["float"] * 3 + (["c", "c"] if categories else ["float"] * 2)
    names = list("abcde")
    d = xgb.DMatrix(x, label=y, feature_names=names, feature_types=types, enable_categorical=True)
    p = dict(objective=objective, max_depth=4, eta=0.3, seed=1, nthread=1, base_score=0.5, tree_method="hist", **more)
    if classes: p["num_class"] = classes
    b = xgb.train(p, d, 8)
    t = rows(g, 25, categories)
    dt = xgb.DMatrix(t, feature_names=names, feature_types=types, enable_categorical=True)
    out = dict(model=json.loads(bytes(b.save_raw("json"))), rows=[[None if np.isnan(v) else float(v) for v in r] for r in t],
        margins=np.asarray(b.predict(dt, output_margin=True, strict_shape=True), dtype=float).tolist(),
        predictions=np.asarray(b.predict(dt, strict_shape=True), dtype=float).tolist(),
        contributions=np.asarray(b.predict(dt, pred_contribs=True, strict_shape=True), dtype=float).tolist())
    if not categories and not classes:
        import shap
        try:
            e = shap.TreeExplainer(b, feature_perturbation="tree_path_dependent")
            out["shap"] = np.asarray(e.shap_values(t)).tolist()
        except Exception as error: print(name, "shap:", error)
    for tree in out["model"]["learner"]["gradient_booster"]["model"]["trees"]:
        for key in ("base_weights", "loss_changes", "parents"): tree.pop(key)
    json.dump(out, open(os.path.join(here, name + ".golden.json"), "w"), separators=(",", ":"))

make("logistic", "binary:logistic")
make("regression", "reg:squarederror")
make("softmax", "multi:softprob", classes=3)
make("categories", "binary:logistic", categories=True, max_cat_to_onehot=5)
