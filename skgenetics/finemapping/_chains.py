"""Whether the chains of a sampler agree, and how many independent draws they are worth."""

import numpy as np


def chain_diagnostics(trace: np.ndarray, pip: np.ndarray) -> dict[str, float]:
    """Return split R-hat and effective size of the traces (the worse of two), and the PIPs' gap.

    The traces (c, sweeps, ...) are the number of causal variants and the variance they explain; the
    gap is the largest difference of a variant's PIP between two chains.
    """
    halves = np.concatenate(np.array_split(trace[:, : trace.shape[1] // 2 * 2, :2], 2, axis=1))
    n = halves.shape[1]
    within = halves.var(axis=1, ddof=1).mean(axis=0)
    between = n * halves.mean(axis=1).var(axis=0, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.sqrt((n - 1) / n + between / (n * within))
    ratio = np.where((within == 0) & (between == 0), 1.0, ratio)
    sizes = [effective_size(halves[..., k]) for k in range(2)]
    gap = float(np.ptp(pip, axis=0).max())
    return {"rhat": float(ratio.max()), "effective_size": min(sizes), "pip_gap": gap}


def effective_size(chains: np.ndarray) -> float:
    """Return the effective sample size of chains (m, n): Geyer's initial positive sequence."""
    m, n = chains.shape
    centered = chains - chains.mean()
    spectrum = np.abs(np.fft.rfft(centered, 2 * n, axis=1)) ** 2
    covariance = np.fft.irfft(spectrum, axis=1)[:, :n].mean(axis=0) / n
    if covariance[0] <= 0:
        return float(m * n)
    rho = covariance / covariance[0]
    pairs = rho[: n // 2 * 2].reshape(-1, 2).sum(axis=1)
    negative = np.flatnonzero(pairs < 0)
    last = negative[0] if negative.size else pairs.size
    return float(m * n / max(2 * pairs[:last].sum() - 1, 1.0))
