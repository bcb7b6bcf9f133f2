"""Certificates of whole evolutions, against dense products of random operators, in NumPy alone."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_pde import Schedule, schemes
from keras_pde.certificates.evolution import evolution_certificate, sup_amplification
from keras_pde.certificates.facts import BlockFacts, Rounding

MONOTONE, PERONA_MALIK, FAB = (
    ((0.0, 1.0), (0.0, 1.0)),
    ((0.0, 1.0), (-0.125, 1.0)),
    ((-0.2, 1.0), (-1.142, 1.0)),
)


def facts(strength=2.0, data=0.0, kind=MONOTONE, **options) -> BlockFacts:
    return BlockFacts(strength, data, *kind, **options)


LINEAR = {"kind": ((1.0, 1.0), (1.0, 1.0)), "linear": True}


def certify(schedule, block=None, blocks=None, **options):
    blocks = [block] * len(schedule) if blocks is None else blocks
    return evolution_certificate("test", schedule, blocks, tied=blocks[0] is blocks[-1], **options)


def evolve(schedule, operators, data, low=None) -> np.ndarray:
    """The map f ↦ uᴺ as a matrix; one operator τKᵀGK per step (per cycle if frozen)."""
    n = operators[0].shape[0]
    f = u = np.eye(n)
    k = 0
    for cycle in schedule.cycles:
        old = u
        for tau, w in zip(cycle.step_sizes, cycle.extrapolations, strict=True):
            v = u - tau * (operators[k] @ u + data * (u - f))
            old, u = u, w * v + (1 - w) * old
            k += 1
    return u


def symmetric(rng, n, low, high) -> np.ndarray:
    q = np.linalg.qr(rng.normal(size=(n, n)))[0]
    values = rng.uniform(low, high, n)
    values[rng.random(n) < 0.3] = low
    values[rng.random(n) < 0.3] = high
    return q @ np.diag(values) @ q.T


SCHEDULES = {
    "explicit": schemes.explicit(5),
    "one step": schemes.explicit(1),
    "fed": schemes.fed(4, cycles=2),
    "fsi": schemes.fsi(4, cycles=2),
    "fsi frozen": schemes.fsi(4, cycles=3, frozen=True),
    "dufort-frankel": schemes.dufort_frankel(6),
    "dufort-frankel below 1": schemes.dufort_frankel(6, extrapolation=0.7),
    "custom": Schedule((0.3, 1.0, 0.5, 0.2), (1.0, 1.4, 0.6, 1.1), cycle_length=2),
    "custom frozen": Schedule(
        (1.5, 0.3, 0.5, 1.2), (0.8, 1.4, 0.6, 1.1), frozen=True, cycle_length=2
    ),
    "custom frozen below 1": Schedule(
        (1.5, 0.3, 0.5, 0.7), (0.8, 0.4, 0.6, 1.0), frozen=True, cycle_length=2
    ),
}


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("linear", [False, True])
def test_norm_gain_is_never_below_that_of_random_operators(rng, name, linear):
    schedule = SCHEDULES[name]
    tightest = {}
    for data in (0.0, 0.05, 0.3, 0.7):
        for strength in (0.3, 2 - 2 * data, 3.0):
            block = facts(strength, data, **LINEAR) if linear else facts(strength, data)
            tied, untied = (
                certify(schedule, block),
                certify(schedule, blocks=[facts(strength, data) for _ in schedule.step_sizes]),
            )
            per_cycle = [
                facts(strength, data, **(LINEAR if linear else {})) for _ in schedule.cycles
            ]
            cyclewise = certify(
                schedule,
                blocks=[per_cycle[k // schedule.cycle_length] for k in range(len(schedule))],
            )
            largest = 0.0
            for trial in range(60):
                each = [symmetric(rng, 2 + trial % 3, 0, strength) for _ in schedule.step_sizes]
                if trial % 2:  # the extremes, in any order: the worst of extrapolating schemes
                    alternating = (
                        np.arange(len(schedule)) % schedule.cycle_length + trial // 2
                    ) % 2
                    pattern = rng.integers(2, size=len(schedule)) if trial > 4 else alternating
                    each = [strength * float(x) * np.eye(2) for x in pattern]
                cycles = [each[k - k % schedule.cycle_length] for k in range(len(schedule))]
                one = [each[0]] * len(schedule)
                assert np.linalg.norm(evolve(schedule, one, data), 2) <= tied.norm_gain * (1 + 1e-9)
                if schedule.frozen:  # one operator a cycle
                    gain = np.linalg.norm(evolve(schedule, cycles, data), 2)
                    assert gain <= cyclewise.norm_gain * (1 + 1e-9)
                    assert gain <= tied.norm_gain * (1 + 1e-9) or linear
                else:
                    gain = np.linalg.norm(evolve(schedule, each, data), 2)
                    assert gain <= untied.norm_gain * (1 + 1e-9)
                    assert gain <= tied.norm_gain * (1 + 1e-9) or linear
                largest = max(largest, gain)
            tightest[data, strength] = (
                largest / (cyclewise if schedule.frozen else untied).norm_gain
            )
    assert max(tightest.values()) > 0.8  # and it is not idle: some operators come close


def test_data_term_and_state_may_lie_in_different_eigenspaces():
    """sup(|p| + |q|) is no bound of ‖p(B)u + q(B)f‖.

    Two cycles with operators of their own exceed 1 by it.
    """
    schedule = schemes.fed(4, cycles=2)
    root = 1 / max(schedule.step_sizes)
    data = 0.975 * root
    strength = 2 - 2 * data
    worst = 0.0
    rng = np.random.default_rng(0)
    for _ in range(3000):
        operators = [symmetric(rng, 2, 0, strength) for _ in range(2)]
        worst = max(
            worst, np.linalg.norm(evolve(schedule, [operators[k // 4] for k in range(8)], data), 2)
        )
    blocks = [facts(strength, data, **LINEAR) for _ in range(2)]
    certificate = certify(schedule, blocks=[blocks[k // 4] for k in range(8)])
    assert worst > 1.001
    assert certificate.norm_gain >= worst
    assert certificate.lipschitz >= worst
    assert not certificate.norm_stable


def test_small_data_terms_keep_frozen_cycles_norm_stable():
    for schedule in (schemes.fed(5, cycles=3), schemes.fsi(5, cycles=3, frozen=True)):
        for data in (1e-6, 0.003, 0.02):
            assert certify(schedule, facts(2 - 2 * data, data)).norm_gain == 1.0
    # a single cycle starts at u = f: bounded for every data term
    for data in (0.01, 0.3, 0.9):
        assert certify(schemes.fed(5), facts(2 - 2 * data, data)).norm_gain == 1.0


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    st.integers(1, 12),
    st.sampled_from(["fed", "fsi", "explicit", "dufort_frankel", "custom"]),
    st.floats(-0.5, 1.0),
    st.floats(0.0, 3.5),
    st.floats(0, 0.8),
    st.floats(0.5, 2.0),
    st.integers(0, 1000),
)
def test_sup_amplification_is_an_upper_bound_hypothesis(n, kind, low, width, data, before, seed):
    rng = np.random.default_rng(seed)
    if kind == "custom":
        cycle = Schedule(rng.uniform(0.05, 1.5, n), rng.uniform(0.1, 1.9, n))
    else:
        cycle = getattr(schemes, kind)(n)
    low = max(low, data) if low > 0 else low
    high = low + width
    lam = np.linspace(low, high, 4001)
    p = cycle.amplification(lam)
    safe = np.where(np.abs(lam) < 1e-9, 1e-9, lam)
    q = np.where(np.abs(lam) < 1e-9, 0, data * (1 - p) / safe)
    bound, negative = sup_amplification(cycle, low, high, before, data)
    assert before * np.abs(p).max() + np.abs(q).max() * (data > 0) <= bound * (1 + 1e-9) or (
        low >= data and bound >= max(before, 1) and np.abs(p).max() <= 1
    )
    assert np.abs(before * p).max() <= bound * (1 + 1e-9)
    assert -p.min() <= negative * (1 + 1e-9)
    same, _ = sup_amplification(cycle, low, high, 1.0, data, same=True)
    assert np.abs(p + q).max() <= same * (1 + 1e-9)
    if not data and kind == "custom":
        assert (
            bound
            <= before * max(np.abs(p).max() * 1.01, 1 if (cycle.step_sizes[0] * high <= 2) else 0)
            + 1e-9
            or bound <= before
        )


def test_sup_amplification_is_the_supremum_to_a_quarter_percent_and_exact_where_stable():
    for n in (3, 10, 30):
        fed = schemes.fed(n)
        assert sup_amplification(fed, 0.0, 2.0) == (
            1.0,
            pytest.approx(-fed.amplification(np.linspace(0, 2, 20001)).min(), rel=0.05),
        )
        true = np.abs(fed.amplification(np.linspace(0, 2.5, 20001))).max()
        assert true <= sup_amplification(fed, 0.0, 2.5)[0] <= true * 1.0025
        # below the first root nothing is lost to the margin
        assert sup_amplification(fed, 0.0, 1e-3)[0] == 1.0


def test_fsi_needs_its_own_weights_exactly_to_be_read_as_fed():
    fsi = schemes.fsi(5)
    assert sup_amplification(fsi, 0.0, 2.0)[0] == 1.0
    other = Schedule(fsi.step_sizes, (*fsi.extrapolations[:-1], fsi.extrapolations[-1] * 1.001))
    assert sup_amplification(other, 0.0, 2.0)[0] > 1.0


@pytest.mark.parametrize("w", [1.1, 4 / 3, 1.7])
def test_dufort_frankel_transient_bounds_a_frozen_or_linear_operator(w):
    schedule = schemes.dufort_frankel(9, extrapolation=w)
    certificate = certify(schedule, facts(2.0, **LINEAR))
    p = np.abs(schedule.amplification(np.linspace(0, 2, 4001))).max()
    assert p <= certificate.norm_gain <= max(1, w / (2 - w))
    assert certificate.norm_gain <= p * 1.003


# --- Lipschitz constants and averagedness ---


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("kind", [MONOTONE, PERONA_MALIK, FAB])
def test_lipschitz_constant_is_never_below_that_of_random_jacobians(rng, name, kind):
    schedule = SCHEDULES[name]
    for data, strength in ((0.0, 2.0), (0.2, 1.0)):
        certificate = certify(schedule, facts(strength, data, kind))
        if schedule.frozen:
            assert certificate.lipschitz == math.inf  # no theorem
            continue
        for trial in range(80):
            each = [
                symmetric(rng, 2 + trial % 3, strength * kind[1][0], strength * kind[1][1])
                for _ in schedule.step_sizes
            ]
            assert np.linalg.norm(evolve(schedule, each, data), 2) <= certificate.lipschitz * (
                1 + 1e-9
            )


def test_explicit_steps_of_perona_malik_have_1_25_to_the_n():
    assert certify(schemes.explicit(4), facts(2.0, 0.0, PERONA_MALIK)).lipschitz == pytest.approx(
        1.25**4, rel=1e-12
    )
    assert certify(schemes.explicit(4), facts(2.0)).lipschitz == 1.0
    assert certify(schemes.explicit(4), facts(3.0)).lipschitz == pytest.approx(2**4)


def test_averaged_constants_of_explicit_steps_compose():
    one = certify(schemes.explicit(1), facts(1.0))
    assert one.averaged == pytest.approx(0.5)
    assert one.firmly_nonexpansive
    assert certify(schemes.explicit(2), facts(1.0)).averaged == pytest.approx(2 / 3)
    # at the limit: nonexpansive only
    assert certify(schemes.explicit(1), facts(2.0)).averaged is None
    assert certify(schemes.explicit(1), facts(2.0)).nonexpansive
    for kind, data in ((PERONA_MALIK, 0.0), (FAB, 0.0), (MONOTONE, 0.1)):
        assert certify(schemes.explicit(1), facts(1.0, data, kind)).averaged is None
    for schedule in (schemes.fed(3), schemes.fsi(3), schemes.dufort_frankel(3)):
        assert certify(schedule, facts(0.5)).averaged is None


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("strength", [0.0, 0.2, 1.0, 1.9, 2.0, 2.4])
def test_linear_evolutions_are_averaged_with_the_stated_constant(name, strength):
    schedule = SCHEDULES[name]
    theta = certify(schedule, facts(strength, **LINEAR)).averaged
    if theta is not None:
        eigenvalues = schedule.amplification(np.linspace(0, strength, 4001))
        assert (
            (np.abs((eigenvalues - 1 + theta) / theta) <= 1 + 1e-9).all()
            if theta
            else np.ptp(eigenvalues) == 0
        )
    elif name in ("fed", "fsi", "fsi frozen"):
        assert strength >= 2


def test_linear_fed_and_fsi_are_averaged_and_their_explicit_steps_at_the_limit_are_not():
    assert certify(schemes.fed(5), facts(2.0, **LINEAR)).averaged < 0.65
    assert certify(schemes.fsi(5), facts(2.0, **LINEAR)).averaged < 0.65
    assert certify(schemes.explicit(5), facts(2.0, **LINEAR)).averaged is None


# --- energy ---


def quadratic_energy_grows(schedule, strength) -> bool:
    return bool(np.abs(schedule.amplification(np.linspace(1e-3, strength, 2001))).max() > 1 + 1e-9)


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("strength", [0.4, 1.0, 2.0, 2.5])
@pytest.mark.parametrize("kind", ["linear", "nonlinear"])
def test_energy_descent_is_not_claimed_where_a_quadratic_energy_grows(name, strength, kind):
    """A small state sees a quadratic energy whatever the flux."""
    schedule = SCHEDULES[name]
    certificate = certify(schedule, facts(strength, **(LINEAR if kind == "linear" else {})))
    if quadratic_energy_grows(schedule, strength):
        assert not certificate.energy_descent, str(certificate)


def test_energy_descent_needs_constant_steps_where_the_scheme_extrapolates():
    """The last small steps coast on the momentum of the large ones.

    |p| = 2.9, though each step obeys its own limit.
    """
    w = 1.95
    large = 0.999 * 2 * (2 - w) / w
    schedule = Schedule((large,) * 6 + (1e-6,) * 14, (w,) * 20)
    assert np.abs(schedule.amplification(np.linspace(0, 1, 2001))).max() == pytest.approx(
        2.91, abs=0.01
    )
    for block in (facts(1.0), facts(1.0, **LINEAR)):
        assert not certify(schedule, block).energy_descent
    assert certify(
        schemes.dufort_frankel(20, extrapolation=w).scaled(large), facts(1.0)
    ).energy_descent


def test_energy_rules_and_their_reasons():
    assert certify(schemes.explicit(3), facts(2.0)).energy_descent
    assert certify(schemes.explicit(3), facts(2.0, 0.0, PERONA_MALIK)).energy_descent
    # nonmonotone and negative g allowed
    assert certify(schemes.explicit(3), facts(2.0, 0.0, FAB)).energy_descent
    assert not certify(schemes.explicit(3), facts(2.001)).energy_descent
    assert certify(schemes.explicit(3), facts(1.8, 0.2)).energy_descent
    assert not certify(schemes.explicit(3), facts(1.8, 0.3)).energy_descent
    assert certify(schemes.dufort_frankel(3, extrapolation=0.8), facts(2.0)).energy_descent
    # the physical step is twice as large
    assert not certify(schemes.dufort_frankel(3), facts(2.0)).energy_descent
    assert certify(schemes.dufort_frankel(3), facts(1.0)).energy_descent
    assert not certify(schemes.fsi(3), facts(0.1)).energy_descent
    assert not certify(schemes.fed(3), facts(2.0)).energy_descent
    assert certify(schemes.fed(3), facts(2.0, **LINEAR)).energy_descent
    assert not certify(schemes.explicit(2), blocks=[facts(1.0), facts(1.0)]).energy_descent
    reason = certify(schemes.explicit(3), facts(2.00001)).reasons["energy"]
    assert "it is 2.0001" in reason  # rounded up, so that it exceeds the limit it is said to exceed


# --- bias, reasons ---


def test_bias_loses_the_norm_and_nothing_else():
    for schedule in SCHEDULES.values():
        plain, biased = certify(schedule, facts(1.0)), certify(schedule, facts(1.0, biased=True))
        assert biased.norm_gain == math.inf
        assert "(S3)" in biased.reasons["norm"]
        assert (biased.lipschitz, biased.averaged, biased.energy_descent) == (
            plain.lipschitz,
            plain.averaged,
            plain.energy_descent,
        )


def test_untied_fsi_is_certified_with_its_worst_case_only():
    for n, worst in ((4, 4.6), (8, 82)):
        certificate = certify(schemes.fsi(n), blocks=[facts(2.0) for _ in range(n)])
        assert certificate.norm_gain == pytest.approx(worst, rel=0.01)
        assert "worst case of a varying operator" in certificate.reasons["norm"]
        # tied, nonlinear: no theorem either
        assert certify(schemes.fsi(n), facts(2.0)).norm_gain == certificate.norm_gain
        assert certify(schemes.fsi(n, frozen=True), facts(2.0)).norm_gain == 1
        assert certify(schemes.fsi(n), facts(2.0, **LINEAR)).norm_gain == 1


def test_reasons_state_the_theorem_or_its_end():
    cases = {
        "norm": [
            (schemes.explicit(2), facts(2.0), "(S1)"),
            (schemes.explicit(2), facts(2.1), "exceeds 2/"),
            (schemes.fed(2), facts(2.0), "of the frozen operator"),
            (schemes.fed(2), facts(2.0, **LINEAR), "of the linear operator"),
            (schemes.explicit(2), facts(1.0, 0.0, FAB), "(S7)"),
            (schemes.explicit(2), facts(1.0, 0.1), "2β + "),
        ],
        "lipschitz": [
            (schemes.explicit(2), facts(2.0), "Φ is monotone (S2)"),
            (schemes.explicit(2), facts(3.0), "a step size exceeds 2/(L‖K‖²), though Φ is mono"),
            (schemes.explicit(2), facts(2.0, 0.0, PERONA_MALIK), "Φ′ ≥ -0.125 (S2)"),
            (schemes.explicit(2), facts(3.0, 0.0, PERONA_MALIK), "-0.125, and a step size exceeds"),
            (schemes.fed(2), facts(2.0), "no theorem"),
            (schemes.dufort_frankel(2), facts(2.0), "worst case of the extrapolation"),
        ],
        "averaged": [
            (schemes.explicit(2), facts(1.0), "(S4)"),
            (schemes.explicit(2), facts(1.0, 0.1), "data term"),
            (schemes.explicit(2), facts(1.0, 0.0, PERONA_MALIK), "needs a monotone flux"),
        ],
    }
    for key, rows in cases.items():
        for schedule, block, words in rows:
            assert words in certify(schedule, block).reasons[key]


def test_assumptions_are_united_and_exact_arithmetic_is_always_one():
    blocks = [facts(1.0, assumptions=("sizes",)), facts(1.0, assumptions=("sizes", "noise"))]
    assert certify(schemes.explicit(2), blocks=blocks).assumptions == (
        "sizes",
        "noise",
        "exact arithmetic",
    )


EXTREME = (0.0, 1e-300, 1.0, 1e30, 1e300)


@pytest.mark.parametrize(
    "schedule",
    [
        schemes.explicit(4),
        schemes.fed(4),
        schemes.fsi(4),
        schemes.fsi(4, frozen=True),
        schemes.dufort_frankel(4),
        Schedule((0.5, 1.0, 1.5, 0.1), (1.0, 0.5, 1.7, 1.0), cycle_length=2),
    ],
    ids=str,
)
@pytest.mark.parametrize("rounding", [None, Rounding("bfloat16", 2.0**-8, 0.01, 0.01)])
def test_no_constant_is_ever_nan(schedule, rounding):
    """0 · ∞ along a schedule: weights 0 of extrapolations, steps of size 0, bounds that are ∞."""
    bounds = [(0.0, 1.0), (0.0, math.inf), (-math.inf, 1.0), (0.0, 0.0)]
    for strength, data, slope, asymmetry, linear in itertools.product(
        EXTREME, (0.0, 1.0, 1e30), bounds, (0.0, math.inf), (False, True)
    ):
        block = BlockFacts(
            strength, data, slope, slope, linear, asymmetry=asymmetry, rounding=rounding
        )
        found = certify(schedule, block)  # a certificate refuses NaN
        if not strength and not data and not rounding and schedule.kind == "explicit":
            assert found.norm_gain == found.lipschitz == 1  # no step is taken
        assert all(guarantee.reason for guarantee in found.guarantees)


@pytest.mark.parametrize("strength", [math.nan, math.inf])
def test_of_a_step_whose_size_is_no_number_nothing_is_proved(strength):
    for block in (facts(strength), facts(1.0, data=strength), facts(1.0, asymmetry=math.nan)):
        found = certify(schemes.explicit(2), block)
        assert not any(guarantee.known for guarantee in found.guarantees)
        assert all("no rule applies" in guarantee.reason for guarantee in found.guarantees)
