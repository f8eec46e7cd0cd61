"""Print the figures of MILAGERegressor: the paper's simulations made anew, and measured data.

    python benchmarks/expression_figures.py [--parts 2 3 yeast missing strong cost gtex]
        [--repeats 5] [--csv FILE]

2: Figure 2. Expression made by the linear or the sigmoid model, fitted by both, with n individuals
and with ten times as many. R2 is within gene and tissue on 1,000 other individuals, about the
training means, as a share of what the truth reaches there; both strengths are chosen on a quarter
of the training individuals, or left at fixed values. Over repeated simulations: mean and standard
error, and the same of the difference between the two models, which is paired.

3: Figure 3. Seconds of processor time for 20 iterations of the trans stage, its preparation
included, as the number of individuals, variants, genes or factors grows. The preparation is the
kernel, the staged start, and the loadings of all genes at the end.

yeast: R2 within gene and condition of held-out segregants, by the parts of the model. missing: the
R2 gained over MultiTaskLasso on filled cells if 40% of the samples are masked. strong: genes of
strong cis effects in geuvadis_chr22, one by one against ElasticNetCV, with processor seconds. All
of them in 5 folds, with the standard error of the mean of folds or genes. cost: processor seconds
of the default over those of one fit with what it chose. gtex: seconds per gene and memory of the
default with a cis part, on 449 people, 28 tissues and 2,817 variants a gene, of few genes. --csv
writes a row per fold or gene of yeast, missing and strong. Data are looked for in ../shared/data,
and left out where missing.

Source: Yang, Pe'er, Pe'er, "Mixed-Layer Deep Modeling of Genotypes and Cross-Tissue Expression
Uncovers Trans-eQTLs", Figs 2 and 3. Sizes and yardsticks are ours: the paper scores by the loss.
"""

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import argparse
import resource
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import ElasticNetCV, MultiTaskLasso
from sklearn.model_selection import GridSearchCV, KFold, ShuffleSplit

try:
    from .evidence import write_rows
except ImportError:  # run as a program
    from evidence import write_rows

from skgenetics import MILAGERegressor
from skgenetics.datasets import make_expression_tensor, make_genotypes
from skgenetics.metrics import masked_r2_score
from skgenetics.preprocessing import inverse_normal_transform

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
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
ALPHAS = (0.02, 0.04, 0.08, 0.16)  # of the rival, the best of which the test folds choose
STRONG, N_STRONG, CIS = 60, 20, 100_000  # lead chi2, genes at most, and bases on either side


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


def yeast():
    """Return genotypes, expression and cis windows (50 kb) of the yeast cross."""
    data = np.load(DATA / "yeast_gxe_expression" / "yeast.npz")
    markers, windows = data["marker_chr_pos"], []
    for chromosome, gene_start, _ in data["gene_chr_start_end"]:
        near = np.abs(markers[:, 1] - gene_start) <= 50_000
        (columns,) = np.nonzero((markers[:, 0] == chromosome) & near)
        windows.append([columns[0], columns[-1] + 1] if columns.size else [0, 0])
    return data["G"], data["E"].astype(float), np.array(windows)


def geuvadis():
    """Return genotypes, expression and windows of genes of strong cis effects in geuvadis_chr22.

    20 covariates are regressed out of normal scores. Strong: n r2 with the lead variant.
    """
    import pandas as pd

    folder = DATA / "geuvadis_chr22"
    position = pd.read_parquet(folder / "variants.parquet")["pos"].to_numpy()
    X, data = np.maximum(np.load(folder / "geno.npz")["G"], 0), np.load(folder / "expr.npz")
    basis, _ = np.linalg.qr(np.column_stack([np.ones(len(X)), data["PC"][:, :20]]))
    y = inverse_normal_transform(data["E"].astype(float))
    y = y - basis @ (basis.T @ y)
    windows = np.searchsorted(position, data["start"][:, None] + [-CIS, CIS])
    lead = np.zeros(y.shape[1])
    for j, (first, last) in enumerate(windows):
        Z = X[:, first:last] - X[:, first:last].mean(axis=0)
        Z = Z - basis @ (basis.T @ Z)
        size = np.sqrt(np.sum(Z**2, axis=0) * np.sum(y[:, j] ** 2))
        lead[j] = len(X) * np.max((y[:, j] @ Z / np.maximum(size, 1e-9)) ** 2, initial=0.0)
    genes = np.flatnonzero(lead >= STRONG)[:N_STRONG]
    return X, y[:, genes, None], windows[genes]


