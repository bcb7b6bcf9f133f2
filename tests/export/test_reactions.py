"""A dense network as reactions: their steady state, simulated, is the network's output."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from arrays import randomized, value

from keras_pde import (
    CertifiedClassifier,
    DenseOperator,
    DiffusionBlock,
    FluxActivation,
    activations,
)
from keras_pde.export import to_reactions
from keras_pde.export.reaction_network import ReactionNetwork

pytestmark = pytest.mark.usefixtures("double")
D: dict[str, Any] = {"dtype": "float64"}
ROOT_H = 0.5**0.5  # λ = √h of the measured cascade, h = 1/2
layers = keras.layers


def cascade(rng: np.random.Generator, sizes: tuple[int, ...] = (6, 5, 3)) -> keras.Model:
    """Dense layers of smooth ReLUs on 4 inputs."""
    flux = activations.SmoothReLU(ROOT_H)
    net = keras.Sequential([keras.Input((4,), **D), *(layers.Dense(n, flux, **D) for n in sizes)])
    net.set_weights(
        [rng.normal(size=w.shape) / (len(w) ** 0.5 if w.ndim > 1 else 1) for w in net.get_weights()]
    )
    return net


def output(net: keras.Model, x: np.ndarray) -> np.ndarray:
    """In float64; of an array PyTorch's backend would make float32."""
    return value(net(keras.ops.convert_to_tensor(x, dtype="float64")))


def residual(rng: np.random.Generator) -> keras.Model:
    """Every kind of layer that a graph may have."""
    u = image = keras.Input((2, 3), **D)
    u = layers.Rescaling(2.0, -0.5, **D)(layers.Reshape((3, 2), **D)(u))
    u = layers.Dropout(0.3, **D)(layers.Flatten(**D)(u))
    first = layers.Dense(5, **D)(u)
    flux = FluxActivation("smooth_relu", 0.4, learn_contrast=True, per_channel=True, **D)
    second = layers.Dense(5, activations.SmoothReLU(0.7), **D)(flux(first))
    u = layers.Activation("linear", **D)(layers.Add(**D)([first, second]))
    for step in ("auto", "scaled", 0.3):
        operator = DenseOperator(7, normalize=True, **D)
        u = DiffusionBlock(operator, "smooth_relu", step, use_bias=True, **D)(u)
    return randomized(keras.Model(image, layers.Dense(2, **D)(u)), rng, 0.3)


def certified(rng: np.random.Generator) -> keras.Model:
    """A classifier of dense blocks, whose state has further channels."""
    block = DiffusionBlock(DenseOperator(6, **D), "smooth_relu", use_bias=True, **D)
    net = CertifiedClassifier(3, block, 2, channels=8)
    net.build((None, 2, 3, 1))
    return randomized(net, rng, 0.3)


def test_x1_the_steady_state_is_the_network_s_output_from_four_starts(
    rng: np.random.Generator,
) -> None:
    net, x = cascade(rng), rng.random(4)
    chemistry, expected = to_reactions(net), output(net, x[None])[0]
    assert chemistry.species[4:10] == tuple(f"H1_{i}" for i in range(1, 7))
    starts = (0.0, 0.01, 10.0, rng.random(14) * 3)
    found = [chemistry.simulate(x, units=start, tolerance=1e-12) for start in starts]
    for run in found:
        assert np.abs(run.outputs[-1] - expected).max() < 7e-14
        assert run.states.min() >= 0
    ends = np.array([run.states[-1] for run in found])
    assert np.ptp(ends, axis=0).max() < 1e-12  # one steady state, of all species
    law = chemistry.law(ends[0])
    assert np.abs(law.speeds(0.0, ends[0][4:])).max() < 1e-12


def test_x2_a_cascade_settles_at_the_rate_that_was_measured() -> None:
    """About −1.33 from 1e-4 to 1e-10, as layers wait for those before; −2√h = −1.41 for a unit."""
    rates = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        net, x = cascade(rng), rng.normal(size=4)
        chemistry, times = to_reactions(net, signed_inputs=True), np.linspace(0, 25, 251)
        start = rng.random(14) * 2
        run = chemistry.simulate(x, 25, units=start, tolerance=1e-13, times=times)
        error = np.abs(run.outputs - output(net, x[None])).max(axis=1)
        seen = (error < 1e-4) & (error > 1e-10)
        rates.append(np.polyfit(times[seen], np.log(error[seen]), 1)[0])
        assert chemistry.decay_rate == pytest.approx(2 * ROOT_H)
        law = chemistry.law(run.states[-1])
        modes = np.linalg.eigvals(law.jacobian(0.0, run.states[-1, 8:])).real
        assert modes.max() <= -chemistry.decay_rate + 1e-8
    assert np.mean(rates) == pytest.approx(-1.33, abs=0.02)


