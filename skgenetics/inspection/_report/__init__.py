"""Reports: one HTML file per run, which opens offline.

`_page` holds the frame of a page, its tables and pictures; `_locus` one locus, static and
interactive; `_loci` the report of fine-mapped loci.
"""
