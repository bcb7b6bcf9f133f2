"""Hostile configurations: foreign classes, swapped names, values that hang or take memory."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from presets.hostile import Case, restate

Spoil = Callable[[Path], Any]


def changed(change: Callable[[dict[str, Any]], Any]) -> Spoil:
    """A configuration that is changed, with its hash stated anew."""

    def spoil(folder: Path) -> None:
        path = folder / "config.json"
        config = json.loads(path.read_text())
        path.write_text(json.dumps(change(config) or config))
        restate(folder)

    return spoil


def top(**more: Any) -> Spoil:
    """Other values beside the arguments; what is ... is left out."""
    return changed(lambda c: {k: v for k, v in {**c, **more}.items() if v is not ...})


def argument(**more: Any) -> Spoil:
    """Other arguments of the network."""
    return changed(lambda c: c["config"].update(more))


def part(name: str, module: str | None, config: Any = None, **more: Any) -> dict[str, Any]:
    """The description of an object."""
    return {
        "module": module,
        "class_name": name,
        "config": {} if config is None else config,
        "registered_name": None,
        **more,
    }


def own(name: str, file: str, config: Any = None, **more: Any) -> dict[str, Any]:
    """The description of an object of keras_pde."""
    about = {"registered_name": f"keras_pde>{name}", **more}
    return part(name, f"keras_pde.{file}", config, **about)


def layer(name: str, **config: Any) -> dict[str, Any]:
    """The description of a layer of Keras."""
    return part(name, "keras.layers", config)


LIFTING = own("Lifting", "layers.lifting", {"channels": 3})
FLUX = own("Charbonnier", "fluxes.classical", {"contrast": 0.1})
OPERATOR = own("ConvOperator", "operators.conv_operator", {"filters": 4})
BLOCK = own("DiffusionBlock", "layers.diffusion_block", {"operator": OPERATOR, "flux": FLUX})
VALUE = {"value": [1.0], "dtype": "float32"}

FOREIGN: dict[str, Any] = {
    "lambda": layer("Lambda", function={"class_name": "__lambda__", "config": {"value": "4wA="}}),
    "bare_lambda": {"class_name": "__lambda__", "config": {"value": "4wAAAA=="}},
    "function": part("function", "builtins", "eval", registered_name="function"),
    "keras_function": part("function", "keras.activations", "relu", registered_name="relu"),
    "os_system": part("system", "os"),
    "os_system_registered": part("system", "os", registered_name="keras_pde>system"),
    "popen": part("Popen", "subprocess", {"args": ["true"]}),
    "builtins_exec": part("exec", "builtins", {"source": "1"}),
    "get_file": part("get_file", "keras.utils", {"origin": "file:///etc/passwd"}),
    "unsafe": part("enable_unsafe_deserialization", "keras.config"),
    "load_model": part("load_model", "keras.models", {"filepath": "/etc/passwd"}),
    "string_lookup": layer("StringLookup", vocabulary="/etc/passwd"),
    "text_vectorization": layer("TextVectorization", vocabulary="/etc/passwd"),
    "saved_model": layer("TFSMLayer", filepath="/tmp"),
    "rescaling": layer("Rescaling", scale=2.0),
    "dense_2e9": {**layer("Dense", units=10**6), "build_config": {"input_shape": [None, 2000]}},
    "conv": layer("Conv2D", filters=4, kernel_size=3),
    "time_distributed": layer("TimeDistributed", layer=layer("Dense", units=1)),
    "sequential": part("Sequential", "keras", {"layers": []}),
    "functional": part("Functional", "keras.src.models.functional"),
    "optimizer": part("Adam", "keras.optimizers"),
    "regularizer": part("L2", "keras.regularizers"),
    "source_module": part("Dense", "keras.src.layers.core.dense", {"units": 1}),
    "numpy": {"class_name": "__numpy__", "config": VALUE},
    "tensor": {"class_name": "__tensor__", "config": VALUE},
    "keras_tensor": {"class_name": "__keras_tensor__", "config": {"shape": [1], "dtype": "int8"}},
    "typespec": {"class_name": "__typespec__", "spec_name": "TensorSpec", "config": []},
    "bytes": {"class_name": "__bytes__", "config": {"value": "x"}},
    "slice": {"class_name": "__slice__", "config": {"start": 0, "stop": 1, "step": 1}},
    "tuple": {"class_name": "__tuple__", "config": {"value": [1]}},
    "ellipsis": {"class_name": "__ellipsis__", "config": {}},
    "foreign_package": part("X", "keras_pde_evil", registered_name="keras_pde>X"),
    "unknown_module": part("X", "keras_pde.x", registered_name="keras_pde>X"),
    "other_package": {**LIFTING, "registered_name": "other>Lifting"},
    "without_registered_name": {**LIFTING, "registered_name": None},
    "registered_as_another": {**LIFTING, "registered_name": "keras_pde>FEDResNet"},
    "registered_number": {**LIFTING, "registered_name": 5},
    "registered_list": {**LIFTING, "registered_name": ["keras_pde>Lifting"]},
    "registered_left_out": {k: v for k, v in LIFTING.items() if k != "registered_name"},
    "module_number": {**LIFTING, "module": 5},
    "module_null": {**LIFTING, "module": None},
    "module_of_another": {**LIFTING, "module": "keras_pde.presets.download"},
    "module_dots": {**LIFTING, "module": "keras_pde.."},
    "class_number": {**LIFTING, "class_name": 5},
    "class_list": {**LIFTING, "class_name": ["Lifting"]},
    "class_null": {**LIFTING, "class_name": None},
    "class_empty": {**LIFTING, "class_name": ""},
    "class_long": {**LIFTING, "class_name": "x" * 1900},
    "class_of_two_lines": {**LIFTING, "class_name": "Lift\ning"},
    "config_list": {**LIFTING, "config": [1]},
    "config_text": {**LIFTING, "config": "x"},
    "config_null": {**LIFTING, "config": None},
    "config_left_out": {k: v for k, v in LIFTING.items() if k != "config"},
    "shared_object": {**LIFTING, "shared_object_id": 7},
    "compiled": {**LIFTING, "compile_config": {"loss": "mse"}},
    "built": {**LIFTING, "build_config": {"input_shape": [None, 10**9]}},
    "unknown_key": {**LIFTING, "assets": "../x"},
    "network_inside": own("FEDResNet", "models.fed_resnet", {"filters": 2}),
    "flux_inside": FLUX,
    "operator_inside": OPERATOR,
    "a_list_of_them": [LIFTING, LIFTING],
}
SELF: dict[str, Spoil] = {
    "module_5": top(module=5),
    "module_null": top(module=None),
    "class_list": top(class_name=["x"]),
    "class_of_another": top(class_name="MultigridUNet"),
    "registered_as_another": top(registered_name="keras_pde>FEDResNet"),
    "registered_null": top(registered_name=None),
    "registered_left_out": top(registered_name=...),
    "config_list": top(config=[1]),
    "config_null": top(config=None),
    "config_left_out": top(config=...),
    "pad": top(pad="x"),
    "pad_of_2_mb": top(pad=["x" * 1000] * 2000),
    "compiled": top(compile_config={"optimizer": "adam", "loss": "mse"}),
    "shared": top(shared_object_id=1),
    "a_layer": changed(lambda c: LIFTING),
    "a_block": changed(lambda c: BLOCK),
    "a_flux": changed(lambda c: FLUX),
    "a_keras_model": changed(lambda c: part("Sequential", "keras", {"layers": []})),
    "no_object": changed(lambda c: {"x": 1}),
    "build_left_out": top(build_config=...),
    "build_null": top(build_config=None),
    "build_empty": top(build_config={}),
    "build_text": top(build_config="x"),
    "build_more": top(build_config={"input_shape": [None, None, None, 1], "x": 1}),
    **{
        f"shape_{i}": top(build_config={"input_shape": shape})
        for i, shape in enumerate(
            [
                *([None, None, None, 10**8], [None, None, None, 0], [None, None, None, -1]),
                *([None, None, None, 1.0], [None, None, None, "1"], [None, None, None, None]),
                *([None, None, None, True], [1], [None] * 9, [], 5, "x", None, {"a": 1}),
                *([[None, None, None, 1]] * 100, [[[None]]], [None, 10**12, 10**12, 1]),
                [None, None, None, 1000],
            ]
        )
    },
}
LONG = [1.0] * 50_000
SCHEDULE = {
    **{"step_sizes": [1.0, 1.0], "extrapolations": [1.0, 1.0], "frozen": False},
    **{"cycle_length": 2, "max_step": 1.0, "kind": "custom"},
}
VALUES: dict[str, list[Any]] = {
    "filters": [
        20_000_000,
        10**9,
        4096,
        0,
        -1,
        4.5,
        "4",
        True,
        [4, 4],
        [4] * 1000,
        [[4]],
        {},
        None,
    ],
    "kernel_size": [10**6, 63, 0, -3, 2.5, "3", None, [3, 3], False],
    "schedule": [
        *(10**6, 10**9, 10_000, 257, 0, -1, 2.0, "8", None, [1.0, 1.0], {}, True),
        {**SCHEDULE, "step_sizes": LONG, "extrapolations": LONG, "cycle_length": 50_000},
        {**SCHEDULE, "step_sizes": [1.0]},
        {**SCHEDULE, "step_sizes": [-1.0, 1.0]},
        {**SCHEDULE, "step_sizes": ["1", "1"]},
        {**SCHEDULE, "extrapolations": [3.0, 1.0]},
        {**SCHEDULE, "cycle_length": 10**9},
        {**SCHEDULE, "cycle_length": -1},
        {**SCHEDULE, "max_step": 0},
        {**SCHEDULE, "kind": 5},
        {**SCHEDULE, "kind": "fed"},
        {**SCHEDULE, "frozen": "no"},
        {**SCHEDULE, "more": 1},
        {"class_name": "Schedule", "config": SCHEDULE},
    ],
    "lifting": [
        *(100_000_000, 0, -1, 2.5, "x", [], {"a": {"b": 1}}, True, 1000),
        {**LIFTING, "config": {"channels": 100_000_000}},
        {**LIFTING, "config": {"patch_size": 10**6}},
        {**LIFTING, "config": {"patch_size": 16, "learned": True}},
        {**LIFTING, "config": {"learned": "yes"}},
        {**LIFTING, "config": {"more": 1}},
    ],
    "tied": ["yes", 0, None, [], 2],
    "name": ["", "a\nb", "a\0b", "a/b", "x" * 1000, 5, None, [], "\x1b[2J"],
    "trainable": ["no", None, 2],
    "dtype": [
        *("string", "complex64", "int8", "float8_e4m3fn", "float128", "", 5, []),
        part("DTypePolicy", "keras", {"name": "string"}),
        part("DTypePolicy", "keras", {"name": "float32", "source_name": "x"}),
        part("DTypePolicyMap", "keras.dtype_policies", {"default_policy": None}),
        part("QuantizedDTypePolicy", "keras", {"mode": "int8", "source_name": "float32"}),
        "float64",
    ],
    "flux": [
        *("no_such", "", 5, [], {}, True),
        {**FLUX, "config": {"contrast": "0.1"}},
        {**FLUX, "config": {"contrast": None}},
        {**FLUX, "config": {"contrast": 0}},
        {**FLUX, "config": {"contrast": -1.0}},
        {**FLUX, "config": {"contrast": 0.1, "more": 1}},
        own("SplineFlux", "fluxes.spline_flux", {"knots": 10**9}),
        own("SplineFlux", "fluxes.spline_flux", {"slopes": [0.0] * 100}),
        own("CoupledSplineFlux", "fluxes.coupled_spline_flux", {"neighbourhood": 9999}),
        own("RBFFlux", "fluxes.rbf_flux", {"centers": 10**6}),
        own("GatedFlux", "fluxes.gated_flux", {"neighbourhood": 63}),
    ],
    "block": [
        *(BLOCK, "keras_pde>DiffusionBlock", 5, {}),
        {**BLOCK, "config": {"operator": 10**7}},
    ],
    "no_such_argument": [1],
}


def cases() -> list[Case]:
    """Foreign objects in the place of a lifting, the network's own names, and values."""
    return [
        *(Case("class", n, argument(lifting=x)) for n, x in FOREIGN.items()),
        *(Case("network", n, spoil) for n, spoil in SELF.items()),
        *(
            Case("value", f"{key}_{i}", argument(**{key: value}))
            for key, values in VALUES.items()
            for i, value in enumerate(values)
        ),
    ]
