"""The FinemapMiXeR estimator."""

import warnings
from functools import partial
from typing import Any, ClassVar

import numpy as np
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from skgenetics.finemapping._annotations import with_annotations
from skgenetics.finemapping._background_effects import predictive_parts
from skgenetics.finemapping._choice import SolverName, choose_solver, described_solvers
from skgenetics.finemapping._data import (
    TraitUnits,
    case_control_units,
    data_moments,
    quantitative_units,
)
from skgenetics.finemapping._doubts import fit_with_doubts
from skgenetics.finemapping._effects import fitted_effects
from skgenetics.finemapping._elbo import log_sigmoid
from skgenetics.finemapping._posterior import Posterior, predictive_variance
from skgenetics.finemapping._prior import fixed_prior
from skgenetics.finemapping._problem import pose_problem
from skgenetics.finemapping._reports import LocusReports
from skgenetics.finemapping._results import BoundPath, check_share, fitted_attributes
from skgenetics.finemapping.solvers import Solver
from skgenetics.loci._summary import Locus, validate_summary
from skgenetics.utils._arrays import check_same_namespace, float_dtype, matvec
from skgenetics.utils._callbacks import run_solver
from skgenetics.utils._estimator import GeneticsEstimator
from skgenetics.utils._fitting import all_or_nothing
from skgenetics.utils._labels import labels_of_columns
from skgenetics.utils._parameters import (
    Anything,
    Constraints,
    Instance,
    Integer,
    Number,
    Option,
    ParameterError,
    PerVariant,
    Seed,
    check_option,
    check_parameters,
)
from skgenetics.utils._typing import Array, ArrayLike
from skgenetics.utils._validation import (
    as_genotypes,
    validate_annotations,
    validate_fit_data,
    validate_sample_weight,
)


