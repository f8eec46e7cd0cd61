"""The estimator with settings that suit the fixture `made`."""

from skgenetics import MILAGERegressor


def model(made, n_components=3, **options):
    settings = {"cis_alpha": 0.1, "loading_alpha": 0.003, "random_state": 0} | options
    return MILAGERegressor(
        n_components, cis_windows=made.cis_windows, n_variants=made.data.shape[1], **settings
    )
