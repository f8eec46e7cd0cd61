"""Expression across tissues: the gain from fitting observed cells, and from refitting the parts.

`ObservedCells` is the R2 gained over scikit-learn's MultiTaskLasso on filled cells. `Refits` and
`RefitsYeast` compare R2 by `n_refits`. R2 is within gene and tissue, on held-out individuals, about
the training means. `HolesInEveryGene` has the seconds per iteration if no two genes are observed in
the same cells.

The yeast cases need yeast_gxe_expression in ../shared/data and are skipped without it.
"""

import time
import warnings

import numpy as np
from scipy.stats import norm
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import MultiTaskLasso

from skgenetics import MILAGERegressor
from skgenetics.datasets import make_expression_tensor, make_genotypes

from .bench_expression import DATA, USUAL, pooled_r2, yeast

ALPHAS = (0.01, 0.02, 0.04, 0.08, 0.16)


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


class ObservedCells:
    """R2 gained by the cis part alone over `MultiTaskLasso` on filled cells; 40% of samples masked.

    The strength of the rival is the best one on the test folds; ours is chosen in training.
    """

    params = (["yeast", "simulated"], ["gene", "gene and tissue"])
    param_names = ("data", "filled by the mean of")
    timeout = 3000
    number, repeat = 1, 1

    def setup(self, data, fill):
        rng = np.random.default_rng(0)
        if data == "simulated":
            X = make_genotypes(449, 1000, random_state=0).data
            made = make_expression_tensor(
                X, n_genes=60, n_tissues=10, cis_h2=0.15, missing_rate=0.4, random_state=0
            )
            self.X, self.y, self.truth = X, made.target, made.complete_target
            self.windows = made.cis_windows
            return
        if not DATA.is_dir():
            raise NotImplementedError(f"There is no {DATA}.")
        X, y, windows = yeast()
        genes = rng.choice(y.shape[1], 300, replace=False)
        self.X, self.truth, self.windows = X, y[:, genes], windows[genes]
        self.y = np.where(rng.random((len(X), 1, 2)) < 0.4, np.nan, self.truth)

    def track_r2_gain(self, data, fill):
        rivals = [
            pooled_r2(
                fill_and_lasso(self.windows, alpha, fill == "gene and tissue"),
                self.X, self.y, self.truth,
            )
            for alpha in ALPHAS
        ]  # fmt: skip
        model = MILAGERegressor(
            0, cis_windows=self.windows, n_variants=self.X.shape[1], polygenic=False,
            random_state=0,
        )  # fmt: skip
        ours = pooled_r2(
            lambda X, y, X_new: model.fit(X, y).predict(X_new), self.X, self.y, self.truth
        )
        best = max(rivals, key=lambda rival: rival[0])
        gain = ours[1] - best[1]
        print(f"{data}, {fill}: {ours[0]:.3f} against {best[0]:.3f}; gain by fold {gain.round(3)}")
        return float(gain.mean())


class CisStrengths:
    """R2 of the cis part with a strength for each gene that tells, minus one for all genes.

    80 genes of geuvadis_chr22, 100 kb on either side, 358 people, 20 covariates regressed out.
    Skipped without the data.
    """

    params = ("all genes", "lead chi2 >= 60")
    param_names = ("genes",)
    timeout = 3000
    number, repeat = 1, 1

    def setup(self, genes):
        if not (DATA / "geuvadis_chr22").is_dir():
            raise NotImplementedError(f"There is no {DATA / 'geuvadis_chr22'}.")
        import pandas as pd

        position = pd.read_parquet(DATA / "geuvadis_chr22" / "variants.parquet")["pos"].to_numpy()
        X = np.load(DATA / "geuvadis_chr22" / "geno.npz")["G"]
        data = np.load(DATA / "geuvadis_chr22" / "expr.npz")
        chosen = np.random.default_rng(0).permutation(data["E"].shape[1])[:80]
        starts = data["end"][chosen]
        self.windows = np.searchsorted(position, np.column_stack([starts - 1e5, starts + 1e5]))
        basis, _ = np.linalg.qr(np.column_stack([np.ones(len(X)), data["PC"][:, :20]]))
        y = np.log1p(data["E"][:, chosen].astype(float))
        ranks = (y - basis @ (basis.T @ y)).argsort(axis=0).argsort(axis=0)
        y = norm.ppf((ranks + 0.5) / len(X))
        self.X, self.y = np.maximum(X, 0), (y - basis @ (basis.T @ y))[:, :, None]

    def track_r2_gain(self, genes):
        kept = np.ones(len(self.windows), dtype=bool)
        if genes != "all genes":
            for j, (first, last) in enumerate(self.windows):
                window = self.X[:, first:last]
                r = np.corrcoef(self.y[:, j, 0], window, rowvar=False)[0, 1:]
                kept[j] = len(self.X) * np.nanmax(r**2, initial=0) >= 60
        scores = []
        for cis_alpha in (None, "per_gene"):
            model = MILAGERegressor(
                0, cis_windows=self.windows, n_variants=self.X.shape[1], cis_alpha=cis_alpha,
                polygenic=False, random_state=0,
            )  # fmt: skip
            truth = np.where(kept[:, None], self.y, np.nan)
            pooled, _ = pooled_r2(
                lambda X, y, X_new, model=model: model.fit(X, y).predict(X_new),
                self.X, self.y, truth,
            )  # fmt: skip
            scores.append(pooled)
        return float(scores[1] - scores[0])


