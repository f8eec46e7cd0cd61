import numpy as np
import pytest

from skgenetics.datasets import make_expression_tensor
from tests.oracles.datasets_naive import expected_expression, variance

TRANS_MODELS = ["linear", "sigmoid", "tensor"]


@pytest.mark.parametrize("trans_model", TRANS_MODELS)
def test_expression_follows_the_equation(dosages, trans_model):
    made = make_expression_tensor(
        dosages, n_genes=6, n_tissues=4, trans_model=trans_model, random_state=0
    )
    rng = np.random.default_rng(0)
    fitted = made.intercept.T + made.cis_values + made.trans_values
    X = dosages.astype(float)
    for _ in range(20):
        i, j, k = rng.integers([358, 6, 4])
        expected = expected_expression(X, made, trans_model, i, j, k)
        assert fitted[i, j, k] == pytest.approx(expected, abs=1e-9)
    noise = made.complete_target - fitted
    np.testing.assert_allclose(noise.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(np.var(noise, axis=0), made.residual_variance, rtol=1e-10)
    np.testing.assert_allclose(made.complete_target.mean(axis=0).T, made.tissue_mean, atol=1e-10)
    design = np.column_stack([np.ones(358), made.factors])
    assert np.linalg.matrix_rank(design) == 4


@pytest.mark.parametrize("trans_model", TRANS_MODELS)
@pytest.mark.parametrize(("cis_h2", "trans_h2"), [(0.2, 0.1), (0.0, 0.3), (0.4, 0.0), (0.0, 0.0)])
def test_shares_of_variance_are_exact(dosages, trans_model, cis_h2, trans_h2):
    made = make_expression_tensor(
        dosages,
        n_genes=7,
        n_tissues=3,
        trans_model=trans_model,
        cis_h2=cis_h2,
        trans_h2=trans_h2,
        residual_correlation=0.3,
        random_state=1,
    )
    noise = made.complete_target - made.cis_values - made.trans_values
    parts = [
        sum(variance(part[:, j, k].tolist()) for j in range(7) for k in range(3))
        for part in (made.cis_values, made.trans_values, noise)
    ]
    np.testing.assert_allclose(
        np.divide(parts, sum(parts)), [cis_h2, trans_h2, 1 - cis_h2 - trans_h2], atol=1e-10
    )


def test_whole_tissues_are_missing(dosages):
    rates = [0.0, 0.25, 0.8]
    made = make_expression_tensor(dosages, n_tissues=3, missing_rate=rates, random_state=0)
    missing = np.isnan(made.target)
    np.testing.assert_array_equal(missing, np.repeat(missing[:, :1], 50, axis=1))
    np.testing.assert_array_equal(missing[:, 0], ~made.observed)
    assert missing[:, 0].sum(axis=0).tolist() == [int(rate * 358) for rate in rates]
    np.testing.assert_array_equal(made.target[~missing], made.complete_target[~missing])
    assert len(np.unique(made.observed, axis=0)) == 4


def test_effects_are_sparse_and_in_their_places(dosages):
    windows = [[0, 30], [500, 507], [30, 31]]
    made = make_expression_tensor(
        dosages,
        n_genes=3,
        n_tissues=4,
        cis_windows=windows,
        n_cis_causal=2,
        n_trans_causal=5,
        gene_share=0.4,
        random_state=0,
    )
    np.testing.assert_array_equal(made.cis_windows, windows)
    assert made.cis_indptr.tolist() == [0, 30, 37, 38]
    assert made.cis_coef.shape == (4, 38)
    for j, expected in enumerate([2, 2, 1]):
        effects = made.cis_coef[:, made.cis_indptr[j] : made.cis_indptr[j + 1]]
        assert np.all(np.count_nonzero(effects, axis=1) == expected)
        assert np.count_nonzero(effects.any(axis=0)) == expected  # the same in all tissues
    assert np.all(np.count_nonzero(made.variant_coef, axis=1) == 5)
    assert np.all(np.count_nonzero(made.factor_loadings.any(axis=0), axis=1) == 1)


def test_default_windows_cover_the_variants(dosages):
    windows = make_expression_tensor(dosages, n_genes=20, random_state=0).cis_windows
    assert windows[0].tolist() == [0, 50]
    assert windows[-1].tolist() == [457, 507]
    assert np.all(np.diff(windows, axis=1) == 50)
    assert np.all(np.diff(windows[:, 0]) > 0)
    whole = make_expression_tensor(dosages[:, :8], n_trans_causal=3, random_state=0).cis_windows
    np.testing.assert_array_equal(whole, np.tile([0, 8], (50, 1)))


def test_tensor_loadings_are_products(dosages):
    made = make_expression_tensor(dosages, trans_model="tensor", random_state=0)
    for t in range(3):
        product = np.outer(made.tissue_factors[:, t], made.gene_factors[:, t])
        np.testing.assert_allclose(made.factor_loadings[:, t], product, atol=1e-12)
        assert np.linalg.matrix_rank(made.factor_loadings[:, t]) == 1
    linear = make_expression_tensor(dosages, random_state=0)
    assert linear.gene_factors is None
    assert linear.tissue_factors is None
    assert np.linalg.matrix_rank(linear.factor_loadings[:, 0]) == 5


def test_sigmoid_factors_are_bounded_and_centered(dosages):
    made = make_expression_tensor(dosages, trans_model="sigmoid", random_state=0)
    assert 0 < made.factors.min() < 0.2
    assert 0.8 < made.factors.max() < 1
    scores = dosages @ made.variant_coef.T + made.variant_intercept
    np.testing.assert_allclose(scores.mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(np.log(made.factors / (1 - made.factors)), scores, atol=1e-8)
    linear = make_expression_tensor(dosages, random_state=0)
    assert not linear.variant_intercept.any()


def test_correlation_between_tissues(dosages):
    made = make_expression_tensor(
        dosages,
        n_genes=400,
        n_tissues=2,
        tissue_correlation=0.6,
        residual_correlation=-0.5,
        missing_rate=0,
        random_state=0,
    )
    effects = made.cis_coef[:, made.cis_coef.any(axis=0)]
    assert np.corrcoef(effects)[0, 1] == pytest.approx(0.6, abs=0.08)
    noise = made.target - made.cis_values - made.trans_values - made.intercept.T
    correlation = [np.corrcoef(gene, rowvar=False)[0, 1] for gene in noise.transpose(1, 0, 2)]
    assert np.mean(correlation) == pytest.approx(-0.5, abs=0.01)
    assert np.std(made.tissue_mean) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"n_genes": 0}, "n_genes"),
        ({"trans_model": "cubic"}, "trans_model must be linear"),
        ({"cis_h2": 0.6, "trans_h2": 0.4}, r"cis_h2 \+ trans_h2 must be below 1"),
        ({"cis_h2": -0.1}, "cis_h2"),
        ({"gene_share": 0.0}, "gene_share"),
        ({"missing_rate": 1.0}, "missing_rate"),
        ({"missing_rate": [0.1, 0.2]}, r"missing_rate .*\(5,\)"),
        ({"n_trans_causal": 508}, "n_trans_causal"),
        ({"tissue_correlation": 1.5}, "tissue_correlation must be positive definite"),
        ({"n_genes": 2, "cis_windows": [[0, 5]]}, r"shape \(2, 2\)"),
        ({"n_genes": 1, "cis_windows": [[0.0, 5.0]]}, "integers"),
        ({"n_genes": 2, "cis_windows": [[0, 5], [5, 5]]}, r"gene 1 is \[5, 5\]"),
        ({"n_genes": 1, "cis_windows": [[0, 508]]}, "<= 507"),
        ({"n_genes": 1, "cis_windows": [[-1, 3]]}, "0 <= first"),
    ],
)
def test_bad_input(dosages, kwargs, message):
    with pytest.raises(ValueError, match=message):
        make_expression_tensor(dosages, **kwargs)
