"""AdversarialEstimator: a structural equation solved as a game between two networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import keras
import numpy as np
from keras import ops

from keras_pde.models.primal_dual_adam import PrimalDualAdam
from keras_pde.runtime import gate
from keras_pde.runtime.gated import Gated
from keras_pde.runtime.types import Shape, Tensor


@keras.saving.register_keras_serializable(package="keras_pde")
class AdversarialEstimator(Gated, keras.Model):
    r"""Saddle point of E[(f(x) − y)u(z) − u(z)²/2] + α/2 E[f(x)²] by steps along −∂f and ∂u.

    It estimates a structural function f with E[f(x) − y | z] = 0 from samples (x, z, y), where y is
    f(x) with an error that depends on x, and z is an instrument, which moves x and is independent
    of that error. With Af = E[f(x) | z] and b = E[y | z] the best u is Af − b, so f minimises
    Tikhonov's functional

        ½‖Af − b‖² + α/2‖f‖²  (Y4),

    without an estimate of A. Both players are any networks of Keras; linear ones end at two-stage
    least squares. `fit` takes simultaneous primal-dual gradient steps and leaves the averages of
    the weights. The loss that it prints is E[u² + αf²]/2, which tends to that functional.

    Args:
        primal: f, a Keras network of x with as many outputs as y has, or its configuration.
        dual: u, a Keras network of z with as many outputs, or its configuration.
        regularization: α ≥ 0.

    Call args: x, of any shape that ``primal`` takes. Returns f(x). `fit` takes ([x, z], y).

    Shapes: those of ``primal``.

    Raises:
        ValueError: no networks; α < 0; inputs that are not real floats; other outputs than y has.

    Source: Liao, Chen, Yang, Dai, Wang, Kolar, arXiv:2007.01290 (2020).

    Example:
        >>> from keras_pde import AdversarialEstimator, optimizers
        >>> rng = np.random.default_rng(0)
        >>> z, e = rng.standard_normal((2, 60000, 1)).astype("float32")
        >>> x = z + e  # moved by z, and by what disturbs y
        >>> line = lambda: keras.Sequential([keras.layers.Dense(1, use_bias=False)])
        >>> game = AdversarialEstimator(line(), line())
        >>> game.compile(optimizers.PrimalDualAdam(0.01))
        >>> history = game.fit([x, z], 2 * x + e, batch_size=100, verbose=0)
        >>> bool(abs(game.predict(np.ones((1, 1)), verbose=0) - 2) < 0.2)  # regression finds 2.5
        True
    """

    def __init__(
        self,
        primal: keras.Model,
        dual: keras.Model,
        regularization: float = 1e-2,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        for name, network in (("primal", primal), ("dual", dual)):
            if not isinstance(network, keras.Model):
                raise ValueError(
                    f"{name} must be a network of Keras, a keras.Model. Received:"
                    f" {gate.said(network)}"
                )
        self.primal = primal
        self.dual = dual
        self.regularization = gate.number(regularization, "regularization", low=0)

    def check_call(self, inputs: Any = None, **_: Any) -> None:
        """Refuse what are no real floats."""
        pair = isinstance(inputs, list | tuple)
        for name, x in zip("xz", inputs if pair else [inputs], strict=False):
            gate.tensor(x, f"{name} of {self.name}")
        if pair and len(inputs) != 2:
            raise ValueError(
                f"{self.name} takes x, and for training [x, z]. Received: {len(inputs)} tensors"
            )

    def build(self, input_shape: Shape | Sequence[Shape]) -> None:
        """Build f, and u where z's shape is given too."""
        pair = bool(input_shape) and isinstance(input_shape[0], list | tuple)
        shapes: Any = input_shape if pair else [input_shape]
        for network, shape in zip((self.primal, self.dual), shapes, strict=False):
            if not network.built:
                network.build(tuple(shape))
        self.built = True

    def compute_output_shape(self, input_shape: Shape | Sequence[Shape]) -> Shape:
        """That of f; of both players beside each other for [x, z]."""
        pair = bool(input_shape) and isinstance(input_shape[0], list | tuple)
        if not pair:
            return tuple(self.primal.compute_output_shape(input_shape))
        x, z = input_shape
        f = self.primal.compute_output_shape(x)
        return (*f[:-1], f[-1] + self.dual.compute_output_shape(z)[-1])

    # Computation

    def call(self, inputs: Tensor | Sequence[Tensor], training: bool = False) -> Tensor:
        """f(x); for [x, z] f(x) and u(z) beside each other, which the loss splits."""
        if not isinstance(inputs, list | tuple):
            return self.primal(inputs, training=training)
        x, z = inputs
        players = [self.primal(x, training=training), self.dual(z, training=training)]
        return ops.concatenate(players, axis=-1)

    def players_loss(self, y: Tensor, both: Tensor) -> Tensor:
        """A sample's loss, whose gradient descends in f and ascends in u.

        Each player's part holds the other's answer fixed; their sum is (u² + αf²)/2.
        """
        f, u = ops.split(both, 2, axis=-1)
        y = ops.cast(y, f.dtype)
        primal = ops.stop_gradient(u) * (f - y) + self.regularization / 2 * ops.square(f)
        dual = ops.square(u) / 2 - u * (ops.stop_gradient(f) - y)
        return ops.sum(primal + dual, axis=-1)

    def compile(self, optimizer: Any = None, **kwargs: Any) -> None:
        """Keras's, with the game's loss; `PrimalDualAdam` unless another optimizer is given.

        Raises:
            ValueError: another loss.
        """
        if kwargs.pop("loss", None) is not None:
            raise ValueError(f"{self.name} has a loss of its own, the game's. Received: loss=...")
        chosen = PrimalDualAdam() if optimizer is None else optimizer
        super().compile(optimizer=chosen, loss=self.players_loss, **kwargs)

    def fit(self, x: Any = None, y: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Keras's, of [x, z] and y; the weights are then their averages.

        Raises:
            ValueError: arrays that are not a pair; y of another shape than f's and u's answers.
        """
        if isinstance(x, np.ndarray) or (isinstance(x, list | tuple) and len(x) != 2):
            raise ValueError(f"{self.name} is trained on [x, z] and y, the instruments z too.")
        if isinstance(x, list | tuple) and isinstance(y, np.ndarray):
            self._check_players([np.asarray(part[:1]) for part in x], y)
        if isinstance(self.optimizer, PrimalDualAdam):
            self.optimizer.of_players(self.primal.trainable_variables)
        return super().fit(x, y, *args, **kwargs)

    def _check_players(self, one: list[np.ndarray], y: np.ndarray) -> None:
        self.check_call(one)
        if not (self.primal.built and self.dual.built):
            self.build([(None, *part.shape[1:]) for part in one])
        shapes = [
            tuple(net.compute_output_shape((1, *part.shape[1:])))[1:]
            for net, part in zip((self.primal, self.dual), one, strict=True)
        ]
        if not shapes[0] == shapes[1] == y.shape[1:]:
            raise ValueError(
                f"primal and dual must answer with numbers of y's shape. Received: {shapes[0]},"
                f" {shapes[1]} and {y.shape[1:]}, without the batch"
            )

    # Configuration

    def get_compile_config(self) -> dict[str, Any]:
        """The optimizer; the loss is the game's."""
        return {"optimizer": keras.optimizers.serialize(self.optimizer)}

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compile with the saved optimizer."""
        if config:
            self.compile(keras.optimizers.deserialize(config["optimizer"]))
            if self.built:
                self.optimizer.build(self.trainable_variables)

    def get_build_config(self) -> dict[str, Any]:
        """Whether it is built: both networks save for what."""
        return {"players": True} if self.primal.built and self.dual.built else {}

    def build_from_config(self, config: dict[str, Any]) -> None:
        """The networks are built by their own configurations."""
        self.built = self.primal.built and self.dual.built

    @classmethod
    def rebuilt(cls, config: dict[str, Any]) -> Self:
        """From `get_config`."""
        made = {name: keras.saving.deserialize_keras_object(config[name]) for name in PLAYERS}
        return cls(**{**config, **made})

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": keras.dtype_policies.serialize(self.dtype_policy),
            "primal": keras.saving.serialize_keras_object(self.primal),
            "dual": keras.saving.serialize_keras_object(self.dual),
            "regularization": self.regularization,
        }


PLAYERS = ("primal", "dual")
