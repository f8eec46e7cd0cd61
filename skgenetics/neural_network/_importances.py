"""What a fitted network has learned: importances of variants and of their interactions."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from skgenetics.neural_network._derivatives import (
    TopPairs,
    first_order,
    paths,
    second_order_operators,
    second_order_pairs,
    second_order_sum,
    top_pairs,
)
from skgenetics.neural_network._fitted import FittedNetwork
from skgenetics.neural_network._interactions import swap_pairs
from skgenetics.neural_network._network import Network, forward
from skgenetics.utils._arrays import device_of, namespace_of, to_numpy
from skgenetics.utils._labels import Labels, labels_of_fit
from skgenetics.utils._optional import import_optional
from skgenetics.utils._parameters import check_number, check_option
from skgenetics.utils._typing import Array, ArrayLike
from skgenetics.utils._validation import check_pairs

PAIRS_AT_ONCE = 2**12  # pairs whose contrasts are held for every sample


class NetworkImportances(FittedNetwork):
    """Importances in closed form, of the logit (regression: of the trait) and per allele."""

    _sample: Array  # training rows kept for feature_importances_ (n, m)
    _importances: Array | None  # first-order importances on them (d, m), once computed

    @property
    def feature_importances_(self) -> Array:
        """First-order importance of each variant on training rows (1000 at most), task mean."""
        check_is_fitted(self, "task_coef_")
        return namespace_of(self.task_coef_).mean(self._sample_importances(), axis=0)

    def to_frame(self) -> Any:
        """Return a pandas data frame with one row per variant.

        Returns
        -------
        frame : pandas.DataFrame
            Columns variant_id, importance (`feature_importances_`) and, if there are several
            tasks or classes, importance_0, importance_1, ... of each.
        """
        check_is_fitted(self, "task_coef_")
        pandas = import_optional("pandas", extra="dataframe")
        names = getattr(self, "feature_names_in_", [f"x{i}" for i in range(self.n_features_in_)])
        columns = {"variant_id": names, "importance": to_numpy(self.feature_importances_)}
        if self.task_coef_.shape[0] > 1:
            for task, row in enumerate(to_numpy(self._sample_importances())):
                columns[f"importance_{task}"] = row
        return pandas.DataFrame(columns)

    def first_order_importance(
        self,
        X: ArrayLike,
        *,
        target: int | None = None,
        per_sample: bool = False,
        groups: ArrayLike | None = None,
    ) -> Array:
        """Return the derivatives of the logits with respect to the dosages.

        Exact for every sample: one backward pass per task.

        Parameters
        ----------
        X : {array-like, CSR matrix, Genotypes} of shape (n_samples, n_variants)
            Samples to explain.
        target : None or int, default=None
            Index of a task or class; None: all.
        per_sample : bool, default=False
            False: the mean over samples of the absolute derivative.
        groups : array-like of shape (n_variants,), optional
            The gene, or other group, of each variant: values of its variants are added. Groups are
            in the order of ``numpy.unique(groups)``. Groups that are labelled (a pandas Series, a
            dict) are matched to the variants by their labels.

        Returns
        -------
        importance : array of shape (n_tasks, n_variants) or (n_samples, n_tasks, n_variants)
            Per counted allele; without the axis of tasks if `target` is given.
        """
        X = self._validate_X(X, "first_order_importance")
        members = None if groups is None else self._group_members(groups)
        value = self._first_order(X, self._tasks(target), per_sample)
        value = value if members is None else value @ members
        return value if target is None else value[..., 0, :]

    def second_order_importance(
        self,
        X: ArrayLike,
        *,
        target: int | None = None,
        pairs: ArrayLike | None = None,
        top_k: int | None = None,
        kind: Literal["derivative", "swap"] = "derivative",
        per_sample: bool = False,
        signed: bool = False,
        groups: ArrayLike | None = None,
        n_repeats: int = 1,
        random_state: int | np.random.RandomState | None = None,
    ) -> Any:
        """Return the importances of pairs of variants.

        Parameters
        ----------
        X : {array-like, CSR matrix, Genotypes} of shape (n_samples, n_variants)
            Samples to explain.
        target : None or int, default=None
            Index of a task or class. None: the only one, or all of several.
        pairs : array-like of shape (n_pairs, 2), optional
            Indices or names of variants: only these.
        top_k : int, optional
            Only the strongest pairs of different variants; exact, found without computing all
            pairs. For kind="derivative".
        kind : {"derivative", "swap"}, default="derivative"
            "derivative": k_j da_j/dx_i + k_i da_i/dx_j, the second derivative of the logit off the
            kinks of the activation, its diagonal included. "swap": the change of the logit that two
            dosages, replaced by those of another sample, make beyond the sum of their own changes;
            it sees what lies on the kinks.
        per_sample : bool, default=False
            False: the mean over samples of absolute values. True: values of each sample; for all
            pairs as one :class:`scipy.sparse.linalg.LinearOperator` per sample, on the host, which
            never holds a matrix of all pairs. Not with kind="swap" and all pairs.
        signed : bool, default=False
            Mean of the values themselves; for kind="derivative".
        groups : array-like of shape (n_variants,), optional
            The gene of each variant, as in `first_order_importance`: the importances of pairs are
            added over genes.
        n_repeats : int, default=1
            Other samples a dosage is taken from ("swap").
        random_state : None, int or RandomState, default=None
            Which samples those are ("swap").

        Returns
        -------
        importance : array of shape (n_variants, n_variants), list or TopPairs
            Per squared allele for "derivative". With several tasks and no `target` (n_tasks,
            n_variants, n_variants). With `pairs` (n_pairs,) or (n_tasks, n_pairs); with
            `per_sample` too (n_samples, n_pairs) or (n_samples, n_tasks, n_pairs). With `top_k` a
            named tuple of pairs, importances and n_evaluated, how many pairs were computed.
        """
        check_options(kind, pairs, top_k, per_sample, signed, groups)
        X = self._validate_X(X, "second_order_importance")
        tasks = self._tasks(target)
        if per_sample and pairs is None and (kind == "swap" or len(tasks) > 1):
            raise ValueError(
                "per_sample=True for all pairs gives one linear operator per sample: it needs "
                "kind='derivative' and, with several tasks, a target. Or give pairs."
            )
        if pairs is not None:
            names = getattr(self, "feature_names_in_", ())
            pairs = check_pairs(pairs, self.n_features_in_, names)
        if top_k is not None:
            return self._top_pairs(X, tasks, top_k)
        if kind == "swap":
            results = self._swap(X, tasks, pairs, per_sample, n_repeats, random_state)
        elif per_sample and pairs is None:
            return second_order_operators(self._network(), self._gates(X), tasks[0])
        else:
            results = self._second_order(X, tasks, pairs, per_sample, signed)
        if groups is not None:
            members = self._group_members(groups)
            results = [members.T @ result @ members for result in results]
        if len(tasks) == 1:
            return results[0]
        return namespace_of(self.task_coef_).stack(results, axis=1 if per_sample else 0)

    def attention_jacobian(self, X: ArrayLike) -> tuple[Array, Array, Array]:
        """Return the derivatives of the attention with respect to the dosages, as factors.

        Parameters
        ----------
        X : {array-like, CSR matrix, Genotypes} of shape (n_samples, n_variants)

        Returns
        -------
        first : array of shape (n_variants, h_1)
        paths : array of shape (n_samples, h_1, h_L)
        last : array of shape (h_L, n_variants)
            ``first @ paths[n] @ last`` holds da_j/dx_i of sample n in row i and column j.
        """
        X = self._validate_X(X, "attention_jacobian")
        network = self._network()
        return network.weights[0], paths(network, self._gates(X)), network.weights[-1]

    def _sample_importances(self) -> Array:
        """Return the first-order importances (d, m) on the kept training rows, computed once."""
        if self._importances is None:
            self._importances = self._first_order(self._sample, self._tasks(None), False)
        return self._importances

    def _first_order(self, X: Array, tasks: Sequence[int], per_sample: bool) -> Array:
        """Return the derivatives (n, tasks, m), or the means of their absolute values."""
        xp = namespace_of(self.task_coef_)
        network, slope, parts = self._network(), self._slope(), []
        for block in self._blocks(X, len(tasks)):
            value = first_order(network, block, self.center_, slope, tasks)
            parts.append(value if per_sample else xp.sum(xp.abs(value), axis=0))
        return xp.concat(parts, axis=0) if per_sample else sum(parts) / X.shape[0]

    def _gates(self, X: Array) -> list[Array]:
        """Return the derivatives of the activations of each hidden layer (n, h_l)."""
        xp, network, slope = namespace_of(self.task_coef_), self._network(), self._slope()
        blocks = [forward(network, block, slope).gates for block in self._blocks(X)]
        return [xp.concat(list(layer), axis=0) for layer in zip(*blocks, strict=True)]

    def _second_order(
        self,
        X: Array,
        tasks: Sequence[int],
        pairs: np.ndarray | None,
        per_sample: bool,
        signed: bool,
    ) -> list[Array]:
        """Return the second derivatives of each task: of all pairs as means, or of `pairs`."""
        network, gates = self._network(), self._gates(X)
        if pairs is None:
            return [
                second_order_sum(network, gates, task, signed=signed) / X.shape[0] for task in tasks
            ]
        return [pair_derivatives(network, gates, task, pairs, per_sample, signed) for task in tasks]

    def _top_pairs(self, X: Array, tasks: Sequence[int], top_k: int) -> TopPairs:
        """Return the `TopPairs` of one task, or of all."""
        check_number(top_k, "top_k", integer=True, low=1, closed="left")
        network, gates = self._network(), self._gates(X)
        per_task = [top_pairs(network, gates, task, top_k) for task in tasks]
        if len(tasks) == 1:
            return per_task[0]
        return TopPairs(
            np.stack([top.pairs for top in per_task]),
            np.stack([top.importances for top in per_task]),
            sum(top.n_evaluated for top in per_task),
        )

    def _swap(
        self,
        X: Array,
        tasks: Sequence[int],
        pairs: np.ndarray | None,
        per_sample: bool,
        n_repeats: int,
        random_state: int | np.random.RandomState | None,
    ) -> list[Array]:
        """Return the swap contrasts of each task: of all pairs as a matrix, or of `pairs`."""
        check_number(n_repeats, "n_repeats", integer=True, low=1, closed="left")
        xp, (n, m), rng = namespace_of(self.task_coef_), X.shape, check_random_state(random_state)
        permutations = [rng.permutation(n) for _ in range(n_repeats)]
        X = xp.concat(list(self._blocks(X)), axis=0)
        network, slope = self._network(), self._slope()
        every = np.stack(np.triu_indices(m, 1), axis=1) if pairs is None else pairs
        results = []
        for task in tasks:
            parts = [
                swap_pairs(network, X, self.center_, slope, task, some, permutations)
                for some in np.split(every, range(PAIRS_AT_ONCE, len(every), PAIRS_AT_ONCE))
            ]
            if per_sample:
                results.append(xp.concat(parts, axis=1))
                continue
            values = xp.concat([xp.mean(part, axis=0) for part in parts])
            results.append(symmetric_matrix(values, every, m) if pairs is None else values)
        return results

    def _tasks(self, target: int | None) -> list[int]:
        """Return the indices of the requested logits."""
        d = self.task_coef_.shape[0]
        if target is None:
            return list(range(d))
        check_number(target, "target", integer=True, low=0, high=d - 1, closed="both")
        return [int(target)]

    def _group_members(self, groups: ArrayLike) -> Array:
        """Return the membership (m, n_groups) of variants in groups."""
        names, codes = groups_in_order(groups, labels_of_fit(self), self.n_features_in_)
        members, like = np.eye(len(names))[codes], self.task_coef_
        return namespace_of(like).asarray(members, dtype=like.dtype, device=device_of(like))


def groups_in_order(groups: ArrayLike, labels: Labels, m: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the names of groups, sorted, and the place (m,) there of each variant's group.

    `labels` are those of the variants.
    """
    values = to_numpy(labels.match(groups, "groups"))
    if values.shape != (m,):
        raise ValueError(
            f"groups must name one group for each of the {m} variants; got an array of shape "
            f"{values.shape}."
        )
    return np.unique(values, return_inverse=True)


