"""What the functions of association are given: read files, not their names."""

from skgenetics.association._weights import ExpressionWeights
from skgenetics.io._genotypes import Genotypes
from skgenetics.utils._optional import import_optional


def check_kinds(**arguments: object) -> None:
    """Raise TypeError if an argument, by its name, is not what its reader returns.

    Parameters
    ----------
    **arguments : object
        Any of sumstats, weights and ld.
    """
    pd = import_optional("pandas", extra="dataframe")
    kinds = {
        "sumstats": (pd.DataFrame, "skgenetics.io.read_sumstats"),
        "weights": (ExpressionWeights, "skgenetics.association.load_weights"),
        "ld": (Genotypes, "skgenetics.io.read_plink"),
    }
    for name, value in arguments.items():
        kind, reader = kinds[name]
        if not isinstance(value, kind):
            raise TypeError(f"{name} must be what {reader} returns; got {type(value).__name__}.")
