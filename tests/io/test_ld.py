import gzip

import numpy as np
import pytest
from scipy import sparse

from skgenetics.io import read_ld

pd = pytest.importorskip("pandas")

P = 6
NAMES = [f"rs{k}" for k in range(P)]


@pytest.fixture
def r():
    X = np.random.default_rng(3).normal(size=(30, P)).cumsum(axis=1)
    lower = np.tril(np.corrcoef(X, rowvar=False), -1)
    return lower + lower.T + np.eye(P)


def text_of(rows, separator="\t"):
    return "".join(separator.join(f"{value:.17g}" for value in row) + "\n" for row in rows)


def lower_rows(r):
    return [r[k, : k + 1] for k in range(len(r))]


@pytest.mark.parametrize("separator", ["\t", " ", ",", "   "])
@pytest.mark.parametrize("layout", ["square", "square0", "triangle"])
@pytest.mark.parametrize("end", ["\n", "\r\n", " \n"])
def test_text_of_plink(write, r, separator, layout, end):
    rows = {"square": r, "square0": np.tril(r), "triangle": lower_rows(r)}[layout]
    path = write(text_of(rows, separator).replace("\n", end), "plink.ld")
    ld, variants = read_ld(path)
    np.testing.assert_array_equal(ld, r)
    assert variants is None


@pytest.mark.parametrize("dtype", ["<f8", "<f4"])
@pytest.mark.parametrize("layout", ["square", "triangle"])
@pytest.mark.parametrize("listed", [False, True])
def test_binary_of_plink(tmp_path, r, dtype, layout, listed):
    path = tmp_path / "plink2.unphased.vcor1.bin"
    values = r.ravel() if layout == "square" else np.concatenate(lower_rows(r))
    path.write_bytes(values.astype(dtype).tobytes())
    if listed:
        (tmp_path / "plink2.unphased.vcor1.bin.vars").write_text("\n".join(NAMES) + "\n")
    ld, variants = read_ld(path)
    assert ld.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(ld, r.astype(dtype))
    if listed:
        assert variants["variant_id"].tolist() == NAMES
    else:
        assert variants is None


@pytest.mark.parametrize("triangle", [np.tril, np.triu])
def test_uk_biobank_blocks(tmp_path, r, triangle):
    half = triangle(r)
    np.fill_diagonal(half, 0.5)
    sparse.save_npz(tmp_path / "chr1_1_3000001.npz", sparse.coo_matrix(half.astype(np.float32)))
    rows = "".join(f"{name}\t1\t{10 * k}\tA\tC\n" for k, name in enumerate(NAMES))
    text = "rsid\tchromosome\tposition\tallele1\tallele2\n" + rows
    (tmp_path / "chr1_1_3000001.gz").write_bytes(gzip.compress(text.encode()))
    ld, variants = read_ld(tmp_path / "chr1_1_3000001.npz")
    np.testing.assert_array_equal(ld, r.astype(np.float32))
    assert variants.iloc[2].to_dict() == {
        "chromosome": "1",
        "base_pair_location": 20,
        "variant_id": "rs2",
        "effect_allele": "A",
        "other_allele": "C",
    }


@pytest.mark.parametrize("layout", ["full", "triangle"])
def test_other_sparse_matrices(tmp_path, r, layout):
    sparse.save_npz(tmp_path / "x.npz", sparse.csr_matrix(np.tril(r) if layout != "full" else r))
    np.testing.assert_array_equal(read_ld(tmp_path / "x.npz")[0], r)


def test_dense_arrays_with_and_without_variants(tmp_path, r):
    np.save(tmp_path / "x.npy", r)
    assert read_ld(tmp_path / "x.npy")[1] is None
    np.testing.assert_array_equal(read_ld(tmp_path / "x.npy")[0], r)
    np.savez(tmp_path / "x.npz", R=r, variant_id=NAMES, base_pair_location=np.arange(1, P + 1))
    ld, variants = read_ld(tmp_path / "x.npz")
    np.testing.assert_array_equal(ld, r)
    assert variants["variant_id"].tolist() == NAMES
    assert variants["base_pair_location"].tolist() == [*range(1, P + 1)]
    assert variants["effect_allele"].tolist() == [""] * P


