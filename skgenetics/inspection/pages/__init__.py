"""Pages of HTML that open offline: reports, and the parts that they are made of.

`_page` holds the frame of a page, its tables and static pictures; `_locus` the pictures of a locus,
static and interactive; `_loci` the report of fine-mapped loci.
"""

from skgenetics.inspection.pages._loci import report, sources, write_report
from skgenetics.inspection.pages._locus import (
    LocusView,
    library_script,
    locus_display,
    locus_pictures,
    locus_view,
)
from skgenetics.inspection.pages._page import (
    Section,
    bullets,
    file_links,
    paragraphs,
    picture,
    static_picture,
    table,
    write_page,
)

__all__ = [
    "LocusView",
    "Section",
    "bullets",
    "file_links",
    "library_script",
    "locus_display",
    "locus_pictures",
    "locus_view",
    "paragraphs",
    "picture",
    "report",
    "sources",
    "static_picture",
    "table",
    "write_page",
    "write_report",
]
