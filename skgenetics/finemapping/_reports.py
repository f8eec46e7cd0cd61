"""What a fitted locus tells its reader: tables, and a sentence."""

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import norm
from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_is_fitted

from skgenetics.finemapping._results import posterior_frame
from skgenetics.utils._arrays import to_numpy
from skgenetics.utils._optional import import_optional
from skgenetics.utils._parameters import check_option
from skgenetics.utils._typing import ArrayLike
from skgenetics.utils._validation import as_array

if TYPE_CHECKING:
    from pandas import DataFrame

GENOME_WIDE = 5e-8


class LocusReports(RegressorMixin):
    """Methods of a fitted FinemapMiXeR that tell what was found, and how well it predicts."""

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return R2 of the predictions.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_variants)
            Dosages of the alleles counted in fit.
        y : array-like of shape (n_samples,)
            The trait.
        sample_weight : array-like of shape (n_samples,), optional
            Frequencies of the people.

        Returns
        -------
        score : float
        """
        y, weight = as_array(y, "y")[0], as_array(sample_weight, "sample_weight")[0]
        return super().score(X, y, sample_weight=weight)

    def to_frame(self: Any, kind: str = "variants") -> "DataFrame":
        """Return a pandas data frame of the fitted locus.

        Parameters
        ----------
        kind : {"variants", "effects"}, default="variants"
            A row per variant, or a row per effect and variant.

        Returns
        -------
        frame : pandas.DataFrame
            Of "variants": variant_id, z, pip, posterior_mean, posterior_sd, cs (number of the
            credible set from 1, 0 = none), cs_alpha (probability in that set) and
            neg_log_10_p_value, which is finite where a p-value of z would be 0.
            Of "effects", see `effects_`: effect (from 1), cs, low_purity, presence, variant_id,
            alpha, posterior_mean, posterior_sd, log_bf.
        """
        check_is_fitted(self)
        check_option(kind, "kind", ("variants", "effects"))
        names = variant_names(self)
        if kind == "effects":
            return effects_frame(names, self.effects_)
        columns = self.z_, self.pip_, self.coef_, self.coef_sd_
        frame = posterior_frame(names, *columns, self.credible_sets_)
        return frame.assign(neg_log_10_p_value=neg_log_10_p_value(frame["z"].to_numpy()))

    def explain(self: Any) -> str:
        """Return a sentence or two on why there are credible sets, or why there is none.

        Returns
        -------
        text : str
        """
        check_is_fitted(self)
        names, z = variant_names(self), to_numpy(self.z_).astype(float)
        lead = int(np.argmax(np.abs(z)))
        strongest = (
            f"the strongest variant, {names[lead]}, has z {z[lead]:.2f} "
            f"(p = 10^-{neg_log_10_p_value(z[lead]):.1f})"
        )
        sentences = []
        if getattr(self, "ld_mismatch_", False):
            sentences.append("z and LD do not fit each other; the warning says what was done.")
        worth = getattr(self, "panel_size_", np.inf)
        if worth < np.inf:
            sentences.append(
                f"The LD is worth that of {worth:.0f} people of the scan's population."
            )
        if not self.converged_:
            sentences.append("The fit did not converge.")
        sets, effects = self.credible_sets_, self.effects_
        if sets:
            plural = "" if len(sets) == 1 else "s"
            sentences.append(
                f"{len(sets)} credible set{plural} of {self.coverage:.0%}: "
                + "; ".join(described_set(found, names) for found in sets)
                + f". {strongest[0].upper()}{strongest[1:]}."
            )
        impure = effects["low_purity"]
        for size, purity, bf in zip(
            *(effects[part][impure] for part in ("size", "min_abs_r", "log10_bf")), strict=True
        ):
            sentences.append(
                f"A signal of log10 Bayes factor {bf:.1f} has no set: its {size} variants "
                f"correlate as little as {purity:.2f}, below min_purity={self.min_purity:g}."
            )
        if not sets and not impure.any():
            sentences.append(f"No credible set: {reason_of_none(self)}; {strongest}.")
        return " ".join(sentences)


def variant_names(model: Any) -> list[str]:
    """Return the names of the variants of a fitted model."""
    numbered = [f"x{i}" for i in range(model.n_features_in_)]
    return list(getattr(model, "feature_names_in_", numbered))


def neg_log_10_p_value(z: np.ndarray | float) -> np.ndarray:
    """Return -log10 of the two-sided p-value of z, by logarithms."""
    return -(norm.logsf(np.abs(z)) + np.log(2)) / np.log(10)


def described_set(found: Any, names: list[str]) -> str:
    """Return the size of a credible set, and its lead."""
    size, lead = len(found["variants"]), names[found["variants"][0]]
    if size == 1:
        return f"{lead} alone"
    return (
        f"{size} variants led by {lead} ({found['alpha'][0]:.2f}, |r| >= {found['min_abs_r']:.2f})"
    )


def reason_of_none(model: Any) -> str:
    """Return why a fit without credible sets has none."""
    largest = float(np.max(to_numpy(model.pip_)))
    if neg_log_10_p_value(float(np.max(np.abs(to_numpy(model.z_))))) < -np.log10(GENOME_WIDE):
        return "no variant is associated beyond 5e-8, and no effect has a Bayes factor of 10"
    if largest < 0.5:
        return f"no variant stands out (the largest PIP is {largest:.2f})"
    return f"no effect reaches a probability of {model.coverage:g} on variants in LD"


def effects_frame(names: list[str], effects: dict[str, Any]) -> "DataFrame":
    """Return a data frame with a row per effect and variant."""
    pandas = import_optional("pandas", extra="dataframe")
    n_effects, n_variants = effects["alpha"].shape

    def of_effects(part: str) -> np.ndarray:
        return np.repeat(effects[part], n_variants)

    return pandas.DataFrame(
        {
            "effect": np.repeat(np.arange(1, n_effects + 1), n_variants),
            "cs": of_effects("credible_set"),
            "low_purity": of_effects("low_purity"),
            "presence": of_effects("presence"),
            "variant_id": np.tile(np.asarray(names, dtype=object), n_effects),
            "alpha": effects["alpha"].ravel(),
            "posterior_mean": effects["mean"].ravel(),
            "posterior_sd": effects["sd"].ravel(),
            "log_bf": effects["log_bf"].ravel(),
        }
    )
