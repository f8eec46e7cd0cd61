"""Models of genes and what holds them."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

from skgenetics import FinemapMiXeR, MMASHRegressor
from skgenetics.association import ExpressionWeights, GeneModel
from skgenetics.io import read_genotypes
from skgenetics.preprocessing import GenotypeImputer


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


def people(n=40, p=6, seed=0):
    """Dosages with names chr_pos_other_effect."""
    table = variants(p)
    names = [f"1_{q}_{b}_{a}" for q, a, b in table.iloc[:, 1:].itertuples(index=False)]
    X = np.random.default_rng(seed).integers(0, 3, (n, p))
    return pd.DataFrame(X, columns=names), table


def test_predictions_are_dosages_times_weights_whatever_allele_is_counted():
    X, table = people()
    w = {"blood": [1, 0, -2, 0.5, 0, 3], "liver": [0, 0.2, 0, 0, 1, 0]}
    models = [GeneModel("G1", table, w[tissue], tissue=tissue) for tissue in w]
    weights = ExpressionWeights.from_models(models)
    expected = X.to_numpy() @ np.column_stack(list(w.values()))
    np.testing.assert_allclose(weights.predict(X), expected, atol=1e-12)
    turned = X.copy()
    for column in (0, 2, 4):  # the other allele is counted, on the other strand once
        chromosome, position, other, effect = X.columns[column].split("_")
        turned.iloc[:, column] = 2 - X.iloc[:, column]
        turned = turned.rename(
            columns={X.columns[column]: f"chr{chromosome}:{position}:{effect}:{other}"}
        )
    shuffled = turned.iloc[:, ::-1].assign(rs99=1)
    np.testing.assert_allclose(weights.predict(shuffled), expected, atol=1e-12)
    assert weights.predict(X).columns.tolist() == [("G1", "blood"), ("G1", "liver")]
    assert weights.score(X, 3 + expected) == pytest.approx(1)
    noise = np.random.default_rng(1).normal(size=expected.shape) * expected.std(axis=0)
    assert 0.3 < weights.score(X, expected + noise) < 0.7


def test_ids_stand_in_for_places_and_missing_calls_are_means():
    X, table = people()
    table["rsid"] = [f"rs{i}" for i in range(6)]
    weights = ExpressionWeights.from_models([GeneModel("G1", table, np.arange(6.0))])
    named = X.set_axis(table["rsid"], axis=1)
    np.testing.assert_allclose(weights.predict(named), weights.predict(X))
    missing = named.copy()
    missing.iloc[3, 5] = -9
    filled = named.astype(float)
    filled.iloc[3, 5] = np.delete(X.to_numpy()[:, 5], 3).mean()
    np.testing.assert_allclose(weights.predict(missing), weights.predict(filled))


def test_genotypes_of_one_allele_each_have_the_other_of_the_weights(tmp_path):
    X, table = people()
    table["rsid"] = [f"rs{i}" for i in range(6)]
    weights = ExpressionWeights.from_models([GeneModel("G1", table, np.arange(6.0))])
    counted = table["effect_allele"].tolist()
    counted[1] = table["other_allele"][1]
    values = X.to_numpy().copy()
    values[:, 1] = 2 - values[:, 1]
    names = "".join(f" rs{i}_{allele}" for i, allele in enumerate(counted))
    lines = [f"0 P{i} 0 0 0 -9 {' '.join(map(str, row))}" for i, row in enumerate(values)]
    (tmp_path / "a.raw").write_text("\n".join(["FID IID PAT MAT SEX PHENOTYPE" + names, *lines]))
    raw = read_genotypes(tmp_path / "a.raw")
    np.testing.assert_allclose(weights.predict(raw), weights.predict(X), atol=1e-12)
    (tmp_path / "a.raw").write_text(
        "\n".join(["FID IID PAT MAT SEX PHENOTYPE rs9_A rs3_TTT", "0 P1 0 0 0 -9 0 1"])
    )
    with pytest.raises(ValueError, match=r"1 variant of .* such as .*103 .* and rs3 \(.*\?/TTT"):
        weights.predict(read_genotypes(tmp_path / "a.raw"))


def test_variants_that_are_not_found_are_told():
    X, table = people()
    covariance = X.cov()
    models = [GeneModel("G1", table, np.ones(6)), GeneModel("G2", table.iloc[:1], [1.0])]
    weights = ExpressionWeights.from_models(models, covariances={"G1": covariance})
    part = X.iloc[:, 1:]
    found = weights.matching(part)
    assert found["n_model"].tolist() == [6, 1]
    assert found["n_found"].tolist() == [5, 0]
    correlation = np.corrcoef(part.sum(axis=1), X.sum(axis=1))[0, 1]
    np.testing.assert_allclose(found["r_used"], [correlation, 0])
    assert weights.predict(part)["G2"].isna().all()
    with pytest.raises(ValueError, match=r"None of the 6 variants .* 1_100_C_A .* 2_100_C_A"):
        weights.predict(X.rename(columns=lambda name: "2" + name[1:]))
    with pytest.raises(ValueError, match="with other alleles"):
        weights.predict(X.rename(columns=lambda name: name.rsplit("_", 2)[0] + "_CCC_CC"))
    with pytest.raises(TypeError, match="columns name the variants; got ndarray"):
        weights.predict(X.to_numpy())


def test_variants_that_two_sources_write_differently_are_one():
    table = variants(2)
    other = table.rename(columns={"effect_allele": "other_allele", "other_allele": "effect_allele"})
    models = [
        GeneModel("G1", table, [1.0, 2.0], tissue="a"),
        GeneModel("G1", other.assign(chromosome="chr1"), [1.0, 2.0], tissue="b"),
    ]
    X = people(p=2)[0]
    expression = ExpressionWeights.from_models(models).predict(X).to_numpy()
    np.testing.assert_allclose(expression[:, 0], X @ [1, 2])
    np.testing.assert_allclose(expression[:, 1], (2 - X) @ [1, 2])


def test_standardized_weights_are_per_standard_deviation():
    X, table = people()
    genes, weights = {"gene": ["G"]}, table.assign(gene="G", weight=np.arange(6.0))
    model = ExpressionWeights(genes, weights, standardized=True)
    scaled = (X - X.mean()) / X.std(ddof=0)
    np.testing.assert_allclose(model.predict(X)["G"], scaled @ np.arange(6.0))


def test_weights_of_estimators_predict_as_they_do():
    X, table = people(n=80)
    rng = np.random.default_rng(2)
    Y = X.to_numpy()[:, :2] + rng.normal(size=(80, 2))
    fitted = {
        "linear": LinearRegression().fit(X.to_numpy(), Y),
        "pipeline": make_pipeline(GenotypeImputer(), StandardScaler(), Ridge()).fit(X, Y),
        "traits": MMASHRegressor().fit(X, Y),
    }
    for estimator in fitted.values():
        weights = ExpressionWeights.from_estimator(
            estimator, table, genes="G", tissues=["a", "b"], build="GRCh38"
        )
        given = X if hasattr(estimator, "feature_names_in_") else X.to_numpy()
        predicted = estimator.predict(given)
        difference = weights.predict(X).to_numpy() - predicted
        np.testing.assert_allclose(difference, difference[:1] + 0 * predicted, atol=1e-10)
    one = ExpressionWeights.from_estimator(FinemapMiXeR().fit(X, Y[:, 0]), table)
    assert one.genes["model"].tolist() == ["FinemapMiXeR"]
    with pytest.raises(ValueError, match="not linear"):
        ExpressionWeights.from_estimator(DecisionTreeRegressor().fit(X.to_numpy(), Y[:, 0]), table)
    with pytest.raises(ValueError, match="fitted with 6 features; variants has 5 rows"):
        ExpressionWeights.from_estimator(fitted["linear"], table[:5])
    with pytest.raises(ValueError, match="where 1 genes and 1 tissues are named"):
        ExpressionWeights.from_estimator(fitted["linear"], table)
