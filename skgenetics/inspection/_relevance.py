"""Layer-wise relevance propagation through piecewise-linear networks, batched.

Source: Bach et al., PLoS ONE 2015 (LRP); Montavon et al., Pattern Recognition 2017 (w^2, z^B);
Eberle et al., IEEE TPAMI 2020 (BiLRP and its factors). Bias of every layer is one more input.

Shapes: n samples, h explained outputs, one layer of `inputs` units and `outputs` units.
"""

from typing import NamedTuple

import numpy as np

BLOCK = 2**18  # weights of a layer that are worked on at a time, to stay in the cache
COPY = 20  # rows multiplied with a weight in the time that copying it takes
FEW = 0.75  # share of inputs that receive relevance below which the others are left out


class Layer(NamedTuple):
    """One layer a -> z where z > 0, slope z elsewhere, with z = a W + b; homogeneous for b = 0."""

    weight: object  # (inputs, outputs)
    bias: object  # (outputs,)
    slope: float  # 0 ReLU, 1 identity, between them leaky ReLU


class Share(NamedTuple):
    """What reaches the units of a layer: sum_t gain_tj effect_t(w_jk) from input j, and `bias_k`.

    Relevance is divided among the senders in proportion. `units` says where the share holds.
    The total is `known` and the terms in `rest`, which are fewer or cheaper than all.
    """

    terms: list  # of (gain (n, inputs), effect: an elementwise function of weights)
    bias: object  # (outputs,)
    known: object  # (n, outputs) or (outputs,)
    rest: list  # as terms
    units: object = None  # (n, outputs), boolean; None: everywhere


class Explanation(NamedTuple):
    """First-order relevance of samples: each of `path` plus the biases above sums to `values`."""

    values: object  # (n, h), what is explained
    path: list  # R_jm of the inputs (n, h, d), then of each layer's outputs, values_m delta_km last
    biases: object  # (n, h, n_layers); (n, h, 0) where they are not reported


def forward(layers, X, xp):
    """Return the activations, X first and phi(X) last, and the values z before each activation."""
    activations, preactivations = [X], []
    for layer in layers:
        z = activations[-1] @ layer.weight + layer.bias
        preactivations.append(z)
        activations.append(z if layer.slope == 1 else xp.where(z > 0, z, layer.slope * z))
    return activations, preactivations


def shares(rule, layer, a, z, live, *, gamma, bounds, xp):
    """Yield the `Share` of each kind of unit of a layer, by the propagation rule.

    * "lrp0", "epsilon": a_j w_jk, bias b_k;
    * "gamma": the contributions of the sign of z_k are enlarged, a_j w_jk + gamma max(a_j w_jk, 0)
      where z_k > 0 (with a >= 0 this is a_j rho(w_jk), rho(w) = w + gamma max(w, 0)), and min in
      place of max elsewhere, so that the denominator is never closer to 0 than z_k;
    * "w2": w_jk^2, bias b_k^2;
    * "zb": a_j w_jk - low_j max(w_jk, 0) - high_j min(w_jk, 0), bias max(b_k, 0).

    `live` (n, outputs) says which units have relevance to hand on.
    """
    bias = layer.bias

    def above(array):
        return xp.clip(array, min=0.0)

    def below(array):
        return xp.clip(array, max=0.0)

    def raised(array):
        return xp.maximum(array, (1 + gamma) * array)

    def lowered(array):
        return xp.minimum(array, (1 + gamma) * array)

    def present(terms):
        return [(gain, effect) for gain, effect in terms if bool(xp.any(gain != 0))]

    if rule == "w2":
        terms, bias = [(xp.ones_like(a), lambda weight: weight**2)], bias**2
        yield Share(terms, bias, bias, terms)
    elif rule == "zb":
        low, high = bounds
        terms, bias = [(a - low, above), (a - high, below)], above(bias)
        yield Share(terms, bias, bias, terms)
    elif rule == "gamma":
        up, down = above(a), below(a)
        for units, (own, other), (more, less) in (
            (z > 0, (raised, lowered), (above, below)),
            (z <= 0, (lowered, raised), (below, above)),
        ):
            if bool(xp.any(units & live)):
                terms = present([(up, own), (down, other)])
                rest = present([(gamma * up, more), (gamma * down, less)])
                yield Share(terms, own(bias), z + gamma * more(bias), rest, units)
    else:
        yield Share([(a, lambda weight: weight)], bias, z, [])


