"""Sphinx configuration. The build needs no network."""

import os
import re

os.environ["SCIPY_ARRAY_API"] = "1"  # before SciPy or scikit-learn is imported

import matplotlib

import skgenetics

matplotlib.use("Agg")

project = "skgenetics"
author = "The skgenetics developers"
copyright = f"2026, {author}"
version = release = skgenetics.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "myst_parser",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build"]
templates_path = ["_templates"]
html_theme = "pydata_sphinx_theme"
html_title = f"skgenetics {version}"
html_show_sourcelink = False
html_theme_options = {"show_prev_next": False, "navbar_end": [], "footer_start": ["copyright"]}
html_sidebars = {"**": ["sidebar-nav-bs"], "index": []}

autosummary_generate = True
autosummary_ignore_module_all = False  # a module documents what its __all__ lists
numpydoc_show_class_members = False  # the class template lists them

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"/plot_",
    "download_all_examples": False,
    "show_signature": False,
    "abort_on_example_error": True,
}


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


def setup(app):
    app.connect("autodoc-skip-member", skip_inherited_requests)
    app.connect("autodoc-process-docstring", join_lines, priority=1)  # before numpydoc
    app.connect("autodoc-process-docstring", plain_text, priority=900)  # after it
