r"""Formulas as MathML, which browsers draw by themselves: no script and no network.

``\tag{31}`` gives a displayed formula the number that it has in its paper. A formula that docutils
cannot translate is a warning, so that a build with ``-W`` stops.
"""

import html
import re
from xml.etree import ElementTree

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.util import logging

LOGGER = logging.getLogger(__name__)
NAMESPACE = "http://www.w3.org/1998/Math/MathML"
ElementTree.register_namespace("", NAMESPACE)
ACCENTS = set("\N{MODIFIER LETTER CIRCUMFLEX ACCENT}~\N{MODIFIER LETTER MACRON}\N{DOT ABOVE}")
BAR = '<mo stretchy="false" lspace="0" rspace="0">{}</mo>'
TAG = re.compile(r"\\tag\{([^{}]*)\}")


def to_mathml(tex, *, block):
    """Translate a formula, after mending what docutils misreads."""
    tex = re.sub(r"\\[Bb]igg?[lr]?(?![a-z])|\\textstyle", "", tex)
    tex = re.sub(r"(frac)\s*(\d)\s*(\d)", r"\1{\2}{\3}", tex)  # \frac12 Q is not 12 over Q
    tex = re.sub(r"(\\(?:log|exp))\s*(?=[A-Za-z0-9\\])(?!\\left)", r"\1\\, ", tex)  # log x
    return mend(tex2mathml(tex, as_block=block))


def mend(mathml):
    r"""Mend bars, which would stretch and take room, and the index of \hat y_i, put below the y."""
    mathml = re.sub(r"<mo( [^>]*)?>‖</mo>", BAR.format("‖"), mathml)
    mathml = mathml.replace('<mo stretchy="false">|</mo>', BAR.format("|"))
    if "<munderover" not in mathml:
        return mathml
    root = ElementTree.fromstring(mathml.replace("&ApplyFunction;", "\N{FUNCTION APPLICATION}"))
    for node in root.iter(f"{{{NAMESPACE}}}munderover"):
        base, index, accent = node
        if accent.text in ACCENTS:
            accented = ElementTree.Element(f"{{{NAMESPACE}}}mover", {"accent": "true"})
            accented.extend((base, accent))
            node.tag, node[:] = f"{{{NAMESPACE}}}msub", (accented, index)
    return ElementTree.tostring(root, encoding="unicode")


def translate(node, tex, *, block):
    """Translate the formula of a node, or say where it stands and show its source."""
    try:
        return to_mathml(tex, block=block)
    except (MathError, IndexError, AttributeError) as error:
        LOGGER.warning("formula cannot be drawn: %s: %s", tex, error, location=node)
        return f"<code>{html.escape(tex)}</code>"


def visit_inline(translator, node):
    """Write a formula within a line."""
    translator.body.append(translate(node, node.astext(), block=False))
    raise nodes.SkipNode


def visit_block(translator, node):
    r"""Write a displayed formula and its number: that of ``\tag``, else of ``:label:``."""
    tex = node.astext()
    tag = TAG.search(tex)
    number = tag[1] if tag else node["number"]
    translator.body.append(translator.starttag(node, "div", CLASS="math"))
    translator.body.append(translate(node, TAG.sub("", tex), block=True))
    if number:
        translator.body.append(f'<span class="eqno">({html.escape(str(number))})</span>')
    translator.body.append("</div>")
    raise nodes.SkipNode


def setup(app):
    """Register the renderer."""
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
