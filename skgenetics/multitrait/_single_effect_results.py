"""What a sum of single effects says: sets of variants, and the traits that each effect acts on."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.special import expit

from skgenetics.loci._credible_sets import CredibleSet, sets_of_effects
from skgenetics.loci._ld import LD, DenseLD, GenotypeLD
from skgenetics.multitrait._genotype_design import GenotypeDesign
from skgenetics.multitrait._population_design import PopulationDesign, strongest
from skgenetics.multitrait._posterior import posterior_of_slabs
from skgenetics.multitrait._priors import Prior
from skgenetics.multitrait._residual_covariance import ResidualCovariance
from skgenetics.multitrait._trait_subsets import TraitEffects, trait_subsets
from skgenetics.multitrait.solvers import EffectPosterior
from skgenetics.utils._arrays import to_numpy

SUMMED = 1e-10  # of alpha: variants below it say nothing of an effect
REPORTED_PRESENCE = 0.5  # of an effect whose set is reported


class MultitraitCredibleSet(CredibleSet):
    """A credible set of an effect on several traits.

    An entry of the attribute ``credible_sets_`` of an estimator, a dict with the items of
    :class:`CredibleSet` and these, each an array (n_traits,) but the first.
    """

    probability: float
    """Probability that there is such an effect."""
    effect: np.ndarray
    """Posterior mean effects, if there is one, of the first variant's counted allele, per SD of
    the variant; averaged over the variants of the set, which count the allele that goes with it."""
    effect_sd: np.ndarray
    """Their posterior standard deviations."""
    lfsr: np.ndarray
    """Local false sign rates of the effects."""
    nonzero: np.ndarray
    """Probabilities that the effects on the traits are not 0."""


class EffectSummary(NamedTuple):
    """An effect, if it is there, in the solver's units."""

    mean: np.ndarray
    """(k, J) of each variant of the support, if it carries the effect."""
    second: np.ndarray
    """(k, J) second moments."""
    low: np.ndarray
    """(k, J) P(b <= 0)."""
    high: np.ndarray
    """(k, J) P(b >= 0)."""
    nonzero: np.ndarray
    """(k, J) P(b != 0)."""
    variants: np.ndarray
    """(k,)."""
    alpha: np.ndarray
    """(k,), summing to 1."""

    def averaged(self) -> TraitEffects:
        """Return the means over the variants."""
        return TraitEffects(*(self.alpha @ values for values in self[:5]))

    def oriented(self, lds: Sequence[LD], lead: int) -> "EffectSummary":
        """Return the effects of the alleles that go with the counted one of the variant `lead`.

        Effects of variants that correlate negatively would otherwise cancel in an average. There is
        one LD, or one for each trait.
        """
        rows = [to_numpy(ld.rows(np.array([lead])))[0, self.variants] for ld in lds]
        flipped = np.stack(rows, axis=1) < 0
        return self._replace(
            mean=np.where(flipped, -self.mean, self.mean),
            low=np.where(flipped, self.high, self.low),
            high=np.where(flipped, self.low, self.high),
        )


class EffectLikelihoods(NamedTuple):
    """What the data say of E effects, at the first variant of each: h'b - b'Pb / 2."""

    linear: np.ndarray
    """(E, J) h, of effects per SD of the variant in units of y."""
    precision: np.ndarray
    """(E, J, J) P."""
    presence: np.ndarray
    """(E,) probabilities that there are such effects."""


def effect_likelihoods(
    effects: list[EffectPosterior],
    covariance: ResidualCovariance,
    unit: np.ndarray,
    columns: np.ndarray,
    n_traits: int,
) -> EffectLikelihoods:
    """Return the `EffectLikelihoods` of all traits, from effects on those at `columns`.

    Parameters
    ----------
    unit : array (J',)
        What internal effects are multiplied by; 0 for a trait that is not in the model.
    """
    linear, precision = (
        np.zeros((len(effects), n_traits)),
        np.zeros((len(effects), *[n_traits] * 2)),
    )
    inverse_unit = np.where(unit > 0, 1 / np.where(unit > 0, unit, 1.0), 0.0)
    for place, effect in enumerate(effects):
        lead = int(np.argmax(effect.alpha))
        d = effect.squared_norm[lead]
        own = d if d.ndim == 2 else (d * np.eye(len(unit))) @ covariance.inverse
        linear[place, columns] = inverse_unit * (covariance.inverse @ effect.scores[lead])
        precision[np.ix_(np.array([place]), columns, columns)] = own * np.outer(
            inverse_unit, inverse_unit
        )
    return EffectLikelihoods(linear, precision, np.array([e.presence for e in effects]))


class SubsetMixing(NamedTuple):
    """The mixture's effects against those on any of the traits, for which it has no covariance.

    Either kind is as likely before the data are seen.
    """

    variances: np.ndarray
    """(J,) u of `trait_subsets`."""
    scales: np.ndarray
    """(L,) omega."""
    covariance: ResidualCovariance
    n_used: int
    """Variants that may carry an effect."""

    def mixed(self, told: TraitEffects, effect: EffectPosterior) -> TraitEffects:
        """Return what is known of an effect from both, at its first variant."""
        n_traits = len(self.variances)
        unit, columns = np.ones(n_traits), np.arange(n_traits)
        likelihood = effect_likelihoods([effect], self.covariance, unit, columns, n_traits)
        log_bf, subsets = trait_subsets(
            likelihood.linear[0], likelihood.precision[0], self.variances, self.scales
        )
        mixture = effect.log_bf + np.log(self.n_used * effect.alpha.max())
        return told.mixed(subsets, float(expit(log_bf - mixture)))


