"""Networks with derivatives by automatic differentiation, and naive derivatives of our own."""

import numpy as np

from skgenetics.neural_network._network import Network


def reference_names():
    return ["lina_leaky_h2_d1", "lina_leaky_h3_d2", "lina_relu_h2_d4_nan"]


def load_reference(shared, name):
    """Return the network, its slope below zero, and the arrays of a reference case."""
    case = dict(np.load(shared / "reference" / "lina" / f"{name}.npz", allow_pickle=False))
    depth = sum(key.startswith("W") for key in case)
    weights = [case[f"W{i}"] for i in range(depth)]
    biases = [case[f"b{i}"] for i in range(depth)]
    return Network(weights, biases, case["K"], case["B"], [], []), float(case["alpha"]), case
