"""The step size τ of an explicit diffusion step: a number, or a part of the largest stable one.

The step u − τ(β(u − f) + KᵀΦ(Ku)) is stable for τ ≤ 2/(2β + L‖K‖²). "auto" takes a fraction of that
limit and "learned" a learned share of it; "per_channel" takes τᵢ = fraction · 2/(L Σⱼ|KKᵀ|ᵢⱼ) for
each row of K, since KKᵀ ⪯ diag of its row sums.
"""

from __future__ import annotations

from keras import ops

from keras_pde.fluxes.flux_layer import FluxLayer
from keras_pde.operators.operator import Operator
from keras_pde.runtime.precision import at_least_float32, unit_roundoff
from keras_pde.runtime.types import DType, Number, Tensor
from keras_pde.schemes.lengths import positive

STEP_SIZES = ("auto", "learned", "per_channel")


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
    raw_step: Tensor | None,
    operator: Operator,
    weights: list[Tensor],
    flux: FluxLayer,
    data_weight: Number,
    dtype: DType,
) -> Number:
    """τ from the weights at hand, in at least float32: a number, a scalar, or a value for each row.

    Args:
        step_size: a number, "auto", "learned" or "per_channel".
        fraction: the part of the limit to use.
        raw_step: θ of a learned step.
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
    if step_size == "per_channel":
        sums = ops.maximum(operator.row_sums(weights), tiny) * (1 + 1e-5)
        return fraction * 2 / (flux.stiffness * sums)
    bound = operator.squared_norm_bound(weights)
    bound = bound if isinstance(bound, float) else ops.maximum(bound, tiny)
    limit = 2 / (2 * data_weight + flux.stiffness * bound)
    if step_size == "learned":
        limit = limit * ops.sigmoid(at_least_float32(ops.convert_to_tensor(raw_step)))
    return fraction * limit
