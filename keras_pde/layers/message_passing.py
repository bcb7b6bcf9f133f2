"""MessagePassing: a step of an iteration on a graph, by messages over its links."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_pde import fluxes as activations
from keras_pde.certificates.certificate import Certificate
from keras_pde.certificates.certified import Certified, uncertified
from keras_pde.certificates.permutation import PermutationEquivariance
from keras_pde.layers.perceptron import Perceptron
from keras_pde.runtime import gate, sharing
from keras_pde.runtime.gated import Gated
from keras_pde.runtime.types import Shape, Tensor

AGGREGATES = ("max", "mean", "sum")
SHARED = "shared maps of the nodes, aggregates without order (Y1)"


@keras.saving.register_keras_serializable(package="keras_pde")
class MessagePassing(Gated, Certified):
    r"""Message passing u⁺ᵢ = ψ(uᵢ, ⊕ⱼ φ(uᵢ, uⱼ, lᵢⱼ)) over the links j → i of a graph.

    φ and ψ are small networks with one hidden layer at most, shared by all links and nodes, and ⊕
    is a sum, a mean, or the maximum of the messages and 0. So any number of nodes and any links
    work, and the map commutes with every permutation of the nodes (Y1). An explicit step of
    diffusion on a graph,

        u⁺ᵢ = uᵢ + τ Σⱼ Φ(uⱼ − uᵢ),

    is such a map with the flux Φ as activation (Y3). A link whose numbers are all 0 does not exist.
    Cost: a product for each node and two for each link; lists of links cost as many as there are,
    dense ones n².

    Args:
        channels: of u⁺.
        messages: numbers of a message.
        hidden: units of the hidden layer of φ; 0 leaves φ linear.
        update_hidden: the same of ψ; None is as many as φ has.
        flux: Φ of the hidden layers, a name or a `keras_pde.activations.Flux`.
        aggregate: ⊕, "max", "mean" or "sum".

    Call args: a list of nodes (batch, n, c) and links (batch, n, n, e), of which ``links[:, i, j]``
    are the numbers of the link j → i; or of nodes (n, c), links (m, e) and ends (m, 2), whole
    numbers whose rows are (i, j): graphs of several sizes then are one graph in parts.

    Shapes: (batch, n, c) → (batch, n, channels), or (n, c) → (n, channels).

    Raises:
        ValueError: numbers below 1, another aggregate; inputs of other ranks, channels or sizes.

    Source: Gilmer, Schoenholz, Riley, Vinyals, Dahl, arXiv:1704.01212 (2017); on random networks
    Lee, Lee, Quek, arXiv:2106.07984 (2021).

    Example:
        >>> from keras_pde import MessagePassing
        >>> layer = MessagePassing(channels=4)
        >>> rng = np.random.default_rng(0)
        >>> nodes, links = rng.random((1, 5, 2)), rng.random((1, 5, 5, 3))
        >>> dense = layer([nodes, links])
        >>> ends = np.array([(i, j) for i in range(5) for j in range(5)])
        >>> listed = layer([nodes[0], links[0].reshape(25, 3), ends])
        >>> tuple(dense.shape), bool(np.allclose(dense[0], listed, atol=1e-6))
        ((1, 5, 4), True)
    """

    def __init__(
        self,
        channels: int = 16,
        messages: int = 16,
        hidden: int = 32,
        update_hidden: int | None = None,
        *,
        flux: str | activations.Flux = "relu",
        aggregate: str = "max",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.channels = gate.count(channels, "channels")
        self.messages = gate.count(messages, "messages")
        self.hidden = gate.whole(hidden, "hidden", low=0)
        given = self.hidden if update_hidden is None else update_hidden
        self.update_hidden = gate.whole(given, "update_hidden", low=0)
        self.flux = activations.get(flux, "flux")
        self.aggregate = gate.word(aggregate, "aggregate", AGGREGATES)
        self.message = self._net("message", self.hidden, self.messages)
        self.update = self._net("update", self.update_hidden, self.channels)

    def _net(self, name: str, hidden: int, rows: int) -> Perceptron:
        widths = [hidden] * (hidden > 0) + [rows]
        return Perceptron(widths, self.flux, dtype=self.dtype_policy, name=name)

    def build(self, input_shape: Sequence[Shape]) -> None:
        """Create the weights of φ and ψ."""
        shapes: list[Any] = [
            x if x is None or isinstance(x, int) else tuple(x) for x in input_shape
        ]
        pairs = all(isinstance(shape, tuple) for shape in shapes)
        if not (pairs and 2 <= len(shapes) <= 3) or None in (shapes[0][-1], shapes[1][-1]):
            raise ValueError(
                f"{self.name} needs an input_shape of nodes and one of links, with fixed channels."
                f" Received: {shapes}"
            )
        self.input_channels, self.link_channels = int(shapes[0][-1]), int(shapes[1][-1])
        self.message.build((None, 2 * self.input_channels + self.link_channels))
        self.update.build((None, self.input_channels + self.messages))
        self.built = True

    def check_call(self, inputs: Any = None, **_: Any) -> None:
        """Refuse what are no nodes with the links between them."""
        if not isinstance(inputs, list | tuple) or not 2 <= len(inputs) <= 3:
            raise ValueError(
                f"{self.name} takes a list [nodes, links] or [nodes, links, ends]. Received:"
                f" {gate.said(inputs)}"
            )
        built, listed = self.built, len(inputs) == 3
        nodes, links = inputs[:2]
        gate.tensor(
            nodes,
            f"nodes of {self.name}",
            ranks=(2 if listed else 3,),
            channels=self.input_channels if built else None,
        )
        gate.tensor(
            links,
            f"links of {self.name}",
            ranks=(2 if listed else 4,),
            channels=self.link_channels if built else None,
        )
        if listed:
            check_ends(inputs[2], links, self.name)
        else:
            check_links(links, nodes, self.name)

    def compute_output_shape(self, input_shape: Sequence[Shape]) -> Shape:
        """The nodes', with other channels."""
        return (*input_shape[0][:-1], self.channels)

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        """u⁺."""
        nodes, links = inputs[:2]
        exist = ops.any(ops.not_equal(links, 0), axis=-1, keepdims=True)
        if len(inputs) == 3:
            gathered = self._listed(nodes, links, exist, inputs[2])
        else:
            made = self.message.of_parts([nodes, nodes, links], [2, 1, None])
            gathered = self._gathered(made, exist)
        return self.update.of_parts([nodes, gathered], [None, None])

    def _gathered(self, made: Tensor, exist: Tensor) -> Tensor:
        """⊕ over the axis of the senders."""
        sent = ops.where(exist, made, ops.zeros_like(made))
        if self.aggregate == "max":
            return ops.relu(ops.max(sent, axis=2))
        total = ops.sum(sent, axis=2)
        if self.aggregate == "sum":
            return total
        return total / ops.maximum(ops.sum(ops.cast(exist, total.dtype), axis=2), 1)

    def _listed(self, nodes: Tensor, links: Tensor, exist: Tensor, ends: Tensor) -> Tensor:
        """⊕ over the links of a list with the same receiver."""
        ends = ops.cast(ends, "int32")
        to, count = ends[:, 0], ops.shape(nodes)[0]
        parts = [ops.take(nodes, to, axis=0), ops.take(nodes, ends[:, 1], axis=0), links]
        made = self.message.of_parts(parts, [None] * 3)
        sent = ops.where(exist, made, ops.zeros_like(made))
        if self.aggregate == "max":
            return ops.relu(ops.segment_max(sent, to, count))
        total = ops.segment_sum(sent, to, count)
        if self.aggregate == "sum":
            return total
        return total / ops.maximum(ops.segment_sum(ops.cast(exist, total.dtype), to, count), 1)

    def certificate(self) -> Certificate:
        """What holds for every weight: permutations of the nodes."""
        why = "no bound is stated of messages"
        return uncertified(self.name, why).with_guarantees(PermutationEquivariance(1.0, SHARED))

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            **sharing.mark_of(self),
            "channels": self.channels,
            "messages": self.messages,
            "hidden": self.hidden,
            "update_hidden": self.update_hidden,
            "flux": activations.serialize(self.flux),
            "aggregate": self.aggregate,
        }


