"""PrimalDualAdam: steps of two players of a game, one faster than the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_pde.runtime import gate
from keras_pde.runtime.types import Tensor


@keras.saving.register_keras_serializable(package="keras_pde")
class PrimalDualAdam(keras.optimizers.Adam):
    r"""Adam for a saddle point θ⁺ = θ − ηg_θ/√v_θ, ω⁺ = ω + ηr g_ω/√v_ω, without momentum.

    The maximiser ω goes r times as fast as the minimiser θ, so that it stays near its best answer.
    Momentum makes players of a game overshoot each other. The exponential averages of the weights
    are what `fit` leaves.

    Args:
        learning_rate: η of the minimiser, a number or a schedule.
        ratio: r > 0.
        beta_1, beta_2: in [0, 1), of the momentum and of v; a short memory of v lets players of a
            game that has become quiet move on.
        use_ema: whether weights are averaged.
        ema_momentum: in [0, 1), of the averages.
        kwargs: as `keras.optimizers.Adam` has them.

    Source: Heusel, Ramsauer, Unterthiner, Nessler, Hochreiter, arXiv:1706.08500 (2017), for two
    rates; Gidel et al., arXiv:1802.10551 (2019), for averages and momentum.

    Example:
        >>> import keras_pde
        >>> players = [keras.Variable([1.0]), keras.Variable([1.0])]
        >>> optimizer = keras_pde.optimizers.PrimalDualAdam(0.1, ratio=3, use_ema=False)
        >>> optimizer.of_players(players[:1])
        >>> optimizer.apply([ops.ones(1), ops.ones(1)], players)
        >>> [round(float(ops.convert_to_numpy(x)[0]), 3) for x in players]
        [0.9, 0.7]
    """

    def __init__(
        self,
        learning_rate: Any = 3e-3,
        ratio: float = 3.0,
        beta_1: float = 0.0,
        beta_2: float = 0.99,
        use_ema: bool = True,
        ema_momentum: float = 0.99,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            learning_rate=learning_rate,
            beta_1=beta_1,
            beta_2=beta_2,
            use_ema=use_ema,
            ema_momentum=ema_momentum,
            **kwargs,
        )
        self.ratio = gate.number(ratio, "ratio", low=0, low_open=True)
        self._first = 0

    def of_players(self, primal: Sequence[Any]) -> None:
        """Be told the minimiser's weights, which come first in the list that it is built for."""
        self._first = len(primal)

    def update_step(self, gradient: Tensor, variable: Any, learning_rate: Tensor) -> None:
        """Move a weight, of the maximiser ``ratio`` times as fast."""
        faster = self._get_variable_index(variable) >= self._first
        super().update_step(gradient, variable, learning_rate * (self.ratio if faster else 1.0))

    def finalize_variable_values(self, var_list: Sequence[Any]) -> None:
        """Put the averages in place of the weights, as arrays of their own.

        Keras's share one array, which JAX deletes for both when it has used the weights.
        """
        super().finalize_variable_values(var_list)
        for variable in var_list:
            variable.assign(ops.copy(ops.convert_to_tensor(variable)))

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {**super().get_config(), "ratio": self.ratio}
