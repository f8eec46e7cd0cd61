"""Print how well expression weights predict, and the time they take, beside an elastic-net loop.

    python benchmarks/weights_figures.py [--genes 60] [--loop 10] [--window 100000] [--results F]
        [--simulated] [--csv F]

Data: expression of genes on chromosome 22 in 358 Europeans and their genotypes (GEUVADIS), in
`../shared/data/geuvadis_chr22`. Genes are drawn among the 183 with a lead chi2 above 30 within 250
kb; expression is rank-normalized, and 20 covariates are regressed out of it and of the genotypes
inside the training folds. R2 is on people not used for training, 5 folds: 1 - sum of squared errors
over that of the training mean.

Each gene is trained as `skgenetics weights` does it, by the mixture of its models, whose R2 come
with it. Of the first `--loop` genes the rival is scikit-learn's ElasticNetCV with l1_ratio 0.5
and its own defaults, a hundred penalties and 5 inner folds, in each outer fold. Seconds are of
processor time on one thread; ours include the inner folds, the fit to all people and the rest of a
gene. The choice of genes looks at the same people, so compare the rows, do not quote the R2.

--simulated takes genes of 358 people in coalescent windows of 300 neighboring variants (msprime) in
their place. `--genes` are of four kinds in turn: one effect, three, two beside an effect of every
variant that explain three fifths, or of every variant alone; 5, 10, 20 or 40% of expression are
genetic. --csv writes a row per gene and model.

Results are kept in the file `--results`, and genes in it are not trained again.
"""

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import argparse
import json
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.linear_model import ElasticNetCV
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skgenetics.association import GeneData, train_gene
from skgenetics.cli.weights.models import MODELS, TOP_VARIANT, chosen_models
from skgenetics.compose import CovariateAdjustedRegressor
from skgenetics.datasets._build_geuvadis import N_COVARIATES, SIGNAL, lead_chi2
from skgenetics.datasets._geuvadis import rank_normalize

try:
    from .evidence import require_data, write_rows
    from .finemapping_calibration import window
except ImportError:  # run as a program
    from evidence import require_data, write_rows
    from finemapping_calibration import window

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "geuvadis_chr22"
CHOICE, RIVAL = "auto", "ElasticNetCV"
N_FOLDS = 5
KINDS = {"one": 1, "three": 3, "mixed": 2, "all": 0}  # effects of simulated genes
HERITABILITY = 0.05, 0.1, 0.2, 0.4
N_PEOPLE, N_VARIANTS = 358, 300


def folds_of(X):
    """The fold in which each person is tested."""
    fold = np.empty(len(X), dtype=int)
    for number, (_, test) in enumerate(KFold(N_FOLDS, shuffle=True, random_state=0).split(X)):
        fold[test] = number
    return fold


