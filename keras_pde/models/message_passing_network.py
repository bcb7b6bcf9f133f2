"""MessagePassingNetwork: a fixed-point iteration on a graph, unrolled, with a decision a node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_pde import fluxes as activations
from keras_pde.certificates.bounded_output import BoundedOutput
from keras_pde.certificates.certificate import Certificate
from keras_pde.certificates.certified import uncertified
from keras_pde.certificates.permutation import PermutationEquivariance
from keras_pde.layers.message_passing import SHARED, MessagePassing, check_ends, check_links
from keras_pde.layers.perceptron import Perceptron
from keras_pde.models.network import Network
from keras_pde.runtime import gate
from keras_pde.runtime.printed import counted
from keras_pde.runtime.types import Inputs, Shape, Tensor

NODES = 6  # of the golden example


@keras.saving.register_keras_serializable(package="keras_pde")
class MessagePassingNetwork(Network):
    r"""An iteration uᵏ⁺¹ᵢ = ψ(xᵢ, uᵏᵢ, ⊕ⱼ φ(xᵢ, uᵏᵢ, xⱼ, uᵏⱼ, lᵢⱼ)) on a graph, and then decisions.

    One `MessagePassing` step is repeated, from u⁰ = 0: a fixed-point iteration whose map is
    learned. Then each node decides by one more shared network χ with one hidden layer,

        N(x, l)ᵢ = 1/(1 + exp(−χ(xᵢ, uᵢ)))  in [0, 1]  (Y2).

    Weights belong to no node, so the network is for any number of nodes and any links, and commutes
    with every permutation of the nodes (Y1). Untrained, all decisions are ½. It is trained without
    labels by a utility of the decisions. Cost: ``rounds`` times a product for each link.

    Args:
        rounds: steps of the iteration.
        channels: numbers of the state uᵢ, and of a message.
        hidden: units of the hidden layers of φ, ψ and χ; 0 leaves them linear.
        decisions: numbers that a node decides.
        flux: activation of the hidden layers, a name or a `keras_pde.activations.Flux`.
        aggregate: ⊕, "max", "mean" or "sum".

    Call args: a list of nodes x (batch, n, c) and links (batch, n, n, e), of which
    ``links[:, i, j]`` are the numbers of the link j → i, all 0 where there is none. `on_edges`
    takes lists of links.

    Shapes: (batch, n, c), (batch, n, n, e) → (batch, n, decisions).

    Raises:
        ValueError: numbers below 1, another aggregate; inputs of other ranks, channels or sizes.

    Source: Lee, Lee, Quek, arXiv:2106.07984 (2021); Shen, Shi, Zhang, Letaief, arXiv:2007.07632
    (2020).

    Example:
        >>> from keras_pde import MessagePassingNetwork
        >>> net = MessagePassingNetwork(rounds=2, channels=4)
        >>> rng = np.random.default_rng(0)
        >>> nodes, links = rng.random((1, 5, 2)), rng.random((1, 5, 5, 3))
        >>> np.unique(net([nodes, links])), net.certificate()["permutation"].proved
        (array([0.5], dtype=float32), True)
    """

    boundary = None

    def __init__(
        self,
        rounds: int = 3,
        channels: int = 32,
        hidden: int = 32,
        decisions: int = 1,
        flux: str | activations.Flux = "relu",
        *,
        aggregate: str = "max",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.rounds = gate.count(rounds, "rounds")
        self.decisions = gate.count(decisions, "decisions")
        self.step = MessagePassing(
            channels,
            channels,
            hidden,
            flux=flux,
            aggregate=aggregate,
            dtype=self.dtype_policy,
            name="step",
        )
        self.channels = self.step.channels
        self.hidden = self.step.hidden
        self.flux = self.step.flux
        self.aggregate = self.step.aggregate
        self.head = Perceptron(
            [self.hidden] * (self.hidden > 0) + [self.decisions],
            self.flux,
            "zeros",
            dtype=self.dtype_policy,
            name="head",
        )

    # Inputs

    @property
    def named_inputs(self) -> tuple[str, ...]:  # type: ignore[override]
        """Nodes and links."""
        return ("nodes", "links")

    @property
    def input_shapes(self) -> dict[str, Shape]:
        """Shape of both by its name, with batch and number of nodes None."""
        return {
            "nodes": (None, None, self.input_channels),
            "links": (None, None, None, self.link_channels),
        }

    @property
    def input_units(self) -> dict[str, str]:
        """What the values mean."""
        return {
            "nodes": "floats, what each node knows",
            "links": "floats, what is known of the link j → i at [i, j]; all 0 where there is none",
        }

    def input_signature(self, size: Sequence[int | None] | None = None) -> list[Any]:
        """Specifications of nodes and links; ``size`` may fix the number of nodes."""
        found = super().input_signature(size)
        if size is not None:
            links, (count,) = found[0][1], size
            shape = (None, count, count, self.link_channels)
            found[0][1] = keras.InputSpec(shape=shape, dtype=links.dtype, name=links.name)
        return found

    def check_input(self, name: str, x: Tensor, first: Tensor) -> None:
        """Refuse what are no nodes with the links between them.

        Raises:
            ValueError: no real floats; other ranks, channels or sizes.
        """
        channels = self.input_shapes[name][-1] if self.built else None
        rank = 3 if name == "nodes" else 4
        gate.tensor(x, f"{name} of {self.name}", ranks=(rank,), channels=channels)
        if name == "links":
            check_links(x, first, self.name)

    def build(self, input_shape: Shape | Sequence[Shape]) -> None:
        """Create the weights.

        Raises:
            ValueError: shapes that are not of nodes and links.
        """
        shapes: Any = [tuple(x) if isinstance(x, list | tuple) else x for x in input_shape]
        ranks = [len(x) if isinstance(x, tuple) else 0 for x in shapes]
        if ranks != [3, 4] or shapes[1][-1] is None:
            raise ValueError(
                f"{type(self).__name__} needs the shapes (batch, n, c) of nodes and"
                f" (batch, n, n, e) of links, channels fixed. Received: shape {tuple(shapes)}"
            )
        super().build(shapes[0])
        self.link_channels = int(shapes[1][-1])
        both = self.input_channels + self.channels
        self.step.build([(None, None, both), (None, None, None, self.link_channels)])
        self.head.build((None, both))

    def compute_output_shape(self, input_shape: Shape | Sequence[Shape]) -> Shape:
        """A decision or more for each node."""
        return (*self.image_shape(input_shape)[:-1], self.decisions)

    @property
    def width(self) -> int:
        """Numbers a node of the widest state inside."""
        return self.input_channels + self.channels

    # Computation

    def call(self, inputs: Inputs) -> Tensor:
        """The decisions."""
        return self._decided(inputs[0], inputs[1:])

    def states(self, inputs: Inputs) -> list[Tensor]:
        """The states u¹ to uᵏ."""
        return self._states(inputs[0], inputs[1:])

    def on_edges(self, nodes: Tensor, links: Tensor, ends: Tensor) -> Tensor:
        """The decisions for a list of links: as many products as there are links.

        Args:
            nodes: (n, c), of one graph, or of several one behind the other.
            links: (m, e).
            ends: (m, 2), whole numbers: links[k] is of the link from ends[k, 1] to ends[k, 0].

        Raises:
            ValueError: inputs of other ranks or channels; a network that is not built.

        Example:
            >>> from keras_pde import MessagePassingNetwork
            >>> net = MessagePassingNetwork(rounds=2, channels=4)
            >>> net.build([(None, None, 2), (None, None, None, 1)])
            >>> ring = np.array([(i, (i + 1) % 9) for i in range(9)])
            >>> tuple(net.on_edges(np.ones((9, 2)), np.ones((9, 1)), ring).shape)
            (9, 1)
        """
        self.require_weights()
        known = self.input_shapes
        for name, x in (("nodes", nodes), ("links", links)):
            gate.tensor(x, f"{name} of {self.name}", ranks=(2,), channels=known[name][-1])
        check_ends(ends, links, self.name)
        nodes, links = (ops.convert_to_tensor(x, dtype=self.compute_dtype) for x in (nodes, links))
        return self._decided(nodes, [links, ops.convert_to_tensor(ends)])

    def _states(self, nodes: Tensor, rest: Sequence[Tensor]) -> list[Tensor]:
        zero = ops.zeros_like(nodes[..., :1])
        found = [ops.repeat(zero, self.channels, axis=-1)]
        for _ in range(self.rounds):
            found.append(self.step([ops.concatenate([nodes, found[-1]], axis=-1), *rest]))
        return found[1:]

    def _decided(self, nodes: Tensor, rest: Sequence[Tensor]) -> Tensor:
        last = self._states(nodes, rest)[-1]
        return ops.sigmoid(self.head.of_parts([nodes, last], [None, None]))

    def example(self) -> dict[str, np.ndarray]:
        """Random nodes, and links of which half are missing."""
        rng = np.random.default_rng(20260)
        nodes = rng.random((1, NODES, self.input_channels))
        links = rng.random((1, NODES, NODES, self.link_channels))
        links *= rng.random((1, NODES, NODES, 1)) < 0.5
        return {"input": nodes.astype("float32"), "links": links.astype("float32")}

    def certificate(self) -> Certificate:
        """What holds for every weight: permutations of the nodes, and decisions in [0, 1]."""
        return uncertified(self.subject, "no bound is stated of messages").with_guarantees(
            PermutationEquivariance(1.0, SHARED),
            BoundedOutput(1.0, "a logistic function (Y2)", low=0.0, high=1.0),
        )

    # Configuration

    @property
    def step_count(self) -> int:  # type: ignore[override]
        """Rounds."""
        return self.rounds

    @property
    def description(self) -> str:
        """What it computes, in a few words."""
        return f"{self.rounds} rounds of messages, decisions in [0, 1]"

    def __repr__(self) -> str:
        return "\n".join(
            [
                f"{type(self).__name__} {self.name!r}",
                f"  {self.rounds} round{'s' * (self.rounds > 1):<9} uᵢ ← ψ(xᵢ, uᵢ, {self.aggregate}"
                f" φ(xᵢ, uᵢ, xⱼ, uⱼ, lᵢⱼ)), {self.channels} channels",
                f"  φ, ψ, χ          {self.hidden} hidden units each, Φ {self.flux.name}",
                f"  decisions        {self.decisions} a node, logistic",
                f"  parameters       {counted(self)}",
            ]
        )

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            "rounds": self.rounds,
            "channels": self.channels,
            "hidden": self.hidden,
            "decisions": self.decisions,
            "flux": activations.serialize(self.flux),
            "aggregate": self.aggregate,
        }
