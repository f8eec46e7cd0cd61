"""
Effects shared between environments
===================================

Wheat lines are grown in four environments. Some loci raise the yield in all environments, some in
only one, and many small effects are spread over the genome. ``MMASHRegressor`` regresses the four
yields at once and learns how effects are shared. The data are simulated, so the truth is known.
"""

# %%
# There are 600 inbred lines (both copies of a variant are equal) and about 600 variants. Of the
# variance of each yield, 0.3 comes from 300 small effects that are similar in all environments. A
# further 0.2 comes from large effects: six that act in all environments and, for each environment,
# two that act only there and are twice as large. A tenth of the yields is not observed.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skgenetics import MMASHRegressor
from skgenetics.datasets import make_genotypes, make_multitrait
from skgenetics.inspection import CalibrationDisplay, SharingDisplay
from skgenetics.metrics import masked_r2_score


def make_wheat(seed):
    """Return lines, their yields, and the large effects on each yield."""
    genotypes = make_genotypes(600, 800, recombination_rate=100.0, random_state=seed).data
    X = (genotypes > 0).astype(np.int8)
    X = X[:, X.std(axis=0) > 0.2]
    options = {"n_traits": 4, "random_state": seed}
    many = make_multitrait(
        X, n_causal=300, covariances=["heterogeneous"], effect_correlation=0.7, h2=0.5, **options
    )
    rng = np.random.default_rng(seed)
    causal = rng.choice(X.shape[1], 14, replace=False)
    effects = np.zeros((4, X.shape[1]))
    effects[:, causal[:6]] = rng.choice([-1, 1], 6)
    effects[np.arange(8) // 2, causal[6:]] = rng.choice([-2, 2], 8)
    large = (X - X.mean(axis=0)) @ effects.T
    effects *= np.sqrt(0.2) / large.std(axis=0)[:, None]
    Y = np.sqrt(0.2) * large / large.std(axis=0) + np.sqrt(0.5) * rng.normal(size=(600, 4))
    Y += np.sqrt(0.3) * many.genetic_values / many.genetic_values.std(axis=0)
    Y[rng.random(Y.shape) < 0.1] = np.nan
    return X, Y, effects


X, Y, effects = make_wheat(0)
train, test = train_test_split(np.arange(600), random_state=0)
model = MMASHRegressor().fit(X[train], Y[train])

# %%
# How well does it predict held-out lines? The baseline is ridge regression, one per environment.
# ``polygenic_`` is the variance of the small effects of each trait, in units of its noise. Without
# them (``polygenic=0``, the model of mr.mash) the mixture has to explain what is spread over the
# genome.

ridge = np.empty((len(test), 4))
for j in range(4):
    seen = train[~np.isnan(Y[train, j])]
    alone = make_pipeline(StandardScaler(), RidgeCV(np.logspace(0, 5, 26))).fit(X[seen], Y[seen, j])
    ridge[:, j] = alone.predict(X[test])
plain = MMASHRegressor(polygenic=0).fit(X[train], Y[train])
print(f"background of variance {model.polygenic_.round(2)}")
print(f"R2 of MMASHRegressor    {model.score(X[test], Y[test]):.3f}")
print(f"R2 without a background {plain.score(X[test], Y[test]):.3f}")
print(f"R2 of RidgeCV           {masked_r2_score(Y[test], ridge):.3f}")

# %%
# Which patterns do the effects follow? The left panel shows the weights of the prior, for all
# variants: some act in all environments alike ("shared"), some in one alone ("singleton"). The
# right panel shows the posterior of the variant with the smallest local false sign rate. It acts in
# the first environment alone, and so does the simulated effect.

strongest = int(model.lfsr_.min(axis=0).argmin())
figure, axes = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
SharingDisplay.from_estimator(model).plot(axes[0])
SharingDisplay.from_estimator(model, variant=strongest).plot(axes[1])
r = {p: np.corrcoef(X[:, strongest], X[:, p])[0, 1] for p in np.flatnonzero(effects.any(axis=0))}
causal = max(r, key=lambda p: abs(r[p]))
print(f"nearest causal variant: r = {r[causal]:.2f}, effects {effects[:, causal].round(2)}")

# %%
# The local false sign rate is the probability that the sign of an estimate is wrong; if the effect
# is 0, any sign is wrong. Of the estimates with a rate of 0.1, a tenth should be wrong. This holds
# in eight simulations of independent variants, 30 of 400 of which act in all environments, with
# effects of correlation 0.5. In LD one variant may stand for its neighbor, and the rate does not
# say which of the two acts. Fine-map such a locus.

truth, estimates, rates = [], [], []
for seed in range(8):
    X = np.random.default_rng(seed).binomial(1, 0.5, size=(600, 400)).astype(np.int8)
    simulated = make_multitrait(
        X, n_traits=4, n_causal=30, covariances=["heterogeneous"], random_state=seed
    )
    fitted = MMASHRegressor(polygenic=0).fit(X, simulated.target)
    truth.append(simulated.coef)
    estimates.append(fitted.coef_)
    rates.append(fitted.lfsr_)
CalibrationDisplay.from_predictions(truth, rates, kind="lfsr", coef=estimates).plot()
