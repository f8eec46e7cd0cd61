"""What is printed of fine-mapped loci, drawn and written."""

import argparse
import contextlib
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from sklearn.utils import Bunch

from skgenetics.cli.finemap.data import Locus, Study
from skgenetics.cli.finemap.formats import FORMATS
from skgenetics.cli.finemap.tracks import Tracks
from skgenetics.cli.pictures import draw_into, without_pictures
from skgenetics.inspection.pages import LocusView, locus_display, locus_view, write_report
from skgenetics.io import atomic_path
from skgenetics.io._regions import neg_log_10_p
from skgenetics.loci._tables import write_table, write_text
from skgenetics.utils._parallel import run_parallel
from skgenetics.utils._text import count_of, first_names

if TYPE_CHECKING:
    import pandas as pd

_STRONG = 5.45  # abs(z) of p = 5e-8
_TIED = 1e-6  # relative difference of probabilities that are equal but for rounding
_FEW = 10  # variants, which say too little of each other for a check of their LD
_SURE = 0.05  # lfsr of an effect whose sign is known
_CERTAIN = 0.5  # PIP of a variant that is more likely to have an effect than not


class ReportLoci:
    """A callback of `finemap_loci` that hands the name of each finished locus to `report`."""

    def __init__(self, report: Callable[[str], None]) -> None:
        self.report = report

    def setup(self, estimator: Any, context: Any) -> None:
        """Do nothing."""

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        """Do nothing."""

    def on_fit_task_end(
        self, estimator: Any, context: Any, *, metadata: dict[str, Any] | None
    ) -> None:
        """Report a finished locus."""
        if metadata is not None:
            self.report(metadata["locus"])

    def teardown(self, estimator: Any, context: Any) -> None:
        """Do nothing."""


class Fitted(NamedTuple):
    """A trait, and what `finemap_loci` made of its loci."""

    study: Study
    result: Bunch


def locus_lines(name: str, traits: Sequence[Fitted]) -> list[str]:
    """Return what is printed of one locus."""
    lines = [name]
    for study, result in traits:
        lines += [f" {study.name}:"] * bool(study.name)
        lines += _trait_lines(name, result)
    return lines


def _trait_lines(name: str, result: Bunch) -> list[str]:
    """Return what is printed of one locus in one trait."""
    rows = result.loci[result.loci["locus"] == name]
    if not len(rows):
        return ["  No variant of the statistics is in the panel"]
    row = rows.iloc[0]
    if row["status"] == "failed":
        return [f"  Failed: {reason(row['message'])}"]
    variants = result.variants[result.variants["locus"] == name]
    fitted = variants[variants["pip"].notna()]
    sets = result.credible_sets[result.credible_sets["locus"] == name]
    set_lines = _set_lines(sets, fitted)
    flagged = variants
    if "trait_effects" in result:
        rows = result.trait_variants
        flagged = rows[rows["locus"] == name]
        effects = result.trait_effects[result.trait_effects["locus"] == name]
        set_lines = with_traits(set_lines, sets, effects)
    return [
        *_fit_lines(row, variants, fitted),
        *_mismatch_lines(row, flagged, fitted),
        *set_lines,
        *_caution_lines(sets, fitted),
    ]


def _fit_lines(row: "pd.Series", variants: "pd.DataFrame", fitted: "pd.DataFrame") -> list[str]:
    """Return the numbers of variants, the strongest, and whether the solver converged."""
    n_dropped = len(variants) - len(fitted)
    dropped = f" ({n_dropped:,} left out)" if n_dropped else ""
    strength = neg_log_10_p(fitted)
    tied = np.flatnonzero(strength >= np.nanmax(strength) - 1e-9)
    lead = fitted.iloc[int(tied[0])]
    names = first_names([_id(fitted.iloc[k]) for k in tied.tolist()], 3)
    names = f"{names} (tied)" if len(tied) > 1 else names
    converged = "converged" if row["converged"] else "did NOT converge: do not trust the sets"
    lines = [
        f"  {count_of(len(fitted), 'variant')}{dropped}; strongest {names}, z {lead['z']:.2f}, "
        f"p {p_value_in_words(strength[tied[0]])}; {row['solver']} {converged}"
    ]
    if row["converged"] and row["message"]:
        lines.append(f"  Warning: {reason(row['message'])}")
    return lines


