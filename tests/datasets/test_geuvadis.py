import re
import statistics
import sys
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from skgenetics.datasets import load_geuvadis

SOURCE = Path(__file__).parents[2] / "../shared/data/geuvadis_chr22"
needs_source = pytest.mark.skipif(
    not SOURCE.exists(), reason="../shared/data/geuvadis_chr22 is not here"
)
STRONG = "ENSG00000260065"


def test_shapes_and_names():
    bunch = load_geuvadis()
    n, p = bunch.data.shape
    assert n == 358
    assert bunch.data.dtype == np.int8
    assert set(np.unique(bunch.data)) == {0, 1, 2}
    assert bunch.target.shape == (358, 12)
    assert bunch.target.dtype == np.float64
    assert bunch.covariates.shape == (358, 20)
    assert len(bunch.feature_names) == p == len(set(bunch.feature_names))
    assert len(set(bunch.sample_ids)) == n
    assert all(re.fullmatch(r"(HG|NA)\d{5}", name) for name in bunch.sample_ids)
    assert bunch.frame is None
    assert bunch.build == "GRCh37"
    assert bunch.counted_allele == "alternate"
    assert "E-GEUV-1" in bunch.DESCR
    for table, length in ((bunch.variants, p), (bunch.genes, 12)):
        assert {len(column) for column in table.values()} == {length}
    parts = [name.split("_") for name in bunch.feature_names]
    assert [int(part[1]) for part in parts] == bunch.variants.base_pair_location.tolist()
    assert [part[2] for part in parts] == bunch.variants.other_allele.tolist()
    assert [part[3] for part in parts] == bunch.variants.effect_allele.tolist()
    frequency = bunch.variants.effect_allele_frequency
    assert np.all(np.minimum(frequency, 1 - frequency) >= 0.05)


def test_the_five_genes_of_the_comparison():
    counts = [load_geuvadis(gene).data.shape[1] for gene in load_geuvadis().comparison_genes]
    assert counts == [507, 372, 502, 513, 784]  # counted in the source with pandas


def test_genes_span_the_range_of_signal():
    genes = load_geuvadis().genes
    assert genes.signal_rank[0] == 1
    assert genes.signal_rank[-1] == 608
    assert np.all(np.diff(genes.lead_chi2) < 0)
    assert np.sum(genes.lead_chi2 < 15) >= 3


@pytest.mark.parametrize("window", [1, 10_000, 100_000])
def test_one_gene_is_the_same_columns_of_all(window):
    everything, one = load_geuvadis(), load_geuvadis(STRONG + ".1", window=window)
    (gene,) = np.flatnonzero(everything.genes.gene_id == STRONG)
    start = everything.genes.start[gene]
    near = [start - window <= p <= start + window for p in everything.variants.base_pair_location]
    np.testing.assert_array_equal(one.data, everything.data[:, near])
    np.testing.assert_array_equal(one.target, everything.target[:, gene])
    assert one.target.shape == (358,)
    assert one.target_names == [STRONG]
    assert one.genes.gene_id.tolist() == [STRONG]
    np.testing.assert_array_equal(one.variants.variant_id, everything.variants.variant_id[near])
    assert one.comparison_genes == everything.comparison_genes


def test_normalization_is_by_rank_within_gene():
    raw, normal = load_geuvadis(normalize=False).target, load_geuvadis().target
    score = statistics.NormalDist().inv_cdf
    for gene in (1, 11):  # the last has ties: 39% of people at zero
        values = raw[:, gene].tolist()
        rank = [sum(w < v for w in values) + (values.count(v) + 1) / 2 for v in values]
        expected = [score((r - 3 / 8) / (358 + 1 / 4)) for r in rank]
        np.testing.assert_allclose(normal[:, gene], expected, atol=1e-12)


def test_as_frame():
    pd = pytest.importorskip("pandas")
    arrays, frames = load_geuvadis(STRONG), load_geuvadis(STRONG, as_frame=True)
    assert frames.data.columns.tolist() == arrays.feature_names
    assert frames.data.index.tolist() == arrays.sample_ids
    assert (frames.data.dtypes == np.int8).all()
    np.testing.assert_array_equal(frames.data, arrays.data)
    assert isinstance(frames.target, pd.Series)
    assert frames.target.name == STRONG
    np.testing.assert_array_equal(frames.target, arrays.target)
    assert frames.frame.columns.tolist() == [*arrays.feature_names, STRONG]
    assert frames.covariates.columns[[0, 19]].tolist() == ["PC1", "PC20"]
    assert frames.variants["variant_id"].tolist() == arrays.feature_names
    assert frames.genes["gene_id"].tolist() == [STRONG]
    X, y = load_geuvadis(return_X_y=True, as_frame=True)
    assert X.index.equals(y.index)
    assert y.columns.tolist() == load_geuvadis().target_names
    X, y = load_geuvadis(STRONG, return_X_y=True)
    np.testing.assert_array_equal(X, arrays.data)
    np.testing.assert_array_equal(y, arrays.target)


