"""A prior that annotations of the variants explain, learned on their posterior probabilities.

logit pi_i = intercept + a_i' w. A locus has few signals, so that w is held by a normal prior of
variance 1 a standard deviation of the annotation. A sampler draws w with the effects. For the other
solvers EM: the E-step is a fit of the locus at the present pi, whose PIPs are the labels of a
logistic regression, the M-step.
"""

from itertools import islice

import numpy as np
from sklearn.linear_model import LogisticRegression

from skgenetics.finemapping.solvers import Annotations, Problem, Solver
from skgenetics.utils._arrays import to_numpy

MAX_ROUNDS = 10
CHANGE = 0.01  # of every log prior odds: the rounds end below it


def with_annotations(solver: Solver, problem: Problem, design: np.ndarray) -> Problem:
    """Return the problem with annotations `design` (p, k), learned unless the solver does that."""
    annotations = standardize(design, to_numpy(problem.locus.scale) > 0)
    if solver.learns_annotations:
        return problem._replace(annotations=annotations)
    return learn_annotations(solver, problem, annotations)


def standardize(design: np.ndarray, varies: np.ndarray) -> Annotations:
    """Return annotations `design` (p, k) per standard deviation of the variants that vary (p,)."""
    if not varies.any():
        return Annotations(0 * design, np.full(design.shape[1], np.inf))
    sd = design[varies].std(axis=0)
    unit = np.where(sd > 0, sd, np.inf)
    return Annotations((design - design[varies].mean(axis=0)) / unit, unit)


def learn_annotations(solver: Solver, problem: Problem, annotations: Annotations) -> Problem:
    """Return the problem at the prior probabilities and slopes that are learned by EM."""
    varies = to_numpy(problem.locus.scale) > 0
    n_variants, n_annotations = annotations.values.shape
    pi, slopes = np.full(n_variants, 1 / n_variants), np.zeros(n_annotations)
    for _ in range(MAX_ROUNDS):
        *_, state = islice(solver.start(problem.with_pi(pi)), problem.max_iter)
        pip = to_numpy(solver.posterior(state, problem.locus).pip).astype(float)
        if not 0 < pip[varies].sum() < varies.sum():
            break
        previous = pi
        pi, slopes = fractional_logistic(annotations.values, pip, varies)
        if np.max(np.abs(np.log(pi / previous))) < CHANGE:
            break
    return problem.with_pi(pi)._replace(annotations=annotations._replace(slopes=slopes))


def fractional_logistic(
    design: np.ndarray, pip: np.ndarray, varies: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the probabilities (p,) and slopes (k,) of a logistic regression on labels in [0, 1].

    Maximizes sum_i pip_i log pi_i + (1 - pip_i) log(1 - pi_i) - w'w / 2 over the variants that
    vary, with w the slopes of `design`.
    """
    labels = np.repeat([1, 0], varies.sum())
    weights = np.concatenate([pip[varies], 1 - pip[varies]])
    model = LogisticRegression(C=1.0, tol=1e-8, max_iter=1000)
    model.fit(np.vstack([design[varies]] * 2), labels, sample_weight=weights)
    return model.predict_proba(design)[:, 1], model.coef_[0]
