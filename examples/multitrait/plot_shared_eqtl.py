"""
An eQTL that tissues share, and one of a single tissue
======================================================

Two variants near a gene change its expression: one in all of four tissues, the other in muscle
alone. Which variants are they, and in which tissues do they act? The genotypes are real
(GEUVADIS, 358 Europeans, so with real LD); the expression is simulated, so that the truth is known.
"""

# %%
# A third of the people lack a tissue, as in studies of donors: those cells are NaN.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from skgenetics import MMASHRegressor
from skgenetics.datasets import load_geuvadis
from skgenetics.inspection import TraitEffectsDisplay, TraitLocusDisplay

TISSUES = ["blood", "liver", "muscle", "skin"]
data = load_geuvadis("ENSG00000273295")
frequency = data.data.mean(axis=0) / 2
common = np.flatnonzero((frequency > 0.1) & (frequency < 0.9))
X, positions = data.data[:, common], data.variants.base_pair_location[common]
names = np.asarray(data.feature_names)[common]

rng = np.random.default_rng(0)
shared, own = len(names) // 4, 3 * len(names) // 4
standardized = (X - X.mean(axis=0)) / X.std(axis=0)
effects = np.zeros((len(names), 4))
effects[shared] = [0.35, 0.35, 0.4, 0.3]
effects[own, TISSUES.index("muscle")] = 0.5
Y = standardized @ effects + rng.normal(size=(len(X), 4))
Y[rng.random(Y.shape) < 1 / 3] = np.nan
X, Y = pd.DataFrame(X, columns=names), pd.DataFrame(Y, columns=TISSUES)

# %%
# ``solver="single_effects"`` fine-maps all tissues at once. ``"subsets"`` lets an effect act on any
# of the tissues. A tissue in which the sign of an effect is sure has a local false sign rate (lfsr)
# below .05.

model = MMASHRegressor(solver="single_effects", covariances="subsets", polygenic=0).fit(X, Y)
for number, found in enumerate(model.credible_sets_, start=1):
    acts = [tissue for tissue, lfsr in zip(TISSUES, found["lfsr"]) if lfsr < 0.05]
    true = [names[v] for v in (shared, own) if v in found["variants"]]
    print(
        f"set {number}: {len(found['variants'])} variants, lead {names[found['variants'][0]]}, "
        f"acts on {', '.join(acts)}; holds the simulated {', '.join(true) or 'none'}"
    )

# %%
# A tissue alone says less. Below, the sets of each tissue by itself:

for tissue in TISSUES:
    alone = MMASHRegressor(solver="single_effects", polygenic=0).fit(X, Y[tissue])
    sizes = [len(found["variants"]) for found in alone.credible_sets_]
    print(f"{tissue}: sets of {sizes or 'no'} variants")

# %%
# The locus, with a panel for each tissue. A set is ringed where it is sure to act. Colors are the
# LD with the strongest variant.

TraitLocusDisplay.from_estimator(
    model, positions=positions, X=X, chromosome="22", build=data.build
).plot()
plt.show()

# %%
# What each set does to each tissue. Open markers: the sign is not sure.

TraitEffectsDisplay.from_estimator(model).plot()
plt.show()
