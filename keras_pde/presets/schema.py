"""What the configuration of each class may hold: a line for each class, and a check for each key.

Keys may be missing, as in files of versions that did not have them yet; no others may be there.
"""

from __future__ import annotations

from typing import Any

from keras_pde.presets import limits
from keras_pde.presets.schema_classifiers import CLASSIFIERS
from keras_pde.presets.schema_coordinates import COORDINATES
from keras_pde.presets.schema_evolution import EVOLUTION
from keras_pde.presets.schema_graphs import GRAPHS
from keras_pde.presets.schema_kernels import KERNELS
from keras_pde.presets.schema_parts import (
    BLOCK_NETWORKS,
    FILTERS,
    FLUX_LAYERS,
    FLUXES,
    INITIALIZERS,
    KERNEL_SIZE,
    LAYER,
    NETWORKS,
    OPERATORS,
    PRECISIONS,
    PROBLEMS,
    SMOOTHERS,
    SOLVERS,
    STEPS,
    VARIANCE,
    Part,
    cycle,
    optional,
)
from keras_pde.presets.values import (
    Check,
    either,
    flag,
    listed,
    none,
    one_of,
    real,
    record,
    shape,
    whole,
    word,
)

__all__ = ["build_config", "check_config"]

FLUX = either(word, Part(*FLUXES, *FLUX_LAYERS))
WALLS = listed(listed(either(word, listed(real, 2, 2)), 2, 2), 1, 3)
SCHEDULE = record(
    {
        "step_sizes": listed(real, 1, limits.STEPS),
        "extrapolations": listed(real, 1, limits.STEPS),
        "frozen": flag,
        "cycle_length": whole(0, limits.STEPS),
        "max_step": real,
        "kind": word,
    }
)
SPLINE: dict[str, Check] = {
    **LAYER,
    "knots": whole(2, limits.KNOTS),
    "extent": real,
    "slopes": listed(real, 2, 2),
    "start": either(word, Part(*FLUXES)),
    "contrast": optional(real),
    "learn_contrast": flag,
    "noise_conditioned": flag,
    "grading": real,
}
ACTIVATION: dict[str, Check] = {
    **LAYER,
    "flux": either(word, Part(*FLUXES)),
    "contrast": optional(real),
    "learn_contrast": flag,
    "per_channel": flag,
    "noise_conditioned": flag,
}
STEP: dict[str, Check] = {
    **LAYER,
    "operator": either(word, FILTERS, Part(*OPERATORS)),
    "flux": FLUX,
    "step_size": either(real, word),
}
BLOCKS: dict[str, Check] = {
    **LAYER,
    "filters": optional(either(FILTERS, listed(FILTERS, 1, limits.CONVOLUTIONS))),
    "kernel_size": KERNEL_SIZE,
    "flux": optional(FLUX),
    "block": optional(Part("DiffusionBlock", "ImplicitDiffusion")),
    "tied": flag,
    "lifting": either(none, whole(1, limits.CHANNELS), Part("Lifting")),
}
CYCLES: dict[str, Check] = {**BLOCKS, "cycles": STEPS, "cycle_length": STEPS}
NORMALIZE = either(one_of("columns"), flag)
INITIALIZER = optional(either(word, Part(*INITIALIZERS, "Stencil", "SmoothInDepth")))
BOUNDARY: dict[str, Check] = {"boundary": word}
SEED = optional(either(whole(-(2**63), 2**64), Part("SeedGenerator")))
DRAWN: dict[str, Check] = {"seed": SEED}
AXES = optional(either(whole(-8, 8), listed(whole(-8, 8), 0, 8)))
SCALED: dict[str, Check] = {**DRAWN, "input_axes": AXES, "output_axes": AXES}
TRANSFER: dict[str, Check] = {**LAYER, **BOUNDARY, "learned": flag}

