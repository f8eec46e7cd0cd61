"""Which pairs of variants make two people similar to a network, and which variants matter to one.

The mathematics is in _relevance.py, what `bilrp` returns in _similarity.py.
"""

from numbers import Integral

import numpy as np
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from skgenetics.inspection._relevance import Layer, explain, forward
from skgenetics.inspection._similarity import SimilarityExplanation
from skgenetics.utils._arrays import float_dtype, get_namespace_and_device, move_to
from skgenetics.utils._parameters import check_number, check_option
from skgenetics.utils._validation import as_genotypes, check_missing_codes

RULES = ("lrp0", "epsilon", "gamma", "w2", "zb")
SLOPES = {"relu": 0.0, "identity": 1.0}


def bilrp(
    estimator_or_layers,
    X,
    X2=None,
    *,
    rule="gamma",
    gamma=0.25,
    epsilon=1e-6,
    bounds=(0, 2),
    bias="unit",
    layer=-1,
    normalize=False,
):
    """Explain the similarity of samples to a network by pairs of their variants (BiLRP).

    The similarity of x and x' is the product phi(x)'phi(x') of what a network of linear and ReLU
    layers makes of them. It is divided among all pairs (variant j of x, variant j' of x') and the
    biases: R_jj' = sum_m R_jm R_j'm, where the factors R_jm are the relevance of variant j to unit
    m of phi.

    Parameters
    ----------
    estimator_or_layers : estimator or list of tuple
        phi is, of a fitted MLPClassifier or MLPRegressor (activation "relu" or "identity"), the
        hidden layers; of a fitted LINAClassifier or LINARegressor, the attention A. Or a list of
        layers (W, b, activation): W (inputs, outputs), b (outputs,), activation "relu",
        "identity" or ("leaky_relu", slope) with a slope from 0 to 1.
    X : array-like of shape (n_samples, n_variants)
        Dosages (or what the network was trained on) of the samples to compare. Factors take
        n_samples x n_units x n_variants numbers: give the samples of interest, not a cohort.
    X2 : array-like of shape (n_samples_2, n_variants), default=None
        The samples to compare with. None: those of X.
    rule : str or list of str, one a layer, input first, default="gamma"
        How a unit's relevance is divided among its inputs a_j of weight w_jk.

        - "lrp0": in proportion to a_j w_jk; the same as Hessian x product where bias="denominator".
        - "epsilon": the same, with `epsilon` added to the size of the denominator. Loses relevance.
        - "gamma": contributions of the sign of the unit's output are enlarged by 1 + gamma, which
          keeps what cancels from being blown up. Alone (not in a list) it stands for "lrp0" in
          identity layers.
        - "w2": in proportion to w_jk^2, whatever the dosage. Alone it stands for "w2" in the first
          layer and "gamma" in the others.
        - "zb": in proportion to the distance from the end of `bounds` that would lower the unit, so
          that a dosage of 0 can be relevant. First layer only; alone as "w2".
    gamma : float, default=0.25
        Constant of "gamma".
    epsilon : float, default=1e-6
        Constant of "epsilon", in the units of the network's activations.
    bounds : tuple of two numbers or of two array-like of shape (n_variants,), default=(0, 2)
        Smallest and largest values of the inputs, for "zb". Numbers must contain the data. Arrays,
        which are often the range in a training set, may be left by up to half their width.
    bias : {"unit", "denominator"}, default="unit"
        "unit": biases are inputs fixed at 1, with their own relevance, and nothing is lost.
        "denominator": their share is not reported, as in most implementations.
    layer : int, default=-1
        The layer whose outputs are phi, from 0; -1 is the last of phi's layers above.
    normalize : bool, default=False
        Explain the cosine of phi(x) and phi(x'); lengths are constants. 0 where phi is 0.

    Returns
    -------
    SimilarityExplanation
        The factors, and what is made of them when asked.

    Raises
    ------
    TypeError
        If the estimator is not one of those above.
    ValueError
        If the estimator has no hidden layer or another activation, the layers do not fit
        together, samples have another width, hold NaN, infinity or codes for missing calls,
        or leave `bounds`, or a parameter is outside its range.

    References
    ----------
    .. [1] Eberle et al., "Building and interpreting deep similarity models", IEEE TPAMI 2020.
    .. [2] Montavon et al., "Layer-wise relevance propagation: an overview", in "Explainable AI",
       2019. The rules.

    Examples
    --------
    >>> import numpy as np
    >>> from skgenetics.inspection import bilrp
    >>> weight = np.array([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0]])
    >>> explanation = bilrp([(weight, np.zeros(2), "relu")], [[1, 2, 0], [2, 0, 1]])
    >>> explanation.similarity()
    array([[17.,  7.],
           [ 7., 10.]])
    >>> explanation.pair(0, 1).todense()
    array([[2., 0., 1.],
           [0., 0., 4.],
           [0., 0., 0.]])
    """
    layers = _read_layers(estimator_or_layers, "embedding")
    if not isinstance(layer, Integral) or not -len(layers) <= layer < len(layers):
        raise ValueError(
            f"layer must be an integer from {-len(layers)} to {len(layers) - 1}, as phi has "
            f"{len(layers)} layers; got {layer!r}."
        )
    layers = layers[: range(len(layers))[layer] + 1]

    def explained(samples, name):
        samples, layers_there, xp = _prepare(estimator_or_layers, layers, samples, name)

        def top(phi):
            if not normalize:
                return phi
            length = xp.sqrt(xp.sum(phi**2, axis=1, keepdims=True))
            return phi / xp.where(length > 0, length, xp.ones_like(length))

        options = _read_options(layers_there, samples, rule, gamma, epsilon, bounds, bias, name, xp)
        return explain(layers_there, samples, top, xp=xp, **options)

    first = explained(X, "X")
    return SimilarityExplanation(first, first if X2 is None else explained(X2, "X2"))


