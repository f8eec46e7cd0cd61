"""The MMASHRegressor estimator."""

from functools import partial

import numpy as np
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.utils.validation import check_is_fitted

from skgenetics.metrics import masked_r2_score
from skgenetics.multitrait._background import background_deviations
from skgenetics.multitrait._background_search import choose_design, solve
from skgenetics.multitrait._fitted_attributes import PER_TRAIT, fitted_attributes
from skgenetics.multitrait._genotype_design import GenotypeDesign, marginal_scores
from skgenetics.multitrait._missing_cells import MissingCells
from skgenetics.multitrait._moments import Genotypes, Traits, genotype_moments, trait_moments
from skgenetics.multitrait._problem import (
    check_parameters,
    effects_before,
    is_low_rank,
    make_problem,
)
from skgenetics.multitrait._summary_design import SummaryDesign, summary_names, validate_summary
from skgenetics.multitrait._variant_effects import VariantEffectsMixin
from skgenetics.utils._arrays import (
    check_same_namespace,
    column_blocks,
    float_dtype,
    get_namespace_and_device,
    move_to,
    to_numpy,
)
from skgenetics.utils._callbacks import run_solver
from skgenetics.utils._validation import as_genotypes, validate_fit_data, validate_sample_weight


class MMASHRegressor(
    VariantEffectsMixin, CallbackSupportMixin, MultiOutputMixin, RegressorMixin, BaseEstimator
):
    """Regression of many traits on genotypes, with a prior that learns which effects are shared.

    Multivariate multiple regression with adaptive shrinkage (the model of mr.mash): the effects of
    a variant on all traits are drawn from sum_t pi_t N(0, omega_l U_k), whose covariances U_k say
    how effects are shared between traits and whose scales omega_l say how large they are. The
    weights pi and the covariance of the noise are learned, and a polygenic background takes what
    is spread over the genome. Prediction, effect sizes, and local false sign rates.

    Parameters
    ----------
    covariances : str, list of str or array-like of shape (K, J, J), default="canonical"
        U. "canonical": independent, on one trait alone, of correlation .25, .5 and .75, and the
        same for all traits, in units of the traits' deviations. "data_driven": extreme
        deconvolution of the strongest marginal effects. "both". A list names some of "identity",
        "singletons", "heterogeneous", "shared" and "data_driven". An array is given in squared
        units of y, per standardized variant where `standardize`.
    scales : None or array-like of shape (L,), default=None
        omega, factors of the covariances; component t = (k, l) is scales[l] * covariances[k].
        None: a grid from the marginal effects; an array of covariances is then divided by its
        largest variance first, in units of the traits' deviations.
    weights : None or array-like of shape (T,), default=None
        pi, held at these: the null first where `include_null`, then one a covariance and scale,
        scales varying fastest. None: learned.
    weights_init : None or array-like of shape (T,), default=None
        Where learning starts. None: .9 on the null, the others alike.
    residual_covariance : {"full", "diagonal", "low_rank"} or array-like of shape (J, J), \
            default="full"
        Form of Sigma, the covariance of the traits' noise, or Sigma itself, which is then held.
    n_components : None or int, default=None
        Number of factors of "low_rank", at most J - 1. None: the number of the best bound, less
        log(n) / 2 a parameter.
    polygenic : "auto" or float, default="auto"
        delta >= 0, the variance of the background relative to the noise: the samples are
        correlated as I + delta XX' / P with X standardized. 0: none. "auto", up to 5,000 samples:
        the likeliest delta without a mixture, halved or doubled while that raises the bound, or 0
        where that has the better bound; beyond, 0.
    identity_share : float, default=0.0
        Covariances U of rank 1 become (1 - share) U + share tr(U) / J I. Rank 1 ties the signs of
        all traits' effects, which makes `lfsr_` too small where it is not exactly true.
    standardize : bool, default=True
        Whether the prior is on effects per standard deviation of the variant (divisor N - 1).
    fit_intercept : bool, default=True
    include_null : bool, default=True
        Whether the mixture has a point mass at 0.
    weight_threshold : float, default=1e-8
        Weights learned to be smaller are set to 0, which spares the work on their components.
    update_order : {"sequential", "random", "evidence"}, default="sequential"
        Order of the variants in a sweep: by column, drawn once, or strongest first.
    max_iter : int, default=1000
        Largest number of sweeps over the variants.
    tol : float, default=1e-2
        Stop when a sweep raises the bound by less.
    warm_start : bool, default=False
        Whether `fit` starts from the effects, weights, noise and background of the fit before,
        with its scales where `scales` is None.
    random_state : None, int or RandomState, default=None
        Of update_order="random".

    Attributes
    ----------
    coef_ : array of shape (n_traits, n_variants) or (n_variants,)
        Posterior mean effects per counted allele in units of y, those of the background included.
    intercept_ : array of shape (n_traits,) or float
    coef_sd_ : array of the shape of `coef_`
        Posterior standard deviations of the mixture's effects.
    lfsr_ : array of the shape of `coef_`
        Local false sign rate of the mixture's effects: the smaller of P(beta <= 0) and
        P(beta >= 0), the point mass counting on both sides. 1 for variants that do not vary.
    pip_ : array of shape (n_variants,)
        Probability that the variant has an effect on any trait, beyond the background.
    weights_ : array of shape (T,)
        pi.
    component_names_ : list of str
        "null", then "covariance x scale".
    covariances_ : array of shape (K, n_traits, n_traits)
        U as used, in squared units of y.
    covariance_names_ : list of str
    scales_ : array of shape (L,)
    responsibilities_ : array of shape (n_variants, T)
        Posterior probabilities of the components.
    residual_covariance_ : array of shape (n_traits, n_traits)
        Sigma.
    residual_factors_ : array of shape (n_traits, n_components_)
        W of Sigma = sigma^2 I + WW'; only with "low_rank".
    residual_noise_ : float
        sigma^2, likewise.
    n_components_ : int
        Likewise.
    polygenic_ : float
        delta, given or chosen.
    pve_ : array of shape (n_traits,)
        Variance of the fitted values, relative to itself plus Sigma's.
    elbo_path_ : list of float
        Lower bound on the log evidence of y after each sweep, for the weights and Sigma that the
        sweep used. It never falls.
    n_iter_, n_features_in_ : int
    converged_ : bool
    feature_names_in_ : ndarray of str
        Where X has columns with names.

    Notes
    -----
    NaN in y marks a cell that is not observed. A trait without observed cells is predicted by 0,
    with a warning; one that does not vary by its mean. Neither takes part in the model.

    A model with a background refers to the X and holds a matrix of n x n, for
    ``predict(return_std=True)``.

    The products with X run where X is; the updates of a block of variants run compiled on the
    host.

    References
    ----------
    .. [1] "M&M ASH model and inference", 2016; with corrections.
    .. [2] Morgante et al., "A flexible empirical Bayes approach to multivariate multiple
       regression", PLoS Genetics 2023.
    .. [3] Urbut et al., Nature Genetics 2019, for the covariances and local false sign rates.

    Examples
    --------
    >>> import numpy as np
    >>> from skgenetics import MMASHRegressor
    >>> from skgenetics.datasets import make_genotypes
    >>> X = make_genotypes(300, 100, random_state=0).data
    >>> rng = np.random.default_rng(0)
    >>> Y = 0.5 * X[:, [3]] + rng.normal(size=(300, 4))
    >>> model = MMASHRegressor().fit(X, Y)
    >>> model.coef_.shape
    (4, 100)
    """

    def __init__(
        self,
        *,
        covariances="canonical",
        scales=None,
        weights=None,
        weights_init=None,
        residual_covariance="full",
        n_components=None,
        polygenic="auto",
        identity_share=0.0,
        standardize=True,
        fit_intercept=True,
        include_null=True,
        weight_threshold=1e-8,
        update_order="sequential",
        max_iter=1000,
        tol=1e-2,
        warm_start=False,
        random_state=None,
    ):
        self.covariances = covariances
        self.scales = scales
        self.weights = weights
        self.weights_init = weights_init
        self.residual_covariance = residual_covariance
        self.n_components = n_components
        self.polygenic = polygenic
        self.identity_share = identity_share
        self.standardize = standardize
        self.fit_intercept = fit_intercept
        self.include_null = include_null
        self.weight_threshold = weight_threshold
        self.update_order = update_order
        self.max_iter = max_iter
        self.tol = tol
        self.warm_start = warm_start
        self.random_state = random_state

    def __sklearn_tags__(self):
        """Declare array API support and NaN in y, which means not observed."""
        tags = super().__sklearn_tags__()
        tags.array_api_support = True
        return tags

    @with_callbacks
    def fit(self, X, y, sample_weight=None):
        """Fit the traits y on the variants X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_variants)
            Dosages of the counted allele, without missing values; int8 is not copied.
        y : array-like of shape (n_samples, n_traits) or (n_samples,)
            Traits; NaN marks a cell that is not observed.
        sample_weight : array-like of shape (n_samples,), optional
            Frequencies: weights equal repetition, and their sum is the sample size.

        Returns
        -------
        self : MMASHRegressor
        """
        names = getattr(y, "columns", None)
        check_parameters(self)
        X, y, xp, device = validate_fit_data(
            self, X, y, ndims=(1, 2), allow_nan=True, min_samples=2
        )
        Y = to_numpy(y).astype(np.float64, copy=False).reshape(X.shape[0], -1)
        weight = validate_sample_weight(sample_weight, X.shape[0], xp, device, xp.float64)
        seen = ~np.all(np.isnan(Y), axis=1)
        if weight is not None:
            seen &= to_numpy(weight) > 0
        if not seen.all():
            index = move_to(np.flatnonzero(seen), xp, device)
            X, Y = xp.take(X, index, axis=0), Y[seen]
            weight = None if weight is None else xp.take(weight, index)
        host_weight = np.ones(len(Y)) if weight is None else to_numpy(weight)
        if host_weight.sum() <= 1:
            raise ValueError(
                "The samples with an observed trait and a positive weight sum to "
                f"{host_weight.sum():.3g}; a model needs more than one. sample_weight are "
                "frequencies: do not scale them to sum to 1."
            )
        centered = self.fit_intercept
        genotypes = genotype_moments(
            X, weight, centered=centered, standardize=self.standardize, xp=xp
        )
        traits = trait_moments(Y, host_weight, centered=centered)
        kept = np.flatnonzero(traits.sd > 0)
        kept = np.arange(Y.shape[1]) if len(kept) == 0 else kept
        sd = np.where(traits.sd > 0, traits.sd, 1.0)[kept]
        unit = np.full(len(kept), np.sqrt(np.mean(sd**2))) if is_low_rank(self) else sd
        observed = traits.observed[:, kept]
        make_design = partial(
            GenotypeDesign,
            X,
            np.take(traits.values, kept, axis=1) / unit,  # C order
            mean=genotypes.mean,
            inverse_sd=genotypes.inverse_sd,
            squared_norm=genotypes.squared_norm,
            weight=None if weight is None else host_weight,
            centered=centered,
            missing=None if observed.all() else MissingCells(observed, host_weight),
            xp=xp,
            device=device,
        )
        design = make_design(background=None, order=None)
        n_observed = traits.n_observed[kept]
        share = n_observed / host_weight.sum()
        norm = np.where(design.used, genotypes.squared_norm, 1.0)
        problem = make_problem(
            self,
            effects=marginal_scores(design) / norm[:, None] / share * unit / sd,
            error=1 / np.sqrt(n_observed),
            moment=traits.covariance[np.ix_(kept, kept)],
            sd=sd,
            unit=unit,
            noise_unit=unit,
            kept=kept,
            trait_names=names if names is not None else [f"y{j}" for j in range(Y.shape[1])],
            n_samples=host_weight.sum(),
            varies=bool(np.any(traits.sd > 0)),
        )
        traits = traits._replace(values=None, observed=None)  # the design has them
        return self._run(make_design, design, problem, genotypes, traits, X, y)

    @with_callbacks
    def fit_summary(self, bhat=None, shat=None, *, z=None, ld, n_samples, trait_correlation=None):
        """Fit from summary statistics: effects per standard deviation of variants, in those of y.

        With z of the same samples as `ld`, the posterior is that of :meth:`fit` with polygenic=0
        on standardized data.

        Parameters
        ----------
        bhat, shat : array-like of shape (n_variants, n_traits), optional
            Effects and standard errors of the single-variant regressions; z = bhat / shat.
        z : array-like of shape (n_variants, n_traits) or (n_variants,), optional
            Their t statistics.
        ld : array-like of shape (n_variants, n_variants)
            Correlations of the variants, counting the same alleles.
        n_samples : float or array-like of shape (n_traits,)
            People in the scan. Where traits differ, z is taken to be N(sqrt(n_j) LD beta_j, LD)
            with the residual correlations of `trait_correlation`: an approximation, as variants
            still share one number of people a trait, and the bound is that of the z scores.
        trait_correlation : array-like of shape (n_traits, n_traits), optional
            Correlations that z of the traits has without effects: those of the traits where they
            share all their people. None: those of z over variants with abs(z) < 2 in every trait.

        Returns
        -------
        self : MMASHRegressor
        """
        check_parameters(self)
        if not self.standardize:
            raise ValueError("fit_summary knows standardized variants only: standardize=True.")
        names, trait_names = summary_names(bhat if z is None else z, ld)
        xp, device = get_namespace_and_device(z, bhat, ld)
        ld, correlation, moment, n_samples = validate_summary(
            bhat, shat, z, ld, n_samples, trait_correlation, xp=xp, device=device
        )
        n_variants, n_traits = correlation.shape
        vars(self).pop("feature_names_in_", None)
        if names is not None:
            self.feature_names_in_ = names
        self.n_features_in_ = n_variants
        ones, zeros, largest = np.ones(n_traits), np.zeros(n_variants), n_samples.max()
        unit = np.sqrt(largest / n_samples)
        genotypes = Genotypes(zeros, zeros + 1, zeros + largest - 1)
        traits = Traits(None, None, n_samples, 0 * ones, ones, moment)
        make_design = partial(
            SummaryDesign, ld, correlation / unit, moment, n_samples=largest, xp=xp, device=device
        )
        problem = make_problem(
            self,
            effects=correlation * np.sqrt(n_samples / (n_samples - 1)),
            error=1 / np.sqrt(n_samples),
            moment=moment,
            sd=ones,
            unit=unit,
            noise_unit=ones,
            kept=np.arange(n_traits),
            trait_names=trait_names,
            n_samples=largest,
            varies=True,
        )
        design = make_design(background=None, order=None)
        flat = bhat if z is None else z
        return self._run(make_design, design, problem, genotypes, traits, ld, flat)

    def predict(self, X, return_std=False):
        """Predict the traits as their posterior means.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_variants)
            Dosages of the alleles counted in fit.
        return_std : bool, default=False
            Whether to return standard deviations too: of the mixture's effects, of the background
            given the training data (its missing cells count as observed), and of the noise.

        Returns
        -------
        y_mean : array of shape (n_samples, n_traits) or (n_samples,)
        y_std : array of the same shape
            Only with return_std=True.
        """
        check_is_fitted(self)
        check_same_namespace(self, X, attribute="coef_", method="predict")
        X, xp, _ = as_genotypes(self, X, reset=False)
        coef, sd = (a if a.ndim == 1 else a.T for a in (self.coef_, self.coef_sd_))
        blocks = column_blocks(X, xp, coef.dtype)
        y_mean = sum(block @ coef[columns, ...] for columns, block in blocks) + self.intercept_
        if not return_std:
            return y_mean
        noise = xp.linalg.diagonal(self.residual_covariance_)
        noise = noise[0] if coef.ndim == 1 else noise
        variance, background = noise + 0 * y_mean, self._background
        if background is not None:
            left, weights = background_deviations(background, X, xp)
            left, weights = (xp.astype(a, coef.dtype) for a in (left, weights))
            variance = variance + (left if coef.ndim == 1 else left[:, None]) * noise
        for columns, block in column_blocks(X, xp, coef.dtype):
            reached = block - self._X_mean[columns]
            if background is not None:
                old = xp.astype(background.X[:, columns], coef.dtype)
                reached = reached - weights @ (old - self._X_mean[columns])
            variance = variance + (reached**2) @ sd[columns, ...] ** 2
        return y_mean, xp.sqrt(variance)

    def score(self, X, y, sample_weight=None):
        """Return the mean R2 over traits, on the observed cells of y.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_variants)
        y : array-like of shape (n_samples, n_traits) or (n_samples,)
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        score : float
        """
        return masked_r2_score(y, self.predict(X), sample_weight=sample_weight)

    def _run(self, make_design, design, problem, genotypes, traits, X, y):
        """Run the solver, set the fitted attributes and return self."""
        xp, device = get_namespace_and_device(X)
        problem = problem._replace(effects=effects_before(self, genotypes.inverse_sd, problem))
        design, delta, problem = choose_design(self, make_design, design, problem)
        bounds = []

        def traced():
            for state in solve(self, design, problem, tol=self.tol):
                bounds.append(
                    state.bound
                    - float(traits.n_observed[problem.kept] @ np.log(problem.noise_unit))
                )
                yield state

        result = partial(move_to, xp=xp, device=device, dtype=float_dtype(X, xp))

        def attributes(state):
            found = fitted_attributes(
                state, problem, design, genotypes, traits, centered=self.fit_intercept
            )
            for name, value in found.items():
                if isinstance(value, np.ndarray):
                    flat = np.ndim(y) == 1 and name in PER_TRAIT
                    found[name] = result(value[0] if flat else value)
            if np.ndim(y) == 1:
                found["intercept_"] = float(found["intercept_"])
            return found | {"polygenic_": delta}

        for name in ("residual_factors_", "residual_noise_", "n_components_"):
            vars(self).pop(name, None)
        state, self.n_iter_ = run_solver(
            self, traced(), max_iter=self.max_iter, X=X, y=y, attributes=attributes
        )
        design.grams.clear()  # the sweeps are over: room for the results
        vars(self).update(attributes(state))
        self.converged_ = bool(state.converged)
        self.elbo_path_ = bounds
        self.covariance_names_ = list(problem.prior.names)
        self.component_names_ = problem.prior.component_names
        return self
