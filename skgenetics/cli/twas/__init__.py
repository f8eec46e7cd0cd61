"""The command ``skgenetics twas``."""
