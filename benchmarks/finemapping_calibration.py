"""Print how far the PIPs and sets of FinemapMiXeR's solvers hold, on coalescent genotypes.

    python benchmarks/finemapping_calibration.py [--regimes weak mixed ...] [--solvers ...]
        [--loci 20] [--variants 500] [--panel 0] [--rivals susieR ...] [--first 0] [--csv FILE]
        [--split 0] [--annotation true | noise]

Windows are of neighboring variants (MAF above .01) of 5,500 people of European history, simulated
by msprime and kept in a folder of the system's temporary files. z ~ N(sqrt(N) R b, R) for N =
50,000 people, R being the LD of 5,000 of the 5,500. The methods see R, or with --panel m the
genotypes of m others. Regimes, 1 to 5 causal variants each but the last:

    weak        |z| from 3.5 to 6 each
    mixed       z ~ N(0, 6^2)
    strong      |z| from 8 to 30
    rare        z ~ N(0, 6^2) sqrt(.18 / H): rare variants have larger effects
    background  mixed, and a small effect of every variant, N h^2 = 30 in sum
    null        no effect at all

A row per regime and solver: average precision (AP) of pooled PIPs; slope of the truth on PIPs above
.01; PIPs above .9, the share of them that is false, and the share that they announce; sum of PIPs
over number of effects (null: a locus); coverage and power of the credible sets; median processor
seconds. A number after +- is a standard error, loci being the units. Then PIPs by bin: mean PIP and
share of causal variants. susieR is susie_rss on the same z and LD, with its defaults or those of
RIVALS, some of which need susieR 0.16. With --csv, a row per locus and method, from which the
documentation's tables are made.

With --split T the panel is of a population of 5,000 people that left the scan's T generations ago.
With --annotation true the solvers are told which variants are annotated: .15 of all and .6 of the
causal ones. With noise, the annotation is normal and tells nothing.
"""

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import argparse
import shutil
import tempfile
import time
import warnings
from itertools import pairwise
from pathlib import Path

import numpy as np

try:
    from .evidence import ratio_and_error, write_rows
    from .finemapping_table import susier_fits
except ImportError:  # run as a program
    from evidence import ratio_and_error, write_rows
    from finemapping_table import susier_fits

from skgenetics import FinemapMiXeR

RIVALS = {
    "susieR": "",
    "susieR-refine": "refine = TRUE",
    "susieR-background": 'unmappable_effects = "inf"',
    "susieR-panel": "R_finite = {panel}",
    "susieR-mismatch": 'R_finite = {panel}, R_mismatch = "eb"',
}
REGIMES = "weak", "mixed", "strong", "rare", "background", "null"
N_SAMPLES, BACKGROUND = 50_000, 30.0
N_SCAN, N_OTHERS = 5_000, 500  # people of a window: whose LD z has, and of whom panels are
SIZE_OF_OTHERS = 5_000  # of a population of others, if they are of another
BINS = np.array([0, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 1 + 1e-9])
WINDOWS = Path(tempfile.gettempdir()) / "skgenetics_windows"


def window(seed, n_variants, split=0):
    """Dosages (people, n_variants), int8, of neighboring variants; kept in a file.

    If `split` is not 0, the others are of a population that left so many generations ago.
    """
    file = WINDOWS / f"{seed}_{n_variants}{f'_{split}' if split else ''}.npy"
    if not file.exists():
        import msprime

        history = msprime.Demography()
        start = 1032 * np.exp(0.00307 * (920 - 205))  # Tennessen et al. 2012, Europeans
        history.add_population(
            name="eur", initial_size=start * np.exp(0.0195 * 205), growth_rate=0.0195
        )
        for generation, size, growth in ((205, start, 0.00307), (920, 1861, 0), (2040, 14474, 0)):
            history.add_population_parameters_change(
                time=generation, initial_size=size, growth_rate=growth, population="eur"
            )
        history.add_population_parameters_change(time=5920, initial_size=7310, population="eur")
        people = {"eur": N_SCAN + N_OTHERS}
        if split:
            history.add_population(name="others", initial_size=SIZE_OF_OTHERS)
            history.add_mass_migration(time=split, source="others", dest="eur", proportion=1)
            history.sort_events()
            people = {"eur": N_SCAN, "others": N_OTHERS}
        trees = msprime.sim_ancestry(
            people,
            demography=history,
            sequence_length=1500 * n_variants,
            recombination_rate=1e-8,
            random_seed=seed + 1,
        )
        trees = msprime.sim_mutations(trees, rate=1.25e-8, random_seed=seed + 1)
        columns = []
        for variant in trees.variants():
            haplotypes = (variant.genotypes > 0).astype(np.int8)
            if 0.01 < haplotypes.mean() < 0.99:
                columns.append(haplotypes[0::2] + haplotypes[1::2])
        if len(columns) < n_variants:
            raise ValueError(f"Window {seed} has only {len(columns)} variants.")
        X = np.array(columns[:n_variants], dtype=np.int8).T
        if not split:
            X = X[np.random.default_rng(seed).permutation(len(X))]
        X = X[:, (X[:N_SCAN].std(axis=0) > 0) & (X[N_SCAN:].std(axis=0) > 0)]
        WINDOWS.mkdir(exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=WINDOWS, suffix=".part", delete=False) as part:
            np.save(part, X)
        os.replace(part.name, file)  # two runs may make the same window
    return np.load(file)


