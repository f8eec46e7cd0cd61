"""Calibrate the limits of `skgenetics.finemapping.ld_mismatch`: false alarms, power, and harm.

    python benchmarks/calibrate_ld_mismatch.py [repetitions] [seed] [PLINK prefix]

A locus of 1,000 variants with 1 to 3 effects is simulated in a population of 4,000 people (or half
of the people of a PLINK file). The table has a row per source of the LD, kind of error, and largest
z. Its columns are

* the impact of the estimated mismatch, median and largest, and how often the impact,
  non-convergence or linked effects raise the alarm;
* how often flipped alleles are reported, and how many of the reported ones are true;
* per fit, the credible sets without an effect and the wrong variants of PIP > .9, under
  on_mismatch="ignore", "one_effect" and "shrink", all without `panel_size`. This script computes
  "shrink": it shrinks the LD to the estimate, and fits one effect if a doubt remains;
* alarms, effects in a credible set, sets without an effect, and wrong variants of PIP > .9 of
  FinemapMiXeR with `panel_size`.
"""

import sys
import warnings

import numpy as np

from skgenetics import FinemapMiXeR
from skgenetics.datasets import make_genotypes
from skgenetics.finemapping._diagnostics import (
    IMPACT_LIMIT,
    fit_doubts,
    ld_mismatch,
    screen_mismatch,
)
from skgenetics.loci._ld import DenseLD

N_VARIANTS = 1000
N_SAMPLES = 1_000_000
LARGEST_Z = (5, 10, 20, 40)


def standardized(X):
    """Return X (n, p) with columns of mean 0 and length 1; constant ones become 0."""
    X = X - X.mean(axis=0)
    length = np.sqrt(np.sum(X**2, axis=0))
    return X / np.where(length > 0, length, 1)


def people(rng, prefix):
    """Return genotypes of a population and of other people from it, all columns varying."""
    if prefix is None:
        X = make_genotypes(4500, N_VARIANTS, random_state=rng.integers(2**31)).data
        return X[:4000].astype(float), X[4000:].astype(float)
    from bed_reader import open_bed

    with open_bed(prefix + ".bed") as bed:
        variants = np.flatnonzero(bed.chromosome == rng.choice(np.unique(bed.chromosome)))
        first = rng.integers(len(variants) - N_VARIANTS)
        X = bed.read(np.s_[:, variants[first : first + N_VARIANTS]], dtype="float64")
    X = rng.permutation(np.where(np.isnan(X), np.nanmean(X, axis=0), X))
    half = len(X) // 2
    varies = (X[:half].std(axis=0) > 0.1) & (X[half:].std(axis=0) > 0.1)
    return X[:half, varies], X[half:, varies]


def panels(population, others, rng):
    """Yield the name, the standardized genotypes and the people of each panel."""
    yield "in-sample", standardized(population), np.inf
    yield f"{len(others)} others", standardized(others), len(others)
    few = others[rng.choice(len(others), size=100, replace=False)]
    yield "100 others", standardized(few), 100


