"""Large tables are read some rows at a time, and by the quickest way that holds their numbers."""

import numpy as np
import pytest

from skgenetics.io import Region, read_list, read_sumstats, read_table
from tests.oracles.sumstats_heads import FILES, SSF

pd = pytest.importorskip("pandas")

N_TIMES = 400  # a head of a file is repeated


@pytest.mark.parametrize("name", FILES)
def test_many_blocks_are_one_table(tmp_path, monkeypatch, name):
    head = FILES[name].splitlines(keepends=True)
    n_above = next(k for k, line in enumerate(head) if not line.startswith("##")) + 1
    rows = head[n_above:]
    path = tmp_path / "sumstats.txt"
    path.write_text("".join(head))
    expected = read_sumstats(path)
    path.write_text("".join([*head[:n_above], *rows * N_TIMES]))
    monkeypatch.setattr("skgenetics.io._columns._BLOCK", 4096)
    frame = read_sumstats(path)
    repeated = pd.concat([expected] * N_TIMES, ignore_index=True)
    pd.testing.assert_frame_equal(frame, repeated)


def numbers(rng, n):
    """Return numbers in the spellings of programs, and as floats."""
    written = [f"{x:{form}}" for x, form in zip(rng.normal(size=n), ["g", ".3e", ".17g"] * n)]
    written[:6] = ["NA", "-nan", "#N/A", "5.", "-.5", "1E-3"]
    missing = {"NA", "-nan", "#N/A"}
    return written, [np.nan if text in missing else float(text) for text in written]


@pytest.mark.parametrize(
    "last",
    [
        "2\t9\tA\tC\trs9\t1\t1\t.5\n",  # all are numbers
        "2\t9\tA\tC\trs9\t1\t1\t1e-330\n",  # p is beyond floats
        "2\t9\tA\tC\trs9\tjunk\t1\t.5\n",  # one is none
        "2\t9\tA\tC\n",  # no row
        "2\t9\tA\tC\trs9\tjunk\t1\t1e-330\n",  # both
    ],
)
def test_all_ways_of_reading_agree(tmp_path, monkeypatch, last):
    rng = np.random.default_rng(0)
    n = 300
    beta, expected = numbers(rng, n)
    se, expected_se = numbers(rng, n)
    se, expected_se = [text.lstrip("-") for text in se], np.abs(expected_se)
    p = ["0.25", "1e-310", "NA", "0"][: 1 + 3 * last.endswith("330\n")] + ["1e-299"] * n
    bases = [("a", "C"), ("AT", "A"), ("NA", "G"), ("<DEL>", "T"), (" g", '"T"')]
    text = SSF + "rsid\tbeta\tstandard_error\tp_value\n"
    for k in range(n):
        effect, other = bases[k % 5] if k < 50 else ("A", "C")
        chromosome = ["1", "chr01", "23", "0", "NA"][k % 5] if k < 50 else "7"
        name = ["rs1", "NA", " rs3", "rs4,rs5"][k % 4]
        text += f"{chromosome}\t{k + 1}\t{effect}\t{other}\t{name}\t{beta[k]}\t{se[k]}\t{p[k]}\n"
    path = tmp_path / "x.tsv"
    path.write_text(text + last)
    monkeypatch.setattr("skgenetics.io._columns._BLOCK", 2048)
    frame = read_sumstats(path)
    assert len(frame) == n + ("junk" not in last and "rs9" in last)
    frame = frame[:n]
    np.testing.assert_array_equal(frame["beta"], expected)
    np.testing.assert_array_equal(frame["standard_error"], expected_se)
    assert frame["base_pair_location"].tolist() == list(range(1, n + 1))
    assert frame["effect_allele"].fillna("?")[:5].tolist() == ["A", "AT", "?", "<DEL>", "G"]
    assert frame["other_allele"].fillna("?")[:5].tolist() == ["C", "A", "G", "T", "T"]
    assert frame["chromosome"].fillna("?")[:5].tolist() == ["1", "1", "X", "?", "?"]
    assert set(frame["chromosome"][50:]) == {"7"}
    assert frame["rsid"].fillna("?")[:4].tolist() == ["rs1", "?", "rs3", "rs4"]
    assert frame["neg_log_10_p_value"][n - 1] == pytest.approx(299)
    if last.endswith("330\n"):
        assert frame["neg_log_10_p_value"][1] == pytest.approx(310, rel=1e-12)
    assert frame["p_value"][0] == 0.25


