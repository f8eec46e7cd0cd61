"""The command ``skgenetics predict``."""
