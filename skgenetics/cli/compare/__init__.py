"""The command ``skgenetics compare``: models side by side, by cross-validation."""
