"""Print R2 of MMASHRegressor against RidgeCV and MultiTaskLassoCV, fold by fold.

    python benchmarks/multitrait_figures.py wheat|mice|sparse [repeats]

The data are wheat (wheat_bglr in ../shared/data), mice (mice_bglr, needs pandas), or simulations
with sparse effects, which need no data. Repeats, ten by default, are other folds or simulations.
"""

import sys
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.linear_model import MultiTaskLassoCV, RidgeCV
from sklearn.model_selection import GroupKFold, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skgenetics import MMASHRegressor
from skgenetics.metrics import masked_r2_score

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
MICE = [
    "Biochem.ALP", "Biochem.HDL", "Biochem.EndNormalBW", "Biochem.Tot.Cholesterol",
    "Biochem.Albumin", "Biochem.Calcium", "Biochem.Glucose", "Biochem.Triglycerides",
    "Biochem.Urea", "Obesity.BodyLength",
]  # fmt: skip


class RidgeByTrait:
    """RidgeCV of each trait on its observed cells."""

    def fit(self, X, Y):
        self.models = []
        for y in Y.T:
            seen = ~np.isnan(y)
            model = make_pipeline(StandardScaler(), RidgeCV(np.logspace(0, 6, 31)))
            self.models.append(model.fit(X[seen], y[seen]))
        return self

    def predict(self, X):
        return np.column_stack([model.predict(X) for model in self.models])


def wheat(seed):
    """Yield (X, Y, train, test): five folds of 599 lines, 1,279 markers, four environments."""
    data = np.load(DATA / "wheat_bglr" / "wheat.npz")
    X, Y = data["G"], data["Y"].astype(float)
    for train, test in KFold(5, shuffle=True, random_state=seed).split(X):
        yield X, Y, train, test


def mice(seed):
    """Yield five folds of cages of 1,814 mice: ten traits without their difference by sex."""
    import pandas as pd

    X = np.load(DATA / "mice_bglr" / "geno.npz")["G"]
    table = pd.read_csv(DATA / "mice_bglr" / "pheno.csv.gz")
    Y = table[MICE].groupby(table["GENDER"]).transform(lambda column: column - column.mean())
    Y = (Y / Y.std()).to_numpy(float)
    folds = GroupKFold(5, shuffle=True, random_state=seed)
    for train, test in folds.split(X, groups=table["cage"]):
        yield X, Y, train, test


def sparse(seed):
    """Yield one simulation: 20 of 1,000 variants act, half of them on all ten traits alike."""
    rng = np.random.default_rng(seed)
    X = rng.binomial(2, rng.uniform(0.05, 0.5, 1000), size=(800, 1000)).astype(np.int8)
    B = np.zeros((1000, 10))
    causal = rng.choice(1000, 20, replace=False)
    B[causal[:10]] = rng.normal(size=(10, 1))
    B[causal[10:]] = rng.normal(size=(10, 10)) * (rng.random((10, 10)) < 0.3)
    genetic = (X - X.mean(axis=0)) / X.std(axis=0) @ B
    genetic *= np.sqrt(0.2) / genetic.std(axis=0)
    Y = genetic + np.sqrt(0.8) * rng.normal(size=(800, 10))
    yield X, Y, np.arange(600), np.arange(600, 800)


RIVALS = {
    "wheat": {"RidgeCV": RidgeByTrait, "plain": lambda: MMASHRegressor(polygenic=0)},
    "mice": {"RidgeCV": RidgeByTrait},
    "sparse": {
        "MultiTaskLassoCV": lambda: make_pipeline(StandardScaler(), MultiTaskLassoCV()),
        "RidgeCV": RidgeByTrait,
        "plain": lambda: MMASHRegressor(polygenic=0),
    },
}


def main(name, repeats):
    """Print R2 of each fold, then means and paired differences over repeats."""
    models = {"MMASHRegressor": MMASHRegressor} | RIVALS[name]
    scores = np.zeros((repeats, len(models)))
    for seed in range(repeats):
        fold_scores = []
        for X, Y, train, test in {"wheat": wheat, "mice": mice, "sparse": sparse}[name](seed):
            row, seconds = [], []
            for make in models.values():
                start = time.process_time()
                model = make().fit(X[train], Y[train])
                seconds.append(time.process_time() - start)
                row.append(masked_r2_score(Y[test], model.predict(X[test])))
                delta = getattr(model, "polygenic_", None)
                if delta:
                    print(f"delta {delta:.3f}, {model.n_iter_} sweeps", end="; ")
            print(" ".join(f"{r:.4f} ({s:.1f} s)" for r, s in zip(row, seconds)), flush=True)
            fold_scores.append(row)
        scores[seed] = np.mean(fold_scores, axis=0)
    for model, mean in zip(models, scores.mean(axis=0)):
        print(f"{model}: {mean:.4f}")
    for model, column in zip([*models][1:], scores.T[1:]):
        difference = scores[:, 0] - column
        error = difference.std(ddof=1) / np.sqrt(repeats) if repeats > 1 else np.nan
        print(f"minus {model}: {difference.mean():.4f}, standard error {error:.4f}")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 10)
