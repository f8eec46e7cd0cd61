"""The contract of solvers: every registered one keeps it, and one more class is one more solver."""

import warnings
from typing import ClassVar, NamedTuple

import numpy as np
import pytest
from scipy.special import logsumexp
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from skgenetics import FinemapMiXeR
from skgenetics.datasets import make_genotypes
from skgenetics.finemapping import LDMismatchWarning, _doubts, finemap_loci
from skgenetics.finemapping._posterior import Covariance, Posterior
from skgenetics.finemapping.solvers import CAVI, SOLVERS, Adam, Gibbs, Solver
from skgenetics.loci._credible_sets import sets_of_effects
from tests.oracles.finemapping import single_effect_evidence


class SingleState(NamedTuple):
    alpha: np.ndarray
    mean: np.ndarray
    second: np.ndarray
    bound: float
    converged: bool = True


class Single(Solver):
    """Exactly one effect, of variance `variance` where none is given."""

    name: ClassVar[str] = "single"
    calibrated: ClassVar[bool] = True

    def __init__(self, *, variance=0.05):
        self.variance = variance

    _constraints: ClassVar = {"variance": []}

    def start(self, problem):
        locus, prior = problem.locus, problem.prior_on_host()
        noise = problem.residual_variance or 1.0
        slab = np.full(len(locus.z), self.variance) if prior.slab is None else prior.slab
        pi = np.ones(len(locus.z)) if prior.pi is None else prior.pi
        precision = np.asarray(locus.scale) ** 2 / noise + 1 / slab
        mean = np.asarray(locus.scale * locus.z) / noise / precision
        log_bf = mean**2 * precision / 2 - np.log(slab * precision) / 2
        weights = np.log(pi / pi.sum()) + log_bf
        evidence = logsumexp(weights)
        alpha = np.exp(weights - evidence)
        yield SingleState(alpha, mean, mean**2 + 1 / precision, float(evidence))

    def posterior(self, state, locus):
        effect, second = state.alpha * state.mean, locus.array(state.alpha * state.second)
        varies = np.asarray(locus.scale) > 0
        return Posterior(
            pip=locus.array(varies * state.alpha),
            mean=locus.array(effect),
            covariance=Covariance(second, locus.array(effect[None, :]), locus.array([-1.0])),
            slab_second=second,
            residual_variance=1.0,
        )

    def credible_sets(self, state, problem):
        log_bf = np.array([state.bound])
        return sets_of_effects(
            state.alpha[None, :], log_bf, problem.locus.ld, **problem.set_rules()
        )

    def n_causal(self, state, posterior):
        return np.array([0.0, 1.0])


@pytest.fixture(params=[*SOLVERS, "single"])
def solver(request, monkeypatch):
    """The name of each solver, and of one that only the registry knows."""
    monkeypatch.setitem(SOLVERS, "single", Single)
    return request.param


@pytest.fixture
def one_locus(locus):
    X, y, (causal,) = locus(n=1500, p=12, n_causal=1, seed=1)
    R = np.corrcoef(X.T)
    z = np.sqrt(len(y)) * np.corrcoef(X.T, y)[-1, :-1]
    return X, y, z, R, causal


