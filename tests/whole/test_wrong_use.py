"""Several hundred wrong uses at every entrance: each is one line that names the argument.

TensorFlow's and Python's own errors name neither, and what wraps, truncates or ignores is worse.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import pytest
import wrong_options

import keras_pde
from keras_pde import (
    ConvOperator,
    CoupledSplineFlux,
    DenseOperator,
    DiffusionBlock,
    FiniteDifference,
    FluxActivation,
    GatedFlux,
    ImplicitDiffusion,
    Lifting,
    MeshlessBasis,
    MonotoneImplicit,
    OrbitDense,
    Prolongation,
    RBFFlux,
    Restriction,
    Sinusoidal,
    SplineFlux,
)
from keras_pde.models.timed import Timed

tensorflow = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="how Keras goes on after a failure differs"
)

X = np.random.default_rng(0).random((2, 8, 8, 2)).astype("float32")
NOISE = np.full(2, 0.1, "float32")
MASK = np.tile((np.arange(8) % 3 == 0)[:, None], (2, 8, 1, 1)).astype("float32")

# layer, and the name of its first argument
LAYERS: dict[str, tuple[Callable[[], Any], str]] = {
    "stencil": (lambda: ConvOperator(initializer="forward"), "u"),
    "learned operator": (lambda: ConvOperator(4, 3), "u"),
    "stacked operator": (lambda: ConvOperator((2, 4), 3, boundary="dirichlet"), "u"),
    "dense layer on orbits": (lambda: OrbitDense([[7, *range(7)]], 3), "u"),
    "dense operator": (lambda: DenseOperator(3), "u"),
    "equilibrium": (lambda: MonotoneImplicit(3), "u"),
    "sines": (lambda: Sinusoidal(3), "u"),
    "meshless basis": (MeshlessBasis, "x"),
    "equation": (lambda: keras_pde.PolynomialRightHandSide(keras_pde.equations.burgers(2)), "u"),
    "derivatives": (lambda: FiniteDifference([(1, 0), (0, 2)]), "u"),
    "learned derivatives": (lambda: FiniteDifference("gradient", learned=True), "u"),
    "kernel on levels": (keras_pde.MultilevelKernel, "u"),
    "restriction": (Restriction, "u"),
    "learned restriction": (lambda: Restriction(learned=True), "u"),
    "prolongation": (lambda: functools.partial(Prolongation(), sizes=(17, 17)), "u"),
    "lifting": (lambda: Lifting(6), "u"),
    "patches": (lambda: Lifting(patch_size=2, learned=True), "u"),
    "block": (lambda: DiffusionBlock("forward"), "u"),
    "learned block": (lambda: DiffusionBlock(4, SplineFlux(4)), "u"),
    "implicit step": (lambda: ImplicitDiffusion("forward", max_iterations=5), "f"),
    "flux": (FluxActivation, "s"),
    "gated flux": (GatedFlux, "s"),
    "spline": (lambda: SplineFlux(3), "s"),
    "Gaussians": (lambda: RBFFlux(3), "s"),
    "coupled spline": (lambda: CoupledSplineFlux(3), "s"),
}
ANY_CHANNELS = ("restriction", "prolongation", "flux")
ANY_RANK = (
    *("dense layer on orbits", "dense operator", "equilibrium", "flux", "spline", "Gaussians"),
    *("sines", "meshless basis"),
)


def noisy(block: Any = DiffusionBlock, **options: Any) -> Any:
    return block(4, FluxActivation(noise_conditioned=True), **options)


# network, and its inputs by name
NETWORKS: dict[str, tuple[Callable[[], Any], dict[str, np.ndarray]]] = {
    "DiffusionResNet": (lambda: keras_pde.DiffusionResNet(2, filters=3), {"image": X}),
    "KernelNetwork": (lambda: keras_pde.KernelNetwork(3, 4, 2), {"coefficient": X}),
    "KernelPropagator": (lambda: keras_pde.KernelPropagator(2, 3, 4), {"state": X[..., :1]}),
    "FEDResNet": (lambda: keras_pde.FEDResNet(1, 3, filters=3), {"image": X}),
    "FSIResNet": (lambda: keras_pde.FSIResNet(1, 3, filters=3), {"image": X}),
    "DuFortFrankelResNet": (lambda: keras_pde.DuFortFrankelResNet(2, filters=3), {"image": X}),
    "ImplicitRecurrent": (
        lambda: keras_pde.ImplicitRecurrent(block=ImplicitDiffusion("forward", max_iterations=5)),
        {"image": X},
    ),
    "MultigridUNet": (lambda: keras_pde.MultigridUNet("poisson"), {"image": X}),
    "MethodOfLines": (
        lambda: keras_pde.MethodOfLines.from_equation("gray_scott", dt=0.5),
        {"state": X},
    ),
    "RobustImplicit": (lambda: keras_pde.RobustImplicit(3, 4), {"image": X}),
    "CertifiedClassifier": (lambda: keras_pde.CertifiedClassifier(3, blocks=1), {"image": X}),
    "CertifiedSegmenter": (lambda: keras_pde.CertifiedSegmenter(3, blocks=1), {"image": X}),
    "SPINN": (keras_pde.SPINN, {"coordinates": X}),
    "SinusoidalNetwork": (lambda: keras_pde.SinusoidalNetwork((4,)), {"coordinates": X}),
    "LatticeBoltzmann": (
        lambda: keras_pde.LatticeBoltzmann(boundary="walls", lids={"y+": (0.1, 0)}, hidden=(2,)),
        {"state": np.concatenate([X] * 4 + [X[..., :1]], -1)},
    ),
    "inpainting": (lambda: keras_pde.MultigridUNet("inpainting"), {"image": X, "mask": MASK}),
    "learned net": (
        lambda: keras_pde.MultigridUNet("screened_poisson", channels=2, levels=2),
        {"image": X},
    ),
    "told the noise": (
        lambda: keras_pde.DiffusionResNet(2, block=noisy()),
        {"image": X, "noise": NOISE},
    ),
    "equilibrium told the noise": (
        lambda: keras_pde.ImplicitRecurrent(block=noisy(ImplicitDiffusion, max_iterations=5)),
        {"image": X, "noise": NOISE},
    ),
    "timed": (
        lambda: Timed(
            built(keras_pde.DiffusionResNet(2, block=DiffusionBlock("forward"), tied=True))
        ),
        {"image": X, "time": np.ones(2, "float32")},
    ),
}


def built(network: Any) -> Any:
    network.build((None, None, None, 2))
    return network


def arrays(x: np.ndarray) -> dict[str, Callable[[], Any]]:
    """What is no tensor of floats."""
    found: dict[str, Callable[[], Any]] = {
        "uint8": lambda: (255 * x).astype("uint8"),
        "int32": lambda: (255 * x).astype("int32"),
        "uint16 tensor": lambda: keras.ops.convert_to_tensor((255 * x).astype("uint16")),
        "bool": lambda: x > 0.5,
        "complex": lambda: x * 1j,
        "strings": lambda: np.full(x.shape, "a"),
        "objects": lambda: x.astype(object),
        "long doubles": lambda: x.astype(np.longdouble),
        "dates": lambda: np.zeros(x.shape, "datetime64[s]"),
        "masked": lambda: np.ma.masked_array(x, x > 0.5),
        "a number": lambda: 1.0,
        "a list of numbers": lambda: [1.0, 2.0],
        "a string": lambda: "image",
        "nothing": lambda: None,
        "a dictionary": lambda: {"picture": x},
        "symbolic integers": lambda: keras.KerasTensor(x.shape, "uint8"),
    }
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        if x.ndim > 1:
            found["ragged"] = lambda: tf.RaggedTensor.from_tensor(x)
        found["sparse"] = lambda: tf.sparse.from_dense(x)
    return found


def shapes(x: np.ndarray) -> dict[str, Callable[[], Any]]:
    """What has other axes than a state of the shape of x."""
    return {
        "no batch": lambda: x[0],
        "too many axes": lambda: x[..., None, None],
        "one axis": lambda: x[0, 0, 0],
        "no axis": lambda: x[0, 0, 0, 0],
        "an empty axis": lambda: x[:, :0],
        "fewer channels": lambda: x[..., :1],
        "more channels": lambda: np.concatenate([x, x], -1),
        "symbolic channels": lambda: keras.KerasTensor((None, 8, 8, 5)),
    }


def levels(x: np.ndarray, low: float) -> dict[str, Callable[[], Any]]:
    """What is no value per sample."""
    below = {"below": lambda: np.full_like(x, low - 0.1)} if np.isfinite(low) else {}
    return {
        "NaN": lambda: np.where(np.arange(2) == 1, np.nan, x),
        "infinite": lambda: np.full_like(x, np.inf),
        "a NaN tensor": lambda: keras.ops.convert_to_tensor(x * np.nan),
        "of another batch": lambda: np.tile(x, 2)[:3],
        "too many axes": lambda: np.ones((2, 3, 1), "float32"),
        **below,
    }


def clear(call: Callable[[], Any], *names: str) -> str:
    """What is wrong about the answer to a wrong use; nothing if it is one line with the name."""
    try:
        call()
    except (ValueError, OSError) as error:
        text = str(error)
        if "\n" in text:
            return f"several lines: {text[:100]!r}"
        return "" if any(name in text for name in names) else f"no name: {text[:200]}"
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:100]!r}"
    return "a result"


def in_layers() -> Iterator[tuple[str, Callable[[], str]]]:
    """Every layer on everything that is no state of it."""
    for kind, (make, name) in LAYERS.items():
        layer = make()
        layer(X)
        wrong = {**arrays(X), **shapes(X)}
        for key in ("fewer channels", "more channels", "symbolic channels"):
            copies = kind == "equation" and key == "more channels"  # two copies of it
            if kind in ANY_CHANNELS or copies:
                del wrong[key]
        for key in ("no batch", "too many axes", "one axis", "no axis"):
            if kind in ANY_RANK:
                del wrong[key]
        for key, x in wrong.items():
            yield (
                f"{kind}: {key}",
                lambda layer=layer, x=x, name=name: clear(lambda: layer(x()), f"{name} of"),
            )
        yield (
            f"{kind}: not called with anything",
            lambda layer=layer, name=name: clear(lambda: layer(), f"{name} of"),
        )


def in_networks() -> Iterator[tuple[str, Callable[[], str]]]:
    """Every network with each of its inputs wrong in turn, called and by `predict`."""
    for kind, (make, inputs) in NETWORKS.items():
        network, names = make(), list(inputs)
        given = list(inputs.values())
        network(given if len(given) > 1 else given[0])
        for name, x in inputs.items():
            low = {"noise": 0.0, "mask": 0.0}.get(name, -np.inf)
            wrong = {
                **arrays(x),
                **(shapes(x) if x.ndim > 2 else levels(x, low)),  # levels: a number a sample
            }
            if name == "mask":
                wrong["a value beyond 1"] = lambda x=x: 2 * x
                wrong["NaN"] = lambda x=x: x * np.nan
                wrong["sizes"] = lambda x=x: x[:, :7]
            if x.shape[-1] == 1:
                wrong.pop("fewer channels", None)
            if name == "coordinates":  # points of any number of axes
                del wrong["no batch"]
            for key, value in wrong.items():
                calls = {"call": network}
                if key in ("masked", "below", "NaN", "complex", "uint8"):
                    calls["predict"] = functools.partial(network.predict, verbose=0)
                for how, call in calls.items():

                    def use(
                        call: Any = call, name: str = name, value: Any = value, given: Any = inputs
                    ) -> str:
                        changed = list({**given, name: value()}.values())
                        return clear(
                            lambda: call(changed if len(changed) > 1 else changed[0]), name
                        )

                    yield f"{kind}: {name}: {key}: {how}", use
        for key, several in {
            "too many": [X, X, X, X],
            "none": [],
            "by other names": {f"{name}s": x for name, x in inputs.items()},
            "one of several": given[0] if len(given) > 1 else [X, X, X],
        }.items():
            yield (
                f"{kind}: {key}",
                lambda network=network, several=several, names=names: clear(
                    lambda: network(several), *names
                ),
            )


def in_options() -> Iterator[tuple[str, Callable[[], str]]]:
    """Constructors and functions with one argument wrong."""
    for label, name, call in wrong_options.cases():
        yield label, lambda call=call, name=name: clear(call, name)


NO_SHAPES: list[Any] = [
    "abc",
    None,
    5,
    (),
    {"image": (None, 8, 8, 2)},
    (None, 8, 8, -1),
    (None, 8, 8, 0),
    (None, 8, 8, 1.5),
    (None, 8, 8, "1"),
    (None, 8, 8, True),
    (None, -1, 8, 2),
    (-1, 8, 8, 2),
    (None, 0, 8, 2),
    [(None, 8, 8, 2), (0.5,)],
]


def in_building() -> Iterator[tuple[str, Callable[[], str]]]:
    """Every layer and network built for what is no shape."""
    for kind, make in {**LAYERS, **NETWORKS}.items():
        for shape in NO_SHAPES:

            def use(make: Any = make[0], shape: Any = shape) -> str:
                layer = make()
                layer = layer.func if isinstance(layer, functools.partial) else layer
                return clear(lambda: layer.build(shape), "input_shape")

            yield f"{kind}: {shape}", use


def failures(uses: Iterator[tuple[str, Callable[[], str]]]) -> tuple[int, list[str]]:
    """How many uses there were, and what was not clear."""
    found = [(label, use()) for label, use in uses]
    return len(found), [f"{label}: {what}" for label, what in found if what]


@pytest.mark.parametrize("uses", [in_layers, in_networks, in_options, in_building])
def test_wrong_uses_are_refused_in_one_line_that_names_the_argument(uses: Any) -> None:
    count, unclear = failures(uses())
    assert not unclear, "\n".join(unclear)
    assert count > 200


def empty(kind: str) -> tuple[Any, Any, Any]:
    """A layer or network, what it is called with, and the same of no samples."""
    if kind in LAYERS:
        return LAYERS[kind][0](), X, X[:0]
    make, inputs = NETWORKS[kind]
    given = list(inputs.values())
    none = [x[:0] for x in given]
    return make(), given if len(given) > 1 else given[0], none if len(none) > 1 else none[0]


@pytest.mark.parametrize("kind", [*LAYERS, *NETWORKS])
def test_an_empty_batch_has_an_empty_result(kind: str) -> None:
    layer, some, none = empty(kind)
    shape = layer(some).shape[1:]
    assert tuple(layer(none).shape) == (0, *shape)
    if kind in NETWORKS:
        assert layer.predict(none, verbose=0).shape == (0, *shape)


@pytest.mark.parametrize("kind", ["told the noise", "equilibrium told the noise", "timed"])
def test_a_level_that_is_none_has_no_finite_result_in_a_graph(kind: str) -> None:
    network, (image, level), _ = empty(kind)
    wrong = [np.nan] if kind == "timed" else [np.nan, -0.1]
    right = network.predict([image, level], verbose=0)
    for value in wrong:
        spoilt = np.where(np.arange(2) == 0, level, np.float32(value))
        batches = (((image, x),) for x in [spoilt])  # looked at in the graph only
        found = network.predict(batches, verbose=0)
        np.testing.assert_array_equal(found[0], right[0])
        assert np.isnan(found[1]).all()


TARGETS: dict[str, Callable[[], Any]] = {
    "uint8": lambda: (255 * X).astype("uint8"),
    "complex": lambda: X * 1j,
    "masked": lambda: np.ma.masked_array(X, X > 0.5),
    "a list": X.tolist,
    "a string": lambda: "image",
    "sizes": lambda: X[:, :4],
    "channels": lambda: X[..., :1],
}


@tensorflow
def test_targets_that_a_loss_would_wrap_or_broadcast_are_refused_and_training_goes_on() -> None:
    network = built(keras_pde.DiffusionResNet(1, filters=2, kernel_size=3))
    network.compile("adam", "mse")  # whose variables are made while a program is traced
    for name, make in TARGETS.items():
        assert not clear(lambda make=make: network.fit(X, make(), verbose=0), "y of"), name
    for batch in ((255 * X).astype("uint8"), X), (X, X[..., :1]):
        batches = (pair for pair in [batch])
        assert not clear(lambda batches=batches: network.fit(batches, verbose=0), "image", "y of")
    assert np.isfinite(network.fit(X, X, verbose=0).history["loss"]).all()
    for x in ("image", 1.0, None, np.float32(1)):
        for method in (network.fit, network.predict, network.evaluate):
            assert not clear(lambda method=method, x=x: method(x), "image"), (method, x)
    network.compile("sgd", lambda y, u: keras.ops.square(y[..., :2] - u) * y[..., 2:])
    weighted = np.concatenate([X, X[..., :1]], -1)  # a loss of one's own may be told more
    assert np.isfinite(network.fit(X, weighted, verbose=0).history["loss"]).all()


@pytest.mark.parametrize("place", ["/dev/null/x", "/dev/null", "/" + "x" * 300])
def test_a_place_where_no_preset_can_be_is_named_in_one_line(place: str) -> None:
    network = keras_pde.from_preset("linear_2d")
    assert not clear(lambda: network.save_to_preset(place), place)
