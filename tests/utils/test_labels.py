"""Labels that are matched, and those that are none."""

import numpy as np
import pytest

from skgenetics.utils._labels import Labels, column_labels, is_numbering, row_labels, without_labels

pd = pytest.importorskip("pandas")


def test_only_labels_that_a_user_gave_count():
    frame = pd.DataFrame(np.eye(2))
    for labels in (row_labels(frame), column_labels(frame), row_labels(frame.iloc[:1])):
        assert is_numbering(labels)
    assert list(row_labels(frame.iloc[1:])) == [1]
    assert not is_numbering(row_labels(frame.iloc[1:]))
    for unlabelled in ([1, 2], (1, 2), np.eye(2), 3.0):
        assert row_labels(unlabelled) is column_labels(unlabelled) is None


@pytest.mark.parametrize("library", ["polars", "pyarrow"])
def test_nulls_of_series_become_nan(library):
    module = pytest.importorskip(library)
    series = module.Series([1, None]) if library == "polars" else module.chunked_array([[1, None]])
    np.testing.assert_array_equal(without_labels(series, "z"), [1, np.nan])
    np.testing.assert_array_equal(
        without_labels(pd.Series([1, None], dtype="Int64"), "z"), [1, np.nan]
    )


def test_rows_and_columns_of_a_square_matrix():
    labels = Labels(np.array(["b", "a", "c"], dtype=object), "y", "traits")
    S = np.array([[1.0, 0.2, 0.3], [0.2, 1.0, 0.4], [0.3, 0.4, 1.0]])
    frame = pd.DataFrame(S, index=["b", "a", "c"], columns=["b", "a", "c"])
    turned = frame.loc[["a", "b", "c"], ["c", "b", "a"]]
    np.testing.assert_array_equal(labels.match_square(turned, "S"), S)
    np.testing.assert_array_equal(labels.match_square(S, "S"), S)
    one_side = frame.loc[["a", "b", "c"], ["a", "b", "c"]].reset_index(drop=True)
    np.testing.assert_array_equal(labels.match_square(one_side, "S"), S)
    with pytest.raises(ValueError, match="absent from the rows of S, 1 of 3, such as 'b'"):
        labels.match_square(frame.rename(index={"b": "B"}), "S")
