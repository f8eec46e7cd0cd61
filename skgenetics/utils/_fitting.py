"""A fit that fails leaves the estimator as it was."""

import functools
from collections.abc import Callable
from typing import Any, TypeVar

Method = TypeVar("Method", bound=Callable[..., Any])


class FitKept(ValueError):
    """The fit ended with an error, but what it had reached is whole and stays."""


def all_or_nothing(method: Method) -> Method:
    """Decorate a method that fits: if it raises, all attributes are those from before the call.

    An estimator that was not fitted is not fitted then, and one that was predicts as before. An
    interrupt counts as an error, `FitKept` does not. Attributes are restored, not copied: the
    method must not change in place what an earlier fit has left. It stands above
    ``with_callbacks``, which puts attributes of its own away first.
    """

    @functools.wraps(method)
    def fit(self: Any, *args: Any, **kwargs: Any) -> Any:
        before = vars(self).copy()
        try:
            return method(self, *args, **kwargs)
        except FitKept:
            raise
        except BaseException:
            vars(self).clear()
            vars(self).update(before)
            raise

    return fit  # type: ignore[return-value]
