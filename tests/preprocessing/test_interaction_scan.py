"""The scan of pairs as a transformer: planted pairs, LD, rare cases, files, PLINK."""

import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest

from skgenetics.io import Genotypes, sample_index
from skgenetics.preprocessing import InteractionScan


def simulate(seed, n=800, m=40, size=0.4):
    rng = np.random.default_rng(seed)
    X = rng.binomial(2, rng.uniform(0.15, 0.5, m), size=(n, m)).astype(np.int8)
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    return X, Z[:, :5].sum(axis=1) / 3 + size * Z[:, 7] * Z[:, 20] + rng.normal(size=n)


def test_the_planted_pair_is_found_named_and_added():
    X, y = simulate(0)
    frame = pd.DataFrame(X, columns=[f"rs{j}" for j in range(40)])
    scan = InteractionScan(block_size=7).fit(frame, y)
    assert scan.pairs_.tolist() == [[7, 20]]
    added = scan.transform(frame)
    product = (X[:, 7] - X[:, 7].mean()) * (X[:, 20] - X[:, 20].mean())
    np.testing.assert_allclose(np.corrcoef(added[:, 40], product)[0, 1], 1)
    assert scan.get_feature_names_out().tolist()[-1] == "rs7*rs20"
    row = scan.to_frame().iloc[0]
    assert (row["variant_id_1"], row["variant_id_2"]) == ("rs7", "rs20")
    assert scan.tests_.n_tests == 780
    assert InteractionScan(max_r2=0.0).fit(X, y).pairs_.shape == (0, 2)


def test_no_pairs_are_found_without_interaction():
    found = [len(InteractionScan().fit(*simulate(seed, size=0.0)).pairs_) for seed in range(20)]
    assert np.count_nonzero(found) <= 4  # one is expected


def test_rare_cases_and_rare_alleles_give_no_false_pairs():
    found = 0
    for seed in range(10):
        rng = np.random.default_rng(seed)
        X = rng.binomial(2, 0.03, size=(2000, 60)).astype(np.int8)
        y = (rng.uniform(size=2000) < 0.01).astype(int)
        found += len(InteractionScan().fit(X, y).pairs_)
    assert found <= 3  # half a pair is expected; the normal p gives 75


def test_covariates_and_distance():
    X, y = simulate(1)
    confounder = np.random.default_rng(0).normal(size=len(y))
    plain = InteractionScan(p_value=1.0).fit(X, y)
    adjusted = InteractionScan(p_value=1.0, covariates=confounder[:, None]).fit(
        X, y + 100 * confounder
    )
    assert adjusted.tests_.z[0] == pytest.approx(plain.tests_.z[0], rel=0.05)
    places = {"positions": 10 * np.arange(40), "chromosomes": np.repeat([1, 2], [30, 10])}
    near = InteractionScan(min_distance=131, **places).fit(X, y)
    assert len(near.pairs_) == 0
    assert len(InteractionScan(min_distance=130, **places).fit(X, y).pairs_) == 1
    frame = pd.DataFrame(X, columns=[f"rs{i}" for i in range(40)])
    turned = {name: pd.Series(place, index=frame.columns)[::-1] for name, place in places.items()}
    assert len(InteractionScan(min_distance=130, **turned).fit(frame, y).pairs_) == 1
    assert len(InteractionScan(min_distance=131, **turned).fit(frame, y).pairs_) == 0
    with pytest.raises(ValueError, match="needs positions"):
        InteractionScan(min_distance=5).fit(X, y)
    with pytest.raises(ValueError, match=r"positions must hold one value for each of the 40"):
        InteractionScan(min_distance=5, positions=[1.0, 2.0]).fit(X, y)
    places["chromosomes"] = places["chromosomes"][1:]
    with pytest.raises(ValueError, match=r"chromosomes must hold .* got an array of shape \(39,\)"):
        InteractionScan(min_distance=5, **places).fit(X, y)
    confounder[3] = np.nan
    with pytest.raises(ValueError, match="covariates hold NaN or infinity"):
        InteractionScan(covariates=confounder).fit(X, y)


