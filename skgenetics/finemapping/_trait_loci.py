"""One locus in several traits at once: the fit, whether z fits the LD in each trait, the tables."""

import warnings
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.sparse import issparse
from sklearn.base import clone
from sklearn.utils import get_tags

from skgenetics.finemapping._diagnostics import LDMismatchWarning, Screen
from skgenetics.finemapping._doubts import screen_fit
from skgenetics.finemapping._results import posterior_frame
from skgenetics.loci._summary import (
    Locus,
    correlation_z_to_wald,
    reported_statistics,
    trait_labels,
    validate_summary,
)
from skgenetics.loci._tables import add_flag, as_table, p_value
from skgenetics.utils._arrays import to_numpy
from skgenetics.utils._labels import Labels, column_labels, row_labels, without_labels
from skgenetics.utils._optional import import_optional

if TYPE_CHECKING:
    from pandas import DataFrame

REMEDY = (
    "Check that both count the same alleles, that n_samples is that of each variant, and that the "
    "LD is of people of the scan's ancestry."
)
PLACE = ("chromosome", "base_pair_location", "effect_allele", "other_allele", "rsid", "variant_id")


class TraitFit(NamedTuple):
    """A fitted locus of P variants and J traits, on the host."""

    model: Any
    z: np.ndarray
    """(P, J) as reported; NaN = not measured."""
    n_samples: np.ndarray
    """(P, J)."""
    screens: list[Screen]
    """Of each trait, whether its z fits the LD; none if that was not asked."""

    @property
    def strongest(self) -> np.ndarray:
        """The trait (P,) of the largest absolute z of each variant."""
        return np.argmax(np.abs(np.nan_to_num(self.z)), axis=1)

    def of_strongest(self, values: np.ndarray) -> np.ndarray:
        """Return values (P,) of each variant in the trait of its largest z, from (P, J)."""
        return values[np.arange(len(values)), self.strongest]

    def frame(self, labels: Labels) -> "DataFrame":
        """Return what `variants_table` takes of a fit; effects are in the tables by trait."""
        names = [f"x{i}" for i in range(len(self.z))]
        if labels.text is not None:
            names = labels.text.tolist()
        none = np.full(len(self.z), np.nan)
        z, sets = self.of_strongest(self.z), self.model.credible_sets_
        return posterior_frame(names, z, self.model.pip_, none, none, sets)


def trait_kinds(estimator: Any, effects: bool) -> tuple[str, ...]:
    """Return the kinds of tables that a locus of several traits has besides; none of one trait."""
    if not get_tags(estimator).target_tags.multi_output:
        return ()
    if effects:
        raise ValueError("effects=True is of one trait: trait_effects has those of several.")
    if getattr(estimator, "solver", None) != "single_effects":
        raise ValueError(f"Several traits need solver='single_effects'; got {estimator!r}.")
    return "trait_variants", "trait_effects"


def fit_traits(model: Any, statistics: Mapping[str, Any], labels: Labels) -> TraitFit:
    """Fit a model of several traits by the arguments of its ``fit_summary`` and `on_mismatch`.

    Single z that do not fit the LD and the others are corrected: signs are turned, and outliers
    replaced by what the others say. If more does not fit, in a way that would give effects that are
    not there, one effect is fitted in place of several ("one_effect"), or ValueError raised.
    """
    arguments = dict(statistics)
    on_mismatch = arguments.pop("on_mismatch", "one_effect")
    if on_mismatch not in ("one_effect", "raise", "ignore"):
        raise ValueError(
            "on_mismatch must be 'one_effect', 'raise' or 'ignore' with several traits; got "
            f"{on_mismatch!r}."
        )
    z, names = reported(arguments, labels)
    n_samples = people_of_cells(arguments, z, labels)
    if on_mismatch == "ignore":
        return TraitFit(model.fit_summary(**arguments), z, n_samples, [])
    scans = Scans(arguments, labels, n_samples)
    screens = scans.screens(z)
    used, misled = z, any(screen.misleads for screen in screens)
    if misled and on_mismatch != "raise":
        used = repaired(z, screens, n_samples)
        misled = any(screen.misleads for screen in scans.screens(used))
    if not misled:
        model.fit_summary(**with_z(arguments, used))
        after = scans.screens(used, model)
        misled = any(screen.misleads for screen in after)
        screens = screens if used is not z else after
    doubts = [
        f"{name}: {doubt}"
        for name, screen in zip(names, screens, strict=True)
        for doubt in screen.doubts()
    ]
    measures = ["Single z were corrected."] if used is not z else []
    reason = f"z and ld do not fit: {'; '.join(doubts)}."
    if doubts and on_mismatch == "raise":
        raise ValueError(f"{reason} {REMEDY}")
    if misled:
        model = clone(model).set_params(max_effects=1).fit_summary(**arguments)
        measures = ["One effect was fitted in place of several."]
    model.ld_mismatch_ = True if doubts else (False if all(s.tells for s in screens) else None)
    if doubts:
        warnings.warn(" ".join([reason, *measures, REMEDY]), LDMismatchWarning, stacklevel=4)
    return TraitFit(model, z, n_samples, screens)


