"""Weights that predict the expression of genes from genotypes."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from skgenetics.association._estimators import linear_coefficients
from skgenetics.association._prediction import Prediction, as_genotypes, predict_expression
from skgenetics.io._weight_tables import GENE_COLUMNS, check_weights, gene_table, weight_table
from skgenetics.metrics import masked_r2_score
from skgenetics.utils._optional import import_optional
from skgenetics.utils._text import count_of, first_names
from skgenetics.utils._typing import ArrayLike

if TYPE_CHECKING:
    import pandas as pd

MODEL_KEY = ["gene", "tissue"]


@dataclass(frozen=True)
class GeneModel:
    """The weights of one gene in one tissue, without intercept.

    Parameters
    ----------
    gene : str
        Identifier of the gene.
    variants : pandas.DataFrame of length n_variants
        Columns chromosome, base_pair_location, effect_allele, other_allele and, if known,
        variant_id (otherwise chr_pos_other_effect) and rsid.
    weights : ndarray of shape (n_variants,)
        Change of expression per effect allele (dosages 0..2).
    tissue, gene_name, model : str
        The tissue, the gene's symbol and the method that found the weights.
    chromosome, start, end : str and int, optional
        Place of the gene.
    cv_r2, cv_pvalue : float
        Performance on people not used for training, NaN if unknown.
    n_samples : float
        People used for training, NaN if unknown.
    """

    gene: str
    variants: "pd.DataFrame" = field(repr=False)
    weights: np.ndarray = field(repr=False)
    tissue: str = ""
    gene_name: str = ""
    model: str = ""
    chromosome: str | None = None
    start: int | None = None
    end: int | None = None
    cv_r2: float = float("nan")
    cv_pvalue: float = float("nan")
    n_samples: float = float("nan")

    def __post_init__(self) -> None:
        weights = np.asarray(self.weights, dtype=np.float64)
        if weights.shape != (len(self.variants),):
            raise ValueError(
                f"The model of {self.gene} has weights of shape {weights.shape}; expected one for "
                f"each of its {len(self.variants)} variants."
            )
        object.__setattr__(self, "weights", weights)


class ExpressionWeights:
    """Linear models of the expression of genes, in one or several tissues.

    Parameters
    ----------
    genes : pandas.DataFrame
        One row per gene and tissue: gene, gene_name, tissue, model, chromosome, start, end,
        cv_r2, cv_pvalue and n_samples. Only gene is required.
    weights : pandas.DataFrame
        One row per gene, tissue and variant: gene, tissue, chromosome, base_pair_location,
        variant_id, effect_allele, other_allele, rsid and weight.
    build : str, optional
        Genome build of the positions, "GRCh37" or "GRCh38".
    standardized : bool, default=False
        Whether weights are per standard deviation of genotypes (FUSION), not per effect allele.
    covariances : mapping of gene to pandas.DataFrame, optional
        Covariances of the dosages of each gene's variants, in all tissues, among the people used
        for training; rows and columns are labeled by variant_id.
    source : str
        Name of the file, for messages.

    Attributes
    ----------
    genes : pandas.DataFrame
        Sorted by gene and tissue, with n_variants.
    weights : pandas.DataFrame
        In the order of `genes`. A weight is the change of expression, in the unit it was trained
        on, per effect allele, or per standard deviation of the genotype if `standardized`.
    tissues : list of str

    See Also
    --------
    load_weights : Read weights from files.

    Examples
    --------
    >>> import pandas as pd
    >>> from skgenetics.association import ExpressionWeights, GeneModel
    >>> variants = pd.DataFrame(
    ...     {"chromosome": "1", "base_pair_location": [100, 200],
    ...      "effect_allele": ["A", "C"], "other_allele": ["G", "T"]}
    ... )
    >>> model = GeneModel("ENSG1", variants, [0.5, -0.2], tissue="blood")
    >>> weights = ExpressionWeights.from_models([model], build="GRCh38")
    >>> weights
    <ExpressionWeights: 1 gene, 1 tissue, 2 weights, GRCh38>
    """

    def __init__(
        self,
        genes: "pd.DataFrame",
        weights: "pd.DataFrame",
        *,
        build: str | None = None,
        standardized: bool = False,
        covariances: "Mapping[str, pd.DataFrame] | None" = None,
        source: str = "weights",
    ) -> None:
        genes, weights = gene_table(genes), weight_table(weights)
        repeated = genes.duplicated(MODEL_KEY).to_numpy()
        if repeated.any():
            row = genes.iloc[int(np.argmax(repeated))]
            raise ValueError(
                f"{source}: gene {row['gene']} comes more than once in tissue "
                f"{row['tissue'] or '(unnamed)'}; expected one model for each gene and tissue."
            )
        check_weights(weights, source)
        genes = genes.sort_values(MODEL_KEY, kind="stable", ignore_index=True)
        place = _pairs(genes).get_indexer(_pairs(weights))
        if (place < 0).any():
            lost = weights.loc[place < 0, "gene"].unique()
            raise ValueError(
                f"{source}: {first_names(list(lost))} have weights, but are not in the table of "
                "genes."
            )
        order = np.argsort(place, kind="stable")
        count = np.bincount(place, minlength=len(genes))
        self.genes = genes.assign(n_variants=count)
        self.weights = weights.iloc[order].reset_index(drop=True)
        self.build = build
        self.standardized = standardized
        self.covariances = dict(covariances or {})
        self.source = source
        self._ends = np.r_[0, np.cumsum(count)]

    @classmethod
    def from_models(
        cls,
        models: Iterable[GeneModel],
        *,
        build: str | None = None,
        covariances: "Mapping[str, pd.DataFrame] | None" = None,
        source: str = "weights",
    ) -> "ExpressionWeights":
        """Join the models of genes and tissues.

        Parameters
        ----------
        models : iterable of GeneModel
        build, covariances, source
            As of the class.

        Returns
        -------
        weights : ExpressionWeights
        """
        pd = import_optional("pandas", extra="dataframe")
        models = list(models)
        columns = [name for name in GENE_COLUMNS if name not in ("n_variants", "phi")]
        genes = [{name: getattr(model, name) for name in columns} for model in models]
        tables = [
            model.variants.assign(gene=model.gene, tissue=model.tissue, weight=model.weights)
            for model in models
        ]
        weights = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()
        return cls(
            pd.DataFrame(genes), weights, build=build, covariances=covariances, source=source
        )

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        variants: "pd.DataFrame",
        *,
        genes: ArrayLike | str = "gene",
        tissues: ArrayLike = ("",),
        n_covariates: int = 0,
        model: str | None = None,
        build: str | None = None,
    ) -> "ExpressionWeights":
        """Take the weights of a fitted estimator.

        Parameters
        ----------
        estimator : estimator
            Fitted on dosages (n_samples, n_variants); any of which predictions are linear in them:
            of this package, of scikit-learn, and pipelines around them.
        variants : pandas.DataFrame of length n_variants
            Columns chromosome, base_pair_location, effect_allele (the one counted), other_allele
            and, if known, variant_id and rsid, in the order of the estimator's features.
        genes : str or array-like of length n_genes
            Names of the genes that it predicts.
        tissues : array-like of length n_tissues
            Names of the tissues; predictions are (n_samples,) of one gene in one tissue,
            (n_samples, n_tissues) of one gene, (n_samples, n_genes) in one tissue, or (n_samples,
            n_genes, n_tissues).
        n_covariates : int, default=0
            Features after the variants that are none.
        model : str, optional
            Name of the method; the estimator's class by default.
        build : str, optional
            Genome build of the positions.

        Returns
        -------
        weights : ExpressionWeights
            Variants of weight 0 are left out.

        Raises
        ------
        ValueError
            If the predictions are not linear, or their shape is another.

        Examples
        --------
        >>> from sklearn.linear_model import Ridge
        >>> from skgenetics.association import ExpressionWeights
        >>> from skgenetics.datasets import load_geuvadis
        >>> gene = load_geuvadis("ENSG00000215012")
        >>> ridge = Ridge(100).fit(gene.data, gene.target)
        >>> weights = ExpressionWeights.from_estimator(
        ...     ridge, gene.variants, genes="ENSG00000215012", build="GRCh37"
        ... )
        >>> weights
        <ExpressionWeights: 1 gene, 1 tissue, 502 weights, GRCh37>
        """
        pd = import_optional("pandas", extra="dataframe")
        variants = pd.DataFrame(variants).reset_index(drop=True)
        genes = [genes] if isinstance(genes, str) else list(genes)
        tissues = list(tissues)
        weights = linear_coefficients(estimator, len(variants) + n_covariates)[: len(variants)]
        if weights.size != len(variants) * len(genes) * len(tissues):
            raise ValueError(
                f"{type(estimator).__name__} gives each sample predictions of shape "
                f"{weights.shape[1:]}, where {len(genes)} genes and {len(tissues)} tissues are "
                "named: name each."
            )
        weights = weights.reshape(len(variants), len(genes), len(tissues))
        models = []
        for i, gene in enumerate(genes):
            for j, tissue in enumerate(tissues):
                rows = np.flatnonzero(weights[:, i, j])
                models.append(
                    GeneModel(
                        gene=gene,
                        tissue=tissue,
                        variants=variants.iloc[rows],
                        weights=weights[rows, i, j],
                        model=model or type(estimator).__name__,
                    )
                )
        return cls.from_models(models, build=build, source=type(estimator).__name__)

    @property
    def tissues(self) -> list[str]:
        """Names of the tissues, sorted."""
        return sorted(self.genes["tissue"].unique())

    def __len__(self) -> int:
        return len(self.genes)

    def __iter__(self) -> Iterator[GeneModel]:
        variant_columns = self.weights.columns.difference(["gene", "tissue", "weight"], sort=False)
        weight = self.weights["weight"].to_numpy()
        genes = self.genes.drop(columns=["n_variants", "phi"]).astype(object)
        for number, row in enumerate(genes.where(genes.notna(), None).to_dict("records")):
            rows = slice(self._ends[number], self._ends[number + 1])
            known: dict[str, Any] = {str(k): v for k, v in row.items() if v is not None}
            yield GeneModel(
                variants=self.weights[variant_columns].iloc[rows].reset_index(drop=True),
                weights=weight[rows],
                **known,
            )

    def __repr__(self) -> str:
        parts = [
            count_of(self.genes["gene"].nunique(), "gene"),
            count_of(len(self.tissues), "tissue"),
            count_of(len(self.weights), "weight"),
        ]
        return f"<ExpressionWeights: {', '.join(parts)}, {self.build or 'build unknown'}>"

    def predict(self, X: Any, *, return_matching: bool = False, n_jobs: int | None = None) -> Any:
        """Predict the expression of each gene, without intercept.

        Parameters
        ----------
        X : Genotypes or data frame of shape (n_people, n_variants)
            Dosages. Variants are matched by chromosome, position and alleles, or by ID; exchanged
            alleles are turned over. Columns of a data frame are named chr_pos_ref_alt (alt is
            counted), or by the variants' IDs (their effect allele is counted). A missing call
            counts as twice the frequency in X.
        return_matching : bool, default=False
            Return what :meth:`matching` says, too.
        n_jobs : int, optional
            Number of processes that share the genes.

        Returns
        -------
        expression : pandas.DataFrame of shape (n_people, n_models)
            Columns are genes, or genes and tissues if there are several. NaN for genes of which
            no variant is in X.
        found : pandas.DataFrame
            If `return_matching`.

        Raises
        ------
        ValueError
            If no variant of the weights is in X.

        Examples
        --------
        >>> import pandas as pd
        >>> from skgenetics.association import ExpressionWeights, GeneModel
        >>> variants = pd.DataFrame(
        ...     {"chromosome": "1", "base_pair_location": [100, 200],
        ...      "effect_allele": ["A", "C"], "other_allele": ["G", "T"]}
        ... )
        >>> weights = ExpressionWeights.from_models([GeneModel("ENSG1", variants, [0.5, 0.2])])
        >>> people = pd.DataFrame({"1_100_G_A": [0, 1, 2], "1_200_C_T": [2, 2, 1]})
        >>> weights.predict(people)["ENSG1"].round(2).tolist()
        [0.0, 0.5, 1.2]
        """
        genotypes = as_genotypes(X)
        prediction = predict_expression(self, genotypes, n_jobs)
        expression = self._frame(prediction, genotypes)
        return (expression, prediction.found) if return_matching else expression

    def _frame(self, prediction: Prediction, genotypes: Any) -> "pd.DataFrame":
        """Return predicted expression as a data frame."""
        pd = import_optional("pandas", extra="dataframe")
        columns = pd.Index(self.genes["gene"].astype(object), name="gene")
        if len(self.tissues) > 1:
            columns = _pairs(self.genes)
        people = genotypes.samples.get_level_values("IID")
        return pd.DataFrame(prediction.expression, index=people, columns=columns)

    def score(self, X: Any, y: Any) -> float:
        """Return how well expression is predicted: the mean over genes and tissues of R2.

        Parameters
        ----------
        X : Genotypes or data frame of shape (n_people, n_variants)
            As of :meth:`predict`.
        y : array-like of shape (n_people, n_models)
            Measured expression in the order of `genes`, NaN where it was not measured.

        Returns
        -------
        score : float
            Both sides are centered, since weights have no intercept. Genes of which no variant is
            in X score 0.
        """
        predicted = np.nan_to_num(self.predict(X).to_numpy())
        y = np.asarray(y, dtype=np.float64).reshape(len(predicted), -1)
        if y.shape != predicted.shape:
            raise ValueError(
                f"y must have one column for each of the {predicted.shape[1]} models, in the order "
                f"of genes; got shape {y.shape}."
            )
        predicted = np.where(np.isnan(y), np.nan, predicted)
        predicted = predicted - np.nanmean(predicted, axis=0) + np.nanmean(y, axis=0)
        return float(masked_r2_score(y, np.nan_to_num(predicted)))

    def matching(self, X: Any) -> "pd.DataFrame":
        """Say how much of each model the genotypes have.

        Parameters
        ----------
        X : Genotypes or data frame of shape (n_people, n_variants)
            As of :meth:`predict`.

        Returns
        -------
        found : pandas.DataFrame
            One row per gene and tissue: n_model and n_found, variants of the model and of those
            in X; r_used, the correlation of what they predict with what all would, NaN if only
            `covariances` could tell and there are none.
        """
        return predict_expression(self, as_genotypes(X)).found

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per gene, tissue and variant.

        Returns
        -------
        frame : pandas.DataFrame
            gene, tissue, chromosome, base_pair_location, variant_id, effect_allele, other_allele,
            rsid, weight.
        """
        return self.weights.copy()


def _pairs(table: "pd.DataFrame") -> "pd.MultiIndex":
    """Return gene and tissue of each row as an index."""
    pd = import_optional("pandas", extra="dataframe")
    return pd.MultiIndex.from_frame(table[MODEL_KEY])
