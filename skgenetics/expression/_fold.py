"""The individuals of a fold, and how those in training predict those held out."""

from copy import copy
from typing import Any

import numpy as np

from skgenetics.expression._parameters import is_nuclear
from skgenetics.expression._polygenic import PolygenicTerm, Share
from skgenetics.expression.trans._design import make_design
from skgenetics.expression.trans._fit import (
    GENE_AXIS,
    TransFit,
    finish,
    new_factors,
    subtract_trans,
    trans_values,
)
from skgenetics.expression.trans._kernel import CenteredGenotypes
from skgenetics.expression.trans._objective import Params
from skgenetics.expression.trans._targets import compress, make_targets
from skgenetics.utils._arrays import device_of, move_to, namespace_of, to_numpy


class RowsOf:
    """Some rows of expression (I, J, K), as ``values[:, genes]``."""

    def __init__(self, values: Any, rows: np.ndarray):
        self.values, self.rows = values, rows
        self.shape = (rows.size, *values.shape[1:])
        self.dtype = values.dtype

    def __getitem__(self, index: tuple) -> np.ndarray:
        """Return the expression (n, m, K) of genes, the second index."""
        return self.values[index][self.rows]


class Fold:
    """The individuals of a fold: what those in training say of those held out.

    Parameters
    ----------
    model : MILAGERegressor
    data : FitData
    residual : StandardizedExpression
        What the cis part of this fold leaves.
    kernel : array (I, I)
    problem : TransProblem
        Of all individuals.
    held_out : bool array (I,)
    genes : int array
        The genes judged.
    """

    def __init__(self, model, data, residual, kernel, problem, held_out, genes):
        xp, device = data.placement.xp, data.placement.device
        self.model, self.genes, self.held_out = model, genes, np.flatnonzero(held_out)
        rows = np.flatnonzero(~held_out)
        weight = data.weight[rows]
        self.weight = data.weight[self.held_out]
        train, test = (move_to(r, xp, device) for r in (rows, self.held_out))
        among = xp.take(kernel, train, axis=0)
        self.kernel = xp.take(among, train, axis=1)
        self.cross = xp.take(xp.take(kernel, test, axis=0), train, axis=1)
        whole = problem.design.genotypes
        genotypes = CenteredGenotypes(whole.X, whole.scale, train)
        self.new_genotypes = CenteredGenotypes(whole.X, whole.scale, test)
        expression = residual[:, genes]
        self.expression = expression[self.held_out]
        self.judged = make_targets(expression[rows], weight, xp, device)
        targets = make_targets(RowsOf(residual, rows), weight, xp, device)
        if is_nuclear(model):
            targets = compress(targets)  # those of all folds are in memory together
        self.judged = self.judged._replace(n_cells=targets.n_cells, n_targets=targets.n_targets)
        design = make_design(genotypes, self.kernel, model.variant_penalty, model.trans_model)
        self.problem = problem._replace(targets=targets, design=design)
        self.training_weight = weight
        self.term = PolygenicTerm(to_numpy(self.kernel))
        z = data.standardized(data.training)[:, genes]
        cells = weight[:, None, None] * ~np.isnan(z[rows])
        mean = np.sum(cells * np.nan_to_num(z[rows]), axis=0) / np.maximum(
            cells.sum(axis=0), 1e-300
        )
        squares = np.nansum((z[self.held_out] - mean) ** 2, axis=(1, 2))
        self.variation = float(self.weight @ squares)
        self.whole = z[rows], z[self.held_out]
        self.alone: np.ndarray | None = None  # what the term alone leaves, once that is judged

    def as_linear(self, model: Any) -> "Fold":
        """Return this fold for a "linear" model with L2 penalties."""
        twin = copy(self)
        twin.model = model
        design = make_design(self.problem.design.genotypes, self.kernel, "l2", "linear")
        targets = compress(self.problem.targets)
        twin.problem = self.problem._replace(targets=targets, design=design, model="linear")
        return twin

    def judge_alone(self) -> tuple[float, float]:
        """Return the squared errors of the means, and of a polygenic term without a cis part.

        What the latter leaves is kept, so that `errors_of` compares it with that of other parts.
        """
        bare = copy(self)
        expression, bare.expression = self.whole
        first = self.judged.blocks[0].y
        bare.judged = make_targets(
            expression, self.training_weight, namespace_of(first), device_of(first)
        )
        nothing, self.alone = bare._left_by(None), bare._left_by(None, True)
        errors = (self._sums(left, left) for left in (nothing, self.alone))
        return float(next(errors).sum()), float(next(errors).sum())

    def errors_of(self, fit: TransFit | None, polygenic: bool = False) -> np.ndarray:
        """Return sums of squares of the errors (2, n) of the held-out individuals.

        And of the products with those of the polygenic term alone; 0 if it was not judged.
        """
        left = self._left_by(fit, polygenic)
        return np.stack([self._sums(left, left), self._sums(left, self.alone)])

    def _sums(self, left, right):
        """Return the sums (n,) of products over genes and tissues; 0 without a factor."""
        return self.weight * (0.0 if right is None else np.nansum(left * right, axis=(1, 2)))

    def _left_by(self, fit, polygenic=False):
        """Return the expression (n, genes, K) of the held-out less its prediction."""
        targets, values = self.judged, np.zeros(self.expression.shape)
        if fit is None:
            offset = np.zeros(targets.shape[:0:-1])
            for block in targets.blocks:
                members = to_numpy(targets.order)[block.genes]
                offset[block.tissue, members] = to_numpy(block.mean)
        else:
            offset = to_numpy(fit.offset)
            factors = new_factors(fit, self.cross, self.new_genotypes, self.model.trans_model)
            values = values + to_numpy(trans_values(factors, fit.layers))
        values = values + offset.T
        if polygenic:
            values = values + self._polygenic(fit)
        return self.expression - values

    def _polygenic(self, fit):
        """Return the polygenic part (n, genes, K) of the held-out, fitted to what `fit` leaves."""
        targets = self.judged
        if fit is None:
            blocks = [block._replace(mean=0 * block.mean) for block in targets.blocks]
            targets = targets._replace(blocks=blocks)
        else:
            blocks = [block._replace(y=block.y + 0) for block in targets.blocks]
            targets = subtract_trans(targets._replace(blocks=blocks), fit)
        term = self.term.fit(Share(targets))
        cross = to_numpy(self.cross)
        values = [cross @ dual + b for dual, b in zip(term.dual, term.intercept)]
        return np.stack(values, axis=2)

    def fit_of(self, params: Params, penalties: Any) -> TransFit | None:
        """Return the `TransFit` of the judged genes, or None without factors."""
        if not params["coef"].shape[1]:
            return None
        nuclear = self.model.trans_model != "tensor" and penalties.loading_kind == "l2"
        if nuclear:  # the loadings are solved for
            return finish(params, self.problem._replace(targets=self.judged, penalties=penalties))
        fit = finish(params, self.problem._replace(penalties=penalties))
        xp = namespace_of(fit.offset)
        genes = move_to(self.genes, xp, device_of(fit.offset))
        layers = {
            name: xp.take(value, genes, axis=GENE_AXIS[name]) if name in GENE_AXIS else value
            for name, value in fit.layers.items()
        }
        return fit._replace(layers=layers, offset=xp.take(fit.offset, genes, axis=1))