def relevance(
    estimator_or_layers,
    X,
    *,
    rule="gamma",
    gamma=0.25,
    epsilon=1e-6,
    bounds=(0, 2),
    bias="unit",
):
    """Explain the outputs of a network by the variants of a sample (LRP).

    Parameters
    ----------
    estimator_or_layers : estimator or list of tuple
        As for `bilrp`, but outputs are explained: of an MLPClassifier or MLPRegressor those of the
        last layer, before the logistic function or softmax; of a LINAClassifier or LINARegressor
        the logits, as one identity layer with weights K_pj A_j: the attention A is held fixed.
    X : array-like of shape (n_samples, n_variants)
        Dosages (or what the network was trained on).
    rule, gamma, epsilon, bounds, bias
        As for `bilrp`.

    Returns
    -------
    relevance : array of shape (n_samples, n_outputs, n_variants)
        Relevance of each variant to each output, in units of the output. K_pj A_j x_j for
        attention networks with the default rule.
    bias_relevance : array of shape (n_samples, n_outputs, n_layers)
        Relevance of each layer's bias; with bias="denominator", of shape (n_samples, n_outputs, 0).
        Both sum to the output, except with "epsilon" or bias="denominator".

    Raises
    ------
    TypeError, ValueError
        As for `bilrp`.

    References
    ----------
    .. [1] Bach et al., "On pixel-wise explanations for non-linear classifier decisions by
       layer-wise relevance propagation", PLoS ONE 2015.

    Examples
    --------
    >>> from skgenetics.inspection import relevance
    >>> layers = [([[1.0], [-1.0]], [0.5], "relu")]
    >>> relevance(layers, [[2, 1]], rule="lrp0")
    (array([[[ 2., -1.]]]), array([[[0.5]]]))
    """
    layers = _read_layers(estimator_or_layers, "output")
    X, layers, xp = _prepare(estimator_or_layers, layers, X, "X")
    batches = [(layers, X)]
    if hasattr(estimator_or_layers, "attention_coef_"):
        frozen = _freeze_gates(estimator_or_layers, layers, X, xp)
        batches = [([layer], X[row : row + 1, :]) for row, layer in enumerate(frozen)]
    options = _read_options(batches[0][0], X, rule, gamma, epsilon, bounds, bias, "X", xp)
    done = [explain(layers, rows, lambda phi: phi, xp=xp, **options) for layers, rows in batches]
    return tuple(xp.concat(parts) for parts in zip(*((one.path[0], one.biases) for one in done)))


def _freeze_gates(estimator, layers, X, xp):
    """Yield for each sample the linear layer of an attention network's logits, A held fixed."""
    coef, intercept, center = (
        move_to(getattr(estimator, name), xp, X.device, X.dtype)
        for name in ("task_coef_", "task_intercept_", "center_")
    )
    attention = forward(layers, X, xp)[0][-1]
    for row in range(X.shape[0]):
        gated = coef * attention[row, :]
        yield Layer(gated.T, intercept - gated @ center, SLOPES["identity"])


def _read_layers(source, end):
    """Return the layers (W, b, slope) up to the "embedding" or the "output", checked, not moved."""
    if isinstance(source, (list, tuple)):
        layers = source
    else:
        layers = _layers_of_estimator(source, end)
    if not layers:
        raise ValueError("The list of layers is empty; give at least one (W, b, activation).")
    read, width = [], None
    for number, layer in enumerate(layers):
        if not isinstance(layer, (list, tuple)) or len(layer) != 3:
            raise ValueError(f"Layer {number} must be a tuple (W, b, activation); got {layer!r}.")
        weight, bias = (a if hasattr(a, "shape") else np.asarray(a) for a in layer[:2])
        shapes = f"W {tuple(weight.shape)} and b {tuple(bias.shape)}"
        if weight.ndim != 2 or tuple(bias.shape) != (weight.shape[1],):
            raise ValueError(
                f"Layer {number} must have W of shape (inputs, outputs) and b of shape (outputs,); "
                f"got {shapes}."
            )
        if width not in (None, weight.shape[0]):
            raise ValueError(
                f"Layer {number} must have {width} inputs, as the layer before it has {width} "
                f"outputs; got {shapes}."
            )
        width = weight.shape[1]
        read.append((weight, bias, _read_slope(layer[2], f"Layer {number}")))
    return read


