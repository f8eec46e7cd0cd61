"""Sphinx configuration. The build needs no network."""

import os

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


def setup(app):
    app.connect("autodoc-skip-member", skip_inherited_requests)
