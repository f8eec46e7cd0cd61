"""Tests of genes from summary statistics, against the same tests on individuals."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import false_discovery_control

from skgenetics.association import ExpressionWeights, GeneModel, twas
from skgenetics.io import VARIANT_COLUMNS, Genotypes, sample_index

N, P = 400, 40


class Study:
    """Genotypes, weights of genes in two tissues, a trait, and its statistics."""

    def __init__(self, seed=0, n_genes=4, effect=0.3):
        rng = np.random.default_rng(seed)
        base = rng.normal(size=(2, N, P)) + np.repeat(rng.normal(size=(2, N, P // 5)), 5, axis=2)
        self.X = (base > rng.uniform(0, 1.5, P)).sum(axis=0).astype(np.int8)
        effect_allele = rng.choice(["A", "C"], P)
        self.table = pd.DataFrame(
            {
                "chromosome": "3",
                "base_pair_location": np.arange(P) * 1000 + 10_000,
                "effect_allele": effect_allele,
                "other_allele": np.where(effect_allele == "A", "G", "T"),
                "rsid": [f"rs{j}" for j in range(P)],
            }
        )
        self.table["variant_id"] = [
            f"3_{row.base_pair_location}_{row.other_allele}_{row.effect_allele}"
            for row in self.table.itertuples()
        ]
        models, self.expression = [], {}
        for gene in range(n_genes):
            for tissue in ("blood", "liver"):
                rows = np.sort(rng.choice(np.arange(gene * 8, gene * 8 + 12), 6, replace=False))
                w = rng.normal(size=6)
                models.append(GeneModel(f"G{gene}", self.table.iloc[rows], w, tissue=tissue))
                self.expression[f"G{gene}", tissue] = self.X[:, rows] @ w
        self.weights = ExpressionWeights.from_models(models, build="GRCh38")
        g = self.expression["G0", "blood"]
        self.y = effect * (g - g.mean()) / g.std() + rng.normal(size=N)
        self.swapped = rng.random(P) < 1 / 3
        self.sumstats = self.statistics(self.y)

    def statistics(self, y):
        """Return z = r sqrt(n) and beta, a third of them for the other allele."""
        x = self.X - self.X.mean(axis=0)
        r = x.T @ (y - y.mean()) / (N * self.X.std(axis=0) * y.std())
        beta, sign = r * y.std() / self.X.std(axis=0), np.where(self.swapped, -1, 1)
        table = self.table.drop(columns="variant_id")
        names = ["effect_allele", "other_allele"]
        pairs = table[names].to_numpy()
        table[names] = np.where(self.swapped[:, None], pairs[:, ::-1], pairs)
        return table.assign(z=r * np.sqrt(N) * sign, beta=beta * sign, n=float(N))

    def panel(self, columns=slice(None), turned=(), **changes):
        """Return the genotypes of the study's own people."""
        X, table = self.X.astype(float), self.table.assign(**changes)
        for j in turned:  # the other allele is counted
            X[:, j] = 2 - X[:, j]
            pair = table.loc[j, ["other_allele", "effect_allele"]].tolist()
            table.loc[j, ["effect_allele", "other_allele"]] = pair
        samples = sample_index(None, np.arange(N))
        table = table[list(VARIANT_COLUMNS)]
        genotypes = Genotypes(X, samples, table, counted_allele="effect", source="panel")
        return genotypes.select(columns=columns)


@pytest.fixture(scope="module")
def study():
    return Study()


def test_tests_are_those_of_individuals(study):
    result = twas(study.sumstats, study.weights, study.panel(turned=[1, 4, 20]))
    assert len(result.genes) == 8
    for row in result.genes.itertuples():
        g = study.expression[row.gene, row.tissue]
        assert row.z == pytest.approx(np.corrcoef(g, study.y)[0, 1] * np.sqrt(N), abs=1e-9)
        slope = np.polyfit(g, study.y, 1)[0]
        assert row.effect == pytest.approx(slope, rel=1e-6)
        assert row.var_g == pytest.approx(g.var(ddof=1))
        assert (row.n_model, row.n_in_ld, row.n_used, row.n_imputed) == (6, 6, 6, 0)
        assert row.r_used == pytest.approx(1)
        assert row.status == "ok"
    genes = result.genes
    np.testing.assert_allclose(genes["q_value"], false_discovery_control(genes["p_value"]))
    np.testing.assert_allclose(genes["p_bonferroni"], np.minimum(1, 8 * genes["p_value"]))
    assert genes["chromosome"].eq("3").all()
    assert result.report.n_variants == result.report.in_ld == result.report.with_z