def test_pandas_absent_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"skgenetics\[dataframe\]"):
        load_geuvadis(as_frame=True)


@pytest.mark.parametrize("gene", ["ENSG00000999999", "ENSG00000260065.7", "", 5, b"x"])
def test_unknown_gene(gene):
    with pytest.raises(ValueError, match=r"not in the bundled extract.*ENSG00000260065\.1"):
        load_geuvadis(gene)


@pytest.mark.parametrize(
    ("window", "error"),
    [(0, ValueError), (100_001, ValueError), (1e4, TypeError), ("9", TypeError)],
)
def test_bad_window(window, error):
    with pytest.raises(error, match="window"):
        load_geuvadis(window=window)


def test_extract_is_small():
    files = list((resources.files("skgenetics.datasets") / "data").iterdir())
    assert sum(len(file.read_bytes()) for file in files) < 1_000_000


@needs_source
def test_extract_equals_the_source():
    pd = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    table = pd.read_parquet(SOURCE / "variants.parquet")
    table.index = "22_" + table["pos"].astype(str) + "_" + table["ref"] + "_" + table["alt"]
    genotypes, expression = np.load(SOURCE / "geno.npz"), np.load(SOURCE / "expr.npz")
    bunch = load_geuvadis(normalize=False)
    genes = {name.split(".")[0]: k for k, name in enumerate(expression["gene"])}
    columns = [genes[gene] for gene in bunch.target_names]
    np.testing.assert_array_equal(bunch.target, expression["E"][:, columns])
    np.testing.assert_array_equal(bunch.covariates, expression["PC"][:, :20])
    assert bunch.sample_ids == genotypes["id"].tolist()
    near = np.zeros(len(table), dtype=bool)
    for start in expression["end"][columns]:
        near |= table["pos"].between(start - 100_000, start + 100_000).to_numpy()
    assert bunch.feature_names == table.index[near].tolist()
    np.testing.assert_array_equal(bunch.data, genotypes["G"][:, near])
    frequency = bunch.variants.effect_allele_frequency
    np.testing.assert_allclose(frequency, table["af"][near], atol=1e-12)


@needs_source
def test_lead_chi2_is_that_of_regression():
    expression, genotypes = np.load(SOURCE / "expr.npz"), np.load(SOURCE / "geno.npz")["G"]
    pd = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    positions = pd.read_parquet(SOURCE / "variants.parquet")["pos"].to_numpy()
    bunch = load_geuvadis()
    design = np.column_stack([np.ones(358), bunch.covariates])
    score = statistics.NormalDist().inv_cdf
    for gene in (1, 8):
        near = np.abs(positions - bunch.genes.start[gene]) <= 250_000
        y = bunch.target[:, gene]
        y = y - design @ np.linalg.lstsq(design, y)[0]
        y = np.array([score((1 + np.sum(y < v) - 3 / 8) / 358.25) for v in y])
        x = genotypes[:, near] - design @ np.linalg.lstsq(design, genotypes[:, near])[0]
        chi2 = 358 * max(np.corrcoef(y, column)[0, 1] ** 2 for column in x.T)
        np.testing.assert_allclose(bunch.genes.lead_chi2[gene], chi2, rtol=1e-6)
    assert expression["E"].shape[1] == bunch.genes.signal_rank[-1]


@needs_source
def test_generator_script_reproduces_the_extract(tmp_path):
    pytest.importorskip("pyarrow")
    from skgenetics.datasets._build_geuvadis import build

    with threadpool_limits(1):
        build(SOURCE, tmp_path / "again.npz")
    bundled = np.load(resources.files("skgenetics.datasets") / "data" / "geuvadis.npz")
    again = np.load(tmp_path / "again.npz")
    assert again.files == bundled.files
    for name in bundled.files:
        assert again[name].dtype == bundled[name].dtype
        if name == "gene_lead_chi2":
            # residuals that are equal but for rounding take ranks that depend on the library
            np.testing.assert_allclose(again[name], bundled[name], rtol=1e-3)
        else:
            np.testing.assert_array_equal(again[name], bundled[name])
