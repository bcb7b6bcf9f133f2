"""The one gate: what passes, and that everything else is one line that names the argument."""

from __future__ import annotations

import fractions
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest

from keras_pde.runtime import gate

ONES = np.ones((1, 4, 1), "float32")
REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "int32": (lambda: gate.tensor(ONES.astype("int32"), "u"), "int32"),
    "uint8": (lambda: gate.tensor(ONES.astype("uint8"), "u"), "uint8"),
    "bool": (lambda: gate.tensor(ONES > 0, "u"), "bool"),
    "complex": (lambda: gate.tensor(ONES * 1j, "u"), "complex64"),
    "string": (lambda: gate.tensor(np.array(["a"]), "u"), "str"),
    "object": (lambda: gate.tensor(ONES.astype(object), "u"), "object"),
    "long double": (lambda: gate.tensor(ONES.astype(np.longdouble), "u"), "float"),
    "masked": (lambda: gate.tensor(np.ma.masked_array(ONES, ONES > 0), "u"), "mask"),
    "a list": (lambda: gate.tensor([1.0], "u"), r"\[1.0\]"),
    "a number": (lambda: gate.tensor(1.0, "u"), "1.0"),
    "nothing": (lambda: gate.tensor(None, "u"), "None"),
    "a backend's integers": (lambda: gate.tensor(keras.ops.ones((1, 4, 1), "int32"), "u"), "int32"),
    "symbolic integers": (lambda: gate.tensor(keras.Input((4, 1), dtype="uint8"), "u"), "uint8"),
    "rank": (lambda: gate.tensor(ONES[0], "u", ranks=(3, 4, 5)), r"3 to 5 axes.*\(4, 1\)"),
    "one rank": (lambda: gate.tensor(ONES, "u", ranks=(1,)), r"1 axis.*\(1, 4, 1\)"),
    "channels": (lambda: gate.tensor(ONES, "u", channels=2), r"2 channels.*\(1, 4, 1\)"),
    "no channels": (lambda: gate.tensor(np.float32(1), "u", channels=1), "no axis"),
    "no points": (lambda: gate.tensor(ONES[:, :0], "u"), r"no points.*\(1, 0, 1\)"),
    "array: masked": (lambda: gate.array(np.ma.masked_array(ONES), "u"), "mask"),
    "array: complex": (lambda: gate.array(ONES * 1j, "u"), "complex64"),
    "array: bool": (lambda: gate.array(ONES > 0, "u", integers=True), "bool"),
    "array: object": (lambda: gate.array(ONES.astype(object), "u", integers=True), "object"),
    "array: integers": (lambda: gate.array([1, 2], "u"), "int"),
    "array: unequal lengths": (lambda: gate.array([[1.0], [1.0, 2.0]], "u"), r"\[\[1.0\]"),
    "array: strings": (lambda: gate.array(["1"], "u", integers=True), "'1'"),
    "array: nothing": (lambda: gate.array(None, "u"), "None"),
    "array: dates": (lambda: gate.array(np.zeros(2, "datetime64[s]"), "u"), "datetime"),
    "array: rank": (lambda: gate.array(ONES, "u", ranks=(2,)), r"2 axes.*\(1, 4, 1\)"),
    "array: channels": (lambda: gate.array(ONES, "u", channels=3), r"3 channels"),
    "array: empty": (lambda: gate.array(ONES[:0], "u"), r"empty.*\(0, 4, 1\)"),
    "array: NaN": (lambda: gate.array(ONES * np.nan, "u"), "4 of 4"),
    "number: bool": (lambda: gate.number(True, "u"), "True"),
    "number: NumPy's bool": (lambda: gate.number(np.True_, "u"), "True"),
    "number: string": (lambda: gate.number("3", "u"), "'3'"),
    "number: NaN": (lambda: gate.number(np.nan, "u"), "nan"),
    "number: infinite": (lambda: gate.number(10**400, "u"), "finite.*1000"),
    "number: of endless digits": (lambda: gate.number(10**5000, "u"), "digits"),
    "number: complex": (lambda: gate.number(1j, "u"), "1j"),
    "number: several": (lambda: gate.number(np.ones(2), "u"), r"shape \(2,\)"),
    "number: nothing": (lambda: gate.number(None, "u"), "None"),
    "number: below": (lambda: gate.number(-1, "u", low=0, none=True), ">= 0 or None.*-1"),
    "number: at an open bound": (lambda: gate.number(0, "u", low=0, low_open=True), "> 0"),
    "number: above": (lambda: gate.number(2, "u", low=0, high=1, high_open=True), ">= 0 and < 1"),
    "whole: half": (lambda: gate.whole(2.5, "u"), "whole number.*2.5"),
    "whole: bool": (lambda: gate.whole(True, "u"), "True"),
    "whole: string": (lambda: gate.whole("3", "u", low=1), "whole number >= 1.*'3'"),
    "whole: below": (lambda: gate.whole(0, "u", low=1, high=9), ">= 1 and <= 9.*0"),
    "whole: above": (lambda: gate.whole(10**9, "u", high=500), "<= 500"),
    "flag: a number": (lambda: gate.flag(1, "u"), "True or False.*1"),
    "word: near": (lambda: gate.word("neuman", "u", ["neumann"]), "mean 'neumann'"),
    "word: no string": (lambda: gate.word(3, "u", ["neumann"]), "'neumann'.*3"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_is_named_in_one_line(case: str) -> None:
    call, came = REFUSED[case]
    with pytest.raises(ValueError, match=came) as found:
        call()
    text = str(found.value)
    assert text.startswith("u ")
    assert "\n" not in text
    assert len(text) < 250


def test_floats_of_every_kind_pass() -> None:
    for dtype in gate.FLOATS:
        gate.tensor(keras.ops.ones((0, 4, 1), dtype), "u", ranks=(3, 4, 5), channels=1)
        gate.tensor(keras.KerasTensor((None, None, None), dtype), "u", ranks=(3,), channels=1)
        assert gate.array(keras.ops.ones((2, 1), dtype), "u").dtype.kind == "f"
    big = gate.array(np.arange(3.0, dtype=">f8"), "u")
    assert big.dtype.isnative
    assert big.tolist() == [0, 1, 2]
    assert gate.array(np.array([[1, 2]], "uint8"), "u", integers=True).dtype == np.uint8
    assert np.isnan(gate.array([np.nan], "u", finite=False)).all()


def test_numbers_come_as_python_s() -> None:
    for x in (2, 2.0, np.float32(2), np.int8(2), np.array(2.0), fractions.Fraction(4, 2)):
        found = gate.number(x, "u", low=2, high=2)
        assert found == 2
        assert type(found) is float
    assert gate.number(None, "u", none=True) is None
    assert type(gate.whole(np.int64(3), "u")) is int
    assert gate.flag(np.True_, "u") is True
    assert gate.word("a", "u", "ab") == "a"
