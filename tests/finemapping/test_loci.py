"""Many loci: one table, whatever the processes, the order, bad loci and interruptions."""

import functools
import os
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from joblib import parallel_config
from scipy.stats import norm
from sklearn.base import clone
from sklearn.callback import ProgressBar
from sklearn.exceptions import FitFailedWarning

from skgenetics import FinemapMiXeR
from skgenetics.datasets import make_genotypes, make_summary_statistics
from skgenetics.finemapping import LDMismatchWarning, colocalize, finemap_loci, ld_mismatch
from skgenetics.finemapping.solvers import CAVI, Gibbs

pd = pytest.importorskip("pandas")

ROOT = Path(__file__).resolve().parents[2]
GIBBS = {"solver": Gibbs(n_draws=100)}
COLUMNS = {
    "loci": "locus chromosome start end n_variants n_sets expected_causal h2 solver converged "
    "ld_mismatch status message seconds",
    "credible_sets": "locus cs chromosome start end size coverage min_abs_r mean_abs_r log10_bf "
    "lead_variant_id lead_rsid lead_pip low_purity",
    "variants": "locus chromosome base_pair_location effect_allele other_allele rsid variant_id "
    "effect_allele_frequency z p_value n pip posterior_mean posterior_sd cs cs_alpha flag",
}


def statistics_of(X, causal, seed, n_samples=20_000):
    """Summary statistics of a trait to which the variants `causal` each contribute 1%."""
    ld = np.corrcoef(X, rowvar=False)
    effects = np.zeros(len(ld))
    effects[causal] = 0.1
    study = make_summary_statistics(ld=ld, effects=effects, n_samples=n_samples, random_state=seed)
    return {"z": study.z, "ld": ld, "n_samples": n_samples}


def simulated(seed, n_variants=60):
    """A locus of simulated genotypes with one causal variant, number 20."""
    data = make_genotypes(300, n_variants, random_state=seed)
    known = {"chromosome": seed + 1, "base_pair_location": 1000 * np.arange(1, n_variants + 1)}
    return statistics_of(data.data, [20], seed) | {"variants": known}


def read_simulated(seed, folder, waits_for=None):
    """Note in `folder` that the locus was opened, wait for a file there, and return the locus."""
    with (folder / "opened.txt").open("a") as file:
        file.write(f"{seed}\n")
    while waits_for is not None and not (folder / waits_for).exists():
        time.sleep(0.02)
    return simulated(seed)


def read_window(path, shape, variants, seed):
    """A locus of real genotypes, without rare variants; one of them is causal and flagged so."""
    import bed_reader

    with bed_reader.open_bed(path, iid_count=shape[0], sid_count=shape[1]) as bed:
        X = bed.read(index=(slice(None), variants.index.to_numpy()), dtype="int8", num_threads=1)
    common = np.abs(1 - X.mean(axis=0)) < 0.9
    X, variants = X[:, common], variants[common]
    causal = int(np.random.default_rng(seed).integers(X.shape[1]))
    flag = np.where(np.arange(X.shape[1]) == causal, "causal", None)
    return statistics_of(X, [causal], seed) | {"variants": variants.assign(flag=flag)}


def raise_error():
    raise OSError("the file\nis gone")


def read_or_raise(folder):
    if not (folder / "repaired").exists():
        raise OSError("the file is gone")
    return simulated(1)


def lazy(folder, n_loci=4, **waits):
    """Loci that are opened where they are fitted."""
    return [
        {
            "name": f"chr1:{seed}/x",
            "open": functools.partial(
                read_simulated, seed, folder, waits_for=waits.get(f"locus_{seed}")
            ),
        }
        for seed in range(n_loci)
    ]


def assert_same(first, second, *, seconds=False):
    """Two results are equal, apart from the time they took."""
    for name in COLUMNS:
        left, right = first[name], second[name]
        if name == "loci" and not seconds:
            left, right = left.drop(columns="seconds"), right.drop(columns="seconds")
        pd.testing.assert_frame_equal(left, right, rtol=1e-9)


