"""Small valid files of every format that skgenetics.io reads, as bytes."""

import io
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy import sparse

from skgenetics import io as readers
from tests.oracles.bgen import bgen_bytes
from tests.oracles.sumstats_heads import FILES

N, P = 7, 6
VARIANTS = [("1", 1000 + 37 * k, f"rs{k}", "ACGT"[k % 4], "GTAC"[k % 4]) for k in range(P)]
PEOPLE = [f"I{k}" for k in range(N)]


class Small(NamedTuple):
    """A file, what reads it, and the files that must lie beside it."""

    name: str
    data: bytes
    read: object
    beside: dict = {}  # noqa: RUF012


def small_files():
    """Return all of them."""
    rng = np.random.default_rng(0)
    parts = (_sumstats(), _ld(rng), _people(), _expression(rng), _genotypes(rng), _plink2(rng))
    return [file for part in (*parts, _vcf(rng)) for file in part]


def _table(header, rows, mark="\t"):
    rows = [header.split(), *rows] if header else rows
    return "".join(mark.join(map(str, row)) + "\n" for row in rows).encode()


def _sumstats():
    read = readers.read_sumstats
    for number, text in enumerate(FILES.values()):
        yield Small(f"head{number}.txt", text.encode(), read)
    rows = [[c, p, i, a, b, 1.1, 0.2] for c, p, i, a, b in VARIANTS]
    names = {"chromosome": "chr", "base_pair_location": "pos", "rsid": "snp", "effect_allele": "ea"}
    names |= {"other_allele": "nea", "odds_ratio": "or", "p_value": "pval"}
    mapped = _table("chr pos snp ea nea or pval", rows, ",")
    yield Small("x.csv", mapped, lambda path: read(path, columns=names))


def _ld(rng):
    read = readers.read_ld
    names = [name for _, _, name, _, _ in VARIANTS]
    r = np.round(np.corrcoef(rng.normal(size=(30, P)).cumsum(axis=1), rowvar=False), 6)
    yield Small("square.ld", _table("", r.tolist()), read)
    yield Small("triangle.ld", _table("", [r[k, : k + 1] for k in range(P)], " "), read)
    rows = [["", *names], *([name, *row] for name, row in zip(names, r.tolist(), strict=True))]
    yield Small("named.csv", _table("", rows, ","), read)
    yield Small("x.bin", r.tobytes(), read)
    beside = {"x.bin": r.tobytes()}
    rows = [[name] for name in names]
    yield Small("x.bin.vars", _table("", rows), lambda path: read(path.with_suffix("")), beside)
    rows = [[c, i, 0, p, a, b] for c, p, i, a, b in VARIANTS]
    binary = lambda path: read(path.with_suffix(".bin"), variants=path)  # noqa: E731
    yield Small("x.bim", _table("", rows), binary, beside)
    half, whole = io.BytesIO(), io.BytesIO()
    sparse.save_npz(half, sparse.coo_matrix(np.tril(r, -1) + np.eye(P) / 2), compressed=False)
    np.save(whole, r)
    yield Small("x.npz", half.getvalue(), read)
    yield Small("x.npy", whole.getvalue(), read)
    rows = [[i, c, p, a, b] for c, p, i, a, b in VARIANTS]
    table = _table("rsid chromosome position allele1 allele2", rows)
    sparse_one = lambda path: read(path.with_suffix(".npz"))  # noqa: E731
    yield Small("x.gz", table, sparse_one, {"x.npz": half.getvalue()})


def _people():
    read = readers.read_table
    rows = [[f"F{k // 2}", name, 1.5 * k, "NA", -9] for k, name in enumerate(PEOPLE)]
    yield Small("pheno.tsv", _table("#FID IID a b c", rows), read)
    rows = [[name, 1.5 * k, k % 2] for k, name in enumerate(PEOPLE)]
    yield Small("pheno.csv", _table("id a b", rows, ","), read)
    rows = [["PC1", *range(N)], ["sex", *[1] * N]]
    gtex = _table(" ".join(["ID", *PEOPLE]), rows)
    yield Small("covariates.txt", gtex, lambda path: read(path, kind="covariates"))
    people = _table("", [["F", name] for name in PEOPLE], " ")
    yield Small("keep.txt", people, lambda path: read(path, kind="people"))
    yield Small("list.txt", _table("", [[name] for name in PEOPLE]), readers.read_list)
    sets = [[f"SET{k}", "http://x", *(f"G{j}" for j in range(k + 1))] for k in range(5)]
    yield Small("x.gmt", _table("", sets), readers.read_gene_sets)
    regions = _table("", [["1", 900, 1100, "one"], ["chrX", 1, 5000, "two"]])
    yield Small("x.bed", regions, readers.read_regions)


