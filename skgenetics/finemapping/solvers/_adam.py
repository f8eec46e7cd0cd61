"""The solver "adam": the paper's variational family, and the paper's algorithm.

Source: Akdeniz et al., "Finemap-MiXeR", PLoS Genetics 2024, supplementary notes.
"""

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np

from skgenetics.finemapping._elbo import NoiseNorm, Quadratic, learning_norm, quadratic_form
from skgenetics.finemapping._n_causal import mixture, poisson_binomial
from skgenetics.finemapping._posterior import Covariance, Posterior
from skgenetics.finemapping._prior import Prior
from skgenetics.finemapping.solvers._adam_steps import AdamState, adam
from skgenetics.finemapping.solvers._cavi import draws_of_modes
from skgenetics.finemapping.solvers._contract import Problem, Solver, on_host
from skgenetics.finemapping.solvers._paper_family import (
    FIRST_SLAB,
    Ascent,
    Ends,
    climb,
    distinct_ends,
)
from skgenetics.loci._credible_sets import CredibleSet, sets_of_draws
from skgenetics.loci._summary import Locus, per_variant
from skgenetics.utils._arrays import namespace_of, to_numpy
from skgenetics.utils._parameters import Constraints, Integer, Number, Option, PerVariant
from skgenetics.utils._typing import Array, ArrayLike

SETTLE = 4000  # the paper holds the prior for so many iterations
NARROW = 0.1  # of the standard error of an effect: the spike's standard deviation
DRAWS_OF_SETS = 2000  # from the mixture of ends, of which credible sets are made


