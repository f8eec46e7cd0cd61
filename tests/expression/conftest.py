import numpy as np
import pytest

from skgenetics.datasets import make_expression_tensor, make_genotypes


@pytest.fixture
def tensor():
    """Genotypes and expression with holes, drawn with plain NumPy."""

    def make(n=40, p=30, n_genes=6, n_tissues=3, pattern="samples", seed=0, rank=2):
        rng = np.random.default_rng(seed)
        X = rng.binomial(2, rng.uniform(0.2, 0.5, p), size=(n, p)).astype(np.int8)
        F = X @ rng.normal(size=(p, rank)) / np.sqrt(p)
        y = np.einsum("it,jtk->ijk", F, rng.normal(size=(n_genes, rank, n_tissues)))
        y += rng.normal(size=y.shape) + rng.normal(size=y.shape[1:])
        holes = {
            "none": np.zeros(y.shape, dtype=bool),
            "samples": np.broadcast_to(rng.random((n, 1, n_tissues)) < 0.3, y.shape),
            "genes": np.broadcast_to(rng.random((1, n_genes, n_tissues)) < 0.3, y.shape),
            "cells": rng.random(y.shape) < 0.2,
        }[pattern]
        return X, np.where(holes, np.nan, y)

    return make


@pytest.fixture(scope="session")
def made():
    """Genotypes and expression with cis effects and two factors."""
    X = make_genotypes(260, 300, random_state=0).data
    return make_expression_tensor(
        X, n_genes=20, n_tissues=3, n_components=2, trans_h2=0.3, random_state=0
    )
