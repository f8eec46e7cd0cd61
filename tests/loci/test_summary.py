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
    assert summary.labels.names is summary.trait_labels.names is None
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
        ({"z": np.where(Z == 0.1, np.inf, Z)}, "infinity for 1 variants, .* index 2"),
        ({"z": np.full(Z.shape, np.nan)}, "NaN or infinity for 3 variants"),
        ({"n_samples": np.full((3, 2), 1.0)}, "every n_samples must be a number > 2; got 1"),
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


def labelled(values, names, order):
    """A Series (or a square data frame) of `names`, put in another order."""
    pd = pytest.importorskip("pandas")
    names, order = pd.Index(names, tupleize_cols=False), np.asarray(order)
    if np.ndim(values) == 1:
        return pd.Series(values, index=names).iloc[order]
    return pd.DataFrame(values, index=names, columns=names).iloc[order, order[::-1]]


@pytest.mark.parametrize(
    "names", [NAMES, [3, 1, 2], [7, 8, 9], [("1", 5), ("1", 9), ("2", 5)], [2.5, "a", 1]], ids=str
)
@pytest.mark.parametrize("order", [[0, 1, 2], [2, 0, 1]])
def test_labels_of_any_type_are_matched(names, order):
    z, n, H = Z[:, 0], [100.0, 200.0, 300.0], [0.1, 0.2, 0.3]
    expected = validate_summary(z, LD, n_samples=n, heterozygosity=H)
    reference = labelled(z, names, [0, 1, 2])
    matched = validate_summary(
        reference,
        labelled(LD, names, order),
        n_samples=labelled(n, names, order),
        heterozygosity=dict(labelled(H, names, order).items()),
    )
    assert list(matched.labels.names) == names
    np.testing.assert_array_equal(matched.z, z)
    np.testing.assert_array_equal(matched.ld.matrix, LD)
    np.testing.assert_array_equal(matched.n_samples, n)
    np.testing.assert_array_equal(matched.heterozygosity, H)
    ratio = validate_summary(
        None, LD, beta=reference * n, se=labelled(n, names, order), n_samples=100
    )
    np.testing.assert_allclose(ratio.z, expected.z)


def test_arrays_without_labels_are_in_the_order_of_z_or_ld():
    z, ld = labelled(Z[:, 0], NAMES, [2, 0, 1]), labelled(LD, NAMES, [2, 1, 0])
    of_z = validate_summary(z, LD, n_samples=[100, 200, 300])
    assert list(of_z.labels.names) == [NAMES[i] for i in (2, 0, 1)]
    np.testing.assert_array_equal(of_z.ld.matrix, LD)
    of_ld = validate_summary(Z[:, 0], ld, n_samples=100)
    assert list(of_ld.labels.names) == list(ld.columns)
    np.testing.assert_array_equal(of_ld.z, Z[:, 0])
    np.testing.assert_array_equal(of_ld.ld.matrix, LD)  # its rows follow its columns


def test_a_default_index_names_nothing():
    pd = pytest.importorskip("pandas")
    z = labelled(Z[:, 0], NAMES, [0, 1, 2])
    summary = validate_summary(z, pd.DataFrame(LD), n_samples=pd.Series([100, 200, 300]))
    np.testing.assert_array_equal(summary.n_samples, [100, 200, 300])
    assert validate_summary(pd.Series(Z[:, 0]), LD, n_samples=100).labels.names is None
    sorted_by_z = pd.Series(Z[:, 0]).sort_values()  # 2, 1, 0 says as much of n_samples as not
    with pytest.raises(ValueError, match="which may be labels or none"):
        validate_summary(sorted_by_z, LD, n_samples=pd.Series([100, 200, 300]))


def test_more_variants_than_z_are_left_out():
    names = [*NAMES, "1_20_A_C"]
    R = np.eye(4)
    R[:3, :3] = LD
    z = labelled(Z[:, 0], NAMES, [1, 0, 2])
    summary = validate_summary(z, labelled(R, names, [3, 0, 2, 1]), n_samples=100)
    np.testing.assert_array_equal(summary.ld.matrix, LD[np.ix_([1, 0, 2], [1, 0, 2])])


