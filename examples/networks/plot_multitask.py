"""
One network for two diseases
============================

A rare disease has few cases to learn from. If a more common disease shares some of its genetics, a
network that learns both diseases can use the cases of the common one. To measure whether it does,
we train the same network on the rare disease alone and on both diseases, with the same people, and
compare predictions for other people.
"""

# sphinx_gallery_thumbnail_number = 2

# %%
# Of 5,000 simulated people, 30% have the common disease and 2% the rare one. Both diseases have the
# same causal variants: 16 act alone, with effects on the two diseases that have a correlation of
# 0.9, and 5 pairs act through their product. This simulation favors sharing. The genotypes have
# frequencies and LD like those of Europeans.

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedShuffleSplit
from sklearn.pipeline import make_pipeline

from skgenetics import LINAClassifier
from skgenetics.datasets import make_genotypes
from skgenetics.inspection import ImportanceDisplay, ScoresDisplay
from skgenetics.preprocessing import GenotypeScaler

n_people, positions = 5_000, 10_000 * np.arange(1, 41)
X = np.concatenate(
    [
        make_genotypes(n_people, 40, positions=positions, random_state=seed).data
        for seed in range(6)
    ],
    axis=1,
)
rng = np.random.default_rng(0)
Z = GenotypeScaler().fit_transform(X)
causal = rng.choice(X.shape[1], size=26, replace=False)
alone, pairs = causal[:16], causal[16:].reshape(5, 2)
effects = rng.multivariate_normal([0, 0], [[1, 0.9], [0.9, 1]], size=16)
additive = Z[:, alone] @ effects
together = (Z[:, pairs[:, 0]] * Z[:, pairs[:, 1]]) @ rng.choice([-1, 1], size=5)
liability = (
    np.sqrt(0.3) * additive / additive.std(axis=0)
    + np.sqrt(0.4) * ((together - together.mean()) / together.std())[:, None]
    + np.sqrt(0.3) * rng.normal(size=(n_people, 2))
)
diseases = ["common disease", "rare disease"]
Y = (liability > np.quantile(liability, [0.7, 0.98], axis=0).diagonal()).astype(int)
print(dict(zip(diseases, Y.sum(axis=0).tolist())), "cases of", n_people)

# %%
# Three models see the same people in each of five random splits: the network with one logit per
# disease, the same network trained on the rare disease only, and logistic regression on the rare
# disease.

network = LINAClassifier(
    start="random",
    dropout=0.6,
    coef_alpha=0.1,
    attention_alpha=0.1,
    random_state=0,
)
linear = make_pipeline(GenotypeScaler(), LogisticRegression(C=1e-3))
splits = StratifiedShuffleSplit(5, test_size=0.4, random_state=0)
auc = {"network, both diseases": [], "network, rare disease": [], "logistic regression": []}
for train, test in splits.split(X, Y[:, 1]):
    both = network.fit(X[train], Y[train]).decision_function(X[test])[:, 1]
    single = network.fit(X[train], Y[train, 1]).decision_function(X[test])
    line = linear.fit(X[train], Y[train, 1]).decision_function(X[test])
    for scores, decision in zip(auc.values(), (both, single, line)):
        scores.append(roc_auc_score(Y[test, 1], decision))
auc = pd.DataFrame(auc)
auc.round(3)

# %%
# The splits share people, so their scores are not independent and the usual standard error would be
# too small. The standard error of Nadeau and Bengio corrects for this. Judge by the difference
# within each split, which is known more precisely than either score.


def standard_error(values):
    """Return the standard error of a mean over random splits with 40% of people held out."""
    return np.sqrt(values.var(ddof=1) * (1 / len(values) + 0.4 / 0.6))


gain = auc["network, both diseases"] - auc["network, rare disease"]
print(f"AUC gained by sharing: {gain.mean():.3f} ± {standard_error(gain):.3f}", end=", ")
print(f"in {(gain > 0).sum()} of {len(gain)} splits")
ScoresDisplay(["rare disease"] * 3, list(auc), auc.mean(), standard_error(auc), metric="AUC").plot()

# %%
# The network trained on both diseases shows what they share: the importance of the variants for one
# disease and for the other. Diamonds mark the causal variants, including those in pairs.

both = network.fit(X, Y)
ImportanceDisplay.from_estimator(
    both,
    X,
    positions=np.tile(positions, 6),
    chromosomes=np.repeat(np.arange(1, 7), 40),
    selected=causal,
    tasks=diseases,
    n_labels=0,
).plot()
importances = both.first_order_importance(X)
print(f"correlation of the importances: {np.corrcoef(importances)[0, 1]:.2f}")
