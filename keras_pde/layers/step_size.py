"""The step size τ of an explicit diffusion step: a number, or a part of the largest stable one.

The step u − τ(β(u − f) + KᵀΦ(Ku)) is stable for τ ≤ 2/(2β + L‖K‖²). "auto" takes a fraction of that
limit and "learned" a learned share of it; "per_channel" takes τᵢ = fraction · 2/(L Σⱼ|KKᵀ|ᵢⱼ) for
each row of K, since KKᵀ ⪯ diag of its row sums, and "scaled" τᵢ = fraction · 2/(L Σⱼ|KKᵀ|ᵢⱼqⱼ/qᵢ)
with learned q > 0, since that holds for every q (B1).
"""

from __future__ import annotations

from keras import ops

from keras_pde.fluxes.flux_layer import FluxLayer
from keras_pde.operators.operator import Operator
from keras_pde.runtime.precision import at_least_float32, unit_roundoff
from keras_pde.runtime.types import DType, Number, Tensor
from keras_pde.schemes.lengths import positive

VARYING = ("per_channel", "scaled")
STEP_SIZES = ("auto", "learned", *VARYING)
LARGEST_SCALING = 30.0  # of |θ|, q = e^θ: quotients of q stay within float32


def varies(step_size: float | str) -> bool:
    """Whether each row of K has a step of its own.

    Example:
        >>> from keras_pde.layers import step_size
        >>> step_size.varies("scaled"), step_size.varies("auto"), step_size.varies(0.1)
        (True, False, False)
    """
    return isinstance(step_size, str) and step_size in VARYING


def check_rows(
    step_size: float | str, operator: Operator, flux: FluxLayer, data_weight: float | str
) -> None:
    """Refuse a step for each row of K where the update would not be a gradient step.

    Raises:
        ValueError: a flux that couples channels, an operator without weights, a data term.
    """
    if not varies(step_size):
        return
    if flux.couples_channels:
        raise ValueError(
            "A step for each channel and a flux that couples channels exclude each other: the step"
            " would not be symmetric"
        )
    if operator.fixed or data_weight:
        raise ValueError(
            f"step_size={step_size!r} needs an operator with one convolution of its own, and"
            " data_weight=0. Use 'auto'."
        )


def check(step_size: float | str, fraction: float, data_weight: float | str = 0.0) -> None:
    """Refuse a step size, a fraction or a data weight that is none.

    Raises:
        ValueError: an unknown word, a number that is not finite and > 0, a fraction outside (0, 1],
            a data weight that is no number >= 0 and not "learned".
    """
    if isinstance(step_size, str) and step_size not in STEP_SIZES:
        raise ValueError(
            f"step_size must be a number > 0 or one of {STEP_SIZES}. Received:"
            f" step_size={step_size!r}"
        )
    if not isinstance(step_size, str) and not positive(step_size):
        raise ValueError(f"step_size must be finite and > 0. Received: step_size={step_size!r}")
    if not (positive(fraction) and fraction <= 1):
        raise ValueError(
            f"fraction is a part of the stable range, in (0, 1]. Received: fraction={fraction!r}"
        )
    zero = not isinstance(data_weight, bool | str) and data_weight == 0
    if not (data_weight == "learned" or zero or positive(data_weight)):
        raise ValueError(
            "data_weight must be a finite number >= 0 or 'learned'. Received:"
            f" data_weight={data_weight!r}"
        )


def largest(operator: Operator, flux: FluxLayer, data_weight: float | str) -> float | None:
    """2/(2β + L‖K‖²) where it does not change with the weights, else None."""
    if not operator.bound_is_constant or isinstance(data_weight, str):
        return None
    return float(2 / (2 * data_weight + flux.stiffness * operator.squared_norm_bound()))


def in_use(
    step_size: float | str,
    fraction: float,
    raw: Tensor | None,
    operator: Operator,
    weights: list[Tensor],
    flux: FluxLayer,
    data_weight: Number,
    dtype: DType,
) -> Number:
    """τ from the weights at hand, in at least float32: a number, a scalar, or a value for each row.

    Args:
        step_size: a number or one of `STEP_SIZES`.
        fraction: the part of the limit to use.
        raw: θ of a learned step, or of the scaling q = e^θ of the rows.
        operator: K.
        weights: of K, in use.
        flux: Φ.
        data_weight: β.
        dtype: that the block computes in.
    """
    if not isinstance(step_size, str):
        return step_size
    # smallest ‖K‖² to divide by: the step stays finite in the precision it is rounded to
    tiny = 1e-4 if unit_roundoff(dtype) else 1e-12
    theta = None if raw is None else at_least_float32(ops.convert_to_tensor(raw))
    if varies(step_size):
        if step_size == "scaled":
            q = ops.exp(ops.clip(theta, -LARGEST_SCALING, LARGEST_SCALING))
            sums = operator.row_sums(weights, q)
        else:
            sums = operator.row_sums(weights)
        return fraction * 2 / (flux.stiffness * (ops.maximum(sums, tiny) * (1 + 1e-5)))
    bound = operator.squared_norm_bound(weights)
    bound = bound if isinstance(bound, float) else ops.maximum(bound, tiny)
    limit = 2 / (2 * data_weight + flux.stiffness * bound)
    if step_size == "learned":
        limit = limit * ops.sigmoid(theta)
    return fraction * limit
