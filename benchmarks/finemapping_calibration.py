"""Print how far the PIPs and sets of FinemapMiXeR's solvers hold, on coalescent genotypes.

    python benchmarks/finemapping_calibration.py [--regimes weak mixed ...] [--solvers ...]
        [--loci 20] [--variants 500] [--panel 0] [--without-rival] [--first 0]

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
share of causal variants. susieR is susie_rss with its defaults on the same z and LD.
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
    from .finemapping_table import susier_fits
except ImportError:  # run as a program
    from finemapping_table import susier_fits

from skgenetics import FinemapMiXeR
from skgenetics.metrics import pip_average_precision

REGIMES = "weak", "mixed", "strong", "rare", "background", "null"
N_SAMPLES, BACKGROUND = 50_000, 30.0
N_SCAN, N_OTHERS = 5_000, 500  # people of a window: whose LD z has, and of whom panels are
BINS = np.array([0, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 1 + 1e-9])
WINDOWS = Path(tempfile.gettempdir()) / "skgenetics_windows"


def window(seed, n_variants):
    """Dosages (people, n_variants), int8, of neighboring variants; kept in a file."""
    file = WINDOWS / f"{seed}_{n_variants}.npy"
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
        trees = msprime.sim_ancestry(
            N_SCAN + N_OTHERS,
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
        X = X[np.random.default_rng(seed).permutation(len(X))]
        X = X[:, (X[:N_SCAN].std(axis=0) > 0) & (X[N_SCAN:].std(axis=0) > 0)]
        WINDOWS.mkdir(exist_ok=True)
        np.save(file, X)
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


def simulate(regime, seed, n_variants, n_panel):
    """A locus: Wald z (p,), LD (p, p) or a panel's genotypes, and the causal variants."""
    X = window(seed, n_variants)
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


def fit(solver, z, ld):
    """PIPs, credible sets and processor seconds of a solver."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        start = time.process_time()
        model = FinemapMiXeR(solver=solver, random_state=0).fit_summary(z, ld, n_samples=N_SAMPLES)
        seconds = time.process_time() - start
    return np.asarray(model.pip_), [one["variants"] for one in model.credible_sets_], seconds


def ratio(top, bottom):
    """Text of sum(top) / sum(bottom) with its standard error over loci."""
    top, bottom = np.asarray(top, dtype=float), np.asarray(bottom, dtype=float)
    if bottom.sum() == 0:
        return f"{'-':>11}"
    share, n = top.sum() / bottom.sum(), len(top)
    error = np.sqrt(np.sum((top - share * bottom) ** 2) * n / max(n - 1, 1)) / bottom.sum()
    return f"{share:.3f}+-{error:.3f}"


def row(name, truth, pips, sets, seconds):
    """The line of a method in a regime."""
    causal = [np.isin(np.arange(len(pip)), one) for pip, one in zip(pips, truth, strict=True)]
    above = [pip > 0.9 for pip in pips]
    seen = [pip > 0.01 for pip in pips]
    pairs = list(zip(pips, causal, strict=True))
    n_causal = [max(len(one), 1) if not any(map(len, truth)) else len(one) for one in truth]
    covered = [
        sum(bool(np.isin(one, true).any()) for one in found)
        for found, true in zip(sets, truth, strict=True)
    ]
    reached = [
        sum(any(variant in one for one in found) for variant in true)
        for found, true in zip(sets, truth, strict=True)
    ]
    announced = sum((1 - p)[a].sum() for a, p in zip(above, pips, strict=True))
    announced /= max(sum(a.sum() for a in above), 1)
    precision = pip_average_precision(truth, pips) if any(map(len, truth)) else np.nan
    return " ".join(
        (
            f"{name:26}{precision:6.3f} ",
            ratio([(p * c)[s].sum() for (p, c), s in zip(pairs, seen, strict=True)],
                  [(p * p)[s].sum() for (p, _), s in zip(pairs, seen, strict=True)]),
            f"{int(sum(a.sum() for a in above)):5d}",
            ratio([(a & ~c).sum() for a, (_, c) in zip(above, pairs, strict=True)],
                  [a.sum() for a in above]),
            f"({announced:.3f})",
            ratio([p.sum() for p in pips], n_causal),
            f"{sum(map(len, sets)):5d}",
            ratio(covered, [len(found) for found in sets]),
            ratio(reached, [len(true) for true in truth]),
            f"{np.median([len(one) for found in sets for one in found] or [0]):5.0f}",
            f"{np.median(seconds):8.3f}",
        )
    )  # fmt: skip


def calibration(truth, pips):
    """Lines of PIPs by bin: number, mean, share of causal variants and its standard error."""
    causal = [np.isin(np.arange(len(pip)), one) for pip, one in zip(pips, truth, strict=True)]
    lines = []
    for low, high in pairwise(BINS):
        inside = [(pip >= low) & (pip < high) for pip in pips]
        count = np.array([one.sum() for one in inside])
        if count.sum():
            mean = sum(pip[one].sum() for pip, one in zip(pips, inside, strict=True)) / count.sum()
            share = ratio([c[one].sum() for c, one in zip(causal, inside, strict=True)], count)
            lines.append(
                f"    {low:4.2f}-{min(high, 1):4.2f} {count.sum():7d}  {mean:.3f}  {share}"
            )
    return lines


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--regimes", nargs="+", default=list(REGIMES), choices=REGIMES)
    parser.add_argument("--solvers", nargs="+", default=["auto", "gibbs"])
    parser.add_argument("--loci", type=int, default=20, help="of each regime")
    parser.add_argument("--first", type=int, default=0, help="number of the first window")
    parser.add_argument("--variants", type=int, default=500)
    parser.add_argument("--panel", type=int, default=0, help="people of the panel; 0: own LD")
    parser.add_argument("--without-rival", action="store_true")
    arguments = parser.parse_args()
    if arguments.panel == arguments.variants:
        parser.error("a square array is always r: take one person less for the panel")
    names = list(arguments.solvers)
    if shutil.which("Rscript") is not None and not arguments.without_rival:
        names.append("susieR")
    warm_z, warm_ld, _ = simulate("mixed", arguments.first, arguments.variants, 0)
    for solver in arguments.solvers:
        fit(solver, warm_z[:50], warm_ld[:50, :50])  # compiles
    pooled = {name: ([], []) for name in names}
    print(
        f"{arguments.loci} loci a regime, {arguments.variants} variants, "
        f"LD of {arguments.panel or 'the scan'}\n{'':10} {'':26}    AP       slope  > .9  false"
        "  (announced)  sum/effects  sets    coverage       power  size  seconds"
    )
    for regime in arguments.regimes:
        loci = [
            simulate(regime, seed, arguments.variants, arguments.panel)
            for seed in range(arguments.first, arguments.first + arguments.loci)
        ]
        truth = [causal for *_, causal in loci]
        for name in names:
            if name == "susieR":
                fits = susier_fits([(z, correlations(ld)) for z, ld, _ in loci], N_SAMPLES)
            else:
                fits = [fit(name, z, ld) for z, ld, _ in loci]
            pips, sets, seconds = zip(*fits, strict=True)
            pooled[name][0].extend(truth)
            pooled[name][1].extend(pips)
            print(f"{regime:10} {row(name, truth, pips, sets, seconds)}", flush=True)
    for name, (truth, pips) in pooled.items():
        print(f"{name}, all regimes: PIPs of, number, mean, causal")
        print("\n".join(calibration(truth, pips)))


if __name__ == "__main__":
    main()
