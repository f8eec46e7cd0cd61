"""Print how far PIPs, sets and local false sign rates of many traits hold, on coalescent genotypes.

    python benchmarks/multitrait_calibration.py [--traits 2 5 20] [--effects shared sparse ...]
        [--loci 40] [--people 600] [--variants 500] [--panel M [--background 0]] [--independent]
        [--csv FILE]

Windows of neighboring variants are those of finemapping_calibration.py. Three variants act; they
explain .1 of the variance of every trait that they act on:

    shared   each has the same effect on all traits
    sparse   each acts on every trait with probability 1/2, effects are independent
    mixed    one shared, one of independent effects on all traits, one on a single trait
    null     no effect at all

With --panel M the data are z of scans of 50,000 people, of independent noise, in which the three
explain .02 of a trait, and the LD is that of the dosages of M others, or with 0 that of the scans.
Every variant has a small effect beside them, --background N h^2 in sum.

With --independent the dosages of every variant are drawn anew among the people, and 30 variants act
in place of three, ten times as many of each kind. They explain half of every trait.

A row per number of traits, kind of effects and solver: average precision of PIPs, averaged over
loci; sum of PIPs over number of effects (null: a locus); PIPs above .9, and the share of them that
is false; credible sets, the share that holds a causal variant, and their median size; pairs of set
(of variant, with coordinate ascent and --independent) and trait of lfsr < .05, the share whose sign
is wrong or whose true effect is 0, and the share that they announce; median seconds. "per trait" is
single_effects on one trait at a time, "canonical" is single_effects without the covariances of
subsets of up to five traits, "without background" is single_effects of scans with polygenic=0.
"""

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import argparse
import time
import warnings

import numpy as np
from sklearn.metrics import average_precision_score

try:
    from .evidence import write_rows
    from .finemapping_calibration import N_SAMPLES, N_SCAN, window
except ImportError:  # run as a program
    from evidence import write_rows
    from finemapping_calibration import N_SAMPLES, N_SCAN, window

from skgenetics import MMASHRegressor

N_EFFECTS, EXPLAINED, EXPLAINED_IN_SCAN = 3, 0.1, 0.02
N_GROUPS, EXPLAINED_INDEPENDENTLY = 10, 0.5


def effects_of(kind, n_traits, rng):
    """Effects (3, J) of the kind."""
    if kind == "null":
        return np.zeros((N_EFFECTS, n_traits))
    if kind == "shared":
        return np.repeat(rng.normal(size=(N_EFFECTS, 1)), n_traits, axis=1)
    effects = rng.normal(size=(N_EFFECTS, n_traits))
    if kind == "sparse":
        return effects * (rng.random(effects.shape) < 0.5)
    effects[0] = effects[0, 0]
    effects[2] *= np.arange(n_traits) == rng.integers(n_traits)
    return effects


def locus(seed, kind, n_traits, n_people, n_variants, *, independent=False):
    """X (n, p), Y (n, J) and the true effects (p, J) per standard deviation of the variant."""
    rng = np.random.default_rng([seed, n_traits])
    X = window(seed, n_variants)[:n_people]
    X = X[:, X.std(axis=0) > 0]
    n_groups, explained = (N_GROUPS, EXPLAINED_INDEPENDENTLY) if independent else (1, EXPLAINED)
    X = rng.permuted(X, axis=0) if independent else X
    B = np.zeros((X.shape[1], n_traits))
    effects = np.concatenate([effects_of(kind, n_traits, rng) for _ in range(n_groups)])
    B[rng.choice(X.shape[1], len(effects), replace=False)] = effects
    genetic = (X - X.mean(axis=0)) / X.std(axis=0) @ B
    sd = genetic.std(axis=0)
    scale = np.sqrt(explained) * np.divide(1, sd, out=np.zeros(n_traits), where=sd > 0)
    noise = rng.normal(size=genetic.shape) * np.where(sd > 0, np.sqrt(1 - explained), 1)
    return X, genetic * scale + noise, B * scale


def scan(seed, kind, n_traits, n_variants, n_panel, background):
    """Dosages of the scan, z (p, J) and LD or a panel, and the effects (p, J) on z."""
    rng = np.random.default_rng([seed, n_traits, 9])
    X = window(seed, n_variants)
    Z = X[:N_SCAN] - X[:N_SCAN].mean(axis=0)
    Z /= np.sqrt(np.sum(Z**2, axis=0))
    B = np.zeros((X.shape[1], n_traits))
    B[rng.choice(X.shape[1], N_EFFECTS, replace=False)] = effects_of(kind, n_traits, rng)
    sd = np.sqrt(np.sum((Z @ B) ** 2, axis=0))
    B *= np.sqrt(EXPLAINED_IN_SCAN * N_SAMPLES) * np.divide(1, sd, out=0 * sd, where=sd > 0)
    small = rng.normal(size=B.shape) * np.sqrt(background / len(B))
    z = Z.T @ (Z @ (B + small) + rng.normal(size=(N_SCAN, n_traits)))
    panel = X[N_SCAN : N_SCAN + n_panel]
    return X[:N_SCAN], (z, panel[panel.shape[0] == panel.shape[1] :] if n_panel else Z.T @ Z), B


