"""Gene sets in GMT."""

from pathlib import Path

from skgenetics.io._lines import read_lines
from skgenetics.utils._typing import PathLike


def read_gene_sets(path: PathLike) -> dict[str, list[str]]:
    """Read gene sets in GMT: one set per line, of name, description and genes, separated by TAB.

    Parameters
    ----------
    path : path-like
        Text, gzipped or not, such as MSigDB distributes.

    Returns
    -------
    gene_sets : dict of str to list of str
        The genes of each set, once each, in the order of the file: what
        `skgenetics.expression.gene_set_enrichment` takes.

    Raises
    ------
    ValueError
        Where the file is empty, or a set has no name, no genes, or the name of another.

    References
    ----------
    Subramanian et al. (2005), PNAS 102:15545; Liberzon et al. (2015), Cell Systems 1:417 (MSigDB).
    """
    source = Path(path).name
    gene_sets: dict[str, list[str]] = {}
    for number, line in enumerate(read_lines(path), start=1):
        if not line.strip():
            continue
        name, *rest = [field.strip() for field in line.split("\t")]
        genes = list(dict.fromkeys(filter(None, rest[1:])))
        if not name or not genes:
            raise ValueError(
                f"{source}, line {number} has {len(rest) + 1} fields; expected the name of a set, "
                "its description and genes, separated by TAB."
            )
        if name in gene_sets:
            raise ValueError(f"{source}, line {number}: there is another set {name[:60]!r}.")
        gene_sets[name] = genes
    if not gene_sets:
        raise ValueError(f"{source} is empty; expected one gene set per line.")
    return gene_sets
