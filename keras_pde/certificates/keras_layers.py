"""What is known about each layer: the table that `keras_pde.certify` reads.

Layers of this library state their own certificate. Of Keras's, the exact class counts: a subclass
may compute something else.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from keras import layers

from keras_pde.certificates import linear_layers, other_layers
from keras_pde.certificates.certificate import Certificate
from keras_pde.certificates.certified import Certified, damage, uncertified
from keras_pde.certificates.linear_layers import linear
from keras_pde.certificates.pointwise import Slopes
from keras_pde.fluxes.declared import said
from keras_pde.fluxes.flux_layer import FluxLayer
from keras_pde.operators.declared import check_operator
from keras_pde.operators.operator import Operator
from keras_pde.runtime.printed import rounded
from keras_pde.runtime.types import Shape

Rule = Callable[[Any, Shape | None], Certificate | None]


def _of_layer_alone(rule: Callable[[Any], Certificate]) -> Rule:
    return lambda layer, shape: rule(layer)


RULES: dict[type, Rule] = {
    layers.Dense: _of_layer_alone(linear_layers.dense),
    **dict.fromkeys(
        (layers.Conv1D, layers.Conv2D, layers.Conv3D),
        _of_layer_alone(linear_layers.convolution),
    ),
    **dict.fromkeys(
        (layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose),
        _of_layer_alone(linear_layers.transposed_convolution),
    ),
    **dict.fromkeys(
        (layers.DepthwiseConv1D, layers.DepthwiseConv2D),
        _of_layer_alone(linear_layers.depthwise),
    ),
    **dict.fromkeys(
        (layers.SeparableConv1D, layers.SeparableConv2D),
        _of_layer_alone(linear_layers.separable),
    ),
    layers.Activation: other_layers.activation,
    layers.ReLU: other_layers.relu,
    layers.LeakyReLU: other_layers.leaky_relu,
    layers.PReLU: other_layers.prelu,
    layers.ELU: other_layers.elu,
    layers.Softmax: other_layers.softmax,
    layers.Rescaling: other_layers.rescaling,
    layers.BatchNormalization: other_layers.batch_normalization,
    layers.LayerNormalization: other_layers.layer_normalization,
    layers.GroupNormalization: other_layers.group_normalization,
    **dict.fromkeys(
        (layers.MaxPooling1D, layers.MaxPooling2D, layers.MaxPooling3D), other_layers.max_pooling
    ),
    **dict.fromkeys(
        (layers.AveragePooling1D, layers.AveragePooling2D, layers.AveragePooling3D),
        other_layers.average_pooling,
    ),
    **dict.fromkeys(
        (layers.GlobalMaxPooling1D, layers.GlobalMaxPooling2D, layers.GlobalMaxPooling3D),
        other_layers.global_pooling,
    ),
    **dict.fromkeys(
        (
            layers.GlobalAveragePooling1D,
            layers.GlobalAveragePooling2D,
            layers.GlobalAveragePooling3D,
        ),
        other_layers.global_average,
    ),
    **dict.fromkeys((layers.Flatten, layers.Reshape), other_layers.reshaped),
    layers.Permute: other_layers.permuted,
    **dict.fromkeys(
        (
            layers.ZeroPadding1D,
            layers.ZeroPadding2D,
            layers.ZeroPadding3D,
            layers.Cropping1D,
            layers.Cropping2D,
            layers.Cropping3D,
        ),
        other_layers.padded,
    ),
    **dict.fromkeys((layers.UpSampling1D, layers.UpSampling3D), other_layers.upsampled),
    layers.UpSampling2D: other_layers.upsampled_2d,
    layers.RepeatVector: other_layers.repeated,
    **dict.fromkeys(
        (
            layers.Identity,
            layers.Dropout,
            layers.SpatialDropout1D,
            layers.SpatialDropout2D,
            layers.SpatialDropout3D,
            layers.AlphaDropout,
            layers.GaussianDropout,
            layers.GaussianNoise,
            layers.ActivityRegularization,
        ),
        other_layers.unchanged,
    ),
}

# layers about which there is something to say although nothing is proved
NO_CONSTANT: dict[type, str] = {
    layers.MultiHeadAttention: "dot products of its inputs have no Lipschitz constant",
    layers.GroupQueryAttention: "dot products of its inputs have no Lipschitz constant",
    layers.Attention: "dot products of its inputs have no Lipschitz constant",
    layers.UnitNormalization: "u/‖u‖ has no global constant: it is steep near 0",
    layers.Multiply: "a product of inputs has no Lipschitz constant",
    layers.Dot: "a product of inputs has no Lipschitz constant",
    layers.Embedding: "it maps whole numbers",
}


def layer_certificate(layer: Any, shape: Shape | None = None) -> Certificate | None:
    """Certificate of a layer as a map of its first input; None where it is the identity.

    Args:
        layer: built.
        shape: of the input, where it is known.

    Example:
        >>> import keras
        >>> from keras_pde.certificates.keras_layers import layer_certificate
        >>> layer_certificate(keras.layers.MaxPooling2D(3, strides=2)).lipschitz      # 2² windows
        2.0
    """
    if isinstance(layer, Certified):
        return layer.certificate()
    why_not = damage(layer)
    if why_not:
        return uncertified(layer.name, why_not)
    if isinstance(layer, FluxLayer):
        return _flux(layer)
    if isinstance(layer, Operator):
        return _operator(layer)
    kind = type(layer)
    if kind not in RULES:
        return uncertified(layer.name, why_unknown(layer))
    if layer.quantization_mode is not None:
        return uncertified(layer.name, f"its weights are quantised ({layer.quantization_mode})")
    return RULES[kind](layer, shape)


def why_unknown(layer: Any) -> str:
    """Why nothing is proved about a layer that has no rule."""
    return NO_CONSTANT.get(type(layer), "no constant is known for this kind of layer")


def _flux(layer: FluxLayer) -> Certificate:
    """Φ(s) = g s: sup |g|, and sup |Φ′| with what Φ′ differs by from a symmetric matrix."""
    gain = max(map(abs, layer.diffusivity_bounds))
    slopes = Slopes(*layer.slope_bounds, gain)
    certificate = slopes.certificate(layer.name)
    held = ("a noise level that does not change with u",) * layer.noise_conditioned
    taken = said(layer, f"the flux {type(layer).__name__}")
    certificate = replace(certificate, assumptions=(*held, *taken, *layer.assumptions))
    if not layer.asymmetry_bound:
        return certificate
    most, reason = layer.asymmetry_bound, certificate["lipschitz"].reason
    added = f"{reason}; gates add up to {rounded(most, 4)}"
    constant = replace(
        certificate["lipschitz"],
        constant=slopes.lipschitz + most,
        reason="gates have no constant with an unbounded flux" if math.isinf(most) else added,
    )
    return certificate.with_guarantees(
        constant, certificate["averaged"].lost("Φ′ is not symmetric")
    )


def _operator(layer: Operator) -> Certificate:
    """‖K‖, by the operator's own bound."""
    check_operator(layer)
    norm, smallest = layer.norm_bound(), layer.smallest_size
    certificate = linear(layer.name, norm, f"‖K‖ ≤ {rounded(norm)}")
    sizes = (f"spatial sizes of at least {smallest}",) * (smallest > 1)
    taken = said(layer, f"the operator {type(layer).__name__}")
    return replace(certificate, assumptions=(*sizes, *taken))
