"""
Find pairs of variants that act together
========================================

A network predicts a trait from genotypes, and is asked which variants matter and which pairs of
them. The trait is simulated over realistic genotypes, so that the answer is known: ten variants act
alone, and the variants of each of four pairs act by their product.
"""

# %%
# The people have 60 variants on each of six chromosomes, with frequencies and LD like those of
# Europeans. LD makes the question harder: a neighbor of a variant that acts looks like it. Those
# that act are chosen first, then variants are pruned, so that some act through a neighbor only.

import numpy as np
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline

from skgenetics import LINARegressor
from skgenetics.datasets import make_genotypes
from skgenetics.inspection import (
    ImportanceDisplay,
    InteractionDisplay,
    InteractionNetworkDisplay,
    TrainingCurveDisplay,
)
from skgenetics.preprocessing import GenotypeScaler, LDPruner

n_people, places = 7_000, 10_000 * np.arange(1, 61)
everything = np.concatenate(
    [make_genotypes(n_people, 60, positions=places, random_state=seed).data for seed in range(6)],
    axis=1,
)
rng = np.random.default_rng(0)
Z = GenotypeScaler().fit_transform(everything)
common = np.flatnonzero(abs(everything.mean(axis=0) - 1) < 0.7)
acting = rng.choice(common, size=18, replace=False)
pairs, alone = acting[:8].reshape(4, 2), acting[8:]

additive = Z[:, alone] @ rng.choice([-1, 1], size=10)
products = Z[:, pairs[:, 0]] * Z[:, pairs[:, 1]]
together = ((products - products.mean(axis=0)) / products.std(axis=0)).sum(axis=1)
noise = rng.normal(size=n_people)
y = additive / additive.std() + together / together.std() + np.sqrt(2) * noise

kept = LDPruner(0.8).fit(everything).get_support(indices=True)
X, chromosome, position = everything[:, kept], 1 + kept // 60, places[kept % 60]
X_train, X_test, y_train, y_test = X[:5_600], X[5_600:], y[:5_600], y[5_600:]
n_pairs = len(kept) * (len(kept) - 1) // 2
print(f"{len(kept)} of {everything.shape[1]} variants are kept: {n_pairs:,} pairs")

# %%
# Effects are small, so the network is trained with much dropout, and until people whom it does not
# learn from are predicted no better. A ridge regression, which knows no pairs, is the row to beat.

network = LINARegressor(
    batch_norm=True, dropout=0.6, learning_rate_init=0.01, early_stopping=True, random_state=0
).fit(X_train, y_train)
ridge = make_pipeline(GenotypeScaler(), RidgeCV(alphas=[10, 100, 1_000])).fit(X_train, y_train)
print(f"R2 on held-out people: network {network.score(X_test, y_test):.2f}", end=", ")
print(f"ridge {ridge.score(X_test, y_test):.2f}")
TrainingCurveDisplay.from_estimator(network).plot()

# %%
# Which variants matter? The importance of a variant is the mean size of the derivative of the
# prediction by its dosage. Diamonds are the variants that act, in pairs too, or the variant kept
# that is in highest LD with one.

r2 = np.corrcoef(everything, rowvar=False)[:, kept] ** 2
stand_in = r2.argmax(axis=1)
ImportanceDisplay.from_estimator(
    network,
    X_test,
    positions=position,
    chromosomes=chromosome,
    selected=stand_in[acting],
    n_labels=0,
).plot()

# %%
# Which pairs? The strongest ten are found, exactly, without computing the others. What is in the
# list beside the planted pairs tells how far to trust it: some are neighbors of a planted pair,
# some are nothing.

planted = {tuple(sorted(pair)) for pair in stand_in[pairs].tolist()}
top = network.second_order_importance(X_test, top_k=10)
for rank, (i, j) in enumerate(top.pairs, start=1):
    near = max(max(min(r2[a, i], r2[b, j]), min(r2[a, j], r2[b, i])) for a, b in pairs)
    what = "planted" if (i, j) in planted else f"r2 of {near:.2f} with a planted pair"
    print(f"{rank:2d}. importance {top.importances[rank - 1]:.3f}: {what}")
found = sum(tuple(pair) in planted for pair in top.pairs.tolist())
print(f"{found} of {len(pairs)} planted pairs among the ten, of {n_pairs:,}")

InteractionNetworkDisplay.from_estimator(
    network,
    X_test,
    n_pairs=12,
    names=[f"{c}:{p // 1000} kb" for c, p in zip(chromosome, position)],
    groups=[f"chromosome {c}" for c in chromosome],
).plot()

# %%
# All pairs at once, added up over blocks of 100 kb, as they could be over genes. The squares are
# where the planted pairs lie.

blocks = [f"{c}:{(p - 1) // 100_000}" for c, p in zip(chromosome, position)]
display = InteractionDisplay.from_estimator(network, X_test, groups=blocks).plot()
display.ax_.set(xlabel="Chromosome:block of 100 kb", ylabel="Chromosome:block of 100 kb")
for pair in pairs:
    first, second = (list(display.names).index(blocks[stand_in[variant]]) for variant in pair)
    display.ax_.plot([first, second], [second, first], "s", mfc="none", mec="#D55E00", ms=11)
