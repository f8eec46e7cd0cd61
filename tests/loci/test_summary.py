"""One validator of summary statistics, for one trait and for several."""

import numpy as np
import pytest

from skgenetics.loci._summary import validate_summary

Z = np.array([[4.0, 0.5], [1.0, -2.0], [0.0, 0.1]])
LD = np.array([[1.0, 0.3, 0.0], [0.3, 1.0, 0.1], [0.0, 0.1, 1.0]])
NAMES = ["1_5_A_G", "1_9_C_T", "1_11_G_T"]


def test_one_trait():
    summary = validate_summary(Z[:, 0], LD, n_samples=[100, 200, 300], heterozygosity=0.4)
    np.testing.assert_array_equal(summary.z, Z[:, 0])
    np.testing.assert_array_equal(summary.n_samples, [100, 200, 300])
    np.testing.assert_array_equal(summary.heterozygosity, [0.4] * 3)
    assert summary.panel_size == np.inf
    assert summary.variant_names is summary.trait_names is None
    locus = summary.locus()
    np.testing.assert_allclose(locus.z[0], 4 * np.sqrt(100 / (16 + 98)))
    np.testing.assert_allclose(locus.scale, np.sqrt([40, 80, 120]))
    np.testing.assert_array_equal(summary.locus(score=True).z, Z[:, 0])


def test_several_traits():
    summary = validate_summary(Z, LD, n_samples=[100, 200], several_traits=True)
    np.testing.assert_array_equal(summary.z, Z)
    np.testing.assert_array_equal(summary.n_samples, [100, 200])
    assert summary.heterozygosity.shape == (3,)
    one = validate_summary(Z[:, 0], LD, n_samples=100, several_traits=True)
    np.testing.assert_array_equal(one.z, Z[:, :1])
    np.testing.assert_array_equal(one.n_samples, [100])
    ratio = validate_summary(
        None, LD, beta=Z / 10, se=np.full((3, 2), 0.1), n_samples=100, several_traits=True
    )
    np.testing.assert_allclose(ratio.z, Z)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"z": np.zeros((3, 2, 1))}, r"shape \(n_variants,\) or \(n_variants, n_traits\); got"),
        ({"z": np.where(Z == 0.1, np.nan, Z)}, "NaN or infinity for 1 variants, .* index 2"),
        ({"n_samples": [100, 200, 300]}, r"each of the 2 traits; got shape \(3,\)"),
        ({"n_samples": [100, 2]}, "every n_samples must be a number > 2"),
        ({"ld": np.eye(2)}, "one row for each of the 3 z statistics"),
    ],
)
def test_wrong_statistics_of_several_traits(changes, message):
    arguments = {"z": Z, "ld": LD, "n_samples": 100, "several_traits": True} | changes
    with pytest.raises(ValueError, match=message):
        validate_summary(**arguments)


def test_people_of_a_panel():
    X = np.random.default_rng(0).integers(0, 3, (50, 3))
    assert validate_summary(Z[:, 0], X, n_samples=100).panel_size == 50
    assert validate_summary(Z[:, 0], X, n_samples=40).panel_size == np.inf
    assert validate_summary(Z[:, 0], X, n_samples=100, panel_size=30).panel_size == 30
    with pytest.raises(ValueError, match="panel_size"):
        validate_summary(Z[:, 0], X, n_samples=100, panel_size=1)


def test_labels_are_common_to_all_or_refused():
    pd = pytest.importorskip("pandas")
    z = pd.Series(Z[:, 0], index=NAMES)
    ld = pd.DataFrame(LD, index=NAMES, columns=NAMES)
    turned = NAMES[::-1]
    assert list(validate_summary(z, LD, n_samples=100).variant_names) == NAMES
    assert list(validate_summary(Z[:, 0], ld, n_samples=100).variant_names) == NAMES
    for changes, message in [
        ({"z": z[turned]}, "z and the columns of ld name different variants"),
        ({"ld": ld.loc[turned]}, "z and the rows of ld name different variants"),
        ({"n_samples": pd.Series(100.0, index=turned)}, "z and n_samples name different"),
        ({"heterozygosity": pd.Series(0.1, index=turned)}, "z and heterozygosity name"),
        ({"z": None, "beta": z, "se": pd.Series(0.1, index=turned)}, "beta and se name"),
    ]:
        with pytest.raises(ValueError, match=message):
            validate_summary(**({"z": z, "ld": ld, "n_samples": 100} | changes))


def test_rows_of_a_panel_are_people_and_columns_of_a_factor_are_not_variants():
    pd = pytest.importorskip("pandas")
    z = pd.Series(Z[:, 0], index=NAMES)
    X = np.random.default_rng(0).integers(0, 3, (50, 3))
    panel = pd.DataFrame(X, index=[f"person{i}" for i in range(50)], columns=NAMES)
    assert list(validate_summary(z, panel, n_samples=100).variant_names) == NAMES
    factor = pd.DataFrame(np.tile([0.6, 0.8], (3, 1)), index=NAMES, columns=["f1", "f2"])
    assert list(validate_summary(z, factor, n_samples=100).variant_names) == NAMES
    with pytest.raises(ValueError, match="the rows of ld"):
        validate_summary(z, factor.loc[NAMES[::-1]], n_samples=100)


def test_names_of_traits():
    pd = pytest.importorskip("pandas")
    z = pd.DataFrame(Z, index=NAMES, columns=["ldl", "hdl"])
    summary = validate_summary(z, LD, n_samples=100, several_traits=True)
    assert list(summary.trait_names) == ["ldl", "hdl"]
    assert list(summary.variant_names) == NAMES