def reported(arguments: Mapping[str, Any], labels: Labels) -> tuple[np.ndarray, list[str]]:
    """Return z (P, J) on the host, NaN = not measured, and the names of the traits."""
    z, beta, se = map(arguments.get, ("z", "beta", "se"))
    traits = trait_labels(z, beta=beta, se=se)
    values = to_numpy(reported_statistics(z, beta, se, labels, traits, may_miss=True)).astype(float)
    values = values.reshape(len(values), -1)
    numbered = [f"y{j}" for j in range(values.shape[1])]
    return values, numbered if traits.names is None else [str(name) for name in traits.names]


def repaired(z: np.ndarray, screens: Sequence[Screen], n_samples: np.ndarray) -> np.ndarray:
    """Return z (P, J) with signs of flipped variants turned and outliers replaced."""
    z = z.copy()
    for j, screen in enumerate(screens):
        changed = np.isin(screen.variants, np.concatenate([screen.flipped, screen.outliers]))
        rows = screen.variants[changed]
        z[rows, j] = correlation_z_to_wald(screen.z[changed], n_samples[rows, j])
    return z


def with_z(arguments: Mapping[str, Any], z: np.ndarray) -> dict[str, Any]:
    """Return the arguments of ``fit_summary`` with other z (P, J), labelled as those given."""
    kept = {name: value for name, value in arguments.items() if name not in ("beta", "se")}
    given: Any = arguments.get("z")
    given = arguments["beta"] if given is None else given
    rows, columns = row_labels(given), column_labels(given)
    if rows is None and columns is None:
        return kept | {"z": z if np.ndim(given) == 2 else z[:, 0]}
    pandas = import_optional("pandas", extra="dataframe")
    labelled = pandas.DataFrame(z, index=rows, columns=columns)
    return kept | {"z": labelled if np.ndim(given) == 2 else labelled.iloc[:, 0]}


def people_of_cells(arguments: Mapping[str, Any], z: np.ndarray, labels: Labels) -> np.ndarray:
    """Return n_samples (P, J), given as a number, by trait or by cell, beside z."""
    given = arguments["n_samples"]
    traits = trait_labels(*map(arguments.get, ("z",)), beta=arguments.get("beta"))
    if np.ndim(given) < 2:
        values = given if np.ndim(given) == 0 else traits.match(given, "n_samples")
        return np.broadcast_to(np.asarray(to_numpy(values), dtype=float), z.shape)
    order = traits.order(column_labels(given), "the columns of n_samples")
    values = to_numpy(labels.match(given, "n_samples")).astype(float)
    return values if order is None else values[:, order]


class Scans(NamedTuple):
    """What the z of the traits at a locus are compared with."""

    arguments: Mapping[str, Any]
    """Of ``fit_summary``."""
    labels: Labels
    """Of the variants."""
    n_samples: np.ndarray
    """(P, J)."""

    def screens(self, z: np.ndarray, model: Any = None) -> list[Screen]:
        """Return the `Screen` of each trait, of the variants that were measured in it.

        The noise is that of a fitted model; without one it is 1, or the most that is believed of
        a panel.
        """
        ld, n_traits = self.arguments["ld"], z.shape[1]
        of_populations = isinstance(ld, (list, tuple)) and len(np.shape(ld[0])) == 2
        lds = ld if of_populations else [ld] * n_traits
        sizes = np.broadcast_to(np.array(self.arguments.get("panel_size"), dtype=object), n_traits)
        screens = []
        for j, own in enumerate(lds):
            rows = np.flatnonzero(~np.isnan(z[:, j]))
            locus = validate_summary(
                z[rows, j],
                ld_of_variants(own, rows, self.labels),
                n_samples=self.n_samples[rows, j],
                panel_size=sizes[j],
            ).locus()
            screen = screen_fit(seen_of(model, locus, rows, j), locus)
            places = {
                name: rows[getattr(screen, name)] for name in ("variants", "flipped", "outliers")
            }
            screens.append(screen._replace(**places))
        return screens


