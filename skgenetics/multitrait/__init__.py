"""Multivariate regression of many traits with a mixture prior shared between them."""
