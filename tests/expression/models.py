"""The estimator with settings that suit the fixture `made`."""

from skgenetics import MILAGERegressor

STRENGTHS = {"variant_alpha": 1e-3, "loading_alpha": 0.03, "tissue_alpha": 0.01}
FIXED = {**STRENGTHS, "polygenic": False}  # nothing is left to the data but the cis part


def model(made, n_components=3, **options):
    settings = {
        **FIXED, "cis_alpha": 0.1, "loading_alpha": 0.003, "random_state": 0
    } | options  # fmt: skip
    return MILAGERegressor(
        n_components, cis_windows=made.cis_windows, n_variants=made.data.shape[1], **settings
    )
