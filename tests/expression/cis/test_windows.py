import numpy as np
import pytest

from skgenetics.datasets import load_geuvadis
from skgenetics.expression import cis_windows_from_positions


def test_windows_hold_the_variants_near_each_gene():
    data = load_geuvadis()
    windows = cis_windows_from_positions(data.genes, data.variants, window=100_000)
    position = data.variants["base_pair_location"]
    for start, (first, last) in zip(data.genes["start"], windows):
        near = np.flatnonzero(np.abs(position.astype(int) - start) <= 100_000)
        np.testing.assert_array_equal(np.arange(first, last), near)


def test_chromosomes_and_empty_windows():
    variants = {"chromosome": ["2", "2", "1"], "base_pair_location": [10, 20, 15]}
    genes = {"chromosome": ["1", "2", "3", "2"], "start": [10, 12, 10, 500]}
    windows = cis_windows_from_positions(genes, variants, window=5)
    assert windows[0].tolist() == [2, 3]
    assert windows[1].tolist() == [0, 1]
    assert (windows[2:, 0] == windows[2:, 1]).all()


@pytest.mark.parametrize(
    ("variants", "match"),
    [
        ({"chromosome": ["1", "2", "1"], "base_pair_location": [1, 1, 2]}, "one run"),
        ({"chromosome": ["1", "1"], "base_pair_location": [2, 1]}, "fall"),
    ],
)
def test_unsorted_variants_raise(variants, match):
    with pytest.raises(ValueError, match=match):
        cis_windows_from_positions({"chromosome": ["1"], "start": [1]}, variants)


def test_names_of_chromosomes_that_differ_warn():
    variants = {"chromosome": ["1", "2"], "base_pair_location": [10, 20]}
    with pytest.warns(UserWarning, match="genes are like 'chr1', in variants like '1'"):
        windows = cis_windows_from_positions({"chromosome": ["chr1"], "start": [10]}, variants)
    assert windows[0, 0] == windows[0, 1]


def test_missing_positions_raise():
    genes = {"chromosome": ["1", "1"], "start": [10.0, np.nan]}
    with pytest.raises(ValueError, match="genes has no start in 1 row"):
        cis_windows_from_positions(genes, {"chromosome": ["1"], "base_pair_location": [10]})
