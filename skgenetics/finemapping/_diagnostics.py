"""Do the z statistics fit the LD? What ld_mismatch estimates, and what to doubt in a fit.

The model: z ~ N(0, g R^2 + (1 - s) R + s I). (1 - s) R + s I is the noise, R where the LD is that
of the scan's people; g R^2 is what many small effects would add to z, and keeps a real signal from
passing for mismatch. With R = U D U' the entries of U'z are independent, of variances
g d^2 + (1 - s) d + s, so that s and g follow by maximum likelihood in O(p) an evaluation.
LD that does not fit leaves parts of z along small eigenvalues, where only s explains them.
"""

import warnings
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.stats import norm
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import Bunch

from skgenetics.loci._ld import ShrunkLD
from skgenetics.loci._summary import validate_summary
from skgenetics.utils._arrays import to_numpy

SMALLEST_SHARE = 1e-3  # of s: z and r are published with few decimals
SCREEN_SIZE = 300  # variants of the largest |z|, which s is estimated from
IMPACT_LIMIT = 1.5  # of s max(z^2); benchmarks/calibrate_ld_mismatch.py
EVIDENCE_LIMIT = 8.0  # log likelihood ratio of s: a few variants cannot tell it from chance
FLIP_LIMIT = 25.0  # log likelihood ratio of an allele flip
MIN_FLIP_Z = 2.0  # below it a flip changes little, and cannot be told from noise
LINKED = 0.95  # |r| of two effects that may be one, or an artifact of LD that does not fit


class LDMismatchWarning(UserWarning):
    """The z statistics do not fit the LD; credible sets of many effects would mislead."""


class Screen(NamedTuple):
    """What the strongest variants say of z and LD."""

    share: float  # s
    corrected_share: float  # after the flips are undone
    impact: float  # (s - SMALLEST_SHARE) max(z^2)
    log_lr: float  # of s against SMALLEST_SHARE
    flipped: np.ndarray  # variants whose alleles are flipped

    def doubts(self):
        """Return what is wrong, as a list of phrases; an empty list where nothing is."""
        doubts = []
        if self.impact > IMPACT_LIMIT and self.log_lr > EVIDENCE_LIMIT:
            doubts.append(f"{self.share:.1%} of the noise of the strongest z do not follow the LD")
        if self.flipped.size:
            doubts.append(f"alleles are flipped at variants {self.flipped.tolist()}")
        return doubts


