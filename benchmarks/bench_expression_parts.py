"""Expression across tissues: the gain from refitting the parts, and time with scattered holes.

`Refits` and `RefitsYeast` compare R2 by `n_refits`. R2 is within gene and tissue, on held-out
individuals, about the training means. `HolesInEveryGene` has the seconds per iteration if no two
genes are observed in the same cells.

`RefitsYeast` needs yeast_gxe_expression in ../shared/data and is skipped without it.
"""

import time
import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skgenetics import MILAGERegressor
from skgenetics.datasets import make_expression_tensor, make_genotypes

from .expression_figures import DATA, USUAL, pooled_r2, yeast


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
