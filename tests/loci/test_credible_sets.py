"""Credible sets on LD and probabilities written by hand."""

import numpy as np
import pytest

from skgenetics.loci._credible_sets import (
    credible_set,
    log10_odds,
    sets_of_effects,
    sets_of_pips,
)
from skgenetics.loci._ld import DenseLD

R = np.array(
    [
        [1.0, 0.9, 0.8, 0.0, 0.1],
        [0.9, 1.0, 0.7, 0.0, 0.1],
        [0.8, 0.7, 1.0, 0.0, 0.1],
        [0.0, 0.0, 0.0, 1.0, -1.0],
        [0.1, 0.1, 0.1, -1.0, 1.0],
    ]
)
LD = DenseLD(R)


def test_smallest_set_reaching_coverage_with_its_purity():
    alpha = np.array([[0.6, 0.3, 0.07, 0.02, 0.01]])
    (found,) = sets_of_effects(alpha, np.array([np.log(100)]), LD, coverage=0.95, min_purity=0.5)
    assert found["variants"].tolist() == [0, 1, 2]
    np.testing.assert_allclose(found["alpha"], [0.6, 0.3, 0.07])
    assert found["coverage"] == pytest.approx(0.97)
    assert found["min_abs_r"] == pytest.approx(0.7)
    assert found["mean_abs_r"] == pytest.approx(0.8)
    assert found["log10_bf"] == pytest.approx(2)
    (found,) = sets_of_effects(alpha, np.full(1, 3.0), LD, coverage=0.85, min_purity=0.5)
    assert found["variants"].tolist() == [0, 1]


def test_impure_and_repeated_sets_are_left_out_and_the_strongest_is_first():
    alpha = np.array(
        [[0.5, 0.0, 0.0, 0.5, 0.0], [0.0, 0.0, 1.0, 0, 0], [0.9, 0.1, 0, 0, 0], [0.8, 0.2, 0, 0, 0]]
    )
    found = sets_of_effects(alpha, np.array([9.0, 3, 5, 4]), LD, coverage=0.95, min_purity=0.5)
    assert [sorted(one["variants"].tolist()) for one in found] == [[0, 1], [2]]


def test_effects_of_a_bayes_factor_below_10_have_no_set():
    alpha, settings = np.eye(5)[:2], {"coverage": 0.95, "min_purity": 0.5}
    (found,) = sets_of_effects(alpha, np.log([9.9, 10.1]), LD, **settings)
    assert found["variants"].tolist() == [1]


def test_perfectly_correlated_variants_stay_together():
    alpha = np.array([[0.0, 0.0, 0.0, 0.5, 0.5]])
    (found,) = sets_of_effects(alpha, np.full(1, 3.0), LD, coverage=0.4, min_purity=0.5)
    assert sorted(found["variants"].tolist()) == [3, 4]
    assert found["min_abs_r"] == 1


def test_sets_of_pips_gather_friends_and_miss_nobody():
    pip = np.array([0.8, 0.6, 0.5, 0.97, 0.0])
    prior = np.full(5, 0.1)
    found = sets_of_pips(pip, prior, LD, coverage=0.95, min_purity=0.5)
    assert [one["variants"].tolist() for one in found] == [[3], [0, 1, 2]]
    assert found[1]["coverage"] == pytest.approx(1 - 0.2 * 0.4 * 0.5)
    odds = found[1]["coverage"] / (1 - found[1]["coverage"])
    prior_odds = (1 - 0.9**3) / 0.9**3
    assert found[1]["log10_bf"] == pytest.approx(np.log10(odds / prior_odds))
    assert sets_of_pips(np.full(5, 0.1), prior, LD, coverage=0.95, min_purity=0.5) == []
    # what the prior says already is no finding
    assert sets_of_pips(np.full(5, 0.7), np.full(5, 0.6), LD, coverage=0.95, min_purity=0.5) == []


def test_log10_odds_of_certainty_is_finite():
    assert np.isfinite(log10_odds(np.array([1.0])))
    assert log10_odds(np.array([0.5])) == pytest.approx(0)


def test_ties_keep_their_order_whatever_rounding_makes_of_them():
    R = DenseLD(np.ones((4, 4)))
    weights = np.array([0.25, 0.25, 0.25, 0.25]) + 1e-15 * np.array([0, 3, 1, 2])
    found = credible_set(weights, R, coverage=0.95, min_purity=0.5, log10_bf=1.0)
    assert found["variants"].tolist() == [0, 1, 2, 3]
    assert found["mean_abs_r"] == 1
