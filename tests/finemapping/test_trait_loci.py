"""`finemap_loci` of several traits at once."""

import numpy as np
import pytest
from sklearn.exceptions import FitFailedWarning

from skgenetics import MMASHRegressor
from skgenetics.datasets import make_genotypes
from skgenetics.finemapping import finemap_loci

pd = pytest.importorskip("pandas")

N, TRAITS = 10_000, ["ldl", "hdl", "tg"]


def locus(seed=0, n_variants=60):
    """Dosages, and z of two effects: one on ldl and hdl, the other on tg."""
    X = make_genotypes(500, n_variants, random_state=seed).data
    R = np.corrcoef(X, rowvar=False)
    B = np.zeros((n_variants, 3))
    B[15], B[45, 2] = [0.08, 0.08, 0.0], 0.09
    root = np.linalg.cholesky(R + 1e-8 * np.eye(n_variants))
    noise = root @ np.random.default_rng(seed).normal(size=B.shape)
    return X, R, np.sqrt(N) * R @ B + noise


def description(z, ld, **items):
    place = {
        "chromosome": "1",
        "base_pair_location": 1000 + np.arange(len(z)),
        "effect_allele": "A",
        "other_allele": "C",
        "rsid": [f"rs{i}" for i in range(len(z))],
    }
    return {
        "name": "a",
        "z": pd.DataFrame(z, columns=TRAITS),
        "ld": ld,
        "n_samples": N,
        "trait_correlation": np.eye(3),
        "variants": pd.DataFrame(place),
    } | items


def fitted(*loci, **settings):
    return finemap_loci(loci, MMASHRegressor(solver="single_effects", **settings))


def test_tables_are_those_of_the_estimator():
    _, R, z = locus()
    z[3, 0] = np.nan
    result = fitted(description(z, R))
    model = MMASHRegressor(solver="single_effects").fit_summary(
        z, R, n_samples=N, trait_correlation=np.eye(3)
    )
    assert result.loci["status"].tolist() == ["ok"]
    assert result.loci["ld_mismatch"].tolist() == [False]
    assert result.loci["solver"].tolist() == ["single_effects"]
    variants, rows, effects = result.variants, result.trait_variants, result.trait_effects
    np.testing.assert_allclose(variants["pip"], model.pip_)
    np.testing.assert_allclose(variants["z"].abs(), np.nanmax(np.abs(z), axis=1))
    assert variants["posterior_mean"].isna().all()
    assert rows["trait"].tolist() == np.repeat(TRAITS, 60).tolist()
    assert rows["rsid"].tolist() == 3 * [f"rs{i}" for i in range(60)]
    np.testing.assert_allclose(rows["z"], z.T.ravel())
    np.testing.assert_array_equal(np.flatnonzero(rows["n"].isna()), [3])
    for column, values in (
        ("posterior_mean", model.coef_),
        ("posterior_sd", model.coef_sd_),
        ("lfsr", model.lfsr_),
    ):
        np.testing.assert_allclose(rows[column], values.ravel())
    sets = result.credible_sets
    assert len(sets) == len(model.credible_sets_) == 2
    assert effects["trait"].tolist() == 2 * TRAITS
    for number, found in enumerate(model.credible_sets_):
        here = effects[effects["cs"] == number + 1]
        lead = found["variants"][0]
        assert (here["lead_rsid"] == f"rs{lead}").all()
        np.testing.assert_allclose(here["z"], z[lead])
        np.testing.assert_allclose(here["probability"], found["probability"])
        for column in ("effect", "effect_sd", "lfsr", "nonzero"):
            np.testing.assert_allclose(here[column], found[column])
        members = np.flatnonzero(variants["cs"] == number + 1)
        assert set(members) == set(found["variants"])
    acts = effects.pivot(index="cs", columns="trait", values="lfsr") < 0.05
    assert sorted(map(tuple, acts[TRAITS].to_numpy().tolist())) == [
        (False, False, True),
        (True, True, False),
    ]


