"""Trans solvers against joint minimization, against each other, and against known answers."""

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.linear_model import Ridge

from skgenetics.expression.trans._kernel import (
    CenteredGenotypes,
    cross_kernel,
    genotype_kernel,
    kernel_root,
)
from skgenetics.expression.trans._layers import projected, solve_layers, solve_loadings
from skgenetics.expression.trans._objective import (
    Design,
    Penalties,
    TransProblem,
    activate,
    objective,
)
from skgenetics.expression.trans._solvers import SOLVERS, alternate, gradient_descent, varpro
from skgenetics.expression.trans._targets import compress, make_targets
from tests.oracles.expression_naive import naive_objective, naive_prediction


def problem(tensor, model, pattern="samples", n=20, n_genes=4, rank=2, seed=0, explicit=False):
    X, y = tensor(n=n, p=12, n_genes=n_genes, n_tissues=3, pattern=pattern, seed=seed)
    weight = np.random.default_rng(seed).integers(1, 3, size=n).astype(float)
    kernel, scale = genotype_kernel(X, weight)
    A = CenteredGenotypes(X, scale) if explicit else kernel_root(kernel)[0]
    width = X.shape[1] if explicit else A.shape[1]
    penalized = np.ones(width)
    if model == "sigmoid":
        A, penalized = np.column_stack([A, np.ones(n)]), np.append(penalized, 0.0)
    rng = np.random.default_rng(seed)
    params = {"coef": rng.normal(size=(len(penalized), rank))}
    if model == "tensor":
        params["gene_factors"] = rng.normal(size=(n_genes, rank))
        params["tissue_factors"] = rng.normal(size=(3, rank))
    else:
        params["loadings"] = rng.normal(size=(3, rank, n_genes))
    return X, y, weight, make_targets(y, weight, np, "cpu"), Design(A, penalized), params


def last(iterations, max_iter=3000):
    for state, _ in zip(iterations, range(max_iter)):
        final = state
    return final


def test_the_kernel_is_a_sum_over_variants(tensor):
    X, _ = tensor(n=10, p=40)
    weight = np.arange(1.0, 11.0)
    kernel, scale = genotype_kernel(X, weight)
    centered = X - np.average(X, axis=0, weights=weight)
    size = np.average(np.sum(centered**2, axis=1), weights=weight)
    np.testing.assert_allclose(kernel, centered @ centered.T / size)
    np.testing.assert_allclose(cross_kernel(X[:3], X, scale), kernel[:3])
    root, inverse = kernel_root(kernel)
    np.testing.assert_allclose(root @ root.T, kernel, atol=1e-12)
    np.testing.assert_allclose(kernel @ inverse, root, atol=1e-10)
    genotypes = CenteredGenotypes(X, scale)
    np.testing.assert_allclose(genotypes @ (genotypes.T @ np.eye(10)), kernel, atol=1e-12)


@pytest.mark.parametrize(
    "pattern",
    [
        pytest.param("samples", marks=pytest.mark.slow),
        pytest.param("genes", marks=pytest.mark.slow),
        "cells",
    ],
)
@pytest.mark.parametrize("model", ["linear", "sigmoid"])
def test_varpro_is_the_joint_minimum(tensor, model, pattern):
    _, y, weight, targets, design, params = problem(tensor, model, pattern)
    penalties = Penalties(0.02, 0.1)
    state = last(varpro(params, TransProblem(targets, design, penalties, model), tol=1e-13))
    shapes = [params["coef"].shape, params["loadings"].shape, (3, 4)]
    sizes = np.cumsum([np.prod(shape) for shape in shapes])
    names = {"coef": (0.02, "l2"), "loadings": (0.1, "l2")}

    def joint(flat):
        parts = np.split(flat, sizes[:-1])
        found = dict(zip(["coef", "loadings", "offset"], map(np.reshape, parts, shapes)))
        return naive_objective(found, y, weight, design.matrix, design.penalized, names, model)

    start = np.concatenate([params["coef"].ravel(), params["loadings"].ravel(), np.zeros(12)])
    answer = minimize(joint, start, method="BFGS", options={"gtol": 1e-7, "maxiter": 3000})
    np.testing.assert_allclose(state.value, answer.fun, rtol=1e-6 if model == "linear" else 2e-2)
    if model == "sigmoid":  # not convex: started from the answer, varpro stays there
        coef = answer.x[: sizes[0]].reshape(shapes[0])
        state = last(
            varpro({"coef": coef}, TransProblem(targets, design, penalties, model), tol=1e-13)
        )
        np.testing.assert_allclose(state.value, answer.fun, rtol=1e-6)


