"""The objective against a cell-by-cell sum, its gradients against complex steps."""

import numpy as np
import pytest

from skgenetics.expression.trans._objective import (
    Design,
    Penalties,
    TransProblem,
    objective,
    objective_and_gradients,
)
from skgenetics.expression.trans._targets import compress, make_targets
from tests.oracles.expression_naive import naive_objective

MODELS = ["linear", "sigmoid", "tensor"]
PATTERNS = ["none", "samples", "cells"]


def case(tensor, model, pattern, seed=1):
    X, y = tensor(pattern=pattern, n=15, p=8, n_genes=4, n_tissues=3, seed=seed)
    y[:, 1, 2] = np.nan  # a gene never seen in a tissue
    rng = np.random.default_rng(seed)
    weight = rng.integers(1, 4, size=15).astype(float)
    A = np.column_stack([X.astype(float), np.ones(15)])
    penalized = np.append(np.ones(8), 0.0)
    targets = make_targets(y, weight, np, "cpu")
    params = {"coef": rng.normal(size=(9, 2)), "offset": rng.normal(size=(3, 4))}
    if model == "tensor":
        params["gene_factors"] = rng.normal(size=(4, 2))
        params["tissue_factors"] = rng.normal(size=(3, 2))
    else:
        params["loadings"] = rng.normal(size=(3, 2, 4))
    return y, weight, A, penalized, targets, params


def permuted(params, order):
    """Put genes into the order of the targets."""
    axes = {"loadings": 2, "gene_factors": 0, "offset": 1}
    return {
        name: np.take(value, order, axis=axes[name]) if name in axes else value
        for name, value in params.items()
    }


def naive_strengths(model, loading_kind="l2", variant_kind="l2", tissue_kind="l2"):
    names = {"coef": (0.3, variant_kind)}
    if model == "tensor":
        return names | {"gene_factors": (0.7, loading_kind), "tissue_factors": (0.2, tissue_kind)}
    return names | {"loadings": (0.7, loading_kind)}


@pytest.mark.parametrize(
    "kinds", [("l2", "l2", "l2"), ("l1", "l2", "l2"), ("l2", "l1", "l2"), ("l2", "l2", "l1")]
)
@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("model", MODELS)
def test_value_is_the_sum_over_observed_cells(tensor, model, pattern, kinds):
    y, weight, A, penalized, targets, params = case(tensor, model, pattern)
    variant_kind, loading_kind, tissue_kind = kinds
    penalties = Penalties(0.3, 0.7, 0.2, *kinds)
    problem = TransProblem(targets, Design(A, penalized), penalties, model)
    value = objective(permuted(params, targets.order), problem)
    names = naive_strengths(model, loading_kind, variant_kind, tissue_kind)
    expected = naive_objective(params, y, weight, A, penalized, names, model)
    np.testing.assert_allclose(value, expected, rtol=1e-12)


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("model", MODELS)
def test_gradients_are_complex_steps_of_the_naive_sum(tensor, model, pattern):
    y, weight, A, penalized, targets, params = case(tensor, model, pattern)
    problem = TransProblem(targets, Design(A, penalized), Penalties(0.3, 0.7, 0.2), model)
    _, gradients = objective_and_gradients(permuted(params, targets.order), problem)
    assert set(gradients) == set(params)
    back = permuted(gradients, np.argsort(targets.order))
    for name, value in params.items():
        for index in np.ndindex(value.shape):
            moved = {key: array.astype(complex) for key, array in params.items()}
            moved[name][index] += 1e-30j
            step = naive_objective(moved, y, weight, A, penalized, naive_strengths(model), model)
            np.testing.assert_allclose(
                back[name][index], step.imag / 1e-30, rtol=1e-9, atol=1e-12, err_msg=name
            )


