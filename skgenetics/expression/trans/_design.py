"""What the scores of factors are linear in: a root of the genotypes' kernel, or the genotypes."""

from typing import Any

import numpy as np

from skgenetics.expression.trans._kernel import CenteredGenotypes, WithOnes, kernel_root
from skgenetics.expression.trans._objective import Design
from skgenetics.utils._arrays import device_of, move_to, namespace_of
from skgenetics.utils._typing import Array


def make_design(
    genotypes: CenteredGenotypes, kernel: Array, variant_kind: str, model: str
) -> Design:
    """Return the `Design`: a root of the kernel (I, I), or the variants if their penalty is L1.

    Every iterate of the smooth problem is in the row space of the genotypes, so that a root of the
    kernel says all of it and nothing depends on S. In "sigmoid" a column of ones, whose coefficient
    is the intercept of the scores, is not penalized.
    """
    xp, intercept = namespace_of(kernel), model == "sigmoid"
    matrix: Any
    if variant_kind == "l1":
        root, width = None, genotypes.X.shape[1]
        matrix = WithOnes(genotypes) if intercept else genotypes
    else:
        matrix, root = kernel_root(kernel)
        width = matrix.shape[1]
        if intercept:
            matrix = xp.concat([matrix, 1 + 0 * matrix[:, :1]], axis=1)
    penalized = np.append(np.ones(width), np.zeros(int(intercept)))
    return Design(matrix, move_to(penalized, xp, device_of(kernel)), genotypes, root)