def test_tables_hold_what_the_estimator_says():
    loci = [{"name": name, **simulated(seed)} for seed, name in enumerate("ab")]
    result = finemap_loci(loci, FinemapMiXeR(solver="susie"))
    for name, columns in COLUMNS.items():
        assert list(result[name].columns) == columns.split()
    for seed, locus in enumerate(loci):
        data = {key: locus[key] for key in ("z", "ld", "n_samples")}
        model = FinemapMiXeR(solver="susie").fit_summary(**data)
        variants = result.variants[result.variants["locus"] == locus["name"]]
        np.testing.assert_array_equal(variants["pip"], model.pip_)
        np.testing.assert_array_equal(variants["posterior_mean"], model.coef_)
        np.testing.assert_array_equal(variants["posterior_sd"], model.coef_sd_)
        np.testing.assert_array_equal(variants["z"], locus["z"])
        np.testing.assert_allclose(variants["p_value"], 2 * norm.sf(np.abs(locus["z"])), rtol=1e-9)
        assert set(variants["n"]) == {20_000}
        (found,) = model.credible_sets_
        assert set(np.flatnonzero(variants["cs"] == 1)) == set(found["variants"])
        np.testing.assert_allclose(variants["cs_alpha"].sum(), found["alpha"].sum())

        (row,) = result.loci[result.loci["locus"] == locus["name"]].to_dict("records")
        assert (row["chromosome"], row["start"], row["end"]) == (str(seed + 1), 1000, 60_000)
        assert (row["n_variants"], row["n_sets"], row["solver"]) == (60, 1, "susie")
        assert (row["status"], row["message"], row["converged"]) == ("ok", "", True)
        assert row["h2"] == model.heritability_
        np.testing.assert_allclose(row["expected_causal"], model.pip_.sum())
        assert row["seconds"] > 0

        (row,) = result.credible_sets[result.credible_sets["locus"] == locus["name"]].to_dict(
            "records"
        )
        lead = int(found["variants"][0])
        assert (row["cs"], row["size"]) == (1, len(found["variants"]))
        assert row["start"] == 1000 * (min(found["variants"]) + 1)
        assert row["end"] == 1000 * (max(found["variants"]) + 1)
        assert (row["lead_variant_id"], row["lead_pip"]) == (f"x{lead}", model.pip_[lead])
        for key in ("coverage", "min_abs_r", "mean_abs_r", "log10_bf"):
            assert row[key] == found[key]
        assert not row["low_purity"]


def test_effects_are_those_of_the_estimator_and_colocalize_takes_them(tmp_path):
    X = make_genotypes(300, 60, random_state=2).data
    first, second = (statistics_of(X, causal, seed) for seed, causal in enumerate(([20, 50], [50])))
    aside = pd.DataFrame({"base_pair_location": [5], "z": [0.0], "n": [100]})
    known = {"variants": {"base_pair_location": np.arange(10, 70)}, "set_aside": aside}
    estimator = FinemapMiXeR(solver="susie")
    results = [
        finemap_loci([{"name": "a", **trait, **known}], estimator, output=output, effects=True)
        for trait, output in ((first, tmp_path), (first, tmp_path), (second, None))
    ]
    pd.testing.assert_frame_equal(results[0].effects, results[1].effects)
    a, b = (clone(estimator).fit_summary(**trait) for trait in (first, second))
    table, expected = results[0].effects, a.to_frame("effects")
    expected = expected[expected["cs"] > 0].reset_index(drop=True)
    assert set(table["cs"]) == {1, 2}
    for column in ("cs", "variant_id", "alpha", "posterior_mean", "posterior_sd", "log_bf"):
        np.testing.assert_array_equal(table[column], expected[column])
    np.testing.assert_array_equal(table["base_pair_location"], np.tile(np.arange(10, 70), 2))
    pd.testing.assert_frame_equal(
        colocalize(table, results[2].effects), colocalize(a, b), check_dtype=False
    )
    assert colocalize(table.iloc[:0], results[2].effects).empty
    assert "effects" not in finemap_loci([{"name": "a", **first}], FinemapMiXeR())


