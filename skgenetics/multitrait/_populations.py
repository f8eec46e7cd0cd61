"""Summary statistics of several populations with an LD each, as the `Data` of a fit."""

from collections.abc import Sequence
from typing import Any, TypeGuard

import numpy as np

from skgenetics.loci._summary import (
    check_statistics,
    per_variant,
    reported_statistics,
    trait_labels,
    validate_summary,
    variant_labels,
)
from skgenetics.multitrait._data import Data, Summary, names_or_numbers
from skgenetics.multitrait._moments import Genotypes, MarginalStatistics, ModeledTraits, Traits
from skgenetics.multitrait._population_design import PopulationDesign, seen_through
from skgenetics.utils._arrays import to_numpy
from skgenetics.utils._labels import Labels, column_labels, without_labels
from skgenetics.utils._typing import ArrayLike


def are_populations(ld: Any) -> TypeGuard[Sequence[Any]]:
    """Whether `ld` is a sequence of LD, one for each population."""
    return (
        isinstance(ld, (list, tuple)) and len(ld) > 0 and all(len(np.shape(one)) == 2 for one in ld)
    )


def summary_of_populations(
    z: ArrayLike | None,
    ld: Sequence[Any],
    trait_correlation: ArrayLike | None,
    allele_frequency: ArrayLike | None,
    *,
    n_samples: ArrayLike,
    beta: ArrayLike | None,
    se: ArrayLike | None,
    panel_size: ArrayLike | None,
) -> Summary:
    """Return the `Summary` of z (P, J), NaN = not measured, and J matrices of LD."""
    if trait_correlation is not None or allele_frequency is not None:
        raise ValueError(
            "trait_correlation and allele_frequency are of traits in one population: leave "
            "them out where ld is a list of populations' LD."
        )
    if (z is None) == (beta is None) or (beta is None) != (se is None):
        raise ValueError("fit_summary needs either z, or both beta and se.")
    labels = variant_labels(z, np.empty((0, 0)), beta=beta, se=se)
    traits = trait_labels(z, beta=beta, se=se)
    z = to_numpy(reported_statistics(z, beta, se, labels, traits, may_miss=True)).astype(float)
    check_statistics(z, True)
    if z.ndim != 2 or z.shape[1] != len(ld):
        raise ValueError(
            f"z must have a column for each of the {len(ld)} populations that ld has a matrix of; "
            f"got shape {z.shape}."
        )
    n_variants, n_traits = z.shape
    people = per_variant(n_samples, "n_samples", z[0], low=2, labels=traits)
    sizes = np.broadcast_to(np.array(panel_size, dtype=object), n_traits)
    correlations, R = np.zeros_like(z), np.zeros((n_traits, n_variants, n_variants))
    behind = np.full(n_traits, np.inf)
    for j in range(n_traits):
        rows, known, own = of_population(z[:, j], ld[j], labels, j)
        measured = ~np.isnan(z[rows, j])
        if not measured.any():
            raise ValueError(f"z has no value in column {j}: leave this population out.")
        try:
            statistics = validate_summary(known, own, n_samples=people[j], panel_size=sizes[j])
        except ValueError as error:
            raise ValueError(f"Population {j}: {error}") from error
        t = np.nan_to_num(z[rows, j])
        R[j][np.ix_(rows, rows)], correlations[rows, j] = seen_through(
            to_numpy(statistics.ld.dense().matrix).astype(float),
            t / np.sqrt(t**2 + people[j] - 2),
            measured,
        )
        behind[j] = statistics.panel_size
    data = data_of_populations(R, correlations, people, traits)
    return Summary(data, z, labels, behind)


def of_population(
    z: np.ndarray, ld: Any, labels: Labels, place: int
) -> tuple[np.ndarray, Any, Any]:
    """Return the variants whose LD a population has, their z, 0 if not measured, and their LD.

    With labels both stay labelled; LD without is of all variants, in the order of z, and NaN at
    those that the population lacks.
    """
    names, known = column_labels(ld), np.nan_to_num(z)
    if names is not None:
        if labels.names is None:
            raise ValueError(f"ld[{place}] is labelled, and z is not: label the rows of z too.")
        in_ld = set(names)
        has = np.array([name in in_ld for name in labels.names], dtype=bool)
        rows = np.flatnonzero(has | ~np.isnan(z))
        return rows, dict(zip(labels.names[rows], known[rows], strict=True)), ld
    ld = to_numpy(without_labels(ld, "ld"))
    if ld.shape[1] != len(z):
        raise ValueError(
            f"ld[{place}] has {ld.shape[1]} columns for {len(z)} variants: without labels it "
            "must have one for each, also for those that the population lacks."
        )
    square = ld.shape[0] == ld.shape[1]
    lacks = ~np.isfinite(np.diag(ld)) if square else ~(ld.max(axis=0) > ld.min(axis=0))
    rows = np.flatnonzero(~lacks | ~np.isnan(z))
    return rows, known[rows], ld[rows][:, rows] if square else ld[:, rows]


def data_of_populations(
    R: np.ndarray, correlations: np.ndarray, people: np.ndarray, traits: Labels
) -> Data:
    """Return the `Data` of LD (J, P, P), correlations with the trait (P, J) and people (J,)."""
    n_variants, n_traits = correlations.shape
    ones, zeros, independent = np.ones(n_traits), np.zeros(n_variants), np.eye(n_traits)
    modeled = ModeledTraits(
        np.arange(n_traits),
        sd=ones,
        unit=ones,
        noise_unit=ones,
        names=names_or_numbers(traits.names, n_traits),
        varies=True,
        labels=traits,
    )
    return Data(
        PopulationDesign(R, correlations, people),
        Genotypes(zeros, zeros + 1, zeros + people.max() - 1),
        Traits(people, 0 * ones, ones, independent),
        modeled,
        MarginalStatistics(
            effects=correlations * np.sqrt(people / (people - 1)),
            errors=1 / np.sqrt(people),
            moment=independent,
            n_samples=float(people.mean()),
        ),
        noise_known=True,
    )
