"""GateLayer: the weights of a gate, and the bounds that a certificate takes of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_pde import fluxes as activations
from keras_pde.fluxes import gate_bounds, noise_level
from keras_pde.fluxes.flux_activation import FluxActivation
from keras_pde.fluxes.gate_bounds import LEAST_CONTRAST, LOG_RANGE, NOISE_RANGE
from keras_pde.operators import norms
from keras_pde.operators.respacing import respaced
from keras_pde.runtime import gate
from keras_pde.runtime.positive import inverse_softplus, softplus
from keras_pde.runtime.precision import at_least_float32

GATES = ("state", "input")
SQUARINGS = 6  # by which the bound of a coupling is within 3 % for 48 channels
OUTWARD = 1e-5  # float32 rounding of a bound computed in the graph


class GateLayer(FluxActivation):
    """A flux with the weights of a gate: λ, a window D, a mixing matrix V, a bias, ℓ.

    What the gate does with them is `keras_pde.GatedFlux`, which documents the arguments.
    """

    linear = rational = False
    raw_evidence: Any = None  # of ℓ, where it is a weight of its own
    evidence_slope: Any = None

    def __init__(
        self,
        flux: str | activations.Flux = "perona_malik_exponential",
        contrast: float | None = None,
        *,
        neighbourhood: int = 5,
        learn_contrast: bool = False,
        per_channel: bool = False,
        noise_conditioned: bool = False,
        gates: str = "state",
        evidence_contrast: float | None = None,
        coupling: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            flux,
            contrast,
            learn_contrast=learn_contrast,
            per_channel=per_channel,
            noise_conditioned=noise_conditioned,
            **{"coupled": False, **kwargs},
        )
        if self.coupled or not self.flux.isotropic or self.flux.diffusivity_bounds[0] < 0:
            raise ValueError(
                "A gate needs a flux with g(s²) >= 0 that is not coupled. Received:"
                f" flux={self.flux!r}, coupled={self.coupled}"
            )
        if gate.count(neighbourhood, "neighbourhood", high=1023) % 2 == 0:
            raise ValueError(
                "neighbourhood is the width of a window around a point: an odd whole number."
                f" Received: neighbourhood={neighbourhood!r}"
            )
        self.neighbourhood = neighbourhood
        self.gates = gate.word(gates, "gates", GATES)
        self.guided = self.has_potential = gates == "input"
        least = LEAST_CONTRAST if coupling is not None and noise_conditioned else 0.0
        self.evidence_contrast = gate.number(
            evidence_contrast, "evidence_contrast", low=least, low_open=not least, none=True
        )
        self.coupling = gate.number(coupling, "coupling", low=0, low_open=True, none=True)
        if coupling is not None and math.isinf(self.flux.height):
            raise ValueError(
                f"coupling bounds what a gate changes, and the {self.flux.name} flux is not"
                " bounded. Use 'charbonnier', or coupling=None."
            )
        if self.contrast < least:
            raise ValueError(
                f"With a coupling a contrast that follows the noise is at least {least:g}."
                f" Received: contrast={contrast}"
            )

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Create contrast, window, mixing matrix, bias, and contrasts of the evidence.

        The gate is nearly open at first, and the same everywhere.
        """
        ndim, channels = len(input_shape) - 2, input_shape[-1]
        if not 1 <= ndim <= 3 or channels is None:
            raise ValueError(
                "A gate looks at neighbours: s must be (batch, *spatial, channels), 1-D to 3-D."
                f" Received: shape {tuple(input_shape)}"
            )
        super().build(input_shape)
        self.channels, self.ranks = channels, (ndim + 2,)
        width = self.neighbourhood
        centre = np.full((width,) * ndim, 0.5 / width**ndim)
        centre[(width // 2,) * ndim] += 1
        start = np.repeat(centre[..., None, None], channels, axis=-2)

        def window(shape: Any, dtype: Any = None) -> Any:
            return ops.convert_to_tensor(start, dtype=dtype)

        self.window = self._weight("window", start.shape, window)
        self.mixing = self._weight("mixing", (channels, channels), "zeros")
        self.gate_bias = self._weight("gate_bias", (channels,), keras.initializers.Constant(3.0))
        self.raw_evidence = self.evidence_slope = None
        if self.evidence_contrast is None or not (self.learn_contrast or self.noise_conditioned):
            return
        shape = (channels,) if self.per_channel else ()
        first = keras.initializers.Constant(float(inverse_softplus(self.evidence_contrast)))
        self.raw_evidence = self._weight("raw_evidence", shape, first, self.learn_contrast)
        if self.noise_conditioned:
            self.evidence_slope = self._weight("evidence_slope", shape, "zeros")

    def _weight(self, name: str, shape: Any, initializer: Any, trainable: bool = True) -> Any:
        return self.add_weight(
            shape=shape,
            initializer=initializer,
            trainable=trainable,
            autocast=False,
            name=name,
        )

    @property
    def support(self) -> int:
        """Pixels from which a neighbour acts on Φ."""
        return self.neighbourhood // 2

    def evidence_now(self, noise: Any = None, rank: int = 4) -> Any:
        """ℓ: a number, or a tensor that broadcasts to a state of the given rank."""
        if self.evidence_contrast is None:
            return self.contrast_now(noise, rank)
        if self.raw_evidence is None:
            return self.evidence_contrast
        return self._contrast_of(self.raw_evidence, self.evidence_slope, noise, rank)

    def _contrast_of(self, raw: Any, slope: Any, noise: Any, rank: int) -> Any:
        if self.coupling is None or slope is None:
            return super()._contrast_of(raw, slope, noise, rank)
        raw, slope = (at_least_float32(ops.convert_to_tensor(x)) for x in (raw, slope))
        ratio = noise_level.ratio(noise, rank, self.name, raw.dtype)
        raw = raw + slope * ops.clip(ops.log(ratio), *LOG_RANGE)
        return ratio * ops.maximum(softplus(raw), LEAST_CONTRAST)

    def weights_in_use(self) -> list[Any]:
        """D, V with its coupling bounded, and b."""
        window, mixing, bias = (
            at_least_float32(ops.convert_to_tensor(w))
            for w in (self.window, self.mixing, self.gate_bias)
        )
        if self.coupling is not None:
            reactions = self._reactions(window, mixing, self.flux.height, ops)
            gram = ops.matmul(reactions, ops.transpose(reactions))
            bound = norms.gram_iteration(gram, SQUARINGS, ops)
            most = (self.coupling * (1 - OUTWARD)) ** 2
            mixing = mixing * ops.sqrt(most / ops.maximum(bound, most))
        return [window, mixing, bias]

    def respace(self, factors: Sequence[float]) -> None:
        """Take the window to another spacing, as a kernel; what is mixed stays as it is in use."""
        window, mixing, _ = (_as(w, np) for w in self.weights_in_use())
        self.window.assign(respaced(window, factors))
        self.mixing.assign(mixing)

    def _reactions(self, window: Any, mixing: Any, height: float, xp: Any) -> Any:
        """The matrix of `gate_bounds.reactions`, for the weights given."""
        most = self._contrasts(xp)[1]
        least = self._contrasts(xp, evidence=True)[0]
        sizes = gate_bounds.window_norms(window, xp)
        return gate_bounds.reactions(sizes, mixing, most, least, height)

    def _contrasts(self, xp: Any = np, evidence: bool = False) -> tuple[Any, Any]:
        """Least and largest λ/r, or ℓ/r, of each channel for noise in `NOISE_RANGE`."""
        own = evidence and self.evidence_contrast is not None
        ones = xp.ones_like(_as(self.gate_bias, xp))
        if not (self.learn_contrast or self.noise_conditioned):
            value = self.evidence_contrast if own else self.contrast
            return value * ones, value * ones
        raw = self.raw_evidence if own else self.raw_contrast
        slope = (
            (self.evidence_slope if own else self.noise_slope) if self.noise_conditioned else None
        )
        raw, slope = (None if w is None else _as(w, xp) for w in (raw, slope))
        bounded = self.coupling is not None
        found = gate_bounds.contrast_range(_as(raw, xp), slope, bounded, xp)
        return found[0] * ones, found[1] * ones

    @property
    def slope_bounds(self) -> tuple[float, float]:
        """Bounds of the diagonal part of Φ′."""
        low, high = self.flux.slope_bounds
        return min(0.0, low), max(0.0, high)

    @property
    def diffusivity_bounds(self) -> tuple[float, float]:
        """(0, L_g)."""
        return 0.0, self.flux.diffusivity_bounds[1]

    def reaction_matrix(self) -> np.ndarray:
        """Aᵀ of `gate_bounds`, (channels, channels) in float64, from the weights at hand."""
        window, mixing, _ = (_as(w, np) for w in self.weights_in_use())
        unit = self._reactions(window, mixing, 1.0, np)
        # what is 0 reacts to nothing, also where |Φ| has no bound; NaN stays NaN
        return np.multiply(unit, self.flux.height, where=unit != 0, out=np.zeros_like(unit))

    @property
    def asymmetry_bound(self) -> float:
        """Upper bound c of what Φ′ differs by from its diagonal part, from the weights at hand.

        Inf for a flux that is not bounded. Of gates that a guide opens it is the Lipschitz constant
        of Φ in Kf.
        """
        if not self.built:
            return math.inf
        matrix = self.reaction_matrix()
        if not np.isfinite(matrix).all():
            return math.inf
        return float(np.linalg.norm(matrix, 2)) * (1 + 1e-9)

    @property
    def assumptions(self) -> tuple[str, ...]:
        """Granted for the Lipschitz constant."""
        if not self.noise_conditioned:
            return super().assumptions
        low, high = (round(255 * x) for x in NOISE_RANGE)
        levels = f", of {low} to {high} grey levels of 255" if self.coupling is None else ""
        one = f"for the Lipschitz constant one noise level for all pixels{levels}"
        return (*super().assumptions, one)


def _as(weight: Any, xp: Any) -> Any:
    """A weight as a tensor, or in float64 for NumPy."""
    if xp is np:
        return np.array(ops.convert_to_numpy(weight), dtype=np.float64)
    return at_least_float32(ops.convert_to_tensor(weight))
