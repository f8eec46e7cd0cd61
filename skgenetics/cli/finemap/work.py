"""One locus of the command: what a process that fits it is sent, and how it opens it."""

from copy import copy
from functools import partial

import numpy as np

from skgenetics.loci._ld import panel_ld
from skgenetics.utils._optional import import_optional

_FIELDS = (
    *("chromosome", "base_pair_location", "effect_allele", "other_allele", "rsid", "variant_id"),
    *("effect_allele_frequency", "z", "p_value", "n", "flag"),
)
_PSEUDOAUTOSOMAL = {  # of chromosome X, in base pairs
    "GRCh37": ((60_001, 2_699_520), (154_931_044, 155_260_560)),
    "GRCh38": ((10_001, 2_781_479), (155_701_383, 156_030_895)),
}


def some(names, limit=5):
    """Return the first names in a sentence."""
    rest = len(names) - limit
    return ", ".join(names[:limit]) + (f" and {rest} more" if rest > 0 else "")


def add_flag(flags, name, where):
    """Return a column of flags with one more of them at some rows."""
    text = flags.astype(object).where(flags.notna(), "")
    text[where] += ";" + name
    return text.str.lstrip(";").where(text != "", None).astype("string")


def describe(options, panel, region, rows):
    """Return what `finemap_loci` is told of a region."""
    description = {
        "name": region.name,
        "chromosome": region.chromosome,
        "start": region.start,
        "end": region.end,
        "on_mismatch": options.on_mismatch,
    }
    if not len(rows):
        return description | {
            "open": partial(_raise, "no variant of the statistics is in the panel")
        }
    dropped = ["LOW_N", "NO_N", "STRAND"] + ["AMBIGUOUS"] * options.drop_ambiguous
    fields = {name: _array(rows[name]) for name in _FIELDS if name in rows}
    fields["dropped"] = np.array(
        [bool(set(flag.split(";")) & set(dropped)) for flag in rows["flag"].fillna("")]
    )
    if options.prior_column:
        fields["prior"] = rows[options.prior_column].to_numpy(dtype=float, na_value=np.nan)
    index = rows["panel_index"].to_numpy()
    if panel.ld is not None:
        source, size = panel.ld[np.ix_(index, index)], options.panel_size
        return description | {"open": partial(read_locus, fields, source, panel_size=size)}
    source, haploid = panel.genotypes.values, None
    if isinstance(source, np.ndarray):  # in memory: send these columns, not all
        source, index = source[:, index], np.arange(len(index))
    elif hasattr(source, "alleles"):  # a .pgen: send what is known of these columns, not of all
        source = copy(source)
        source.variants, source.alleles = source.variants[index], source.alleles[index]
        source.shape, index = (source.shape[0], len(index)), np.arange(len(index))
    if region.chromosome == "X" and panel.sexes is not None:
        haploid = _haploid(options, panel, rows)
        if isinstance(haploid, str):
            return description | {"open": partial(_raise, haploid)}
    read = partial(read_locus, fields, source, index, haploid, options.panel_size, panel.stamp)
    return description | {"open": read}


def _array(column):
    """Return a column as an array that is hashed by its content."""
    if column.dtype.kind in "fiu":
        return column.to_numpy(dtype=float, na_value=np.nan)
    return np.array(
        [
            "" if missing else str(value)
            for value, missing in zip(column, column.isna(), strict=True)
        ]
    )


def _haploid(options, panel, rows):
    """Return the rows (people) and columns (variants) with one copy of X, or what is missing."""
    unknown = int((panel.sexes == 0).sum())
    if unknown:
        return (
            f"chromosome X needs the sex of all people in {panel.source}'s table of samples; that "
            f"of {unknown:,} is unknown"
        )
    position = rows["base_pair_location"].to_numpy(dtype=np.int64)
    diploid = np.zeros(len(rows), dtype=bool)
    for start, end in _PSEUDOAUTOSOMAL[options.build]:
        diploid |= (position >= start) & (position <= end)
    return np.flatnonzero(panel.sexes == 1), np.flatnonzero(~diploid)


def _raise(message):
    """Fail to open a locus."""
    raise ValueError(message)


