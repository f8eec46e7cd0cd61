"""Do the z statistics fit the LD? What ld_mismatch estimates, and what to doubt in a fit.

The model: z ~ N(0, g R^2 + (1 - s) R + s I). The noise is (1 - s) R + s I, which is R if the LD is
that of the scan's people. Many small effects would add g R^2, which keeps a real signal from being
taken for mismatch. With R = U D U' the entries of U'z are independent, of variances
g d^2 + (1 - s) d + s, so that one evaluation of the likelihood of s and g takes O(p).
LD that does not fit leaves parts of z along small eigenvalues, where only s explains them.
"""

import warnings
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import OptimizeResult, minimize
from scipy.stats import norm
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import Bunch

from skgenetics.finemapping._choice import solver_of_effects
from skgenetics.loci._ld import LD, ShrunkLD
from skgenetics.loci._summary import Locus, validate_summary
from skgenetics.utils._arrays import to_numpy
from skgenetics.utils._typing import ArrayLike

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

    share: float
    """s, the share of the noise that does not follow the LD."""
    corrected_share: float
    """The same after the flips are undone."""
    impact: float
    """(s - SMALLEST_SHARE) max(z^2)."""
    log_lr: float
    """Log likelihood ratio of s against SMALLEST_SHARE."""
    flipped: np.ndarray
    """Variants whose alleles are flipped."""

    def doubts(self) -> list[str]:
        """Return what is wrong, as a list of phrases; an empty list if nothing is."""
        doubts = []
        if self.impact > IMPACT_LIMIT and self.log_lr > EVIDENCE_LIMIT:
            doubts.append(f"{self.share:.1%} of the noise of the strongest z do not follow the LD")
        if self.flipped.size:
            doubts.append(f"alleles are flipped at variants {self.flipped.tolist()}")
        return doubts


class NoiseModel(NamedTuple):
    """The covariance g R^2 + (1 - s) R + s I of z, fitted to it."""

    share: float
    """s."""
    signal: float
    """g."""
    log_lr: float
    """Log likelihood ratio of s against SMALLEST_SHARE."""

    def variance(self, eigenvalues: np.ndarray) -> np.ndarray:
        """Return the variances of z along eigenvectors of R."""
        return mixed_variance(eigenvalues, self.share, self.signal)


class UndoneFlips(NamedTuple):
    """The search for flipped alleles, with W the inverse of the covariance of z."""

    sign: np.ndarray
    """(p,) -1 for a flipped variant, else 1."""
    precision: np.ndarray
    """(p,) diagonal of W."""
    weighted: np.ndarray
    """(p,) W z, with flips undone."""
    models: list[NoiseModel]
    """Fitted before each round of flips; the last is that of W."""


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
            The same after flips are undone.
        impact : float
            (estimate - 0.001) max(z^2): the errors of LD count in proportion to the signal. Loci
            below 1.5 seldom give credible sets without an effect. With the LD of 500 other people
            of the same ancestry it is above 1.5 in 0 to 5% of loci whose largest abs(z) is 10, 10
            to 80% if that is 20 and nearly all if it is 40; with in-sample LD it is 0.
        mismatched : bool
            Whether the impact is above 1.5, and not by chance (a log likelihood ratio above 8), or
            there is an allele flip.
        flipped : int ndarray
            Variants whose z fits the others once its sign is changed: the counted alleles of z and
            LD differ.
        outliers : int ndarray
            Other variants whose conditional z is above the two-sided 5% point for n_variants tests.
            If nothing else is wrong, an effect that no other variant tags is an outlier, too.
        flagged : int ndarray
            Both, by falling size of the conditional z.
        conditional_mean, conditional_sd : ndarray of shape (n_variants,)
            Of each z given all others, with flips undone.
        conditional_z : ndarray of shape (n_variants,)
            (z - conditional_mean) / conditional_sd: standard normal if all is well.
        flip_log_lr : ndarray of shape (n_variants,)
            Log likelihood ratio of a flip of this variant against none, given the others.
        noise, signal : float
            s and g of all variants, flips undone; the four arrays above follow from them.

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
    2022: the noise model and the test of a flip. The term g R^2, and the search for several flips
    one by one, are additions.

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
    observed = to_numpy(locus.z).astype(float)
    flips = undo_all_flips(observed, values, vectors)
    mean = flips.sign * observed - flips.weighted / flips.precision
    flip_log_lr = -2 * observed * mean * flips.precision
    conditional_z = (observed - mean) * np.sqrt(flips.precision)
    flipped = np.flatnonzero(flips.sign < 0)
    extreme = np.abs(conditional_z) > norm.isf(0.025 / len(observed))
    outliers = np.flatnonzero(extreme & (flips.sign > 0))
    flagged = np.concatenate([flipped, outliers])
    screen = screen_mismatch(observed, locus.ld)
    return Bunch(
        estimate=screen.share,
        corrected_estimate=screen.corrected_share,
        impact=screen.impact,
        mismatched=bool(screen.doubts() or flipped.size > 0),
        flipped=flipped,
        outliers=outliers,
        flagged=flagged[np.argsort(-np.abs(conditional_z[flagged]), kind="stable")],
        conditional_mean=mean,
        conditional_sd=1 / np.sqrt(flips.precision),
        conditional_z=conditional_z,
        flip_log_lr=flip_log_lr,
        noise=flips.models[-1].share,
        signal=flips.models[-1].signal,
    )


