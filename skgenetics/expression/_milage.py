"""The MILAGERegressor estimator."""

import warnings
from typing import Any, ClassVar

from sklearn.base import RegressorMixin
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.utils import Tags, check_random_state

from skgenetics.expression._choice import Choice, choose, strength_path
from skgenetics.expression._data import FitData, fit_data
from skgenetics.expression._parameters import (
    ColumnList,
    annotations_of,
    check_combinations,
    choose_solver,
    cis_settings_of,
    penalties_of,
    start_settings_of,
    strengths_at,
)
from skgenetics.expression._polygenic import PolygenicTerm, Share, sum_of_squares_left
from skgenetics.expression._prediction import ExpressionPredictionMixin, are_dosages
from skgenetics.expression._stages import (
    LAYERS,
    CisStage,
    Stages,
    fitted_attributes,
    held_out_of,
    with_means,
)
from skgenetics.expression._standardization import variance_explained
from skgenetics.expression.cis._prior import CisPrior
from skgenetics.expression.trans._design import make_design
from skgenetics.expression.trans._fit import finish, subtract_trans
from skgenetics.expression.trans._kernel import CenteredGenotypes, genotype_kernel
from skgenetics.expression.trans._objective import Params, TransProblem
from skgenetics.expression.trans._solvers import SOLVERS
from skgenetics.expression.trans._start import start_params
from skgenetics.expression.trans._targets import Targets, sum_of_squares
from skgenetics.utils._arrays import to_numpy
from skgenetics.utils._callbacks import run_solver
from skgenetics.utils._estimator import GeneticsEstimator
from skgenetics.utils._fitting import all_or_nothing
from skgenetics.utils._parameters import (
    Anything,
    Constraints,
    Flag,
    Integer,
    Number,
    Option,
    Seed,
    check_parameters,
)
from skgenetics.utils._typing import Array, ArrayLike
from skgenetics.utils._validation import validate_fit_data

AUTO = Option("auto")
NOT_NEGATIVE = Number(low=0, closed="left")


