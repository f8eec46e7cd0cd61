"""scikit-learn's own checks of the transformers."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from skgenetics.preprocessing import (
    GenotypeImputer,
    GenotypeScaler,
    InteractionScan,
    LDPruner,
    MinorAlleleFrequencyThreshold,
)


@pytest.mark.filterwarnings("ignore:.*no observed call:UserWarning")
@parametrize_with_checks(
    [
        GenotypeImputer(),
        GenotypeImputer(missing_codes=(9,)),
        GenotypeScaler(),
        GenotypeScaler(scale="sd"),
        MinorAlleleFrequencyThreshold(),
        InteractionScan(),
        LDPruner(),
        LDPruner(0.5, window=1, keep="maf"),
    ]
)
def test_check_estimator(estimator, check):
    check(estimator)
