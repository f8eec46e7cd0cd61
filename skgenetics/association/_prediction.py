"""Expression predicted from genotypes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
from joblib import effective_n_jobs
from scipy.sparse import csr_array

from skgenetics.association._cuts import cuts
from skgenetics.association._gene_tests import used_correlation
from skgenetics.association._matching import place_variants, unique_variants
from skgenetics.io._genotypes import Genotypes, sample_index, variants_from_names
from skgenetics.utils._arrays import column_blocks
from skgenetics.utils._frames import as_frame, frame_values
from skgenetics.utils._missing_codes import find_codes, is_missing
from skgenetics.utils._optional import import_optional
from skgenetics.utils._parallel import run_parallel
from skgenetics.utils._text import count_of

if TYPE_CHECKING:
    import pandas as pd


class Prediction(NamedTuple):
    """Predicted expression, and how much of each model the genotypes have."""

    expression: np.ndarray
    """(n_people, n_models) NaN for models of which no variant was found."""
    found: "pd.DataFrame"
    """gene, tissue, n_model, n_found, r_used."""
    n_variants: int
    """Variants of the weights, each counted once."""
    n_found: int
    n_swapped: int
    """Found with effect and other allele exchanged."""
    n_other_alleles: int
    """There with alleles that fit no pair."""


class Models(Protocol):
    """What prediction takes of a collection of models, in one order."""

    genes: "pd.DataFrame"
    weights: "pd.DataFrame"
    standardized: bool
    covariances: "dict[str, pd.DataFrame]"


def predict_expression(
    models: Models, genotypes: Genotypes, n_jobs: int | None = None
) -> Prediction:
    """Predict the expression of every gene and tissue.

    Parameters
    ----------
    models : ExpressionWeights
    genotypes : Genotypes
    n_jobs : int, optional
        Number of processes that share the genes.

    Returns
    -------
    prediction : Prediction

    Raises
    ------
    ValueError
        If no variant of the weights is in the genotypes.
    """
    unique = unique_variants(models.weights)
    placed = place_variants(unique.table, genotypes.variants)
    found = placed.row >= 0
    if not found.any():
        raise ValueError(_nothing_found(unique.table, genotypes, placed.other_alleles))
    n_model = models.genes["n_variants"].to_numpy()
    model = np.repeat(np.arange(len(n_model)), n_model)
    rows = np.flatnonzero(found[unique.number])
    columns, column = np.unique(placed.row[unique.number[rows]], return_inverse=True)
    sign = unique.sign[rows] * placed.sign[unique.number[rows]]
    weight = models.weights["weight"].to_numpy()[rows]
    shape = (len(columns), len(n_model))
    turned = csr_array((weight * sign, (column, model[rows])), shape=shape)
    parts = PredictionParts(genotypes.select(columns=columns), turned, models.standardized)
    n_jobs = min(effective_n_jobs(n_jobs), len(parts))
    expression = np.zeros((genotypes.shape[0], len(n_model)))
    predicted = run_parallel(_predict_part, parts, n_jobs=n_jobs)
    for members, values in zip(parts.members, predicted, strict=True):
        expression[:, members] = values
    if not models.standardized:
        # a flipped dosage is 2 - x: the weight of x turns its sign, and 2 w is left over
        expression += 2 * np.bincount(model[rows], weight * (sign < 0), minlength=len(n_model))
    n_found = np.bincount(model[rows], minlength=len(n_model))
    expression[:, n_found == 0] = np.nan
    table = models.genes[["gene", "tissue"]].assign(
        n_model=n_model,
        n_found=n_found,
        r_used=_used(models, found[unique.number], n_found),
    )
    swapped = found & (placed.sign < 0)
    return Prediction(
        expression,
        table,
        len(found),
        int(found.sum()),
        int(swapped.sum()),
        int(placed.other_alleles.sum()),
    )


def as_genotypes(X: Any) -> Genotypes:
    """Return a data frame of dosages as genotypes; its columns name the variants.

    chr_pos_ref_alt names place and alleles, alt is counted. A column with any other name is the
    variant with this ID, and counts its effect allele.
    """
    if isinstance(X, Genotypes):
        return X
    frame = as_frame(X)
    if frame is None:
        raise TypeError(
            "X must be Genotypes, as the readers of skgenetics.io return them, or a data frame "
            f"whose columns name the variants; got {type(X).__name__}."
        )
    values, integer = frame_values(frame, "X")
    codes, _ = find_codes(values, integer)
    if codes:
        values = np.where(is_missing(values, codes), np.nan, values)
    variants = variants_from_names([str(name) for name in frame.columns])
    names = getattr(X, "index", range(len(values)))
    samples = sample_index(None, names)
    return Genotypes(values, samples, variants, counted_allele="effect allele", source="X")


class PredictionPart(NamedTuple):
    """Some models, and the genotypes of their variants."""

    genotypes: Genotypes
    turned: csr_array
    """(n_variants, n_models) Weights of the counted alleles."""
    standardized: bool


class PredictionParts(Sequence[PredictionPart]):
    """All models, made into parts along the genome when they are asked for.

    Parameters
    ----------
    genotypes : Genotypes of shape (n_people, n_variants)
    turned : csr_array of shape (n_variants, n_models)
    standardized : bool
    """

    def __init__(self, genotypes: Genotypes, turned: csr_array, standardized: bool) -> None:
        self.genotypes, self.turned, self.standardized = genotypes, turned.tocsc(), standardized
        variants = np.split(self.turned.indices, self.turned.indptr[1:-1])
        models = [model for model, held in enumerate(variants) if len(held)]
        models.sort(key=lambda model: variants[model].min())
        self.members = [models[run] for run in cuts([variants[model] for model in models])]

    def __len__(self) -> int:
        """Return the number of parts."""
        return len(self.members)

    def __getitem__(self, number: Any) -> Any:
        """Return one part."""
        turned = self.turned[:, self.members[number]]
        columns = np.unique(turned.indices)
        genotypes = self.genotypes.select(columns=columns).small()
        return PredictionPart(genotypes, turned.tocsr()[columns], self.standardized)


def _predict_part(_: Any, part: PredictionPart, seed: int) -> np.ndarray:
    """Return X @ turned; a missing call counts as twice the frequency."""
    genotypes, turned, standardized = part
    expression = np.zeros((genotypes.shape[0], turned.shape[1]))
    for columns, block in column_blocks(genotypes, np.float64):
        called = block >= 0  # not for NaN, nor for codes of missing calls
        count = np.maximum(called.sum(axis=0), 1)
        mean = np.where(called, block, 0).sum(axis=0) / count
        x = np.where(called, block, mean)
        if standardized:
            sd = x.std(axis=0)
            x = (x - mean) / np.where(sd > 0, sd, 1)
        expression += x @ turned[columns]
    return expression


def _used(models: Models, found: np.ndarray, n_found: np.ndarray) -> np.ndarray:
    """Return the correlation of what the variants found predict with what all would.

    1 where all were found, 0 where none; else it needs the covariance of training, or is NaN.
    """
    n_model = models.genes["n_variants"].to_numpy()
    used = np.where(n_found == n_model, 1.0, np.where(n_found == 0, 0.0, np.nan))
    ends = np.r_[0, np.cumsum(n_model)]
    for place in np.flatnonzero(np.isnan(used)):
        covariance = models.covariances.get(models.genes["gene"].iloc[place])
        rows = slice(ends[place], ends[place + 1])
        names = models.weights["variant_id"].iloc[rows]
        if covariance is not None and names.isin(covariance.index).all():
            matrix = covariance.loc[names, names].to_numpy()
            w = models.weights["weight"].to_numpy()[rows]
            used[place] = used_correlation(w, found[rows], matrix)
    return used


def _nothing_found(
    variants: "pd.DataFrame", genotypes: Genotypes, other_alleles: np.ndarray
) -> str:
    """Return in a sentence that no variant of the weights is in the genotypes."""
    one, there = variants.iloc[int(np.argmax(other_alleles))], genotypes.variants
    if other_alleles.any():
        same = there["variant_id"].isin([one["variant_id"], one.get("rsid")]) | (
            (there["chromosome"] == one["chromosome"])
            & (there["base_pair_location"] == one["base_pair_location"])
        ).fillna(False)
        there = there[same.to_numpy(dtype=bool)] if same.any() else there
    names = f"such as {_say(one)} in the weights and {_say(there.iloc[0])} in {genotypes.source}"
    if other_alleles.any():
        count = count_of(int(other_alleles.sum()), "variant")
        return (
            f"The genotypes have {count} of the weights with other alleles, {names}: check which "
            "columns hold the alleles, and the builds."
        )
    return (
        f"None of the {len(variants):,} variants of the weights is in the genotypes, {names}: "
        "check that the builds (GRCh37, GRCh38) and the chromosomes are the same."
    )


def _say(variant: "pd.Series") -> str:
    """Return a variant in words."""
    pd = import_optional("pandas", extra="dataframe")
    place = "no position"
    if pd.notna(variant["base_pair_location"]):
        place = f"{variant['chromosome']}:{variant['base_pair_location']}"
    alleles = "/".join(
        "?" if pd.isna(variant[name]) or not variant[name] else variant[name]
        for name in ("other_allele", "effect_allele")
    )
    return f"{variant['variant_id']} ({place} {alleles})"
