"""Small scans for the tests of ``skgenetics finemap``: a panel in PLINK files, and statistics."""

import base64
import gzip
import re

import numpy as np
import pandas as pd
from scipy.stats import norm

from skgenetics.datasets import make_genotypes, make_summary_statistics

N_PEOPLE, N_VARIANTS, N_STUDY = 300, 60, 20_000
CAUSAL = (20, 130)  # one in each of the first two loci
PAIRS = [("A", "G"), ("T", "C"), ("A", "T"), ("CAT", "C")]
CENTERS = {"2": (10_000_000, 50_000_000), "6": (30_000_000,)}


def simulate(n_loci=2):
    """Return dosages (n_people, n_variants) and a GWAS-SSF table of loci far apart.

    The first lies on chromosome 2 at 10 Mb, the next at 50 Mb, the third in the MHC.
    """
    X, tables = [], []
    places = [(name, center) for name, centers in CENTERS.items() for center in centers]
    for number, (chromosome, center) in enumerate(places[:n_loci]):
        dosages = make_genotypes(N_PEOPLE, N_VARIANTS, random_state=number).data
        effects = np.zeros(N_VARIANTS)
        effects[20 if number == 0 else 10] = 0.07
        ld = np.corrcoef(dosages, rowvar=False)
        study = make_summary_statistics(
            ld=ld, effects=effects, n_samples=N_STUDY, random_state=number
        )
        f = dosages.mean(axis=0) / 2
        se = 1 / np.sqrt(2 * f * (1 - f) * N_STUDY)
        tables.append(
            pd.DataFrame(
                {
                    "chromosome": chromosome,
                    "base_pair_location": center + 1000 * np.arange(N_VARIANTS),
                    "effect_allele": [PAIRS[j % 4][0] for j in range(N_VARIANTS)],
                    "other_allele": [PAIRS[j % 4][1] for j in range(N_VARIANTS)],
                    "beta": study.z * se,
                    "standard_error": se,
                    "effect_allele_frequency": f,
                    "p_value": 2 * norm.sf(np.abs(study.z)),
                    "rsid": [f"rs{N_VARIANTS * number + j}" for j in range(N_VARIANTS)],
                    "n": N_STUDY,
                }
            )
        )
        X.append(dosages)
    return np.hstack(X), pd.concat(tables, ignore_index=True)


def write_panel(prefix, X, table, **properties):
    """Write PLINK 1 files whose A1, the counted allele, is the effect allele of `table`."""
    from bed_reader import to_bed

    people = [f"I{i}" for i in range(len(X))]
    to_bed(
        f"{prefix}.bed",
        X.astype(np.int8),
        properties={
            "fid": people,
            "iid": people,
            "sid": table["rsid"],
            "chromosome": table["chromosome"],
            "bp_position": table["base_pair_location"],
            "allele_1": table["effect_allele"],
            "allele_2": table["other_allele"],
            **properties,
        },
    )


def exchanged(table, rows):
    """Return a table whose `rows` count the other allele."""
    table = table.copy()
    one, other = table["effect_allele"].copy(), table["other_allele"].copy()
    table.loc[rows, "effect_allele"], table.loc[rows, "other_allele"] = other[rows], one[rows]
    table.loc[rows, "beta"] *= -1
    table.loc[rows, "effect_allele_frequency"] = 1 - table.loc[rows, "effect_allele_frequency"]
    return table


def read(name):
    """Read a table of results."""
    return pd.read_csv(name, sep="\t", comment="#", dtype={"chromosome": str}, low_memory=False)


def interactive_pictures(page):
    """Return what the interactive pictures of a report are drawn of, as text."""
    packed = re.findall(r'<script type="text/plain" id="item-\d+">([^<]*)<', page)
    return "".join(gzip.decompress(base64.b64decode(text)).decode() for text in packed)


def draw_nothing(_, unit, seed):
    """Stand in for the drawing of a locus."""
    unit.path.write_bytes(b"")
