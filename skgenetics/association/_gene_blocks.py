"""Genes near each other, which a process tests together: what it is sent, and what it returns."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from skgenetics.association._cuts import cuts
from skgenetics.association._gene_ld import given_covariance, panel_covariances
from skgenetics.association._gene_rows import GeneResult, GeneVariants, associate
from skgenetics.association._matching import UniqueVariants
from skgenetics.association._twas_data import Panel, Statistics, Unit
from skgenetics.association._weights import ExpressionWeights
from skgenetics.io._genotypes import Genotypes


class PanelPart(NamedTuple):
    """The variants of some genes in a panel."""

    genotypes: Genotypes
    sign: np.ndarray  # (n_columns,) -1 where the other allele is counted
    places: list[np.ndarray]  # of each gene, the columns of its variants, -1 where there is none


class GeneBlock(NamedTuple):
    """Some genes, and the LD of their variants."""

    genes: list[dict[str, np.ndarray]]  # `GeneVariants` without their covariance
    ld: PanelPart | list[np.ndarray]  # of a panel, or the covariance of each gene
    standardized: bool  # whether weights are per standard deviation
    impute: bool


class GeneBlocks(Sequence[GeneBlock]):
    """All genes of a study, made into blocks when they are asked for.

    Parameters
    ----------
    weights : ExpressionWeights
    unique : UniqueVariants
        Of the weights.
    panel : Panel
        Where `ld` has them.
    statistics : Statistics
    ld : Genotypes or None
        None: the covariances of the weights count.
    units : list of Unit
        The genes along the genome.
    impute : bool
        Whether missing z are imputed.
    """

    def __init__(
        self,
        weights: ExpressionWeights,
        unique: UniqueVariants,
        panel: Panel,
        statistics: Statistics,
        ld: Genotypes | None,
        units: list[Unit],
        impute: bool,
    ) -> None:
        self.weights, self.unique, self.panel, self.statistics = weights, unique, panel, statistics
        self.ld, self.units, self.impute = ld, units, impute
        self.model = np.repeat(np.arange(len(weights)), weights.genes["n_variants"])
        self.per_allele = weights.weights["weight"].to_numpy() * unique.sign
        self.cuts = list(cuts([unit.numbers for unit in units]))

    def __len__(self) -> int:
        """Return the number of blocks."""
        return len(self.cuts)

    def __getitem__(self, number: Any) -> Any:
        """Return one block."""
        units = self.units[self.cuts[number]]
        ld = self._covariances(units) if self.ld is None else self._panel_part(self.ld, units)
        genes = [self._gene(unit) for unit in units]
        return GeneBlock(genes, ld, self.weights.standardized, self.impute)

    def _gene(self, unit: Unit) -> dict[str, np.ndarray]:
        """Return weights and statistics of the variants of a gene."""
        w = np.zeros((len(unit.numbers), unit.models.stop - unit.models.start))
        columns = self.model[unit.rows] - unit.models.start
        np.add.at(w, (unit.place, columns), self.per_allele[unit.rows])
        named = ((name, getattr(self.statistics, name)) for name in ("z", "se", "n"))
        return {"weights": w} | {name: values[unit.numbers] for name, values in named}

    def _covariances(self, units: list[Unit]) -> list[np.ndarray]:
        """Return the covariances of genes that come with the weights."""
        names = (self.weights.genes["gene"].iloc[unit.models.start] for unit in units)
        ids = self.unique.table["variant_id"].to_numpy(dtype=object)
        given = self.weights.covariances
        return [given_covariance(given.get(name), ids[u.numbers]) for name, u in zip(names, units)]

    def _panel_part(self, ld: Genotypes, units: list[Unit]) -> PanelPart:
        """Return what a panel has of genes' variants, yet to be read."""
        numbers = np.unique(np.concatenate([unit.numbers for unit in units]))
        row = self.panel.row[numbers]
        held = row >= 0
        column = np.where(held, held.cumsum() - 1, -1)
        places = [column[np.searchsorted(numbers, unit.numbers)] for unit in units]
        part = ld.select(columns=row[held]).small()
        return PanelPart(part, self.panel.sign[numbers[held]], places)


def associate_block(_: Any, block: GeneBlock, seed: int) -> list[GeneResult]:
    """Return the tests of the genes of a block."""
    covariances = panel_covariances(*block.ld) if isinstance(block.ld, PanelPart) else block.ld
    tested = []
    for gene, covariance in zip(block.genes, covariances, strict=True):
        if block.standardized:
            sd = np.sqrt(np.diag(covariance))
            gene = gene | {"weights": gene["weights"] / np.where(sd > 0, sd, 1)[:, None]}
        variants = GeneVariants(covariance=covariance, **gene)
        tested.append(associate(variants, impute=block.impute))
    return tested
