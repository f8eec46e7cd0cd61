"""What is made of a fitted locus: the table of its variants, and the spread of predictions."""

import numpy as np

from skgenetics.utils._array_api import column_blocks, to_numpy
from skgenetics.utils._validation import import_optional


def variants_frame(names, z, pip, mean, sd, credible_sets):
    """Return a data frame with a row a variant; the strongest set of a variant counts."""
    pandas = import_optional("pandas", extra="dataframe")
    number, alpha = np.zeros(len(names), dtype=int), np.zeros(len(names))
    for i, found in reversed(list(enumerate(credible_sets, start=1))):
        number[found["variants"]] = i
        alpha[found["variants"]] = found["alpha"]
    return pandas.DataFrame(
        {
            "variant_id": names,
            "z": to_numpy(z),
            "pip": to_numpy(pip),
            "posterior_mean": to_numpy(mean),
            "posterior_sd": to_numpy(sd),
            "cs": number,
            "cs_alpha": alpha,
        }
    )


def predictive_variance(X, X_mean, spread, factors, factor_weights, noise, xp):
    """Return the variance (n,) of predictions at X, Cov(effects) being as in `Posterior`."""
    variance, common = noise, 0.0
    for columns, block in column_blocks(X, xp, spread.dtype):
        centered = block - X_mean[columns]
        variance = variance + (centered * centered) @ spread[columns]
        common = common + centered @ factors[:, columns].T
    return xp.clip(variance + (common * common) @ factor_weights, min=0.0)
