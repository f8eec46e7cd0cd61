"""Fine-mapping from files: what is printed, drawn and written."""

import contextlib
import gzip
import re
from pathlib import Path

import numpy as np
from scipy.stats import norm

from skgenetics._version import __version__
from skgenetics.cli.finemap.formats import FORMATS, file_name, text_of
from skgenetics.cli.finemap.work import some
from skgenetics.inspection import LocusDisplay
from skgenetics.io import atomic_path
from skgenetics.utils._optional import import_optional
from skgenetics.utils._parallel import run_parallel

_STRONG = 5.45  # abs(z) of p = 5e-8
_CERTAIN = 0.5  # PIP of a variant that is more likely to have an effect than not


class Bar:
    """A callback of `finemap_loci` that hands the name of each finished locus to `report`."""

    def __init__(self, report):
        self.report = report

    def setup(self, estimator, context):
        """Do nothing."""

    def on_fit_task_begin(self, estimator, context):
        """Do nothing."""

    def on_fit_task_end(self, estimator, context, *, metadata):
        """Report a finished locus."""
        if metadata is not None:
            self.report(metadata["locus"])

    def teardown(self, estimator, context):
        """Do nothing."""


def locus_lines(locus, result):
    """Return what is printed of one locus."""
    name = locus.region.name
    row = result.loci.loc[result.loci["locus"] == name].iloc[0]
    if row["status"] == "failed":
        return [name, f"  Failed: {reason(row['message'])}"]
    variants = result.variants[result.variants["locus"] == name]
    fitted = variants[variants["pip"].notna()]
    n_dropped = len(variants) - len(fitted)
    dropped = f" ({n_dropped:,} left out)" if n_dropped else ""
    lead = fitted.loc[fitted["z"].abs().idxmax()]
    converged = "converged" if row["converged"] else "did NOT converge: do not trust the sets"
    lines = [
        name,
        f"  {len(fitted):,} variants{dropped}; strongest {_id(lead)}, z {lead['z']:.2f}, "
        f"p {_p_value(lead['z'])}; {row['solver']} {converged}",
    ]
    if row["converged"] and row["message"]:
        lines.append(f"  Warning: {reason(row['message'])}")
    for word, what in (
        ("FLIPPED", "whose z fits the others with its sign turned"),
        ("LD_OUTLIER", "whose z does not fit the others"),
    ):
        found = variants[variants["flag"].fillna("").str.split(";").map(lambda f, w=word: w in f)]
        if len(found):
            lines.append(f"  {word}: {some([_id(v) for _, v in found.iterrows()])}, {what}")
    if row["ld_mismatch"] is not None and str(row["ld_mismatch"]) == "False":
        lines.append("  No mismatch of z and LD was found")
    elif str(row["ld_mismatch"]) != "True":
        lines.append("  Whether z fits the LD was not assessed (--on-mismatch ignore)")
    sets = result.credible_sets[result.credible_sets["locus"] == name]
    by_id = fitted.set_index("variant_id")["z"]
    for _, found in sets.iterrows():
        z = by_id.loc[[found["lead_variant_id"]]].iloc[0]
        extent = f"1 variant at {found['start']:,}"
        if found["size"] > 1:
            length = found["end"] - found["start"] + 1
            length = f"{length:,} bp" if length < 1000 else f"{length / 1000:.3g} kb"
            extent = (
                f"{found['size']} variants in {found['start']:,}-{found['end']:,} ({length}), "
                f"min |r| {found['min_abs_r']:.2f}{' (low purity)' * found['low_purity']}"
            )
        lines.append(
            f"  set {found['cs']}: {extent}; lead "
            f"{_first(found['lead_rsid'], found['lead_variant_id'])}, z {z:.2f}, "
            f"PIP {found['lead_pip']:.2f}"
        )
    if not len(sets) and abs(lead["z"]) > _STRONG:
        lines.append(
            "  No signal is narrowed down to a set, strong as it is: the panel may be too small "
            "for it, or count other alleles (--panel-size says how far its LD is trusted)"
        )
    elif not len(sets):
        lines.append("  No signal is narrowed down to a set")
    elif not (fitted["pip"] > _CERTAIN).any():
        lines.append(
            f"  No variant has PIP > {_CERTAIN:g}: the sets are the result, not the lead variants"
        )
    return lines


def reason(message):
    """Return a message of `finemap_loci` without what only users of Python can do."""
    return message.removeprefix("ValueError: ").split("; ld_mismatch(")[0].rstrip(".") + "."


def _p_value(z):
    """Return the two-sided p-value of z in words; floats end at 1e-308."""
    log10 = (norm.logsf(abs(z)) + np.log(2)) / np.log(10)
    exponent = int(np.floor(log10))
    return f"{10**log10:.2g}" if exponent > -5 else f"{10 ** (log10 - exponent):.1f}e{exponent}"


