"""Lifting: the isometry between an image and a state with more channels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_pde.certificates.certificate import Certificate
from keras_pde.certificates.certified import Certified
from keras_pde.certificates.linear_layers import linear
from keras_pde.runtime import gate
from keras_pde.runtime.gated import Gated
from keras_pde.runtime.precision import SUMS, drawn_wide, unit_roundoff
from keras_pde.runtime.printed import rounded


@keras.saving.register_keras_serializable(package="keras_pde")
class Lifting(Gated, Certified):
    r"""Isometry P u of images into states.

    P×p patches become channels, further channels start at zero; PᵀP = I, no weights.

    For an evolution N of the state, Pᵀ N P keeps the constants of N: ‖P u‖ = ‖u‖ and ‖Pᵀ‖ = 1 keep
    norm stability and the Lipschitz constant, and Pᵀ((1 − θ)I + θR)P = (1 − θ)I + θPᵀRP keeps
    averagedness; the energy is one of the state. The further channels are auxiliary variables: of a
    proximal step they are minimised over, as in TGV. A state of patches is cheap: p = 2 has a
    quarter of the points. Cost: a transposition.

    Args:
        channels: of the state, at least pᵈ times those of the image unless learned; None is as
            many.
        patch_size: p. Sizes that are no multiples of p are extended by zeros, which is an isometry
            too.
        learned: a learned 1×1 convolution of the patches' channels instead of zeros, and its
            transpose back; it starts as an isometry, and the norm and Lipschitz constants are
            multiplied by its squared norm.

    Call args: u (batch, \*spatial, channels). Returns the state (batch, \*⌈spatial/p⌉, state
    channels); `lower` takes it back.

    Raises:
        ValueError: fewer channels than the image has in a patch; sizes that are no whole numbers ≥
            1.

    Source: Shi et al., arXiv:1609.05158 (2016), for patches as channels; Bredies, Kunisch, Pock
    (2010), for TGV.

    Example:
        >>> from keras_pde import Lifting
        >>> lifting = Lifting(channels=6, patch_size=2)
        >>> u = np.random.default_rng(0).random((1, 7, 10, 1)).astype("float32")
        >>> state = lifting(u)
        >>> tuple(state.shape), bool(np.array_equal(lifting.lower(state, u.shape[1:-1]), u))
        ((1, 4, 5, 6), True)
    """

    def __init__(
        self,
        channels: int | None = None,
        patch_size: int = 1,
        *,
        learned: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.channels = None if channels is None else gate.count(channels, "channels")
        self.patch_size = gate.count(patch_size, "patch_size")
        self.learned = gate.flag(learned, "learned")
        self.image_channels: int | None = None  # known when built

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Remember the rank and the channels of the image."""
        if len(input_shape) not in gate.SPATIAL or input_shape[-1] is None:
            raise ValueError(
                "A lifting needs (batch, *spatial, channels), 1-D to 3-D, channels fixed. Received:"
                f" shape {tuple(input_shape)}"
            )
        self.ndim = len(input_shape) - 2
        self.image_channels = int(input_shape[-1])
        self.patch_channels = self.image_channels * self.patch_size**self.ndim
        self.state_channels = self.patch_channels if self.channels is None else self.channels
        if not self.learned and self.state_channels < self.patch_channels:
            raise ValueError(
                f"An isometry needs channels >= {self.patch_channels}, those of a patch of"
                f" {self.patch_size} points an axis with {input_shape[-1]} channels. Received:"
                f" channels={self.channels}. Raise it, or lower patch_size."
            )
        if self.learned:
            start = drawn_wide(keras.initializers.Orthogonal())
            self.kernel = self.add_weight(
                shape=(self.patch_channels, self.state_channels), initializer=start, name="kernel"
            )
        self.built = True

    def check_call(self, u: Any = None, **_: Any) -> None:
        """Refuse what is no image of real floats with the axes and channels it was built for."""
        ranks = (self.ndim + 2,) if self.built else gate.SPATIAL
        gate.tensor(u, f"u of {self.name}", ranks=ranks, channels=self.image_channels)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Shape of the state."""
        channels = self.channels or input_shape[-1] * self.patch_size ** (len(input_shape) - 2)
        sizes = [None if n is None else -(-n // self.patch_size) for n in input_shape[1:-1]]
        return (input_shape[0], *sizes, channels)

    def call(self, u: Any) -> Any:
        """P u."""
        u = self._to_patches(ops.convert_to_tensor(u))
        if self.learned:
            return ops.matmul(u, ops.cast(self.kernel, u.dtype))
        more = self.state_channels - self.patch_channels
        return (
            ops.concatenate([u, ops.zeros_like(ops.repeat(u[..., :1], more, axis=-1))], axis=-1)
            if more
            else u
        )

    def lower(self, state: Any, sizes: Sequence[Any]) -> Any:
        """Pᵀ state, for an image of the given spatial sizes."""
        state = (
            ops.matmul(state, ops.transpose(ops.cast(self.kernel, state.dtype)))
            if self.learned
            else state[..., : self.patch_channels]
        )
        p, d = self.patch_size, self.ndim
        if p == 1:
            return state
        shape = ops.shape(state)
        split = ops.reshape(state, (-1, *shape[1:-1], *[p] * d, self.patch_channels // p**d))
        order = [0, *[axis for i in range(d) for axis in (1 + i, 1 + d + i)], 1 + 2 * d]
        image = ops.reshape(
            ops.transpose(split, order),
            (-1, *[n * p for n in shape[1:-1]], self.patch_channels // p**d),
        )
        return image[(slice(None), *[slice(0, n) for n in sizes])]

    def noise(self, sigma: Any) -> Any:
        """A noise level for the state: a map is averaged over each patch."""
        if sigma is None or self.patch_size == 1 or len(sigma.shape) <= 2:
            return sigma
        patches = self._to_patches(sigma, extend="edge")
        # ops.mean sums float64 in float32 on JAX and PyTorch
        return ops.sum(patches, axis=-1, keepdims=True) / patches.shape[-1]

    def _to_patches(self, u: Any, extend: str = "zero") -> Any:
        p, d = self.patch_size, len(u.shape) - 2
        if p == 1:
            return u
        for axis in range(1, d + 1):
            n = ops.shape(u)[axis]
            if isinstance(n, int) and n % p == 0:
                continue
            last = u[(slice(None),) * axis + (slice(-1, None),)]
            last = last if extend == "edge" else ops.zeros_like(last)
            # p − 1 more whatever the size, then cut: a dynamic size is not known here
            u = ops.concatenate([u, *[last] * (p - 1)], axis=axis)[
                (slice(None),) * axis + (slice(0, (n + p - 1) // p * p),)
            ]
        shape = ops.shape(u)
        split = ops.reshape(
            u, (-1, *[n for size in shape[1:-1] for n in (size // p, p)], u.shape[-1])
        )
        order = [0, *range(1, 2 * d, 2), *range(2, 2 * d + 1, 2), 2 * d + 1]
        return ops.reshape(
            ops.transpose(split, order), (-1, *[n // p for n in shape[1:-1]], u.shape[-1] * p**d)
        )

    def certificate(self) -> Certificate:
        """What is proved about u ↦ P u: an isometry, or a learned kernel's norm."""
        norm = math.sqrt(self.squared_norm_bound()) if self.learned else 1.0
        why = f"‖lifting‖ ≤ {rounded(norm)}" if self.learned else "an isometry"
        return linear(self.name, norm, why)

    def certify(self, certificate: Certificate) -> Certificate:
        """Certificate of u ↦ Pᵀ N(P u), from that of N."""
        return certificate.lifted(self.squared_norm_bound() if self.learned else None)

    def squared_norm_bound(self) -> float:
        """Upper bound of ‖P‖², from the weights at hand: 1 for an isometry."""
        if not self.learned:
            return 1.0
        kernel = ops.convert_to_numpy(self.kernel).astype("float64")
        unit = unit_roundoff(self.compute_dtype)
        norm = float(np.linalg.norm(kernel, 2))
        # the kernel's rounding, a sum in float32, and the result's rounding: see
        # keras_pde.certificates.rounding
        if unit:
            off = (unit + 2 * max(kernel.shape) * SUMS) * float(np.linalg.norm(kernel))
            norm = (norm + off) * (1 + unit)
        return norm**2 * (1 + 1e-9)

    def __repr__(self) -> str:
        parts = f"{self.patch_size}-wide patches, " if self.patch_size > 1 else ""
        channels = f", {self.channels} channels" if self.channels else ""
        return f"{parts}{'learned' if self.learned else 'isometric'}{channels}"

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            "channels": self.channels,
            "patch_size": self.patch_size,
            "learned": self.learned,
        }
