"""The MMASHRegressor estimator."""

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
from sklearn.base import MultiOutputMixin, RegressorMixin
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.utils import Tags

from skgenetics.multitrait._background_search import choose_design
from skgenetics.multitrait._data import Data, data_of_samples, summary_of_traits
from skgenetics.multitrait._fitted_attributes import FittedAttributes, attributes_beside
from skgenetics.multitrait._panel import with_panel_noise
from skgenetics.multitrait._populations import are_populations, summary_of_populations
from skgenetics.multitrait._prediction import PredictionMixin
from skgenetics.multitrait._problem import is_low_rank, make_problem, warm_start_of
from skgenetics.multitrait._variant_effects import VariantEffectsMixin
from skgenetics.multitrait.solvers import SOLVERS, State
from skgenetics.utils._arrays import to_numpy
from skgenetics.utils._callbacks import once_per_state, run_solver
from skgenetics.utils._estimator import GeneticsEstimator
from skgenetics.utils._fitting import all_or_nothing
from skgenetics.utils._labels import column_labels, first_labels
from skgenetics.utils._parameters import (
    Arrays,
    Constraints,
    Flag,
    Integer,
    Number,
    Numbers,
    Option,
    Seed,
    check_parameters,
)
from skgenetics.utils._typing import Array, ArrayLike
from skgenetics.utils._validation import validate_fit_data, validate_sample_weight

ONLY_SOMETIMES = (
    "residual_factors_",
    "residual_noise_",
    "n_components_",
    "credible_sets_",
    "n_effects_",
    "_effects",
)


