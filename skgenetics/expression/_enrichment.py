"""Which sets of genes a factor acts on."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import false_discovery_control, hypergeom
from sklearn.utils import Bunch, check_random_state

from skgenetics.utils._arrays import slices, to_numpy
from skgenetics.utils._parameters import check_number
from skgenetics.utils._typing import ArrayLike

CHUNK_CELLS = 2**22  # drawn places held at once
DRAWS_PER_SET = 40  # so that the smallest possible p, over all sets, is half of .05
ENOUGH = 10  # random sets as extreme as any of their size, which tell its p well
ROUNDING = 1e-12  # an ES equal up to rounding counts as reached


class TestedSets(NamedTuple):
    """Effects of a factor on genes, and the sets of genes to test."""

    scores: np.ndarray  # (n_genes,)
    names: np.ndarray  # (n_sets,) of str
    members: list[np.ndarray]  # per set: places of its genes among the scores


class NullScores(NamedTuple):
    """Enrichment scores of a set without any enrichment, each sorted."""

    positive: np.ndarray  # (B,)
    negative: np.ndarray  # (B,)


def gene_set_overlap(
    scores: ArrayLike,
    gene_names: Sequence[str],
    gene_sets: Mapping[str, Iterable[str]],
    *,
    n_top: int = 200,
) -> Bunch:
    """Test whether the genes at either end of a factor's effects overlap with sets of genes.

    Parameters
    ----------
    scores : array-like of shape (n_genes,)
        Effects of a factor on the genes, with their signs.
    gene_names : sequence of str of shape (n_genes,)
        All genes tested: the background.
    gene_sets : dict of str to iterable of str
        Names of the genes of each set. Genes that are not in `gene_names` are left out.
    n_top : int, default=200
        Number of genes at each end, at most all.

    Returns
    -------
    table : Bunch
        Columns of one entry per set, for ``pandas.DataFrame(table)``: `gene_set`, `size` (genes of
        the set in the background), `expected` (overlap of as many random genes) and, for the
        largest and the smallest scores, `overlap_positive`, `overlap_negative`, `p_positive`,
        `p_negative` (hypergeometric, of so many or more), `q_positive` and `q_negative`
        (Benjamini-Hochberg).

    Raises
    ------
    ValueError
        If names repeat, lengths differ, scores are not finite, or no gene set shares a gene with
        `gene_names`.

    References
    ----------
    .. [1] Yang, Pe'er, Pe'er, Table 1.
    """
    scores, names, members = _check_sets(scores, gene_names, gene_sets, min_size=1)
    check_number(n_top, "n_top", integer=True, low=1, closed="left")
    n_top = min(n_top, scores.size)
    size = np.array([genes.size for genes in members])
    table = Bunch(gene_set=names, size=size, expected=n_top * size / scores.size)
    for end, order in (
        ("positive", np.argsort(-scores, kind="stable")),
        ("negative", np.argsort(scores, kind="stable")),
    ):
        top = np.zeros(scores.size, dtype=bool)
        top[order[:n_top]] = True
        overlap = np.array([int(top[genes].sum()) for genes in members])
        p_value = hypergeom.sf(overlap - 1, scores.size, size, n_top)
        table[f"overlap_{end}"], table[f"p_{end}"] = overlap, p_value
        table[f"q_{end}"] = false_discovery_control(p_value)
    return table


def gene_set_enrichment(
    scores: ArrayLike,
    gene_names: Sequence[str],
    gene_sets: Mapping[str, Iterable[str]],
    *,
    null_scores: ArrayLike | None = None,
    n_permutations: int = 1000,
    min_size: int = 15,
    weight: float = 1.0,
    random_state: Any = None,
) -> Bunch:
    """Test whether the genes of a set gather at either end of a factor's effects (MTGSEA).

    Genes are ranked by falling effect. Down the ranking a running sum rises by the share of each
    gene of the set in the set's total absolute effect, and falls by an equal amount at every other
    gene. Its largest value is the positive, its smallest the negative enrichment score (ES). A p
    value compares it with the ES of random sets of as many genes.

    Parameters
    ----------
    scores : array-like of shape (n_genes,)
        Effects of a factor on the genes, with their signs.
    gene_names : sequence of str of shape (n_genes,)
        Names of the genes.
    gene_sets : dict of str to iterable of str
        Names of the genes of each set. Genes that are not in `gene_names` are left out.
    null_scores : array-like of shape (n_null, n_genes), optional
        Scores that the genes would have without genetics, such as those of a factor in fits to
        permuted people (:func:`~skgenetics.expression.permuted_factor_loadings`). They take the
        place of random sets.
    n_permutations : int, default=1000
        Number of random sets of each size. Where hardly any has so large an ES, more are drawn, as
        many as a q value of .05 over all sets may need.
    min_size : int, default=15
        Smaller sets are left out.
    weight : float, default=1.0
        Power of the absolute effects; 0 counts genes.
    random_state : None, int or RandomState, default=None
        Of the random sets.

    Returns
    -------
    table : Bunch
        Columns of one entry per set, for ``pandas.DataFrame(table)``: `gene_set`, `size`,
        `es_positive`, `es_negative`, `nes_positive`, `nes_negative` (ES over the mean size of a
        random set's), `p_positive`, `p_negative` (one more than the random sets whose ES is as
        large, over one more than all), `q_positive` and `q_negative` (Benjamini-Hochberg).

    Raises
    ------
    ValueError
        If names repeat, lengths differ, scores are not finite, or no set is large enough.

    Notes
    -----
    Random sets are a fair comparison only if genes are independent. Genes of a pathway are
    expressed together, with or without genetics, so that a factor that follows any of this
    co-expression is enriched for it. With `null_scores` a p value holds against that.

    References
    ----------
    .. [1] Yang, Pe'er, Pe'er (MTGSEA), after Subramanian et al., PNAS 2005. The paper's p value,
       from the largest ES over all sets, depends on the size of the smallest sets, whose ES are
       largest; the null here is of the set's own size.
    """
    check_number(n_permutations, "n_permutations", integer=True, low=1, closed="left")
    check_number(min_size, "min_size", integer=True, low=1, closed="left")
    check_number(weight, "weight", low=0, closed="left")
    scores, names, members = _check_sets(scores, gene_names, gene_sets, min_size=min_size)
    sizes, place = _ranking(scores, weight)
    observed = np.array([_enrichment(place[genes][None, :], sizes)[:, 0] for genes in members])
    if null_scores is None:
        nulls = _nulls_by_size(observed, members, sizes, n_permutations, random_state)
    else:
        nulls = _nulls_of_scores(null_scores, members, weight, scores.size)
    columns = {name: np.empty(len(members)) for name in ("nes", "p")}
    table = Bunch(gene_set=names, size=np.array([genes.size for genes in members]))
    for end, sign, es in (("positive", 1, observed[:, 0]), ("negative", -1, observed[:, 1])):
        for place_of_set, null in enumerate(nulls):
            values = np.abs(null.positive if sign > 0 else null.negative)
            size = np.abs(es[place_of_set])
            reached = int(np.sum(values >= size - ROUNDING))
            columns["p"][place_of_set] = (1 + reached) / (1 + values.size)
            columns["nes"][place_of_set] = sign * size / max(values.mean(), 1e-300)
        table[f"es_{end}"], table[f"nes_{end}"] = es, columns["nes"].copy()
        table[f"p_{end}"] = columns["p"].copy()
        table[f"q_{end}"] = false_discovery_control(table[f"p_{end}"])
    return table


def _ranking(scores, weight):
    """Return the sizes of scores by place in the ranking, and the place of each gene."""
    order = np.argsort(-scores, kind="stable")
    place = np.empty(scores.size, dtype=np.int64)
    place[order] = np.arange(scores.size)
    return np.abs(scores[order]) ** weight, place


def _nulls_by_size(observed, members, sizes, n_permutations, random_state):
    """Return the `NullScores` of random sets as large as each set, which sets of a size share."""
    shuffle = np.random.default_rng(check_random_state(random_state).randint(2**31, size=4))
    of_size: dict[int, NullScores] = {}
    most = max(n_permutations, DRAWS_PER_SET * len(members))
    size_of = np.array([genes.size for genes in members])
    for m in np.unique(size_of).tolist():
        high, low = observed[size_of == m, 0].max(), observed[size_of == m, 1].min()
        draws = _random_sets(m, sizes, n_permutations, shuffle)
        while draws.shape[1] < most:
            exceeding = min(np.sum(draws[0] >= high), np.sum(draws[1] <= low))
            if exceeding >= ENOUGH:
                break
            more = min(3 * draws.shape[1], most - draws.shape[1])
            draws = np.hstack([draws, _random_sets(m, sizes, more, shuffle)])
        of_size[m] = NullScores(*draws)
    return [of_size[m] for m in size_of.tolist()]


def _random_sets(m, sizes, n_sets, shuffle):
    """Return the ES (2, n_sets) of random sets of m genes."""
    scores = np.empty((2, n_sets))
    for rows in slices(n_sets, CHUNK_CELLS // m):
        places = np.empty((rows.stop - rows.start, m), dtype=np.int32)
        for drawn in places:
            drawn[:] = shuffle.choice(sizes.size, m, replace=False, shuffle=False)
        scores[:, rows] = _enrichment(places, sizes)
    return scores


def _nulls_of_scores(null_scores, members, weight, n_genes):
    """Return the `NullScores` of each set under scores (n_null, n_genes) without genetics."""
    null_scores = to_numpy(null_scores).astype(np.float64)
    if null_scores.ndim != 2 or null_scores.shape[1] != n_genes or not len(null_scores):
        raise ValueError(
            f"null_scores must have shape (n_null, {n_genes}), a column per gene; got "
            f"{null_scores.shape}."
        )
    if not np.isfinite(null_scores).all():
        raise ValueError("null_scores holds NaN or infinity.")
    values = np.empty((len(members), 2, len(null_scores)))
    for b, scores in enumerate(null_scores):
        sizes, place = _ranking(scores, weight)
        for s, genes in enumerate(members):
            values[s, :, b] = _enrichment(place[genes][None, :], sizes)[:, 0]
    return [NullScores(*of_set) for of_set in values]


def _enrichment(places, sizes):
    """Return the positive and negative ES (2, B) of a set at B times m places in a ranking.

    The running sum is largest just after a gene of the set and smallest just before one, so that
    the other genes need no visit.
    """
    n, m = sizes.size, places.shape[1]
    places = np.sort(places, axis=1)
    gain = sizes[places]
    total = gain.sum(axis=1, keepdims=True)
    gain = np.where(total > 0, gain, 1.0) / np.where(total > 0, total, m)
    after = np.cumsum(gain, axis=1)
    fallen = (places - np.arange(m)) / max(n - m, 1)
    return np.stack(
        [
            np.maximum(np.max(after - fallen, axis=1), 0.0),
            np.minimum(np.min(after - gain - fallen, axis=1), 0.0),
        ]
    )


def _check_sets(scores, gene_names, gene_sets, *, min_size):
    """Return the `TestedSets`, of at least `min_size` genes."""
    scores = to_numpy(scores).astype(np.float64)
    gene_names = np.asarray(gene_names).astype(str)
    if scores.ndim != 1 or scores.shape != gene_names.shape:
        raise ValueError(
            f"scores and gene_names must have one entry per gene; got shapes {scores.shape} and "
            f"{gene_names.shape}."
        )
    if not np.isfinite(scores).all():
        raise ValueError("scores holds NaN or infinity.")
    places = {name: place for place, name in enumerate(gene_names.tolist())}
    if len(places) < gene_names.size:
        raise ValueError("gene_names holds a name more than once.")
    names, members = [], []
    for name, genes in gene_sets.items():
        present = sorted({places[gene] for gene in genes if gene in places})
        if len(present) >= min_size:
            names.append(name)
            members.append(np.array(present))
    if not members:
        raise ValueError(
            f"No gene set has {min_size} or more of the {gene_names.size} genes; check that "
            "gene_sets and gene_names use the same kind of names."
        )
    return TestedSets(scores, np.array(names), members)
