"""The one shape that every genotype reader returns, and the readers of .npz and of text."""

import re
from pathlib import Path

import numpy as np

from skgenetics.io._tables import parse_numbers, read_rows
from skgenetics.utils._validation import import_optional
from skgenetics.utils._writing import atomic_path

MISSING = -127
VARIANT_COLUMNS = ("chromosome", "position", "variant_id", "effect_allele", "other_allele")
_VARIANT_NAME = re.compile(r"^(?:chr)?(\w+)[_:](\d+)[_:]([A-Za-z*.-]+)[_:]([A-Za-z*.-]+)$")


class Genotypes:
    """Dosages of samples x variants with their names, read from disk only when sliced.

    Parameters
    ----------
    values : array of shape (n_samples, n_variants), or object sliced as ``values[rows, columns]``
        Dosages 0..2 of the effect allele: int8, missing -127, or floating, missing NaN.
    samples : pandas.MultiIndex of length n_samples
        Levels "FID" ("0" where there is no family) and "IID".
    variants : pandas.DataFrame of length n_variants
        Columns chromosome, position, variant_id, effect_allele, other_allele.
    counted_allele : str
        Which allele the dosages count, in words.
    source : str
        Name of the file, for messages.
    build : str, optional
        Genome build of the positions.

    Attributes
    ----------
    shape : tuple of int
        ``(n_samples, n_variants)``.

    Notes
    -----
    ``genotypes[rows, columns]`` reads a NumPy array (slices, integers or boolean masks);
    ``genotypes.select(rows, columns)`` narrows without reading. Both pickle, so a worker process
    can open the file itself.
    """

    def __init__(self, values, samples, variants, *, counted_allele, source, build=None):
        if values.shape != (len(samples), len(variants)):
            raise ValueError(
                f"{source} holds genotypes of shape {values.shape}, but names {len(samples)} "
                f"samples and {len(variants)} variants: they must agree."
            )
        self.values = values
        self.samples = samples
        self.variants = variants
        self.counted_allele = counted_allele
        self.source = source
        self.build = build
        self._rows = np.arange(values.shape[0])
        self._columns = np.arange(values.shape[1])

    @property
    def shape(self):
        """Numbers of samples and of variants."""
        return len(self._rows), len(self._columns)

    def __getitem__(self, key):
        rows, columns = key if isinstance(key, tuple) else (key, slice(None))
        rows = np.atleast_1d(self._rows[rows])
        columns = np.atleast_1d(self._columns[columns])
        return self.values[np.ix_(rows, columns)]

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self[:, :], dtype=dtype)

    def select(self, rows=slice(None), columns=slice(None)):
        """Return the same genotypes narrowed to `rows` and `columns`, without reading them."""
        narrowed = object.__new__(type(self))
        narrowed.__dict__.update(self.__dict__)
        narrowed._rows = self._rows[rows]
        narrowed._columns = self._columns[columns]
        narrowed.samples = self.samples[rows]
        narrowed.variants = self.variants.iloc[columns].reset_index(drop=True)
        return narrowed


def sample_index(family_ids, sample_ids):
    """Return the MultiIndex (FID, IID) of `sample_ids`; no family is "0"."""
    pd = import_optional("pandas", extra="dataframe")
    if family_ids is None:
        family_ids = ["0"] * len(sample_ids)
    arrays = [np.asarray(ids).astype(str).astype(object) for ids in (family_ids, sample_ids)]
    return pd.MultiIndex.from_arrays(arrays, names=["FID", "IID"])


def variants_from_names(names):
    """Return the variants frame of column names; chr_pos_ref_alt is taken apart, alt is counted."""
    pd = import_optional("pandas", extra="dataframe")
    rows = []
    for name in names:
        match = _VARIANT_NAME.match(name)
        chromosome, position, ref, alt = match.groups() if match else ("", pd.NA, "", "")
        rows.append((chromosome, position, name, alt, ref))
    variants = pd.DataFrame(rows, columns=list(VARIANT_COLUMNS))
    return variants.astype({"position": "Int64"})


def variants_frame(chromosome, position, variant_id, effect_allele, other_allele, source):
    """Return the variants frame of columns of text; without an ID, it is chr_pos_other_effect.

    An empty position is NA.
    """
    pd = import_optional("pandas", extra="dataframe")
    positions, names = [], []
    for row, value in enumerate(position):
        value, known = str(value), variant_id[row] not in ("", ".")
        if value and not (value.isdecimal() and len(value) < 11 and int(value) < 2**31):
            who = variant_id[row] if known else f"variant {row + 1}"
            raise ValueError(
                f"{source}: the position of {who} is {value[:40]!r}; expected a whole number of "
                "base pairs."
            )
        place = (chromosome[row], value, other_allele[row], effect_allele[row])
        names.append(variant_id[row] if known else "_".join(place))
        positions.append(int(value) if value else pd.NA)
    return pd.DataFrame(
        {
            "chromosome": pd.Series(chromosome, dtype="str"),
            "position": pd.array(positions, dtype="Int64"),
            "variant_id": pd.Series(names, dtype="str"),
            "effect_allele": pd.Series(effect_allele, dtype="str"),
            "other_allele": pd.Series(other_allele, dtype="str"),
        }
    )


