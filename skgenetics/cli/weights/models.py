"""The words of `weights`: models, one entry each, and formats. A new model is one more entry."""

from typing import NamedTuple

import numpy as np
from sklearn.model_selection import KFold

from skgenetics import FinemapMiXeR, MILAGERegressor, MMASHRegressor
from skgenetics.association import WeightModel
from skgenetics.cli.estimators import TopVariantRegressor, elastic_net

N_INNER_FOLDS = 3  # by which the elastic net chooses its penalty


def _single_effects(X: np.ndarray, y: np.ndarray, seed: int) -> np.ndarray:
    return _fine_mapped("susie", X, y, seed)


def _spike_and_slab(X: np.ndarray, y: np.ndarray, seed: int) -> np.ndarray:
    return _fine_mapped("gibbs", X, y, seed)


def _fine_mapped(solver: str, X: np.ndarray, y: np.ndarray, seed: int) -> np.ndarray:
    """Return effects without a background beside them, whose part `coef_` does not hold."""
    return FinemapMiXeR(solver=solver, background=0.0, random_state=seed).fit(X, y).coef_


def _sharing_patterns(X: np.ndarray, y: np.ndarray, seed: int) -> np.ndarray:
    return np.atleast_2d(MMASHRegressor(random_state=seed).fit(X, _one_or_many(y)).coef_)


def _one_or_many(y: np.ndarray) -> np.ndarray:
    """Return expression of one tissue as a vector."""
    return y[:, 0] if y.shape[1] == 1 else y


def _elastic_net(X: np.ndarray, y: np.ndarray, seed: int) -> np.ndarray:
    folds = KFold(N_INNER_FOLDS, shuffle=True, random_state=seed)
    scaler, net = (step for _, step in elastic_net(folds).fit(X, y).steps)
    return net.coef_ / scaler.scale_


def _group_lasso(X: np.ndarray, y: np.ndarray, seed: int) -> np.ndarray:
    p = X.shape[1]
    model = MILAGERegressor(
        n_components=0, polygenic=False, cis_windows=[[0, p]], n_variants=p, random_state=seed
    ).fit(X, y[:, None, :])
    effects = np.zeros((y.shape[1], p))
    effects[:, model.cis_variants_] = model.cis_coef_
    return effects * model.expression_scale_[0]


def _top_variant(X: np.ndarray, y: np.ndarray, seed: int) -> np.ndarray:
    return TopVariantRegressor().fit(X, y).coef_


class Entry(NamedTuple):
    """A model, and what ``--help`` says of it."""

    model: WeightModel
    description: str
    auto: bool = False
    """Whether it is in the mixture of "auto"."""


MODELS = (
    Entry(WeightModel("finemap", _single_effects), "sum of single effects (FinemapMiXeR)"),
    Entry(
        WeightModel("finemap-gibbs", _spike_and_slab),
        "spike and slab, sampled (FinemapMiXeR)",
        auto=True,
    ),
    Entry(
        WeightModel("mmash", _sharing_patterns, joint=True),
        "all tissues jointly, effects that share patterns (MMASHRegressor)",
        auto=True,
    ),
    Entry(WeightModel("enet", _elastic_net), "elastic net, l1_ratio 0.5, 10 penalties", auto=True),
    Entry(
        WeightModel("milage-cis", _group_lasso, joint=True),
        "all tissues jointly, group lasso (the cis part of MILAGERegressor)",
    ),
)
TOP_VARIANT = WeightModel("top1", _top_variant)  # FUSION wants it beside the others
AUTO = "auto"
PREDICTDB, FUSION = FORMATS = ("predictdb", "fusion")


def chosen_models(word: str) -> list[WeightModel]:
    """Return the models that the word of ``--model`` mixes, or names."""
    return [
        entry.model
        for entry in MODELS
        if (entry.auto if word == AUTO else entry.model.name == word)
    ]


def help_on_models() -> str:
    """Return a line on each model, for ``--help``."""
    width = max(len(entry.model.name) for entry in MODELS)
    automatic = ", ".join(entry.model.name for entry in MODELS if entry.auto)
    lines = [f"  {AUTO.ljust(width)}  the mixture of {automatic} that predicts each gene best"]
    lines += [f"  {entry.model.name.ljust(width)}  {entry.description}" for entry in MODELS]
    return "models:\n" + "\n".join(lines)
