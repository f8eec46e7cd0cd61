"""Print what the networks predict by default, beside ridge or logistic regression and others.

    python benchmarks/network_figures.py SET [--repeats 1] [--csv FILE]

SET is additive, epistatic, ld, cases, small, functions, other, wheat or mice.

Rows: score on new people (R2, or ROC AUC), slope of the truth on the prediction (of the logit for
cases; 1 is calibrated), pairs found among twice as many as were planted, and seconds of processor
time. `ld` needs msprime, `mice` needs pandas; real data are read from ../shared/data. With --csv, a
row per fit, from which the documentation's tables are made.
"""

import argparse
import time
import warnings
from pathlib import Path

import numpy as np
from scipy.special import logit
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV, RidgeCV
from sklearn.metrics import r2_score, roc_auc_score
from sklearn.model_selection import GroupKFold, KFold
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

try:
    from .evidence import require_data, write_rows
except ImportError:  # run as a program
    from evidence import require_data, write_rows

from skgenetics import LINAClassifier, LINARegressor
from skgenetics.datasets import make_interactions

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
SIMULATED = "additive", "epistatic", "ld", "cases", "small", "functions", "other"
FOLDERS = {"wheat": "wheat_bglr", "mice": "mice_bglr"}


def regressors(m):
    penalties = m * np.logspace(-2, 2, 13)
    return {
        "LINA": LINARegressor(random_state=0),
        "ridge": make_pipeline(StandardScaler(), RidgeCV(penalties)),
        "boosting": HistGradientBoostingRegressor(random_state=0),
        "MLP": make_pipeline(StandardScaler(), MLPRegressor(early_stopping=True, random_state=0)),
    }


def classifiers(m):
    logistic = LogisticRegressionCV(Cs=np.logspace(-5, 0, 8), cv=3, scoring="neg_log_loss")
    return {
        "LINA": LINAClassifier(random_state=0),
        "logistic": make_pipeline(StandardScaler(), logistic),
        "boosting": HistGradientBoostingClassifier(random_state=0),
        "MLP": make_pipeline(StandardScaler(), MLPClassifier(early_stopping=True, random_state=0)),
    }


def independent(n, m, rng):
    """Genotypes of independent variants."""
    return rng.binomial(2, rng.uniform(0.05, 0.5, m), size=(n, m)).astype(np.int8)