def screen_mismatch(z: np.ndarray, ld: LD, noise: float = 1.0) -> Screen:
    """Return the `Screen` of the SCREEN_SIZE strongest variants, in O(p).

    Any subset of z is normal with its part of the noise's covariance. The errors of LD count in
    proportion to the signal, so the strongest variants show them best; a fixed number of them
    makes loci of all sizes comparable, while s of all variants grows with p over the panel's size.

    Parameters
    ----------
    z : ndarray of shape (p,)
        On the host.
    ld : LD
    noise : float
        s0^2: what is expected of a panel's LD is no mismatch. A flip shows against any noise.
    """
    top = np.sort(np.argsort(-np.abs(z), kind="stable")[:SCREEN_SIZE])
    values, vectors = np.linalg.eigh(to_numpy(ld.rows(top))[:, top].astype(float))
    strongest = z[top].astype(float)
    flips = undo_all_flips(strongest, values, vectors)
    models = flips.models
    if noise != 1.0:
        models = undo_all_flips(strongest / noise**0.5, values, vectors).models
    share = models[0].share
    return Screen(
        share=share,
        corrected_share=models[-1].share,
        impact=float((share - SMALLEST_SHARE) * np.max(z**2) / noise),
        log_lr=models[0].log_lr,
        flipped=top[flips.sign < 0],
    )


def fit_doubts(leads: ArrayLike, ld: LD, *, converged: bool) -> list[str]:
    """Return what makes a fit doubtful, as a list of phrases; an empty list if nothing does.

    Parameters
    ----------
    leads : array of int
        The most probable variant of each effect, and any other of a high PIP.
    ld : LD
    converged : bool
    """
    doubts = [] if converged else ["the fit does not converge"]
    leads = np.asarray(leads, dtype=int)
    r = np.abs(to_numpy(ld.rows(leads))[:, leads])
    first, second = np.nonzero(np.triu(r > LINKED, 1))
    if first.size:
        i, j = leads[first[0]], leads[second[0]]
        place = f"variants {i} and {j}, of absolute r {r[first[0], second[0]]:.3f}"
        doubts.append(f"two effects are on {place if i != j else f'the same variant {i}'}")
    return doubts


def settle_doubts(estimator: Any, locus: Locus, on_mismatch: str) -> bool:
    """Return whether z does not fit the LD of `locus`; if so, refit `estimator` by `on_mismatch`.

    "one_effect" and "shrink" replace the fitted attributes and warn; "raise" raises ValueError.
    """
    screen = screen_fit(estimator, locus)
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
    refit = clone(estimator).set_callbacks()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        if on_mismatch == "shrink":
            measure = refit_shrunk(refit, locus, screen.share)
        else:
            measure = refit_one_effect(refit, locus)
    fitted = {name: value for name, value in vars(refit).items() if name.endswith("_")}
    vars(estimator).update(fitted)
    warnings.warn(f"{reason} {measure}. {remedy}", LDMismatchWarning, stacklevel=4)
    return True


def refit_one_effect(estimator: Any, locus: Locus) -> str:
    """Fit a single effect, which asks LD for the purity of its set alone; return what was done."""
    estimator.set_params(solver=solver_of_effects(), max_effects=1)._fit_summary_locus(locus)
    return "One effect was fitted in place"


def refit_shrunk(estimator: Any, locus: Locus, share: float) -> str:
    """Fit with the LD shrunk to the identity, and one effect if doubts remain; return what was."""
    locus = locus._replace(ld=ShrunkLD(locus.ld, share))
    estimator._fit_summary_locus(locus)
    measure = f"The LD was shrunk by {share:.2g}"
    if screen_fit(estimator, locus).doubts() or doubts_of(estimator, locus):
        refit_one_effect(estimator, locus)
        measure += ", and one effect fitted, since doubts remained"
    return measure


def screen_fit(estimator: Any, locus: Locus) -> Screen:
    """Return the `Screen` of a locus against the noise that `estimator` expects."""
    z = to_numpy(locus.z).astype(float)
    return screen_mismatch(z, locus.ld, estimator.residual_variance_)


def doubts_of(estimator: Any, locus: Locus) -> list[str]:
    """Return what is doubtful of a fit by a calibrated solver; the others are overconfident."""
    solver = estimator._solver
    if not solver.calibrated:
        return []
    leads = [int(credible_set["variants"][0]) for credible_set in estimator.credible_sets_]
    leads += np.setdiff1d(np.flatnonzero(to_numpy(estimator.pip_) > 0.5), leads).tolist()
    converged = estimator.converged_ or solver.is_sampler  # which needs more draws
    return fit_doubts(leads, locus.ld, converged=converged)


