"""Exports run in foreign runtimes, in a process that cannot import keras_pde, and say what they
are.
"""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from conftest import ROOT

from keras_pde import (
    ConvOperator,
    DiffusionBlock,
    DiffusionResNet,
    DuFortFrankelResNet,
    FEDResNet,
    FluxActivation,
    FSIResNet,
    ImplicitDiffusion,
    ImplicitRecurrent,
    Lifting,
    MultigridUNet,
    SplineFlux,
    export,
    from_preset,
    presets,
)
from keras_pde.export import exporting
from keras_pde.export.formats import KINDS
from keras_pde.export.served import Served
from keras_pde.models.network import Network
from keras_pde.models.timed import Timed
from keras_pde.runtime.tf2onnx_fix import sound_conversion
from keras_pde.tasks.denoise import choosing
from keras_pde.tasks.denoise.denoiser import Denoiser

tf = pytest.importorskip("tensorflow")
for name in ("onnx", "tf2onnx", "onnxruntime", "ai_edge_litert"):
    pytest.importorskip(name)

SUFFIXES = {"saved_model": "", "onnx": ".onnx", "litert": ".tflite"}
CASES: dict[str, dict[str, Any]] = {
    "certified_resnet_2d": {},
    "truncated_tv_2d": {"sigma": 50, "uint8": True},
    "truncated_tv_implicit_2d": {},
    "multigrid_poisson_1d": {"size": (33,)},
}
ABSENT = """
import importlib.abc, json, sys
import numpy as np
class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "keras_pde":
            raise ImportError(name + " is not installed here")
sys.meta_path.insert(0, Absent())
"""
FOREIGN = (
    ABSENT
    + """
import onnxruntime, tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
out = {}
for path, stored in json.loads(sys.argv[1]).items():
    data = np.load(stored)
    given = {k: data[k] for k in data.files if k != "output"}
    if path.endswith(".onnx"):
        result = onnxruntime.InferenceSession(path).run(None, given)[0]
    elif path.endswith(".tflite"):
        interpreter = Interpreter(path)
        names = {d["index"]: d["name"] for d in interpreter.get_input_details()}
        details = {
            name.removeprefix("serving_default_").split(":")[0]: i for i, name in names.items()
        }
        for k, v in given.items():
            interpreter.resize_tensor_input(details[k], v.shape)
        interpreter.allocate_tensors()
        for k, v in given.items():
            interpreter.set_tensor(details[k], v)
        interpreter.invoke()
        result = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    else:
        loaded = tf.saved_model.load(path)
        tensors = {k: tf.constant(v) for k, v in given.items()}
        (result,) = loaded.signatures["serving_default"](**tensors).values()
        result = result.numpy()
    out[path] = float(np.abs(result.astype("float64") - data["output"]).max())
assert "keras_pde" not in sys.modules
print("RESULT" + json.dumps(out))
"""
)


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Every case in every format, with inputs of another batch and size than any seen before and
    the original's output.
    """
    folder, made = tmp_path_factory.mktemp("artifacts"), {}
    rng = np.random.default_rng(3)
    for name, options in CASES.items():
        served = Served(
            from_preset(name).twin(options.get("size")),
            presets.index()[name].get("noise"),
            options.get("sigma"),
            options.get("uint8", False),
        )
        image = rng.random((3, *options.get("size", (21, 34)), 1)).astype("float32")
        # A⁻¹ of 33 points is up to 100
        image = (
            np.uint8(255 * image)
            if options.get("uint8")
            else image / 100
            if "poisson" in name
            else image
        )
        given = {
            "image": image,
            **(
                {"noise": np.array([0.05, 0.1, 0.2], "float32")} if served.noise_conditioned else {}
            ),
        }
        arrays = list(given.values())
        stored = folder / f"{name}.npz"
        np.savez(stored, output=np.array(served(arrays if len(arrays) > 1 else arrays[0])), **given)
        for kind, suffix in SUFFIXES.items():
            path = folder / f"{name}{suffix}"
            assert export.export(name, path, kind, **options).bytes > 1000
            made[str(path)] = str(stored)
    return made


def test_foreign_runtimes_without_keras_pde_compute_the_same(
    artifacts: dict[str, str], tmp_path: Path
) -> None:
    command = [sys.executable, "-c", FOREIGN, json.dumps(artifacts)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    differences = json.loads(done.stdout.split("RESULT")[1])
    assert len(differences) == len(CASES) * 3
    for path, difference in differences.items():
        # of uint8 a grey level, where rounding falls apart
        assert difference <= (1 if "truncated_tv_2d" in path else 1e-5), path


SERVING = (
    ABSENT
    + """
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
folder, requests = sys.argv[1], json.loads(sys.argv[2])
stored = saved_model_pb2.SavedModel.FromString(open(folder + "/saved_model.pb", "rb").read())
(graph,) = [g for g in stored.meta_graphs if set(g.meta_info_def.tags) == {"serve"}]
signature = graph.signature_def["serving_default"]
info = {
    k: [tf.dtypes.as_dtype(v.dtype).name, [d.size for d in v.tensor_shape.dim]]
    for k, v in signature.inputs.items()
}
operations = {n.op for n in graph.graph_def.node}
operations |= {n.op for f in graph.graph_def.library.function for n in f.node_def}
loaded = tf.saved_model.load(folder)
def answer(request):
    # as TensorFlow Serving: columns under "inputs", rows under "instances"; the signature's types
    columns = request.get("inputs")
    if columns is None:
        rows = request["instances"]
        named = isinstance(rows[0], dict)
        columns = {k: [row[k] for row in rows] for k in rows[0]} if named else rows
    if not isinstance(columns, dict):
        (only,) = info
        columns = {only: columns}
    assert set(columns) == set(info), (set(columns), set(info))
    tensors = {k: tf.constant(np.array(v, info[k][0])) for k, v in columns.items()}
    for k, t in tensors.items():
        wanted = info[k][1]
        assert len(t.shape) == len(wanted), (k, t.shape, info[k])
        assert all(want in (-1, have) for want, have in zip(wanted, t.shape)), (k, t.shape, info[k])
    found = loaded.signatures["serving_default"](**tensors)
    outputs = {k: v.numpy().tolist() for k, v in found.items()}
    (output,) = outputs.values()
    return {"predictions": output} if "instances" in request else {"outputs": output}
