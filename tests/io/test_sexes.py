import pytest

from skgenetics.io import read_sexes


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.fam", "F1 I1 0 0 1 -9\nF2 I2 0 0 2 -9\nF3 I3 0 0 0 -9\n", [1, 2, 0]),
        ("a.psam", "##note\n#FID\tIID\tSEX\nF1\tI1\tF\nF2\tI2\tM\nF3\tI3\tNA\n", [2, 1, 0]),
        ("a.psam", "#IID\tage\nI1\t30\nI2\t1\n", [0, 0]),
        ("a.psam", "F1 I1 0 0 2 -9\n", [2]),
    ],
)
def test_sexes(tmp_path, name, text, expected):
    (tmp_path / name).write_text(text)
    assert read_sexes(tmp_path / name).tolist() == expected