def test_opened_genotypes_are_read_by_blocks():
    X, y = simulate(2)
    missing = X.copy()
    missing[3, 7] = -127

    class Recorder:
        shape, dtype, widths = X.shape, np.int8, []

        def __getitem__(self, key):
            block = missing[key]
            self.widths.append(block.shape[1])
            return block

    variants = pd.DataFrame(
        {
            "chromosome": "1",
            "base_pair_location": range(1, 41),
            "variant_id": [f"rs{j}" for j in range(40)],
            "effect_allele": "A",
            "other_allele": "C",
        }
    )
    people = sample_index(None, [str(i) for i in range(len(y))])
    genotypes = Genotypes(Recorder(), people, variants, counted_allele="A", source="memory")
    scan = InteractionScan(block_size=8).fit(genotypes, y)
    assert scan.pairs_.tolist() == [[7, 20]]
    assert max(Recorder.widths) <= 40
    assert scan.feature_names_in_[7] == "rs7"
    mean = np.delete(X[:, 7], 3).mean()
    filled = pd.DataFrame(X.astype(float), columns=variants["variant_id"])
    filled.iloc[3, 7] = mean
    np.testing.assert_allclose(scan.transform(genotypes), scan.transform(filled))
    assert scan.transform(genotypes)[3, 7] == pytest.approx(mean)
    cases = y > np.median(y)  # bits are counted in files that miss no call
    Recorder.widths.clear()
    missing[3, 7] = X[3, 7]
    from_file = InteractionScan(block_size=8, p_value=0.1).fit(genotypes, cases)
    in_memory = InteractionScan(p_value=0.1).fit(X.astype(np.float32), cases)
    assert len(from_file.tests_.pairs) > 50
    np.testing.assert_array_equal(from_file.tests_.pairs, in_memory.tests_.pairs)
    confounded = InteractionScan(p_value=0.1, covariates=np.zeros((len(y), 1))).fit(X, cases)
    np.testing.assert_array_equal(confounded.tests_.pairs, in_memory.tests_.pairs)


def test_bits_and_products_of_matrices_give_one_table():
    X, y = simulate(5, n=900, m=300)
    dosages = X.astype(float)
    dosages[0, 0] += 1e-9  # not a hard call
    for trait in (y, y**3, y > 1):
        counted, multiplied = (
            InteractionScan(p_value=0.01).fit(genotypes, trait).tests_ for genotypes in (X, dosages)
        )
        clear = np.count_nonzero(counted.p_value < 0.005)  # about all others a screen may err
        assert clear > 150
        np.testing.assert_array_equal(counted.pairs[:clear], multiplied.pairs[:clear])
        np.testing.assert_allclose(counted.z[:clear], multiplied.z[:clear], rtol=1e-6)


@pytest.mark.parametrize(
    ("y", "message"),
    [(["a", "b", "c"] * 20, "numbers, or two labels"), ([np.nan] * 60, "NaN or infinity")],
)
def test_bad_traits(y, message):
    X, _ = simulate(3, n=60)
    with pytest.raises(ValueError, match=message):
        InteractionScan().fit(X, np.array(y))


@pytest.mark.skipif(shutil.which("plink1.9") is None, reason="plink1.9 is not installed")
def test_tests_are_those_of_plink(tmp_path):
    """The linear regression of PLINK's --epistasis, pair by pair."""
    X, y = simulate(4, n=300, m=21)
    X = X[:, 9:]
    code = np.array([3, 2, 0], dtype=np.uint8)[X].T  # 0, 1, 2 copies of the first allele
    packed = (code.reshape(12, -1, 4) * np.array([1, 4, 16, 64], dtype=np.uint8)).sum(axis=2)
    head = bytes([0x6C, 0x1B, 1])
    (tmp_path / "d.bed").write_bytes(head + packed.astype(np.uint8).tobytes())
    variants = [f"1 rs{j} 0 {1000 * j + 1} A G\n" for j in range(12)]
    (tmp_path / "d.bim").write_text("".join(variants))
    people = [f"f{i} i{i} 0 0 1 {value!r}\n" for i, value in enumerate(y.tolist())]
    (tmp_path / "d.fam").write_text("".join(people))
    arguments = ["--bfile", "d", "--epistasis", "--epi1", "1", "--allow-no-sex", "--out", "d"]
    subprocess.run(["plink1.9", *arguments], cwd=tmp_path, check=True, capture_output=True)
    theirs = pd.read_csv(tmp_path / "d.epi.qt", sep=r"\s+")
    scan = InteractionScan(p_value=1.0, max_r2=1.0).fit(X, y)
    ours = {
        tuple(pair): (z, p)
        for pair, z, p in zip(scan.tests_.pairs.tolist(), scan.tests_.z, scan.tests_.p_value)
    }
    assert len(theirs) == len(ours) == 66
    for _, row in theirs.iterrows():
        z, p = ours[int(row["SNP1"][2:]), int(row["SNP2"][2:])]
        assert row["STAT"] == pytest.approx(z**2, rel=2e-3, abs=1e-4)
        assert row["P"] == pytest.approx(p, rel=0.1)