def seen_of(model: Any, locus: Locus, rows: np.ndarray, trait: int) -> SimpleNamespace:
    """Return what `screen_fit` asks of a fit, for the variants `rows` and one trait."""
    if model is None:
        noise = np.inf if np.isfinite(locus.panel_size) else 1.0
        return SimpleNamespace(
            residual_variance_=noise, pip_=np.zeros(len(rows)), credible_sets_=[]
        )
    place = {int(row): k for k, row in enumerate(rows)}
    members = [
        [place[v] for v in found["variants"] if v in place] for found in model.credible_sets_
    ]
    return SimpleNamespace(
        residual_variance_=float(to_numpy(model.residual_covariance_)[trait, trait]),
        pip_=to_numpy(model.pip_)[rows],
        credible_sets_=[{"variants": np.array(own)} for own in members if own],
    )


def ld_of_variants(ld: Any, rows: np.ndarray, labels: Labels) -> Any:
    """Return the LD of some variants, in whatever form it is; labelled LD is matched by labels."""
    columns = column_labels(ld)
    index = rows
    if columns is not None and labels.names is not None:
        place = {name: k for k, name in enumerate(columns)}
        index = np.array([place[labels.names[row]] for row in rows])
    matrix = ld.tocsr() if issparse(ld) else to_numpy(without_labels(ld, "ld"))
    if matrix.shape[0] == matrix.shape[1]:
        return matrix[index][:, index]
    n_variants = len(columns) if columns is not None else None
    of_people = n_variants is not None or matrix.shape[1] > rows.max()
    return matrix[:, index] if of_people else matrix[index]


def trait_variants_table(locus: str, fit: TraitFit, variants: "DataFrame") -> "DataFrame":
    """Return the table of the variants of one locus in each trait, trait after trait.

    variants : data frame
        Table of the fitted variants, see `variants_table`.
    """
    pandas = import_optional("pandas", extra="dataframe")
    arrays = {
        name: np.atleast_2d(to_numpy(getattr(fit.model, attribute)).astype(float))
        for name, attribute in (
            ("posterior_mean", "coef_"),
            ("posterior_sd", "coef_sd_"),
            ("lfsr", "lfsr_"),
        )
    }
    tables = []
    for j, trait in enumerate(fit.model.trait_names_):
        flags = pandas.Series([None] * len(variants), dtype="string")
        if fit.screens:
            flags = add_flag(flags, "FLIPPED", fit.screens[j].flipped)
            flags = add_flag(flags, "LD_OUTLIER", fit.screens[j].outliers)
        measured = ~np.isnan(fit.z[:, j])
        table = variants[list(PLACE)].assign(
            locus=locus,
            trait=trait,
            z=fit.z[:, j],
            p_value=p_value(fit.z[:, j]),
            n=np.where(measured, fit.n_samples[:, j], np.nan),
            flag=flags,
            **{name: values[j] for name, values in arrays.items()},
        )
        tables.append(as_table(table, "trait_variants"))
    return pandas.concat(tables, ignore_index=True)


def trait_effects_table(
    locus: str, fit: TraitFit, variants: "DataFrame", sets: "DataFrame"
) -> "DataFrame":
    """Return the table of what the effect of each credible set does to each trait.

    variants, sets : data frame
        Tables of the fitted variants and of the credible sets.
    """
    rows = []
    for number, found in enumerate(fit.model.credible_sets_, start=1):
        lead = sets[sets["cs"] == number].iloc[0]
        for j, trait in enumerate(fit.model.trait_names_):
            rows.append(
                {
                    "locus": locus,
                    "cs": number,
                    "trait": trait,
                    "lead_variant_id": lead["lead_variant_id"],
                    "lead_rsid": lead["lead_rsid"],
                    "z": fit.z[found["variants"][0], j],
                    "probability": found["probability"],
                    **{
                        name: float(found[name][j])
                        for name in ("effect", "effect_sd", "lfsr", "nonzero")
                    },
                }
            )
    return as_table(rows, "trait_effects")