def test_the_linear_model_of_full_rank_is_the_nuclear_norm(tensor):
    """The duality gap of the convex problem certifies the optimum."""
    X, y = tensor(n=25, p=60, n_genes=5, n_tissues=1, pattern="none")
    kernel, _ = genotype_kernel(X, np.ones(25))
    A, _ = kernel_root(kernel)
    targets = make_targets(y, np.ones(25), np, "cpu")
    params = {"coef": np.random.default_rng(0).normal(size=(A.shape[1], 5))}
    state = last(
        varpro(
            params,
            TransProblem(targets, Design(A, np.ones(A.shape[1])), Penalties(0.04, 0.25), "linear"),
            tol=1e-14,
        )
    )
    Y = y[:, :, 0] - y[:, :, 0].mean(axis=0)
    A = A - A.mean(axis=0)
    strength = np.sqrt(0.04 * 0.25 / 5)
    F = A @ state.params["coef"]
    beta = np.linalg.solve(F.T @ F + 0.25 * 25 * np.eye(5), F.T @ Y)
    matrix = state.params["coef"] @ beta
    residual = Y - A @ matrix
    primal = np.sum(residual**2) / 250 + strength * np.linalg.svd(matrix)[1].sum()
    dual = residual / 125
    dual *= min(1.0, strength / np.linalg.norm(A.T @ dual, 2))
    gap = primal - (np.sum(dual * Y) - 125 / 2 * np.sum(dual**2))
    assert 0 <= gap < 1e-5 * primal
    np.testing.assert_allclose(state.value, primal, rtol=1e-6)


@pytest.mark.parametrize("pattern", [pytest.param("samples", marks=pytest.mark.slow), "cells"])
@pytest.mark.parametrize("model", ["linear", "sigmoid", "tensor"])
def test_solvers_agree(tensor, model, pattern):
    *_, targets, design, params = problem(tensor, model, pattern)
    penalties = Penalties(0.005, 0.05, 0.05)
    whole = TransProblem(targets, design, penalties, model)
    als = last(alternate(params, whole, tol=1e-13))
    rng = np.random.default_rng(1)
    if model != "linear":  # not convex: the solvers return to one minimum from beside it
        start = params | {"coef": als.params["coef"]}
        params = solve_layers(start, factors(start, design, model), targets, penalties, model)
        params = {name: v + 0.02 * rng.normal(size=v.shape) for name, v in params.items()}
    gd = last(gradient_descent(params, whole, tol=1e-11))
    np.testing.assert_allclose(gd.value, als.value, rtol=1e-4)
    check = objective(gd.params, whole)
    np.testing.assert_allclose(gd.value, check, rtol=1e-10)
    if model != "tensor":
        best = last(varpro(params, whole, tol=1e-13))
        np.testing.assert_allclose(best.value, als.value, rtol=1e-5)


@pytest.mark.parametrize("model", ["linear", "tensor"])
def test_gradient_descent_on_the_kernel_is_that_on_the_variants(tensor, model):
    X, _, weight, targets, design, params = problem(tensor, model)
    kernel, scale = genotype_kernel(X, weight)
    genotypes = (X - scale.mean) / scale.size**0.5  # n x 12, all of them explicit
    back = genotypes.T @ kernel_root(kernel)[1]
    explicit = params | {"coef": back @ params["coef"]}
    penalties = Penalties(0.01, 0.05, 0.05)
    dual = gradient_descent(params, TransProblem(targets, design, penalties, model), tol=0.0)
    design = Design(genotypes, np.ones(12))
    whole = gradient_descent(explicit, TransProblem(targets, design, penalties, model), tol=0.0)
    values = []
    for ours, theirs, _ in zip(dual, whole, range(40)):
        np.testing.assert_allclose(ours.value, theirs.value, rtol=1e-9)
        values.append(ours.value)
    np.testing.assert_allclose(back @ ours.params["coef"], theirs.params["coef"], atol=1e-8)
    assert values[-1] < 0.9 * values[0]