def test_labels_that_cannot_be_matched_are_refused():
    pd = pytest.importorskip("pandas")
    z = labelled(Z[:, 0], NAMES, [0, 1, 2])
    other = ["1_5_A_G", "1_9_C_T", "1_12_G_T"]
    for changes, message in [
        (
            {"n_samples": labelled([1e3] * 3, other, [0, 1, 2])},
            "absent from n_samples, 1 of 3, such as",
        ),
        (
            {"ld": labelled(LD, other, [0, 1, 2])},
            "absent from the rows of ld, 1 of 3, such as '1_11_G_T'",
        ),
        ({"n_samples": pd.Series(1e3, index=["a", "b", "b"])}, "n_samples names 'b' twice, at pos"),
        ({"z": z.set_axis(["a", "b", "a"])}, "z names 'a' twice, at positions 0 and 2"),
        ({"z": z.set_axis(["a", "b", None])}, "z has a missing label at position 2"),
        ({"z": Z[:, 0], "heterozygosity": labelled([0.1] * 3, NAMES, [1, 0, 2])}, "neither z nor"),
    ]:
        with pytest.raises(ValueError, match=message):
            validate_summary(**({"z": z, "ld": LD, "n_samples": 100} | changes))


@pytest.mark.parametrize("library", ["polars", "pyarrow"])
def test_frames_without_an_index_are_matched_by_columns(library):
    module = pytest.importorskip(library)
    make = module.DataFrame if library == "polars" else module.table
    order = [2, 0, 1]
    turned = LD[np.ix_(order, order)]
    ld = make({NAMES[i]: turned[:, k] for k, i in enumerate(order)})
    summary = validate_summary(labelled(Z[:, 0], NAMES, [0, 1, 2]), ld, n_samples=100)
    np.testing.assert_array_equal(summary.ld.matrix, LD)


def test_rows_of_a_panel_are_people_and_columns_of_a_factor_are_not_variants():
    pd = pytest.importorskip("pandas")
    z = pd.Series(Z[:, 0], index=NAMES)
    X = np.random.default_rng(0).integers(0, 3, (50, 3))
    panel = pd.DataFrame(X, index=[f"person{i}" for i in range(50)], columns=NAMES)
    assert list(validate_summary(z, panel, n_samples=100).labels.names) == NAMES
    turned = validate_summary(z, panel[NAMES[::-1]], n_samples=100)
    np.testing.assert_allclose(turned.ld.dense().matrix, np.corrcoef(X.T))
    rows = np.array([[0.6, 0.8], [0.8, 0.6], [1.0, 0.0]])
    factor = pd.DataFrame(rows, index=NAMES, columns=["f1", "f2"])
    for given in (factor, factor.loc[NAMES[::-1]]):
        summary = validate_summary(z, given, n_samples=100)
        np.testing.assert_allclose(summary.ld.dense().matrix, rows @ rows.T)


def test_traits_are_matched_too():
    pd = pytest.importorskip("pandas")
    beta = pd.DataFrame(Z, index=NAMES, columns=["ldl", "hdl"])
    se = pd.DataFrame(2.0, index=NAMES[::-1], columns=["hdl", "ldl"])
    se.loc[NAMES[0], "hdl"] = 4.0
    n_samples = pd.Series({"hdl": 200, "ldl": 100})
    summary = validate_summary(None, LD, beta=beta, se=se, n_samples=n_samples, several_traits=True)
    assert list(summary.trait_labels.names) == ["ldl", "hdl"]
    assert list(summary.labels.names) == NAMES
    np.testing.assert_array_equal(summary.n_samples, [100, 200])
    np.testing.assert_array_equal(summary.z, Z / [[2, 4], [2, 2], [2, 2]])
