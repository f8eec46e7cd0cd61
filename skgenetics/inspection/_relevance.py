"""Layer-wise relevance propagation through piecewise-linear networks, batched.

Sources: Bach et al., PLoS ONE 2015 (LRP); Eberle et al., IEEE TPAMI 2020 (BiLRP and its factors).
The rules are in _rules.py.

Shapes: n samples, h explained outputs, one layer of `inputs` units and `outputs` units.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from skgenetics.inspection._layers import Layer, LayerPass, forward
from skgenetics.inspection._rules import RULES, Settings, Share, Term
from skgenetics.utils._arrays import device_of, is_on_gpu, namespace_of, slices, working_size
from skgenetics.utils._typing import Array

BLOCK_WEIGHTS = 2**18  # weights of a layer that are worked on at a time, to stay in the cache
COPY_ROWS = 20  # rows multiplied with a weight in the time that copying it takes
DENSE_INPUTS = 0.75  # all inputs are computed if at least this share receives relevance


class Explanation(NamedTuple):
    """First-order relevance of samples: each of `path` plus the biases above sums to `values`."""

    values: Array  # (n, h), what is explained
    path: list[Array]  # R_jm of the inputs (n, h, d), then of the outputs of each layer
    biases: Array  # (n, h, n_layers); (n, h, 0) if they are not reported


def explain(
    layers: Sequence[Layer], X: Array, settings: Settings, *, normalize: bool = False
) -> Explanation:
    """Return the relevance of the inputs X (n, d), and of all layers, to phi or to phi / |phi|."""
    xp = namespace_of(X)
    phi, passes = forward(layers, X)
    values = unit_length(phi) if normalize else phi
    path = [relevance_of_outputs(values)]
    biases: list[Array] = []
    for layer_pass, rule in zip(reversed(passes), reversed(settings.rules)):
        received, from_bias = propagate(path[0], layer_pass, rule, settings)
        path.insert(0, received)
        biases.insert(0, from_bias)
    stacked = xp.stack(biases, axis=-1)
    return Explanation(values, path, stacked if settings.report_bias else stacked[:, :, :0])


def unit_length(phi: Array) -> Array:
    """Return phi / |phi|, whose products are cosines; 0 where phi is 0."""
    xp = namespace_of(phi)
    length = xp.sqrt(xp.sum(phi**2, axis=1, keepdims=True))
    return phi / xp.where(length > 0, length, xp.ones_like(length))


def relevance_of_outputs(values: Array) -> Array:
    """Return R_km = values_m delta_km (n, h, h), where the recursion begins."""
    xp = namespace_of(values)
    identity = xp.eye(values.shape[1], dtype=values.dtype, device=device_of(values))
    return values[:, None, :] * identity


def propagate(
    relevance: Array, layer_pass: LayerPass, rule: str, settings: Settings
) -> tuple[Array, Array]:
    """Return the relevance of the inputs (n, h, inputs) and of the bias (n, h) of one layer.

    R_jm = sum_k q_jk / sum_j' q_j'k R_km, with the contributions q of the rule, from the
    `relevance` R_km of the outputs (n, h, outputs).
    """
    xp, weight = namespace_of(relevance), layer_pass.layer.weight
    received, from_bias = None, xp.zeros_like(relevance[:, :, 0])
    live = xp.any(relevance != 0, axis=1)
    for share in RULES[rule](layer_pass, live, settings):
        ratio = relevance * inverse_of_total(share, weight)[:, None, :]
        for term in share.terms:
            sent = hand_down(ratio, term, weight)
            received = sent if received is None else received + sent
        from_bias = from_bias + ratio @ share.bias
    if received is None:
        received = _new_array(xp.zeros, (*relevance.shape[:2], weight.shape[0]), weight)
    return received, from_bias


def inverse_of_total(share: Share, weight: Array) -> Array:
    """Return 1 / sum_j q_jk of each unit, (n, outputs); 0 where the sum is 0."""
    xp, total = namespace_of(weight), share.known
    for gain, effect in share.rest:
        for inputs in blocks(weight, BLOCK_WEIGHTS):
            total = total + gain[:, inputs] @ effect(weight[inputs, :])
    if share.epsilon:
        total = xp.where(total < 0, total - share.epsilon, total + share.epsilon)
    # nothing is divided by 0, and nothing stabilized, which would break conservation
    divided = total != 0 if share.units is None else share.units & (total != 0)
    ones = xp.ones_like(total)
    return xp.where(divided, ones / xp.where(divided, total, ones), xp.zeros_like(total))


def hand_down(ratio: Array, term: Term, weight: Array) -> Array:
    """Return gain_nj sum_k ratio_nmk effect(w_jk), (n, h, inputs), for ratio (n, h, outputs).

    If many units of a sample have no relevance, as with ReLU, its product omits them. If also few
    inputs receive any, as with genotypes of rare alleles, its product omits the other inputs too.
    A GPU, at which a product for each sample is slow, omits nothing.
    """
    xp, h = namespace_of(ratio), ratio.shape[1]
    if is_on_gpu(ratio):
        return _from_all_units(ratio, term, weight)
    live = xp.any(ratio != 0, axis=1)
    if _share_of_true(live) * (h + COPY_ROWS) > h:
        return _from_all_units(ratio, term, weight)
    units = [xp.nonzero(live[i, :])[0] for i in range(ratio.shape[0])]
    ratios = [xp.take(ratio[i, :, :], units[i], axis=1) for i in range(ratio.shape[0])]
    if _share_of_true(term.gain != 0) < DENSE_INPUTS:
        return _from_live_units_to_some_inputs(ratios, units, term, weight)
    return _from_live_units_to_all_inputs(ratios, units, term, weight)


def _from_all_units(ratio: Array, term: Term, weight: Array) -> Array:
    """Return what `hand_down` does, by one product for all samples."""
    xp, (n, h, n_units) = namespace_of(ratio), ratio.shape
    received = _new_array(xp.empty, (n, h, weight.shape[0]), weight)
    rows = xp.reshape(ratio, (n * h, n_units))
    for inputs in blocks(weight, BLOCK_WEIGHTS):
        sent = xp.reshape(rows @ term.effect(weight[inputs, :]).T, (n, h, -1))
        received[:, :, inputs] = term.gain[:, None, inputs] * sent
    return received


def _from_live_units_to_some_inputs(
    ratios: list[Array], units: list[Array], term: Term, weight: Array
) -> Array:
    """Return what `hand_down` does, from the `units` of each sample to inputs of gain not 0."""
    xp, (h, _), n_inputs = namespace_of(weight), ratios[0].shape, weight.shape[0]
    reached = term.gain != 0
    # the numbers of an input are neighbors, so that some inputs are cheap to write to
    received = _new_array(xp.zeros, (len(ratios), n_inputs, h), weight)
    for inputs in blocks(weight, BLOCK_WEIGHTS):
        block = term.effect(weight[inputs, :])
        for i, ratio in enumerate(ratios):
            mask, part = reached[i, inputs], received[i, inputs, :]  # part is a view
            rows = xp.nonzero(mask)[0]
            used = xp.take(xp.take(block, rows, axis=0), units[i], axis=1)
            part[mask] = used @ ratio.T * xp.take(term.gain[i, inputs], rows)[:, None]
    return xp.permute_dims(received, (0, 2, 1))


def _from_live_units_to_all_inputs(
    ratios: list[Array], units: list[Array], term: Term, weight: Array
) -> Array:
    """Return what `hand_down` does, from the `units` of each sample to all inputs."""
    xp, (h, _), (n_inputs, n_units) = namespace_of(weight), ratios[0].shape, weight.shape
    received = _new_array(xp.empty, (len(ratios), h, n_inputs), weight)
    for inputs in blocks(weight, BLOCK_WEIGHTS // 8):  # to be transposed in the cache
        block = xp.reshape(xp.reshape(weight[inputs, :].T, (-1,)), (n_units, -1))
        block = term.effect(block)  # one row per unit
        for i, ratio in enumerate(ratios):
            sent = ratio @ xp.take(block, units[i], axis=0)
            received[i, :, inputs] = term.gain[i, inputs] * sent
    return received


def blocks(weight: Array, size: int) -> Iterator[slice]:
    """Return slices of the inputs of a layer that have at most `size` weights."""
    n_inputs, n_units = weight.shape
    return slices(n_inputs, working_size(size, weight) // n_units)


def _new_array(make: Callable, shape: tuple[int, ...], like: Array) -> Array:
    """Return a new array of the dtype and on the device of `like`."""
    return make(shape, dtype=like.dtype, device=device_of(like))


def _share_of_true(mask: Array) -> float:
    """Return the share of True in `mask`."""
    xp = namespace_of(mask)
    return float(xp.mean(xp.astype(mask, xp.float32)))
