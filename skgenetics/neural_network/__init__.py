"""Interpretable networks of genotypes for one or many traits."""
