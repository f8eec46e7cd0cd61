"""From the solver's last state to the fitted attributes, in units of y and per counted allele."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from skgenetics.multitrait._background import (
    background_effects,
    genetic_covariance,
    spectrum_of,
    training_background,
)
from skgenetics.multitrait._cell_design import CellDesign
from skgenetics.multitrait._data import Data
from skgenetics.multitrait._design import Design
from skgenetics.multitrait._genotype_design import GenotypeDesign, intercept
from skgenetics.multitrait._posterior import deviations_and_sign_rates
from skgenetics.multitrait._priors import Prior
from skgenetics.multitrait._problem import FittedUnits
from skgenetics.multitrait._scan_background import ScanBackgroundDesign
from skgenetics.multitrait._single_effect_results import (
    MultitraitCredibleSet,
    SubsetMixing,
    credible_sets,
    effect_likelihoods,
    lds_of,
    summarize_effects,
    variant_probabilities,
)
from skgenetics.multitrait.solvers import Problem, State
from skgenetics.utils._arrays import device_of, float_dtype, move_to, namespace_of
from skgenetics.utils._typing import Array

PER_TRAIT = {
    "coef_",
    "coef_sd_",
    "lfsr_",
    "z_",
    "intercept_",
    "polygenic_",
}  # without the axis of traits for a 1-D y


@dataclass(frozen=True)
class FittedAttributes:
    """Turns a state into the fitted attributes, as host arrays.

    Traits that do not vary are not in the model: they have no effects and no noise.
    """

    problem: Problem
    design: Design
    """In the order and with the background of the fit."""
    data: Data
    centered: bool
    coverage: float
    """Of credible sets."""
    min_purity: float

    def __call__(self, state: State) -> dict[str, Any]:
        """Return the attributes, those that methods need included, by name."""
        design, effects = self.design, state.effects
        if isinstance(design, GenotypeDesign) and design.background is not None:
            effects = effects + background_effects(design)
        relationship = spectrum_of(design)
        if isinstance(design, ScanBackgroundDesign):
            effects, relationship = effects + design.background_effects(), design.spectrum()
        coef = self.per_allele(effects)
        center = self.center(state)
        attributes = {
            **self.noise(state, self.unit**2 * design.fitted_variance(effects)),
            "intercept_": center - coef @ self.data.genotypes.mean,
            "z_": self.embedded(self.data.marginal.effects / self.data.marginal.errors),
            "weights_": state.weights,
            "covariances_": self.covariances(),
            "scales_": self.prior.scales,
            "_relationship": relationship,
            "_X_mean": self.data.genotypes.mean,
            "_background": training_background(design),
            "_prior": self.prior,
            "_posterior": state.variant_posterior(design),
            "_units": FittedUnits(self.data.genotypes.inverse_sd, self.unit, self.data.modeled),
        }
        del effects
        told = self.effects_of(state) if state.single_effects() else self.probabilities(state)
        return attributes | {"coef_": coef} | told

    @property
    def prior(self) -> Prior:
        """The mixture."""
        return self.problem.prior

    @property
    def unit(self) -> np.ndarray:
        """Units (J',) of the effects on the traits in the model, 0 for those that do not vary."""
        return np.where(
            self.data.traits.sd[self.data.modeled.columns] > 0, self.data.modeled.unit, 0.0
        )

    @property
    def noise_unit(self) -> np.ndarray:
        """Likewise of their noise."""
        return np.where(
            self.data.traits.sd[self.data.modeled.columns] > 0, self.data.modeled.noise_unit, 0.0
        )

    def embedded(self, values: np.ndarray, *, fill: float = 0.0) -> np.ndarray:
        """Return (J, P) of all traits from (P, J')."""
        full = np.full((len(self.data.traits.mean), len(values)), fill)
        full[self.data.modeled.columns] = values.T
        return full

    def per_allele(self, values: np.ndarray) -> np.ndarray:
        """Return internal effects (P, J') as effects (J, P) per allele in units of y."""
        unit = np.zeros(len(self.data.traits.mean))
        unit[self.data.modeled.columns] = self.unit
        full = self.embedded(values)
        full *= unit[:, None]
        full *= self.data.genotypes.inverse_sd
        return full

    def center(self, state: State) -> np.ndarray:
        """Return the means (J,) of the traits at the means of the variants."""
        center, design = self.data.traits.mean.copy(), self.design
        if self.centered and isinstance(design, GenotypeDesign) and design.missing is not None:
            center[self.data.modeled.columns] += self.unit * intercept(design, state.effects)
        return center

    def noise(self, state: State, explained_variance: np.ndarray) -> dict[str, Any]:
        """Return Sigma, its factors if it has some, and the share of variance explained."""
        covariance, columns = state.covariance, self.data.modeled.columns
        matrix, of_cells = covariance.matrix, isinstance(self.design, CellDesign)
        matrix = self.data.marginal.moment if of_cells else matrix
        genetic = genetic_covariance(self.design, covariance.matrix)
        if isinstance(self.design, ScanBackgroundDesign):
            matrix, genetic = self.design.noise.matrix, self.design.genetic_covariance()
        noise = self.data.modeled.embedded_matrix(matrix, self.noise_unit)
        explained = np.zeros(len(noise))
        explained[columns] = explained_variance
        total = np.ones(len(noise)) if self.data.noise_known else explained + np.diag(noise)
        pve = explained / np.where(total > 0, total, 1.0)
        genetic = self.data.modeled.embedded_matrix(genetic, self.noise_unit)
        present = np.diag(noise) > 0
        attributes = {
            "residual_covariance_": noise,
            "pve_": pve,
            "genetic_covariance_": genetic,
            "polygenic_": np.diag(genetic) * present / np.where(present, np.diag(noise), 1.0),
        }
        if covariance.factors is None or covariance.noise is None:
            return attributes
        factors = np.zeros((len(noise), covariance.factors.shape[1]))
        factors[columns] = covariance.factors * self.noise_unit[:, None]
        return attributes | {
            "residual_factors_": factors,
            "residual_noise_": float(covariance.noise * self.data.modeled.noise_unit[0] ** 2),
            "n_components_": factors.shape[1],
        }

    def covariances(self) -> np.ndarray:
        """Return U (K, J, J) in squared units of y."""
        unit = self.data.modeled.unit
        return np.stack(
            [self.data.modeled.embedded_matrix(F @ F.T, unit) for F in self.prior.factors]
        )

    def effects_of(self, state: State) -> dict[str, Any]:
        """Return what single effects say of the variants, and their credible sets."""
        effects, design = state.single_effects(), self.design
        summaries = summarize_effects(effects, self.prior, state.weights, state.covariance)
        told = variant_probabilities(effects, summaries, len(design.squared_norm))
        unit = np.zeros(len(self.data.traits.mean))
        unit[self.data.modeled.columns] = self.unit
        columns = self.data.modeled.columns
        mixing = None
        if self.problem.subset_variances is not None:
            mixing = SubsetMixing(
                self.problem.subset_variances, self.prior.scales, state.covariance, design.n_used
            )
        sets = credible_sets(
            effects,
            summaries,
            lds_of(design),
            self.unit,
            coverage=self.coverage,
            min_purity=self.min_purity,
            mixing=mixing,
        )
        lfsr = told["lfsr"]
        lfsr[:, self.unit == 0] = 1.0
        return {
            "responsibilities_": state.take_responsibilities(),
            "pip_": told["pip"],
            "lfsr_": self.embedded(lfsr, fill=1.0),
            "coef_sd_": self.per_allele(told["sd"]),
            "credible_sets_": [of_all_traits(found, columns, len(unit)) for found in sets],
            "_effects": effect_likelihoods(
                effects, state.covariance, self.unit, columns, len(unit)
            ),
            "n_effects_": float(sum(effect.presence for effect in effects)),
        }

    def probabilities(self, state: State) -> dict[str, np.ndarray]:
        """Return responsibilities, PIPs, deviations and local false sign rates.

        One after the other: each replaces what it is made of.
        """
        used, prior = self.design.used, self.prior
        responsibilities = state.take_responsibilities()
        posterior = state.variant_posterior(self.design)
        sd, lfsr = deviations_and_sign_rates(posterior, responsibilities, prior)
        null = (np.arange(prior.n_weights) == 0).astype(float)
        responsibilities[~used] = null if prior.has_null else state.weights
        pip = np.where(used, 1 - responsibilities @ prior.silent, 0.0)
        lfsr[~used] = 1.0
        lfsr[:, self.unit == 0] = 1.0
        lfsr = self.embedded(lfsr, fill=1.0)
        return {
            "responsibilities_": responsibilities,
            "pip_": np.clip(pip, 0.0, 1.0),
            "lfsr_": lfsr,
            "coef_sd_": self.per_allele(sd),
        }


def of_all_traits(
    found: MultitraitCredibleSet, columns: np.ndarray, n_traits: int
) -> MultitraitCredibleSet:
    """Return a credible set with its values for all J traits; no effect on those not modeled."""
    spread = found.copy()
    for name in ("effect", "effect_sd", "lfsr", "nonzero"):
        values = np.full(n_traits, 1.0 if name == "lfsr" else 0.0)
        values[columns] = found[name]
        spread[name] = values
    return spread


def attributes_beside(X: Array, attributes: dict[str, Any], *, one_trait: bool) -> dict[str, Any]:
    """Return fitted attributes in the namespace of X; without the traits' axis for a 1-D y."""
    xp, device = namespace_of(X), device_of(X)
    dtype = float_dtype(X)
    for name, value in attributes.items():
        if isinstance(value, np.ndarray):
            value = value[0] if one_trait and name in PER_TRAIT else value
            attributes[name] = move_to(value, xp, device, dtype)
    if one_trait:
        for name in ("intercept_", "polygenic_"):
            attributes[name] = float(attributes[name])
    return attributes
