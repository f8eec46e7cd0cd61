"""The report of fine-mapped loci: what it holds, and that it works in a browser."""

import re
from base64 import b64decode
from html.parser import HTMLParser
from importlib.resources import files
from io import BytesIO

import numpy as np
import pandas as pd
import pytest

from skgenetics import FinemapMiXeR
from skgenetics.datasets import make_genotypes, make_summary_statistics, make_trait
from skgenetics.finemapping import finemap_loci
from skgenetics.finemapping import solvers as finemapping
from skgenetics.inspection import LocusDisplay, report
from skgenetics.inspection.displays._style import ORDERED_COLORS
from skgenetics.inspection.pages import sources
from skgenetics.inspection.pages._loci import fitted_variants, in_order
from skgenetics.inspection.pages._locus import interactive_picture, locus_view, shown_variants
from skgenetics.inspection.pages._page import static_picture, table
from tests.browser import in_browser, title_after

pytest.importorskip("bokeh")

NAMES = ("first", "second")


def make_locus(seed, n_variants=60):
    X = make_genotypes(400, n_variants, random_state=seed).data.astype(float)
    X = X[:, X.std(axis=0) > 0.2]
    y = make_trait(X, n_causal=1, h2=0.1, random_state=seed).target
    statistics = make_summary_statistics(X, y)
    variants = pd.DataFrame(
        {
            "chromosome": str(seed + 1),
            "base_pair_location": 1_000_000 + 500 * np.arange(X.shape[1]),
            "effect_allele": "A",
            "other_allele": "G",
            "rsid": [f"rs{seed}{j:04}" for j in range(X.shape[1])],
        }
    )
    return {
        "name": f"{NAMES[seed]} </script><b>",
        "z": statistics.z,
        "ld": np.corrcoef(X.T),
        "n_samples": 400,
        "variants": variants,
    }


@pytest.fixture(scope="module")
def loci():
    return [make_locus(seed) for seed in range(2)]


@pytest.fixture(scope="module")
def result(loci):
    return finemap_loci(loci, FinemapMiXeR())


