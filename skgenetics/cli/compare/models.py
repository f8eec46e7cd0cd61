"""The models that `compare` knows: one entry each. A new model is one more entry.

Which models a trait gets, the words of ``--models`` and ``--help``, the printed tables, "variants
used" and the credible sets all follow from the fields of `ModelEntry`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skgenetics import (
    FinemapMiXeR,
    LINAClassifier,
    LINARegressor,
    MILAGERegressor,
    MMASHRegressor,
)
from skgenetics.cli.estimators import (
    TopVariantRegressor,
    elastic_net,
    variant_and_covariate_scaler,
)


@dataclass(frozen=True)
class FitSettings:
    """What a model may be built from, apart from the genotypes and the traits."""

    n_variants: int  # columns of X before the covariates (which binary traits have there)
    cv: list[tuple[np.ndarray, np.ndarray]] | None  # (train, test) rows, to choose settings by
    seed: int
    cis_windows: np.ndarray | None = None  # (genes, 2) first and past-last column; joint tasks

    def search(self, estimator: Any, grid: dict[str, list], **arguments: Any) -> GridSearchCV:
        """Return a search of `grid` on the inner folds."""
        return GridSearchCV(estimator, grid, cv=self.cv, error_score="raise", **arguments)


Builder: TypeAlias = Callable[[FitSettings], Any]
VariantsUsed: TypeAlias = Literal["per allele", "per SD", "all", "none", "unknown"]


@dataclass(frozen=True)
class ModelEntry:
    """A model of the comparison.

    Parameters
    ----------
    name : str
        As in the tables; ``--models`` takes it in any case, with "-" for a space.
    description : str
        What it is, in a few words, for ``--help``.
    regressor, classifier : callable
        Functions of `FitSettings` that return an unfitted estimator of quantitative and of binary
        traits. None: the model is not for such traits. Functions of a module, not lambdas: fits
        run in other processes.
    joint : bool
        Whether one fit predicts all traits of a kind; y then holds NaN for cells not observed.
    target : {"traits", "genes x tissues"}
        Shape of y: (people, traits), or (people, genes, tissues) if there are several tissues. One
        trait is always (people,).
    variants_used : {"per allele", "per SD", "all", "none", "unknown"}
        How to count the variants that the model uses: by the squares of its `coef_`, which are
        effects per allele or per standard deviation of the genotype; every variant, as in a
        network; none, as in a model of the covariates; or not at all.
    credible_sets : callable
        A function of `FitSettings` that returns the estimator to fit to all people for credible
        sets: it must have `credible_sets_`, `pip_` and `to_frame`. None: the model has no sets.
    needs_covariates : bool
        Whether the model makes no sense without covariates.
    is_reference : bool
        Whether the tables print the other models minus this one.
    quick : bool
        Whether ``--quick`` takes it: its fits are a small part of the time of all models.
    """

    name: str
    description: str
    regressor: Builder | None = None
    classifier: Builder | None = None
    joint: bool = False
    target: Literal["traits", "genes x tissues"] = "traits"
    variants_used: VariantsUsed = "unknown"
    credible_sets: Builder | None = None
    needs_covariates: bool = False
    is_reference: bool = False
    quick: bool = False

    @property
    def word(self) -> str:
        """The name as ``--models`` spells it."""
        return self.name.replace(" ", "-")

    def builder(self, binary: bool) -> Builder | None:
        """Return the function that builds the model for binary or for quantitative traits."""
        return self.classifier if binary else self.regressor

    def suits(self, *, binary: bool, joint: bool, has_covariates: bool) -> bool:
        """Whether the model is for a task of this kind."""
        return (
            self.builder(binary) is not None
            and self.joint == joint
            and (has_covariates or not self.needs_covariates)
        )


def _top_variant(settings: FitSettings) -> Any:
    return TopVariantRegressor()


def _ridge(settings: FitSettings) -> Any:
    alphas = settings.n_variants * np.array([1.0, 10.0, 100.0])
    return make_pipeline(StandardScaler(), RidgeCV(alphas=alphas))


def _elastic_net(settings: FitSettings) -> Any:
    return elastic_net(settings.cv)


def _effects_and_background(settings: FitSettings) -> Any:
    return FinemapMiXeR()


def _regression_trees(settings: FitSettings) -> Any:
    from sklearn.ensemble import HistGradientBoostingRegressor  # slow to import: not for --help

    trees = HistGradientBoostingRegressor(
        max_iter=50,
        max_bins=16,
        max_features=0.2,
        early_stopping=False,
        random_state=settings.seed,
    )
    return settings.search(trees, {"max_leaf_nodes": [2, 4, 8]})


def _classification_trees(settings: FitSettings) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier  # slow to import: not for --help

    trees = HistGradientBoostingClassifier(
        max_iter=50, max_features=0.2, early_stopping=False, random_state=settings.seed
    )
    return settings.search(trees, {"max_leaf_nodes": [2, 4, 8]}, scoring="neg_log_loss")


def _perceptron(settings: FitSettings) -> Any:
    from sklearn.neural_network import MLPRegressor  # slow to import: not for --help

    network = MLPRegressor(
        hidden_layer_sizes=(16,),
        solver="lbfgs",
        tol=1e-2,
        max_iter=500,
        random_state=settings.seed,
    )
    search = settings.search(network, {"alpha": [30.0, 100.0, 300.0]})
    return make_pipeline(StandardScaler(), search)


def _covariates_only(settings: FitSettings) -> Any:
    variants = slice(0, settings.n_variants)
    covariates = make_column_transformer(("drop", variants), remainder=StandardScaler())
    return make_pipeline(covariates, LogisticRegression(C=100.0, max_iter=1000))


def _logistic(settings: FitSettings) -> Any:
    model = LogisticRegression(max_iter=1000)
    search = settings.search(model, {"C": [4.0, 0.4, 0.04]}, scoring="neg_log_loss")
    return make_pipeline(variant_and_covariate_scaler(settings.n_variants), search)


def _sharing_patterns(settings: FitSettings) -> Any:
    return MMASHRegressor()


def _factors(settings: FitSettings) -> Any:
    return MILAGERegressor(
        cis_windows=settings.cis_windows,
        n_variants=None if settings.cis_windows is None else settings.n_variants,
        random_state=settings.seed,
    )


def _network_regressor(settings: FitSettings) -> Any:
    return LINARegressor((20,), n_iter_no_change=5, random_state=settings.seed)


def _network_classifier(settings: FitSettings) -> Any:
    return LINAClassifier((20,), n_iter_no_change=5, random_state=settings.seed)


MODELS: tuple[ModelEntry, ...] = (
    ModelEntry(
        "covariates only",
        "logistic regression on the covariates",
        classifier=_covariates_only,
        variants_used="none",
        needs_covariates=True,
        is_reference=True,
        quick=True,
    ),
    ModelEntry(
        "top variant",
        "least squares on the variant that correlates most with the trait in training",
        regressor=_top_variant,
        variants_used="per allele",
        quick=True,
    ),
    ModelEntry(
        "RidgeCV",
        "ridge regression, 3 penalties",
        regressor=_ridge,
        variants_used="per SD",
        is_reference=True,
        quick=True,
    ),
    ModelEntry(
        "ElasticNet",
        "elastic net, l1_ratio 0.5, 10 penalties",
        regressor=_elastic_net,
        variants_used="per SD",
        quick=True,
    ),
    ModelEntry(
        "LogisticRegression",
        "logistic regression, ridge penalty of 3 strengths",
        classifier=_logistic,
        variants_used="per SD",
        quick=True,
    ),
    ModelEntry(
        "FinemapMiXeR",
        "few effects, and a background of small ones if the data support it",
        regressor=_effects_and_background,
        variants_used="per allele",
        credible_sets=_effects_and_background,
        quick=True,
    ),
    ModelEntry(
        "HistGradientBoosting",
        "boosted trees with 2, 4 or 8 leaves",
        regressor=_regression_trees,
        classifier=_classification_trees,
    ),
    ModelEntry(
        "MLP",
        "a network of 16 hidden units, 3 penalties",
        regressor=_perceptron,
        variants_used="all",
    ),
    ModelEntry(
        "LINARegressor",
        "a network that starts from a linear model and pairs of variants",
        regressor=_network_regressor,
        variants_used="all",
    ),
    ModelEntry(
        "MMASHRegressor",
        "effects that share patterns across traits",
        regressor=_sharing_patterns,
        joint=True,
        variants_used="per allele",
    ),
    ModelEntry(
        "MILAGERegressor",
        "cis effects, and factors and a polygenic part if they predict",
        regressor=_factors,
        joint=True,
        target="genes x tissues",
    ),
    ModelEntry(
        "LINAClassifier",
        "a network that starts from a linear model and pairs of variants",
        classifier=_network_classifier,
        joint=True,
        variants_used="all",
    ),
)


def chosen_models(words: list[str] | None, *, quick: bool = False) -> tuple[ModelEntry, ...]:
    """Return the entries that the words of ``--models`` ask for; None: all, or the quick ones."""
    if words is None:
        return tuple(entry for entry in MODELS if entry.quick or not quick)
    by_word = {entry.word.lower(): entry for entry in MODELS}
    names = [name for word in words for name in word.split(",") if name]
    for name in names:
        if name.lower() not in by_word:
            known = ", ".join(entry.word for entry in MODELS)
            raise ValueError(f"--models: there is no {name!r}; choose from {known}.")
    chosen = {by_word[name.lower()].name for name in names}
    return tuple(entry for entry in MODELS if entry.name in chosen)


def reference_model(names: list[str]) -> str:
    """Return the name, of some, of the model that the others are printed against."""
    references = (entry.name for entry in MODELS if entry.is_reference)
    return next((name for name in references if name in names), names[0])


def help_on_models() -> str:
    """Return a line on each model, for ``--help``."""
    width = max(len(entry.word) for entry in MODELS)
    lines = []
    for joint, title in (
        (False, "models of each trait alone:"),
        (True, "models of all traits jointly:"),
    ):
        lines.append(title)
        for entry in MODELS:
            if entry.joint == joint:
                traits = "" if entry.regressor else "binary traits: "
                traits = "any trait: " if entry.regressor and entry.classifier else traits
                lines.append(f"  {entry.word.ljust(width)}  {traits}{entry.description}")
    return "\n".join(lines)
