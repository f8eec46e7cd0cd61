"""
Find pairs of variants that act together
========================================

A network learns to predict a trait from genotypes. We then ask it which variants matter, and which
pairs of variants act together. The trait is simulated over realistic genotypes, so the answer is
known: ten variants act alone, and four pairs of variants act through their product.
"""

# sphinx_gallery_thumbnail_number = 3

# %%
# Each person has 60 variants on each of six chromosomes, with frequencies and LD like those of
# Europeans. LD makes the question harder, because a variant without an effect resembles a neighbor
# that has one. The causal variants are chosen first and the variants are pruned afterwards, so some
# causal variants are represented only by a neighbor.

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

n_people, positions = 7_000, 10_000 * np.arange(1, 61)
genotypes = np.concatenate(
    [
        make_genotypes(n_people, 60, positions=positions, random_state=seed).data
        for seed in range(6)
    ],
    axis=1,
)
rng = np.random.default_rng(0)
Z = GenotypeScaler().fit_transform(genotypes)
common = np.flatnonzero(abs(genotypes.mean(axis=0) - 1) < 0.7)
causal = rng.choice(common, size=18, replace=False)
pairs, alone = causal[:8].reshape(4, 2), causal[8:]

additive = Z[:, alone] @ rng.choice([-1, 1], size=10)
products = Z[:, pairs[:, 0]] * Z[:, pairs[:, 1]]
together = ((products - products.mean(axis=0)) / products.std(axis=0)).sum(axis=1)
noise = rng.normal(size=n_people)
y = additive / additive.std() + together / together.std() + np.sqrt(2) * noise

retained = LDPruner(0.8).fit(genotypes).get_support(indices=True)
X, chromosome, position = genotypes[:, retained], 1 + retained // 60, positions[retained % 60]
X_train, X_test, y_train, y_test = X[:5_600], X[5_600:], y[:5_600], y[5_600:]
n_pairs = len(retained) * (len(retained) - 1) // 2
print(f"{len(retained)} of {genotypes.shape[1]} variants remain after pruning: {n_pairs:,} pairs")

# %%
# The network starts from a linear model and from the pairs that a scan finds. Training beyond this
# start is kept only if it improves predictions of held-out people. Ridge regression, which has no
# pairs, is the baseline.

network = LINARegressor(random_state=0).fit(X_train, y_train)
ridge = make_pipeline(GenotypeScaler(), RidgeCV(alphas=[10, 100, 1_000])).fit(X_train, y_train)
print(f"R2 on held-out people: network {network.score(X_test, y_test):.2f}", end=", ")
print(f"ridge {ridge.score(X_test, y_test):.2f}")
TrainingCurveDisplay.from_estimator(network).plot()

# %%
# Which variants matter? The importance of a variant is the mean absolute derivative of the
# prediction with respect to its dosage. Diamonds mark the causal variants, including those in
# pairs. If a causal variant was pruned, its diamond marks the variant in highest LD with it.

r2 = np.corrcoef(genotypes, rowvar=False)[:, retained] ** 2
stand_in = r2.argmax(axis=1)
ImportanceDisplay.from_estimator(
    network,
    X_test,
    positions=position,
    chromosomes=chromosome,
    selected=stand_in[causal],
    n_labels=0,
).plot()

# %%
# Which pairs? The ten strongest are found exactly. Pairs in the list that were not planted show how
# far to trust it: some are neighbors of a planted pair, others are noise.

planted = {tuple(sorted(pair)) for pair in stand_in[pairs].tolist()}
top = network.second_order_importance(X_test, top_k=10)
for rank, (i, j) in enumerate(top.pairs, start=1):
    nearest = max(max(min(r2[a, i], r2[b, j]), min(r2[a, j], r2[b, i])) for a, b in pairs)
    origin = "planted" if (i, j) in planted else f"r2 of {nearest:.2f} with a planted pair"
    print(f"{rank:2d}. importance {top.importances[rank - 1]:.3f}: {origin}")
n_planted = sum(tuple(pair) in planted for pair in top.pairs.tolist())
print(f"Of {n_pairs:,} pairs, the top ten hold {n_planted} of the {len(pairs)} planted ones.")

InteractionNetworkDisplay.from_estimator(
    network,
    X_test,
    n_pairs=12,
    names=[f"{c}:{p // 1000} kb" for c, p in zip(chromosome, position)],
    groups=[f"chromosome {c}" for c in chromosome],
).plot()

# %%
# All pairs at once: the mean importance of a pair of variants of two blocks of 100 kb. Genes are
# groups in the same way. A sum, the default, is larger for genes of many variants. Squares mark the
# planted pairs.

blocks = [f"{c}:{(p - 1) // 100_000}" for c, p in zip(chromosome, position)]
display = InteractionDisplay.from_estimator(network, X_test, groups=blocks, average=True).plot()
display.ax_.set(xlabel="Chromosome:block of 100 kb", ylabel="Chromosome:block of 100 kb")
for pair in pairs:
    first, second = (list(display.names).index(blocks[stand_in[variant]]) for variant in pair)
    display.ax_.plot([first, second], [second, first], "s", mfc="none", mec="#D55E00", ms=11)
