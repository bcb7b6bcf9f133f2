"""What fluxes, operators and schemes of one's own declare is sampled, and said to be declared."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

import keras_pde
from keras_pde import DiffusionBlock, DiffusionResNet, FluxActivation, ImplicitDiffusion, schemes
from keras_pde.fluxes import Flux
from keras_pde.fluxes.flux_layer import FluxLayer
from keras_pde.operators.operator import Operator
from keras_pde.schemes.registry import SCHEMES


class Cauchy(Flux):
    """g = 1/(1 + r), as Perona and Malik's, with all bounds right."""

    key = "cauchy"
    height = 0.5
    slope_bounds = (-0.125, 1.0)

    def _g(self, r: Any) -> Any:
        return 1 / (1 + r)

    def _dg(self, r: Any) -> Any:
        return -ops.square(1 / (1 + r))

    def _psi(self, r: Any) -> Any:
        return ops.log1p(r) / 2


# what is declared wrongly, and the words of the error
WRONG = [
    ({"diffusivity_bounds": (0.0, 0.9)}, "diffusivity_bounds"),
    ({"diffusivity_bounds": (0.1, 1.0)}, "diffusivity_bounds"),
    ({"_g": lambda self, r: 1 / (r * 0)}, "diffusivity_bounds"),
    ({"slope_bounds": (0.0, 1.0)}, "slope_bounds"),
    ({"slope_bounds": (-0.125, 0.9)}, "slope_bounds"),
    ({"slope_bounds": (math.nan, 1.0)}, "slope_bounds"),
    ({"height": 0.45}, "height"),
    ({"_dg": lambda self, r: -0.5 * ops.square(1 / (1 + r))}, "slope"),
    ({"_dg": lambda self, r: ops.square(1 / (1 + r))}, "slope"),
    ({"_psi": lambda self, r: ops.log1p(r)}, "potential"),
    ({"__call__": lambda self, s, contrast=None: ops.abs(s)}, "slope_bounds"),
    ({"__call__": lambda self, s, contrast=None: 0.7 * Cauchy(0.3)(s)}, "not the flux"),
]


@pytest.mark.parametrize(("wrong", "words"), WRONG)
def test_a_flux_whose_values_contradict_its_bounds_is_refused(wrong, words) -> None:
    made = type("Wrong", (Cauchy,), wrong)
    with pytest.raises(ValueError, match=f"Wrong declares what.*{words}.*found") as error:
        made(contrast=0.3)
    assert "\n" not in str(error.value)


def test_a_flux_with_right_bounds_is_taken_and_its_bounds_are_said_to_be_declared() -> None:
    for law in (Cauchy(), FluxActivation(Cauchy(0.1)), FluxActivation(Cauchy(0.1), coupled=True)):
        for make in (DiffusionBlock, ImplicitDiffusion):
            block = make("forward", law, 0.2)
            block.build((None, None, None, 1))
            found = block.certificate()
            assert found.norm_stable
            assert any("cauchy declares" in a for a in found.assumptions)
            assert "cauchy declares, which are sampled and not proved" in str(found)
    dense = keras.layers.Dense(3, activation=Cauchy())
    dense.build((None, 4))
    assert "declares" in str(keras_pde.certify(dense))
    own = DiffusionBlock("forward", "perona_malik", 0.2)
    own.build((None, None, None, 1))
    assert "declares" not in str(own.certificate())


class Clip(FluxLayer):
    """min(|s|, λ) sign s, with what is declared as arguments."""

    def __init__(self, g=(0.0, 1.0), slopes=(0.0, 1.0), factor=1.0, mixed=False, psi=True, **more):
        super().__init__(0.5, **more)
        self.g, self.slopes, self.factor, self.mixed = g, slopes, factor, mixed
        self.has_potential = psi

    def unit_diffusivity(self, s: Any, contrast: Any, *more: Any) -> Any:
        shared = ops.mean(ops.square(s), axis=-1, keepdims=True) if self.mixed else ops.square(s)
        return self.factor * ops.minimum(1.0, contrast * ops.rsqrt(shared + 1e-12))

    def potentials(self, parts: Any, noise: Any = None) -> Any:
        a = [ops.abs(s) for s in parts]
        c = self.contrast
        return [ops.where(x < c, x * x / 2, c * (x - c / 2)) for x in a]

    @property
    def diffusivity_bounds(self) -> Any:
        return self.g

    @property
    def slope_bounds(self) -> Any:
        return self.slopes

    @property
    def stiffness(self) -> float:
        return 1.0


@pytest.mark.parametrize(
    ("options", "bound"),
    [
        ({"factor": 1.5, "psi": False}, "diffusivity_bounds"),
        ({"factor": -0.5, "psi": False}, "diffusivity_bounds"),
        ({"factor": 1.5, "g": (0.0, 1.5), "psi": False}, "slope_bounds"),
        ({"slopes": (0.2, 1.0)}, "slope_bounds"),
        ({"factor": 0.5}, "potential"),
        ({"mixed": True, "slopes": (-2.0, 2.0), "psi": False}, "couples_channels"),
    ],
)
def test_a_flux_layer_whose_values_contradict_its_bounds_is_refused(options, bound) -> None:
    block = DiffusionBlock(2, Clip(**options), "auto")
    with pytest.raises(ValueError, match=f"Clip declares what.*{bound}.*found"):
        block.build((None, None, None, 1))
    block = DiffusionBlock(2, Clip(), "auto")
    block.build((None, None, None, 1))
    assert "the flux Clip declares" in str(block.certificate())


