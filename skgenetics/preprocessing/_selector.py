"""What the selectors of variants share."""

from typing import Any

import numpy as np
from sklearn.feature_selection import SelectorMixin
from sklearn.utils.validation import check_array, check_is_fitted

from skgenetics.utils._arrays import (
    check_same_namespace,
    device_of,
    move_to,
    namespace_of,
    to_numpy,
)
from skgenetics.utils._frames import as_frame
from skgenetics.utils._missing_codes import is_missing
from skgenetics.utils._typing import Array, ArrayLike
from skgenetics.utils._validation import as_array, read_dosages


class VariantSelectorMixin(SelectorMixin):
    """Selector whose `fit` sets `support_`, a boolean array (n_variants,) in X's namespace."""

    support_: Array
    ploidy: int

    def _get_support_mask(self) -> np.ndarray:
        """Return the mask on the host, where scikit-learn indexes names with it."""
        check_is_fitted(self)
        return to_numpy(self.support_)

    def transform(self, X: ArrayLike) -> Array:
        """Keep the selected variants.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_variants)
            Dosages.

        Returns
        -------
        array of shape (n_samples, n_selected)
            The selected columns, in their own dtype; missing calls stay missing (as NaN where a
            data frame of integers and floats becomes an array of floats).
        """
        check_is_fitted(self)
        check_same_namespace(self, X, attribute="support_", method="transform")
        frame = as_frame(X)
        if frame is None:
            return super().transform(as_array(X)[0])
        selected = super().transform(X)  # a data frame, if set_output asks for one
        if as_frame(selected) is not None:
            return selected
        X, codes, _ = read_dosages(self, X, reset=False, ploidy=self.ploidy)
        xp = namespace_of(X)
        if xp.isdtype(X.dtype, "real floating"):
            X = xp.where(is_missing(X, codes), xp.nan, X)
        return X[:, self.get_support()]

    def inverse_transform(self, X: ArrayLike) -> Array:
        """Put selected variants back in their columns; the others are 0.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_selected)
            Selected variants.

        Returns
        -------
        array of shape (n_samples, n_variants)
            A new array of X's dtype.

        Raises
        ------
        ValueError
            If X has another number of columns than were selected.
        """
        n_selected = int(self.get_support().sum())
        check_same_namespace(self, X, attribute="support_", method="inverse_transform")
        X = check_array(as_array(X)[0], dtype=None, ensure_all_finite="allow-nan")
        xp, device = namespace_of(X), device_of(X)
        if X.shape[1] != n_selected:
            raise ValueError(
                f"X has {X.shape[1]} columns, but {type(self).__name__} selected "
                f"{n_selected} variants."
            )
        source = np.maximum(np.cumsum(self.get_support()) - 1, 0)
        spread = xp.take(X, move_to(source, xp, device), axis=1)
        return xp.where(self.support_, spread, xp.zeros_like(spread))

    def __sklearn_tags__(self) -> Any:
        """Declare missing calls and array API support."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.array_api_support = True
        return tags
