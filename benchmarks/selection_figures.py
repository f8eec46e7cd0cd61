"""Print the false share of what decoys and knockoffs select, variants or groups, and the power.

    python benchmarks/selection_figures.py [--repeats 40] [--kinds ...] [--traits ...]
        [--methods ...] [--csv FILE]

2,500 people and 200 variants, 30 of which have effects of one size that explain half of a trait. Of
an epistatic trait they explain 40%, and the products of four pairs of other variants 10%; these
eight have an effect too. Genotypes are those of a coalescent (msprime). Kinds of LD: "chromosomes",
20 variants on each of ten pieces of 200 kb, of frequency 5% at least; "rare", of frequency .5% at
least; "dense", 20 variants on each of ten pieces of 20 kb, and "region", all 200 variants on one
piece of 200 kb, of frequency 5% at least. "groups" are knockoffs of groups in LD, of r2 .5.

A selected variant is false if it has no effect, a selected group if none of its variants has; with
"linked", if its r2 with every variant that has an effect is below .5 too. A false share is the mean
over simulations, 0 where nothing is selected, with its standard error. Power: the share of variants
with an effect that are selected, or in a selected group; with "linked", that have a selected
variant of r2 .5 at least. Size: variants of a selected group.
"""

import argparse
import itertools
import time
import warnings

import numpy as np

try:
    from .evidence import write_rows
    from .network_figures import coalescent
except ImportError:  # run as a program
    from evidence import write_rows
    from network_figures import coalescent

from skgenetics import LINARegressor
from skgenetics.neural_network import decoy_selection

N, M, N_CAUSAL, N_PAIRS = 2_500, 200, 30, 4
LINKED = 0.5
RATES = 0.05, 0.1, 0.2
KINDS = {
    "chromosomes": coalescent,
    "rare": lambda n, m, rng: coalescent(n, m, rng, rarest=0.005),
    "dense": lambda n, m, rng: coalescent(n, m, rng, length=2e4),
    "region": lambda n, m, rng: coalescent(n, m, rng, n_regions=1),
}
TRAITS = {"additive": 0.0, "epistatic": 0.1}  # variance of products
METHODS = {
    "permuted": {"decoys": "permuted"},
    "knockoff": {"decoys": "knockoff"},
    "groups": {"decoys": "knockoff", "groups": 0.5},
}
MEASURES = "selected", "false", "false_linked", "power", "power_linked", "size"


def trait(Z, epistatic, rng):
    """A trait of standardized dosages, and the variants that have an effect on it."""
    chosen = rng.permutation(Z.shape[1])
    causal, paired = chosen[:N_CAUSAL], chosen[N_CAUSAL : N_CAUSAL + 2 * N_PAIRS]
    parts = {0.5 - epistatic: Z[:, causal], epistatic: Z[:, paired[::2]] * Z[:, paired[1::2]]}
    y = np.sqrt(0.5) * rng.normal(size=len(Z))
    for variance, columns in parts.items():
        g = (columns / columns.std(axis=0)) @ rng.choice([-1.0, 1.0], columns.shape[1])
        y += np.sqrt(variance) * (g - g.mean()) / g.std()
    return y, chosen[: N_CAUSAL + 2 * N_PAIRS] if epistatic else causal


def threshold(wins, fdr):
    """Smallest t with (1 + number of wins <= -t) <= fdr x (number of wins >= t), or infinity."""
    for t in np.sort(np.abs(wins[wins != 0])):
        if 1 + np.sum(wins <= -t) <= fdr * np.sum(wins >= t):
            return t
    return np.inf


def measured(wins, groups, fdr, causal, r2):
    """What is selected by wins of groups at a rate; `r2` (m, k) is that with variants of effect."""
    chosen = np.flatnonzero(wins >= threshold(wins, fdr))
    members = [np.flatnonzero(groups == group) for group in chosen]
    found = np.flatnonzero(np.isin(groups, chosen))
    some = len(chosen) > 0
    row = {
        "selected": len(chosen),
        "false": np.mean(~np.isin(chosen, groups[causal])) if some else 0,
        "false_linked": np.mean([r2[group].max() < LINKED for group in members]) if some else 0,
        "power": np.mean(np.isin(causal, found)),
        "power_linked": np.mean(r2[found].max(axis=0) >= LINKED) if some else 0,
        "size": len(found) / max(len(chosen), 1),
    }
    return {key: round(float(value), 4) for key, value in row.items()}


def main():
    """Print a row per kind of LD, trait, decoys and rate."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=40)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--traits", nargs="+", choices=TRAITS, default=list(TRAITS))
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--csv", help="file of a row per selection")
    arguments = parser.parse_args()
    rows = []
    for kind in arguments.kinds:
        seconds, neighbors = [], []
        for seed in range(arguments.repeats):
            rng = np.random.default_rng(seed)
            X = KINDS[kind](N, M, rng)
            Z = (X - X.mean(axis=0)) / X.std(axis=0)
            neighbors.append(np.abs(np.mean(Z[:, 1:] * Z[:, :-1], axis=0)))
            for name in arguments.traits:
                y, causal = trait(Z, TRAITS[name], rng)
                r2 = (Z.T @ Z[:, causal] / N) ** 2
                for method in arguments.methods:
                    start = time.process_time()
                    model = LINARegressor(random_state=0)
                    fitted = decoy_selection(model, X, y, random_state=seed, **METHODS[method])
                    seconds.append(time.process_time() - start)
                    for fdr in RATES:
                        row = {"case": f"{kind} {name} {fdr}", "seed": seed, "method": method}
                        figures = measured(fitted.wins, fitted.groups, fdr, causal, r2)
                        rows.append(row | figures)
        shares = [np.mean(np.concatenate(neighbors) >= r) for r in (0.5, 0.95)]
        print(
            f"{kind}: {shares[0]:.2f} of neighbors are correlated by .5 or more, {shares[1]:.2f} "
            f"by .95; {np.mean(seconds):.1f} s a selection"
        )
        for name, method, fdr in itertools.product(arguments.traits, arguments.methods, RATES):
            case = f"{kind} {name} {fdr}", method
            mine = [row for row in rows if (row["case"], row["method"]) == case]
            values = np.array([[row[key] for key in MEASURES] for row in mine])
            mean, error = values.mean(axis=0), values.std(axis=0, ddof=1) / np.sqrt(len(values))
            print(
                f"{kind:12s} {name:9s} {method:9s} {fdr:4}: {mean[0]:5.1f} selected, false "
                f"{mean[1]:.3f} ({error[1]:.3f}), linked {mean[2]:.3f} ({error[2]:.3f}), "
                f"power {mean[3]:.2f}, linked {mean[4]:.2f}; size {mean[5]:.1f}",
                flush=True,
            )
        if arguments.csv:
            write_rows(arguments.csv, rows)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
