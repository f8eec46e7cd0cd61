"""Model comparison: credible sets, tables, pictures and models that are written."""

import gzip
import re
from pathlib import Path

import joblib
import numpy as np
from scipy.stats import norm

from skgenetics._version import __version__
from skgenetics.cli.compare.work import inner_model
from skgenetics.inspection import LocusDisplay, ScoresDisplay
from skgenetics.utils._arrays import to_numpy
from skgenetics.utils._optional import import_optional

RESULT_FILES = (
    *("comparison.csv", "differences.csv", "credible_sets.tsv", "variants.tsv.gz"),
    *("scores*.png", "locus_*.png", "compare.log"),
)
_WIDEST_LOCUS = 6_000_000
_FLOAT = "%.7g"
_SET_COLUMNS = [
    *("locus", "cs", "chromosome", "start", "end", "size", "coverage", "min_abs_r", "mean_abs_r"),
    *("log10_bf", "lead_variant_id", "lead_rsid", "lead_pip", "low_purity"),
]


def credible_set_lines(study, fits):
    """Return the printed table of credible sets; `fits` are fitted pipelines by task."""
    first = max(16, *(len(task.name) for task in study.tasks))
    names = [str(name) for task in study.tasks for name in task.genotypes.variants["variant_id"]]
    width = max(12, *(len(name) for name in names)) + 2
    header = f"{study.unit.ljust(first)} set  variants  {'lead variant'.ljust(width)} PIP   min |r|"
    lines = ["Credible sets (95%), all people", header]
    for task in study.tasks:
        if task.name not in fits:
            continue
        model = inner_model(fits[task.name])
        pip, variants = to_numpy(model.pip_), task.genotypes.variants["variant_id"]
        for number, found in enumerate(model.credible_sets_, start=1):
            lead = found["variants"][0]
            lines.append(
                f"{task.name.ljust(first)} {number:>3}  {len(found['variants']):>8}  "
                f"{variants.iloc[lead].ljust(width)}{pip[lead]:4.2f}   {found['min_abs_r']:6.3f}"
            )
        if not model.credible_sets_:
            lines.append(f"{task.name.ljust(first)}   0  (no signal is narrowed down to a set)")
    return lines


def variants_frame(task, estimator):
    """Return the table of variants of one task, GWAS-SSF names first."""
    model, names = inner_model(estimator), task.genotypes.variants
    frequency = np.nanmean(task.X(slice(None))[:, : len(names)], axis=0) / 2
    table = model.to_frame()
    result = names[["chromosome", "position", "effect_allele", "other_allele"]].rename(
        columns={"position": "base_pair_location"}
    )
    result.insert(0, "locus", task.name)
    identifier = names["variant_id"]
    result["rsid"] = identifier.where(identifier.str.startswith("rs"), "NA")
    result["variant_id"] = identifier
    result["effect_allele_frequency"] = frequency
    result["z"] = table["z"].to_numpy()
    result["p_value"] = 2 * norm.sf(np.abs(result["z"]))
    result["n"] = len(task.y)
    for column in ("pip", "posterior_mean", "posterior_sd", "cs", "cs_alpha"):
        result[column] = table[column].to_numpy()
    result["flag"] = "NA"
    return result


def credible_sets_frame(task, estimator):
    """Return the table of credible sets of one task."""
    pd = import_optional("pandas", extra="dataframe")
    model, names = inner_model(estimator), task.genotypes.variants
    pip, rows = to_numpy(model.pip_), []
    for number, found in enumerate(model.credible_sets_, start=1):
        members = names.iloc[found["variants"]]
        lead = members.iloc[0]
        rows.append(
            {
                "locus": task.name,
                "cs": number,
                "chromosome": lead["chromosome"],
                "start": members["position"].min(),
                "end": members["position"].max(),
                "size": len(members),
                "coverage": found["coverage"],
                "min_abs_r": found["min_abs_r"],
                "mean_abs_r": found["mean_abs_r"],
                "log10_bf": found["log10_bf"],
                "lead_variant_id": lead["variant_id"],
                "lead_rsid": lead["variant_id"] if lead["variant_id"].startswith("rs") else "NA",
                "lead_pip": pip[found["variants"][0]],
                "low_purity": found["min_abs_r"] < model.min_purity,
            }
        )
    return pd.DataFrame(rows, columns=_SET_COLUMNS)