def test_x2_two_states_of_a_unit_approach_in_log_x(rng: np.random.Generator) -> None:
    """However its input differs, and from however far."""
    for lam in (0.2, 0.7, 2.0):
        net = keras.Sequential(
            [keras.Input((1,), **D), layers.Dense(4, activations.SmoothReLU(lam), **D)]
        )
        chemistry = to_reactions(randomized(net, rng, 2.0))
        times = np.linspace(0, 3 / lam, 30)  # of 25/lam
        starts = 10.0 ** rng.uniform(-3, 3, (2, 4))
        a, b = (
            chemistry.simulate([0.7], times[-1], units=s, times=times, tolerance=1e-10).states[
                :, 1:
            ]
            for s in starts
        )
        apart = np.abs(np.log(a) - np.log(b))
        assert np.all(apart <= np.exp(-2 * lam * times)[:, None] * apart[0] * (1 + 1e-5) + 1e-7)


@pytest.mark.parametrize("make", [residual, certified])
def test_x3_signed_inputs_and_outputs_are_differences(
    make: Callable[..., Any], rng: np.random.Generator
) -> None:
    net = make(rng)
    chemistry = to_reactions(net, signed_inputs=True)
    x = rng.normal(size=(2, 3))
    image = x[None] if make is residual else x[None, ..., None]
    run = chemistry.simulate(image[0], tolerance=1e-12)
    np.testing.assert_allclose(run.outputs[-1], output(net, image)[0], atol=1e-11)
    assert run.states.min() >= 0
    assert all(r.rate > 0 and len(r.reactants) <= 2 for r in chemistry.reactions)


def test_x3_no_reaction_consumes_what_is_not_there_and_none_an_input(
    rng: np.random.Generator,
) -> None:
    """At a concentration of 0 no speed is negative, whatever the others are."""
    chemistry = to_reactions(residual(rng), signed_inputs=True)
    held = chemistry.input_species
    for reaction in chemistry.reactions:
        for name in chemistry.species[:held]:
            assert reaction.reactants.count(name) == reaction.products.count(name)
    for _ in range(20):
        z = chemistry.state(rng.normal(size=6), rng.random(len(chemistry.species) - held))
        absent = rng.random(z.size) < 0.5
        absent[:held] = False
        z[absent] = 0
        assert chemistry.law(z).speeds(0.0, z[held:])[absent[held:]].min() >= 0


def from_table(path: Path, names: tuple[str, ...]) -> Callable[[np.ndarray], np.ndarray]:
    """The speeds of all species by a table of reactions, read as a chemist reads it."""
    place, rows = {name: i for i, name in enumerate(names)}, []
    with path.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            sides = [
                [(int(n or 1), place[x]) for n, x in re.findall(r"(?:(\d+) )?([A-Z]\w*)", side)]
                for side in (row["reactants"], row["products"])
            ]
            rows.append((*sides, float(row["rate_constant"])))

    def speeds(z: np.ndarray) -> np.ndarray:
        out = np.zeros(len(z))
        for left, right, k in rows:
            speed = k * math.prod(z[i] ** n for n, i in left)
            for side, sign in ((left, -1), (right, 1)):
                for n, i in side:
                    out[i] += sign * n * speed
        return out

    return speeds


