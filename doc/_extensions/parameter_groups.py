"""Headings among the parameters of the large estimators.

A heading stands above the parameter that it is given for. A parameter that is not there ends the
build.
"""

import re

GROUPS = {
    "FinemapMiXeR": {
        "solver": "Solver",
        "causal_probability": "Prior, background and noise",
        "max_effects": "Limits of the fit",
        "coverage": "Credible sets",
        "trait": "Trait and seed",
    },
    "MMASHRegressor": {
        "solver": "Solver",
        "covariances": "Prior of the effects, and noise",
        "n_components": "Background",
        "standardize": "Scale and intercept",
        "include_null": "Weights of the prior",
        "update_order": "Updates",
        "max_effects": "Credible sets of single effects",
        "max_iter": "Iterations, start and seed",
    },
    "MILAGERegressor": {
        "n_components": "Factors",
        "cis_windows": "Cis effects",
        "variant_alpha": "Penalties of the factors",
        "candidate_variants": "Variants elsewhere, and the polygenic term",
        "standardize_expression": "Scale, start and solver",
        "early_stopping": "Held-out people, cores and seed",
    },
    "LINAClassifier": {
        "hidden_layer_sizes": "The network, and its start",
        "coef_alpha": "Penalties",
        "solver": "Training",
        "early_stopping": "When training ends",
        "class_weight": "Weights of classes, start and seed",
    },
    "LINARegressor": {
        "hidden_layer_sizes": "The network, and its start",
        "coef_alpha": "Penalties",
        "solver": "Training",
        "early_stopping": "When training ends",
        "warm_start": "Start and seed",
    },
}


def add_headings(app, what, name, obj, options, lines):
    """Put headings into the list of parameters, as numpydoc has written it."""
    groups = GROUPS.get(name.rpartition(".")[2], {}) if what == "class" else {}
    for parameter, heading in groups.items():
        entry = re.compile(rf"(\s*)\*\*{parameter}\b")
        found = [(k, match) for k, line in enumerate(lines) if (match := entry.match(line))]
        if not found:
            raise ValueError(f"{name} has no parameter {parameter}, which {__file__} names")
        k, match = found[0]
        lines[k:k] = [f"{match[1]}.. rubric:: {heading}", ""]


def setup(app):
    """Connect with Sphinx, after numpydoc."""
    app.connect("autodoc-process-docstring", add_headings, priority=950)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
