"""The figures of README and guide are those of the rows that the programs of benchmarks/ wrote."""

import csv
import importlib
import itertools
import re
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import sem

from benchmarks import evidence

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"


def page(name):
    """The text of a page, its white space made single."""
    return " ".join((ROOT / name).read_text(encoding="utf-8").split())


def rows_of(name):
    with open(RESULTS / name, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def folds(row):
    return np.array([float(row[key]) for key in row if key.startswith("fold_")])


def without_zero(number):
    """``.304``, as the pages write it."""
    return f"{number:.3f}".replace("0.", ".", 1)


def test_every_file_has_claims_and_every_study_a_section_and_a_program():
    assert {study.file for study in evidence.STUDIES.values()} == {
        path.name for path in RESULTS.iterdir()
    }
    text = (ROOT / "doc" / "evidence.rst").read_text(encoding="utf-8")
    assert re.findall(r"^\.\. evidence:: (\S+)$", text, re.MULTILINE) == list(evidence.STUDIES)
    for study in evidence.STUDIES.values():
        program = study.program.split()[0]
        if program.endswith(".py"):
            source = (ROOT / "benchmarks" / program).read_text(encoding="utf-8")
            assert "--csv" in source
        else:
            assert program == "skgenetics"


def test_every_row_of_results_says_what_it_is_of():
    """A regime called null is a word, which some readers of tables lose."""
    for path in RESULTS.iterdir():
        first = [next(iter(row.values())) for row in rows_of(path.name)]
        assert all(first), path.name


def test_files_of_results_are_small():
    assert sum(path.stat().st_size for path in RESULTS.iterdir()) < 2_000_000


def test_a_claim_is_a_ratio_of_sums_or_a_difference_of_two():
    rows = [
        {"method": "a", "cluster": 0, "top": 3, "bottom": 4},
        {"method": "a", "cluster": 1, "top": 1, "bottom": 6},
        {"method": "b", "cluster": 0, "top": 1, "bottom": 5},
        {"method": "c", "cluster": 0, "top": 9, "bottom": 9},
    ]
    alone = evidence.Claim("", "top", "bottom", "a")
    assert alone.statistic(alone.sums(rows, "cluster").sum(axis=0)) == pytest.approx(0.4)
    both = evidence.Claim("", "top", "bottom", "a", "b")
    assert both.statistic(both.sums(rows, "cluster").sum(axis=0)) == pytest.approx(0.2)
    counted = evidence.Claim("", "top", "", "a", where=("cluster", (0,)))
    assert counted.statistic(counted.sums(rows, "cluster").sum(axis=0)) == 3


def test_interval_is_that_of_a_mean():
    """Of 400 clusters of equal size: the mean and 1.96 standard errors on either side."""
    values = np.random.default_rng(1).normal(0.3, 1, size=400)
    sums = np.column_stack([values, np.ones(400)])
    low, high = evidence.interval(sums, lambda total: total[0] / total[1])
    error = values.std() / 20
    assert low == pytest.approx(values.mean() - 1.96 * error, abs=0.15 * error)
    assert high == pytest.approx(values.mean() + 1.96 * error, abs=0.15 * error)


def test_interval_draws_clusters_and_not_rows():
    """Ten copies of each unit in one cluster leave the interval as it is."""
    rng = np.random.default_rng(0)
    rows = [
        {"method": "a", "cluster": k, "top": value} for k, value in enumerate(rng.normal(size=30))
    ]
    claim = evidence.Claim("", "top", "", "a")
    once, ten = (evidence.interval(claim.sums(r, "cluster"), claim.statistic)
                 for r in (rows, rows * 10))  # fmt: skip
    assert once == pytest.approx(ten)


@pytest.mark.parametrize(
    ("low", "high", "other", "promised", "word"),
    [
        (0.01, 0.02, "b", (), "better"),
        (-0.02, -0.01, "b", (), "**worse**"),
        (-0.01, 0.01, "b", (), "no difference shown"),
        (0.93, 0.99, "", (0.95, 1), "as promised"),
        (0.97, 0.99, "", (0.95, 1), "as promised"),
        (0.8, 0.9, "", (0.95, 1), "**less than promised**"),
        (1.1, 2.0, "", (0, 1), "**more than promised**"),
    ],
)
def test_verdict(low, high, other, promised, word):
    claim = evidence.Claim("", "top", "", "a", other, promised=promised)
    assert evidence.Measured(claim, (low + high) / 2, low, high, 9).verdict == word


def test_guide_of_compare_has_the_figures_of_its_rows():
    by_model = defaultdict(list)
    for row in rows_of("compare.csv"):
        by_model[row["model"]].append(folds(row))
    scores = {model: np.array(values) for model, values in by_model.items()}  # (genes, folds)
    text = page("doc/guide/compare.rst")
    for model, values in scores.items():
        assert re.search(rf"{without_zero(values.mean())} for [^.]*{model}", text), model
    difference = (scores["FinemapMiXeR"] - scores["RidgeCV"]).mean(axis=0)
    error = difference.std(ddof=1) / np.sqrt(len(difference))
    gain = f"by {without_zero(difference.mean())} (SE over folds {without_zero(error)})"
    assert f"FinemapMiXeR beats RidgeCV {gain}" in text


def short(number, digits=3):
    """``.273`` and ``-.204``, as tables write them."""
    text = f"{number:.{digits}f}"
    return text.replace("0.", ".", 1) if abs(number) < 1 else text


def by_unit(rows, value, *keys):
    """{method: {unit: mean of the value}}, a unit being the values of the keys."""
    found = defaultdict(lambda: defaultdict(list))
    for row in rows:
        found[row["method"]][tuple(row[key] for key in keys)].append(float(row[value]))
    return {
        method: {unit: float(np.mean(values)) for unit, values in units.items()}
        for method, units in found.items()
    }


@pytest.mark.parametrize(
    ("name", "label"), [("wheat", "5 times 5 folds"), ("unequal", "10 simulations")]
)
def test_guide_of_many_traits_has_the_figures_of_its_rows(name, label):
    rows = rows_of(f"multitrait_{name}.csv")
    text = page("doc/guide/multitrait/figures.rst")
    means = {
        method: np.mean([*units.values()]) for method, units in by_unit(rows, "r2", "seed").items()
    }
    plain = short(means["plain"], 4) if "plain" in means else "\\-"
    row = [short(means[method], 4) for method in ("MMASHRegressor", "RidgeCV", "GBLUP")]
    assert " ".join((f"{name}, {label}", row[0], plain, *row[1:])) in text
    repeats = by_unit(rows, "r2", "seed")
    for other, its_name in (("RidgeCV", "RidgeCV (scikit-learn)"), ("GBLUP", "GBLUP")):
        ours, theirs = (
            np.array([*repeats[method].values()]) for method in ("MMASHRegressor", other)
        )
        mean, error = (ours - theirs).mean(), sem(ours - theirs)
        sign = "+" if mean > 0 else "-"
        assert f"{name} {its_name} {sign}{short(abs(mean), 4)} ({short(error, 4)})" in text


def test_guide_of_loci_of_many_traits_has_the_figures_of_its_rows():
    text, rows = page("doc/guide/multitrait/figures.rst"), rows_of("multitrait_loci.csv")
    for traits in ("2", "5"):
        for effects in ("shared", "sparse", "mixed"):
            mine = [row for row in rows if (row["traits"], row["effects"]) == (traits, effects)]
            cells = {}
            for method in ("single_effects", "per trait"):
                precision = [float(row["precision"]) for row in mine if row["method"] == method]
                error = np.std(precision) / np.sqrt(len(precision))
                cells[method] = f"{without_zero(np.mean(precision))} ({without_zero(error)})"
            ours, alone = cells.values()
            row = rf"{traits} {effects} {re.escape(ours)} \S+ \(\S+\) {re.escape(alone)} "
            assert re.search(row, text)


def test_guide_of_networks_has_the_figures_of_its_rows():
    text = page("doc/guide/neural_network/figures.rst")
    functions = rows_of("network_functions.csv")
    scores = by_unit(functions, "score", "data")
    pairs = by_unit(functions, "pairs", "data")["LINA"]
    for (name,), score in scores["LINA"].items():
        others = [short(scores[method][name,]) for method in ("ridge", "boosting", "MLP")]
        assert " ".join((name, f"**{short(score)}**", *others, short(pairs[name,], 2))) in text
    scores = by_unit(rows_of("network_additive.csv"), "score", "data")
    for (name,), score in scores["LINA"].items():
        others = [short(scores[method][name,]) for method in ("ridge", "boosting", "MLP")]
        assert " ".join((f"additive, {name}, n 3,000", f"**{short(score)}**", *others)) in text
    for number in range(4):
        rows = [row for row in rows_of("network_wheat.csv") if row["data"] == f"yield {number}"]
        cells = []
        for method in ("LINA", "ridge", "boosting", "MLP"):
            values = [float(row["score"]) for row in rows if row["method"] == method]
            cells.append(f"{short(np.mean(values))} ({short(sem(values))})")
        slope = np.mean([float(row["slope"]) for row in rows if row["method"] == "LINA"])
        assert " ".join((str(number + 1), *cells, short(slope, 2))) in text


def test_guide_of_cases_and_controls_has_the_figures_of_its_rows():
    text, rows = page("doc/guide/neural_network/figures.rst"), rows_of("network_cases.csv")
    for share, n in (("0.5", 4000), ("0.1", 4000), ("0.01", 4000), ("0.01", 40_000)):
        mine = [row for row in rows if row["data"] == f"cases {share}, n {n}"]
        cells = []
        for method in ("LINA", "logistic", "boosting", "MLP"):
            scores = [float(row["score"]) for row in mine if row["method"] == method]
            mean = f"**{short(np.mean(scores))}**" if method == "LINA" else short(np.mean(scores))
            cells.append(f"{mean} ({short(sem(scores))})")
        ours = [row for row in mine if row["method"] == "LINA"]
        slope, pairs = (np.mean([float(row[key]) for row in ours]) for key in ("slope", "pairs"))
        words = f"{100 * float(share):.0f}% cases, n {n:,}", *cells, short(slope, 2)
        assert f"{' '.join(words)} {pairs:.1f} of 4" in text


def test_guide_of_selection_has_the_figures_of_its_rows():
    text, rows = page("doc/guide/neural_network/figures.rst"), rows_of("network_selection.csv")
    for ld, name in (
        ("chromosomes", "ten chromosomes"),
        ("rare", "the same, rare variants"),
        ("dense", "ten dense pieces"),
        ("region", "one region"),
    ):
        methods = "permuted", "knockoff", "groups"
        for trait, method in itertools.product(("additive", "epistatic"), methods):
            found = {
                rate: [
                    row
                    for row in rows
                    if (row["case"], row["method"]) == (f"{ld} {trait} {rate}", method)
                ]
                for rate in ("0.05", "0.1", "0.2")
            }
            cells = [f"{name}, {trait}", method]
            for some in found.values():
                false = [float(row["false"]) for row in some]
                cells.append(f"{short(np.mean(false))} ({short(sem(false))})")
            for key in ("false_linked", "power", "power_linked"):
                cells.append(short(np.mean([float(row[key]) for row in found["0.1"]]), 2))
            assert " ".join(cells) in text


def test_guide_of_fine_mapping_says_what_its_rows_say():
    text = page("doc/guide/finemapping/figures.rst")
    totals = {}
    for method in ("auto", "susie", "susieR"):
        rows = [row for row in rows_of("finemapping_own_ld.csv") if row["method"] == method]
        totals[method] = {
            key: sum(float(row[key]) for row in rows if row["regime"] != "null")
            for key in ("sets", "sets_true", "above", "above_false", "above_announced")
        }
    ours, theirs = totals["auto"], totals["susieR"]
    covered = {method: short(one["sets_true"] / one["sets"], 2) for method, one in totals.items()}
    assert f"is {covered['auto']} over all {ours['sets']:.0f} sets" in text
    assert f"in susieR {covered['susieR']} over {theirs['sets']:.0f} sets" in text
    assert (
        f"{ours['above_false']:.0f} of {ours['above']:.0f} variants with a PIP above .9 have no "
        f"effect, where {ours['above_announced']:.1f} are announced"
    ) in text
    assert (
        f"in susieR {theirs['above_false']:.0f} of {theirs['above']:.0f} "
        f"({theirs['above_announced']:.1f})"
    ) in text


def test_guide_of_panels_says_what_its_rows_say():
    text = page("doc/guide/finemapping/figures.rst")
    found = {}
    for method in ("auto", "susie", "susieR"):
        rows = [
            row
            for row in rows_of("finemapping_panel.csv")
            if row["method"] == method and row["regime"] != "null"
        ]
        false, above, announced = (
            sum(float(row[key]) for row in rows)
            for key in ("above_false", "above", "above_announced")
        )
        found[method] = f"{false:.0f} of {above:.0f}", f"{announced:.1f} are announced"
    wrong, announced = found["susieR"]
    assert f"{wrong} variants with a PIP above .9 have none, where {announced}" in text
    wrong, announced = found["susie"]
    assert f"it is {wrong}, where {announced}" in text
    wrong, announced = found["auto"]
    assert f"of the default {wrong}, where {announced}" in text


def test_programs_of_studies_can_be_imported():
    for study in evidence.STUDIES.values():
        if study.program.split()[0].endswith(".py"):
            assert importlib.import_module(f"benchmarks.{study.program.split('.')[0]}").main


def test_guide_of_weights_has_the_figures_of_its_rows():
    rows = rows_of("weights_geuvadis.csv")
    r2 = {m: np.array(list(u.values())) for m, u in by_unit(rows, "r2", "gene").items()}
    text = page("doc/guide/weights_command.rst")
    assert f"All {len(r2['auto'])} genes of chromosome 22" in text
    for model, values in r2.items():
        name = "top variant alone" if model == "top1" else f"``{model}``"
        gap = r2["auto"] - values
        figures = f" {short(gap.mean(), 4)} ({short(sem(gap), 4)})" if model != "auto" else ""
        figures = figures if figures.startswith(" -") else figures.replace(" .", " +.", 1)
        assert f"{name} {short(values.mean(), 4)}{figures}" in text, model
    strength = {row["gene"]: float(row["lead_chi2"]) for row in rows}
    gap = (r2["auto"] - r2["enet"])[np.argsort(list(strength.values()))]
    tenths = [part.mean() for part in np.array_split(gap, 10)]
    assert f"(by {short(min(tenths), 4)} to {short(max(tenths), 4)})" in text


def test_guide_of_expression_has_the_figures_of_its_rows():
    text = page("doc/guide/expression/figures.rst")
    rows = [row for row in rows_of("expression.csv") if row["data"] == "strong cis effects"]
    r2 = {m: np.array([*units.values()]) for m, units in by_unit(rows, "r2", "unit").items()}
    net = r2.pop("ElasticNetCV")
    assert f"``ElasticNetCV`` {short(net.mean())}" in text
    for method, values in r2.items():
        gain = values - net
        name = method.replace("'", '"')
        figures = f"{short(values.mean())} {gain.mean():+.3f}".replace("0.", ".")
        assert f"``{name}`` {figures} ({short(sem(gain))})" in text
    for row in (r for r in rows_of("expression.csv") if r["data"] == "yeast"):
        assert f"{row['method']} ." in text