@pytest.mark.parametrize("corner", [False, True])
def test_text_with_names(write, r, corner):
    names = [f"1_{k}_A_G" for k in range(P)]
    rows = [",".join(f"{value!r}" for value in row.tolist()) for row in r]
    if corner:
        rows = [f'"{name}",{row}' for name, row in zip(names, rows)]
    header = ",".join([""] * corner + names)
    ld, variants = read_ld(write("\n".join([header, *rows]) + "\n", "x.csv"))
    np.testing.assert_array_equal(ld, r)
    assert variants["variant_id"].tolist() == names
    assert variants["base_pair_location"].tolist() == [*range(P)]


def test_variants_from_a_bim(write, r):
    bim = write("".join(f"1 {name} 0 {k} A G\n" for k, name in enumerate(NAMES)), "x.bim")
    _, variants = read_ld(write(text_of(r), "x.ld"), variants=bim)
    assert variants["variant_id"].tolist() == NAMES
    assert variants["effect_allele"].tolist() == ["A"] * P


@pytest.mark.parametrize("ending", [".bim", ".pvar", ".txt"])
def test_named_variants_are_looked_up(write, r, ending):
    order = [3, 0, 7, 5, 1, 6, 2, 4]
    names = [*NAMES, "other1", "other2"]
    header = {".bim": "", ".pvar": "##x\n#CHROM\tPOS\tID\tREF\tALT\n"}.get(
        ending, "rsid\tchromosome\tposition\tallele1\tallele2\n"
    )
    line = {".bim": "1\t{1}\t0\t{0}\tT\tA\n", ".pvar": "1\t{0}\t{1}\tA\tT\n"}.get(
        ending, "{1}\t1\t{0}\tT\tA\n"
    )
    rows = [line.format(100 + k, names[k]) for k in order]
    path = write(text_of(r), "x.vcor1")
    write("\n".join(NAMES), "x.vcor1.vars")
    ld, variants = read_ld(path, variants=write(header + "".join(rows), f"panel{ending}"))
    np.testing.assert_array_equal(ld, r)
    assert variants["variant_id"].tolist() == NAMES
    assert variants["base_pair_location"].tolist() == [100 + k for k in range(P)]
    assert variants["effect_allele"].tolist() == ["T"] * P
    assert variants["other_allele"].tolist() == ["A"] * P
    few = write(header + "".join(rows[:3]), f"few{ending}")
    with pytest.raises(ValueError, match=r"of the 6 variants of x\.vcor1 .* are not in the file"):
        read_ld(path, variants=few)
    twice = write(header + "".join([*rows, *rows[:2]]), f"twice{ending}")
    with pytest.raises(ValueError, match="rs3 is in the file of variants twice"):
        read_ld(path, variants=twice)


@pytest.mark.parametrize("diagonal", [np.nan, 1.0])
def test_variants_that_do_not_vary_are_left_out(write, r, diagonal):
    r[[2, 4]] = r[:, [2, 4]] = np.nan
    r[[2, 4], [2, 4]] = diagonal
    path = write(text_of(r), "x.vcor1")
    with pytest.raises(ValueError, match=r"holds NaN \(first: variant 3\)"):
        read_ld(path)
    write("\n".join(NAMES), "x.vcor1.vars")
    ld, variants = read_ld(path)
    kept = [0, 1, 3, 5]
    np.testing.assert_array_equal(ld, r[np.ix_(kept, kept)])
    assert variants["variant_id"].tolist() == [NAMES[k] for k in kept]
    assert "2 variants that do not vary were left out" in variants.attrs["notes"][0]
    r[0, 1] = r[1, 0] = np.nan
    with pytest.raises(ValueError, match="holds NaN"):
        read_ld(write(text_of(r), "x.vcor1"))