def disturbances(z, signal, noise, rng):
    """Yield names of errors, z with them, and the variants that are wrong."""
    p = len(z)
    yield "", z, []
    strong = [rng.choice(np.flatnonzero(np.abs(z) > 0.5 * np.abs(z).max()))]
    for name, wrong in (("1 flip", strong), ("2% flips", rng.choice(p, p // 50, replace=False))):
        flipped = z.copy()
        flipped[wrong] *= -1
        yield name, flipped, wrong
    wrong = rng.choice(p, p // 20, replace=False)
    share = rng.uniform(0.3, 0.7, size=len(wrong))  # of the people have these variants
    other = z.copy()
    other[wrong] = np.sqrt(share) * (signal[wrong] + np.sqrt(share) * noise[wrong])
    other[wrong] += np.sqrt(1 - share) * rng.normal(size=len(wrong))
    yield "5% other n", other, []


def fit_and_doubts(z, ld, **parameters):
    """Return a fit and what is doubtful about it and about its z and LD."""
    settings = {"n_samples": N_SAMPLES, "on_mismatch": "ignore"}
    fit = FinemapMiXeR(solver="susie", **parameters).fit_summary(z, ld, **settings)
    leads = [credible_set["variants"][0] for credible_set in fit.credible_sets_]
    leads = np.union1d(leads, np.flatnonzero(fit.pip_ > 0.5))
    ld = DenseLD(ld)
    doubts = fit_doubts(leads, ld, converged=fit.converged_)
    return fit, doubts, screen_mismatch(fit.z_, ld).doubts()


def measure(z, ld, causal, wrong, people):
    """Return what the functions say of one locus, and the harm done with and without them."""
    report = ld_mismatch(z, ld, N_SAMPLES)
    fit, doubts, mismatch = fit_and_doubts(z, ld)
    linked = any("two effects" in doubt for doubt in doubts)
    one = shrunk = fit
    if doubts or mismatch:
        one, _, _ = fit_and_doubts(z, ld, max_effects=1)
        s = report.estimate
        shrunk, *still = fit_and_doubts(z, (1 - s) * ld + s * np.eye(len(z)))
        if any(still):
            shrunk = one
    row = [report.impact, report.impact > IMPACT_LIMIT, not fit.converged_, linked]
    row += [bool(doubts or mismatch), len(report.flipped) > 0]
    row += [len(set(report.flipped) & set(wrong)), len(report.flipped)]
    told = FinemapMiXeR().fit_summary(z, ld, n_samples=N_SAMPLES, panel_size=people)
    for model in (fit, one, shrunk, told):
        row.append(sum(not set(s["variants"]) & set(causal) for s in model.credible_sets_))
        row.append(np.sum(np.delete(model.pip_, causal) > 0.9))
    in_sets = {variant for s in told.credible_sets_ for variant in s["variants"]}
    return [*row, told.ld_mismatch_, len(in_sets & set(causal)) / len(causal)]


def main(repetitions=10, seed=0, prefix=None):
    """Print the table."""
    warnings.simplefilter("ignore")
    rng = np.random.default_rng(seed)
    rows = {}
    for _ in range(repetitions):
        population, others = people(rng, prefix)
        scan = standardized(population)
        p = scan.shape[1]
        causal = rng.choice(p, rng.integers(1, 4), replace=False)
        effects = np.zeros(p)
        effects[causal] = rng.normal(size=len(causal))
        shape, noise = scan.T @ (scan @ effects), scan.T @ rng.normal(size=len(scan))
        for largest in LARGEST_Z:
            signal = shape * largest / np.abs(shape).max()
            for panel, Z, people_of_panel in panels(population, others, rng):
                ld = Z.T @ Z
                np.fill_diagonal(ld, 1.0)
                for error, z, wrong in disturbances(signal + noise, signal, noise, rng):
                    if panel == "100 others" and error:
                        continue
                    row = measure(z, ld, causal, wrong, people_of_panel)
                    rows.setdefault((panel, error, largest), []).append(row)
    names = "impact(median) (max) estimate no-conv linked ALARM flips true/found"
    print(f"{'LD':12} {'error':10} {'max z':>5} {names}  false sets, false PIP>.9: "
          "ignore  one effect  shrink; told: alarm power false sets, PIP>.9")  # fmt: skip
    for (panel, error, largest), measured in rows.items():
        table = np.array(measured, dtype=float)
        m = table.mean(axis=0)
        print(
            f"{panel:12} {error:10} {largest:5} {np.median(table[:, 0]):9.2f} "
            f"{table[:, 0].max():8.2f} {m[1]:8.2f} {m[2]:7.2f} {m[3]:6.2f} {m[4]:5.2f} {m[5]:5.2f} "
            f"{m[6]:5.2f}/{m[7]:<5.2f}   "
            + "  ".join(f"{m[k]:5.2f} {m[k + 1]:5.2f}" for k in (8, 10, 12))
            + f"   {m[16]:5.2f} {m[17]:5.2f} {m[14]:5.2f} {m[15]:5.2f}"
        )


if __name__ == "__main__":
    main(*(int(value) for value in sys.argv[1:3]), *sys.argv[3:])
