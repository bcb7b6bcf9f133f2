"""SplineFlux: a learned flux with slope bounds by construction."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_pde import fluxes as activations
from keras_pde.fluxes.flux_layer import FluxLayer
from keras_pde.runtime import gate
from keras_pde.runtime.precision import as_in, at_least_float32, narrow
from keras_pde.runtime.types import Number, Tensor


@keras.saving.register_keras_serializable(package="keras_pde")
class SplineFlux(FluxLayer):
    r"""Odd linear spline Φ(s) = sign(s) Σⱼ dⱼ·clip(|s| − tⱼ, 0, tⱼ₊₁ − tⱼ) with knots tⱼ.

    It is learned channel by channel. Slopes dⱼ = low + (high − low)·sigmoid(θⱼ) stay in ``slopes``
    = [low, high] by construction; where the spline would cross zero it is held at zero (a Lindley
    recursion, which keeps the slopes in bounds), so g(s) = Φ(s)/s ∈ [0, high]: norm stability (S1)
    and the Lipschitz constant (S2) are known for every weight. Beyond the last knot the slope is
    max(0, low). low ≥ 0 is a monotone flux and a convex potential; low < 0 a weakly convex one. The
    potential is the exact piecewise quadratic. Cost: about 4·knots operations an entry.

    Args:
        knots: number of segments on [0, extent·λ].
        extent: where the last segment ends, in units of the contrast λ.
        slopes: (low, high), low < high, high > 0.
        start: flux whose slopes, clipped to the bounds, the spline begins with.
        grading: each segment's width over that of the one before: at 1 knots are equidistant, above
            1 they are dense at 0, where a flux bends. A flux that rises with slope high in the
            first segment and falls with slope low < 0 needs high/|low| + 1 such segments to return
            to 0.
        contrast, learn_contrast, noise_conditioned: as in `FluxActivation`; λ scales the knots, not
            the slopes. A learned contrast is one per channel.

    Call args: ``s`` (batch, \*spatial, channels); ``noise``, σ per sample or as a map. Returns
    Φ(s), the shape of s.

    Raises:
        ValueError: fewer than 1 knot, extent or grading ≤ 0, slopes out of order, unknown start
            flux.

    Source: Goujon, Neumayer, Unser, arXiv:2308.10542 (2023), weakly convex ridge regularisers;
    Lindley (1952).

    Example:
        >>> from keras_pde import SplineFlux
        >>> layer = SplineFlux(knots=10, slopes=(-0.5, 1.0), start="perona_malik")
        >>> layer.build((None, 8, 8, 4))
        >>> low, high = layer.slope_bounds
        >>> low >= -0.5, high <= 1.0, layer.diffusivity_bounds[0] >= 0
        (True, True, True)
    """

    def __init__(
        self,
        knots: int = 16,
        extent: float = 4.0,
        slopes: Sequence[float] = (0.0, 1.0),
        start: str | activations.Flux = "charbonnier",
        *,
        contrast: float = 1.0,
        learn_contrast: bool = False,
        noise_conditioned: bool = False,
        grading: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            contrast,
            learn_contrast=learn_contrast,
            per_channel=learn_contrast,
            noise_conditioned=noise_conditioned,
            **kwargs,
        )
        self.knots = gate.count(knots, "knots", high=4096)
        self.extent = gate.number(extent, "extent", low=0, low_open=True)
        self.grading = gate.number(grading, "grading", low=0, low_open=True)
        if not isinstance(slopes, list | tuple | np.ndarray) or len(slopes) != 2:
            raise ValueError(f"slopes must be (low, high). Received: slopes={gate.said(slopes)}")
        low, high = (gate.number(x, "slopes") for x in slopes)
        if not (low < high and high > 0):
            raise ValueError(
                "slopes must be (low, high) with low < high and high > 0. Received:"
                f" slopes={tuple(slopes)}"
            )
        self.slopes = (low, high)
        self.start = activations.get(start, "start")
        # here and not in build, which may run while a graph is under construction
        with np.errstate(over="ignore", invalid="ignore"):
            shares = np.cumsum([0.0, *self.grading ** np.arange(self.knots)])
            self._edges = [float(t) for t in shares / shares[-1] * self.extent]
        self._widths = [b - a for a, b in itertools.pairwise(self._edges)]
        if not all(w > 0 for w in self._widths):
            raise ValueError(
                f"SplineFlux needs segments that have a width: with grading={grading} {knots} knots"
                " are too many. Take it nearer to 1."
            )
        self._differences = (
            np.diff(
                np.array(
                    self.start(ops.convert_to_tensor(np.array(self._edges)), 1.0), dtype=np.float64
                )
            )
            / self._widths
        )

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Create the slopes' weights, shape (knots, channels)."""
        super().build(input_shape)
        self.channels = input_shape[-1]
        self.raw_slopes = self.add_weight(
            shape=(self.knots, input_shape[-1]),
            initializer=self._start_slopes,
            autocast=False,
            name="raw_slopes",
        )

    def _start_slopes(self, shape: Any, dtype: Any = None) -> Any:
        """Raw slopes of the start flux."""
        low, high = self.slopes
        share = np.clip((self._differences - low) / (high - low), 0.02, 0.98)
        return ops.convert_to_tensor(
            np.repeat(np.log(share / (1 - share))[:, None], shape[-1], axis=1), dtype=dtype
        )

    def slopes_now(self, xp: Any = ops) -> Any:
        """Slopes of the segments, (knots, channels), held where the spline would cross zero."""
        raw = at_least_float32(ops.convert_to_tensor(self.raw_slopes))
        low, high = self.slopes
        if xp is np:
            raw = np.array(ops.convert_to_numpy(raw), dtype=np.float64)
            free = low + (high - low) * (1 + np.tanh(raw / 2)) / 2  # sigmoid, without overflow
        else:
            free = low + (high - low) * ops.sigmoid(raw)
        if low >= 0:
            return free
        rows, value = [], xp.zeros_like(free[0])
        for j, width in enumerate(self._widths):
            rows.append(xp.maximum(free[j], -value / width))
            value = xp.maximum(value + width * free[j], 0)
        return xp.stack(rows)

    @property
    def _last(self) -> float:
        return max(0.0, self.slopes[0])

    def flux_parameters(self, noise: Any = None, rank: int = 4) -> list[Any]:
        """λ and the slopes."""
        return [self.contrast_now(noise, rank), self.slopes_now()]

    def _wide(self, s: Any, contrast: Any, slopes: Any) -> tuple[Any, Any, Any]:
        """All three in the precision of s, float32 at least: sums of many short segments."""
        wide = at_least_float32(s)
        return wide, as_in(contrast, wide), as_in(slopes, wide)

    def unit_diffusivity(self, s: Any, contrast: Any, *more: Any) -> Any:
        """Φ(s)/s, the first slope at 0."""
        wide, contrast, slopes = self._wide(s, contrast, *more)
        a = ops.abs(wide / contrast)
        safe = ops.maximum(a, 1e-6 * self.extent)
        mean = self._sum(safe, slopes) / safe
        if self._last:
            mean = mean + self._last * ops.relu(1 - self.extent / safe)
        g = ops.where(a < self._widths[0], ops.broadcast_to(slopes[0], ops.shape(a)), mean)
        return narrow(g, s)

    def _linearize(self, parts: list[Tensor], parameters: list[Number]) -> list[Tensor]:
        """The slope of the segment that s lies in."""
        (s,) = _one(parts)
        wide, contrast, slopes = self._wide(s, *parameters)
        a = ops.abs(wide / contrast)
        slope = ops.broadcast_to(slopes[0], ops.shape(a))
        for j in range(1, self.knots):
            slope = ops.where(a < self._edges[j], slope, slopes[j])
        return [narrow(ops.where(a < self.extent, slope, ops.full_like(slope, self._last)), s)]

    def _fluxes(self, parts: list[Tensor], parameters: list[Number]) -> list[Tensor]:
        """Φ(s), without dividing by s."""
        (s,) = _one(parts)
        wide, contrast, slopes = self._wide(s, *parameters)
        x, h = wide / contrast, self._widths[0]
        # the first segment runs through 0 without |s|, so the derivative at 0 is its slope
        flux = contrast * (
            slopes[0] * ops.clip(x, -h, h) + ops.sign(x) * self._sum(ops.abs(x), slopes, first=1)
        )
        if self._last:
            flux = flux + self._last * ops.sign(x) * self._beyond(wide, contrast)
        return [narrow(flux, s)]

    def _sum(self, a: Any, slopes: Any, first: int = 0) -> Any:
        """The spline in units of the contrast, less what grows beyond the last knot."""
        total = ops.zeros_like(a)
        for j in range(first, self.knots):
            total = total + slopes[j] * ops.clip(a - self._edges[j], 0, self._widths[j])
        return total

    def _beyond(self, s: Any, contrast: Any) -> Any:
        """How far |s| lies beyond the last knot: in the units of s, where |s|/λ may overflow."""
        return ops.relu(ops.abs(s) - self.extent * contrast)

    def potentials(
        self, parts: list[Any], noise: Any = None, parameters: list[Any] | None = None
    ) -> list[Any]:
        """ψ(s), the exact integral of the spline."""
        (s,) = _one(parts)
        wide, contrast, slopes = self._wide(s, *self._given_or_now(parts, noise, parameters))
        return [narrow(self.unit_potential(wide, contrast, slopes), s)]

    def unit_potential(self, s: Any, contrast: Any, slopes: Any) -> Any:
        """ψ for the given parameters, all in one precision."""
        a = ops.minimum(ops.abs(s / contrast), self.extent)
        total, value = ops.zeros_like(a), ops.zeros_like(slopes[0])
        for j, width in enumerate(self._widths):
            inside = ops.clip(a - self._edges[j], 0, width)
            total = total + (value + slopes[j] * inside / 2) * inside
            value = value + slopes[j] * width
        beyond = self._beyond(s, contrast)
        return total * contrast * contrast + (contrast * value + self._last * beyond / 2) * beyond

    @property
    def slope_bounds(self) -> tuple[float, float]:
        """(inf Φ′, sup Φ′) of the spline at hand."""
        if not self.built:
            return self.slope_range
        slopes = self.slopes_now(np)
        return min(self._last, float(slopes.min())), max(self._last, float(slopes.max()))

    @property
    def diffusivity_bounds(self) -> tuple[float, float]:
        """(inf g, sup g).

        g is monotone on a segment, so its extremes stand at the knots, 0 and infinity.
        """
        if not self.built:
            return self._last, self.slopes[1]
        slopes = self.slopes_now(np)
        means = (
            np.cumsum(slopes * np.array(self._widths)[:, None], axis=0)
            / np.array(self._edges[1:])[:, None]
        )
        return max(0.0, min(self._last, float(means.min()))), float(max(means.max(), self._last))

    @property
    def slope_range(self) -> tuple[float, float]:
        """The bounds by construction."""
        return min(self._last, self.slopes[0]), self.slopes[1]

    @property
    def stiffness(self) -> float:
        """The upper slope bound."""
        return self.slopes[1]

    @property
    def law(self) -> str:
        """The bounds of the slopes."""
        return f"spline with slopes in [{self.slopes[0]:g}, {self.slopes[1]:g}]"

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        config = {
            **super().get_config(),
            "knots": self.knots,
            "extent": self.extent,
            "slopes": list(self.slopes),
            "grading": self.grading,
        }
        del config["per_channel"]
        return {**config, "start": activations.serialize(self.start)}

    @classmethod
    def rebuilt(cls, config: dict[str, Any]) -> SplineFlux:
        """Rebuild from `get_config`."""
        return cls(**{**config, "start": activations.get(config["start"])})


def _one(parts: list[Any]) -> list[Any]:
    """The state as one array: a spline's channels are not cut."""
    if len(parts) > 1:
        raise ValueError(
            "SplineFlux needs a convolution with weights: give the operator filters, or use"
            " FluxActivation with a stencil"
        )
    return parts
