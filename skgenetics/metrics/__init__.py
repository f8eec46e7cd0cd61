"""Scores for incomplete targets, polygenic prediction and fine-mapping.

Functions take the truth first, the prediction second and keywords after that, and return Python
floats, as those of :mod:`sklearn.metrics`. The scorers, objects such as `masked_r2_scorer`, go
into the `scoring` parameter of :class:`sklearn.model_selection.GridSearchCV` and
:func:`sklearn.model_selection.cross_val_score`; classifiers with NaN among the labels also need
``cv=KFold(...)`` there, because an integer `cv` inspects the labels. Other options of a score, such
as ``multioutput="variance_weighted"``, are bound by :func:`sklearn.metrics.make_scorer`.
"""

from skgenetics.metrics._classification import (
    masked_accuracy_score,
    masked_average_precision_score,
    masked_roc_auc_score,
)
from skgenetics.metrics._finemapping import (
    credible_set_coverage,
    credible_set_power,
    credible_set_summary,
    false_discovery_proportion,
    pip_average_precision,
    pip_calibration_curve,
)
from skgenetics.metrics._incremental import incremental_r2_score, incremental_roc_auc_score
from skgenetics.metrics._liability import liability_r2_score, observed_to_liability_r2
from skgenetics.metrics._r2 import masked_r2_score
from skgenetics.metrics._scorers import (
    masked_accuracy_scorer,
    masked_average_precision_scorer,
    masked_r2_scorer,
    masked_roc_auc_scorer,
)
from skgenetics.metrics._sign_rates import lfsr_calibration_curve

__all__ = [
    "credible_set_coverage",
    "credible_set_power",
    "credible_set_summary",
    "false_discovery_proportion",
    "incremental_r2_score",
    "incremental_roc_auc_score",
    "lfsr_calibration_curve",
    "liability_r2_score",
    "masked_accuracy_score",
    "masked_accuracy_scorer",
    "masked_average_precision_score",
    "masked_average_precision_scorer",
    "masked_r2_score",
    "masked_r2_scorer",
    "masked_roc_auc_score",
    "masked_roc_auc_scorer",
    "observed_to_liability_r2",
    "pip_average_precision",
    "pip_calibration_curve",
]
