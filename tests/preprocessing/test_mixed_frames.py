"""Data frames that mix integer genotypes and floating columns, which become floats as arrays."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.pipeline import make_pipeline

from skgenetics.preprocessing import (
    GenotypeImputer,
    GenotypeScaler,
    LDPruner,
    MinorAlleleFrequencyThreshold,
)


@pytest.fixture
def frame():
    genotypes = np.array([[0, 2, -9], [1, -9, 0], [2, 2, 0], [1, 2, 2], [-9, 0, 1]], dtype=np.int8)
    frame = pd.DataFrame(genotypes, columns=["rs1", "rs2", "rs3"])
    frame.insert(1, "score", [-1.5, 0.5, -0.25, np.nan, 1.25])
    frame["dosage"] = np.array([0.5, 1.5, 2.0, 0.0, 1.0], dtype=np.float32)
    return frame


EXPECTED = np.array(
    [
        [0, -1.5, 2, 0.75, 0.5],
        [1, 0.5, 1.5, 0, 1.5],
        [2, -0.25, 2, 0, 2],
        [1, 0, 2, 2, 0],
        [1, 1.25, 0, 1, 1],
    ]
)


@pytest.mark.parametrize("output", ["default", "pandas"])
@pytest.mark.parametrize("selector", [None, MinorAlleleFrequencyThreshold(0.1), LDPruner(1.0)])
def test_each_column_goes_by_its_own_dtype(frame, selector, output):
    before = frame.copy()
    pipeline = make_pipeline(selector, GenotypeImputer()).set_output(transform=output)
    assert_array_equal(np.asarray(pipeline.fit_transform(frame)), EXPECTED)
    pd.testing.assert_frame_equal(frame, before)


def test_frequencies(frame):
    selector = MinorAlleleFrequencyThreshold(0.1).fit(frame)
    assert_array_equal(selector.maf_, [0.5, np.nan, 0.25, 0.375, 0.5])


def test_scaler_raises(frame):
    complete = frame.replace(-9, 0)
    scaler = GenotypeScaler().fit(complete)
    with pytest.raises(ValueError, match="GenotypeImputer"):
        GenotypeScaler().fit(frame)
    with pytest.raises(ValueError, match="GenotypeImputer"):
        scaler.transform(frame)
