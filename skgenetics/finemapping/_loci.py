"""Many loci: fine-mapped side by side, written as they finish, gathered in one result."""

import re
import time
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import joblib
import numpy as np
from sklearn.base import clone
from sklearn.callback import with_callbacks
from sklearn.exceptions import FitFailedWarning
from sklearn.utils import Bunch

from skgenetics._version import __version__, code_identity
from skgenetics.finemapping._diagnostics import ld_mismatch
from skgenetics.finemapping._trait_loci import (
    fit_traits,
    trait_effects_table,
    trait_kinds,
    trait_variants_table,
)
from skgenetics.loci._summary import reported_statistics, variant_labels
from skgenetics.loci._tables import (
    REGION,
    add_flag,
    add_unfitted_variants,
    as_table,
    credible_sets_table,
    effects_table,
    load_tables,
    region_of,
    save_tables,
    variants_table,
)
from skgenetics.utils._arrays import to_numpy
from skgenetics.utils._labels import Labels
from skgenetics.utils._optional import import_optional
from skgenetics.utils._parallel import run_parallel
from skgenetics.utils._writing import file_name

if TYPE_CHECKING:
    from pandas import DataFrame

KINDS = ("loci", "credible_sets", "variants")  # of tables that every locus has
LARGEST_DIAGNOSED = 4000  # variants, or people of a panel: ld_mismatch takes their cube in time


class LocusTask(NamedTuple):
    """What the process that fits one locus is sent."""

    description: Mapping[str, Any]
    path: Path | None
    """File that keeps the result."""
    seeded: bool
    """Whether the caller asked for certain random numbers: else any earlier draw will do."""
    kinds: tuple[str, ...]
    """Of the tables to return."""


@dataclass(frozen=True)
class LocusData:
    """A locus as `finemap_loci` is told of it, with what its "open" read."""

    name: str
    region: Mapping[str, Any]
    """Of the keys `REGION`; None if it follows from the variants."""
    statistics: Mapping[str, Any]
    """Arguments of ``fit_summary``."""
    variants: Any = None
    set_aside: Any = None
    params: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, description: Mapping[str, Any]) -> "LocusData":
        """Open a locus and tell the arguments of ``fit_summary`` from the other items."""
        items = {**description, **description.get("open", dict)(), "name": description["name"]}
        items.pop("open", None)
        region = {part: items.pop(part, None) for part in REGION}
        fields = {
            part: items.pop(part)
            for part in ("name", "variants", "set_aside", "params")
            if part in items
        }
        return cls(region=region, statistics=items, **fields)

    @property
    def labels(self) -> Labels:
        """Labels of the variants, in the order of the statistics."""
        z, ld, beta, se = map(self.statistics.get, ("z", "ld", "beta", "se"))
        ld = [] if isinstance(ld, (list, tuple)) and np.ndim(ld[0]) == 2 else ld  # of populations
        return variant_labels(z, ld, beta=beta, se=se)

    @property
    def z(self) -> np.ndarray:
        """The statistics as they were reported."""
        z, beta, se = map(self.statistics.get, ("z", "beta", "se"))
        return to_numpy(reported_statistics(z, beta, se, self.labels))