def quiet(solver):
    """The solver by its name, or with settings for which it converges soon."""
    settings = {"adam": Adam(min_iter=300), "gibbs": Gibbs(n_draws=300), "cavi": CAVI(n_restarts=3)}
    return settings.get(solver, solver)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_fits_data_and_statistics(solver, one_locus):
    pytest.importorskip("pandas")
    X, y, z, R, causal = one_locus
    model = FinemapMiXeR(solver=quiet(solver), tol=1e-3, max_iter=3000, random_state=0)
    for fitted in (model.fit(X, y), clone(model).fit_summary(z, R, n_samples=len(y))):
        assert fitted.solver_ == solver
        assert np.argmax(fitted.pip_) == causal
        assert np.all((fitted.pip_ >= 0) & (fitted.pip_ <= 1))
        assert fitted.credible_sets_[0]["variants"][0] == causal
        assert len(fitted.credible_sets_) == 1 or not SOLVERS[solver].calibrated
        mean, (low, high) = fitted.n_causal_
        assert low <= np.round(mean) <= high
        np.testing.assert_allclose(mean, fitted.pip_.sum(), rtol=0.05)
        assert fitted.to_frame()["cs"][causal] == 1
        assert fitted.heritability_ > 0
        assert np.isfinite(fitted.elbo_path_).all()
        assert isinstance(fitted.diagnostics_, dict)
    mean, std = model.predict(X, return_std=True)
    assert np.corrcoef(mean, y)[0, 1] > 0.1
    assert np.all(std > 0)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_given_heritability_counts(solver, one_locus):
    _, y, z, R, _ = one_locus
    models = [
        FinemapMiXeR(solver=quiet(solver), heritability=h2, max_iter=3000, random_state=0)
        for h2 in (0.001, 0.9)
    ]
    low, high = (model.fit_summary(z, R, n_samples=len(y)) for model in models)
    assert low.effect_variance_ < high.effect_variance_
    assert np.all(low.coef_ != high.coef_)
    if not SOLVERS[solver].has_pi:  # one effect is expected
        np.testing.assert_allclose(low.effect_variance_, 0.001)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_annotations_set_its_prior(solver, one_locus):
    _, y, z, R, causal = one_locus
    annotations = np.zeros((12, 1))
    annotations[[causal, (causal + 5) % 12]] = 1.0
    model = FinemapMiXeR(
        solver=quiet(solver), annotations=annotations, max_iter=500, random_state=0
    )
    model.fit_summary(z, R, n_samples=len(y))
    assert model.annotation_coef_[0] > 0
    assert model.causal_probability_.shape == (12,)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_constant_variants_have_no_effect(solver, one_locus):
    X, y, *_ = one_locus
    X = X.copy()
    X[:, 3] = 1
    model = FinemapMiXeR(solver=quiet(solver), max_iter=500, random_state=0).fit(X, y)
    assert model.pip_[3] == model.coef_[3] == 0


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_flipped_allele_is_turned_and_told(solver):
    R = np.corrcoef(make_genotypes(500, 200, random_state=0).data.T)
    z = np.random.default_rng(0).multivariate_normal(6 * R[50], R)
    right = FinemapMiXeR(solver=quiet(solver), max_iter=500, random_state=0)
    right.fit_summary(z, R, n_samples=4000, on_mismatch="ignore")
    z[50] *= -1
    model = FinemapMiXeR(solver=quiet(solver), max_iter=500, random_state=0)
    with pytest.warns(LDMismatchWarning, match="signs of flipped z were turned"):
        model.fit_summary(z, R, n_samples=4000)
    assert model.ld_mismatch_
    assert model.flipped_.tolist() == [50]
    np.testing.assert_array_equal(model.pip_, right.pip_)
    np.testing.assert_array_equal(model.coef_[50], -right.coef_[50])  # of the allele that z counts
    np.testing.assert_allclose(model.z_[50], -right.z_[50])


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_ld_of_others_gives_one_effect(solver):
    R, others = (np.corrcoef(make_genotypes(500, 200, random_state=k).data.T) for k in (0, 1))
    z = np.random.default_rng(0).multivariate_normal(20 * R[50], R)
    model = FinemapMiXeR(solver=quiet(solver), max_iter=500, random_state=0)
    with pytest.warns(LDMismatchWarning, match="One effect was fitted in place"):
        model.fit_summary(z, others, n_samples=4000)
    assert model.ld_mismatch_
    one = FinemapMiXeR(max_effects=1).fit_summary(z, others, n_samples=4000, on_mismatch="ignore")
    np.testing.assert_array_equal(model.pip_, one.pip_)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", SOLVERS)
def test_ld_that_is_no_correlation_matrix_is_told(name):
    """Its entries are between -1 and 1, but some eigenvalues below 0."""
    rng = np.random.default_rng(2)
    R = rng.uniform(-1, 1, (12, 12))
    R = (R + R.T) / 2
    np.fill_diagonal(R, 1)
    model = FinemapMiXeR(solver=quiet(name), random_state=0)
    with pytest.raises(ValueError, match="ld has negative eigenvalues"):
        model.fit_summary(5 * rng.normal(size=12), R, n_samples=5000, on_mismatch="ignore")
    lowest = np.linalg.eigvalsh(R)[0]
    R = (R - lowest * np.eye(12)) / (1 - lowest)
    model.fit_summary(5 * R[0], R, n_samples=5000, on_mismatch="ignore")
    assert np.argmax(model.pip_) == 0


def test_doubts_are_those_of_calibrated_solvers(solver, monkeypatch):
    R = np.array([[1.0, 0.97, 0.0], [0.97, 1.0, 0.0], [0.0, 0.0, 1.0]])
    z = np.array([6.0, 6.0, 0.0])
    monkeypatch.setattr(SOLVERS[solver], "credible_sets", two_sets)
    monkeypatch.setattr(_doubts, "hidden_effects", lambda *_: ["two effects are hidden"])
    model = FinemapMiXeR(solver=quiet(solver), max_iter=500, random_state=0, tol=1e9)
    if SOLVERS[solver].calibrated:
        with pytest.raises(ValueError, match="two effects are hidden"):
            model.fit_summary(z, R, n_samples=4000, on_mismatch="raise")
    else:
        model.fit_summary(z, R, n_samples=4000, on_mismatch="raise")
        assert not model.ld_mismatch_


