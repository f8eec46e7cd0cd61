"""`skgenetics compare`: time of each model on one fold of a bundled gene, relative to RidgeCV."""

import time

from skgenetics.cli.compare.data import load_bundled
from skgenetics.cli.compare.models import MODELS
from skgenetics.cli.compare.work import Fit, fit_and_score

REGRESSORS = {entry.name: entry for entry in MODELS if entry.regressor is not None}


class OneFold:
    """Seconds of fitting and scoring, search of settings included, and their ratio to RidgeCV.

    Models of one trait run on the first gene, joint models on all five genes.
    """

    params = tuple(REGRESSORS)
    param_names = ("model",)

    def setup_cache(self):
        study = load_bundled(folds=5, seed=0)
        return study.tasks[0], study.joint[0]

    def setup(self, tasks, model):
        self.time_model(tasks, model)  # compiles

    def time_model(self, tasks, model):
        alone, joint = tasks
        entry = REGRESSORS[model]
        result = fit_and_score(None, Fit(joint if entry.joint else alone, entry, 0, 0), 0)
        assert result.error is None, result.error

    def track_times_ridge(self, tasks, model):
        seconds = {}
        for name in ("RidgeCV", model):
            start = time.perf_counter()
            self.time_model(tasks, name)
            seconds[name] = time.perf_counter() - start
        return seconds[model] / seconds["RidgeCV"]