answers = [answer(r) for r in requests]
assert "keras_pde" not in sys.modules
print("RESULT" + json.dumps({
    "inputs": info,
    "method": signature.method_name,
    "outputs": list(signature.outputs),
    "operations": sorted(operations),
    "answers": answers,
}))
"""
)


def documented_requests() -> list[dict[str, Any]]:
    """Bodies of the requests that the site and the tutorial send to TensorFlow Serving."""
    notebook = json.loads(
        (ROOT / "tutorials" / "03_export_and_serve.ipynb").read_text(encoding="utf-8")
    )
    texts = [
        (ROOT / "docs" / "how-to" / "export.md").read_text(encoding="utf-8"),
        *("".join(cell["source"]) for cell in notebook["cells"]),
    ]
    return [
        json.loads(body)
        for text in texts
        for body in re.findall(r"curl -d '([^']+)' \S+/v1/models/\w+:predict", text)
    ]


def test_the_requests_of_the_documentation_are_answered_by_the_saved_model_alone(
    artifacts: dict[str, str], tmp_path: Path
) -> None:
    requests = documented_requests()
    assert {key for request in requests for key in request} == {"inputs", "instances"}
    path = next(p for p in artifacts if p.endswith("certified_resnet_2d"))
    command = [sys.executable, "-c", SERVING, path, json.dumps(requests)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.split("RESULT")[1])
    assert found["inputs"] == {"image": ["float32", [-1, -1, -1, 1]], "noise": ["float32", [-1]]}
    assert found["method"] == "tensorflow/serving/predict"
    assert found["outputs"] == ["output_0"]
    # nothing that TensorFlow's own server lacks: no Python, no program of another compiler
    assert not {"PyFunc", "PyFuncStateless", "EagerPyFunc", "XlaCallModule", "XlaLaunch"} & set(
        found["operations"]
    )
    image, level = (
        np.array([[[[0.1], [0.2]], [[0.3], [0.4]]]], "float32"),
        np.array([0.1], "float32"),
    )
    expected = np.array(from_preset("certified_resnet_2d")([image, level]))
    for request, answer in zip(requests, found["answers"], strict=True):
        assert list(answer) == ["predictions" if "instances" in request else "outputs"]
        np.testing.assert_allclose(next(iter(answer.values())), expected, atol=1e-6)


@pytest.mark.parametrize("lifting", [None, 9])
def test_a_network_of_one_s_own_has_a_dial_too(
    lifting: int | None, tmp_path: Path, rng: np.random.Generator
) -> None:
    model = DiffusionResNet(
        4,
        filters=4,
        kernel_size=3,
        tied=True,
        lifting=None if lifting is None else Lifting(lifting, 2),
    )
    model.build((None, None, None, 1))
    run, about = export.load_exported(
        export.export(model, tmp_path / "m.onnx", "onnx", timed=True).path
    )
    u = rng.random((2, 18, 20, 1)).astype("float32")
    out = run(u, np.array([1.5, 6.0], "float32"))
    for k, time in enumerate((1.5, 6.0)):
        np.testing.assert_allclose(
            out[k : k + 1], np.array(Timed(model).at(time)(u[k : k + 1])), atol=1e-5
        )
    assert about["time"]["unit"] == "steps"
    assert about["certificate"]["lipschitz"] == 1
    assert ("of the largest step" in about["time"]) == (lifting is None)
    assert about["reach"].get("tiles begin at multiples of", 1) == (1 if lifting is None else 2)


def test_rows_of_a_timed_filter_carry_their_own_time(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    export.export("charbonnier_explicit_2d", tmp_path / "1", timed=True)
    noisy = rng.random((2, 9, 8, 1)).astype("float32")
    rows = [{"image": noisy[k].tolist(), "noise": 0.1, "time": 4.0 * k} for k in range(2)]
    command = [
        sys.executable,
        "-c",
        SERVING,
        str(tmp_path / "1"),
        json.dumps([{"instances": rows}]),
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.split("RESULT")[1])
    assert found["inputs"]["time"] == ["float32", [-1]]
    first, second = np.array(found["answers"][0]["predictions"])
    np.testing.assert_allclose(first, noisy[0], atol=1e-6)
    same = Denoiser(Timed(from_preset("charbonnier_explicit_2d")).at(4.0), tuned=True)
    np.testing.assert_allclose(second, same(noisy[1], 25.5).pixels, atol=1e-5)


def test_the_command_exports_a_timed_filter(tmp_path: Path) -> None:
    from click.testing import CliRunner

    from keras_pde.cli.main import main

    result = CliRunner().invoke(
        main, ["export", "charbonnier_color", str(tmp_path / "f.onnx"), "--timed", "--verify"]
    )
    assert result.exit_code == 0, result.output
    assert "largest difference" in result.output
    run, about = export.load_exported(tmp_path / "f.onnx")
    assert list(about["inputs"]) == ["image", "noise", "time"]
    assert run(
        np.zeros((1, 8, 9, 3), "float32"), np.full(1, 0.1, "float32"), np.ones(1, "float32")
    ).shape == (1, 8, 9, 3)


def test_saved_model_cli_runs_the_named_signature(
    artifacts: dict[str, str], tmp_path: Path
) -> None:
    path = next(p for p in artifacts if p.endswith("certified_resnet_2d"))
    data = np.load(artifacts[path])
    for key in ("image", "noise"):
        np.save(tmp_path / f"{key}.npy", data[key])
    inputs = f"image={tmp_path}/image.npy;noise={tmp_path}/noise.npy"
    tool = Path(sys.executable).parent / "saved_model_cli"
    arguments = [
        "run",
        "--dir",
        path,
        "--tag_set",
        "serve",
        "--signature_def",
        "serving_default",
        "--inputs",
        inputs,
        "--outdir",
        str(tmp_path),
    ]
    done = subprocess.run([str(tool), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    np.testing.assert_allclose(np.load(tmp_path / "output_0.npy"), data["output"], atol=1e-5)


@pytest.mark.parametrize("suffix", SUFFIXES.values(), ids=list(SUFFIXES))
def test_metadata_state_the_certificate_and_the_units(
    artifacts: dict[str, str], suffix: str
) -> None:
    path = next(p for p in artifacts if Path(p).name == f"certified_resnet_2d{suffix}")
    run, about = export.load_exported(path)
    certificate = from_preset("certified_resnet_2d").certificate()
    assert about["certificate"]["lipschitz"] == pytest.approx(certificate.lipschitz, rel=1e-6)
    assert about["certificate"]["norm_gain"] == 1
    assert "noise" in about["inputs"]
    assert "BSDS500" in about["licence"]
    data = np.load(artifacts[path])
    np.testing.assert_allclose(run(data["image"], data["noise"]), data["output"], atol=1e-5)


def conv(**options: Any) -> ConvOperator:
    return ConvOperator(4, 3, boundary="dirichlet", zero_mean=True, normalize=True, **options)


MODELS = {
    "explicit": lambda: DiffusionResNet(2, filters=4, kernel_size=3),
    "tied, learned": lambda: DiffusionResNet(4, filters=4, kernel_size=3, tied=True),
    "tied, stencil": lambda: DiffusionResNet(
        5, block=DiffusionBlock("forward", "perona_malik"), tied=True
    ),
    "FED": lambda: FEDResNet(2, 3, filters=4, kernel_size=3),
    "FSI": lambda: FSIResNet(2, 3, block=DiffusionBlock("forward", "charbonnier")),
    "Du Fort-Frankel": lambda: DuFortFrankelResNet(4, filters=4, kernel_size=3, flux=SplineFlux()),
    "noise-conditioned": lambda: DiffusionResNet(
        2,
        block=DiffusionBlock(
            conv(), FluxActivation("perona_malik", learn_contrast=True, noise_conditioned=True)
        ),
    ),
    "lifted": lambda: DiffusionResNet(
        2, block=DiffusionBlock(conv(), "charbonnier", use_bias=True), lifting=Lifting(9, 2)
    ),
    "implicit": lambda: ImplicitRecurrent(2, block=ImplicitDiffusion(conv(), "charbonnier", 2.0)),
    "multigrid": lambda: MultigridUNet("diffusion", channels=3, levels=2),
    "multigrid, fixed levels": lambda: MultigridUNet("screened_poisson", levels=3),
}


@pytest.mark.parametrize("name", MODELS)
def test_every_model_exports_by_keras_with_dynamic_sizes(
    name: str, tmp_path: Path, rng: np.random.Generator
) -> None:
    """A loaded or built model, never called: `model.export(path)` and nothing else."""
    model = MODELS[name]()
    model.build(
        [(None, None, None, 1), (None,)] if model.noise_conditioned else (None, None, None, 1)
    )
    model.export(str(tmp_path / "m"), verbose=False)
    served = tf.saved_model.load(str(tmp_path / "m")).signatures["serving_default"]
    for shape in ((1, 15, 23, 1), (2, 31, 15, 1)):
        u, more = (
            rng.random(shape).astype("float32"),
            {"noise": np.full(shape[:1], 0.1, "float32")} if model.noise_conditioned else {},
        )
        expected = np.array(model([u, more["noise"]] if more else u))
        got = next(
            iter(
                served(
                    image=tf.constant(u), **{k: tf.constant(v) for k, v in more.items()}
                ).values()
            )
        )
        np.testing.assert_allclose(np.array(got), expected, atol=1e-5)


def test_a_noise_level_is_built_into_classical_and_conditioned_networks(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    noisy = rng.random((1, 20, 24, 1)).astype("float32")
    for name in ("weickert_2d", "certified_resnet_2d"):
        run, about = export.load_exported(export.export(name, tmp_path / name, sigma=40).path)
        chosen = choosing.choose_denoiser(name, noisy.shape[1:], sigma=40)
        np.testing.assert_allclose(run(noisy)[0], chosen(noisy[0], 40).pixels, atol=1e-5)
        assert "40 grey levels" in about["noise level"]


TIMES = (0.0, 0.2, 7.9, 20.0)


@pytest.mark.parametrize("kind", SUFFIXES)
def test_the_stopping_time_as_an_input_changes_the_filter(
    kind: str, tmp_path: Path, rng: np.random.Generator
) -> None:
    """Each sample of a batch at its own time and noise level is the filter that `with_schedule`
    makes for them, alone.
    """
    name = "charbonnier_explicit_2d"
    run, about = export.load_exported(
        export.export(name, tmp_path / f"m{SUFFIXES[kind]}", kind, timed=True).path
    )
    noisy, sigma = (
        rng.random((4, 25, 30, 1)).astype("float32"),
        np.array([25, 5, 40, 10], "float32"),
    )
    out = run(noisy, sigma / 255, np.array(TIMES, "float32"))
    np.testing.assert_allclose(out[0], noisy[0], atol=1e-6)
    model, timed = from_preset(name), Timed(from_preset(name))
    for k in (1, 2, 3):
        same = Denoiser(timed.at(TIMES[k]), tuned=True)
        np.testing.assert_allclose(out[k], same(noisy[k], float(sigma[k])).pixels, atol=1e-5)
    assert (
        [timed.steps(t) for t in (*TIMES, 1e9)]
        == [0, 1, 34, 85, 500]
        == [*[len(timed.at(t).schedule) if t else 0 for t in TIMES], 500]
    )
    own = run(noisy[:1], sigma[:1] / 255, np.array([model.time], "float32"))
    # at the preset's own time, the preset
    np.testing.assert_allclose(own, np.array(model(noisy[:1])), atol=1e-5)
    assert about["time"]["tuned for noise"]["25"] == pytest.approx(model.time)
    long, longest = (
        run(noisy[:1], sigma[:1] / 255, np.array([t], "float32")) for t in (1e9, timed.longest)
    )
    np.testing.assert_array_equal(long, longest)


@pytest.mark.parametrize("name", ["charbonnier_explicit_2d", "perona_malik_2d", "linear_2d"])
def test_the_certificate_of_a_timed_filter_holds_at_every_time(
    name: str, rng: np.random.Generator
) -> None:
    """The constants for all times bound those of each, and an attempt to break them at random times
    fails.
    """
    timed = Timed(from_preset(name))
    every, one = timed.certificate(), timed.facts()["of the largest step"]
    assert every.norm_stable
    for time in (0.01, 0.2375, 1.0, 7.9, 30.0):
        known, n = timed.certificate(time), timed.steps(time)
        part = time / n / timed.largest_step
        assert known.norm_gain <= every.norm_gain
        assert known.lipschitz <= every.lipschitz
        # what a reader computes from the constants of the largest step
        assert known.lipschitz <= (1 + (one["lipschitz"] - 1) * part) ** n * (1 + 1e-9)
        assert (known.averaged is None) == (every.averaged is None)
        if known.averaged is not None:
            share = n * one["averaged"] * part / (1 - one["averaged"] * part)
            assert known.averaged <= share / (1 + share) * (1 + 1e-9)
            assert known.averaged <= every.averaged < 1
    u, v = rng.normal(size=(2, 8, 16, 16, 1)).astype("float32")
    times = rng.uniform(0, 20, 8).astype("float32")
    a, b = (np.array(timed([x, times])) for x in (u, v))
    norms = np.sqrt(np.sum(np.square(np.array([a, u, a - b, u - v], "float64")), axis=(2, 3, 4)))
    assert (norms[0] <= norms[1] * (1 + 1e-5)).all()
    assert (norms[2] <= every.lipschitz * norms[3] * (1 + 1e-5)).all()


@pytest.mark.parametrize(
    ("arguments", "options", "what"),
    [
        (("linear_1d", "x", "tensorrt"), {}, "must be one of saved_model, onnx, litert"),
        (("linear_1d", "x.tflite", "onnx"), {}, r"ends in \.onnx"),
        (("linear_1d", "x.onnx"), {}, "writes a directory"),
        (("linear_1d", "x"), {"size": (3, 4)}, "1-D data"),
        (("multigrid_poisson_2d", "x"), {"sigma": 3}, "sigma has no effect"),
        (("certified_resnet_2d", "x"), {"timed": True}, "no stopping time to change"),
        (("truncated_tv_implicit_2d", "x"), {"timed": True}, "no stopping time to change"),
        (("multigrid_poisson_2d", "x"), {}, "size"),
    ],
)
def test_what_cannot_be_exported_is_refused(
    arguments: Any, options: Any, what: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=what):
        export.export(arguments[0], tmp_path / arguments[1], *arguments[2:], **options)
    assert not list(tmp_path.iterdir())


def test_a_failed_export_leaves_the_old_artifact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "blur.onnx"
    export.export("linear_1d", path, "onnx")
    before = path.read_bytes()

    def fail(*_: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setitem(KINDS, "onnx", dataclasses.replace(KINDS["onnx"], describe=fail))
    with pytest.raises(OSError, match="disk full"):
        export.export("linear_1d", path, "onnx")
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").write_text("kept")
    with pytest.raises(FileExistsError, match="no SavedModel"):
        export.export("linear_1d", tmp_path / "mine")


def test_an_export_leaves_the_model_trainable(tmp_path: Path) -> None:
    model = DiffusionResNet(1, filters=4, kernel_size=3)
    model.build((None, None, None, 1))
    u = np.random.default_rng(0).random((1, 8, 8, 1)).astype("float32")
    before = np.array(model(u))
    export.export(model, tmp_path / "m")
    assert all(block.operator.held is None for block in model.blocks)
    model.set_weights(
        [w + 0.1 * np.random.default_rng(1).standard_normal(w.shape) for w in model.get_weights()]
    )
    assert np.abs(np.array(model(u)) - before).max() > 1e-4


def test_an_artifact_with_an_output_of_another_shape_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = export.load_exported

    def faulty(path: Path) -> Any:
        run, about = load(path)
        # the right values behind an axis too many, which broadcasting would hide
        return (lambda *inputs: run(*inputs)[None]), about

    monkeypatch.setattr(exporting, "load_exported", faulty)
    with pytest.raises(ValueError, match=r"shape \(1, 1, .*nothing was written"):
        export.export("linear_1d", tmp_path / "blur", verify=True)
    assert not list(tmp_path.iterdir())


def reshaped_by_its_own_size() -> Any:
    """One channel from before the sizes to behind them, as a Reshape by what Shape says.

    Tf2onnx's optimizers may end a graph so.
    """
    import onnx
    from onnx import TensorProto, helper

    value = helper.make_tensor_value_info
    nodes = [
        helper.make_node("Shape", ["x"], ["shape"]),
        helper.make_node("Gather", ["shape", "order"], ["wanted"], axis=0),
        helper.make_node("Reshape", ["x", "wanted"], ["y"]),
    ]
    order = helper.make_tensor("order", TensorProto.INT64, [4], [0, 2, 3, 1])
    x, y = (
        value("x", TensorProto.FLOAT, [None, 1, None, None]),
        value("y", TensorProto.FLOAT, [None, None, None, 1]),
    )
    return helper.make_model(
        helper.make_graph(nodes, "g", [x], [y], [order]),
        opset_imports=[helper.make_opsetid("", 15)],
        ir_version=onnx.IR_VERSION,
    )


def optimized(path: Path) -> tuple[int, ...]:
    """The shape that the graph computes once tf2onnx has optimized it, the Identity before its
    output first.
    """
    import onnx
    import onnxruntime
    from tf2onnx import optimizer
    from tf2onnx.graph import GraphUtil

    graph = GraphUtil.create_graph_from_onnx_model(reshaped_by_its_own_size())
    for chosen in ({"remove_identity": optimizer.IdentityOptimizer}, None):
        graph = optimizer.optimize_graph(graph, catch_errors=False, optimizers=chosen)
    onnx.save(graph.make_model("optimized"), path)
    return (
        onnxruntime.InferenceSession(str(path))
        .run(None, {"x": np.zeros((2, 1, 5, 7), "float32")})[0]
        .shape
    )


def test_an_output_keeps_its_shape_whatever_order_the_converter_optimizes_in(
    tmp_path: Path,
) -> None:
    # tf2onnx 1.17's fault; where it is mended, `sound_conversion` can go
    assert optimized(tmp_path / "as_it_is.onnx") == (1, 2, 5, 7, 1)
    with sound_conversion("onnx"):
        assert optimized(tmp_path / "guarded.onnx") == (2, 5, 7, 1)
    # nothing of the guard is left behind
    assert optimized(tmp_path / "after.onnx") == (1, 2, 5, 7, 1)


@pytest.mark.parametrize("by", ["keras_pde.export", "model.export"])
def test_both_exports_convert_with_the_outputs_guarded(
    by: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tf2onnx.optimizer.reshape_optimizer import ReshapeOptimizer

    optimize, bare = ReshapeOptimizer._optimize_reshape, []

    def watched(self: Any, node: Any, graph: Any) -> bool:
        bare.append(ReshapeOptimizer._optimize_reshape is watched)
        return optimize(self, node, graph)

    monkeypatch.setattr(ReshapeOptimizer, "_optimize_reshape", watched)
    model = MODELS["noise-conditioned"]()
    model.build([(None, None, None, 1), (None,)])
    if by == "model.export":
        model.export(str(tmp_path / "net.onnx"), format="onnx", verbose=False)
    else:
        export.export(model, tmp_path / "net.onnx", "onnx")
    assert bare
    assert not any(bare)


class Mean(Network):
    """A signal's weighted mean: an output of another shape than the input's."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.head = keras.layers.Dense(1)

    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        self.head.build((None, self.input_channels))

    def call(self, inputs: Any) -> Any:
        return self.head(keras.ops.mean(inputs, axis=1))

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (self.image_shape(input_shape)[0], 1)


