"""The trans part: factors that all genes and tissues share."""
