"""Genes along the genome, cut into runs that share few enough variants to be held in memory."""

from collections.abc import Iterator, Sequence

import numpy as np

MAX_VARIANTS = 2_000  # of a run, about


def cuts(variants: Sequence[np.ndarray]) -> Iterator[slice]:
    """Yield the runs of genes, in order.

    Parameters
    ----------
    variants : sequence of arrays of int
        Numbers of the variants of each gene.
    """
    first, held = 0, set[int]()
    for place, numbers in enumerate(variants):
        if place > first and len(held) >= MAX_VARIANTS:
            yield slice(first, place)
            first, held = place, set()
        held.update(numbers.tolist())
    if variants:
        yield slice(first, len(variants))
