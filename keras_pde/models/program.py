"""Program: what to compile of a network."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from keras_pde.runtime.types import Inputs, Tensor

if TYPE_CHECKING:
    import keras
    import numpy as np

    from keras_pde.models.diagnosis import Diagnosis

__all__ = ["Program"]


class Program:
    """The function inputs ↦ output of a network, to be compiled by `keras_pde.runtime.compiled`.

    Where solvers iterate, ``trace`` is a program too: it returns (output, residuals), and
    `diagnosis` says what the residuals mean.

    Args:
        function: of the network's inputs.
        prefers_xla: whether XLA is the faster way to run it on a CPU.
        trace: the same function that also returns residuals (steps, iterations + 1, batch).
        diagnosis: what reads such residuals.
        network: whose weights each call reads anew; None for a snapshot.

    Example:
        >>> import numpy as np, keras_pde
        >>> program = keras_pde.from_preset("linear_2d").program(snapshot=True)
        >>> tuple(program(np.zeros((1, 4, 4, 1))).shape), program.iterates
        ((1, 4, 4, 1), False)
        >>> net = keras_pde.ImplicitRecurrent(2, block=keras_pde.ImplicitDiffusion("forward"))
        >>> output, residuals = net.program().trace(np.eye(8)[None, ..., None])
        >>> net.program().diagnosis(np.asarray(residuals)).all_converged
        True
    """

    def __init__(
        self,
        function: Callable[[Inputs], Tensor],
        prefers_xla: bool = True,
        *,
        trace: Callable[[Inputs], tuple[Tensor, Tensor]] | None = None,
        diagnosis: Callable[[np.ndarray], Diagnosis] | None = None,
        network: keras.Layer | None = None,
    ) -> None:
        self.function = function
        self.prefers_xla = prefers_xla
        self.trace: Any = None if trace is None else Program(trace, prefers_xla, network=network)
        self.network = network
        self._diagnosis = diagnosis

    @property
    def variables(self) -> list[Any] | None:
        """What each call reads anew; None of a snapshot."""
        return None if self.network is None else self.network.variables

    @property
    def iterates(self) -> bool:
        """Whether solvers iterate in it, so that ``trace`` and `diagnosis` say how they did."""
        return self.trace is not None

    def __call__(self, inputs: Inputs) -> Tensor:
        """The output."""
        return self.function(inputs)

    def diagnosis(self, residuals: np.ndarray) -> Diagnosis:
        """What the residuals of one run of ``trace``, or of several joined along the batch, say.

        Raises:
            ValueError: a program in which no solver iterates.
        """
        if self._diagnosis is None:
            raise ValueError(
                "No solver iterates in this program, so there is nothing to diagnose: ask"
                " program.iterates first"
            )
        return self._diagnosis(residuals)
