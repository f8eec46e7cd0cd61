"""The command ``skgenetics check``: what is understood of a file of summary statistics."""