def write_results(folder, study, scores, fits):
    """Write tables and pictures to `folder`; return their names, and notes to print."""
    pd = import_optional("pandas", extra="dataframe")
    comparison = pd.concat([score.frame() for score in scores])
    comparison.to_csv(folder / "comparison.csv", index=False, float_format=_FLOAT)
    names = ["comparison.csv"]
    if len(comparison["model"].unique()) > 1:
        differences = pd.concat([score.differences() for score in scores])
        differences.to_csv(folder / "differences.csv", index=False, float_format=_FLOAT)
        names.append("differences.csv")
    tasks = [task for task in study.tasks if task.name in fits]
    if tasks:
        first_line = f"##skgenetics={__version__} build={study.build} effect_allele=counted\n"
        for name, make in (
            ("credible_sets.tsv", credible_sets_frame),
            ("variants.tsv.gz", variants_frame),
        ):
            frames = [make(task, fits[task.name]) for task in tasks]
            # an empty frame would make every column one of objects
            table = pd.concat([frame for frame in frames if len(frame)] or frames)
            text = first_line + table.to_csv(
                sep="\t", index=False, na_rep="NA", float_format=_FLOAT
            )
            data = text.encode()
            if name.endswith(".gz"):
                data = gzip.compress(data, mtime=0)
            (folder / name).write_bytes(data)
            names.append(name)
    try:
        pyplot = import_optional("matplotlib.pyplot", extra="plots")
    except ImportError as error:
        return names, [f"No pictures: {error}"]
    pyplot.switch_backend("agg")
    for score in scores:
        name = "scores.png" if len(scores) == 1 else f"scores_{_file_name(score.metric)}.png"
        _save(ScoresDisplay.from_frame(score.frame(), metric=score.metric), folder / name, pyplot)
        names.append(name)
    notes = []
    for task in tasks:
        variants = task.genotypes.variants
        if variants["position"].isna().any():
            notes = ["No locus pictures: the variants have no positions."]
        elif variants["chromosome"].nunique() > 1 or np.ptp(variants["position"]) > _WIDEST_LOCUS:
            notes = ["No locus pictures: the variants lie in more than one locus (see --extract)."]
        else:
            display = _locus_display(study, task, fits[task.name])
            _save(display, folder / f"locus_{_file_name(task.name)}.png", pyplot)
            if f"locus_<{study.unit}>.png" not in names:
                names.append(f"locus_<{study.unit}>.png")
    return names, notes


def _save(display, path, pyplot):
    """Draw a display into a file."""
    figure = display.plot().figure_
    figure.savefig(path, dpi=150, bbox_inches="tight")
    pyplot.close(figure)


def _locus_display(study, task, estimator):
    """Return the picture of one locus."""
    variants = task.genotypes.variants
    return LocusDisplay.from_estimator(
        inner_model(estimator),
        positions=variants["position"].to_numpy(dtype=np.int64),
        X=task.genotypes[:, :],
        genes=task.gene,
        chromosome=variants["chromosome"].iloc[0],
        build=None if study.build == "unknown" else study.build,
        title=task.name,
    )


def save_models(folder, study, results):
    """Write every model fitted to all people, with the names of its columns and traits."""
    tasks = {(task.name, task.joint): task for task in (*study.tasks, *study.joint)}
    for result in results:
        if result.estimator is None:
            continue
        task = tasks[result.task, result.joint]
        content = {
            "estimator": result.estimator,
            "traits": list(task.traits),
            "variants": task.genotypes.variants,
            "n_covariates": task.covariates.shape[1],
            "skgenetics": __version__,
        }
        joblib.dump(
            content, Path(folder) / f"{_file_name(task.name)}.{_file_name(result.model)}.joblib"
        )


def _file_name(name):
    """Return `name` with only what every file system takes."""
    return re.sub(r"[^A-Za-z0-9.+-]+", "_", name)