def summarize_effects(
    effects: list[EffectPosterior],
    prior: Prior,
    weights: np.ndarray,
    covariance: ResidualCovariance,
) -> list[EffectSummary]:
    """Return the `EffectSummary` of each effect.

    Those without evidence are alike: of equal scores there is one summary.
    """
    shares = weights[int(prior.has_null) :]
    shares = shares / max(shares.sum(), 1e-300)
    summaries: list[EffectSummary] = []
    before: EffectPosterior | None = None
    for effect in effects:
        if before is None or effect.scores is not before.scores:
            variants = np.flatnonzero(effect.alpha > SUMMED * effect.alpha.max())
            alpha = effect.alpha[variants] / effect.alpha[variants].sum()
            moments = posterior_of_slabs(
                effect.scores[variants], effect.squared_norm[variants], prior, shares, covariance
            )
            summary = EffectSummary(*moments, variants=variants, alpha=alpha)
        summaries.append(summary)
        before = effect
    return summaries


def variant_probabilities(
    effects: list[EffectPosterior], summaries: list[EffectSummary], n_variants: int
) -> dict[str, np.ndarray]:
    """Return PIPs (P,), and SDs and local false sign rates (P, J) of the sums of effects."""
    n_traits = summaries[0].mean.shape[1]
    log_none = np.zeros(n_variants)
    log_not_above, log_not_below = (np.zeros((n_variants, n_traits)) for _ in range(2))
    variance = np.zeros((n_variants, n_traits))
    for effect, summary in zip(effects, summaries, strict=True):
        present = np.minimum(effect.presence * effect.alpha, 1 - 1e-16)
        log_none += np.log1p(-present)
        at, share = summary.variants, present[summary.variants, None]
        log_not_above[at] += np.log1p(-share * (1 - summary.low))
        log_not_below[at] += np.log1p(-share * (1 - summary.high))
        variance[at] += share * summary.second - (share * summary.mean) ** 2
    lfsr = np.minimum(np.exp(np.minimum(log_not_above, 0)), np.exp(np.minimum(log_not_below, 0)))
    return {"pip": 0.0 - np.expm1(log_none), "lfsr": lfsr, "sd": np.sqrt(np.maximum(variance, 0))}


def credible_sets(
    effects: list[EffectPosterior],
    summaries: list[EffectSummary],
    lds: Sequence[LD],
    unit: np.ndarray,
    *,
    coverage: float,
    min_purity: float,
    mixing: SubsetMixing | None = None,
) -> list[MultitraitCredibleSet]:
    """Return the sets of the effects that are more likely there than not, strongest first.

    lds : list of LD
        One, or one for each trait: the purity of a set is that of its strongest correlations.
    unit : array (J,)
        Of the traits: effects are reported in units of y.
    mixing : SubsetMixing, optional
        Of the mixture's effects with those on any of the traits.
    """
    ld = lds[0]
    if len(lds) > 1:
        ld = DenseLD(strongest([to_numpy(one.dense().matrix) for one in lds]))
    sets: list[MultitraitCredibleSet] = []
    order = sorted(range(len(effects)), key=lambda place: -effects[place].log_bf)
    seen: set[tuple[int, ...]] = set()
    for place in order:
        effect = effects[place]
        if effect.presence < REPORTED_PRESENCE:
            continue
        for found in sets_of_effects(
            effect.alpha[None, :],
            np.array([effect.log_bf]),
            ld,
            coverage=coverage,
            min_purity=min_purity,
        ):
            members = tuple(sorted(int(v) for v in found["variants"]))
            if members in seen:
                continue
            seen.add(members)
            summary = summaries[place].oriented(lds, int(found["variants"][0]))
            told = summary.averaged()
            if mixing is not None:
                told = mixing.mixed(told, effect)
            sd = np.sqrt(np.maximum(told.second - told.mean**2, 0))
            sets.append(
                MultitraitCredibleSet(
                    **found,
                    probability=effect.presence,
                    effect=told.mean * unit,
                    effect_sd=sd * unit,
                    lfsr=np.minimum(np.minimum(told.low, told.high), 1.0),
                    nonzero=told.nonzero,
                )
            )
    return sets


def lds_of(design: Any) -> list[LD]:
    """Return the LD of the variants of a design, or that of each of its populations."""
    if isinstance(design, PopulationDesign):
        return [DenseLD(matrix) for matrix in design.ld]
    if not isinstance(design, GenotypeDesign):
        return [DenseLD(design.ld)]
    n_samples, norm = design.n_samples, design.genotypes.squared_norm
    to_unit = np.sqrt(n_samples / np.where(norm > 0, norm, 1.0))
    return [
        GenotypeLD(
            design.X,
            design.mean,
            design.inverse_sd * design.array(to_unit),
            design.array(np.sqrt(design.host_weight / n_samples)),
        )
    ]