def test_statistics_of_other_variants_are_told_of_the_weights(study):
    with pytest.raises(
        ValueError, match=r"in the weights, which have \d+: .*weights 3\. Take stat"
    ):
        twas(study.sumstats.assign(chromosome="7"), study.weights, study.panel())
    elsewhere = study.sumstats.assign(rsid=None)
    elsewhere["base_pair_location"] += 5
    with pytest.raises(ValueError, match="or the weights are of another region"):
        twas(elsewhere, study.weights, study.panel())


def test_joint_tests_are_those_of_principal_components(study):
    result = twas(study.sumstats, study.weights, study.panel())
    for row in result.joint.itertuples():
        G = np.column_stack([study.expression[row.gene, tissue] for tissue in ("blood", "liver")])
        R = np.corrcoef(G.T)
        z = np.array([np.corrcoef(g, study.y)[0, 1] for g in G.T]) * np.sqrt(N)
        assert row.n_indep == 2
        assert row.chi2 == pytest.approx(z @ np.linalg.inv(R) @ z)
        assert row.best_z == pytest.approx(z[np.argmax(np.abs(z))])
        assert row.best_tissue == ["blood", "liver"][np.argmax(np.abs(z))]
    assert result.joint.set_index("gene").loc["G0", "log10_p"] < -4


def test_a_model_of_nothing_says_so(study):
    models = [replace(m, weights=0 * m.weights) if m.gene == "G0" else m for m in study.weights]
    result = twas(study.sumstats, ExpressionWeights.from_models(models), study.panel())
    genes = result.genes.set_index("gene")
    assert set(genes.loc["G0", "status"]) == {"all weights are zero"}
    panel, last = study.panel(), models[-1]
    panel.values[:, study.table["variant_id"].isin(last.variants["variant_id"])] = 1
    genes = twas(study.sumstats, study.weights, panel).genes.set_index(["gene", "tissue"])
    assert genes.loc[(last.gene, last.tissue), "status"] == "no variant in the LD"


def test_covariances_of_files_do_as_a_panel_does(study):
    X = pd.DataFrame(study.X, columns=study.table["variant_id"])
    weights = ExpressionWeights.from_models(
        study.weights, covariances={f"G{g}": X.cov() for g in range(3)}
    )
    genes = twas(study.sumstats, weights).genes.set_index(["gene", "tissue"])
    panel = twas(study.sumstats, study.weights, study.panel()).genes.set_index(["gene", "tissue"])
    np.testing.assert_allclose(genes["z"].iloc[:6], panel["z"].iloc[:6])
    assert genes.loc["G3", "status"].tolist() == ["no variant in the LD"] * 2
    apart = X.cov()  # each tissue has a file: pairs across are unknown
    names = [m.variants["variant_id"].tolist() for m in study.weights if m.gene == "G0"]
    for one in set(names[0]) - set(names[1]):
        apart.loc[one, list(set(names[1]) - set(names[0]))] = np.nan
        apart.loc[list(set(names[1]) - set(names[0])), one] = np.nan
    weights.covariances = {"G0": apart}
    result = twas(study.sumstats, weights)
    np.testing.assert_allclose(result.genes["z"].iloc[:2], panel["z"].iloc[:2])
    assert result.joint["chi2"].isna().all()
    assert result.joint["acat_log10_p"].notna().all()


def test_standardized_weights_are_rescaled(study):
    sd = pd.Series(study.X.std(axis=0, ddof=1), index=study.table["variant_id"])
    table = study.weights.weights
    table = table.assign(weight=table["weight"] * sd[table["variant_id"]].to_numpy())
    scaled = ExpressionWeights(study.weights.genes, table, standardized=True)
    one, other = (twas(study.sumstats, w, study.panel()).genes for w in (study.weights, scaled))
    np.testing.assert_allclose(one["z"], other["z"])
    np.testing.assert_allclose(one["effect"], other["effect"])


def test_missing_z_are_imputed_or_dropped(study):
    lost = study.sumstats.drop(index=range(1, P, 7))
    imputed = twas(lost, study.weights, study.panel())
    dropped = twas(lost, study.weights, study.panel(), missing="drop")
    truth = twas(study.sumstats, study.weights, study.panel()).genes
    ok = (imputed.genes["status"] == "ok").to_numpy()
    assert imputed.genes["n_imputed"].sum() > 0
    assert dropped.genes["n_imputed"].sum() == 0
    for row in dropped.genes.itertuples():
        kept = dropped.variants.query("gene == @row.gene and tissue == @row.tissue and used")
        w = pd.Series(0.0, study.table["variant_id"])
        w[kept["variant_id"]] = kept["weight"].to_numpy()
        g = study.X @ w.to_numpy()
        assert row.z == pytest.approx(np.corrcoef(g, study.y)[0, 1] * np.sqrt(N))
        r = np.corrcoef(g, study.expression[row.gene, row.tissue])[0, 1]
        assert row.r_used == pytest.approx(r)
        assert ("LOW_R" in str(row.flag)) == (r < 0.8)
    closer = np.abs(imputed.genes["z"] - truth["z"])[ok].mean()
    assert closer < np.abs(dropped.genes["z"] - truth["z"])[ok].mean() + 0.5
    few = twas(study.sumstats.iloc[::4], study.weights, study.panel())
    skipped = few.genes[few.genes["status"] != "ok"]
    assert skipped["status"].str.contains("are missing|mean r2|no variant has a z").all()
    assert skipped["z"].isna().all()
    assert len(skipped)


