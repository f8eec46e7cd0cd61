"""Colocalization: whether two traits share a causal variant, signal by signal.

Source: Giambartolomei et al., PLoS Genetics 2014, equations for H0 to H4, and Wallace, PLoS
Genetics 2021, for one test per pair of effects.
"""

from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.special import logsumexp, softmax
from sklearn.utils.validation import check_is_fitted

from skgenetics.utils._optional import import_optional
from skgenetics.utils._parameters import check_number

if TYPE_CHECKING:
    from pandas import DataFrame


def colocalize(
    fit_a: Any, fit_b: Any, *, p1: float = 1e-4, p2: float = 1e-4, p12: float = 5e-6
) -> "DataFrame":
    """Test whether two traits share causal variants, for each pair of their effects.

    Parameters
    ----------
    fit_a, fit_b : FinemapMiXeR or pandas.DataFrame
        Two fitted loci, or their rows of the table of effects of :func:`finemap_loci` (locus by
        locus, with ``effects=True``). Variants are matched by name if both have names, else they
        must be the same in number and order. Effects are those with a credible set. Fit with
        ``solver="susie"``: a sampler knows the Bayes factors of the variants of its sets alone.
    p1, p2 : float, default=1e-4
        Prior probability that a variant has an effect on the first trait alone, or the second.
    p12 : float, default=5e-6
        Prior probability that a variant has an effect on both.

    Returns
    -------
    table : pandas.DataFrame
        A row per pair: effect_a and effect_b (numbers of the credible sets), n_variants (shared),
        the posterior probabilities h0 (no effect), h1 and h2 (on one trait alone), h3 (on both, by
        different variants), h4 (by the same variant), and, if it is the same, the most likely
        variant lead_variant_id with its probability lead_h4. Empty if a trait has no set.

    Raises
    ------
    ValueError
        If the traits share no variant, or a probability is not between 0 and 1.

    Notes
    -----
    An effect that one trait has on a variant missing in the other cannot be shared: use loci with
    the same variants. Alleles need not agree, since a Bayes factor has no sign.

    References
    ----------
    Wallace, "A more accurate method for colocalisation analysis allowing for multiple causal
    variants", PLoS Genetics 2021.

    Examples
    --------
    >>> import numpy as np
    >>> from skgenetics import FinemapMiXeR
    >>> from skgenetics.finemapping import colocalize
    >>> ld = 0.8 ** np.abs(np.subtract.outer(np.arange(50), np.arange(50)))
    >>> rng = np.random.default_rng(0)
    >>> noise = rng.multivariate_normal(np.zeros(50), ld, size=2)
    >>> z_blood, z_liver = noise + np.outer([5, -5], ld[20])
    >>> blood, liver = (
    ...     FinemapMiXeR(solver="susie").fit_summary(z, ld, n_samples=10_000)
    ...     for z in (z_blood, z_liver)
    ... )
    >>> float(colocalize(blood, liver)["h4"].iloc[0].round(3))
    0.978
    """
    pandas = import_optional("pandas", extra="dataframe")
    for name, value in (("p1", p1), ("p2", p2), ("p12", p12)):
        check_number(value, name, low=0, high=1, closed="neither")
    signals_a, signals_b = signals_of(fit_a), signals_of(fit_b)
    columns_a, columns_b, names = shared_variants(signals_a, signals_b)
    rows = []
    for (a, log_bf_a), (b, log_bf_b) in product(signals_a.log_bf.items(), signals_b.log_bf.items()):
        log_bf_a, log_bf_b = log_bf_a[columns_a], log_bf_b[columns_b]
        log_posterior = log_hypotheses(log_bf_a, log_bf_b, p1=p1, p2=p2, p12=p12)
        shared = softmax(log_bf_a + log_bf_b)
        lead, posterior = int(np.argmax(shared)), softmax(log_posterior)
        rows.append(
            {
                "effect_a": a,
                "effect_b": b,
                "n_variants": len(names),
                **{f"h{k}": float(posterior[k]) for k in range(5)},
                "lead_variant_id": names[lead],
                "lead_h4": float(shared[lead]),
            }
        )
    hypotheses = [f"h{k}" for k in range(5)]
    columns = ["effect_a", "effect_b", "n_variants", *hypotheses, "lead_variant_id", "lead_h4"]
    return pandas.DataFrame(rows, columns=columns)


def log_hypotheses(
    log_bf_a: np.ndarray, log_bf_b: np.ndarray, *, p1: float, p2: float, p12: float
) -> np.ndarray:
    """Return the logs of P(H0), ..., P(H4) up to a constant, from Bayes factors (p,) of one effect.

    H3 is the product of the sums less the sum of the products: two different variants.
    """
    both = logsumexp(log_bf_a + log_bf_b)
    any_pair = logsumexp(log_bf_a) + logsumexp(log_bf_b)
    different = any_pair + np.log(-np.expm1(min(both - any_pair, -1e-16)))
    if len(log_bf_a) == 1:
        different = -np.inf
    return np.array(
        [
            0.0,
            np.log(p1) + logsumexp(log_bf_a),
            np.log(p2) + logsumexp(log_bf_b),
            np.log(p1) + np.log(p2) + different,
            np.log(p12) + both,
        ]
    )


class Signals(NamedTuple):
    """What colocalization needs of a fitted locus."""

    names: np.ndarray | None
    """Of the variants; None if they have none."""
    n_variants: int
    log_bf: dict[int, np.ndarray]
    """Log Bayes factors (n_variants,) of each effect, by the number of its credible set."""


def signals_of(fit: Any) -> Signals:
    """Return the effects with a credible set of a fitted locus, or of its table of effects."""
    if hasattr(fit, "groupby"):
        parts = {int(number): part for number, part in fit.groupby("cs") if number}
        log_bf = {number: part["log_bf"].to_numpy() for number, part in parts.items()}
        names = next((part["variant_id"].to_numpy(dtype=str) for part in parts.values()), None)
        return Signals(names, 0 if names is None else len(names), log_bf)
    check_is_fitted(fit)
    effects = fit.effects_
    numbered = zip(effects["credible_set"].tolist(), effects["log_bf"], strict=True)
    names = getattr(fit, "feature_names_in_", None)
    return Signals(names, fit.n_features_in_, {number: bf for number, bf in numbered if number})


def shared_variants(a: Signals, b: Signals) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Return the columns of the variants that two loci share, and their names."""
    if a.names is None or b.names is None:
        if a.n_variants != b.n_variants and a.n_variants and b.n_variants:
            raise ValueError(
                f"fit_a has {a.n_variants} variants and fit_b {b.n_variants}: fit data frames, "
                "whose names tell which are the same, or the same variants."
            )
        columns = np.arange(min(a.n_variants, b.n_variants))
        known = a.names if a.names is not None else b.names
        names = [f"x{i}" for i in columns] if known is None else known[columns].tolist()
        return columns, columns, names
    names, columns_a, columns_b = np.intersect1d(a.names, b.names, return_indices=True)
    if len(names) == 0:
        raise ValueError("fit_a and fit_b share no variant: their names differ throughout.")
    order = np.argsort(columns_a)
    return columns_a[order], columns_b[order], names[order].tolist()
