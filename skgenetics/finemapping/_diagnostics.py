"""Do the z statistics fit the LD? The screen of a locus, and what ld_mismatch reports."""

from typing import Any, NamedTuple

import numpy as np
from scipy.stats import norm
from sklearn.utils import Bunch

from skgenetics.finemapping._noise_model import (
    SMALLEST_SHARE,
    NoiseScale,
    fit_noise_scale,
    repair,
    unmeasured_z,
)
from skgenetics.loci._ld import LD
from skgenetics.loci._summary import Locus, validate_summary
from skgenetics.utils._arrays import to_numpy
from skgenetics.utils._typing import ArrayLike

# Limits: benchmarks/calibrate_ld_mismatch.py
SCREEN_SIZE = 300  # variants of the largest |z|, which s is estimated from
SIGNALS = 4  # strongest variants in little LD with each other, whose neighbors are looked at
PEOPLE_PER_VARIANT = 4  # of a panel: with fewer, errors of its LD look like a share of their own
IMPACT_LIMIT = 1.5  # of s max(z^2), for LD of the scan's people
PANEL_SHARE_LIMIT = 0.1  # of s, for LD of a panel: its own errors give less
FOREIGN_SHARE = 0.2  # of s, that only LD of other ancestry gives
EVIDENCE_LIMIT = 8.0  # log likelihood ratio of s: a few variants cannot tell it from chance
PANEL_EVIDENCE_LIMIT = 20.0  # the same, for LD of a panel
SCALE_LIMITS = 0.6, 1.5  # of c
CLEAR_SCALE = 1.1  # log likelihood ratio of c over that of s: errors of LD change the scale, too
CLEAR_OUTLIER = 10.0  # log likelihood ratio of a wrong z that is worth a look
TIGHT_DIRECTIONS = 5  # of eigenvalues below 1/2: with fewer, no mismatch could be seen


class LDMismatchWarning(UserWarning):
    """The z statistics do not fit the LD; credible sets of many effects would mislead."""


class Screen(NamedTuple):
    """What the strongest variants say of z and LD."""

    share: float
    """s, the share of the noise that does not follow the LD."""
    corrected_share: float
    """The same after flips are undone and outliers are left out."""
    impact: float
    """(corrected share - SMALLEST_SHARE) max(z^2)."""
    log_lr: float
    """Log likelihood ratio of the corrected share against SMALLEST_SHARE."""
    scale: NoiseScale
    """Whether the noise of all z is larger, or smaller, than it should be."""
    variants: np.ndarray
    """Which were looked at; the fields below are of these indices."""
    z: np.ndarray
    """Their z after the repair."""
    flipped: np.ndarray
    """Those whose alleles are flipped."""
    outliers: np.ndarray
    """Others, whose z does not fit those of the others."""
    tells: bool
    """Whether enough variants correlate with each other for a mismatch to be seen."""
    of_panel: bool
    """Whether the LD is known to be that of a panel."""

    @property
    def out_of_scale(self) -> bool:
        """Whether all z are too large or too small, rather than at odds with the LD."""
        low, high = SCALE_LIMITS
        return (
            not low < self.scale.scale < high
            and self.scale.log_lr > max(CLEAR_SCALE * self.log_lr, EVIDENCE_LIMIT)
            and self.tells
            and not self.of_panel  # whose errors change the scale, and are not known well
        )

    @property
    def mismatched(self) -> bool:
        """Whether the LD as a whole does not fit: by more than its sampling errors explain."""
        share, evidence = SMALLEST_SHARE, EVIDENCE_LIMIT
        if self.of_panel:
            share, evidence = PANEL_SHARE_LIMIT, PANEL_EVIDENCE_LIMIT
        return (
            self.corrected_share > share
            and self.impact > IMPACT_LIMIT
            and self.log_lr > evidence
            and not self.out_of_scale
        )

    @property
    def misleads(self) -> bool:
        """Whether what is wrong would give effects that are not there, as small errors do not."""
        foreign = self.mismatched and not (self.of_panel and self.corrected_share < FOREIGN_SHARE)
        inflated = self.out_of_scale and self.scale.scale > 1
        return foreign or inflated or self.flipped.size + self.outliers.size > 0

    def doubts(self) -> list[str]:
        """Return what is wrong, as a list of phrases; an empty list if nothing is."""
        doubts = []
        if self.mismatched:
            doubts.append(
                f"{self.corrected_share:.1%} of the noise of the strongest z do not follow the LD"
            )
        if self.out_of_scale:
            doubts.append(
                f"the noise of z has {self.scale.scale:.2g} times the variance that it should have"
            )
        if self.flipped.size:
            doubts.append(f"alleles are flipped at variants {self.flipped.tolist()}")
        if self.outliers.size:
            doubts.append(f"z do not fit those of all others at variants {self.outliers.tolist()}")
        return doubts

    def repaired(self, locus: Locus) -> Locus:
        """Return the locus with the signs of flipped variants turned and outliers replaced."""
        z = to_numpy(locus.z).astype(float)
        changed = np.isin(self.variants, np.concatenate([self.flipped, self.outliers]))
        z[self.variants[changed]] = self.z[changed]
        return locus._replace(z=locus.array(z))