def test_rows_that_are_none_do_not_move_others(tmp_path):
    rows = [f"1\t{k}\tA\tG\trs{k}\t{k}\t1\t.5\n" for k in range(1, 300)]
    rows[20], rows[40], rows[60] = "1\t2\n", "# a comment\n", "\n"
    path = tmp_path / "x.tsv"
    path.write_text(SSF + "rsid\tbeta\tstandard_error\tp_value\n" + "".join(rows))
    frame = read_sumstats(path)
    assert frame["beta"].tolist() == [k for k in range(1, 300) if k not in (21, 41, 61)]
    assert frame.attrs["n_left_out"] == 1
    assert "row 21 has 2 fields" in frame.attrs["notes"][0]


def test_regions_of_missing_words(tmp_path):
    pysam = pytest.importorskip("pysam")
    rows = "".join(f"1\t{k}\tA\tG\tNA\t{k}\t1\n" for k in range(1, 2000))
    path = tmp_path / "x.tsv"
    path.write_text("#" + SSF + "rsid\tbeta\tstandard_error\n" + rows)
    pysam.tabix_index(str(path), seq_col=0, start_col=1, end_col=1, meta_char="#", force=True)
    frame = read_sumstats(f"{path}.gz", region=Region("1", 95, 125))
    assert frame["rsid"].isna().all()
    assert frame["beta"].tolist() == list(range(95, 126))


@pytest.mark.parametrize("end", ["\r", "\r\n", "\n"])
@pytest.mark.parametrize("mark", ["\t", " "])
def test_all_rows_are_read_whatever_ends_them(tmp_path, monkeypatch, end, mark):
    monkeypatch.setattr("skgenetics.io._columns._BLOCK", 1000)
    z = [k % 7 - 2.75 for k in range(500)]
    rows = ["SNP A1 A2 Z", *(f"rs{k} A G {value}" for k, value in enumerate(z))]
    path = tmp_path / "sumstats.txt"
    path.write_bytes("".join(row.replace(" ", mark) + end for row in rows).encode())
    assert read_sumstats(path)["z"].tolist() == z
    path.write_bytes(path.read_bytes().removesuffix(end.encode()))
    assert len(read_sumstats(path)) == 500


def test_marks_of_unicode_end_no_line(tmp_path):
    path = tmp_path / "sumstats.txt"
    rows = "".join(f"rs{k}\u2028\x0b{k}\tA\tG\t{k - 20}\n" for k in range(50))
    path.write_text("SNP\tA1\tA2\tZ\n" + rows, encoding="utf-8")
    frame = read_sumstats(path)
    assert len(frame) == 50
    assert not frame.attrs["n_left_out"]


@pytest.mark.parametrize("text", ["A" * 2000, "SNP A1 A2 Z\nrs1 A G 1\n" + "A " * 5000])
def test_a_line_without_end_is_refused_before_it_fills_memory(tmp_path, monkeypatch, text):
    monkeypatch.setattr("skgenetics.io._columns._LONGEST", 500)
    monkeypatch.setattr("skgenetics.io._columns._BLOCK", 100)
    monkeypatch.setattr("skgenetics.io._lines._LONGEST", 500)
    path = tmp_path / "x.txt"
    path.write_text(text)
    for read in (read_sumstats, read_table, read_list):
        with pytest.raises(ValueError, match=r"x\.txt has a line of more than 0 MB: it is damaged"):
            read(path)
