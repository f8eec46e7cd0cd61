import pytest

from skgenetics.io import atomic_folder, atomic_path


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("old")
    with pytest.raises(RuntimeError), atomic_path(path) as temporary:  # noqa: PT012
        temporary.write_text("new")
        assert temporary.suffix == ".csv"
        raise RuntimeError
    assert path.read_text() == "old"
    with atomic_path(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["x.csv"]
    assert path.read_text() == "new"
    with pytest.raises(FileNotFoundError, match="there is no folder"), atomic_path(path / "y"):
        pass


def test_a_folder_appears_whole_or_not_at_all(tmp_path):
    path = tmp_path / "a" / "b"
    with pytest.raises(RuntimeError), atomic_folder(path) as temporary:  # noqa: PT012
        (temporary / "x").write_text("new")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
    path.mkdir(parents=True)
    for name in ("kept", "old_1.png", "x"):
        (path / name).write_text("old")
    with pytest.raises(RuntimeError), atomic_folder(path, replaces=["old_*.png"]):
        raise RuntimeError
    assert sorted(file.name for file in path.iterdir()) == ["kept", "old_1.png", "x"]
    with atomic_folder(path, replaces=["old_*.png"]) as temporary:
        (temporary / "x").write_text("new")
    assert {file.name: file.read_text() for file in path.iterdir()} == {"kept": "old", "x": "new"}
    assert [file.name for file in path.parent.iterdir()] == ["b"]


def test_a_file_in_the_place_of_the_folder(tmp_path):
    path = tmp_path / "x"
    path.write_text("")
    with pytest.raises(NotADirectoryError, match="it is a file"), atomic_folder(path):
        pass


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "x").write_text("")
    path = tmp_path / "x" / "results"
    with pytest.raises(OSError, match=f"Cannot write to {path}: "), atomic_folder(path):
        pass
