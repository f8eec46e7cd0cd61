"""
Why single effects are not enough
=================================

A polygenic trait has a few large effects in a locus, and small ones at very many of its variants.
A model of few effects must explain the small ones too, and makes credible sets of them. With a
``background`` they are noise of a known shape. Genotypes are real here, statistics are simulated,
so the truth is known.
"""

# %%
# The LD is that of 358 people and the variants near a gene (GEUVADIS); the statistics are drawn as
# if it were the LD of a study of 50,000 people. Three variants have large effects, which alone
# would give a z of 7 to 14 each. Every variant has a small normal effect: if there were no LD, they
# would explain 0.1% of the trait in sum, 50 / 50,000.

import matplotlib.pyplot as plt
import numpy as np

from skgenetics import FinemapMiXeR
from skgenetics.datasets import load_geuvadis
from skgenetics.inspection import LocusDisplay

N_PEOPLE, N_LARGE, BACKGROUND = 50_000, 3, 50


def simulate(gene, seed):
    """Return the locus of a gene, its LD, z, and the variants with large effects."""
    locus = load_geuvadis(gene)
    ld = np.corrcoef(locus.data, rowvar=False)
    rng, p = np.random.default_rng(seed), len(ld)
    large = rng.choice(p, N_LARGE, replace=False)
    effects = rng.normal(size=p) * np.sqrt(BACKGROUND / p)
    effects[large] += rng.choice([-1, 1], N_LARGE) * rng.uniform(7, 14, N_LARGE)
    values, vectors = np.linalg.eigh(ld)
    noise = vectors @ (np.sqrt(np.maximum(values, 0)) * rng.normal(size=p))
    return locus, ld, ld @ effects + noise, large


def fit(z, ld, background):
    """Return a fit; its LD needs no check, since z is drawn from it."""
    model = FinemapMiXeR(solver="susie", background=background)
    return model.fit_summary(z, ld, n_samples=N_PEOPLE, on_mismatch="ignore")


# %%
# One locus, first with few effects alone (``background=0``), then with ``background="auto"``, which
# learns how strong the background is, and takes none where the locus asks for none. Black triangles
# mark the three large effects. Without a background there are five sets, and two of them hold none
# of the three: one is a single variant with a PIP near 1. With it the three sets that remain hold
# one each.

locus, ld, z, large = simulate("ENSG00000099949", seed=0)
positions = locus.variants["base_pair_location"]
figure, axes = plt.subplots(2, figsize=(8.5, 10), layout="constrained")
for ax, background in zip(axes, (0, "auto"), strict=True):
    display = LocusDisplay.from_estimator(
        fit(z, ld, background),
        positions=positions,
        ld=ld,
        chromosome=22,
        build=locus.build,
        title=f"background={background!r}",
    ).plot(ax)
    place = np.asarray(positions)[large] / 1e6
    panel = display.axes_[1]
    panel.plot(place, np.full(N_LARGE, panel.get_ylim()[0]), "^k", markersize=9, clip_on=False)

# %%
# The same with three draws at each of the twelve genes of the extract.

genes = load_geuvadis().genes.gene_id
counts = {0: np.zeros(4, dtype=int), "auto": np.zeros(4, dtype=int)}
for gene in genes:
    for seed in range(3):
        _, ld, z, large = simulate(gene, seed)
        for background, count in counts.items():
            model = fit(z, ld, background)
            sets = [found["variants"] for found in model.credible_sets_]
            above = np.flatnonzero(model.pip_ > 0.9)
            true = sum(np.isin(found, large).any() for found in sets)
            count += [len(sets), true, len(above), np.isin(above, large).sum()]
for background, (n_sets, n_true, n_above, n_certain) in counts.items():
    print(
        f"background={background!r}: {n_true} of {n_sets} sets hold a large effect, "
        f"{n_certain} of {n_above} variants of PIP > 0.9 have one"
    )

# %%
# With a background far fewer sets are false. The price is power: a signal that small effects might
# have made is not reported. Some false sets remain, since the strength of the background is learned
# from one locus alone.
