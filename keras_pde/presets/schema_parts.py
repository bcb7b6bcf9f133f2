"""What several classes' configurations have in common: names of classes, precisions, layers."""

from __future__ import annotations

import re
from typing import Any

from keras_pde.presets import limits
from keras_pde.presets.values import (
    Check,
    either,
    flag,
    listed,
    none,
    one_of,
    whole,
    word,
    wrong,
)

PRECISIONS = ("float16", "bfloat16", "float32", "float64", "mixed_float16", "mixed_bfloat16")
_FLUXES = ("Linear", "Charbonnier", "TruncatedTV", "PeronaMalik", "PeronaMalikExponential")
FLUXES = (*_FLUXES, "Weickert", "TruncatedBFB", "FAB", "ReLU", "SmoothReLU")
FLUX_LAYERS = ("FluxActivation", "SplineFlux", "CoupledSplineFlux", "GatedFlux", "RBFFlux")
OPERATORS = ("ConvOperator", "DenseOperator", "FiniteDifference", "Lattice", "MultilevelKernel")
SOLVERS = ("Accelerated", "Anderson", "FixedPoint", "LaggedDiffusivity")
SPLITTINGS = ("ForwardBackward", "PeacemanRachford")
SMOOTHERS = ("Jacobi", "Chebyshev", "RedBlack", "MgNet")
PROBLEMS = ("Poisson", "ScreenedPoisson", "Biharmonic", "Inpainting", "Diffusion")
BLOCK_NETWORKS = (
    "DiffusionResNet",
    "FEDResNet",
    "FSIResNet",
    "DuFortFrankelResNet",
    "ImplicitRecurrent",
)
TIME_STEPPERS: tuple[str, ...] = ("LatticeBoltzmann", "MethodOfLines")
KERNEL_NETWORKS: tuple[str, ...] = ("KernelNetwork", "KernelPropagator")
CLASSIFIERS: tuple[str, ...] = ("CertifiedClassifier", "CertifiedSegmenter", "RobustImplicit")
GRAPH_NETWORKS: tuple[str, ...] = ("MessagePassingNetwork",)
COORDINATE_NETWORKS: tuple[str, ...] = ("SinusoidalNetwork", "SPINN")
NETWORKS = (
    *BLOCK_NETWORKS,
    "MultigridUNet",
    *TIME_STEPPERS,
    *CLASSIFIERS,
    *GRAPH_NETWORKS,
    *COORDINATE_NETWORKS,
    *KERNEL_NETWORKS,
)
VARIANCE = ("GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform", "LecunNormal")
INITIALIZERS = (
    *(*VARIANCE, "LecunUniform", "VarianceScaling", "RandomNormal", "RandomUniform"),
    *("TruncatedNormal", "Orthogonal", "Zeros", "Ones", "Constant", "Identity"),
)


class Part:
    """An object of one of some classes; the walk over the configuration checks it itself."""

    def __init__(self, *names: str) -> None:
        self.names = names

    def __call__(self, value: Any, where: str) -> None:
        """Refuse anything else."""
        if type(value) is not dict or "class_name" not in value:
            raise wrong(where, f"one of {', '.join(self.names)}", value)
        own = str(value.get("registered_name")).partition(">")[0] not in ("keras_pde", "None")
        if not own and value["class_name"] not in self.names:
            raise wrong(where, f"one of {', '.join(self.names)}", value["class_name"])


def optional(check: Check) -> Check:
    """A value, or null."""
    return either(none, check)


def cycle(value: Any, where: str) -> None:
    """A multigrid cycle in textbook notation, of few smoothing steps."""
    text = value if type(value) is str else ""
    match = re.fullmatch(r"(?:V|W|F|FMG)\((\d{1,3}), ?(\d{1,3})\)", text)
    if match is None or max(int(match[1]), int(match[2])) > limits.SMOOTHING_STEPS:
        raise wrong(where, f'such as "V(2,1)", at most {limits.SMOOTHING_STEPS} steps,', value)


DTYPE = either(one_of(*PRECISIONS), Part("DTypePolicy"))
# by which a part that several layers hold is one again, see runtime.sharing
SHARED = listed(either(one_of(""), word), 2, 2)
LAYER: dict[str, Check] = {
    "name": word,
    "trainable": flag,
    "dtype": optional(DTYPE),
    "shared_part": SHARED,
}
STEPS = whole(1, limits.STEPS)
FILTERS = whole(1, limits.FILTERS)
KERNEL_SIZE = whole(1, limits.KERNEL_SIZE)
