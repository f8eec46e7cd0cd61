"""Whatever frame and dtypes genotypes come in, an estimator makes the same of them."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone, is_classifier
from sklearn.linear_model import Ridge

from skgenetics import FinemapMiXeR, LINAClassifier, LINARegressor, MILAGERegressor, MMASHRegressor
from skgenetics.compose import CovariateAdjustedRegressor
from skgenetics.preprocessing import (
    GenotypeImputer,
    GenotypeScaler,
    InteractionScan,
    LDPruner,
    MinorAlleleFrequencyThreshold,
)
from tests.hypothesis_settings import examples

pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")
pa = pytest.importorskip("pyarrow")

RNG = np.random.default_rng(0)
X = RNG.integers(0, 3, (40, 5))
Y = X[:, 1] + RNG.normal(size=40)
NAMES = [f"rs{i}" for i in range(5)]

NUMBERS = ["int8", "uint8", "int16", "int32", "uint32", "int64", "float32", "float64"]
COLUMNS = {
    "pandas": [*NUMBERS, "float16", "longdouble", "Int8", "Int64", "Float32", "int8[pyarrow]"],
    "polars": NUMBERS,
    "pyarrow": [*NUMBERS, "float16"],
}
ESTIMATORS = [
    FinemapMiXeR(),
    MMASHRegressor(polygenic=0, tol=1),
    MILAGERegressor(0, random_state=0),
    LINARegressor(3, max_iter=3, random_state=0),
    LINAClassifier(3, max_iter=3, random_state=0),
    CovariateAdjustedRegressor(Ridge(), covariates=[0]),
    GenotypeImputer(),
    GenotypeScaler(),
    InteractionScan(),
    LDPruner(),
    MinorAlleleFrequencyThreshold(),
]


def frame_of(library, columns, dtypes):
    """A data frame whose columns have `dtypes`."""
    named = {name: columns[:, j] for j, name in enumerate(NAMES)}
    if library == "pandas":
        return pd.DataFrame(named).astype(dict(zip(NAMES, dtypes)))
    typed = {name: values.astype(dtype) for (name, values), dtype in zip(named.items(), dtypes)}
    return pl.DataFrame(typed) if library == "polars" else pa.table(typed)


@st.composite
def genotypes(draw, values=X):
    """The same genotypes as an array or a frame of any library, in drawn dtypes."""
    library = draw(st.sampled_from(["array", *COLUMNS]))
    if library == "array":
        return values.astype(draw(st.sampled_from([*NUMBERS, "float16", "longdouble", ">i2"])))
    dtypes = draw(st.lists(st.sampled_from(COLUMNS[library]), min_size=5, max_size=5))
    return frame_of(library, values, dtypes)


def results(estimator, data):
    """What an estimator fitted to `data` makes of them."""
    y = (Y > 1).astype(int) if is_classifier(estimator) else Y
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = clone(estimator).fit(data, y)
    values = getattr(model, "predict" if hasattr(model, "predict") else "transform")(data)
    return model, np.asarray(values, dtype=float)


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda one: type(one).__name__)
@given(data=genotypes())
@examples(8)
def test_the_same_genotypes_give_the_same(estimator, data):
    model, found = results(estimator, data)
    _, expected = results(estimator, X.astype(float))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * max(1, expected.std()))
    named = not isinstance(data, np.ndarray)
    assert getattr(model, "feature_names_in_", np.array([])).tolist() == NAMES * named


@pytest.mark.parametrize("estimator", ESTIMATORS[:6], ids=lambda one: type(one).__name__)
@given(
    data=st.data(),
    row=st.integers(0, 39),
    column=st.integers(0, 4),
    code=st.sampled_from([-9, -1, -127]),
)
@examples(8)
def test_codes_are_named_wherever_they_stand(estimator, data, row, column, code):
    coded = X.copy()
    coded[row, column] = code
    library = data.draw(st.sampled_from(list(COLUMNS)))
    integers = [dtype for dtype in COLUMNS[library] if dtype.lower().startswith("int")]
    dtypes = data.draw(st.lists(st.sampled_from(COLUMNS[library]), min_size=5, max_size=5))
    dtypes[column] = data.draw(st.sampled_from(integers))
    with pytest.raises(ValueError, match=rf"{code} beside dosages, in column rs{column}\b"):
        results(estimator, frame_of(library, coded, dtypes))


@given(order=st.permutations(range(5)), kind=st.sampled_from(["series", "dict"]))
@examples(10)
def test_priors_follow_their_labels(order, kind):
    prior = np.linspace(0.01, 0.4, 5)
    labelled = pd.Series(prior, NAMES).iloc[list(order)]
    labelled = labelled if kind == "series" else labelled.to_dict()
    frame = frame_of("polars", X, ["int8"] * 5)
    expected = FinemapMiXeR(causal_probability=prior).fit(frame, Y).pip_
    found = FinemapMiXeR(causal_probability=labelled).fit(frame, Y).pip_
    np.testing.assert_array_equal(found, expected)