def blocks(weight, size):
    """Yield slices of the inputs of a layer that have at most `size` weights."""
    n_inputs, n_units = weight.shape
    height = max(1, size // n_units)
    for start in range(0, n_inputs, height):
        yield slice(start, min(start + height, n_inputs))


def inverse_of_total(share, weight, *, epsilon, xp):
    """Return one over what reached each unit, (n, outputs); 0 where nothing did.

    What `epsilon` takes into the denominator is lost; it is 0 but for one rule.
    """
    total = share.known
    for gain, effect in share.rest:
        for inputs in blocks(weight, BLOCK):
            total = total + gain[:, inputs] @ effect(weight[inputs, :])
    if epsilon:
        total = xp.where(total < 0, total - epsilon, total + epsilon)
    # nothing is divided by 0, and nothing stabilized, which would break conservation
    divided = total != 0 if share.units is None else share.units & (total != 0)
    ones = xp.ones_like(total)
    return xp.where(divided, ones / xp.where(divided, total, ones), xp.zeros_like(total))


def share_of(mask, xp):
    """Return the share of True in `mask`."""
    return float(xp.mean(xp.astype(mask, xp.float32)))


def hand_down(ratio, gain, effect, weight, xp):
    """Return gain_nj sum_k ratio_nmk effect(w_jk), (n, h, inputs), for ratio (n, h, outputs).

    Where many units have nothing to hand on, as with ReLU, each sample goes without its own; and
    where few inputs receive anything, as with genotypes of rare alleles, without the others too.
    """
    (n, h, n_units), n_inputs = ratio.shape, weight.shape[0]
    like = {"dtype": ratio.dtype, "device": ratio.device}
    live, reached = xp.any(ratio != 0, axis=1), gain != 0
    if share_of(live, xp) * (h + COPY) > h:
        received, ratio = xp.empty((n, h, n_inputs), **like), xp.reshape(ratio, (n * h, n_units))
        for inputs in blocks(weight, BLOCK):
            sent = xp.reshape(ratio @ effect(weight[inputs, :]).T, (n, h, -1))
            received[:, :, inputs] = gain[:, None, inputs] * sent
        return received
    units = [xp.nonzero(live[i, :])[0] for i in range(n)]
    ratios = [xp.take(ratio[i, :, :], units[i], axis=1) for i in range(n)]
    if share_of(reached, xp) < FEW:
        received = xp.zeros((n, n_inputs, h), **like)  # so that an input's numbers are neighbors
        for inputs in blocks(weight, BLOCK):
            block = effect(weight[inputs, :])
            for i in range(n):
                there, part = reached[i, inputs], received[i, inputs, :]  # part is a view
                rows = xp.nonzero(there)[0]
                kept = xp.take(xp.take(block, rows, axis=0), units[i], axis=1)
                part[there] = kept @ ratios[i].T * xp.take(gain[i, inputs], rows)[:, None]
        return xp.permute_dims(received, (0, 2, 1))
    received = xp.empty((n, h, n_inputs), **like)
    for inputs in blocks(weight, BLOCK // 8):  # to be transposed in the cache
        block = xp.reshape(xp.reshape(weight[inputs, :].T, (-1,)), (n_units, -1))
        block = effect(block)  # a row a unit
        for i in range(n):
            sent = ratios[i] @ xp.take(block, units[i], axis=0)
            received[i, :, inputs] = gain[i, inputs] * sent
    return received


def explain(layers, X, top, rules, *, gamma, epsilon, bounds, report_bias, xp):
    """Return the `Explanation` of the outputs of a network.

    Parameters
    ----------
    layers : list of Layer
    X : array (n, d)
    top : function from phi (n, h) to the values to explain (n, h)
        phi itself, or phi over its length.
    rules : list of str
        A rule a layer, input first.
    gamma, epsilon, bounds : float, float, (low, high)
        Constants of the rules; low and high are numbers or (d,).
    report_bias : bool
        False leaves the biases in the denominators and does not return their share.
    """
    activations, preactivations = forward(layers, X, xp)
    values = top(activations[-1])
    n, h = values.shape
    like = {"dtype": values.dtype, "device": values.device}
    path, biases = [values[:, None, :] * xp.eye(h, **like)], []
    for layer, rule, a, z in reversed(list(zip(layers, rules, activations, preactivations))):
        received, from_bias = None, xp.zeros_like(values)
        live = xp.any(path[0] != 0, axis=1)
        for share in shares(rule, layer, a, z, live, gamma=gamma, bounds=bounds, xp=xp):
            inverse = inverse_of_total(
                share, layer.weight, epsilon=epsilon if rule == "epsilon" else 0.0, xp=xp
            )
            ratio = path[0] * inverse[:, None, :]
            for gain, effect in share.terms:
                sent = hand_down(ratio, gain, effect, layer.weight, xp)
                received = sent if received is None else received + sent
            from_bias = from_bias + ratio @ share.bias
        if received is None:
            received = xp.zeros((n, h, layer.weight.shape[0]), **like)
        path.insert(0, received)
        biases.insert(0, from_bias)
    biases = xp.stack(biases, axis=-1)
    return Explanation(values, path, biases if report_bias else biases[:, :, :0])


def top_products(left, right, k):
    """Return the k pairs (j, j') of largest abs(left_j . right_j'), and their products.

    Exact. By abs(left_j . right_j') <= |left_j| |right_j'|, only pairs whose bound reaches the k-th
    best so far are computed, a block at a time; ties go to the smaller j, then j', of those found.

    Parameters
    ----------
    left, right : ndarray (h, d), (h, d')
    k : int

    Returns
    -------
    pairs : ndarray of int (k, 2), products : ndarray (k,)
    """
    left_norm, right_norm = np.linalg.norm(left, axis=0), np.linalg.norm(right, axis=0)
    left_order, right_order = np.argsort(-left_norm), np.argsort(-right_norm)
    sorted_right, slack = right[:, right_order], 1 + 8 * len(left) * np.finfo(left.dtype).eps
    reach = right_norm[right_order] * slack
    height = max(1, 2**22 // right.shape[1])
    pairs, products = np.empty((0, 2), dtype=np.intp), np.empty(0, dtype=left.dtype)
    threshold = 0.0
    for start in range(0, len(left_order), height):
        rows = left_order[start : start + height]
        width = np.searchsorted(-left_norm[rows[0]] * reach, -threshold, side="right")
        if width == 0:
            break
        block = left[:, rows].T @ sorted_right[:, :width]
        size = np.abs(block).ravel()
        found = np.flatnonzero(size >= threshold)
        if found.size > k:
            found = found[np.argpartition(size[found], -k)[-k:]]
        row, column = np.divmod(found, width)
        pairs = np.r_[pairs, np.c_[rows[row], right_order[column]]]
        products = np.r_[products, block.ravel()[found]]
        best = np.lexsort((pairs[:, 1], pairs[:, 0], -np.abs(products)))[:k]
        pairs, products = pairs[best], products[best]
        if len(products) == k:
            threshold = abs(products[-1])
    return pairs, products
