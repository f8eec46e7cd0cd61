"""Scorers for model selection on targets with NaN."""

from sklearn.metrics import make_scorer

from skgenetics.metrics._classification import (
    masked_accuracy_score,
    masked_average_precision_score,
    masked_roc_auc_score,
)
from skgenetics.metrics._r2 import masked_r2_score

# decision_function first: scikit-learn reads predict_proba of two tasks as that of two classes.
_RANKING = ("decision_function", "predict_proba")

masked_r2_scorer = make_scorer(masked_r2_score)
masked_accuracy_scorer = make_scorer(masked_accuracy_score)
masked_roc_auc_scorer = make_scorer(masked_roc_auc_score, response_method=_RANKING)
masked_average_precision_scorer = make_scorer(
    masked_average_precision_score, response_method=_RANKING
)