def factors(params, design, model):
    return activate(design.matrix @ params["coef"], model)[0]


@pytest.mark.parametrize("model", ["linear", "sigmoid", "tensor"])
@pytest.mark.parametrize(
    "kinds",
    [
        ("l2", "l2"),
        pytest.param(("l1", "l2"), marks=pytest.mark.slow),
        pytest.param(("l2", "l1"), marks=pytest.mark.slow),
        ("l1", "l1"),
    ],
)
def test_values_fall(tensor, model, kinds):
    *_, targets, design, params = problem(tensor, model)
    penalties = Penalties(0.003, 0.03, 0.03, *kinds)
    values = [
        state.value
        for state in alternate(params, TransProblem(targets, design, penalties, model), tol=1e-9)
    ]
    assert len(values) > 3
    assert np.all(np.diff(values) <= 1e-12)


@pytest.mark.parametrize("model", ["linear", "tensor"])
@pytest.mark.parametrize(
    "kinds",
    [
        pytest.param(("l1", "l2"), marks=pytest.mark.slow),
        pytest.param(("l2", "l1"), marks=pytest.mark.slow),
        ("l1", "l1"),
    ],
)
def test_l1_gives_exact_zeros_where_the_subgradient_allows(tensor, model, kinds):
    X, y, weight, targets, design, params = problem(tensor, model, explicit=kinds[0] == "l1")
    strong = (0.03, 0.3, 0.1) if model == "linear" else (0.005, 0.08, 0.02)
    penalties = Penalties(*strong, *kinds)
    state = last(alternate(params, TransProblem(targets, design, penalties, model), tol=1e-14))
    if kinds[0] == "l1":
        matrix = (X - np.average(X, axis=0, weights=weight)) / design.matrix.scale.size**0.5
    else:
        matrix = design.matrix
    names = {"coef": (0.0, "l2")}

    def smooth(params):
        return naive_objective(params, y, weight, matrix, design.penalized, names, model)

    found = dict(state.params)
    if kinds[1] == "l2" and model == "linear":  # solved for compressed genes
        found["loadings"] = solve_loadings(matrix @ found["coef"], targets, penalties)
    order = np.argsort(targets.order)
    for name, axis in (("loadings", 2), ("gene_factors", 0)):
        if name in found:
            found[name] = np.take(found[name], order, axis=axis)
    found["offset"] = best_offset(found, matrix, y, weight, model)
    checks = {"coef": (kinds[0], strong[0])}
    second = "gene_factors" if model == "tensor" else "loadings"
    count = 4 if model == "tensor" else 12
    checks[second] = (kinds[1], strong[1] / count)
    for name, (kind, strength) in checks.items():
        if kind != "l1":
            continue
        value = found[name]
        zeros = value == 0
        assert zeros.sum() < value.size
        assert zeros.any() or (name == "gene_factors" and kinds[0] == "l2")
        gradient = np.empty(value.shape)
        for index in np.ndindex(value.shape):
            moved = {key: array.astype(complex) for key, array in found.items()}
            moved[name][index] += 1e-30j
            gradient[index] = smooth(moved).imag / 1e-30
        np.testing.assert_allclose(
            gradient[~zeros], -strength * np.sign(value[~zeros]), atol=2e-4 * strength + 1e-6
        )
        assert np.all(np.abs(gradient[zeros]) <= strength * 1.001 + 1e-6)