@pytest.fixture(scope="module")
def page(loci, result, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "loci.html"
    ld = {locus["name"]: locus["ld"] for locus in loci}
    notes = {loci[0]["name"]: ["z < 5 & so on"]}
    return report(result, path, ld=ld, build="GRCh38", notes=notes, files=["run.loci.tsv"])


class Elements(HTMLParser):
    """Elements that were opened and never closed, addresses, and texts of tables."""

    EMPTY = ("meta", "img", "input")

    def __init__(self, text):
        super().__init__()
        self.open, self.addresses, self.images, self.cells = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.addresses += [attributes[k] for k in ("src", "href") if k in attributes]
        self.images += [attributes["alt"] for _ in range(tag == "img")]
        self.open += [tag] * (tag not in self.EMPTY)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "td" in self.open:
            self.cells.append(data)


def test_page_needs_no_other_file(page):
    elements = Elements(page.read_text())
    assert not elements.open
    assert {address.split(":")[0] for address in elements.addresses if address[0] != "#"} == {
        "data",
        "run.loci.tsv",
    }


def test_page_tells_what_was_found(page, loci, result):
    text = page.read_text()
    elements = Elements(text)
    assert f"{len(result.credible_sets)} credible set" in text
    assert "positions are of GRCh38" in text
    assert "z &lt; 5 &amp; so on" in text
    for name in result.credible_sets["lead_rsid"]:
        assert name in elements.cells
    assert len(elements.images) == len(loci)
    for k, alt in enumerate(elements.images):
        sets = result.credible_sets[result.credible_sets["locus"] == loci[k]["name"]]
        assert alt.startswith(f"Locus {loci[k]['name']}: {len(loci[k]['z'])} variants")
        for lead in sets["lead_rsid"]:
            assert f"lead {lead} with PIP" in alt


def test_every_solver_is_cited(page, result):
    solvers = [*finemapping.SOLVERS, "single_effects"]
    for name, said in zip(solvers, sources(solvers), strict=True):
        assert re.search(r"et al\., .* \(20\d\d\)", said), name
    (said,) = sources(result.loci["solver"])
    assert said in page.read_text()
    assert sources(["of another package"]) == []


def test_failed_and_doubtful_loci_are_named(loci, tmp_path):
    wrong = {**loci[1], "name": "flipped", "z": np.where(np.arange(len(loci[1]["z"])) % 2, 1, -1)
             * loci[1]["z"] * 5}  # fmt: skip
    broken = {**loci[1], "name": "broken", "ld": loci[1]["ld"][:, :-1]}
    with pytest.warns(Warning, match="broken"):
        result = finemap_loci([loci[0], wrong, broken], FinemapMiXeR())
    text = report(result, tmp_path / "x.html").read_text()
    assert "Not fitted: broken." in text
    assert re.search(r"Doubtful: in flipped, z and LD do not fit", text)
    assert text.count('<span class="doubt">') == 1


def test_ld_is_matched_by_its_labels(loci, result):
    name, correlations = loci[0]["name"], loci[0]["ld"]
    variants = fitted_variants(result, name)
    turned = np.random.default_rng(0).permutation(len(correlations))
    ids = loci[0]["variants"]["rsid"].to_numpy()[turned]
    ld = pd.DataFrame(correlations[np.ix_(turned, turned)], index=ids, columns=ids)
    np.testing.assert_array_equal(in_order(ld, variants), correlations)
    X = pd.DataFrame(np.arange(len(turned))[None, turned], columns=ids)
    np.testing.assert_array_equal(in_order(X, variants)[0], np.arange(len(turned)))
    with pytest.raises(ValueError, match="name different variants"):
        in_order(X.rename(columns={ids[0]: "rs1"}), variants)


def test_loci_without_ld_are_grey_and_without_positions_refused(loci, result, tmp_path):
    only = {loci[0]["name"]: loci[0]["ld"]}
    assert report(result, tmp_path / "x.html", ld=only).is_file()
    bare = {key: loci[1][key] for key in ("name", "z", "ld", "n_samples")}
    with pytest.raises(ValueError, match="has variants without a position"):
        report(finemap_loci([bare], FinemapMiXeR()), tmp_path / "y.html")
    with pytest.raises(IsADirectoryError, match="it is a folder"):
        report(result, tmp_path)


def test_nothing_fitted_is_refused(loci, tmp_path):
    broken = {**loci[1], "ld": loci[1]["ld"][:, :-1]}
    with pytest.warns(Warning, match="second"):
        result = finemap_loci([broken], FinemapMiXeR())
    with pytest.raises(ValueError, match="No locus was fitted"):
        report(result, tmp_path / "x.html")
    assert not list(tmp_path.iterdir())


def test_other_results_are_refused(tmp_path):
    with pytest.raises(TypeError, match=r"what .*finemap_loci returns; got FinemapMiXeR\. Of one"):
        report(FinemapMiXeR(), tmp_path / "x.html")


def big_display(n=3000):
    rng = np.random.default_rng(0)
    pip = np.full(n, 1e-6)
    pip[[17, 2000]] = 0.6, 0.4
    sets = [{"variants": np.array([17, 2000, 2900]), "coverage": 0.95, "min_abs_r": 0.9}]
    z = rng.normal(size=n)
    z[5] = 9.0
    return LocusDisplay(np.arange(n) * 100, z, pip, credible_sets=sets, chromosome="1")


def test_large_loci_keep_what_matters():
    display = big_display()
    shown = shown_variants(display, 30_000)
    assert len(shown) == 400
    assert {5, 17, 2000, 2900} <= set(shown.tolist())
    assert np.diff(shown).max() < 60  # the others lie evenly
    np.testing.assert_array_equal(shown_variants(display, 1e9), np.arange(3000))


def test_r2_with_each_lead_is_in_the_picture(loci, result):
    locus = loci[0]
    variants = result.variants[result.variants["locus"] == locus["name"]]
    sets = result.credible_sets[result.credible_sets["locus"] == locus["name"]]
    display = LocusDisplay.from_frame(variants, sets, ld=locus["ld"])
    view = locus_view("x", display, None, locus["ld"])
    names = variants["variant_id"].tolist()  # the leads are those of the table
    leads = [display.lead, *(names.index(name) for name in sets["lead_variant_id"])]
    np.testing.assert_allclose(view.r2, locus["ld"][leads] ** 2, rtol=1e-12)
    grey = locus_view("x", display, None, None)
    assert grey.r2.shape == (0, len(locus["z"]))
    assert interactive_picture(grey, np.arange(5), "there")["target_id"] == "there"


def test_genes_and_recombination_are_below_a_locus(loci, result, tmp_path):
    genes = pd.DataFrame(
        {"name": ["ABC", "a-far"], "chromosome": ["1", "9"], "strand": ["+", None]}
    )
    genes = genes.assign(start=1_000_000, end=1_004_000)
    positions = np.array([900_000, 1_100_000])
    genetic_map = pd.DataFrame({"chromosome": "1", "base_pair_location": positions, "cm": [0, 1.0]})
    given = {"genes": genes, "genetic_map": genetic_map}
    text = report(result, tmp_path / "x.html", **given).read_text()
    assert [alt.count("gene ABC") for alt in Elements(text).images] == [1, 0]
    assert "a-far" not in text
    display = LocusDisplay([1_000_000, 1_050_000], [5.0, 1], [1.0, 0], chromosome="1", **given)
    item = str(interactive_picture(locus_view("x", display, None, None), np.arange(2), "there"))
    assert "ABC" in item
    assert "cM/Mb" in item


def test_static_pictures_keep_the_colors_of_ld():
    image = pytest.importorskip("PIL.Image")
    r2 = np.linspace(0, 1, 500)
    display = LocusDisplay(np.arange(500) * 100, 9 * r2, np.zeros(500), r2=r2)
    drawn = image.open(BytesIO(b64decode(static_picture(display)))).convert("RGB")
    colors = np.array(drawn).reshape(-1, 3).astype(int)
    for color in ORDERED_COLORS:
        wanted = [int(color[k : k + 2], 16) for k in (1, 3, 5)]
        assert np.abs(colors - wanted).sum(axis=1).min() <= 30, color


def test_cells_sort_by_value():
    frame = pd.DataFrame({
        "a": ["x", "<i>"], "b": [1234567.0, 0.00012345], "c": pd.array([True, None], "boolean"),
    })  # fmt: skip
    text = table(frame, "caption")
    assert 'data-rank="1234567">1,234,567<' in text
    assert 'data-rank="0.00012345">0.000123<' in text
    assert 'data-rank="1">yes<' in text
    assert 'data-rank=""><' in text
    assert "&lt;i&gt;" in text


def luminance(color):
    """Relative luminance of #rrggbb, as WCAG 2 defines it."""
    shares = [int(color[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("dark", [False, True])
def test_text_and_focus_have_the_contrast_of_wcag_aa(dark):
    style = files("skgenetics.inspection.pages").joinpath("page.css").read_text()
    light, other = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    colors = dict(re.findall(r"--(\w+): (#\w{6})", light))
    if dark:
        colors |= dict(re.findall(r"--(\w+): (#\w{6})", other))
    for text in ("ink", "faint", "link"):  # the ring of what has the focus is of links' color
        for ground in ("paper", "band"):
            low, high = sorted(luminance(colors[name]) for name in (text, ground))
            assert (high + 0.05) / (low + 0.05) >= 4.5, (text, ground)


PRESSES = """
const box = document.querySelector(".sortable"), found = [];
const first = () => box.querySelector("tbody tr").cells[0].textContent;
box.querySelectorAll("th button")[5].click(); found.push(first());
box.querySelectorAll("th button")[5].click(); found.push(first());
box.querySelector("input").value = "SECOND 60";
box.querySelector("input").dispatchEvent(new Event("input"));
found.push([...box.querySelectorAll("tbody tr")].filter((row) => !row.hidden).length);
document.title = found.join("|");
"""


@in_browser
def test_browser_draws_sorts_and_filters(page, loci, result, tmp_path):
    title, console = title_after(page, PRESSES, tmp_path)
    assert not [line for line in console if "document idle" not in line]
    assert any("document idle" in line for line in console)  # Bokeh drew the open locus
    strengths = result.variants["z"].abs().groupby(result.variants["locus"]).max()
    weak, strong = strengths.idxmin(), strengths.idxmax()
    expected = f"{weak}|{strong}|1".replace("<", "&lt;").replace(">", "&gt;")
    assert title == expected