def test_what_is_known_of_variants_and_region():
    ld = np.array([[1.0, 0.3], [0.3, 1.0]])
    known = pd.DataFrame(
        {
            "chromosome": ["X", "X"],
            "base_pair_location": [7, 11],
            "effect_allele": ["A", "G"],
            "other_allele": ["C", "T"],
            "rsid": ["rs1", None],
            "effect_allele_frequency": [0.2, np.nan],
            "p_value": [np.nan, 0.25],
            "flag": ["LOW_N", None],
            "pip": [5, 5],  # a column of the result, not of what is known
        },
        index=[5, 9],
    )
    before = known.copy()
    locus = {
        "name": "a",
        "beta": np.array([0.5, 0.1]),
        "se": np.array([0.1, 0.1]),
        "ld": ld,
        "n_samples": [1000, 500],
        "variants": known,
        "start": 1,
        "params": {"causal_probability": [0.0, 0.2]},
    }
    keys = dict(locus)
    result = finemap_loci([locus], FinemapMiXeR())
    table = result.variants
    assert list(table["variant_id"]) == ["X_7_C_A", "X_11_T_G"]
    assert list(table["flag"].fillna("")) == ["LOW_N", ""]
    assert list(table["rsid"].fillna("")) == ["rs1", ""]
    assert list(table["n"]) == [1000, 500]
    np.testing.assert_allclose(table["z"], [5, 1])
    np.testing.assert_allclose(table["p_value"], [2 * norm.sf(5), 0.25])
    np.testing.assert_array_equal(table["effect_allele_frequency"], [0.2, np.nan])
    assert table["pip"][0] == 0
    assert list(result.loci[["chromosome", "start", "end"]].iloc[0]) == ["X", 1, 11]
    pd.testing.assert_frame_equal(known, before)
    assert locus == keys


@pytest.mark.slow
def test_22_windows_of_real_genotypes(shared):
    pytest.importorskip("bed_reader")
    prefix = shared / "data" / "kg1000_windows" / "kg489"
    if not prefix.with_suffix(".bed").is_file():
        pytest.skip(f"needs the genotypes {prefix}")
    names = ["chromosome", "rsid", "_", "base_pair_location", "effect_allele", "other_allele"]
    bim = pd.read_csv(prefix.with_suffix(".bim"), sep=r"\s+", header=None, names=names)
    loci = []
    for number, window in bim.groupby("chromosome"):
        arguments = (prefix.with_suffix(".bed"), (489, len(bim)), window[:300], number)
        opener = functools.partial(read_window, *arguments)
        loci.append({"name": f"locus {number}", "open": opener})
    with parallel_config("loky"):
        result = finemap_loci(loci, FinemapMiXeR(), n_jobs=2)
    assert list(result.loci["locus"]) == [f"locus {number}" for number in range(1, 23)]
    assert list(result.loci["chromosome"]) == [str(number) for number in range(1, 23)]
    assert (result.loci["status"] == "ok").all()
    assert result.loci["start"].min() >= 20_000_000
    assert result.loci["end"].max() < 21_000_000
    assert (result.variants["flag"] == "causal").sum() == 22
    # one causal variant of 1%, 20,000 people: each is found, and 95% sets hold at least 19 of 22
    assert (result.loci["n_sets"] == 1).sum() >= 21
    held = result.variants[result.variants["cs"] > 0]
    assert (held["flag"] == "causal").sum() >= 19
    assert result.credible_sets["size"].median() < 30


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"z": np.r_[np.nan, np.zeros(59)]}, "ValueError: z holds NaN"),
        ({"ld": np.eye(4)}, "ValueError: ld must be a square matrix.* 60 z statistics"),
        ({"open": raise_error}, "OSError: the file is gone"),
        ({"variants": {"rsid": ["rs1"]}}, "one row for each of the 60 z .*; got 1 rows"),
        ({"variants": {"chromosome": [1, 2] * 30}}, "one chromosome; got 1, 2"),
        ({"Z": 3}, "TypeError: .*unexpected keyword argument 'Z'"),
        ({"params": {"solver": "best"}}, "solver must be one of"),
        ({"open": functools.partial(dict, name="other", start="here")}, "here"),
    ],
)
def test_bad_locus_is_reported_and_the_others_kept(change, message, tmp_path):
    good = [{"name": name, **simulated(seed)} for seed, name in enumerate("ab")]
    bad = {"name": "bad", **simulated(5), "chromosome": "6", "start": 10, "end": 20} | change
    warning = r"1 of 3 loci failed; the first is 'bad': (?s:.*) others are kept"
    with pytest.warns(FitFailedWarning, match=warning):
        result = finemap_loci([good[0], bad, good[1]], FinemapMiXeR(), output=tmp_path)
    assert list(result.loci["status"]) == ["ok", "failed", "ok"]
    row = result.loci.iloc[1]
    assert (row["chromosome"], row["start"], row["end"]) == ("6", 10, 20)
    assert pd.isna(row["n_variants"])
    assert pd.Series([row["message"]]).str.contains(message).all()
    assert "\n" not in row["message"]
    assert set(result.variants["locus"]) == {"a", "b"}
    alone = finemap_loci(good, FinemapMiXeR())
    pd.testing.assert_frame_equal(result.variants, alone.variants)
    pd.testing.assert_frame_equal(result.credible_sets, alone.credible_sets)
    assert len(list(tmp_path.iterdir())) == 2


