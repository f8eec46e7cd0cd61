"""Statistics, weights and LD that genes are tested with."""

import argparse
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from skgenetics.association import ExpressionWeights
from skgenetics.cli.console import Console
from skgenetics.cli.finemap.data import read_named_sumstats
from skgenetics.cli.finemap.panel import read_panel
from skgenetics.cli.genotypes import bundled_genotypes
from skgenetics.cli.predict.command import read_weights
from skgenetics.cli.predict.demo import train_on_geuvadis
from skgenetics.cli.statistics import has_panel
from skgenetics.datasets import load_geuvadis
from skgenetics.io import Genotypes
from skgenetics.utils._optional import import_optional
from skgenetics.utils._text import count_of

if TYPE_CHECKING:
    import pandas as pd

_DEMO_PEOPLE, _DEMO_H2 = 20_000, 0.003


@dataclass
class Study:
    """What the genes are tested with, and what to say of it at the end."""

    sumstats: "pd.DataFrame"
    weights: ExpressionWeights
    genotypes: Genotypes | None
    build: str
    whole: bool = True
    """Whether all files of weights could be read."""
    closing: list[str] = field(default_factory=list)


def load_files(arguments: argparse.Namespace, console: Console) -> Study:
    """Return the user's files as a `Study`."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        sumstats = read_named_sumstats(
            arguments, build=arguments.build, region=None, extra_columns=()
        )
    attrs = sumstats.attrs
    console.say(f"{attrs['source']}: {count_of(len(sumstats), 'variant')} ({attrs['format']})")
    console.say(*(f"  Note: {note}" for note in attrs["notes"]))
    console.say(*(f"  Note: {warning.message}" for warning in caught))
    if sumstats["n"].isna().all() and (arguments.h2 is not None or arguments.finemap_genes):
        flag = "--h2" if arguments.h2 is not None else "--finemap-genes"
        raise ValueError(
            f"{flag} needs the number of people of the study, which {attrs['source']} does not "
            "say: give --n with it or with the name of its column."
        )
    weights, whole = read_weights(arguments, console, arguments.covariance)
    genotypes = None
    if has_panel(arguments):
        given = argparse.Namespace(**vars(arguments) | {"ld": None, "chr": None})
        panel = read_panel(given)
        genotypes = panel.genotypes
        console.say(panel.describe())
    elif not weights.covariances:
        raise ValueError(
            f"There is no LD: give the genotypes of a panel (--bfile, --pfile, --vcf), or "
            f"--covariance, a file of which there is none beside {arguments.weights}."
        )
    build = arguments.build or weights.build or "unknown"
    return Study(sumstats, weights, genotypes, build, whole)


def load_demo(arguments: argparse.Namespace, console: Console) -> Study:
    """Return genes of the bundled extract, and a simulated trait that one of them acts on."""
    pd = import_optional("pandas", extra="dataframe")
    data = load_geuvadis()
    genotypes = bundled_genotypes(data)
    console.say(
        f"A demonstration: weights of {len(data.target_names)} genes are trained on real expression"
        f" and genotypes of {genotypes.shape[0]} Europeans (GEUVADIS, {data.build}).",
        f"The trait is simulated: {_DEMO_PEOPLE:,} people with the same LD, in whom expression of "
        f"one gene explains {_DEMO_H2:.1%} of its variance.",
        "Your own data:  skgenetics twas --sumstats gwas.tsv.gz --weights Whole_Blood.db --bfile "
        "panel --out my_run",
        "",
    )
    weights = train_on_geuvadis()
    causal = data.comparison_genes[1]
    g = weights.predict(genotypes)[causal].to_numpy()
    X = (data.data - data.data.mean(axis=0)) / data.data.std(axis=0)
    rng = np.random.default_rng(arguments.seed)
    n = len(g)
    # with noise of independent people, z has the covariance of the genotypes' correlations
    signal = np.sqrt(_DEMO_PEOPLE * _DEMO_H2) * (g - g.mean()) / g.std()
    z = X.T @ (signal / n + rng.normal(size=n) / np.sqrt(n))
    sumstats = pd.DataFrame(genotypes.variants).assign(z=z, n=float(_DEMO_PEOPLE))
    sumstats["effect_allele_frequency"] = np.asarray(data.variants["effect_allele_frequency"])
    closing = [f"The simulated trait depends on expression of {causal}."]
    return Study(sumstats, weights, genotypes, data.build, closing=closing)
