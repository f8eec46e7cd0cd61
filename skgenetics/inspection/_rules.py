"""Rules of layer-wise relevance propagation (LRP): how a unit's relevance goes to its inputs.

Unit k hands its relevance R_k to the inputs j of its layer in proportion to their contributions
q_jk, so that input j receives

    R_j = sum_k q_jk / (sum_j' q_j'k + q_bk) R_k.

The bias b_k is one more input, of value 1, with the contribution q_bk. The rules differ in q. A new
rule is a function and its name in `RULES`. Sources: Bach et al., PLoS ONE 2015 (LRP-0 and
LRP-epsilon); Montavon et al., Pattern Recognition 2017 (w^2, z^B); Montavon et al., "Layer-wise
relevance propagation: an overview", 2019 (LRP-gamma, and the names).
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from skgenetics.inspection._layers import Layer, LayerPass
from skgenetics.utils._arrays import move_to, namespace_of
from skgenetics.utils._parameters import Number, check_option, check_parameter
from skgenetics.utils._typing import Array


class Settings(NamedTuple):
    """How relevance is propagated: a rule per layer, and the constants of the rules."""

    rules: list[str]  # input first
    gamma: float
    epsilon: float
    bounds: tuple[Any, Any]  # smallest and largest values of the inputs, numbers or (d,)
    report_bias: bool  # False: biases stay in denominators, but their share is not returned


class Term(NamedTuple):
    """Contributions gain_nj effect(w_jk) of the inputs j of samples n to units k."""

    gain: Array  # (n, inputs)
    effect: Callable[[Array], Array]  # an elementwise function of weights


class Share(NamedTuple):
    """Contributions q to some units of a layer; their sum is that of `known` and of `rest`."""

    terms: list[Term]  # q_jk is their sum
    bias: Array  # q_bk (outputs,)
    known: Array  # part of the sum of contributions, (n, outputs) or (outputs,)
    rest: list[Term]  # the other part, which is cheaper to sum than `terms`
    units: Array | None = None  # (n, outputs), boolean; None: the share holds for all units
    epsilon: float = 0.0  # added to the size of the sum


def lrp_0(layer_pass: LayerPass, live: Array, settings: Settings) -> Iterator[Share]:
    """LRP-0: q_jk = a_j w_jk, q_bk = b_k; the sum is z_k."""
    yield Share([Term(layer_pass.inputs, _itself)], layer_pass.layer.bias, layer_pass.sums, [])


def lrp_epsilon(layer_pass: LayerPass, live: Array, settings: Settings) -> Iterator[Share]:
    """LRP-epsilon: as LRP-0, with epsilon sign(z_k) in the denominator, which loses relevance."""
    for share in lrp_0(layer_pass, live, settings):
        yield share._replace(epsilon=settings.epsilon)


def lrp_gamma(layer_pass: LayerPass, live: Array, settings: Settings) -> Iterator[Share]:
    """LRP-gamma, generalized: contributions of the sign of z_k are enlarged.

    q_jk = a_j w_jk + gamma max(a_j w_jk, 0) where z_k > 0, with min in place of max elsewhere, so
    that the denominator is never closer to 0 than z_k. For a_j >= 0 and z_k > 0 this is
    a_j rho(w_jk) with rho(w) = w + gamma max(w, 0).
    """
    a, z, bias, gamma = layer_pass.inputs, layer_pass.sums, layer_pass.layer.bias, settings.gamma
    xp = namespace_of(a)

    def raised(array: Array) -> Array:
        return xp.maximum(array, (1 + gamma) * array)

    def lowered(array: Array) -> Array:
        return xp.minimum(array, (1 + gamma) * array)

    # the effects of w on units by the sign of a, and what they add to w where a w has z's sign
    for units, effects, additions in (
        (z > 0, (raised, lowered), (_positive, _negative)),
        (z <= 0, (lowered, raised), (_negative, _positive)),
    ):
        if bool(xp.any(units & live)):
            gains = _positive(a), _negative(a)
            terms = _present(Term(gain, effect) for gain, effect in zip(gains, effects))
            rest = _present(Term(gamma * gain, added) for gain, added in zip(gains, additions))
            yield Share(terms, effects[0](bias), z + gamma * additions[0](bias), rest, units)


def w_squared(layer_pass: LayerPass, live: Array, settings: Settings) -> Iterator[Share]:
    """w^2: q_jk = w_jk^2, q_bk = b_k^2, whatever the inputs are."""
    ones = namespace_of(layer_pass.inputs).ones_like(layer_pass.inputs)
    terms, bias = [Term(ones, _square)], _square(layer_pass.layer.bias)
    yield Share(terms, bias, bias, terms)


def z_b(layer_pass: LayerPass, live: Array, settings: Settings) -> Iterator[Share]:
    """z^B: q_jk = a_j w_jk - low_j max(w_jk, 0) - high_j min(w_jk, 0), q_bk = max(b_k, 0)."""
    low, high = settings.bounds
    terms = [Term(layer_pass.inputs - low, _positive), Term(layer_pass.inputs - high, _negative)]
    bias = _positive(layer_pass.layer.bias)
    yield Share(terms, bias, bias, terms)


# From the passed layer, the units (n, outputs) that have relevance to hand on, and the settings.
RULES: dict[str, Callable[[LayerPass, Array, Settings], Iterator[Share]]] = {
    "lrp0": lrp_0,
    "epsilon": lrp_epsilon,
    "gamma": lrp_gamma,
    "w2": w_squared,
    "zb": z_b,
}


def _itself(array: Array) -> Array:
    return array


def _square(array: Array) -> Array:
    return array**2


def _positive(array: Array) -> Array:
    """Return max(array, 0)."""
    return namespace_of(array).clip(array, min=0.0)


def _negative(array: Array) -> Array:
    """Return min(array, 0)."""
    return namespace_of(array).clip(array, max=0.0)


def _present(terms: Iterator[Term]) -> list[Term]:
    """Return the terms of which a gain is not 0."""
    return [term for term in terms if bool(namespace_of(term.gain).any(term.gain != 0))]


def read_settings(
    layers: Sequence[Layer],
    X: Array,
    name: str,
    *,
    rule: str | Sequence[str],
    gamma: float,
    epsilon: float,
    bounds: Any,
    bias: str,
) -> Settings:
    """Return the checked arguments of `bilrp`, for the samples X called `name`."""
    check_option(bias, "bias", ("unit", "denominator"))
    check_parameter(gamma, "gamma", [Number(low=0, closed="left")])
    check_parameter(epsilon, "epsilon", [Number(low=0)])
    rules = _read_rules(rule, layers)
    if rules[0] == "zb":
        bounds = _read_bounds(bounds, X, name)
    return Settings(rules, gamma, epsilon, bounds, report_bias=bias == "unit")


def _read_rules(rule: str | Sequence[str], layers: Sequence[Layer]) -> list[str]:
    """Return one rule per layer."""
    if isinstance(rule, str):
        check_option(rule, "rule", RULES)
        if rule in ("lrp0", "epsilon"):
            return [rule] * len(layers)
        rules = ["lrp0" if layer.slope == 1 else "gamma" for layer in layers]
        return rules if rule == "gamma" else [rule, *rules[1:]]
    rules = list(rule)
    if len(rules) != len(layers):
        raise ValueError(
            f"rule must be one string or a list of {len(layers)}, one per layer of the network, "
            f"input first; got {len(rules)}."
        )
    for number, entry in enumerate(rules):
        check_option(entry, f"rule[{number}]", RULES)
        if entry == "zb" and number > 0:
            raise ValueError(
                f"rule[{number}] is 'zb', whose bounds are bounds of the input; use 'zb' in the "
                "first layer only, and 'gamma' above."
            )
    return rules


def _read_bounds(bounds: Any, X: Array, name: str) -> tuple[Array, Array]:
    """Return the bounds of the inputs, in the namespace and on the device of X."""
    if not isinstance(bounds, tuple | list) or len(bounds) != 2:
        raise ValueError(f"bounds must be a tuple (low, high); got {bounds!r}.")
    xp = namespace_of(X)
    low, high = (move_to(bound, xp, X.device, X.dtype) for bound in bounds)
    for bound in (low, high):
        if bound.ndim > 1 or (bound.ndim == 1 and bound.shape[0] != X.shape[1]):
            raise ValueError(
                f"Each of bounds must be a number or have shape ({X.shape[1]},), one per variant; "
                f"got shape {tuple(bound.shape)}."
            )
    # arrays are estimates, such as the range in the training set, that a new sample may leave
    slack = (high - low) / 2 if max(low.ndim, high.ndim) == 1 else 0.0
    outside = ~((low - X <= slack) & (X - high <= slack))  # NaN is outside too
    if bool(xp.any(outside)):
        column = int(xp.argmax(xp.astype(xp.any(outside, axis=0), xp.int64)))
        limits = [float(bound[column] if bound.ndim else bound) for bound in (low, high)]
        raise ValueError(
            f"{name} leaves the bounds: column {column} holds {float(xp.min(X[:, column])):g} to "
            f"{float(xp.max(X[:, column])):g}, and its bounds are {limits[0]:g} and "
            f"{limits[1]:g}. Give the smallest and largest values that inputs can have."
        )
    return low, high
