"""Data of samples, and summary statistics, as one `Data`: the two ways to begin a fit."""

from typing import Any, NamedTuple

import numpy as np

from skgenetics.loci._ld import GenotypeLD
from skgenetics.loci._summary import (
    SummaryStatistics,
    per_variant,
    validate_summary,
    wald_to_correlation_z,
)
from skgenetics.multitrait._cell_design import CellDesign, cells_differ
from skgenetics.multitrait._design import Design
from skgenetics.multitrait._genotype_design import GenotypeDesign
from skgenetics.multitrait._missing_cells import MissingCells
from skgenetics.multitrait._moments import (
    Genotypes,
    MarginalStatistics,
    ModeledTraits,
    Traits,
    genotype_moments,
    modeled_traits,
    trait_moments,
    warn_of_outliers,
)
from skgenetics.multitrait._noise_correlation import checked_correlation
from skgenetics.multitrait._summary_design import (
    Panel,
    SummaryDesign,
    variant_trait_correlations,
)
from skgenetics.utils._arrays import namespace_of, to_numpy
from skgenetics.utils._labels import Labels
from skgenetics.utils._opened import narrowed, take
from skgenetics.utils._typing import Array, ArrayLike

MAX_PANEL = 5000  # people; errors of the LD of more are small


class Data(NamedTuple):
    """What a fit knows of the data."""

    design: Design
    genotypes: Genotypes
    traits: Traits
    modeled: ModeledTraits
    marginal: MarginalStatistics
    noise_known: bool = False
    """Whether Sigma is `marginal.moment`, which nothing is subtracted from."""


def data_of_samples(
    X: Array,
    Y: np.ndarray,
    weight: Array | None,
    labels: Labels,
    *,
    centered: bool,
    standardize: bool,
    common_unit: bool,
) -> Data:
    """Return the data of genotypes X (n, P) and traits Y (n, J), NaN = missing.

    Parameters
    ----------
    X, Y : array (n, P), array (n, J) on the host
    weight : array (n,) beside X, or None
        Frequency weights.
    labels : Labels
        Of the traits.
    centered : bool
        Whether an intercept is fitted.
    standardize : bool
        Whether the prior is on effects per standard deviation of the variant.
    common_unit : bool
        Whether the internal unit of all traits is the same, as for low-rank noise.
    """
    X, Y, weight = informative_samples(X, Y, weight)
    host_weight = np.ones(len(Y)) if weight is None else to_numpy(weight)
    genotypes = genotype_moments(X, weight, centered=centered, standardize=standardize)
    traits, values = trait_moments(Y, host_weight, centered=centered)
    names = names_or_numbers(labels.names, Y.shape[1])
    modeled = modeled_traits(traits, names, common_unit=common_unit)._replace(labels=labels)
    columns = modeled.columns
    if centered and modeled.varies:
        copies = copies_of_the_rare_allele(genotypes, host_weight.sum())
        warn_of_outliers(Y[:, columns], [names[j] for j in columns], copies)
    observed = ~np.isnan(Y[:, columns])
    design = GenotypeDesign(
        X,
        np.take(values, columns, axis=1) / modeled.unit,  # C order
        genotypes,
        weight=None if weight is None else host_weight,
        centered=centered,
        missing=None if observed.all() else MissingCells(observed, host_weight),
    )
    n_observed = traits.n_observed[columns]
    norm = np.where(design.used, genotypes.squared_norm, 1.0)
    to_deviations = modeled.unit / modeled.sd * design.n_samples / n_observed
    marginal = MarginalStatistics(
        effects=design.marginal_scores() / norm[:, None] * to_deviations,
        errors=1 / np.sqrt(n_observed),
        moment=traits.covariance[np.ix_(columns, columns)],
        n_samples=design.n_samples,
    )
    return Data(design, genotypes, traits, modeled, marginal)


def copies_of_the_rare_allele(genotypes: Genotypes, n_samples: float) -> float:
    """Return how often the rarer allele of the rarest variant that varies is there."""
    mean = genotypes.mean[genotypes.inverse_sd > 0]
    if len(mean) == 0 or mean.min() < 0 or mean.max() > 2:  # not dosages
        return np.inf
    return float(n_samples * np.minimum(mean, 2 - mean).min())


def informative_samples(
    X: Array, Y: np.ndarray, weight: Array | None
) -> tuple[Array, np.ndarray, Array | None]:
    """Return the samples with an observed trait and a positive weight."""
    informative = ~np.all(np.isnan(Y), axis=1)
    if weight is not None:
        informative &= to_numpy(weight) > 0
    if not informative.all():
        rows = np.flatnonzero(informative)
        X, Y = narrowed(X, rows), Y[informative]
        weight = None if weight is None else take(weight, rows, axis=0)
    total = len(Y) if weight is None else float(to_numpy(weight).sum())
    if total <= 1:
        raise ValueError(
            f"The samples with an observed trait and a positive weight sum to {total:.3g}; a model "
            "needs more than one. sample_weight are frequencies: do not scale them to sum to 1."
        )
    return X, Y, weight


