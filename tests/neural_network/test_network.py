"""Forward and backward: against automatic differentiation, complex steps and a plain net."""

import numpy as np
import pytest
from scipy.special import logsumexp

from skgenetics.neural_network._network import (
    ModelState,
    Moments,
    Scales,
    fold,
    forward,
    task_logit,
)
from skgenetics.neural_network._objective import Batch, Objective, loss_and_gradient
from tests.oracles.lina_naive import load_reference, random_network, reference_names


@pytest.mark.parametrize("name", reference_names())
def test_forward_and_gradient_equal_automatic_differentiation(shared, name):
    network, slope, case = load_reference(shared, name)
    X, Y = case["X"], case["Y"]
    trace = forward(network, X, slope)
    np.testing.assert_allclose(trace.attention, case["A"], rtol=1e-12, atol=1e-12)
    logit = task_logit(network, trace.attention, X)
    np.testing.assert_allclose(logit, case["logit"], rtol=1e-12, atol=1e-12)
    n, m = X.shape
    observed = ~np.isnan(Y)
    loss, gradient, _ = loss_and_gradient(
        network,
        Batch(X, np.where(observed, Y, 0.0), observed / n, np.full(n, 1 / n)),
        Objective("binary", slope, coef_alpha=0.0, attention_alpha=1e-3 * n * m),
    )
    K = network.task_coef
    loss += 1e-2 * np.sum(K**2)
    np.testing.assert_allclose(loss, case["loss_gamma1e3_beta1e2"], rtol=1e-12)
    np.testing.assert_allclose(
        gradient.task_coef + 2e-2 * K, case["grad_K"], rtol=1e-10, atol=1e-12
    )
    np.testing.assert_allclose(gradient.weights[0][:, ...], case["grad_W0"], rtol=1e-10, atol=1e-12)


def plain_loss(network, Z, Y, cells, share, loss, slope, alpha, masks):
    """The objective written once more, without any shared helper, for real or complex arrays."""
    h = Z
    last = len(network.weights) - 1
    for i in range(last + 1):
        h = h @ network.weights[i] + network.biases[i]
        if i < last:
            h = np.where(h.real > 0, h, slope * h)
        if network.scales:
            center = sum(s * row for s, row in zip(share, h))
            spread = sum(s * (row - center) ** 2 for s, row in zip(share, h))
            h = network.scales[i] * (h - center) / np.sqrt(spread + 1e-5) + network.shifts[i]
        if i < last and masks:
            h = h * masks[i]
    logit = (h * Z) @ network.task_coef.T + Z @ network.linear_coef.T + network.task_intercept
    if loss == "binary":
        value = np.sum(cells * (np.log(1 + np.exp(logit)) - Y * logit))
    elif loss == "multiclass":
        total = logsumexp(logit, axis=1) if np.isrealobj(logit) else np.log(np.exp(logit).sum(1))
        value = np.sum(cells[:, 0] * (total - np.sum(Y * logit, axis=1)))
    else:
        value = np.sum(cells * (logit - Y) ** 2)
    distance = np.where((h - 1).real > 0, h - 1, 1 - h)
    return value + alpha * np.sum(share[:, None] * distance) / Z.shape[1]


@pytest.mark.parametrize("loss", ["binary", "multiclass", "squared"])
@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("hidden", [(5,), (6, 4, 5)])
@pytest.mark.parametrize("dropout", [False, True])
def test_every_gradient_equals_a_complex_step(loss, batch_norm, hidden, dropout):
    rng = np.random.default_rng(3)
    n, m, d = 9, 4, 3
    network = random_network(rng, [m, *hidden, m], d, batch_norm)
    Z = rng.normal(size=(n, m))
    Y = {
        "binary": rng.integers(0, 2, size=(n, d)).astype(float),
        "multiclass": np.eye(d)[rng.integers(0, d, size=n)],
        "squared": rng.normal(size=(n, d)),
    }[loss]
    share = rng.dirichlet(np.ones(n))
    cells = rng.uniform(size=(n, 1 if loss == "multiclass" else d))
    cells[2, 0] = 0.0
    masks = [2.0 * rng.integers(0, 2, size=(n, h)) for h in hidden] if dropout else []
    value, gradient, _ = loss_and_gradient(
        network,
        Batch(Z, Y, cells, share),
        Objective(loss, slope=0.2, coef_alpha=0.0, attention_alpha=0.7),
        masks=masks,
    )
    args = (Z, Y, cells, share, loss, 0.2, 0.7, masks)
    assert value == pytest.approx(plain_loss(network, *args), rel=1e-12)
    arrays = network.arrays()
    assert len(arrays) == len(gradient.arrays()) == 2 * len(hidden) + 5 + 2 * len(network.scales)
    for k, slopes in enumerate(array[:, ...] for array in gradient.arrays()):
        assert slopes.shape == arrays[k].shape
        for index in np.ndindex(arrays[k].shape):
            moved = [a.astype(complex) for a in arrays]
            moved[k][index] += 1e-30j
            expected = plain_loss(network.replace_arrays(moved), *args).imag / 1e-30
            assert slopes[index] == pytest.approx(expected, rel=1e-9, abs=1e-13)


@pytest.mark.parametrize("batch_norm", [False, True])
def test_folded_network_equals_the_network_it_folds(batch_norm):
    rng = np.random.default_rng(0)
    m, d, hidden = 5, 2, (7, 6)
    network = random_network(rng, [m, *hidden, m], d, batch_norm)
    moments = [Moments(rng.normal(size=h), rng.uniform(0.5, 2, size=h)) for h in (*hidden, m)]
    moments = moments if batch_norm else []
    X = rng.integers(0, 3, size=(20, m)).astype(float)
    mean, scale = rng.uniform(0.2, 1, size=(2, m))
    y_mean, y_scale = rng.uniform(0.5, 2, size=(2, d))

    Z = h = (X - mean) / scale
    for i in range(3):
        h = h @ network.weights[i] + network.biases[i]
        if i < 2:
            h = np.maximum(h, 0.3 * h)
        if batch_norm:
            h = (h - moments[i][0]) / np.sqrt(moments[i][1] + 1e-5)
            h = h * network.scales[i] + network.shifts[i]
    logit = (h * Z) @ network.task_coef.T + Z @ network.linear_coef.T + network.task_intercept
    expected = y_mean + y_scale * logit

    folded = fold(ModelState(network, moments), Scales(mean, scale, y_mean, y_scale))
    A = forward(folded, X, 0.3).attention
    np.testing.assert_allclose(A, h, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(task_logit(folded, A, X - mean), expected, rtol=1e-11, atol=1e-12)
