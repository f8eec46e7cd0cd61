"""Credible sets: the fewest variants that hold a causal one with a given probability."""

from collections.abc import Callable
from typing import TypedDict

import numpy as np

from skgenetics.loci._ld import LD
from skgenetics.utils._arrays import to_numpy

ROWS_AT_ONCE = 64  # rows of LD
MIN_LOG10_BF = 1.0  # of a set: below, the prior or chance explains it
TIE = 1e-6  # variants this close in probability are one: duplicates stay together


class CredibleSet(TypedDict):
    """A set of variants that holds a signal's causal one with probability `coverage`.

    An entry of the attribute ``credible_sets_`` of an estimator, a dict with these items.
    """

    variants: np.ndarray
    """Indices of the k variants, most probable first."""
    alpha: np.ndarray
    """Probability (k,) of each variant to be the causal one, given that there is one."""
    coverage: float
    """Sum of `alpha`."""
    min_abs_r: float
    """Smallest absolute correlation of two of the variants, the purity; 1 for a single one."""
    mean_abs_r: float
    """Mean absolute correlation over pairs; 1 for a single variant."""
    log10_bf: float
    """Log10 Bayes factor of a causal variant in the set against none."""


def credible_set(
    probability: np.ndarray, ld: LD, *, coverage: float, min_purity: float, log10_bf: float
) -> CredibleSet | None:
    """Return the smallest set of variants whose `probability` (p,) reaches `coverage`, or None.

    None stands for a set that some pair correlates less than `min_purity` in, or for probabilities
    that never reach `coverage`. Variants tied with the last one belong to the set too.
    """
    log_probability = np.round(np.log(np.maximum(probability, 1e-300)), 6)
    order = np.argsort(-log_probability, kind="stable")  # ties in order, whatever rounding does
    reached = np.cumsum(probability[order]) >= coverage
    if not reached[-1]:
        return None
    last = probability[order[int(np.argmax(reached))]]
    variants = order[: int(np.sum(probability >= last * (1 - TIE)))]
    purity = purity_of(variants, ld, min_purity)
    if purity is None:
        return None
    min_abs_r, mean_abs_r = purity
    return CredibleSet(
        variants=variants,
        alpha=probability[variants],
        coverage=float(probability[variants].sum()),
        min_abs_r=min_abs_r,
        mean_abs_r=mean_abs_r,
        log10_bf=log10_bf,
    )


def purity_of(variants: np.ndarray, ld: LD, min_purity: float) -> tuple[float, float] | None:
    """Return the smallest and the mean absolute r of pairs, or None if one is below `min_purity`.

    The most probable variant, which comes first, is compared alone first: that tells most sets.
    """
    size = len(variants)
    smallest, total = 1.0, 0.0
    for start in [0, *range(1, size, ROWS_AT_ONCE)]:
        chosen = variants[start : start + (ROWS_AT_ONCE if start else 1)]
        abs_r = np.abs(to_numpy(ld.rows(chosen))[:, variants]).astype(float)
        smallest, total = min(smallest, abs_r.min()), total + abs_r.sum()
        if smallest < min_purity:
            return None
    mean = (total - size) / (size * (size - 1)) if size > 1 else 1.0
    return float(smallest), min(float(mean), 1.0)


def sets_of_effects(
    alpha: np.ndarray,
    log_bf: np.ndarray,
    ld: LD,
    *,
    coverage: float,
    min_purity: float,
    presence: np.ndarray | None = None,
) -> list[CredibleSet]:
    """Return the credible sets of single effects alpha (L, p), each set once, strongest first.

    Effects of a Bayes factor below 10, or of a probability `presence` (L,) below 1/2, have none.
    """
    sets: dict[tuple, CredibleSet] = {}
    for effect in reported_effects(log_bf, presence):
        candidate = credible_set(
            alpha[effect],
            ld,
            coverage=coverage,
            min_purity=min_purity,
            log10_bf=float(log_bf[effect] / np.log(10)),
        )
        if candidate is not None:
            sets.setdefault(tuple(sorted(candidate["variants"])), candidate)
    return list(sets.values())


def reported_effects(log_bf: np.ndarray, presence: np.ndarray | None = None) -> np.ndarray:
    """Return the indices of effects that are reported, the strongest first."""
    reported = log_bf >= MIN_LOG10_BF * np.log(10)
    if presence is not None:
        reported &= presence >= 0.5
    order = np.argsort(-log_bf, kind="stable")
    return order[reported[order]]


