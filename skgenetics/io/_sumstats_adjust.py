"""What some programs' summary statistics need besides names of columns.

Each function changes a frame of rows that were read, whose columns are meanings.
"""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd


def frequency_of_alt(frame: "pd.DataFrame", header: Sequence[str]) -> None:
    """Turn the frequency of the minor allele (Neale) to that of the alternate one."""
    if "minor_allele" in frame and "effect_allele_frequency" in frame:
        is_other = frame["minor_allele"].str.upper() != frame["effect_allele"]
        f = frame["effect_allele_frequency"]
        frame["effect_allele_frequency"] = f.where(~is_other, 1 - f)


def _cases_of_the_header(frame: "pd.DataFrame", header: Sequence[str]) -> None:
    """Take cases and controls from FRQ_A_123 and FRQ_U_456 of daner, where no column has them."""
    for meaning, letter in (("n_cases", "A"), ("n_controls", "U")):
        if meaning not in frame and "n" not in frame:
            numbers = [re.fullmatch(rf"FRQ_{letter}_(\d+)", name) for name in header]
            found = [match for match in numbers if match]
            if found:
                frame[meaning] = float(found[0][1])


def doubled_n(frame: "pd.DataFrame", header: Sequence[str]) -> None:
    """Double the half of the effective number of people that PGC writes."""
    if "n" in frame:
        frame["n"] = 2 * frame["n"]
        for counted in ("n_cases", "n_controls"):
            frame.pop(counted) if counted in frame else None
    _cases_of_the_header(frame, header)


def effects_of_info(frame: "pd.DataFrame", header: Sequence[str]) -> None:
    """Take log odds ratios and standard errors from REGENIE's Info, beside ratios in Effect."""
    for meaning, key in (("beta", "REGENIE_BETA"), ("standard_error", "REGENIE_SE")):
        found = frame["Info"].astype("str").str.extract(rf"{key}=([^;]+)", expand=False)
        values = np.array([float(text) if _is_number(text) else np.nan for text in found])
        if np.isfinite(values).any():
            frame[meaning] = values


def _is_number(text: object) -> bool:
    """Whether a text is a number."""
    try:
        return np.isfinite(float(str(text)))
    except ValueError:
        return False
