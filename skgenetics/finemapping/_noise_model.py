"""How z would scatter if the LD did not fit it, and which z do not fit the others.

The model: z ~ N(0, g R^2 + (1 - s) R + s I). The noise is (1 - s) R + s I, which is R if the LD is
that of the scan's people. Many small effects would add g R^2, which keeps a real signal from being
taken for mismatch. With R = U D U' the entries of U'z are independent, of variances
g d^2 + (1 - s) d + s, so that one evaluation of the likelihood of s and g takes O(p).
LD that does not fit leaves parts of z along small eigenvalues, where only s explains them.
"""

from typing import NamedTuple

import numpy as np
from scipy.optimize import OptimizeResult, minimize

from skgenetics.utils._typing import ArrayLike

SMALLEST_SHARE = 1e-3  # of s: z and r are published with few decimals
ROUNDED_SHARES = SMALLEST_SHARE * 10.0 ** -np.arange(4)  # or with more of them
FLIP_LIMIT = 25.0  # log likelihood ratio of an allele flip
MIN_FLIP_Z = 2.0  # below it a flip changes little, and cannot be told from noise
OUTLIER_LIMIT = 25.0  # log likelihood ratio of a wrong z against an effect of its variant
NOISE_EVIDENCE = 2.0  # log likelihood ratio of s, below which there is nothing to explain
FLIP_SHARE = 0.8  # of what any other z would explain: a wrong z whose sign is all that is wrong
LARGEST_OUTLYING_PART = 0.1  # of the variants: with more, the LD as a whole does not fit


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


class NoiseScale(NamedTuple):
    """The covariance g R^2 + c R + s I of z, fitted to it, s <= SMALLEST_SHARE."""

    scale: float
    """c."""
    log_lr: float
    """Log likelihood ratio of c against 1."""


class Repair(NamedTuple):
    """z with the signs of flipped alleles turned, and wrong z replaced by their expectations."""

    z: np.ndarray
    """(p,) after the repair."""
    sign: np.ndarray
    """(p,) -1 for a flipped variant, else 1."""
    outlier: np.ndarray
    """(p,) bool: whether z does not fit the others, whatever its sign."""
    models: list[NoiseModel]
    """Fitted before each round of repairs; the last is that of W."""
    given_others: "GivenOthers"
    """Of the z after the repair."""


class GivenOthers(NamedTuple):
    """Each z beside its expectation given the others, W being the inverse of the covariance."""

    z: np.ndarray
    """(p,)"""
    precision: np.ndarray
    """(p,) diagonal of W."""
    weighted: np.ndarray
    """(p,) W z."""
    effect_log_lr: np.ndarray
    """(p,) Log likelihood ratio of an effect of each variant against none."""

    @property
    def mean(self) -> np.ndarray:
        """Expectation (p,) of each z given the others: z_i - (W z)_i / W_ii."""
        return self.z - self.weighted / self.precision

    @property
    def wrong_log_lr(self) -> np.ndarray:
        """Log likelihood ratio (p,) of any other z_i, its variant being wrong, against z_i."""
        return self.weighted**2 / self.precision / 2

    @property
    def flip_log_lr(self) -> np.ndarray:
        """Log likelihood ratio (p,) of -z_i against z_i."""
        return -2 * self.z * self.mean * self.precision

    @property
    def outlier_log_lr(self) -> np.ndarray:
        """Log likelihood ratio (p,) of a wrong z against an effect of its variant.

        An effect moves the z of all variants that its own correlates with, a wrong z moves none.
        Where no other variant tags it, the two cannot be told apart, and the ratio is about 0.
        """
        return self.wrong_log_lr - self.effect_log_lr


def mixed_variance(eigenvalues: np.ndarray, share: float, signal: float) -> np.ndarray:
    """Return g d^2 + (1 - s) d + s, the variances of z along eigenvectors of R."""
    return signal * eigenvalues**2 + (1 - share) * eigenvalues + share


