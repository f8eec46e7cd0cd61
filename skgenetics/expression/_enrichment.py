"""Which sets of genes a factor acts on."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import false_discovery_control, hypergeom
from sklearn.utils import Bunch, check_random_state

from skgenetics.utils._arrays import slices, to_numpy
from skgenetics.utils._parameters import check_number
from skgenetics.utils._typing import ArrayLike

CHUNK_CELLS = 2**22  # shuffled places held at once
ROUNDING = 1e-12  # an ES equal up to rounding counts as reached


class TestedSets(NamedTuple):
    """Effects of a factor on genes, and the sets of genes to test."""

    scores: np.ndarray  # (n_genes,)
    names: np.ndarray  # (n_sets,) of str
    members: list[np.ndarray]  # per set: places of its genes among the scores


def gene_set_overlap(
    scores: ArrayLike,
    gene_names: Sequence[str],
    gene_sets: Mapping[str, Iterable[str]],
    *,
    n_top: int = 200,
) -> Bunch:
    """Test whether the top genes of a factor overlap with sets of genes.

    Parameters
    ----------
    scores : array-like of shape (n_genes,)
        Effects of a factor on the genes; the largest in absolute value are its top genes.
    gene_names : sequence of str of shape (n_genes,)
        All genes tested: the background.
    gene_sets : dict of str to iterable of str
        Names of the genes of each set. Genes that are not in `gene_names` are left out.
    n_top : int, default=200
        Number of top genes, at most all.

    Returns
    -------
    table : Bunch
        Columns of one entry per set, for ``pandas.DataFrame(table)``: `gene_set`, `size` (genes of
        the set in the background), `overlap`, `expected` (of as many random genes), `p_value`
        (hypergeometric, of so many or more) and `q_value` (Benjamini-Hochberg).

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
    top = np.zeros(scores.size, dtype=bool)
    top[np.argsort(-np.abs(scores), kind="stable")[:n_top]] = True
    size = np.array([genes.size for genes in members])
    overlap = np.array([int(top[genes].sum()) for genes in members])
    p_value = hypergeom.sf(overlap - 1, scores.size, size, n_top)
    return Bunch(
        gene_set=names,
        size=size,
        overlap=overlap,
        expected=n_top * size / scores.size,
        p_value=p_value,
        q_value=false_discovery_control(p_value),
    )


def gene_set_enrichment(
    scores: ArrayLike,
    gene_names: Sequence[str],
    gene_sets: Mapping[str, Iterable[str]],
    *,
    n_permutations: int = 1000,
    min_size: int = 15,
    weight: float = 1.0,
    random_state: Any = None,
) -> Bunch:
    """Test whether the genes of a set gather at either end of a factor's effects (MTGSEA).

    Genes are ranked by falling effect. Down the ranking a running sum rises by the share of each
    gene of the set in the set's total absolute effect, and falls by an equal amount at every other
    gene. Its largest value is the positive, its smallest the negative enrichment score (ES). The
    null distribution shuffles the genes' labels and takes the extreme ES over all sets, so that p
    values are corrected for the number of sets.

    Parameters
    ----------
    scores : array-like of shape (n_genes,)
        Effects of a factor on the genes, with their signs.
    gene_names : sequence of str of shape (n_genes,)
        Names of the genes.
    gene_sets : dict of str to iterable of str
        Names of the genes of each set. Genes that are not in `gene_names` are left out.
    n_permutations : int, default=1000
        Number of shuffles.
    min_size : int, default=15
        Smaller sets are left out.
    weight : float, default=1.0
        Power of the absolute effects; 0 counts genes.
    random_state : None, int or RandomState, default=None
        Of the shuffles.

    Returns
    -------
    table : Bunch
        Columns of one entry per set, for ``pandas.DataFrame(table)``: `gene_set`, `size`,
        `es_positive`, `es_negative`, `p_positive`, `p_negative` (one more than the shuffles whose
        extreme ES is as large, over one more than all shuffles), `q_positive` and `q_negative`
        (Benjamini-Hochberg).

    Raises
    ------
    ValueError
        If names repeat, lengths differ, scores are not finite, or no set is large enough.

    References
    ----------
    .. [1] Yang, Pe'er, Pe'er (MTGSEA), after Subramanian et al., PNAS 2005.
    """
    check_number(n_permutations, "n_permutations", integer=True, low=1, closed="left")
    check_number(min_size, "min_size", integer=True, low=1, closed="left")
    check_number(weight, "weight", low=0, closed="left")
    scores, names, members = _check_sets(scores, gene_names, gene_sets, min_size=min_size)
    order = np.argsort(-scores, kind="stable")
    sizes = np.abs(scores[order]) ** weight  # by place in the ranking
    place = np.empty(scores.size, dtype=np.int64)
    place[order] = np.arange(scores.size)
    positive, negative = np.array(
        [_enrichment(place[genes][None, :], sizes)[:, 0] for genes in members]
    ).T
    rng = check_random_state(random_state)
    high, low = _null_extremes(members, sizes, n_permutations, rng)
    reached = n_permutations - np.searchsorted(high, positive - ROUNDING)
    below = np.searchsorted(low, negative + ROUNDING, side="right")
    p_positive = (1 + reached) / (1 + n_permutations)
    p_negative = (1 + below) / (1 + n_permutations)
    return Bunch(
        gene_set=names,
        size=np.array([genes.size for genes in members]),
        es_positive=positive,
        es_negative=negative,
        p_positive=p_positive,
        p_negative=p_negative,
        q_positive=false_discovery_control(p_positive),
        q_negative=false_discovery_control(p_negative),
    )


def _null_extremes(members, sizes, n_permutations, rng):
    """Return the largest and the smallest ES over all sets of each shuffle (B,), sorted."""
    n = sizes.size
    high, low = np.zeros(n_permutations), np.zeros(n_permutations)
    pool = np.unique(np.concatenate(members))  # no other gene needs a shuffled place
    columns = [np.searchsorted(pool, genes) for genes in members]
    shuffle = np.random.default_rng(rng.randint(2**31, size=4))
    for rows in slices(n_permutations, CHUNK_CELLS // pool.size):
        places = np.empty((rows.stop - rows.start, pool.size), dtype=np.int32)
        for drawn in places:
            drawn[:] = shuffle.choice(n, pool.size, replace=False)
        for of_set in columns:
            positive, negative = _enrichment(places[:, of_set], sizes)
            high[rows] = np.maximum(high[rows], positive)
            low[rows] = np.minimum(low[rows], negative)
    return np.sort(high), np.sort(low)


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
