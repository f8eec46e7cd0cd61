"""scikit-learn's own checks of the meta-estimator."""

from sklearn.linear_model import LinearRegression, Ridge
from sklearn.utils.estimator_checks import parametrize_with_checks

from skgenetics.compose import CovariateAdjustedRegressor


@parametrize_with_checks(
    [
        CovariateAdjustedRegressor(Ridge(solver="svd")),
        CovariateAdjustedRegressor(Ridge(solver="svd"), covariates=[0]),
        CovariateAdjustedRegressor(Ridge(solver="svd"), covariates=[0], adjust_features=False),
        CovariateAdjustedRegressor(LinearRegression()),
        CovariateAdjustedRegressor(LinearRegression(), covariates=[0]),
    ]
)
def test_check_estimator(estimator, check):
    check(estimator)
