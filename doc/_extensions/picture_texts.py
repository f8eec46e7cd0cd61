"""Pictures of the examples, each with a text that says what is drawn, for those who do not see it.

The text is made of the titles, axes and legends of a figure. A thumbnail has that of its picture.
"""

import re
from pathlib import Path

from docutils import nodes

THUMBNAIL = re.compile(r"^/?(.+)/images/thumb/sphx_glr_(\w+)_thumb")
CHOSEN = re.compile(r"sphinx_gallery_thumbnail_number = (\d+)")


def text_of(figure):
    """Return what the panels of a figure show, in words."""
    panels = [line for ax in figure.axes for line in _lines_of(ax)]
    text = "; ".join(dict.fromkeys(panels)) or "A picture without labels"
    plain = re.sub(r"\$|\\mathrm|_?[{}]|\\(?=log)", "", text.replace("\\,", " "))  # of TeX
    return " ".join(plain.split()) + "."


def _lines_of(ax):
    """Return a line on each panel of `ax` that has something to say, those inside it too."""
    title = next((t for side in ("left", "center", "right") if (t := ax.get_title(side))), "")
    labels = [label for label in (ax.get_ylabel(), ax.get_xlabel()) if label]
    said = ": ".join(part for part in (title, " against ".join(labels)) if part)
    legend = ax.get_legend()
    if legend is not None:
        names = [entry.get_text() for entry in legend.get_texts()]
        heading = legend.get_title().get_text()
        said += f" ({heading + ': ' if heading else ''}{', '.join(names)})"
    inside = [line for child in ax.child_axes for line in _lines_of(child)]
    return [line for line in (said.strip(), *inside) if line]


def scrape(block, block_vars, gallery_conf):
    """Save the figures of a block, as sphinx-gallery does, with texts of their own."""
    from matplotlib import pyplot
    from sphinx_gallery.scrapers import matplotlib_scraper

    texts = iter([text_of(pyplot.figure(number)) for number in pyplot.get_fignums()])
    rst = matplotlib_scraper(block, block_vars, gallery_conf)
    return re.sub(r"(?<=:alt: ).*", lambda found: next(texts, found[0]), rst)


def describe_thumbnails(app, doctree):
    """Give each thumbnail the text of the picture that it is made of."""
    for image in doctree.findall(nodes.image):
        if found := THUMBNAIL.match(image["uri"]):
            example = Path(app.srcdir, *found.groups())
            texts = re.findall(r":alt: (.+)", example.with_suffix(".rst").read_text("utf-8"))
            chosen = CHOSEN.search(example.with_suffix(".py").read_text("utf-8"))
            if texts:  # none is drawn with plot_gallery=0
                image["alt"] = texts[int(chosen[1]) - 1 if chosen else 0]


def setup(app):
    """Connect to Sphinx."""
    app.connect("doctree-read", describe_thumbnails)
    return {"parallel_read_safe": True}


def _get_sg_image_scraper():
    """Return the scraper; sphinx-gallery asks for it by this name."""
    return scrape