def pooled_r2(predict, X, y, truth):
    """Return R2 within gene and tissue, and the same by fold, about training means."""
    residual, total = np.sum(sums_by_fold(predict, X, y, truth), axis=(2, 3))
    return 1 - residual.sum() / total.sum(), 1 - residual / total


def sums_by_fold(predict, X, y, truth):
    """Return sums of squares (2, folds, genes, tissues) of residuals and about training means."""
    sums = []
    for train, test in KFold(5, shuffle=True, random_state=0).split(X):
        prediction, means = predict(X[train], y[train], X[test]), np.nanmean(y[train], axis=0)
        parts = truth[test] - prediction, truth[test] - means
        sums.append([np.nansum(part**2, axis=0) for part in parts])
    return np.array(sums).swapaxes(0, 1)


def fit_and_predict(model):
    """Return the function of training data and new genotypes that predicts by an estimator."""

    def predict(X, y, X_new):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            return model.fit(X, y).predict(X_new)

    return predict


def fill_and_lasso(windows, alpha, by_tissue):
    """Return a function that fills missing cells, and fits and predicts with `MultiTaskLasso`.

    by_tissue : bool
        Fill by means of gene and tissue; False: by those of the gene, as the paper.
    """

    def predict(X, y, X_new):
        mean = np.nanmean(y, axis=(0, 2))[:, None]
        size = np.nanstd(y, axis=(0, 2))[:, None]
        scaled = (y - mean) / size
        fill = np.nanmean(scaled, axis=0) if by_tissue else 0.0
        filled = np.where(np.isnan(scaled), fill, scaled)
        values = np.empty((len(X_new), *y.shape[1:]))
        for j, (first, last) in enumerate(windows):
            values[:, j] = filled[:, j].mean(axis=0)
            if first < last:
                lasso = MultiTaskLasso(alpha=alpha, max_iter=5000)
                lasso.fit(X[:, first:last], filled[:, j])
                values[:, j] = lasso.predict(X_new[:, first:last])
        return values * size + mean

    return predict


def rows_of(data, method, scores):
    """Rows of a table, one per fold or gene."""
    return [
        {"data": data, "method": method, "unit": f"{data} {number}", "r2": round(float(score), 5)}
        for number, score in enumerate(scores)
    ]


def print_yeast(_):
    """Print R2 of the parts of the model on the yeast cross; return it by fold."""
    X, y, windows = yeast()
    rows = []
    cis = {"cis_windows": windows, "n_variants": X.shape[1], "cis_alpha": 0.08}
    parts = {
        "cis": {**cis, "n_components": 0, "polygenic": False},
        "polygenic": {"n_components": 0, "polygenic": True},
        "cis and 40 factors": {**cis, "n_components": 40, "polygenic": False, **USUAL},
        "cis and polygenic": {**cis, "n_components": 0, "polygenic": True},
        "default": cis,
        "default, cis strength chosen": {**cis, "cis_alpha": "per_gene"},
    }
    for name, options in parts.items():
        begin = time.process_time()
        model = MILAGERegressor(random_state=0, **options)
        pooled, by_fold = pooled_r2(fit_and_predict(model), X, y, y)
        error = by_fold.std(ddof=1) / len(by_fold) ** 0.5
        seconds = (time.process_time() - begin) / 5
        print(f"{name:28} {pooled:.3f} +- {error:.3f}  {seconds:.1f} s a fit", flush=True)
        rows += rows_of("yeast", name, by_fold)
    return rows


