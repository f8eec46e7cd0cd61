"""The bundled extract of GEUVADIS: gene expression and genotypes of 358 Europeans."""

from importlib import resources
from numbers import Integral
from typing import Any

import numpy as np
from scipy.special import ndtri
from scipy.stats import rankdata
from sklearn.utils import Bunch, check_scalar

from skgenetics.utils._optional import import_optional

LARGEST_WINDOW = 100_000


def rank_normalize(values: np.ndarray) -> np.ndarray:
    """Return the normal scores of the ranks of `values` (n,), ties averaged (Blom's offsets)."""
    return ndtri((rankdata(values) - 0.375) / (len(values) + 0.25))


def load_geuvadis(
    gene: str | None = None,
    *,
    window: int = LARGEST_WINDOW,
    normalize: bool = True,
    return_X_y: bool = False,
    as_frame: bool = False,
) -> Any:
    """Load gene expression and nearby genotypes of 358 Europeans (GEUVADIS, chromosome 22).

    A small extract of real data, bundled with the package: 12 genes over the whole range of cis
    signal, the variants within 100 kb of their starts, and 20 covariates.

    Parameters
    ----------
    gene : str or None, default=None
        Ensembl gene ID, with or without its version. None loads all 12 genes.

    window : int, default=100_000
        Variants at most this many base pairs from the start of the gene (with None: of any gene)
        are returned. At most 100,000.

    normalize : bool, default=True
        Return the normal scores of the ranks of each gene's expression over the 358 people, as eQTL
        studies do: expression is skewed, and a few extreme people would otherwise decide a
        least-squares fit. False gives RPKM.

    return_X_y : bool, default=False
        Return ``(data, target)`` instead of a Bunch.

    as_frame : bool, default=False
        Return pandas objects: columns are named chromosome_position_ref_alt, rows by sample ID.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like, with the attributes

        data : int8 ndarray or DataFrame of shape (358, n_variants)
            Dosage of the alternate allele: 0, 1 or 2. Nothing is missing.
        target : float64 ndarray, Series or DataFrame of shape (358,), or (358, 12) for all genes
            Expression, as normal scores or RPKM.
        frame : DataFrame or None
            `data` and `target` side by side, when `as_frame`.
        feature_names : list of str
            Names of the variants: chromosome_position_ref_alt.
        target_names : list of str
            Ensembl IDs of the genes in `target`, without version.
        covariates : ndarray or DataFrame of shape (358, 20)
            Principal components, to be regressed out; named PC1 to PC20.
        sample_ids : list of str
            IDs of the people in the 1000 Genomes Project.
        variants : Bunch of ndarray, or DataFrame, one entry or row per variant
            chromosome, base_pair_location (GRCh37, from 1), variant_id, effect_allele (the
            alternate one), other_allele, effect_allele_frequency (in these people).
        genes : Bunch of ndarray, or DataFrame, one entry or row per gene in `target`
            gene_id, version, chromosome, start (position of transcription start, from 1), strand,
            signal_rank (1 for the strongest of 608 genes), lead_chi2 (n times the largest r^2 with
            a variant within 250 kb, covariates regressed out).
        comparison_genes : list of str
            Five of the 12 genes, evenly spaced by rank among those with a lead chi2 above 30.
        build : str
            "GRCh37".
        counted_allele : str
            "alternate": the allele that the dosages count.
        DESCR : str
            Description, source and licence of the data.

    (data, target) : tuple if `return_X_y`

    Raises
    ------
    ValueError
        If `gene` is not among the 12, or `window` is not within 1 and 100,000.
    ImportError
        If `as_frame` and pandas is not installed.

    Notes
    -----
    The genes were picked by their signal in these same people: compare models on them, but do not
    quote their R2. The genotypes are those of the 1000 Genomes Project, the expression that of
    Geuvadis (E-GEUV-1); both are open data, taken from the example files of QTLtools.

    References
    ----------
    T. Lappalainen et al., "Transcriptome and genome sequencing uncovers functional variation in
    humans", Nature 501, 2013.

    Examples
    --------
    >>> from skgenetics.datasets import load_geuvadis
    >>> X, y = load_geuvadis("ENSG00000260065", return_X_y=True)
    >>> X.shape, y.shape
    ((358, 507), (358,))
    """
    check_scalar(window, "window", Integral, min_val=1, max_val=LARGEST_WINDOW)
    extract = _read_extract()
    chosen = _find_gene(gene, extract["gene_id"], extract["gene_version"])
    genes = _genes(extract, chosen)
    distances = np.abs(extract["variant_position"][:, None] - genes.start)
    near = np.any(distances <= window, axis=1)
    data = np.ascontiguousarray(extract["genotypes"][near].T)
    variants = _variants(extract, near, data)
    target = extract["expression"][:, chosen].astype(np.float64)
    if normalize:
        target = np.apply_along_axis(rank_normalize, 0, target)
    loaded = Bunch(
        data=data,
        target=target if gene is None else target[:, 0],
        frame=None,
        feature_names=variants.variant_id.tolist(),
        target_names=genes.gene_id.tolist(),
        covariates=extract["covariates"].astype(np.float64),
        sample_ids=extract["sample_ids"].tolist(),
        variants=variants,
        genes=genes,
        comparison_genes=extract["comparison_genes"].tolist(),
        build="GRCh37",
        counted_allele="alternate",
        DESCR=(_folder() / "geuvadis.rst").read_text(encoding="utf-8"),
    )
    if as_frame:
        loaded = _as_frames(loaded)
    return (loaded.data, loaded.target) if return_X_y else loaded


