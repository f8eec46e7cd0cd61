"""Gene set enrichment as a plain loop over genes."""

import numpy as np


def enrichment_score(scores, member, weight=1.0):
    """Largest and smallest running sum; scores (n,), member bool (n,)."""
    order = np.argsort(-scores, kind="stable")
    total = np.sum(np.abs(scores[member]) ** weight)
    running, high, low = 0.0, 0.0, 0.0
    for gene in order:
        if member[gene]:
            running += abs(scores[gene]) ** weight / total
        else:
            running -= 1 / (scores.size - member.sum())
        high, low = max(high, running), min(low, running)
    return high, low