@pytest.mark.parametrize("kinds", [("l1", "l2"), ("l2", "l1")])
def test_gradients_leave_l1_penalties_out(tensor, kinds):
    *_, A, penalized, targets, params = case(tensor, "linear", "samples")
    variant, loading = kinds
    problem = TransProblem(
        targets, Design(A, penalized), Penalties(0.3, 0.7, 0.0, variant, loading), "linear"
    )
    _, mixed = objective_and_gradients(params, problem)
    smooth = Penalties(0.3 * (variant == "l2"), 0.7 * (loading == "l2"))
    _, expected = objective_and_gradients(params, problem._replace(penalties=smooth))
    for name in params:
        np.testing.assert_allclose(mixed[name], expected[name])


@pytest.mark.parametrize("pattern", [*PATTERNS, "genes"])
def test_blocks_hold_each_observed_cell_once(tensor, pattern):
    """Where few genes share their cells, in groups with masks of genes or of cells."""
    _, y = tensor(pattern=pattern, n_genes=70, n_tissues=5)
    weight = np.arange(1.0, 1.0 + len(y))
    targets = make_targets(y, weight, np, "cpu")
    assert len(targets.groups) == {"none": 1, "samples": 1, "cells": 2, "genes": 2}[pattern]
    shapes = {np.shape(block.seen)[:1] for block in targets.blocks} - {()}
    assert shapes == {"none": set(), "samples": set(), "cells": {(40,)}, "genes": {(1,)}}[pattern]
    found, again = np.full(y.shape, np.nan), 0
    for block in targets.blocks:
        seen = np.broadcast_to(True if block.seen is None else block.seen, block.y.shape)
        assert not np.any(block.y[~seen])
        values = block.mean + block.y / np.sqrt(weight[block.rows])[:, None]
        genes = targets.order[block.genes]
        own = np.full((len(y), len(genes)), np.nan)
        own[block.rows] = np.where(seen, values, np.nan)
        again += np.sum(~np.isnan(own) & ~np.isnan(found[:, genes, block.tissue]))
        found[:, genes, block.tissue] = np.where(np.isnan(own), found[:, genes, block.tissue], own)
    assert again == 0
    np.testing.assert_allclose(found, y)
    np.testing.assert_allclose(targets.n_cells, np.sum(weight[:, None, None] * ~np.isnan(y)))
    assert targets.n_targets == np.sum(~np.isnan(y).all(axis=0))


def test_genes_with_the_same_cells_have_a_group_of_their_own(tensor):
    _, y = tensor(n_genes=50, pattern="none")
    y[:7, :20, 1] = np.nan
    y[3, 30] = np.nan
    targets = make_targets(y, np.ones(len(y)), np, "cpu")
    genes = [sorted(targets.order[group]) for group in targets.groups]
    rest = [j for j in range(20, 50) if j != 30]
    assert sorted(genes) == [list(range(20)), rest, [30]]
    assert all(block.seen is None for block in targets.blocks)


def test_compressed_blocks_keep_their_products(tensor):
    _, y = tensor(n=12, n_genes=50, pattern="samples")
    targets = make_targets(y, np.arange(1.0, 13.0), np, "cpu")
    small = compress(targets)
    assert small.shape[1] < 12
    for ours, theirs in zip(small.blocks, targets.blocks, strict=True):
        np.testing.assert_allclose(ours.y @ ours.y.T, theirs.y @ theirs.y.T, atol=1e-9)


def test_genes_missing_in_some_tissues_are_compressed_together(tensor):
    _, y = tensor(n=12, n_genes=50, n_tissues=4, pattern="genes")
    targets = make_targets(y, np.ones(12), np, "cpu")
    small = compress(targets)
    assert len(targets.groups) == 1  # with a mask, since few genes share their tissues
    assert sorted(block.tissue for block in small.blocks) == [0, 1, 2, 3]
    assert small.shape[1] == 12
    for block in small.blocks:
        cells = y[:, ~np.isnan(y[0, :, block.tissue]), block.tissue]
        cells = cells - cells.mean(axis=0)
        np.testing.assert_allclose(block.y @ block.y.T, cells @ cells.T, atol=1e-9)