def ld_mismatch(z, ld, n_samples):
    """Compare each z with what the LD and the other z make of it.

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
            The same after the flips found are undone.
        impact : float
            (estimate - 0.001) max(z^2): the errors of LD count in proportion to the signal. Loci
            below 1.5 seldom give credible sets without an effect. With the LD of 500 other people
            of the same ancestry it is above 1.5 in 0 to 5% of loci whose largest abs(z) is 10, 10
            to 80% where that is 20 and nearly all where it is 40; with in-sample LD it is 0.
        mismatched : bool
            Whether the impact is above 1.5, and not by chance (a log likelihood ratio above 8), or
            an allele flip was found.
        flipped : int ndarray
            Variants whose z fits the others once its sign is changed: the counted alleles of z and
            LD differ.
        outliers : int ndarray
            Other variants whose conditional z is above the two-sided 5% point for n_variants tests.
            Where nothing else is wrong, an effect that no other variant tags is one, too.
        flagged : int ndarray
            Both, by falling size of the conditional z.
        conditional_mean, conditional_sd : ndarray of shape (n_variants,)
            Of each z given all others, with flips undone.
        conditional_z : ndarray of shape (n_variants,)
            (z - conditional_mean) / conditional_sd: standard normal where all is well.
        flip_log_lr : ndarray of shape (n_variants,)
            Log likelihood ratio of a flip of this variant against none, given the others.
        noise, signal : float
            s and g of all variants, flips undone, which the four arrays above rest on.

    Raises
    ------
    ValueError
        Where z, ld or n_samples are not what they must be; monomorphic variants have no LD.

    Notes
    -----
    With S = g R^2 + (1 - s) R + s I and W its inverse, z_i given the others is normal with mean
    z_i - (W z)_i / W_ii and variance 1 / W_ii. One eigendecomposition, O(n_variants^3); of a panel
    with fewer people than variants, of the people instead.

    References
    ----------
    Zou et al., "Fine-mapping from summary data with the Sum of Single Effects model", PLoS Genetics
    2022: the noise model and the test of a flip. The term g R^2 and the search of several
    flips, one by one, are ours.

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
    given = to_numpy(locus.z).astype(float)
    sign, precision, weighted, noises, signal = fit_and_undo_flips(given, values, vectors)
    mean = sign * given - weighted / precision
    flip_log_lr = -2 * given * mean * precision
    conditional_z = (given - mean) * np.sqrt(precision)
    flipped = np.flatnonzero(sign < 0)
    extreme = np.abs(conditional_z) > norm.isf(0.025 / len(given))
    outliers = np.flatnonzero(extreme & (sign > 0))
    flagged = np.concatenate([flipped, outliers])
    screen = screen_mismatch(given, locus.ld)
    return Bunch(
        estimate=screen.share,
        corrected_estimate=screen.corrected_share,
        impact=screen.impact,
        mismatched=bool(screen.doubts() or flipped.size > 0),
        flipped=flipped,
        outliers=outliers,
        flagged=flagged[np.argsort(-np.abs(conditional_z[flagged]), kind="stable")],
        conditional_mean=mean,
        conditional_sd=1 / np.sqrt(precision),
        conditional_z=conditional_z,
        flip_log_lr=flip_log_lr,
        noise=noises[-1][0],
        signal=signal,
    )


def screen_mismatch(z, ld, noise=1.0):
    """Return the `Screen` of the SCREEN_SIZE strongest variants, in O(p).

    Any subset of z is normal with its part of the noise's covariance. The errors of LD count in
    proportion to the signal, so the strongest variants show them best; a fixed number of them
    makes loci of all sizes comparable, where s of all variants grows with p over the panel's size.

    Parameters
    ----------
    z : ndarray of shape (p,)
        On the host.
    ld : DenseLD, GenotypeLD, SparseLD or ShrunkLD
    noise : float
        s0^2: what is expected of a panel's LD is no mismatch. A flip shows against any noise.
    """
    top = np.sort(np.argsort(-np.abs(z), kind="stable")[:SCREEN_SIZE])
    values, vectors = np.linalg.eigh(to_numpy(ld.rows(top))[:, top].astype(float))
    strongest = z[top].astype(float)
    sign, _, _, shares, _ = fit_and_undo_flips(strongest, values, vectors)
    if noise != 1.0:
        *_, shares, _ = fit_and_undo_flips(strongest / noise**0.5, values, vectors)
    (share, log_lr), corrected_share = shares[0], shares[-1][0]
    impact = float((share - SMALLEST_SHARE) * np.max(z**2) / noise)
    return Screen(share, corrected_share, impact, log_lr, top[sign < 0])


def fit_doubts(leads, ld, *, converged):
    """Return what makes a fit doubtful, as a list of phrases; an empty list where nothing does.

    Parameters
    ----------
    leads : array of int
        The most probable variant of each effect, and any other of a high PIP.
    ld : DenseLD, GenotypeLD, SparseLD or ShrunkLD
    converged : bool
    """
    doubts = [] if converged else ["the fit does not converge"]
    leads = np.asarray(leads, dtype=int)
    r = np.abs(to_numpy(ld.rows(leads))[:, leads])
    first, second = np.nonzero(np.triu(r > LINKED, 1))
    if first.size:
        i, j = leads[first[0]], leads[second[0]]
        doubts.append(
            f"two effects are on variants {i} and {j}, of absolute r {r[first[0], second[0]]:.3f}"
        )
    return doubts


def settle_doubts(estimator, locus, on_mismatch):
    """Return whether z does not fit the LD of `locus`; if so, refit `estimator` by `on_mismatch`.

    "one_effect" and "shrink" replace the fitted attributes and warn; "raise" raises ValueError.
    """
    z = to_numpy(locus.z).astype(float)
    screen = screen_mismatch(z, locus.ld, estimator.residual_variance_)
    doubts = screen.doubts() + doubts_of(estimator, locus)
    if not doubts:
        return False
    reason = f"z and ld do not fit: {'; '.join(doubts)}."
    remedy = (
        "Check that both count the same alleles, that n_samples is that of each variant, and that "
        "the LD is of people of the scan's ancestry; ld_mismatch(z, ld, n_samples) tells which "
        "variants to look at."
    )
    if on_mismatch == "raise":
        raise ValueError(f"{reason} {remedy}")
    refit, done = clone(estimator).set_callbacks(), "One effect was fitted in place"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        if on_mismatch == "shrink":
            done = f"The LD was shrunk by {screen.share:.2g}"
            shrunk = ShrunkLD(locus.ld, screen.share)
            locus = locus._replace(ld=shrunk)
            refit._fit_summary_locus(locus)
            doubts = screen_mismatch(z, shrunk, refit.residual_variance_).doubts()
            doubts += doubts_of(refit, locus)
            if doubts:
                done += ", and one effect fitted, since doubts remained"
        if doubts:
            refit.set_params(solver="susie", noise="ld", max_effects=1)._fit_summary_locus(locus)
    vars(estimator).update({k: v for k, v in vars(refit).items() if k.endswith("_")})
    warnings.warn(f"{reason} {done}. {remedy}", LDMismatchWarning, stacklevel=4)
    return True


def doubts_of(estimator, locus):
    """Return what is doubtful of a fit by one of the calibrated solvers; the others overstate."""
    if estimator.solver_ not in ("susie", "gibbs"):
        return []
    leads = [int(found["variants"][0]) for found in estimator.credible_sets_]
    leads += np.setdiff1d(np.flatnonzero(to_numpy(estimator.pip_) > 0.5), leads).tolist()
    converged = estimator.converged_ or estimator.solver_ == "gibbs"  # that means more draws
    return fit_doubts(leads, locus.ld, converged=converged)


def noise_and_signal(z, values, vectors):
    """Return s and g of maximum likelihood, and the log likelihood ratio against the smallest s.

    `values` (k,) >= 0 and `vectors` (p, k) are of R; the p - k directions without an eigenvector
    have eigenvalue 0. A grid, then L-BFGS on the logs.
    """
    power, count = (vectors.T @ z) ** 2, np.ones_like(values)
    if len(values) < len(z):
        rest = max(float(z @ z - power.sum()), 0.0)
        power, values = np.append(power, rest), np.append(values, 0.0)
        count = np.append(count, len(z) - len(count))

    def loss(logs):
        s, g = np.exp(logs)
        variance = g * values**2 + (1 - s) * values + s
        slope = (count - power / variance) / variance / 2
        gradient = [s * (slope @ (1 - values)), g * (slope @ values**2)]
        return (count @ np.log(variance) + np.sum(power / variance)) / 2, np.array(gradient)

    bounds = [(np.log(SMALLEST_SHARE), 0.0), (-12.0, 12.0)]
    grid = [(x, y) for x in np.linspace(*bounds[0], 10) for y in np.linspace(-10, 8, 10)]
    start = min(grid, key=lambda logs: loss(logs)[0])
    found = minimize(loss, start, jac=True, bounds=bounds, method="L-BFGS-B")
    fixed = [(bounds[0][0], bounds[0][0]), bounds[1]]
    best_g = min(np.linspace(-10, 8, 10), key=lambda log_g: loss((bounds[0][0], log_g))[0])
    start = bounds[0][0], best_g
    null = minimize(loss, start, jac=True, bounds=fixed, method="L-BFGS-B")
    s, g = np.exp(found.x)
    return float(s), float(g), float(null.fun - found.fun)


def fit_and_undo_flips(given, values, vectors):
    """Return the signs that undo the flips, the arrays of `undo_flips`, each s and the last g.

    s and g are fitted again after each round of flips, which they counted as noise before.
    """
    values, sign, before, shares = np.clip(values, 0.0, None), np.ones_like(given), None, []
    while not np.array_equal(sign, before):
        before = sign.copy()
        s, g, log_lr = noise_and_signal(sign * given, values, vectors)
        shares.append((s, log_lr))
        precision, weighted = undo_flips(sign, given, values, vectors, s, g)
    return sign, precision, weighted, shares, g


def undo_flips(sign, given, values, vectors, s, g):
    """Turn entries of `sign` (p,), one by one, while a flip's log ratio is above FLIP_LIMIT.

    Returns the diagonal of W, the inverse of g R^2 + (1 - s) R + s I, and W z for the signed z.
    Each turn adds a column of W to W z, and raises the likelihood: the search ends.
    """
    extra = 1 / (g * values**2 + (1 - s) * values + s) - 1 / s
    precision = 1 / s + vectors**2 @ extra
    z = sign * given
    weighted = z / s + vectors @ (extra * (vectors.T @ z))
    while True:
        log_lr = -2 * z * (z - weighted / precision) * precision
        best = int(np.argmax(np.where(np.abs(z) > MIN_FLIP_Z, log_lr, -np.inf)))
        if not (log_lr[best] > FLIP_LIMIT and abs(z[best]) > MIN_FLIP_Z):
            return precision, weighted
        column = vectors @ (extra * vectors[best])
        column[best] += 1 / s
        weighted = weighted - 2 * z[best] * column
        z[best] *= -1
        sign[best] *= -1
