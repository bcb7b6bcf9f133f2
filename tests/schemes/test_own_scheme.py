"""Schemes own their lists and theorems, and a scheme of one's own works wherever theirs do."""

from __future__ import annotations

import dataclasses
import warnings

import keras
import numpy as np
import pytest

from keras_pde import DiffusionBlock, DiffusionResNet, Schedule, schemes
from keras_pde.certificates.evolution import evolution_certificate
from keras_pde.certificates.facts import BlockFacts


class Chebyshev(schemes.Scheme):
    """Second kind: τₖ = (max_step/2)/cos²(π(k+1)/(2n+2)), weights 1, stable as whole cycles."""

    name = "test_chebyshev"
    frozen = True
    growth = 0.5
    ordered = False

    def lists(self, steps, max_step):
        k = np.arange(1, steps + 1)
        return list(max_step / 2 / np.cos(np.pi * k / (2 * steps + 2)) ** 2), [1.0] * steps

    def energy(self, schedule, curvature):
        return False, "a test knows no energy"


CHEBYSHEV = schemes.register(Chebyshev())

BUILT = {
    "explicit": schemes.explicit(4, max_step=0.3),
    "fed": schemes.fed(5, cycles=2, max_step=0.3),
    "fsi": schemes.fsi(5, cycles=2, max_step=0.3, frozen=True),
    "dufort_frankel": schemes.dufort_frankel(5, extrapolation=1.5, time=3),
    "test_chebyshev": CHEBYSHEV.schedule(5, cycles=2, max_step=0.3),
}


@pytest.mark.parametrize("kind", BUILT)
def test_a_schedule_is_rebuilt_from_its_saved_fields_and_belongs_to_its_scheme(kind):
    schedule = BUILT[kind]
    assert schedule.kind == kind
    assert schemes.scheme_of(schedule).name == kind
    fields = dataclasses.asdict(schedule)
    assert Schedule(**fields) == schedule
    assert Schedule(**dataclasses.asdict(schedule.scaled(0.123))) == schedule.scaled(0.123)


@pytest.mark.parametrize("kind", BUILT)
def test_lists_of_another_kind_get_no_theorem_of_this_one(kind):
    fields = dataclasses.asdict(BUILT[kind])
    n = len(fields["step_sizes"])
    uneven = {**fields, "step_sizes": tuple(0.3 + 0.01 * k for k in range(n))}
    weights = (*fields["extrapolations"][:-1], 0.77)
    for wrong in (uneven, {**fields, "extrapolations": weights}):
        with pytest.raises(ValueError, match=f"kind='{kind}' names a scheme.*Expected in each cyc"):
            Schedule(**wrong)
        free = Schedule(**{**wrong, "kind": "custom"})
        assert schemes.scheme_of(free).name == "custom"
        assert schemes.scheme_of(free).transient(free) == np.inf


@pytest.mark.parametrize("kind", BUILT)
def test_steps_of_a_scheme_beyond_its_limit_are_refused_and_custom_ones_warned_of(kind):
    schedule = BUILT[kind]
    fields = dataclasses.asdict(schedule)
    limit = BUILT[kind].max_step if kind != "dufort_frankel" else max(schedule.step_sizes)
    long = {**fields, "step_sizes": tuple(1.3 * t for t in fields["step_sizes"]), "max_step": limit}
    with pytest.raises(ValueError, match=r"steps are unstable: they are 1.3 times"):
        Schedule(**long)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Schedule(**{**long, "max_step": 1.3 * limit})
    if kind != "dufort_frankel":  # for w > 1 only the transient grows
        with pytest.warns(UserWarning, match="custom schedule is unstable.*up to"):
            Schedule(**{**long, "kind": "custom"})


def block_with(fraction=1.0, step_size="auto"):
    return DiffusionBlock("forward", "charbonnier", step_size, fraction=fraction)


def test_a_network_refuses_steps_that_its_block_does_not_allow():
    long = schemes.explicit(3, max_step=2.0)
    for block in (block_with(), block_with(0.9), block_with(step_size=0.25)):
        net = DiffusionResNet(long, block=block, tied=True)
        with pytest.raises(
            ValueError, match=r"explicit steps are unstable.*Make the schedule with"
        ):
            net.build((None, None, None, 1))
    for block in (block_with(0.5), block_with(step_size=0.125)):
        net = DiffusionResNet(long, block=block, tied=True)
        net.build((None, None, None, 1))
        assert net.certificate().norm_stable
    with pytest.warns(UserWarning, match="is unstable"):
        mine = Schedule((2.0,) * 3, (1.0,) * 3)
    net = DiffusionResNet(mine, block=block_with(), tied=True)
    with pytest.warns(UserWarning, match=r"custom steps are unstable.*up to 27"):
        net.build((None, None, None, 1))
    assert not net.certificate().norm_stable