def read_locus(fields, source, index=None, haploid=None, panel_size=None, stamp=None):
    """Return the arguments of `fit_summary` for a locus, and its variants, as `finemap_loci` asks.

    Parameters
    ----------
    fields : dict of ndarray of shape (n_variants,)
        Columns of the variants, with "dropped" (which are not fitted) and maybe "prior".
    source : ndarray of shape (n_variants, n_variants), or values
        LD, or dosages of all people and variants of the panel.
    index : ndarray of shape (n_variants,), or None
        Columns of the dosages; None: `source` is LD.
    haploid : tuple of ndarray, or None
        People and variants (positions in `index`) with one copy of chromosome X.
    panel_size : int, or None
        People that the LD comes from; None: those of the dosages.
    stamp : tuple, or None
        Size and time of the panel's file. It makes `finemap_loci` take no result of another file
        of that name for this one's.
    """
    pd = import_optional("pandas", extra="dataframe")
    table = pd.DataFrame({name: values for name, values in fields.items() if values.ndim == 1})
    dropped = table.pop("dropped").to_numpy()
    prior = table.pop("prior").to_numpy() if "prior" in table else None
    for name in table.columns.intersection(["rsid", "flag"]):
        table[name] = table[name].where(table[name] != "", None)
    table["base_pair_location"] = table["base_pair_location"].astype("int64")
    if index is None:
        ld = (source.astype(np.float64) + source.T) / 2  # text holds few digits
        np.fill_diagonal(ld, 1)
        ld = np.clip(ld, -1, 1)[np.ix_(~dropped, ~dropped)]
    else:
        dosages, varies = _dosages(source, index, haploid)
        table["flag"] = add_flag(table["flag"], "MONOMORPHIC", ~varies)
        dropped = dropped | ~varies
        ld = dosages[:, ~dropped]
    kept = table[~dropped].reset_index(drop=True)
    if not len(kept):
        raise ValueError(f"all {len(table)} variants are left out: see the column flag")
    if index is not None:
        if panel_size is None and len(ld) < kept["n"].max():  # else they are the scan's own people
            panel_size = len(ld)
        if ld.shape[0] >= ld.shape[1]:
            ld = panel_ld(ld).dense().matrix
    result = {
        "z": kept["z"].to_numpy(),
        "n_samples": kept["n"].to_numpy(),
        "ld": ld,
        "panel_size": panel_size,
        "variants": kept,
        "set_aside": table[dropped],
    }
    if prior is not None:
        prior = prior[~dropped]
        if not np.all(prior >= 0) or not prior.sum() > 0:
            raise ValueError(
                "the prior must be 0 or more at every variant, and above 0 at one; it is missing "
                f"or negative at {int((~(prior >= 0)).sum())} of {len(prior)}"
            )
        result["params"] = {"causal_probability": prior / prior.sum()}
    return result


def _dosages(source, index, haploid):
    """Return the panel's dosages (n_people, n_variants), complete, and which variants vary."""
    dosages = source[np.ix_(np.arange(source.shape[0]), index)]
    if haploid is not None:
        dosages = _doubled(dosages, *haploid)
    missing = ~(dosages >= 0)  # NaN, or a negative code
    if dosages.dtype.kind == "f":
        dosages = dosages.astype(np.float64)
    if missing.any():
        count = np.maximum((~missing).sum(axis=0), 1)
        mean = np.where(missing, 0, dosages).sum(axis=0) / count
        dosages = np.where(missing, mean, dosages)
    return dosages, dosages.max(axis=0) > dosages.min(axis=0)


def _doubled(dosages, people, variants):
    """Return dosages that are 0 or 2 of haploid people.

    Theirs of 1 are errors, and missing, unless none has 2: then they are coded 0 and 1.
    """
    place = np.ix_(people, variants)
    theirs = dosages[place]
    if theirs.size and theirs.max() <= 1:
        theirs = np.where(theirs > 0, 2 * theirs, theirs)
    elif dosages.dtype.kind == "i":
        theirs = np.where(theirs == 1, -127, theirs)
    dosages[place] = theirs
    return dosages
