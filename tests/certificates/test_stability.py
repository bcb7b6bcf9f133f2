"""Certificates: composition, printing, and the rules of one step, in NumPy alone."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_pde import Certificate
from keras_pde.certificates.averagedness import compose_averaged
from keras_pde.certificates.facts import BlockFacts
from keras_pde.runtime.printed import rounded


def test_flags_follow_from_the_constants():
    certificate = Certificate("x", norm_gain=1.0, lipschitz=1.0, averaged=0.5)
    assert (certificate.norm_stable, certificate.nonexpansive, certificate.firmly_nonexpansive) == (
        True,
        True,
        True,
    )
    above = math.nextafter(1, 2)
    certificate = Certificate(
        "x", norm_gain=above, lipschitz=above, averaged=math.nextafter(0.5, 1)
    )
    assert (certificate.norm_stable, certificate.nonexpansive, certificate.firmly_nonexpansive) == (
        False,
        False,
        False,
    )
    nothing = Certificate("x")
    assert (nothing.norm_gain, nothing.lipschitz, nothing.averaged, nothing.energy_descent) == (
        math.inf,
        math.inf,
        None,
        False,
    )
    assert (nothing.norm_stable, nothing.nonexpansive, nothing.firmly_nonexpansive) == (
        False,
        False,
        False,
    )


def test_composition_multiplies_constants_and_unites_assumptions_and_reasons():
    a = Certificate(
        "a", 1.5, 2.0, 0.5, True, {"norm": "n1", "lipschitz": "same"}, ("sizes", "exact")
    )
    b = Certificate(
        "b", 2.0, 3.0, None, True, {"norm": "n2", "lipschitz": "same"}, ("exact", "noise")
    )
    both = a.then(b)
    assert (both.norm_gain, both.lipschitz, both.averaged, both.energy_descent) == (
        3.0,
        6.0,
        None,
        False,
    )
    assert both.subject == "a, then b"
    assert both.reasons["norm"] == "n1; then n2"
    assert both.reasons["lipschitz"] == "same"
    assert both.assumptions == ("sizes", "exact", "noise")
    assert a.then(Certificate("c")).norm_gain == math.inf


def test_composition_with_zero_and_infinity():
    """A map to 0 does not tame a map without a norm bound behind it (N(0) ≠ 0), but one after it
    does.
    """
    zero, none = Certificate("zero", 0.0, 0.0), Certificate("none")
    assert zero.then(none).norm_gain == math.inf
    assert none.then(zero).norm_gain == 0
    assert zero.then(none).lipschitz == 0  # a constant stays constant
    assert none.then(zero).lipschitz == 0


def test_averaged_constants_compose_as_combettes_and_yamada():
    assert compose_averaged([0.5, 0.5]) == pytest.approx(2 / 3)
    assert compose_averaged([0.3]) == pytest.approx(0.3)
    assert compose_averaged([0.25, 0.5, 0.1]) == pytest.approx(1 / (1 + 1 / (1 / 3 + 1 + 1 / 9)))
    for impossible in ([], [0.5, None], [1.0, 0.5], [-0.1], [math.nan]):
        assert compose_averaged(impossible) is None
    half = Certificate("a", 1, 1, 0.5)
    assert half.then(half).averaged == pytest.approx(2 / 3)
    assert not half.then(half).firmly_nonexpansive


def test_composition_of_averaged_maps_is_averaged_with_that_constant(rng):
    """On reflections, where it is sharp for two maps: N = (1 − θ)I + θR."""
    worst = 0.0
    for _ in range(300):
        thetas = rng.uniform(0.1, 0.9, 2)
        product = np.eye(2)
        for t in thetas:
            a = rng.uniform(0, math.pi)
            reflection = np.array([[math.cos(a), math.sin(a)], [math.sin(a), -math.cos(a)]])
            product = ((1 - t) * np.eye(2) + t * reflection) @ product
        theta = compose_averaged(list(thetas))
        # R of the composition
        norm = np.linalg.norm((product - (1 - theta) * np.eye(2)) / theta, 2)
        assert norm <= 1 + 1e-12
        worst = max(worst, norm)
    assert worst > 0.95


# --- printing ---


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.floats(min_value=1e-250, max_value=1e250), st.integers(2, 8))
def test_a_printed_bound_is_a_bound_hypothesis(x, digits):
    up, down = float(rounded(x, digits)), float(rounded(x, digits, up=False))
    assert down <= x <= up
    assert up - down <= 2.01 * 10.0 ** (math.floor(math.log10(x)) - digits + 1)


def test_numbers_are_rounded_up_and_kept_where_they_are_exact():
    assert [rounded(x) for x in (1.0, 1.25, 0.1, 0.0, 2.5e8, math.inf)] == [
        "1",
        "1.25",
        "0.1",
        "0",
        "2.5e+08",
        "inf",
    ]
    assert rounded(1.892520640593) == "1.8926"
    assert rounded(math.nextafter(1, 2)) == "1.0001"
    assert rounded(1 + 1e-14) == "1.0001"
    assert rounded(2 / 3, 4, up=False) == "0.6666"
    assert rounded(9.99999) == "10"
    assert rounded(-1.23456) == "-1.2345"


def test_printed_certificate_says_what_is_proved_with_which_constant_and_why():
    text = str(
        Certificate(
            "net",
            1.0,
            1.2500001,
            0.4,
            True,
            {"norm": "because (S1)", "lipschitz": "mu"},
            ("spatial sizes of at least 8", "exact arithmetic"),
        )
    )
    lines = text.splitlines()
    assert lines[0] == "Certificate of net"
    assert "norm stability    proved      ‖N(u)‖ ≤ 1‖u‖" in lines[1]
    assert lines[1].endswith("because (S1)")
    assert "nonexpansiveness  not proved  ‖N(u) − N(v)‖ ≤ 1.2501‖u − v‖" in lines[2]
    assert "averagedness      proved      θ = 0.4 (firmly nonexpansive)" in lines[3]
    assert "energy descent    proved      E(N(u)) ≤ E(u)" in lines[4]
    assert lines[5:] == ["  assuming spatial sizes of at least 8", "  assuming exact arithmetic"]
    nothing = str(Certificate("net"))
    assert nothing.count("not proved") == 4
    assert nothing.count("no bound") == 2
    assert "inf" not in nothing


# --- one step ---


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    st.floats(0, 4), st.floats(0, 1.5), st.floats(-2, 1), st.floats(0, 2.5), st.integers(0, 10**6)
)
def test_gain_is_the_largest_norm_of_the_step_over_all_diffusivities_hypothesis(
    strength, data, low, width, seed
):
    rng = np.random.default_rng(seed)
    bounds = (low, low + width)
    gain = BlockFacts(strength, data).gain(bounds)
    K = rng.normal(size=(5, 4))
    K *= math.sqrt(strength) / np.linalg.norm(K, 2)
    for _ in range(5):
        g = rng.choice(bounds, size=5) if rng.random() < 0.5 else rng.uniform(*bounds, size=5)
        assert np.linalg.norm((1 - data) * np.eye(4) - K.T @ (g[:, None] * K), 2) <= gain + 1e-9
    # attained: one operator with the extreme diffusivity, or none at all
    values = [abs(1 - data - strength * g) for g in (min(0, bounds[0]), max(0, bounds[1]))]
    assert gain == pytest.approx(max(values), abs=1e-9)


def test_rounding_alone_does_not_lose_a_guarantee_but_more_does():
    assert BlockFacts(2 * (1 + 1e-15)).gain((0.0, 1.0)) == 1.0
    assert BlockFacts(2 * (1 + 1e-9)).gain((0.0, 1.0)) > 1.0


def test_scaled_facts_scale_step_and_data_term():
    facts = BlockFacts(1.5, 0.2, (0.1, 0.9), (-0.5, 1.0), biased=True, assumptions=("a",)).scaled(2)
    assert (facts.strength, facts.data) == (3.0, 0.4)
    assert (facts.diffusivity, facts.slope, facts.biased, facts.assumptions) == (
        (0.1, 0.9),
        (-0.5, 1.0),
        True,
        ("a",),
    )
