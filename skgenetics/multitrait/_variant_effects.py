"""What a fitted model says of one variant, and of how effects are shared."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skgenetics.multitrait._posterior import component_moments
from skgenetics.utils._arrays import to_numpy
from skgenetics.utils._parameters import check_number


class VariantEffectsMixin:
    """Methods of a fitted :class:`skgenetics.MMASHRegressor` beside predictions."""

    def sharing(self, variant=None):
        """Return how often each covariance is followed, summed over the scales.

        Parameters
        ----------
        variant : int or str, optional
            Column of X, or its name. None: all variants.

        Returns
        -------
        shares : dict of str to float
            "null" and the covariances, largest first: the weights of the prior, or the posterior
            probabilities of the variant. They sum to 1.
        """
        check_is_fitted(self)
        weights = self.weights_
        if variant is not None:
            weights = self.responsibilities_[self._column(variant), :]
        weights = to_numpy(weights).astype(float)
        shares = {"null": float(weights[0])} if self._prior.has_null else {}
        summed = weights[len(shares) :].reshape(len(self.covariance_names_), -1).sum(axis=1)
        shares |= dict(zip(self.covariance_names_, map(float, summed), strict=True))
        return dict(sorted(shares.items(), key=lambda item: -item[1]))

    def component_moments(self, variant):
        """Return the posterior of a variant's effects, a component at a time.

        Parameters
        ----------
        variant : int or str
            Column of X, or its name.

        Returns
        -------
        means : ndarray of shape (T, n_traits)
            mu_pt, per counted allele in units of y.
        covariances : ndarray of shape (T, n_traits, n_traits)
            S_pt.
        """
        check_is_fitted(self)
        p = self._column(variant)
        posterior, squared_norm, covariance = self._posterior
        inverse_sd, scale, kept, n_traits = self._units
        factor = inverse_sd[p] * scale
        parts = self._prior.whitened(covariance)
        mu, S = component_moments(posterior.own[p], squared_norm[p], parts, covariance)
        means = np.zeros((len(mu), n_traits))
        means[:, kept] = mu * factor
        covariances = np.zeros((len(mu), n_traits, n_traits))
        covariances[np.ix_(range(len(mu)), kept, kept)] = S * np.outer(factor, factor)
        return means, covariances

    def effect_covariance(self, variant):
        """Return the posterior covariance (n_traits, n_traits) of a variant's effects.

        Parameters
        ----------
        variant : int or str
            Column of X, or its name.

        Returns
        -------
        covariance : ndarray of shape (n_traits, n_traits)
        """
        means, covariances = self.component_moments(variant)
        alpha = to_numpy(self.responsibilities_)[self._column(variant)].astype(float)
        deviations = means - alpha @ means
        return np.einsum("t,tij->ij", alpha, covariances) + (deviations.T * alpha) @ deviations

    def _column(self, variant):
        """Return the column of a variant given by number or name."""
        if isinstance(variant, str):
            names = list(getattr(self, "feature_names_in_", []))
            if variant not in names:
                raise ValueError(f"No variant is named {variant!r}.")
            return names.index(variant)
        check_number(
            variant, "variant", integer=True, low=0, high=self.n_features_in_ - 1, closed="both"
        )
        return int(variant)
