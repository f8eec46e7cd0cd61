"""Models of the comparison as entries: one list, from which all else follows."""

import os
import re
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from skgenetics.cli.compare import models
from skgenetics.cli.compare.models import MODELS, ModelEntry
from skgenetics.cli.compare.work import variants_used
from skgenetics.cli.main import build_parser, main
from skgenetics.finemapping import FinemapMiXeR
from skgenetics.io import read_model

pd = pytest.importorskip("pandas")
GUIDE = Path(__file__).parents[2] / "doc" / "guide" / "compare.rst"


class Unscaled(LinearRegression):
    """A contributor's model, which sees raw dosages."""


def build_toy(settings):
    return Unscaled()


def build_toy_with_sets(settings):
    return FinemapMiXeR(max_effects=1)


TOY = ModelEntry(
    "toy model",
    "least squares on every variant",
    regressor=build_toy,
    variants_used="per allele",
    credible_sets=build_toy_with_sets,
    is_reference=True,
)


@pytest.fixture
def with_toy(monkeypatch):
    """The list of models and one more."""
    monkeypatch.setattr(models, "MODELS", (*MODELS, TOY))


def test_a_new_model_is_one_entry(study, compare, with_toy):
    words = "--bfile study --pheno traits.tsv --pheno-name height --out run --folds 2"
    status, printed, errors = compare(
        text=f"{words} --models toy-model FinemapMiXeR --save-model models"
    )
    assert status == 0, errors
    assert "minus toy model" in printed
    table = pd.read_csv("run/comparison.csv").set_index("model")
    assert table.index.tolist() == ["FinemapMiXeR", "toy model"]
    assert table.loc["toy model", "variants_used"] > table.loc["FinemapMiXeR", "variants_used"]
    # two models have credible sets: each is a locus of the tables and a picture
    loci = pd.read_csv("run/variants.tsv.gz", sep="\t", comment="#")["locus"].unique().tolist()
    assert loci == ["height FinemapMiXeR", "height toy model"]
    assert len([name for name in os.listdir("run") if name.startswith("locus_")]) == 2
    saved = read_model("models/height.toy-model.skops").estimator[-1]
    assert saved.max_effects == 1


def help_text(capsys):
    with pytest.raises(SystemExit):
        main(["compare", "--help"])
    return capsys.readouterr().out


def test_help_shows_every_model(capsys, with_toy):
    text = help_text(capsys)
    for entry in models.MODELS:
        line = re.search(rf"^  {entry.word} .*$", text, flags=re.MULTILINE).group()
        assert line.endswith(entry.description)


def test_help_of_the_list_as_it_is(capsys):
    assert "toy-model" not in help_text(capsys)
    assert build_parser().parse_args(["compare"]).models is None


def test_a_first_look_takes_the_quick_models(study, compare, capsys):
    quick = [entry for entry in MODELS if entry.quick]
    assert {entry.word for entry in quick} < {entry.word for entry in MODELS}
    words = "--bfile study --pheno traits.tsv --pheno-name height --out run --folds 2 --quick"
    status, _, errors = compare(text=words)
    assert status == 0, errors
    fitted = {entry.name for entry in quick if entry.regressor}
    assert set(pd.read_csv("run/comparison.csv")["model"]) == fitted
    text = " ".join(help_text(capsys).split())
    assert all(entry.word in text.split("a first look: only ")[1] for entry in quick)
    with pytest.raises(SystemExit):
        main(["compare", "--quick", "--models", "RidgeCV"])
    assert "not allowed with" in capsys.readouterr().err


def test_the_guide_takes_its_tables_from_the_list():
    """The directives of doc/_extensions/registries.py draw each table from the entries."""
    text = GUIDE.read_text(encoding="utf-8")
    assert text.count(".. models-of-compare::") == 2
    assert text.count("   :joint:") == 1
    assert not re.search(rf"^({'|'.join(entry.name for entry in MODELS)})  ", text, re.MULTILINE)


def test_no_other_file_names_a_model():
    """Files of the command ask an entry's fields, not its name."""
    names = "|".join(re.escape(entry.name) for entry in MODELS)
    for path in Path(models.__file__).parent.glob("*.py"):
        if path.name != "models.py":
            text = re.sub(r'""".*?"""', "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
            text = re.sub(r"#.*", "", text)
            assert not re.search(rf"[\"']({names})[\"']", text), path.name


def test_variants_used_counts_effects_on_the_scale_of_the_entry():
    """A rare variant's large effect per allele moves few people."""
    rng = np.random.default_rng(0)
    X = np.c_[rng.binomial(2, 0.005, 5000), rng.binomial(2, 0.5, (5000, 3))].astype(float)
    model = Unscaled().fit(X, X @ [2.0, 0.3, 0.3, 0.3])
    assert variants_used(model, X, "per allele") == 4
    assert variants_used(model, X, "per SD") == 2
    assert variants_used(model, X, "all") == 4
    assert variants_used(model, X, "none") == 0
    assert np.isnan(variants_used(model, X, "unknown"))


def test_names_of_traits_that_differ_in_punctuation_keep_all_files(study, compare):
    """Each trait has its models and its picture."""
    rng = np.random.default_rng(0)
    people = pd.Index([f"I{i}" for i in range(len(study["y"]))], name="IID")
    noise = rng.normal(size=(len(people), 3))
    Y = np.c_[study["y"], study["X"][:, 4], study["X"][:, 9]] + 0.3 * noise
    pd.DataFrame(Y, people, ["BMI/raw", "BMI:raw", "bmi_raw"]).to_csv("three.csv")
    status, printed, errors = compare(
        text="--bfile study --pheno three.csv --models RidgeCV FinemapMiXeR --folds 2 "
        "--save-model models --out run"
    )
    assert status == 0, errors
    assert "Wrote models/: 6 models" in printed
    saved = [read_model(f"models/{name}") for name in sorted(os.listdir("models"))]
    assert sorted(content.traits[0] for content in saved) == sorted(
        2 * ["BMI/raw", "BMI:raw", "bmi_raw"]
    )
    pictures = [name for name in os.listdir("run") if name.startswith("locus_")]
    assert len({name.casefold() for name in pictures}) == 3


def test_fits_are_kept_beside_the_results_wherever_processes_started(study, compare, monkeypatch):
    asked = {}

    def stop(*_, **settings):
        asked.update(settings)
        raise ValueError("seen")

    monkeypatch.setattr("skgenetics.cli.compare.work.compare_models", stop)
    status, _, errors = compare(
        text="--bfile study --pheno traits.tsv --pheno-name height --out run --quick"
    )
    assert status == 2
    assert "seen" in errors
    assert asked["folder"] == Path.cwd() / "run.parts"
