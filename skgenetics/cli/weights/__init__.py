"""The command ``skgenetics weights``."""