class Weighted(Mean):
    """The same, told where the signal is known and a number that scales the result."""

    @property
    def named_inputs(self) -> tuple[str, ...]:
        return ("signal", "mask", "gain")

    @property
    def input_shapes(self) -> dict[str, Any]:
        return {"signal": (None, None, 1), "mask": (None, None, 1), "gain": (None, 1)}

    def call(self, inputs: Any) -> Any:
        signal, mask, gain = inputs
        return gain * super().call(mask * signal)

    def example(self) -> dict[str, np.ndarray]:
        signal = np.linspace(0, 1, 33, dtype="float32").reshape(1, 33, 1)
        return {"input": signal, "mask": 1 - signal, "gain": np.full((1, 1), 3, "float32")}


@pytest.mark.parametrize("kind", SUFFIXES)
@pytest.mark.parametrize("made", [Mean, Weighted])
def test_a_network_of_one_s_own_is_exported_by_its_named_inputs(
    made: type[Network], kind: str, tmp_path: Path
) -> None:
    network = made(name="mine")
    shapes = [(None, None, 1), (None, None, 1), (None, 1)]
    network.build(shapes if made is Weighted else shapes[0])
    found = export.export(network, tmp_path / f"mine{SUFFIXES[kind]}", kind, verify=True)
    assert found.difference < 1e-5
    run, about = export.load_exported(found.path)
    assert list(about["inputs"]) == list(network.named_inputs)
    assert about["class"] == made.__name__
    assert about["certificate"]["norm_stable"] is False
    rng = np.random.default_rng(0)
    given = [rng.random((5, 12, 1)), rng.random((5, 12, 1)), rng.random((5, 1))]
    given = [x.astype("float32") for x in given[: len(network.named_inputs)]]
    expected = keras.ops.convert_to_numpy(network(given if len(given) > 1 else given[0]))
    assert expected.shape == (5, 1)
    np.testing.assert_allclose(run(*given), expected, atol=1e-6)
    with pytest.raises(ValueError, match="no grey levels: leave uint8 out"):
        export.export(network, tmp_path / f"grey{SUFFIXES[kind]}", kind, uint8=True)