def fit_noise_model(z: np.ndarray, values: np.ndarray, vectors: np.ndarray) -> NoiseModel:
    """Return the `NoiseModel` of maximum likelihood.

    `values` (k,) >= 0 and `vectors` (p, k) are of R; the p - k directions without an eigenvector
    have eigenvalue 0. The many effects of the signal are at most as large as the largest z. A grid,
    then L-BFGS on the logs of s and g.
    """
    data = power_along(z, values, vectors)
    log_s_limits, log_g_limits = (np.log(SMALLEST_SHARE), 0.0), largest_signal(z)
    log_g_grid = np.linspace(*log_g_limits, 10)
    best = _minimize(np.linspace(*log_s_limits, 10), log_g_grid, log_s_limits, log_g_limits, data)
    smallest = log_s_limits[0]
    null = _minimize([smallest], log_g_grid, (smallest, smallest), log_g_limits, data)
    share, signal = np.exp(best.x)
    return NoiseModel(float(share), float(signal), float(null.fun - best.fun))


def largest_signal(z: np.ndarray) -> tuple[float, float]:
    """Return limits of log g: effects that cancel each other could explain any z at all."""
    return -12.0, float(np.log(max(float(np.max(z**2)), 1.0)))


def power_along(
    z: np.ndarray, values: np.ndarray, vectors: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the squares of z along eigenvectors, the eigenvalues, and the directions of each."""
    power, count = (vectors.T @ z) ** 2, np.ones_like(values)
    if len(values) < len(z):
        rest = max(float(z @ z - power.sum()), 0.0)
        power, values = np.append(power, rest), np.append(values, 0.0)
        count = np.append(count, len(z) - len(count))
    return power, values, count


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


def fit_noise_scale(z: np.ndarray, values: np.ndarray, vectors: np.ndarray) -> NoiseScale:
    """Return the `NoiseScale` of maximum likelihood: whether all z are too large, or too small.

    Where LD does not fit, c alone cannot explain what z has along small eigenvalues, as s can. What
    z and r have lost by rounding is s at c = 1: along eigenvalues as small, z of all digits would
    look too small beside any other. A grid of c and g, refined once.
    """
    if not np.any(z):
        return NoiseScale(1.0, 0.0)
    power, values, count = power_along(z, values, vectors)

    def fit(log_c: np.ndarray, log_g: np.ndarray, share: float) -> tuple[float, float, float]:
        """Return the smallest -log likelihood on a grid, and where it is."""
        signal, scale = np.exp(log_g)[None, :, None] * values**2, np.exp(log_c)[:, None, None]
        variance = scale * values + signal + share
        loss = (np.log(variance) @ count + np.sum(power / variance, axis=-1)) / 2
        i, j = np.unravel_index(np.argmin(loss), loss.shape)
        return float(loss[i, j]), float(log_c[i]), float(log_g[j])

    one, log_g = np.zeros(1), np.linspace(*largest_signal(z), 21)
    fits = [(*fit(one, log_g, share), share) for share in ROUNDED_SHARES]
    null, _, best_g, share = min(fits)
    null = min(null, fit(one, best_g + np.linspace(-1, 1, 11), share)[0])
    _, best_c, best_g = fit(np.linspace(-3, 5, 33), log_g, share)
    fine = best_c + np.linspace(-0.25, 0.25, 11), best_g + np.linspace(-1, 1, 11)
    loss, best_c, _ = fit(*fine, share)
    return NoiseScale(float(np.exp(best_c)), null - loss)


def repair(
    observed: np.ndarray, values: np.ndarray, vectors: np.ndarray, *, of_scan: bool = True
) -> Repair:
    """Return z `observed` (p,) with flips undone and wrong z replaced, one by one.

    s and g are fitted again after each round, since what is wrong counted as noise before. Each
    change raises the likelihood, so that the search ends. If more than LARGEST_OUTLYING_PART of the
    z are wrong, it is the LD that does not fit, and no z is changed. Only LD of the scan's people
    (`of_scan`) has a share of noise so small that one wrong z may be what makes it large.
    """
    z = observed.copy()
    sign, outlier = np.ones_like(z), np.zeros(len(z), dtype=bool)
    models = []
    while True:
        models.append(fit_noise_model(z, values, vectors))
        changed, given = repair_round(z, sign, outlier, values, vectors, models[-1])
        if not changed and of_scan:
            changed = repair_without_its_noise(z, sign, outlier, values, vectors, given, models)
        if outlier.sum() > max(LARGEST_OUTLYING_PART * len(z), 1):
            return unrepaired(observed, values, vectors, models[0])
        if not changed:
            return Repair(z, sign, outlier, models, given)


def repair_without_its_noise(
    z: np.ndarray,
    sign: np.ndarray,
    outlier: np.ndarray,
    values: np.ndarray,
    vectors: np.ndarray,
    given: GivenOthers,
    models: list[NoiseModel],
) -> bool:
    """Change the most doubtful z if it is wrong by the s and g of all others; return whether.

    In a small locus one wrong z makes s so large that it explains itself.
    """
    if models[-1].log_lr < NOISE_EVIDENCE:
        return False
    i = int(np.argmax(np.where(outlier, -np.inf, given.outlier_log_lr)))
    trial = z.copy()
    trial[i] = given.mean[i]
    model = fit_noise_model(trial, values, vectors)
    given = given_others(z, values, vectors, model)
    if given.outlier_log_lr[i] <= OUTLIER_LIMIT:
        return False
    models.append(model)
    correct(i, z, sign, outlier, given)
    return True


def correct(
    i: int, z: np.ndarray, sign: np.ndarray, outlier: np.ndarray, given: GivenOthers
) -> None:
    """Turn the sign of a wrong z if that is all that is wrong, else take what others predict."""
    if given.flip_log_lr[i] > FLIP_SHARE * given.wrong_log_lr[i] and abs(z[i]) > MIN_FLIP_Z:
        z[i], sign[i] = -z[i], -sign[i]
    else:
        z[i], outlier[i] = given.mean[i], True


def unmeasured_z(repaired: Repair, values: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Return the repaired z (p,) with those of outliers as if their variants were not measured.

    If r_i^2 is the share of the noise of z_i that the others predict, the likelihood of an effect
    of variant i alone given the others is that of a measured z of E[z_i | others] / r_i.
    """
    share = repaired.models[-1].share
    noise = given_others(repaired.z, values, vectors, NoiseModel(share, 0.0, 0.0))
    predicted = np.sqrt(np.clip(1 - 1 / noise.precision, 0.05, 1.0))
    return np.where(repaired.outlier, repaired.z / predicted, repaired.z)


def unrepaired(
    observed: np.ndarray, values: np.ndarray, vectors: np.ndarray, model: NoiseModel
) -> Repair:
    """Return z as observed."""
    given = given_others(observed, values, vectors, model)
    none = np.zeros(len(observed), dtype=bool)
    return Repair(observed, np.ones_like(observed), none, [model], given)


def given_others(
    z: np.ndarray, values: np.ndarray, vectors: np.ndarray, model: NoiseModel
) -> GivenOthers:
    """Return the z (p,) given others under a `NoiseModel`."""
    variance = model.variance(values)
    extra, along = 1 / variance - 1 / model.share, vectors.T @ z
    information = np.maximum(vectors**2 @ (values**2 / variance), 1e-300)  # R_i'W R_i
    return GivenOthers(
        z=z.copy(),
        precision=1 / model.share + vectors**2 @ extra,
        weighted=z / model.share + vectors @ (extra * along),
        effect_log_lr=(vectors @ (values * along / variance)) ** 2 / information / 2,
    )


def repair_round(
    z: np.ndarray,
    sign: np.ndarray,
    outlier: np.ndarray,
    values: np.ndarray,
    vectors: np.ndarray,
    model: NoiseModel,
) -> tuple[bool, GivenOthers]:
    """Change z, sign and outlier (p,) in place while a log ratio is above its limit.

    Returns whether there was a change, and the z given others.
    """
    changed, most = False, max(LARGEST_OUTLYING_PART * len(z), 1)
    while True:
        given = given_others(z, values, vectors, model)
        flips = np.where((np.abs(z) > MIN_FLIP_Z) & ~outlier, given.flip_log_lr, -np.inf)
        wrong = np.where(outlier, -np.inf, given.outlier_log_lr)
        i, j = int(np.argmax(flips)), int(np.argmax(wrong))
        if flips[i] > FLIP_LIMIT:
            z[i], sign[i] = -z[i], -sign[i]
        elif wrong[j] <= OUTLIER_LIMIT or outlier.sum() > most:
            return changed, given
        else:
            correct(j, z, sign, outlier, given)
        changed = True