def ld_mismatch(z: ArrayLike, ld: Any, n_samples: ArrayLike) -> Bunch:
    """Compare each z with its expectation from the LD and the other z.

    Parameters
    ----------
    z : array-like of shape (n_variants,)
        Wald statistics of the single-variant regressions.
    ld : array-like of shape (n_variants, n_variants)
        Correlations r of the variants, counting the same alleles as z; or any other form that
        :meth:`FinemapMiXeR.fit_summary` takes. Negative eigenvalues count as 0.
    n_samples : float or array-like of shape (n_variants,)
        People in the scan, or with each variant.

    Returns
    -------
    report : :class:`~sklearn.utils.Bunch`
        estimate : float
            s, the share of the noise of z that does not follow the LD, in [0.001, 1], estimated
            from the 300 largest abs(z). In-sample LD gives 0.001.
        corrected_estimate : float
            The same after flips are undone and outliers are left out.
        impact : float
            (corrected_estimate - 0.001) max(z^2): the errors of LD count in proportion to the
            signal. Loci below 1.5 seldom give credible sets without an effect. With in-sample LD it
            is 0.
        scale : float
            c, the variance of the noise of z in units of what it should be, if that is all that is
            wrong: of z that are inflated as a whole. 1 if all is well.
        mismatched : bool or None
            Whether the LD, the scale, or single variants do not fit, as `fit_summary` judges: an
            impact above 1.5, or with genotypes of a panel as ld a share above 0.1, not by chance (a
            log likelihood ratio above 8); c below 0.6 or above 1.5; an allele flip or an outlier
            with a ratio above 25. None: nothing was found, but too few variants correlate with each
            other to tell.
        flipped : int ndarray
            Variants whose z fits the others once its sign is changed: the counted alleles of z and
            LD differ.
        outliers : int ndarray
            Other variants whose z fits neither the others nor an effect of its own, by an
            `outlier_log_lr` above 10 and a conditional z above the two-sided 5% point for
            n_variants tests.
        flagged : int ndarray
            Both, by falling size of the conditional z.
        conditional_mean, conditional_sd : ndarray of shape (n_variants,)
            Of each z given all others, with flips undone and outliers left out.
        conditional_z : ndarray of shape (n_variants,)
            (z - conditional_mean) / conditional_sd: standard normal if all is well.
        flip_log_lr : ndarray of shape (n_variants,)
            Log likelihood ratio of a flip of this variant against none, given the others.
        outlier_log_lr : ndarray of shape (n_variants,)
            Log likelihood ratio of a wrong z of this variant against an effect of it. An effect
            moves the z of all that it correlates with; one that no other variant tags has 0.
        noise, signal : float
            s and g of all variants, flips undone and outliers left out; the arrays follow from
            them.

    Raises
    ------
    ValueError
        If z, ld or n_samples are not what they must be; monomorphic variants have no LD.

    Notes
    -----
    With S = g R^2 + (1 - s) R + s I and W its inverse, z_i given the others is normal with mean
    z_i - (W z)_i / W_ii and variance 1 / W_ii. One eigendecomposition, O(n_variants^3); of a panel
    with fewer people than variants, of the people instead.

    References
    ----------
    Zou et al., "Fine-mapping from summary data with the Sum of Single Effects model", PLoS Genetics
    2022: the noise model and the test of a flip. The term g R^2, the test of an outlier, and the
    search for several of both one by one, are additions.

    Examples
    --------
    >>> import numpy as np
    >>> from skgenetics.datasets import make_genotypes
    >>> from skgenetics.finemapping import ld_mismatch
    >>> ld = np.corrcoef(make_genotypes(500, 200, random_state=0).data.T)
    >>> z = np.random.default_rng(0).multivariate_normal(6 * ld[50], ld)
    >>> z[50] *= -1
    >>> ld_mismatch(z, ld, n_samples=10_000).flipped
    array([50])
    """
    locus = validate_summary(z, ld, n_samples=n_samples).locus()
    values, vectors = (to_numpy(array).astype(float) for array in locus.ld.spectrum())
    values = np.clip(values, 0.0, None)
    observed = to_numpy(locus.z).astype(float)
    screen = screen_mismatch(observed, locus.ld, panel_size=locus.panel_size)
    repaired = repair(observed, values, vectors, of_scan=locus.panel_size == np.inf)
    given_others, sign = repaired.given_others, repaired.sign
    mean, sd = given_others.mean, 1 / np.sqrt(given_others.precision)
    conditional_z = (sign * observed - mean) / sd
    # the ratios of a variant that was changed are those of its z as it was
    wrong_log_lr = conditional_z**2 / 2
    changed = repaired.outlier | (sign < 0)
    outlier_log_lr = np.where(
        repaired.outlier, wrong_log_lr, wrong_log_lr - given_others.effect_log_lr
    )
    flip_log_lr = -2 * observed * mean / sd**2
    extreme = np.abs(conditional_z) > norm.isf(0.025 / len(observed))
    flipped = np.flatnonzero(sign < 0)
    outliers = np.flatnonzero(
        repaired.outlier | (extreme & ~changed & (outlier_log_lr > CLEAR_OUTLIER))
    )
    flagged = np.concatenate([flipped, outliers])
    wrong = screen.doubts() or (flagged.size and repaired.outlier.any()) or flipped.size
    return Bunch(
        estimate=screen.share,
        corrected_estimate=screen.corrected_share,
        impact=screen.impact,
        scale=screen.scale.scale if screen.out_of_scale else 1.0,
        mismatched=True if wrong else (False if screen.tells else None),
        flipped=flipped,
        outliers=outliers,
        flagged=flagged[np.argsort(-np.abs(conditional_z[flagged]), kind="stable")],
        conditional_mean=mean,
        conditional_sd=sd,
        conditional_z=conditional_z,
        flip_log_lr=flip_log_lr,
        outlier_log_lr=outlier_log_lr,
        noise=repaired.models[-1].share,
        signal=repaired.models[-1].signal,
    )


