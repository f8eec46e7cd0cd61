"""The attention network against torch, and the interactions that it finds.

Speed: importances of all pairs of variants against torch's Hessian and Jacobian, the strongest 100
pairs against all pairs, and an epoch of training against torch's fused Adam. Accuracy: the true
pairs of F6 to F10, against a multilayer perceptron of the same size explained by the same contrast
and by neural interaction detection; the features of F1 to F5.

Without torch the comparisons with torch are skipped. One thread: set OMP_NUM_THREADS=1. Ratios are
medians of CPU seconds of alternating runs.

Measured on one thread of an AMD EPYC that other programs shared, with torch 2.13:

==============================================  ================================  ============
task                                            rival                             times faster
==============================================  ================================  ============
all pairs of 1,000 variants                     torch, Hessian                    42 to 44
all pairs of 1,000 variants                     torch, Jacobian of the attention  4.9 to 5.1
strongest 100 pairs of 5,000, default start     all pairs of this package         1.6
strongest 100 pairs of 5,000, start="random"    all pairs of this package         12
epoch, 2,000 x 500, hidden layers 100 and 50    torch, fused Adam                 1.07
epoch, 10,000 x 5,000, hidden 1,000 and 500     torch, fused Adam                 1.06
==============================================  ================================  ============

For the strongest 100 pairs, 500 of 12.5 million were evaluated if the network started at random,
and more by default. In training both programs spend most of the time in the same matrix products.
"""

import time
from itertools import pairwise

import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.metrics import roc_auc_score
from sklearn.neural_network import MLPRegressor
from sklearn.preprocessing import StandardScaler

from skgenetics import LINAClassifier, LINARegressor
from skgenetics.datasets import make_interactions
from skgenetics.inspection import swap_interactions

try:
    import torch  # noqa: TID251
except ImportError:
    torch = None


def seconds(function):
    """Return the seconds that a call takes on the one processor that it uses."""
    start = time.process_time()
    function()
    return time.process_time() - start


def times_faster(ours, theirs, n_pairs):
    """Return the median ratio of their seconds to ours; runs alternate, so load slows both."""
    return float(np.median([seconds(theirs) / seconds(ours) for _ in range(n_pairs)]))


def trained_network(n_variants, n_explained, start="auto"):
    """Return a network that has learned the interactions of eight pairs, and dosages to explain."""
    rng = np.random.default_rng(0)
    X = rng.integers(0, 3, size=(10_000, n_variants)).astype(np.int8)
    y = sum(X[:, 2 * i].astype(float) * X[:, 2 * i + 1] for i in range(8))
    model = LINARegressor(
        start=start,
        batch_norm=True,
        coef_alpha=1e-3,
        early_stopping=True,
        n_iter_no_change=5,
        max_iter=30,
        random_state=0,
    )
    return model.fit(X, y), X[:n_explained]


def torch_functions(model):
    """Return attention and prediction of one sample as torch functions."""
    torch.set_num_threads(1)
    weights = [torch.tensor(W) for W in (*model.coefs_, model.attention_coef_)]
    biases = [torch.tensor(b) for b in (*model.intercepts_, model.attention_intercept_)]
    K, center = torch.tensor(model.task_coef_[0]), torch.tensor(model.center_)

    def attention(x):
        for W, b in zip(weights[:-1], biases[:-1], strict=True):
            x = torch.nn.functional.leaky_relu(x @ W + b, model.negative_slope)
        return x @ weights[-1] + biases[-1]

    def logit(x):
        return (attention(x) * (x - center)) @ K

    return attention, logit, K


def mean_over_chunks(matrices, X, chunk=4):
    """Return the mean size of the matrices (chunk, m, m) of chunks of samples."""
    total = torch.zeros(X.shape[1], X.shape[1])
    for start in range(0, len(X), chunk):
        total += matrices(X[start : start + chunk]).abs().sum(0)
    return total / len(X)