def _layers_of_estimator(estimator, end):
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
    if hasattr(estimator, "attention_coef_"):
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
    with_last = end == "output" or hasattr(estimator, "attention_coef_")
    return [*layers, last] if with_last else layers


def _read_slope(activation, where):
    """Return the slope of an activation below zero."""
    if isinstance(activation, str) and activation in SLOPES:
        return SLOPES[activation]
    if isinstance(activation, (tuple, list)) and len(activation) == 2:
        kind, slope = activation
        if kind == "leaky_relu":
            check_number(slope, "The slope of 'leaky_relu'", low=0, high=1, closed="both")
            return float(slope)
    raise ValueError(
        f"{where} has the activation {activation!r}, and relevance is propagated through "
        "piecewise-linear layers only; use 'relu', 'identity' or ('leaky_relu', slope)."
    )


def _prepare(source, layers, X, name):
    """Return X, floating, the layers beside it as a list of `Layer`, and their namespace."""
    if isinstance(source, (list, tuple)):
        xp, device = get_namespace_and_device(X)
        X = check_array(X, input_name=name)
        check_missing_codes(X, xp)
    else:
        X, xp, device = as_genotypes(source, X, reset=False)
    width = layers[0][0].shape[0]
    if X.shape[1] != width:
        raise ValueError(
            f"{name} must have {width} columns, one for each input of the network; got "
            f"{X.shape[1]}."
        )
    dtype = float_dtype(X, xp)
    moved = []
    for number, (weight, bias, slope) in enumerate(layers):
        layer = Layer(move_to(weight, xp, device, dtype), move_to(bias, xp, device, dtype), slope)
        # a sum is finite only where every entry is, and makes no array of its own
        if not all(bool(xp.isfinite(xp.sum(array))) for array in layer[:2]):
            raise ValueError(f"Layer {number} holds NaN or infinity in its W or b.")
        moved.append(layer)
    return xp.astype(X, dtype, copy=False), moved, xp


def _read_options(layers, X, rule, gamma, epsilon, bounds, bias, name, xp):
    """Return the checked keywords of `explain`."""
    check_option(bias, "bias", ("unit", "denominator"))
    check_number(gamma, "gamma", low=0, closed="left")
    check_number(epsilon, "epsilon", low=0, closed="neither")
    rules = _read_rules(rule, layers)
    if rules[0] == "zb":
        bounds = _read_bounds(bounds, X, name, xp)
    report_bias = bias == "unit"
    return {
        "rules": rules,
        "gamma": gamma,
        "epsilon": epsilon,
        "bounds": bounds,
        "report_bias": report_bias,
    }


def _read_rules(rule, layers):
    """Return one rule a layer."""
    if isinstance(rule, str):
        check_option(rule, "rule", RULES)
        rules = [rule] * len(layers)
        if rule in ("gamma", "w2", "zb"):
            rules = ["lrp0" if layer.slope == 1 else "gamma" for layer in layers]
            rules[0] = rule if rule != "gamma" else rules[0]
        return rules
    rules = list(rule)
    if len(rules) != len(layers):
        raise ValueError(
            f"rule must be one string or a list of {len(layers)}, one a layer of the network, "
            f"input first; got {len(rules)}."
        )
    for number, entry in enumerate(rules):
        check_option(entry, f"rule[{number}]", RULES)
        if entry == "zb" and number > 0:
            raise ValueError(
                f"rule[{number}] is 'zb', whose bounds are those of the input; use it in the first "
                "layer only, and 'gamma' above."
            )
    return rules


def _read_bounds(bounds, X, name, xp):
    """Return the bounds of the inputs beside X."""
    if not isinstance(bounds, (tuple, list)) or len(bounds) != 2:
        raise ValueError(f"bounds must be a tuple (low, high); got {bounds!r}.")
    low, high = (move_to(bound, xp, X.device, X.dtype) for bound in bounds)
    for bound in (low, high):
        if bound.ndim > 1 or (bound.ndim == 1 and bound.shape[0] != X.shape[1]):
            raise ValueError(
                f"Each of bounds must be a number or have shape ({X.shape[1]},), one a variant; "
                f"got shape {tuple(bound.shape)}."
            )
    # arrays are estimates, such as the range in the training set, that a new sample may leave
    slack = (high - low) / 2 if max(low.ndim, high.ndim) == 1 else 0.0
    outside = ~((low - X <= slack) & (X - high <= slack))  # NaN is outside too
    if bool(xp.any(outside)):
        column = int(xp.argmax(xp.astype(xp.any(outside, axis=0), xp.int64)))
        low_there, high_there = (float(xp.max(b[column] if b.ndim else b)) for b in (low, high))
        raise ValueError(
            f"{name} leaves the bounds: column {column} holds {float(xp.min(X[:, column])):g} to "
            f"{float(xp.max(X[:, column])):g}, and its bounds are {low_there:g} and "
            f"{high_there:g}. Give the smallest and largest values that inputs can have."
        )
    return low, high
