"""Which classes a saved configuration may name: deserialising any other could run foreign code."""

from __future__ import annotations

from typing import Any, TypeVar

from keras_pde.presets.reading import shown
from keras_pde.presets.schema import SCHEMA, build_config, check_config
from keras_pde.presets.schema_parts import FLUXES, INITIALIZERS, NETWORKS
from keras_pde.presets.values import record, wrong

Kind = TypeVar("Kind")

_own: dict[str, type] = {}  # by registered name
_of_keras: set[tuple[str, str]] = set()  # module and name of Keras's that `allow` added


class ForeignClassError(ValueError):
    """A configuration names a class that presets may not name."""


# where each class of keras_pde is and was: a file names the module of its time
_CLASSICAL = ("fluxes.classical", "fluxes", "activations")
_PROBLEMS = ("schemes.multigrid.problems", "problems")
_SMOOTHERS = ("schemes.multigrid.smoothers", "smoothers")
MODULES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(FLUXES, _CLASSICAL),
    "FAB": ("fluxes.fab", *_CLASSICAL),
    "ReLU": ("fluxes.relu", *_CLASSICAL),
    "SmoothReLU": ("fluxes.smooth_relu",),
    "FluxActivation": ("fluxes.flux_activation", "layers.flux_activation"),
    "SplineFlux": ("fluxes.spline_flux", "layers.spline_flux"),
    "CoupledSplineFlux": ("fluxes.coupled_spline_flux", "layers.coupled_spline_flux"),
    "RBFFlux": ("fluxes.rbf_flux",),
    "GatedFlux": ("fluxes.gated_flux", "layers.gated_flux"),
    "Accelerated": ("schemes.solvers.accelerated", "solvers.accelerated"),
    "Anderson": ("schemes.solvers.anderson", "solvers.anderson"),
    "FixedPoint": ("schemes.solvers.fixed_point", "solvers.fixed_point"),
    "LaggedDiffusivity": ("schemes.solvers.lagged_diffusivity", "solvers.lagged_diffusivity"),
    "ForwardBackward": ("schemes.solvers.splitting",),
    "PeacemanRachford": ("schemes.solvers.splitting",),
    "Poisson": ("schemes.multigrid.problems.poisson", *_PROBLEMS),
    "ScreenedPoisson": ("schemes.multigrid.problems.poisson", *_PROBLEMS),
    "Biharmonic": ("schemes.multigrid.problems.biharmonic", *_PROBLEMS),
    "Inpainting": ("schemes.multigrid.problems.inpainting", *_PROBLEMS),
    "Diffusion": ("schemes.multigrid.problems.diffusion", *_PROBLEMS),
    "Jacobi": _SMOOTHERS,
    "Chebyshev": _SMOOTHERS,
    "RedBlack": _SMOOTHERS,
    "MgNet": ("schemes.multigrid.smoothers",),
    "DiffusionResNet": ("models.diffusion_resnet",),
    "FEDResNet": ("models.fed_resnet",),
    "FSIResNet": ("models.fsi_resnet",),
    "DuFortFrankelResNet": ("models.dufort_frankel_resnet",),
    "ImplicitRecurrent": ("models.implicit_recurrent",),
    "MultigridUNet": ("models.multigrid_unet",),
    "MethodOfLines": ("models.method_of_lines",),
    "RobustImplicit": ("models.robust_implicit",),
    "CertifiedClassifier": ("models.certified_classifier",),
    "CertifiedSegmenter": ("models.certified_segmenter",),
    "PolynomialRightHandSide": ("layers.polynomial_right_hand_side",),
    "TwoLayerRightHandSide": ("layers.two_layer_right_hand_side",),
    "Equation": ("schemes.equations.equation",),
    "KernelNetwork": ("models.kernel_network",),
    "KernelPropagator": ("models.kernel_propagator",),
    "LatticeBoltzmann": ("models.lattice_boltzmann",),
    "SinusoidalNetwork": ("models.sinusoidal_network",),
    "Sinusoidal": ("layers.sinusoidal",),
    "SPINN": ("models.spinn",),
    "MeshlessBasis": ("layers.meshless_basis",),
    "Features": ("models.features",),
    "DiffusionBlock": ("layers.diffusion_block",),
    "ImplicitDiffusion": ("layers.implicit_diffusion",),
    "Collision": ("layers.collision",),
    "OrbitDense": ("layers.orbit_dense",),
    "MonotoneImplicit": ("layers.monotone_implicit",),
    "MessagePassing": ("layers.message_passing",),
    "MessagePassingNetwork": ("models.message_passing_network",),
    "LearnedGraphKernel": ("layers.learned_graph_kernel",),
    "LearnedKernel": ("layers.learned_kernel",),
    "Lifting": ("layers.lifting",),
    "Restriction": ("layers.transfer",),
    "Prolongation": ("layers.transfer",),
    "ConvOperator": ("operators.conv_operator",),
    "Lattice": ("operators.lattice",),
    "DenseOperator": ("operators.dense",),
    "MultilevelKernel": ("operators.multilevel_kernel",),
    "FiniteDifference": ("operators.finite_difference",),
    "Stencil": ("operators.stencils",),
    "SmoothInDepth": ("operators.smooth_in_depth",),
}
KERAS = {
    "DTypePolicy": "keras",
    "SeedGenerator": "keras.random",
    **dict.fromkeys(INITIALIZERS, "keras.initializers"),
}


