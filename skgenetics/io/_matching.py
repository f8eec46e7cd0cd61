"""Matching people by name, never by order."""

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd


def match_samples(
    **sources: "pd.MultiIndex",
) -> tuple[dict[str, np.ndarray], dict[str, int]]:
    """Find the people that every source has, by name.

    Parameters
    ----------
    **sources : pandas.MultiIndex
        (FID, IID) of each source, under the name that messages use. People are matched by IID if
        IIDs are unique in every source, by FID and IID otherwise.

    Returns
    -------
    positions : dict of str to ndarray of shape (n_matched,)
        Rows of each source, so that row i is the same person in all; the order is that of the
        first source.
    dropped : dict of str to int
        How many people of each source are not in all the others.

    Raises
    ------
    ValueError
        Where a source has a person twice, the families of matched people contradict each other, or
        nobody is in all sources.
    """
    by_iid = all(index.get_level_values("IID").is_unique for index in sources.values())
    if not by_iid:
        _check_pairs(sources)
    keys = {
        name: index.get_level_values("IID") if by_iid else index for name, index in sources.items()
    }
    common = next(iter(keys.values()))
    for key in keys.values():
        common = common[common.isin(key)]
    if not len(common):
        raise ValueError(
            "Nobody is in all of "
            + ", ".join(
                f"{name} ({len(key)} people, first {_say(key[0])})" for name, key in keys.items()
            )
            + ": IDs are matched by name, so they must be written alike."
        )
    positions = {name: key.get_indexer(common) for name, key in keys.items()}
    if by_iid:
        _check_families(sources, positions)
    dropped = {name: len(key) - len(common) for name, key in keys.items()}
    return positions, dropped


def _say(key: object) -> str:
    """Return an ID in words."""
    return " ".join(key) if isinstance(key, tuple) else str(key)


def _check_pairs(sources: "dict[str, pd.MultiIndex]") -> None:
    """Raise ValueError unless FID and IID together are unique and present in every source."""
    for name, index in sources.items():
        repeated = index[index.duplicated()]
        if len(repeated):
            raise ValueError(
                f"{name}: ID {_say(repeated[0])} comes more than once; expected one row per person."
            )
    for name, index in sources.items():
        iids = index.get_level_values("IID")
        if not iids.is_unique:
            bare = [n for n, i in sources.items() if (i.get_level_values("FID") == "0").all()]
            if bare:
                raise ValueError(
                    f"{name}: IID {iids[iids.duplicated()][0]} is in more than one family, and "
                    f"{bare[0]} has no FID column to tell them apart: give it #FID and IID."
                )


def _check_families(sources: "dict[str, pd.MultiIndex]", positions: dict[str, np.ndarray]) -> None:
    """Raise ValueError if people matched by IID have different families.

    A family "0", or one that repeats the IID, says nothing.
    """
    families = {}
    for name, rows in positions.items():
        index = sources[name][rows]
        fid = np.array(index.get_level_values("FID"), dtype=object)
        iid = np.array(index.get_level_values("IID"), dtype=object)
        fid[(fid == "0") | (fid == iid)] = ""
        families[name] = fid
    for (one, first), (other, second) in combinations(families.items(), 2):
        clash = np.flatnonzero((first != "") & (second != "") & (first != second))
        if len(clash):
            row = clash[0]
            raise ValueError(
                f"{iid[row]} is in family {first[row]} in {one} and in family {second[row]} in "
                f"{other}: make them agree, or leave out the FID column."
            )
