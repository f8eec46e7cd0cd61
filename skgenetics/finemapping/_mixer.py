"""The FinemapMiXeR estimator."""

import warnings

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from skgenetics.finemapping._annotations import learn_annotations
from skgenetics.finemapping._data import case_control_units, data_moments
from skgenetics.finemapping._diagnostics import settle_doubts
from skgenetics.finemapping._elbo import learning_norm, log_sigmoid, residual_share
from skgenetics.finemapping._n_causal import summarize
from skgenetics.finemapping._parameters import (
    check_parameters,
    choose_solver,
    prior_asked,
    validate_annotations,
)
from skgenetics.finemapping._results import (
    fitted_effects,
    predictive_variance,
    variants_frame,
)
from skgenetics.finemapping._solvers import SOLVERS, Problem, panel_noise
from skgenetics.loci._summary import validate_summary
from skgenetics.utils._arrays import (
    check_same_namespace,
    float_dtype,
    matvec,
    to_numpy,
)
from skgenetics.utils._callbacks import run_solver
from skgenetics.utils._parameters import check_option
from skgenetics.utils._validation import as_genotypes, validate_fit_data, validate_sample_weight


class FinemapMiXeR(CallbackSupportMixin, RegressorMixin, BaseEstimator):
    """Fine-mapping of a locus: which variants of an association have an effect.

    A linear model of one trait on the variants of a locus in which few effects differ from zero:
    beta_i ~ (1 - pi_1) delta_0 + pi_1 N(0, sigma_beta^2), per counted allele and in units of the
    trait's standard deviation. :meth:`fit` takes genotypes and the trait, :meth:`fit_summary` the
    z statistics of an association scan with the LD of its variants.

    Parameters
    ----------
    solver : {"auto", "susie", "gibbs", "cavi", "adam"}, default="auto"
        "susie": a sum of at most `max_effects` single effects with its own prior on where they
        are; calibrated, fast, and credible sets directly. "gibbs": samples the model above, point
        mass included; calibrated, and slower. "cavi": coordinate ascent on a mean-field bound of
        it from many starts, weighted; a single start is overconfident in LD. "adam": the
        published Finemap-MiXeR algorithm, gradient ascent on a mean-field bound with a Gaussian
        spike; overconfident in LD, whatever its options. "gibbs" and "cavi" form the LD matrix.
        "auto" takes "susie"; where a number is given for causal_probability, or the heritability,
        which only the model above has, "gibbs" up to 4,096 variants. `solver_` tells.
    noise : {"ld", "independent"}, default="ld"
        Covariance of the noise of z, up to `residual_variance`: the LD matrix, which is right, or
        the identity, which is what the paper assumes. "independent" needs solver="adam".
    causal_probability : None, float or array-like of shape (n_variants,), default=None
        pi_1, the prior probability that a variant has an effect. None: learned. An array gives one
        a variant. With "susie" the probabilities count relative to each other alone.
    effect_variance : None, float or array-like of shape (n_variants,), default=None
        sigma_beta^2, the variance of an effect, in trait variances per squared allele. None:
        learned ("susie": one variance an effect; "gibbs": drawn with the effects).
    residual_variance : None or float, default=1.0
        sigma_0^2, the variance of the noise of z. 1 holds where the locus explains little of the
        trait. None: learned, for a locus of large effects: from the trait itself in :meth:`fit`,
        in :meth:`fit_summary` from z alone, which must lie in the range of ld.
    heritability : None or float, default=None
        h^2 of the locus, the share of the trait's variance its variants explain on average: fixes
        sigma_beta^2 = h^2 / sum_i pi_i H_i. Where causal_probability is None, "susie" expects one
        effect, and the others learn pi_1 under it.
    annotations : None or array-like of shape (n_variants, n_annotations), default=None
        Of the variants, such as 1 where one is in an enhancer: prior odds that depend on them are
        learned by logistic regression on the PIPs, in up to 10 fits, with a normal prior on the
        slopes (variance 1 a standard deviation). In place of causal_probability.
    max_effects : int, default=10
        Largest number of single effects ("susie").
    n_components : None, int or float, default=None
        PCA form of "adam": replace the product with the LD by its leading eigenvectors, so many,
        or as many as hold this share of the trace. None: the full product.
    spike_sd : "adaptive" or float, default="adaptive"
        Standard deviation of the Gaussian that stands for the point mass in "adam". "adaptive":
        it follows the mean size of the effects, as in the paper.
    gate_scale : float, default=1.0
        k_f of the paper: q_i = 1 / (1 + exp(-k_f o_i)) ("adam").
    learning_rate, beta_1, beta_2, epsilon : float
        Constants of Adam.
    start : None or dict, default=None
        First "mean", "sd" and "gate" (o) of "adam", each a number or (n_variants,). Those not given
        are the paper's: .01, .01 and abs(z).
    prior_update : {"closed_form", "adam"}, default="closed_form"
        How "adam" learns the prior's parameters: exactly, every 100 iterations after the first
        4,000 (or half of max_iter), or by Adam too, on their logs, from the first iteration on.
    n_restarts : None or int, default=None
        Starts. "adam" (1): run as one batch, the one of the best bound is kept; the first is that
        of `start`, in the others each o_i is multiplied by a uniform draw from (0, 2).
        "cavi" (30): from no effects, visiting the variants in another order each; those that end
        apart are weighted by their bounds.
    n_draws, n_chains : int, default=1000, 2
        Sweeps kept of a chain, after a quarter as many that are not, and chains ("gibbs").
    min_iter : None or int, default=None
        Smallest number of iterations of "adam": 500, or until the prior was learned 10 times.
    max_iter : None or int, default=None
        Largest number of iterations ("adam": 10,000) or sweeps ("cavi": 500, "susie": 100).
    tol : None or float, default=None
        "adam" stops when the PIPs change by less in sum (2.5e-3), "cavi" and "susie" when the bound
        rises by less (1e-3).
    coverage : float, default=0.95
        Probability that a credible set holds a causal variant.
    min_purity : float, default=0.5
        Smallest absolute r between two variants of a credible set; others are not reported.
    trait : {"quantitative", "binary"}, default="quantitative"
        "binary": y is 0 or 1, z the score statistic of a logistic regression, and n_samples the
        effective one, 4 / (1 / cases + 1 / controls), which :meth:`fit` computes and
        :meth:`fit_summary` expects. `coef_` are log odds ratios, and `predict` gives the
        probability of a case. Variances and heritability are those of a study of so many people,
        half of them cases, in which a log odds ratio b is an effect b / 2.
    random_state : None, int or RandomState, default=None
        Of the restarts, and of the draws of "gibbs".

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
    intercept_ : float
        0 after :meth:`fit_summary`.
    z_ : array of shape (n_variants,)
        sqrt(N) times the correlation of variant and trait.
    credible_sets_ : list of dict
        One a signal: "variants" (column indices, most probable first), "alpha" (their
        probabilities), "coverage", "min_abs_r", "mean_abs_r", "log10_bf" (Bayes factor of the
        signal). Variants tied with the last of a set belong to it too.
    causal_probability_ : float or array of shape (n_variants,)
        The prior probability given, or learned: the mean PIP. That of "cavi" is biased low.
    effect_variance_ : float or array of shape (n_variants,)
        The effect variance given, or the one learned (trait variances per squared allele).
    residual_variance_ : float
        sigma_0^2, given or learned; with what the errors of a panel's LD add (`panel_size`).
    heritability_ : float
        Of the locus: sum of H_i E[beta_i^2] over variants with an effect, the share of the trait's
        variance; H is the variance of the genotypes, or the heterozygosity given.
    n_causal_ : tuple
        (mean, (low, high)): the number of variants with an effect, and the central interval that
        holds it with probability `coverage`. "susie" takes each of its effects for certain, so
        that its interval is too narrow.
    annotation_coef_ : array of shape (n_annotations,)
        With annotations: log odds ratio of an effect for one unit of each.
    solver_ : str
        The solver that ran.
    elbo_path_ : list of float
        Lower bound on the log evidence relative to no effect, after each iteration. With
        spike_sd="adaptive" the objective itself changes and the trace need not rise. Empty for
        "gibbs".
    ld_mismatch_ : bool
        After :meth:`fit_summary`: whether z does not fit the LD, see its `on_mismatch`.
    diagnostics_ : dict
        Of "gibbs", else empty: "rhat" and "effective_size" of the number of causal variants and of
        the variance they explain (the worse), and "pip_gap", the largest difference of a PIP
        between chains. An R-hat above 1.1 or a gap above 0.1 gives a ConvergenceWarning.
    n_iter_ : int
        Iterations or sweeps; blocks of 50 sweeps for "gibbs".
    converged_ : bool
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Where X has columns, or ld rows, with names.

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
    """

    def __init__(
        self,
        *,
        solver="auto",
        noise="ld",
        causal_probability=None,
        effect_variance=None,
        residual_variance=1.0,
        heritability=None,
        annotations=None,
        max_effects=10,
        n_components=None,
        spike_sd="adaptive",
        gate_scale=1.0,
        learning_rate=1e-3,
        beta_1=0.9,
        beta_2=0.99,
        epsilon=1e-8,
        start=None,
        prior_update="closed_form",
        n_restarts=None,
        n_draws=1000,
        n_chains=2,
        min_iter=None,
        max_iter=None,
        tol=None,
        coverage=0.95,
        min_purity=0.5,
        trait="quantitative",
        random_state=None,
    ):
        self.solver = solver
        self.noise = noise
        self.causal_probability = causal_probability
        self.effect_variance = effect_variance
        self.residual_variance = residual_variance
        self.heritability = heritability
        self.annotations = annotations
        self.max_effects = max_effects
        self.n_components = n_components
        self.spike_sd = spike_sd
        self.gate_scale = gate_scale
        self.learning_rate = learning_rate
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.start = start
        self.prior_update = prior_update
        self.n_restarts = n_restarts
        self.n_draws = n_draws
        self.n_chains = n_chains
        self.min_iter = min_iter
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

    @with_callbacks
    def fit(self, X, y, sample_weight=None):
        """Fine-map the trait y on the variants X; X itself is the LD panel.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_variants)
            Dosages of the counted allele, 0 to 2, without missing values; int8 is not copied.
        y : array-like of shape (n_samples,)
            Trait.
        sample_weight : array-like of shape (n_samples,), optional
            Frequencies: weights equal repetition, and their sum is the sample size.

        Returns
        -------
        self : FinemapMiXeR
        """
        check_parameters(self.get_params(deep=False))
        X, y, xp, device = validate_fit_data(self, X, y, min_samples=2)
        y = xp.astype(y, float_dtype(X, xp), copy=False)
        weight = validate_sample_weight(sample_weight, X.shape[0], xp, device, y.dtype)
        moments = data_moments(X, y, weight, xp, device)
        locus, unit, center = moments.locus, moments.y_sd, moments.y_mean
        if self.trait == "binary":
            locus, unit, center = case_control_units(moments, y, xp)
        posterior = self._fit_locus(locus, unit, moments.X_mean, center, X, y)
        self._noise_variance = moments.y_sd**2 * residual_share(posterior, locus)
        self._X_mean = moments.X_mean
        return self

    @with_callbacks
    def fit_summary(
        self,
        z=None,
        ld=None,
        *,
        n_samples,
        beta=None,
        se=None,
        heterozygosity=None,
        panel_size=None,
        on_mismatch="one_effect",
    ):
        """Fine-map from summary statistics.

        Parameters
        ----------
        z : array-like of shape (n_variants,), optional
            Wald statistics of the single-variant regressions. May be left out where `beta` and `se`
            are given.
        ld : array, sparse matrix or data frame
            LD of the variants, of the people of the scan or others of their ancestry, counting the
            same alleles as z: the correlations r (n_variants, n_variants), symmetric with a
            diagonal of 1, dense or `scipy.sparse`; or a factor F (n_variants, k) of r = F F'; or
            the genotypes of a reference panel (n_people, n_variants), int8 without a float copy,
            whose r is never formed ("cavi" and "gibbs" form it). A square array is always r.
        n_samples : float or array-like of shape (n_variants,)
            People in the scan, or with each variant.
        beta, se : array-like of shape (n_variants,), optional
            Effects and standard errors: z = beta / se.
        heterozygosity : array-like of shape (n_variants,), optional
            2f(1-f) from the allele frequency f. None: effects are per standard deviation of the
            genotype.
        panel_size : None or float, default=None
            People that ld was estimated from, where they are not those of the scan: its errors add
            to the noise of z, in proportion to the signal. None: the rows of genotypes given as ld
            where they are fewer than n_samples, else infinity.
        on_mismatch : {"one_effect", "shrink", "raise", "ignore"}, default="one_effect"
            What to do where z does not fit the LD, or where the fit is doubtful: "susie" does not
            converge, or "susie" or "gibbs" find effects on two variants of absolute r > .95.
            "one_effect": fit a single effect in place, which asks LD for its set's purity alone;
            "shrink": shrink the LD to the identity by the share of noise that does not follow it,
            and one effect where doubts remain; both warn with :class:`LDMismatchWarning`.
            :func:`ld_mismatch` tells which variants are at fault.

        Returns
        -------
        self : FinemapMiXeR

        Notes
        -----
        Each z becomes sqrt(n) cor(x, y) = z sqrt(n / (z^2 + n - 2)) first. Where z and ld are
        pandas objects, the index of z and the columns of ld must agree, and become
        `feature_names_in_`.
        """
        check_parameters(self.get_params(deep=False))
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
        locus, names = summary.locus(score=self.trait == "binary"), summary.variant_names
        for name in ("feature_names_in_", "_noise_variance", "_X_mean"):
            vars(self).pop(name, None)
        self.n_features_in_ = locus.z.shape[0]
        if names is not None:
            self.feature_names_in_ = names
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            self._fit_summary_locus(locus)
        if on_mismatch != "ignore":
            self.ld_mismatch_ = settle_doubts(self, locus, on_mismatch)
        if not getattr(self, "ld_mismatch_", False):
            for warning in caught:
                warnings.warn(warning.message, stacklevel=3)
        return self

    def predict(self, X, return_std=False):
        """Predict the trait as the posterior mean, a polygenic score of the locus.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_variants)
            Dosages of the alleles counted in fit.
        return_std : bool, default=False
            Whether to return the standard deviation of the prediction too: of the effects and of
            the noise. Not after :meth:`fit_summary`, which knows neither mean genotypes nor noise.

        Returns
        -------
        y_mean : array of shape (n_samples,)
        y_std : array of shape (n_samples,)
            Only with return_std=True.
        """
        check_is_fitted(self)
        check_same_namespace(self, X, attribute="coef_", method="predict")
        X, xp, _ = as_genotypes(self, X, reset=False)
        y_mean = matvec(X, self.coef_, xp) + self.intercept_
        if self.trait == "binary":
            y_mean = xp.exp(log_sigmoid(y_mean, xp)[0])
        if not return_std:
            return y_mean
        if not hasattr(self, "_X_mean"):
            raise ValueError(
                "return_std=True needs the genotypes' means and the noise, which fit_summary does "
                "not know. Use fit(X, y), or coef_sd_ for the effects."
            )
        if self.trait == "binary":
            return y_mean, xp.sqrt(y_mean * (1 - y_mean))
        covariance = self._spread, self._factors, self._factor_weights
        variance = predictive_variance(X, self._X_mean, *covariance, self._noise_variance, xp)
        return y_mean, xp.sqrt(variance)

    def to_frame(self):
        """Return a pandas data frame with a row a variant.

        Returns
        -------
        frame : pandas.DataFrame
            Columns variant_id, z, pip, posterior_mean, posterior_sd, cs (number of the credible
            set from 1, 0 = none) and cs_alpha (probability in that set).
        """
        check_is_fitted(self)
        names = getattr(self, "feature_names_in_", [f"x{i}" for i in range(self.n_features_in_)])
        columns = self.z_, self.pip_, self.coef_, self.coef_sd_
        return variants_frame(names, *columns, self.credible_sets_)

    def _fit_summary_locus(self, locus):
        """Run the solver on a locus known by summary statistics."""
        self._fit_locus(locus, 2.0 if self.trait == "binary" else 1.0, 0 * locus.z, 0.0)

    def _fit_locus(self, locus, unit, X_mean, center, X=None, y=None):
        """Run the solver, set the fitted attributes and return the `Posterior`."""
        for name in ("annotation_coef_", "ld_mismatch_"):
            vars(self).pop(name, None)
        xp, parameters = locus.xp, self.get_params(deep=False)
        self.solver_ = choose_solver(parameters, locus.z.shape[0])
        solver = SOLVERS[self.solver_]
        learns_noise = self.residual_variance is None
        pi, slab, pi_slab = prior_asked(parameters, self.solver_, locus)
        problem = Problem(
            locus=locus,
            pi=pi,
            slab=slab,
            pi_slab=pi_slab,
            residual_variance=self.residual_variance,
            norm=learning_norm(locus, self.noise) if learns_noise else (None, None),
            max_iter=solver.max_iter(parameters),
            tol=solver.tol if self.tol is None else self.tol,
            rng=check_random_state(self.random_state),
            options=parameters,
        )
        if locus.panel_size < np.inf and not learns_noise:
            problem = problem._replace(residual_variance=panel_noise(problem))
        if self.annotations is not None:
            names = getattr(self, "feature_names_in_", None)
            design = validate_annotations(self.annotations, locus.z.shape[0], names)
            problem, coef = learn_annotations(solver, problem, design)
            self.annotation_coef_ = locus.array(coef)
        bounds = []

        def traced():
            for state in solver.start(problem):
                bounds.append(np.atleast_1d(to_numpy(state.bound)))
                yield state

        def attributes(state):
            posterior = solver.posterior(state, locus)
            distribution = solver.counts(state, posterior)
            return {
                **fitted_effects(posterior, problem, unit),
                "intercept_": center - unit * float(xp.sum(posterior.mean * X_mean)),
                "n_causal_": summarize(distribution, self.coverage),
            }

        state, self.n_iter_ = run_solver(
            self,
            traced(),
            max_iter=problem.max_iter,
            X=X,
            y=y,
            attributes=attributes,
            remedy=solver.remedy,
        )
        vars(self).update(attributes(state))
        self.converged_ = bool(state.converged)
        self.diagnostics_ = getattr(state, "diagnostics", {})
        best = int(np.argmax(bounds[-1]))  # of several starts
        self.elbo_path_ = [float(bound[best]) for bound in bounds if np.isfinite(bound[best])]
        self.credible_sets_ = solver.credible_sets(state, problem)
        return solver.posterior(state, locus)