def coalescent(n, m, rng, *, n_regions=10, length=2e5, rarest=0.05):
    """Genotypes of regions of a coalescent, with its LD; variants of frequency >= `rarest`.

    A region of `length` base pairs that has too few of them is drawn again.
    """
    import msprime

    columns = []
    while len(columns) < n_regions:
        seed = int(rng.integers(1, 2**31))
        ancestry = msprime.sim_ancestry(
            n,
            population_size=1e4,
            sequence_length=length,
            recombination_rate=1e-8,
            random_seed=seed,
        )
        tree = msprime.sim_mutations(ancestry, rate=2e-8, random_seed=seed)
        haplotypes = np.clip(tree.genotype_matrix(), 0, 1).T
        dosages = haplotypes[::2] + haplotypes[1::2]
        common = np.flatnonzero(abs(dosages.mean(axis=0) - 1) < 1 - 2 * rarest)
        if len(common) < m // n_regions:
            continue
        columns.append(dosages[:, np.sort(rng.choice(common, m // n_regions, replace=False))])
    return np.concatenate(columns, axis=1).astype(np.int8)


def trait(X, rng, *, n_causal=30, n_pairs=4, additive=0.4, epistatic=0.1):
    """A trait of given shares of variance, and its pairs."""
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    chosen = rng.permutation(X.shape[1])
    pairs = np.sort(chosen[: 2 * n_pairs].reshape(-1, 2), axis=1)
    g = Z[:, chosen[-n_causal:]] @ rng.normal(size=n_causal)
    y = np.sqrt(additive) * g / g.std()
    if epistatic:
        products = Z[:, pairs[:, 0]] * Z[:, pairs[:, 1]]
        e = (products / products.std(axis=0)) @ rng.choice([-1, 1], n_pairs)
        y = y + np.sqrt(epistatic) * (e - e.mean()) / e.std()
    return y + np.sqrt(1 - additive - epistatic) * rng.normal(size=len(X)), pairs


def with_covariates(n, m, rng):
    """Age, sex and body mass beside genotypes; the effect of age differs between the sexes."""
    X = independent(n, m, rng)
    y, _ = trait(X, rng, epistatic=0)
    age, sex, mass = rng.uniform(30, 80, n), rng.integers(0, 2, n), rng.normal(27, 4, n)
    y = y + 0.04 * (age - 55) + 0.02 * (age - 55) * sex + 0.8 * sex + 0.1 * (mass - 27)
    return np.column_stack([age, sex, mass, X]), 100 + 5 * y


def simulated(name, seed):
    """Yield (label, X, y, training rows, pairs)."""
    rng = np.random.default_rng(seed)
    if name == "additive":
        for n_causal in (10, 50, 500):
            X = independent(5000, 500, rng)
            y, _ = trait(X, rng, n_causal=n_causal, epistatic=0)
            yield f"{n_causal} causal variants", X, y, 3000, []
    elif name == "epistatic":
        for n, epistatic in ((3000, 0.02), (3000, 0.1), (6000, 0.1), (6000, 0.2)):
            X = independent(n + 2000, 500, rng)
            y, pairs = trait(X, rng, epistatic=epistatic)
            yield f"n {n}, variance of pairs {epistatic}", X, y, n, pairs
    elif name == "ld":
        for epistatic in (0, 0.1):
            X = coalescent(5000, 500, rng)
            y, pairs = trait(X, rng, epistatic=epistatic)
            yield f"LD, variance of pairs {epistatic}", X, y, 3000, pairs if epistatic else []
    elif name == "cases":
        for share, n in ((0.5, 4000), (0.1, 4000), (0.01, 4000), (0.01, 40_000)):
            X = independent(n + 6000, 300, rng)
            y, pairs = trait(X, rng, epistatic=0.1)
            yield f"cases {share}, n {n}", X, y > np.quantile(y, 1 - share), n, pairs
    elif name == "small":
        for n, m, n_causal in ((100, 500, 5), (100, 500, 50), (400, 500, 500)):
            X = independent(n + 2000, m, rng)
            y, _ = trait(X, rng, n_causal=n_causal, epistatic=0)
            yield f"n {n}, {n_causal} causal variants", X, y, n, []
        X = rng.binomial(2, np.exp(rng.uniform(np.log(0.002), np.log(0.05), 500)), (2500, 500))
        X = X.astype(np.int8)[:, X[:500].std(axis=0) > 0]
        y, _ = trait(X, rng, epistatic=0)
        yield "n 500, rare variants", X, y, 500, []
        X = independent(2400, 300, rng)
        y, _ = trait(X, rng, epistatic=0)
        yield "n 400, 30% cases", X, y > np.quantile(y, 0.7), 400, []
        X, y = with_covariates(3000, 200, rng)
        yield "n 1000, raw covariates", X, y, 1000, []
    elif name == "other":
        X = rng.lognormal(size=(4000, 20))
        steps = 2 * (X[:, 0] > 1) * (X[:, 1] > 1) + (X[:, 2] > 2) + (X[:, 3] < 0.5)
        y = steps + 0.7 * rng.normal(size=len(X))
        yield "steps of skewed features", X, y, 2000, []
        yield "their logarithms", np.log(X), y, 2000, []
        X = rng.integers(0, 10, size=(5000, 20))
        y = rng.normal(size=(5, 10))[np.arange(5), X[:, :5]].sum(axis=1) + 2 * rng.normal(size=5000)
        yield "numbers of 10 categories", X.astype(float), y, 3000, []
        indicators = (X[:, :, None] == np.arange(10)).reshape(len(X), -1)
        yield "indicators of the categories", indicators.astype(float), y, 3000, []
    elif name == "functions":
        for function in ("F6", "F7", "F8", "F9", "F10"):
            data = make_interactions(function, random_state=seed)
            yield function, data.data, data.target, 4000, data.pairs


def real(name, seed):
    """Yield (label, X, y, (training rows, test rows), []) of five folds."""
    if name == "wheat":
        data = np.load(DATA / FOLDERS[name] / "wheat.npz")
        X, traits, folds = (
            data["G"],
            data["Y"].astype(float),
            KFold(5, shuffle=True, random_state=seed),
        )
        names, groups = [f"yield {k}" for k in range(traits.shape[1])], None
    else:
        import pandas as pd

        X = np.load(DATA / "mice_bglr" / "geno.npz")["G"][:, ::4]
        table = pd.read_csv(DATA / "mice_bglr" / "pheno.csv.gz")
        names = ["Biochem.HDL", "Biochem.ALP", "Biochem.Tot.Cholesterol"]
        traits = table[names].groupby(table["GENDER"]).transform(lambda y: y - y.mean())
        traits, groups = traits.to_numpy(float), table["cage"].to_numpy()
        folds = GroupKFold(5, shuffle=True, random_state=seed)
    for label, y in zip(names, traits.T, strict=True):
        seen = np.flatnonzero(~np.isnan(y))
        for train, test in folds.split(seen, groups=None if groups is None else groups[seen]):
            yield label, X, y, (seen[train], seen[test]), []


def found(model, X, pairs):
    """Count the planted pairs among twice as many of the strongest."""
    planted = {tuple(pair) for pair in np.asarray(pairs).tolist()}
    top = model.second_order_importance(X[:500], top_k=2 * len(planted))
    return sum(tuple(pair) in planted for pair in top.pairs.tolist())


def precision(model, X, pairs):
    """Return the share of planted pairs among as many of the strongest by the swap contrast."""
    S = model.second_order_importance(X, kind="swap", random_state=0)
    rows, columns = np.triu_indices(X.shape[1], 1)
    strongest = np.argsort(-S[rows, columns])[: len(pairs)]
    planted = {tuple(pair) for pair in pairs.tolist()}
    return np.mean([(rows[k], columns[k]) in planted for k in strongest])


def measured(model, X, y, train, test):
    """Score on new people, slope of the truth on the prediction, and processor seconds."""
    start = time.process_time()
    model.fit(X[train], y[train])
    seconds = time.process_time() - start
    if y.dtype == bool:
        p = np.clip(model.predict_proba(X[test])[:, 1], 1e-9, 1 - 1e-9)
        slope = LogisticRegression(C=1e9).fit(logit(p)[:, None], y[test]).coef_[0, 0]
        return roc_auc_score(y[test], p), slope, seconds
    prediction = model.predict(X[test])
    slope = np.polyfit(prediction, y[test], 1)[0] if prediction.std() else np.nan
    return r2_score(y[test], prediction), slope, seconds


def main():
    """Print a row per fit, then means over repeats and folds."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", choices=(*SIMULATED, *FOLDERS))
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--csv", help="file of a row per fit")
    arguments = parser.parse_args()
    name = arguments.data
    if name in FOLDERS:
        require_data(parser, DATA / FOLDERS[name])
    rows = []
    for seed in range(arguments.repeats):
        sets = (simulated if name in SIMULATED else real)(name, seed)
        for unit, (label, X, y, train, pairs) in enumerate(sets):
            if isinstance(train, tuple):
                train, test = train
            else:
                train, test = slice(0, train), slice(train, None)
            methods = (classifiers if y.dtype == bool else regressors)(X.shape[1])
            for method, model in methods.items():
                score, slope, seconds = measured(model, X, y, train, test)
                n_found = np.nan
                if method == "LINA" and len(pairs):
                    n_found = (precision if name == "functions" else found)(model, X[test], pairs)
                row = {"data": label, "seed": seed, "fold": unit % 5 if name in FOLDERS else 0}
                row |= {"method": method, "score": round(float(score), 4)}
                row |= {"slope": round(float(slope), 3), "pairs": n_found}
                rows.append(row | {"seconds": round(seconds, 2)})
                print(*rows[-1].values(), flush=True)
        if arguments.csv:
            write_rows(arguments.csv, rows)
    for label, method in dict.fromkeys((row["data"], row["method"]) for row in rows):
        values = [row for row in rows if (row["data"], row["method"]) == (label, method)]
        score, slope, pairs, seconds = (
            np.array([row[key] for row in values]) for key in ("score", "slope", "pairs", "seconds")
        )
        error = score.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
        print(
            f"{label:32s} {method:9s} {score.mean():6.3f} ({error:.3f})  "
            f"slope {slope.mean():5.2f}  pairs {pairs.mean():4.2f}  {seconds.mean():6.1f} s"
        )


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
