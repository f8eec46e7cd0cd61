"""Bad input to ``skgenetics finemap``: one sentence, exit status 2, and no table left behind."""

import errno
import gzip
import os
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.cli.scans import N_VARIANTS, read, simulate, write_panel

pd = pytest.importorskip("pandas")
pytest.importorskip("bed_reader")
pytestmark = pytest.mark.usefixtures("no_pictures")

FILES = "--sumstats gwas.tsv --bfile panel --build GRCh37 --out run"
FUZZED = 10 * int(os.environ.get("SKGENETICS_FUZZ", "100"))


def change(**columns):
    """Write gwas.tsv anew with other columns; None leaves one out."""
    table = pd.read_csv("gwas.tsv", sep="\t")
    for name, values in columns.items():
        table = table.drop(columns=name) if values is None else table.assign(**{name: values})
    table.to_csv("gwas.tsv", sep="\t", index=False)


def move_panel():
    lines = Path("panel.bim").read_text().splitlines()
    rows = [line.split("\t") for line in lines]
    Path("panel.bim").write_text(
        "".join("\t".join([*row[:3], str(int(row[3]) + 777), *row[4:]]) + "\n" for row in rows)
    )


def cut(name, size):
    with open(name, "rb+") as file:
        file.truncate(size)


def nothing():
    """Leave the files as they are."""


@pytest.mark.parametrize(
    ("spoil", "words", "message"),
    [
        (
            nothing,
            "",
            "needs data. For example:\nskgenetics finemap --demo\nskgenetics finemap --s",
        ),
        (nothing, "--demo --bfile panel", "--demo brings its own data; leave out --bfile"),
        (nothing, "--bfile panel", "--sumstats is missing"),
        (nothing, "--sumstats gwas.tsv", "the LD is missing: give --bfile, --pfile or --vcf"),
        (nothing, "--sumstats gwas.tsv --bfile panel", "--build is missing: GRCh37 or GRCh38"),
        (nothing, FILES + " --ld x.npz", "not allowed with"),
        (nothing, FILES + " --n-cases 100", "--n-cases and --n-controls go together"),
        (nothing, FILES + " --n-cases 9 --n-controls 9 --n 9", "give --n, or --n-cases and"),
        (nothing, FILES + " --chr 2 --start 5", "--chr, --start and --end go together"),
        (nothing, FILES + " --chr 2 --start 5 --end 4", "--start is after --end"),
        (nothing, FILES + " --chr 2 --start 5 --end 9 --regions x", "give --regions, or --chr"),
        (nothing, FILES + " --columns effect_allele", "--columns takes MEANING=COLUMN"),
        (nothing, FILES + " --columns effect_allele=B1", "gwas.tsv has no column 'B1'"),
        (nothing, FILES + " --min-n-fraction 2", "must be from 0 to 1, got 2"),
        (nothing, FILES + " --n 1", "--n must be a number of people, or a column; got 1"),
        (nothing, FILES + " --n count", "gwas.tsv has no column 'count'"),
        (nothing, FILES + " --prior-column SNPVAR", "gwas.tsv has no column 'SNPVAR'"),
        (nothing, FILES + " --out nowhere/run", "there is no folder nowhere"),
        (nothing, FILES + " --out results/", "is a folder; give the beginning of the names"),
        (nothing, FILES + " --out .", "--out . is a folder"),
        (nothing, FILES + " --regions loci.bed", "no file loci.bed"),
        (nothing, FILES + " --chr 3 --start 1 --end 9", "no variant in chr3:1-9"),
        (lambda: os.remove("gwas.tsv"), FILES, "no file gwas.tsv"),
        (lambda: os.remove("panel.fam"), FILES, "no file panel.fam"),
        (lambda: None, FILES.replace("GRCh37", "hg18"), "must be GRCh37 (hg19) or GRCh38 (hg38)"),
        (lambda: cut("panel.bed", 300), FILES, "it is truncated"),
        (lambda: cut("gwas.tsv", 0), FILES, "gwas.tsv is empty"),
        (lambda: cut("gwas.tsv", 2000), FILES + " --strict", "fields, the header has 10"),
        (lambda: change(n=None), FILES, "give --n with their number or the name of its column"),
        (lambda: change(effect_allele=None), FILES, "--columns chromosome=chromosome"),
        (
            lambda: change(beta=0.0001, p_value=None),
            FILES,
            "No variant with a position has p < 5e-8",
        ),
        (lambda: change(p_value=0, beta="NA"), FILES, "p_value in row 1"),
        (lambda: change(chromosome="7"), FILES, "name chromosomes 7, the panel 2"),
        (lambda: change(effect_allele="C", other_allele="G"), FILES, "columns of alleles are the"),
        (
            lambda: change(base_pair_location="NA", rsid=[f"v{j}" for j in range(120)]),
            FILES,
            "have no positions, and share no ID with the panel: IDs are such as v0 and rs0.",
        ),
        (move_panel, FILES, "ID in the panel, at another position. The genome builds differ"),
        (
            lambda: change(SNPVAR=-1),
            FILES + " --prior-column SNPVAR",
            "No locus could be fine-mapped: the prior must be 0 or more at every variant",
        ),
    ],
)
def test_bad_input(scan, finemap, spoil, words, message):
    spoil()
    before = sorted(os.listdir())
    status, _, errors = finemap(text=words)
    assert status == 2
    errors = "".join(line for line in errors.splitlines(True) if not line.startswith("  chr"))
    assert errors.startswith("skgenetics finemap")
    assert message in errors
    assert "Traceback" not in errors
    assert sorted(os.listdir()) == before


