"""MeshlessFunction: a sum of bumps, whose heights a linear least-squares problem determines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from keras_pde.layers.meshless_basis import Index, MeshlessBasis
from keras_pde.models.coordinate_network import CoordinateNetwork
from keras_pde.runtime import gate
from keras_pde.runtime.compiling import double_precision
from keras_pde.runtime.copying import MARK
from keras_pde.runtime.precision import at_least_float32, narrow, product
from keras_pde.runtime.types import Shape, Tensor
from keras_pde.schemes.collocation import Condition, least_squares


class MeshlessFunction(CoordinateNetwork):
    """∂^α u(x) = ΣUᵢ ∂^α φᵢ(x), the base of `SPINN`: its values, and the solve for the heights.

    Args:
        basis: a `MeshlessBasis`, of which the network has a copy; or its centres, a list of points.
        outputs: channels of u; `solve` takes 1.
    """

    def __init__(self, basis: Any = ((0.0, 0.0),), outputs: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if isinstance(basis, MeshlessBasis):
            config = {**basis.get_config(), "dtype": self.dtype_policy}
            self.basis = MeshlessBasis(**{k: v for k, v in config.items() if k != MARK})
        else:
            self.basis = MeshlessBasis(basis, dtype=self.dtype_policy, name="basis")
        self.outputs = gate.count(outputs, "outputs")

    # Shapes

    @property
    def coordinates(self) -> int:
        """Those of the centres."""
        return self.basis.axes

    def build(self, input_shape: Shape | Sequence[Shape]) -> None:
        """Create the heights, and the centres and widths of the basis."""
        super().build(input_shape)
        self.basis.build((None, self.basis.axes))
        self.heights = self.add_weight(
            shape=(self.basis.count, self.outputs),
            initializer="zeros",
            autocast=False,
            name="heights",
        )

    @property
    def width(self) -> int:
        """Numbers a point: the bumps."""
        return self.basis.count

    # Computation

    def call(self, coordinates: Tensor) -> Tensor:
        """u at the points."""
        return self.derivative(coordinates, (0,) * self.basis.axes)

    def derivative(self, coordinates: Tensor, index: Index) -> Tensor:
        """∂^α u at the points, in closed form; differentiable by every weight."""
        bumps = at_least_float32(self.basis.derivatives(coordinates, [index])[0])
        heights = ops.cast(ops.convert_to_tensor(self.heights), bumps.dtype)
        return narrow(product(bumps, heights), coordinates)

    def matrices(self, points: np.ndarray, indices: Sequence[Index]) -> dict[Index, np.ndarray]:
        """∂^α of every bump at the points, (points, centres) in float64, by α."""
        unique = list(dict.fromkeys(indices))
        with double_precision():
            found = self.basis.derivatives(ops.convert_to_tensor(points, "float64"), unique)
            arrays = [np.asarray(ops.convert_to_numpy(part), np.float64) for part in found]
        return dict(zip(unique, arrays, strict=True))

    # Equations

    def system(self, conditions: Sequence[Condition]) -> tuple[np.ndarray, np.ndarray]:
        """The matrix and right-hand side of the least squares for the heights, in float64.

        Raises:
            ValueError: no conditions; points of other coordinates; several outputs.
        """
        if not conditions or self.outputs != 1:
            raise ValueError(
                f"{self.name} needs at least one condition, and 1 output. Received:"
                f" {len(conditions)} conditions, outputs={self.outputs}"
            )
        if not self.built:
            self.build((None, self.basis.axes))
        parts = [c.rows(self.matrices(c.points, c.indices)) for c in conditions]
        return np.concatenate([m for m, _ in parts]), np.concatenate([v for _, v in parts])

    def solve(self, conditions: Sequence[Condition]) -> float:
        """Set the heights by linear least squares; returns the root mean square of the residuals.

        Centres and widths stay.

        Args:
            conditions: equations, boundary values and data.
        """
        matrix, values = self.system(conditions)
        found = least_squares(matrix, values)
        self.heights.assign(found[:, None])
        return float(np.sqrt(np.mean((matrix @ found - values) ** 2)))

    # What is known of it

    @property
    def nodes(self) -> tuple[np.ndarray, np.ndarray]:
        """The centres (centres, d) and the widths, of the weights at hand."""
        self.require_weights()
        places, logs = self.basis.places, self.basis.log_widths
        return np.asarray(ops.convert_to_numpy(places)), np.exp(ops.convert_to_numpy(logs))

    def example(self) -> dict[str, np.ndarray]:
        """Points around the centres."""
        centres, rng = np.asarray(self.basis.centres), np.random.default_rng(20260)
        low, high = centres.min(axis=0) - 0.1, centres.max(axis=0) + 0.1
        shape = (*(3,) * (self.ndim + 1), self.basis.axes)
        return {"input": rng.uniform(low, high, shape).astype("float32")}
