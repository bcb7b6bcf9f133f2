"""Models: a looped evolution is the step-by-step one, schedules swap, printing teaches."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

from keras_pde import (
    ConvOperator,
    DiffusionBlock,
    DiffusionResNet,
    DuFortFrankelResNet,
    FEDResNet,
    FluxActivation,
    FSIResNet,
    GatedFlux,
    ImplicitRecurrent,
    Lifting,
    MultigridUNet,
    SplineFlux,
    schemes,
)
from keras_pde.runtime import compiled


def classical(flux: str = "charbonnier", coupled: bool = True, **options: Any) -> DiffusionBlock:
    return DiffusionBlock("forward", FluxActivation(flux, 0.1, coupled=coupled), **options)


MODELS = {
    "explicit, coupled stencil": lambda: DiffusionResNet(7, block=classical(), tied=True),
    "explicit, channelwise stencil": lambda: DiffusionResNet(
        7, block=classical("perona_malik", coupled=False), tied=True
    ),
    "explicit, data term": lambda: DiffusionResNet(7, block=classical(data_weight=0.4), tied=True),
    "explicit, linear": lambda: DiffusionResNet(7, block=classical("linear"), tied=True),
    "explicit, relu": lambda: DiffusionResNet(7, block=classical("relu", coupled=False), tied=True),
    "FSI, stencil": lambda: FSIResNet(2, 5, block=classical("weickert")),
    "FSI, learned": lambda: FSIResNet(2, 5, filters=4, kernel_size=3),
    "Du Fort-Frankel, stencil": lambda: DuFortFrankelResNet(6, block=classical("truncated_tv")),
    "Du Fort-Frankel, learned": lambda: DuFortFrankelResNet(
        6, filters=4, kernel_size=3, flux=SplineFlux()
    ),
    "FED, stencil": lambda: FEDResNet(2, 5, block=classical(), tied=True),
    "FED, untied": lambda: FEDResNet(2, 5, filters=4, kernel_size=3),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_looped_evolution_is_the_step_by_step_one(name: str, rng: np.random.Generator) -> None:
    model, u = MODELS[name](), rng.random((2, 11, 9, 1))
    states = model.features(u)
    np.testing.assert_allclose(np.array(model(u)), np.array(states[-1]), atol=2e-6)
    assert np.abs(np.array(states[-1]) - u).max() > 0.01
    steps = (
        len(model.schedule) // model.schedule.cycle_length
        if model.schedule.frozen
        else len(model.schedule)
    )
    assert len(states) == steps + 1


LEARNED = {
    "bare kernels, bias": lambda: DiffusionResNet(
        2,
        block=DiffusionBlock(ConvOperator(3), step_size=0.05, use_bias=True, data_weight="learned"),
    ),
    "gated": lambda: DiffusionResNet(
        2, block=DiffusionBlock(4, GatedFlux(learn_contrast=True, per_channel=True), "learned")
    ),
    "lifted": lambda: FEDResNet(
        2, 3, filters=4, kernel_size=3, lifting=Lifting(6, 2, learned=True)
    ),
    "spline": MODELS["Du Fort-Frankel, learned"],
}


@pytest.mark.parametrize("name", [*MODELS, *LEARNED])
def test_a_snapshot_keeps_its_weights(name: str, rng: np.random.Generator) -> None:
    model, u = {**MODELS, **LEARNED}[name](), rng.random((2, 12, 10, 1)).astype("float32")
    with pytest.raises(ValueError, match="build the model first"):
        model.program(snapshot=True)
    expected = ops.convert_to_numpy(model(u))
    program = compiled(model.program(snapshot=True))
    np.testing.assert_allclose(ops.convert_to_numpy(program(u)), expected, atol=1e-5)
    for weight in model.weights:
        weight.assign(ops.cos(9 * weight))
    if model.weights:
        assert np.abs(ops.convert_to_numpy(model(u)) - expected).max() > 1e-4
        np.testing.assert_allclose(ops.convert_to_numpy(program(u)), expected, atol=1e-5)


@pytest.mark.parametrize("name", ["gated", "multigrid", "implicit"])
def test_a_program_that_is_no_snapshot_reads_the_weights_at_hand(
    name: str, rng: np.random.Generator
) -> None:
    more = {
        "multigrid": lambda: MultigridUNet("screened_poisson", levels=2, channels=2),
        "implicit": lambda: ImplicitRecurrent(1, filters=3, kernel_size=3),
    }
    model = {**LEARNED, **more}[name]()
    u = rng.random((1, 15, 15, 1)).astype("float32")
    model(u)
    made = model.program()
    programs = [compiled(made)]
    if made.iterates:
        traced = compiled(made.trace)
        programs.append(lambda u: traced(u)[0])
    before = [ops.convert_to_numpy(program(u)) for program in programs]
    for weight in model.trainable_weights:
        weight.assign(0.8 * weight + 0.1 * rng.standard_normal(weight.shape))
    expected = ops.convert_to_numpy(model(u))
    for program, former in zip(programs, before, strict=True):
        assert np.abs(expected - former).max() > 1e-3
        np.testing.assert_allclose(ops.convert_to_numpy(program(u)), expected, atol=2e-4)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="of TensorFlow's graphs")
def test_a_snapshot_holds_its_kernels_as_constants(rng: np.random.Generator) -> None:
    model, u = (
        DiffusionResNet(2, filters=9, kernel_size=5),
        rng.random((1, 12, 10, 1)).astype("float32"),
    )
    model(u)
    graph = compiled(model.program(snapshot=True)).get_concrete_function(u).graph
    # of the image, and of what the graph reads from outside
    shapes = [tuple(t.shape) for t in graph.inputs]
    assert (5, 5, 1, 9) not in shapes
    assert (5, 5, 1, 9) in [
        tuple(o.outputs[0].shape) for o in graph.get_operations() if o.type == "Const"
    ]


@pytest.mark.parametrize("name", MODELS)
def test_features_are_the_states_of_the_scheme(name: str, rng: np.random.Generator) -> None:
    model, u = MODELS[name](), rng.random((1, 8, 9, 1)).astype("float32")
    states = [np.array(s) for s in model.features(u)]
    if model.schedule.frozen:
        return
    for k in range(len(model.schedule)):
        block, w = model.block_of(k), model.schedule.extrapolations[k]
        previous = states[k] if k % model.schedule.cycle_length == 0 else states[k - 1]
        v = block.step(
            keras.ops.convert_to_tensor(states[k]),
            block.prepare(),
            source=states[0],
            scale=model.schedule.step_sizes[k],
        )
        np.testing.assert_allclose(states[k + 1], w * np.array(v) + (1 - w) * previous, atol=1e-5)


def test_with_schedule_keeps_weights_and_time(rng: np.random.Generator) -> None:
    net, u = FSIResNet(1, 6, filters=4, kernel_size=3), rng.random((1, 12, 12, 1))
    net(u)
    slow = net.with_schedule(schemes.explicit(40))
    assert slow.time == pytest.approx(net.time)
    for a, b in zip(net.get_weights(), slow.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    a, b = np.array(slow(u)), np.array(net(u))
    assert np.linalg.norm(a - b) < 0.2 * np.linalg.norm(b - u)
    with pytest.raises(
        ValueError,
        match=r"explicit steps reach time 5 at most, and 14 is needed. Take at least 14 steps",
    ):
        net.with_schedule(schemes.explicit(5))
    untied = DiffusionResNet(3, filters=4, kernel_size=3)
    untied(u)
    with pytest.raises(ValueError, match="use tied=True"):
        untied.with_schedule(schemes.explicit(5))


def test_printing_a_model_teaches() -> None:
    net = FEDResNet(3, 5, filters=8, kernel_size=5)
    assert "counted when built" in str(net)
    net.build((None, None, None, 1))
    text = str(net)
    assert "fed: 3 cycles of 5 steps, time 30" in text
    assert "8 filters of width 5; neumann boundary, zero-mean, normalised to ‖K‖ ≤ 1" in text
    assert "perona_malik, contrast 1" in text
    assert "receptive field  121 pixels wide" in text
    assert "parameters       600" in text


def test_receptive_field_is_the_printed_one() -> None:
    net = DiffusionResNet(3, block=DiffusionBlock(ConvOperator(4, 3)), tied=True)
    x = np.zeros((1, 41, 1, 1), "float32")
    base = np.array(net(x + 0.5))
    x[0, 20] = 1.0
    touched = np.abs(np.array(net(x + 0.5)) - base)[0, :, 0, 0] > 1e-9
    assert "receptive field  13 pixels wide" in str(net)
    assert np.ptp(touched.nonzero()[0]) + 1 == 13


def test_lifting_starts_as_the_identity(rng: np.random.Generator) -> None:
    net, u = (
        DiffusionResNet(1, filters=4, kernel_size=3, lifting=Lifting(6, learned=True)),
        rng.random((1, 8, 8, 2)),
    )
    net(u)
    lifted = np.array(net.lifting.kernel) @ np.array(net.lifting.kernel).T
    np.testing.assert_allclose(lifted, np.eye(2), atol=1e-6)
    assert not net.certificate().energy_descent
    assert net.certificate().norm_gain == pytest.approx(1, abs=1e-5)


def test_options_that_exclude_each_other_are_refused() -> None:
    with pytest.raises(ValueError, match="Give either block, or filters"):
        DiffusionResNet(2, filters=4, block=classical())
    untied = DiffusionResNet(2, filters=4)
    untied.build((None, 8, 8, 1))
    with pytest.raises(ValueError, match="common energy"):
        untied.energy(np.zeros((1, 8, 8, 1)))
    noisy = DiffusionResNet(2, flux=FluxActivation("charbonnier", noise_conditioned=True))
    with pytest.raises(ValueError, match=r"takes a list \[image, noise\]"):
        noisy(np.zeros((1, 8, 8, 1)))


@pytest.mark.parametrize(
    ("operator", "loops"), [("forward", True), (4, False)], ids=["stencil", "learned"]
)
def test_stencils_loop_and_convolutions_are_written_out(operator: str | int, loops: bool) -> None:
    """XLA for the CPU recomputes unrolled stencils, and runs convolutions inside loops on one
    thread.
    """
    tf = pytest.importorskip("tensorflow")
    net = DiffusionResNet(7, block=DiffusionBlock(operator), tied=True)
    u = np.zeros((1, 8, 9, 1), "float32")
    net(u)
    program = tf.function(net, jit_compile=True).experimental_get_compiler_ir(u)(stage="hlo")
    assert ("while(" in program) == loops
