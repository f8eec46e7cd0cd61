"""A prior that annotations of the variants explain, learned on their posterior probabilities.

logit pi_i = intercept + a_i' w. EM: the E-step is a fit of the locus at the present pi, whose PIPs
are the labels of a logistic regression, the M-step. A locus has few signals, so that w is held by
a normal prior of variance 1 a standard deviation of the annotation.
"""

from itertools import islice

import numpy as np
from sklearn.linear_model import LogisticRegression

from skgenetics.finemapping.solvers import Problem, Solver
from skgenetics.utils._arrays import to_numpy

MAX_ROUNDS = 10
CHANGE = 0.01  # of every log prior odds: the rounds end below it


def learn_annotations(
    solver: Solver, problem: Problem, design: np.ndarray
) -> tuple[Problem, np.ndarray]:
    """Return the `Problem` at the prior probabilities learned, and w (k,) per unit of annotation.

    `design` (p, k) holds the annotations.
    """
    varies = to_numpy(problem.locus.scale) > 0
    pi = np.full(len(design), 1 / len(design))
    coef = np.zeros(design.shape[1])
    for _ in range(MAX_ROUNDS):
        *_, state = islice(solver.start(problem.with_pi(pi)), problem.max_iter)
        pip = to_numpy(solver.posterior(state, problem.locus).pip).astype(float)
        if not 0 < pip[varies].sum() < varies.sum():
            break
        previous = pi
        pi, coef = fractional_logistic(design, pip, varies)
        if np.max(np.abs(np.log(pi / previous))) < CHANGE:
            break
    return problem.with_pi(pi), coef


def fractional_logistic(
    design: np.ndarray, pip: np.ndarray, varies: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the probabilities (p,) and slopes (k,) of a logistic regression on labels in [0, 1].

    Maximizes sum_i pip_i log pi_i + (1 - pip_i) log(1 - pi_i) - w'w / 2 over the variants that
    vary, with w per standard deviation of each column of `design`.
    """
    mean, sd = design[varies].mean(axis=0), design[varies].std(axis=0)
    standardized = (design - mean) / np.where(sd > 0, sd, 1.0)
    labels = np.repeat([1, 0], varies.sum())
    weights = np.concatenate([pip[varies], 1 - pip[varies]])
    model = LogisticRegression(C=1.0, tol=1e-8, max_iter=1000)
    model.fit(np.vstack([standardized[varies]] * 2), labels, sample_weight=weights)
    return model.predict_proba(standardized)[:, 1], model.coef_[0] / np.where(sd > 0, sd, np.inf)
