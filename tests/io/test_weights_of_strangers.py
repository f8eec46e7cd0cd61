"""Forged files of weights: nothing in them is run, and they take no more than they hold."""

import gzip
import sqlite3
import struct
import tracemalloc

import numpy as np
import pandas as pd
import pytest

from skgenetics.association import load_weights
from skgenetics.io._r_objects import data_frame, matrix, save_objects, vector
from skgenetics.io._read_fusion import read_fusion
from skgenetics.io._read_predictdb import _LONGEST_ROW, read_covariances, read_predictdb
from skgenetics.io._read_r_objects import read_r_objects

COLUMNS = "rsid, gene, weight, ref_allele, eff_allele"
ROW = "('rs1', 'G1', 0.5, 'A', 'C')"
PAGE = 512


def base(path, *statements):
    """Make a database by statements."""
    file = sqlite3.connect(path)
    for statement in (f"PRAGMA page_size = {PAGE}", *statements):
        file.execute(statement)
    file.commit()
    file.close()
    return path


@pytest.mark.parametrize(
    "statement",
    [
        f"CREATE VIRTUAL TABLE weights USING fts5({COLUMNS})",
        f"CREATE VIEW weights AS SELECT 1 AS {COLUMNS.replace(', ', ', 2 AS ')}",
        "CREATE TABLE weights (rsid, gene, ref_allele, eff_allele, "
        "weight AS (length(zeroblob(1000000000))))",
    ],
)
def test_what_a_schema_computes_is_not_computed(tmp_path, statement):
    path = base(tmp_path / "a.db", statement)
    with pytest.raises(ValueError, match=r"no table 'weights'|lacks weight"):
        read_predictdb(path)


def test_triggers_and_other_tables_are_left_alone(tmp_path):
    path = base(
        tmp_path / "a.db",
        f"CREATE TABLE weights ({COLUMNS}, x CHECK (x <> randomblob(9)))",
        f"INSERT INTO weights VALUES {ROW[:-1]}, NULL)",
        "CREATE TRIGGER t AFTER INSERT ON weights BEGIN DELETE FROM weights; END",
        "CREATE VIEW extra AS SELECT * FROM weights, weights, weights",
    )
    file = read_predictdb(path)
    assert file.weights["weight"].tolist() == [0.5]
    assert file.genes["gene"].tolist() == ["G1"]


def test_a_text_longer_than_any_name_is_told(tmp_path):
    path = base(
        tmp_path / "a.db",
        f"CREATE TABLE weights ({COLUMNS})",
        f"INSERT INTO weights VALUES ('rs1', 'G1', zeroblob({_LONGEST_ROW + 1}), 'A', 'C')",
    )
    with pytest.raises(ValueError, match=r"a.db cannot be read .*too big"):
        read_predictdb(path)


def test_a_page_that_is_named_many_times_is_told(tmp_path):
    """The page of the table's rows is copied behind the file, and its root names it 40 times."""
    path = base(tmp_path / "a.db", f"CREATE TABLE weights ({COLUMNS})")
    rows = ", ".join([ROW] * 15)
    base(path, f"INSERT INTO weights VALUES {rows}")
    assert len(read_predictdb(path).weights) == 15
    content = bytearray(path.read_bytes())
    n_pages = len(content) // PAGE
    leaf = content[-PAGE:]
    assert leaf[0] == 13  # a leaf of a table
    n_cells, cell = 40, struct.pack(">IB", n_pages + 1, 1)  # a page, and its last row
    root = bytearray(PAGE)
    start = PAGE - n_cells * len(cell)
    root[:12] = struct.pack(">BHHHBI", 5, 0, n_cells, start, 0, n_pages + 1)
    for i in range(n_cells):
        place = start + i * len(cell)
        root[12 + 2 * i : 14 + 2 * i] = struct.pack(">H", place)
        root[place : place + len(cell)] = cell
    content[-PAGE:] = root
    content[28:32] = struct.pack(">I", n_pages + 1)
    path.write_bytes(content + leaf)
    with pytest.raises(ValueError, match="more than the whole file"):
        read_predictdb(path)


HEAD = b"RDX2\nX\n" + struct.pack(">iii", 2, 0x30600, 0x20300)
PAIR = struct.pack(">iiii", 2 | 1 << 10, 1, 9, 1) + b"x"  # a pair with the name "x"


def sequence(length):
    """A vector 1:length in R's compact form."""
    name = b"compact_intseq"
    info = struct.pack(">iiii", 2, 1, 9, len(name)) + name + struct.pack(">i", 254)
    state = struct.pack(">iiddd", 14, 3, length, 1.0, 1.0)
    return struct.pack(">i", 238) + info + state + struct.pack(">i", 254)