def test_all_loci_failed():
    with pytest.warns(FitFailedWarning, match="1 of 1 loci failed"):
        result = finemap_loci([{"name": "a", "open": raise_error}], FinemapMiXeR())
    good = finemap_loci([{"name": "a", **simulated(0)}], FinemapMiXeR())
    assert len(result.variants) == len(result.credible_sets) == 0
    for name in COLUMNS:
        assert (result[name].dtypes == good[name].dtypes).all()


class Mismatched(FinemapMiXeR):
    def fit_summary(self, z, ld, *, n_samples):
        super().fit_summary(z, ld, n_samples=n_samples)
        self.ld_mismatch_ = {"variants": [3]} if z[0] > 10 else {}


def test_ld_mismatch_of_the_estimator_is_told():
    ld = np.eye(2)
    loci = [{"name": str(z), "z": [z, 0.1], "ld": ld, "n_samples": 1000} for z in (12, 3)]
    result = finemap_loci(loci, Mismatched())
    assert list(result.loci["ld_mismatch"]) == [True, False]


def test_warnings_of_a_fit_are_its_message():
    loci = [{"name": "a", "on_mismatch": "ignore", **simulated(0)}]
    with warnings.catch_warnings(record=True) as caught:
        row = finemap_loci(loci, FinemapMiXeR(solver="susie", max_iter=1)).loci.iloc[0]
    assert not caught
    assert not row["converged"]
    assert row["status"] == "ok"
    assert "did not converge in 1 iteration. Increase max_iter" in row["message"]


@pytest.mark.parametrize(
    ("loci", "message"),
    [
        ([], "loci is empty"),
        ([{"name": "a"}, {"name": "b"}, {"name": "a"}], "unique; 1 occur .* first is 'a'"),
        ([{"name": "a"}, {"z": [1.0]}], r"'name' \(str\) each; got dict .* position 1"),
        ([{"name": 3}], "got dict without one at position 0"),
        (["a.npz"], "got str"),
        ([{"name": "a", "start": "12Mb"}], "start of locus 'a' must be a position .* got '12Mb'"),
    ],
)
def test_bad_lists_of_loci(loci, message):
    with pytest.raises(ValueError, match=message):
        finemap_loci(loci, FinemapMiXeR())


