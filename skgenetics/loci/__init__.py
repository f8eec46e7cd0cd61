"""What several tasks say of a locus: LD in its forms, summary statistics, credible sets."""
