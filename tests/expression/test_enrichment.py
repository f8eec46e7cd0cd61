"""Gene sets against a loop over genes, and against counting."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import fisher_exact, kstest

from skgenetics.expression import gene_set_enrichment, gene_set_overlap
from tests.hypothesis_settings import examples
from tests.oracles.expression_gsea import enrichment_score

NAMES = [f"gene{i}" for i in range(120)]


def sets(seed=0, sizes=(15, 20, 30, 14)):
    rng = np.random.default_rng(seed)
    return {f"set{m}": rng.choice(NAMES, m, replace=False).tolist() for m in sizes}


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


def test_p_values_count_random_sets_of_the_same_size():
    rng = np.random.default_rng(1)
    scores = rng.normal(size=120)
    members = sets()
    members["up"] = [NAMES[i] for i in np.argsort(-scores)[:20]]
    members["down"] = [NAMES[i] for i in np.argsort(scores)[:20]]
    table = gene_set_enrichment(scores, NAMES, members, n_permutations=500, random_state=0)
    frame = pd.DataFrame(table).set_index("gene_set")
    null = np.array(
        [
            enrichment_score(scores, np.isin(np.arange(120), rng.choice(120, 20, replace=False)))
            for _ in range(500)
        ]
    )
    expected = np.mean(null[:, 0] >= frame.es_positive["set20"])
    error = 3 * np.sqrt(2 * max(expected * (1 - expected), 0.01) / 500)
    assert abs(frame.p_positive["set20"] - expected) < error
    nes = frame.es_positive["set20"] / null[:, 0].mean()
    np.testing.assert_allclose(frame.nes_positive["set20"], nes, rtol=0.12)
    assert frame.p_positive["up"] == frame.p_negative["down"] == 1 / 501
    assert frame.p_positive["down"] > 0.5
    assert (frame.q_positive >= frame.p_positive).all()


def test_p_values_are_uniform_at_any_size():
    """The level holds for every set, and power does not fall with size at equal evidence."""
    names, hits, null = [f"g{i}" for i in range(1000)], {15: [], 100: []}, []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        members = {f"s{k}": rng.choice(1000, m, replace=False) for k, m in enumerate([15, 40, 100])}
        scores = rng.normal(size=1000)
        scores[members["s0"]] += 4 / np.sqrt(15)
        scores[members["s2"]] += 4 / np.sqrt(100)
        gene_sets = {name: [names[i] for i in places] for name, places in members.items()}
        table = gene_set_enrichment(scores, names, gene_sets, n_permutations=99, random_state=0)
        hits[15].append(table.p_positive[0] <= 0.05)
        hits[100].append(table.p_positive[2] <= 0.05)
        null.append(table.p_positive[1])
    assert np.mean(hits[100]) > np.mean(hits[15]) - 0.15
    assert np.mean(hits[100]) > 0.7
    assert kstest(null, "uniform").pvalue > 1e-3


def test_one_signal_among_thousands_of_sets_has_a_small_q():
    rng = np.random.default_rng(0)
    names, scores = [f"g{i}" for i in range(2000)], rng.normal(size=2000)
    gene_sets = {f"random{k}": rng.choice(names, 20, replace=False) for k in range(500)}
    scores[:20] += 6
    gene_sets["signal"] = names[:20]
    table = gene_set_enrichment(scores, names, gene_sets, n_permutations=200, random_state=0)
    assert table.q_positive[-1] < 0.05 < np.sort(table.q_positive)[1] + 0.05


def test_scores_of_permuted_people_take_the_place_of_random_sets():
    """Co-expressed genes rank together without genetics: random sets do not know, people do."""
    rng = np.random.default_rng(0)
    scores = rng.normal(size=120) + 2 * (np.arange(120) < 20)
    null = rng.normal(size=(39, 120)) + 3 * rng.normal(size=(39, 1)) * (np.arange(120) < 20)
    gene_sets = {"pathway": NAMES[:20]}
    shuffled = gene_set_enrichment(scores, NAMES, gene_sets, random_state=0)
    permuted = gene_set_enrichment(scores, NAMES, gene_sets, null_scores=null)
    assert shuffled.p_positive[0] < 0.01
    member = np.arange(120) < 20
    extreme = [enrichment_score(row, member)[0] for row in null]
    reached = np.sum(np.array(extreme) >= shuffled.es_positive[0])
    assert permuted.p_positive[0] == (1 + reached) / 40 > 0.05
    with pytest.raises(ValueError, match="null_scores must have shape"):
        gene_set_enrichment(scores, NAMES, gene_sets, null_scores=null[:, :5])


def test_overlap_is_the_test_of_a_two_by_two_table_at_either_end():
    scores = np.random.default_rng(0).normal(size=120)
    members = sets() | {"none": ["elsewhere"]}
    table = gene_set_overlap(scores, NAMES, members, n_top=25)
    assert list(table.gene_set) == [name for name in members if name != "none"]
    for end, sign in (("positive", -1), ("negative", 1)):
        top = set(np.array(NAMES)[np.argsort(sign * scores)[:25]])
        for name, overlap, p in zip(table.gene_set, table[f"overlap_{end}"], table[f"p_{end}"]):
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
