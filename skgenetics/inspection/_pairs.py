"""Products of factors of two samples: as an operator, and the largest ones."""

import numpy as np
from scipy.sparse.linalg import LinearOperator


class PairOperator(LinearOperator):
    """left' right, for factors left (h, d) and right (h, d2)."""

    def __init__(self, left: np.ndarray, right: np.ndarray):
        super().__init__(left.dtype, (left.shape[1], right.shape[1]))
        self.left, self.right = left, right

    def _matmat(self, block):
        return self.left.T @ (self.right @ block)

    def _adjoint(self):
        return PairOperator(self.right, self.left)

    def _transpose(self):
        return PairOperator(self.right, self.left)

    def todense(self) -> np.ndarray:
        """Return the matrix of all pairs."""
        return self.left.T @ self.right


def top_products(left: np.ndarray, right: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the k pairs (j, j') of largest abs(left_j . right_j'), and their products.

    Exact. As abs(left_j . right_j') <= |left_j| |right_j'|, only pairs whose bound reaches the k-th
    best so far are computed, a block at a time. Of equal products among those computed, the smaller
    j comes first, then the smaller j'.

    Parameters
    ----------
    left, right : ndarray (h, d), (h, d2)
    k : int

    Returns
    -------
    pairs : ndarray of int (k, 2), products : ndarray (k,)
    """
    left_norm, right_norm = np.linalg.norm(left, axis=0), np.linalg.norm(right, axis=0)
    left_order, right_order = np.argsort(-left_norm), np.argsort(-right_norm)
    sorted_right, slack = right[:, right_order], 1 + 8 * len(left) * np.finfo(left.dtype).eps
    reach = right_norm[right_order] * slack
    height = max(1, 2**22 // right.shape[1])
    pairs, products = np.empty((0, 2), dtype=np.intp), np.empty(0, dtype=left.dtype)
    threshold = 0.0
    for start in range(0, len(left_order), height):
        rows = left_order[start : start + height]
        width = np.searchsorted(-left_norm[rows[0]] * reach, -threshold, side="right")
        if width == 0:
            break
        block = left[:, rows].T @ sorted_right[:, :width]
        size = np.abs(block).ravel()
        large = np.flatnonzero(size >= threshold)
        if large.size > k:
            large = large[np.argpartition(size[large], -k)[-k:]]
        row, column = np.divmod(large, width)
        pairs = np.r_[pairs, np.c_[rows[row], right_order[column]]]
        products = np.r_[products, block.ravel()[large]]
        best = np.lexsort((pairs[:, 1], pairs[:, 0], -np.abs(products)))[:k]
        pairs, products = pairs[best], products[best]
        if len(products) == k:
            threshold = abs(products[-1])
    return pairs, products