class Adam(Solver):
    """The paper's variational family, its ends weighted: close to calibrated; as published, not.

    A mean-field bound of the spike and slab, with a Gaussian in place of the point mass, is
    maximized from starts that are drawn as a forward selection would go. The ends are weighted by
    their bounds. :meth:`published` gives the algorithm as printed, which is overconfident in LD.

    Parameters
    ----------
    steps : {"coordinate", "adam"}, default="coordinate"
        "coordinate": closed-form steps, variant by variant, on the host. "adam": gradient steps by
        Adam, as in the paper, on any device.
    starts : {"sampled", "z"}, default="sampled"
        "sampled": a stochastic forward selection, whose next variant is drawn by its prior odds
        times its Bayes factor; the first start takes the most probable. "z", only with "adam":
        that of `gate_init`, and in further starts each o_i times a uniform draw from (0, 2).
    n_restarts : int, default=100
        Starts.
    ends : {"weighted", "best"}, default="weighted"
        Distinct ends weighted by exp(bound), or the one of the best bound.
    noise : {"ld", "independent"}, default="ld"
        Covariance of the noise of z, up to `residual_variance`: the LD matrix, which is right, or
        the identity, which is what the paper assumes.
    n_components : None, int or float, default=None
        PCA form: replace the product with the LD by its leading eigenvectors, so many, or as many
        as hold this share of the trace. None: the full product.
    spike_sd : "narrow", "adaptive" or float, default="narrow"
        Standard deviation of the Gaussian that stands for the point mass. "narrow": 0.1 / sqrt(N H)
        of each variant. "adaptive", only with "adam": it follows the mean size of the effects, as
        in the paper, so that the objective itself changes and `elbo_path_` need not rise.
    gate_scale : float, default=1.0
        k_f of the paper: q_i = 1 / (1 + exp(-k_f o_i)).
    learning_rate : None or float, default=None
        Of Adam. None: a tenth of a spike that is narrow, else 0.001.
    beta_1, beta_2, epsilon : float, default=0.9, 0.99, 1e-8
        Other constants of Adam.
    mean_init, sd_init : float or array-like of shape (n_variants,), default=0.01
        First mean and standard deviation of the effects, for starts="z".
    gate_init : None, float or array-like of shape (n_variants,), default=None
        First o_i, for starts="z". None: abs(z), as in the paper.
    prior_update : {"held", "closed_form", "adam"}, default="held"
        What happens to the prior's parameters that are not given. "held": 1 / p and 20 / (N H), an
        expected chi-square of 20. "closed_form": learned exactly, in coordinate steps from all
        starts when they have ended, by Adam every 100 iterations after the first 4,000 (or half of
        max_iter). "adam", only with that: on their logs, from the first iteration on.
    min_iter : None or int, default=None
        Smallest number of iterations of Adam. None: 500, or until the prior was learned 10 times.

    See Also
    --------
    skgenetics.FinemapMiXeR : The estimator, whose `tol` is the change of the PIPs in sum.

    References
    ----------
    Akdeniz et al., "Finemap-MiXeR", PLoS Genetics 2024, supplementary notes. Sampled starts,
    weighted ends, the narrow spike and coordinate steps are additions.

    Examples
    --------
    >>> from skgenetics import FinemapMiXeR
    >>> from skgenetics.finemapping.solvers import Adam
    >>> as_printed = FinemapMiXeR(solver=Adam.published())
    """

    name: ClassVar[str] = "adam"
    source: ClassVar[str] = (
        "Solver adam: Finemap-MiXeR. Akdeniz et al., PLoS Genet 20:e1011372 (2024)."
    )
    has_pi: ClassVar[bool] = True
    default_max_iter: ClassVar[int] = 10_000
    default_tol: ClassVar[float] = 2.5e-3

    _constraints: ClassVar[Constraints] = {
        "steps": [Option("coordinate", "adam")],
        "starts": [Option("sampled", "z")],
        "n_restarts": [Integer(low=1)],
        "ends": [Option("weighted", "best")],
        "noise": [Option("ld", "independent")],
        "n_components": [None, Integer(low=1), Number(low=0, high=1, closed="right")],
        "spike_sd": [Option("narrow", "adaptive"), Number(low=0)],
        "gate_scale": [Number(low=0)],
        "learning_rate": [None, Number(low=0)],
        "beta_1": [Number(low=0, high=1, closed="left")],
        "beta_2": [Number(low=0, high=1, closed="left")],
        "epsilon": [Number(low=0)],
        "mean_init": [PerVariant()],  # checked beside z
        "sd_init": [PerVariant()],
        "gate_init": [None, PerVariant()],
        "prior_update": [Option("held", "closed_form", "adam")],
        "min_iter": [None, Integer(low=1)],
    }

    def __init__(
        self,
        *,
        steps: str = "coordinate",
        starts: str = "sampled",
        n_restarts: int = 100,
        ends: str = "weighted",
        noise: str = "ld",
        n_components: int | float | None = None,
        spike_sd: str | float = "narrow",
        gate_scale: float = 1.0,
        learning_rate: float | None = None,
        beta_1: float = 0.9,
        beta_2: float = 0.99,
        epsilon: float = 1e-8,
        mean_init: ArrayLike = 0.01,
        sd_init: ArrayLike = 0.01,
        gate_init: ArrayLike | None = None,
        prior_update: str = "held",
        min_iter: int | None = None,
    ):
        self.steps = steps
        self.starts = starts
        self.n_restarts = n_restarts
        self.ends = ends
        self.noise = noise
        self.n_components = n_components
        self.spike_sd = spike_sd
        self.gate_scale = gate_scale
        self.learning_rate = learning_rate
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.mean_init = mean_init
        self.sd_init = sd_init
        self.gate_init = gate_init
        self.prior_update = prior_update
        self.min_iter = min_iter

    @classmethod
    def published(cls, **changes: Any) -> "Adam":
        """Return the algorithm as published, but for the corrections of its equations.

        Gradient steps from abs(z), independent noise, the adaptive spike, one start.

        Parameters
        ----------
        **changes
            Parameters that differ.
        """
        return cls(**PUBLISHED | changes)

    def noise_norm(self, locus: Locus) -> NoiseNorm:
        """Return what s0^2 is learned from under the noise that is assumed."""
        return learning_norm(locus, self.noise)

    def start(self, problem: Problem) -> Iterator[AdamState]:
        """Return the iterations, in the namespace of the data."""
        locus, pi = problem.locus, problem.prior.pi
        if pi is not None and not bool(namespace_of(pi).all((pi > 0) & (pi < 1))):
            raise ValueError(
                f"solver={self.name!r} needs every causal_probability to be > 0 and < 1."
            )
        for part, value in (
            ("starts", "z"), ("spike_sd", "adaptive"), ("prior_update", "adam"),
        ):  # fmt: skip
            if self.steps == "coordinate" and getattr(self, part) == value:
                raise ValueError(f"{part}={value!r} of Adam needs steps='adam'.")
        prior = held_prior(problem) if self.prior_update == "held" else problem.prior
        quadratic = quadratic_form(
            locus, self.noise, n_components=self.n_components, norm=problem.noise_norm
        )
        if self.steps == "coordinate" or self.starts == "sampled":
            ascent = self.pose_ascent(problem, prior, quadratic)
        if self.steps == "coordinate":
            ends = climb(ascent, self.n_restarts, problem.rng, problem.tol)
            return (state_of_ends(end, locus) for end in ends)
        if self.starts == "sampled":
            ascent.draw_starts(self.n_restarts, problem.rng)
            logit = np.log(ascent.gate) - np.log1p(-ascent.gate)
            parts = ascent.mean, ascent.variance**0.5, logit / self.gate_scale
            first = [locus.array(part) for part in parts]
        else:
            first = self.first_variational_parameters(locus, problem.rng)
        noise = problem.residual_variance
        return adam(
            quadratic,
            first,
            self,
            prior=prior,
            residual_variance=None if noise is None else locus.array(np.full((1, 1), float(noise))),
            settle=min(SETTLE, problem.max_iter // 2),
            tol=problem.tol,
            spike=locus.array(self.spike_variance(locus)[None, :]),
        )

    def pose_ascent(self, problem: Problem, prior: Prior, quadratic: Quadratic) -> Ascent:
        """Return the problem of the coordinate steps, on the host."""
        locus = problem.locus
        (linear, scale) = on_host(quadratic.linear, locus.scale)
        if self.noise == "ld" and self.n_components is None:
            matrix = scale[:, None] * to_numpy(locus.ld.dense().matrix).astype(float) * scale
        else:
            matrix = to_numpy(quadratic.product(locus.array(np.eye(len(scale))))).astype(float)
        pi, slab = on_host(prior.pi, prior.slab)
        return Ascent(
            np.ascontiguousarray(matrix),
            linear,
            scale,
            prior=Prior(pi, slab, prior.pi_slab),
            spike=self.spike_variance(locus),
            residual_variance=problem.residual_variance,
            norm=problem.noise_norm,
        )

    def spike_variance(self, locus: Locus) -> np.ndarray:
        """Return delta^2 (p,), on the host."""
        (scale,) = on_host(locus.scale)
        if self.spike_sd not in ("narrow", "adaptive"):
            return np.full(len(scale), float(self.spike_sd) ** 2)
        usual = np.median(scale[scale > 0]) if np.any(scale > 0) else 1.0
        return (NARROW / np.where(scale > 0, scale, usual)) ** 2

    def first_variational_parameters(self, locus: Locus, rng: np.random.RandomState) -> list[Array]:
        """Return mean, sd and o (b, p) of each start from `gate_init`."""
        z = locus.z
        gate_init = namespace_of(z).abs(z) if self.gate_init is None else self.gate_init
        mean = per_variant(self.mean_init, "mean_init", z, labels=locus.labels)
        sd = per_variant(self.sd_init, "sd_init", z, low=0, labels=locus.labels)
        gate = per_variant(gate_init, "gate_init", z, labels=locus.labels)
        factors = np.ones((self.n_restarts, z.shape[0]))
        factors[1:] = rng.uniform(0, 2, factors[1:].shape)
        ones = locus.array(np.ones_like(factors))
        return [ones * mean, ones * sd, locus.array(factors) * gate]

    def modes(self, state: AdamState) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return q, mean and sd (k, p) of the ends that count, and their weights (k,)."""
        gate, mean, sd, bound = on_host(state.gate, state.mean, state.sd, state.bound)
        modes, weights = distinct_ends(gate, bound)
        if self.ends == "best":
            modes, weights = modes[:1], np.ones(1)
        return gate[modes], mean[modes], sd[modes], weights

    def posterior(self, state: AdamState, locus: Locus) -> Posterior:
        """Return the mixture of the ends, in each of which variants are independent."""
        (scale,) = on_host(locus.scale)
        gate, mean, sd, weights = self.modes(state)
        gate, mean, sd = (np.where(scale > 0, part, 0.0) for part in (gate, mean, sd))
        average = weights @ mean
        (noise,) = on_host(state.residual_variance)
        best = int(np.argmax(on_host(state.bound)[0]))
        return Posterior(
            pip=locus.array(np.minimum(weights @ gate, 1.0)),
            mean=locus.array(average),
            covariance=Covariance(
                spread=locus.array(weights @ sd**2),
                factors=locus.array(np.vstack([mean, average])),
                weights=locus.array(np.append(weights, -1.0)),
            ),
            slab_second=locus.array(weights @ (gate * (mean**2 + sd**2))),
            residual_variance=float(noise[min(best, noise.shape[0] - 1), 0]),
        )

    def credible_sets(self, state: AdamState, problem: Problem) -> list[CredibleSet]:
        """Return the credible sets of draws from the mixture of ends."""
        posterior = self.posterior(state, problem.locus)
        gate, _, _, weights = self.modes(state)
        return sets_of_draws(
            draws_of_modes(gate, weights, DRAWS_OF_SETS, problem.rng),
            on_host(posterior.pip)[0],
            problem.prior_pip(posterior),
            problem.observed.ld,
            **problem.set_rules(),
        )

    def n_causal(self, state: AdamState, posterior: Posterior) -> np.ndarray:
        """Return the distribution under the mixture of ends."""
        gate, _, _, weights = self.modes(state)
        return mixture([poisson_binomial(one) for one in gate], weights)


PUBLISHED: dict[str, Any] = {  # the settings of Adam.published
    "steps": "adam",
    "starts": "z",
    "n_restarts": 1,
    "ends": "best",
    "noise": "independent",
    "spike_sd": "adaptive",
    "prior_update": "closed_form",
}


def held_prior(problem: Problem) -> Prior:
    """Return the prior with what is not given at 1 / p, and at a chi-square of 20."""
    locus, prior = problem.locus, problem.prior
    xp, p = namespace_of(locus.z), locus.z.shape[0]
    pi = 0 * locus.z + 1 / (p + 1) if prior.pi is None else prior.pi
    if prior.slab is not None:
        return Prior(pi, prior.slab)
    if prior.pi_slab is not None:
        return Prior(pi, prior.pi_slab / pi)
    (scale,) = on_host(locus.scale)
    usual = float(np.median(scale[scale > 0] ** 2)) if np.any(scale > 0) else 1.0
    return Prior(pi, xp.zeros_like(locus.z) + FIRST_SLAB / usual)


def state_of_ends(ends: Ends, locus: Locus) -> AdamState:
    """Return the state of coordinate steps, in the namespace of the data."""
    rows = (ends.pi[None, :], ends.slab[None, :], ends.spike[None, :])
    mean, sd, gate, pi, slab, spike, noise, bound = (
        locus.array(part)
        for part in (ends.mean, ends.variance**0.5, ends.gate, *rows)
        + (np.full((1, 1), ends.residual_variance), ends.bound)
    )
    return AdamState(mean, sd, gate, pi, slab, spike, noise, bound, ends.converged)
