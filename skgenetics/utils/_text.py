"""Names in sentences."""

from collections.abc import Sequence


def join_names(names: Sequence[object]) -> str:
    """Return ``a, b and c``."""
    words = [str(name) for name in names]
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def first_names(names: Sequence[object], limit: int = 5) -> str:
    """Return the first `limit` names, and how many there are besides: ``a, b and 3 more``."""
    n_more = len(names) - limit
    text = ", ".join(str(name)[:60] for name in names[:limit])
    return f"{text} and {n_more:,} more" if n_more > 0 else text


def count_of(number: int, noun: str, plural: str | None = None) -> str:
    """Return ``1 variant`` or ``1,234 variants``; `plural` is that of a noun such as locus."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"
