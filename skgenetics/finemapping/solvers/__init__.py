"""Solvers of fine-mapping, one file each."""
