"""Files of genotypes that change between being opened and being read."""

import os
from pathlib import Path

import numpy as np
import pytest

from skgenetics.io import read_bgen, read_plink, read_plink2
from tests.oracles.bgen import write_bgen

pytest.importorskip("pandas")

N_PEOPLE, N_VARIANTS = 50, 20


def plink(folder, X):
    to_bed = pytest.importorskip("bed_reader").to_bed
    to_bed(folder / "study.bed", X)
    return read_plink(folder / "study"), folder / "study.bed"


def plink2(folder, X):
    pgenlib = pytest.importorskip("pgenlib")
    path = folder / "study.pgen"
    with pgenlib.PgenWriter(os.fsencode(path), N_PEOPLE, variant_ct=N_VARIANTS) as writer:
        for column in X.T:
            writer.append_biallelic(np.ascontiguousarray(column))
    rows = (f"1\t{j + 1}\trs{j}\tC\tA\n" for j in range(N_VARIANTS))
    path.with_suffix(".pvar").write_text("#CHROM\tPOS\tID\tREF\tALT\n" + "".join(rows))
    path.with_suffix(".psam").write_text("#IID\n" + "".join(f"I{i}\n" for i in range(N_PEOPLE)))
    return read_plink2(folder / "study"), path


def bgen(folder, X):
    path = folder / "study.bgen"
    same = {"chromosome": "1", "alleles": ["C", "A"], "phased": False}
    people = {"ploidy": [2] * N_PEOPLE, "missing": [False] * N_PEOPLE}
    variants = [
        same | people | {"id": "", "rsid": f"rs{j}", "position": j, "probabilities": np.eye(3)[x]}
        for j, x in enumerate(X.T)
    ]
    write_bgen(path, variants, sample_ids=[f"I{i}" for i in range(N_PEOPLE)])
    return read_bgen(path), path


def truncate(share):
    return lambda path: os.truncate(path, int(share * path.stat().st_size))


@pytest.mark.parametrize("kind", [plink, plink2, bgen])
@pytest.mark.parametrize("change", [Path.unlink, truncate(0), truncate(0.5), truncate(0.999)])
def test_a_file_that_changes_after_it_was_opened_is_named(tmp_path, kind, change):
    X = np.random.default_rng(0).integers(0, 3, size=(N_PEOPLE, N_VARIANTS)).astype(np.int8)
    genotypes, path = kind(tmp_path, X)
    np.testing.assert_allclose(genotypes[:], X, atol=1e-6)
    change(path)
    with pytest.raises((OSError, ValueError), match=path.name):
        genotypes[:]
