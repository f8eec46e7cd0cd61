"""The knockoff filter and Gaussian knockoffs, from their definitions."""

import numpy as np
from scipy import optimize


def selected_by_step(wins, fdr):
    """The variants of Barber and Candès' Selective SeqStep+ with c = 1/2, in order of their index.

    Variants are in the order of falling size, and have p = 1/2 if they win, 1 if they lose. Of the
    first k, as many as possible such that (1 + number of p = 1) <= fdr x (number of p = 1/2), those
    with p = 1/2 are selected. Variants of one size come together.
    """
    order = sorted((j for j, win in enumerate(wins) if win != 0), key=lambda j: -abs(wins[j]))
    selected, won, n_lost = [], [], 0
    for place, j in enumerate(order):
        if wins[j] > 0:
            won.append(j)
        else:
            n_lost += 1
        last = place + 1 == len(order) or abs(wins[order[place + 1]]) < abs(wins[j])
        if last and 1 + n_lost <= fdr * len(won):
            selected = list(won)
    return sorted(selected)


def own_variances(S):
    """The s of largest entropy: a general optimizer of log det of the joint correlations."""

    def joint(s):
        beside = S - np.diag(s)
        return np.block([[S, beside], [beside, S]])

    def loss(log_s):
        sign, value = np.linalg.slogdet(joint(np.exp(log_s)))
        return -value if sign > 0 else np.inf

    smallest = np.linalg.eigvalsh(S)[0]
    start = np.full(len(S), np.log(smallest))
    options = {"xatol": 1e-9, "fatol": 1e-13, "maxiter": 20_000, "maxfev": 20_000}
    result = optimize.minimize(loss, start, method="Nelder-Mead", options=options)
    return np.exp(result.x)


def swapped(gram, which):
    """Moments (2 m, 2 m) of variants and knockoffs after `which` of them changed places."""
    m = len(gram) // 2
    order = np.arange(2 * m)
    order[which], order[m + which] = m + which, which
    return gram[np.ix_(order, order)]
