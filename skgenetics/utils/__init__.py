"""Machinery shared by the estimators: array namespaces, callbacks, fan-out, validation, kernels."""
