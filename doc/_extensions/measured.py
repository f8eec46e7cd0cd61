"""Tables of figures, computed from the rows that the programs of `benchmarks/` wrote.

``evidence`` and a name of `benchmarks.evidence.STUDIES` gives the claims with their intervals.
``calibration-sets`` and ``calibration-pips`` with a file of `benchmarks/results/` and methods
give the tables of the page of fine-mapping figures.
"""

import math

from registries import table
from sphinx.util.docutils import SphinxDirective

from benchmarks.evidence import RESULTS, STUDIES, read_rows
from benchmarks.finemapping_calibration import calibration, columns


def short(value, digits=2):
    """Return a number without the zero before its point; a dash if there is none."""
    if math.isnan(value):
        return "–"
    return f"{value:.{digits}f}".replace("0.", ".", 1) if abs(value) < 1 else f"{value:.{digits}f}"


def with_error(value, error, digits=2):
    """Return ``.96 (.01)``."""
    return (
        short(value, digits)
        if math.isnan(value)
        else f"{short(value, digits)} ({short(error, digits)})"
    )


def unbroken(text):
    """Return a text that stays on one line."""
    return text.replace(" ", "\N{NO-BREAK SPACE}").replace("-", "\N{MINUS SIGN}")


class FromResults(SphinxDirective):
    """A table made of files of results, on which the page then depends."""

    required_arguments = 1
    optional_arguments = 99

    def rows(self, name):
        """Return the rows of a file of results."""
        self.env.note_dependency(str(RESULTS / name))
        return read_rows(name)

    def wide_table(self, header, cells):
        """Return a table of many columns, which is set in small letters."""
        nodes = self.parse_text_to_nodes(table(header, cells))
        for node in nodes:
            node["classes"].append("many-columns")
        return nodes


class Evidence(FromResults):
    """The claims of a study."""

    def run(self):
        """Return the table, and a sentence on how it was made."""
        study = STUDIES[self.arguments[0]]
        self.env.note_dependency(str(RESULTS / study.file))
        measured = study.measured()
        rows = [
            (one.claim.says, one.claim.one, one.claim.other, unbroken(one.number), one.verdict)
            for one in measured
        ]
        header = ("what", "of", "minus", "value [95% interval]", "")
        if not any(one.claim.other for one in measured):
            header, rows = (*header[:2], *header[3:]), [(*row[:2], *row[3:]) for row in rows]
        source = (
            f"Intervals over {measured[0].n_clusters} {study.unit}. "
            f"Program: ``{study.program}``; rows: ``benchmarks/results/{study.file}``."
        )
        return self.parse_text_to_nodes(f"{table(header, rows)}\n\n{source}")


class CalibrationSets(FromResults):
    """Sets and sums of PIPs, by kind of effects and method."""

    def run(self):
        """Return the table."""
        all_rows = self.rows(self.arguments[0])
        cells = []
        for regime in dict.fromkeys(row["regime"] for row in all_rows):
            for method in self.arguments[1:]:
                rows = [r for r in all_rows if (r["regime"], r["method"]) == (regime, method)]
                found = columns(rows)
                announced = sum(row["above_announced"] for row in rows)
                false = sum(row["above_false"] for row in rows)
                cells.append(
                    (
                        regime,
                        method,
                        short(found["AP"][0], 3),
                        with_error(*found["slope"]) if found["AP"][0] > 0 else "–",
                        f"{false:.0f} of {found['> .9'][0]:.0f}",
                        f"{announced:.1f}",
                        with_error(*found["sum"]),
                        f"{found['sets'][0]:.0f}",
                        with_error(*found["coverage"]),
                        with_error(*found["power"]),
                        "–" if math.isnan(found["size"][0]) else f"{found['size'][0]:.0f}",
                        short(found["seconds"][0]),
                    )
                )
        header = (
            *("effects", "", "AP", "slope", "false PIP > .9", "expected", "sum of PIPs"),
            *("sets", "coverage", "power", "size", "seconds"),
        )
        return self.wide_table(header, cells)


class CalibrationPips(FromResults):
    """PIPs by bin: their number, what they say and what is true."""

    def run(self):
        """Return the table."""
        all_rows = self.rows(self.arguments[0])
        by_method = []
        for method in self.arguments[1:]:
            bins = calibration([row for row in all_rows if row["method"] == method])
            by_method.append({bin[:2]: bin[2:] for bin in bins})
        cells = []
        for low, high in by_method[0]:
            row = [f"{short(low)} to {short(high)}"]
            for bins in by_method:
                count, said, true, error = bins.get((low, high), (0, *[math.nan] * 3))
                row += [f"{count:,}", short(said, 3), with_error(true, error, 3)]
            cells.append(row)
        header = ["PIPs"]
        for method in self.arguments[1:]:
            header += [f"{method}: number", "said", "true"]
        return self.wide_table(header, cells)


def setup(app):
    """Register the directives."""
    app.add_directive("evidence", Evidence)
    app.add_directive("calibration-sets", CalibrationSets)
    app.add_directive("calibration-pips", CalibrationPips)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
