"""Print the simulations of the paper of MILAGERegressor, made anew, on one thread.

    python benchmarks/expression_figures.py [--figure 2 3] [--repeats 5]

Figure 2: expression made by the linear or the sigmoid model, fitted by both, with n individuals and
with ten times as many. R2 is within gene and tissue on 1,000 other individuals, about the training
means, as a share of what the truth reaches there; both strengths are chosen on a quarter of the
training individuals, or left at their defaults. Over repeated simulations: mean and standard error,
and the same of the difference between the two models, which is paired.

Figure 3: seconds of processor time for 20 iterations of the trans stage, its preparation
included, as the number of individuals, variants, genes or factors grows. The preparation is the
kernel, the staged start, and the loadings of all genes at the end.

Source: Yang, Pe'er, Pe'er, "Mixed-Layer Deep Modeling of Genotypes and Cross-Tissue Expression
Uncovers Trans-eQTLs", Figs 2 and 3. Sizes and yardsticks are ours: the paper scores by the loss.
"""

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import argparse
import time
import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, ShuffleSplit

from skgenetics import MILAGERegressor
from skgenetics.datasets import make_expression_tensor, make_genotypes
from skgenetics.metrics import masked_r2_score

MODELS = ("linear", "sigmoid")
N_SMALL, N_TEST, N_VARIANTS, N_GENES, N_TISSUES, N_FACTORS = 150, 1000, 100, 40, 4, 4
USUAL = {"variant_alpha": 1e-3, "loading_alpha": 0.03, "tissue_alpha": 0.01}
STRENGTHS = {"variant_alpha": [1e-6, 1e-5, 1e-4, 1e-3, 1e-2], "loading_alpha": [1e-3, 0.01, 0.1]}
BASE = {"individuals": 450, "variants": 50_000, "genes": 1000, "factors": 40}
GROWTH = {
    "individuals": (225, 900, 1800),
    "variants": (10_000, 250_000),
    "genes": (250, 4000, 16_000),
    "factors": (10, 160, 400),
}
N_TIMED_TISSUES, N_ITERATIONS = 10, 20


def shares_of_truth(made_by, n, seed, strengths):
    """Return the held-out R2 of each model over that of the truth, at the best of strengths."""
    X = make_genotypes(n + N_TEST, N_VARIANTS, random_state=seed).data
    made = make_expression_tensor(
        X, n_genes=N_GENES, n_tissues=N_TISSUES, n_components=N_FACTORS, trans_model=made_by,
        cis_h2=0.0, trans_h2=0.3, random_state=seed,
    )  # fmt: skip
    y, train, test = made.target, slice(0, n), slice(n, None)
    means = np.nanmean(y[train], axis=0)
    truth = made.intercept.T + made.trans_values
    options = {"baseline": means, "multioutput": "variance_weighted"}
    limit = masked_r2_score(y[test], truth[test], **options)
    scores = []
    for model in MODELS:
        search = GridSearchCV(
            MILAGERegressor(
                N_FACTORS, trans_model=model, max_iter=300, polygenic=False, random_state=0,
                **USUAL,
            ),
            strengths, cv=ShuffleSplit(1, test_size=0.25, random_state=0), error_score="raise",
        )  # fmt: skip
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            scores.append(search.fit(X[train], y[train]).score(X[test], y[test]) / limit)
    return scores


def print_figure_2(repeats):
    """Print the table of held-out R2, with strengths chosen in training and at the default."""
    for title, strengths in (("chosen", STRENGTHS), ("default", {"n_components": [N_FACTORS]})):
        print(f"{title} strengths\n{'made by':8} {'n':>5}  {'by linear':>14}  {'by sigmoid':>14}")
        for made_by in MODELS:
            for n in (N_SMALL, 10 * N_SMALL):
                found = [shares_of_truth(made_by, n, seed, strengths) for seed in range(repeats)]
                linear, sigmoid = np.array(found).T
                cells = "  ".join(
                    f"{column.mean():6.3f} +- {column.std(ddof=1) / repeats**0.5:.3f}"
                    for column in (linear, sigmoid, sigmoid - linear)
                )
                print(f"{made_by:8} {n:5}  {cells}", flush=True)


def fit_seconds(model, individuals, variants, genes, factors):
    """Return the processor seconds of a fit."""
    rng = np.random.default_rng(0)
    X = rng.integers(0, 3, size=(individuals, variants), dtype=np.int8)
    y = rng.normal(size=(individuals, genes, N_TIMED_TISSUES)).astype(np.float32)
    y += (X[:, :100] @ rng.normal(size=(100, genes)) / 20)[:, :, None]
    sampled = rng.random((individuals, 1, N_TIMED_TISSUES)) < np.linspace(0.2, 0.8, N_TIMED_TISSUES)
    y[~np.broadcast_to(sampled, y.shape)] = np.nan
    fitted = MILAGERegressor(
        factors, trans_model=model, max_iter=N_ITERATIONS, tol=0.0, polygenic=False,
        random_state=0, **{**USUAL, "loading_alpha": 1e-3},
    )  # fmt: skip
    begin = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted.fit(X, y)
    return time.process_time() - begin


def print_figure_3(repeats):
    """Print the table of seconds, the least of the repeats."""
    models = (*MODELS, "tensor")
    print(f"{'size':>20}  " + "  ".join(f"{model:>8}" for model in models))
    fit_seconds("linear", 50, 100, 10, 2)  # compiles
    sizes = [BASE] + [{**BASE, name: size} for name, many in GROWTH.items() for size in many]
    for size in sizes:
        changed = [f"{name} {size[name]:,}" for name in size if size[name] != BASE[name]]
        seconds = [min(fit_seconds(model, **size) for _ in range(repeats)) for model in models]
        cells = "  ".join(f"{value:8.1f}" for value in seconds)
        print(f"{changed[0] if changed else 'base':>20}  {cells}", flush=True)


def main():
    """Print the figures asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--figure", type=int, nargs="+", choices=(2, 3), default=(2, 3))
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    if 2 in options.figure:
        print_figure_2(options.repeats)
    if 3 in options.figure:
        print_figure_3(options.repeats)


if __name__ == "__main__":
    main()