def _mismatch_lines(
    row: "pd.Series", variants: "pd.DataFrame", fitted: "pd.DataFrame"
) -> list[str]:
    """Return which variants do not fit the others, and whether z and LD fit."""
    lines = []
    flags = variants["flag"].fillna("").str.split(";")
    for flag, meaning in (
        ("FLIPPED", "whose z fits the others with its sign turned"),
        ("LD_OUTLIER", "whose z does not fit the others"),
    ):
        flagged = variants[[flag in words for words in flags]]
        if len(flagged):
            names = first_names([_id(variant) for _, variant in flagged.iterrows()])
            lines.append(f"  {flag}: {names}, {meaning}")
    if str(row["ld_mismatch"]) == "False" and len(fitted) < _FEW:
        lines.append("  Too few variants to tell whether z fits the LD")
    elif str(row["ld_mismatch"]) == "False":
        lines.append("  No mismatch of z and LD was found")
    elif str(row["ld_mismatch"]) != "True":
        lines.append(
            "  Whether z fits the LD was not assessed (--on-mismatch ignore), or too few variants "
            "correlate to tell"
        )
    return lines


def _set_lines(sets: "pd.DataFrame", fitted: "pd.DataFrame") -> list[str]:
    """Return a line on each credible set."""
    z_of = fitted.set_index("variant_id")["z"]
    lines = []
    for _, row in sets.iterrows():
        extent = f"1 variant at {row['start']:,}"
        if row["size"] > 1:
            length = row["end"] - row["start"] + 1
            length = f"{length:,} bp" if length < 1000 else f"{length / 1000:.3g} kb"
            extent = (
                f"{row['size']} variants in {row['start']:,}-{row['end']:,} ({length}), "
                f"min |r| {row['min_abs_r']:.2f}{' (low purity)' * row['low_purity']}"
            )
        z = z_of.loc[[row["lead_variant_id"]]].iloc[0]
        lines.append(
            f"  set {row['cs']}: {extent}; lead {_leads(row, fitted)}, z {z:.2f}, "
            f"PIP {row['lead_pip']:.2f}"
        )
    return lines


def with_traits(lines: Sequence[str], sets: "pd.DataFrame", effects: "pd.DataFrame") -> list[str]:
    """Return a line on each credible set, and one on the traits it acts on."""
    both = []
    for line, number in zip(lines, sets["cs"], strict=True):
        rows = effects[effects["cs"] == number]
        sure = rows["lfsr"] < _SURE
        acts = [
            f"{row['trait']} ({row['effect']:.3g}, lfsr {row['lfsr']:.2g})"
            for _, row in rows[sure].iterrows()
        ]
        words = f"acts on {', '.join(acts)}" if acts else "acts on no trait for sure"
        if acts and not sure.all():
            words += f"; not sure: {', '.join(rows.loc[~sure, 'trait'])}"
        both += [line, f"    {words}"]
    return both


def _leads(row: "pd.Series", fitted: "pd.DataFrame") -> str:
    """Return the name of the lead of a set, and of those that are as likely."""
    lead = rsid_or_id(row["lead_rsid"], row["lead_variant_id"])
    members = fitted[fitted["cs"] == row["cs"]]
    alike = members[members["cs_alpha"] >= (1 - _TIED) * members["cs_alpha"].max()]
    others = [_id(variant) for _, variant in alike.iterrows()]
    others = [name for name in others if name != lead]
    return f"{first_names([lead, *others], 3)} (tied)" if others else lead


def _caution_lines(sets: "pd.DataFrame", fitted: "pd.DataFrame") -> list[str]:
    """Return a caution if there is no set, or no variant that is likely to have an effect."""
    if not len(sets) and fitted["z"].abs().max() > _STRONG:
        return [
            "  No signal is narrowed down to a set, strong as it is: the panel may be too small "
            "for it, or count other alleles (--panel-size says how far its LD is trusted)"
        ]
    if not len(sets):
        return ["  No signal is narrowed down to a set"]
    if not (fitted["pip"] > _CERTAIN).any():
        return [
            f"  No variant has PIP > {_CERTAIN:g}: the sets are the result, not the lead variants"
        ]
    return []


