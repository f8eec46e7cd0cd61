"""The mixture's weights pi by accelerated EM, at fixed likelihoods of the components."""

import numpy as np

STEP_GAIN = 1e-8  # least gain of log likelihood by a step of EM that is worth another cycle


def log_weight_prior(weights: np.ndarray, pseudocounts: np.ndarray) -> float:
    """Return sum_t c_t log pi_t: pseudo-counts c are variants seen in component t beforehand."""
    counted = pseudocounts > 0
    with np.errstate(divide="ignore"):
        return float(pseudocounts[counted] @ np.log(weights[counted]))


def updated_weights(
    alpha: np.ndarray,
    weights: np.ndarray,
    used: np.ndarray,
    n_cycles: int,
    pseudocounts: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return pi after one EM step, and after `n_cycles` of SQUAREM at fixed likelihoods.

    Pseudo-counts c join the responsibilities in the EM step, pi_t = (sum_p alpha_pt + c_t) / (P +
    sum c), which maximizes the log likelihood of pi plus `log_weight_prior`.

    A cycle extrapolates two EM steps, unless that lowers the likelihood, and adds one (Varadhan and
    Roland 2008). They end when a step of EM gains next to nothing, as leaps from there would
    magnify rounding. The likelihoods alpha / pi are never formed: with rho = pi_new / pi, a step
    multiplies rho by mean_p alpha_pt / (pi_t sum_s alpha_ps rho_s).

    Parameters
    ----------
    alpha : array (P, T)
        Responsibilities under `weights`; 0 for variants that are not used.
    weights : array (T,)
    used : array (P,) of bool
    n_cycles : int
    pseudocounts : array (T,) or None
        c; None: 0.
    """
    n_used = np.count_nonzero(used)
    if n_used == 0:
        return weights, weights
    counts = np.zeros_like(weights) if pseudocounts is None else pseudocounts
    n_counted = n_used + counts.sum()
    present = weights > 1e-290
    inverse = present / np.where(present, weights, 1.0)

    def em_step(rho: np.ndarray) -> tuple[np.ndarray, float]:
        """Return rho after a step, and the log likelihood before it."""
        total = alpha @ rho
        total[~used] = 1.0
        step = (rho * (alpha.T @ (1 / total)) + counts) * (inverse / n_counted)
        return step, np.sum(np.log(total)) + log_weight_prior(weights * rho, counts)

    plain = (alpha.T @ used + counts) / n_counted
    rho, first = present.astype(float), inverse * plain
    log_likelihood = log_weight_prior(weights, counts)
    for _ in range(n_cycles):
        second, before_second = em_step(first)
        if before_second - log_likelihood < STEP_GAIN:
            break
        change, turn = weights * (first - rho), weights * (second - 2 * first + rho)
        length = max(1.0, np.sqrt(change @ change / max(turn @ turn, 1e-300)))
        leap = weights * rho + length * (2 * change + length * turn)
        leap = np.maximum(leap, weights * second / 10)
        leap = inverse * leap / leap.sum()
        after_leap, at_leap = em_step(leap)
        if at_leap >= before_second:
            rho, first, log_likelihood = leap, after_leap, at_leap
        else:
            rho, first, log_likelihood = first, second, before_second
    accelerated = weights * first
    return plain / plain.sum(), accelerated / accelerated.sum()
