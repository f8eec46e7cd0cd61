"""Print what `FinemapMiXeR.fit` finds in genotypes and a trait of few people.

    python benchmarks/finemapping_people.py [--people 200 500 2000] [--kinds one mixed ...]
        [--solvers auto susie ...] [--loci 100] [--first 0] [--csv FILE]

The coalescent windows of finemapping_calibration.py. The trait of n people is y = Z b + e, where
the columns of Z have length 1 and e ~ N(0, I), so that b are effects in units of z. Variants whose
minor allele is rarer than .01 in these people are left out. Kinds of effects:

    one         one causal variant, |z| from 4 to 8
    mixed       1 to 5, z ~ N(0, 6^2)
    background  mixed, and a small effect of every variant, N h^2 = 30 in sum
    null        no effect at all

A row per number of people, kind and solver: the columns of finemapping_calibration.py, then the
share of the variance of genetic values of 2,500 other people that their predictions explain. With
--csv, a row per locus and solver.
"""

import argparse
import time
import warnings

import numpy as np

try:
    from .evidence import ratio_and_error, write_rows
    from .finemapping_calibration import effects, line, records, window
except ImportError:  # run as a program
    from evidence import ratio_and_error, write_rows
    from finemapping_calibration import effects, line, records, window

from skgenetics import FinemapMiXeR

KINDS = "one", "mixed", "background", "null"
N_OTHERS, N_VARIANTS, BACKGROUND = 2_500, 500, 30.0


def simulate(kind, n_people, seed):
    """Genotypes and trait of n people, the causal variants, genotypes and values of others."""
    G = window(seed, N_VARIANTS)
    rng = np.random.default_rng([KINDS.index(kind), n_people, seed])
    frequency = G[:n_people].mean(axis=0) / 2
    G = G[:, np.minimum(frequency, 1 - frequency) >= 0.01]
    X, others = G[:n_people], G[-N_OTHERS:]
    mean, sd = X.mean(axis=0), X.std(axis=0)
    if kind == "one":
        b, causal = np.zeros(len(sd)), rng.choice(len(sd), 1)
        b[causal] = rng.choice([-1, 1]) * rng.uniform(4, 8)
    else:
        b, causal = effects("null" if kind == "null" else "mixed", sd**2, rng)
    if kind == "background":
        b = b + rng.normal(0, np.sqrt(BACKGROUND / len(b)), len(b))
    per_allele = b / sd / np.sqrt(n_people)
    y = (X - mean) @ per_allele + rng.normal(size=n_people)
    return X, y, causal, others, (others - mean) @ per_allele


def fit(solver, X, y, others, values):
    """PIPs, credible sets, processor seconds and mean squared error of a solver."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        start = time.process_time()
        model = FinemapMiXeR(solver=solver, random_state=0).fit(X, y)
        seconds = time.process_time() - start
    error = model.predict(others) - y.mean() - values
    sets = [one["variants"] for one in model.credible_sets_]
    return np.asarray(model.pip_), sets, seconds, np.mean(error**2)


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--people", nargs="+", type=int, default=[200, 500, 2000])
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=KINDS)
    parser.add_argument("--solvers", nargs="+", default=["auto", "susie"])
    parser.add_argument("--loci", type=int, default=100, help="of each number and kind")
    parser.add_argument("--first", type=int, default=0, help="number of the first window")
    parser.add_argument("--csv", help="file of what is counted, a row per locus and solver")
    arguments = parser.parse_args()
    rows = []
    for n_people in arguments.people:
        for kind in arguments.kinds:
            seeds = range(arguments.first, arguments.first + arguments.loci)
            loci = [simulate(kind, n_people, seed) for seed in seeds]
            truth = [causal for _, _, causal, *_ in loci]
            for solver in arguments.solvers:
                fits = [fit(solver, X, y, *rest) for X, y, _, *rest in loci]
                name = f"{kind}, {n_people:,} people"
                mine = records(name, solver, truth, [one[:3] for one in fits])
                variance = [np.mean(values**2) for *_, values in loci]
                explained = [total - one[3] for total, one in zip(variance, fits, strict=True)]
                for row, total, part in zip(mine, variance, explained, strict=True):
                    more = {"variance": round(total, 6), "explained": round(part, 6)}
                    rows.append(row | more)
                r2, error = ratio_and_error(explained, variance)
                print(f"{name:24} {line(mine)} {r2:8.3f}+-{error:.3f}", flush=True)
                if arguments.csv:
                    write_rows(arguments.csv, rows)


if __name__ == "__main__":
    main()
