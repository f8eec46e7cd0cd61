"""The command ``skgenetics finemap``: from files to credible sets."""
