"""Models in files that run no code."""

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skgenetics import FinemapMiXeR, LINARegressor, MILAGERegressor, MMASHRegressor
from skgenetics.io import SavedModel, read_model, write_model
from skgenetics.preprocessing import GenotypeImputer

VARIANTS = pd.DataFrame(
    {
        "variant_id": ["rs1", "rs2", "rs3"],
        "base_pair_location": pd.array([5, None, 7], dtype="Int64"),
        "effect_allele": ["A", None, "C"],
    }
)


def genotypes():
    rng = np.random.default_rng(0)
    X = rng.integers(0, 3, (40, 3))
    return X, X[:, 0] + rng.normal(size=40)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:.*no factor is left:UserWarning")
@pytest.mark.parametrize(
    "model", [FinemapMiXeR(), MMASHRegressor(), MILAGERegressor(1), LINARegressor((4,), max_iter=2)]
)
def test_a_model_comes_back_as_it_was(model, tmp_path):
    X, y = genotypes()
    model = make_pipeline(GenotypeImputer(), model).fit(X, y)
    path = tmp_path / "m.skops"
    write_model(path, SavedModel(model, VARIANTS, ["height"], 1, "GRCh38"))
    saved = read_model(path)
    np.testing.assert_array_equal(saved.estimator.predict(X), model.predict(X))
    assert (saved.traits, saved.n_covariates, saved.build) == (["height"], 1, "GRCh38")
    assert saved.variants["variant_id"].tolist() == ["rs1", "rs2", "rs3"]
    assert saved.variants["effect_allele"].tolist() == ["A", "", "C"]
    np.testing.assert_array_equal(saved.variants["base_pair_location"], [5, np.nan, 7])


def test_nothing_runs_without_trust(tmp_path):
    path = tmp_path / "m.skops"
    write_model(path, SavedModel(FunctionTransformer(joblib.hash), VARIANTS))
    with pytest.raises(ValueError, match=r"joblib\.hashing\.hash, which is none of our classes"):
        read_model(path)
    assert read_model(path, trusted=("joblib.hashing.hash",)).estimator.func is joblib.hash
    joblib.dump(FinemapMiXeR(max_iter=7), tmp_path / "m.joblib")
    with pytest.raises(ValueError, match=r"is a pickle.*trust_pickle=True"):
        read_model(tmp_path / "m.joblib")
    trusted = read_model(tmp_path / "m.joblib", trust_pickle=True)
    assert trusted.estimator.max_iter == 7
    with pytest.raises(ValueError, match=r"must end in \.skops"):
        write_model(tmp_path / "m.joblib", SavedModel(FinemapMiXeR(), VARIANTS))
