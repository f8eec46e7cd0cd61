"""`skgenetics compare`: what each model costs on one fold of a bundled gene."""

import time

from skgenetics._compare import fit_unit, regressors
from skgenetics._compare_data import load_bundled


class OneFold:
    """Seconds of fitting and scoring, settings chosen inside; and over those of RidgeCV."""

    params = tuple(regressors(1, None, 0))
    param_names = ("model",)

    def setup_cache(self):
        return load_bundled(folds=5, seed=0).tasks[0]

    def setup(self, task, model):
        self.time_model(task, model)  # compiles

    def time_model(self, task, model):
        result = fit_unit(None, (task, model, 0, 0), 0)
        assert result.error is None, result.error

    def track_times_ridge(self, task, model):
        seconds = {}
        for name in ("RidgeCV", model):
            start = time.perf_counter()
            self.time_model(task, name)
            seconds[name] = time.perf_counter() - start
        return seconds[model] / seconds["RidgeCV"]