SCHEMA: dict[str, dict[str, Check]] = {
    # networks
    "DiffusionResNet": {**BLOCKS, "schedule": either(STEPS, SCHEDULE)},
    "FEDResNet": CYCLES,
    "FSIResNet": {**CYCLES, "frozen": flag},
    "DuFortFrankelResNet": {**BLOCKS, "steps": STEPS, "extrapolation": real},
    "ImplicitRecurrent": {**BLOCKS, "steps": STEPS},
    "MultigridUNet": {
        **LAYER,
        "problem": either(word, Part(*PROBLEMS)),
        "cycle": optional(cycle),
        "levels": either(one_of("auto"), whole(1, limits.LEVELS)),
        "smoother": optional(either(word, Part(*SMOOTHERS))),
        "fas": optional(flag),
        "channels": optional(whole(1, limits.CHANNELS)),
        "outputs": optional(whole(1, limits.FILTERS)),
        "noise_conditioned": flag,
    },
    # time stepping
    **EVOLUTION,
    # learned operators
    **KERNELS,
    # classifiers
    **CLASSIFIERS,
    # graphs
    **GRAPHS,
    # functions of coordinates
    **COORDINATES,
    # steps and what is around them
    "DiffusionBlock": {
        **STEP,
        "fraction": real,
        "coupled": flag,
        "use_bias": flag,
        "data_weight": either(real, word),
    },
    "ImplicitDiffusion": {
        **STEP,
        "solver": either(word, Part(*SOLVERS)),
        "tolerance": real,
        "max_iterations": whole(1, limits.ITERATIONS),
        "on_failure": word,
    },
    "Lifting": {
        **LAYER,
        "channels": optional(whole(1, limits.CHANNELS)),
        "patch_size": whole(1, limits.PATCH_SIZE),
        "learned": flag,
    },
    "Restriction": TRANSFER,
    "Prolongation": TRANSFER,
    "Features": {**LAYER, "network": Part(*NETWORKS)},
    # operators
    "ConvOperator": {
        **LAYER,
        **BOUNDARY,
        "filters": BLOCKS["filters"],
        "kernel_size": KERNEL_SIZE,
        "initializer": INITIALIZER,
        "zero_mean": flag,
        "normalize": NORMALIZE,
    },
    "DenseOperator": {
        **LAYER,
        "rows": FILTERS,
        "initializer": INITIALIZER,
        "normalize": NORMALIZE,
    },
    "Stencil": {"name": word},
    "SmoothInDepth": {
        "initializer": either(word, Part(*INITIALIZERS)),
        "length": optional(real),
        "seed": whole(0, 2**31),
        "depth": real,
    },
    # fluxes
    **{name: {"contrast": real} for name in FLUXES},
    "FAB": {"contrast": real, "kappa": real},
    "FluxActivation": {**ACTIVATION, "coupled": flag},
    "GatedFlux": {
        **ACTIVATION,
        "neighbourhood": KERNEL_SIZE,
        "gates": word,
        "evidence_contrast": optional(real),
        "coupling": optional(real),
    },
    "SplineFlux": SPLINE,
    "RBFFlux": {
        **LAYER,
        "centers": whole(2, limits.CENTERS),
        "extent": real,
        "width": optional(real),
        "largest_slope": real,
        "start": either(word, Part(*FLUXES)),
        "nonnegative": flag,
        "contrast": optional(real),
        "learn_contrast": flag,
        "noise_conditioned": flag,
    },
    "CoupledSplineFlux": {
        **SPLINE,
        "neighbourhood": KERNEL_SIZE,
        "groups": optional(FILTERS),
    },
    # solvers, smoothers, problems
    "Accelerated": {"method": word},
    "Anderson": {"memory": whole(1, 100), "regularization": real},
    "FixedPoint": {"damping": optional(either(real, word))},
    "LaggedDiffusivity": {
        "inner_tolerance": real,
        "inner_iterations": whole(1, limits.ITERATIONS),
    },
    "Jacobi": {"weight": optional(real)},
    "RedBlack": {"weight": optional(real)},
    "MgNet": {"activation": either(word, Part(*FLUXES)), "kernel_size": KERNEL_SIZE},
    "Chebyshev": {"share": optional(real), "symmetric": flag},
    "Poisson": BOUNDARY,
    "Biharmonic": BOUNDARY,
    "ScreenedPoisson": {**BOUNDARY, "step_size": real},
    "Inpainting": {"order": whole(1, 8)},
    "Diffusion": {
        **BOUNDARY,
        "step_size": real,
        "flux": optional(either(word, Part("FluxActivation"))),
        "coefficient": optional(word),
        "reaction": either(word, real),
        "spacing": either(real, listed(real, 1, 3)),
        "walls": optional(WALLS),
    },
    # Keras
    "DTypePolicy": {"name": one_of(*PRECISIONS)},
    "SeedGenerator": {"seed": optional(whole(-(2**63), 2**64)), "name": word},
    **dict.fromkeys(VARIANCE, SCALED),
    "LecunUniform": SCALED,
    "VarianceScaling": {**SCALED, "scale": real, "mode": word, "distribution": word},
    "RandomNormal": {**DRAWN, "mean": real, "stddev": real},
    "TruncatedNormal": {**DRAWN, "mean": real, "stddev": real},
    "RandomUniform": {**DRAWN, "minval": real, "maxval": real},
    "Orthogonal": {**DRAWN, "gain": real},
    "Zeros": {},
    "Ones": {},
    "Constant": {"value": real},
    "Identity": {"gain": real},
}


def build_config(value: Any, where: str) -> None:
    """The shapes that a network is built for.

    Example:
        >>> from keras_pde.presets.schema import build_config
        >>> build_config({"input_shape": [None, None, None, 1]}, "build_config")
    """
    record({"input_shape": either(listed(shape, 1, 8), shape)})(value, where)


def check_config(name: str, config: Any, where: str) -> None:
    """Check the configuration of a class of the table, without the objects in it.

    Raises:
        ValueError: unknown keys, values of other types or beyond the limits.

    Example:
        >>> from keras_pde.presets.schema import check_config
        >>> check_config("Charbonnier", {"contrast": 0.1}, "flux")
        >>> check_config("Charbonnier", {"contrast": "0.1"}, "flux")
        Traceback (most recent call last):
            ...
        ValueError: flux.contrast: a finite number was expected, and it is '0.1'
    """
    record(SCHEMA[name])(config, where)
    if name in BLOCK_NETWORKS:
        steps, blocks = _lengths(config)
        if steps > limits.STEPS or (blocks > limits.BLOCKS and not config.get("tied", False)):
            raise ValueError(
                f"{where} asks for {steps:,} steps by {blocks:,} blocks, and {limits.STEPS:,} by"
                f" {limits.BLOCKS} are allowed"
            )


def _lengths(config: dict[str, Any]) -> tuple[int, int]:
    """Number of steps, and of blocks unless they are tied."""
    if "cycles" in config or "cycle_length" in config:
        cycles = config.get("cycles", 1)
        steps = cycles * config.get("cycle_length", 1)
        return steps, cycles if config.get("frozen", True) else steps
    schedule = config.get("schedule", config.get("steps", 1))
    if isinstance(schedule, int):
        return schedule, schedule
    steps = len(schedule.get("step_sizes", ()))
    together = schedule.get("cycle_length", 0) if schedule.get("frozen", False) else 1
    return steps, steps // max(together or steps, 1)
