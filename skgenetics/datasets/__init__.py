"""Bundled data (``load_*``) and simulators that return the truth with the data (``make_*``)."""

from skgenetics.datasets._geuvadis import load_geuvadis

__all__ = ["load_geuvadis"]