class Refits:
    """R2 by `n_refits` if factors act through variants in cis windows; mean of 5 simulations.

    400 training and 200 test individuals, 600 variants, 60 genes, 4 tissues.
    """

    params = ([0.1, 0.3], [0, 1, 5])
    param_names = ("trans_h2", "n_refits")
    timeout = 1800
    number, repeat = 1, 1

    def track_r2_within(self, trans_h2, n_refits):
        starts = 9 * np.arange(60)
        windows = np.column_stack([starts, starts + 40])
        scores = []
        for seed in range(5):
            X = make_genotypes(600, 600, random_state=seed).data
            y = make_expression_tensor(
                X, n_genes=60, n_tissues=4, n_components=3, n_trans_causal=3, gene_share=0.6,
                trans_h2=trans_h2, cis_h2=0.15, cis_windows=windows, random_state=seed,
            ).target  # fmt: skip
            model = MILAGERegressor(
                10, cis_windows=windows, n_variants=600, variant_alpha=1e-3, loading_alpha=0.01,
                polygenic=False, n_refits=n_refits, random_state=0,
            )  # fmt: skip
            scores.append(model.fit(X[:400], y[:400]).score(X[400:], y[400:]))
        print(f"trans_h2 {trans_h2}, {n_refits} refits: {np.mean(scores):.3f}")
        return float(np.mean(scores))


class RefitsYeast:
    """R2 on 1,200 genes of the yeast cross, by `n_refits`."""

    params = (["cis + 40 factors", "all"], [0, 3])
    param_names = ("parts", "n_refits")
    timeout = 1800
    number, repeat = 1, 1

    def setup(self, parts, n_refits):
        if not DATA.is_dir():
            raise NotImplementedError(f"There is no {DATA}.")
        X, y, windows = yeast()
        genes = np.random.default_rng(0).choice(y.shape[1], 1200, replace=False)
        self.X, self.y, self.windows = X, y[:, genes], windows[genes]

    def track_r2_within(self, parts, n_refits):
        every = parts == "all"
        model = MILAGERegressor(
            40, cis_windows=self.windows, n_variants=self.X.shape[1], polygenic=every,
            variant_alpha=1e-3, loading_alpha=0.3 if every else 0.03, n_refits=n_refits,
            random_state=0,
        )  # fmt: skip
        pooled, _ = pooled_r2(
            lambda X, y, X_new: model.fit(X, y).predict(X_new), self.X, self.y, self.y
        )
        print(f"{parts}, {n_refits} refits: {pooled:.4f}")
        return float(pooled)


class HolesInEveryGene:
    """Seconds per iteration if no two genes are observed in the same cells.

    200 individuals, 2,000 variants, 2,000 genes, 10 tissues, 40 factors; a tenth of the cells is
    missing.
    """

    params = ("linear varpro", "linear als", "linear gd", "tensor als")
    param_names = ("trans_model and solver",)
    timeout = 1800
    number, repeat = 1, 1

    def track_seconds(self, names):
        trans_model, solver = names.split()
        X = make_genotypes(200, 2000, random_state=0).data
        y = make_expression_tensor(
            X, n_genes=2000, n_tissues=10, cis_h2=0.0, trans_h2=0.3, missing_rate=0.0,
            random_state=0,
        ).target  # fmt: skip
        y[np.random.default_rng(0).random(y.shape) < 0.1] = np.nan
        seconds = []
        for max_iter in (2, 12):
            model = MILAGERegressor(
                40, trans_model=trans_model, solver=solver, tol=0.0, max_iter=max_iter,
                polygenic=False, random_state=0, **{**USUAL, "loading_alpha": 0.003},
            )  # fmt: skip
            begin = time.perf_counter()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                model.fit(X, y)
            seconds.append(time.perf_counter() - begin)
        return (seconds[1] - seconds[0]) / 10