def read_genotypes(path):
    """Read dosages from .npz, or from text with one row a sample and one column a variant.

    Parameters
    ----------
    path : path-like
        ``.npz`` with ``genotypes`` (n_samples, n_variants) and ``sample_ids``, and optionally
        ``family_ids``, ``variant_ids``, ``chromosome``, ``position``, ``effect_allele``,
        ``other_allele``, ``build`` and ``counted_allele``: what `write_genotypes` writes. Or
        ``.csv``, ``.tsv`` or ``.txt`` (also gzipped): a header, sample IDs in the first column,
        then one column a variant, named chr_pos_ref_alt or anything else; empty, NA and -9 are
        missing.

    Returns
    -------
    genotypes : Genotypes
        int8 with -127 for missing calls, or floating dosages with NaN.

    Raises
    ------
    ValueError
        Where a dosage is not a number in 0..2 or a code for missing, or names and sizes disagree.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"There is no file {path}.")
    if path.suffix == ".npz":
        return _read_npz(path)
    if {".csv", ".tsv", ".txt"}.isdisjoint(path.suffixes):
        raise ValueError(
            f"Cannot read genotypes from {path.name}: expected .npz, .csv or .tsv "
            "(PLINK 1 files go through --bfile or skgenetics.io.read_plink)."
        )
    header, rows = read_rows(path)
    names = header[1:]
    if not names:
        raise ValueError(
            f"{path.name} has one column only; expected sample IDs, then one column a variant."
        )
    sample_ids = [row[0] for row in rows]
    cells = np.array([row[1:] for row in rows], dtype=str)
    values = parse_numbers(cells, sample_ids, names, path.name)
    return Genotypes(
        _check_dosages(values, sample_ids, names, path.name),
        sample_index(None, sample_ids),
        variants_from_names(names),
        counted_allele="the last allele in the variant's name",
        source=path.name,
    )


def _read_npz(path):
    """Read the .npz that `write_genotypes` documents."""
    pd = import_optional("pandas", extra="dataframe")
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in archive.files}
    except Exception as error:
        raise ValueError(f"{path.name} is not a readable .npz archive: {error}") from error
    for key in ("genotypes", "sample_ids"):
        if key not in arrays:
            raise ValueError(
                f"{path.name} holds {', '.join(sorted(arrays))}, but not '{key}'. Expected keys: "
                "genotypes (samples x variants), sample_ids, and optionally variant_ids, "
                "chromosome, position, effect_allele, other_allele, family_ids, build."
            )
    values, sample_ids = arrays["genotypes"], arrays["sample_ids"].astype(str)
    if values.ndim != 2 or values.dtype.kind not in "iuf":
        raise ValueError(
            f"genotypes in {path.name} must be numbers of shape (samples, variants); got "
            f"{values.dtype} of shape {values.shape}."
        )
    n_samples, n_variants = values.shape
    for key, array in arrays.items():
        expected = {"genotypes": None, "build": None, "counted_allele": None}.get(
            key, n_samples if key in ("sample_ids", "family_ids") else n_variants
        )
        if expected is not None and array.shape != (expected,):
            raise ValueError(
                f"{key} in {path.name} has shape {array.shape}; genotypes of shape "
                f"{values.shape} need ({expected},)."
            )
    names = arrays.get("variant_ids", np.array([f"variant{j}" for j in range(n_variants)]))
    names = names.astype(str)
    variants = variants_from_names(names)
    for key in set(VARIANT_COLUMNS) & set(arrays):
        variants[key] = pd.array(arrays[key], dtype="Int64" if key == "position" else "str")
    return Genotypes(
        _check_dosages(values, sample_ids, names, path.name),
        sample_index(arrays.get("family_ids"), sample_ids),
        variants,
        counted_allele=str(arrays.get("counted_allele", "effect allele")),
        source=path.name,
        build=str(arrays["build"]) if "build" in arrays else None,
    )


def write_genotypes(path, genotypes):
    """Write `genotypes` to an .npz that `read_genotypes` reads back.

    Parameters
    ----------
    path : path-like
        Ends in ``.npz``. Written under a temporary name, then renamed.
    genotypes : Genotypes
        Dosages and names.
    """
    if Path(path).suffix != ".npz":
        raise ValueError(f"write_genotypes writes .npz; got {path}.")
    variants = genotypes.variants
    arrays = {
        "genotypes": genotypes[:, :],
        "family_ids": np.array(genotypes.samples.get_level_values("FID"), dtype=str),
        "sample_ids": np.array(genotypes.samples.get_level_values("IID"), dtype=str),
        "variant_ids": np.array(variants["variant_id"], dtype=str),
        "counted_allele": np.array(genotypes.counted_allele),
    }
    if genotypes.build is not None:
        arrays["build"] = np.array(genotypes.build)
    if variants["position"].notna().all():
        arrays["position"] = np.array(variants["position"], dtype=np.int64)
        for key in ("chromosome", "effect_allele", "other_allele"):
            arrays[key] = np.array(variants[key], dtype=str)
    with atomic_path(path) as temporary:
        np.savez_compressed(temporary, **arrays)


def _check_dosages(values, sample_ids, names, source):
    """Return int8 (missing -127) or floating (missing NaN) dosages, all within 0..2."""
    missing = np.isnan(values) | (values == -9) | (values == MISSING)
    wrong = ~missing & ~((values >= 0) & (values <= 2))
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise ValueError(
            f"{source}: the dosage of variant {names[column]} in sample {sample_ids[row]} is "
            f"{values[row, column]:g}; expected 0 to 2, or NA, -9 or -127 for missing."
        )
    if values.dtype == np.int8:
        return np.where(missing, np.int8(MISSING), values)
    if np.all(missing | (values == np.floor(values))):
        return np.where(missing, MISSING, values).astype(np.int8)
    return np.where(missing, np.nan, values)
