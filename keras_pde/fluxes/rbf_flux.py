"""RBFFlux: a learned flux made of Gaussians, as in trainable nonlinear reaction diffusion."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_pde import fluxes as activations
from keras_pde.fluxes.flux_layer import FluxLayer
from keras_pde.fluxes.radial_basis import TERMS, RadialBasis
from keras_pde.runtime import gate
from keras_pde.runtime.positive import inverse_softplus, softplus
from keras_pde.runtime.precision import as_in, at_least_float32, narrow
from keras_pde.runtime.types import Number, Tensor

NEAR = 1 / 16  # of a width: |s| up to which the series is used, as Φ(s)/s would cancel
MOST = 256  # centers
ROUNDING = 1e-5  # of sums of float32


@keras.saving.register_keras_serializable(package="keras_pde")
class RBFFlux(FluxLayer):
    r"""Sum of Gaussians Φ(s) = Σᵢ wᵢ(exp(−(s − μᵢ)²/2γ²) − exp(−μᵢ²/2γ²)), learned by channel.

    The influence functions of TNRD, less their value at 0, so that Φ = g s. |Φ′| ≤
    ``largest_slope`` = L for every weight: w is divided by max(1, b/L) with a differentiable bound
    b of sup|Φ′| from samples and third derivatives (X4). So S2 and S5 hold with L and μ ≤ L, and
    the bounds of g and Φ′ at hand are computed to about 1 %. Φ is smooth, becomes constant beyond
    the centers, and so is never monotone. nonnegative=True makes Φ odd with weights ≥ 0: then g ≥ 0
    (forward diffusion), and S1 holds for every weight. Cost: an exponential an entry and center,
    two where Φ is odd.

    Args:
        centers: number of μᵢ, equidistant on [−extent, extent].
        extent: of the outermost, in units of the contrast λ.
        width: γ in units of λ; None is the distance of two centers.
        largest_slope: L > 0.
        start: flux that the weights are fitted to.
        nonnegative: w₋ᵢ = −wᵢ, wᵢ ≥ 0 for μᵢ > 0; False leaves all weights free, as in TNRD.
        contrast, learn_contrast, noise_conditioned: as in `FluxActivation`; λ scales the centers,
            not the slopes. A learned contrast is one per channel.

    Call args: ``s`` (batch, \*spatial, channels); ``noise``, σ per sample or as a map. Returns
    Φ(s), the shape of s.

    Raises:
        ValueError: fewer than 2 centers; extent, width or largest_slope ≤ 0; a width that is below
            half the centers' distance or above four of it; unknown start flux.

    Source: Chen, Pock, arXiv:1508.02848 (2015), trainable nonlinear reaction diffusion.

    Example:
        >>> from keras_pde import RBFFlux
        >>> layer = RBFFlux(17, start="perona_malik")
        >>> layer.build((None, 8, 8, 4))
        >>> low, high = layer.slope_bounds
        >>> -1 <= low < 0 < high <= 1, layer.diffusivity_bounds[0] >= 0
        (True, True)
    """

    def __init__(
        self,
        centers: int = 17,
        extent: float = 4.0,
        width: float | None = None,
        largest_slope: float = 1.0,
        start: str | activations.Flux = "perona_malik",
        *,
        nonnegative: bool = True,
        contrast: float = 1.0,
        learn_contrast: bool = False,
        noise_conditioned: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            contrast,
            learn_contrast=learn_contrast,
            per_channel=learn_contrast,
            noise_conditioned=noise_conditioned,
            **kwargs,
        )
        self.centers = gate.whole(centers, "centers", low=2, high=MOST)
        self.extent = gate.number(extent, "extent", low=0, low_open=True)
        self.width = gate.number(width, "width", low=0, low_open=True, none=True)
        self.largest_slope = gate.number(largest_slope, "largest_slope", low=0, low_open=True)
        self.start = activations.get(start, "start")
        self.nonnegative = gate.flag(nonnegative, "nonnegative")
        apart = 2 * self.extent / (self.centers - 1)
        gamma = apart if self.width is None else self.width
        if not apart / 2 <= gamma <= 4 * apart:
            raise ValueError(
                f"width must be from half the distance {apart:g} of two centers to four of"
                f" it, for Gaussians that overlap and differ. Received: width={width}"
            )
        self.basis = RadialBasis(self.centers, self.extent, gamma, self.nonnegative)
        x = np.linspace(-self.extent, self.extent, 8 * self.centers + 1)
        target = np.asarray(
            ops.convert_to_numpy(self.start(ops.convert_to_tensor(x), 1.0)), "float64"
        )
        self._fitted = self.basis.fitted(target, x)
        self._means = [float(m) for m in self.basis.means]

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Create the weights of the Gaussians, shape (weights, channels)."""
        super().build(input_shape)
        self.channels = input_shape[-1]
        self.raw_weights = self.add_weight(
            shape=(len(self._means), input_shape[-1]),
            initializer=self._start_weights,
            autocast=False,
            name="raw_weights",
        )

    def _start_weights(self, shape: Any, dtype: Any = None) -> Any:
        found = inverse_softplus(self._fitted) if self.nonnegative else self._fitted
        return ops.convert_to_tensor(
            np.repeat(np.asarray(found)[:, None], shape[-1], axis=1), dtype=dtype
        )

    def weights_now(self, xp: Any = ops) -> Any:
        """w, (weights, channels), divided by max(1, b/L); in float64 for xp=numpy."""
        raw = at_least_float32(ops.convert_to_tensor(self.raw_weights))
        at, bent = self.basis.sampled
        if xp is np:
            raw = np.array(ops.convert_to_numpy(raw), dtype=np.float64)
            free = np.logaddexp(0, raw) if self.nonnegative else raw
        else:
            free = softplus(raw) if self.nonnegative else raw
            at, bent = (ops.convert_to_tensor(x, dtype=raw.dtype) for x in (at, bent))
        found, sizes = xp.abs(xp.matmul(at, free)), xp.abs(free)
        highest = xp.max(xp.maximum(found[1:], found[:-1]) + xp.matmul(bent, sizes), axis=0)
        # the second term is more than the roundings of the products, and than the tail
        bound = highest * (1 + ROUNDING) + ROUNDING / self.basis.width * xp.sum(sizes, axis=0)
        return free / xp.maximum(bound / self.largest_slope, 1.0)

    def weights_in_use(self) -> list[Any]:
        """w, and the coefficients of the series around 0."""
        weights = self.weights_now()
        rows = ops.convert_to_tensor(self.basis.series, dtype=weights.dtype)
        # not ops.matmul, which computes in float32 on PyTorch
        return [weights, ops.sum(rows[:, :, None] * weights[None], axis=1)]

    def flux_parameters(self, noise: Any = None, rank: int = 4) -> list[Any]:
        """λ, w and the series."""
        return self.parameters_with(None, None, noise, rank)

    def parameters_with(self, weights: Any, guide: Any, noise: Any, rank: int) -> list[Any]:
        """λ, w and the series, the latter two as given, if they are."""
        given = self.weights_in_use() if weights is None else weights
        return [self.contrast_now(noise, rank), *given]

    def _wide(self, s: Any, contrast: Any, *more: Any) -> tuple[Any, ...]:
        """s, s/λ up to where Φ is constant, and the parameters in the precision of s."""
        wide = at_least_float32(s)
        lam, *rest = (as_in(p, wide) for p in (contrast, *more))
        end = self.basis.end
        return wide, ops.clip(wide / lam, -end, end), lam, *rest

    def _sum(self, x: Any, weights: Any, function: Any) -> Any:
        """Σwᵢ times a function of (x − μᵢ)/γ; of odd sums less the function of (x + μᵢ)/γ."""
        total, inverse = ops.zeros_like(x), 1 / self.basis.width
        for i, mean in enumerate(self._means):
            here = function((x - mean) * inverse)
            if self.nonnegative:
                here = here - function((x + mean) * inverse)
            total = total + weights[i] * here
        return total

    def _series(self, x: Any, series: Any, divide: Any) -> Any:
        """Σₖ Φ⁽ᵏ⁾(0)/k!·xᵏ⁻¹/divide(k) near 0."""
        bound = NEAR * self.basis.width
        x, total = ops.clip(x, -bound, bound), ops.zeros_like(x)
        for k in range(TERMS - 1, 0, -1):
            total = total * x + series[k] / divide(k)
        return total

    def _near(self, x: Any) -> Any:
        return ops.abs(x) < NEAR * self.basis.width

    def unit_diffusivity(self, s: Any, contrast: Any, *more: Any) -> Any:
        """Φ(s)/s, Φ′(0) at 0."""
        wide, x, lam, weights, series = self._wide(s, contrast, *more)
        near = self._near(x)
        # not x: beyond the centers it is held, and s is not
        ratio = wide / lam
        far = (self._sum(x, weights, _gauss) - series[0]) / ops.where(near, 1.0, ratio)
        return narrow(ops.where(near, self._series(x, series, lambda k: 1), far), s)

    def _fluxes(self, parts: list[Tensor], parameters: list[Number]) -> list[Tensor]:
        """Φ(s), of any size of s."""
        (s,) = _one(parts)
        wide, x, lam, weights, series = self._wide(s, *parameters)
        far = lam * (self._sum(x, weights, _gauss) - series[0])
        near = self._series(x, series, lambda k: 1) * wide
        return [narrow(ops.where(self._near(x), near, far), s)]

    def _linearize(self, parts: list[Tensor], parameters: list[Number]) -> list[Tensor]:
        """Φ′(s)."""
        (s,) = _one(parts)
        _, x, _, weights, _ = self._wide(s, *parameters)
        slope = self._sum(x, weights, lambda z: z * _gauss(z))
        return [narrow(-slope / self.basis.width, s)]

    def potentials(
        self, parts: list[Any], noise: Any = None, parameters: list[Any] | None = None
    ) -> list[Any]:
        """ψ(s), by error functions."""
        (s,) = _one(parts)
        given = self._given_or_now(parts, noise, parameters)
        wide, x, lam, weights, series = self._wide(s, *given)
        area = self.basis.width * math.sqrt(math.pi / 2)
        at_zero = self._sum(ops.zeros_like(x), weights, _error)
        far = area * (self._sum(x, weights, _error) - at_zero) - series[0] * x
        near = self._series(x, series, lambda k: k + 1) * x * x
        inside = lam * lam * ops.where(self._near(x), near, far)
        return [narrow(inside - lam * series[0] * (wide - lam * x), s)]

    @property
    def slope_bounds(self) -> tuple[float, float]:
        """(inf Φ′, sup Φ′) of the sum at hand, outwards by about 1 % of the slopes."""
        if not self.built:
            return self.slope_range
        low, high = self.basis.slopes(self.weights_now(np))
        return max(low, -self.largest_slope), min(high, self.largest_slope)

    @property
    def diffusivity_bounds(self) -> tuple[float, float]:
        """(inf g, sup g) of the sum at hand; g is a mean of slopes."""
        least = 0.0 if self.nonnegative else -self.largest_slope
        if not self.built:
            return least, self.largest_slope
        low, high = self.basis.diffusivities(self.weights_now(np))
        return max(low, least), min(high, self.largest_slope)

    @property
    def slope_range(self) -> tuple[float, float]:
        """The bounds by construction."""
        return -self.largest_slope, self.largest_slope

    @property
    def stiffness(self) -> float:
        """The largest slope."""
        return self.largest_slope

    @property
    def law(self) -> str:
        """What the sum is made of."""
        kind = "g ≥ 0, " if self.nonnegative else ""
        return f"{self.centers} Gaussians, {kind}slopes up to {self.largest_slope:g}"

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        config = {
            **super().get_config(),
            "centers": self.centers,
            "extent": self.extent,
            "width": self.width,
            "largest_slope": self.largest_slope,
            "nonnegative": self.nonnegative,
        }
        del config["per_channel"]
        return {**config, "start": activations.serialize(self.start)}

    @classmethod
    def rebuilt(cls, config: dict[str, Any]) -> RBFFlux:
        """Rebuild from `get_config`."""
        return cls(**{**config, "start": activations.get(config["start"])})


def _gauss(z: Tensor) -> Tensor:
    return ops.exp(-0.5 * z * z)


def _error(z: Tensor) -> Tensor:
    return ops.erf(z * math.sqrt(0.5))


def _one(parts: list[Any]) -> list[Any]:
    """The state as one array: weights for each channel are not cut."""
    if len(parts) > 1:
        raise ValueError(
            "RBFFlux needs a convolution with weights: give the operator filters, or use"
            " FluxActivation with a stencil"
        )
    return parts
