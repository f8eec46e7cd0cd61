"""What all estimators share: versions in pickles, and moves between devices."""

import copy
import pickle
import warnings

import array_api_strict
import numpy as np
import pytest
from sklearn import config_context
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skgenetics import MMASHRegressor
from skgenetics.preprocessing import GenotypeImputer, GenotypeScaler
from skgenetics.utils import InconsistentVersionWarning, to_device, to_host
from skgenetics.utils import _estimator as module


@pytest.fixture
def fitted():
    X = np.random.default_rng(0).integers(0, 3, (40, 4))
    return GenotypeScaler().fit(X), X


def test_the_same_version_says_nothing(fitted):
    model, X = fitted
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for again in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
            np.testing.assert_array_equal(again.transform(X), model.transform(X))
            assert vars(again).keys() == vars(model).keys()


def test_another_version_is_named(fitted, monkeypatch):
    saved = pickle.dumps(fitted[0])
    monkeypatch.setattr(module, "__version__", "99.0")
    with pytest.warns(InconsistentVersionWarning, match=r"GenotypeScaler was saved .*by 99\.0: "):
        pickle.loads(saved)


def test_searches_and_pipelines_move(fitted):
    X = fitted[1]
    model = make_pipeline(GenotypeImputer(), MMASHRegressor(polygenic=0))
    search = GridSearchCV(model, {"mmashregressor__tol": [1e-3, 1e-4]}, cv=2).fit(X, X[:, 0] * 1.0)
    like = array_api_strict.asarray([0.0], device=array_api_strict.Device("device1"))
    X_there = array_api_strict.asarray(X, device=like.device)
    with config_context(array_api_dispatch=True):
        there = to_device(search, like)
        prediction = there.predict(X_there)
        assert prediction.device == like.device
        back = to_host(there)
        np.testing.assert_allclose(back.predict(X), search.predict(X), rtol=1e-12)
        assert isinstance(search.predict(X), np.ndarray)
    with pytest.raises(TypeError, match="like must be an array"):
        to_device(search, "cuda")
