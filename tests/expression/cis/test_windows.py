import numpy as np
import pandas as pd
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
    with pytest.warns(UserWarning, match="2 of 4 genes have no variant.*lack their.* 3"):
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


def test_names_of_chromosomes_are_unified():
    genes = {"chromosome": ["1", "chr2", "X", "chrX"], "start": [100, 100, 100, 100]}
    variants = {"chromosome": ["01", 2, "23"], "position": [100, 100, 100]}
    windows = cis_windows_from_positions(genes, variants)
    assert windows.tolist() == [[0, 1], [1, 2], [2, 3], [2, 3]]


def test_windows_are_around_the_start_of_transcription_or_the_gene():
    """A gene from 1,000 to 90,000, on either strand, and of unknown strand."""
    genes = pd.DataFrame(
        {"chromosome": ["1"] * 3, "start": [1000] * 3, "end": [90_000, 90_000, pd.NA]}
    )
    genes["strand"] = ["-", "+", None]
    variants = {"chromosome": ["chr1"] * 3, "base_pair_location": [500, 50_000, 90_500]}
    windows = cis_windows_from_positions(genes, variants, window=10_000)
    assert windows.tolist() == [[2, 3], [0, 1], [0, 1]]
    body = cis_windows_from_positions(genes[:2], variants, window=600, anchor="body")
    assert body.tolist() == [[0, 3], [0, 3]]
    with pytest.raises(ValueError, match="genes has no end in 1 row"):
        cis_windows_from_positions(genes, variants, anchor="body")
    genes["strand"] = "-"
    with pytest.raises(ValueError, match="genes on strand '-' has no end in 1 row"):
        cis_windows_from_positions(genes, variants)
    starts = genes[["chromosome", "start", "strand"]]  # of transcription
    assert cis_windows_from_positions(starts, variants, 10_000).tolist() == [[0, 1]] * 3
    with pytest.raises(ValueError, match="genes has no column 'end'"):
        cis_windows_from_positions(starts, variants, anchor="body")
    genes["end"] = 900
    with pytest.raises(ValueError, match="end of gene 0, 900, is before its start"):
        cis_windows_from_positions(genes, variants)
    with pytest.raises(ValueError, match="anchor must be one of"):
        cis_windows_from_positions(genes, variants, anchor="gene")


def test_missing_positions_raise():
    genes = {"chromosome": ["1", "1"], "start": [10.0, np.nan]}
    with pytest.raises(ValueError, match="genes has no start in 1 row"):
        cis_windows_from_positions(genes, {"chromosome": ["1"], "base_pair_location": [10]})