def test_r2_is_suspected(tmp_path):
    r = np.full((20, 20), 0.3) + 0.7 * np.eye(20)
    np.save(tmp_path / "x.npy", r)
    with pytest.warns(UserWarning, match="may be r2"):
        read_ld(tmp_path / "x.npy")
    (tmp_path / "x.unphased.vcor2.bin").touch()
    with pytest.raises(ValueError, match="lost the sign"):
        read_ld(tmp_path / "x.unphased.vcor2.bin")


def changed(row, column, value):
    def change(r):
        r[row, column] = value
        return r

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r: r[:, :-1], r"shape \(6, 5\); expected a square"),
        (lambda r: r[0], r"shape \(6,\); expected a square"),
        (lambda r: r[:0, :0], r"shape \(0, 0\)"),
        (changed(1, 2, 0.99), "not symmetric: row 2, column 3 is 0.99, but row 3, column 2 is"),
        (changed(4, 4, 2.0), "r of variant 5 with itself is 2"),
        (lambda r: r * 1.5, "with itself is 1.5"),
        (changed([1, 2], [2, 1], 1.5), "r of variant 2 and variant 3 is 1.5; expected -1 to 1"),
        (changed([1, 2], [2, 1], -1.5), "r of variant 2 and variant 3 is -1.5"),
        (changed([*range(6), *[3] * 6], [*[3] * 6, *range(6)], np.nan), r"first: variant 4\)"),
        (changed(1, 2, np.inf), "holds infinite numbers"),
        (lambda r: r.astype(str), "is not a matrix of numbers"),
    ],
)
def test_bad_matrices(tmp_path, r, change, message):
    np.save(tmp_path / "x.npy", change(r.copy()))
    with pytest.raises(ValueError, match=message):
        read_ld(tmp_path / "x.npy")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("rs1 rs2\n", "one line of names only"),
        ("1 .5\n.5 x\n", "row 2 holds 'x'"),
        ("1 .5\n.5\n", "row 2 has 1 numbers, but there are 2 rows"),
        ("#CHROM_A\tPOS_A\tID_A\tUNPHASED_R\n1\t2\trs1\t.3\n", "table of pairs"),
        ("1 NA\nNA NA\n", "holds NaN"),
    ],
)
def test_bad_text(write, text, message):
    with pytest.raises(ValueError, match=message):
        read_ld(write(text, "x.ld"))


def test_bad_variants_and_files(tmp_path, write, r):
    path = write(text_of(r), "x.ld")
    with pytest.raises(ValueError, match="LD of 6 variants, but 2 are named"):
        read_ld(path, variants=write("a\nb\n", "x.vars"))
    with pytest.raises(ValueError, match=r"x\.bim: row 2 .* has 5 fields, the header has 6"):
        read_ld(path, variants=write("1 a 0 1 A G\n1 b 0 A G\n", "x.bim"))
    with pytest.raises(ValueError, match="position of a is '-1'"):
        read_ld(path, variants=write("1 a 0 -1 A G\n", "x.bim"))
    with pytest.raises(ValueError, match=r"empty\.vars is empty"):
        read_ld(path, variants=write("", "empty.vars"))
    with pytest.raises(ValueError, match="has columns name, freq; expected rsid"):
        read_ld(path, variants=write("name freq\na 1\n", "x.txt"))
    with pytest.raises(FileNotFoundError, match=r"no file .*none\.ld"):
        read_ld(tmp_path / "none.ld")
    for name in ("x.npz", "x.npy"):
        with pytest.raises(ValueError, match=rf"{name} is not a readable \.np"):
            read_ld(write("text", name))
    with pytest.raises(ValueError, match="has 7 bytes, which is no square or triangle"):
        read_ld(write("1234567", "x.bin"))
    np.savez(tmp_path / "two.npz", a=r, b=r)
    with pytest.raises(ValueError, match="holds a, b; expected one square array"):
        read_ld(tmp_path / "two.npz")
