from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.linear_model import Ridge

from skgenetics.utils._parameters import (
    Anything,
    Flag,
    Instance,
    Integer,
    Methods,
    Number,
    Numbers,
    Option,
    ParameterError,
    Seed,
    check_number,
    check_option,
    check_parameter,
    check_parameters,
)

SHARE = Number(0, 1, closed="right")


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        (Option("a", "b"), "b"),
        (SHARE, 1),
        (SHARE, np.float32(0.5)),
        (Number(low=0, closed="left"), 0),
        (Number(), -3.5),
        (Integer(low=1), np.int8(1)),
        (Flag(), False),
        (Flag(), np.True_),
        (Instance(dict, noun="a dict"), {}),
        (Seed(), None),
        (Seed(), 2**32 - 1),
        (Seed(), np.random.RandomState(0)),
        (Anything(), np.zeros(3)),
        (Numbers(), 0.5),
        (Numbers(), [1, np.float32(2)]),
        (Numbers(), pd.Series([1.0, None], dtype="Float64").astype(float)),
        (Methods("fit", noun="a model"), Ridge()),
    ],
)
def test_what_is_allowed(rule, value):
    check_parameter(value, "share", [rule])


@pytest.mark.parametrize(
    ("rules", "value", "message"),
    [
        ([Option("a", "b")], 3, "share must be one of 'a', 'b'; got 3"),
        ([Option("a", "b")], "c", "share must be one of 'a', 'b'; got 'c'"),
        ([SHARE], 0, "share must be a number > 0 and <= 1; got 0"),
        ([SHARE], 2, "share must be a number > 0 and <= 1; got 2"),
        ([SHARE], True, "share must be a number > 0 and <= 1; got True"),
        ([SHARE], "1", "share must be a number > 0 and <= 1; got '1'"),
        ([SHARE], None, "share must be a number > 0 and <= 1; got None"),
        ([Number()], float("nan"), "share must be a number; got nan"),
        ([Number(low=0)], float("inf"), "share must be a number > 0; got inf"),
        ([Integer(low=1)], 1.0, "share must be an integer >= 1; got 1.0"),
        ([None, Option("auto"), Integer(low=1)], 0, "None, 'auto' or an integer >= 1; got 0"),
        ([Flag()], 1, "share must be True or False; got 1"),
        ([Seed()], -1, "share must be None, an integer from 0 to"),
        ([Seed()], "seed", "share must be None, an integer from 0 to"),
        ([Anything("an array")], None, "share must be an array; got None"),
        ([Numbers("numbers")], "many", "share must be numbers; got 'many'"),
        ([Numbers("numbers")], [1j], "share must be numbers; got"),
        ([Numbers("numbers")], [[1], [1, 2]], "share must be numbers; got"),
        ([Numbers("numbers")], {"a": 1}, "share must be numbers; got"),
        ([None, Numbers("numbers")], object(), "share must be None or numbers; got"),
        ([Methods("fit", noun="a model")], Ridge, "share must be a model; got <class"),
        ([Methods("fit", noun="a model")], "Ridge", "share must be a model; got 'Ridge'"),
        ([Number()], np.zeros((2, 3)), "got an array of shape \\(2, 3\\)"),
    ],
)
def test_what_is_not(rules, value, message):
    with pytest.raises(ParameterError, match=message) as raised:
        check_parameter(value, "share", rules)
    assert isinstance(raised.value, ValueError)
    assert isinstance(raised.value, TypeError)


def test_none_only_where_it_is_listed():
    check_parameter(None, "share", [None, SHARE])


class Model(BaseEstimator):
    _constraints: ClassVar = {"share": [SHARE], "kind": [None, Option("a")]}

    def __init__(self, share=0.5, kind=None):
        self.share = share
        self.kind = kind


def test_the_table_of_an_estimator():
    check_parameters(Model())
    check_parameters(Model(kind="a"))
    with pytest.raises(ParameterError, match="kind must be None or 'a'; got 'b'"):
        check_parameters(Model(kind="b"))


def test_options_and_numbers():
    check_option("a", "kind", ("a", "b"))
    with pytest.raises(ValueError, match="kind must be one of 'a', 'b'; got 3"):
        check_option(3, "kind", ("a", "b"))
    check_number(0, "tol", low=0, closed="left")
    with pytest.raises(ValueError, match=r"count must be an integer; got 1\.5"):
        check_number(1.5, "count", integer=True)