def masked_sets():
    """Yield name, genotypes, expression with 40% of the samples masked, all of it, and windows."""
    rng = np.random.default_rng(0)
    if DATA.is_dir():
        X, y, windows = yeast()
        genes = rng.choice(y.shape[1], 300, replace=False)
        masked = rng.random((len(X), 1, 2)) < 0.4
        yield "yeast", X, np.where(masked, np.nan, y[:, genes]), y[:, genes], windows[genes]
    X = make_genotypes(449, 1000, random_state=0).data
    made = make_expression_tensor(
        X, n_genes=60, n_tissues=10, cis_h2=0.15, missing_rate=0.4, random_state=0
    )
    yield "simulated", X, made.target, made.complete_target, made.cis_windows


def print_missing(_):
    """Print R2 gained over MultiTaskLasso on filled cells, paired by fold; return R2 by fold."""
    rows = []
    for name, X, y, truth, windows in masked_sets():
        options = {"cis_windows": windows, "n_variants": X.shape[1], "random_state": 0}
        ours = {
            "cis": MILAGERegressor(0, polygenic=False, **options),
            "default": MILAGERegressor(**options),
        }
        ours = {part: pooled_r2(fit_and_predict(m), X, y, truth)[1] for part, m in ours.items()}
        data = f"40% missing, {name}"
        for part, by_fold in ours.items():
            rows += rows_of(data, part, by_fold)
        for fill in ("gene", "gene and tissue"):
            rivals = [
                pooled_r2(fill_and_lasso(windows, alpha, fill != "gene"), X, y, truth)
                for alpha in ALPHAS
            ]
            pooled, best = max(rivals, key=lambda rival: rival[0])
            gains = [by_fold - best for by_fold in ours.values()]
            cells = "  ".join(
                f"{part} {gain.mean():+.3f} +- {gain.std(ddof=1) / len(gain) ** 0.5:.3f}"
                for part, gain in zip(ours, gains)
            )
            print(f"{name:10} mean of {fill:16} {pooled:.3f}  {cells}", flush=True)
            rows += rows_of(data, f"MultiTaskLasso, mean of {fill}", best)
    return rows


def elastic_net(windows):
    """Return a function that fits and predicts by ElasticNetCV, gene by gene."""

    def predict(X, y, X_new):
        values = np.empty((len(X_new), *y.shape[1:]))
        for j, (first, last) in enumerate(windows):
            net = ElasticNetCV(l1_ratio=0.5, alphas=20, eps=1e-2, cv=5)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                net.fit(X[:, first:last].astype(float), y[:, j, 0])
            values[:, j, 0] = net.predict(X_new[:, first:last].astype(float))
        return values

    return predict


def print_strong(_):
    """Print the mean R2 of genes of strong cis effects, and gains over ElasticNetCV; return all."""
    rows = []
    X, y, windows = geuvadis()
    options = {
        "cis_windows": windows, "n_variants": X.shape[1], "random_state": 0, "polygenic": False,
    }  # fmt: skip
    functions = {"ElasticNetCV": elastic_net(windows)}
    for cis_alpha in (None, "per_gene"):
        model = MILAGERegressor(0, cis_alpha=cis_alpha, **options)
        functions[f"cis_alpha={cis_alpha!r}"] = fit_and_predict(model)
    print(f"{y.shape[1]} genes, {len(X)} people")
    fit_and_predict(model)(X, y, X[:2])  # compiles
    first = None
    for name, predict in functions.items():
        begin = time.process_time()
        residual, total = sums_by_fold(predict, X, y, y).sum(axis=1)[:, :, 0]
        seconds = time.process_time() - begin
        by_gene = 1 - residual / total
        first = by_gene if first is None else first
        gain = by_gene - first
        error = gain.std(ddof=1) / gain.size**0.5
        print(
            f"{name:22} {by_gene.mean():.3f}  {gain.mean():+.3f} +- {error:.3f}  {seconds:.1f} s",
            flush=True,
        )
        rows += rows_of("strong cis effects", name, by_gene)
    return rows


