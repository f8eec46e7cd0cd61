"""What a locus of genes shows, against its numbers."""

import numpy as np
import pytest

from skgenetics.inspection import GeneLocusDisplay

pd = pytest.importorskip("pandas")
plt = pytest.importorskip("matplotlib.pyplot")

LOCUS = "chr1:1000000-3000000"


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def study(tissues=("blood", "blood")):
    """A locus of two genes, one of another locus, and their variants."""
    tissues = [*tissues, "blood"]
    genes = pd.DataFrame(
        {
            "gene": ["A", "B", "C"],
            "tissue": tissues,
            "base_pair_location": pd.array([1_500_000, 2_000_000, 90], dtype="Int64"),
        }
    )
    finemapped = pd.DataFrame(
        {
            "locus": [LOCUS, LOCUS, "chr9:1-99"],
            "gene": ["B", "A", "C"],
            "gene_name": ["BEE", "", ""],
        }
        | {"tissue": [tissues[1], tissues[0], "blood"], "z": [-6.0, 4.0, 5.0], "pip": [0.9, 0.1, 1]}
    )
    variants = pd.DataFrame(
        {"gene": ["A", "A", "B", "B", "C"], "tissue": [tissues[k] for k in (0, 0, 1, 1, 2)]}
        | {"variant_id": ["v1", "v2", "v2", "v3", "v4"], "z": [1.0, -2.0, 2.0, np.nan, 9.0]}
        | {"base_pair_location": [1_400_000, 1_600_000, 1_600_000, 1_700_000, 80], "used": True}
    )
    return finemapped, genes, variants


def display_of(tables, locus=LOCUS):
    frame, genes, variants = tables
    return GeneLocusDisplay.from_frame(frame, genes=genes, variants=variants, locus=locus)


def test_genes_and_variants_of_the_locus_are_drawn():
    ax = display_of(study()).plot().ax_
    variants, genes = ax.collections
    np.testing.assert_allclose(variants.get_offsets(), [[1.4, 1], [1.6, 2]])
    np.testing.assert_allclose(genes.get_offsets(), [[2.0, 6], [1.5, 4]])
    assert genes.get_array().tolist() == [0.9, 0.1]
    assert {text.get_text() for text in ax.texts} == {"BEE", "A"}
    assert ax.get_title(loc="left") == LOCUS
    with pytest.raises(ValueError, match="locus must be one of chr1:1000000-3000000, chr9:1-99"):
        display_of(study(), "chr2:1-2")


def test_tissues_are_named_where_there_are_several():
    ax = display_of(study(("blood", "liver"))).plot().ax_
    assert {text.get_text() for text in ax.texts} == {"BEE (liver)", "A (blood)"}


def test_what_is_not_known_is_left_out_and_what_is_wrong_refused():
    plain = GeneLocusDisplay([1, 2], [3.0, -4.0], names=["A", "B"]).plot()
    assert len(plain.figure_.axes) == 1  # without PIPs there is no scale of them
    with pytest.raises(ValueError, match="NaN or infinity"):
        GeneLocusDisplay([1], [np.nan])
    with pytest.raises(ValueError, match="one entry per variant"):
        GeneLocusDisplay([1], [1.0], variant_location=[1, 2], variant_z=[3.0])
