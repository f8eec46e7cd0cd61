"""Gene sets against a loop over genes, and against counting."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import fisher_exact

from skgenetics.expression import gene_set_enrichment, gene_set_overlap
from tests.hypothesis_settings import examples
from tests.oracles.expression_gsea import enrichment_score

NAMES = [f"gene{i}" for i in range(120)]


def sets(seed=0, sizes=(15, 20, 30, 14)):
    rng = np.random.default_rng(seed)
    return {f"set{m}": rng.choice(NAMES, m, replace=False).tolist() for m in sizes}


def big(members):
    """The sets of 15 genes or more."""
    return [own for own in members.values() if len(own) >= 15]


@given(st.integers(0, 10_000), st.sampled_from([0.0, 1.0, 2.0]))
@examples(30)
def test_scores_are_those_of_the_loop(seed, weight):
    scores = np.random.default_rng(seed).normal(size=120)
    table = gene_set_enrichment(
        scores, NAMES, sets(seed), n_permutations=2, weight=weight, random_state=0
    )
    assert "set14" not in table.gene_set
    for name, high, low in zip(table.gene_set, table.es_positive, table.es_negative):
        member = np.isin(NAMES, sets(seed)[name])
        expected = enrichment_score(scores, member, weight)
        np.testing.assert_allclose((high, low), expected, atol=1e-12)


def test_p_values_count_the_extreme_scores_of_the_shuffles():
    rng = np.random.default_rng(1)
    scores = rng.normal(size=120)
    members = sets()
    members["up"] = [NAMES[i] for i in np.argsort(-scores)[:20]]
    members["down"] = [NAMES[i] for i in np.argsort(scores)[:20]]
    table = gene_set_enrichment(scores, NAMES, members, n_permutations=199, random_state=0)
    pool = np.unique(np.concatenate([np.flatnonzero(np.isin(NAMES, own)) for own in big(members)]))
    shuffle = np.random.default_rng(np.random.RandomState(0).randint(2**31, size=4))
    falling, high = np.sort(scores)[::-1], []
    for _ in range(199):
        places = np.full(120, -1)
        places[pool] = shuffle.choice(120, pool.size, replace=False)
        places[places < 0] = np.setdiff1d(np.arange(120), places)
        moved = falling[places]  # a gene takes the effect of the gene at its place
        high.append(max(enrichment_score(moved, np.isin(NAMES, own))[0] for own in big(members)))
    for value, p in zip(table.es_positive, table.p_positive):
        assert p == (1 + np.sum(np.array(high) >= value - 1e-12)) / 200
    frame = pd.DataFrame(table).set_index("gene_set")
    assert frame.p_positive["up"] == frame.p_negative["down"] == 1 / 200
    assert frame.p_positive["down"] > 0.5
    assert (frame.q_positive >= frame.p_positive).all()


def test_p_values_hold_their_level_over_all_sets():
    rng = np.random.default_rng(0)
    smallest = [
        gene_set_enrichment(
            rng.normal(size=120), NAMES, sets(seed), n_permutations=99, random_state=seed
        ).p_positive.min()
        for seed in range(200)
    ]
    # the smallest of all sets' p values is uniform: 20 of 200 below .1 in the mean, sd 4
    assert 5 <= np.sum(np.array(smallest) <= 0.1) <= 36


def test_overlap_is_the_test_of_a_two_by_two_table():
    scores = np.random.default_rng(0).normal(size=120)
    members = sets() | {"none": ["elsewhere"]}
    table = gene_set_overlap(scores, NAMES, members, n_top=25)
    top = set(np.array(NAMES)[np.argsort(-np.abs(scores))[:25]])
    assert list(table.gene_set) == [name for name in members if name != "none"]
    for name, overlap, p in zip(table.gene_set, table.overlap, table.p_value):
        own = set(members[name])
        both = len(top & own)
        counts = [[both, 25 - both], [len(own) - both, 120 - 25 - len(own) + both]]
        assert overlap == both
        np.testing.assert_allclose(p, fisher_exact(counts, alternative="greater").pvalue)


@pytest.mark.parametrize("function", [gene_set_enrichment, gene_set_overlap])
def test_bad_input(function):
    scores = np.ones(120)
    with pytest.raises(ValueError, match="same kind of names"):
        function(scores, NAMES, {"a": ["x"] * 20})
    with pytest.raises(ValueError, match="more than once"):
        function(scores, ["a"] * 120, sets())
    with pytest.raises(ValueError, match="one entry per gene"):
        function(scores[:5], NAMES, sets())
    with pytest.raises(ValueError, match="NaN"):
        function(np.full(120, np.nan), NAMES, sets())
