"""Fitted models in files that run no code when they are read."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.metrics import make_scorer, r2_score
from sklearn.model_selection import check_cv

from skgenetics._version import __version__
from skgenetics.utils import to_host
from skgenetics.utils._optional import import_optional
from skgenetics.utils._typing import PathLike

if TYPE_CHECKING:
    import pandas as pd

OURS = "skgenetics."
PICKLES = (".joblib", ".pkl", ".pickle")


@dataclass(frozen=True)
class SavedModel:
    """A fitted model and what its columns and targets are."""

    estimator: Any
    """Its columns are the variants, then the covariates."""
    variants: "pd.DataFrame"
    """A row per variant: its ID, place, effect allele (the one counted) and other allele."""
    traits: list[str] = field(default_factory=list)
    """Names of the targets."""
    n_covariates: int = 0
    """Columns of X after the variants."""
    build: str = "unknown"
    """Genome build of the places."""
    version: str = __version__
    """Of the package that saved the model."""


def write_model(path: PathLike, model: SavedModel) -> None:
    """Write a fitted model to a skops file (extra ``skops``).

    Parameters
    ----------
    path : str or path
        Ends in .skops.
    model : SavedModel
        Arrays on another device are written as NumPy arrays.
    """
    skops = import_optional("skops.io", extra="skops")
    _check_suffix(Path(path), (".skops",))
    content = {**vars(model), "estimator": to_host(model.estimator)}
    content["variants"] = {name: _plain(column) for name, column in model.variants.items()}
    skops.dump(content, path)


def read_model(
    path: PathLike, *, trusted: tuple[str, ...] = (), trust_pickle: bool = False
) -> SavedModel:
    """Read a model that :func:`write_model` or ``skgenetics compare --save-model`` has written.

    Parameters
    ----------
    path : str or path
        A skops file, or a pickle (.joblib, .pkl).
    trusted : tuple of str
        Full names of classes of other packages that the file may hold, besides those of
        scikit-learn, NumPy, SciPy and this package: reading runs code of theirs.
    trust_pickle : bool, default=False
        Whether to read a pickle, which can run any code: only if you know who made it.

    Returns
    -------
    model : SavedModel

    Raises
    ------
    ValueError
        If the file holds classes that are not trusted, or is a pickle that is not.
    """
    path = Path(path)
    _check_suffix(path, (".skops", *PICKLES))
    if path.suffix in PICKLES:
        if not trust_pickle:
            raise ValueError(
                f"{path} is a pickle, which runs code when it is read. Pass trust_pickle=True if "
                "you know who made it; `skgenetics compare --save-model` writes .skops files."
            )
        loaded = import_optional("joblib", extra="all").load(path)
        return loaded if isinstance(loaded, SavedModel) else SavedModel(loaded, _no_variants())
    skops = import_optional("skops.io", extra="skops")
    named = skops.get_untrusted_types(file=path)
    known = {*_held_by_searches(), *trusted}
    unknown = [name for name in named if not name.startswith(OURS) and name not in known]
    if unknown:
        raise ValueError(
            f"{path} holds {', '.join(unknown[:5])}, which is none of our classes nor of "
            "scikit-learn's. If you trust who made the file, pass their names as trusted."
        )
    content = skops.load(path, trusted=named)
    pandas = import_optional("pandas", extra="dataframe")
    content["variants"] = pandas.DataFrame(content["variants"])
    return SavedModel(**content)


def _held_by_searches() -> list[str]:
    """Return the names of scikit-learn's classes in searches that skops does not know yet."""
    held = make_scorer(r2_score), check_cv([([0], [1])])
    return [f"{type(one).__module__}.{type(one).__qualname__}" for one in held]


def _check_suffix(path: Path, suffixes: tuple[str, ...]) -> None:
    """Raise ValueError unless the name of a file ends as its format asks."""
    if path.suffix not in suffixes:
        raise ValueError(f"{path} must end in {' or '.join(suffixes)}.")


def _plain(column: Any) -> np.ndarray:
    """Return a column of a data frame as numbers or as text, both without objects."""
    if column.dtype.kind in "iufb" and not column.isna().any():
        return np.asarray(column)
    if column.dtype.kind in "iufb":
        return np.asarray(column.to_numpy(dtype=np.float64, na_value=np.nan))
    return np.asarray(column.astype(object).where(column.notna(), ""), dtype=str)


def _no_variants() -> "pd.DataFrame":
    """Return a table of no variants, for pickles that do not tell them."""
    return import_optional("pandas", extra="dataframe").DataFrame()
