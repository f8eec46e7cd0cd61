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


def own_covariances(S, groups):
    """The D of largest entropy, 0 between groups: a general optimizer over its triangular roots."""
    k = len(S)
    rows, columns = np.tril_indices(k)
    inside = groups[rows] == groups[columns]
    rows, columns = rows[inside], columns[inside]

    def covariances(vector):
        root = np.zeros((k, k))
        root[rows, columns] = vector
        return root @ root.T

    def loss(vector):
        beside = S - covariances(vector)
        sign, value = np.linalg.slogdet(np.block([[S, beside], [beside, S]]))
        return -value if sign > 0 else 1e10

    start = np.sqrt(np.linalg.eigvalsh(S)[0]) * (rows == columns)
    options = {"xatol": 1e-9, "fatol": 1e-13, "maxiter": 40_000, "maxfev": 40_000}
    for _ in range(3):  # again from where it stopped
        start = optimize.minimize(loss, start, method="Nelder-Mead", options=options).x
    return covariances(start)


def average_linkage(r, least):
    """Sets of variants: the two of largest mean |r| are joined as long as it is `least`."""
    groups = [{j} for j in range(len(r))]
    while len(groups) > 1:
        means = {
            (a, b): np.mean([abs(r[i, j]) for i in groups[a] for j in groups[b]])
            for a in range(len(groups))
            for b in range(a)
        }
        a, b = max(means, key=means.get)
        if means[a, b] < least:
            break
        groups[b] |= groups.pop(a)
    return {frozenset(group) for group in groups}


def swapped(gram, which):
    """Moments (2 m, 2 m) of variants and knockoffs after the variants `which` changed places."""
    m = len(gram) // 2
    order = np.arange(2 * m)
    order[which], order[m + which] = m + which, which
    return gram[np.ix_(order, order)]
