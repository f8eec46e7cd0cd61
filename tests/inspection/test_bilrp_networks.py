import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.neural_network import MLPClassifier, MLPRegressor

from skgenetics.inspection import bilrp, relevance
from tests.oracles.bilrp_naive import network

D = 12


def data(n=60):
    rng = np.random.default_rng(0)
    X = rng.integers(0, 3, size=(n, D)).astype(np.int8)
    return X, X[:, :4].sum(axis=1) + rng.normal(size=n)


def fitted(estimator, y=None):
    X, trait = data()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return estimator.fit(X, trait if y is None else y)


@pytest.fixture
def layers():
    rng = np.random.default_rng(1)
    return [(rng.normal(size=(D, 5)), rng.normal(size=5), "relu"), (np.eye(5), np.zeros(5), "relu")]


@pytest.mark.parametrize("activation", ["relu", "identity"])
def test_mlp_is_explained_by_its_hidden_layers(activation):
    options = {"hidden_layer_sizes": (8, 6), "activation": activation, "max_iter": 20}
    X, trait = data()
    for model in (
        fitted(MLPRegressor(**options, random_state=0)),
        fitted(MLPClassifier(**options, random_state=0), trait > np.median(trait)),
    ):
        hidden = list(zip(model.coefs_[:2], model.intercepts_[:2], [activation] * 2))
        explanation = bilrp(model, X[:3])
        phi = np.array([network(hidden, x)[0][-1] for x in X[:3]])
        np.testing.assert_allclose(explanation.similarity(), phi @ phi.T, atol=1e-10)
        np.testing.assert_allclose(explanation.conservation(), 0, atol=1e-10)
        np.testing.assert_array_equal(explanation.factors, bilrp(hidden, X[:3]).factors)


def test_outputs_of_an_mlp_are_explained():
    X, _ = data()
    regressor = fitted(MLPRegressor(hidden_layer_sizes=(8,), max_iter=20, random_state=0))
    found, from_bias = relevance(regressor, X[:5])
    assert found.shape == (5, 1, D)
    np.testing.assert_allclose(
        found.sum(axis=2)[:, 0] + from_bias.sum(axis=2)[:, 0], regressor.predict(X[:5]), atol=1e-10
    )
    classifier = fitted(
        MLPClassifier(hidden_layer_sizes=(8,), max_iter=20, random_state=0), np.arange(60) % 3
    )
    found, from_bias = relevance(classifier, X[:5])
    score = found.sum(axis=2) + from_bias.sum(axis=2)
    odds = np.exp(score)
    probability = odds / odds.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(probability, classifier.predict_proba(X[:5]), atol=1e-10)


@pytest.mark.parametrize("activation", ["tanh", "logistic"])
def test_activations_that_are_not_piecewise_linear(activation, layers):
    model = fitted(MLPRegressor(hidden_layer_sizes=(4,), activation=activation, max_iter=5))
    for explain in (bilrp, relevance):
        with pytest.raises(ValueError, match=f"activation '{activation}'.*use 'relu', 'identity'"):
            explain(model, data()[0])
        with pytest.raises(ValueError, match=f"Layer 0 has the activation '{activation}'"):
            explain([(*layers[0][:2], activation)], data()[0])


def test_networks_that_cannot_be_explained():
    X, _ = data()
    with pytest.raises(ValueError, match="MLPRegressor was fitted without a hidden layer"):
        bilrp(fitted(MLPRegressor(hidden_layer_sizes=(), max_iter=5)), X)
    with pytest.raises(NotFittedError):
        bilrp(MLPRegressor(), X)
    with pytest.raises(TypeError, match=r"LinearRegression cannot be explained.*MLPClassifier"):
        bilrp(LinearRegression().fit(*data()), X)


