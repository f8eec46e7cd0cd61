"""Estimators on genotypes that are read from disk: as in memory, and in bounded memory."""

import pickle
import tracemalloc

import numpy as np
import pytest

from skgenetics import FinemapMiXeR, LINAClassifier, LINARegressor, MMASHRegressor
from skgenetics.compose import CovariateAdjustedRegressor
from skgenetics.io import OpenedGenotypes
from skgenetics.neural_network import decoy_selection
from skgenetics.utils import _opened
from tests.arrays import Disk

pd = pytest.importorskip("pandas")

N, P = 500, 24


def study(*, missing):
    """Genotypes on disk, the same in memory with missing calls at the mean, and a trait."""
    rng = np.random.default_rng(0)
    calls = rng.binomial(2, 0.3, size=(N, P)).astype(np.int8)
    linked = rng.random((N, P // 2)) < 0.8
    calls[:, 1::2] = np.where(linked, calls[:, ::2], calls[:, 1::2])
    y = 0.7 * calls[:, 3] + (calls[:, 6] - 0.6) * (calls[:, 11] - 0.6) + rng.normal(size=N)
    X = calls
    if missing:
        calls = np.where(rng.random((N, P)) < 0.03, np.int8(-127), calls)
        means = [column[column >= 0].mean() for column in calls.T]
        X = np.where(calls < 0, means, calls)
    return Disk(calls), X, y


@pytest.fixture(params=[False, True], ids=["complete", "missing calls"])
def data(request):
    return study(missing=request.param)


@pytest.fixture
def small_reads(monkeypatch):
    """Many reads of a few rows, or columns, each."""
    monkeypatch.setattr(_opened, "HELD_BYTES", 3 * 40 * P)
    monkeypatch.setattr(_opened.Opened, "least_bytes", 8 * N * 5)


def traits(y):
    rng = np.random.default_rng(1)
    return y[:, None] * [1.0, 0.5, 0.0] + rng.normal(size=(N, 3))


def some_missing(Y):
    Y = Y.copy()
    Y[np.random.default_rng(2).random(Y.shape) < 0.1] = np.nan
    Y[7] = np.nan
    return Y


SETTINGS = {"random_state": 0, "batch_size": 40, "max_iter": 6, "tol": 0.0}
ESTIMATORS = {
    "LINA, start by what is known": (LINARegressor(**SETTINGS), None),
    "LINA, dropout": (LINARegressor(**SETTINGS, start="random", dropout=0.2), None),
    "LINA, L-BFGS": (LINARegressor(solver="lbfgs", max_iter=4, random_state=0), None),
    "LINA of two traits": (LINARegressor(**SETTINGS), lambda y: some_missing(traits(y))[:, :2]),
    "LINAClassifier": (LINAClassifier(**SETTINGS), lambda y: (y > 1).astype(int)),
    "FinemapMiXeR": (FinemapMiXeR(), None),
    "FinemapMiXeR, sampled": (FinemapMiXeR(solver="gibbs", random_state=0), None),
    "FinemapMiXeR, cases": (FinemapMiXeR(trait="binary"), lambda y: (y > 1).astype(float)),
    "MMASHRegressor": (MMASHRegressor(), traits),
    "MMASHRegressor, a background": (MMASHRegressor(polygenic=0.2), traits),
    "MMASHRegressor, missing cells": (
        MMASHRegressor(polygenic=0.0, update_order="sequential"),
        lambda y: some_missing(traits(y)),
    ),
    "MMASHRegressor, single effects": (MMASHRegressor(solver="single_effects"), traits),
}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(("estimator", "target"), ESTIMATORS.values(), ids=ESTIMATORS)
def test_a_fit_is_that_in_memory(data, small_reads, estimator, target):
    disk, X, y = data
    y = y if target is None else target(y)
    single = isinstance(estimator, LINARegressor | LINAClassifier)
    X = X.astype(np.float32) if single and X.dtype == float else X
    opened = type(estimator)(**estimator.get_params()).fit(disk, y)
    held = type(estimator)(**estimator.get_params()).fit(X, y)
    assert opened.n_iter_ == held.n_iter_
    np.testing.assert_array_equal(opened.feature_names_in_, disk.variants["variant_id"])
    expected, predicted = held.predict(X), opened.predict(disk)
    assert predicted.dtype == expected.dtype
    assert np.std(expected) > 0.1
    np.testing.assert_allclose(predicted, expected, rtol=0, atol=2e-5 if single else 1e-9)
    if isinstance(estimator, FinemapMiXeR | MMASHRegressor):
        deviations = (m.predict(x, return_std=True)[1] for m, x in ((opened, disk), (held, X)))
        np.testing.assert_allclose(*deviations, rtol=1e-8)
    else:
        importances = opened.first_order_importance(disk), held.first_order_importance(X)
        np.testing.assert_allclose(*importances, atol=2e-5)
        np.testing.assert_allclose(
            opened.feature_importances_, held.feature_importances_, atol=2e-5
        )
    again = pickle.loads(pickle.dumps(opened))
    np.testing.assert_array_equal(again.predict(disk), predicted)


@pytest.mark.parametrize("adjust_features", [True, False])
@pytest.mark.parametrize(
    ("regressor", "target"),
    [
        (FinemapMiXeR(), None),
        (MMASHRegressor(), traits),
        (LINARegressor(**SETTINGS), None),
    ],
    ids=["FinemapMiXeR", "MMASHRegressor", "LINARegressor"],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_covariates_are_taken_out_block_by_block(
    data, small_reads, regressor, target, adjust_features
):
    disk, X, y = data
    C = np.random.default_rng(3).normal(size=(N, 2)) + 0.4 * X[:, [3, 8]]
    y = (y if target is None else target(y)) + (C @ [1.0, -0.5] if target is None else 0.0)
    joined = Disk(np.hstack([C, np.where(disk.calls < 0, np.nan, disk.calls)]), ["age", "pc1"] + [
        f"rs{j}" for j in range(P)
    ])  # fmt: skip
    settings = {"adjust_features": adjust_features}
    opened = CovariateAdjustedRegressor(regressor, covariates=["age", "pc1"], **settings)
    held = CovariateAdjustedRegressor(regressor, covariates=[0, 1], **settings)
    predicted = opened.fit(joined, y).predict(joined)
    expected = held.fit(np.hstack([C, X]), y).predict(np.hstack([C, X]))
    np.testing.assert_allclose(predicted, expected, atol=1e-9)
    adjusted, residual = opened.adjust(joined, y)
    same, same_residual = held.adjust(np.hstack([C, X]), y)
    if adjust_features:
        np.testing.assert_allclose(np.asarray(adjusted), same, atol=1e-12)
        part = adjusted.select([4, 2], [1, 0])
        np.testing.assert_allclose(np.asarray(part), same[np.ix_([4, 2], [1, 0])], atol=1e-12)
    np.testing.assert_allclose(residual, same_residual, atol=1e-12)


def test_missing_covariates_are_refused_and_not_at_the_mean():
    disk, _, y = study(missing=True)
    calls = np.where(disk.calls < 0, np.nan, disk.calls)
    joined = Disk(np.hstack([np.arange(N, dtype=float)[:, None], calls]))
    joined.calls[5, 0] = np.nan
    with pytest.raises(ValueError, match="NaN in the covariates rs0"):
        CovariateAdjustedRegressor(FinemapMiXeR(), covariates=["rs0"]).fit(joined, y)
    with pytest.raises(ValueError, match="NaN in the covariates rs2"):  # a variant's calls
        CovariateAdjustedRegressor(FinemapMiXeR(), covariates=["rs2"]).fit(disk, y)


def test_partial_fit_goes_on_from_file_to_file():
    disk, X, y = study(missing=True)
    X = X.astype(np.float32)
    opened, held = LINARegressor(**SETTINGS), LINARegressor(**SETTINGS)
    opened.partial_fit(disk, y)
    held.partial_fit(X, y)
    for rows in (np.arange(200), np.arange(200, 500)):
        opened.partial_fit(disk.select(rows), y[rows])
        held.partial_fit(X[rows], y[rows])
    assert len(opened.loss_curve_) == 3
    np.testing.assert_allclose(opened.predict(disk), held.predict(X), atol=2e-5)


def test_an_epoch_reads_the_file_a_few_times(monkeypatch):
    disk, _, y = study(missing=False)
    monkeypatch.setattr(_opened, "HELD_BYTES", 120 * P)
    model = LINARegressor(**SETTINGS).partial_fit(disk, y)  # minibatches of 40, 3 of them a read
    disk.reads.clear()
    model.partial_fit(disk, y)
    rows = [n for n, _ in disk.reads if n > 1]
    assert rows == [120, 120, 120, 120, 20, N]  # and at the end the sample, here of everyone


def test_new_calls_are_at_the_mean_of_training():
    disk, _, y = study(missing=True)
    model = FinemapMiXeR().fit(disk, y)
    nothing = Disk(np.full((3, P), -127, dtype=np.int8))
    np.testing.assert_allclose(model.predict(nothing), model.predict(disk).mean(), rtol=1e-9)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("decoys", ["permuted", "knockoff"])
def test_decoys_of_a_file_are_those_in_memory(data, small_reads, decoys):
    disk, X, y = data
    model = LINARegressor((4,), max_iter=2, random_state=0)
    options = {"decoys": decoys, "fdr": 0.4, "random_state": 0}
    names = disk.variants["variant_id"]
    genes = pd.Series([f"gene {j // 2:02d}" for j in range(P)], index=names)[::-1]
    for groups in (None, 0.3, genes):
        by_file = decoy_selection(model, disk, y, groups=groups, **options)
        frame = pd.DataFrame(X, columns=names)
        in_memory = decoy_selection(model, frame, y, groups=groups, **options)
        np.testing.assert_allclose(by_file.wins, in_memory.wins, rtol=1e-4, atol=1e-6)
        np.testing.assert_array_equal(by_file.groups, in_memory.groups)
    assert len(by_file.names) == P // 2


def test_what_is_wrong_is_said():
    disk, X, y = study(missing=True)
    fitted = FinemapMiXeR().fit(disk, y)
    swapped = disk.select(columns=np.arange(P)[::-1])
    with pytest.raises(ValueError, match="feature names should match"):
        fitted.predict(swapped)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        fitted.fit(disk, y[:-1])
    with pytest.raises(ValueError, match="0 samples"):
        fitted.fit(disk.select(np.arange(0)), y[:0])
    names = disk.variants["variant_id"]
    fitted.fit(pd.DataFrame(X, columns=names), y)  # which forgets the means of the file
    with pytest.raises(ValueError, match="was fitted on an array"):
        fitted.predict(disk)


def test_arrays_and_frames_are_no_reader():
    disk, X, _ = study(missing=False)
    assert isinstance(disk, OpenedGenotypes)
    assert not isinstance(X, OpenedGenotypes)
    assert not isinstance(pd.DataFrame(X), OpenedGenotypes)


@pytest.mark.slow
@pytest.mark.parametrize(
    "estimator",
    [
        LINARegressor(
            (8,), random_state=0, start="mean", max_iter=1, early_stopping=False, batch_size=20
        ),
        MMASHRegressor(polygenic=0.0, max_iter=1),
        CovariateAdjustedRegressor(MMASHRegressor(polygenic=0.0, max_iter=1), covariates=[0]),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_memory_is_that_of_blocks(estimator, monkeypatch, tmp_path):
    n, p = 3000, 40_000  # 120 MB of calls, 480 as float32, 960 as float64
    calls = np.lib.format.open_memmap(
        tmp_path / "calls.npy", mode="w+", dtype=np.int8, shape=(n, p)
    )
    calls[:] = np.random.default_rng(0).integers(0, 3, size=(n, p), dtype=np.int8)
    y = calls[:, 5] + np.random.default_rng(1).normal(size=n)
    monkeypatch.setattr(_opened, "HELD_BYTES", 2**22)
    monkeypatch.setattr(_opened, "COLUMN_BYTES", 2**22)
    monkeypatch.setattr(_opened.Opened, "least_bytes", 2**22)
    tracemalloc.start()
    try:
        estimator.fit(Disk(calls), y)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 3 * calls.nbytes
