"""Parameters of MILAGERegressor: their ranges, and what they mean for the data at hand."""

import warnings

import numpy as np

from skgenetics.expression.cis._windows import columns_of, windows_of
from skgenetics.expression.trans._objective import Penalties
from skgenetics.utils._parameters import check_number, check_option
from skgenetics.utils._validation import check_flags

OPTIONS = {
    "trans_model": ("linear", "sigmoid", "tensor"),
    "cis_penalty": ("group_lasso", "lasso", "ridge"),
    "variant_penalty": ("l2", "l1"),
    "loading_penalty": ("l2", "l1"),
    "tissue_penalty": ("l2", "l1"),
    "init": ("staged", "random"),
    "solver": ("auto", "varpro", "als", "gd", "proximal"),
}
SIGMOID_SLOPE = 0.25  # at its steepest
NOT_NEGATIVE = {"low": 0, "closed": "left"}
LIMITS = {
    "n_components": {"integer": True, "low": 0, "closed": "left"},
    "variant_alpha": NOT_NEGATIVE,
    "loading_alpha": NOT_NEGATIVE,
    "tissue_alpha": NOT_NEGATIVE,
    "n_refits": {"integer": True, "low": 0, "closed": "left"},
    "max_iter": {"integer": True, "low": 1, "closed": "left"},
    "tol": NOT_NEGATIVE,
    "validation_fraction": {"low": 0, "high": 1},
}


def check_parameters(model):
    """Raise where a parameter is not what the docstring says."""
    check_flags(model)
    for name, options in OPTIONS.items():
        check_option(getattr(model, name), name, options)
    for name, limits in LIMITS.items():
        check_number(getattr(model, name), name, **limits)
    if model.cis_alpha is not None:
        check_number(model.cis_alpha, "cis_alpha", **NOT_NEGATIVE)
    if model.cis_impute is not None:
        check_option(model.cis_impute, "cis_impute", ("mean",))
    if model.n_variants is not None:
        check_number(model.n_variants, "n_variants", integer=True, low=1, closed="left")
    if isinstance(model.candidate_variants, str):
        check_option(model.candidate_variants, "candidate_variants", ("all", "cis"))
        if model.candidate_variants == "cis" and model.cis_windows is None:
            raise ValueError("candidate_variants='cis' needs cis_windows; got None.")
    for name, off in (("cis_impute", None), ("n_refits", 0)):
        value = getattr(model, name)
        if value != off and model.cis_windows is None:
            raise ValueError(f"{name}={value!r} belongs to the cis stage; cis_windows is None.")


def choose_solver(model):
    """Return the solver to run, or raise where the one asked for cannot."""
    kinds = {name: getattr(model, name) for name in ("variant_penalty", "loading_penalty")}
    if model.trans_model == "tensor":
        kinds["tissue_penalty"] = model.tissue_penalty
    sparse = "l1" in kinds.values()
    if model.solver == "auto":
        if sparse:
            return "proximal"
        return "als" if model.trans_model == "tensor" else "varpro"
    if sparse and model.solver != "proximal":
        raise ValueError(
            f"solver={model.solver!r} is for penalties 'l2'; got "
            f"{', '.join(f'{name}={kind!r}' for name, kind in kinds.items())}. Use "
            "solver='proximal'."
        )
    if model.solver == "varpro" and model.trans_model == "tensor":
        raise ValueError(
            "solver='varpro' needs loadings of every gene in every tissue; trans_model='tensor' "
            "shares them. Use solver='als'."
        )
    return model.solver


def penalties_of(model):
    """Return the `Penalties`.

    Those of variants are for effects on factors. In "sigmoid" these are effects on scores times the
    slope, so that where scores are small the penalties of "linear" and "sigmoid" are the same.
    """
    slope = SIGMOID_SLOPE if model.trans_model == "sigmoid" else 1.0
    power = 2 if model.variant_penalty == "l2" else 1
    return Penalties(
        model.variant_alpha * slope**power, model.loading_alpha, model.tissue_alpha,
        model.variant_penalty, model.loading_penalty, model.tissue_penalty,
    )  # fmt: skip


def resolve_windows(model, n_genes):
    """Return the columns of each gene's window, or None without a cis part."""
    if model.cis_windows is None:
        return None
    names = getattr(model, "feature_names_in_", None)
    return windows_of(model.cis_windows, model.n_variants, model.n_features_in_, n_genes, names)


def resolve_candidates(model):
    """Return candidate columns, or "all" or "cis"."""
    candidates = model.candidate_variants
    if isinstance(candidates, str):
        return candidates
    names = getattr(model, "feature_names_in_", None)
    return columns_of(
        candidates, "candidate_variants", model.n_variants, model.n_features_in_, names
    )


def split(model, used, observed, rng):
    """Return the individuals (sorted) to fit on and those to hold out, of boolean masks.

    Only individuals with observed cells are held out.
    """
    (seen,) = np.nonzero(used & observed)
    if seen.size == 0:
        raise ValueError("y has no observed cell of an individual with a positive weight.")
    if not model.early_stopping:
        return np.flatnonzero(used), seen[:0]
    count = max(1, round(model.validation_fraction * seen.size))
    if seen.size - count < 2:
        raise ValueError(
            f"early_stopping=True holds out {count} of {seen.size} individuals with observed cells "
            "and leaves fewer than 2; lower validation_fraction."
        )
    held_out = rng.permutation(seen)[:count]
    used = used.copy()
    used[held_out] = False
    return np.flatnonzero(used), np.sort(held_out)


def warn_of_gaps(cells):
    """Warn of genes and tissues without a training cell: they are predicted by a mean.

    cells : array (K, J)
        Weight of the observed cells.
    """
    for name, axis in (("gene", 0), ("tissue", 1)):
        (gaps,) = np.nonzero(~np.any(cells, axis=axis))
        if gaps.size:
            shown = ", ".join(map(str, gaps[:5])) + (", ..." if gaps.size > 5 else "")
            warnings.warn(
                f"{gaps.size} {name}(s) have no observed cell among the training individuals "
                f"({shown}): their predictions carry no genetics.",
                UserWarning,
                stacklevel=3,
            )
