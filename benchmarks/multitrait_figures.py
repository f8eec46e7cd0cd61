"""Print R2 of MMASHRegressor against RidgeCV, GBLUP and MultiTaskLassoCV, fold by fold.

    python benchmarks/multitrait_figures.py wheat|mice|maize|sparse|unequal
        [--repeats 10] [--csv FILE]

The data are wheat (wheat_bglr in ../shared/data), mice (mice_bglr, needs pandas), maize
(maize_drops), or simulations, which need no data: few effects (sparse), or traits of heritability
.7, .4, .1, 0 and 0 (unequal). Repeats are other folds or simulations. With --csv, a row per fit and
trait, from which the documentation's tables are made.
"""

import argparse
import time
import warnings
from pathlib import Path

import numpy as np
from scipy.optimize import minimize_scalar
from sklearn.linear_model import MultiTaskLassoCV, RidgeCV
from sklearn.model_selection import GroupKFold, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

try:
    from .evidence import require_data, write_rows
except ImportError:  # run as a program
    from evidence import require_data, write_rows

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


def likeliest_delta(values, rotated):
    """delta of a trait rotated to the eigenvectors of the relationship, of eigenvalues `values`."""

    def loss(log_delta):
        total = 1 + np.exp(log_delta) * values
        return len(total) * np.log(np.sum(rotated**2 / total)) + np.sum(np.log(total))

    return np.exp(minimize_scalar(loss, bounds=(-7, 5), method="bounded").x)


class GBLUPByTrait:
    """The best linear prediction of each trait on its observed cells, by its likeliest delta."""

    def fit(self, X, Y):
        self.coef = np.zeros((X.shape[1], Y.shape[1]))
        self.intercept = np.zeros(Y.shape[1])
        for j, y in enumerate(Y.T):
            seen = ~np.isnan(y)
            mean, sd = X[seen].mean(axis=0), X[seen].std(axis=0)
            Z = (X[seen] - mean) / np.where(sd > 0, sd, np.inf)
            values, vectors = np.linalg.eigh(Z @ Z.T / Z.shape[1])
            values, rotated = np.clip(values, 0, None), vectors.T @ (y[seen] - y[seen].mean())
            delta = likeliest_delta(values, rotated)
            effects = Z.T @ (vectors @ (delta * rotated / (1 + delta * values))) / Z.shape[1]
            self.coef[:, j] = effects / np.where(sd > 0, sd, np.inf)
            self.intercept[j] = y[seen].mean() - mean @ self.coef[:, j]
        return self

    def predict(self, X):
        return X @ self.coef + self.intercept


def wheat(seed):
    """Yield (X, Y, train, test): five folds of 599 lines, 1,279 markers, four environments."""
    data = np.load(DATA / FOLDERS["wheat"] / "wheat.npz")
    X, Y = data["G"], data["Y"].astype(float)
    for train, test in KFold(5, shuffle=True, random_state=seed).split(X):
        yield X, Y, train, test


def mice(seed):
    """Yield five folds of cages of 1,814 mice: ten traits without their difference by sex."""
    import pandas as pd

    X = np.load(DATA / FOLDERS["mice"] / "geno.npz")["G"]
    table = pd.read_csv(DATA / FOLDERS["mice"] / "pheno.csv.gz")
    Y = table[MICE].groupby(table["GENDER"]).transform(lambda column: column - column.mean())
    Y = (Y / Y.std()).to_numpy(float)
    folds = GroupKFold(5, shuffle=True, random_state=seed)
    for train, test in folds.split(X, groups=table["cage"]):
        yield X, Y, train, test


def maize(seed):
    """Yield five folds of 246 hybrids, 41,722 SNPs: means of eight traits over ten experiments."""
    data = np.load(DATA / FOLDERS["maize"] / "drops.npz", allow_pickle=True)
    X, Y = data["G"].astype(float), np.nanmean(data["Y"], axis=2)
    X[X < 0] = np.nan
    X = np.where(np.isnan(X), np.nanmean(X, axis=0), X)
    for train, test in KFold(5, shuffle=True, random_state=seed).split(X):
        yield X, Y, train, test


def unequal(seed):
    """Yield one simulation: every variant acts, on traits of heritability .7, .4, .1, 0 and 0."""
    rng = np.random.default_rng(seed)
    X = rng.binomial(2, 0.3, size=(900, 800)).astype(np.int8)
    heritability = np.array([0.7, 0.4, 0.1, 0, 0])
    genetic = (X - X.mean(axis=0)) / X.std(axis=0) @ rng.normal(size=(800, 5)) / np.sqrt(800)
    noise = rng.normal(size=(900, 5))
    Y = genetic * np.sqrt(heritability) + noise * np.sqrt(1 - heritability)
    yield X, Y, np.arange(600), np.arange(600, 900)


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


def plain():
    """Return the model without a background."""
    return MMASHRegressor(polygenic=0)


LINEAR = {"RidgeCV": RidgeByTrait, "GBLUP": GBLUPByTrait}
LASSO = {"MultiTaskLassoCV": lambda: make_pipeline(StandardScaler(), MultiTaskLassoCV())}
FOLDERS = {"wheat": "wheat_bglr", "mice": "mice_bglr", "maize": "maize_drops"}
DATA_SETS = {
    "wheat": (wheat, LINEAR | {"plain": plain}),
    "mice": (mice, LINEAR),
    "maize": (maize, LINEAR),
    "sparse": (sparse, LASSO | LINEAR | {"plain": plain}),
    "unequal": (unequal, LINEAR),
}


def main():
    """Print R2 of each fold, then means and paired differences over repeats."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", choices=list(DATA_SETS))
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--csv", help="file of a row per fit and trait")
    arguments = parser.parse_args()
    name = arguments.data
    if name in FOLDERS:
        require_data(parser, DATA / FOLDERS[name])
    data, rivals = DATA_SETS[name]
    models = {"MMASHRegressor": MMASHRegressor} | rivals
    rows = []
    for seed in range(arguments.repeats):
        for fold, (X, Y, train, test) in enumerate(data(seed)):
            for method, make in models.items():
                start = time.process_time()
                model = make().fit(X[train], Y[train])
                seconds = time.process_time() - start
                predicted = model.predict(X[test])
                mean = masked_r2_score(Y[test], predicted)
                print(f"{mean:.4f} ({seconds:.1f} s)", end=" ", flush=True)
                for trait, (y, p) in enumerate(zip(Y[test].T, predicted.T)):
                    row = {"seed": seed, "fold": fold, "trait": trait, "method": method}
                    row |= {"r2": round(masked_r2_score(y, p), 5), "seconds": round(seconds, 2)}
                    rows.append(row)
            print()
        if arguments.csv:
            write_rows(arguments.csv, rows)
    means = {}  # by method: R2 of each repeat
    for method in models:
        r2 = np.array([row["r2"] for row in rows if row["method"] == method])
        by_trait = r2.reshape(-1, 1 + rows[-1]["trait"])
        means[method] = by_trait.reshape(arguments.repeats, -1).mean(axis=1)
        by_trait = " ".join(f"{r:.3f}" for r in by_trait.mean(axis=0))
        print(f"{method}: {r2.mean():.4f}; by trait {by_trait}")
    for method in rivals:
        difference = means["MMASHRegressor"] - means[method]
        n = len(difference)
        error = difference.std(ddof=1) / np.sqrt(n) if n > 1 else np.nan
        print(f"minus {method}: {difference.mean():.4f}, standard error {error:.4f}")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