class MMASHRegressor(
    PredictionMixin,
    VariantEffectsMixin,
    CallbackSupportMixin,
    MultiOutputMixin,
    RegressorMixin,
    GeneticsEstimator,
):
    """Regression of many traits on genotypes, with a prior that learns which effects are shared.

    Multivariate multiple regression with adaptive shrinkage (the model of mr.mash): the effects of
    a variant on all traits are drawn from sum_t pi_t N(0, omega_l U_k), whose covariances U_k say
    how effects are shared between traits and whose scales omega_l say how large they are. The
    weights pi and the covariance of the noise are learned, and a polygenic background takes the
    small effects that are spread over the genome. The model gives predictions, effect sizes, and
    local false sign rates.

    Parameters
    ----------
    solver : {"coordinate_ascent", "single_effects"}, default="coordinate_ascent"
        "coordinate_ascent" lets every variant act, each with the mixture as its prior: for
        predictions, and for effects of variants that hardly correlate. In LD it cannot say which
        of the correlated variants acts; `pip_` and `lfsr_` are then too sure. "single_effects"
        sums up to `max_effects` effects, each of one variant that is not known and of one
        vector of effects on the traits drawn from the mixture (the model of mvSuSiE): for
        fine-mapping of a locus, with `credible_sets_` that say which traits each set acts on.
    covariances : str, list of str or array-like of shape (K, J, J), default="auto"
        U. "auto": "canonical"; of "single_effects" for up to five traits "subsets". Sets of more
        traits weigh an effect on any of the traits as well. "canonical": effects independent
        between traits, on one trait alone, of correlation .25, .5 and .75, and the same for all
        traits, in units of the traits' deviations. "data_driven": extreme deconvolution of the
        strongest marginal effects. "both". "subsets", for up to five traits: the canonical ones,
        and effects on some of the traits, independent or the same; without them an effect that some
        traits share looks shared by all. A list names some of "independent", "singleton",
        "heterogeneous", "shared", "data_driven" and "subsets", which there are those on some of the
        traits alone. An array is in squared units of y, per standardized variant if `standardize`.
    scales : None or array-like of shape (L,), default=None
        omega, factors of the covariances; component t = (k, l) is scales[l] * covariances[k].
        None: a grid from the marginal effects; an array of covariances is then divided by its
        largest variance first, in units of the traits' deviations.
    weights : None or array-like of shape (T,), default=None
        pi, held at these: the null first if `include_null`, then one per covariance and scale,
        scales varying fastest. None: learned.
    weights_init : None or array-like of shape (T,), default=None
        Where learning starts. None: .9 on the null, the rest shared evenly.
    residual_covariance : {"full", "diagonal", "low_rank"} or array-like of shape (J, J), \
            default="full"
        Form of Sigma, the covariance of the traits' noise, or Sigma itself, which is then held.
    n_components : None or int, default=None
        Number of factors of "low_rank", at most J - 1. None: the number of the best bound, less
        log(n) / 2 per parameter.
    polygenic : "auto" or float, default="auto"
        delta >= 0, the variance of the background relative to the noise: the samples are
        correlated as I + delta XX' / P with X standardized, in all traits alike. 0: none. "auto",
        up to 5,000 samples: a covariance of the traits' backgrounds, so that each has its own
        heritability. It is the likeliest one, shrunk towards that of the noise, without a mixture
        and then with what the mixture leaves, while that raises the bound; and 0 if that has the
        better bound or predicts samples left out better. Beyond, 0.
        One delta for all traits is chosen with "single_effects" and with a `residual_covariance`
        other than "full". From summary statistics "single_effects" learns one for each trait, up to
        4,096 variants if a trait's cells are of the same people; else there is none.
    identity_share : float, default=0.0
        Covariances U of rank 1 become (1 - share) U + share tr(U) / J I. Rank 1 ties the signs of
        all traits' effects, which makes `lfsr_` too small if it is not exactly true.
    standardize : bool, default=True
        Whether the prior is on effects per standard deviation of the variant (divisor N - 1).
    fit_intercept : bool, default=True
    include_null : bool, default=True
        Whether the mixture has a point mass at 0.
    null_pseudocounts : None or float, default=None
        Variants without an effect that count where weights are learned, with one effect of each
        covariance; else many variants pass for small effects if there is none. None: 10 and a tenth
        of the variants; 0: the likeliest weights. "single_effects" has counts of its own.
    weight_threshold : float, default=1e-8
        Weights learned to be smaller are set to 0, which spares the work on their components.
    update_order : {"sequential", "random", "evidence"}, default="evidence"
        Order of the variants in a sweep: by column, drawn once, or strongest first. In LD, the
        first of several correlated variants takes their effect.
    max_effects : int, default=10
        Largest number of effects that "single_effects" looks for.
    coverage : float, default=0.95
        Probability that a credible set holds the causal variant, with "single_effects".
    min_purity : float, default=0.5
        Smallest absolute correlation of two variants of a set.
    max_iter : int, default=1000
        Largest number of sweeps over the variants.
    tol : float, default=1e-2
        Stop when a sweep raises the bound by less.
    warm_start : bool, default=False
        Whether `fit` starts from the effects, weights, noise and background of the fit before,
        with its scales if `scales` is None.
    random_state : None, int or RandomState, default=None
        Of update_order="random".

    Attributes
    ----------
    coef_ : array of shape (n_traits, n_variants) or (n_variants,)
        Posterior mean effects, background included, per counted allele in units of y; after
        :meth:`fit_summary`, as everything below, in SD of the trait.
    intercept_ : array of shape (n_traits,) or float
        Prediction at dosage 0, in units of y.
    coef_sd_ : array of the shape of `coef_`
        Posterior standard deviations of the mixture's effects, in the same units.
    lfsr_ : array of the shape of `coef_`
        Local false sign rate of the mixture's effects: the smaller of P(beta <= 0) and
        P(beta >= 0), the point mass counting on both sides. 1 for variants that do not vary.
    z_ : array of the shape of `coef_`
        z statistics of single variants: as reported, with NaN, or sqrt(n) times the correlations.
    pip_ : array of shape (n_variants,)
        Probability that the variant has an effect on any trait, beyond the background.
    credible_sets_ : list of dict
        Only with "single_effects". Of each effect that is more likely there than not: variants
        (most probable first), alpha, coverage, min_abs_r, mean_abs_r, log10_bf, probability (that
        the effect is there), and per trait effect and effect_sd (of the first variant's counted
        allele, in units of y per SD of the variant), lfsr, and nonzero (the probability that the
        effect on the trait is not 0).
    n_effects_ : float
        Expected number of effects; only with "single_effects".
    weights_ : array of shape (T,)
        pi, prior probabilities of the components. With "single_effects": of each of the effects.
    component_names_ : list of str
        "null", then "covariance x scale".
    covariances_ : array of shape (K, n_traits, n_traits)
        U as used, in squared units of y.
    covariance_names_ : list of str
        "independent", "singleton_<trait>", "heterogeneous_<correlation>", "shared",
        "any_of_<trait>+<trait>", "same_in_<trait>+<trait>",
        "data_driven_<number>", or "covariance_<number>" of given ones.
    scales_ : array of shape (L,)
        omega, by which `covariances_` are multiplied.
    responsibilities_ : array of shape (n_variants, T)
        Posterior probabilities of the components.
    residual_covariance_ : array of shape (n_traits, n_traits)
        Sigma, in squared units of y.
    residual_factors_ : array of shape (n_traits, n_components_)
        W of Sigma = sigma^2 I + WW'; only with "low_rank".
    residual_noise_ : float
        sigma^2, in squared units of y; likewise.
    n_components_ : int
        Columns of W; likewise.
    polygenic_ : array of shape (n_traits,) or float
        delta of each trait, given or chosen: variance of its background relative to its noise.
    genetic_covariance_ : array of shape (n_traits, n_traits)
        Of the backgrounds, in squared units of y; :meth:`genetic_parameters` makes more of it.
    pve_ : array of shape (n_traits,)
        Variance of the fitted values, relative to itself plus Sigma's.
    elbo_path_ : list of float
        Lower bound on the log evidence of y after each sweep, for the weights and Sigma that the
        sweep used. It never falls.
    trait_names_ : list of str
        Columns of y if it is a data frame, else y0, y1, ...
    n_iter_, n_features_in_ : int
    converged_ : bool
    feature_names_in_ : ndarray of str
        If X has columns with names.

    Notes
    -----
    NaN in y marks a cell that is not observed. A trait without observed cells is predicted by 0,
    with a warning; one that does not vary by its mean. Neither takes part in the model.

    A model with a background refers to the X and holds a matrix of n x n, for
    ``predict(return_std=True)``. Saved, it contains the genotypes of the people it was fitted on;
    :meth:`compact` drops them.

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

    _constraints: ClassVar[Constraints] = {
        "solver": [Option(*SOLVERS)],
        "covariances": [
            Option("auto", "canonical", "data_driven", "both", "subsets"),
            Arrays("a list of names or an array (K, J, J)"),
        ],
        "scales": [None, Numbers("an array (L,)")],
        "weights": [None, Numbers("an array (T,)")],
        "weights_init": [None, Numbers("an array (T,)")],
        "residual_covariance": [
            Option("full", "diagonal", "low_rank"),
            Numbers("an array (J, J)"),
        ],
        "n_components": [None, Integer(low=0)],
        "polygenic": [Option("auto"), Number(low=0, closed="left")],
        "identity_share": [Number(low=0, high=1, closed="both")],
        "standardize": [Flag()],
        "fit_intercept": [Flag()],
        "include_null": [Flag()],
        "null_pseudocounts": [None, Number(low=0, closed="left")],
        "weight_threshold": [Number(low=0, high=1, closed="left")],
        "update_order": [Option("sequential", "random", "evidence")],
        "max_effects": [Integer(low=1)],
        "coverage": [Number(low=0, high=1, closed="neither")],
        "min_purity": [Number(low=0, high=1, closed="both")],
        "max_iter": [Integer(low=1)],
        "tol": [Number(low=0, closed="left")],
        "warm_start": [Flag()],
        "random_state": [Seed()],
    }

    def __init__(
        self,
        *,
        solver: str = "coordinate_ascent",
        covariances: str | list[str] | ArrayLike = "auto",
        scales: ArrayLike | None = None,
        weights: ArrayLike | None = None,
        weights_init: ArrayLike | None = None,
        residual_covariance: str | ArrayLike = "full",
        n_components: int | None = None,
        polygenic: str | float = "auto",
        identity_share: float = 0.0,
        standardize: bool = True,
        fit_intercept: bool = True,
        include_null: bool = True,
        null_pseudocounts: float | None = None,
        weight_threshold: float = 1e-8,
        update_order: str = "evidence",
        max_effects: int = 10,
        coverage: float = 0.95,
        min_purity: float = 0.5,
        max_iter: int = 1000,
        tol: float = 1e-2,
        warm_start: bool = False,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.solver = solver
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
        self.null_pseudocounts = null_pseudocounts
        self.weight_threshold = weight_threshold
        self.update_order = update_order
        self.max_effects = max_effects
        self.coverage = coverage
        self.min_purity = min_purity
        self.max_iter = max_iter
        self.tol = tol
        self.warm_start = warm_start
        self.random_state = random_state

    def __sklearn_tags__(self) -> Tags:
        """Declare array API support and NaN in y, which means not observed."""
        tags = super().__sklearn_tags__()
        tags.array_api_support = True
        return tags

    @all_or_nothing
    @with_callbacks
    def fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> "MMASHRegressor":
        """Fit the traits y on the variants X.

        Parameters
        ----------
        X : array-like or Genotypes of shape (n_samples, n_variants)
            Dosages of the counted allele, without missing values; int8 is not copied. Opened
            genotypes stay on disk, and may miss calls, which count as the mean.
        y : array-like of shape (n_samples, n_traits) or (n_samples,)
            Traits; NaN marks a cell that is not observed.
        sample_weight : array-like of shape (n_samples,), optional
            Frequencies: weights equal repetition, and their sum is the sample size.

        Returns
        -------
        self : MMASHRegressor
        """
        check_parameters(self)
        given = X
        labels = first_labels({"the columns of y": column_labels(y)}, "y", "traits")
        X, y, xp, device = validate_fit_data(
            self, X, y, ndims=(1, 2), allow_nan=True, min_samples=2, opened=True
        )
        Y = to_numpy(y).astype(np.float64, copy=False).reshape(X.shape[0], -1)
        weight = validate_sample_weight(sample_weight, X.shape[0], xp, device, xp.float64)
        data = data_of_samples(
            X,
            Y,
            weight,
            labels,
            centered=self.fit_intercept,
            standardize=self.standardize,
            common_unit=is_low_rank(self.residual_covariance),
        )
        self._takes_dosages = True
        return self._run(data, X, y, given)

    @all_or_nothing
    @with_callbacks
    def fit_summary(
        self,
        z: ArrayLike | None = None,
        ld: ArrayLike | None = None,
        *,
        n_samples: ArrayLike,
        beta: ArrayLike | None = None,
        se: ArrayLike | None = None,
        trait_correlation: ArrayLike | None = None,
        allele_frequency: ArrayLike | None = None,
        panel_size: ArrayLike | None = None,
    ) -> "MMASHRegressor":
        """Fit from summary statistics: effects in SD of the trait.

        With z of the same samples as `ld`, the posterior is that of :meth:`fit` on standardized
        data, with polygenic=0 and residual_covariance=trait_correlation. The noise is not learned,
        so the form that `residual_covariance` names does not matter; a matrix is held.

        Parameters
        ----------
        z : array-like of shape (n_variants, n_traits) or (n_variants,), optional
            t statistics of the single-variant regressions. Left out: beta / se. Data frames may
            be labelled by variants and traits; all else that is labelled (beside them, ld,
            n_samples, trait_correlation) is matched to them, or refused. NaN marks a cell that
            was not measured; a variant without any cell is left out, and has no effect. Up to
            5,000 cells, if some are missing or differ in people.
        ld : array-like of shape (n_variants, n_variants), or list of n_traits of them
            Correlations of the variants, counting the same alleles: dense, `scipy.sparse`, a
            factor F of them, F F', or dosages of a panel (n_people, n_variants). A list: column j
            of z is the trait in population j, whose LD is ld[j], and nobody is in two of them. NaN
            in z is then a variant that the population lacks, and LD may be labelled by those it
            has; n_samples has one number for each population.
        n_samples : float or array-like of shape (n_traits,) or (n_variants, n_traits)
            People in the scan. If traits differ, z is taken to be N(sqrt(n_j) LD beta_j, LD) with
            the residual correlations of `trait_correlation`. If cells of a trait differ by more
            than 2%, the people of one variant are taken to be among those of the other.
        beta, se : array-like of the shape of z, optional
            Effects and standard errors of the single-variant regressions, in place of z. NaN in
            both marks a cell that was not measured; an infinite se is refused.
        trait_correlation : array-like of shape (n_traits, n_traits), optional
            Correlations of the noise of z between the scans: the share of people in both times the
            correlation of the traits. The identity if no person is in two scans; the correlations
            of the traits if all people are in all scans. Effects that traits share are not
            subtracted from it. None: estimated, per pair of traits, from the variants with
            abs(z) < 2 in both, as bivariate normal within these limits.
        allele_frequency : array-like of shape (n_variants,), optional
            Frequencies f of the counted alleles. Given, effects are per allele, and
            :meth:`predict` takes dosages: their mean is 2 f and their variance 2 f (1 - f). None:
            effects are per SD of the variant, and there is no predict. Not with several LD.
        panel_size : float or array-like of shape (n_traits,), optional
            Number of people that the LD comes from, of each LD if there are several. Its errors
            count as noise of z in proportion to the effects. None: those of a panel of dosages, if
            they are fewer than the scan's; else the LD is that of the scan's people.

        Returns
        -------
        self : MMASHRegressor

        Raises
        ------
        ValueError
            If statistics or LD are missing, not of their shape or range, or do not fit each other.
        """
        check_parameters(self)
        if not self.standardize:
            raise ValueError("fit_summary knows standardized variants only: standardize=True.")
        reported = {"n_samples": n_samples, "beta": beta, "se": se, "panel_size": panel_size}
        if are_populations(ld):
            told = summary_of_populations(z, ld, trait_correlation, allele_frequency, **reported)
        else:
            told = summary_of_traits(z, ld, trait_correlation, allele_frequency, **reported)
        self.__dict__.pop("feature_names_in_", None)
        if told.labels.text is not None:
            self.feature_names_in_ = told.labels.text
        self.n_features_in_ = told.z.shape[0]
        given: Any = beta if z is None else z
        self._run(told.data, told.z, given, panel_size=told.panel_size)
        self.z_ = told.z[:, 0] if np.ndim(given) == 1 else told.z.T
        self._takes_dosages = allele_frequency is not None
        return self

    def _run(
        self,
        data: Data,
        X: Array,
        y: ArrayLike,
        given: Any = None,
        panel_size: np.ndarray | None = None,
    ) -> "MMASHRegressor":
        """Run the solver, set the fitted attributes beside X; callbacks score by X as given."""
        solver, one_trait = SOLVERS[self.solver], np.ndim(y) == 1
        start = warm_start_of(self, data)
        problem = make_problem(self, data, start)
        if panel_size is not None and np.isfinite(panel_size).any():
            data, problem = with_panel_noise(solver, data, problem, panel_size, tol=self.tol)
        design, problem = choose_design(self, solver, data, problem, start, panel_size)
        fitted = FittedAttributes(
            problem,
            design,
            data,
            self.fit_intercept,
            self.coverage,
            self.min_purity,
        )
        for name in ONLY_SOMETIMES:
            self.__dict__.pop(name, None)
        bounds: list[float] = []
        modeled = data.modeled
        log_units = float(data.traits.n_observed[modeled.columns] @ np.log(modeled.noise_unit))
        attributes = once_per_state(
            lambda state: attributes_beside(X, fitted(state), one_trait=one_trait)
        )
        state, self.n_iter_ = run_solver(
            self,
            recorded(solver.start(design, problem, tol=self.tol), bounds, log_units),
            max_iter=self.max_iter,
            X=given,
            y=y,
            attributes=attributes,
        )
        design.grams.clear()  # the sweeps are over: room for the results
        self.__dict__.update(attributes(state))
        self.converged_ = bool(state.converged)
        self.elbo_path_ = bounds
        self.covariance_names_ = list(problem.prior.names)
        self.component_names_ = problem.prior.component_names
        self.trait_names_ = list(modeled.names)
        return self


def recorded(states: Iterator[State], bounds: list[float], log_units: float) -> Iterator[State]:
    """Yield the states and append their bounds, in units of y, to `bounds`."""
    for state in states:
        bounds.append(state.bound - log_units)
        yield state