def _expression(rng):
    read, header = readers.read_expression, " ".join(PEOPLE)
    values = [(f"ENSG{k}", rng.normal(size=N).round(4).tolist()) for k in range(5)]
    rows = [["chr1", 10 * k, 10 * k + 1, g, *v] for k, (g, v) in enumerate(values)]
    yield Small("x.bed", _table("#chr start end gene_id " + header, rows), read)
    rows = [[5, N], ["Name", "Description", *PEOPLE], *([g, "S", *v] for g, v in values)]
    yield Small("x.gct", _table("#1.2", rows), read)
    rows = [[g, *v] for g, v in values]
    yield Small("genes.csv", _table("gene " + header, rows, ","), read)


def _genotypes(rng):
    read, calls = readers.read_genotypes, rng.integers(0, 3, (N, P))
    names = " ".join(f"{c}_{p}_{b}_{a}" for c, p, _, a, b in VARIANTS)
    rows = [[name, *row] for name, row in zip(PEOPLE, calls.tolist(), strict=True)]
    yield Small("dosages.csv", _table("id " + names, rows, ","), read)
    archive = io.BytesIO()
    np.savez(archive, genotypes=calls.astype(np.int8), sample_ids=PEOPLE)
    yield Small("dosages.npz", archive.getvalue(), read)
    files = {
        "x.fam": _table("", [["F", name, 0, 0, 1, -9] for name in PEOPLE], " "),
        "x.bim": _table("", [[c, i, 0, p, a, b] for c, p, i, a, b in VARIANTS]),
        "x.bed": b"\x6c\x1b\x01" + rng.bytes(2 * P),
    }
    plink = lambda path: read(path.with_suffix(".bed"))  # noqa: E731
    for name, data in files.items():
        yield Small(name, data, plink, files)
    p = rng.dirichlet(np.ones(3), N).tolist()
    common = {"phased": 0, "ploidy": [2] * N, "missing": [0] * N, "probabilities": p}
    bgen = bgen_bytes(
        [
            common | {"id": i, "rsid": i, "chromosome": c, "position": q, "alleles": (a, b)}
            for c, q, i, a, b in VARIANTS
        ],
        sample_ids=PEOPLE,
    )
    yield Small("x.bgen", bgen, read)
    sample = _table("ID_1 ID_2 missing", [[0, 0, 0], *([name, name, 0] for name in PEOPLE)], " ")
    beside = lambda path: read(path.with_suffix(".bgen"))  # noqa: E731
    yield Small("x.sample", sample, beside, {"x.bgen": bgen})


def _plink2(rng):
    try:
        import pgenlib
    except ImportError:
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.pgen"
        with pgenlib.PgenWriter(bytes(path), N, variant_ct=P) as writer:
            for _ in range(P):
                writer.append_biallelic(rng.integers(0, 3, N).astype(np.int8))
        pgen = path.read_bytes()
    files = {
        "x.pgen": pgen,
        "x.psam": _table("#FID IID SEX", [["F", name, 1] for name in PEOPLE]),
        "x.pvar": _table("#CHROM POS ID REF ALT", VARIANTS),
    }
    for name in ("x.psam", "x.pvar"):
        yield Small(
            name,
            files[name],
            lambda path: readers.read_genotypes(path.with_suffix(".pgen")),
            files,
        )


def _vcf(rng):
    try:
        import cyvcf2
    except ImportError:
        return
    kinds = {"GT": 'Number=1,Type=String,Description="Call"'}
    kinds["DS"] = 'Number=A,Type=Float,Description="Dosage"'
    head = ["##fileformat=VCFv4.2", *(f"##contig=<ID={c}>" for c in ("1", "X"))]
    head += [f"##FORMAT=<ID={key},{kind}>" for key, kind in kinds.items()]
    head = "\n".join([*head, ""]).encode()
    names = " ".join(["#CHROM POS ID REF ALT QUAL FILTER INFO FORMAT", *PEOPLE])
    tables = {}
    for keys in ("GT", "GT:DS", "DS"):
        cells = {
            "GT": rng.choice(["0/0", "0|1", "1/1", "./."], (P, N)),
            "DS": rng.uniform(0, 2, (P, N)).round(2).astype(str),
        }
        rows = [
            [c, p, i, b, a, ".", "PASS", ".", keys, *map(":".join, zip(*parts, strict=True))]
            for (c, p, i, a, b), *parts in zip(
                VARIANTS, *(cells[key].tolist() for key in keys.split(":")), strict=True
            )
        ]
        tables[keys] = head + _table(names, rows)
    for data in tables.values():
        yield Small("x.vcf", data, readers.read_vcf)
    with tempfile.TemporaryDirectory() as folder:
        text, binary = Path(folder) / "x.vcf", Path(folder) / "x.bcf"
        text.write_bytes(tables["GT:DS"])
        reader = cyvcf2.VCF(str(text))
        writer = cyvcf2.Writer(str(binary), reader, mode="wb")
        for variant in reader:
            writer.write_record(variant)
        writer.close()
        yield Small("x.bcf", binary.read_bytes(), readers.read_vcf)
