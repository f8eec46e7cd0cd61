"""Many loci: fine-mapped side by side, written as they finish, gathered in one result."""

import gzip
import json
import re
import time
import warnings
import zlib
from collections import Counter
from collections.abc import Mapping
from numbers import Integral
from pathlib import Path

import joblib
from sklearn.base import clone
from sklearn.callback import with_callbacks
from sklearn.exceptions import FitFailedWarning
from sklearn.utils import Bunch

from skgenetics._version import __version__
from skgenetics.finemapping._diagnostics import ld_mismatch
from skgenetics.loci._tables import (
    COLUMNS,
    REGION,
    add_flag,
    add_unfitted_variants,
    as_table,
    credible_sets_table,
    variants_table,
)
from skgenetics.utils._arrays import to_numpy
from skgenetics.utils._optional import import_optional
from skgenetics.utils._parallel import run_parallel
from skgenetics.utils._writing import atomic_path, file_name

LARGEST_DIAGNOSED = 4000  # variants, or people of a panel: ld_mismatch takes their cube in time


def finemap_loci(loci, estimator, *, n_jobs=None, output=None, random_state=None, callbacks=()):
    """Fine-map many loci from summary statistics.

    Parameters
    ----------
    loci : sequence of dict
        One a locus:

        * "name": str, unique;
        * the arguments of :meth:`FinemapMiXeR.fit_summary`: "z", "ld", "n_samples" and others;
        * "variants", optional: data frame or dict of columns, a row a variant in the order of z.
          Taken from it: chromosome, base_pair_location (or position), effect_allele,
          other_allele, rsid, variant_id, effect_allele_frequency, p_value, flag. Without
          variant_id it is chromosome_position_other_effect;
        * "set_aside", optional: the same of variants that are not fitted, with their z and n. They
          are in the table of variants all the same, without a PIP;
        * "params", optional: dict of parameters of `estimator` for this locus, such as
          causal_probability (n_variants,);
        * "chromosome", "start", "end", optional: of the region; else those of its variants;
        * "open", optional: callable without arguments that returns a dict of these items, which
          add to the others. It runs where the locus is fitted, so that data are read when they are
          needed and not sent to other processes: ``functools.partial(read_locus, path, start)``.
    estimator : FinemapMiXeR
        Cloned for each locus, with a seed of its own.
    n_jobs : int or None, default=None
        Loci at a time, as in joblib; with more than one, each runs on one BLAS thread. Other
        backends by ``joblib.parallel_config``: dask workers need one thread each, since warnings
        are recorded by process.
    output : path-like, default=None
        Folder in which each locus is written when it is done, one file a locus. A later call with
        this folder reads loci of the same name, description, estimator and seed instead of
        fitting them, after an interruption too; failed ones are tried again. What "open" reads is
        taken to be unchanged. Workers on other machines must see this folder.
    random_state : int, RandomState instance or None, default=None
        Source of the seeds. None: the estimator's.
    callbacks : sequence of callbacks, default=()
        Of :mod:`sklearn.callback`, such as ``ProgressBar()``: each locus is one task, and its row
        of the table `loci` is the `metadata` when the task ends. Callbacks set on `estimator` see
        the fits themselves.

    Returns
    -------
    result : :class:`~sklearn.utils.Bunch`
        Data frames, in the order of `loci`:

        loci : a row a locus
            locus, chromosome, start, end, n_variants, n_sets, expected_causal (sum of the PIPs),
            h2, solver, converged, ld_mismatch (missing where not assessed), status ("ok" or
            "failed"), message (the warnings, or why it failed), seconds.
        credible_sets : a row a set
            locus, cs (its number in the locus), chromosome, start, end, size, coverage, min_abs_r,
            mean_abs_r, log10_bf, lead_variant_id, lead_rsid, lead_pip, low_purity.
        variants : a row a variant
            locus, chromosome, base_pair_location, effect_allele, other_allele, rsid, variant_id,
            effect_allele_frequency, z (as given), p_value, n, pip, posterior_mean, posterior_sd,
            cs (0 = none), cs_alpha, flag: as given and, where z and LD do not fit, FLIPPED and
            LD_OUTLIER for what :func:`ld_mismatch` finds flipped or outlying, joined by ";".

    Raises
    ------
    ValueError
        Where `loci` is empty or names are missing or not unique.
    TypeError
        Where `estimator` cannot fit summary statistics, or cannot be pickled.

    Warns
    -----
    FitFailedWarning
        Where loci failed. They have no rows in `credible_sets` and `variants`; the others are kept.

    Notes
    -----
    Apart from `seconds`, results do not depend on `n_jobs`, on the order in which loci finish, or
    on interruptions.

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
    if output is not None:
        output = Path(output).absolute()
        if output.exists() and not output.is_dir():
            raise NotADirectoryError(f"output must be a folder; {output} is a file.")
        output.mkdir(parents=True, exist_ok=True)
    if random_state is None:
        random_state = estimator.get_params(deep=False)["random_state"]
    results = run_parallel(
        _finemap_locus,
        [(locus, output, random_state is not None) for locus in loci],
        estimator=estimator,
        n_jobs=n_jobs,
        random_state=random_state,
    )
    results = _gather(clone(estimator).set_callbacks(*callbacks), results, len(loci))
    result = Bunch(
        **{
            name: pandas.concat([tables[name] for tables in results], ignore_index=True)
            for name in COLUMNS
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


def _check_loci(loci):
    """Return `loci` as a list, or raise where one is no dict with a name of its own."""
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
def _gather(estimator, results, n_loci):
    """Return the list of `results`, each a task of the callbacks of `estimator`."""
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


def _finemap_locus(estimator, unit, seed):
    """Return the tables of one locus: those written before, or those of a new fit."""
    description, folder, seeded = unit
    name, path, key = description["name"], None, None
    start = time.perf_counter()
    region = {part: description.get(part) for part in REGION}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            if folder is not None:
                path = folder / f"{file_name(name)}.json.gz"
                fit = (type(estimator), estimator.get_params(deep=False), seed if seeded else None)
                inputs = (__version__, fit, dict(description))
                key = joblib.hash(inputs, coerce_mmap=True)
                written = _read(path, key)
                if written is not None:
                    return written
            model = clone(estimator).set_params(random_state=seed)
            tables = _fit(model, dict(description))
            fitted = tables["variants"].loc[tables["variants"]["pip"].notna(), "variant_id"]
            messages = [
                _with_names(str(warning.message), fitted.tolist())
                for warning in caught
                if _matters(warning)
            ]
        except Exception as error:  # one bad locus must not end the others
            messages = [f"{type(error).__name__}: {error}"]
            tables = {kind: as_table([], kind) for kind in COLUMNS}
            tables["loci"] = as_table([{"locus": name, "status": "failed", **region}], "loci")
    message = " ".join(dict.fromkeys(" ".join(text.split()) for text in messages))
    row = tables["loci"].assign(message=message, seconds=time.perf_counter() - start)
    tables["loci"] = as_table(row, "loci")
    if path is not None and row["status"].item() == "ok":
        _write(path, key, tables)
    return tables


def _matters(warning):
    """Whether a recorded warning is about the fit, not about the use of a library."""
    return issubclass(warning.category, (UserWarning, RuntimeWarning))


def _with_names(message, names):
    """Return a message about variants with their `names` in place of their indices."""

    def name(indices):
        return re.sub(r"\d+", lambda index: names[int(index.group())], indices.group())

    return re.sub(r"(?<=variants )(\[\d[\d, ]*\]|\d+ and \d+)", name, message)


def _fit(model, data):
    """Fit `model` to the description `data` of a locus and return its tables."""
    name = data["name"]
    data.update(data.pop("open", dict)())
    del data["name"]
    known, set_aside = data.pop("variants", None), data.pop("set_aside", None)
    model.set_params(**data.pop("params", {}))
    given = {part: data.pop(part, None) for part in REGION}
    model.fit_summary(**data)
    z = data.get("z")
    z = to_numpy(data["beta"]) / to_numpy(data["se"]) if z is None else to_numpy(z)
    variants = variants_table(
        name, model.to_frame(), n_samples=data["n_samples"], z=z, variants=known
    )
    if getattr(model, "ld_mismatch_", False) and min(data["ld"].shape) <= LARGEST_DIAGNOSED:
        variants = _flag_mismatches(variants, z, data)
    on = variants["chromosome"].dropna().unique()
    if len(on) > 1:
        raise ValueError(f"Variants of a locus lie on one chromosome; got {', '.join(on)}.")
    positions = variants["base_pair_location"]
    derived = dict(zip(REGION, (on[0] if len(on) else None, positions.min(), positions.max())))
    sets = credible_sets_table(name, model.credible_sets_, variants, min_purity=model.min_purity)
    mismatch = getattr(model, "ld_mismatch_", None)
    row = {
        "locus": name,
        **{part: derived[part] if given[part] is None else given[part] for part in REGION},
        "n_variants": len(variants),
        "n_sets": len(sets),
        "expected_causal": float(variants["pip"].sum()),
        "h2": model.heritability_,
        "solver": model.solver_,
        "converged": model.converged_,
        "ld_mismatch": None if mismatch is None else bool(mismatch),
        "status": "ok",
    }
    if set_aside is not None and len(set_aside):
        variants = add_unfitted_variants(variants, set_aside)
    return {"loci": as_table([row], "loci"), "credible_sets": sets, "variants": variants}


def _flag_mismatches(variants, z, data):
    """Flag the variants whose z and LD do not fit."""
    report = ld_mismatch(z, data["ld"], data["n_samples"])
    flags = add_flag(variants["flag"], "FLIPPED", report.flipped)
    return variants.assign(flag=add_flag(flags, "LD_OUTLIER", report.outliers))


def _write(path, key, tables):
    """Write `tables` under the whole name at once, so that no partial file is ever read."""
    content: dict = {"key": key}
    for kind, frame in tables.items():
        plain = frame.astype(object).where(frame.notna(), None)
        content[kind] = plain.to_dict("list")
    with atomic_path(path) as temporary:
        temporary.write_bytes(gzip.compress(json.dumps(content).encode(), 1))


def _read(path, key):
    """Return the tables of a locus written under `key`, or None: not there, or of another fit."""
    try:
        content = json.loads(gzip.decompress(path.read_bytes()))
    except (OSError, EOFError, ValueError, zlib.error):
        return None
    if content.pop("key", None) != key:
        return None
    return {kind: as_table(columns, kind) for kind, columns in content.items()}
