"""Credible sets: the fewest variants that hold a causal one with a given probability."""

import numpy as np

from skgenetics.utils._arrays import to_numpy

BLOCK = 64  # rows of LD at once
MIN_LOG10_BF = 1.0  # of a set made from PIPs alone, which a large prior makes large
TIE = 1e-6  # variants this close in probability are one: duplicates stay together


def credible_set(weights, ld, *, coverage, min_purity, log10_bf):
    """Return the smallest set of variants whose `weights` (p,) reach `coverage`, or None.

    None stands for a set that some pair correlates less than `min_purity` in, or for weights that
    never reach `coverage`. Variants tied with the last one belong to the set too.
    """
    digits = np.round(np.log(np.maximum(weights, 1e-300)), 6)
    order = np.argsort(-digits, kind="stable")  # ties in order, whatever rounding makes of them
    reached = np.cumsum(weights[order]) >= coverage
    if not reached[-1]:
        return None
    size = int(np.argmax(reached)) + 1
    last = weights[order[size - 1]]
    size = int(np.sum(weights >= last * (1 - TIE)))
    variants = order[:size]
    smallest, total = 1.0, 0.0
    for start in [0, *range(1, size, BLOCK)]:  # the lead's row alone tells most impure sets
        block = variants[start : start + (BLOCK if start else 1)]
        r = np.abs(to_numpy(ld.rows(block))[:, variants]).astype(float)
        smallest, total = min(smallest, r.min()), total + r.sum()
        if smallest < min_purity:
            return None
    return {
        "variants": variants,
        "alpha": weights[variants],
        "coverage": float(weights[variants].sum()),
        "min_abs_r": float(smallest),
        "mean_abs_r": min(float((total - size) / (size * (size - 1))), 1.0) if size > 1 else 1.0,
        "log10_bf": log10_bf,
    }


def sets_of_effects(alpha, log_bf, ld, *, coverage, min_purity):
    """Return the credible sets of single effects alpha (L, p), each set once, strongest first."""
    found = {}
    for effect in np.argsort(-log_bf, kind="stable"):
        candidate = credible_set(
            alpha[effect],
            ld,
            coverage=coverage,
            min_purity=min_purity,
            log10_bf=float(log_bf[effect] / np.log(10)),
        )
        if candidate is not None:
            found.setdefault(tuple(sorted(candidate["variants"])), candidate)
    return list(found.values())


def sets_of_pips(pip, prior, ld, *, coverage, min_purity):
    """Return credible sets of independent inclusion probabilities pip (p,), prior ones prior (p,).

    The variant of the largest PIP leads; those with |r| >= `min_purity` to it, taken by falling
    PIP until 1 - prod(1 - PIP) reaches `coverage`, join it; and so on among the remaining.
    A set's `alpha` are the gains of that probability, variant by variant. A set that the prior
    explains, of a Bayes factor below 10, is none.
    """
    remaining, sets = pip.copy(), []
    while remaining.sum() >= coverage:  # the probability of any causal variant is below the sum
        lead = int(np.argmax(remaining))
        friends = np.abs(to_numpy(ld.rows(np.array([lead])))[0]) >= min_purity
        friends[lead] = True
        order = np.argsort(-np.where(friends, remaining, 0.0), kind="stable")
        gained = np.diff(1 - np.cumprod(1 - np.where(friends, remaining, 0.0)[order]), prepend=0.0)
        weights = np.zeros_like(pip)
        weights[order] = gained
        found = credible_set(weights, ld, coverage=coverage, min_purity=min_purity, log10_bf=0.0)
        remaining[lead] = 0.0
        if found is not None:
            members = found["variants"]
            found["log10_bf"] = log10_odds(pip[members]) - log10_odds(prior[members])
            remaining[members] = 0.0
            if found["log10_bf"] >= MIN_LOG10_BF:
                sets.append(found)
    return sets


def sets_of_draws(places, pip, prior, ld, *, coverage, min_purity):
    """Return credible sets of draws: places (k, m) holds the causal variants of each, then -1.

    The variant of the largest PIP leads. In each draw the causal variant that correlates most with
    the lead, absolute r >= `min_purity`, is this signal's; its distribution over draws is `alpha`,
    of which the set is the smallest part to reach `coverage`. A causal variant serves one set.
    """
    places, remaining, sets = places.copy(), pip.copy(), []
    rows = np.arange(len(places))
    while remaining.sum() >= coverage:
        lead = int(np.argmax(remaining))
        r = np.abs(to_numpy(ld.rows(np.array([lead])))[0])
        r[lead] = 1.0
        remaining[lead] = 0.0
        if pip[r >= min_purity].sum() < coverage:
            continue
        affinity = np.where(places >= 0, r[places], -1.0)
        nearest = np.argmax(affinity, axis=1)
        found = affinity[rows, nearest] >= min_purity
        here = places[rows, nearest]
        alpha = np.bincount(here[found], minlength=len(pip)) / len(places)
        candidate = credible_set(alpha, ld, coverage=coverage, min_purity=min_purity, log10_bf=0.0)
        if candidate is not None:
            members = candidate["variants"]
            share = min(candidate["coverage"], 1 - 0.5 / len(places))
            candidate["log10_bf"] = log10_odds(np.array([share])) - log10_odds(prior[members])
            remaining[members] = 0.0
            places[rows[found], nearest[found]] = -1
            sets.append(candidate)
    return sets


def log10_odds(probability):
    """Return log10 of the odds that any of independent events of `probability` happens."""
    log_none = np.sum(np.log1p(-np.minimum(probability, 1 - 1e-16)))
    return float((np.log(-np.expm1(log_none)) - log_none) / np.log(10))