def check_options(
    kind: str,
    pairs: ArrayLike | None,
    top_k: int | None,
    per_sample: bool,
    signed: bool,
    groups: ArrayLike | None,
) -> None:
    """Raise if arguments of `second_order_importance` exclude each other."""
    check_option(kind, "kind", ("derivative", "swap"))
    if sum(argument is not None for argument in (pairs, top_k, groups)) > 1:
        raise ValueError("pairs, top_k and groups exclude each other; give one at most.")
    if kind == "swap" and (signed or top_k is not None):
        raise ValueError("signed and top_k are for kind='derivative'; with 'swap' give pairs.")
    if per_sample and (signed or top_k is not None or groups is not None):
        raise ValueError("per_sample=True goes with pairs or with all pairs only.")


def pair_derivatives(
    network: Network,
    gates: list[Array],
    task: int,
    pairs: np.ndarray,
    per_sample: bool,
    signed: bool,
) -> Array:
    """Return S_ij of `pairs` per sample (n, k), or the mean over samples of S_ij or abs(S_ij)."""
    xp = namespace_of(gates[0])
    parts = [S for _, S in second_order_pairs(network, gates, task, pairs)]
    if per_sample:
        return xp.concat(parts, axis=0)
    return sum(xp.sum(S if signed else xp.abs(S), axis=0) for S in parts) / gates[0].shape[0]


def symmetric_matrix(values: Array, pairs: np.ndarray, m: int) -> Array:
    """Return the matrix (m, m) of the values (k,) of pairs (k, 2), 0 elsewhere."""
    xp = namespace_of(values)
    place = np.zeros((m, m), dtype=np.int64)
    place[tuple(pairs.T)] = place[tuple(pairs.T[::-1])] = 1 + np.arange(len(pairs))
    device = device_of(values)
    values = xp.concat([xp.zeros(1, dtype=values.dtype, device=device), values])
    index = xp.asarray(np.ravel(place), device=device)
    return xp.reshape(xp.take(values, index), (m, m))
