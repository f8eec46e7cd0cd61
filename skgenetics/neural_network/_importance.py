"""What a fitted network has learned: importances of variants and of their interactions."""

from typing import NamedTuple

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from skgenetics.neural_network._derivatives import (
    first_order,
    paths,
    second_order_operators,
    second_order_pairs,
    second_order_sum,
    top_pairs,
)
from skgenetics.neural_network._interactions import swap_pairs
from skgenetics.neural_network._network import forward
from skgenetics.utils._arrays import get_namespace_and_device, to_numpy
from skgenetics.utils._optional import import_optional
from skgenetics.utils._parameters import check_number, check_option
from skgenetics.utils._validation import check_pairs

PAIRS_AT_ONCE = 2**12  # whose contrasts are held for every sample


class TopPairs(NamedTuple):
    """Pairs of variants of the strongest interaction, in falling order."""

    pairs: np.ndarray  # (k, 2), or (d, k, 2) for several tasks
    importances: np.ndarray  # (k,) or (d, k)
    n_evaluated: int  # pairs whose importance was computed, of m (m - 1) / 2


class ImportanceMixin:
    """Importances in closed form, of the logit (regression: of the trait) and per allele."""

    @property
    def feature_importances_(self):
        """First-order importance of each variant on training rows (1000 at most), task mean."""
        check_is_fitted(self, "task_coef_")
        xp, _ = get_namespace_and_device(self.task_coef_)
        return xp.mean(self._sample_importances(xp), axis=0)

    def _sample_importances(self, xp):
        """Return the first-order importances (d, m) on the training rows kept, computed once."""
        if self._importances is None:
            self._importances = self._first_order(self._sample, xp, self._tasks(None), False)
        return self._importances

    def to_frame(self):
        """Return a pandas data frame with a row a variant.

        Returns
        -------
        frame : pandas.DataFrame
            Columns variant_id, importance (`feature_importances_`) and, where there are several
            tasks or classes, importance_0, importance_1, ... of each.
        """
        check_is_fitted(self, "task_coef_")
        pandas = import_optional("pandas", extra="dataframe")
        names = getattr(self, "feature_names_in_", [f"x{i}" for i in range(self.n_features_in_)])
        columns = {"variant_id": names, "importance": to_numpy(self.feature_importances_)}
        if self.task_coef_.shape[0] > 1:
            for task, row in enumerate(to_numpy(self._importances)):
                columns[f"importance_{task}"] = row
        return pandas.DataFrame(columns)

    def first_order_importance(self, X, *, target=None, per_sample=False, groups=None):
        """Return the derivatives of the logits with respect to the dosages.

        Exact for every sample: one backward pass a task.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_variants)
            Samples to explain.
        target : None or int, default=None
            Index of a task or class; None: all.
        per_sample : bool, default=False
            False: the mean over samples of the absolute derivative.
        groups : array-like of shape (n_variants,), optional
            The gene, or other group, of each variant: values of its variants are added. Groups are
            in the order of ``numpy.unique(groups)``.

        Returns
        -------
        importance : array of shape (n_tasks, n_variants) or (n_samples, n_tasks, n_variants)
            Per counted allele; without the axis of tasks where `target` is given.
        """
        X, xp = self._validate_X(X, "first_order_importance")
        group = self._group_matrix(groups, xp)
        value = self._first_order(X, xp, self._tasks(target), per_sample)
        value = value if group is None else value @ group
        return value if target is None else value[..., 0, :]

    def second_order_importance(
        self,
        X,
        *,
        target=None,
        pairs=None,
        top_k=None,
        kind="derivative",
        per_sample=False,
        signed=False,
        groups=None,
        n_repeats=1,
        random_state=None,
    ):
        """Return the importances of pairs of variants.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_variants)
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
            pairs as one :class:`scipy.sparse.linalg.LinearOperator` a sample, on the host, which
            never holds a matrix of all pairs. Not with kind="swap" and all pairs.
        signed : bool, default=False
            Mean of the values themselves; for kind="derivative".
        groups : array-like of shape (n_variants,), optional
            The gene of each variant: the importances of pairs are added over genes.
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
        check_option(kind, "kind", ("derivative", "swap"))
        chosen = [name for name, value in (("pairs", pairs), ("top_k", top_k)) if value is not None]
        if len(chosen) + (groups is not None) > 1:
            raise ValueError("pairs, top_k and groups exclude each other; give one at most.")
        if kind == "swap" and (signed or top_k is not None):
            raise ValueError("signed and top_k are for kind='derivative'; with 'swap' give pairs.")
        if per_sample and (signed or top_k is not None or groups is not None):
            raise ValueError("per_sample=True goes with pairs or with all pairs only.")
        X, xp = self._validate_X(X, "second_order_importance")
        tasks = self._tasks(target)
        one = target is not None or len(tasks) == 1
        if per_sample and pairs is None and (kind == "swap" or not one):
            raise ValueError(
                "per_sample=True for all pairs gives one linear operator a sample: it needs "
                "kind='derivative' and, with several tasks, a target. Or give pairs."
            )
        if pairs is not None:
            names = getattr(self, "feature_names_in_", ())
            pairs = check_pairs(pairs, self.n_features_in_, names)
        if kind == "swap":
            results = self._swap(X, xp, tasks, pairs, per_sample, n_repeats, random_state)
        else:
            network, gates = self._network(), self._gates(X, xp)
            n = X.shape[0]
            if top_k is not None:
                return self._top(network, gates, tasks, top_k, one, xp)
            if per_sample and pairs is None:
                return second_order_operators(network, gates, tasks[0], xp)
            if pairs is None:
                results = [
                    second_order_sum(network, gates, task, xp, signed=signed) / n for task in tasks
                ]
            else:
                results = [
                    self._given_pairs(network, gates, task, pairs, per_sample, signed, xp)
                    for task in tasks
                ]
        group = self._group_matrix(groups, xp)
        if group is not None:
            results = [group.T @ result @ group for result in results]
        return results[0] if one else xp.stack(results, axis=1 if per_sample else 0)

    def attention_jacobian(self, X):
        """Return the derivatives of the attention with respect to the dosages, as factors.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_variants)

        Returns
        -------
        first : array of shape (n_variants, h_1)
        paths : array of shape (n_samples, h_1, h_L)
        last : array of shape (h_L, n_variants)
            ``first @ paths[n] @ last`` holds da_j/dx_i of sample n in row i and column j.
        """
        X, xp = self._validate_X(X, "attention_jacobian")
        network = self._network()
        return network.weights[0], paths(network, self._gates(X, xp), xp), network.weights[-1]

    def _first_order(self, X, xp, tasks, per_sample):
        """Return the derivatives (n, tasks, m), or their mean sizes (tasks, m)."""
        network, slope, parts = self._network(), self._slope(), []
        for block in self._blocks(X, xp, len(tasks)):
            value = first_order(network, block, self.center_, slope, tasks, xp)
            parts.append(value if per_sample else xp.sum(xp.abs(value), axis=0))
        return xp.concat(parts, axis=0) if per_sample else sum(parts) / X.shape[0]

    def _gates(self, X, xp):
        """Return the derivatives of the activations of each hidden layer (n, h_l)."""
        network, slope = self._network(), self._slope()
        blocks = [forward(network, block, slope, xp).gates for block in self._blocks(X, xp)]
        return [xp.concat(list(layer), axis=0) for layer in zip(*blocks, strict=True)]

    def _given_pairs(self, network, gates, task, pairs, per_sample, signed, xp):
        """Return the second derivatives of given pairs."""
        parts = [S for _, S in second_order_pairs(network, gates, task, pairs, xp)]
        if per_sample:
            return xp.concat(parts, axis=0)
        return sum(xp.sum(S if signed else xp.abs(S), axis=0) for S in parts) / gates[0].shape[0]

    def _top(self, network, gates, tasks, top_k, one, xp):
        """Return the `TopPairs` of one task, or of all."""
        check_number(top_k, "top_k", integer=True, low=1, closed="left")
        found = [top_pairs(network, gates, task, top_k, xp) for task in tasks]
        n_evaluated = sum(one_task[2] for one_task in found)
        pairs, values = (np.stack([one_task[i] for one_task in found]) for i in range(2))
        if one:
            pairs, values = pairs[0], values[0]
        return TopPairs(pairs, values, n_evaluated)

    def _swap(self, X, xp, tasks, pairs, per_sample, n_repeats, random_state):
        """Return the swap contrasts of given pairs, or of all as a symmetric matrix."""
        check_number(n_repeats, "n_repeats", integer=True, low=1, closed="left")
        n, m = X.shape
        rng = check_random_state(random_state)
        permutations = [rng.permutation(n) for _ in range(n_repeats)]
        wanted = np.stack(np.triu_indices(m, 1), axis=1) if pairs is None else pairs
        X = xp.concat(list(self._blocks(X, xp)), axis=0)
        network, results = self._network(), []
        for task in tasks:
            parts = [
                swap_pairs(
                    network,
                    X,
                    self.center_,
                    self._slope(),
                    task,
                    wanted[start : start + PAIRS_AT_ONCE],
                    permutations,
                    xp,
                )
                for start in range(0, len(wanted), PAIRS_AT_ONCE)
            ]
            if per_sample:
                results.append(xp.concat(parts, axis=1))
                continue
            values = xp.concat([xp.mean(part, axis=0) for part in parts])
            if pairs is None:
                place = np.zeros((m, m), dtype=np.int64)
                place[tuple(wanted.T)] = place[tuple(wanted.T[::-1])] = 1 + np.arange(len(wanted))
                values = xp.concat([0 * values[:1], values])
                flat = xp.asarray(np.ravel(place), device=values.device)
                values = xp.reshape(xp.take(values, flat), (m, m))
            results.append(values)
        return results

    def _tasks(self, target):
        """Return the indices of the logits asked for."""
        d = self.task_coef_.shape[0]
        if target is None:
            return list(range(d))
        check_number(target, "target", integer=True, low=0, high=d - 1, closed="both")
        return [int(target)]

    def _group_matrix(self, groups, xp):
        """Return the membership (m, n_groups) of variants in groups, or None."""
        if groups is None:
            return None
        groups, m = np.asarray(groups), self.n_features_in_
        if groups.shape != (m,):
            raise ValueError(
                f"groups must name one group for each of the {m} variants; got an array of shape "
                f"{groups.shape}."
            )
        codes = np.unique(groups, return_inverse=True)[1]
        like = self.task_coef_
        return xp.asarray(np.eye(codes.max() + 1)[codes], dtype=like.dtype, device=like.device)
