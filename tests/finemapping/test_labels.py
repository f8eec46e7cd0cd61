"""What is given per variant follows its labels, whatever the order."""

import numpy as np
import pytest

from skgenetics import FinemapMiXeR
from skgenetics.finemapping import ld_mismatch
from skgenetics.finemapping.solvers import Adam

pd = pytest.importorskip("pandas")

NAMES = [f"rs{i}" for i in range(8)]
ORDER = [3, 1, 7, 0, 2, 6, 5, 4]


def series(values, names=NAMES):
    return pd.Series(values, index=names)


def settings():
    """Parameters that differ from variant to variant, without labels."""
    ramp = np.linspace(0.02, 0.3, 8)
    return {
        "prior": (FinemapMiXeR(), {"causal_probability": ramp, "effect_variance": ramp / 4}),
        "annotations": (FinemapMiXeR(), {"annotations": np.column_stack([ramp, ramp**2])}),
        "start": (
            FinemapMiXeR(solver=Adam.published(learning_rate=0.02), max_iter=40, tol=0),
            {"solver__sd_init": ramp, "solver__mean_init": ramp, "solver__gate_init": 9 * ramp},
        ),
    }


def in_other_order(values, kind):
    """Values labelled by NAMES, in another order."""
    labelled = pd.DataFrame(values, NAMES) if np.ndim(values) == 2 else series(values)
    return labelled.iloc[ORDER].to_dict() if kind == "dict" else labelled.iloc[ORDER]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("kind", ["pandas", "dict"])
@pytest.mark.parametrize("name", settings())
def test_parameters_per_variant_follow_the_names_of_x_and_z(locus, name, kind):
    if (name, kind) == ("annotations", "dict"):
        pytest.skip("a table")
    X, y, _ = locus()
    model, parameters = settings()[name]
    labelled = {key: in_other_order(value, kind) for key, value in parameters.items()}
    X_named = pd.DataFrame(X, columns=NAMES)
    z = np.sqrt(300) * np.array([np.corrcoef(x, y)[0, 1] for x in X.T])
    R = np.corrcoef(X.T)
    expected = model.set_params(**parameters)
    pips = [expected.fit(X, y).pip_, expected.fit_summary(z, R, n_samples=300).pip_]
    given = expected.causal_probability_
    model.set_params(**labelled)
    np.testing.assert_allclose(model.fit(X_named, y).pip_, pips[0], rtol=1e-5)
    model.fit_summary(series(z), R, n_samples=300)
    np.testing.assert_allclose(model.pip_, pips[1], rtol=1e-5)
    np.testing.assert_allclose(model.causal_probability_, given, rtol=1e-5)
    for unnamed in (lambda: model.fit(X, y), lambda: model.fit_summary(z, R, n_samples=300)):
        with pytest.raises(ValueError, match="is labelled, as by 'rs3'"):
            unnamed()


def test_all_the_prior_on_one_variant_stays_there():
    z, R = series([8.0, 2, 0], NAMES[:3]), pd.DataFrame(np.eye(3), NAMES[:3], NAMES[:3])
    prior = series([1.0, 0, 0], NAMES[:3])[::-1]
    model = FinemapMiXeR(causal_probability=prior).fit_summary(z, R, n_samples=1e4)
    assert model.pip_[0] > 0.99
    assert not np.signbit(model.pip_).any()


def test_integer_columns_of_x_are_labels(locus):
    X, y, _ = locus()
    numbers = [10, 11, 12, 13, 14, 15, 16, 17]
    prior = np.linspace(0.02, 0.3, 8)
    expected = FinemapMiXeR(causal_probability=prior).fit(X, y).pip_
    labelled = FinemapMiXeR(causal_probability=series(prior, numbers).iloc[ORDER])
    frame = pd.DataFrame(X, columns=numbers)
    np.testing.assert_allclose(labelled.fit(frame, y).pip_, expected, rtol=1e-9)


def test_diagnostics_follow_labels(locus):
    X, y, _ = locus()
    z = np.sqrt(300) * np.array([np.corrcoef(x, y)[0, 1] for x in X.T])
    R = pd.DataFrame(np.corrcoef(X.T), NAMES, NAMES)
    expected = ld_mismatch(z, R.to_numpy(), 300).conditional_z
    turned = R.iloc[ORDER, ORDER]
    np.testing.assert_allclose(
        ld_mismatch(series(z), turned, series([300.0] * 8).iloc[ORDER]).conditional_z, expected
    )