@pytest.mark.parametrize("steps", [True, "3", 2.5, np.nan, 0, -1, None, [3], 1e400])
def test_numbers_of_steps_that_are_none_are_refused(steps):
    with pytest.raises(ValueError, match="steps"):
        schemes.explicit(steps)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"step_sizes": (0.1, np.nan)}, "step_sizes"),
        ({"step_sizes": (0.1, -0.1)}, "Step sizes must be finite and > 0"),
        ({"step_sizes": ()}, "at least one"),
        ({"step_sizes": (0.1,)}, "Received: 1 and 2"),
        ({"step_sizes": (True, 0.1)}, r"step_sizes\[0\]"),
        ({"step_sizes": ("0.1", 0.1)}, r"step_sizes\[0\]"),
        ({"step_sizes": "ab"}, "step_sizes"),
        ({"step_sizes": 0.1}, "step_sizes"),
        ({"step_sizes": None}, "step_sizes"),
        ({"step_sizes": np.ones((2, 1))}, "step_sizes"),
        ({"step_sizes": np.array([True, True])}, "step_sizes"),
        ({"step_sizes": np.array([0.1, 1j])}, "step_sizes"),
        ({"extrapolations": (1.0, np.inf)}, "extrapolations"),
        ({"extrapolations": (1.0, "1")}, r"extrapolations\[1\]"),
        ({"frozen": 1}, "frozen"),
        ({"cycle_length": 1.5}, "cycle_length"),
        ({"cycle_length": True}, "cycle_length"),
        ({"cycle_length": -1}, "cycle_length"),
        ({"max_step": "1"}, "max_step"),
        ({"max_step": np.nan}, "max_step"),
        ({"kind": 3}, "kind"),
    ],
)
def test_fields_of_a_schedule_that_are_none_are_refused_by_name(fields, message):
    plain = {"step_sizes": (0.1, 0.2), "extrapolations": (1.0, 1.2)}
    with pytest.raises(ValueError, match=message) as error:
        Schedule(**{**plain, **fields})
    assert "\n" not in str(error.value)
    arrays = Schedule(np.array([0.1, 0.2], "float32"), np.array([1, 1]))
    assert arrays.extrapolations == (1.0, 1.0)


def test_fed_may_take_its_steps_in_any_order_and_fsi_may_not():
    fed, fsi = dataclasses.asdict(schemes.fed(6)), dataclasses.asdict(schemes.fsi(6))
    Schedule(**{**fed, "step_sizes": tuple(sorted(fed["step_sizes"]))})
    with pytest.raises(ValueError, match="names a scheme"):
        Schedule(**{**fsi, "extrapolations": tuple(reversed(fsi["extrapolations"]))})


def test_a_kind_that_names_no_scheme_is_kept_and_owns_no_theorem():
    schedule = Schedule((0.1, 0.2), (1.0, 1.2), kind="from a paper")
    assert schedule.kind == "from a paper"
    assert schemes.scheme_of(schedule).first_root(schedule) is None
    assert schemes.retimed(schedule, 3.0).time == pytest.approx(3)


@pytest.mark.parametrize("kind", BUILT)
def test_the_first_root_is_a_root_and_there_is_none_before_it(kind):
    for cycle in (BUILT[kind].cycles[0], BUILT[kind].scaled(0.7).cycles[0]):
        root = schemes.scheme_of(cycle).first_root(cycle)
        if kind == "dufort_frankel":
            assert root is None
            continue
        assert abs(cycle.amplification(root)) < 1e-9
        before = cycle.amplification(np.linspace(0, root * (1 - 1e-6), 4001))
        assert (before > 0).all()
        assert (np.diff(before) < 0).all()


@pytest.mark.parametrize("w", [0.4, 1.0, 1.2, 1.9])
def test_the_transient_of_dufort_frankel_bounds_its_polynomial_on_the_stable_spectrum(w):
    cycle = schemes.dufort_frankel(11, extrapolation=w)
    p = np.abs(cycle.amplification(np.linspace(0, 2, 4001))).max()
    assert p <= schemes.scheme_of(cycle).transient(cycle) * (1 + 1e-12)
    stated = schemes.scheme_of(cycle).transient(cycle)
    assert stated == (np.inf if w <= 1 else pytest.approx(w / (2 - w), rel=1e-12))