def test_effects_are_in_deviations_of_the_trait_without_beta(study):
    plain = study.sumstats.drop(columns="beta")
    effect = twas(plain, study.weights, study.panel()).genes["effect"]
    with_beta = twas(study.sumstats, study.weights, study.panel()).genes["effect"]
    np.testing.assert_allclose(effect, with_beta / study.y.std(), rtol=5e-3)
    none = twas(plain.drop(columns="n"), study.weights, study.panel())
    assert none.genes["effect"].isna().all()
    assert none.genes["z"].notna().all()


def test_inflation_needs_people_and_phi(study):
    weights = ExpressionWeights.from_models(study.weights)
    weights.genes.loc[0, "phi"] = 2e-5
    result = twas(study.sumstats, weights, study.panel(), h2=0.5, n_samples=1e5).genes
    assert result["z_deflated"].iloc[0] == pytest.approx(result["z"].iloc[0] / np.sqrt(2))
    assert result["z_deflated"].iloc[1:].isna().all()
    with pytest.raises(ValueError, match="h2 needs the number of people"):
        twas(study.sumstats.drop(columns="n"), weights, study.panel(), h2=0.5)


def test_what_does_not_fit_is_told(study):
    with pytest.raises(ValueError, match="There is no LD"):
        twas(study.sumstats, study.weights)
    elsewhere = study.panel(base_pair_location=np.arange(P) + 1)
    with pytest.raises(ValueError, match=r"None of the .* is in panel: .* builds"):
        twas(study.sumstats, study.weights, elsewhere)
    with pytest.raises(ValueError, match="with other alleles"):
        twas(study.sumstats, study.weights, study.panel(effect_allele="CC", other_allele="CCC"))
    moved = study.sumstats.assign(base_pair_location=np.arange(P) + 1)
    with pytest.raises(ValueError, match=r"at another position. The genome builds differ"):
        twas(moved, study.weights, study.panel())
    other = study.sumstats.assign(z=study.sumstats["z"] + 1)
    with pytest.raises(ValueError, match="are in several rows with different z"):
        twas(pd.concat([study.sumstats, other]), study.weights, study.panel())
    with pytest.raises(TypeError, match=r"weights must be what .*load_weights returns; got str"):
        twas(study.sumstats, "liver.db", study.panel())
    with pytest.raises(ValueError, match="missing must be"):
        twas(study.sumstats, study.weights, study.panel(), missing="mean")


def test_a_gene_whose_expression_does_not_vary_is_skipped(study):
    X = study.X.copy()
    X[:, 1] = X[:, 0]
    table = study.table.iloc[:2]
    models = [GeneModel("G", table, [1.0, -1.0]), GeneModel("H", table, [1.0, 1.0])]
    weights = ExpressionWeights.from_models(models)
    panel = study.panel()
    panel.values = X.astype(float)
    genes = twas(study.sumstats, weights, panel).genes.set_index("gene")
    assert genes.loc["G", "status"] == "predicted expression does not vary in the LD"
    assert genes.loc["H", "status"] == "ok"
    X[:, :2] = 1
    panel.values = X.astype(float)
    genes = twas(study.sumstats, weights, panel).genes
    assert genes["status"].tolist() == ["no variant in the LD"] * 2


@pytest.mark.parametrize("standardized", [False, True])
def test_processes_that_share_genes_change_nothing(study, standardized, monkeypatch):
    monkeypatch.setattr("skgenetics.association._cuts.MAX_VARIANTS", 1)  # a block for each gene
    panel, weights = study.panel(turned=[3, 9]), study.weights
    weights = type(weights)(weights.genes, weights.weights, standardized=standardized)
    one, two = (twas(study.sumstats, weights, panel, n_jobs=n) for n in (None, 2))
    for name in ("genes", "variants", "joint"):
        pd.testing.assert_frame_equal(getattr(one, name), getattr(two, name))
    pd.testing.assert_frame_equal(weights.predict(panel), weights.predict(panel, n_jobs=2))
    monkeypatch.undo()
    whole = twas(study.sumstats, weights, panel)
    pd.testing.assert_frame_equal(whole.genes, one.genes)
    pd.testing.assert_frame_equal(weights.predict(panel), weights.predict(panel, n_jobs=2))
