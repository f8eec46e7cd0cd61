"""Print what each part of FinemapMiXeR's likelihood is worth, with it and without.

    python benchmarks/finemapping_likelihoods.py [--parts background people noise refine]
        [--loci 20] [--first 0]

Coalescent windows of 500 variants and effects as in finemapping_calibration.py, whose columns the
table has. solver="susie", no check of z against LD.

    background  mixed effects and a small effect of every variant, N h^2 = 100 in sum
    people      mixed and strong effects, a tenth of the variants known in half of the people:
                n_samples of each variant, the largest for all, those variants left out
    noise       350 people, mixed effects that explain half of the trait: residual_variance learned
                by `fit`, and 1
    refine      weak, mixed, strong and rare effects, with restarts and without
"""

import argparse
import time
import warnings

import numpy as np

try:
    from .finemapping_calibration import N_SAMPLES, N_SCAN, effects, line, records, window
except ImportError:  # run as a program
    from finemapping_calibration import N_SAMPLES, N_SCAN, effects, line, records, window

from skgenetics import FinemapMiXeR
from skgenetics.finemapping.solvers import SuSiE

BACKGROUND, N_FEW = 100.0, 350


def standardized(X):
    """Columns of mean 0 and length 1."""
    X = X.astype(np.float64)
    Z = X - X.mean(axis=0)
    return Z / np.sqrt(np.sum(Z**2, axis=0))


def wald(z, n):
    """Wald statistics of z = sqrt(n) cor(x, y)."""
    return z * np.sqrt((n - 2) / (n - z**2))


def scan(regime, seed, background=0.0):
    """z = sqrt(N) cor(x, y), LD and causal variants of a window."""
    X = window(seed, 500)[:N_SCAN]
    rng = np.random.default_rng([sum(map(ord, regime)), seed])
    Z = standardized(X)
    R = Z.T @ Z
    b, causal = effects(regime, X.astype(float).var(axis=0), rng)
    b = b + rng.normal(0, 1, len(b)) * np.sqrt(background / len(b))
    return R @ b + Z.T @ rng.normal(size=len(X)), R, causal


def background_fits(seed):
    """Fits with the background learned, and without one."""
    z, R, causal = scan("mixed", seed, BACKGROUND)
    for name, options in (("background='auto'", {}), ("background=0", {"background": 0})):
        yield name, options, (wald(z, N_SAMPLES), R, N_SAMPLES), np.arange(len(z)), causal


def people_fits(seed):
    """Fits of a scan in which a tenth of the variants is known in half of the people."""
    X = window(seed, 500)[:N_SCAN]
    rng = np.random.default_rng([5, seed])
    R = standardized(X).T @ standardized(X)
    b, causal = effects(("mixed", "strong")[seed % 2], X.astype(float).var(axis=0), rng)
    p = len(b)
    n = np.full(p, float(N_SAMPLES))
    n[rng.choice(p, p // 10, replace=False)] /= 2
    shared = np.minimum.outer(n, n) / np.sqrt(np.outer(n, n))
    values, vectors = np.linalg.eigh(R * shared)
    noise = vectors @ (np.sqrt(np.maximum(values, 0)) * rng.normal(size=p))
    z = wald(np.sqrt(n / N_SAMPLES) * (R @ b) + noise, n)
    every, full = np.arange(p), np.flatnonzero(n == N_SAMPLES)
    none = {"background": 0}
    yield "n_samples of each", none, (z, R, n), every, causal
    yield "one n_samples", none, (z, R, N_SAMPLES), every, causal
    yield "left out", none, (z[full], R[np.ix_(full, full)], N_SAMPLES), full, causal


def noise_fits(seed):
    """Fits of 350 people, the noise of the trait learned and not."""
    X = window(seed, 500)[:N_FEW]
    rng = np.random.default_rng([6, seed])
    used = np.flatnonzero(X.std(axis=0) > 0.1)
    b, causal = effects("mixed", X[:, used].astype(float).var(axis=0), rng)
    g = standardized(X[:, used]) @ b
    y = g / g.std() + rng.normal(size=N_FEW)
    for name, options in (("residual 'auto'", {}), ("residual 1", {"residual_variance": 1.0})):
        yield name, options, (X[:, used], y), np.arange(len(used)), causal


def refine_fits(seed):
    """Fits with restarts and without."""
    for regime in ("weak", "mixed", "strong", "rare"):
        z, R, causal = scan(regime, seed)
        for refine in (True, False):
            options = {"solver": SuSiE(refine=refine)}
            data = wald(z, N_SAMPLES), R, N_SAMPLES
            yield f"{regime}, refine={refine}", options, data, np.arange(len(z)), causal


PARTS = {
    "background": background_fits,
    "people": people_fits,
    "noise": noise_fits,
    "refine": refine_fits,
}


def fitted(options, data):
    """The model fitted to statistics or to genotypes and a trait, and its processor seconds."""
    model = FinemapMiXeR(**{"solver": "susie", "random_state": 0} | options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        start = time.process_time()
        if len(data) == 2:
            model.fit(*data)
        else:
            z, ld, n_samples = data
            model.fit_summary(z, ld, n_samples=n_samples, on_mismatch="ignore")
    return model, time.process_time() - start


def main():
    """Print a row per part and setting."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--parts", nargs="+", default=list(PARTS), choices=list(PARTS))
    parser.add_argument("--loci", type=int, default=20)
    parser.add_argument("--first", type=int, default=0)
    arguments = parser.parse_args()
    print(f"{arguments.loci} loci; columns as in finemapping_calibration.py")
    for part in arguments.parts:
        results = {}
        for seed in range(arguments.first, arguments.first + arguments.loci):
            for name, options, data, variants, causal in PARTS[part](seed):
                model, seconds = fitted(options, data)
                pip = np.zeros(max(variants.max(), causal.max(initial=0)) + 1)
                pip[variants] = model.pip_
                sets = [variants[one["variants"]] for one in model.credible_sets_]
                truth, fits = results.setdefault(name, ([], []))
                truth.append(causal)
                fits.append((pip, sets, seconds))
        for name, result in results.items():
            print(f"{part:11}{line(records(part, name, *result))}", flush=True)


if __name__ == "__main__":
    main()