@pytest.mark.parametrize("kind", ["explicit", "fed", "fsi"])
def test_the_least_number_of_steps_is_the_least(kind):
    scheme = schemes.scheme_of(BUILT[kind])
    for n in range(1, 40):
        reach = scheme.reach(n, 0.3)
        assert scheme.shortest(reach, 0.3) == n
        assert scheme.shortest(reach * (1 + 1e-6), 0.3) == n + 1


def test_a_cycle_of_one_fsi_step_is_an_explicit_step_and_lowers_the_energy():
    facts = BlockFacts(strength=2.0)
    certificate = evolution_certificate("", schemes.fsi(1, cycles=3), [facts] * 3, tied=True)
    assert certificate.energy_descent
    facts = BlockFacts(strength=0.1)
    assert not evolution_certificate("", schemes.fsi(2), [facts] * 2, tied=True).energy_descent


def test_a_registered_scheme_is_timed_by_its_own_lists():
    assert CHEBYSHEV.schedule(time=30, max_step=0.5).time == pytest.approx(30)
    n = len(CHEBYSHEV.schedule(time=30, max_step=0.5))
    assert CHEBYSHEV.reach(n, 0.5) >= 30 > CHEBYSHEV.reach(n - 1, 0.5)
    with pytest.raises(ValueError, match=f"Take at least {n} steps"):
        CHEBYSHEV.schedule(n - 1, time=30, max_step=0.5)
    assert CHEBYSHEV.steps_for(CHEBYSHEV.schedule(4), 4.0) == 8


def test_names_of_keras_pde_cannot_be_taken_and_a_scheme_is_asked_for():
    class Mine(Chebyshev):
        name = "fed"

    with pytest.raises(ValueError, match="is that of a scheme of keras_pde"):
        schemes.register(Mine())
    with pytest.raises(ValueError, match="is an instance of"):
        schemes.register(Chebyshev)
    assert schemes.register(Chebyshev()).name == "test_chebyshev"  # a cell that is run again


class Stuck(schemes.Scheme):
    """Reaches no time beyond 1, whatever its steps."""

    name = "test_stuck"

    def lists(self, steps, max_step):
        return [max_step / steps] * steps, [1.0] * steps


def test_a_time_that_a_scheme_cannot_reach_is_refused():
    with pytest.raises(ValueError, match="do not reach time 2"):
        Stuck().schedule(time=2.0)


def test_a_network_on_a_registered_scheme_computes_saves_loads_retimes_and_certifies(tmp_path, rng):
    # not 0.25: there |p| = 1 at the end of the spectrum, and the bound of samples lies above it
    block = DiffusionBlock("forward", flux="perona_malik", step_size=0.24)
    net = DiffusionResNet(CHEBYSHEV.schedule(4), block=block, tied=True)
    u = rng.random((2, 9, 8, 1)).astype("float32")
    out = keras.ops.convert_to_numpy(net(u))
    expected = u
    g = net.blocks[0].freeze(u, net.blocks[0].prepare())
    for tau in net.schedule.step_sizes:
        step = net.blocks[0].step(expected, net.blocks[0].prepare(), scale=tau, frozen=g)
        expected = keras.ops.convert_to_numpy(step)
    np.testing.assert_allclose(out, expected, atol=1e-5)
    net.save(tmp_path / "net.keras")
    loaded = keras.saving.load_model(tmp_path / "net.keras")
    assert loaded.schedule == net.schedule
    np.testing.assert_allclose(loaded(u), out, atol=1e-6)
    longer = net.with_time(4 * net.time)
    assert longer.time == pytest.approx(4 * net.time)
    assert (longer.schedule.kind, len(longer.schedule)) == ("test_chebyshev", 9)
    assert net.steps_for(4 * net.time) == 8  # about
    certificate = net.certificate()
    assert certificate.norm_stable  # the frozen cycle's polynomial, from its first root on
    assert not certificate.energy_descent
    tied = DiffusionResNet(
        dataclasses.replace(CHEBYSHEV.schedule(4), frozen=False), block=block, tied=True
    )
    tied.build((None, None, None, 1))
    assert tied.certificate().reasons["energy"] == "a test knows no energy"


@pytest.mark.parametrize("w", [0.6, 1.0, 1.5])
def test_the_energy_of_dufort_frankel_falls_up_to_the_limit_of_its_physical_step(w):
    schedule = schemes.dufort_frankel(5, extrapolation=w, max_step=0.5)
    physical = 0.5 if w <= 1 else 0.5 * w / (2 - w)
    scheme = schemes.scheme_of(schedule)
    assert scheme.energy(schedule, 2 / physical)[0]
    assert not scheme.energy(schedule, 2.001 / physical)[0]
