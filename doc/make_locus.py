"""Draw locus.png, the picture of the README and of the start page: python doc/make_locus.py."""

import runpy
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt

DOC = Path(__file__).resolve().parent

runpy.run_path(str(DOC.parent / "examples" / "finemapping" / "plot_finemap_locus.py"))
plt.gcf().savefig(DOC / "locus.png", dpi=100, bbox_inches="tight")
