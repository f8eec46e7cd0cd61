"""Networks of linear and ReLU layers: read from estimators or lists, and passed through forward."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from skgenetics.utils._arrays import (
    float_dtype,
    get_namespace_and_device,
    move_to,
    namespace_of,
)
from skgenetics.utils._parameters import Number, check_parameter
from skgenetics.utils._typing import Array, ArrayLike
from skgenetics.utils._validation import as_array, as_genotypes, check_missing_codes

SLOPES = {"relu": 0.0, "identity": 1.0}


class Layer(NamedTuple):
    """One layer a -> z where z > 0, slope z elsewhere, with z = a W + b; homogeneous for b = 0."""

    weight: Array  # (inputs, outputs)
    bias: Array  # (outputs,)
    slope: float  # 0 ReLU, 1 identity, between them leaky ReLU


class LayerPass(NamedTuple):
    """A layer and what passes through it forward."""

    layer: Layer
    inputs: Array  # a (n, inputs)
    sums: Array  # z = a W + b (n, outputs), before the activation


def forward(layers: Sequence[Layer], X: Array) -> tuple[Array, list[LayerPass]]:
    """Return phi(X) (n, outputs), and the pass of each layer, input first."""
    xp, activations, passes = namespace_of(X), X, []
    for layer in layers:
        z = activations @ layer.weight + layer.bias
        passes.append(LayerPass(layer, activations, z))
        activations = z if layer.slope == 1 else xp.where(z > 0, z, layer.slope * z)
    return activations, passes


def read_layers(source: Any, end: str) -> list[Layer]:
    """Return the layers up to the "embedding" or the "output", checked, where their arrays are."""
    layers: Sequence[Any]
    if is_sequential(source):
        layers = _layers_of_sequential(source, end)
    else:
        layers = source if isinstance(source, list | tuple) else _layers_of_estimator(source, end)
    if not layers:
        raise ValueError("The list of layers is empty; give at least one (W, b, activation).")
    read: list[Layer] = []
    for number, layer in enumerate(layers):
        read.append(_read_layer(layer, number, read[-1].weight.shape[1] if read else None))
    return read


def _read_layer(layer: Any, number: int, n_inputs: int | None) -> Layer:
    """Return the `Layer` of a tuple (W, b, activation), the `number`-th, with `n_inputs` inputs."""
    if not isinstance(layer, list | tuple) or len(layer) != 3:
        raise ValueError(f"Layer {number} must be a tuple (W, b, activation); got {layer!r}.")
    weight, bias = (a if hasattr(a, "shape") else np.asarray(a) for a in layer[:2])
    shapes = f"W {tuple(weight.shape)} and b {tuple(bias.shape)}"
    if weight.ndim != 2 or tuple(bias.shape) != (weight.shape[1],):
        raise ValueError(
            f"Layer {number} must have W of shape (inputs, outputs) and b of shape (outputs,); "
            f"got {shapes}."
        )
    if n_inputs not in (None, weight.shape[0]):
        raise ValueError(
            f"Layer {number} must have {n_inputs} inputs, as the layer before it has {n_inputs} "
            f"outputs; got {shapes}."
        )
    if any("complex" in str(array.dtype) for array in (weight, bias)):
        raise ValueError(f"Layer {number} must have real numbers; got complex ones.")
    return Layer(weight, bias, _read_slope(layer[2], f"Layer {number}"))


def is_sequential(source: Any) -> bool:
    """Whether `source` is a torch.nn.Sequential; torch is not imported to tell."""
    names = [kind.__name__ for kind in type(source).__mro__]
    return "Sequential" in names and hasattr(source, "state_dict")


def _modules(sequential: Any) -> Iterator[Any]:
    """Yield the modules of a torch.nn.Sequential, and of those within it."""
    for module in sequential:
        if is_sequential(module):
            yield from _modules(module)
        else:
            yield module


def _layers_of_sequential(sequential: Any, end: str) -> list[tuple]:
    """Return the layers (W, b, activation) of a torch.nn.Sequential, as it predicts.

    The embedding leaves out a last layer without activation, as for a perceptron.
    """
    layers: list[tuple] = []
    for module in _modules(sequential):
        name = type(module).__name__
        if name == "Linear":
            weight = module.weight.detach().T
            bias = weight.new_zeros(weight.shape[1]) if module.bias is None else module.bias
            layers.append((weight, bias.detach(), "identity"))
        elif name in ("ReLU", "LeakyReLU") and layers and layers[-1][2] == "identity":
            slope = ("leaky_relu", module.negative_slope) if name == "LeakyReLU" else "relu"
            layers[-1] = (*layers[-1][:2], slope)
        elif name not in ("Dropout", "Identity"):  # which change nothing in a prediction
            raise ValueError(
                f"Module {name} of the Sequential cannot be explained: relevance is propagated "
                "through Linear, each followed by ReLU, LeakyReLU or nothing; Dropout and Identity "
                "are passed over. Fold a batch norm into the Linear beside it."
            )
    if end == "embedding" and len(layers) > 1 and layers[-1][2] == "identity":
        layers = layers[:-1]
    return layers


def _layers_of_estimator(estimator: Any, end: str) -> list[tuple]:
    """Return the layers (W, b, activation) of a fitted estimator."""
    name = type(estimator).__name__
    if not hasattr(estimator, "hidden_layer_sizes"):
        raise TypeError(
            f"{name} cannot be explained. Give a fitted MLPClassifier, MLPRegressor, "
            "LINAClassifier or LINARegressor (of a pipeline its last step, and what the steps "
            "before it make of X), or a list of layers (W, b, activation)."
        )
    check_is_fitted(estimator, "coefs_")
    activation = estimator.activation
    if activation == "leaky_relu":
        activation = ("leaky_relu", estimator.negative_slope)
    layers = [(*layer, activation) for layer in zip(estimator.coefs_, estimator.intercepts_)]
    has_attention = hasattr(estimator, "attention_coef_")
    if has_attention:
        last = (estimator.attention_coef_, estimator.attention_intercept_, "identity")
    else:
        *layers, (weight, bias, _) = layers
        last = (weight, bias, "identity")
    if not layers:
        raise ValueError(
            f"{name} was fitted without a hidden layer, so there is nothing between variants and "
            "output to explain; fit it with hidden_layer_sizes=(100,), say."
        )
    _read_slope(activation, name)
    return [*layers, last] if end == "output" or has_attention else layers


def _read_slope(activation: Any, owner: str) -> float:
    """Return the slope below zero of an activation of `owner`."""
    if isinstance(activation, str) and activation in SLOPES:
        return SLOPES[activation]
    if isinstance(activation, tuple | list) and len(activation) == 2:
        kind, slope = activation
        if kind == "leaky_relu":
            rule = Number(low=0, high=1, closed="both")
            check_parameter(slope, "The slope of 'leaky_relu'", [rule])
            return float(slope)
    raise ValueError(
        f"{owner} has the activation {activation!r}, and relevance is propagated through "
        "piecewise-linear layers only; use 'relu', 'identity' or ('leaky_relu', slope)."
    )


def place_beside(
    source: Any, layers: Sequence[Layer], X: ArrayLike, name: str
) -> tuple[Array, list[Layer]]:
    """Return X, checked and floating, and the layers in its namespace, on its device, as floats."""
    if isinstance(source, list | tuple) or is_sequential(source):
        X, integer = as_array(X, name)
        X = check_array(X, input_name=name)
        check_missing_codes(X, integer, name=name)
        xp, device = get_namespace_and_device(X)
    else:
        X, xp, device = as_genotypes(source, X, reset=False)
    n_inputs = layers[0].weight.shape[0]
    if X.shape[1] != n_inputs:
        raise ValueError(
            f"{name} must have {n_inputs} columns, one for each input of the network; got "
            f"{X.shape[1]}."
        )
    dtype = float_dtype(X)
    moved = []
    for number, (weight, bias, slope) in enumerate(layers):
        layer = Layer(move_to(weight, xp, device, dtype), move_to(bias, xp, device, dtype), slope)
        # a sum is finite only if every entry is, and makes no array of its own
        if not all(bool(xp.isfinite(xp.sum(array))) for array in layer[:2]):
            raise ValueError(f"Layer {number} holds NaN or infinity in its W or b.")
        moved.append(layer)
    return xp.astype(X, dtype, copy=False), moved
