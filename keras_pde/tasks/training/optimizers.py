"""Optimizers that treat the blocks of a network as samples of a function of depth.

The weights of L untied blocks with steps of size T/L are samples θ(k/L) of a function; each block's
gradient is 1/L times that of the function. So the gradient is scaled by L, and whatever divides it
must be the same for all blocks: else neighbours whose gradients hardly differ are moved apart.

Weights that correspond to each other are found by their paths: they differ in the number of a part
that is called block_0, block_1, ..., as in all networks of keras_pde. All other weights are trained
as usual.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_pde.models.primal_dual_adam import PrimalDualAdam
from keras_pde.runtime import gate
from keras_pde.runtime.types import Tensor

__all__ = ["DepthAdam", "DepthSGD", "PrimalDualAdam"]

BLOCK = re.compile(r"(?<![^/])block_\d+(?![^/])")


def families(variables: Sequence[Any]) -> list[list[int]]:
    """Indices of the variables that are one function of depth, in order; others stand alone.

    Example:
        >>> import keras_pde
        >>> from keras_pde.tasks.training.optimizers import families
        >>> net = keras_pde.DiffusionResNet(3, filters=4)
        >>> net.build((None, None, 1))
        >>> families(net.trainable_variables)
        [[0, 1, 2]]
    """
    found: dict[Any, list[int]] = {}
    for i, variable in enumerate(variables):
        key = (BLOCK.sub("block_*", variable.path), tuple(variable.shape), str(variable.dtype))
        found.setdefault(key if BLOCK.search(variable.path) else i, []).append(i)
    return list(found.values())


@keras.saving.register_keras_serializable(package="keras_pde")
class DepthSGD(keras.optimizers.SGD):
    r"""Gradient descent θₖ⁺ = θₖ − ηL∂ℓ/∂θₖ for the weights θₖ of L blocks, with momentum.

    The steps of L blocks sum to a gradient that each shares by 1/L. Scaled by L the weights move at
    a rate that does not depend on the number of blocks, and those that start as a Lipschitz
    function of k/L (`keras_pde.SmoothInDepth`) stay one (H3).

    Args:
        learning_rate, momentum, nesterov, and all others: as `keras.optimizers.SGD` has them. The
            rate is that of one block of the whole depth.

    Source: Marion, Wu, Sander, Biau, arXiv:2309.01213 (2023).

    Example:
        >>> import keras_pde
        >>> net = keras_pde.DiffusionResNet(3, filters=4)
        >>> net.build((None, None, 1))
        >>> before = np.array(net.weights[0])
        >>> ones = [ops.ones_like(weight) for weight in net.weights]
        >>> keras_pde.optimizers.DepthSGD(0.01).apply(ones, net.trainable_variables)
        >>> round(float((before - np.array(net.weights[0])).mean()), 4)
        0.03
    """

    def build(self, var_list: Sequence[Any]) -> None:
        """Find the blocks."""
        if self.built:
            return
        super().build(var_list)
        self._depths = {i: len(family) for family in families(var_list) for i in family}

    def update_step(self, gradient: Tensor, variable: Any, learning_rate: Tensor) -> None:
        """Move a weight by its gradient, scaled by the number of blocks."""
        depth = self._depths[self._get_variable_index(variable)]
        super().update_step(gradient * depth, variable, learning_rate)


@keras.saving.register_keras_serializable(package="keras_pde")
class DepthAdam(keras.optimizers.Optimizer):
    r"""Adam θₖ⁺ = θₖ − η m̂ₖ/(√v̂ + ε), with one v of gₖ = L∂ℓ/∂θₖ for all L blocks.

    mₖ is the running mean of gₖ, v that of Σgₖ²/L, entry by entry. Adam undoes a scale of the
    gradient, so that η needs none, and only ε does: here it compares with gₖ, which does not shrink
    with L. And Adam with a vₖ for each block moves it by about η·sign gₖ: neighbours whose
    gradients are small and of opposite sign by 2η apart, whatever L. With a common v the update is
    a linear function of mₖ, the same for all blocks. So updates are as smooth in depth as gradients
    (H2), and weights that start as a Lipschitz function of k/L stay one (H3). It holds one second
    moment for L blocks.

    Args:
        learning_rate: η, for any number of blocks.
        beta_1, beta_2: in [0, 1), of the running means.
        epsilon: ε > 0, in units of gₖ.
        kwargs: as Keras's optimizers have them, such as ``weight_decay`` or ``global_clipnorm``.

    Raises:
        ValueError: values out of range; in `apply` the gradients of some blocks without the others.

    Source: Kingma, Ba, arXiv:1412.6980 (2014); the scaling by L: Marion, Wu, Sander, Biau,
    arXiv:2309.01213 (2023).

    Example:
        >>> import keras_pde
        >>> net = keras_pde.DiffusionResNet(4, filters=4)
        >>> net.compile(keras_pde.optimizers.DepthAdam(1e-3), "mse")
        >>> u = np.random.default_rng(0).random((2, 8, 8, 1))
        >>> history = net.fit(u, u, verbose=0)
        >>> len(net.optimizer.variables)  # iteration, rate, four first moments and one second
        7
    """

    def __init__(
        self,
        learning_rate: Any = 1e-3,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        *,
        name: str = "depth_adam",
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        self.beta_1 = gate.number(beta_1, "beta_1", low=0, high=1, high_open=True)
        self.beta_2 = gate.number(beta_2, "beta_2", low=0, high=1, high_open=True)
        self.epsilon = gate.number(epsilon, "epsilon", low=0, low_open=True)

    def build(self, variables: Sequence[Any]) -> None:
        """Make the moments: a first one for each weight, a second one for each family."""
        if self.built:
            return
        super().build(variables)
        self._momentums = self.add_optimizer_variables(variables, "momentum")
        self._families = {i: family for family in families(variables) for i in family}
        self._velocities = {
            i: self.add_variable_from_reference(variable, name="velocity")
            for i, variable in enumerate(variables)
            if self._families[i][0] == i
        }

    def apply(self, grads: Sequence[Tensor], trainable_variables: Any = None) -> None:
        """Move all weights by their gradients; a gradient that is None counts as zero."""
        if trainable_variables is None:
            variables = self._trainable_variables
        else:
            variables = list(trainable_variables)
        full = [
            ops.zeros_like(variable) if gradient is None else gradient
            for gradient, variable in zip(grads, variables, strict=True)
        ]
        if trainable_variables is not None:
            if self.built:
                full, variables = self._in_order(full, variables)
            trainable_variables = variables
        super().apply(full, trainable_variables)

    def _in_order(
        self, grads: Sequence[Tensor], variables: Sequence[Any]
    ) -> tuple[list[Tensor], list[Any]]:
        """Both as the weights were built: the last block of a family is to come last.

        Raises:
            ValueError: weights that it was not built with; some blocks without the others.
        """
        self._check_variables_are_known(variables)
        given = {self._get_variable_index(v): (g, v) for g, v in zip(grads, variables, strict=True)}
        for i in given:
            if missing := [k for k in self._families[i] if k not in given]:
                paths = ", ".join(self._trainable_variables[k].path for k in missing)
                raise ValueError(
                    f"The weights of all blocks are moved together, and there is a gradient of"
                    f" {self._trainable_variables[i].path} and none of {paths}: give zeros, or"
                    " None, for what is to stay"
                )
        grads, variables = zip(*(given[i] for i in sorted(given)), strict=True)
        return list(grads), list(variables)

    def update_step(self, gradient: Tensor, variable: Any, learning_rate: Tensor) -> None:
        """Take up a gradient; with that of the last block, move the weights of all."""
        index = self._get_variable_index(variable)
        family = self._families[index]
        g = ops.cast(gradient, variable.dtype) * len(family)
        mean, common = self._momentums[index], self._velocities[family[0]]
        self.assign_add(mean, (g - mean) * (1 - self.beta_1))
        if index == family[0]:
            self.assign(common, common * self.beta_2)
        self.assign_add(common, ops.square(g) * ((1 - self.beta_2) / len(family)))
        if index != family[-1]:
            return
        step = ops.cast(self.iterations + 1, variable.dtype)
        first, second = (
            1 - ops.power(ops.cast(beta, variable.dtype), step)
            for beta in (self.beta_1, self.beta_2)
        )
        rate = ops.cast(learning_rate, variable.dtype) / first
        divisor = ops.sqrt(common / second) + self.epsilon
        for i in family:
            self.assign_sub(self._trainable_variables[i], rate * self._momentums[i] / divisor)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
        }
