"""What everything above models asks of a network, asked of every kind."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from keras import ops

from keras_pde import (
    ConvOperator,
    DiffusionBlock,
    DiffusionResNet,
    FluxActivation,
    ImplicitDiffusion,
    ImplicitRecurrent,
    Lifting,
    MultigridUNet,
    presets,
    problems,
)
from keras_pde.export.served import Served
from keras_pde.models.network import Network
from keras_pde.models.timed import Timed
from keras_pde.runtime import compiled


def built(network: Network, shape: object = (None, None, None, 1)) -> Network:
    network.build(shape)  # type: ignore[arg-type]
    return network


def explicit() -> Network:
    block = DiffusionBlock("forward", "charbonnier", step_size=0.2)
    return built(DiffusionResNet(4, block=block, tied=True))


def told() -> Network:
    flux = FluxActivation("charbonnier", contrast=0.1, noise_conditioned=True)
    block = DiffusionBlock(ConvOperator(3, 3, normalize=True), flux)
    return built(DiffusionResNet(2, block=block, tied=True, lifting=Lifting(4, 2)))


def inpainting() -> Network:
    shape = (None, None, None, 1)
    return built(MultigridUNet(problems.Inpainting(), levels=2), [shape, shape])


NETWORKS: dict[str, tuple[Callable[[], Network], tuple[str, ...]]] = {
    "explicit": (explicit, ("image",)),
    "told the noise, lifted": (told, ("image", "noise")),
    "implicit": (
        lambda: built(ImplicitRecurrent(2, block=ImplicitDiffusion("forward", step_size=0.5))),
        ("image",),
    ),
    "solver, 1-D": (
        lambda: built(MultigridUNet("screened_poisson", levels=2), (None, None, 1)),
        ("image",),
    ),
    "inpainting": (inpainting, ("image", "mask")),
    "U-net": (
        lambda: built(MultigridUNet("diffusion", channels=2, levels=2, noise_conditioned=True)),
        ("image", "noise"),
    ),
    "timed": (lambda: Timed(explicit()), ("image", "time")),
    "served": (
        lambda: Served(explicit(), {"10": 0.2, "50": 0.9}, timed=True, uint8=True),
        ("image", "noise", "time"),
    ),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_answers_what_is_asked_of_it(name: str) -> None:
    make, inputs = NETWORKS[name]
    network = make()
    assert network.named_inputs == inputs
    assert tuple(network.input_shapes) == tuple(network.input_units) == inputs
    specifications = network.input_signature((33, 18)[: network.ndim])
    if len(inputs) > 1:
        (specifications,) = specifications
    assert tuple(spec.name for spec in specifications) == inputs

    example = network.example()
    assert tuple(example) == ("input", *inputs[1:])
    assert example["input"].shape == (1, *(33, 18)[: network.ndim], network.input_channels)
    given = list(example.values())
    given = given if len(given) > 1 else given[0]
    output = ops.convert_to_numpy(network(given))
    assert output.shape == network.compute_output_shape([x.shape for x in example.values()])
    for snapshot in (False, True):
        program = network.program(snapshot)
        np.testing.assert_allclose(
            ops.convert_to_numpy(compiled(program)(given)), output, atol=2e-5
        )
    assert program.iterates == name.startswith("implicit")
    if program.iterates:
        traced, residuals = compiled(program.trace)(given)
        np.testing.assert_allclose(ops.convert_to_numpy(traced), output, atol=2e-5)
        assert program.diagnosis(ops.convert_to_numpy(residuals)).all_converged
    else:
        with pytest.raises(ValueError, match="No solver iterates"):
            program.diagnosis(np.zeros((1, 1, 1)))

    influence = network.influence()
    assert influence.pixels >= 0
    assert influence.exact == (name not in ("implicit", "solver, 1-D", "inpainting", "U-net"))
    assert network.step_count >= 1
    assert network.width >= 1
    assert network.smallest_size >= 1
    assert network.boundary in ("neumann", "dirichlet", "periodic")
    assert network.certificate().norm_gain >= 0
    assert network.denoises == (name not in ("solver, 1-D", "inpainting"))
    if network.time is None:
        with pytest.raises(ValueError, match="no stopping time to change"):
            network.with_time(1.0)
    else:
        longer = network.with_time(2 * network.time)
        assert math.isclose(longer.time or 0.0, 2 * network.time)


@pytest.mark.parametrize("name", ["explicit", "told the noise, lifted", "implicit", "U-net"])
def test_a_twin_has_the_same_weights_of_its_own(name: str) -> None:
    network = NETWORKS[name][0]()
    twin, fixed = network.twin(), network.twin((24, 17))
    for copy in (twin, fixed):
        for a, b in zip(network.weights, copy.weights, strict=True):
            assert a is not b
            np.testing.assert_array_equal(ops.convert_to_numpy(a), ops.convert_to_numpy(b))
    example = network.example()
    golden = presets.predict_golden(network, example)
    np.testing.assert_array_equal(presets.predict_golden(twin, example), golden)
