"""Fine-mapping of genes, against the same fit to the individuals' predicted expression."""

import numpy as np
import pytest

from skgenetics import FinemapMiXeR
from skgenetics.association import finemap_genes, twas
from tests.association.test_twas import N, Study


@pytest.fixture(scope="module")
def study():
    return Study(seed=5, effect=0.5)


def test_probabilities_are_those_of_individuals(study):
    panel = study.panel(turned=[3, 9])
    result = twas(study.sumstats, study.weights, panel)
    table = finemap_genes(result, study.weights, panel, FinemapMiXeR(solver="susie"))
    assert table["locus"].nunique() == 1
    keys = list(zip(table["gene"], table["tissue"]))
    assert set(keys) == set(study.expression)
    G = np.column_stack([study.expression[key] for key in keys])
    fitted = FinemapMiXeR(solver="susie").fit(G / G.std(axis=0), study.y)
    np.testing.assert_allclose(table["pip"], fitted.pip_, atol=0.02)
    assert keys[int(table["pip"].idxmax())] == ("G0", "blood")
    assert table["cs"].max() == 1


def test_loci_are_windows_around_significant_genes(study):
    panel = study.panel()
    result = twas(study.sumstats, study.weights, panel)
    narrow = finemap_genes(result, study.weights, panel, FinemapMiXeR(), window=1)
    significant = result.genes[result.genes["p_bonferroni"] < 0.05]
    assert set(significant["gene"]) <= set(narrow["gene"])
    assert len(narrow) < len(result.genes)
    for region in narrow["locus"].unique():
        assert region.startswith("chr3:")
    nothing = twas(study.statistics(np.arange(N) % 2 - 0.5), study.weights, panel)
    assert not len(finemap_genes(nothing, study.weights, panel, FinemapMiXeR()))
    in_mhc = study.panel(
        chromosome="6", base_pair_location=np.arange(len(study.table)) + 30_000_000
    )
    moved = study.sumstats.assign(
        chromosome="6", base_pair_location=np.arange(len(study.table)) + 30_000_000
    )
    table = study.weights.weights
    rows = [int(name.split("_")[1]) for name in table["variant_id"]]
    place = (np.array(rows) - 10_000) // 1000 + 30_000_000
    weights = type(study.weights)(
        study.weights.genes,
        table.assign(chromosome="6", base_pair_location=place, variant_id=None),
    )
    result = twas(moved, weights, in_mhc)
    assert result.genes["flag"].str.contains("MHC").all()
    assert not len(finemap_genes(result, weights, in_mhc, FinemapMiXeR()))
    assert len(finemap_genes(result, weights, in_mhc, FinemapMiXeR(), include_mhc=True))


def test_people_must_be_known(study):
    panel = study.panel()
    result = twas(study.sumstats.drop(columns="n"), study.weights, panel)
    with pytest.raises(ValueError, match="give n_samples"):
        finemap_genes(result, study.weights, panel, FinemapMiXeR())
    table = finemap_genes(result, study.weights, panel, FinemapMiXeR(), n_samples=N)
    assert table["pip"].between(0, 1).all()


def test_arguments_of_another_kind_are_named(study):
    panel = study.panel()
    result = twas(study.sumstats, study.weights, panel)
    for arguments, message in (
        (
            (result, study.weights, None, FinemapMiXeR()),
            r"ld must be what .*read_plink returns; got N",
        ),
        (
            (result.genes, study.weights, panel, FinemapMiXeR()),
            r"result must be what .*\.twas returns",
        ),
        ((result, "liver.db", panel, FinemapMiXeR()), r"weights must be what .*; got str"),
        (
            (result, study.weights, panel, "susie"),
            r"estimator must fit summary statistics, .* got 'susie'",
        ),
    ):
        with pytest.raises(TypeError, match=message):
            finemap_genes(*arguments)