class Interactions:
    """All pairs of 1000 variants, mean over samples."""

    n_samples = 64
    timeout = 600

    def setup(self):
        self.model, X = trained_network(1000, self.n_samples)
        self.X = X.astype(np.float32)

    def ratio(self, matrices):
        """Return the seconds of a torch function relative to ours, where both agree."""
        if torch is None:
            raise NotImplementedError("torch is not installed.")
        X = torch.tensor(self.X)
        expected = self.model.second_order_importance(self.X)
        np.testing.assert_allclose(mean_over_chunks(matrices, X), expected, rtol=1e-2, atol=1e-6)
        return times_faster(
            lambda: self.model.second_order_importance(self.X),
            lambda: mean_over_chunks(matrices, X),
            n_pairs=7,
        )

    def track_times_faster_than_hessian(self):
        _, logit, _ = torch_functions(self.model)
        return self.ratio(torch.func.vmap(torch.func.hessian(logit)))

    def track_times_faster_than_reverse_jacobian(self):
        """The best of torch's own transforms: the Jacobian of the attention, then the formula."""
        attention, _, K = torch_functions(self.model)
        jacobian = torch.func.vmap(torch.func.jacrev(attention))

        def matrices(X):
            J = jacobian(X) * K[:, None]  # k_j da_j / dx_i in row j and column i
            return J + J.mT

        return self.ratio(matrices)


class TopPairs:
    """The 100 strongest of 12.5 million pairs of a trained network."""

    params = ("auto", "random")
    param_names = ("start",)
    timeout = 1200

    def setup(self, start):
        self.model, self.X = trained_network(5000, 1000, start)

    def track_times_faster_than_all_pairs(self, start):
        return times_faster(
            lambda: self.model.second_order_importance(self.X, top_k=100),
            lambda: self.model.second_order_importance(self.X),
            n_pairs=2,
        )

    def track_pairs_evaluated(self, start):
        return self.model.second_order_importance(self.X, top_k=100).n_evaluated

    def peakmem_all_pairs(self, start):
        self.model.second_order_importance(self.X[:32])


