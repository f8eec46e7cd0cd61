"""What the slots of a sampler are made of: likelihood, model, chain, and what is kept of it."""

from typing import NamedTuple

import numpy as np


class Likelihood(NamedTuple):
    """log p(z | b) for each background tau^2 of a grid of T."""

    quadratic: np.ndarray
    """G (T, p, p)."""
    linear: np.ndarray
    """l (T, p)."""
    z_norm: np.ndarray
    """What -2 s0^2 log p(z | b = 0) is, (T,): it tells tau^2, and s0^2 where that is drawn."""
    log_det: np.ndarray
    """log det(I + tau^2 G_0 / s0^2) (T,)."""
    log_prior: np.ndarray
    """Prior of the grid (T,)."""


class Chain(NamedTuple):
    """State of a chain, updated in place; its first effects may be held, and never move."""

    members: np.ndarray
    """Variants with an effect (L,), first those held; only `n_effects` of them count."""
    n_effects: np.ndarray
    """Number of effects (1,)."""
    log_odds: np.ndarray
    """Of the prior (p,)."""
    pi: np.ndarray
    """pi (1,), if it is drawn."""
    slopes: np.ndarray
    """w (k,) of the annotations."""
    relative: np.ndarray
    """Log prior odds (p,) beside those of pi, by the annotations."""
    slab: np.ndarray
    """s_j, the variance of an effect (p,)."""
    noise: np.ndarray
    """s0^2 (1,)."""
    grid: np.ndarray
    """Number of the background on the grid (1,)."""


class Conditionals(NamedTuple):
    """What the other variants are told by those with an effect: see above."""

    residual: np.ndarray
    """r (p,)."""
    precision: np.ndarray
    """q (p,)."""
    rows: np.ndarray
    """V (L, p)."""
    factor: np.ndarray
    """C (L, L)."""
    shift: np.ndarray
    """c (L,)."""


class Sums(NamedTuple):
    """Sums over sweeps of what the slots are expected to hold."""

    pip: np.ndarray
    first: np.ndarray
    second: np.ndarray
    counts: np.ndarray
    """Sweeps, in parts, with k effects."""


class Draws(NamedTuple):
    """What is stored of some sweeps of c chains, or of one."""

    trace: np.ndarray
    """Number of effects, sum of b^2 of them, s0^2, tau^2 of the background, and the slopes of the
    annotations (c, sweeps, 4 + k)."""
    places: np.ndarray
    """Variants with an effect (c, sweeps, most effects of a draw), then -1."""
    sizes: np.ndarray
    """Their effects, in a like array, then 0."""
    log_bf: np.ndarray
    """Log Bayes factor of each of them against none, given the places of the others, then 0."""

    def trimmed(self) -> "Draws":
        """Return them without the columns that no draw uses."""
        width = int(self.trace[..., 0].max())
        trace, *columns = self
        return Draws(trace, *(part[..., :width].copy() for part in columns))


class Model(NamedTuple):
    """What is drawn beside the effects, and its hyperpriors, as the compiled sweeps read them."""

    scale: np.ndarray
    """b per allelic effect (p,); variants of scale 0 are left out."""
    draws_pi: bool
    draws_slab: bool
    draws_noise: bool
    prior_slab: float
    """Scale of the prior of sigma_beta^2, which ends at `LARGEST_SLAB` times it."""
    degrees: float
    """Degrees of freedom of the prior of sigma_beta^2."""
    pi_slab: float
    """pi sigma_beta^2, if a given heritability holds it, else 0."""
    rank: float
    grid: np.ndarray
    """tau^2 / s0^2 of the background (T,)."""
    n_variants: int
    """Variants that vary, at least 1."""
    n_held: int
    """Effects of prior probability 1, the first of a chain."""
    shape: float
    """a of pi ~ Beta(a, b)."""
    other_shape: float
    """b of it."""
    none: float
    """Prior odds of no effect at all, beside what pi says."""
    annotations: np.ndarray
    """(p, k), of standard deviation 1."""
    share: np.ndarray
    """Weights (p,) of the mean prior odds, 1 in sum."""


class Work(NamedTuple):
    """Arrays that are written over; of two rows, the first is of an effect, the other of none."""

    weight: np.ndarray
    """Probability (2, p) of each variant to be in a slot, given the other slots."""
    mean: np.ndarray
    """Its effect (2, p), if it is."""
    variance: np.ndarray
    """(2, p)"""
    log_prior: np.ndarray
    """log odds_j - log(s_j) / 2 (p,)."""
    least: np.ndarray
    """1 / s_j (p,), below which q_j falls by rounding alone."""
    powers: np.ndarray
    """Integers (p,)."""