def cost_sets():
    """Yield the name, genotypes, expression and windows of sets of several shapes."""
    for n, n_variants, n_genes, n_tissues in ((100, 1500, 100, 2), (300, 2000, 300, 5)):
        X = make_genotypes(n, n_variants, random_state=0).data
        made = make_expression_tensor(
            X, n_genes=n_genes, n_tissues=n_tissues, n_components=2, trans_h2=0.1, random_state=0
        )
        name = f"{n} people, {n_genes} genes, {n_tissues} tissues"
        yield name, X, made.target, made.cis_windows
    if DATA.is_dir():
        yield "yeast", *yeast()


def print_cost(_):
    """Print processor seconds of the default, of one fit at its choices, and their ratio."""
    for name, X, y, windows in cost_sets():
        for cis_alpha in ("per_gene", 0.08):
            if name == "yeast" and cis_alpha == "per_gene":
                continue
            model = MILAGERegressor(
                cis_windows=windows, n_variants=X.shape[1], cis_alpha=cis_alpha, random_state=0
            )
            seconds = []
            for _ in range(2):
                begin = time.process_time()
                model.fit(X, y)
                seconds.append(time.process_time() - begin)
                model.set_params(
                    n_components=model.n_components_, variant_alpha=model.variant_alpha_,
                    loading_alpha=model.loading_alpha_, tissue_alpha=0.0,
                    polygenic=hasattr(model, "polygenic_coef_"),
                )  # fmt: skip
            default, one = seconds
            print(
                f"{name:36} cis_alpha={cis_alpha!r:10} {default:6.2f} {one:6.2f} "
                f"{default / one:5.1f}",
                flush=True,
            )


def print_gtex(_):
    """Print seconds per gene and memory of the default on the shape of GTEx."""
    n, n_variants, n_tissues = 449, 2817, 28
    for n_genes in (4, 16):
        X = make_genotypes(n, n_genes * n_variants, random_state=0).data
        starts = np.arange(n_genes) * n_variants
        windows = np.stack([starts, starts + n_variants], axis=1)
        y = np.random.default_rng(0).normal(size=(n, n_genes, n_tissues)).astype(np.float32)
        y += X[:, starts + 1000, None] / 2
        sampled = np.random.default_rng(1).random((n, 1, n_tissues)) < np.linspace(0.2, 0.8, 28)
        y[~np.broadcast_to(sampled, y.shape)] = np.nan
        for cis_alpha in ("per_gene", 0.08):
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            model = MILAGERegressor(
                cis_windows=windows, n_variants=X.shape[1], cis_alpha=cis_alpha, random_state=0
            )
            begin = time.process_time()
            fit_and_predict(model)(X, y, X[:2])
            seconds = time.process_time() - begin
            grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
            print(
                f"{n_genes} genes, cis_alpha={cis_alpha!r:10} {seconds:.1f} s, "
                f"{seconds / n_genes:.2f} a gene, {grown:.0f} MB more",
                flush=True,
            )


PARTS = {
    "2": print_figure_2, "3": print_figure_3, "yeast": print_yeast, "missing": print_missing,
    "strong": print_strong, "cost": print_cost, "gtex": print_gtex,
}  # fmt: skip
NEEDS = {"yeast": "yeast_gxe_expression", "strong": "geuvadis_chr22"}


def main():
    """Print the parts asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--csv", type=Path, help="rows of folds and genes")
    options = parser.parse_args()
    rows = []
    for part in options.parts:
        folder = DATA / NEEDS.get(part, "")
        if part in NEEDS and not folder.is_dir():
            print(f"{part}: there is no {folder}")
            continue
        print(f"-- {part}")
        rows += PARTS[part](options.repeats) or []
    if options.csv and rows:
        write_rows(options.csv, rows)


if __name__ == "__main__":
    main()