@pytest.mark.parametrize("step", range(5))
def test_a_full_disk_leaves_no_table(scan, finemap, monkeypatch, step):
    """The disk is full at one of five writes; with room again, the same command goes on."""
    write, count = Path.write_bytes, 0

    def write_until_full(self, content):
        nonlocal count
        count += 1
        if count > step:
            write(self, content[: len(content) // 2])
            raise OSError(errno.ENOSPC, "No space left on device", str(self))
        return write(self, content)

    before = sorted(os.listdir())
    monkeypatch.setattr(Path, "write_bytes", write_until_full)
    status, _, errors = finemap(text=FILES)
    monkeypatch.setattr(Path, "write_bytes", write)
    assert status == 2
    assert "No space left on device" in errors
    left = sorted(set(os.listdir()) - set(before))
    assert left in ([], ["run.parts"])
    for path in Path("run.parts").glob("*"):
        assert not path.name.startswith(".")
        gzip.decompress(path.read_bytes())  # whole
    status, _, errors = finemap(text=FILES)
    assert status == 0, errors
    assert len(read("run.variants.tsv.gz")) == 2 * N_VARIANTS
    assert not Path("run.parts").exists()


def test_earlier_results_stay_where_new_ones_cannot_be_written(scan, finemap, monkeypatch):
    assert finemap(text=FILES)[0] == 0
    before = {path: path.read_bytes() for path in Path().iterdir()}

    def fail(self, content):
        raise OSError(errno.ENOSPC, "No space left on device", str(self))

    monkeypatch.setattr(Path, "write_bytes", fail)
    assert finemap(text=FILES + " --seed 1")[0] == 2
    after = {path: path.read_bytes() for path in Path().iterdir() if path.is_file()}
    assert after == before


def test_some_loci_fail(scan, finemap):
    change(SNPVAR=np.where(np.arange(2 * N_VARIANTS) == 3, -1.0, 1.0))
    status, printed, errors = finemap(text=FILES + " --prior-column SNPVAR")
    assert status == 3
    assert "Traceback" not in errors
    assert "Failed: the prior must be 0 or more at every variant" in printed
    assert "1 of 2 loci failed; the others are kept in run.parts/" in printed
    loci = read("run.loci.tsv")
    assert loci["status"].tolist() == ["failed", "ok"]
    assert len(read("run.variants.tsv.gz")) == N_VARIANTS
    assert Path("run.log").read_text() == printed
    change(SNPVAR=1.0)
    status, printed, _ = finemap(text=FILES + " --prior-column SNPVAR")
    assert status == 0
    assert not Path("run.parts").exists()
    assert read("run.loci.tsv")["status"].tolist() == ["ok", "ok"]


def test_a_region_without_variants_in_the_panel_fails_alone(scan, finemap):
    Path("loci.bed").write_text("chr2\t9999999\t10060000\nchr2\t50000000\t50000002\n")
    table = pd.read_csv("gwas.tsv", sep="\t")
    table = table[table["base_pair_location"] != 50_001_000]
    table.loc[table["base_pair_location"] == 50_000_000, "base_pair_location"] = 50_000_001
    table.to_csv("gwas.tsv", sep="\t", index=False)
    status, printed, _ = finemap(text=FILES + " --regions loci.bed")
    assert status == 3
    assert "Failed: no variant of the statistics is in the panel" in printed


def test_interruption_keeps_what_is_done(scan, finemap, monkeypatch):
    import skgenetics.cli.finemap.work as module

    original, calls = module.read_locus, []

    def interrupt(*arguments):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return original(*arguments)

    monkeypatch.setattr(module, "read_locus", interrupt)
    interrupt.__module__, interrupt.__qualname__ = module.__name__, "read_locus"
    status, _, errors = finemap(text=FILES)
    assert status == 130
    assert "finished loci are in run.parts/, and the same command goes on from there" in errors
    assert len(list(Path("run.parts").iterdir())) == 1
    monkeypatch.setattr(module, "read_locus", original)
    assert finemap(text=FILES)[0] == 0


def spoiled(content, how, place, piece):
    """Return bytes changed at a place (a share of their length) in one of several ways."""
    at = int(place * len(content))
    if how == "cut":
        return content[:at]
    if how == "insert":
        return content[:at] + piece + content[at:]
    if how == "overwrite":
        return content[:at] + piece + content[at + len(piece) :]
    if how == "drop":
        return content[:at] + content[at + max(1, len(piece)) :]
    if how == "bom":
        return b"\xef\xbb\xbf" + content
    if how == "crlf":
        return content.replace(b"\n", b"\r\n")
    if how == "mixed":
        return content[:at] + content[at:].replace(b"\t", b" ")
    packed = gzip.compress(content, 1)
    at = int(place * len(packed))
    return packed[:at] if how == "cut gzip" else packed[:at] + piece + packed[at + len(piece) :]


HOW = ["cut", "insert", "overwrite", "drop", "bom", "crlf", "mixed", "cut gzip", "spoiled gzip"]
PIECES = [b"\t", b"\n", b",", b" ", b"\x00", b'"', b"NA", b"-1", b"1e999", b"\xff", b"nan", b"chr"]
spoiling = st.tuples(
    st.sampled_from(["gwas.tsv", "gwas.tsv", "panel.bim", "panel.fam", "panel.bed", "loci.bed"]),
    st.sampled_from(HOW),
    st.floats(0, 1, exclude_max=True),
    st.one_of(st.sampled_from(PIECES), st.binary(min_size=1, max_size=6)),
)


def check_spoiled(finemap, changes):
    """Run the command on spoiled files: it ends well, or in one sentence that leaves no table."""
    originals = {name: Path(name).read_bytes() for name, *_ in changes}
    try:
        for name, how, place, piece in changes:
            Path(name).write_bytes(spoiled(Path(name).read_bytes(), how, place, piece))
        before = sorted(os.listdir())
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            status, _, errors = finemap(text=FILES + " --regions loci.bed")
        lines = [line for line in errors.splitlines() if not line.startswith("  chr")]
        assert status in (0, 2, 3), errors
        assert "Traceback" not in errors
        if status == 2:
            assert len(lines) == 1, errors
            assert lines[0].startswith("skgenetics finemap: error: ")
            assert sorted(os.listdir()) == before
        else:
            assert not lines
    finally:
        for name, content in originals.items():
            Path(name).write_bytes(content)
        shutil.rmtree("run.parts", ignore_errors=True)
        for path in Path().glob("run.*"):
            path.unlink()


@pytest.mark.parametrize(
    "max_examples", [15, pytest.param(FUZZED, marks=pytest.mark.slow)], ids=str
)
def test_spoiled_files(scan, finemap, max_examples):
    """Slow: SKGENETICS_FUZZ times ten files (all in five minutes with 1000)."""
    small = pd.read_csv("gwas.tsv", sep="\t").iloc[15:27]
    small.to_csv("gwas.tsv", sep="\t", index=False)
    panel = simulate(1)
    write_panel("panel", panel[0][:, 15:27], panel[1].iloc[15:27])
    Path("loci.bed").write_text("chr2\t9999999\t10020000\tname\nchr2\t10020500\t10030000\tname\n")

    @settings(
        max_examples=max_examples,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(st.lists(spoiling, min_size=1, max_size=3))
    def spoil(changes):
        check_spoiled(finemap, changes)

    spoil()