def check_links(links: Tensor, nodes: Tensor, name: str) -> None:
    """Refuse links that are not between the nodes.

    Raises:
        ValueError: other numbers of graphs or of nodes, where both are known.

    Example:
        >>> from keras_pde.layers.message_passing import check_links
        >>> check_links(np.zeros((1, 3, 3, 1)), np.zeros((1, 3, 2)), "net")
    """
    batch, count = tuple(nodes.shape)[:2]
    wanted = zip(tuple(links.shape)[:3], (batch, count, count), strict=True)
    if any(None not in pair and pair[0] != pair[1] for pair in wanted):
        raise ValueError(
            f"links of {name} must be (batch, n, n, channels) for nodes (batch, n, channels)."
            f" Received: links {tuple(links.shape)} and nodes {tuple(nodes.shape)}"
        )


def check_ends(ends: Tensor, links: Tensor, name: str) -> None:
    """Refuse ends that are no pairs of whole numbers, one for each link.

    Raises:
        ValueError: floats, another shape.

    Example:
        >>> from keras_pde.layers.message_passing import check_ends
        >>> check_ends(np.array([[0, 1]]), np.zeros((1, 3)), "net")
    """
    dtype, shape = gate.facts(ends, f"ends of {name}")
    count, *_ = tuple(links.shape)
    if "int" not in dtype or len(shape) != 2 or shape[1] != 2 or shape[0] not in (None, count):
        raise ValueError(
            f"ends of {name} must be whole numbers (i, j), a row for each link j → i: of shape"
            f" ({count}, 2). Received: {dtype} of shape {shape}"
        )
