"""
What makes two people similar to a network?
===========================================

A network that has learned human genotypes finds relatives similar. Which parts of their genomes
make them similar? In this example the relatives are made from real people, so the answer is known:
of 12 stretches of chromosome 22, a relative has four from one person and eight from another.
"""

# sphinx_gallery_thumbnail_number = 2

# %%
# The network is an autoencoder. Its hidden layer summarizes the genotypes so that they can be
# restored, and two people are as similar as their summaries. The 40 people compared below are not
# used for training.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import roc_auc_score
from sklearn.neural_network import MLPRegressor

from skgenetics.datasets import load_geuvadis
from skgenetics.inspection import SimilarityDisplay, bilrp
from skgenetics.preprocessing import GenotypeScaler

data = load_geuvadis()
distance = abs(data.variants.base_pair_location[:, None] - np.sort(data.genes.start))
stretch = 1 + distance.argmin(axis=1)
people, training = data.data[:40], data.data[40:]

scaler = GenotypeScaler().fit(training)
Z = scaler.transform(training)
network = MLPRegressor(
    hidden_layer_sizes=60, alpha=0.01, tol=0.002, n_iter_no_change=3, random_state=0
).fit(Z, Z)

# %%
# Each of 20 people gets one relative. In four stretches, drawn at random, the relative has the
# genotypes of that person. In the other stretches the relative has those of somebody else.

rng = np.random.default_rng(0)
persons, others = people[:20], people[20:]
shared = np.array([rng.permutation(12) < 4 for _ in persons])
relatives = np.where(shared[:, stretch - 1], persons, others)

explanation = bilrp(
    network,
    scaler.transform(persons),
    scaler.transform(relatives),
    rule="lrp0",
    normalize=True,
)
similarity = explanation.similarity()
strangers = similarity[~np.eye(20, dtype=bool)]
print(f"cosine of a person and the relative: {similarity.diagonal().mean():.2f}")
print(f"of a person and somebody else's:     {strangers.mean():.2f}")
print(f"not accounted for by any pair:       {abs(explanation.conservation()).max():.0e}")

# %%
# The relevance of all 34 million pairs of variants adds up to the cosine. Pooled by stretch it is a
# 12 x 12 matrix, and its diagonal says what each stretch adds. How well does the diagonal
# distinguish shared stretches from the others?

added = np.array([explanation.group(k, k, stretch).diagonal() for k in range(20)])
auc = [roc_auc_score(known, guess) for known, guess in zip(shared, added)]
print(f"AUC of shared against other stretches of a pair: {np.mean(auc):.2f} (mean of 20 pairs)")
figure, ax = plt.subplots(figsize=(6.5, 3), layout="constrained")
for chosen, label, color, marker, move in (
    (shared, "shared with the person", "#0072B2", "o", -0.15),
    (~shared, "not shared", "#D55E00", "s", 0.15),
):
    person, column = np.nonzero(chosen)
    ax.plot(1 + column + move, added[chosen], marker, color=color, markersize=4, label=label)
ax.axhline(0, color="#333333", linewidth=0.8)
ax.set_xticks(range(1, 13))
ax.set_xlabel("Stretch of chromosome 22")
ax.set_ylabel("Added to the cosine")
ax.spines[["top", "right"]].set_visible(False)
ax.legend(frameon=False, loc="lower right", bbox_to_anchor=(1, 1), ncols=2)

# %%
# The last pictures show the strongest pairs for one person. With the relative, many pairs run
# straight down within the shared stretches. With a stranger the pairs cross, and some raise and
# others lower the similarity. Single pairs are noisier than their sums, in which such pairs cancel.
#
# The default, rule="gamma", would say less here: it plays down what cancels, and scaled genotypes
# are negative as often as positive.

print("shared:", *np.flatnonzero(shared[0]) + 1)
for name, genotypes in (("relative", relatives[0]), ("stranger", others[1])):
    pair = np.stack([persons[0], genotypes])
    display = SimilarityDisplay.from_estimator(
        network,
        scaler.transform(pair),
        rule="lrp0",
        normalize=True,
        dosages=pair,
        groups=stretch,
        names=("person", name),
        n_pairs=300,
    ).plot()
    display.ax_.set_xlabel("Stretch of chromosome 22")
