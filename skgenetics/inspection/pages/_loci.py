"""The report of fine-mapped loci."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from skgenetics._version import __version__
from skgenetics.finemapping import solvers as finemapping
from skgenetics.inspection.pages._locus import (
    LocusView,
    anchor,
    library_script,
    locus_display,
    locus_pictures,
    locus_view,
)
from skgenetics.inspection.pages._page import (
    Section,
    bullets,
    file_links,
    paragraphs,
    table,
    write_page,
)
from skgenetics.io._regions import neg_log_10_p
from skgenetics.multitrait import solvers as multitrait
from skgenetics.utils._labels import Labels, column_labels
from skgenetics.utils._text import count_of, first_names

if TYPE_CHECKING:
    from pandas import DataFrame
    from sklearn.utils import Bunch

    from skgenetics.utils._typing import ArrayLike

_METHODS = (
    "Each locus was fine-mapped by {estimator} of skgenetics {version} from z scores and the "
    "correlations of variants (LD). A PIP is the probability that a variant has an effect. A "
    "credible set holds an effect with the probability of its coverage; min |r| is the smallest "
    "correlation among its variants.",
)
_COLUMNS = {  # of the table of loci: names shown
    "locus": "locus",
    "n_variants": "variants",
    "n_sets": "credible sets",
    "expected_causal": "expected effects",
    "h2": "heritability",
    "max_neg_log_10_p": "strongest −log10\u00a0p",
    "max_pip": "largest PIP",
    "converged": "converged",
    "ld_mismatch": "z and LD differ",
}
_SET_COLUMNS = {
    "locus": "locus",
    "cs": "set",
    "size": "variants",
    "coverage": "coverage",
    "min_abs_r": "min |r|",
    "log10_bf": "log10 BF",
    "lead": "lead variant",
    "lead_pip": "its PIP",
    "start": "start",
    "end": "end",
}

_TRAIT_COLUMNS = {
    "locus": "locus",
    "cs": "set",
    "lead": "lead variant",
    "trait": "trait",
    "z": "z of the lead",
    "effect": "effect",
    "effect_sd": "its SD",
    "lfsr": "lfsr",
    "nonzero": "P(acts)",
}


def report(
    result: Bunch,
    path: str | Path,
    *,
    ld: Mapping[str, ArrayLike] | Callable[[str], ArrayLike] | None = None,
    genes: DataFrame | None = None,
    genetic_map: DataFrame | None = None,
    build: str | None = None,
    title: str = "Fine-mapped loci",
    notes: Mapping[str, Sequence[str]] | None = None,
    files: Sequence[str] = (),
) -> Path:
    """Write one HTML file that shows fine-mapped loci.

    It holds a summary in words, a table of loci that sorts and filters, and per locus an
    interactive picture. It opens offline, and without JavaScript it has static pictures.

    Parameters
    ----------
    result : Bunch
        Of :func:`skgenetics.finemapping.finemap_loci`.
    path : path-like
        File to write, such as "loci.html".
    ld : mapping or callable, default=None
        By the name of a locus, its correlations (n_variants, n_variants), or dosages of a panel
        (n_people, n_variants), in the order of its fitted variants, or labelled by their
        variant_id or rsid. Points are colored by r2 with the lead. None: they are grey.
    genes, genetic_map : pandas DataFrame, default=None
        Genes and map of recombination, as of :func:`skgenetics.io.read_genes` and
        :func:`skgenetics.io.read_genetic_map`, drawn below each locus.
    build : str, default=None
        Genome build of the positions.
    title : str, default="Fine-mapped loci"
        Title of the page.
    notes : mapping of str to list of str, default=None
        Sentences on each locus, by its name.
    files : sequence of str, default=()
        Files that belong to the report, which links to them.

    Returns
    -------
    path : Path
        The file.

    Raises
    ------
    ImportError
        If Bokeh or matplotlib is not installed; the error names the extra.
    TypeError
        If `result` is something else, such as an estimator.
    ValueError
        If no locus was fitted, or a position is missing.

    See Also
    --------
    LocusDisplay : The picture of one locus.

    Examples
    --------
    >>> from skgenetics.inspection import report
    >>> page = report(finemap_loci(loci, FinemapMiXeR()), "loci.html")  # doctest: +SKIP
    """
    if not {"loci", "variants", "credible_sets"} <= set(dir(result)):
        raise TypeError(
            "result must be what skgenetics.finemapping.finemap_loci returns; got "
            f"{type(result).__name__}. Of one fitted estimator, LocusDisplay.from_estimator draws "
            "the locus."
        )
    views = []
    for name in fitted_loci(result):
        variants = fitted_variants(result, name)
        matrix = None if ld is None else ld(name) if callable(ld) else ld.get(name)
        matrix = None if matrix is None else in_order(matrix, variants)
        tracks = {"genes": genes, "genetic_map": genetic_map}
        views.append(view_of(result, name, matrix, build=build, **tracks))
    return write_report(path, result, views, build=build, title=title, notes=notes, files=files)


def fitted_loci(result: Bunch) -> list[str]:
    """Return the names of the loci that were fitted."""
    return result.loci.loc[result.loci["status"] == "ok", "locus"].tolist()


def fitted_variants(result: Bunch, name: str) -> DataFrame:
    """Return the rows of the variants that were fitted in a locus."""
    variants = result.variants
    return variants[(variants["locus"] == name) & variants["pip"].notna()]


def sets_of(result: Bunch, name: str) -> DataFrame:
    """Return the credible sets of a locus."""
    return result.credible_sets[result.credible_sets["locus"] == name]


def in_order(matrix: ArrayLike, variants: DataFrame) -> ArrayLike:
    """Return correlations or dosages, labelled or not, in the order of the fitted variants."""
    columns = column_labels(matrix)
    known = [Labels(variants[key].to_numpy(dtype=object), key) for key in ("variant_id", "rsid")]
    labels = next((one for one in known if one.are_among(columns)), known[0])
    if np.shape(matrix)[0] == np.shape(matrix)[1]:
        return labels.match_square(matrix, "ld")
    order = labels.order(columns, "the columns of ld")
    return np.asarray(matrix) if order is None else np.asarray(matrix)[:, order]


def view_of(result: Bunch, name: str, matrix: ArrayLike | None, **drawn: Any) -> LocusView:
    """Return what a report shows of a locus, whose `matrix` is of correlations or dosages.

    `drawn` are arguments of displays: build, genes and genetic_map.
    """
    given: dict[str, Any] = {"X": None, "ld": None}
    drawn["title"] = name
    if matrix is not None:
        shape = np.shape(matrix)
        given["ld" if shape[0] == shape[1] else "X"] = matrix
    by_trait = [
        result[kind][result[kind]["locus"] == name]
        for kind in ("trait_variants", "trait_effects")
        if kind in result
    ]
    display = locus_display(
        fitted_variants(result, name),
        sets_of(result, name),
        *by_trait,
        **given | drawn,
    )
    return locus_view(name, display, **given)


def write_report(
    path: str | Path,
    result: Bunch,
    views: Sequence[LocusView],
    *,
    build: str | None,
    title: str,
    notes: Mapping[str, Sequence[str]] | None,
    files: Sequence[str],
    data: Sequence[str] = (),
) -> Path:
    """Write the report of loci whose pictures are made; `data` says in words on what."""
    if not views:
        raise ValueError("No locus was fitted, so that there is nothing to report.")
    anchors = {view.name: anchor(k) for k, view in enumerate(views)}
    loci = _table_of_loci(result, list(anchors))
    sets = _table_of_sets(result)
    sections = [
        Section("Summary", bullets(summary(result, build))),
        *([Section("Data", paragraphs(data))] if data else []),
        Section(
            "Loci",
            table(
                loci.rename(columns=_COLUMNS),
                f"{count_of(len(loci), 'fitted locus', 'fitted loci')}",
                links=[anchors[name] for name in loci["locus"]],
            ),
        ),
        Section(
            "Credible sets",
            table(
                sets.rename(columns=_SET_COLUMNS),
                count_of(len(sets), "credible set"),
                links=[anchors[name] for name in sets["locus"]],
            ),
        ),
        *_effects_on_traits(result),
        Section("Pictures", locus_pictures(views, notes=notes or {}, doubtful=_doubtful(result))),
        Section("Methods", _methods(result)),
    ]
    if files:
        sections.append(Section("Files", file_links(files)))
    return write_page(path, title, sections, library=library_script())


def summary(result: Bunch, build: str | None) -> list[str]:
    """Return what was found, and what is doubtful, in words."""
    loci, sets = result.loci, result.credible_sets
    fitted = loci[loci["status"] == "ok"]
    certain = int((result.variants["pip"] > 0.5).sum())
    small = int((sets["size"] == 1).sum())
    lines = [
        f"{count_of(len(fitted), 'locus', 'loci')} of "
        f"{count_of(int(fitted['n_variants'].sum()), 'variant')} fine-mapped"
        + (f"; positions are of {build}." if build else "."),
        f"{count_of(len(sets), 'credible set')}, {small} of one variant; "
        f"{count_of(certain, 'variant')} with PIP above 0.5.",
    ]
    for column, bad, words in (
        ("ld_mismatch", "True", "z and LD do not fit, so that only one effect is trusted, or none"),
        ("converged", "False", "the fit did not converge, and its sets are not to be trusted"),
    ):
        doubtful = fitted.loc[fitted[column].astype(str) == bad, "locus"].tolist()
        if doubtful:
            lines.append(f"Doubtful: in {first_names(doubtful)}, {words}.")
    failed = loci.loc[loci["status"] != "ok", "locus"].tolist()
    if failed:
        lines.append(f"Not fitted: {first_names(failed)}.")
    if int((sets["low_purity"].astype(bool)).sum()):
        lines.append(
            "Sets of low purity hold variants that correlate little: read them as signals that "
            "could not be placed."
        )
    return lines


def _table_of_loci(result: Bunch, names: Sequence[str]) -> DataFrame:
    """Return a row per fitted locus."""
    loci = result.loci[result.loci["locus"].isin(list(names))].copy()
    variants = result.variants[result.variants["pip"].notna()]
    strength = variants.assign(strength=neg_log_10_p(variants)).groupby("locus")["strength"].max()
    loci["max_neg_log_10_p"] = loci["locus"].map(strength).to_numpy(dtype=float)
    largest = variants.groupby("locus")["pip"].max()
    loci["max_pip"] = loci["locus"].map(largest).to_numpy(dtype=float)
    shown = [name for name in _COLUMNS if name != "h2" or loci["h2"].notna().any()]
    return loci[shown]


def _table_of_sets(result: Bunch) -> DataFrame:
    """Return a row per credible set."""
    sets = result.credible_sets.copy()
    sets["lead"] = sets["lead_rsid"].fillna(sets["lead_variant_id"])
    return sets[list(_SET_COLUMNS)]


def _effects_on_traits(result: Bunch) -> list[Section]:
    """Return the section on what the sets do to the traits, if there are several."""
    if "trait_effects" not in result:
        return []
    effects = result.trait_effects.copy()
    effects["lead"] = effects["lead_rsid"].fillna(effects["lead_variant_id"])
    shown = effects[list(_TRAIT_COLUMNS)].rename(columns=_TRAIT_COLUMNS)
    return [Section("Effects on traits", table(shown, count_of(len(shown), "effect")))]


def _doubtful(result: Bunch) -> set[str]:
    """Return the loci whose fits are not to be taken as they are."""
    loci = result.loci
    bad = (loci["ld_mismatch"].astype(str) == "True") | (loci["converged"].astype(str) == "False")
    return set(loci.loc[bad, "locus"])


def sources(solvers: Iterable[str]) -> list[str]:
    """Return what solvers are and whom to cite, by their names, each once."""
    known = {name: solver.source for name, solver in multitrait.SOLVERS.items()}
    known |= {name: solver.source for name, solver in finemapping.SOLVERS.items()}
    return [known[name] for name in dict.fromkeys(solvers) if known.get(name)]


def _methods(result: Bunch) -> str:
    """Return how it was done, and what to cite."""
    estimator = "MMASHRegressor" if "trait_effects" in result else "FinemapMiXeR"
    solvers = result.loci["solver"].dropna().tolist()
    return paragraphs(
        [
            *(line.format(version=__version__, estimator=estimator) for line in _METHODS),
            *sources(solvers),
        ]
    )