@pytest.mark.parametrize("kind", [3, 4, 5, 6, 7, 8, 15, 17, 18, 20, 21, 22, 23, 24, 25, 240, 247])
def test_code_pointers_and_classes_of_r_are_refused(tmp_path, kind):
    """Functions, promises, calls, byte code, pointers, S4 objects, packages and the rest."""
    path = tmp_path / "a.RDat"
    path.write_bytes(HEAD + PAIR + struct.pack(">iiii", kind, 1, 1, 254))
    with pytest.raises(ValueError, match="not data"):
        read_r_objects(path)


@pytest.mark.parametrize("place", [-1, 0, 2, 3, 2**31 - 1])
def test_references_to_nothing_are_told(tmp_path, place):
    path = tmp_path / "a.RDat"
    path.write_bytes(HEAD + PAIR + struct.pack(">ii", 255, place))
    with pytest.raises(ValueError, match="refers to a name that it does not hold"):
        read_r_objects(path)


@pytest.mark.parametrize("content", ["sequences", "one sequence", "empty vectors", "nan"])
def test_small_files_of_r_do_not_take_much_memory(tmp_path, monkeypatch, content):
    n = 2**15
    monkeypatch.setattr("skgenetics.io._read_r_objects._MAX_OBJECTS", n)
    items = {
        "sequences": [sequence(n // 4)] * 1000,
        "one sequence": [sequence(1e15)],
        "empty vectors": [struct.pack(">ii", 14, 0)] * (10 * n),
        "nan": [sequence(np.nan)],
    }[content]
    path = tmp_path / "a.RDat"
    whole = HEAD + PAIR + struct.pack(">ii", 19, len(items)) + b"".join(items)
    path.write_bytes(gzip.compress(whole))
    tracemalloc.start()
    with pytest.raises(ValueError, match=f"more than {n:,} objects"):
        read_r_objects(path)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 500 * n + 2 * len(whole)


def test_objects_of_the_wrong_kind_are_told(tmp_path):
    """Every part of a gene in the place of every other, and a column in that of another."""
    right = {
        "wgt.matrix": matrix(np.ones((2, 1)), ["a", "b"], ["enet"]),
        "snps": data_frame(
            {f"V{i}": [1.0, 2.0] for i in range(1, 5)} | {"V5": ["A", "C"], "V6": ["C", "G"]}
        ),
        "cv.performance": matrix(np.ones((2, 1)), ["rsq", "pval"], ["enet"]),
        "N.tot": vector([358.0]),
    }
    path = tmp_path / "a.wgt.RDat"
    save_objects(path, right)
    assert len(read_fusion(path).weights) == 2
    matrices = {"wgt.matrix", "cv.performance"}
    others = [*right.values(), vector(["a", "b"]), vector([np.nan]), vector([np.inf, -1.0])]
    for name in right:
        for other in others:
            alike = {name} <= matrices and other in [right[key] for key in matrices]
            if alike or other is right[name] or (name == "N.tot" and other is not right["snps"]):
                continue
            save_objects(path, right | {name: other})
            with pytest.raises(ValueError, match=r"a\.wgt\.RDat"):
                read_fusion(path)
    for column in ([None, "x"], [np.nan, np.inf], ["1", "-5"]):
        snps = {f"V{i}": [1.0, 2.0] for i in range(1, 4)} | {"V4": column, "V5": ["A", "C"]}
        save_objects(path, right | {"snps": data_frame(snps | {"V6": ["C", "G"]})})
        assert read_fusion(path).weights["base_pair_location"].isna().any()


def test_formulas_are_text(tmp_path):
    path = tmp_path / "score.txt"
    lines = "#pgs_id=PGS1\nrsID\teffect_allele\tother_allele\teffect_weight\n"
    path.write_text(lines + "=1+1\tA\tC\t0.5\n@SUM(A1)\tG\tT\t1\n")
    assert load_weights(path).weights["rsid"].tolist() == ["=1+1", "@SUM(A1)"]
    path.write_text(lines + "rs1\tA\tC\t=0.5*2\n")
    with pytest.raises(ValueError, match="expected a finite number"):
        load_weights(path)


def test_covariances_are_read_by_parts(tmp_path, monkeypatch):
    monkeypatch.setattr("skgenetics.io._columns._BLOCK", 32)
    weights = pd.DataFrame({"gene": ["G1", "G1"], "variant_id": ["a", "b"]})
    lines = "GENE RSID1 RSID2 VALUE\nG1 a a 1\nG2 a a 9\nG1 a b -0.5\nG2 a b NA\nG1 b b 2\n"
    path = tmp_path / "a.txt.gz"
    path.write_bytes(gzip.compress(lines.encode()))
    matrices = read_covariances(path, weights)
    assert list(matrices) == ["G1"]
    np.testing.assert_array_equal(matrices["G1"], [[1, -0.5], [-0.5, 2]])
    path.write_bytes(gzip.compress(lines.encode()[:23]))
    assert read_covariances(path, weights) == {}
    path.write_bytes(gzip.compress(lines.encode()[:24]))
    with pytest.raises(ValueError, match="row 1 has 1 fields, the header has 4"):
        read_covariances(path, weights)
