"""RobustImplicit: a classifier by an equilibrium, with radii proved in the maximum norm."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops

from keras_pde import fluxes as activations
from keras_pde.certificates.certificate import Certificate
from keras_pde.certificates.equilibrium import contracting_certificate
from keras_pde.certificates.margin import Margin
from keras_pde.layers.monotone_implicit import MonotoneImplicit
from keras_pde.models.classifier import Classifier
from keras_pde.models.describe_stages import describe_equilibrium
from keras_pde.models.named_classes import BATCH
from keras_pde.models.program import Program
from keras_pde.models.robust_margins import RobustMargins
from keras_pde.runtime.compiling import compiled
from keras_pde.runtime.precision import at_least_float32, narrow, product
from keras_pde.runtime.types import Shape, Tensor
from keras_pde.schemes import solvers

DOUBLINGS, HALVINGS = 8, 12  # of a radius that is sought
TINY = 1e-30
Solve = Callable[[list[Tensor]], tuple[Tensor, Tensor]]


@keras.saving.register_keras_serializable(package="keras_pde")
class RobustImplicit(Classifier):
    r"""N u = Cz + c with the equilibrium z = Φ(Az + Bu + b), for the pixels u of an image.

    A contracts a weighted maximum norm for all weights (W1), so the network is well-posed through
    training, and a change of the pixels by at most ε moves the logits within boxes that one more
    equilibrium computes (W4). `certified` and `radius` rest on these boxes, with the roundings and
    the tolerance of the network (W7); `robust_logits` is what training makes worst cases small by.
    Cost: a solve with n×n products an image, two with twice as many numbers for a box.

    Args:
        classes: number of classes.
        units: n, numbers of z.
        flux: Φ, a name or a `keras_pde.activations.Flux` with slopes in [0, 1].
        margin: > 0, by which 1 exceeds the matrix measure of A.
        solver: name or object of `keras_pde.solvers`; "fixed_point" unless given.
        tolerance: of the relative residual of the equilibrium.
        class_names: names of the classes, in the order of the logits.

    Call args: images (batch, \*spatial, channels) of the sizes that it is built for. Returns the
    logits (batch, classes).

    Raises:
        ValueError: as `Classifier` and `MonotoneImplicit` say.

    Source: Jafarpour, Davydov, Proskurnikov, Bullo, arXiv:2106.03194 (2021); boxes: Jafarpour,
    Abate, Davydov, Bullo, Coogan, arXiv:2208.03889 (2022).

    Example:
        >>> from keras_pde import RobustImplicit
        >>> net = RobustImplicit(classes=3, units=16)
        >>> image = np.random.default_rng(0).random((2, 4, 4, 1)).astype("float32")
        >>> tuple(net(image).shape), net.certificate()["well_posed"].proved
        ((2, 3), True)
        >>> radius, answer = net.radius(image), net.answers(image)
        >>> bool((radius > 0).all()), bool(net.certified(image, answer, radius.min() / 2).all())
        (True, True)
    """

    norm: ClassVar[str] = "linf"

    def __init__(
        self,
        classes: int = 10,
        units: int = 100,
        flux: str | activations.Flux = "relu",
        margin: float = 0.5,
        solver: str | solvers.Solver | None = None,
        *,
        tolerance: float = 1e-5,
        class_names: Sequence[str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(classes, class_names, **kwargs)
        self.equilibrium = MonotoneImplicit(
            units,
            "linf",
            flux,
            margin,
            solver,
            tolerance=tolerance,
            dtype=self.dtype_policy,
            name="equilibrium",
        )
        self.units = self.equilibrium.units
        self.flux = self.equilibrium.flux
        self.margin = self.equilibrium.margin
        self.solver = self.equilibrium.solver
        self.tolerance = self.equilibrium.tolerance

    def build(self, input_shape: Shape | Sequence[Shape]) -> None:
        """Create the weights for images of one size."""
        super().build(input_shape)
        self.pixels = int(np.prod(self.sizes)) * self.input_channels
        self.equilibrium.build((None, self.pixels))
        self.head = self.add_weight(
            shape=(self.units, self.classes),
            initializer="glorot_uniform",
            autocast=False,
            name="head",
        )
        self.offset = self.add_weight(
            shape=(self.classes,), initializer="zeros", autocast=False, name="offset"
        )

    @property
    def description(self) -> str:
        """What it computes, in a few words."""
        return f"an equilibrium of {self.units} units"

    # Computation

    def call(self, image: Tensor) -> Tensor:
        """The logits."""
        z = at_least_float32(self.equilibrium(self._flat(image)))
        head, offset = self._head(z)
        return narrow(product(z, head) + offset, image)

    def _flat(self, image: Tensor) -> Tensor:
        return ops.reshape(image, (-1, self.pixels))

    def _head(self, like: Tensor) -> tuple[Tensor, Tensor]:
        weights = (ops.convert_to_tensor(w) for w in (self.head, self.offset))
        head, offset = (ops.cast(w, like.dtype) for w in weights)
        return head, offset

    def robust_logits(self, x: Tensor, labels: Tensor, eps: Tensor | float) -> Tensor:
        """max over ‖e‖∞ ≤ eps of logit j − logit label at x + e, from above, (batch, classes).

        0 at the label. Differentiable; the maxima over a box of z, each by itself, to the tolerance
        of the solve.

        Args:
            x: images.
            labels: whole numbers, (batch,).
            eps: ε ≥ 0, which training raises from step to step; a number, or of a shape that
                broadcasts to x.
        """
        x = ops.convert_to_tensor(x, dtype=self.compute_dtype)
        box = (self._flat(x + sign * ops.cast(eps, x.dtype)) for sign in (-1, 1))
        low, high = (at_least_float32(z) for z in self.equilibrium.bounds(*box))
        head, offset = self._head(low)
        labels = ops.reshape(labels, (-1,))  # Keras makes columns of them
        rows, ours = ops.transpose(head), ops.take(ops.transpose(head), labels, axis=0)
        rows = rows[None] - ours[:, None]
        middle, half = (low + high) / 2, (high - low) / 2
        exact = ops.sum(rows * middle[:, None], -1) + ops.sum(ops.abs(rows) * half[:, None], -1)
        return exact + offset - ops.take(offset, labels)[:, None]

    def distances(self) -> Tensor:
        """How fast logits y and j move apart with ‖e‖∞ at most, (classes, classes) (W2).

        |C_y − C_j|(I − ⌈A⌉)⁻¹|B|1 for use inside a graph, with the roundings of the weights'
        precision.
        """
        ready = self.equilibrium.prepare()
        eye = ops.eye(self.units, dtype=ready.matrix.dtype)
        system = eye - ops.where(eye > 0, ready.matrix, ops.abs(ready.matrix))
        moved = ops.solve(system, ops.sum(ops.abs(ready.inputs), axis=0)[:, None])
        rows = ops.transpose(self._head(ready.matrix)[0])
        return ops.squeeze(ops.matmul(ops.abs(rows[:, None] - rows[None]), moved), -1)

    def training_logits(self, x: Tensor, labels: Tensor, eps: Tensor | float) -> Tensor:
        """The worst logits, of which a loss takes κ and of the network's own 1 − κ."""
        return self.robust_logits(x, labels, eps)

    # What is proved

    def margins(self) -> RobustMargins:
        """The weights in use in float64, and the bounds that they prove."""
        self.require_weights()
        head, offset = (
            np.array(ops.convert_to_numpy(w), np.float64)
            for w in self._head(at_least_float32(ops.convert_to_tensor(self.head)))
        )
        return RobustMargins(
            self.equilibrium.contraction(),
            head.T,
            offset,
            self.flux,
            self.tolerance,
            self.compute_dtype,
        )

    def proved(self, x: Any, sizes: Sequence[float]) -> np.ndarray:
        """Whether each answer is the same for every ‖e‖∞ ≤ ε, by one box an image and size."""
        margins, labels = self.margins(), self.answers(x)
        found = np.zeros((len(sizes), len(labels)), bool)
        for row, eps in zip(found, sizes, strict=True):
            for k, u in self._parts(x):
                part = slice(k, k + len(u))
                row[part] = self._proved(
                    self._boxes, margins, u, labels[part], np.full(len(u), float(eps))
                )
        return found

    def radius(self, x: Any) -> np.ndarray:
        """The largest r that a box proved, of each image, to about 1e-3 of it.

        The search starts at the margin over the ℓ∞ constant, which boxes never fall behind (W4).
        """
        margins = self.margins()
        influence = margins.equilibrium.influence()
        if influence is None:
            return np.zeros(len(x))
        solve = compiled(Program(self._boxes, network=self))
        found = [self._radius(solve, margins, influence, part) for _, part in self._parts(x)]
        return np.concatenate(found) if found else np.zeros(0)

    def _radius(
        self, solve: Solve, margins: RobustMargins, influence: np.ndarray, u: np.ndarray
    ) -> np.ndarray:
        logits = self.logits(u.reshape(-1, *self.sizes, self.input_channels)).astype(np.float64)
        labels = logits.argmax(axis=-1)
        slopes = margins.slopes(influence)[labels]
        gaps = np.take_along_axis(logits, labels[:, None], 1) - logits
        gaps[np.arange(len(u)), labels] = np.inf
        tried = (gaps / np.maximum(slopes, TINY)).min(axis=-1)
        proved, failed = np.zeros(len(u)), np.full(len(u), np.inf)
        for step in range(DOUBLINGS + HALVINGS):
            good = self._proved(solve, margins, u, labels, tried)
            proved = np.where(good, np.maximum(proved, tried), proved)
            failed = np.where(good, failed, np.minimum(failed, tried))
            growing = np.isinf(failed)
            further = 2 * tried if step < DOUBLINGS else proved
            tried = np.where(growing, further, (proved + np.where(growing, 0, failed)) / 2)
        return proved

    def _boxes(self, inputs: list[Tensor]) -> tuple[Tensor, Tensor]:
        return self.equilibrium.bounds(*inputs)

    def _proved(
        self,
        solve: Solve,
        margins: RobustMargins,
        u: np.ndarray,
        labels: np.ndarray,
        eps: np.ndarray,
    ) -> np.ndarray:
        inputs = (u - eps[:, None], u + eps[:, None])
        found = solve([ops.cast(x, self.compute_dtype) for x in inputs])
        low, high = (np.array(ops.convert_to_numpy(z), np.float64) for z in found)
        return np.all(margins.margins((low, high), inputs, labels) > 0, axis=-1)

    def _parts(self, x: Any) -> list[tuple[int, np.ndarray]]:
        """Images in float64 as rows of pixels, some at a time, with the place of the first."""
        self.check_inputs(x)
        rows = np.asarray(x, self.compute_dtype).astype(np.float64).reshape(len(x), -1)
        return [(k, rows[k : k + BATCH]) for k in range(0, len(rows), BATCH)]

    def certificate(self) -> Certificate:
        """What is proved about image ↦ logits, from the weights at hand."""
        self.require_weights()
        margins = self.margins()
        found = contracting_certificate(
            self.subject,
            margins.equilibrium,
            self.flux,
            self.tolerance,
            (margins.head, margins.offset),
        )
        influence = margins.equilibrium.influence()
        if influence is None:
            return found.with_guarantees(Margin(reason=found.reasons["linf"], norm="linf"))
        why = "c = max Σ|C_y − C_j|(I − ⌈A⌉)⁻¹|B|1 (W2)"
        slopes = float(margins.slopes(influence).max())
        return found.with_guarantees(Margin(slopes, why, math.inf, norm="linf"))

    def __repr__(self) -> str:
        return describe_equilibrium(self)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            "units": self.units,
            "flux": activations.serialize(self.flux),
            "margin": self.margin,
            "solver": solvers.serialize(self.solver),
            "tolerance": self.tolerance,
        }