class Summary(NamedTuple):
    """Validated summary statistics of several traits, or populations."""

    data: Data
    z: Array
    """(P, J) beside the LD."""
    labels: Labels
    """Of the variants."""
    panel_size: np.ndarray
    """People behind the LD, a number or one per population; infinity: those of the scan."""


def summary_of_traits(
    z: ArrayLike | None,
    ld: Any,
    trait_correlation: ArrayLike | None,
    allele_frequency: ArrayLike | None,
    **reported: Any,
) -> Summary:
    """Return the `Summary` of z (P, J) and one LD; `reported` as for `validate_summary`."""
    statistics = validate_summary(z, ld, several_traits=True, **reported)
    data = data_of_summary(statistics, trait_correlation, allele_frequency)
    return Summary(data, statistics.z, statistics.labels, np.array(statistics.panel_size))


def data_of_summary(
    statistics: SummaryStatistics,
    trait_correlation: ArrayLike | None,
    allele_frequency: ArrayLike | None,
) -> Data:
    """Return the data of Wald statistics and LD; traits are standardized.

    Variants are standardized too, unless `allele_frequency` (P,) of the counted alleles is given:
    their mean is then 2 f and their variance 2 f (1 - f).
    """
    n_variants, n_traits = statistics.z.shape
    if trait_correlation is not None:
        trait_correlation = statistics.trait_labels.match_square(
            trait_correlation, "trait_correlation"
        )
    z, per_cell = (to_numpy(a).astype(float) for a in (statistics.z, statistics.n_samples))
    moment = checked_correlation(z, trait_correlation)
    by_cell = cells_differ(z, per_cell)
    correlation = np.nan_to_num(variant_trait_correlations(statistics))
    people = np.nanmax(np.where(np.isnan(z), np.nan, per_cell), axis=0, initial=0.0)
    people = np.where(people > 0, people, people.max())  # of a trait that is not measured
    ones, zeros, largest = np.ones(n_traits), np.zeros(n_variants), people.max()
    mean, inverse_sd = zeros, zeros + 1
    if allele_frequency is not None:
        first, labels = statistics.z[:, 0], statistics.labels
        frequency = per_variant(
            allele_frequency, "allele_frequency", first, low=0, high=1, labels=labels
        )
        mean = 2 * to_numpy(frequency).astype(float)
        inverse_sd = 1 / np.sqrt(mean * (1 - mean / 2))
    modeled = ModeledTraits(
        np.arange(n_traits),
        sd=ones,
        unit=ones if by_cell else np.sqrt(largest / people),
        noise_unit=ones,
        names=names_or_numbers(statistics.trait_labels.names, n_traits),
        varies=True,
        labels=statistics.trait_labels,
    )
    ld = statistics.ld.dense().matrix
    xp = namespace_of(ld)
    ld = xp.astype(ld, xp.float64, copy=False)
    if by_cell:
        score = wald_to_correlation_z(z, per_cell)
        people_of_cells = np.broadcast_to(per_cell, z.shape)
        design: Design = CellDesign(score, people_of_cells, to_numpy(ld), moment)
    else:
        design = SummaryDesign(
            ld,
            correlation / modeled.unit,
            moment,
            n_samples=largest,
            panel=panel_of(statistics, modeled.unit * np.sqrt(people), moment),
        )
    return Data(
        design,
        Genotypes(mean, inverse_sd, zeros + largest - 1),
        Traits(people, 0 * ones, ones, moment),
        modeled,
        MarginalStatistics(
            effects=correlation * np.sqrt(people / (people - 1)),
            errors=1 / np.sqrt(people),
            moment=moment,
            n_samples=largest,
        ),
        noise_known=True,
    )


def panel_of(statistics: SummaryStatistics, to_z: np.ndarray, noise: np.ndarray) -> Panel | None:
    """Return the `Panel` behind the LD, if there are dosages of one."""
    ld = statistics.ld
    if not isinstance(ld, GenotypeLD) or not ld.n_people <= MAX_PANEL:
        return None
    if np.isinf(statistics.panel_size):  # the scans' own people
        return None
    dosages = to_numpy(ld.standardized(np.arange(ld.n_variants))).astype(float)
    return Panel(dosages, to_z, noise)


def names_or_numbers(labels: np.ndarray | None, n_traits: int) -> list[str]:
    """Return the names of the traits, y0, y1, ... if they have none."""
    return [f"y{j}" for j in range(n_traits)] if labels is None else [str(name) for name in labels]
