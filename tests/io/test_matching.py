import pytest
from hypothesis import given
from hypothesis import strategies as st

from skgenetics.io import match_samples
from tests.hypothesis_settings import examples

pd = pytest.importorskip("pandas")


def people(*pairs):
    return pd.MultiIndex.from_tuples(
        [pair if isinstance(pair, tuple) else ("0", pair) for pair in pairs], names=["FID", "IID"]
    )


names = st.lists(st.sampled_from("abcdefgh"), min_size=1, unique=True)


@examples(60)
@given(first=names, second=names, third=names)
def test_every_row_is_the_same_person_and_counts_add_up(first, second, third):
    sources = {"x": first, "y": second, "z": third}
    common = [name for name in first if name in second and name in third]
    indexes = {key: people(*value) for key, value in sources.items()}
    if not common:
        with pytest.raises(ValueError, match="Nobody is in all of"):
            match_samples(**indexes)
        return
    positions, dropped = match_samples(**indexes)
    for key, value in sources.items():
        assert [value[row] for row in positions[key]] == common
        assert dropped[key] == len(value) - len(common)


def test_equal_iids_are_told_apart_by_family():
    positions, dropped = match_samples(
        x=people(("A", "1"), ("B", "1"), ("A", "2")), y=people(("B", "1"), ("A", "1"))
    )
    assert positions["x"].tolist() == [0, 1]
    assert positions["y"].tolist() == [1, 0]
    assert dropped == {"x": 1, "y": 0}


def test_families_that_say_nothing_do_not_stand_in_the_way():
    positions, _ = match_samples(
        x=people(("0", "a"), ("0", "b")), y=people(("b", "b"), ("a", "a")), z=people("a", "b")
    )
    assert positions["y"].tolist() == [1, 0]
    positions, _ = match_samples(x=people(("F1", "a")), y=people(("a", "a")))
    assert positions["y"].tolist() == [0]


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        ({"x": people("a", "b"), "y": people("c")}, r"x \(2 people, first a\), y \(1 people"),
        ({"x": people("a", "a"), "y": people("a")}, "x: ID 0 a comes more than once"),
        (
            {"x": people(("A", "1"), ("B", "1")), "y": people("1", "2")},
            "IID 1 is in more than one family, and y has no FID",
        ),
        (
            {"x": people(("A", "1")), "z": people("1"), "y": people(("B", "1"))},
            "1 is in family A in x and in family B in y",
        ),
        (
            {"x": people("1"), "z": people(("A", "1")), "y": people(("B", "1"))},
            "1 is in family A in z and in family B in y",
        ),
    ],
)
def test_bad_ids(sources, message):
    with pytest.raises(ValueError, match=message):
        match_samples(**sources)