def screened_variants(z: np.ndarray, ld: LD, leads: np.ndarray, size: int) -> np.ndarray:
    """Return up to `size` variants of the largest z, or whose z should be large, in order.

    Those in LD with one of `leads` or with one of the strongest variants should: a z that was
    turned to noise is found among them.
    """
    strength, remaining = np.abs(z), np.abs(z)
    for _ in range(SIGNALS):
        strongest = int(np.argmax(remaining))
        r = np.abs(to_numpy(ld.rows(np.array([strongest])))[0])
        strength = np.maximum(strength, r * abs(z[strongest]))
        remaining = np.where(r > 0.5, 0.0, remaining)
        remaining[strongest] = 0.0
    strength[leads] = np.inf
    return np.sort(np.argsort(-strength, kind="stable")[:size])


def screen_mismatch(
    z: np.ndarray,
    ld: LD,
    noise: ArrayLike = 1.0,
    *,
    leads: ArrayLike = (),
    panel_size: float = np.inf,
) -> Screen:
    """Return the `Screen` of the SCREEN_SIZE strongest variants, in O(p).

    Any subset of z is normal with its part of the noise's covariance. The errors of LD count in
    proportion to the signal, so the strongest variants show them best; a fixed number of them
    makes loci of all sizes comparable, while s of all variants grows with p over the panel's size.

    Parameters
    ----------
    z : ndarray of shape (p,)
        On the host.
    ld : LD
    noise : float or ndarray of shape (p,)
        s0^2: what is expected of a panel's LD is no mismatch.
    leads : array of int
        Variants of effects that were found.
    panel_size : float
        People of a panel that the LD is known to be of.
    """
    size = max(int(min(SCREEN_SIZE, panel_size / PEOPLE_PER_VARIANT)), 1)
    top = screened_variants(z, ld, np.asarray(leads, dtype=int), size)
    values, vectors = np.linalg.eigh(to_numpy(ld.rows(top))[:, top].astype(float))
    values = np.clip(values, 0.0, None)
    sd = np.sqrt(np.broadcast_to(noise, z.shape)[top])
    observed = z[top] / sd
    repaired = repair(observed, values, vectors, of_scan=panel_size == np.inf)
    model = repaired.models[-1]
    strongest = float(np.max(repaired.z**2))
    return Screen(
        share=repaired.models[0].share,
        corrected_share=model.share,
        impact=(model.share - SMALLEST_SHARE) * strongest,
        log_lr=model.log_lr,
        scale=fit_noise_scale(repaired.z, values, vectors),
        variants=top,
        z=unmeasured_z(repaired, values, vectors) * sd,
        flipped=top[repaired.sign < 0],
        outliers=top[repaired.outlier],
        tells=int(np.sum(values < 0.5)) >= TIGHT_DIRECTIONS,
        of_panel=panel_size < np.inf,
    )
