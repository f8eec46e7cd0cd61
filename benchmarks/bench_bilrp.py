"""Factors of BiLRP: time relative to PyTorch on the same network, and memory.

There are three rivals. The published code goes down layer by layer for each unit, and enlarges the
weights every time. The other two rewrite the forward pass so that gradient times input is the gamma
rule (activations are rescaled by constants, biases stay constants), with weights enlarged once; one
takes a gradient per unit, the other all gradients in one batch.

Measured on one thread of an AMD EPYC, with torch 2.13, each case in its own process:

========  =========  ==============  =====================  =============
network   n_samples  published loop  one gradient per unit  batched torch
========  =========  ==============  =====================  =============
256       2          171             23 (18 to 28)          2.7
256       8          124             38 (29 to 51)          1.8
256       64         233             21 (19 to 23)          2.3
1000-200  2          247             24                     3.0
1000-200  8          378             44                     2.5
1000-200  64         320             32                     1.9
========  =========  ==============  =====================  =============

Entries say how many times faster this package is. Those of the published loop are from one
process, the others are medians of three or more; the lowest ratio to batched torch was 1.5. The
ratios depend on how much of the machine's cache torch gets: on a busy machine of two cores they
were 23 to 55 for one gradient per unit, 8 to 17 where its units share a forward pass, and 1.4 to
2.9 for batched torch with 2 and 8 samples, medians of three processes each; single ones went down
to 12 and .8. Peak memory for 64 samples is 1.3 to
1.7 times that of the factors. For 2 samples it is up to 3.5 times, because blocks of weights take 8
to 10 MB.
"""

import time

import numpy as np
from threadpoolctl import threadpool_limits

from skgenetics.datasets import make_genotypes
from skgenetics.inspection import bilrp

N_VARIANTS = 5000
N_UNITS = 50
GAMMA = 0.25
HIDDEN = {"256": (256,), "1000-200": (1000, 200)}


def make_layers(hidden):
    """Return a random ReLU network with an identity layer on top."""
    rng = np.random.default_rng(0)
    widths = (N_VARIANTS, *hidden, N_UNITS)
    activations = ["relu"] * len(hidden) + ["identity"]
    return [
        (rng.normal(size=(a, b)) / np.sqrt(a), 0.1 * rng.normal(size=b), activation)
        for a, b, activation in zip(widths[:-1], widths[1:], activations)
    ]


class Torch:
    """The rewritten network in PyTorch, one thread, float64, from weights to factors."""

    def __init__(self, layers, X):
        import torch  # noqa: TID251

        torch.set_num_threads(1)
        self.torch, self.X = torch, torch.tensor(X, dtype=torch.float64)
        self.layers = []
        for weight, bias, activation in layers:
            weight, bias = torch.from_numpy(weight), torch.from_numpy(bias)
            raised = raised_bias = None
            if activation == "relu":
                raised, raised_bias = (w + GAMMA * w.clamp(min=0) for w in (weight, bias))
            self.layers.append((weight, bias, raised, raised_bias))

    def phi(self, x):
        for weight, bias, raised, raised_bias in self.layers:
            z = x @ weight + bias
            if raised is not None:
                total = x @ raised + raised_bias
                share = self.torch.where(z > 0, z / total, self.torch.zeros_like(z))
                z = total * share.detach()
            x = z
        return x

    def unit_loop(self, share_forward):
        """One backward pass per sample and unit; a forward pass for each, or one for all units."""
        factors = []
        for row in self.X:
            x = row[None].clone().requires_grad_()
            phi = self.phi(x)[0]
            for unit in range(N_UNITS):
                value = phi[unit] if share_forward else self.phi(x)[0, unit]
                (gradient,) = self.torch.autograd.grad(value, x, retain_graph=share_forward)
                factors.append(gradient[0] * row)
        return self.torch.stack(factors).reshape(len(self.X), N_UNITS, N_VARIANTS).numpy()

    def published_loop(self, n_units):
        """As the published code: a sample and unit at a time, forward, and down layer by layer.

        Every pass enlarges the weights anew, and takes one gradient per layer.
        """
        factors = []
        for row in self.X:
            for unit in range(n_units):
                activations = [row[None]]
                for weight, bias, raised, _ in self.layers:
                    z = activations[-1] @ weight + bias
                    activations.append(z if raised is None else z.clamp(min=0))
                relevance = self.torch.zeros_like(activations.pop())
                relevance[0, unit] = z[0, unit]
                for (weight, bias, raised, _), x in zip(self.layers[::-1], activations[::-1]):
                    x = x.clone().requires_grad_()
                    if raised is not None:
                        weight, bias = (w + GAMMA * w.clamp(min=0) for w in (weight, bias))
                    z = x @ weight + bias
                    (z * (relevance / z).detach()).sum().backward()
                    relevance = (x * x.grad).detach()
                factors.append(relevance[0])
        return self.torch.stack(factors).reshape(len(self.X), n_units, N_VARIANTS).numpy()

    def batched(self):
        """All samples and units in one vectorized backward pass."""
        X = self.X.clone().requires_grad_()
        phi = self.phi(X)
        unit = self.torch.eye(N_UNITS, dtype=phi.dtype)[:, None, :].expand(-1, len(X), -1)
        (gradient,) = self.torch.autograd.grad(phi, X, unit, is_grads_batched=True)
        return (gradient * X.detach()).transpose(0, 1).numpy()


class Factors:
    """d = 5000 variants, embedding of 50, float64, one thread."""

    params = (list(HIDDEN), [2, 8, 64])
    param_names = ("hidden", "n_samples")
    timeout = 600

    def setup(self, hidden, n_samples):
        self.layers = make_layers(HIDDEN[hidden])
        self.X = make_genotypes(n_samples, N_VARIANTS, random_state=0).data

    def ours(self):
        return bilrp(self.layers, self.X, rule="gamma", gamma=GAMMA)

    def times_faster(self, rival, repeats=1):
        """Median ratio of CPU seconds on one thread, by turns, of `repeats` times the rival's."""
        ratios = []
        with threadpool_limits(1):
            for _ in range(7):
                start = time.process_time()
                rival(Torch(self.layers, self.X))
                middle = time.process_time()
                self.ours()
                ratios.append(repeats * (middle - start) / (time.process_time() - middle))
        return float(np.median(ratios))

    def track_times_faster_than_the_published_loop(self, hidden, n_samples):
        few = 2  # its time is proportional to units
        return self.times_faster(lambda rival: rival.published_loop(few), repeats=N_UNITS // few)

    def track_times_faster_than_a_loop_over_units(self, hidden, n_samples):
        return self.times_faster(lambda rival: rival.unit_loop(share_forward=False))

    def track_times_faster_than_a_loop_over_backward_passes(self, hidden, n_samples):
        return self.times_faster(lambda rival: rival.unit_loop(share_forward=True))

    def track_times_faster_than_batched_torch(self, hidden, n_samples):
        return self.times_faster(Torch.batched)

    def track_largest_difference_to_torch(self, hidden, n_samples):
        rival, factors = Torch(self.layers, self.X), self.ours().factors
        published = rival.published_loop(2)
        np.testing.assert_allclose(factors[:, :2, :], published, rtol=0, atol=1e-12)
        return float(np.abs(factors - rival.batched()).max())

    def track_conservation(self, hidden, n_samples):
        return float(np.abs(self.ours().conservation()).max())

    def time_factors(self, hidden, n_samples):
        self.ours()

    def time_top_100_pairs(self, hidden, n_samples):
        self.ours().top_pairs(0, 1, 100)

    def peakmem_factors(self, hidden, n_samples):
        self.ours()
