"""Columns of X in CovariateAdjustedRegressor: covariates, those of a tissue, and variants."""

from itertools import chain, pairwise
from typing import Any

import numpy as np
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

from skgenetics.compose._columns import Columns, resolve_columns
from skgenetics.utils._arrays import float_dtype, slices, to_numpy
from skgenetics.utils._frames import as_frame, frame_beside, frame_values
from skgenetics.utils._opened import Opened, OpenedGenotypes, is_missing_call, take
from skgenetics.utils._typing import Array, ArrayLike
from skgenetics.utils._validation import as_array, check_missing_codes, open_genotypes


class CovariateLayoutMixin:
    """Resolve, check and split the columns of X."""

    covariates: Any
    tissue_covariates: Any
    adjust_features: bool
    covariates_: list[int]
    tissue_covariates_: list[list[int]]
    n_features_in_: int

    def _resolve_covariates(self, shape: tuple[int, ...]) -> None:
        """Set the positions of the covariates, which leave variants and samples enough.

        shape : tuple
            Of y.
        """
        self.covariates_, self.tissue_covariates_ = self._positions(
            self.n_features_in_, getattr(self, "feature_names_in_", None)
        )
        largest = max(map(len, self.tissue_covariates_), default=0) + len(self.covariates_)
        if len(set(self._all_covariates())) == self.n_features_in_:
            raise ValueError(
                f"covariates names all columns of X (n_features={self.n_features_in_}): no variant "
                "is left to fit the regressor on."
            )
        if largest and shape[0] <= largest + 1:
            raise ValueError(
                f"{largest} covariates and an intercept leave nothing of n_samples = "
                f"{shape[0]}: use fewer covariates or more samples."
            )
        n_tissues = shape[2] if len(shape) == 3 else None
        if self.tissue_covariates is not None and len(self.tissue_covariates_) != n_tissues:
            raise ValueError(
                f"tissue_covariates has {len(self.tissue_covariates_)} entries; expected one per "
                f"tissue of y (n_samples, n_genes, n_tissues), whose shape is {shape}."
            )

    def _positions(self, n_features: int, names: Any) -> tuple[list[int], list[list[int]]]:
        """Return the positions of the covariates, and of those of each tissue."""
        shared = resolve_columns(self.covariates, n_features, names, parameter="covariates")
        tissues = [
            resolve_columns(columns, n_features, names, parameter="tissue_covariates")
            for columns in self.tissue_covariates or []
        ]
        twice = set(shared) & set(chain.from_iterable(tissues))
        if twice:
            raise ValueError(
                f"covariates and tissue_covariates both name column {min(twice)} of X: the former "
                "are regressed out of every tissue already."
            )
        return shared, tissues

    def _all_covariates(self) -> list[int]:
        """Return the positions of all covariates, some perhaps twice."""
        return [*self.covariates_, *chain.from_iterable(self.tissue_covariates_)]

    def _validate(self, X: ArrayLike, *, reset: bool) -> Any:
        """Return X validated; a pandas data frame stays one, with the dtypes of its columns.

        Genotypes on disk become an `Opened`.
        """
        if isinstance(X, OpenedGenotypes):
            return open_genotypes(self, X, reset=reset)
        frame = as_frame(X)
        if frame is not None:
            validate_data(self, X, reset=reset, skip_check_array=True)
            self._check_frame_codes(frame)
        if hasattr(X, "iloc"):
            return X
        values, integer = as_array(X)
        if integer is None:
            values = validate_data(self, values, reset=reset, ensure_all_finite="allow-nan")
            if self.adjust_features:
                check_missing_codes(values)
            return values
        return check_array(values, estimator=self, input_name="X", ensure_all_finite="allow-nan")

    def _check_frame_codes(self, frame: Any) -> None:
        """Raise if columns of a data frame that are regressed, or on, hold codes."""
        names = np.asarray(frame.columns)
        shared, tissues = self._positions(len(names), names)
        covariates = np.unique([*shared, *chain.from_iterable(tissues)]).astype(int)
        variants = np.delete(np.arange(len(names)), covariates)
        for chosen, ploidy in ((covariates, 3), (variants, 2)):
            if ploidy == 2 and not self.adjust_features:
                continue  # the regressor's own affair
            for block in slices(chosen.size, 2**22 // max(frame.shape[0], 1)):
                values, integer = frame_values(frame[:, chosen[block].tolist()], "X")
                check_missing_codes(values, integer, names=names[chosen[block]], ploidy=ploidy)

    def _split(self, X: Any, xp: Any, device: Any) -> Columns:
        """Return the covariates and the other columns, as views of an array."""
        C = self._taken(X, self.covariates_, xp, device)
        missing = to_numpy(xp.any(xp.isnan(C), axis=0))
        if missing.any():
            raise ValueError(
                f"Input X contains NaN in the covariates {self._names(self.covariates_, missing)}: "
                "drop these samples or impute these columns first."
            )
        tissues = [self._taken(X, columns, xp, device) for columns in self.tissue_covariates_]
        if hasattr(X, "iloc"):
            features = [X.iloc[:, self._feature_positions()]]
            if self._adjusts_features():
                features = [check_array(features[0], ensure_all_finite="allow-nan")]
        elif isinstance(X, Opened):
            features = [X.select(columns=self._feature_positions())]
        else:
            bounds = [-1, *sorted(set(self._all_covariates())), self.n_features_in_]
            features = [X[:, a + 1 : b] for a, b in pairwise(bounds) if a + 1 < b]
        return Columns(C, features, tissues)

    def _taken(self, X: Any, columns: list[int], xp: Any, device: Any) -> Array:
        """Return columns of X, floating."""
        if not columns:
            return xp.zeros((X.shape[0], 0), dtype=xp.float64, device=device)
        if hasattr(X, "iloc"):
            C = check_array(X.iloc[:, columns], ensure_all_finite="allow-nan")
        elif isinstance(X, Opened):  # of covariates, missing values are not at the mean
            C = X.source[:, columns]
            C = np.where(is_missing_call(C), np.nan, C) if X.dtype.kind == "i" else C
        else:
            C = take(X, np.asarray(columns), axis=1)
        return xp.astype(C, float_dtype(C))

    def _adjusts_features(self) -> bool:
        """Whether the variants are adjusted: for the covariates of all tissues alone."""
        return self.adjust_features and len(self.covariates_) > 0

    def _feature_positions(self) -> np.ndarray:
        """Return the positions of the columns that are not covariates."""
        return np.delete(np.arange(self.n_features_in_), self._all_covariates())

    def _names(self, columns: ArrayLike, mask: np.ndarray) -> str:
        """Return the names, or positions, of at most five of the `columns` in `mask`."""
        names = getattr(self, "feature_names_in_", np.arange(self.n_features_in_))
        chosen = [str(names[column]) for column in np.asarray(columns)[mask]]
        return ", ".join(chosen[:5]) + (", ..." if len(chosen) > 5 else "")

    def _named(self, X: Any, given: Any) -> Any:
        """Return the columns that `regressor` gets: a data frame if X was `given` as one."""
        if isinstance(X, Opened):
            return X.source
        frame = as_frame(given)
        if frame is None or hasattr(given, "iloc"):
            return X
        positions = self._feature_positions().tolist()
        if not self._adjusts_features():
            return frame[:, positions].to_native()
        return frame_beside(X, [frame.columns[place] for place in positions], frame)