def effects(regime, heterozygosity, rng):
    """Expected z of each causal variant alone (p,), and the causal variants."""
    p, b = len(heterozygosity), np.zeros(len(heterozygosity))
    if regime == "null":
        return b, np.array([], dtype=int)
    k = rng.integers(1, 6)
    causal, sign = rng.choice(p, k, replace=False), rng.choice([-1, 1], k)
    if regime == "weak":
        b[causal] = sign * rng.uniform(3.5, 6, k)
    elif regime == "strong":
        b[causal] = sign * np.exp(rng.uniform(np.log(8), np.log(30), k))
    elif regime == "rare":
        b[causal] = rng.normal(0, 6, k) * np.sqrt(0.18 / heterozygosity[causal])
        b[causal] = np.clip(b[causal], -40, 40)
    else:
        b[causal] = rng.normal(0, 6, k)
    return b, np.sort(causal)


def simulate(regime, seed, n_variants, n_panel, split=0):
    """A locus: Wald z (p,), LD (p, p) or a panel's genotypes, and the causal variants."""
    X = window(seed, n_variants, split)
    if n_panel:  # whose LD of other variants is unknown
        X = X[:, X[N_SCAN : N_SCAN + n_panel].std(axis=0) > 0]
    rng = np.random.default_rng([REGIMES.index(regime), seed])
    scan = X[:N_SCAN].astype(np.float64)
    Z = (scan - scan.mean(axis=0)) / scan.std(axis=0) / np.sqrt(N_SCAN)
    R = Z.T @ Z
    b, causal = effects(regime, scan.var(axis=0), rng)
    if regime == "background":
        b = b + rng.normal(0, np.sqrt(BACKGROUND / len(b)), len(b))
    z = R @ b + Z.T @ rng.normal(size=N_SCAN)
    z = z * np.sqrt((N_SAMPLES - 2) / (N_SAMPLES - z**2))  # Wald statistics of N people
    return z, X[N_SCAN : N_SCAN + n_panel] if n_panel else R, causal


def correlations(ld):
    """The LD matrix that susieR is given."""
    return ld if ld.shape[0] == ld.shape[1] else np.corrcoef(ld.T.astype(float))


def annotation(kind, seed, n_variants, causal):
    """The annotation (p, 1) of a locus, or None."""
    rng = np.random.default_rng([seed, 77])
    annotated = (rng.random(n_variants) < 0.15).astype(float)
    annotated[causal] = rng.random(len(causal)) < 0.6
    noise = rng.normal(size=n_variants)
    return {None: None, "true": annotated[:, None], "noise": noise[:, None]}[kind]


