"""Tables of loci: columns, what a caller knows of variants, and how they are written."""

import gzip

import numpy as np
import pytest

from skgenetics import __version__
from skgenetics.loci._credible_sets import CredibleSet
from skgenetics.loci._tables import (
    COLUMNS,
    add_flag,
    add_unfitted_variants,
    as_table,
    credible_sets_table,
    p_value,
    variants_table,
    write_table,
)

pd = pytest.importorskip("pandas")

EFFECTS = pd.DataFrame(
    {
        "variant_id": ["x0", "x1", "x2"],
        "z": [5.0, -1.0, 0.0],
        "pip": [0.9, 0.2, 0.0],
        "posterior_mean": [0.1, 0.0, 0.0],
        "posterior_sd": [0.01, 0.02, 0.0],
        "cs": [1, 1, 0],
        "cs_alpha": [0.8, 0.18, 0.0],
    }
)
KNOWN = {
    "chromosome": ["7", "7", "7"],
    "base_pair_location": [300, 100, 200],
    "effect_allele": ["A", "C", "G"],
    "other_allele": ["C", "T", None],
    "rsid": ["rs1", None, None],
    "p_value": [np.nan, 0.5, np.nan],
}
SET = CredibleSet(
    variants=np.array([0, 1]),
    alpha=np.array([0.8, 0.18]),
    coverage=0.98,
    min_abs_r=0.4,
    mean_abs_r=0.4,
    log10_bf=3.0,
)


@pytest.mark.parametrize("kind", COLUMNS)
def test_every_table_has_its_columns_and_dtypes_even_if_empty(kind):
    assert as_table([], kind).dtypes.astype(str).to_dict() == COLUMNS[kind]


def test_variants():
    table = variants_table("a", EFFECTS, n_samples=100, variants=KNOWN)
    assert table.dtypes.astype(str).to_dict() == COLUMNS["variants"]
    assert list(table["locus"]) == ["a"] * 3
    assert list(table["base_pair_location"]) == [300, 100, 200]
    assert list(table["variant_id"]) == ["7_300_C_A", "7_100_T_C", "x2"]
    np.testing.assert_allclose(table["p_value"], [p_value(5.0), 0.5, 1.0])
    assert list(table["n"]) == [100] * 3
    assert table["flag"].isna().all()
    reported = variants_table("a", EFFECTS, n_samples=[1, 2, 3], z=[6, 1, 0])
    assert list(reported["z"]) == [6, 1, 0]
    assert list(reported["n"]) == [1, 2, 3]
    assert list(reported["variant_id"]) == ["x0", "x1", "x2"]
    with pytest.raises(ValueError, match=r"one row for each of the 3 z .*; got 2 rows"):
        variants_table("a", EFFECTS, n_samples=100, variants={"rsid": ["rs1", "rs2"]})


def test_credible_sets():
    variants = variants_table("a", EFFECTS, n_samples=100, variants=KNOWN)
    (row,) = credible_sets_table("a", [SET], variants, min_purity=0.5).to_dict("records")
    assert (row["cs"], row["size"], row["start"], row["end"]) == (1, 2, 100, 300)
    assert (row["lead_variant_id"], row["lead_rsid"], row["lead_pip"]) == ("7_300_C_A", "rs1", 0.9)
    assert row["low_purity"]
    assert not credible_sets_table("a", [SET], variants, min_purity=0.3)["low_purity"].item()
    assert len(credible_sets_table("a", [], variants, min_purity=0.5)) == 0


def test_unfitted_variants_are_listed_by_position():
    table = variants_table("a", EFFECTS, n_samples=100, variants=KNOWN)
    more = {"base_pair_location": [150], "z": [2.0], "n": [50], "flag": ["LOW_N"], "pip": [1.0]}
    table = add_unfitted_variants(table, more)
    assert list(table["base_pair_location"]) == [100, 150, 200, 300]
    row = table.iloc[1]
    assert (row["locus"], row["z"], row["n"], row["cs"], row["flag"]) == ("a", 2, 50, 0, "LOW_N")
    assert np.isnan(row["pip"])
    assert row["p_value"] == p_value(2.0)


@pytest.mark.parametrize("rows", [np.array([0, 2]), np.array([True, False, True])])
def test_flags_are_joined(rows):
    flags = pd.Series(["LOW_N", None, None], index=[5, 7, 9], dtype="string")
    result = add_flag(flags, "FLIPPED", rows)
    assert list(result.fillna("-")) == ["LOW_N;FLIPPED", "-", "FLIPPED"]
    assert list(result.index) == [5, 7, 9]


@pytest.mark.parametrize("name", ["t.tsv", "t.tsv.gz"])
def test_written_table(name, tmp_path):
    table = variants_table("a", EFFECTS, n_samples=100, variants=KNOWN)
    write_table(tmp_path / name, table, build="GRCh38")
    first = (tmp_path / name).read_bytes()
    text = (gzip.decompress(first) if name.endswith(".gz") else first).decode()
    lines = text.splitlines()
    assert lines[0] == f"##skgenetics={__version__} build=GRCh38 effect_allele=counted"
    assert lines[1].split("\t") == list(COLUMNS["variants"])
    assert lines[2].split("\t")[7] == "NA"
    assert len(lines) == 5
    write_table(tmp_path / name, table, build="GRCh38")
    assert (tmp_path / name).read_bytes() == first