def mixed_variance(eigenvalues: np.ndarray, share: float, signal: float) -> np.ndarray:
    """Return g d^2 + (1 - s) d + s, the variances of z along eigenvectors of R."""
    return signal * eigenvalues**2 + (1 - share) * eigenvalues + share


def fit_noise_model(z: np.ndarray, values: np.ndarray, vectors: np.ndarray) -> NoiseModel:
    """Return the `NoiseModel` of maximum likelihood.

    `values` (k,) >= 0 and `vectors` (p, k) are of R; the p - k directions without an eigenvector
    have eigenvalue 0. A grid, then L-BFGS on the logs of s and g.
    """
    power, count = (vectors.T @ z) ** 2, np.ones_like(values)
    if len(values) < len(z):
        rest = max(float(z @ z - power.sum()), 0.0)
        power, values = np.append(power, rest), np.append(values, 0.0)
        count = np.append(count, len(z) - len(count))
    data = power, values, count
    log_s_limits, log_g_limits = (np.log(SMALLEST_SHARE), 0.0), (-12.0, 12.0)
    log_g_grid = np.linspace(-10, 8, 10)
    best = _minimize(np.linspace(*log_s_limits, 10), log_g_grid, log_s_limits, log_g_limits, data)
    smallest = log_s_limits[0]
    null = _minimize([smallest], log_g_grid, (smallest, smallest), log_g_limits, data)
    share, signal = np.exp(best.x)
    return NoiseModel(float(share), float(signal), float(null.fun - best.fun))


def negative_log_likelihood(
    logs: ArrayLike, power: np.ndarray, values: np.ndarray, count: np.ndarray
) -> tuple[float, np.ndarray]:
    """Return -log N(z; 0, g R^2 + (1 - s) R + s I), but for a constant, and its gradient.

    `logs` are those of s and g; `power` sums the squares of z along `count` directions of each of
    the eigenvalues `values`.
    """
    share, signal = np.exp(logs)
    variance = mixed_variance(values, share, signal)
    slope = (count - power / variance) / variance / 2
    gradient = [share * (slope @ (1 - values)), signal * (slope @ values**2)]
    return (count @ np.log(variance) + np.sum(power / variance)) / 2, np.array(gradient)


def _minimize(
    log_s_grid: ArrayLike,
    log_g_grid: ArrayLike,
    log_s_limits: tuple[float, float],
    log_g_limits: tuple[float, float],
    data: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> OptimizeResult:
    """Minimize `negative_log_likelihood` from the best point of a grid."""
    grid = [(log_s, log_g) for log_s in log_s_grid for log_g in log_g_grid]
    start = min(grid, key=lambda logs: negative_log_likelihood(logs, *data)[0])
    return minimize(
        negative_log_likelihood,
        start,
        args=data,
        jac=True,
        bounds=[log_s_limits, log_g_limits],
        method="L-BFGS-B",
    )


def undo_all_flips(observed: np.ndarray, values: np.ndarray, vectors: np.ndarray) -> UndoneFlips:
    """Return the signs that undo the flips of z `observed` (p,).

    s and g are fitted again after each round of flips, which counted as noise before.
    """
    values, sign, models = np.clip(values, 0.0, None), np.ones_like(observed), []
    while True:
        model = fit_noise_model(sign * observed, values, vectors)
        models.append(model)
        before = sign
        sign, precision, weighted = undo_flips(before, observed, values, vectors, model)
        if np.array_equal(sign, before):
            return UndoneFlips(sign, precision, weighted, models)


def undo_flips(
    sign: np.ndarray,
    observed: np.ndarray,
    values: np.ndarray,
    vectors: np.ndarray,
    model: NoiseModel,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Turn entries of `sign` (p,), one by one, while a flip's log ratio is above FLIP_LIMIT.

    Returns the signs, the diagonal of W and W z for the signed z. Each turn adds a column of W to
    W z, and raises the likelihood: the search ends.
    """
    sign = sign.copy()
    extra = 1 / model.variance(values) - 1 / model.share
    precision = 1 / model.share + vectors**2 @ extra
    z = sign * observed
    weighted = z / model.share + vectors @ (extra * (vectors.T @ z))
    while True:
        log_lr = -2 * z * (z - weighted / precision) * precision
        best = int(np.argmax(np.where(np.abs(z) > MIN_FLIP_Z, log_lr, -np.inf)))
        if not (log_lr[best] > FLIP_LIMIT and abs(z[best]) > MIN_FLIP_Z):
            return sign, precision, weighted
        column = vectors @ (extra * vectors[best])
        column[best] += 1 / model.share
        weighted = weighted - 2 * z[best] * column
        z[best] *= -1
        sign[best] *= -1
