"""Regions around lead variants, and from BED files."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.stats import norm

from skgenetics.io import find_regions, read_regions
from tests.hypothesis_settings import examples

pd = pytest.importorskip("pandas")

MB = 1_000_000


def scan(positions, z, chromosome="1"):
    return pd.DataFrame({"chromosome": chromosome, "base_pair_location": positions, "z": z})


def test_windows_around_leads_are_merged():
    table = pd.concat(
        [
            scan([3 * MB, 3 * MB + 400_000, 4 * MB, 9 * MB], [9.0, 8.0, -7.0, 6.0]),
            scan([200_000, 5 * MB], [10.0, 5.4], "chrX"),
            scan([7 * MB], [-6.0], "02"),
        ]
    )
    found = [(region.name, region.window) for region in find_regions(table)]
    assert found == [
        ("chr1:2500000-4500000", 500_000),  # 3.0 and 4.0 lead; 3.4 lies beside 3.0
        ("chr1:8500000-9500000", 500_000),
        ("chr2:6500000-7500000", 500_000),
        ("chrX:1-700000", 500_000),
    ]
    assert find_regions(table, p_value=1e-100) == []


def test_the_threshold_is_that_of_the_p_value():
    z = norm.isf(5e-8 / 2)
    assert len(find_regions(scan([1000], [z + 1e-6]))) == 1
    assert len(find_regions(scan([1000], [z - 1e-6]))) == 0


def test_the_file_s_own_p_decides():
    table = scan([1 * MB, 5 * MB, 9 * MB], [5.6, 5.1, -6.0])
    table["p_value"] = [3.5e-7, 2e-9, np.nan]  # as of a saddlepoint
    found = [region.start + region.window for region in find_regions(table)]
    assert found == [5 * MB, 9 * MB]  # the last has no p but z
    table["neg_log_10_p_value"] = [9, 1, np.nan]
    assert [region.start + region.window for region in find_regions(table)] == [MB, 9 * MB]
    near = scan([1 * MB, 1 * MB + 9], [6.0, 7.0]).assign(p_value=[1e-12, 1e-9])
    assert [region.start + region.window for region in find_regions(near)] == [MB]


def test_wide_regions_get_smaller_windows():
    leads = 10 * MB + 550_000 * np.arange(12)  # 6.05 Mb and two margins
    found = find_regions(scan(leads, 10.0))
    assert [region.window for region in found] == [256_000] * 12
    assert [region.start + 256_000 for region in found] == leads.tolist()
    (one,) = find_regions(scan(leads, 10.0), max_width=8 * MB)
    assert (one.start, one.end, one.window) == (9_500_000, leads[-1] + 500_000, 500_000)


@examples(100)
@example(rows=[(2, 6), (1, 6)], max_width=1)
@given(
    st.lists(st.tuples(st.integers(1, 40), st.integers(0, 9)), min_size=1, max_size=40),
    st.integers(1, 12),
)
def test_regions_cover_leads_and_are_apart(rows, max_width):
    position = np.array([1 + 100 * place for place, _ in rows])
    z = np.array([float(z) for _, z in rows])
    found = find_regions(scan(position, z), window=300, max_width=100 * max_width)
    strong = z > norm.isf(2.5e-8)
    if strong.any():  # the strongest always leads, or one of those that tie
        top = position[z == z.max()]
        assert any(np.any((top >= region.start) & (top <= region.end)) for region in found)
    for one, other in pairwise(found):
        assert one.end < other.start
    for region in found:
        assert region.end - region.start <= max(100 * max_width, 2 * region.window)
        inside = (position >= region.start) & (position <= region.end)
        assert (inside & strong).any()
    if max_width == 12 and strong.any():
        wide = find_regions(scan(position, z), window=300)
        inside = [any(r.start <= p <= r.end for r in wide) for p in position[strong]]
        assert all(inside)


def test_bed(write):
    path = write("track name=x\n#chrom\nchr1\t999\t2000\tname\n\n23 0 5\n", "regions.bed")
    assert [region.name for region in read_regions(path)] == ["chr1:1000-2000", "chrX:1-5"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no region"),
        ("chr1 5\n", "line 1 is 'chr1 5'; expected chromosome, start and end"),
        ("chr1 -1 5\n", "expected chromosome, start and end"),
        ("chr1 5 5\n", "ends before it starts"),
        ("chr1 5 9\n1 8 20\n", "regions chr1:6-9 and chr1:9-20 overlap"),
    ],
)
def test_bad_bed(write, text, message):
    with pytest.raises(ValueError, match=message):
        read_regions(write(text, "regions.bed"))
