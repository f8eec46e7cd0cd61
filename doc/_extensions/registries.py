"""Tables that follow the package's lists, so that a new entry is in the guide by itself.

``models-of-compare``, ``models-of-weights``, ``solvers-of-finemapping`` and ``formats-of-sumstats``
are directives without content.
"""

from typing import ClassVar

from docutils.parsers.rst import directives
from sphinx.util.docutils import SphinxDirective


def table(header, rows):
    """Return the lines of a list-table."""
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for row in (header, *rows):
        for i, cell in enumerate(row):
            lines.append(f"   {'*' if i == 0 else ' '} - {cell}")
    return "\n".join(lines)


class ModelsOfCompare(SphinxDirective):
    """The models of ``skgenetics compare``: alone, or with ``:joint:`` of all traits at once."""

    option_spec: ClassVar[dict] = {"joint": directives.flag}

    def run(self):
        """Return the table."""
        from skgenetics.cli.compare.models import MODELS

        traits = {(True, True): "any", (True, False): "quantitative", (False, True): "binary"}
        rows = [
            (
                entry.name,
                traits[entry.regressor is not None, entry.classifier is not None],
                entry.description,
            )
            for entry in MODELS
            if entry.joint == ("joint" in self.options)
        ]
        return self.parse_text_to_nodes(table(("model", "traits", "what it is"), rows))


class ModelsOfWeights(SphinxDirective):
    """The models of ``skgenetics weights``."""

    def run(self):
        """Return the table."""
        from skgenetics.cli.weights.models import AUTO, MODELS

        rows = [
            (f"``{entry.model.name}``", "yes" if entry.auto else "", entry.description)
            for entry in MODELS
        ]
        header = ("``--model``", f"in ``{AUTO}``", "what it is")
        return self.parse_text_to_nodes(table(header, rows))


class SolversOfFinemapping(SphinxDirective):
    """The solvers of FinemapMiXeR: what they are, or with ``:flags:`` the flags they declare."""

    option_spec: ClassVar[dict] = {"flags": directives.flag}

    def run(self):
        """Return the table."""
        from skgenetics.finemapping.solvers import SOLVERS

        if "flags" in self.options:
            flags = (
                "has_pi",
                "calibrated",
                "forms_ld",
                "believes_ld",
                "sums_effects",
                "is_sampler",
            )
            header = ("solver", *(f"``{flag}``" for flag in flags))
            rows = [
                (f"``{name}``", *("yes" if getattr(solver, flag) else "no" for flag in flags))
                for name, solver in SOLVERS.items()
            ]
        else:
            header = ("``solver=``", "settings", "what it is")
            rows = [
                (
                    f'``"{name}"``',
                    f":class:`~skgenetics.finemapping.solvers.{solver.__name__}`",
                    solver.__doc__.split("\n")[0],
                )
                for name, solver in SOLVERS.items()
            ]
        return self.parse_text_to_nodes(table(header, rows))


class FormatsOfSumstats(SphinxDirective):
    """The formats of summary statistics that are recognized by their header."""

    def run(self):
        """Return the table."""
        from skgenetics.io._sumstats_programs import FORMATS

        rows = [
            (form.name, ", ".join(" or ".join(f"``{n}``" for n in names) for names in form.needs))
            for form in FORMATS
        ]
        return self.parse_text_to_nodes(table(("format", "recognized by the columns"), rows))


def setup(app):
    """Register the directives."""
    app.add_directive("models-of-compare", ModelsOfCompare)
    app.add_directive("models-of-weights", ModelsOfWeights)
    app.add_directive("solvers-of-finemapping", SolversOfFinemapping)
    app.add_directive("formats-of-sumstats", FormatsOfSumstats)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