def reason(message: str) -> str:
    """Return a message of `finemap_loci` without what only users of Python can do."""
    message = re.sub(r"^\w*(Error|Exception|Warning): ", "", message)
    if not message:
        return message
    return message.split("; ld_mismatch(")[0].rstrip(".") + "."


def p_value_in_words(neg_log_10: float) -> str:
    """Return a p-value in words; floats end at 1e-308."""
    log10 = -neg_log_10
    exponent = int(np.floor(log10))
    return f"{10**log10:.2g}" if exponent > -5 else f"{10 ** (log10 - exponent):.1f}e{exponent}"


def _id(variant: "pd.Series") -> str:
    """Return the name of a row of the table of variants."""
    return rsid_or_id(variant["rsid"], variant["variant_id"])


def rsid_or_id(rsid: Any, variant_id: str) -> str:
    """Return the rs ID if there is one."""
    return rsid if isinstance(rsid, str) else variant_id


def write_results(
    arguments: argparse.Namespace,
    traits: Sequence[Fitted],
    coloc: "pd.DataFrame | None",
    notes_on: Mapping[str, Sequence[str]],
    tracks: Tracks,
    n_jobs: int,
) -> tuple[list[str], list[str]]:
    """Write tables, pictures and the report; return their names, and notes to print.

    `notes_on` are the printed lines of each locus, `tracks` what is drawn below it. All are
    written under temporary names, and renamed once the last one is whole.
    """
    folder = Path(arguments.out).parent
    tables: dict[str, pd.DataFrame] = {}
    texts: dict[str, str] = {}
    for study, result in traits:
        prefix = study.out.name
        messages = result.loci["message"].map(
            lambda text: reason(text) if isinstance(text, str) and text else text
        )
        tables[f"{prefix}.loci.tsv"] = result.loci.assign(message=messages)
        tables[f"{prefix}.credible_sets.tsv"] = result.credible_sets
        tables[f"{prefix}.variants.tsv.gz"] = result.variants
        if study.traits:
            tables[f"{prefix}.trait_effects.tsv"] = result.trait_effects
            tables[f"{prefix}.trait_variants.tsv.gz"] = result.trait_variants
        if arguments.format != "native":
            for ending, text in FORMATS[arguments.format](study, result, prefix).items():
                texts[f"{prefix}.{ending}"] = text
    if coloc is not None:
        tables[f"{Path(arguments.out).name}.coloc.tsv"] = coloc
    notes = without_pictures()
    pictures = [{} if notes else _picture_names(*trait) for trait in traits]
    with contextlib.ExitStack() as stack:
        for name, table in tables.items():
            path = stack.enter_context(atomic_path(folder / name))
            write_table(path, table, build=traits[0].study.build)
        for name, text in texts.items():
            write_text(stack.enter_context(atomic_path(folder / name)), text)
        units = []
        for (study, result), named in zip(traits, pictures, strict=True):
            for locus in study.loci:
                if locus.region.name in named:
                    path = stack.enter_context(atomic_path(folder / named[locus.region.name]))
                    below = tracks.within(locus.region)
                    one = _picture(path, study.build, locus, result, below)
                    units.append(one._replace(for_report=arguments.report))
        views = iter(list(run_parallel(_draw, units, n_jobs=n_jobs)))
        reports = []
        for (study, result), named in zip(traits, pictures, strict=True):
            drawn = list(islice(views, len(named)))
            if arguments.report:
                reports.append(f"{study.out.name}.report.html")
                path = stack.enter_context(atomic_path(folder / reports[-1]))
                files = [name for name in tables if name.startswith(f"{study.out.name}.")]
                _write_report(path, study, result, drawn, notes_on, files)
    names = [str(folder / name) for name in (*tables, *texts, *reports)]
    for (study, _), named in zip(traits, pictures, strict=True):
        _remove_other_pictures(study.out, [*named.values(), *reports])
        if len(named) == 1:
            names += [str(folder / name) for name in named.values()]
        elif named:
            names.append(f"{study.out}.<locus>.png ({len(named)} pictures)")
    if coloc is None:
        _remove_second_trait(Path(arguments.out))
    if not traits[0].study.traits:
        for ending in ("trait_effects.tsv", "trait_variants.tsv.gz"):
            Path(f"{arguments.out}.{ending}").unlink(missing_ok=True)
    return names, notes


