"""Guided: a network whose gates are held as one image has opened them."""

from __future__ import annotations

from dataclasses import replace

from keras import ops

from keras_pde.certificates.certificate import Certificate
from keras_pde.certificates.certified import Certified, damage, uncertified
from keras_pde.models.block_network import BlockNetwork
from keras_pde.runtime.types import Inputs, Tensor

__all__ = ["Guided"]

HELD = "gates that are held as the guide opens them"


class Guided(Certified):
    """u ↦ N(u; y) of a network with gates of the input, y held (F7, I8).

    While y opens the gates, Φ is the gradient of Σ gateᵢψᵢ: explicit steps with a monotone flux are
    averaged, an implicit step is a proximal map, and the Lipschitz constant is 1 for monotone Φ and
    1/(1 − m) else. So plug-and-play iterations converge that open the gates once, by a first
    estimate. Of a network without such gates it is the network. Cost: the network's.

    Args:
        model: a built network of blocks.
        guide: y as the network takes its inputs, with the noise level if it takes one.

    Raises:
        ValueError: weights that are not there yet.

    Example:
        >>> import keras_pde
        >>> from keras_pde.models.guided import Guided
        >>> flux = keras_pde.GatedFlux("charbonnier", 0.1, gates="input")
        >>> operator = keras_pde.ConvOperator(4, 3, boundary="dirichlet", normalize=True)
        >>> block = keras_pde.DiffusionBlock(operator, flux, "auto", fraction=0.5)
        >>> net = keras_pde.DiffusionResNet(1, block=block)
        >>> y = np.eye(8)[None, ..., None]
        >>> bool(np.allclose(Guided(net, y)(y), net(y), atol=1e-6))
        True
        >>> Guided(net, y).certificate().firmly_nonexpansive
        True
    """

    def __init__(self, model: BlockNetwork, guide: Inputs) -> None:
        model.check_call(guide)
        if not model.built:
            model(guide)
        self.model = model
        self.name = f"{model.name}_guided"
        tensors = model.tensors(guide)
        self.guide = model.lift(tensors)[0]
        self.noise = model.image_and_noise(tensors)[1]

    def __call__(self, u: Tensor) -> Tensor:
        """N(u; y), for a u of the guide's shape."""
        u = ops.convert_to_tensor(u)
        inputs = u if self.noise is None else [u, self.noise]
        return self.model.run(self.model.tensors(inputs), self.guide)

    def certificate(self) -> Certificate:
        """What is proved about u ↦ N(u; y), for every guide y."""
        why_not = damage(self.model)
        if why_not:
            return uncertified(self.name, why_not)
        facts = [replace(step, guidance=0.0) for step in self.model.step_facts()]
        found = self.model.certificate_of(facts)
        subject = f"{found.subject} with its gates held"
        return replace(found, subject=subject, assumptions=(HELD, *found.assumptions))