def test_bad_estimators_and_folders(tmp_path):
    loci = lazy(tmp_path)
    with pytest.raises(TypeError, match="FinemapMiXeR cannot be sent to worker processes"):
        finemap_loci(loci, FinemapMiXeR(tol=lambda: 1), n_jobs=2)
    with pytest.raises(TypeError, match=r"must fit summary statistics.* got ProgressBar|got 3"):
        finemap_loci(loci, 3)
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError, match=r"output must be a folder; .*file is a file"):
        finemap_loci(loci, FinemapMiXeR(), output=tmp_path / "file")
    assert not (tmp_path / "opened.txt").exists()


def test_results_do_not_depend_on_jobs_and_order():
    loci = [{"name": name, **simulated(seed)} for seed, name in enumerate("abcd")]
    estimator = FinemapMiXeR(**GIBBS, random_state=0)
    alone = finemap_loci(loci, estimator)
    with parallel_config("loky"):
        assert_same(finemap_loci(loci, estimator, n_jobs=2), alone)
    assert_same(finemap_loci(loci, FinemapMiXeR(**GIBBS), random_state=0), alone)
    other = finemap_loci(loci, estimator, random_state=1)
    assert np.abs(other.variants["pip"] - alone.variants["pip"]).max() > 1e-6


def test_a_locus_does_not_depend_on_those_beside_it(tmp_path):
    loci = [{"name": name, **simulated(seed)} for seed, name in enumerate(("a", "b"))]
    estimator = FinemapMiXeR(**GIBBS, random_state=0)
    two = finemap_loci(loci, estimator, output=tmp_path)
    written = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    more = [{"name": "first", **simulated(2)}, *loci[::-1], {"name": "A", **simulated(3)}]
    five = finemap_loci(more, estimator, output=tmp_path)  # "A" is no "a" on any file system
    for path, moment in written.items():
        assert path.stat().st_mtime_ns == moment  # read, not fitted again
    assert len(list(tmp_path.iterdir())) == 4
    fresh = finemap_loci(more, estimator)
    expected = two.variants.set_index("locus")["pip"]
    for other in (five, fresh):
        pip = other.variants.set_index("locus")["pip"]
        np.testing.assert_array_equal(pip.loc[["a", "b"]], expected)


def test_each_locus_has_its_own_seed():
    loci = [{"name": name, **simulated(0)} for name in "ab"]
    pip = finemap_loci(loci, FinemapMiXeR(**GIBBS, random_state=0)).variants["pip"].to_numpy()
    assert np.abs(pip[:60] - pip[60:]).max() > 1e-6
    np.testing.assert_allclose(pip[:60], pip[60:], atol=0.2)


def test_dask():
    distributed = pytest.importorskip("distributed")
    loci = [{"name": name, **simulated(seed)} for seed, name in enumerate("abcd")]
    loci.append({"name": "bad", "open": raise_error})
    with pytest.warns(FitFailedWarning, match="1 of 5"):
        alone = finemap_loci(loci, FinemapMiXeR(max_iter=1))
    cluster = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": ":0"}
    with (
        distributed.Client(**cluster),
        parallel_config("dask"),
        pytest.warns(FitFailedWarning, match="1 of 5"),
    ):
        spread = finemap_loci(loci, FinemapMiXeR(max_iter=1))
    assert_same(spread, alone)


@pytest.mark.slow
def test_killed_and_resumed(tmp_path):
    tmp_path = Path(str(tmp_path))  # as in the subprocess: a path pickles the parts it was made of
    output = tmp_path / "new" / "output"
    loci = lazy(tmp_path, locus_2="go")
    code = f"""
from pathlib import Path
from skgenetics import FinemapMiXeR
from skgenetics.finemapping.solvers import CAVI, Gibbs
from skgenetics.finemapping import LDMismatchWarning, finemap_loci, ld_mismatch
from tests.finemapping.test_loci import lazy
finemap_loci(lazy(Path({str(tmp_path)!r}), locus_2="go"), FinemapMiXeR(), output={str(output)!r})
"""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([sys.executable, "-c", code], env=environment)
    try:
        deadline = time.monotonic() + 60
        opened = tmp_path / "opened.txt"
        while not (opened.exists() and len(opened.read_text().split()) == 3):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        process.kill()
        process.wait()
    assert opened.read_text().split() == ["0", "1", "2"]
    assert len(list(output.glob("*.json.gz"))) == 2

    (tmp_path / "go").touch()
    resumed = finemap_loci(loci, FinemapMiXeR(), output=output)
    assert opened.read_text().split() == ["0", "1", "2", "2", "3"]
    assert_same(resumed, finemap_loci(loci, FinemapMiXeR()))
    opened.unlink()
    assert_same(finemap_loci(loci, FinemapMiXeR(), output=output), resumed, seconds=True)
    assert not opened.exists()