def _remove_second_trait(out: Path) -> None:
    """Remove what an earlier run with --coloc has written of its second trait."""
    if not out.with_name(f"{out.name}.coloc.tsv").is_file():
        return
    for ending in ("coloc.tsv", "b.loci.tsv", "b.credible_sets.tsv", "b.variants.tsv.gz"):
        out.with_name(f"{out.name}.{ending}").unlink(missing_ok=True)
    _remove_other_pictures(out.with_name(f"{out.name}.b"), [])


def _write_report(
    path: Path,
    study: Study,
    result: Bunch,
    views: Sequence[LocusView | None],
    notes_on: Mapping[str, Sequence[str]],
    files: Sequence[str],
) -> None:
    """Write the report of a trait."""
    write_report(
        path,
        result,
        [view for view in views if view is not None],
        build=study.build,
        title=f"Fine-mapped loci{study.of}",
        notes={name: lines[1:] for name, lines in notes_on.items()},  # the first is the name
        files=files,
        data=[line for line in study.lines if line and not line.startswith("Your own data")],
    )


def _remove_other_pictures(out: Path, names: Collection[str]) -> None:
    """Remove pictures and the report of an earlier run."""
    page = out.with_name(f"{out.name}.report.html")
    if page.name not in names:
        page.unlink(missing_ok=True)
    for path in out.parent.glob(f"{out.name}.chr*.png"):
        if path.name not in names and re.search(r"\.chr\w+_\d+-\d+\.png$", path.name):
            path.unlink()


def _picture_names(study: Study, result: Bunch) -> dict[str, str]:
    """Return the name of the picture of each fitted locus."""
    fitted = set(result.loci.loc[result.loci["status"] == "ok", "locus"])
    regions = [locus.region for locus in study.loci if locus.region.name in fitted]
    return {region.name: f"{study.out.name}.{region.file_name}.png" for region in regions}


class Picture(NamedTuple):
    """What a process needs to draw a locus."""

    path: Path
    build: str
    open: Callable[[], dict[str, Any]]
    title: str
    variants: "pd.DataFrame"  # those fitted, rows of the table of variants
    sets: "pd.DataFrame"
    below: dict[str, Any]  # genes and genetic_map
    for_report: bool = False
    trait_variants: "pd.DataFrame | None" = None  # of several traits
    trait_effects: "pd.DataFrame | None" = None


def _picture(path: Path, build: str, locus: Locus, result: Bunch, below: dict[str, Any]) -> Picture:
    """Return what a process needs to draw a locus into `path`."""
    name = locus.region.name
    (row,) = result.loci[result.loci["locus"] == name].itertuples()
    title = f"{name}: z and LD do not fit" if str(row.ld_mismatch) == "True" else name
    variants = result.variants
    variants = variants[(variants["locus"] == name) & variants["pip"].notna()]
    sets = result.credible_sets[result.credible_sets["locus"] == name]
    by_trait = {
        kind: result[kind][result[kind]["locus"] == name]
        for kind in ("trait_variants", "trait_effects")
        if kind in result
    }
    read = locus.description["open"]
    return Picture(path, build, read, title, variants, sets, below, **by_trait)


def _draw(_: Any, picture: Picture, seed: int) -> LocusView | None:
    """Draw one locus into a file, and return what a report shows of it if there is one."""
    data = picture.open()
    key = ["base_pair_location", "effect_allele", "other_allele"]
    index = data["variants"].set_index(key).index
    rows = picture.variants.set_index(key).index.get_indexer(index)  # of the table, for each z
    ld = data["ld"]  # correlations, or dosages of the panel; of populations, a list
    of_people = not isinstance(ld, list) and ld.shape[0] != ld.shape[1]
    matrix = {"X": ld, "ld": None} if of_people else {"X": None, "ld": ld}
    display = locus_display(
        picture.variants.iloc[rows],
        picture.sets,
        picture.trait_variants,
        picture.trait_effects,
        **matrix,
        **picture.below,
        build=picture.build,
        title=picture.title,
    )
    draw_into(picture.path, display)
    if not picture.for_report:
        return None
    return locus_view(picture.variants["locus"].iloc[0], display, **matrix)