def test_a_flipped_allele_in_one_trait_is_named_and_turned_back():
    _, R, z = locus()
    right = fitted(description(z, R))
    at = int(right.variants["z"].abs().argmax())
    wrong = z.copy()
    wrong[at, 1] *= -1
    result = fitted(description(wrong, R))
    flagged = result.trait_variants.dropna(subset="flag")
    assert flagged[["trait", "rsid", "flag"]].values.tolist() == [["hdl", f"rs{at}", "FLIPPED"]]
    assert result.loci["ld_mismatch"].tolist() == [True]
    assert f"hdl: alleles are flipped at variants [1_{1000 + at}_C_A]" in result.loci["message"][0]
    np.testing.assert_allclose(result.trait_variants["z"], wrong.T.ravel())  # as reported
    np.testing.assert_allclose(result.variants["pip"], right.variants["pip"], atol=1e-6)
    with pytest.warns(FitFailedWarning, match="1 of 1 loci failed"):
        failed = fitted(description(wrong, R, on_mismatch="raise"))
    assert failed.loci["status"].tolist() == ["failed"]
    assert failed.trait_effects.empty
    ignored = fitted(description(wrong, R, on_mismatch="ignore"), max_iter=5)
    assert ignored.loci["ld_mismatch"].isna().all()


def test_ld_of_others_leaves_one_effect():
    *_, z = locus()
    foreign = np.corrcoef(make_genotypes(500, 60, random_state=9).data, rowvar=False)
    result = fitted(description(z, foreign))
    assert result.loci["ld_mismatch"].tolist() == [True]
    assert "One effect was fitted in place" in result.loci["message"][0]
    assert len(result.credible_sets) <= 1


def test_dosages_of_a_panel_and_labels():
    X, R, z = locus()
    panel = fitted(description(z, X))
    names = [f"v{i}" for i in range(60)]
    order = np.random.default_rng(0).permutation(60)
    frame = pd.DataFrame(z, index=names, columns=TRAITS)
    labelled = description(frame, pd.DataFrame(R, names, names).iloc[order, order])
    labelled |= {
        "z": frame,
        "panel_size": 500,
        "n_samples": pd.Series([N, N, N], index=TRAITS[::-1]),
        "variants": labelled["variants"].assign(variant_id=names).iloc[order[::-1]],
    }
    other = fitted(labelled)
    # dosages also say which of the panel's errors are large; all variants are common
    np.testing.assert_allclose(other.variants["pip"], panel.variants["pip"], atol=1e-3)
    assert other.variants["variant_id"].tolist() == names
    assert other.variants["rsid"].tolist() == panel.variants["rsid"].tolist()


def test_populations_with_an_ld_each():
    _, R, z = locus()
    _, R2, z2 = locus(seed=1)
    both = np.column_stack([z[:, 0], z2[:, 0]])
    both[4, 1] = np.nan
    one = {"name": "a", "z": both, "ld": [R, R2], "n_samples": [N, N]}
    result = fitted(one)
    model = MMASHRegressor(solver="single_effects").fit_summary(both, [R, R2], n_samples=[N, N])
    np.testing.assert_allclose(result.variants["pip"], model.pip_)
    assert result.loci["ld_mismatch"].tolist() == [False]
    assert result.trait_effects["trait"].tolist() == ["y0", "y1"]


def test_results_are_kept_and_bad_input_is_told(tmp_path):
    _, R, z = locus()
    estimator = MMASHRegressor(solver="single_effects")
    first = finemap_loci([description(z, R)], estimator, output=tmp_path)
    again = finemap_loci([description(z, R)], estimator, output=tmp_path)
    for kind in ("loci", "trait_variants", "trait_effects"):
        pd.testing.assert_frame_equal(first[kind], again[kind])
    with pytest.raises(ValueError, match="effects=True is of one trait"):
        finemap_loci([description(z, R)], estimator, effects=True)
    with pytest.warns(
        FitFailedWarning, match="'one_effect', 'raise' or 'ignore' with several traits"
    ):
        fitted(description(z, R, on_mismatch="shrink"))
    plain = MMASHRegressor()
    with pytest.raises(ValueError, match="solver='single_effects'"):
        finemap_loci([description(z, R)], plain)
