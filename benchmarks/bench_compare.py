"""`skgenetics compare`: time of each model on one fold of a bundled gene, relative to RidgeCV."""

import time

from skgenetics.cli.compare.data import load_bundled
from skgenetics.cli.compare.models import joint_regressors, regressors
from skgenetics.cli.compare.work import fit_unit


class OneFold:
    """Seconds of fitting and scoring, search of settings included, and their ratio to RidgeCV.

    Models of one trait run on the first gene, joint models on all five genes.
    """

    params = (*regressors(1, None, 0), *joint_regressors(1, None, 0))
    param_names = ("model",)

    def setup_cache(self):
        study = load_bundled(folds=5, seed=0)
        return study.tasks[0], study.joint[0]

    def setup(self, tasks, model):
        self.time_model(tasks, model)  # compiles

    def time_model(self, tasks, model):
        task = next(task for task in tasks if model in task.models(None, 0))
        result = fit_unit(None, (task, model, 0, 0), 0)
        assert result.error is None, result.error

    def track_times_ridge(self, tasks, model):
        seconds = {}
        for name in ("RidgeCV", model):
            start = time.perf_counter()
            self.time_model(tasks, name)
            seconds[name] = time.perf_counter() - start
        return seconds[model] / seconds["RidgeCV"]