def from_sbml(text: str, network: ReactionNetwork, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Speeds and outputs by libSBML's reading of the document, its formulas evaluated."""
    libsbml = pytest.importorskip("libsbml")
    document = libsbml.readSBMLFromString(text)
    assert document.getNumErrors(libsbml.LIBSBML_SEV_ERROR) == 0
    model = document.getModel()
    known = {**dict(zip(network.species, z.tolist(), strict=True)), "well": 1.0}
    speeds = dict.fromkeys(network.species, 0.0)
    for reaction in model.getListOfReactions():
        law = reaction.getKineticLaw()
        k = law.getLocalParameter("k").getValue()
        speed = eval(libsbml.formulaToL3String(law.getMath()), {**known, "k": k})
        for side, sign in ((reaction.getListOfReactants(), -1), (reaction.getListOfProducts(), 1)):
            for reference in side:
                speeds[reference.getSpecies()] += sign * reference.getStoichiometry() * speed
    for species in model.getListOfSpecies():
        if species.getBoundaryCondition():
            speeds[species.getId()] = 0.0
    rules = [model.getAssignmentRule(f"output_{i + 1}") for i in range(len(network.readout[1]))]
    outputs = [eval(libsbml.formulaToL3String(rule.getMath()), dict(known)) for rule in rules]
    return np.array(list(speeds.values())), np.array(outputs)


@pytest.mark.parametrize("make", [cascade, residual])
def test_table_and_sbml_hold_the_reactions_that_are_simulated(
    make: Callable[..., Any], rng: np.random.Generator, tmp_path: Path
) -> None:
    chemistry = to_reactions(make(rng), signed_inputs=True)
    z = rng.random(len(chemistry.species))
    held = chemistry.input_species
    expected = chemistry.law(z).speeds(0.0, z[held:])
    speeds = from_table(chemistry.save(tmp_path / "net.csv"), chemistry.species)(z)
    np.testing.assert_allclose(speeds[held:], expected, atol=1e-12)
    np.testing.assert_allclose(speeds[:held], 0, atol=1e-12)
    printed = chemistry.save(tmp_path / "net.txt").read_text(encoding="utf-8")
    assert printed.splitlines()[0] == chemistry.summary
    assert len(printed.splitlines()) == 1 + len(chemistry.reactions)
    pytest.importorskip("libsbml")
    document = chemistry.save(tmp_path / "net.xml").read_text(encoding="utf-8")
    speeds, outputs = from_sbml(document, chemistry, z)
    np.testing.assert_allclose(speeds[held:], expected, atol=1e-12)
    np.testing.assert_allclose(outputs, chemistry.output(z), atol=1e-12)


def test_the_jacobian_is_that_of_the_speeds(rng: np.random.Generator) -> None:
    chemistry = to_reactions(cascade(rng))
    z = chemistry.state(rng.random(4), rng.random(14))
    law, steps = chemistry.law(z), 1e-6 * np.eye(14)
    found = [(law.speeds(0, z[4:] + e) - law.speeds(0, z[4:] - e)) / 2e-6 for e in steps]
    np.testing.assert_allclose(law.jacobian(0.0, z[4:]), np.array(found).T, atol=1e-8)


def test_what_has_no_reactions_is_refused_by_name(rng: np.random.Generator) -> None:
    def net(*parts: Any, shape: tuple[int | None, ...] = (4,)) -> keras.Model:
        return keras.Sequential([keras.Input(shape), *parts])

    cases = {
        "its activation is relu": net(layers.Dense(2, "relu")),
        "Conv1D": net(layers.Conv1D(2, 3), shape=(8, 1)),
        "acts on vectors": net(layers.Dense(2), shape=(8, 1)),
        "fixed sizes": net(layers.Flatten(), shape=(None, 4)),
        "its flux is charbonnier": net(DiffusionBlock(DenseOperator(3), "charbonnier")),
        "is no matrix": net(DiffusionBlock(3, "smooth_relu"), shape=(8, 1)),
        "whose weights exist": keras.Sequential([layers.Dense(2)]),
    }
    for message, model in cases.items():
        with pytest.raises(ValueError, match=message):
            to_reactions(model)
    chemistry = to_reactions(cascade(rng))
    with pytest.raises(ValueError, match="signed_inputs=True"):
        chemistry.simulate([1.0, 1.0, -1.0, 1.0])
    with pytest.raises(ValueError, match="must have 4 finite numbers"):
        chemistry.simulate([1.0, 1.0])
    with pytest.raises(ValueError, match="concentrations >= 0"):
        chemistry.simulate([1.0, 1.0, 1.0, 1.0], units=-1.0)
    with pytest.raises(ValueError, match=r"are written as \.txt"):
        chemistry.save("net.json")


def test_sbml_without_its_library_says_what_to_install(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from keras_pde.export import sbml

    monkeypatch.setattr(sbml.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"keras-pde\[sbml\]"):
        to_reactions(cascade(rng)).save(tmp_path / "net.sbml")
    assert not list(tmp_path.iterdir())
