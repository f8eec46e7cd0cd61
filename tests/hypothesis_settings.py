"""How many examples the property tests draw."""

import os

from hypothesis import settings

# `.ci/run` draws more than `make test`.
TIMES = int(os.environ.get("SKGENETICS_EXAMPLES", "1"))


def examples(number, **others):
    """Return settings that draw `number` examples, several times as many in the full run."""
    return settings(max_examples=number * TIMES, deadline=None, **others)