def finemap_loci(
    loci: Iterable[Mapping[str, Any]],
    estimator: Any,
    *,
    n_jobs: int | None = None,
    output: str | Path | None = None,
    random_state: int | np.random.RandomState | None = None,
    callbacks: Sequence[Any] = (),
    effects: bool = False,
) -> Bunch:
    """Fine-map many loci from summary statistics.

    Parameters
    ----------
    loci : sequence of dict
        One per locus:

        * "name": str, unique;
        * the arguments of :meth:`FinemapMiXeR.fit_summary`: "z", "ld", "n_samples" and others;
        * "variants", optional: data frame of any library or dict of columns, a row per variant.
          If z is labelled, rows are matched by the index, variant_id or rsid that has these
          labels; else they are in the order of z. Columns that are used: chromosome,
          base_pair_location, effect_allele, other_allele, rsid, variant_id,
          effect_allele_frequency, p_value, flag. A missing variant_id becomes
          chromosome_position_other_effect;
        * "set_aside", optional: the same columns, with z and n, of variants that are not fitted.
          The table of variants lists them without a PIP;
        * "params", optional: dict of parameters of `estimator` for this locus, such as
          causal_probability (n_variants,);
        * "chromosome", "start", "end", optional: the region, by default the span of the variants;
        * "open", optional: callable without arguments that returns a dict of more of these items.
          It runs in the process that fits the locus, so that no data are sent there:
          ``functools.partial(read_locus, path, start)``.
    estimator : FinemapMiXeR, or MMASHRegressor of solver="single_effects"
        The latter fine-maps several traits at once: "z" has a column for each, whose names are
        those of a data frame. Cloned for each locus, with a seed of its own, which follows from
        `random_state` and the locus's name.
    n_jobs : int or None, default=None
        Loci at a time, as in joblib; with more than one, each runs on one BLAS thread.
        ``joblib.parallel_config`` sets another backend. Dask workers need one thread each, since
        warnings are recorded per process.
    output : path-like, default=None
        Folder in which each locus is written when it is done, one file per locus. A later call
        with this folder reads a locus instead of fitting it if its name, description, estimator
        and seed are the same and the code of skgenetics has not changed. So an interrupted run
        goes on; failed loci are tried again. What "open" reads is assumed to be unchanged.
        Workers on other machines must see this folder.
    random_state : int, RandomState instance or None, default=None
        Source of the seeds. None: the `random_state` of the estimator.
    callbacks : sequence of callbacks, default=()
        Of :mod:`sklearn.callback`, such as ``ProgressBar()``. Each locus is one task; when the
        task ends, its row of the table `loci` is the `metadata`. Callbacks set on `estimator`
        follow the fits themselves.
    effects : bool, default=False
        Whether to return the table of effects too, whose rows are many. :func:`colocalize` takes
        those of a locus and of the same locus in another trait.

    Returns
    -------
    result : :class:`~sklearn.utils.Bunch`
        Data frames, in the order of `loci`:

        loci : a row per locus
            locus, chromosome, start, end, n_variants, n_sets, expected_causal (sum of the PIPs),
            h2, solver, converged, ld_mismatch (missing if not assessed), status ("ok" or
            "failed"), message (the warnings, or why it failed), seconds.
        credible_sets : a row per set
            locus, cs (its number in the locus), chromosome, start, end, size, coverage, min_abs_r,
            mean_abs_r, log10_bf, lead_variant_id, lead_rsid, lead_pip, low_purity.
        variants : a row per variant
            locus, chromosome, base_pair_location, effect_allele, other_allele, rsid, variant_id,
            effect_allele_frequency, z (as reported), p_value, n, pip, posterior_mean,
            posterior_sd, cs (0 = none), cs_alpha, flag. If z and LD do not fit, FLIPPED and
            LD_OUTLIER are added to the flags of variants that :func:`ld_mismatch` calls flipped
            or outlying, joined by ";".
        effects : a row per variant and effect with a credible set, with effects=True
            locus, cs (of the set), base_pair_location, effect_allele, other_allele, variant_id,
            alpha (probability that the effect is this variant's), posterior_mean, posterior_sd,
            log_bf (log Bayes factor of the effect at this variant against none).

        Of several traits, z, p_value and n of `variants` are those in the trait of the largest
        abs(z), h2, posterior_mean and posterior_sd are missing, and there are besides

        trait_variants : a row per variant and trait
            locus, trait, chromosome, base_pair_location, effect_allele, other_allele, rsid,
            variant_id, z (missing if not measured), p_value, n, posterior_mean, posterior_sd, lfsr,
            flag (FLIPPED or LD_OUTLIER in this trait).
        trait_effects : a row per credible set and trait
            locus, cs, trait, lead_variant_id, lead_rsid, z (of the lead variant), probability (that
            there is such an effect), effect and effect_sd (per SD of the lead variant), lfsr (local
            false sign rate), nonzero (probability that it acts on the trait).

    Raises
    ------
    ValueError
        If `loci` is empty, or names are missing or not unique.
    TypeError
        If `estimator` cannot fit summary statistics, or cannot be pickled.

    Warns
    -----
    FitFailedWarning
        If loci failed. They have no rows in `credible_sets` and `variants`; the others are there.

    Notes
    -----
    Apart from `seconds`, the result of a locus depends neither on `n_jobs` nor on the other loci
    and their order, nor on interruptions.

    Examples
    --------
    >>> import numpy as np
    >>> from skgenetics import FinemapMiXeR
    >>> from skgenetics.finemapping import finemap_loci
    >>> ld = np.array([[1.0, 0.6, 0.1], [0.6, 1.0, 0.1], [0.1, 0.1, 1.0]])
    >>> loci = [
    ...     {"name": "first", "z": [8.0, 4.0, 0.5], "ld": ld, "n_samples": 10_000},
    ...     {"name": "second", "z": [1.0, 0.2, -0.4], "ld": ld, "n_samples": 10_000},
    ... ]
    >>> result = finemap_loci(loci, FinemapMiXeR())
    >>> result.loci[["locus", "n_variants", "n_sets", "status"]]
        locus  n_variants  n_sets status
    0   first           3       1     ok
    1  second           3       0     ok
    """
    pandas = import_optional("pandas", extra="dataframe")
    loci = _check_loci(loci)
    if not hasattr(estimator, "fit_summary"):
        raise TypeError(
            f"estimator must fit summary statistics, as FinemapMiXeR() does; got {estimator!r}."
        )
    kinds = KINDS + (trait_kinds(estimator, effects) or ("effects",) * bool(effects))
    if output is not None:
        output = Path(output).absolute()
        if output.exists() and not output.is_dir():
            raise NotADirectoryError(f"output must be a folder; {output} is a file.")
        output.mkdir(parents=True, exist_ok=True)
    if random_state is None:
        random_state = estimator.get_params(deep=False)["random_state"]
    results = run_parallel(
        _run_task,
        _tasks(loci, output, seeded=random_state is not None, kinds=kinds),
        estimator=estimator,
        n_jobs=n_jobs,
        random_state=random_state,
        names=[locus["name"] for locus in loci],
        died=_tables_of_death,
    )
    results = _gather(clone(estimator).set_callbacks(*callbacks), results, len(loci))
    result = Bunch(
        **{
            kind: pandas.concat([tables[kind] for tables in results], ignore_index=True)
            for kind in kinds
        }
    )
    failed = result.loci[result.loci["status"] == "failed"]
    if len(failed):
        warnings.warn(
            f"{len(failed)} of {len(loci)} loci failed; the first is {failed['locus'].iloc[0]!r}: "
            f"{failed['message'].iloc[0]} The others are kept; see the column message of loci.",
            FitFailedWarning,
            stacklevel=2,
        )
    return result


