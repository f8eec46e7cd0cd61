"""Damaged files of every format give their content or one sentence, and nothing else.

For more cases: ``SKGENETICS_FUZZ=1000 pytest tests/io/test_fuzz.py -m slow`` (cases of each file).
"""

import os
import warnings

import numpy as np
import pytest

pd = pytest.importorskip("pandas")
pytest.importorskip("bed_reader")

from skgenetics.io import Genotypes  # noqa: E402
from tests.oracles.mutations import complaint, damaged, is_one_sentence  # noqa: E402
from tests.oracles.small_files import small_files  # noqa: E402

FILES = small_files()
MUCH = 10_000  # damaged files in all, where all formats can be read
NAMES = [f"{k}-{file.name}" for k, file in enumerate(FILES)]


def check_sound(result):
    """Fail unless what was read could be used."""
    if isinstance(result, Genotypes):
        values = result[:, :].astype(float)
        values[values == -127] = np.nan
        assert values.shape == (len(result.samples), len(result.variants))
        assert np.all(np.isnan(values) | ((values >= 0) & (values <= 2)))
    elif isinstance(result, tuple):
        ld, variants = result
        np.testing.assert_allclose(np.diag(ld), 1, atol=0.01)
        np.testing.assert_allclose(ld, ld.T, atol=0.01)
        assert np.abs(ld).max() < 1.01
        assert variants is None or len(variants) == len(ld)
    elif isinstance(result, pd.DataFrame) and "neg_log_10_p_value" in result:
        assert not np.isinf(result.select_dtypes("float64")).any(axis=None)
        assert not (result["standard_error"] <= 0).any()
        assert result["p_value"].dropna().between(0, 1).all()
        assert result["effect_allele_frequency"].dropna().between(0, 1).all()
        assert not (result["n"] < 0).any()
        assert not (np.sign(result["z"]) * np.sign(result["beta"]) < 0).any()
    elif isinstance(result, pd.DataFrame):
        assert result.index.is_unique
        assert not np.isinf(result).any(axis=None)
    elif isinstance(result, dict) and "data" in result:
        assert result.data.shape == (len(result.samples), len(result.genes))
        assert not np.isinf(result.data).any()
    else:
        assert len(result) > 0


def check_case(file, seed, folder):
    """Damage a file as `seed` says, and read it."""
    for name, data in file.beside.items():
        (folder / name).write_bytes(data)
    data = damaged(np.random.default_rng(seed), file.data)
    path = folder / file.name
    path.write_bytes(data)
    results = []

    def read():
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "no negative correlation", UserWarning)
            results.append(file.read(path))
            check_sound(results[0])

    sentence = complaint(read)
    assert sentence is None or is_one_sentence(sentence), f"{sentence!r} of {data[:300]!r}"
    return sentence is None


@pytest.mark.parametrize("file", FILES, ids=NAMES)
def test_the_file_itself_is_read(file, tmp_path):
    for name, data in {**file.beside, file.name: file.data}.items():
        (tmp_path / name).write_bytes(data)
    check_sound(file.read(tmp_path / file.name))


@pytest.mark.parametrize("file", FILES, ids=NAMES)
def test_damage_is_one_sentence(file, tmp_path):
    for seed in range(12):
        check_case(file, seed, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("file", FILES, ids=NAMES)
def test_much_damage_is_one_sentence(file, tmp_path):
    n_cases = int(os.environ.get("SKGENETICS_FUZZ", -(-MUCH // len(FILES))))
    n_read = sum(check_case(file, seed, tmp_path) for seed in range(100, 100 + n_cases))
    assert 0 < n_read < n_cases  # the damage is neither always noticed nor never
