"""Guarantees own their rules of composition; a certificate is their list."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math

import numpy as np
import pytest

from keras_pde import Certificate
from keras_pde.certificates.averagedness import Averagedness
from keras_pde.certificates.energy_descent import EnergyDescent
from keras_pde.certificates.guarantee import Guarantee
from keras_pde.certificates.lipschitz_constant import LipschitzConstant
from keras_pde.certificates.norm_stability import NormStability


@dataclasses.dataclass(frozen=True)
class MeanKept(Guarantee):
    key = "test_mean"
    title = "the mean of all values"
    claim = "mean kept"

    @property
    def formula(self) -> str:
        return "mean N(u) = mean u" if self.proved else ""

    @property
    def words(self) -> str:
        return "keeps the mean" if self.proved else ""

    def then(self, other):
        both = self.proved and other.proved
        return self.composed(other, 1.0 if both else None)


KEPT = MeanKept(1.0, "K has zero mean")
ONE = Certificate("one", 0.5, 2.0, 0.25, True, {"norm": "n"}, ("exact",)).with_guarantees(KEPT)
TWO = Certificate("two", 3.0, 0.5, 0.75, False, {"norm": "m"}, ("sizes",))


def test_a_kind_of_ones_own_is_printed_summed_up_and_written_as_json():
    lines = str(ONE).splitlines()
    assert lines[5].startswith("  the mean of all values proved      mean N(u) = mean u")
    assert lines[1].startswith("  norm stability         proved")  # as wide as the longest title
    assert ONE.summary().endswith(", keeps the mean; assuming exact")
    assert ONE.summary(assuming=False).endswith(", keeps the mean")
    assert repr(ONE).startswith("<Certificate of one: ")
    assert repr(ONE).endswith("; assuming exact>")
    assert ONE.claims()[-1] == "mean kept"
    assert ONE["test_mean"] == KEPT
    facts = json.loads(json.dumps(ONE.as_json()))
    assert facts["guarantees"][-1] == {
        "key": "test_mean",
        "title": "the mean of all values",
        "proved": True,
        "constant": 1.0,
        "formula": "mean N(u) = mean u",
        "tolerance": 0.0,
        "reason": "K has zero mean",
    }
    assert (facts["norm_gain"], facts["lipschitz"], facts["reasons"]["norm"]) == (0.5, 2.0, "n")


def test_a_kind_composes_by_its_own_rule_and_is_lost_behind_a_map_that_does_not_state_it():
    assert ONE.then(ONE)["test_mean"].proved
    for lost in (ONE.then(TWO)["test_mean"], TWO.then(ONE)["test_mean"]):
        assert not lost.proved
        assert lost.reason == "it is not stated about two"
    assert ONE.plus(ONE)["test_mean"].reason == "no rule for a sum of maps"
    assert not ONE.lifted()["test_mean"].proved


def test_constants_add_up_in_sums_and_are_the_legs_of_a_triangle_beside_each_other():
    total, pair, mean = ONE.plus(TWO), ONE.beside(TWO), ONE.mixed(TWO, 0.25)
    assert (total.norm_gain, total.lipschitz, total.averaged) == (3.5, 2.5, None)
    assert pair.lipschitz == pytest.approx(math.hypot(2, 0.5))
    assert pair.norm_gain == pytest.approx(math.hypot(0.5, 3))
    assert (mean.lipschitz, mean.averaged) == (pytest.approx(1.625), pytest.approx(0.375))
    assert total.assumptions == ("exact", "sizes")
    assert total.subject == "one + two"
    for certificate in (total, pair, mean):
        assert not certificate.energy_descent
    with pytest.raises(ValueError, match=r"in \[0, 1\]"):
        ONE.mixed(TWO, 1.5)
    assert ONE.plus(Certificate("none")).lipschitz == math.inf


def test_rules_of_sums_hold_for_random_matrices(rng):
    for _ in range(100):
        a, b = rng.normal(size=(2, 4, 4))
        c, d = (Certificate("m", lipschitz=float(np.linalg.norm(m, 2))) for m in (a, b))
        assert np.linalg.norm(a + b, 2) <= c.plus(d).lipschitz * (1 + 1e-12)
        assert np.linalg.norm(np.vstack([a, b]), 2) <= c.beside(d).lipschitz * (1 + 1e-12)
        assert np.linalg.norm(0.3 * a + 0.7 * b, 2) <= c.mixed(d, 0.7).lipschitz * (1 + 1e-12)
        assert np.linalg.norm(b @ a, 2) <= c.then(d).lipschitz * (1 + 1e-12)


def test_means_of_averaged_maps_are_averaged_with_the_mean_of_their_constants(rng):
    for _ in range(100):
        s, t, weight = rng.uniform(0.05, 0.95, 3)
        q, r = (np.linalg.qr(rng.normal(size=(3, 3)))[0] for _ in range(2))
        first = (1 - s) * np.eye(3) + s * q
        second = (1 - t) * np.eye(3) + t * r
        theta = Averagedness(s).mixed(Averagedness(t), weight).constant
        mean = (1 - weight) * first + weight * second
        rest = (mean - (1 - theta) * np.eye(3)) / theta
        assert np.linalg.norm(rest, 2) <= 1 + 1e-12


def test_the_reason_of_a_lost_guarantee_is_that_of_the_first_map_that_has_none():
    a = Certificate("a", norm_gain=math.inf, lipschitz=1.0, reasons={"norm": "a bias"})
    b = Certificate("b", 2.0, math.inf, reasons={"norm": "fine", "lipschitz": "steep"})
    both = a.then(b)
    assert both.reasons["norm"] == "a bias"
    assert both.reasons["lipschitz"] == "steep"
    assert b.then(a).reasons["norm"] == "a bias"


def test_constants_may_be_given_anew_and_a_certificate_states_each_kind_once():
    other = dataclasses.replace(ONE, lipschitz=1.0, averaged=None)
    assert (other.lipschitz, other.averaged, other.norm_gain) == (1.0, None, 0.5)
    assert other["test_mean"].proved
    assert ONE.with_guarantees(NormStability(1.0)).norm_gain == 1.0
    assert len(ONE.with_guarantees(NormStability(1.0)).guarantees) == 5
    with pytest.raises(ValueError, match="one guarantee of each kind"):
        Certificate("x", guarantees=(LipschitzConstant(1.0), LipschitzConstant(2.0)))
    short = Certificate("x", guarantees=(LipschitzConstant(1.0),))
    assert (short.norm_gain, short.averaged, short.energy_descent) == (math.inf, None, False)
    with pytest.raises(KeyError, match="No guarantee 'norm' is stated about x, but lipschitz"):
        short["norm"]


def test_the_strongest_guarantee_is_named_in_a_word():
    assert ONE.strongest() == "averaged"
    assert Certificate("x", 1.0, 1.0).strongest() == "nonexpansive"
    assert Certificate("x", 1.0, 1.5).strongest() == "norm"
    assert Certificate("x", 1.5, 1.5).strongest() == "no"


@pytest.mark.parametrize("kind", [NormStability, LipschitzConstant])
def test_in_a_mean_a_map_of_weight_0_does_not_count(kind):
    bounded, unbounded = kind(2.0), kind()
    assert bounded.mixed(unbounded, 0.0).constant == unbounded.mixed(bounded, 1.0).constant == 2
    assert bounded.mixed(unbounded, 0.5).constant == math.inf


KINDS = [NormStability, LipschitzConstant, Averagedness, EnergyDescent, MeanKept]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("constant", [math.nan, np.float64("nan"), True, "1"])
def test_a_constant_that_is_no_number_is_refused(kind, constant):
    with pytest.raises(ValueError, match=r"is a number.*Received: constant="):
        kind(constant)
    given = {"norm": "norm_gain", "lipschitz": "lipschitz", "averaged": "averaged"}
    if kind.key in given:
        with pytest.raises(ValueError, match="NaN proves nothing"):
            Certificate("x", **{given[kind.key]: constant})


@pytest.mark.parametrize("kind", [NormStability, LipschitzConstant, Averagedness])
def test_a_negative_constant_is_refused(kind):
    with pytest.raises(ValueError, match="number >= 0"):
        kind(-0.1)


@pytest.mark.parametrize("kind", [NormStability, LipschitzConstant, Averagedness])
def test_no_composition_of_extreme_constants_is_nan(kind):
    most = [0.0, 0.5, 1.0, 1e200, 1e308, kind.nothing]
    least = [x for x in most if x is None or x < 1]
    constants = least if kind is Averagedness else most
    for a, b in itertools.product(map(kind, constants), repeat=2):
        results = [a.then(b), a.plus(b), a.beside(b), *(a.mixed(b, w) for w in (0.0, 0.3, 1.0))]
        results += [a.lifted(squared) for squared in (None, 0.0, 2.0, math.inf)]
        for found in results:
            assert found.constant is None or not math.isnan(found.constant)
            assert found.proved in (True, False)
