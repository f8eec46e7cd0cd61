"""Which pairs of variants make two people similar to a network, and which variants matter to one.

The layers are read in _layers.py, the mathematics is in _rules.py and _relevance.py, and what
`bilrp` returns is in _similarity.py.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from skgenetics.inspection._layers import SLOPES, Layer, forward, place_beside, read_layers
from skgenetics.inspection._relevance import Explanation, explain
from skgenetics.inspection._rules import read_settings
from skgenetics.inspection._similarity import SimilarityExplanation
from skgenetics.utils._arrays import move_to, namespace_of
from skgenetics.utils._parameters import Flag, Integer, check_parameter
from skgenetics.utils._typing import Array, ArrayLike


def bilrp(
    estimator_or_layers: Any,
    X: ArrayLike,
    X2: ArrayLike | None = None,
    *,
    rule: str | Sequence[str] = "gamma",
    gamma: float = 0.25,
    epsilon: float = 1e-6,
    bounds: tuple[ArrayLike, ArrayLike] = (0, 2),
    bias: str = "unit",
    layer: int = -1,
    normalize: bool = False,
) -> SimilarityExplanation:
    """Explain the similarity of samples to a network by pairs of their variants (BiLRP).

    The similarity of x and x' is the product phi(x)'phi(x') of their embeddings by a network of
    linear and ReLU layers. It is divided among all pairs (variant j of x, variant j' of x') and the
    biases: R_jj' = sum_m R_jm R_j'm, where the factor R_jm is the relevance of variant j to unit m
    of phi.

    Parameters
    ----------
    estimator_or_layers : estimator, list of tuple or torch.nn.Sequential
        The network phi. Of a fitted MLPClassifier or MLPRegressor (activation "relu" or "identity")
        phi is the hidden layers, of a fitted LINAClassifier or LINARegressor the attention A. Or a
        list of layers (W, b, activation): W (inputs, outputs), b (outputs,), activation "relu",
        "identity" or ("leaky_relu", slope) with a slope from 0 to 1. Or a torch.nn.Sequential of
        Linear, ReLU, LeakyReLU and further Sequentials, of which phi is what comes before a last
        linear layer.
    X : array-like of shape (n_samples, n_variants)
        Dosages (or what the network was trained on) of the samples to compare. Factors take
        n_samples x n_units x n_variants numbers: give the samples of interest, not a cohort.
    X2 : array-like of shape (n_samples_2, n_variants), default=None
        The samples to compare with. None: the samples of X.
    rule : str or list of str, one per layer, input first, default="gamma"
        How a unit's relevance is divided among its inputs a_j of weight w_jk.

        - "lrp0" (LRP-0): in proportion to a_j w_jk. Equals Hessian x product with
          bias="denominator".
        - "epsilon" (LRP-epsilon): the same, with `epsilon` added to the size of the denominator.
          Loses relevance.
        - "gamma" (LRP-gamma): contributions of the sign of the unit's output are enlarged by
          1 + gamma, so that contributions that cancel do not make large relevances. Alone (not in a
          list) it stands for "lrp0" in identity layers.
        - "w2" (w^2): in proportion to w_jk^2, whatever the dosage. Alone it stands for "w2" in the
          first layer and "gamma" in the others.
        - "zb" (z^B): in proportion to the distance from the end of `bounds` that would lower the
          unit, so that a dosage of 0 can be relevant. First layer only; alone as "w2".
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
        The layer whose outputs are phi, from 0; -1 is the last.
    normalize : bool, default=False
        Explain the cosine of phi(x) and phi(x'), with lengths as constants. It is 0 if phi is 0.

    Returns
    -------
    SimilarityExplanation
        The factors, with methods for relevances of pairs, groups and layers.

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
    check_parameter(normalize, "normalize", [Flag()])
    layers = read_layers(estimator_or_layers, "embedding")
    layers = layers[: _number_of_layers(layer, len(layers))]

    def explained(samples: ArrayLike, name: str) -> Explanation:
        samples, placed = place_beside(estimator_or_layers, layers, samples, name)
        settings = read_settings(
            placed, samples, name, rule=rule, gamma=gamma, epsilon=epsilon, bounds=bounds, bias=bias
        )
        return explain(placed, samples, settings, normalize=normalize)

    first = explained(X, "X")
    return SimilarityExplanation(first, first if X2 is None else explained(X2, "X2"))


def relevance(
    estimator_or_layers: Any,
    X: ArrayLike,
    *,
    rule: str | Sequence[str] = "gamma",
    gamma: float = 0.25,
    epsilon: float = 1e-6,
    bounds: tuple[ArrayLike, ArrayLike] = (0, 2),
    bias: str = "unit",
) -> tuple[Array, Array]:
    """Explain the outputs of a network by the variants of a sample (LRP).

    Parameters
    ----------
    estimator_or_layers : estimator, list of tuple or torch.nn.Sequential
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
    layers = read_layers(estimator_or_layers, "output")
    X, layers = place_beside(estimator_or_layers, layers, X, "X")
    batches = [(layers, X)]
    if hasattr(estimator_or_layers, "attention_coef_"):
        frozen = _freeze_gates(estimator_or_layers, layers, X)
        batches = [([layer], X[row : row + 1, :]) for row, layer in enumerate(frozen)]
    settings = read_settings(
        batches[0][0], X, "X", rule=rule, gamma=gamma, epsilon=epsilon, bounds=bounds, bias=bias
    )
    explanations = [explain(layers, rows, settings) for layers, rows in batches]
    xp = namespace_of(X)
    return (
        xp.concat([explanation.path[0] for explanation in explanations]),
        xp.concat([explanation.biases for explanation in explanations]),
    )


def _number_of_layers(layer: int, n_layers: int) -> int:
    """Return how many layers phi has whose last is `layer`, which may count from the end."""
    check_parameter(layer, "layer", [Integer()])
    if not -n_layers <= layer < n_layers:
        raise ValueError(
            f"layer must be an integer from {-n_layers} to {n_layers - 1}, as phi has {n_layers} "
            f"layers; got {layer!r}."
        )
    return range(n_layers)[layer] + 1


def _freeze_gates(estimator: Any, layers: Sequence[Layer], X: Array) -> Iterator[Layer]:
    """Yield for each sample the layer of the logits, sum_j (K_pj A_j + L_pj) x_j.

    The attention A is that of the sample, held fixed, so that the logits are linear in x.
    """
    xp = namespace_of(X)
    coef, linear, intercept, center = (
        move_to(getattr(estimator, name), xp, X.device, X.dtype)
        for name in ("task_coef_", "linear_coef_", "task_intercept_", "center_")
    )
    attention, _ = forward(layers, X)
    for row in range(X.shape[0]):
        gated = coef * attention[row, :] + linear
        yield Layer(gated.T, intercept - gated @ center, SLOPES["identity"])
