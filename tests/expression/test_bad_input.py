"""What MILAGERegressor refuses."""

import numpy as np
import pytest

from tests.expression.models import model


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"n_variants": 299}, "made for 299 variants"),
        ({"n_variants": None}, "n_variants must tell"),
        ({"cis_windows": [[0, 5]] * 19}, "19 entries"),
        ({"cis_windows": [[0, 400]] * 20}, "window needs"),
        ({"cis_windows": [["a"]] * 20}, "no column names"),
        ({"candidate_variants": [500]}, "columns from 500"),
        ({"candidate_variants": "near"}, "candidate_variants"),
        ({"cis_windows": None, "candidate_variants": "cis"}, "needs cis_windows"),
        ({"cis_windows": None, "cis_impute": "mean"}, "cis_impute='mean' belongs"),
        ({"cis_windows": None, "n_refits": 2}, "n_refits=2 belongs"),
        ({"n_refits": -1}, "n_refits"),
        ({"cis_windows": 5}, "for each gene; got 5"),
        ({"cis_windows": [None] * 20}, "for each gene; got \\[None"),
        ({"cis_windows": ["rs1"] * 20}, "list of variant names for each gene"),
        ({"cis_windows": [[9, 3]] * 20}, "window needs"),
        ({"cis_windows": [[0, 5]] * 19 + [[4]]}, "the window of gene 19 has 1"),
        ({"cis_windows": [[0.0, 5.0]] * 20}, "integers of shape"),
        ({"solver": "varpro", "loading_penalty": "l1"}, "loading_penalty='l1'. Use solver='prox"),
        ({"solver": "gd", "variant_penalty": "l1"}, "variant_penalty='l1'"),
        (
            {"solver": "als", "trans_model": "tensor", "tissue_penalty": "l1"},
            "tissue_penalty='l1'",
        ),
        ({"tissue_penalty": "elastic"}, "tissue_penalty must be"),
        ({"solver": "varpro", "trans_model": "tensor"}, "als"),
        ({"n_components": -1}, "n_components"),
        ({"trans_model": "deep"}, "trans_model"),
        ({"variant_alpha": -1.0}, "variant_alpha"),
        ({"cis_alpha": np.inf}, "cis_alpha"),
        ({"early_stopping": True, "validation_fraction": 0.999}, "validation_fraction"),
        ({"candidate_variants": None}, "candidate_variants must be"),
        ({"polygenic": None}, "polygenic must be 'auto' or True or False"),
        ({"polygenic": "yes"}, "polygenic must be 'auto' or True or False; got 'yes'"),
        ({"tol": None}, "tol must be"),
        ({"n_jobs": 1.5}, "n_jobs must be"),
    ],
)
def test_bad_parameters(made, options, match):
    with pytest.raises(ValueError, match=match):
        model(made).set_params(**options).fit(made.data, made.target)


def test_bad_data(made):
    X, y = made.data, made.target.copy()
    with pytest.raises(ValueError, match="y must be 1-D or 2-D or 3-D"):
        model(made).fit(X, y[..., None])
    with pytest.raises(ValueError, match="no observed cell"):
        model(made).fit(X, np.full_like(y, np.nan))
    one = np.where(np.arange(len(X))[:, None, None] == 5, made.complete_target, np.nan)
    with pytest.raises(ValueError, match="no observed cell of an individual with a positive"):
        model(made).fit(X, one, sample_weight=np.arange(len(X)) != 5)
    with pytest.raises(ValueError, match="1 of 1 individuals with observed cells"):
        model(made, early_stopping=True).fit(X, one)
    y[0, 0, 0] = np.inf
    with pytest.raises(ValueError, match="infinity"):
        model(made).fit(X, y)
    with pytest.raises(ValueError, match="GenotypeImputer"):
        model(made).fit(np.where(X == 0, -9, X).astype(np.int8), made.target)


def test_numbers_that_are_no_dosages_are_refused_where_fit_had_dosages(made):
    fitted = model(made).fit(made.data, made.target)
    X = made.data[:5].astype(float)
    X[0, 0] = 3
    with pytest.raises(ValueError, match="from 0 to 3; the genotypes of fit were dosages"):
        fitted.predict(X)
    scaled = (made.data - 1.0) * 2
    assert np.isfinite(model(made).fit(scaled, made.target).predict(scaled * 2)).all()


def test_missing_calls_name_the_imputer(made):
    X = made.data.astype(float)
    X[0, 0] = np.nan
    with pytest.raises(ValueError, match=r"contains NaN: MILAGERegressor.*GenotypeImputer"):
        model(made).fit(X, made.target)
    with pytest.raises(ValueError, match="GenotypeImputer"):
        model(made).fit(made.data, made.target).transform(X)


def test_windows_of_names_say_how_a_pipeline_keeps_them(made):
    named = model(made).set_params(cis_windows=[["rs1"]] * 20)
    with pytest.raises(ValueError, match="set_output"):
        named.fit(made.data, made.target)


def test_the_table_of_cis_effects_makes_the_cis_part(made):
    fitted = model(made, n_components=0).fit(made.data, made.target)
    genes = [f"g{j}" for j in range(20)]
    frame = fitted.cis_frame(genes, ["a", "b", "c"])
    assert (frame["effect"] != 0).all()
    values = np.zeros((len(made.data), 20, 3))
    for gene, tissue, variant, effect in frame.itertuples(index=False):
        values[:, genes.index(gene), "abc".index(tissue)] += made.data[:, int(variant[1:])] * effect
    shift = fitted.predict(made.data) - values
    np.testing.assert_allclose(shift, np.broadcast_to(shift[0], shift.shape), atol=1e-9)
    with pytest.raises(ValueError, match="tissue_names must have 3 entries; got 1"):
        fitted.cis_frame(tissue_names=["a"])
