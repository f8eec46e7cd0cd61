import os

os.environ["SCIPY_ARRAY_API"] = (
    "1"  # before SciPy or scikit-learn is imported, or array checks skip
)
os.environ.setdefault("MPLBACKEND", "Agg")
