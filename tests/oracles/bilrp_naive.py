"""BiLRP by its definition: scalar shares and a loop over two units above and two below."""

import numpy as np


def activate(z, activation):
    """Apply an activation, given as for `bilrp`."""
    if activation == "relu":
        return max(z, 0.0)
    if activation == "identity":
        return z
    return z if z > 0 else activation[1] * z


def network(layers, x):
    """Return the activations of each layer, input first, and the sums before the activations."""
    activations, sums = [np.asarray(x, float)], []
    for weight, bias, activation in layers:
        a = activations[-1]
        z = [sum(a[j] * weight[j, k] for j in range(len(a))) + bias[k] for k in range(len(bias))]
        sums.append(np.array(z))
        activations.append(np.array([activate(value, activation) for value in z]))
    return activations, sums


def contribution(rule, a, w, z, *, gamma, low, high, is_bias):
    """Return what one input of one unit counts for."""
    if rule in ("lrp0", "epsilon"):
        return a * w
    if rule == "gamma":
        return a * w + gamma * (max(a * w, 0) if z > 0 else min(a * w, 0))
    if rule == "w2":
        return w * w
    if is_bias:
        low, high = 0.0, 1.0
    return a * w - low * max(w, 0) - high * min(w, 0)


def shares(layer, rule, a, z, *, gamma=0.25, epsilon=0.0, bounds=(0.0, 2.0)):
    """Return the share of each input (the last is the bias) in each unit, (inputs + 1, outputs)."""
    weight, bias, _ = layer
    limits = bounds if rule == "zb" else (0.0, 0.0)
    low, high = (np.broadcast_to(bound, a.shape) for bound in limits)
    share = np.zeros((len(a) + 1, len(bias)))
    for k in range(len(bias)):
        for j in range(len(a)):
            share[j, k] = contribution(
                rule, a[j], weight[j, k], z[k], gamma=gamma, low=low[j], high=high[j], is_bias=False
            )
        share[-1, k] = contribution(
            rule, 1.0, bias[k], z[k], gamma=gamma, low=None, high=None, is_bias=True
        )
        total = share[:, k].sum()
        if rule == "epsilon":
            total += epsilon if total >= 0 else -epsilon
        share[:, k] = share[:, k] / total if total != 0 else 0.0
    return share


def pair_relevance(layers, rules, x, x2, **constants):
    """Return R of all pairs at each level, from the inputs to phi.

    Rows are the units of the level and then the biases of the layers above it, lowest first.
    """
    (a, z), (a2, z2) = network(layers, x), network(layers, x2)
    levels = [np.diag(a[-1] * a2[-1])]
    for number in range(len(layers) - 1, -1, -1):
        above = levels[0]
        both = []
        for activations, sums in ((a, z), (a2, z2)):
            share = shares(
                layers[number], rules[number], activations[number], sums[number], **constants
            )
            n_kept = len(above) - share.shape[1]
            full = np.zeros((len(share) + n_kept, len(above)))
            full[: len(share), : share.shape[1]] = share
            full[len(share) :, share.shape[1] :] = np.eye(n_kept)
            both.append(full)
        left, right = both
        below = np.zeros((len(left), len(right)))
        for j in range(len(left)):
            for j2 in range(len(right)):
                for k in range(len(above)):
                    for k2 in range(len(above)):
                        below[j, j2] += left[j, k] * right[j2, k2] * above[k, k2]
        levels.insert(0, below)
    return levels


def product(layers, x, x2):
    """Return phi(x)'phi(x2)."""
    return network(layers, x)[0][-1] @ network(layers, x2)[0][-1]


def mixed_derivatives(layers, x, x2, step=1e-4):
    """Return d2 y / dx_j dx2_j', exact but for rounding, as y is bilinear near (x, x2)."""
    phi = {}
    for name, point in (("x", x), ("x2", x2)):
        for sign in (1, -1):
            moved = [point + sign * step * unit for unit in np.eye(len(point))]
            phi[name, sign] = np.array([network(layers, each)[0][-1] for each in moved])
    y = {(s, t): phi["x", s] @ phi["x2", t].T for s in (1, -1) for t in (1, -1)}
    return (y[1, 1] - y[1, -1] - y[-1, 1] + y[-1, -1]) / (4 * step**2)