def fit(name, data, *, summary=False):
    """PIPs (p,), and the model that has them if there is one."""
    if name == "per trait":
        X, Y = data[::-1] if summary else data
        pips = [
            fit("single_effects", (y, X) if summary else (X, y), summary=summary)[0] for y in Y.T
        ]
        return 1 - np.prod(1 - np.stack(pips), axis=0), None
    settings = {"solver": name, "polygenic": "auto" if summary else 0}
    if name == "without background":
        settings = {"solver": "single_effects", "polygenic": 0}
    if name == "canonical":
        settings |= {"solver": "single_effects", "covariances": "canonical"}
    model = MMASHRegressor(**settings)
    if summary:
        n_traits = data[0].shape[1] if data[0].ndim > 1 else 1
        model.fit_summary(*data, n_samples=N_SAMPLES, trait_correlation=np.eye(n_traits))
    else:
        model.fit(*data)
    return model.pip_, model


def measured(name, kind, n_traits, seed, arguments):
    """What one locus says of a solver: counts and sums."""
    if arguments.panel is None:
        shape = n_traits, arguments.people, arguments.variants
        X, Y, B = locus(seed, kind, *shape, independent=arguments.independent)
        data = X, Y
    else:
        X, data, B = scan(
            seed, kind, n_traits, arguments.variants, arguments.panel, arguments.background
        )
    causal = np.any(B != 0, axis=1)
    start = time.process_time()
    pip, model = fit(name, data, summary=arguments.panel is not None)
    seconds = time.process_time() - start
    sizes, sets_true, claims = [], 0, []
    if arguments.independent and name == "coordinate_ascent":
        said = model.lfsr_ < 0.05
        wrong = np.sign(model.coef_) != np.sign(B.T)
        claims = [*zip(model.lfsr_[said], wrong[said], strict=True)]
    for credible_set in getattr(model, "credible_sets_", []):
        held = [v for v in credible_set["variants"] if causal[v]]
        sizes.append(len(credible_set["variants"]))
        sets_true += bool(held)
        if held:
            lead, r = credible_set["variants"][0], 1.0  # whose counted allele effects are of
            if held[0] != lead:
                r = np.corrcoef(X[:, lead], X[:, held[0]])[0, 1]
            wrong = np.sign(credible_set["effect"]) != np.sign(r * B[held[0]])
            claims += [c for c in zip(credible_set["lfsr"], wrong, strict=True) if c[0] < 0.05]
    high = pip > 0.9
    return {
        "traits": n_traits,
        "effects": kind,
        "locus": seed,
        "method": name,
        "n_causal": int(causal.sum()),
        "precision": round(average_precision_score(causal, pip), 5) if causal.any() else 0.0,
        "pip_sum": round(float(pip.sum()), 5),
        "above": int(high.sum()),
        "above_false": int((high & ~causal).sum()),
        "sets": len(sizes),
        "sets_true": sets_true,
        "sizes": " ".join(map(str, sizes)),
        "claims": len(claims),
        "claims_wrong": int(sum(wrong for _, wrong in claims)),
        "claims_said": round(float(sum(lfsr for lfsr, _ in claims)), 6),
        "seconds": round(seconds, 3),
    }


def line(rows):
    """One line of the table, of the loci of a solver."""
    total = {
        key: sum(row[key] for row in rows)
        for key in (
            *("n_causal", "pip_sum", "above", "above_false", "sets", "sets_true"),
            *("claims", "claims_wrong", "claims_said"),
        )
    }
    first, precision = rows[0], np.array([row["precision"] for row in rows])
    text = f"J={first['traits']:2d} {first['effects']:7s} {first['method']:18s} "
    text += f"AP {precision.mean():.3f} +-{precision.std() / np.sqrt(len(rows)):.3f}"
    text += f", sum {total['pip_sum'] / (total['n_causal'] or len(rows)):.2f}, {total['above']:3d} "
    text += f"above .9 false {total['above_false'] / max(total['above'], 1):.3f}"
    if total["sets"]:
        sizes = [int(size) for row in rows for size in row["sizes"].split()]
        text += f", {total['sets']} sets hold {total['sets_true'] / total['sets']:.3f}, size "
        text += f"{np.median(sizes):.0f}"
    if total["claims"]:
        wrong, said = (total[key] / total["claims"] for key in ("claims_wrong", "claims_said"))
        text += f", {total['claims']} lfsr < .05 wrong {wrong:.3f} said {said:.3f}"
    return f"{text}, {np.median([row['seconds'] for row in rows]):.2f} s"


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--traits", type=int, nargs="+", default=[2, 5, 20])
    parser.add_argument("--effects", nargs="+", default=["shared", "sparse", "mixed", "null"])
    parser.add_argument(
        "--solvers", nargs="+", default=["single_effects", "coordinate_ascent", "per trait"]
    )
    parser.add_argument("--loci", type=int, default=40)
    parser.add_argument("--people", type=int, default=600)
    parser.add_argument("--variants", type=int, default=500)
    parser.add_argument("--panel", type=int, help="people whose LD is given; 0: the scan's")
    parser.add_argument("--background", type=float, default=0.0)
    parser.add_argument(
        "--independent", action="store_true", help="30 effects on variants without LD"
    )
    parser.add_argument("--csv", help="file for a row per window and solver")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    written = []
    for n_traits in arguments.traits:
        for kind in arguments.effects:
            for name in arguments.solvers:
                seeds = range(arguments.loci)
                rows = [measured(name, kind, n_traits, seed, arguments) for seed in seeds]
                print(line(rows), flush=True)
                written += rows
                if arguments.csv:
                    write_rows(arguments.csv, written)


if __name__ == "__main__":
    main()