def _id(variant):
    """Return the name of a row of the table of variants."""
    return _first(variant["rsid"], variant["variant_id"])


def _first(rsid, variant_id):
    """Return the rs ID where there is one."""
    return rsid if isinstance(rsid, str) else variant_id


def write_results(options, study, result, n_jobs):
    """Write tables and pictures; return their names, and notes to print.

    All are written under temporary names, and renamed once the last one is whole.
    """
    out = Path(options.out)
    tables = {
        f"{out.name}.loci.tsv": result.loci,
        f"{out.name}.credible_sets.tsv": result.credible_sets,
        f"{out.name}.variants.tsv.gz": result.variants,
    }
    first_line = f"##skgenetics={__version__} build={study.build} effect_allele=counted\n"
    texts = {name: first_line + text_of(table) for name, table in tables.items()}
    if options.format != "native":
        for ending, text in FORMATS[options.format](study, result, trait=out.name).items():
            texts[f"{out.name}.{ending}"] = text
    pictures = {
        locus.region.name: f"{out.name}.{file_name(locus.region.name)}.png"
        for locus in study.loci
        if locus.region.name in set(result.loci.loc[result.loci["status"] == "ok", "locus"])
    }
    notes = []
    try:
        import_optional("matplotlib", extra="plots")
    except ImportError as error:
        pictures, notes = {}, [f"No pictures: {error}"]
    with contextlib.ExitStack() as stack:
        for name, text in texts.items():
            path = stack.enter_context(atomic_path(out.with_name(name)))
            data = text.encode()
            path.write_bytes(gzip.compress(data, mtime=0) if name.endswith(".gz") else data)
        units = []
        for locus in study.loci:
            if locus.region.name in pictures:
                path = stack.enter_context(atomic_path(out.with_name(pictures[locus.region.name])))
                units.append((path, study.build, *_drawn(locus, result)))
        for _ in run_parallel(_draw, units, n_jobs=n_jobs):
            pass
    for path in out.parent.glob(f"{out.name}.chr*.png"):  # of an earlier run
        if path.name not in pictures.values() and re.search(r"\.chr\w+_\d+-\d+\.png$", path.name):
            path.unlink()
    names = [str(out.with_name(name)) for name in texts]
    if len(pictures) == 1:
        names += [str(out.with_name(name)) for name in pictures.values()]
    elif pictures:
        names.append(f"{out}.<locus>.png ({len(pictures)} pictures)")
    return names, notes


def _drawn(locus, result):
    """Return what a process needs to draw a locus: how to read it, title, rows of the tables."""
    name = locus.region.name
    (row,) = result.loci[result.loci["locus"] == name].itertuples()
    title = f"{name}: z and LD do not fit" if str(row.ld_mismatch) == "True" else name
    variants = result.variants
    variants = variants[(variants["locus"] == name) & variants["pip"].notna()]
    sets = result.credible_sets[result.credible_sets["locus"] == name]
    return locus.description["open"], title, variants, sets


def _draw(_, unit, seed):
    """Draw one locus into a file."""
    path, build, read, title, variants, sets = unit
    from matplotlib import pyplot

    pyplot.switch_backend("agg")
    data = read()
    key = ["base_pair_location", "effect_allele", "other_allele"]
    index = data["variants"].set_index(key).index
    place = variants.set_index(key).index.get_indexer(index)  # row of the table of each z
    variants = variants.iloc[place]
    found = []
    for _, row in sets.iterrows():
        members = np.flatnonzero(variants["cs"].to_numpy() == row["cs"])
        if len(members):
            found.append({"variants": members, **row[["coverage", "min_abs_r"]]})
    display = LocusDisplay(
        variants["base_pair_location"].to_numpy(dtype=np.int64),
        data["z"],
        variants["pip"].to_numpy(),
        credible_sets=found,
        r2=_r2_with_lead(data["z"], data["ld"]),
        names=variants["rsid"].fillna(variants["variant_id"]).to_numpy(dtype=object),
        chromosome=variants["chromosome"].iloc[0],
        build=build,
        title=title,
    )
    figure = display.plot().figure_
    figure.savefig(path, dpi=150, bbox_inches="tight")
    pyplot.close(figure)


def _r2_with_lead(z, ld):
    """Return r2 of each variant with that of the largest abs(z); `ld` is r, or dosages."""
    lead = int(np.argmax(np.abs(z)))
    if ld.shape[0] == ld.shape[1]:
        r = ld[lead]
    else:
        X = ld - ld.mean(axis=0)
        r = X[:, lead] @ X / np.sqrt((X**2).sum(axis=0) * (X[:, lead] @ X[:, lead]))
    return np.minimum(r**2, 1.0)