def sets_of_pips(
    pip: np.ndarray, prior: np.ndarray, ld: LD, *, coverage: float, min_purity: float
) -> list[CredibleSet]:
    """Return credible sets of independent inclusion probabilities pip (p,), prior ones prior (p,).

    The variant of the largest PIP leads; those with |r| >= `min_purity` to it, taken by falling
    PIP until 1 - prod(1 - PIP) reaches `coverage`, join it; and so on among the remaining.
    A set's `alpha` are the gains of that probability, variant by variant. A set that the prior
    explains, of a Bayes factor below 10, is none.
    """
    remaining, sets = pip.copy(), []
    while remaining.sum() >= coverage:  # the probability of any causal variant is below the sum
        lead = int(np.argmax(remaining))
        correlated = np.where(abs_r_with(lead, ld) >= min_purity, remaining, 0.0)
        order = np.argsort(-correlated, kind="stable")
        gains = np.zeros_like(pip)
        gains[order] = np.diff(1 - np.cumprod(1 - correlated[order]), prepend=0.0)
        candidate = credible_set(gains, ld, coverage=coverage, min_purity=min_purity, log10_bf=0.0)
        remaining[lead] = 0.0
        if candidate is not None:
            members = candidate["variants"]
            candidate["log10_bf"] = log10_odds(pip[members]) - log10_odds(prior[members])
            remaining[members] = 0.0
            if candidate["log10_bf"] >= MIN_LOG10_BF:
                sets.append(candidate)
    return sets


def sets_of_draws(
    causal: np.ndarray,
    pip: np.ndarray,
    prior: np.ndarray,
    ld: LD,
    *,
    coverage: float,
    min_purity: float,
    log_bf: np.ndarray | None = None,
    averaged: Callable[[np.ndarray], np.ndarray] | None = None,
) -> list[CredibleSet]:
    """Return credible sets of draws: causal (k, m) holds the causal variants of each, then -1.

    The variant of the largest PIP leads. In each draw the causal variant that correlates most with
    the lead, absolute r >= `min_purity`, is this signal's. A signal that is in a share `coverage`
    of the draws has a set: its distribution over these draws is `alpha`, of which the set is the
    smallest part to reach `coverage`. A causal variant serves one set.

    The Bayes factor of a set is that of its odds over its prior ones, which the number of draws
    limits, or comes from the log Bayes factors (k, m) of each causal variant given the others.
    `averaged` gives variants that the data cannot tell apart the mean of what is drawn of them.
    """
    original, causal, remaining, sets = causal, causal.copy(), pip.copy(), []
    draws = np.arange(len(causal))
    while causal.shape[1] and remaining.sum() >= coverage:
        lead = int(np.argmax(remaining))
        abs_r = abs_r_with(lead, ld)
        remaining[lead] = 0.0
        if pip[abs_r >= min_purity].sum() < coverage:
            continue
        affinity = np.where(causal >= 0, abs_r[causal], -1.0)
        nearest = np.argmax(affinity, axis=1)
        has_signal = affinity[draws, nearest] >= min_purity
        presence = float(has_signal.mean())
        if presence < coverage:
            continue
        variants = causal[draws, nearest][has_signal]
        alpha = np.bincount(variants, minlength=len(pip)) / len(variants)
        alpha = alpha if averaged is None else averaged(alpha)
        candidate = credible_set(alpha, ld, coverage=coverage, min_purity=min_purity, log10_bf=0.0)
        if candidate is not None:
            members = candidate["variants"]
            if log_bf is None:
                share = min(presence * candidate["coverage"], 1 - 0.5 / len(causal))
                log10_bf = log10_odds(np.array([share])) - log10_odds(prior[members])
            else:
                near = (original >= 0) & (abs_r[original] >= min_purity)
                log10_bf = log10_bf_of_set(np.isin(original, members), near, log_bf)
            candidate["log10_bf"] = log10_bf
            remaining[members] = 0.0
            causal[draws[has_signal], nearest[has_signal]] = -1
            sets.append(candidate)
    return sets


def log10_bf_of_set(inside: np.ndarray, near: np.ndarray, log_bf: np.ndarray) -> float:
    """Return log10 of the Bayes factor of a set from those (k, m) of the effects of draws.

    In draws with one effect `inside` the set, a variant j has the probability w_j BF_j / BF for
    prior shares w_j, so that 1/BF is the mean of 1/BF_j. Draws with more effects `near`, in the
    set or correlated with it, among which none is needed alone, count only where there are no
    others.
    """
    count = np.where(inside.any(axis=1), near.sum(axis=1), near.shape[1] + 1)
    alone = inside & (count == count.min())[:, None]
    inverse = -log_bf[alone]
    return float((np.log(len(inverse)) - np.logaddexp.reduce(inverse)) / np.log(10))


def abs_r_with(lead: int, ld: LD) -> np.ndarray:
    """Return the absolute correlations (p,) with the variant `lead`, 1 with itself."""
    abs_r = np.abs(to_numpy(ld.rows(np.array([lead])))[0])
    abs_r[lead] = 1.0
    return abs_r


def log10_odds(probability: np.ndarray) -> float:
    """Return log10 of the odds that any of independent events of `probability` happens."""
    log_none = np.sum(np.log1p(-np.minimum(probability, 1 - 1e-16)))
    return float((np.log(-np.expm1(log_none)) - log_none) / np.log(10))