def fit(solver, z, ld, annotations=None):
    """PIPs, credible sets and processor seconds of a solver."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        start = time.process_time()
        model = FinemapMiXeR(solver=solver, annotations=annotations, random_state=0)
        model.fit_summary(z, ld, n_samples=N_SAMPLES)
        seconds = time.process_time() - start
    return np.asarray(model.pip_), [one["variants"] for one in model.credible_sets_], seconds


def records(regime, name, truth, fits):
    """What is counted at each locus of a regime, a dict per locus, of one method's fits.

    `precision` sums, over the causal variants of the locus, the share of causal variants among all
    of the regime whose PIP is as large: its sum over n_causal is the average precision.
    """
    pips = [pip for pip, *_ in fits]
    masks = [np.isin(np.arange(len(pip)), one) for pip, one in zip(pips, truth, strict=True)]
    every, every_causal = np.sort(np.concatenate(pips)), np.concatenate(pips)[np.concatenate(masks)]
    every_causal.sort()
    rows = []
    for k, ((pip, sets, seconds), causal) in enumerate(zip(fits, masks, strict=True)):
        at_least = [len(one) - np.searchsorted(one, pip[causal]) for one in (every_causal, every)]
        seen, above = pip > 0.01, pip > 0.9
        counts = {
            "n_causal": causal.sum(),
            "precision": np.sum(at_least[0] / at_least[1]),
            "seen_true": (pip * causal)[seen].sum(),
            "seen_square": (pip * pip)[seen].sum(),
            "above": above.sum(),
            "above_false": (above & ~causal).sum(),
            "above_announced": (1 - pip)[above].sum(),
            "pip_sum": pip.sum(),
            "sets": len(sets),
            "sets_true": sum(bool(causal[one].any()) for one in sets),
            "causal_in_sets": causal[np.unique(np.concatenate([*sets, []])).astype(int)].sum(),
            "sizes": " ".join(str(len(one)) for one in sets),
            "seconds": round(seconds, 4),
        }
        place = np.digitize(pip, BINS) - 1
        for label, weights in (("count", None), ("said", pip), ("true", causal)):
            bins = np.bincount(place, weights, minlength=len(BINS) - 1)
            counts |= {f"{label}_{i}": value for i, value in enumerate(bins)}
        counts = {key: value if isinstance(value, str) else round(float(value), 5)
                  for key, value in counts.items()}  # fmt: skip
        rows.append({"regime": regime, "locus": k, "method": name, **counts})
    return rows


def columns(rows):
    """The figures of a method in a regime: {column: (value, standard error or None)}."""
    total = {key: [row[key] for row in rows] for key in rows[0]}
    n_causal = total["n_causal"]
    sizes = [float(size) for row in rows for size in str(row["sizes"]).split()]
    return {
        "AP": (ratio_and_error(total["precision"], n_causal)[0], None),
        "slope": ratio_and_error(total["seen_true"], total["seen_square"]),
        "> .9": (sum(total["above"]), None),
        "false": ratio_and_error(total["above_false"], total["above"]),
        "announced": ratio_and_error(total["above_announced"], total["above"]),
        "sum": ratio_and_error(total["pip_sum"], n_causal if sum(n_causal) else [1] * len(rows)),
        "sets": (sum(total["sets"]), None),
        "coverage": ratio_and_error(total["sets_true"], total["sets"]),
        "power": ratio_and_error(total["causal_in_sets"], n_causal),
        "size": (np.median(sizes) if sizes else np.nan, None),
        "seconds": (np.median(total["seconds"]), None),
    }


def calibration(rows):
    """PIPs by bin: (low, high, number, mean, share of causal variants, its standard error)."""
    bins = []
    for i, (low, high) in enumerate(pairwise(BINS)):
        count, said, true = (
            [row[f"{key}_{i}"] for row in rows] for key in ("count", "said", "true")
        )
        if sum(count):
            share = ratio_and_error(true, count)
            bins.append((low, min(high, 1), int(sum(count)), sum(said) / sum(count), *share))
    return bins


def line(rows):
    """The printed line of a method in a regime."""
    cells = [f"{rows[0]['method']:26}"]
    for name, (value, error) in columns(rows).items():
        digits = 0 if name in ("> .9", "sets", "size") else 3
        cells.append(f"{value:8.{digits}f}" + (f"+-{error:.3f}" if error is not None else ""))
    return " ".join(cells)


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--regimes", nargs="+", default=list(REGIMES), choices=REGIMES)
    parser.add_argument("--solvers", nargs="*", default=["auto", "gibbs"])
    parser.add_argument("--loci", type=int, default=20, help="of each regime")
    parser.add_argument("--first", type=int, default=0, help="number of the first window")
    parser.add_argument("--variants", type=int, default=500)
    parser.add_argument("--panel", type=int, default=0, help="people of the panel; 0: own LD")
    parser.add_argument("--split", type=int, default=0, help="generations since theirs left")
    parser.add_argument("--rivals", nargs="*", default=["susieR"], choices=list(RIVALS))
    parser.add_argument("--annotation", choices=["true", "noise"])
    parser.add_argument("--csv", help="file of what is counted, a row per locus and method")
    arguments = parser.parse_args()
    if arguments.panel == arguments.variants:
        parser.error("a square array is always r: take one person less for the panel")
    names = list(arguments.solvers)
    if shutil.which("Rscript") is not None:
        names += arguments.rivals
    warm_z, warm_ld, _ = simulate("mixed", arguments.first, arguments.variants, 0, arguments.split)
    for solver in arguments.solvers:
        fit(solver, warm_z[:50], warm_ld[:50, :50])  # compiles
    rows = []
    print(
        f"{arguments.loci} loci a regime, {arguments.variants} variants, "
        f"LD of {arguments.panel or 'the scan'}; columns: AP, slope, > .9, false, announced, "
        "sum/effects, sets, coverage, power, size, seconds"
    )
    for regime in arguments.regimes:
        loci = [
            simulate(regime, seed, arguments.variants, arguments.panel, arguments.split)
            for seed in range(arguments.first, arguments.first + arguments.loci)
        ]
        truth = [causal for *_, causal in loci]
        for name in names:
            if name in RIVALS:
                posed = [(z, correlations(ld)) for z, ld, _ in loci]
                fits = susier_fits(posed, N_SAMPLES, RIVALS[name].format(panel=arguments.panel))
            else:
                fits = [
                    fit(name, z, ld, annotation(arguments.annotation, seed, len(z), causal))
                    for seed, (z, ld, causal) in enumerate(loci, start=arguments.first)
                ]
            rows += records(regime, name, truth, fits)
            print(f"{regime:10} {line(rows[-len(loci) :])}", flush=True)
            if arguments.csv:
                write_rows(arguments.csv, rows)
    for name in names:
        print(f"{name}, all regimes: PIPs of, number, mean, causal")
        for low, high, count, said, true, error in calibration(
            [row for row in rows if row["method"] == name]
        ):
            print(f"    {low:4.2f}-{high:4.2f} {count:7d}  {said:.3f}  {true:.3f}+-{error:.3f}")


if __name__ == "__main__":
    main()
