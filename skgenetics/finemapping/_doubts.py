"""What is doubtful of a fit to z and LD that may not agree, and remedies.

A remedy takes away no more than the evidence asks for: single z that do not fit the others are
corrected, LD that looks as if few people gave it is taken so, and one effect alone is fitted only
if doubts remain.
"""

import warnings
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from skgenetics.finemapping._belief import ld_is_believable
from skgenetics.finemapping._choice import believing_solver, solver_of_effects
from skgenetics.finemapping._diagnostics import (
    EVIDENCE_LIMIT,
    TIGHT_DIRECTIONS,
    LDMismatchWarning,
    Screen,
    screen_mismatch,
)
from skgenetics.finemapping._noise_model import SMALLEST_SHARE
from skgenetics.finemapping._panel import is_of_panel
from skgenetics.finemapping._panel_size import FEWEST, with_effective_panel
from skgenetics.finemapping.solvers import Solver
from skgenetics.loci._ld import LD, ShrunkLD
from skgenetics.loci._summary import Locus
from skgenetics.utils._arrays import to_numpy
from skgenetics.utils._typing import ArrayLike

LINKED = 0.95  # |r| of two effects that may be one, or an artifact of LD that does not fit
USUAL_PANEL = 500.0  # people that LD may be of, if it is not said to be of other people
FOREIGN = 1 / 5  # of the people of a panel: if it is worth fewer, it is of others
CHECKS = (
    "Check that both count the same alleles, that n_samples is that of each variant, and that the "
    "LD is of people of the scan's ancestry; ld_mismatch(z, ld, n_samples) tells which variants to "
    "look at."
)
EFFECTS_IN_NOISE = 4  # as strong as the strongest variant, which LD of a panel blurs


def fit_doubts(leads: ArrayLike, effects: np.ndarray, ld: LD, *, converged: bool) -> list[str]:
    """Return what makes a fit doubtful, as a list of phrases; an empty list if nothing does.

    Two effects on variants in high LD that work against each other are what errors of LD look like;
    two that work together are one signal in two parts, or two.

    Parameters
    ----------
    leads : array of int
        The most probable variant of each effect that is there.
    effects : ndarray of shape (p,)
        Per standard deviation of the genotype.
    ld : LD
    converged : bool
    """
    doubts = [] if converged else ["the fit does not converge"]
    leads = np.asarray(leads, dtype=int)
    r = to_numpy(ld.rows(leads))[:, leads] if len(leads) else np.zeros((0, 0))
    against = r * np.outer(effects[leads], effects[leads]) <= 0
    first, second = np.nonzero(np.triu((np.abs(r) > LINKED) & against, 1))
    if first.size:
        i, j = leads[first[0]], leads[second[0]]
        doubts.append(
            f"two effects work against each other on variants {i} and {j}, of absolute r "
            f"{abs(r[first[0], second[0]]):.3f}"
        )
    return doubts


def hidden_effects(leads: ArrayLike, effects: np.ndarray, z: np.ndarray) -> list[str]:
    """Return doubts about effects that the z of their own variants do not show.

    Another effect may hide one, or the z may be wrong; where few variants correlate, no other z
    tells. `effects` (p,) are in units of z: what an effect alone would make of its variant's z.
    """
    leads = np.asarray(leads, dtype=int)
    hidden = leads[z[leads] * np.sign(effects[leads]) < np.abs(effects[leads]) / 2]
    return [
        f"the effect of variant {i} does not show in its own z, {z[i]:.2f}, and too few variants "
        "correlate to tell whether that is right"
        for i in hidden[:1]
    ]