class FinemapMiXeR(LocusReports, CallbackSupportMixin, GeneticsEstimator):
    """Fine-mapping of a locus: which variants of an association have an effect.

    A linear model of one trait on the variants of a locus in which few effects differ from zero:
    beta_i ~ (1 - pi_1) delta_0 + pi_1 N(0, sigma_beta^2), per counted allele and in units of the
    trait's standard deviation. :meth:`fit` takes genotypes and the trait, :meth:`fit_summary` the
    z statistics of an association scan with the LD of its variants.

    Parameters
    ----------
    solver : str or Solver, default="auto"
        A solver of :mod:`skgenetics.finemapping.solvers` with settings of its own, such as
        ``Gibbs(n_draws=5000)``, or the name of one with its defaults:

        SOLVERS

        "auto" takes "gibbs" up to 1,500 variants, in :meth:`fit_summary` if z fits the LD, with the
        errors of a panel, and else "susie". With max_effects it takes "susie"; else, if a
        number is given for causal_probability, or the heritability, "gibbs" up to 4,096 variants,
        whose prior has such a number, as in the model above. `solver_` tells.
    causal_probability : None, float or array-like of shape (n_variants,), default=None
        pi_1, the prior probability that a variant has an effect. None: learned. An array gives one
        per variant, which a solver without pi_1 takes relative to each other only. This and other
        values per variant may be labelled (a pandas Series, a dict): they are matched to the
        columns of X, or to z, by their labels.
    effect_variance : None, float or array-like of shape (n_variants,), default=None
        sigma_beta^2, the variance of an effect, in trait variances per squared allele. None:
        learned.
    residual_variance : "auto", None or float, default="auto"
        sigma_0^2, the variance of the noise of z. 1 holds if the locus explains little of the
        trait. None: learned, from the trait itself in :meth:`fit`, in :meth:`fit_summary` from z
        alone, which must lie in the range of ld. "auto": learned by :meth:`fit` of a quantitative
        trait, else 1.
    background : "auto" or float, default="auto"
        tau^2, the variance of a background of small effects that every variant has beside the few
        large ones, in the unit of effect_variance for a variant of the mean H: the background
        explains tau^2 sum_i H_i of the trait. 0: none. "auto": learned; the sampler averages over
        it, for the others it is exactly 0 unless the locus asks for it.
    heritability : None or float, default=None
        h^2 of the locus, the share of the trait's variance that its variants explain on average:
        fixes sigma_beta^2 = h^2 / sum_i pi_i H_i. If causal_probability is None, pi_1 is learned
        under it; a solver without pi_1 expects one effect.
    annotations : None or array-like of shape (n_variants, n_annotations), default=None
        Of the variants, such as 1 for one in an enhancer: log prior odds are linear in them, with
        a normal prior on the slopes (variance 1 per standard deviation). A sampler averages over
        the slopes, the others learn them by logistic regression on the PIPs, in up to 10 fits. In
        place of causal_probability.
    max_effects : None or int, default=None
        Largest number of effects, if the solver sums single effects. None: 10.
    max_iter : None or int, default=None
        Largest number of iterations. None: the solver's own, as listed under `solver`. A sampler
        runs as many as its draws need.
    tol : None or float, default=None
        Stop when the bound rises by less, in ``Adam`` when the PIPs change by less in sum, in
        ``Gibbs`` when no PIP has a larger Monte Carlo error. None: the solver's own.
    coverage : float, default=0.95
        Probability that a credible set holds a causal variant.
    min_purity : float, default=0.5
        Smallest absolute r between two variants of a credible set; others are not reported.
    trait : {"quantitative", "binary"}, default="quantitative"
        "binary": y is 0 or 1, z the score statistic of a logistic regression, and n_samples the
        effective one, 4 / (1 / cases + 1 / controls), which :meth:`fit` computes and
        :meth:`fit_summary` expects. `coef_` are log odds ratios, and `predict` gives the
        probability of a case. Variances and heritability refer to a study of so many people,
        half of them cases, in which a log odds ratio b is an effect b / 2.
    random_state : None, int or RandomState, default=0
        Of everything a solver draws: by default every fit to the same data gives the same.

    Attributes
    ----------
    pip_ : array of shape (n_variants,)
        Posterior inclusion probability of each variant. 0 for constant variants.
    coef_ : array of shape (n_variants,)
        Posterior mean effect per counted allele, in units of y after :meth:`fit`, in standard
        deviations of the trait (without heterozygosity also of the genotype) after
        :meth:`fit_summary`; for trait="binary" a log odds ratio.
    coef_sd_ : array of shape (n_variants,)
        Posterior standard deviation of the effects, in the same units.
    background_coef_ : array of shape (n_variants,)
        Posterior mean of the background, which `predict` adds to `coef_`, in the same units.
    intercept_ : float
        Of predictions, in units of y (binary: log odds); 0 after :meth:`fit_summary`.
    z_ : array of shape (n_variants,)
        sqrt(N) times the correlation of variant and trait.
    credible_sets_ : list of dict
        One per signal: "variants" (column indices, most probable first), "alpha" (their
        probabilities), "coverage", "min_abs_r", "mean_abs_r", "log10_bf" (Bayes factor of the
        signal). Variants tied with the last of a set belong to it too.
    effects_ : dict of ndarray
        Of the effects found, those with a credible set first; a row per effect, a column per
        variant: "alpha" (probability that it is this variant's), "mean" and "sd" (per allele, if it
        is), "log_bf" (log Bayes factor against no effect). Per effect: "log10_bf", "presence",
        "lead", "r" (of the leads), "credible_set" (0 = none), "size", "min_abs_r", "low_purity".
    causal_probability_ : float or array of shape (n_variants,)
        The prior probability given, or learned: the mean PIP.
    effect_variance_ : float or array of shape (n_variants,)
        The effect variance given, or the one learned (trait variances per squared allele).
    residual_variance_ : float
        sigma_0^2, a share of the trait's variance, with what errors of the LD add (`panel_size`).
    background_variance_ : float
        tau^2 of the background, given or learned, in the unit of `effect_variance_`.
    heritability_ : float
        Share of the trait's variance that the effects explain on average over the posterior,
        with the LD between them; without the background.
    genic_variance_ : float
        The same without LD: sum of H_i E[beta_i^2], which `heritability` fixes a priori; H is the
        variance of the genotypes, or the heterozygosity given.
    n_causal_ : tuple
        (mean, (low, high)): variants with an effect, and their central interval of `coverage`.
    annotation_coef_ : array of shape (n_annotations,)
        With annotations: log odds ratio of an effect per unit of each; of a sampler the mean.
    solver_ : str
        Name of the solver that ran.
    elbo_path_ : list of float
        Lower bound on the log evidence relative to no effect, per iteration of the best start.
    ld_mismatch_ : bool or None
        After :meth:`fit_summary`: whether z does not fit the LD, see its `on_mismatch`. None: too
        few variants correlate to tell.
    flipped_, outliers_ : ndarray of int
        With `ld_mismatch_`: variants whose alleles are flipped, and others whose z does not fit.
    panel_size_ : float
        After :meth:`fit_summary`: how many people of the scan's population the LD is worth, of a
        panel as many as it has or fewer; infinity for LD of the scan's people.
    diagnostics_ : dict
        What else the solver says of its fit, such as the agreement of chains; often empty.
    n_iter_ : int
        Iterations; of a sampler, blocks of 50 sweeps.
    converged_ : bool
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        If X has columns, or ld rows, with names.

    References
    ----------
    .. [1] Akdeniz et al., "Finemap-MiXeR", PLoS Genetics 2024, supplementary notes. The model;
       solver="adam" is its algorithm, with corrections.
    .. [2] Wang et al., "A simple new approach to variable selection in regression", JRSS B 2020,
       and Zou et al., PLoS Genetics 2022, for summary statistics: solver="susie".

    Examples
    --------
    >>> from skgenetics import FinemapMiXeR
    >>> from skgenetics.datasets import make_genotypes, make_trait
    >>> X = make_genotypes(500, 200, random_state=0).data
    >>> y = make_trait(X, n_causal=1, h2=0.2, random_state=0).target
    >>> model = FinemapMiXeR().fit(X, y)
    >>> model.pip_.shape
    (200,)

    The settings of a solver are parameters of its own, which a search reaches by ``solver__``:

    >>> from skgenetics.finemapping.solvers import Gibbs
    >>> model = FinemapMiXeR(solver=Gibbs(n_draws=200), random_state=0)
    >>> model.set_params(solver__n_draws=300).fit(X, y).solver_
    'gibbs'
    """

    _constraints: ClassVar[Constraints] = {
        "solver": [SolverName(), Instance(Solver, noun="a solver such as Gibbs()")],
        "causal_probability": [None, PerVariant()],  # checked beside z
        "effect_variance": [None, PerVariant()],
        "residual_variance": [Option("auto"), None, Number(low=0)],
        "background": [Option("auto"), Number(low=0, closed="left")],
        "heritability": [None, Number(low=0, high=1)],
        "annotations": [None, Anything()],
        "max_effects": [None, Integer(low=1)],
        "max_iter": [None, Integer(low=1)],
        "tol": [None, Number(low=0, closed="left")],
        "coverage": [Number(low=0, high=1)],
        "min_purity": [Number(low=0, high=1, closed="both")],
        "trait": [Option("quantitative", "binary")],
        "random_state": [Seed()],
    }

    def __init__(
        self,
        *,
        solver: str | Solver = "auto",
        causal_probability: ArrayLike | None = None,
        effect_variance: ArrayLike | None = None,
        residual_variance: float | str | None = "auto",
        background: float | str = "auto",
        heritability: float | None = None,
        annotations: ArrayLike | None = None,
        max_effects: int | None = None,
        max_iter: int | None = None,
        tol: float | None = None,
        coverage: float = 0.95,
        min_purity: float = 0.5,
        trait: str = "quantitative",
        random_state: int | np.random.RandomState | None = 0,
    ):
        self.solver = solver
        self.causal_probability = causal_probability
        self.effect_variance = effect_variance
        self.residual_variance = residual_variance
        self.background = background
        self.heritability = heritability
        self.annotations = annotations
        self.max_effects = max_effects
        self.max_iter = max_iter
        self.tol = tol
        self.coverage = coverage
        self.min_purity = min_purity
        self.trait = trait
        self.random_state = random_state

    def __sklearn_tags__(self):
        """Declare array API support."""
        tags = super().__sklearn_tags__()
        tags.array_api_support = True
        return tags

    @all_or_nothing
    @with_callbacks
    def fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> "FinemapMiXeR":
        """Fine-map the trait y on the variants X; X itself is the LD panel.

        Parameters
        ----------
        X : array-like or Genotypes of shape (n_samples, n_variants)
            Dosages of the counted allele, 0 to 2, without missing values; int8 is not copied.
            Opened genotypes stay on disk, and may miss calls, which count as the mean.
        y : array-like of shape (n_samples,)
            Trait.
        sample_weight : array-like of shape (n_samples,), optional
            Frequencies: weights equal repetition, and their sum is the sample size.

        Returns
        -------
        self : FinemapMiXeR
        """
        self._check_parameters()
        given, labels = X, labels_of_columns(X)
        X, y, xp, device = validate_fit_data(self, X, y, min_samples=2, opened=True)
        y = xp.astype(y, float_dtype(X), copy=False)
        weight = validate_sample_weight(sample_weight, X.shape[0], xp, device, y.dtype)
        moments = data_moments(X, y, weight)
        if self.trait == "binary":
            locus, units = case_control_units(moments, y)
        else:
            locus, units = quantitative_units(moments)
        posterior = self._fit_locus(locus._replace(labels=labels), units, given, y)
        background = self.background_coef_ / (units.effect or 1.0)
        share, noise = predictive_parts(posterior, locus, background, self.background_variance_)
        self._covariance = posterior.covariance.times(units.effect * share**0.5)
        self._X_mean, self._noise_variance = moments.X_mean, moments.y_sd**2 * noise
        return self

    @all_or_nothing
    @with_callbacks
    def fit_summary(
        self,
        z: ArrayLike | None = None,
        ld: Any = None,
        *,
        n_samples: ArrayLike,
        beta: ArrayLike | None = None,
        se: ArrayLike | None = None,
        heterozygosity: ArrayLike | None = None,
        panel_size: float | None = None,
        on_mismatch: str = "one_effect",
    ) -> "FinemapMiXeR":
        """Fine-map from summary statistics.

        Parameters
        ----------
        z : array-like of shape (n_variants,), optional
            Wald statistics of the single-variant regressions. None: beta / se.
        ld : array, sparse matrix or data frame
            LD of the variants, of the people of the scan or others of their ancestry, counting the
            same alleles as z: the correlations r (n_variants, n_variants), symmetric with a
            diagonal of 1, dense or `scipy.sparse`; or a factor F (n_variants, k) of r = F F'; or
            the genotypes of a reference panel (n_people, n_variants), int8 without a float copy,
            whose r is never formed, unless a solver needs it. A square array is always r.
        n_samples : float or array-like of shape (n_variants,)
            People in the scan, or with each variant.
        beta, se : array-like of shape (n_variants,), optional
            Effects and standard errors: z = beta / se.
        heterozygosity : array-like of shape (n_variants,), optional
            2f(1-f) from the allele frequency f. None: effects are per standard deviation of the
            genotype.
        panel_size : None or float, default=None
            Number of people that ld was estimated from, if other than the scan's: errors of ld add
            to the noise of z. If z fits such LD badly, as of another population, fewer are assumed
            (`panel_size_`). None: the rows of genotypes given as ld if they are fewer than
            n_samples, else infinity.
        on_mismatch : {"one_effect", "shrink", "raise", "ignore"}, default="one_effect"
            What to do if z does not fit the LD. "one_effect": turn the signs of flipped variants,
            leave out z that do not fit the others, take the LD as that of 500 people or the noise
            as larger, as far as that explains all, and only else fit a single effect, which asks
            LD for its set's purity alone; "shrink": the same, but shrink the LD to the identity by
            the share of noise that does not follow it, before a single effect is fitted. Both warn
            with :class:`LDMismatchWarning`, which says what was done. :func:`ld_mismatch` tells
            which variants are at fault.

        Returns
        -------
        self : FinemapMiXeR

        Notes
        -----
        Each z becomes sqrt(n) cor(x, y) = z sqrt(n / (z^2 + n - 2)) first.

        Results have the order of z (or beta). What carries labels is matched by them: the index of
        a pandas object, the names of columns of a data frame of any library, the keys of a dict;
        of ld rows and columns, each by its own. An index 0, 1, 2, ... names nothing. Arrays
        without labels are in the order of z. Labels that cannot be matched raise ValueError.
        Labels that are strings become `feature_names_in_`.
        """
        self._check_parameters()
        check_option(on_mismatch, "on_mismatch", ("one_effect", "shrink", "raise", "ignore"))
        summary = validate_summary(
            z,
            ld,
            n_samples=n_samples,
            beta=beta,
            se=se,
            heterozygosity=heterozygosity,
            panel_size=panel_size,
        )
        locus, names = summary.locus(score=self.trait == "binary"), summary.labels.text
        for name in ("feature_names_in_", "_noise_variance", "_X_mean"):
            self.__dict__.pop(name, None)
        self.n_features_in_ = locus.z.shape[0]
        if names is not None:
            self.feature_names_in_ = names
        fit_with_doubts(self, locus, on_mismatch)
        check_share(self.heritability_, highest=1.0 if self._solver.calibrated else np.inf)
        return self

    def predict(self, X: ArrayLike, return_std: bool = False) -> Array | tuple[Array, Array]:
        """Predict the trait as the posterior mean, a polygenic score of the locus.

        Parameters
        ----------
        X : array-like or Genotypes of shape (n_samples, n_variants)
            Dosages of the alleles counted in fit.
        return_std : bool, default=False
            Whether to return the standard deviation of the prediction too: of effects, noise, and
            the background in genotypes like those of fit. Not after :meth:`fit_summary`, which
            knows neither mean genotypes nor noise.

        Returns
        -------
        y_mean : array of shape (n_samples,)
        y_std : array of shape (n_samples,)
            Only with return_std=True.
        """
        check_is_fitted(self)
        check_same_namespace(self, X, attribute="coef_", method="predict")
        X, xp, _ = as_genotypes(self, X, reset=False, opened=True)
        y_mean = matvec(X, self.coef_ + self.background_coef_) + self.intercept_
        if self.trait == "binary":
            y_mean = xp.exp(log_sigmoid(y_mean)[0])
        if not return_std:
            return y_mean
        if not hasattr(self, "_X_mean"):
            raise ValueError(
                "return_std=True needs the genotypes' means and the noise, which fit_summary does "
                "not know. Use fit(X, y), or coef_sd_ for the effects."
            )
        if self.trait == "binary":
            return y_mean, xp.sqrt(y_mean * (1 - y_mean))
        variance = predictive_variance(X, self._X_mean, self._covariance, self._noise_variance)
        return y_mean, xp.sqrt(variance)

    def _check_parameters(self) -> None:
        """Raise if a parameter, or two parameters together, are not what the docstring says."""
        check_parameters(self)
        if isinstance(self.solver, Solver):
            check_parameters(self.solver)
        if self.trait == "binary" and self.residual_variance is None:
            raise ParameterError(
                "trait='binary' needs residual_variance='auto' or 1.0: the variance of a score "
                "statistic is known."
            )
        for first, second in (
            ("heritability", "effect_variance"),
            ("annotations", "causal_probability"),
        ):
            if getattr(self, first) is not None and getattr(self, second) is not None:
                raise ParameterError(
                    f"{first} and {second} set the same part of the prior: give one."
                )

    def _fit_summary_locus(self, locus: Locus, solver: Solver | None = None) -> None:
        """Run a solver, or that of the parameters, on a locus known by summary statistics."""
        effect_unit = 2.0 if self.trait == "binary" else 1.0
        self._fit_locus(locus, TraitUnits(effect_unit, 0.0, 0 * locus.z), solver=solver)

    def _fit_locus(
        self,
        locus: Locus,
        units: TraitUnits,
        X: Any = None,
        y: Array | None = None,
        solver: Solver | None = None,
    ) -> Posterior:
        """Run the solver, set the fitted attributes and return the `Posterior`."""
        for name in ("annotation_coef_", "ld_mismatch_", "flipped_", "outliers_", "panel_size_"):
            self.__dict__.pop(name, None)
        fixed = fixed_prior(self, locus.labels)
        n_variants = locus.z.shape[0]
        solver = solver or choose_solver(self, locus, fixed, own_ld=X is not None)
        problem = pose_problem(self, solver, locus, fixed)
        if self.annotations is not None:
            design = validate_annotations(self.annotations, n_variants, locus.labels)
            problem = with_annotations(solver, problem, design)
        path = BoundPath()
        attributes = partial(
            fitted_attributes,
            solver=solver,
            problem=problem,
            units=units,
            coverage=self.coverage,
        )
        state, self.n_iter_ = run_solver(
            self,
            path.follow(solver.start(problem)),
            max_iter=problem.max_iter,
            X=X,
            y=y,
            attributes=attributes,
            unfinished=solver.unfinished,
        )
        self.__dict__.update(attributes(state))
        self.solver_, self._solver = solver.name, solver
        self.converged_ = bool(state.converged)
        self.diagnostics_ = solver.diagnostics(state)
        self.elbo_path_ = path.of_best_start()
        sets = self.credible_sets_ = solver.credible_sets(state, problem)
        self.effects_ = fitted_effects(solver.effects(state, problem, sets), sets, problem, units)
        limit = solver.limit_reached(state, problem)
        if limit is not None:
            warnings.warn(limit, ConvergenceWarning, stacklevel=5)
        return solver.posterior(state, locus)


if FinemapMiXeR.__doc__ is not None:  # python -OO
    FinemapMiXeR.__doc__ = FinemapMiXeR.__doc__.replace("SOLVERS", described_solvers(" " * 8))
