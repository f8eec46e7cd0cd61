"""The cis part: effects of the variants around each gene."""
