"""Print the claims of the documentation's page "Evidence", from what the programs measured.

    python benchmarks/evidence.py

The programs of this folder write a row per unit (a locus, a fold, a simulation) with `--csv`; what
they wrote is in `results/`. A claim is a ratio of two sums over its units, or the difference of two
such ratios. Its interval holds 95% of 2,000 draws of clusters with replacement: units of one
cluster, such as the windows of all regimes cut from one simulation, are drawn together.
"""

import csv
from pathlib import Path
from typing import NamedTuple

import numpy as np

RESULTS = Path(__file__).resolve().parent / "results"
N_DRAWS = 2_000


def write_rows(path, rows):
    """Write dicts of the same keys as lines of a CSV file."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def require_data(parser, folder):
    """End a program in a sentence if the data it needs are not there."""
    if not folder.exists():
        parser.exit(
            2,
            f"The data {folder.name} are not part of the repository, and not in {folder.parent}. "
            "benchmarks/README.md says where they come from; simulations need no data.\n",
        )


def number(text):
    """A cell of a CSV file: a number where it is one."""
    try:
        return float(text)
    except ValueError:
        return text


def read_rows(name):
    """The rows of a file of `results/`, as dicts.

    A row of `skgenetics compare`, which has the scores of all folds, becomes a row per fold.
    """
    with open(RESULTS / name, newline="", encoding="utf-8") as file:
        rows = [{key: number(cell) for key, cell in row.items()} for row in csv.DictReader(file)]
    if "method" in rows[0]:
        return rows
    return [
        {"target": row["target"], "method": row["model"], "fold": key, "score": row[key]}
        for row in rows
        for key in row
        if key.startswith("fold_")
    ]


def ratio_and_error(top, bottom):
    """sum(top) / sum(bottom), and its standard error, the units being independent."""
    top, bottom = np.asarray(top, dtype=float), np.asarray(bottom, dtype=float)
    if bottom.sum() == 0:
        return np.nan, np.nan
    share, n = top.sum() / bottom.sum(), len(top)
    error = np.sqrt(np.sum((top - share * bottom) ** 2) * n / max(n - 1, 1)) / bottom.sum()
    return share, error


def interval(sums, statistic, n_draws=N_DRAWS):
    """The 95% interval of a statistic of sums (clusters, k), clusters drawn with replacement."""
    rng = np.random.default_rng(0)
    n = len(sums)
    draws = [statistic(sums[rng.integers(n, size=n)].sum(axis=0)) for _ in range(n_draws)]
    return tuple(float(bound) for bound in np.nanquantile(draws, [0.025, 0.975]))


class Claim(NamedTuple):
    """sum(top) / sum(bottom) of `one`, or what it exceeds that of `other` by.

    `bottom` is a column, or empty for the number of rows. `where` chooses rows by a column.
    """

    says: str
    top: str
    bottom: str
    one: str
    other: str = ""
    where: tuple = ("", ())
    promised: tuple = ()  # least and greatest value that a ratio should have

    def sums(self, rows, cluster):
        """Sums (clusters, 4): top and bottom of `one`, then of `other`."""
        column, values = self.where
        clusters = {}
        for row in rows:
            if row["method"] in (self.one, self.other) and (not column or row[column] in values):
                cell = clusters.setdefault(row[cluster], np.zeros((2, 2)))
                bottom = row[self.bottom] if self.bottom else 1
                cell[int(row["method"] == self.other)] += row[self.top], bottom
        return np.array([cell.ravel() for cell in clusters.values()])

    def statistic(self, sums):
        """The claimed number, from the sums over clusters."""
        with np.errstate(divide="ignore", invalid="ignore"):
            value = sums[0] / sums[1]
            return float(value - sums[2] / sums[3] if self.other else value)


class Measured(NamedTuple):
    """A claim with what was measured."""

    claim: Claim
    value: float
    low: float
    high: float
    n_clusters: int

    @property
    def verdict(self):
        """What the interval says, in words; losses are bold."""
        if self.claim.other:
            if not (self.low > 0 or self.high < 0):
                return "no difference shown"
            return "better" if self.low > 0 else "**worse**"
        least, greatest = self.claim.promised
        if self.high < least:
            return "**less than promised**"
        return "**more than promised**" if self.low > greatest else "as promised"

    @property
    def number(self):
        """The value and its interval, as printed."""
        sign = "+" if self.claim.other else ""
        value, low, high = (f"{x:{sign}.3f}" for x in (self.value, self.low, self.high))
        return f"{value} [{low}, {high}]"


class Study(NamedTuple):
    """Claims on the rows of one file, whose units are drawn by `cluster`."""

    file: str
    program: str
    cluster: str
    unit: str
    claims: tuple

    def measured(self):
        """Every claim with its number and interval."""
        rows = read_rows(self.file)
        results = []
        for claim in self.claims:
            sums = claim.sums(rows, self.cluster)
            value = claim.statistic(sums.sum(axis=0))
            results.append(Measured(claim, value, *interval(sums, claim.statistic), len(sums)))
        return results


OURS = "auto"  # the solver of FinemapMiXeR that claims are about: the default
EFFECTS = "weak", "mixed", "strong", "rare", "background"
SHARING = "shared", "sparse", "mixed"  # effects on many traits


def finemapping(file, command, one=OURS, others=("susieR", "susie")):
    """What is claimed of a solver of FinemapMiXeR on coalescent genotypes."""
    claims = []
    for says, top, bottom in (
        ("average precision of PIPs", "precision", "n_causal"),
        ("coverage of 95% sets", "sets_true", "sets"),
        ("power: causal variants in a set", "causal_in_sets", "n_causal"),
    ):
        for other in others:
            claims.append(Claim(f"{says}, all", top, bottom, one, other, ("regime", EFFECTS)))
        for regime in EFFECTS:
            where = ("regime", (regime,))
            claims.append(Claim(f"{says}, {regime}", top, bottom, one, "susieR", where))
    for method in (one, "susieR"):
        for says, top, bottom, promised in (
            ("coverage of 95% sets", "sets_true", "sets", (0.95, 1)),
            ("sum of PIPs over number of effects (1 is right)", "pip_sum", "n_causal", (1, 1)),
            (
                "false PIPs above .9 over announced (1 at most)",
                "above_false",
                "above_announced",
                (0, 1),
            ),
        ):
            where = ("regime", EFFECTS)
            claims.append(Claim(says, top, bottom, method, "", where, promised))
    return Study(file, command, "locus", "windows", tuple(claims))


def few_people(file, command):
    """What is claimed of `FinemapMiXeR.fit`, the sampler against single effects."""
    claims = []
    for kind in ("one", "mixed", "background"):
        where = ("regime", tuple(f"{kind}, {people} people" for people in ("200", "500", "2,000")))
        for says, top, bottom in (
            ("average precision of PIPs", "precision", "n_causal"),
            ("share of genetic variance predicted", "explained", "variance"),
            ("power: causal variants in a set", "causal_in_sets", "n_causal"),
        ):
            claims.append(Claim(f"{says}, {kind}", top, bottom, OURS, "susie", where))
        for method in (OURS, "susie"):
            says, promised = f"coverage of 95% sets, {kind}", (0.95, 1)
            claims.append(Claim(says, "sets_true", "sets", method, "", where, promised))
    return Study(file, command, "locus", "windows", tuple(claims))


def many_traits(file, command):
    """What is claimed of single effects on many traits, on coalescent genotypes."""
    ours, claims = "single_effects", []
    for other in ("per trait", "canonical"):
        for kind in SHARING:
            says, where = f"average precision of PIPs, {kind}", ("effects", (kind,))
            claims.append(Claim(says, "precision", "", ours, other, where))
    where = ("effects", SHARING)
    claims += [
        Claim("coverage of 95% sets", "sets_true", "sets", ours, "", where, (0.95, 1)),
        Claim(
            "sum of PIPs over number of effects (1 is right)",
            *("pip_sum", "n_causal", ours, "", where, (1, 1)),
        ),
    ]
    for method in (ours, "canonical"):
        for kind in SHARING:
            says = f"false share of effects on traits of lfsr < .05, {kind}"
            where = ("effects", (kind,))
            claims.append(Claim(says, "claims_wrong", "claims", method, "", where, (0, 0.05)))
    return Study(file, command, "locus", "windows", tuple(claims))


def minus(says, column, one, others, **options):
    """The same difference to several others."""
    return tuple(Claim(says, column, "", one, other, **options) for other in others)


def selections(file, command):
    """What is claimed of `decoy_selection`: false shares, and what knockoffs cost in power."""
    claims = []
    for ld, words in LD.items():
        for trait in ("additive", "epistatic"):
            for method in ("knockoff", "groups"):
                says = f"share without effect at 0.1, {trait}, {words}"
                where = ("case", (f"{ld} {trait} 0.1",))
                claims.append(Claim(says, "false", "", method, "", where, (0, 0.1)))
    for ld, words in LD.items():
        where = ("case", (f"{ld} additive 0.1",))
        for says, top in (("share without effect", "false"), ("share not in LD", "false_linked")):
            says = f"{says} at 0.1, additive, {words}"
            claims.append(Claim(says, top, "", "permuted", "", where, (0, 0.1)))
        says = f"power at 0.1, additive, {words}"
        claims.append(Claim(says, "power", "", "knockoff", "permuted", where))
        claims.append(Claim(says, "power", "", "groups", "knockoff", where))
    return Study(file, command, "seed", "simulations", tuple(claims))


OTHERS_OF_COMPARE = (
    *("top variant", "RidgeCV", "ElasticNet", "HistGradientBoosting", "MLP"),
    *("LINARegressor", "MMASHRegressor", "MILAGERegressor"),
)
ONE_BY_ONE = "finemap-gibbs", "mmash", "enet"  # what the mixture of weights is made of
LD = {
    "chromosomes": "ten chromosomes", "rare": "rare variants", "dense": "ten dense pieces",
    "region": "one region",
}  # fmt: skip
KINDS = {
    "one": "one effect", "three": "three effects", "mixed": "two effects beside many",
    "all": "an effect of every variant",
}  # fmt: skip
PARTS_OF_YEAST = "cis", "polygenic", "cis and 40 factors", "cis and polygenic"
STUDIES = {
    "finemapping": finemapping(
        "finemapping_own_ld.csv",
        "finemapping_calibration.py --solvers auto susie --loci 100 --csv FILE",
    ),
    "finemapping_panel": finemapping(
        "finemapping_panel.csv",
        "finemapping_calibration.py --panel 499 --solvers auto susie --loci 100 --csv FILE",
    ),
    "finemapping_people": few_people(
        "finemapping_people.csv", "finemapping_people.py --loci 50 --csv FILE"
    ),
    "compare": Study(
        "compare.csv", "skgenetics compare", "target", "genes",
        minus("R2", "score", "FinemapMiXeR", OTHERS_OF_COMPARE),
    ),
    "weights_geuvadis": Study(
        "weights_geuvadis.csv", "weights_figures.py --genes 183 --loop 0 --csv FILE",
        "gene", "genes", minus("R2", "r2", "auto", (*ONE_BY_ONE, "top1")),
    ),
    "weights_simulated": Study(
        "weights_simulated.csv",
        "weights_figures.py --simulated --genes 80 --loop 0 --csv FILE", "window", "windows",
        minus("R2, all", "r2", "auto", ONE_BY_ONE)
        + tuple(
            claim
            for kind, words in KINDS.items()
            for claim in minus(f"R2, {words}", "r2", "auto", ONE_BY_ONE, where=("kind", (kind,)))
        ),
    ),
    "expression": Study(
        "expression.csv", "expression_figures.py --parts yeast strong --csv FILE",
        "unit", "folds or genes",
        minus("R2, yeast", "r2", "default", PARTS_OF_YEAST, where=("data", ("yeast",)))
        + minus(
            "R2, strong cis effects", "r2", "cis_alpha='per_gene'", ("ElasticNetCV",),
            where=("data", ("strong cis effects",)),
        ),
    ),
    "multitrait_wheat": Study(
        "multitrait_wheat.csv", "multitrait_figures.py wheat --repeats 5 --csv FILE",
        "seed", "divisions into folds",
        minus("mean R2 of four traits", "r2", "MMASHRegressor", ("RidgeCV", "GBLUP", "plain")),
    ),
    "multitrait_unequal": Study(
        "multitrait_unequal.csv", "multitrait_figures.py unequal --csv FILE",
        "seed", "simulations",
        minus("mean R2 of five traits", "r2", "MMASHRegressor", ("RidgeCV", "GBLUP")),
    ),
    "multitrait_loci": many_traits(
        "multitrait_loci.csv",
        "multitrait_calibration.py --traits 5 2 --effects sparse mixed shared null "
        "--solvers single_effects canonical 'per trait' --loci 30 --csv FILE",
    ),
    "network_functions": Study(
        "network_functions.csv", "network_figures.py functions --csv FILE", "data", "functions",
        minus("R2 on new people", "score", "LINA", ("ridge", "boosting", "MLP")),
    ),
    "network_epistatic": Study(
        "network_epistatic.csv", "network_figures.py epistatic --csv FILE", "data", "simulations",
        minus("R2 on new people", "score", "LINA", ("ridge", "boosting", "MLP")),
    ),
    "network_additive": Study(
        "network_additive.csv", "network_figures.py additive --csv FILE", "data", "simulations",
        minus("R2 on new people", "score", "LINA", ("ridge", "boosting", "MLP")),
    ),
    "network_wheat": Study(
        "network_wheat.csv", "network_figures.py wheat --csv FILE", "fold", "folds",
        minus("R2", "score", "LINA", ("ridge", "boosting", "MLP")),
    ),
    "network_cases": Study(
        "network_cases.csv", "network_figures.py cases --repeats 5 --csv FILE",
        "seed", "simulations",
        tuple(
            claim
            for case in ("0.5, n 4000", "0.1, n 4000", "0.01, n 4000", "0.01, n 40000")
            for claim in minus(
                f"ROC AUC, share of cases {case}", "score", "LINA",
                ("logistic", "boosting", "MLP"), where=("data", (f"cases {case}",)),
            )
        ),
    ),
    "network_selection": selections(
        "network_selection.csv", "selection_figures.py --csv FILE"
    ),
}  # fmt: skip


def main():
    """Print the claims."""
    for name, study in STUDIES.items():
        print(f"{name}: {study.program}; intervals over {study.unit}")
        for one in study.measured():
            claim = one.claim
            compared = f"{claim.one} - {claim.other}" if claim.other else claim.one
            print(f"  {claim.says:45} {compared:36} {one.number:28} {one.verdict}")


if __name__ == "__main__":
    main()
