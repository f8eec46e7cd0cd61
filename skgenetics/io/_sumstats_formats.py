"""Which columns of which program's summary statistics mean what.

A new format is one more `Format` in `FORMATS` (of :mod:`skgenetics.io._sumstats_programs`), and
nothing else: the reader, its errors and the words of the command take what they need from that
list.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

MEANINGS = (
    "chromosome",
    "base_pair_location",
    "effect_allele",
    "other_allele",
    "rsid",
    "variant_id",
    "effect_allele_frequency",
    "beta",
    "odds_ratio",
    "standard_error",
    "z",
    "p_value",
    "neg_log_10_p_value",
    "n",
    "n_cases",
    "n_controls",
    "test",
    "ref_allele",
    "alt_allele",
    "chr_pos_ref_alt",
)
# what a column that is named by the user makes void among the columns of the format
OVERRULED = {
    "beta": ("odds_ratio",),
    "odds_ratio": ("beta",),
    "p_value": ("neg_log_10_p_value",),
    "neg_log_10_p_value": ("p_value",),
    "effect_allele": ("chr_pos_ref_alt",),
    "other_allele": ("ref_allele", "alt_allele", "chr_pos_ref_alt"),
    "n": ("n_cases", "n_controls"),
}


@dataclass(frozen=True)
class Format:
    """A program's table.

    `needs` are the columns that tell it from others, each a choice of names; `columns` gives the
    names that a meaning may have, the best first; `test` is the test whose rows are effects of one
    more allele; `note` is said whenever the format is read; `build` is that of its positions, if it
    is always the same; `per_trait` are the beginnings of columns that a table of several traits, or
    of what else `of` says, has once for each; `adjust` changes the rows that were read.
    A name that begins with "^" is a regular expression.
    """

    name: str
    needs: tuple[tuple[str, ...], ...]
    columns: dict[str, tuple[str, ...]]
    mixed_model: bool = False
    test: str | None = "ADD"
    note: str | None = None
    guess: str | None = None  # said unless the user names the effect allele
    build: str | None = None
    per_trait: dict[str, tuple[str, ...]] = field(default_factory=dict)
    of: str = "trait"
    adjust: "Callable[[pd.DataFrame, Sequence[str]], None] | None" = None
    extra: tuple[str, ...] = ()  # columns that `adjust` needs


def find_column(names: Sequence[str], known: Mapping[str, str]) -> str | None:
    """Return the first column of a header that has one of some names; `known` is in lower case."""
    for name in names:
        if name.startswith("^"):
            alike = [column for key, column in known.items() if re.match(name, key, re.I)]
            if alike:
                return alike[0]
        elif name.lower() in known:
            return known[name.lower()]
    return None


def lower_names(header: Sequence[str]) -> dict[str, str]:
    """Return {name in lower case without #: column} of a header."""
    return {name.lstrip("#").strip().lower(): name for name in header if name}


def traits_of(form: Format, header: Sequence[str]) -> list[str]:
    """Return the names of the traits that a table has columns of."""
    if not form.per_trait:
        return []
    stem = form.per_trait["beta"][0].lower()
    return [name[len(stem) :] for name in header if name.lower().startswith(stem)]


def columns_of(form: Format, header: Sequence[str], trait: str | None = None) -> dict[str, str]:
    """Return {meaning: column} of a header of a format."""
    known = lower_names(header)
    columns = {meaning: find_column(names, known) for meaning, names in form.columns.items()}
    if trait is not None:
        columns |= {
            meaning: find_column([stem + trait for stem in stems], known)
            for meaning, stems in form.per_trait.items()
        }
    return {meaning: name for meaning, name in columns.items() if name}


def overruled(used: dict[str, str], named: dict[str, str]) -> dict[str, str]:
    """Return {meaning: column} of a format, overruled by the columns that the user names.

    If only the effect allele is named, the other one is whichever of the format's pair it is not.
    """
    void = {other for meaning in named for other in OVERRULED.get(meaning, ())}
    left = {meaning: name for meaning, name in used.items() if meaning not in void}
    if "effect_allele" in named and "other_allele" not in named:
        effect, other = left.get("effect_allele"), left.pop("other_allele", None)
        if effect and other:
            left = {"ref_allele": effect, "alt_allele": other} | left
    return left | named


def missing_meanings(used: Mapping[str, str]) -> list[str]:
    """Return what columns do not say of variant, allele and effect, in words."""
    has_place = "chromosome" in used and "base_pair_location" in used
    has_sign = "beta" in used or "odds_ratio" in used
    has_size = bool({"standard_error", "p_value", "neg_log_10_p_value"} & set(used))
    is_apart = "chr_pos_ref_alt" in used
    missing = []
    if not (has_place or is_apart or "rsid" in used or "variant_id" in used):
        missing.append("chromosome and base_pair_location, or rsid or variant_id")
    if "effect_allele" not in used and not is_apart:
        missing.append("effect_allele")
    if not ("z" in used or (has_sign and has_size)):
        missing.append("beta (or odds_ratio) with standard_error or p_value, or z")
    return missing