def fit_with_doubts(estimator: Any, locus: Locus, on_mismatch: str) -> None:
    """Fit `estimator` to summary statistics, and do by `on_mismatch` what doubts ask for.

    LD of a panel is taken as that of fewer people where z asks for it: see `with_effective_panel`,
    and half as many again while the fit is at odds with its z.
    """
    checks, fitted, given = on_mismatch != "ignore", estimator, float(locus.panel_size)
    foreign = False
    if checks:
        locus = with_effective_panel(estimator, locus)
    while True:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            fit_in_steps(fitted, locus, on_mismatch, checks=checks)
        doubtful = checks and is_of_panel(locus) and at_odds(fitted, locus)
        if not doubtful or locus.panel_size < 2 * FEWEST:
            break
        foreign = foreign or bool(fitted.ld_mismatch_)
        locus = locus._replace(panel_size=locus.panel_size / 2)
        fitted = clone(estimator).set_params(random_state=estimator.random_state).set_callbacks()
    if fitted is not estimator:
        take_over(estimator, fitted)
        estimator._solver = fitted._solver
    for warning in caught:
        warnings.warn(warning.message, stacklevel=5)
    if not hasattr(estimator, "panel_size_"):
        estimator.panel_size_ = float(locus.panel_size)
    foreign = foreign or estimator.panel_size_ < FOREIGN * given < np.inf
    if foreign and not estimator.ld_mismatch_:
        estimator.ld_mismatch_ = True
        warnings.warn(
            f"z fits ld as it would fit that of {estimator.panel_size_:.0f} people of the scan's "
            f"population, rather than of {given:.0f}, and is fitted so. {CHECKS}",
            LDMismatchWarning,
            stacklevel=5,
        )


def at_odds(estimator: Any, locus: Locus) -> bool:
    """Return whether a fit to LD of a panel says more than its z do.

    Either z as a whole does not fit the LD, or there is an effect that its own z does not show by
    half. With LD of the scan's people others may hide it; errors of a panel's LD look like that.
    """
    if estimator.ld_mismatch_ and estimator.flipped_.size + estimator.outliers_.size == 0:
        return True
    pip = to_numpy(estimator.pip_).astype(float)
    effects = to_numpy(estimator.coef_ * locus.scale).astype(float) / np.maximum(pip, 1e-300)
    z = to_numpy(locus.z).astype(float)
    return bool(
        hidden_effects(np.setdiff1d(np.flatnonzero(pip > 0.5), estimator.outliers_), effects, z)
    )


def fit_in_steps(estimator: Any, locus: Locus, on_mismatch: str, *, checks: bool) -> None:
    """Fit with more effort or more caution, as far as doubts ask for it.

    A solver that believes the LD follows where that is found to fit: by single effects without a
    background at once, or else by single effects in full, which stay if doubts remain, or if it
    explains more than all of the trait.
    """
    believing = believing_solver(estimator, locus)
    if believing is not None:
        screen, doubts = first_look(estimator, locus, believing, checks)
        if not doubts:
            estimator._fit_summary_locus(locus, believing)
            if estimator.heritability_ <= 1:
                if screen is not None:
                    estimator.ld_mismatch_ = False if screen.tells else None
                    estimator.flipped_, estimator.outliers_ = screen.flipped, screen.outliers
                return
            believing = None  # more than all of the trait: the LD is not to be believed
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        estimator._fit_summary_locus(locus)
    mismatch = settle_doubts(estimator, locus, on_mismatch) if checks else False
    believed = (
        believing is not None and not mismatch and ld_is_believable(estimator, locus, believing)
    )
    if believed:
        again = clone(estimator).set_params(random_state=estimator.random_state).set_callbacks()
        again._fit_summary_locus(locus, believing)
        believed = again.heritability_ <= 1
        if believed:
            take_over(estimator, again)
            estimator._solver = again._solver
    if not believed and not mismatch:
        for warning in caught:
            warnings.warn(warning.message, stacklevel=5)
    if checks:
        estimator.ld_mismatch_ = mismatch


