import numpy as np
import pytest

from skgenetics.datasets import load_geuvadis


@pytest.fixture(scope="session")
def dosages():
    """Real dosages of 358 people, 507 variants with LD."""
    X = load_geuvadis("ENSG00000260065").data
    X.flags.writeable = False
    return X


@pytest.fixture(scope="session")
def unlinked():
    """Independent dosages of 4,000 people, 300 variants."""
    rng = np.random.default_rng(0)
    return rng.binomial(2, rng.uniform(0.05, 0.5, size=300), size=(4000, 300)).astype(np.int8)