def test_a_network_of_one_s_own_has_features_an_example_and_no_guarantee(tmp_path: Path) -> None:
    network = Mean(name="mine")
    network.build((None, None, 1))
    u = network.example()["input"]
    assert u.shape == (1, 33, 1)
    np.testing.assert_array_equal(network.features(u)[0], network(u))
    assert "gives no certificate of its own" in str(network.certificate())
    assert network.time is None
    with pytest.raises(ValueError, match="no stopping time to change"):
        network.with_time(3.0)
    network.save(tmp_path / "mine.keras")
    loaded = keras.saving.load_model(tmp_path / "mine.keras", custom_objects={"Mean": Mean})
    np.testing.assert_array_equal(loaded(u), network(u))


def test_a_preset_is_exported_in_float64(tmp_path: Path) -> None:
    made = export.export("cpl_digits_2d", tmp_path / "served", dtype="float64", verify=True)
    assert made.difference is not None
    assert made.difference < 1e-12
    network, (run, about) = from_preset("cpl_digits_2d"), export.load_exported(made.path)
    x = network.example()["input"]
    assert run(x.astype("float64")).dtype == np.float64
    assert about["radius"]["error"] < 1e-9
    with pytest.raises(ValueError, match="dtype is for presets"):
        export.export(network, tmp_path / "other", dtype="float64")
    with pytest.raises(ValueError, match="dtype must be one of"):
        export.export("cpl_digits_2d", tmp_path / "other", dtype="float16")
    assert not (tmp_path / "other").exists()