def first_look(
    estimator: Any, locus: Locus, believing: Solver, checks: bool
) -> tuple[Screen | None, bool]:
    """Return the `Screen`, if the LD is checked, and whether a quick fit leaves doubts."""
    look = clone(estimator).set_params(solver=solver_of_effects().quick()).set_callbacks()
    look.set_params(annotations=None)  # which say nothing of the LD
    if look.background == "auto":
        look.set_params(background=0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        look._fit_summary_locus(locus)
    screen, doubts = screen_with_doubts(look, locus) if checks else (None, [])
    return screen, bool(doubts) or not ld_is_believable(look, locus, believing)


def take_over(estimator: Any, refit: Any) -> None:
    """Give `estimator` the attributes that `refit` has fitted."""
    vars(estimator).update({name: part for name, part in vars(refit).items() if name[-1] == "_"})


def settle_doubts(estimator: Any, locus: Locus, on_mismatch: str) -> bool | None:
    """Return whether z does not fit the LD of `locus`; if so, refit `estimator` by `on_mismatch`.

    "one_effect" and "shrink" replace the fitted attributes and warn; "raise" raises ValueError.
    None: nothing was found, but too few variants correlate to tell.
    """
    screen, doubts = screen_with_doubts(estimator, locus)
    estimator.flipped_, estimator.outliers_ = screen.flipped, screen.outliers
    if not doubts:
        return False if screen.tells else None
    reason = f"z and ld do not fit: {'; '.join(doubts)}."
    remedy = CHECKS
    if looks_squared(to_numpy(locus.z).astype(float), locus.ld):
        remedy = f"ld looks like r^2: give r. {remedy}"
    if on_mismatch == "raise":
        raise ValueError(f"{reason} {remedy}")
    refit = clone(estimator).set_callbacks()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        measures, turned = refit_without_doubts(refit, estimator, locus, screen, on_mismatch)
    if measures:
        take_over(estimator, refit)
        restore_alleles(estimator, locus, turned)
    warnings.warn(" ".join([reason, *measures, remedy]), LDMismatchWarning, stacklevel=6)
    return True


def refit_without_doubts(
    refit: Any, estimator: Any, locus: Locus, screen: Screen, on_mismatch: str
) -> tuple[list[str], np.ndarray]:
    """Fit `refit` to the locus with no more changes than the doubts ask for.

    Returns what was done, and the variants whose alleles were turned.
    """
    measures, fitted, reported = [], estimator, locus
    turned = screen.flipped

    def doubtful() -> bool:
        """Fit again, and return whether doubts remain."""
        nonlocal screen, fitted
        refit._fit_summary_locus(locus)
        fitted = refit
        screen = screen_fit(refit, locus)
        return screen.misleads or bool(doubts_of(refit, locus, screen))

    doubts_remain = screen.misleads or bool(doubts_of(estimator, locus, screen))
    if screen.flipped.size or screen.outliers.size:
        if screen.flipped.size:
            measures.append("The signs of flipped z were turned.")
        if screen.outliers.size:
            measures.append("The z of such variants were left out and predicted from the others.")
        locus = screen.repaired(locus)
        doubts_remain = doubtful()
    if doubts_remain and screen.out_of_scale and screen.scale.scale > 1:
        noise = screen.scale.scale * to_noise(fitted)
        refit.set_params(residual_variance=noise)
        measures.append(f"residual_variance={noise:.3g} was taken.")
        doubts_remain = doubtful()
    if doubts_remain and on_mismatch == "shrink" and screen.corrected_share > SMALLEST_SHARE:
        measures.append(f"The LD was shrunk by {screen.corrected_share:.2g}.")
        of_people = locus.ld
        locus = locus._replace(ld=ShrunkLD(of_people, screen.corrected_share))
        doubts_remain = doubtful() or bool(doubts_of(refit, locus._replace(ld=of_people), screen))
    elif doubts_remain and screen.mismatched and not screen.of_panel:
        locus = locus._replace(panel_size=USUAL_PANEL)
        doubts_remain = doubtful()
        refit.panel_size_ = USUAL_PANEL
        measures.append(f"The LD was taken as that of {USUAL_PANEL:.0f} people (panel_size).")
    if doubts_remain:  # of LD that does not fit no z is known to be wrong
        refit.set_params(solver=solver_of_effects(), max_effects=1)._fit_summary_locus(reported)
        return ["One effect was fitted in place, since doubts remained."], turned[:0]
    return measures, turned


def to_noise(fitted: Any) -> float:
    """Return the residual variance that a fit was given or learned, as one number."""
    return float(np.mean(to_numpy(fitted.residual_variance_)))


def restore_alleles(estimator: Any, locus: Locus, flipped: np.ndarray) -> None:
    """Give z and effects of a repaired fit back the alleles that are counted in z."""
    estimator.z_ = locus.z
    sign = np.ones(locus.z.shape[0])
    sign[flipped] = -1
    estimator.coef_ = estimator.coef_ * locus.array(sign)
    estimator.background_coef_ = estimator.background_coef_ * locus.array(sign)
    estimator.effects_["mean"] = estimator.effects_["mean"] * sign


def looks_squared(z: np.ndarray, ld: LD) -> bool:
    """Return whether LD seems to be r^2: none is negative, and roots fit the strongest z better.

    If one variant has an effect, |z_j| is about |r_j z| of the strongest z.
    """
    lead = int(np.argmax(np.abs(z)))
    r = to_numpy(ld.rows(np.array([lead])))[0].astype(float)
    if r.min() < 0 or len(z) <= TIGHT_DIRECTIONS:
        return False
    near = r > 0.2
    as_r, as_r2 = (np.sum((np.abs(z) - root * np.abs(z[lead]))[near] ** 2) for root in (r, r**0.5))
    return bool(as_r2 < as_r / 2)


def screen_fit(estimator: Any, locus: Locus) -> Screen:
    """Return the `Screen` of a locus against the noise that `estimator` expects.

    A fit that builds effects on wrong z expects the noise of a panel that goes with them: what a
    few effects of the size of the largest z would add is the most that is believed.
    """
    z = to_numpy(locus.z).astype(float)
    noise, panel_size = to_numpy(estimator.residual_variance_), locus.panel_size
    if not is_of_panel(locus):  # as good as the scan's people
        panel_size = np.inf
    else:
        noise = np.minimum(noise, 1 + EFFECTS_IN_NOISE * np.max(z**2) / panel_size)
    return screen_mismatch(
        z,
        locus.ld,
        noise,
        leads=leads_of(estimator),
        panel_size=panel_size,
    )


def screen_with_doubts(estimator: Any, locus: Locus) -> tuple[Screen, list[str]]:
    """Return the `Screen` of a fit, and all that is doubtful."""
    screen = screen_fit(estimator, locus)
    return screen, screen.doubts() + doubts_of(estimator, locus, screen)


def leads_of(estimator: Any) -> np.ndarray:
    """Return the most probable variant of each effect: members of one set are one effect."""
    leads = [int(found["variants"][0]) for found in estimator.credible_sets_]
    in_sets = [found["variants"] for found in estimator.credible_sets_]
    probable = np.flatnonzero(to_numpy(estimator.pip_) > 0.5)
    return np.union1d(leads, np.setdiff1d(probable, np.concatenate([*in_sets, []]))).astype(int)


def doubts_of(estimator: Any, locus: Locus, screen: Screen) -> list[str]:
    """Return what is doubtful of a fit by a calibrated solver; the others are overconfident.

    Where the screen could tell and found nothing, a fit that does not converge needs more
    iterations, and two effects in high LD are two.
    """
    solver = estimator._solver
    found_nothing = screen.tells and screen.log_lr <= EVIDENCE_LIMIT
    if not solver.calibrated or found_nothing:
        return []
    leads, pip = leads_of(estimator), to_numpy(estimator.pip_).astype(float)
    per_deviation = to_numpy(estimator.coef_ * locus.scale).astype(float)
    converged = estimator.converged_ or solver.is_sampler  # which needs more draws
    doubts = fit_doubts(leads, per_deviation, locus.ld, converged=converged)
    if not screen.tells:
        effects = per_deviation / np.maximum(pip, 1e-300)
        doubts += hidden_effects(leads, effects, to_numpy(locus.z).astype(float))
    return doubts
