"""Solvers of the multivariate mixture regression."""