@pytest.mark.slow
def test_l1_on_tissues_leaves_a_factor_to_those_it_acts_in(tensor):
    _, _, weight, _, design, params = problem(tensor, "tensor", n=60, n_genes=8)
    rng = np.random.default_rng(0)
    W = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])  # two factors in a tissue each
    F, V = design.matrix[:, -2:], rng.normal(size=(8, 2))
    y = 4 * np.einsum("it,jt,kt->ijk", F, V, W) + 0.3 * rng.normal(size=(60, 8, 3))
    targets = make_targets(y, weight, np, "cpu")
    params |= {"gene_factors": rng.normal(size=(8, 2))}
    found = {}
    for kind in ("l2", "l1"):
        penalties = Penalties(1e-4, 1e-3, 0.03, tissue_kind=kind)
        whole = TransProblem(targets, design, penalties, "tensor")
        found[kind] = last(alternate(params, whole, tol=1e-10 if kind == "l1" else 1e-3))
    ours = found["l1"].params
    zeros = ours["tissue_factors"] == 0
    assert not np.any(found["l2"].params["tissue_factors"] == 0)
    size = np.abs(ours["tissue_factors"])
    assert size[2].max() < 0.02 * size[:2].max()
    assert sorted(zeros[:2].tolist()) == [[False, True], [True, False]]
    strengths = {"gene_factors": (1e-3, "l2"), "coef": (1e-4, "l2")}
    params = ours | {"offset": best_offset(ours, design.matrix, y, weight, "tensor")}
    for index in np.ndindex(3, 2):
        moved = {name: value.astype(complex) for name, value in params.items()}
        moved["tissue_factors"][index] += 1e-30j
        smooth = naive_objective(
            moved, y, weight, design.matrix, design.penalized, strengths, "tensor"
        )
        slope, sign = smooth.imag / 1e-30, np.sign(ours["tissue_factors"][index])
        assert abs(slope + 0.01 * sign) < 1e-5 if sign else abs(slope) <= 0.01


def best_offset(params, matrix, y, weight, model):
    """Intercepts (K, J) that minimize the loss."""
    trans = naive_prediction(params | {"offset": np.zeros(y.shape[:0:-1])}, matrix, model)
    cells = np.where(np.isnan(y), 0.0, weight[:, None, None])
    return (np.sum(cells * np.nan_to_num(y - trans), axis=0) / cells.sum(axis=0)).T


@pytest.mark.slow
def test_the_tensor_model_recovers_a_noiseless_decomposition():
    rng = np.random.default_rng(0)
    F, V, W = (rng.normal(size=(m, 2)) for m in (40, 15, 4))
    complete = np.einsum("it,jt,kt->ijk", F - F.mean(axis=0), V, W)
    holes = np.broadcast_to(rng.random((40, 1, 4)) < 0.2, complete.shape)
    targets = make_targets(np.where(holes, np.nan, complete), np.ones(40), np, "cpu")
    design = Design(np.eye(40), np.ones(40))
    params = {
        "coef": rng.normal(size=(40, 2)),
        "gene_factors": rng.normal(size=(15, 2)),
        "tissue_factors": rng.normal(size=(4, 2)),
    }
    penalties = Penalties(1e-9, 1e-9, 1e-9)
    whole = TransProblem(targets, design, penalties, "tensor")
    state = last(alternate(params, whole, tol=1e-8), 500)
    F_hat, V_hat, W_hat = (
        state.params[name] for name in ("coef", "gene_factors", "tissue_factors")
    )
    for ours, truth in ((F_hat, F), (V_hat, V), (W_hat, W)):
        assert np.abs(np.corrcoef(ours.T, truth.T)[:2, 2:]).max(axis=1).min() > 0.999