class Training:
    """An epoch on int8 dosages against torch's fused Adam."""

    params = ((2000, 500, 100), (10_000, 5000, 1000))
    param_names = ("n_samples, n_variants, hidden",)
    timeout = 1800

    def setup(self, size):
        n, m, self.width = size
        rng = np.random.default_rng(0)
        self.X = rng.integers(0, 3, size=(n, m)).astype(np.int8)
        self.y = (self.X[:, 0] * self.X[:, 1] + self.X[:, 2] > 1).astype(int)

    def our_epoch(self):
        """Return a function that trains for one more epoch."""
        model = LINAClassifier((self.width, self.width // 2), random_state=0)
        return lambda: model.partial_fit(self.X, self.y, classes=[0, 1])

    def torch_epoch(self):
        """Return the same with torch and its fused Adam."""
        torch.set_num_threads(1)
        n, m = self.X.shape
        widths = [m, self.width, self.width // 2, m]
        weights = [torch.randn(a, b) * (2 / a) ** 0.5 for a, b in pairwise(widths)]
        biases = [torch.zeros(width) for width in widths[1:]]
        K, B = torch.randn(m) / m**0.5, torch.zeros(1)
        parameters = [p.requires_grad_() for p in (*weights, *biases, K, B)]
        optimizer = torch.optim.Adam(parameters, lr=1e-3, fused=True)
        X, y = torch.tensor(self.X), torch.tensor(self.y, dtype=torch.float32)
        mean, scale = X.float().mean(0), X.float().std(0)

        def epoch():
            for rows in torch.randperm(n).split(200):
                Z = (X[rows].float() - mean) / scale
                A = Z
                for i, (W, b) in enumerate(zip(weights, biases, strict=True)):
                    A = torch.addmm(b, A, W)
                    A = torch.nn.functional.leaky_relu(A, 0.2) if i < 2 else A
                entropy = torch.nn.functional.binary_cross_entropy_with_logits(
                    (A * Z) @ K + B, y[rows]
                )
                penalty = 1e-7 * (A - 1).abs().mean() + 1e-4 * (K**2).sum()
                optimizer.zero_grad(set_to_none=True)
                (entropy + penalty).backward()
                optimizer.step()

        return epoch

    def track_times_faster_than_fused_adam(self, size):
        if torch is None:
            raise NotImplementedError("torch is not installed.")
        ours, theirs = self.our_epoch(), self.torch_epoch()
        ours(), theirs()  # compilation, and the state of Adam
        return times_faster(ours, theirs, n_pairs=7 if size[0] > 5000 else 100)

    def track_seconds_per_epoch(self, size):
        epoch = self.our_epoch()
        epoch()
        return seconds(epoch)


def r_precision(importance, pairs):
    """Return the share of the true pairs among as many pairs of largest importance."""
    first, second = np.triu_indices(len(importance), 1)
    best = np.argsort(-importance[first, second])[: len(pairs)]
    true = {tuple(pair) for pair in pairs}
    return np.mean([(first[k], second[k]) in true for k in best])


def detection(network):
    """Return the pairs' scores by neural interaction detection, from the weights of an MLP."""
    paths = np.abs(network.coefs_[-1])
    for weights in network.coefs_[-2:0:-1]:
        paths = np.abs(weights) @ paths
    first = np.abs(network.coefs_[0])
    return np.minimum(first[:, None, :], first[None, :, :]) @ paths[:, 0]


class Recovery:
    """R-precision of the true pairs of F6 to F10, mean over functions and five data sets.

    4,000 rows to train on, 1,000 to explain and to test. The rival is a perceptron of the same
    hidden layers, explained by the same contrast and by neural interaction detection.
    """

    timeout = 3600

    def setup_cache(self):
        rows = []
        for seed in range(5):
            for function in ("F6", "F7", "F8", "F9", "F10"):
                made = make_interactions(function, random_state=seed)
                X, y = made.data[:4000], made.target[:4000]
                test = made.data[4000:], made.target[4000:]
                stop = {"early_stopping": True, "n_iter_no_change": 40, "tol": 0, "max_iter": 300}
                ours = LINARegressor(
                    batch_norm=True, learning_rate_init=0.01, random_state=seed, **stop
                ).fit(X, y)
                rival = MLPRegressor(
                    hidden_layer_sizes=(100, 50),
                    alpha=0.01,
                    batch_size=50,
                    random_state=seed,
                    **stop,
                )
                rival = TransformedTargetRegressor(rival, transformer=StandardScaler()).fit(X, y)
                perceptron = rival.regressor_
                swap = {"n_repeats": 2, "random_state": 0}
                scores = (
                    ours.second_order_importance(test[0]),
                    ours.second_order_importance(test[0], kind="swap", **swap),
                    swap_interactions(perceptron, test[0], **swap),
                    detection(perceptron),
                )
                precisions = [r_precision(score, made.pairs) for score in scores]
                rows.append([*precisions, ours.score(*test), rival.score(*test)])
        return np.mean(rows, axis=0)

    def track_second_order(self, means):
        return means[0]

    def track_swap(self, means):
        return means[1]

    def track_swap_of_a_perceptron(self, means):
        return means[2]

    def track_neural_interaction_detection(self, means):
        return means[3]

    def track_test_r2(self, means):
        return means[4]

    def track_test_r2_of_the_perceptron(self, means):
        return means[5]


class Ranking:
    """Smallest area under the ROC curve, over F1 to F5, of importances for the true features."""

    timeout = 600

    def track_least_area(self):
        areas = []
        for function in ("F1", "F2", "F3", "F4", "F5"):
            made = make_interactions(function, random_state=0)
            model = LINAClassifier(
                batch_norm=True,
                learning_rate_init=0.01,
                early_stopping=True,
                max_iter=60,
                random_state=0,
            ).fit(made.data[:16_000], made.target[:16_000])
            importance = model.first_order_importance(made.data[16_000:], target=0)
            matters = np.isin(np.arange(10), made.features)
            areas.append(roc_auc_score(matters, importance))
        return min(areas)