def two_sets(solver, state, problem):
    """Credible sets that hold two variants of high LD."""
    return [
        {"variants": np.array([variant]), "alpha": np.ones(1), "log10_bf": 3.0}
        for variant in (0, 1)
    ]


def test_no_more_states_are_taken_than_it_says(solver, one_locus):
    _, y, z, R, _ = one_locus
    one = quiet(solver)
    limit = (SOLVERS[one]() if isinstance(one, str) else one).n_iterations(2)
    model = FinemapMiXeR(solver=one, max_iter=2, tol=0, random_state=0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit_summary(z, R, n_samples=len(y), on_mismatch="ignore")
    unfinished = SOLVERS[solver].unfinished.split("{}")[-1]
    remedies = [warning for warning in caught if unfinished in str(warning.message)]
    assert len(remedies) == (not model.converged_)
    if solver in ("adam", "cavi", "susie"):
        assert not model.converged_
    assert model.n_iter_ <= limit


def test_many_loci_name_it(solver, one_locus):
    pytest.importorskip("pandas")
    _, y, z, R, _ = one_locus
    loci = [{"name": "one", "z": z, "ld": R, "n_samples": len(y)}]
    estimator = FinemapMiXeR(solver=quiet(solver), random_state=0, max_iter=3000)
    assert finemap_loci(loci, estimator).loci["solver"].tolist() == [solver]


def test_the_one_more_is_exact(one_locus, monkeypatch):
    monkeypatch.setitem(SOLVERS, "single", Single)
    _, y, z, R, _ = one_locus
    model = FinemapMiXeR(solver="single", effect_variance=0.02).fit_summary(
        z, R, n_samples=len(y), on_mismatch="ignore"
    )
    scale = np.full(12, np.sqrt(len(y)))
    evidence, alpha, _ = single_effect_evidence(
        model.z_, R, scale, weights=np.full(12, 1 / 12), variances=np.full(12, 0.02)
    )
    np.testing.assert_allclose(model.pip_, alpha, rtol=1e-9)
    np.testing.assert_allclose(model.elbo_path_, [evidence], rtol=1e-9)


def test_auto_reads_the_flags(monkeypatch):
    monkeypatch.setattr("skgenetics.finemapping._choice.MAX_DENSE_LD", 10)
    z, R = np.array([5.0] + [0.0] * 11), np.eye(12)

    def chosen(n_variants, panel_size=None, **parameters):
        few, ld = z[:n_variants], R[:n_variants, :n_variants]
        model = FinemapMiXeR(**parameters)
        return model.fit_summary(few, ld, n_samples=500, panel_size=panel_size).solver_

    assert chosen(8, heritability=0.1) == "gibbs"
    assert chosen(12, heritability=0.1) == "susie"  # "gibbs" forms LD
    assert chosen(8) == chosen(8, panel_size=500) == "gibbs"
    assert chosen(8, panel_size=499) == "gibbs"  # the errors of its LD are known
    assert chosen(8, panel_size=499, residual_variance=None) == "susie"
    assert chosen(8, max_effects=2) == "susie"
    assert chosen(8, max_effects=2, heritability=0.1) == "susie"
    monkeypatch.setattr(Gibbs, "most_variants", 7)
    assert chosen(7) == "gibbs"
    assert chosen(8) == "susie"
    assert chosen(8, heritability=0.1) == "gibbs"
    monkeypatch.setitem(SOLVERS, "single", Single)
    monkeypatch.setattr(Single, "has_pi", True, raising=False)
    assert chosen(12, heritability=0.1) == "single"
    assert chosen(12) == "susie"


@pytest.mark.parametrize("on_mismatch", ["one_effect", "ignore"])
def test_auto_samples_with_ld_of_the_people_of_the_scan_alone(on_mismatch):
    """The LD of others looks much alike, but lets effects cancel each other."""
    X, others = (make_genotypes(500, 200, random_state=k).data.astype(float) for k in (0, 1))
    R, nearly = np.corrcoef(X.T), np.corrcoef(np.vstack([X[:400], others[:100]]).T)
    z = np.random.default_rng(0).multivariate_normal(5 * R[50], R)
    settings = {"n_samples": 20_000, "on_mismatch": on_mismatch}
    for ld, name in ((R, "gibbs"), (R.round(3), "gibbs"), (nearly, "susie")):
        model = FinemapMiXeR().fit_summary(z, ld, **settings)
        same = FinemapMiXeR(solver=name).fit_summary(z, ld, **settings)
        assert model.solver_ == name
        np.testing.assert_array_equal(model.pip_, same.pip_)
        assert model._solver.name == name
        assert hasattr(model, "ld_mismatch_") == (on_mismatch != "ignore")


def test_fits_by_default_are_the_same_every_time():
    z, R = np.array([4.0, 3.0, 1.0, 0.0]), 0.5 * np.eye(4) + 0.5
    model = FinemapMiXeR()
    first = model.fit_summary(z, R, n_samples=1000).pip_
    assert model.solver_ == "gibbs"
    model.fit_summary(z[:2], R[:2, :2], n_samples=1000)  # draws between
    np.testing.assert_array_equal(model.fit_summary(z, R, n_samples=1000).pip_, first)
    model.set_params(random_state=None)
    assert np.any(model.fit_summary(z, R, n_samples=1000).pip_ != first)


def test_causal_probabilities_of_0_are_refused_by_every_solver():
    with pytest.raises(ValueError, match="causal_probability is 0 for every variant"):
        FinemapMiXeR(solver="gibbs", causal_probability=np.zeros(3)).fit_summary(
            np.ones(3), np.eye(3), n_samples=100
        )


def test_names_of_solvers_come_from_the_registry(monkeypatch):
    monkeypatch.setitem(SOLVERS, "single", Single)
    names = ", ".join(repr(name) for name in ("auto", *SOLVERS))
    with pytest.raises(ValueError, match=f"one of {names} or a solver such as"):
        FinemapMiXeR(solver="double").fit_summary(np.zeros(3), np.eye(3), n_samples=10)
    for name, solver in SOLVERS.items():
        assert solver.name == name
        if name != "single":  # which came after the class was made
            assert f'"{name}"' in FinemapMiXeR.__doc__


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_settings_are_searched_and_cloned():
    rng = np.random.default_rng(0)
    X = rng.integers(0, 3, size=(80, 6)).astype(float)
    y = X[:, 2] + rng.normal(size=80)
    search = GridSearchCV(
        FinemapMiXeR(solver=Gibbs(n_draws=100), random_state=0),
        {"solver__n_draws": [100, 200], "solver__n_chains": [2]},
        cv=2,
        error_score="raise",
    ).fit(X, y)
    assert search.best_estimator_.solver.n_draws in (100, 200)
    assert search.best_estimator_.solver is not search.estimator.solver
    assert search.estimator.solver.n_draws == 100  # settings are the user's
    also = GridSearchCV(
        FinemapMiXeR(random_state=0), {"solver": ["susie", CAVI(n_restarts=2)]}, cv=2
    ).fit(X, y)
    assert also.best_estimator_.solver_ in ("susie", "cavi")


@pytest.mark.parametrize("solver", [solver() for solver in SOLVERS.values()], ids=list(SOLVERS))
def test_every_setting_has_its_constraint(solver):
    assert list(solver.get_params(deep=False)) == sorted(solver._constraints)
    none_allowed = {name for name, rules in solver._constraints.items() if None in rules}
    z, R = np.zeros(4), np.eye(4)
    for name, value in solver.get_params(deep=False).items():
        if value is not None:
            other = clone(solver).set_params(**{name: None})
            if name in none_allowed:
                continue
            with pytest.raises(ValueError, match=f"{name} must be"):
                FinemapMiXeR(solver=other).fit_summary(z, R, n_samples=100)


def test_every_parameter_has_its_constraint():
    model = FinemapMiXeR()
    assert sorted(model._constraints) == list(model.get_params(deep=False))
    for name, rules in model._constraints.items():
        if None not in rules and name != "random_state":
            with pytest.raises(ValueError, match=f"{name} must be"):
                FinemapMiXeR(**{name: None}).fit_summary(np.zeros(4), np.eye(4), n_samples=100)


def test_fit_samples_since_the_ld_is_that_of_the_people(monkeypatch):
    rng = np.random.default_rng(0)
    X, case = rng.integers(0, 3, size=(60, 6)), np.arange(60) % 2
    assert FinemapMiXeR().fit(X, X[:, 0] + rng.normal(size=60)).solver_ == "gibbs"
    assert FinemapMiXeR(trait="binary").fit(X, case).solver_ == "gibbs"
    assert FinemapMiXeR(max_effects=2).fit(X, case).solver_ == "susie"
    monkeypatch.setattr(Gibbs, "most_variants", 5)
    assert FinemapMiXeR().fit(X, case).solver_ == "susie"
