"""Constructors and functions of the package, each with one argument wrong."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import keras_pde
from keras_pde import DiffusionBlock, degradations, plotting, problems, schemes
from keras_pde.data import images, noise
from keras_pde.export import export
from keras_pde.tasks.inpaint import image as inpainting

COUNT = [2.5, "3", True, -1, 0, float("nan"), 10**9, [1], np.ones(3)]
NUMBER = ["3", True, -1.0, float("nan"), float("inf"), [1.0], 1j, np.ones(3)]
FLAG = [2, "yes", None, 0.5]
WORD = ["no such", 3, True, 2.5]
WORDED = ["no such", True, -1.0, float("nan"), [1.0], None]  # a number, or one of some words

BLUR = degradations.Blur("box:3")
PATHS = [None, 3, True, b"x", "", "a\0b"]
B = np.ones((1, 7, 1))
PIXELS = [None, "photo.png", 1j * B, B > 0, np.ma.masked_array(B), B.astype(object), B[:, :0]]

FILTERS = [*COUNT[:7], COUNT[8]]  # [1] is a stack of one
NETWORK = {"filters": FILTERS, "kernel_size": [*COUNT, None], "flux": WORD, "tied": FLAG}
NETWORK = {**NETWORK, "block": WORD, "lifting": COUNT}

# what makes a thing, and wrong values of its arguments
MAKERS: dict[str, tuple[Callable[..., Any], dict[str, list[Any]]]] = {
    "ConvOperator": (
        functools.partial(keras_pde.ConvOperator, 4),
        {
            "kernel_size": [*COUNT, None],
            "boundary": [*WORD, None],
            "initializer": WORD,
            "zero_mean": FLAG,
            "normalize": FLAG,
        },
    ),
    "filters": (keras_pde.ConvOperator, {"filters": [*FILTERS, (), (3, 2.5), (3, -1)]}),
    "a stencil": (keras_pde.ConvOperator, {"initializer": [*WORD, "he_normal"]}),
    "Stencil": (keras_pde.Stencil, {"name": [*WORD, None]}),
    "MultilevelKernel": (
        keras_pde.MultilevelKernel,
        {
            "near_field": [2.5, "3", True, -1, 17, None],
            "boundary": [*WORD, None],
            "initializer": [*WORD, None],
        },
    ),
    "LearnedGraphKernel": (
        keras_pde.LearnedGraphKernel,
        {
            "hidden": [*COUNT, None],
            "ndim": [1, 4, 2.5, "2", True, None],
            "order": [2.5, "3", True, -1, 5, None],
            "positions": [1, "yes", None],
        },
    ),
    "LearnedKernel": (
        keras_pde.LearnedKernel,
        {
            "hidden": [*COUNT, None],
            "order": [2.5, "3", True, -1, 5, None],
            "levels": [*COUNT, None],
            "boundary": [*WORD, None],
            "symmetric": [1, "yes", None],
        },
    ),
    "KernelNetwork": (
        keras_pde.KernelNetwork,
        {
            "filters": [*COUNT, None],
            "hidden": [*COUNT, None],
            "cycles": [*COUNT, None],
            "levels": [*COUNT, None],
            "positions": FLAG,
            "source": ["3", True, float("nan"), None],
        },
    ),
    "KernelPropagator": (
        keras_pde.KernelPropagator,
        {
            "steps": [*COUNT, None],
            "filters": [*COUNT, None],
            "hidden": [*COUNT, None],
            "levels": [*COUNT, None],
            "boundary": [*WORD, None],
            "positions": FLAG,
        },
    ),
    "DenseOperator": (
        keras_pde.DenseOperator,
        {"rows": [*COUNT, None], "initializer": [*WORD, None], "normalize": FLAG},
    ),
    "Lattice": (
        keras_pde.Lattice,
        {"lattice": [*WORD, None], "boundary": [*WORD, None, ["walls"], ["walls", 3]]},
    ),
    "OrbitDense": (
        functools.partial(keras_pde.OrbitDense, [[1, 0]]),
        {
            "channels": [*COUNT, None],
            "outputs": [3, "ab", [], [[0, 0]], [[1, 2]], [[0, 1], [1]], [[0.0, 1.0]], [[0], [0]]],
            "use_bias": FLAG,
            "initializer": WORD,
        },
    ),
    "Collision": (
        keras_pde.Collision,
        {
            "lattice": [*WORD, None],
            "viscosity": [*NUMBER, 0, None],
            "hidden": [3, "ab", None, [0], [2.5], ["3"], [True]],
        },
    ),
    "LatticeBoltzmann": (
        functools.partial(keras_pde.LatticeBoltzmann, boundary=["walls", "periodic"]),
        {
            "lattice": [*WORD, None],
            "viscosity": [*NUMBER, 0, None],
            "steps": [*COUNT, None],
            "boundary": [*WORD, None, ["walls"], ["walls", 3]],
            "lids": [
                *[3, "x+", ["x+"], {"z+": (0, 0.1)}, {"y+": (0.1, 0)}, {"x+": (0.1, 0)}, {3: 1}],
                *[{"x+": 0.1}, {"x+": "ab"}, {"x+": (0, 0, 0)}, {"x+": (0, 1)}, {"x+": None}],
            ],
            "hidden": [3, "ab", None, [0], [2.5], ["3"], [True]],
        },
    ),
    "FiniteDifference": (
        keras_pde.FiniteDifference,
        {
            "derivatives": [
                *[*WORD[:1], 2, None, [], [()], [9], [(1, -1)], [1.5], [1, (1, 0)], [(9, 9)]],
                *[[[((1,), 2, 3)]], [[((2,), "x")]], [[((2,), 1), ((2,), 1)]]],
            ],
            "accuracy": [*COUNT, 3, 14, None],
            "spacing": [*NUMBER[:5], NUMBER[6], 0, None, [], [0.1, -1], [1, 1, 1, 1], 1e-200],
            "boundary": [*WORD, None],
            "learned": FLAG,
            "side": [*WORD, None, [], ["central", "no such"], ["central"] * 4],
        },
    ),
    "sides": (
        functools.partial(keras_pde.FiniteDifference, [(1, 0)]),
        {"spacing": [[0.1], [1, 1, 1]], "side": [["central"]], "accuracy": [1, 5]},
    ),
    "Lifting": (keras_pde.Lifting, {"channels": COUNT, "patch_size": COUNT, "learned": FLAG}),
    "Restriction": (keras_pde.Restriction, {"boundary": [*WORD, None], "learned": FLAG}),
    "Prolongation": (keras_pde.Prolongation, {"boundary": [*WORD, None], "learned": FLAG}),
    "DiffusionBlock": (
        DiffusionBlock,
        {
            "operator": [*WORD[:1], 2.5, True, -1, None, 10**9],
            "flux": [*WORD, None],
            "step_size": [*WORDED, 0],
            "fraction": [*NUMBER, 0, 1.5, None],
            "coupled": FLAG,
            "use_bias": FLAG,
            "data_weight": WORDED,
        },
    ),
    "ImplicitDiffusion": (
        keras_pde.ImplicitDiffusion,
        {
            "operator": [*WORD[:1], 2.5, True, -1, None],
            "flux": [*WORD, None],
            "step_size": [*WORDED, 0],
            "solver": [*WORD, None],
            "tolerance": [*NUMBER, 0, 1],
            "max_iterations": [2.5, "3", True, -1, 0, None],
            "on_failure": [*WORD, None],
        },
    ),
    "FluxActivation": (
        keras_pde.FluxActivation,
        {
            "flux": [*WORD, None],
            "contrast": [*NUMBER, 0],
            "learn_contrast": FLAG,
            "per_channel": FLAG,
            "noise_conditioned": FLAG,
            "coupled": FLAG,
        },
    ),
    "GatedFlux": (
        keras_pde.GatedFlux,
        {
            "flux": [*WORD, "fab"],
            "contrast": [*NUMBER, 0],
            "neighbourhood": [*COUNT, 4, None],
            "gates": [*WORD, None],
            "evidence_contrast": [*NUMBER, 0],
            "coupling": [*NUMBER, 0],
        },
    ),
    "SplineFlux": (
        keras_pde.SplineFlux,
        {
            "knots": [*COUNT, None],
            "extent": [*NUMBER, 0, None],
            "slopes": ["ab", 1.0, (1.0, 0.0), (0.0, 1.0, 2.0), (0.0, "1"), None],
            "start": [*WORD, None],
            "grading": [*NUMBER, 0, None],
        },
    ),
    "RBFFlux": (
        keras_pde.RBFFlux,
        {
            "centers": [*COUNT, None, 10**6],
            "extent": [*NUMBER, 0, None],
            "width": [*NUMBER, 0, 1e3, 1e-3],
            "largest_slope": [*NUMBER, 0, None],
            "start": [*WORD, None],
            "nonnegative": FLAG,
        },
    ),
    "CoupledSplineFlux": (
        keras_pde.CoupledSplineFlux,
        {"neighbourhood": [*COUNT, 4, None], "groups": COUNT},
    ),
    "DiffusionResNet": (
        keras_pde.DiffusionResNet,
        {"schedule": [*COUNT, None, "explicit"], **NETWORK},
    ),
    "FEDResNet": (
        keras_pde.FEDResNet,
        {"cycles": [*COUNT, None], "cycle_length": [*COUNT, None], **NETWORK},
    ),
    "FSIResNet": (
        keras_pde.FSIResNet,
        {"cycles": [*COUNT, None], "cycle_length": [*COUNT, None], "frozen": FLAG, **NETWORK},
    ),
    "DuFortFrankelResNet": (
        keras_pde.DuFortFrankelResNet,
        {"steps": [*COUNT, None], "extrapolation": [*NUMBER, 0, 2, None], **NETWORK},
    ),
    "ImplicitRecurrent": (keras_pde.ImplicitRecurrent, {"steps": [*COUNT, None], **NETWORK}),
    "MultigridUNet": (
        keras_pde.MultigridUNet,
        {
            "problem": [*WORD, None],
            "cycle": [*WORD, "V(0,0)"],
            "levels": [*COUNT, None],
            "smoother": [*WORD],
            "fas": [2, "yes"],
            "channels": COUNT,
            "outputs": COUNT,
            "noise_conditioned": FLAG,
        },
    ),
    "schemes.fed": (
        schemes.fed,
        {
            "steps": [*COUNT, None],
            "time": [*NUMBER, 0],
            "max_step": [*NUMBER, 0, None],
        },
    ),
    "schemes.explicit": (functools.partial(schemes.explicit, 3), {"max_step": [*NUMBER, 0, None]}),
    "schemes.fsi": (functools.partial(schemes.fsi, 3), {"cycles": [*COUNT, None]}),
    "problems.Inpainting": (problems.Inpainting, {"order": ["2", 3, True, None]}),
    "from_preset": (
        functools.partial(keras_pde.from_preset, "linear_2d"),
        {"dtype": ["float33", 3, "int32", "no such"]},
    ),
    "denoise": (
        functools.partial(
            keras_pde.denoise, np.full((8, 8), 0.5, "float32"), noise=20.0, preset="linear_2d"
        ),
        {
            "noise": [*NUMBER, 0, np.full((8, 8), 20.0), 1e-300],
            "time": [*NUMBER, 0, np.ones(2)],
            "tile": COUNT[:-3],
            "progress": [3, "yes", True],
            "preset": [None, 3, "", True, b"linear_2d"],
            "range": [3, None, "all", (1, 0), (0, np.inf), (0, 1, 2), True],
            "spacing": [3, "21", (1,), (1, 0), (1, np.inf), (1, "2"), True, [[1], [2]], (1, 2, 3)],
        },
    ),
    "calibrate": (
        functools.partial(
            keras_pde.calibrate,
            network="linear_2d",
            image=np.linspace(0, 1, 64).reshape(8, 8),
            noise=20.0,
        ),
        {
            "network": [None, 3, "", True, b"linear_2d"],
            "noise": [*NUMBER, 0, np.full((8, 8), 20.0), "sensor", 1e-300],
            "tile": COUNT[:-3],
            "progress": [3, "yes", True],
            "range": [3, None, "all", (1, 0), (0, np.inf), (0, 1, 2), True],
        },
    ),
    "denoise a sensor's noise": (
        functools.partial(
            keras_pde.denoise, np.full((8, 8), 0.5, "float32"), noise="sensor", preset="linear_2d"
        ),
        {"gain": [*NUMBER, 0], "offset": [*NUMBER[:2], *NUMBER[3:]], "readout": NUMBER},
    ),
    "an image": (
        functools.partial(keras_pde.denoise, noise=20.0, preset="linear_2d"),
        {
            "image": [
                None,
                "photo.png",
                [],
                [[0.5, "a"]],
                [[0.5], [0.5, 0.5]],
                np.float32(0.5),
                np.zeros((0, 8)),
                np.ones((8, 8)) * 1j,
                np.ones((8, 8), bool),
                np.ones((8, 8), object),
                np.ones((8, 8), "int32"),
                np.ma.masked_array(np.ones((8, 8)), np.eye(8)),
                {"image": 1},
                object(),
            ]
        },
    ),
    "restore": (
        functools.partial(
            keras_pde.restore, np.full((8, 8), 0.5), BLUR, noise=2.0, preset="linear_2d"
        ),
        {
            "preset": WORD,
            "noise": NUMBER,
            "method": [*WORD, None],
            "step": [*NUMBER, 0],
            "strength": [*NUMBER, 0],
            "iterations": [2.5, "3", True, -1, 0, None],
            "tolerance": [*NUMBER, 0, 1, None],
            "norm": [2.0],
            "start": [np.ones((7, 8)), "u.png", np.ones((8, 8), complex)],
            "progress": [3, "yes"],
        },
    ),
    "data to restore": (
        functools.partial(keras_pde.restore, A=BLUR, noise=2.0, preset="linear_2d"),
        {"y": [None, "y.png", np.ones((8, 8), complex), np.full((8, 8), np.nan)]},
    ),
    "the degradation": (
        functools.partial(keras_pde.restore, np.ones((8, 8)), noise=2.0, preset="linear_2d"),
        {"A": [None, "blur", 3, np.ones((8, 8)), np.abs]},
    ),
    "Blur": (
        degradations.Blur,
        {"kernel": [None, 3, "no such", "box:2.5", "gaussian:-1", np.zeros((3, 3)), np.ones(3)]},
    ),
    "boundary of a blur": (
        functools.partial(degradations.Blur, "box:3"),
        {"boundary": [*WORD, None]},
    ),
    "Decimation": (
        degradations.Decimation,
        {"factor": [*COUNT, 1, None], "kernel": [*WORD, None], "boundary": [*WORD, None]},
    ),
    "inpaint": (
        functools.partial(inpainting.inpaint, np.zeros((8, 8, 1)), np.eye(8) > 0),
        {
            "order": ["2", 3, True, None, 2.5],
            "tolerance": [*NUMBER, 0, None],
            "callback": [3, "yes", True],
        },
    ),
    "a picture": (
        lambda pixels: inpainting.inpaint(pixels, np.ones((8, 8), bool)),
        {
            "pixels": [
                None,
                "photo.png",
                np.ones((8, 8, 1)) * 1j,
                np.ones((8, 8, 1), bool),
                np.ones((8, 8, 1), object),
                np.ma.masked_array(np.ones((8, 8, 1))),
                np.ones((2, 8, 8, 1)),
                np.ones((0, 8, 1)),
                np.full((8, 8, 1), np.nan),
            ]
        },
    ),
    "a mask": (
        lambda mask: inpainting.inpaint(np.ones((8, 8, 1)), mask),
        {
            "mask": [
                None,
                "mask.png",
                np.ones((8, 8)),
                np.ones((8, 8), "uint8"),
                np.ones((8, 8, 1), bool),
                np.ones((7, 8), bool),
                np.zeros((8, 8), bool),
                np.ma.masked_array(np.ones((8, 8), bool)),
                True,
            ]
        },
    ),
    "random_mask": (
        functools.partial(inpainting.random_mask, (8, 8), 0.5),
        {"seed": [-1, 2.5, "1", None]},
    ),
    "share": (
        functools.partial(inpainting.random_mask, (8, 8)),
        {"share": [*NUMBER, 0, 1.5, None]},
    ),
    "add_noise": (
        functools.partial(noise.add_noise, np.zeros((8, 8, 1))),
        {"sigma": [*NUMBER, None]},
    ),
    "plot_fluxes": (
        functools.partial(plotting.plot_fluxes, ["charbonnier"]),
        {"extent": [*NUMBER, 0, None]},
    ),
    "fluxes": (plotting.plot_fluxes, {"fluxes": ["charbonnier", 3, None, [3]]}),
    "plot_kernels": (plotting.plot_kernels, {"operator": [None, 3, "forward"]}),
    "plot_amplification": (
        functools.partial(plotting.plot_amplification, [schemes.fed(3)]),
        {"points": [*COUNT, None]},
    ),
    "plot_evolution": (
        functools.partial(plotting.plot_evolution, image=np.zeros((8, 8))),
        {"model": [None, 3, "linear_2d"]},
    ),
    "certify": (
        keras_pde.certify,
        {"certify": [None, 3, "model", keras_pde.DiffusionBlock, np.ones((99, 9)), [np.ones(99)]]},
    ),
    "estimate": (noise.estimate, {"pixels": [*PIXELS, np.ones(8), B * np.nan]}),
    "a preset": (
        lambda preset: keras_pde.from_preset(preset),
        {"preset": [*PATHS, [], "x" * 5000]},
    ),
    "save_to_preset": (
        lambda directory: keras_pde.from_preset("linear_2d").save_to_preset(directory),
        {"directory": PATHS},
    ),
    "read": (images.read, {"path": PATHS}),
    "write": (
        lambda path: images.write(path, images.Image(np.zeros((2, 2, 1), "float32"))),
        {"path": PATHS},
    ),
    "export": (
        functools.partial(export, "linear_2d", "/dev/null/x"),
        {
            "format": [*WORD, None, []],
            "sigma": [*NUMBER, 0],
            "timed": FLAG,
            "uint8": FLAG,
            "dtype": [*WORD, "bfloat16"],
            "size": [3, "8x8", (8,), (8, 0), (8, 2.5), (8, -1), ("8", 8), (True, 8)],
        },
    ),
    "an export": (
        lambda model: export(model, "/dev/null/x"),
        {"model": [None, 3, keras_pde.ConvOperator(4), keras_pde.DiffusionResNet(2, 4)]},
    ),
    "where an export goes": (functools.partial(export, "linear_2d"), {"path": PATHS}),
    "solve": (
        lambda **options: keras_pde.MultigridUNet("poisson").solve(**{"b": B, **options}),
        {
            "b": [*PIXELS, B * np.inf, B[0, 0], B * 1e300, B * 1e-300],
            "tolerance": [*NUMBER, 0],
            "max_cycles": [2.5, "3", True, 0, None],
            "guess": [B[:, :3], B * np.nan, "0", np.ma.masked_array(B)],
            "callback": [3, "yes", True],
            "accelerate": [value for value in FLAG if value is not None],
        },
    ),
}


def _call(make: Callable[..., Any], name: str, value: Any) -> Any:
    return make(value) if name == "certify" else make(**{name: value})


def cases() -> Iterator[tuple[str, str, Callable[[], Any]]]:
    """Each wrong use in words, the argument that the message has to name, and the call."""
    for label, (make, arguments) in MAKERS.items():
        for name, values in arguments.items():
            for value in values:
                call = functools.partial(_call, make, name, value)
                yield f"{label}({name}={str(value)[:40]!r})", name, call
