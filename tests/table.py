"""One table of all layers and models; it drives the generic tests on every backend."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import keras

from keras_pde import (
    ConvOperator,
    CoupledSplineFlux,
    DenseOperator,
    DiffusionBlock,
    DiffusionResNet,
    DuFortFrankelResNet,
    FEDResNet,
    FiniteDifference,
    FluxActivation,
    FSIResNet,
    GatedFlux,
    ImplicitDiffusion,
    ImplicitRecurrent,
    Lifting,
    MeshlessBasis,
    MonotoneImplicit,
    MultigridUNet,
    MultilevelKernel,
    RBFFlux,
    Restriction,
    Sinusoidal,
    SplineFlux,
    activations,
    problems,
    schemes,
    smoothers,
    solvers,
)
from keras_pde.runtime import compiled


@dataclass(frozen=True)
class Case:
    """A class with two ways to construct it.

    By its defaults, and with every argument away from its default.
    """

    cls: type
    full: Callable[[], dict[str, Any]]
    shape: tuple[int, ...] = (2, 6, 5, 2)
    noise: bool = False  # the full variant takes a noise level
    # arguments that exclude others, variant by variant
    elsewhere: dict[str, Callable[[], dict[str, Any]]] = field(default_factory=dict)

    def __repr__(self) -> str:
        return self.cls.__name__


def _block() -> DiffusionBlock:
    operator = ConvOperator(6, 2, boundary="periodic", initializer="he_normal", normalize=True)
    return DiffusionBlock(
        operator,
        FluxActivation("truncated_bfb", 0.7, learn_contrast=True),
        "learned",
        fraction=0.9,
        use_bias=True,
        data_weight="learned",
    )


def _stencil_block() -> DiffusionBlock:
    return DiffusionBlock("forward", FluxActivation("perona_malik", 0.3, coupled=True), 0.15)


CASES = [
    Case(
        ConvOperator,
        lambda: {
            "filters": (3, 5),
            "kernel_size": 2,
            "boundary": "dirichlet",
            "initializer": "he_normal",
            "zero_mean": True,
            "normalize": True,
        },
        elsewhere={
            "stencil": lambda: {
                "filters": None,
                "initializer": "laplacian",
                "boundary": "periodic",
            },
            "dct": lambda: {"filters": None, "initializer": "dct", "kernel_size": 3},
            "learned from a stencil": lambda: {"filters": 2, "initializer": "central"},
            "columns": lambda: {"filters": 4, "boundary": "dirichlet", "normalize": "columns"},
        },
    ),
    Case(
        DenseOperator,
        lambda: {"rows": 3, "initializer": "he_normal", "normalize": True},
        elsewhere={
            "tall": lambda: {"rows": 7, "initializer": "he_normal"},
            "columns": lambda: {"rows": 4, "normalize": "columns"},
        },
    ),
    Case(
        FiniteDifference,
        lambda: {
            "derivatives": "gradient",
            "accuracy": 3,
            "spacing": 0.5,
            "boundary": "neumann",
            "learned": True,
            "side": "backward",
        },
        elsewhere={
            "central": lambda: {"derivatives": "gradient", "accuracy": 4, "boundary": "dirichlet"},
        },
    ),
    Case(
        FluxActivation,
        lambda: {
            "flux": "fab",
            "contrast": 0.5,
            "learn_contrast": True,
            "per_channel": True,
            "noise_conditioned": True,
        },
        noise=True,
        elsewhere={
            "coupled": lambda: {"flux": "weickert", "coupled": True, "learn_contrast": True},
            "flux object": lambda: {"flux": activations.FAB(0.4, kappa=3.0)},
            "relu": lambda: {"flux": "relu"},
        },
    ),
    Case(
        SplineFlux,
        lambda: {
            "knots": 5,
            "extent": 2.0,
            "slopes": [-0.4, 0.9],
            "grading": 1.3,
            "start": "perona_malik",
            "contrast": 0.5,
            "learn_contrast": True,
            "noise_conditioned": True,
        },
        noise=True,
    ),
    Case(
        RBFFlux,
        lambda: {
            "centers": 6,
            "extent": 2.0,
            "width": 0.9,
            "largest_slope": 1.5,
            "start": "fab",
            "nonnegative": False,
            "contrast": 0.5,
            "learn_contrast": True,
            "noise_conditioned": True,
        },
        noise=True,
    ),
    Case(
        CoupledSplineFlux,
        lambda: {
            "knots": 5,
            "extent": 2.0,
            "slopes": [-0.4, 0.9],
            "grading": 1.3,
            "start": "perona_malik",
            "contrast": 0.5,
            "learn_contrast": True,
            "noise_conditioned": True,
            "neighbourhood": 5,
            "groups": 2,
        },
        noise=True,
    ),
    Case(
        GatedFlux,
        lambda: {
            "flux": "perona_malik",
            "contrast": 0.5,
            "neighbourhood": 3,
            "learn_contrast": True,
            "per_channel": True,
            "noise_conditioned": True,
            "gates": "input",
            "evidence_contrast": 0.9,
            "coupling": 0.6,
        },
        noise=True,
    ),
    Case(
        DiffusionBlock,
        lambda: {
            "operator": ConvOperator(5, 3, boundary="dirichlet", normalize=True),
            "flux": "perona_malik_exponential",
            "step_size": "learned",
            "fraction": 0.7,
            "coupled": True,
            "use_bias": True,
            "data_weight": 0.3,
        },
        elsewhere={
            "per channel": lambda: {"operator": ConvOperator(5, 3), "step_size": "per_channel"},
            "scaled, of columns, smooth": lambda: {
                "operator": ConvOperator(5, 3, boundary="periodic", normalize="columns"),
                "flux": activations.SmoothReLU(0.2),
                "step_size": "scaled",
                "use_bias": True,
            },
            "number of filters": lambda: {"operator": 4, "flux": SplineFlux(4)},
            "gated, by rows": lambda: {
                "operator": ConvOperator(8, 5, boundary="dirichlet", zero_mean=True),
                "flux": GatedFlux(),
                "step_size": "learned",
            },
            "gated by the input": lambda: {
                "operator": ConvOperator(4, 3, boundary="dirichlet"),
                "flux": GatedFlux("charbonnier", gates="input", coupling=0.5),
                "step_size": "learned",
            },
            "step by number": lambda: {"operator": "second", "step_size": 0.05},
            "dense": lambda: {"operator": DenseOperator(5), "step_size": "learned"},
        },
    ),
    Case(
        DiffusionResNet,
        lambda: {
            "schedule": schemes.fsi(3, cycles=2),
            "filters": 4,
            "kernel_size": 3,
            "flux": "weickert",
            "tied": True,
            "lifting": Lifting(5, learned=True),
        },
        elsewhere={"block": lambda: {"block": _block(), "schedule": 2}},
    ),
    Case(
        FEDResNet,
        lambda: {
            "cycles": 2,
            "cycle_length": 3,
            "filters": 4,
            "kernel_size": 3,
            "flux": "charbonnier",
            "tied": True,
            "lifting": 5,
        },
        elsewhere={"block": lambda: {"block": _stencil_block()}},
    ),
    Case(
        FSIResNet,
        lambda: {
            "cycles": 1,
            "cycle_length": 3,
            "filters": 4,
            "kernel_size": 3,
            "flux": "perona_malik",
            "tied": False,
            "lifting": 5,
            "frozen": True,
        },
        elsewhere={"block": lambda: {"block": _block()}},
    ),
    Case(
        DuFortFrankelResNet,
        lambda: {
            "steps": 3,
            "extrapolation": 0.8,
            "filters": 4,
            "kernel_size": 3,
            "flux": "truncated_tv",
            "tied": False,
            "lifting": 5,
        },
        elsewhere={"block": lambda: {"block": _stencil_block()}},
    ),
]


def _implicit(solver: Any, **options: Any) -> dict[str, Any]:
    flux = FluxActivation("charbonnier", 0.5, learn_contrast=True)
    return {
        "operator": ConvOperator(3, 3, normalize=True),
        "flux": flux,
        "solver": solver,
        "tolerance": 1e-6,
        "max_iterations": 200,
        **options,
    }


CASES += [
    Case(
        ImplicitDiffusion,
        lambda: {
            "operator": ConvOperator(4, 3, boundary="dirichlet", normalize=True),
            "flux": SplineFlux(
                4,
                2.0,
                (-0.4, 0.9),
                "perona_malik",
                contrast=0.5,
                learn_contrast=True,
                noise_conditioned=True,
                grading=1.3,
            ),
            "step_size": "learned",
            "solver": solvers.Accelerated("chebyshev"),
            "tolerance": 1e-6,
            "max_iterations": 300,
            "on_failure": "nan",
        },
        noise=True,
        elsewhere={
            "fixed point": lambda: _implicit("fixed_point", step_size=2.0),
            "anderson": lambda: _implicit(solvers.Anderson(memory=3), step_size=2.0),
            "lagged diffusivity": lambda: _implicit("lagged_diffusivity", step_size=2.0),
            "dense": lambda: {**_implicit("accelerated"), "operator": DenseOperator(5)},
            "gated": lambda: {**_implicit("accelerated"), "flux": GatedFlux(gates="input")},
        },
    ),
    Case(
        ImplicitRecurrent,
        lambda: {
            "steps": 2,
            "filters": 4,
            "kernel_size": 3,
            "flux": "perona_malik",
            "tied": False,
            "lifting": Lifting(9, 2),
        },
        elsewhere={
            "block": lambda: {
                "block": ImplicitDiffusion(
                    "forward", FluxActivation("charbonnier", 0.3, coupled=True), 5.0, tolerance=1e-6
                )
            }
        },
    ),
    Case(
        Lifting,
        lambda: {"channels": 13, "patch_size": 2, "learned": True},
        elsewhere={"isometric": lambda: {"channels": 13, "patch_size": 2}},
    ),
    Case(
        MonotoneImplicit,
        lambda: {
            "units": 5,
            "norm": "l2",
            "flux": "truncated_tv",
            "margin": 0.9,
            "solver": "forward_backward",
            "tolerance": 1e-6,
            "max_iterations": 2000,
        },
        elsewhere={
            "maximum norm": lambda: {"units": 7, "flux": "charbonnier", "solver": "anderson"},
        },
    ),
    Case(
        Sinusoidal,
        lambda: {
            "units": 5,
            "omega": 0.6,
            "initializer": "he_normal",
            "bias_initializer": "random_normal",
        },
    ),
    Case(
        MultilevelKernel,
        lambda: {"near_field": 2, "boundary": "periodic", "initializer": "he_normal"},
        elsewhere={"neumann": lambda: {"near_field": 0, "boundary": "neumann"}},
    ),
    Case(
        MeshlessBasis,
        lambda: {
            "centres": [[0.0, 0.5], [0.5, -0.5], [-0.5, 0.0]],
            "width": [1.0, 1.5, 2.0],
            "kernel": "softplus",
            "partition_of_unity": True,
            "learned": False,
        },
        elsewhere={
            "learned": lambda: {"centres": [[0.0, 0.5], [0.5, -0.5]], "kernel": "softplus"},
        },
    ),
    Case(Restriction, lambda: {"boundary": "neumann", "learned": True}),
    Case(
        MultigridUNet,
        lambda: {
            "problem": problems.Diffusion("perona_malik", 2.0),
            "cycle": "V(1,1)",
            "levels": 2,
            "smoother": smoothers.Jacobi(0.6),
            "fas": True,
            "channels": 3,
            "outputs": 4,
        },
        elsewhere={
            "W-cycle": lambda: {
                "problem": problems.Poisson("neumann"),
                "cycle": "W(1,1)",
                "levels": 3,
                "smoother": "chebyshev",
            },
            "full multigrid": lambda: {
                "problem": problems.ScreenedPoisson(3.0, "periodic"),
                "cycle": "FMG(1,0)",
                "levels": 2,
            },
            "biharmonic": lambda: {"problem": "biharmonic", "cycle": "F(1,1)", "levels": 3},
        },
    ),
]

# the full ones first: the quick tier keeps those
VARIANTS = (
    [(case, "full") for case in CASES]
    + [(case, "default") for case in CASES]
    + [(case, key) for case in CASES for key in case.elsewhere]
)


def arguments(case: Case, variant: str) -> dict[str, Any]:
    """Constructor arguments of a variant."""
    if variant == "default":
        return {}
    return case.full() if variant == "full" else case.elsewhere[variant]()


def takes_noise(case: Case, variant: str) -> bool:
    """Whether the variant is called with a noise level."""
    return case.noise and variant == "full"


def output(layer: Any, x: Any, call: dict[str, Any]) -> Any:
    """The layer's output: eager on TensorFlow, jitted on JAX, where compiling op by op takes
    minutes.
    """
    return (compiled(layer) if keras.backend.backend() == "jax" else layer)(x, **call)
