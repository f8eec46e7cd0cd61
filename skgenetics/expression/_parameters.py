"""Parameters of MILAGERegressor: rules that join several, and what they mean for the data."""

from typing import Any, NamedTuple

import numpy as np

from skgenetics.expression.cis._regression import CisSettings
from skgenetics.expression.cis._windows import ColumnNames, Columns, resolve_windows
from skgenetics.expression.trans._objective import Penalties
from skgenetics.expression.trans._solvers import SOLVERS
from skgenetics.expression.trans._start import StartSettings
from skgenetics.utils._labels import labels_of_fit
from skgenetics.utils._parameters import Anything
from skgenetics.utils._validation import validate_annotations

SIGMOID_SLOPE = 0.25  # at its steepest
LARGEST_N_COMPONENTS = 40  # that "auto" may choose
ALPHAS = ("variant_alpha", "loading_alpha", "tissue_alpha")
CHOSEN = ("n_components", *ALPHAS, "polygenic")


class Strengths(NamedTuple):
    """Strengths of the penalties, as the parameters variant_alpha, loading_alpha, tissue_alpha."""

    variant: float
    loading: float
    tissue: float


USUAL = Strengths(1e-3, 0.03, 0.01)  # in proportion to which strengths rise together


class ColumnList(Anything):
    """A list of columns of X, by number or by name, and not a word."""

    def fits(self, value: Any) -> bool:
        """Whether `value` is anything but None or a word."""
        return super().fits(value) and not isinstance(value, str)


def check_combinations(model: Any) -> None:
    """Raise if parameters that are right one by one do not go together."""
    if model.cis_windows is not None:
        return
    candidates = model.candidate_variants
    if isinstance(candidates, str) and candidates == "cis":
        raise ValueError("candidate_variants='cis' needs cis_windows; got None.")
    if model.variant_prior is not None:
        raise ValueError("variant_prior belongs to the cis stage; cis_windows is None.")
    for name, off in (("cis_impute", None), ("n_refits", 0)):
        value = getattr(model, name)
        if value != off:
            raise ValueError(f"{name}={value!r} belongs to the cis stage; cis_windows is None.")


def choose_solver(model: Any) -> str:
    """Return the name of the solver to run, or raise if the one asked for cannot."""
    kinds = {name: getattr(model, name) for name in ("variant_penalty", "loading_penalty")}
    tensor = model.trans_model == "tensor"
    if tensor:
        kinds["tissue_penalty"] = model.tissue_penalty
    sparse = "l1" in kinds.values()
    if model.solver == "auto":
        if sparse:
            return "proximal"
        return "als" if tensor else "varpro"
    if sparse and not SOLVERS[model.solver].l1:
        raise ValueError(
            f"solver={model.solver!r} is for penalties 'l2'; got "
            f"{', '.join(f'{name}={kind!r}' for name, kind in kinds.items())}. Use "
            "solver='proximal'."
        )
    if tensor and not SOLVERS[model.solver].tensor:
        raise ValueError(
            f"solver={model.solver!r} needs loadings of every gene in every tissue; "
            "trans_model='tensor' shares them. Use solver='als'."
        )
    return model.solver


def auto_parameters(model: Any) -> set[str]:
    """Return the names of the parameters that are left to the data."""
    unused = set() if model.trans_model == "tensor" else {"tissue_alpha"}
    values = {name: getattr(model, name) for name in CHOSEN if name not in unused}
    return {name for name, value in values.items() if isinstance(value, str)}


def is_nuclear(model: Any) -> bool:
    """Whether the product of two L2 strengths alone matters, exactly or for small scores."""
    kinds = {model.variant_penalty, model.loading_penalty}
    return model.trans_model != "tensor" and kinds == {"l2"}


def strengths_at(model: Any, value: float) -> Strengths:
    """Return the `Strengths` at a point of a path: those given, and "auto" ones for a value.

    value : float
        If the product of the first two alone matters, its root; else what multiplies `USUAL`.
    """
    value = float(value)
    parameters = (model.variant_alpha, model.loading_alpha, model.tissue_alpha)
    given = [None if isinstance(alpha, str) else float(alpha) for alpha in parameters]
    scaled = [usual * value if alpha is None else alpha for alpha, usual in zip(given, USUAL)]
    if not is_nuclear(model):
        return Strengths(*scaled)
    variant, loading, tissue = scaled
    if given[0] is None and given[1] is None:
        variant = loading = value
    elif given[0] is None:
        variant = value**2 / max(loading, 1e-300)
    elif given[1] is None:
        loading = value**2 / max(variant, 1e-300)
    return Strengths(variant, loading, tissue)


def slope_of(model: Any) -> float:
    """Return the slope of the factors in their scores, where it is steepest."""
    return SIGMOID_SLOPE if model.trans_model == "sigmoid" else 1.0


def penalties_of(model: Any, strengths: Strengths) -> Penalties:
    """Return the `Penalties` of strengths.

    Those of variants are for effects on factors. In "sigmoid" these are effects on scores times the
    slope, so that while scores are small the penalties of "linear" and "sigmoid" are the same.
    """
    power = 2 if model.variant_penalty == "l2" else 1
    variant, loading, tissue = strengths
    return Penalties(
        variant * slope_of(model) ** power, loading, tissue,
        model.variant_penalty, model.loading_penalty, model.tissue_penalty,
    )  # fmt: skip


def cis_settings_of(model: Any) -> CisSettings:
    """Return the `CisSettings`."""
    return CisSettings(model.cis_penalty, model.cis_alpha, model.cis_impute, model.n_jobs)


def annotations_of(model: Any) -> np.ndarray | None:
    """Return the annotations (S, q) of `variant_prior` in the order of the columns of X, or None.

    Raises
    ------
    ValueError
        If they do not fit the columns of X.
    """
    if model.variant_prior is None:
        return None
    return validate_annotations(
        model.variant_prior, model.n_features_in_, labels_of_fit(model), "variant_prior"
    )


def start_settings_of(model: Any, windows: list[Columns] | None) -> StartSettings:
    """Return the `StartSettings`, with the candidate variants as columns of X."""
    candidates = model.candidate_variants
    if not isinstance(candidates, str):
        candidates = column_names_of(model).resolve(candidates, "candidate_variants")
    return StartSettings(model.init, windows, candidates, model.n_jobs)


def column_names_of(model: Any) -> ColumnNames:
    """Return the `ColumnNames` of the X that a model is fitted to."""
    names = getattr(model, "feature_names_in_", None)
    return ColumnNames(model.n_features_in_, names, model.n_variants)


def windows_of(model: Any, n_genes: int) -> list[Columns] | None:
    """Return the columns of X of each gene's window, or None without a cis part."""
    if model.cis_windows is None:
        return None
    return resolve_windows(model.cis_windows, n_genes, column_names_of(model))


def split(
    model: Any, used: np.ndarray, observed: np.ndarray, rng: np.random.RandomState
) -> tuple[np.ndarray, np.ndarray]:
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
