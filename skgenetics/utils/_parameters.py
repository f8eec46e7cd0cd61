"""Constraints on parameters: one table per estimator, and the one function that checks it.

An estimator declares the class attribute ``_constraints``, which maps each of its parameters to the
values that it may take:

    _constraints = {
        "solver": [Option("auto", "cd")],
        "tol": [None, Number(low=0, closed="left")],
        "max_iter": [Integer(low=1)],
        "shuffle": [Flag()],
        "weights": [None, Numbers("an array (T,)")],  # its shape is checked once it is known
        "random_state": [Seed()],
    }

and its ``fit`` begins with ``check_parameters(self)``. None is allowed only if the list has it.
"""

from collections.abc import Iterable, Mapping
from numbers import Integral, Real
from typing import Any

import numpy as np


class ParameterError(ValueError, TypeError):
    """A parameter is not what it may be: one class for a wrong value and a wrong type."""


class Constraint:
    """What a parameter may be: `fits` tells a type that is right, `error` a value that is wrong."""

    def fits(self, value: Any) -> bool:
        """Whether `value` is of the type that this constraint is about."""
        raise NotImplementedError

    def allows(self, value: Any) -> bool:
        """Whether `value`, which fits, is allowed."""
        return True

    def __str__(self) -> str:
        """Complete the sentence "must be ..."."""
        raise NotImplementedError


class Number(Constraint):
    """A finite real number between `low` and `high`; `closed` says which of the two are allowed."""

    kind: type = Real
    noun = "a number"

    def __init__(
        self, low: float | None = None, high: float | None = None, closed: str = "neither"
    ) -> None:
        self.low, self.high, self.closed = low, high, closed

    def fits(self, value: Any) -> bool:
        """Whether `value` is a number and not True or False."""
        return isinstance(value, self.kind) and not isinstance(value, bool | np.bool)

    def allows(self, value: Any) -> bool:
        """Whether the number is finite and between the limits."""
        return bool(self.within(float(value)))

    def within(self, values: float | np.ndarray) -> np.ndarray:
        """Return which numbers are finite and between the limits."""
        inside = np.isfinite(values)
        if self.low is not None:
            inside &= values >= self.low if self.closed in ("left", "both") else values > self.low
        if self.high is not None:
            inside &= (
                values <= self.high if self.closed in ("right", "both") else values < self.high
            )
        return inside

    def __str__(self) -> str:
        """Complete the sentence "must be ..."."""
        limits = []
        if self.low is not None:
            limits.append(f"{'>=' if self.closed in ('left', 'both') else '>'} {self.low}")
        if self.high is not None:
            limits.append(f"{'<=' if self.closed in ('right', 'both') else '<'} {self.high}")
        return " ".join(filter(None, [self.noun, " and ".join(limits)]))


class Integer(Number):
    """An integer from `low` to `high`."""

    kind: type = Integral
    noun = "an integer"

    def __init__(self, low: int | None = None, high: int | None = None) -> None:
        super().__init__(low, high, closed="both")


class Option(Constraint):
    """One of some words."""

    def __init__(self, *words: str) -> None:
        self.words = words

    def fits(self, value: Any) -> bool:
        """Whether `value` is a word at all."""
        return isinstance(value, str)

    def allows(self, value: Any) -> bool:
        """Whether it is one of the words."""
        return value in self.words

    def __str__(self) -> str:
        """Complete the sentence "must be ..."."""
        words = ", ".join(repr(word) for word in self.words)
        return f"one of {words}" if len(self.words) > 1 else words


class Flag(Constraint):
    """True or False."""

    def fits(self, value: Any) -> bool:
        """Whether `value` is a truth value."""
        return isinstance(value, bool | np.bool)

    def __str__(self) -> str:
        """Complete the sentence "must be ..."."""
        return "True or False"


class Instance(Constraint):
    """An object of one of some classes; `noun` describes it."""

    def __init__(self, *classes: type, noun: str) -> None:
        self.classes, self.noun = classes, noun

    def fits(self, value: Any) -> bool:
        """Whether `value` is of one of the classes."""
        return isinstance(value, self.classes)

    def __str__(self) -> str:
        """Complete the sentence "must be ..."."""
        return self.noun


