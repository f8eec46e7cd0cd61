"""A fitted network as a module of PyTorch, which is imported only here."""

from importlib import import_module
from typing import Any

import numpy as np

from skgenetics.neural_network._network import Network
from skgenetics.utils._arrays import to_numpy
from skgenetics.utils._typing import Array


def torch_module(network: Network, center: Array, slope: float) -> Any:
    """Return the torch.nn.Module of K (F(x) o (x - center)) + L (x - center) + B.

    Parameters
    ----------
    network : Network
        On raw dosages, without batch norm.
    center : array (m,)
    slope : float
        Slope of the activation below zero.
    """
    try:
        torch = import_module("torch")
    except ImportError as error:
        raise ImportError(
            "torch is needed by to_torch and is not installed: pip install torch."
        ) from error

    nn: Any = torch.nn

    def tensor(array: Array) -> Any:
        return torch.from_numpy(np.array(to_numpy(array)))

    def linear(weight: Array, bias: Array | None) -> Any:
        layer = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None)
        layer.weight = nn.Parameter(tensor(weight))
        if bias is not None:
            layer.bias = nn.Parameter(tensor(bias))
        return layer

    class AttentionNetwork(nn.Module):
        """Logits (n, d), or traits, of dosages (n, m)."""

        def __init__(self) -> None:
            super().__init__()
            layers: list[Any] = []
            for W, b in zip(network.weights, network.biases, strict=True):
                layers += [linear(W.T, b), nn.LeakyReLU(slope)]
            self.attention = nn.Sequential(*layers[:-1])
            self.task = linear(network.task_coef, None)
            self.linear = linear(network.linear_coef, network.task_intercept)
            self.register_buffer("center", tensor(center))

        def forward(self, x: Any) -> Any:
            """Return the logits (n, d)."""
            x = x.to(self.center.dtype)
            centered = x - self.center
            return self.task(self.attention(x) * centered) + self.linear(centered)

    return AttentionNetwork()
