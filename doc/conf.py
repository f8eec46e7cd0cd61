"""Sphinx configuration. The build needs no network."""

import logging
import os
import re
import sys
from pathlib import Path

os.environ["SCIPY_ARRAY_API"] = "1"  # before SciPy or scikit-learn is imported

import matplotlib

import skgenetics

matplotlib.use("Agg")
sys.path.insert(0, str(Path(__file__).parents[1]))  # benchmarks, of which figures are made
sys.path.insert(0, str(Path(__file__).parent / "_extensions"))

project = "skgenetics"
author = "The skgenetics developers"
copyright = f"2026, {author}"
version = release = skgenetics.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "mathml",
    "registries",
    "gpu_results",
    "measured",
    "parameter_groups",
    "picture_texts",
    "numpydoc",
    "myst_parser",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build"]
templates_path = ["_templates"]
html_theme = "pydata_sphinx_theme"
html_title = "skgenetics"
html_show_sourcelink = False
html_static_path = ["_static"]
html_css_files = ["skgenetics.css"]
html_context = {"default_mode": "auto"}  # light or dark as the reader's system is
html_math_renderer = "mathml"  # doc/_extensions/mathml.py
html_theme_options = {
    "show_prev_next": False,
    "header_links_before_dropdown": 6,
    "navbar_end": ["theme-switcher"],
    "footer_start": ["copyright"],
}
copybutton_prompt_text = ">>> |\\.\\.\\. "
copybutton_prompt_is_regexp = True
ALONE = ("index", "install", "getting_started", "evidence", "citation", "changelog", "license")
html_sidebars = {"**": ["sidebar-nav-bs"]} | {page: [] for page in ALONE}

autosummary_generate = True
autodoc_typehints = "none"  # the docstrings say more
autosummary_ignore_module_all = False  # a module documents what its __all__ lists
numpydoc_show_class_members = False  # the class template lists them

intersphinx_mapping = {
    "joblib": ("https://joblib.readthedocs.io/en/stable", None),
    "numpy": ("https://numpy.org/doc/stable", None),
    "pandas": ("https://pandas.pydata.org/docs", None),
    "python": ("https://docs.python.org/3", None),
    "scipy": ("https://docs.scipy.org/doc/scipy", None),
    "sklearn": ("https://scikit-learn.org/stable", None),
}
intersphinx_timeout = 5  # seconds

SECTIONS = ("finemapping", "multitrait", "expression", "networks", "compare")
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"/plot_",
    "download_all_examples": False,
    "show_signature": False,
    "remove_config_comments": True,  # which thumbnail is chosen
    "write_computation_times": False,  # their page loads scripts from the network
    "abort_on_example_error": True,
    "capture_repr": ("_repr_html_",),  # tables, and no names of objects
    "image_srcset": ["2x"],
    "image_scrapers": ("picture_texts",),  # doc/_extensions/picture_texts.py
    "subsection_order": [f"../examples/{name}" for name in SECTIONS],
    "within_subsection_order": "FileNameSortKey",
}


class WithoutNetwork(logging.Filter):
    """Let a build without network pass: names of other packages then stay without a link."""

    def filter(self, record):
        if record.getMessage().startswith("failed to reach any of the inventories"):
            record.levelno, record.levelname = logging.INFO, "INFO"
            record.msg, record.args = "no network: names of another package stay without a link", ()
        return True


def skip_inherited_requests(app, what, name, obj, skip, options):
    """Leave scikit-learn's set_fit_request and the like out of the class pages."""
    return True if name.startswith("set_") and name.endswith("_request") else None


def join_lines(app, what, name, obj, options, lines):
    """Let a line that ends in a backslash (in a raw docstring) go on in the next."""
    lines[:] = re.sub(r"\\\n\s*", "", "\n".join(lines)).split("\n")


def plain_text(app, what, name, obj, options, lines):
    """Take `n_iter_` and `|r|`, as docstrings write them, for text and not for references.

    Formulas, literal blocks, doctests and what stands in backticks stay as they are.
    """
    block = None  # indentation of the directive whose content this is
    doctest = False
    for i, line in enumerate(lines):
        indent = len(line) - len(line.lstrip())
        doctest = bool(line.strip()) and (doctest or line.lstrip().startswith(">>>"))
        if block is not None and line.strip() and indent <= block:
            block = None
        if block is None and not doctest:
            parts = re.split(r"(`+[^`]*`+)", line)
            parts[::2] = [
                re.sub(r"(?<=\w)_(?!\w)|(?<!\\)\|", r"\\\g<0>", part) for part in parts[::2]
            ]
            lines[i] = "".join(parts)
        if block is None and line.rstrip().endswith("::"):
            block = indent


def estimator_by_its_short_name(app, env, node, contnode):
    """Let skgenetics.FinemapMiXeR lead to the page of the room that documents it."""
    package, _, name = node.get("reftarget", "").partition(".")
    estimator = getattr(skgenetics, name.split(".")[0], None)
    if node.get("refdomain") != "py" or package != "skgenetics" or not isinstance(estimator, type):
        return None
    target = f"{estimator.__module__.partition('._')[0]}.{name}"
    domain, kind = env.get_domain("py"), node["reftype"]
    return domain.resolve_xref(env, node["refdoc"], app.builder, kind, target, node, contnode)


def setup(app):
    logging.getLogger("sphinx.sphinx.ext.intersphinx").addFilter(WithoutNetwork())
    app.connect("missing-reference", estimator_by_its_short_name)
    app.connect("autodoc-skip-member", skip_inherited_requests)
    app.connect("autodoc-process-docstring", join_lines, priority=1)  # before numpydoc
    app.connect("autodoc-process-docstring", plain_text, priority=900)  # after it
