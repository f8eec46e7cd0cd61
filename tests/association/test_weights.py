"""Models of genes and what holds them."""

import numpy as np
import pandas as pd
import pytest

from skgenetics.association import ExpressionWeights, GeneModel


def variants(n=2, chromosome="1"):
    bases = list("ACGT" * n)
    return pd.DataFrame(
        {
            "chromosome": chromosome,
            "base_pair_location": np.arange(100, 100 + n),
            "effect_allele": bases[:n],
            "other_allele": bases[1 : n + 1],
        }
    )


def test_models_go_in_and_come_out():
    models = [
        GeneModel("G2", variants(3), [1, 0.5, -2], tissue="liver", cv_r2=0.1, n_samples=90),
        GeneModel("G1", variants(2), [0.5, 1], tissue="liver", chromosome="1", start=5, end=9),
        GeneModel("G1", variants(1), [3], tissue="blood", gene_name="ONE", model="enet"),
    ]
    weights = ExpressionWeights.from_models(models, build="GRCh38")
    back = {(m.gene, m.tissue): m for m in weights}
    assert list(back) == [("G1", "blood"), ("G1", "liver"), ("G2", "liver")]
    for model in models:
        other = back[model.gene, model.tissue]
        np.testing.assert_array_equal(other.weights, model.weights)
        for name in ("gene_name", "model", "chromosome", "start", "end"):
            assert getattr(other, name) == getattr(model, name)
        np.testing.assert_equal((other.cv_r2, other.n_samples), (model.cv_r2, model.n_samples))
        assert list(other.variants["effect_allele"]) == list(model.variants["effect_allele"])
    assert weights.weights["variant_id"].iloc[0] == "1_100_C_A"
    assert weights.genes["n_variants"].tolist() == [1, 2, 3]
    assert weights.tissues == ["blood", "liver"]


def test_bad_models_are_named():
    with pytest.raises(ValueError, match="one for each of its 2 variants"):
        GeneModel("G1", variants(2), [1.0])
    with pytest.raises(ValueError, match="G1 comes more than once in tissue"):
        ExpressionWeights.from_models([GeneModel("G1", variants(1), [1.0])] * 2)
    twice = pd.concat([variants(1)] * 2)
    with pytest.raises(ValueError, match="1_100_C_A comes more than once in gene G1"):
        ExpressionWeights.from_models([GeneModel("G1", twice, [1.0, 2.0])])
    with pytest.raises(ValueError, match="expected a finite number"):
        ExpressionWeights.from_models([GeneModel("G1", variants(1), [np.inf])])
    with pytest.raises(ValueError, match="not in the table of genes"):
        ExpressionWeights({"gene": ["G2"]}, variants(1).assign(gene="G1", weight=1.0))