def test_expression_in_single_precision_gives_loadings_in_single_precision(tensor):
    _, y, weight, targets, *_ = problem(tensor, "linear", rank=3)
    factors = np.random.default_rng(1).normal(size=(len(y), 3))
    single = make_targets(y.astype(np.float32), weight, np, "cpu")
    found = solve_loadings(factors, single, Penalties(0.0, 0.2))
    assert found.dtype == np.float32
    ridge = Ridge(alpha=0.2 * targets.n_cells / targets.n_targets)
    for k in range(3):
        seen = ~np.isnan(y[:, 0, k])
        ridge.fit(factors[seen], y[seen][:, :, k], sample_weight=weight[seen])
        np.testing.assert_allclose(found[k], ridge.coef_.T, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("pattern", ["cells", "genes"])
@pytest.mark.parametrize("model", ["linear", "sigmoid", "tensor"])
@pytest.mark.parametrize("kinds", [("l2", "l2"), ("l2", "l1"), ("l1", "l2")])
def test_masked_blocks_are_the_blocks_of_each_gene(tensor, model, pattern, kinds, monkeypatch):
    """A group for each pattern of cells needs no masks, and must lead to the same."""
    X, y = tensor(n=30, p=12, n_genes=7, n_tissues=3, pattern=pattern)
    y[:, 2, 1] = np.nan
    weight = np.random.default_rng(1).integers(1, 3, size=30).astype(float)
    kernel, scale = genotype_kernel(X, weight)
    explicit = kinds[0] == "l1"
    A = CenteredGenotypes(X, scale) if explicit else kernel_root(kernel)[0]
    design = Design(A, np.ones(X.shape[1] if explicit else A.shape[1]))
    rng = np.random.default_rng(2)
    params = {"coef": rng.normal(size=(len(design.penalized), 2))}
    if model == "tensor":
        params |= {"gene_factors": rng.normal(size=(7, 2)), "tissue_factors": np.ones((3, 2))}
    else:
        params["loadings"] = np.zeros((3, 2, 7))
    penalties = Penalties(0.003, 0.02, 0.02, *kinds)
    solvers = [alternate] + [gradient_descent] * (kinds == ("l2", "l2"))
    solvers += [varpro] * (kinds == ("l2", "l2") and model != "tensor")
    values, masked = {}, {}
    for many in (1, 100):
        monkeypatch.setattr("skgenetics.expression.trans._targets.MIN_GROUP_SIZE", many)
        targets = make_targets(y, weight, np, "cpu")
        masked[many] = any(block.seen is not None for block in targets.blocks)
        axes = {"loadings": 2, "gene_factors": 0}
        start = {
            name: np.take(value, targets.order, axis=axes[name]) if name in axes else value
            for name, value in params.items()
        }
        values[many] = [
            last(solver(start, TransProblem(targets, design, penalties, model), tol=0.0), 6).value
            for solver in solvers
        ]
    assert masked == {1: False, 100: True}
    np.testing.assert_allclose(values[100], values[1], rtol=1e-9)


@pytest.mark.parametrize("rank", [3, 30])
def test_the_projected_objective_is_that_of_ridge_regressions(tensor, rank):
    _, y, weight, targets, *_ = problem(tensor, "linear")
    small, penalties = compress(targets), Penalties(0.0, 0.2)
    factors = np.random.default_rng(1).normal(size=(len(y), rank))
    ridge = Ridge(alpha=0.2 * targets.n_cells / targets.n_targets)

    def expected(factors):
        loss, penalty = 0.0, 0.0
        for k in range(3):
            seen = ~np.isnan(y[:, 0, k])
            own, cells = factors[seen], y[seen][:, :, k]
            ridge.fit(own, cells, sample_weight=weight[seen])
            loss += np.sum(weight[seen] @ (cells - ridge.predict(own)) ** 2)
            penalty += ridge.alpha * np.sum(ridge.coef_**2)
        return np.array([loss + penalty, loss]) / (2 * targets.n_cells)

    both, loss, d_factors = projected(factors, small, penalties)
    np.testing.assert_allclose([both, loss], expected(factors), rtol=1e-8)
    for index in [(0, 0), (5, 1), (19, rank - 1)]:
        step = np.zeros_like(factors)
        step[index] = 1e-5
        slope = (expected(factors + step) - expected(factors - step))[0] / 2e-5
        np.testing.assert_allclose(d_factors[index], slope, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("name", SOLVERS)
def test_every_solver_minimizes_what_it_says(tensor, name):
    """The flags of the registry, which the estimator's checks read."""
    solver = SOLVERS[name]
    kinds = [("l2", "l2", "l2"), ("l1", "l1", "l1")] if solver.l1 else [("l2", "l2", "l2")]
    for model in ("linear", "sigmoid", "tensor") if solver.tensor else ("linear", "sigmoid"):
        *_, targets, design, params = problem(tensor, model)
        if not solver.has_layers:
            params = {"coef": params["coef"]}
        for kind in kinds:
            whole = TransProblem(targets, design, Penalties(0.003, 0.03, 0.03, *kind), model)
            values = [state.value for state, _ in zip(solver.run(params, whole, tol=0.0), range(5))]
            assert np.all(np.diff(values) <= 1e-12)
            assert values[-1] < values[0]