class MILAGERegressor(
    CallbackSupportMixin, ExpressionPredictionMixin, RegressorMixin, GeneticsEstimator
):
    """Cis and trans genetics of the expression of genes across tissues.

    Expression of a gene in a tissue is an intercept, the effects of the variants in the gene's cis
    window, the effects of factors that all genes and tissues share and that depend on variants
    anywhere, and, on request, a polygenic term. Fitted to the observed cells only.

    Parameters
    ----------
    n_components : "auto" or int, default="auto"
        Number of factors, T. 0: no trans part. "auto", here and below: what predicts held-out
        individuals best, at most 40; see Notes.
    trans_model : {"linear", "sigmoid", "tensor"}, default="linear"
        How factors act. "linear": factors are linear in the genotypes and have one effect per gene
        and tissue (the paper's ML). "sigmoid": the same through a sigmoid (NN). "tensor": linear,
        and the effect is one of the gene times one of the tissue (TM).
    cis_windows : None, array-like of int of shape (n_genes, 2) or list of lists of str
        Columns of X around each gene: the first and the one after the last, or names of variants,
        looked up among the column names of X (names that X lacks are ignored). None: no cis part.
        :func:`~skgenetics.expression.cis_windows_from_positions` makes them.
    n_variants : None or int, default=None
        Number of columns that integers in `cis_windows` and `candidate_variants` were made for.
        Another X raises.
    cis_penalty : {"group_lasso", "lasso", "ridge"}, default="group_lasso"
        "group_lasso" selects a variant for all tissues of a gene or for none.
    cis_alpha : "per_gene", None or float, default="per_gene"
        Strength, as `alpha` of :class:`sklearn.linear_model.MultiTaskLasso` on standardized
        expression. None: one strength for all genes, from 5-fold cross-validation by individual.
        "per_gene": from the same folds one for each gene that tells its own, and that of None for
        all other genes.
    cis_impute : {None, "mean"}, default=None
        "mean" fills missing cells by the gene's mean before the cis stage, as the paper did, which
        shrinks every intercept. None: observed cells only.
    variant_prior : None or array-like of shape (n_variants, n_annotations), default=None
        Annotations of the variants, such as 1 in an enhancer and 0 elsewhere, from which penalties
        of the cis part are learned: larger effects where annotations had larger ones, in all genes.
        Held-out individuals choose how far to follow them; not at all is among the choices. Rows
        that carry labels are matched to the columns of X.
    variant_alpha, loading_alpha, tissue_alpha : "auto" or float, default="auto"
        Strengths of the penalties on the effects of variants on factors, of factors on genes, and
        of tissues ("tensor"), for the mean loss over observed cells and penalties of effects
        averaged over genes and tissues. Genotypes count as scaled to a total variance of 1. In
        "linear" with both penalties "l2" the product of the first two matters alone. In "sigmoid"
        the effect of a variant on a factor is a quarter of that on its score, the slope at its
        steepest: strengths that suit "linear" suit it too, and weaker ones let it bend more.
    variant_penalty, loading_penalty, tissue_penalty : {"l2", "l1"}, default="l2"
        "l1" gives exact zeros: variants without effect on a factor, genes that a factor does not
        act on, and ("tensor") tissues in which a factor is not active.
    candidate_variants : {"all", "cis"} or array-like of int or str, default="all"
        Variants that the staged start may use for the factors: all, those in the cis windows of the
        genes a factor acts on, or a list. The fit itself uses all variants, as does the start of a
        factor that no candidate explains.
    polygenic : "auto" or bool, default="auto"
        Whether to add a kernel ridge regression of the residual of each gene and tissue on all
        variants. Leaving out one individual at a time chooses its strength. `predict` then needs
        the training genotypes.
    standardize_expression : bool, default=True
        Whether to scale each gene to standard deviation 1 over all its training cells.
    init : {"staged", "random"}, default="staged"
        "staged": the paper's, from principal components of the residuals of the cis stage.
    n_refits : int, default=0
        How often the cis part is fitted again to the residual of the factors, with the same
        strength, and then the factors to the residual of the cis part. This helps most if factors
        explain much. 0: the two stages of the paper.
    solver : {"auto", "varpro", "als", "gd", "proximal"}, default="auto"
        "varpro": L-BFGS on the factors with the loadings at their minimum ("linear", "sigmoid";
        L2 only). "als": alternating Gauss-Newton and exact steps (L2 only). "gd": the paper's
        alternating gradient descent (L2 only), on the individuals' kernel. "proximal": alternating
        with proximal steps for L1. "auto" takes "proximal" for L1, else "als" for "tensor", else
        "varpro".
    max_iter : int, default=500
        Largest number of iterations of the trans stage, those after refits included.
    tol : float, default=1e-6
        The trans stage stops if an iteration lowers the objective by less than this share.
    early_stopping : bool, default=False
        Whether to hold out individuals from the cis and trans stages and use the iteration that
        predicts them best. The fit stops after 10 iterations without a better one.
    validation_fraction : float, default=0.1
        Share of the individuals held out.
    n_jobs : None or int, default=None
        Number of jobs that share the genes of the cis stage.
    random_state : None, int or RandomState, default=None
        Source of the folds, the held-out individuals and the random start.

    Attributes
    ----------
    cis_coef_ : array of shape (n_tissues, n_cis)
        Effects other than 0 per counted allele, gene after gene, in standardized expression.
    cis_variants_ : int array of shape (n_cis,)
        Column of X of each effect.
    cis_indptr_ : int array of shape (n_genes + 1,)
        Gene j has the columns ``cis_indptr_[j]:cis_indptr_[j + 1]`` of the two above.
    cis_intercept_ : array of shape (n_tissues, n_genes)
        Intercepts of the cis stage alone, in standardized expression.
    cis_alpha_ : float or array of shape (n_genes,)
        Strength used, or that of each gene; 0 without a cis part or if it was left out.
    variant_prior_coef_ : array of shape (n_annotations,)
        Logarithm of the scale of effects per unit of each annotation; 0 if held-out individuals are
        predicted no better with it. Only with `variant_prior`.
    variant_prior_scale_ : array of shape (n_variants,)
        Scale of the effects of each variant, by which its penalty is divided. Only with
        `variant_prior`.
    dual_coef_ : array of shape (n_individuals, n_components_) or None
        Scores of factors are the genotypes' kernel with the training individuals times this. None
        with ``variant_penalty="l1"``.
    X_fit_ : array of shape (n_individuals, n_variants)
        Training genotypes (a reference). :meth:`compact` drops them.
    variant_coef_ : array of shape (n_components_, n_variants)
        Effects of variants on the scores of factors, per counted allele; computed on demand.
    factor_loadings_ : array of shape (n_tissues, n_components_, n_genes)
        Effects of factors, in standardized expression per unit of a factor; not for "tensor".
    gene_factors_, tissue_factors_ : arrays of shape (n_genes or n_tissues, n_components_)
        Their products are the effects of factors; only for "tensor".
    factors_ : array of shape (n_individuals, n_components_)
        Factors of the training individuals: their scores, after the activation.
    polygenic_coef_ : array of shape (n_tissues, n_individuals, n_genes)
        Dual coefficients, in standardized expression; only with the polygenic term.
    polygenic_share_ : array of shape (n_tissues, n_genes)
        Heritable share of the residual that was chosen; only with the polygenic term.
    polygenic_weight_ : float
        Of a polygenic term alone, in the average that all coefficients are of; see Notes.
    intercept_ : array of shape (n_tissues, n_genes)
        Intercepts of the whole, in standardized expression.
    expression_mean_, expression_scale_ : arrays of shape (n_genes,)
        Standardized expression is (y - mean) / scale.
    tissue_mean_ : array of shape (n_tissues, n_genes)
        Training means of y: the null model of `score`. If a gene is never observed in a tissue, its
        mean over all other tissues.
    variance_explained_ : dict
        Share of the variance of the training cells, "within" gene and tissue and in "total", that
        "tissue_means", "cis", "trans" and "polygenic" explain, each beyond the parts before.
        Training fit proves nothing if there are more variants than individuals.
    train_scores_ : list of float
        R2 within gene and tissue of the cis and trans parts after each iteration.
    validation_scores_ : list of float
        The same for individuals held out; only with `early_stopping`.
    loss_curve_ : list of float
        Objective of the trans stage after each iteration. A refit may raise it, because it changes
        the targets.
    variant_alpha_, loading_alpha_, tissue_alpha_ : float
        Strengths used; the last only for "tensor".
    strength_path_ : dict of str to ndarray
        Columns `n_components`, `variant_alpha`, `loading_alpha`, `tissue_alpha`, `score` and
        `polygenic_score`: R2 within gene and tissue of the held-out at each point visited, in
        standardized expression, without and with the polygenic term; NaN where it was not asked.
        Only if something was "auto".
    n_components_ : int
        Number of factors, at most one less than individuals and the number of genes x tissues.
    n_effective_components_ : int
        Factors whose effects are not all zero.
    solver_ : str
    n_iter_ : int
    converged_ : bool
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        If X has columns with names.

    Notes
    -----
    "auto" is chosen in 3 folds of the individuals, each with its own cis part. Where the product of
    two L2 strengths alone matters, the path falls from the one that leaves no factor, for each of
    1, 2, 4, ... factors, each point started at the one before. The polygenic term is judged where
    the factors of each path predict best. With L1 and in "tensor" the path rises from the staged
    start. No factors, and no polygenic term, are among the choices, and
    are kept unless another is better by a standard error between individuals. The fit is then
    averaged with a polygenic term that has no cis part before it, by the weight in steps of .1
    that predicts the held-out best, unless `cis_alpha` is a number. Where effects are many and
    small that is 1, and no cis part is left. Parameters that are given are kept. `GridSearchCV`
    over any of them works as well.

    References
    ----------
    .. [1] Yang, Pe'er, Pe'er, "Mixed-Layer Deep Modeling of Genotypes and Cross-Tissue Expression
       Uncovers Trans-eQTLs". The models and the staged start, with corrections; of the solvers,
       "gd".

    Examples
    --------
    >>> from skgenetics import MILAGERegressor
    >>> from skgenetics.datasets import make_expression_tensor, make_genotypes
    >>> X = make_genotypes(200, 300, random_state=0).data
    >>> made = make_expression_tensor(X, n_genes=8, n_tissues=3, random_state=0)
    >>> model = MILAGERegressor(cis_windows=made.cis_windows, n_variants=300, random_state=0)
    >>> model.fit(X, made.target).predict(X).shape
    (200, 8, 3)
    """

    _constraints: ClassVar[Constraints] = {
        "n_components": [AUTO, Integer(low=0)],
        "trans_model": [Option("linear", "sigmoid", "tensor")],
        "cis_windows": [None, Anything("two integers or a list of variant names for each gene")],
        "n_variants": [None, Integer(low=1)],
        "cis_penalty": [Option("group_lasso", "lasso", "ridge")],
        "cis_alpha": [None, Option("per_gene"), NOT_NEGATIVE],
        "cis_impute": [None, Option("mean")],
        "variant_prior": [None, Anything("annotations (n_variants, n_annotations)")],
        "variant_alpha": [AUTO, NOT_NEGATIVE],
        "loading_alpha": [AUTO, NOT_NEGATIVE],
        "tissue_alpha": [AUTO, NOT_NEGATIVE],
        "variant_penalty": [Option("l2", "l1")],
        "loading_penalty": [Option("l2", "l1")],
        "tissue_penalty": [Option("l2", "l1")],
        "candidate_variants": [Option("all", "cis"), ColumnList("columns of X")],
        "polygenic": [AUTO, Flag()],
        "standardize_expression": [Flag()],
        "init": [Option("staged", "random")],
        "n_refits": [Integer(low=0)],
        "solver": [Option("auto", *SOLVERS)],
        "max_iter": [Integer(low=1)],
        "tol": [NOT_NEGATIVE],
        "early_stopping": [Flag()],
        "validation_fraction": [Number(low=0, high=1)],
        "n_jobs": [None, Integer()],
        "random_state": [Seed()],
    }

    def __init__(
        self,
        n_components: int | str = "auto",
        *,
        trans_model: str = "linear",
        cis_windows: Any = None,
        n_variants: int | None = None,
        cis_penalty: str = "group_lasso",
        cis_alpha: float | str | None = "per_gene",
        cis_impute: str | None = None,
        variant_prior: ArrayLike | None = None,
        variant_alpha: float | str = "auto",
        loading_alpha: float | str = "auto",
        tissue_alpha: float | str = "auto",
        variant_penalty: str = "l2",
        loading_penalty: str = "l2",
        tissue_penalty: str = "l2",
        candidate_variants: Any = "all",
        polygenic: bool | str = "auto",
        standardize_expression: bool = True,
        init: str = "staged",
        n_refits: int = 0,
        solver: str = "auto",
        max_iter: int = 500,
        tol: float = 1e-6,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_jobs: int | None = None,
        random_state: Any = None,
    ):
        self.n_components = n_components
        self.trans_model = trans_model
        self.cis_windows = cis_windows
        self.n_variants = n_variants
        self.cis_penalty = cis_penalty
        self.cis_alpha = cis_alpha
        self.cis_impute = cis_impute
        self.variant_prior = variant_prior
        self.variant_alpha = variant_alpha
        self.loading_alpha = loading_alpha
        self.tissue_alpha = tissue_alpha
        self.variant_penalty = variant_penalty
        self.loading_penalty = loading_penalty
        self.tissue_penalty = tissue_penalty
        self.candidate_variants = candidate_variants
        self.polygenic = polygenic
        self.standardize_expression = standardize_expression
        self.init = init
        self.n_refits = n_refits
        self.solver = solver
        self.max_iter = max_iter
        self.tol = tol
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_jobs = n_jobs
        self.random_state = random_state

    def __sklearn_tags__(self) -> Tags:
        """Declare array API support and targets of many outputs."""
        tags = super().__sklearn_tags__()
        tags.array_api_support = True
        tags.target_tags.multi_output = True
        return tags

    @all_or_nothing
    @with_callbacks
    def fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> "MILAGERegressor":
        """Fit the cis, trans and polygenic parts, each to the residual of the parts before.

        Parameters
        ----------
        X : array-like of shape (n_individuals, n_variants)
            Dosages of the counted allele, 0 to 2, without missing values; int8 is not copied.
        y : array-like of shape (n_individuals, n_genes, n_tissues), (n_individuals, n_genes) or \
                (n_individuals,)
            Expression; NaN marks what was not observed. 2-D: one tissue. 1-D: one gene. Results
            have the dtype of X or, if X holds integers, of y: float32 takes half the memory.
        sample_weight : array-like of shape (n_individuals,), optional
            Frequencies: weights equal repetition where nothing is held out. What folds choose is
            that of repeated rows whose copies share a fold; without, copies would predict one
            another. Early stopping holds out individuals, not copies.

        Returns
        -------
        self : MILAGERegressor

        Raises
        ------
        ValueError
            If y has infinities or no observed cell, cis windows are not within X or made for
            another width, or a parameter is out of range.
        """
        check_parameters(self)
        check_combinations(self)
        given = X
        X, y, _, _ = validate_fit_data(self, X, y, ndims=(1, 2, 3), allow_nan=True, min_samples=2)
        rng = check_random_state(self.random_state)
        self.solver_ = choose_solver(self)
        self._y_ndim = y.ndim
        data = fit_data(self, X, y, sample_weight, rng)
        settings = start_settings_of(self, data.windows)
        cis_stage = CisStage(data, cis_settings_of(self), rng, annotations_of(self))
        cis = cis_stage.fit()
        problem, kernel = self._trans_problem(data, cis.targets)
        choice = choose(self, data, cis_stage, problem, kernel, settings, rng)
        if choice.alone == 1:
            cis = cis_stage.leave_out()
            problem = problem._replace(targets=cis.targets)
        self._set_choice(choice)
        problem = problem._replace(penalties=penalties_of(self, choice.strengths))
        held_out = held_out_of(data, self._scale)
        stages = Stages(cis_stage, cis, problem, data.moments.within, held_out)
        self._set_data(data)
        self._set_prior(cis_stage.prior, data)
        self._set_traces(stages)
        start = start_params(
            problem, data.weight, self.n_components_, SOLVERS[self.solver_], settings, rng
        )
        self._run(stages, start, given, y)
        self._set_parts(stages, kernel, choice)
        if sum_of_squares(problem.targets) > 0:
            self._warn_without_factors()
        return self

    def _trans_problem(self, data: FitData, targets: Targets) -> tuple[TransProblem, Array]:
        """Return the trans problem of targets, and the kernel (I, I) of the genotypes."""
        X, put, xp = data.training.X, data.placement.put, data.placement.xp
        kernel, self._scale = genotype_kernel(X, put(data.weight, xp.float64))
        genotypes = CenteredGenotypes(X, self._scale)
        design = make_design(genotypes, kernel, self.variant_penalty, self.trans_model)
        penalties = penalties_of(self, strengths_at(self, 1.0))
        return TransProblem(targets, design, penalties, self.trans_model), kernel

    def _set_choice(self, choice: Choice) -> None:
        """Set the fitted attributes of what "auto" stood for."""
        self.n_components_ = choice.n_components
        self.variant_alpha_, self.loading_alpha_, tissue = choice.strengths
        self.polygenic_weight_ = choice.alone
        self.__dict__.pop("tissue_alpha_", None)
        if self.trans_model == "tensor":
            self.tissue_alpha_ = tissue
        self.__dict__.pop("strength_path_", None)
        if choice.scores is not None:
            self.strength_path_ = strength_path(choice.scores)

    def _warn_without_factors(self) -> None:
        """Warn if factors were asked for and none has an effect."""
        if self.n_components in (0, "auto") or self.n_effective_components_:
            return
        if self.n_components_:
            why = "the penalties leave no effect; lower variant_alpha or loading_alpha"
        else:
            why = "held-out individuals are predicted best without; give the strengths to keep them"
        warnings.warn(
            f"n_components={self.n_components}, but no factor is left: {why}.",
            UserWarning,
            stacklevel=5,
        )

    def _set_data(self, data: FitData) -> None:
        """Set the fitted attributes that prediction needs; drop the attributes of earlier fits."""
        for name in ("validation_scores_", "polygenic_coef_", "polygenic_share_", *LAYERS):
            self.__dict__.pop(name, None)
        moments, put = data.moments, data.placement.put
        self.X_fit_ = data.training.X
        self._holds_dosages = are_dosages(data.training.X)
        self.expression_mean_, self.expression_scale_ = put(moments.mean), put(moments.scale)
        self.tissue_mean_ = put(moments.mean + moments.scale * moments.tissue_mean)

    def _set_prior(self, prior: CisPrior | None, data: FitData) -> None:
        """Set the fitted attributes of the prior of cis effects."""
        for name in ("variant_prior_coef_", "variant_prior_scale_"):
            self.__dict__.pop(name, None)
        if prior is not None:
            self.variant_prior_coef_ = data.placement.put(prior.coef)
            self.variant_prior_scale_ = data.placement.put(prior.scales)

    def _set_traces(self, stages: Stages) -> None:
        """Set the lists that `stages` appends to."""
        self.loss_curve_, self.train_scores_ = stages.loss_curve, stages.train_scores
        if stages.held_out is not None:
            self.validation_scores_ = stages.validation_scores

    def _run(self, stages: Stages, start: Params, X: ArrayLike, y: Array) -> None:
        """Run the stages under the callbacks."""
        n_refits = self.n_refits if self.n_components_ else 0
        iterations = stages.run(SOLVERS[self.solver_], start, tol=self.tol, n_refits=n_refits)
        state, self.n_iter_ = run_solver(
            self, iterations, max_iter=self.max_iter, X=X, y=y, attributes=stages.attributes
        )
        self.converged_ = bool(state.converged)

    def _set_parts(self, stages: Stages, kernel: Array, choice: Choice) -> None:
        """Set the cis and trans part of the best iteration, and fit the polygenic part.

        If a polygenic term alone has a weight, they are those of the average with it.
        """
        params, cis, problem = stages.best
        data, effects, fit = stages.cis_stage.data, cis.effects, finish(params, problem)
        shares = [Share(problem.targets, 1.0, choice.polygenic)]
        rest, put = fit, data.placement.put
        if 0 < choice.alone < 1:
            own = 1 - choice.alone
            rest, effects = with_means(fit, effects, own, data.moments.tissue_mean)
            shares = [shares[0]._replace(weight=own)]
            shares.append(Share(stages.cis_stage.leave_out().targets, choice.alone))
        self.__dict__.update(fitted_attributes(rest, effects, data.placement))
        remaining = {"tissue_means": data.moments.within}
        if data.windows is not None:
            remaining["cis"] = sum_of_squares_left(shares)
        shares[0] = shares[0]._replace(targets=subtract_trans(problem.targets, fit))
        remaining["trans"] = sum_of_squares_left(shares)
        if any(share.smoothed for share in shares):
            polygenic = PolygenicTerm(to_numpy(kernel)).fit(*shares)
            remaining["polygenic"] = polygenic.sum_of_squares
            self.polygenic_coef_ = put(polygenic.dual)
            self.polygenic_share_ = put(polygenic.share)
            self.intercept_ = self.intercept_ + put(polygenic.intercept)
        self.variance_explained_ = variance_explained(data.moments.total, remaining)