def test_partial_and_foreign_files_are_not_read(tmp_path):
    loci = [{"name": "a b", **simulated(0)}, {"name": "a_b", **simulated(1)}]
    first = finemap_loci(loci, FinemapMiXeR(), output=tmp_path)
    files = sorted(tmp_path.iterdir())
    assert len(files) == 2  # names that differ in what a file name cannot hold
    whole = files[0].read_bytes()
    for content in (whole[: len(whole) // 2], whole[:12] + whole[20:], b"", b"{}"):
        files[0].write_bytes(content)
        assert_same(finemap_loci(loci, FinemapMiXeR(), output=tmp_path), first)
        assert sorted(tmp_path.iterdir()) == files


@pytest.mark.parametrize(
    "change",
    [{"effect_variance": 0.5}, {"solver": CAVI(n_restarts=2)}, {"coverage": 0.5}],
)
def test_another_estimator_fits_again(change, tmp_path):
    loci = [{"name": "a", **simulated(0)}]
    finemap_loci(loci, FinemapMiXeR(), output=tmp_path)
    other = FinemapMiXeR(**change, random_state=0)
    result = finemap_loci(loci, other, output=tmp_path)
    assert_same(result, finemap_loci(loci, other))
    assert_same(finemap_loci(loci, other, output=tmp_path), result, seconds=True)


def test_other_code_fits_again(tmp_path, monkeypatch):
    loci = [{"name": "a", **simulated(0)}]
    first = finemap_loci(loci, FinemapMiXeR(), output=tmp_path)
    assert_same(finemap_loci(loci, FinemapMiXeR(), output=tmp_path), first, seconds=True)
    monkeypatch.setattr("skgenetics.finemapping._loci.code_identity", lambda: "other")
    again = finemap_loci(loci, FinemapMiXeR(), output=tmp_path)
    assert_same(again, first)
    assert again.loci["seconds"][0] != first.loci["seconds"][0]


def test_other_data_and_seeds_fit_again(tmp_path):
    estimator = FinemapMiXeR(**GIBBS, random_state=None)
    first = finemap_loci([{"name": "a", **simulated(0)}], estimator, output=tmp_path)
    # without a seed any draw will do
    again = finemap_loci([{"name": "a", **simulated(0)}], estimator, output=tmp_path)
    assert_same(again, first, seconds=True)
    options = {"output": tmp_path, "random_state": 0}
    seeded = finemap_loci([{"name": "a", **simulated(0)}], estimator, **options)
    assert np.abs(seeded.variants["pip"] - first.variants["pip"]).max() > 1e-6
    other = finemap_loci([{"name": "a", **simulated(1)}], estimator, **options)
    np.testing.assert_array_equal(other.variants["z"], simulated(1)["z"])


def test_arrays_shared_with_processes_are_the_same_data(tmp_path):
    loci = [{"name": name, **simulated(seed, 400)} for seed, name in enumerate("ab")]
    with parallel_config("loky"):
        first = finemap_loci(loci, FinemapMiXeR(), n_jobs=2, output=tmp_path)  # ld is 1.3 MB
    assert_same(finemap_loci(loci, FinemapMiXeR(), output=tmp_path), first, seconds=True)


def test_failed_loci_are_tried_again(tmp_path):
    loci = [{"name": "a", "open": functools.partial(read_or_raise, tmp_path)}]
    output = tmp_path / "output"
    with pytest.warns(FitFailedWarning, match="the file is gone"):
        finemap_loci(loci, FinemapMiXeR(), output=output)
    (tmp_path / "repaired").touch()
    assert finemap_loci(loci, FinemapMiXeR(), output=output).loci["status"][0] == "ok"


class Listener:
    """A callback that keeps what it hears."""

    def __init__(self):
        self.heard = []

    def setup(self, estimator, context):
        self.heard.append(("setup", context.max_subtasks))

    def on_fit_task_begin(self, estimator, context):
        self.heard.append(("begin", context.task_name))

    def on_fit_task_end(self, estimator, context, *, metadata):
        self.heard.append(("end", context.task_name, metadata and metadata["locus"]))

    def teardown(self, estimator, context):
        self.heard.append(("teardown",))


def test_callbacks_hear_of_each_locus():
    loci = [{"name": name, **simulated(seed)} for seed, name in enumerate("ab")]
    listener = Listener()
    estimator = FinemapMiXeR()
    finemap_loci(loci, estimator, callbacks=[listener])
    ab = [step for name in "ab" for step in (("begin", "locus"), ("end", "locus", name))]
    assert listener.heard == [
        ("setup", 2),
        ("begin", "loci"),
        *ab,
        ("end", "loci", None),
        ("teardown",),
    ]
    assert vars(estimator) == vars(FinemapMiXeR())


def test_progress_bar(capsys):
    pytest.importorskip("rich")
    finemap_loci([{"name": "a", **simulated(0)}], FinemapMiXeR(), callbacks=[ProgressBar()])
    shown = capsys.readouterr().out
    assert "FinemapMiXeR - loci" in shown
    assert "100%" in shown


def test_variants_set_aside_are_listed_without_a_pip():
    locus = {"name": "a", **simulated(0)}
    aside = pd.DataFrame(
        {
            "chromosome": ["1", "1"],
            "base_pair_location": [20_500, 1],
            "effect_allele": "A",
            "other_allele": "G",
            "z": [5.0, -1.0],
            "n": [10.0, 20.0],
            "flag": "LOW_N",
        }
    )
    plain = finemap_loci([locus], FinemapMiXeR())
    result = finemap_loci([{**locus, "set_aside": aside}], FinemapMiXeR())
    assert result.loci["n_variants"].tolist() == [60]
    pd.testing.assert_frame_equal(result.credible_sets, plain.credible_sets)
    listed = result.variants["pip"].isna()
    assert np.flatnonzero(listed).tolist() == [0, 21]  # in the order of positions
    rows = result.variants[listed]
    assert rows["variant_id"].tolist() == ["1_1_G_A", "1_20500_G_A"]
    assert (rows["z"].tolist(), rows["n"].tolist()) == ([-1.0, 5.0], [20.0, 10.0])
    np.testing.assert_allclose(rows["p_value"], 2 * norm.sf([1, 5]), rtol=1e-9)
    assert (rows["cs"] == 0).all()
    assert (rows["flag"] == "LOW_N").all()
    pd.testing.assert_frame_equal(result.variants[~listed].reset_index(drop=True), plain.variants)


def test_variants_at_fault_are_flagged_and_named():
    locus = {"name": "a", **simulated(0)}
    lead = int(np.argmax(np.abs(locus["z"])))
    locus["z"] = np.where(np.arange(60) == lead, -1, 1) * locus["z"]
    data = {key: locus[key] for key in ("z", "ld", "n_samples")}
    report = ld_mismatch(**data)
    assert report.flagged.size
    expected = np.full(60, "known", dtype=object)
    expected[report.flipped] += ";FLIPPED"
    expected[report.outliers] += ";LD_OUTLIER"
    with pytest.warns(LDMismatchWarning, match=rf"flipped at variants \[{lead}\]"):
        FinemapMiXeR().fit_summary(**data)
    names = [f"rs{1000 - j}" for j in range(60)]
    locus["variants"] = pd.DataFrame(locus["variants"]).assign(variant_id=names, flag="known")
    result = finemap_loci([locus], FinemapMiXeR())
    assert result.variants["flag"].tolist() == expected.tolist()
    assert f"alleles are flipped at variants [{names[lead]}]" in result.loci["message"].item()


NAMES = ["rs1", "rs2", "rs3"]


def labelled_locus(order=(0, 1, 2), **changes):
    """A locus whose strongest variant is rs1, its parts but z in some order."""
    names = [NAMES[i] for i in order]
    z = pd.Series([9.0, 2.0, 0.0], NAMES)
    n = pd.Series([1000.0, 2000.0, 3000.0], NAMES)
    ld = np.array([[1, 0.3, 0], [0.3, 1, 0.1], [0, 0.1, 1]])
    known = pd.DataFrame(
        {"rsid": NAMES, "chromosome": "1", "base_pair_location": [10, 20, 30]}, index=NAMES
    )
    locus = {
        "name": "a",
        "z": z,
        "ld": pd.DataFrame(ld, NAMES, NAMES).loc[names[::-1], names],
        "n_samples": n[names],
        "variants": known.loc[names],
    }
    return locus | changes


@pytest.mark.parametrize("kind", ["index", "column", "polars", "beta"])
def test_labelled_parts_of_a_locus_are_matched(kind):
    order = [2, 0, 1]
    locus = labelled_locus(order)
    if kind == "column":  # the labels are in a column, the index numbers the rows of a file
        locus["variants"] = locus["variants"].set_axis([7, 5, 6])
    elif kind == "polars":
        polars = pytest.importorskip("polars")
        locus["variants"] = polars.DataFrame(locus["variants"].to_dict("list"))
    elif kind == "beta":
        se = pd.Series([0.1, 0.2, 0.3], NAMES)
        locus |= {"z": None, "beta": locus["z"] * se, "se": se[[NAMES[i] for i in order]]}
    expected = finemap_loci([labelled_locus()], FinemapMiXeR())
    assert_same(finemap_loci([locus], FinemapMiXeR()), expected)
    assert expected.variants["rsid"].tolist() == NAMES
    assert expected.variants["n"].tolist() == [1000, 2000, 3000]
    assert expected.credible_sets["lead_rsid"].tolist() == ["rs1"]


def test_tables_of_other_names_are_by_position_and_those_of_some_are_refused():
    other = {"rsid": ["a", "b", "c"], "base_pair_location": [10, 20, 30]}
    by_position = finemap_loci([labelled_locus(variants=other)], FinemapMiXeR())
    assert by_position.variants["rsid"].tolist() == ["a", "b", "c"]
    for wrong, message in [
        ({"rsid": ["rs3", "rs1", "b"]}, "rsid of variants has 2 of the 3 labels of z"),
        (pd.DataFrame({"p_value": [0.1] * 3}, index=["a", "b", "c"]), "the index of variants has"),
    ]:
        with pytest.warns(FitFailedWarning, match=message):
            finemap_loci([labelled_locus(variants=wrong)], FinemapMiXeR())


def test_the_numbers_of_people_may_be_an_array_of_no_dimension():
    result = finemap_loci([labelled_locus(n_samples=np.array(1000))], FinemapMiXeR())
    assert result.variants["n"].tolist() == [1000] * 3


def test_flipped_variants_of_a_labelled_locus_are_flagged(tmp_path):
    locus = simulated(3)
    names = [f"rs{i}" for i in range(len(locus["z"]))]
    z = pd.Series(locus["z"], names)
    strongest = z.abs().nlargest(6).index
    z[strongest[1]] *= -1
    ld = pd.DataFrame(locus["ld"], names, names)
    flags = [
        finemap_loci(
            [{"name": "a", "n_samples": locus["n_samples"], "z": z, "ld": ld.loc[order, order]}],
            FinemapMiXeR(),
        ).variants["flag"]
        for order in (names, names[::-1])
    ]
    pd.testing.assert_series_equal(*flags)
    assert flags[0].notna().any()