class Seed(Constraint):
    """None, an integer from 0 to 2**32 - 1, or a RandomState."""

    def fits(self, value: Any) -> bool:
        """Whether a random generator can be made of `value`."""
        integer = isinstance(value, Integral) and not isinstance(value, bool | np.bool)
        return value is None or integer or isinstance(value, np.random.RandomState)

    def allows(self, value: Any) -> bool:
        """Whether an integer is in the range that NumPy takes."""
        return not isinstance(value, Integral) or 0 <= int(value) < 2**32

    def __str__(self) -> str:
        """Complete the sentence "must be ..."."""
        return "None, an integer from 0 to 2**32 - 1 or a RandomState"


class Anything(Constraint):
    """Anything but None: arrays and the like, which are checked once their shape is known."""

    def __init__(self, noun: str = "an array") -> None:
        self.noun = noun

    def fits(self, value: Any) -> bool:
        """Whether `value` was given at all."""
        return value is not None

    def __str__(self) -> str:
        """Complete the sentence "must be ..."."""
        return self.noun


class Arrays(Anything):
    """An array or a list, checked once its shape is known; not a single word."""

    def fits(self, value: Any) -> bool:
        """Whether `value` is neither None nor a word."""
        return super().fits(value) and not isinstance(value, str)


class Numbers(Anything):
    """A real number or an array of them, whose shape is checked once it is known."""

    def fits(self, value: Any) -> bool:
        """Whether `value` holds numbers; arrays of other libraries than NumPy do."""
        if value is None or isinstance(value, str | bytes):
            return False
        if hasattr(value, "dtype") and not isinstance(value.dtype, np.dtype):
            return True
        try:
            return np.asarray(value, dtype=float).dtype.kind == "f"
        except (TypeError, ValueError):
            return False


class PerVariant(Numbers):
    """A number, or one per variant: an array, or a dict from labels to numbers."""

    def __init__(self) -> None:
        super().__init__("a number, an array or a dict from labels of variants to numbers")

    def fits(self, value: Any) -> bool:
        """Whether `value` holds numbers."""
        return super().fits(list(value.values()) if isinstance(value, Mapping) else value)


class Methods(Constraint):
    """An object, not a class, that has some methods; `noun` describes it."""

    def __init__(self, *methods: str, noun: str) -> None:
        self.methods, self.noun = methods, noun

    def fits(self, value: Any) -> bool:
        """Whether `value` has all of the methods."""
        return not isinstance(value, type) and all(hasattr(value, name) for name in self.methods)

    def __str__(self) -> str:
        """Complete the sentence "must be ..."."""
        return self.noun


Constraints = Mapping[str, Iterable[Constraint | None]]


def check_parameters(estimator: Any) -> None:
    """Check every parameter of `estimator` against its table ``_constraints``.

    Raises
    ------
    ParameterError
        Naming the parameter, what it must be, and what was got.
    """
    for name, value in estimator.get_params(deep=False).items():
        check_parameter(value, name, estimator._constraints[name])


def check_parameter(value: Any, name: str, constraints: Iterable[Constraint | None]) -> None:
    """Raise ParameterError if `value` meets none of the `constraints`."""
    constraints = list(constraints)
    if value is None and None in constraints:
        return
    rules = [rule for rule in constraints if rule is not None]
    if any(rule.fits(value) and rule.allows(value) for rule in rules):
        return
    expected = [*(["None"] if None in constraints else []), *map(str, rules)]
    raise ParameterError(f"{name} must be {_either(expected)}; got {_shown(value)}.")


def check_option(value: Any, name: str, options: Iterable[str]) -> None:
    """Raise unless `value` is one of the words `options`."""
    check_parameter(value, name, [Option(*options)])


def check_number(
    value: Any,
    name: str,
    *,
    integer: bool = False,
    low: float | None = None,
    high: float | None = None,
    closed: str = "neither",
) -> None:
    """Raise unless `value` is a finite number (or an integer) between `low` and `high`."""
    rule = Integer() if integer else Number()
    rule.low, rule.high, rule.closed = low, high, closed
    check_parameter(value, name, [rule])


def _either(phrases: list[str]) -> str:
    """Join phrases by commas and "or"."""
    return " or ".join(filter(None, [", ".join(phrases[:-1]), phrases[-1]]))


def _shown(value: Any) -> str:
    """Return a value as an error shows it: arrays by their shape."""
    if isinstance(value, np.ndarray) or (hasattr(value, "shape") and hasattr(value, "dtype")):
        return f"an array of shape {tuple(value.shape)}"
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
