"""Loci whose worker processes end: tried once more, named, and the others kept."""

import functools
import os
import signal

import numpy as np
import pytest
from joblib import parallel_config
from sklearn.exceptions import FitFailedWarning

from skgenetics import FinemapMiXeR
from skgenetics.finemapping import finemap_loci
from tests.finemapping.test_loci import assert_same, simulated

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")


def end_or_read(seed, folder, n_deaths):
    """End the process `n_deaths` times, and then return a locus."""
    tries = folder / f"{seed}.tries"
    tried = len(tries.read_text()) if tries.exists() else 0
    tries.write_text("x" * (tried + 1))
    if tried < n_deaths:
        os.kill(os.getpid(), signal.SIGKILL)
    return simulated(seed)


def loci_in(folder, deaths):
    """As many loci as there are numbers of `deaths`, read in the process that fits them."""
    folder.mkdir()
    return [
        {"name": f"locus {seed}", "open": functools.partial(end_or_read, seed, folder, n_deaths)}
        for seed, n_deaths in enumerate(deaths)
    ]


@pytest.fixture
def serial(tmp_path):
    return finemap_loci(loci_in(tmp_path / "serial", [0] * 4), FinemapMiXeR(), random_state=0)


def test_a_locus_whose_process_ended_is_fitted_by_another(serial, tmp_path):
    loci = loci_in(tmp_path / "two", [0, 1, 0, 0])
    with pytest.warns(UserWarning, match=r"worker process ended \(SIGKILL\).*locus 1"):
        found = finemap_loci(loci, FinemapMiXeR(), n_jobs=2, random_state=0)
    assert_same(found, serial)


def test_a_locus_whose_process_ends_again_is_named(serial, tmp_path):
    loci, out = loci_in(tmp_path / "two", [0, 99, 0, 0]), tmp_path / "out"
    with (
        pytest.warns(UserWarning, match="worker process ended"),
        pytest.warns(FitFailedWarning, match="1 of 4 loci failed; the first is 'locus 1'"),
    ):
        found = finemap_loci(loci, FinemapMiXeR(), n_jobs=2, random_state=0, output=out)
    assert found.loci["status"].tolist() == ["ok", "failed", "ok", "ok"]
    assert "ended twice (SIGKILL)" in found.loci["message"][1]
    assert (tmp_path / "two" / "1.tries").read_text() == "xx"
    assert len(list(out.iterdir())) == 3
    others = serial.variants[serial.variants["locus"] != "locus 1"].reset_index(drop=True)
    np.testing.assert_allclose(found.variants["pip"], others["pip"], rtol=1e-9)


@pytest.mark.slow
def test_workers_of_a_cluster_that_end_are_replaced(serial, tmp_path):
    distributed = pytest.importorskip("distributed")
    loci = loci_in(tmp_path / "two", [0, 1, 0, 99])
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster),
        parallel_config("dask"),
        pytest.warns(UserWarning, match="worker process ended"),
        pytest.warns(FitFailedWarning, match="the first is 'locus 3'"),
    ):
        found = finemap_loci(loci, FinemapMiXeR(), random_state=0)
    assert found.loci["status"].tolist() == ["ok", "ok", "ok", "failed"]
    others = serial.variants[serial.variants["locus"] != "locus 3"]
    np.testing.assert_allclose(found.variants["pip"], others["pip"], rtol=1e-9)
