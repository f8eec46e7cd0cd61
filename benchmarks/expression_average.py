"""Print what averaging with a polygenic term gains MILAGERegressor on few genes of few people.

    python benchmarks/expression_average.py [--repeats 12] [--csv FILE]

A quarter of the variance of each gene is genetic: two effects in its window ("few"), a small effect
of every variant ("many"), or both; or none is. Genotypes are a coalescent with LD (msprime), new
for each simulation. R2 is on 1,000 other people, about the training means, and beside the default's
stand the differences to it, with their standard errors over simulations: its cis part and its
polygenic term alone, RidgeCV on all variants, and a choice in place of the average, a weight that
is rounded to 0 or 1. --csv writes a row per simulation.
"""

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import argparse
import warnings
from pathlib import Path

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import RidgeCV

try:
    from .evidence import write_rows
except ImportError:  # run as a program
    from evidence import write_rows

from skgenetics import MILAGERegressor
from skgenetics.datasets import make_genotypes
from skgenetics.expression import _choice
from skgenetics.metrics import masked_r2_score

SIZES = ((100, 1), (200, 1), (200, 6), (500, 1))  # people and genes
KINDS = {"few": (1, 0), "few and many": (1, 1), "many": (0, 1), "none": (0, 0)}  # shares
N_TEST, HERITABILITY, N_FEW = 1000, 0.25, 2


def simulated(n, n_genes, seed):
    """Yield kind, genotypes, expression (people, genes) and windows of n people and the others."""
    width = 600 if n_genes == 1 else 150
    starts = width * np.arange(n_genes)
    windows = np.stack([starts, starts + width], axis=1)
    X = make_genotypes(n + N_TEST, width * n_genes, random_state=seed).data
    Z, rng = (X - X.mean(axis=0)) / X.std(axis=0), np.random.default_rng(seed)
    for kind, shares in KINDS.items():
        genetic = np.zeros((len(X), n_genes))
        for share, is_few in zip(shares, (True, False), strict=True):
            effects = rng.normal(size=(X.shape[1], n_genes))
            for j, start in enumerate(starts if is_few else []):
                kept = start + rng.choice(width, N_FEW, replace=False)
                effects[np.delete(np.arange(len(effects)), kept), j] = 0.0
            part = Z @ effects
            genetic += np.sqrt(share) * part / np.maximum(part.std(axis=0), 1e-9)
        h2 = HERITABILITY if any(shares) else 0.0
        genetic = np.sqrt(h2) * genetic / np.maximum(genetic.std(axis=0), 1e-9)
        yield kind, X, genetic + np.sqrt(1 - h2) * rng.normal(size=genetic.shape), windows


def scores_of(X, y, windows, n):
    """Return R2 of the default, its parts, RidgeCV, and a choice in place of the average."""
    options = {"cis_windows": windows, "n_variants": X.shape[1], "random_state": 0}
    Z = (X - X[:n].mean(axis=0)) / np.maximum(X[:n].std(axis=0), 1e-9)
    guesses = {"default": MILAGERegressor(**options).fit(X[:n], y[:n]).predict(X[n:])}
    steps, _choice.STEPS = _choice.STEPS, 1
    guesses["choice"] = MILAGERegressor(**options).fit(X[:n], y[:n]).predict(X[n:])
    _choice.STEPS = steps
    cis = MILAGERegressor(0, polygenic=False, **options)
    guesses["cis"] = cis.fit(X[:n], y[:n]).predict(X[n:])
    guesses["polygenic"] = MILAGERegressor(0, polygenic=True).fit(X[:n], y[:n]).predict(X[n:])
    alphas = X.shape[1] * np.geomspace(0.1, 100, 10)
    ridge = [RidgeCV(alphas).fit(Z[:n], of_gene).predict(Z[n:]) for of_gene in y[:n].T]
    guesses["RidgeCV"] = np.column_stack(ridge)
    options = {"baseline": y[:n].mean(axis=0), "multioutput": "variance_weighted"}
    return {name: masked_r2_score(y[n:], guess, **options) for name, guess in guesses.items()}


def mean_and_error(values):
    """Return the mean of values and its standard error, as text."""
    return f"{np.mean(values):+.3f} +- {np.std(values, ddof=1) / len(values) ** 0.5:.3f}"


def main():
    """Print a row per size and kind."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=12)
    parser.add_argument("--csv", type=Path, help="rows of simulations")
    options = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    rows = []
    for n, n_genes in SIZES:
        found = {kind: {} for kind in KINDS}
        for seed in range(options.repeats):
            for kind, *data in simulated(n, n_genes, 100 * n + seed):
                for method, r2 in scores_of(*data, n).items():
                    found[kind].setdefault(method, []).append(r2)
        for kind, scores in found.items():
            default = np.array(scores["default"])
            cells = [f"default {mean_and_error(default)}"]
            for method, values in scores.items():
                label = {"data": f"{n} people, {n_genes} genes, {kind}", "method": method}
                rows += [label | {"unit": u, "r2": round(r2, 5)} for u, r2 in enumerate(values)]
                if method != "default":
                    cells.append(f"{method} {mean_and_error(np.array(values) - default)}")
            print(f"{n} people, {n_genes} genes, {kind:12}", *cells, sep="  ", flush=True)
    if options.csv:
        write_rows(options.csv, rows)


if __name__ == "__main__":
    main()