def test_samples_that_do_not_fit_the_network(layers):
    X, _ = data()
    model = fitted(MLPRegressor(hidden_layer_sizes=(4,), max_iter=5))
    with pytest.raises(ValueError, match=r"X must have 12 columns.*got 11"):
        bilrp(layers, X[:, 1:])
    with pytest.raises(ValueError, match=r"X2 must have 12 columns.*got 11"):
        bilrp(layers, X, X[:, 1:])
    with pytest.raises(ValueError, match=r"11 features.*expecting 12 features"):
        bilrp(model, X[:, 1:])
    missing = X.astype(float)
    missing[2, 3] = np.nan
    for network_ in (layers, model):
        with pytest.raises(ValueError, match="contains NaN"):
            bilrp(network_, missing)
        with pytest.raises(ValueError, match="contains NaN"):
            bilrp(network_, X, missing)
        with pytest.raises(ValueError, match=r"holds -9.*GenotypeImputer"):
            bilrp(network_, np.where(X == 0, -9, X).astype(np.int8))
        with pytest.raises(ValueError, match="2D array"):
            bilrp(network_, X[0])


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ([], "list of layers is empty"),
        ([np.eye(D)], r"Layer 0 must be a tuple \(W, b, activation\)"),
        ([(np.eye(D), np.zeros(D))], "Layer 0 must be a tuple"),
        ([(np.ones(D), np.zeros(1), "relu")], r"got W \(12,\) and b \(1,\)"),
        ([(np.eye(D), np.zeros(3), "relu")], r"got W \(12, 12\) and b \(3,\)"),
        (
            [(np.eye(D), np.zeros(D), "relu"), (np.eye(3), np.zeros(3), "relu")],
            "Layer 1 must have 12 inputs",
        ),
        ([(np.full((D, 2), np.nan), np.zeros(2), "relu")], "Layer 0 holds NaN"),
        ([(np.eye(D), np.full(D, np.inf), "relu")], "Layer 0 holds NaN or infinity"),
        (
            [(np.eye(D), np.zeros(D), ("leaky_relu", 1.5))],
            "slope of 'leaky_relu' must be .* got 1.5",
        ),
        ([(np.eye(D), np.zeros(D), ("elu", 0.5))], "activation \\('elu', 0.5\\)"),
    ],
)
def test_layers_that_do_not_make_a_network(broken, message):
    with pytest.raises(ValueError, match=message):
        bilrp(broken, data()[0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rule": "alpha"}, "rule must be one of 'lrp0', .*got 'alpha'"),
        ({"rule": ["lrp0"]}, "a list of 2, one per layer"),
        ({"rule": ["lrp0", "beta"]}, r"rule\[1\] must be one of"),
        ({"rule": ["lrp0", "zb"]}, r"rule\[1\] is 'zb'.*first layer only"),
        ({"gamma": -0.1}, "gamma must be a number >= 0; got -0.1"),
        ({"epsilon": 0.0}, "epsilon must be a number > 0; got 0.0"),
        ({"bias": "leak"}, "bias must be one of 'unit', 'denominator'"),
        ({"normalize": "l2"}, "normalize must be True or False; got 'l2'"),
        ({"layer": 2}, "from -2 to 1, as phi has 2 layers; got 2"),
        ({"layer": 0.5}, "layer must be an integer"),
        ({"rule": "zb", "bounds": (0, 1)}, "X leaves the bounds: column 0 holds 0 to 2"),
        ({"rule": "zb", "bounds": (2, 0)}, "X leaves the bounds"),
        ({"rule": "zb", "bounds": (np.zeros(D), np.full(D, 1.0))}, "bounds are 0 and 1"),
        ({"rule": "zb", "bounds": (np.nan, 2)}, "bounds are nan and 2"),
        ({"rule": "zb", "bounds": (np.zeros(D), np.full(D, np.nan))}, "bounds are 0 and nan"),
        (
            {"rule": "zb", "bounds": (np.zeros(3), 2)},
            r"shape \(12,\), one per variant; got .*\(3,\)",
        ),
        ({"rule": "zb", "bounds": 2}, r"bounds must be a tuple \(low, high\); got 2"),
    ],
)
def test_parameters_outside_their_range(layers, change, message):
    with pytest.raises(ValueError, match=message):
        bilrp(layers, data()[0], **change)


def test_bounds_of_a_training_set_may_be_left_a_little(layers):
    X = data()[0].astype(float)
    low, high = np.zeros(D), np.full(D, 1.5)
    explanation = bilrp(layers, X, rule="zb", bounds=(low, high))
    np.testing.assert_allclose(explanation.conservation(), 0, atol=1e-9)
    with pytest.raises(ValueError, match="X2 leaves the bounds: column 7"):
        bilrp(layers, X, X + 3 * (np.arange(D) == 7), rule="zb", bounds=(low, high))


def test_complex_layers_are_refused():
    with pytest.raises(ValueError, match="Layer 0 must have real numbers"):
        bilrp([(1j * np.ones((D, 3)), np.zeros(3), "relu")], data()[0])


def test_sequential_of_torch_is_its_list_of_layers(layers):
    torch = pytest.importorskip("torch")
    modules = []
    for W, b, _ in layers:
        linear = torch.nn.Linear(*W.shape).double()
        linear.load_state_dict({"weight": torch.tensor(W.T), "bias": torch.tensor(b)})
        modules += [linear, torch.nn.ReLU(), torch.nn.Dropout(0.5)]
    head = torch.nn.Linear(5, 1).double()
    network = torch.nn.Sequential(*modules, head)
    X, _ = data(4)
    expected = bilrp(layers, X).similarity()
    np.testing.assert_allclose(bilrp(network, X).similarity(), expected)
    nested = type("Subclass", (torch.nn.Sequential,), {})(torch.nn.Sequential(*modules), head)
    np.testing.assert_allclose(bilrp(nested, X).similarity(), expected)
    total = relevance(network, X)
    output = head(torch.nn.Sequential(*modules).eval()(torch.tensor(X, dtype=torch.float64)))
    np.testing.assert_allclose(sum(part.sum(axis=2) for part in total), output.detach().numpy())
    with pytest.raises(ValueError, match="Module Tanh of the Sequential cannot be explained"):
        bilrp(torch.nn.Sequential(head, torch.nn.Tanh()), X)