class Simulated:
    """Genes of known effects; the strength that they are sorted by is their heritability."""

    def __init__(self, n_genes):
        self.genes = list(range(n_genes))
        self.chi2 = np.array([self.design(number)[1] for number in self.genes])

    @staticmethod
    def design(number):
        """Kind and heritability."""
        kinds = list(KINDS)
        return kinds[number % len(kinds)], HERITABILITY[number // len(kinds) % len(HERITABILITY)]

    def about(self, number):
        """What the rows of a gene say of it."""
        kind, h2 = self.design(number)
        return {"kind": kind, "heritability": h2, "window": number // len(KINDS)}

    def gene(self, number):
        """The data of a gene."""
        kind, h2 = self.design(number)
        X = window(number // len(KINDS), N_VARIANTS)[:N_PEOPLE].astype(float)
        X = X[:, X.std(axis=0) > 0]
        Z = (X - X.mean(axis=0)) / X.std(axis=0)
        rng = np.random.default_rng(number)
        causal = rng.choice(Z.shape[1], KINDS[kind], replace=False)
        few, all_ = Z[:, causal] @ rng.normal(size=len(causal)), Z @ rng.normal(size=Z.shape[1])
        share = {"mixed": 0.6, "all": 0.0}.get(kind, 1.0)
        genetic = np.sqrt(share) * few / (few.std() or 1) + np.sqrt(1 - share) * all_ / all_.std()
        noise = rng.normal(size=len(X))
        y = np.sqrt(h2) * genetic / genetic.std() + np.sqrt(1 - h2) * noise
        none = np.empty((len(X), 0))
        return GeneData(X, y[:, None], [none], none, folds_of(X))


class Geuvadis:
    """The genes with a signal, in random order."""

    def __init__(self, folder, window):
        genotypes, expression = np.load(folder / "geno.npz"), np.load(folder / "expr.npz")
        self.G, self.E = genotypes["G"], expression["E"]
        self.position = pd.read_parquet(folder / "variants.parquet")["pos"].to_numpy()
        self.start, self.names = expression["end"], expression["gene"]
        covariates = expression["PC"][:, :N_COVARIATES].astype(float)
        self.chi2 = lead_chi2(self.G, self.position, self.E, self.start, covariates)
        self.C = (covariates - covariates.mean(axis=0)) / covariates.std(axis=0)
        self.window = window
        order = np.random.default_rng(0).permutation(np.flatnonzero(self.chi2 > SIGNAL))
        self.genes = order.tolist()
        self.fold = folds_of(self.G)

    def about(self, number):
        """What the rows of a gene say of it."""
        return {"kind": "GEUVADIS", "lead_chi2": round(self.chi2[number], 1)}

    def gene(self, number):
        """The data of a gene."""
        near = np.abs(self.position - self.start[number]) <= self.window
        y = rank_normalize(self.E[:, number])[:, None]
        return GeneData(self.G[:, near].astype(float), y, [self.C], self.C, self.fold)


def train(data):
    """R2 of the mixture and of each model, and seconds."""
    models = chosen_models(CHOICE)
    others = [entry.model for entry in MODELS if entry.model.name == "finemap"]
    start = time.process_time()
    (found,) = train_gene(data, models, also=[TOP_VARIANT])
    seconds = time.process_time() - start
    (other,) = train_gene(data, others)
    scores = {name: p.held_out_r2 for name, p in found.performance_of.items()}
    scores[CHOICE] = found.performance.held_out_r2
    scores["finemap"] = other.performance.held_out_r2
    n_used = int(np.count_nonzero(found.weights))
    return {"r2": scores, "seconds": seconds, "shares": found.shares, "n_in_model": n_used}


def elastic_net_loop(data):
    """R2 of scikit-learn's elastic net, and seconds."""
    p = data.dosages.shape[1]
    X, y = np.hstack([data.dosages, data.covariates[0]]), data.expression[:, 0]
    covariates = list(range(p, X.shape[1]))
    errors = total = 0.0
    start = time.process_time()
    for fold in range(N_FOLDS):
        train, test = data.fold != fold, data.fold == fold
        net = make_pipeline(StandardScaler(), ElasticNetCV(l1_ratio=0.5, cv=5))
        model = CovariateAdjustedRegressor(net, covariates=covariates).fit(X[train], y[train])
        adjusted, expected = model.adjust(X[test], y[test])
        errors += np.sum((expected - model.regressor_.predict(adjusted)) ** 2)
        total += np.sum(expected**2)
    return {"r2": 1 - errors / total, "seconds": time.process_time() - start}


def measured(data, number, with_loop, kept):
    """What is known of a gene, and what had to be measured."""
    known = kept.get(str(number), {})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if "ours" not in known:
            known["ours"] = train(data.gene(number))
        if with_loop and "loop" not in known:
            known["loop"] = elastic_net_loop(data.gene(number))
    return known


def difference(a, b):
    """Mean difference and its standard error over genes."""
    d = np.array(a) - np.array(b)
    return f"{d.mean():+.4f} ({d.std(ddof=1) / np.sqrt(len(d)):.4f})"


def report(data, results):
    """Print the tables."""
    ours = [result["ours"] for result in results.values()]
    names = list(ours[0]["r2"])
    r2 = {name: np.array([gene["r2"][name] for gene in ours]) for name in names}
    print(f"{len(ours)} genes; R2 on held-out people")
    print(f"{'model':<16}{'mean R2':>9}   auto minus it (s.e.)   mean share")
    for name in names:
        gap = "" if name == CHOICE else difference(r2[CHOICE], r2[name])
        shares = [gene["shares"][name] for gene in ours if name in gene["shares"]]
        share = f"{np.mean(shares):.2f}" if shares else ""
        print(f"{name:<16}{r2[name].mean():9.4f}   {gap:<22}{share:>7}")
    kinds = [data.about(int(number))["kind"] for number in results]
    for kind in dict.fromkeys(kinds):
        here = np.array(kinds) == kind
        gaps = ", ".join(
            f"{name} {difference(r2[CHOICE][here], r2[name][here])}" for name in names
            if name != CHOICE
        )  # fmt: skip
        print(f"{kind}, {here.sum()} genes, auto {r2[CHOICE][here].mean():.4f}, minus {gaps}")
    chi2 = np.array([data.chi2[int(number)] for number in results])
    parts = np.array_split(np.argsort(chi2), min(10, len(ours) // 4))
    gaps = [np.mean((r2[CHOICE] - r2["enet"])[part]) for part in parts]
    print(
        "auto minus enet by part of strength, weakest first:", " ".join(f"{g:+.4f}" for g in gaps)
    )
    print("auto minus the best model of the part (s.e.):", end="")
    for part in parts:
        best = max((e.model.name for e in MODELS if e.auto), key=lambda name: r2[name][part].mean())
        print(f" {difference(r2[CHOICE][part], r2[best][part])} {best},", end="")
    print()
    n_used = np.median([gene["n_in_model"] for gene in ours])
    seconds = np.array([gene["seconds"] for gene in ours])
    print(f"median variants in a model {n_used:.0f}; seconds a gene {seconds.mean():.1f}")
    looped = {number: result for number, result in results.items() if "loop" in result}
    if not looped:
        return
    loop = [result["loop"] for result in looped.values()]
    auto = [result["ours"]["r2"][CHOICE] for result in looped.values()]
    enet = [result["ours"]["r2"]["enet"] for result in looped.values()]
    rival = [gene["r2"] for gene in loop]
    mine = sum(result["ours"]["seconds"] for result in looped.values())
    theirs = sum(gene["seconds"] for gene in loop)
    print(
        f"{len(loop)} genes also by {RIVAL}: mean R2 {np.mean(rival):.4f}, auto {np.mean(auto):.4f}"
    )
    print(
        f"  auto minus {RIVAL} {difference(auto, rival)}, enet minus it {difference(enet, rival)}"
    )
    print(f"  seconds: {theirs:.0f} by {RIVAL}, {mine:.0f} by auto: {theirs / mine:.1f} times less")


def rows_of(data, results):
    """Rows of a table: a gene and a model."""
    return [
        {"gene": number, **data.about(int(number)), "method": name, "r2": round(r2, 5)}
        for number, result in results.items()
        for name, r2 in result["ours"]["r2"].items()
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--genes", type=int, default=60)
    parser.add_argument("--loop", type=int, default=10, help="genes that the rival is run on too")
    parser.add_argument("--window", type=int, default=100_000)
    parser.add_argument("--results", type=Path, default=Path("weights_figures.json"))
    parser.add_argument("--simulated", action="store_true")
    parser.add_argument("--csv", type=Path, help="rows of genes and models")
    arguments = parser.parse_args()
    if arguments.simulated:
        data = Simulated(arguments.genes)
    else:
        require_data(parser, DATA)
        data = Geuvadis(DATA, arguments.window)
    kept = json.loads(arguments.results.read_text()) if arguments.results.exists() else {}
    for place, number in enumerate(data.genes[: arguments.genes]):
        kept[str(number)] = measured(data, number, place < arguments.loop, kept)
        arguments.results.write_text(json.dumps(kept))
    wanted = [str(number) for number in data.genes[: arguments.genes]]
    results = {number: kept[number] for number in wanted}
    report(data, results)
    if arguments.csv:
        write_rows(arguments.csv, rows_of(data, results))


if __name__ == "__main__":
    main()
