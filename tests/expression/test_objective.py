"""The objective against a cell-by-cell sum, its gradients against complex steps."""

import numpy as np
import pytest

from skgenetics.expression._objective import (
    Design,
    Penalties,
    objective,
    objective_and_gradients,
)
from skgenetics.expression._targets import compress, make_targets
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
    value = objective(
        permuted(params, targets.order), targets, Design(A, penalized), penalties,
        model=model, xp=np,
    )  # fmt: skip
    names = naive_strengths(model, loading_kind, variant_kind, tissue_kind)
    expected = naive_objective(params, y, weight, A, penalized, names, model)
    np.testing.assert_allclose(value, expected, rtol=1e-12)


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("model", MODELS)
def test_gradients_are_complex_steps_of_the_naive_sum(tensor, model, pattern):
    y, weight, A, penalized, targets, params = case(tensor, model, pattern)
    _, gradients = objective_and_gradients(
        permuted(params, targets.order), targets, Design(A, penalized),
        Penalties(0.3, 0.7, 0.2), model=model, xp=np,
    )  # fmt: skip
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
    design = Design(A, penalized)
    args = {"model": "linear", "xp": np}
    variant, loading = kinds
    _, mixed = objective_and_gradients(
        params, targets, design, Penalties(0.3, 0.7, 0.0, variant, loading), **args
    )
    smooth = Penalties(0.3 * (variant == "l2"), 0.7 * (loading == "l2"))
    _, expected = objective_and_gradients(params, targets, design, smooth, **args)
    for name in params:
        np.testing.assert_allclose(mixed[name], expected[name])


@pytest.mark.parametrize("pattern", PATTERNS)
def test_genes_of_a_group_share_their_cells(tensor, pattern):
    _, y = tensor(pattern=pattern)
    targets = make_targets(y, np.ones(len(y)), np, "cpu")
    assert len(targets.groups) == {"none": 1, "samples": 1, "cells": 6}[pattern]
    assert targets.n_cells == np.sum(~np.isnan(y))
    for block in targets.blocks:
        for offset, gene in enumerate(targets.order[block.genes]):
            np.testing.assert_array_equal(
                block.rows, np.flatnonzero(~np.isnan(y[:, gene, block.tissue]))
            )
            values = block.y[:, offset] + block.mean[offset]
            np.testing.assert_allclose(values, y[block.rows, gene, block.tissue])


def test_compressed_blocks_keep_their_products(tensor):
    _, y = tensor(n=12, n_genes=50, pattern="samples")
    targets = make_targets(y, np.arange(1.0, 13.0), np, "cpu")
    small = compress(targets, np)
    assert small.shape[1] < 12
    for ours, theirs in zip(small.blocks, targets.blocks, strict=True):
        np.testing.assert_allclose(ours.y @ ours.y.T, theirs.y @ theirs.y.T, atol=1e-9)


def test_genes_missing_in_some_tissues_are_compressed_together(tensor):
    _, y = tensor(n=12, n_genes=50, n_tissues=4, pattern="genes")
    targets = make_targets(y, np.ones(12), np, "cpu")
    small = compress(targets, np)
    assert len(targets.groups) > 10
    assert sorted(block.tissue for block in small.blocks) == [0, 1, 2, 3]
    assert small.shape[1] == 12
    for block in small.blocks:
        cells = y[:, ~np.isnan(y[0, :, block.tissue]), block.tissue]
        cells = cells - cells.mean(axis=0)
        np.testing.assert_allclose(block.y @ block.y.T, cells @ cells.T, atol=1e-9)
