import numpy as np
import pytest


@pytest.fixture
def locus():
    """Genotypes in LD and a trait of two effects, drawn with plain NumPy."""

    def make(n=300, p=8, n_causal=2, effect=0.35, seed=0, strength=0.8):
        rng = np.random.default_rng(seed)
        haplotypes = []
        for _ in range(2):
            latent = rng.normal(size=(n, p))
            for j in range(1, p):
                latent[:, j] = strength * latent[:, j - 1] + np.sqrt(1 - strength**2) * latent[:, j]
            haplotypes.append(latent > rng.uniform(-0.5, 0.8, size=p))
        X = (haplotypes[0].astype(np.int8) + haplotypes[1]).astype(np.int8)
        causal = rng.choice(p, size=n_causal, replace=False)
        y = X[:, causal].astype(float) @ np.full(n_causal, effect) + rng.normal(size=n)
        return X, y, causal

    return make
