"""Names of files that cannot collide, and results that are kept."""

import errno

import pytest

from skgenetics.utils._writing import (
    atomic_folder,
    atomic_path,
    file_name,
    load_content,
    save_content,
)

NAMES = ["BMI", "BMI/raw", "BMI:raw", "BMI_raw", "BMI raw", "..", ".BMI", "", "größe", "grosse"]


def test_plain_names_stay():
    for name in ("BMI", "BMI_raw", "chr1_1000-2000", "ENSG00000.1", "CD4+T"):
        assert file_name(name) == name


@pytest.mark.parametrize("name", NAMES)
def test_names_are_what_every_file_system_takes(name):
    assert set(file_name(name)) <= set(
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-"
    )
    assert file_name(name) not in ("", ".", "..")
    assert not file_name(name).startswith(".")


def test_different_names_have_different_files():
    names = [*NAMES, *map(file_name, NAMES), "x" * 300, "x" * 301]
    names = list(dict.fromkeys(names))
    assert len({file_name(name) for name in names}) == len(names)
    assert max(len(file_name(name)) for name in names) < 120


def test_names_that_differ_by_case_alone_are_told_apart():
    names = ["bmi", "BMI", "height"]
    files = [file_name(name, among=names) for name in names]
    assert len({name.lower() for name in files}) == 3
    assert files[2] == "height"


def test_same_name_same_file():
    assert file_name("BMI/raw") == file_name("BMI/raw", among=["BMI/raw", "BMI:raw"])


def test_a_folder_that_another_run_has_removed_is_made_again(tmp_path):
    path = tmp_path / "run.parts" / "G1.json.gz"
    save_content(path, {"r2": 0.5}, key="a")
    assert load_content(path, key="a") == {"r2": 0.5}
    assert load_content(path, key="b") is None


@pytest.mark.parametrize("manager", [atomic_path, atomic_folder])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES])
def test_an_error_of_a_full_disk_names_what_was_to_be_written(tmp_path, manager, number):
    path = tmp_path / "results"
    with pytest.raises(OSError, match="words") as caught, manager(path):
        raise OSError(number, "words")  # as of a file that is open
    assert caught.value.filename == (str(path) if number == errno.ENOSPC else None)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("manager", [atomic_path, atomic_folder])
def test_an_error_of_a_full_disk_keeps_the_name_of_another_file(tmp_path, manager):
    with pytest.raises(OSError, match="words") as caught, manager(tmp_path / "results"):
        raise OSError(errno.ENOSPC, "words", "run.parts/a.json.gz")
    assert caught.value.filename == "run.parts/a.json.gz"
    with (
        pytest.raises(OSError, match="words") as caught,
        manager(tmp_path / "results") as temporary,
    ):
        raise OSError(errno.ENOSPC, "words", str(temporary))
    assert caught.value.filename == str(tmp_path / "results")