class Twice(Operator):
    """Ku = 2u, with what is declared as arguments."""

    fixed = True

    def __init__(self, bound=2.0, squared=4.0, back=2.0, **more):
        super().__init__(**more)
        self.bound, self.squared, self.back = bound, squared, back

    def build(self, input_shape: Any) -> None:
        self.ndim = len(input_shape) - 2
        self.channels = self.rows = input_shape[-1]
        self.built = True

    def parts(self, u: Any, weights: Any = None) -> list[Any]:
        return [2 * u]

    def adjoint_of(self, parts: list[Any], weights: Any = None) -> Any:
        return self.back * parts[0]

    def squared_norm_bound(self, weights: Any = None) -> float:
        return self.squared

    def norm_bound(self) -> float:
        return self.bound


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"bound": 1.9}, "norm_bound declares"),
        ({"squared": 3.8}, "squared_norm_bound declares"),
        ({"bound": math.nan}, "norm_bound declares"),
        ({"back": 1.9}, "adjoint_of is not the transpose"),
    ],
)
def test_an_operator_that_contradicts_what_it_declares_is_refused(options, what) -> None:
    for make in (DiffusionBlock, ImplicitDiffusion):
        with pytest.raises(ValueError, match=what):
            make(Twice(**options), "charbonnier", 0.1).build((None, 8, 8, 1))
        right = make(Twice(), "charbonnier", 0.1)
        right.build((None, 8, 8, 1))
        assert "the operator Twice declares" in str(right.certificate())
    wrong = Twice(**options)
    wrong.build((None, 8, 8, 1))
    with pytest.raises(ValueError, match=what):
        keras_pde.certify(wrong)


class Apart(Twice):
    """(Ku)ᵢ = uᵢ₊₂ − uᵢ on a periodic line, whose KᵀK joins points that are 2 apart."""

    def parts(self, u: Any, weights: Any = None) -> list[Any]:
        return [ops.roll(u, -2, axis=1) - u]

    def adjoint_of(self, parts: list[Any], weights: Any = None) -> Any:
        return ops.roll(parts[0], 2, axis=1) - parts[0]


def test_an_operator_that_joins_points_beyond_its_support_is_refused() -> None:
    Apart.support = 2
    DiffusionBlock(Apart(), "charbonnier", 0.1).build((None, 16, 1))
    for declared in (0, 1):
        Apart.support = declared
        with pytest.raises(ValueError, match=f"at most {declared} apart.* it joins points 2 apart"):
            DiffusionBlock(Apart(), "charbonnier", 0.1).build((None, 16, 1))


class Third(schemes.Scheme):
    """Three quarters of the limit, with what is stated as class attributes."""

    name = "test_third"
    root: Any = 0.0
    bound = math.inf
    up_to = 0.0  # the share of the limit to which its energy is said to fall, whatever its lists
    far = 1.0

    def lists(self, steps: int, max_step: float) -> tuple[list[float], list[float]]:
        return [0.75 * max_step] * steps, [1.0] * steps

    def reach(self, steps: int, max_step: float) -> float:
        return self.far * super().reach(steps, max_step)

    def first_root(self, cycle: Any) -> Any:
        return self.root or super().first_root(cycle)

    def transient(self, cycle: Any) -> float:
        return self.bound

    def energy(self, schedule: Any, curvature: float) -> tuple[bool, str]:
        falls = curvature <= self.up_to * 2 / max(schedule.step_sizes)
        return (True, "stated") if falls else super().energy(schedule, curvature)


@pytest.mark.parametrize(
    ("stated", "what"),
    [
        ({"root": 5.0}, "first_root"),
        ({"bound": 0.5}, "transient"),
        ({"up_to": 1e9}, "energy"),
        ({"up_to": 1.06}, "energy"),  # where a step grows by a tenth
        ({"far": 1.1}, "reach"),
        ({"lists": lambda self, steps, max_step: ([max_step], [1.0])}, "lists"),
        ({"lists": lambda self, steps, max_step: ([-max_step] * steps, [1.0] * steps)}, "finite"),
    ],
)
def test_a_scheme_whose_lists_contradict_what_it_states_is_refused(stated, what) -> None:
    wrong = type("Wrong", (Third,), {"name": "test_wrong", **stated})
    with pytest.raises(ValueError, match=what):
        schemes.register(wrong())
    assert "test_wrong" not in SCHEMES


def test_a_scheme_of_ones_own_is_said_to_be_declared() -> None:
    third = schemes.register(Third())
    net = DiffusionResNet(third.schedule(3), block=DiffusionBlock("forward", "charbonnier", 0.25))
    net.build((None, None, None, 1))
    assert "the scheme test_third declares" in str(net.certificate())
    assert np.isfinite(net.certificate().lipschitz)