def _folder() -> Any:
    """Return the folder of the bundled files."""
    return resources.files("skgenetics.datasets") / "data"


def _read_extract() -> dict[str, np.ndarray]:
    """Return the arrays of the bundled file."""
    path = _folder() / "geuvadis.npz"
    with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


def _genes(extract: dict[str, np.ndarray], chosen: np.ndarray) -> Bunch:
    """Return what is known of the `chosen` genes."""
    return Bunch(
        gene_id=extract["gene_id"][chosen],
        version=extract["gene_version"][chosen],
        chromosome=np.full(len(chosen), "22"),
        start=extract["gene_start"][chosen],
        strand=extract["gene_strand"][chosen],
        signal_rank=extract["gene_rank"][chosen],
        lead_chi2=extract["gene_lead_chi2"][chosen],
    )


def _variants(extract: dict[str, np.ndarray], near: np.ndarray, data: np.ndarray) -> Bunch:
    """Return what is known of the variants `near` the genes, whose dosages are `data`."""
    keys = ("variant_position", "variant_ref", "variant_alt")
    positions, ref, alt = (extract[key][near] for key in keys)
    names = [f"22_{p}_{r}_{a}" for p, r, a in zip(positions, ref, alt)]
    return Bunch(
        chromosome=np.full(len(positions), "22"),
        base_pair_location=positions,
        variant_id=np.array(names),
        effect_allele=alt,
        other_allele=ref,
        effect_allele_frequency=data.mean(axis=0) / 2,
    )


def _as_frames(loaded: Bunch) -> Bunch:
    """Return what was loaded with pandas objects in place of arrays, and `frame`."""
    pandas = import_optional("pandas", extra="dataframe")
    people = pandas.Index(loaded.sample_ids, name="sample_id")
    names, columns = loaded.target_names, loaded.feature_names
    data = pandas.DataFrame(loaded.data, index=people, columns=columns)
    target = pandas.DataFrame(loaded.target, index=people, columns=names)
    frame = pandas.concat([data, target], axis="columns")
    components = [f"PC{k + 1}" for k in range(loaded.covariates.shape[1])]
    return Bunch(
        **{
            **loaded,
            "data": data,
            "target": frame[names if loaded.target.ndim > 1 else names[0]],
            "frame": frame,
            "covariates": pandas.DataFrame(loaded.covariates, index=people, columns=components),
            "variants": pandas.DataFrame(dict(loaded.variants)),
            "genes": pandas.DataFrame(dict(loaded.genes)),
        }
    )


def _find_gene(gene: str | None, ids: np.ndarray, versions: np.ndarray) -> np.ndarray:
    """Return the indices of the genes asked for: all for None, else the one named `gene`."""
    if gene is None:
        return np.arange(len(ids))
    names = np.char.add(np.char.add(ids, "."), versions.astype(str))
    (indices,) = np.nonzero((ids == gene) | (names == gene))
    if len(indices) == 0:
        raise ValueError(
            f"gene {gene!r} is not in the bundled extract of GEUVADIS. "
            f"Choose one of {', '.join(names)}; the version may be left out."
        )
    return indices