def allow(cls: type[Kind]) -> type[Kind]:
    """Let presets and recipes name a class of one's own, and return the class.

    The class must be registered, by `keras.saving.register_keras_serializable`, or be a layer of
    Keras that a class of one's own needs. What is allowed is this class and nothing else: a
    configuration with its registered name makes this class, wherever the file comes from.

    Raises:
        ValueError: a class that is not registered, or registered as one of keras_pde's.

    Example:
        >>> import keras
        >>> from keras_pde.presets.allowed_classes import allow
        >>> @allow
        ... @keras.saving.register_keras_serializable(package="mine")
        ... class Layer(keras.layers.Layer):
        ...     pass
        >>> allow(keras.layers.Dense).__name__
        'Dense'
    """
    import keras

    if cls.__module__.startswith("keras.") and vars(keras.layers).get(cls.__name__) is cls:
        _of_keras.add(("keras.layers", cls.__name__))
        return cls
    name = keras.saving.get_registered_name(cls)
    if keras.saving.get_registered_object(name) is not cls or name.startswith("keras_pde>"):
        raise ValueError(
            f"{cls.__name__} has no registered name of its own, by which presets could name it:"
            " decorate it with keras.saving.register_keras_serializable(package=...), with another"
            " package than keras_pde"
        )
    _own[name] = cls
    return cls


def own_class(name: str) -> type | None:
    """The class of one's own that is allowed under a registered name, such as "mine>Layer"."""
    return _own.get(name)


def check_network(config: Any) -> bool:
    """Check a network's configuration: classes, their names and modules, and every value.

    Nothing of it is built. Classes of one's own are looked into for the classes that they hold.

    Returns:
        Whether all of it is keras_pde's, so that every number in it was checked.

    Raises:
        ValueError: a class that no preset needs, unknown keys, values beyond the limits.

    Example:
        >>> from keras_pde import FEDResNet
        >>> from keras_pde.presets.allowed_classes import check_network
        >>> check_network(keras.saving.serialize_keras_object(FEDResNet(filters=4)))
        True
    """
    own = _check(config, "the network")
    if own is None or config["registered_name"] not in {*map(_registered, NETWORKS), *_own}:
        raise ValueError("it does not describe a network of keras_pde")
    return not own


def _registered(name: str) -> str:
    return f"keras_pde>{name}"


def _check(value: Any, where: str) -> bool | None:
    """Check objects at any depth; whether one is of a class of one's own, None for no object."""
    if isinstance(value, list):
        found = [_check(item, f"{where}[{i}]") for i, item in enumerate(value)]
        return True if any(found) else None
    if not isinstance(value, dict):
        return None
    if "class_name" not in value:
        found = [_check(item, f"{where}.{shown_key(key)}") for key, item in value.items()]
        return True if any(found) else None
    own = _check_class(value, where)
    inner = value["config"]
    if not isinstance(inner, dict):
        raise wrong(f"{where}.config", "an object", inner)
    if not own and value["class_name"] in SCHEMA:
        check_config(value["class_name"], inner, where)
    found = [_check(item, f"{where}.{shown_key(key)}") for key, item in inner.items()]
    return own or any(found)


def shown_key(key: str) -> str:
    """A key as it may be printed in a path."""
    return key if key.isidentifier() else shown(key)


def _check_class(value: dict[str, Any], where: str) -> bool:
    """Check what names a class, and what it is built for; whether it is one of one's own."""
    name, module, registered = (
        value.get(key) for key in ("class_name", "module", "registered_name")
    )
    for key, text in (("class_name", name), ("module", module), ("registered_name", registered)):
        if type(text) is not str and (text is not None or key == "class_name"):
            raise wrong(f"{where}.{key}", "a text", text)
    own = registered in _own and _own[registered].__name__ == name
    ours = (
        name in MODULES
        and registered == f"keras_pde>{name}"
        and module in {f"keras_pde.{file}" for file in MODULES[name]}
    )
    of_keras = registered is None and (KERAS.get(name) == module or (module, name) in _of_keras)  # type: ignore[arg-type]
    if not (own or ours or of_keras):
        raise _foreign(name, module, registered)  # type: ignore[arg-type]
    keys = {"class_name", "module", "registered_name", "config"}
    # networks inside one's own have an empty compile_config; Keras would run another's functions
    harmless = (
        {"build_config"} if value.get("compile_config") else {"build_config", "compile_config"}
    )
    if unknown := sorted(set(value) - keys - harmless):
        raise ValueError(f"{where} has {shown(unknown[0])}, which no preset needs")
    if missing := sorted(keys - set(value)):
        raise ValueError(f"{where} has no {missing[0]}")
    if "build_config" in value and value["build_config"] is not None and not own:
        if name in NETWORKS:
            build_config(value["build_config"], f"{where}.build_config")
        elif not of_keras or name in KERAS:
            record({})(value["build_config"], f"{where}.build_config")
    return own


def _foreign(name: str, module: str | None, registered: str | None) -> ForeignClassError:
    """The error of a class that is not made."""
    called = f"{module}.{name}" if module else (registered or name)
    if len(called) > 100 or not called.isprintable():
        called = shown(called, 100)
    if name in MODULES and registered == f"keras_pde>{name}":
        return ForeignClassError(f"it names {called}, where no class of keras_pde was: refused")
    of = str(module).partition(".")[0]
    whose = "which no preset needs" if of == "keras" else "neither keras_pde's nor Keras's own"
    return ForeignClassError(
        f"it names {called}, {whose}: refused, as it could run foreign code. A class of your own is"
        " allowed by keras_pde.presets.allowed_classes.allow."
    )