def _tasks(
    loci: Sequence[Mapping[str, Any]],
    folder: Path | None,
    *,
    seeded: bool,
    kinds: tuple[str, ...],
) -> list[LocusTask]:
    """Return the tasks of loci, with a file each if there is a folder.

    The name of a file does not depend on the other loci: a capital in the name of a locus brings a
    hash, since some file systems do not tell it from a small letter.
    """
    tasks = []
    for locus in loci:
        name = file_name(locus["name"], among=[locus["name"].casefold()])
        tasks.append(LocusTask(locus, folder and folder / f"{name}.json.gz", seeded, kinds))
    return tasks


def _check_loci(loci: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return `loci` as a list; raise unless each is a dict with a unique name."""
    loci = list(loci)
    if not loci:
        raise ValueError("loci is empty: nothing to fine-map.")
    for place, locus in enumerate(loci):
        if not isinstance(locus, Mapping) or not isinstance(locus.get("name"), str):
            raise ValueError(
                f"loci must be dicts with a 'name' (str) each; got {type(locus).__name__} "
                f"without one at position {place}."
            )
        for part in ("start", "end"):
            if not isinstance(locus.get(part), Integral | None):
                raise ValueError(
                    f"{part} of locus {locus['name']!r} must be a position in base pairs (int); "
                    f"got {locus[part]!r}."
                )
    twice = [name for name, count in Counter(locus["name"] for locus in loci).items() if count > 1]
    if twice:
        raise ValueError(
            f"Names of loci must be unique; {len(twice)} occur more than once, the first is "
            f"{twice[0]!r}. Name them by their region, as in 'chr1:1000-2000'."
        )
    return loci


@with_callbacks
def _gather(
    estimator: Any, results: Iterable[dict[str, "DataFrame"]], n_loci: int
) -> list[dict[str, "DataFrame"]]:
    """Return the list of `results`; each is a task of the callbacks of `estimator`."""
    context = estimator._init_callback_context(task_name="loci", max_subtasks=n_loci)
    context.call_on_fit_task_begin(estimator=estimator)
    gathered = []
    for tables in results:
        task = context.subcontext(task_name="locus")
        task.call_on_fit_task_begin(estimator=estimator)
        gathered.append(tables)
        row = tables["loci"].iloc[0].to_dict()
        task.call_on_fit_task_end(estimator=estimator, metadata=row)
    context.call_on_fit_task_end(estimator=estimator)
    return gathered


def _run_task(estimator: Any, task: LocusTask, seed: int) -> dict[str, "DataFrame"]:
    """Return the tables of one locus: those kept from an earlier run, or those of a new fit."""
    start, key = time.perf_counter(), ""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            if task.path is not None:
                key = _cache_key(estimator, task, seed)
                earlier = load_tables(task.path, key)
                if earlier is not None:
                    return earlier
            model = clone(estimator).set_params(random_state=seed)
            tables = _fit(model, LocusData.read(task.description), task.kinds)
            messages = _warnings_of_fit(caught, tables["variants"])
        except Exception as error:  # one bad locus must not end the others
            tables = _tables_of_failure(task)
            messages = [f"{type(error).__name__}: {error}"]
    message = " ".join(dict.fromkeys(" ".join(text.split()) for text in messages))
    row = tables["loci"].assign(message=message, seconds=time.perf_counter() - start)
    tables["loci"] = as_table(row, "loci")
    if task.path is not None and row["status"].item() == "ok":
        save_tables(task.path, tables, key)
    return tables


def _cache_key(estimator: Any, task: LocusTask, seed: int) -> str:
    """Return a hash of all that the result of a task follows from, the code included."""
    parameters = estimator.get_params(deep=False) | {"random_state": seed if task.seeded else None}
    settings = type(estimator), parameters
    inputs = (__version__, code_identity(), settings, dict(task.description), task.kinds)
    return joblib.hash(inputs, coerce_mmap=True)


def _tables_of_death(_: Any, task: LocusTask, message: str) -> dict[str, "DataFrame"]:
    """Return the tables of a locus whose process ended."""
    tables = _tables_of_failure(task)
    row = tables["loci"].assign(message=message, seconds=np.nan)
    return tables | {"loci": as_table(row, "loci")}


def _tables_of_failure(task: LocusTask) -> dict[str, "DataFrame"]:
    """Return the tables of a locus that could not be fitted."""
    description, tables = task.description, {kind: as_table([], kind) for kind in task.kinds}
    region = {part: description.get(part) for part in REGION}
    row = {"locus": description["name"], "status": "failed", **region}
    return tables | {"loci": as_table([row], "loci")}


def _warnings_of_fit(caught: Iterable[warnings.WarningMessage], variants: "DataFrame") -> list[str]:
    """Return the warnings about the fit, not those about the use of a library."""
    names = variants.loc[variants["pip"].notna(), "variant_id"].tolist()
    return [
        _with_names(str(warning.message), names)
        for warning in caught
        if issubclass(warning.category, (UserWarning, RuntimeWarning))
    ]


def _with_names(message: str, names: Sequence[str]) -> str:
    """Return a message about variants with their `names` in place of their indices."""

    def name(indices: re.Match[str]) -> str:
        return re.sub(r"\d+", lambda index: names[int(index.group())], indices.group())

    pattern = r"(?<=variants )(\[\d[\d, ]*\]|\d+ and \d+)|(?<=variant )\d+"
    return re.sub(pattern, name, message)


def _fit(model: Any, data: LocusData, kinds: Sequence[str]) -> dict[str, "DataFrame"]:
    """Fit `model` to a locus and return its tables of some `kinds`."""
    model.set_params(**data.params)
    if "trait_effects" in kinds:
        return _fit_traits(model, data)
    model.fit_summary(**data.statistics)
    n_samples = data.statistics["n_samples"]
    variants = variants_table(
        data.name,
        model.to_frame(),
        n_samples=n_samples,
        z=data.z,
        variants=data.variants,
        labels=data.labels,
    )
    if getattr(model, "ld_mismatch_", False):
        variants = _flag_mismatches(variants, data, model)
    sets = credible_sets_table(
        data.name, model.credible_sets_, variants, min_purity=model.min_purity
    )
    row = _locus_row(data, model, variants, n_sets=len(sets))
    tables = {"loci": as_table([row], "loci"), "credible_sets": sets}
    if "effects" in kinds:
        tables["effects"] = effects_table(data.name, model.to_frame("effects"), variants)
    if data.set_aside is not None and len(data.set_aside):
        variants = add_unfitted_variants(variants, data.set_aside)
    return tables | {"variants": variants}


def _fit_traits(model: Any, data: LocusData) -> dict[str, "DataFrame"]:
    """Fit `model` to several traits at a locus and return its tables."""
    fit = fit_traits(model, data.statistics, data.labels)
    variants = variants_table(
        data.name,
        fit.frame(data.labels),
        n_samples=fit.of_strongest(fit.n_samples),
        variants=data.variants,
        labels=data.labels,
    )
    model = fit.model
    sets = credible_sets_table(
        data.name, model.credible_sets_, variants, min_purity=model.min_purity
    )
    tables = {
        "loci": as_table([_locus_row(data, model, variants, n_sets=len(sets))], "loci"),
        "credible_sets": sets,
        "trait_variants": trait_variants_table(data.name, fit, variants),
        "trait_effects": trait_effects_table(data.name, fit, variants, sets),
    }
    if data.set_aside is not None and len(data.set_aside):
        variants = add_unfitted_variants(variants, data.set_aside)
    return tables | {"variants": variants}


def _locus_row(
    data: LocusData, model: Any, variants: "DataFrame", *, n_sets: int
) -> dict[str, Any]:
    """Return the row of a locus in the table of loci."""
    region = region_of(variants)
    region |= {part: value for part, value in data.region.items() if value is not None}
    mismatch = getattr(model, "ld_mismatch_", None)
    return {
        "locus": data.name,
        **region,
        "n_variants": len(variants),
        "n_sets": n_sets,
        "expected_causal": float(variants["pip"].sum()),
        "h2": getattr(model, "heritability_", None),
        "solver": getattr(model, "solver_", model.solver),
        "converged": model.converged_,
        "ld_mismatch": None if mismatch is None else bool(mismatch),
        "status": "ok",
    }


def _flag_mismatches(variants: "DataFrame", data: LocusData, model: Any) -> "DataFrame":
    """Flag variants whose z does not fit: those of the fit, and all, unless there are too many."""
    ld, flipped, outliers = data.statistics["ld"], model.flipped_, model.outliers_
    if min(np.shape(ld)) <= LARGEST_DIAGNOSED:
        z, names = data.z, data.labels.names
        if names is not None:
            pandas = import_optional("pandas", extra="dataframe")
            z = pandas.Series(z, index=pandas.Index(names, tupleize_cols=False))
        report = ld_mismatch(z, ld, data.statistics["n_samples"])
        flipped = np.union1d(flipped, report.flipped)
        outliers = np.setdiff1d(np.union1d(outliers, report.outliers), flipped)
    flags = add_flag(variants["flag"], "FLIPPED", flipped)
    return variants.assign(flag=add_flag(flags, "LD_OUTLIER", outliers))
