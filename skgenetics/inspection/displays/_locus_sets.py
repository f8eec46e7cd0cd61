"""Tables and credible sets as pictures of a locus take them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from skgenetics.utils._arrays import to_numpy


def check_sets(credible_sets: Sequence[Mapping[str, Any]], n_variants: int) -> None:
    """Raise ValueError unless every set has what is drawn of it, and variants of the locus."""
    for number, reported in enumerate(credible_sets, start=1):
        missing = {"variants", "coverage", "min_abs_r"} - set(reported)
        if missing:
            raise ValueError(f"Credible set {number} has no {', '.join(sorted(missing))}.")
        variants = to_numpy(reported["variants"])
        if variants.size == 0 or variants.min() < 0 or variants.max() >= n_variants:
            raise ValueError(
                f"Credible set {number} must hold indices from 0 to {n_variants - 1}; "
                f"got {variants.tolist()}."
            )


def check_positions(variants: Any, title: str | None) -> None:
    """Raise ValueError if a table of variants lacks a position."""
    if variants["base_pair_location"].isna().any():
        raise ValueError(
            f"{title or 'A locus'} has variants without a position, which its picture needs: "
            "give finemap_loci their table ('variants') with base_pair_location."
        )


def sets_in_frame(variants: Any, credible_sets: Any) -> list[dict[str, Any]]:
    """Return the sets of a table of them with a member in the table of variants."""
    cs, names = variants["cs"].to_numpy(), variants["variant_id"].to_numpy(dtype=object)
    found = []
    for _, row in credible_sets.iterrows():
        members = np.flatnonzero(cs == row["cs"])
        if len(members):
            lead = members[names[members] == row.get("lead_variant_id")]
            known = {"lead": int(lead[0])} if len(lead) else {}
            found.append({"variants": members, **row[["cs", "coverage", "min_abs_r"]], **known})
    return found


def lead_of_set(reported: Mapping[str, Any], pip: np.ndarray) -> int:
    """Return the variant that leads a set: the one its table names, or of the largest PIP."""
    variants = to_numpy(reported["variants"]).astype(int)
    return int(reported.get("lead", variants[np.argmax(pip[variants])]))


def set_label(number: int, reported: Mapping[str, Any]) -> str:
    """Return the legend's text of a credible set."""
    size = len(reported["variants"])
    return (
        f"{number}: {size} variant{'s' if size > 1 else ''}\n"
        f"coverage {reported['coverage']:.2f}, min |r| {reported['min_abs_r']:.2f}"
    )
