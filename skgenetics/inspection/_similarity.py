"""SimilarityExplanation: the pairs of variants that make two people similar."""

from operator import index

import numpy as np
from scipy.sparse.linalg import LinearOperator

from skgenetics.inspection._pairs import PairOperator, top_products
from skgenetics.inspection._relevance import Explanation
from skgenetics.utils._arrays import namespace_of, to_numpy
from skgenetics.utils._parameters import Integer, check_parameter
from skgenetics.utils._typing import Array, ArrayLike


class SimilarityExplanation:
    """Relevance of pairs of variants to the similarity of samples, as factors; made by `bilrp`.

    The relevance of variant j of sample i and variant j' of sample i2 is
    sum_m factors[i, m, j] factors2[i2, m, j']. No array of n_variants x n_variants is made, except
    by ``pair(i, i2).todense()``. Indices i count samples of X, i2 those of X2, or X without X2.

    Attributes
    ----------
    factors, factors2 : array of shape (n_samples, n_units, n_variants)
        Relevance R_jm of each variant to each unit m of phi, of the samples of X and of X2 (the
        same array if there was no X2).
    bias_factors, bias_factors2 : array of shape (n_samples, n_units, n_layers)
        Relevance of the bias of each layer, input first; (n_samples, n_units, 0) with
        bias="denominator".
    """

    def __init__(self, first: Explanation, second: Explanation):
        self._first, self._second = first, second
        self.factors, self.factors2 = first.path[0], second.path[0]
        self.bias_factors, self.bias_factors2 = first.biases, second.biases

    def similarity(self) -> Array:
        """Return phi(x)'phi(x') of each pair of samples, or their cosine.

        Returns
        -------
        array of shape (n_samples, n_samples_2)
        """
        return self._first.values @ self._second.values.T

    def conservation(self) -> Array:
        """Return the similarity minus the sum of all relevance, including the biases'.

        0 up to rounding, except with the rule "epsilon" or with bias="denominator".

        Returns
        -------
        array of shape (n_samples, n_samples_2)
        """
        xp = namespace_of(self.factors)
        total, total2 = (
            xp.sum(side.path[0], axis=-1) + xp.sum(side.biases, axis=-1)
            for side in (self._first, self._second)
        )
        return self.similarity() - total @ total2.T

    def pair(self, i: int, i2: int) -> LinearOperator:
        """Return the relevance of all pairs of variants of two samples, without computing it.

        Parameters
        ----------
        i, i2 : int

        Returns
        -------
        scipy.sparse.linalg.LinearOperator of shape (n_variants, n_variants)
            On the host; rows are variants of sample i, columns those of sample i2. The biases are
            not part of it. ``todense()`` makes the ndarray.
        """
        return PairOperator(*self._factors_of(i, i2))

    def marginal(self, i: int, i2: int, *, axis: int = 1) -> Array:
        """Return the relevance of one sample's variants, summed over the other sample's.

        Parameters
        ----------
        i, i2 : int
        axis : {0, 1}, default=1
            The axis of `pair` that is summed over: 1 gives the variants of sample i, 0 those of
            sample i2.

        Returns
        -------
        array of shape (n_variants,)
        """
        if axis not in (0, 1):
            raise ValueError(f"axis must be 0 or 1; got {axis!r}.")
        left, right = self._factors_of(i, i2, on_host=False)
        remaining, summed = (left, right) if axis == 1 else (right, left)
        return namespace_of(summed).sum(summed, axis=1) @ remaining

    def group(self, i: int, i2: int, groups: ArrayLike) -> np.ndarray:
        """Return the relevance of pairs of groups of variants: genes, or LD blocks.

        Parameters
        ----------
        i, i2 : int
        groups : array-like of shape (n_variants,)
            The group of each variant: a name or a number.

        Returns
        -------
        ndarray of shape (n_groups, n_groups)
            Sums of the relevance of the pairs of variants; groups are ordered as by `numpy.unique`.

        Raises
        ------
        ValueError
            If `groups` does not have an entry for each variant.
        """
        left, right = self._factors_of(i, i2)
        groups = np.asarray(groups)
        if groups.shape != (left.shape[1],):
            raise ValueError(
                f"groups must have shape ({left.shape[1]},), one entry per variant; got "
                f"{groups.shape}."
            )
        names, code = np.unique(groups, return_inverse=True)
        pooled, pooled2 = (
            np.stack([np.bincount(code, weights=row, minlength=len(names)) for row in factors])
            for factors in (left, right)
        )
        return pooled.T @ pooled2

    def top_pairs(self, i: int, i2: int, k: int = 10) -> tuple[np.ndarray, np.ndarray]:
        """Return the pairs of variants of largest absolute relevance.

        Exact, and without the matrix of all pairs: a pair's relevance is at most the product of the
        lengths of its factors, so most pairs are ruled out together.

        Parameters
        ----------
        i, i2 : int
        k : int, default=10
            Number of pairs, at most n_variants squared.

        Returns
        -------
        pairs : ndarray of shape (k, 2)
            Variant of sample i, variant of sample i2; the most relevant pair first.
        relevance : ndarray of shape (k,)
            Signed.
        """
        left, right = self._factors_of(i, i2)
        largest = left.shape[1] * right.shape[1]
        check_parameter(k, "k", [Integer(low=1, high=largest)])
        return top_products(left, right, k)

    def at_layer(self, layer: int) -> "SimilarityExplanation":
        """Return the explanation by pairs of units inside the network, in place of variants.

        Parameters
        ----------
        layer : int
            The layer whose outputs explain, from 0; -1 is phi itself.

        Returns
        -------
        SimilarityExplanation
            Its factors have one column per unit; its biases are those of the layers above.

        Raises
        ------
        ValueError
            If there is no such layer.
        """
        n_layers = len(self._first.path) - 1
        if not -n_layers <= index(layer) < n_layers:
            raise ValueError(
                f"layer must be from {-n_layers} to {n_layers - 1}, as there are {n_layers} layers "
                f"above these factors; got {layer}."
            )
        above = range(n_layers)[layer] + 1
        return SimilarityExplanation(
            *(
                Explanation(side.values, side.path[above:], side.biases[:, :, above:])
                for side in (self._first, self._second)
            )
        )

    def _factors_of(self, i: int, i2: int, *, on_host: bool = True) -> list[Array]:
        """Return the factors (n_units, n_variants) of two samples, on the host unless told."""
        both = []
        for name, sample, factors in (("i", i, self.factors), ("i2", i2, self.factors2)):
            n = factors.shape[0]
            if not -n <= index(sample) < n:
                raise IndexError(f"{name} must be from 0 to {n - 1}, a sample; got {sample}.")
            of_sample = factors[index(sample), :, :]
            both.append(to_numpy(of_sample) if on_host else of_sample)
        return both
