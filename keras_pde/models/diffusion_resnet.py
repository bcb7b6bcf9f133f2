"""DiffusionResNet: an operator, a flux and a schedule; the base that runs every scheme."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, Self

import keras
from keras import ops

from keras_pde import fluxes as activations
from keras_pde import schemes
from keras_pde.certificates.certificate import Certificate
from keras_pde.certificates.evolution import evolution_certificate
from keras_pde.fluxes.flux_layer import FluxLayer
from keras_pde.layers.diffusion_block import DiffusionBlock, Prepared
from keras_pde.layers.lifting import Lifting
from keras_pde.models.block_network import BlockModel, block_arguments, lifting_of
from keras_pde.models.describe import describe
from keras_pde.models.retiming import Retiming
from keras_pde.operators import ConvOperator
from keras_pde.runtime.copying import serialize_unbuilt
from keras_pde.runtime.loops import repeat
from keras_pde.runtime.precision import as_in, at_least_float32
from keras_pde.schemes import Schedule

FILTERS = 32


@keras.saving.register_keras_serializable(package="keras_pde")
class DiffusionResNet(Retiming, BlockModel, keras.Model):
    r"""Residual network v = blockₖ(uᵏ; τₖ), uᵏ⁺¹ = wₖv + (1 − wₖ)uᵏ⁻¹ for any schedule of τₖ and
    wₖ.

    With an explicit schedule (an integer) this is the explicit scheme of ∂ₜu = −KᵀΦ(Ku) as a ResNet
    of symmetric blocks: norm stable for any kernels, tied or not (S1), at half the weights of a
    free ResNet. With other schedules it is FED, FSI or Du Fort-Frankel, for which FEDResNet,
    FSIResNet and DuFortFrankelResNet are the names. Weights do not depend on the schedule:
    `with_schedule` re-times a trained network. Cost: one block a step.

    Args:
        schedule: number of explicit steps, or a `keras_pde.schemes.Schedule`; its step sizes
            multiply the block's own.
        filters, kernel_size, flux: of the default block, DiffusionBlock(ConvOperator(filters,
            kernel_size, zero_mean=True, normalize=True), flux). filters is 32 unless given.
        block: a `DiffusionBlock` to copy instead, with its operator, flux, step size, bias and data
            term.
        tied: one block for all steps; otherwise one a step (one a cycle for a schedule that freezes
            the diffusivity).
        lifting: a `Lifting` to a state with more channels, or their number; the guarantees stay
            (its learned form multiplies them).

    Call args: a tensor (batch, \*spatial, channels), or a pair (tensor, noise level) for a
    noise-conditioned flux. Sizes are dynamic; values in the units of the flux's contrast. Returns
    the shape of the input.

    Raises:
        ValueError: block together with filters or flux; a pair where the flux takes no noise level,
            or the reverse.

    Source: Alt et al., arXiv:2103.15419 (2021) and arXiv:2107.14742; Ruthotto, Haber,
    arXiv:1804.04272 (2018).

    Example:
        >>> import keras_pde
        >>> net = keras_pde.DiffusionResNet(4, filters=8, kernel_size=3, flux="perona_malik")
        >>> tuple(net(np.zeros((1, 20, 30, 1))).shape), net.count_params()
        ((1, 20, 30, 1), 288)
        >>> net.certificate().norm_stable
        True
    """

    def __init__(
        self,
        schedule: int | Schedule = 8,
        filters: int | None = None,
        kernel_size: int = 5,
        flux: str | activations.Flux | FluxLayer | None = None,
        *,
        block: DiffusionBlock | None = None,
        tied: bool = False,
        lifting: int | Lifting | None = None,
        **kwargs: Any,
    ) -> None:
        if block is not None and kwargs.get("dtype") is None:
            kwargs["dtype"] = block.dtype_policy  # a model computes in its block's precision
        super().__init__(**kwargs)
        self.schedule = schemes.explicit(schedule) if isinstance(schedule, int) else schedule
        if block is None:
            operator = ConvOperator(
                FILTERS if filters is None else filters, kernel_size, zero_mean=True, normalize=True
            )
            block = DiffusionBlock(
                operator, "charbonnier" if flux is None else flux, dtype=self.dtype_policy
            )
        elif filters is not None or flux is not None:
            raise ValueError(
                "Give either block, or filters, kernel_size and flux: the block has an operator and"
                " a flux of its own"
            )
        else:
            block = _copy(block, block.name, self.dtype_policy)
        self.filters, self.kernel_size, self.flux = filters, kernel_size, flux
        self.tied, self.lifting = tied, lifting_of(lifting, self.dtype_policy)
        self._template = serialize_unbuilt(block)
        n = self.schedule.cycle_length
        self._sharing = len(self.schedule) if tied else n if self.schedule.frozen else 1
        self.blocks = [
            _copy(block, f"block_{i}", block.dtype_policy)
            for i in range(len(self.schedule) // self._sharing)
        ]
        self.noise_conditioned = self.blocks[0].flux.noise_conditioned

    def build(self, input_shape: Any) -> None:
        """Build the blocks for the rank and the channels of the input."""
        shape = self.image_shape(input_shape)
        self.input_channels = shape[-1]
        inner = shape
        if self.lifting is not None:
            self.lifting.build(shape)
            inner = (shape[0], *(None,) * (len(shape) - 2), self.lifting.state_channels)
        for block in self.blocks:
            if not block.built:
                block.build(inner)
        self.built = True

    def call(self, inputs: Any) -> Any:
        """uᴺ, from u⁰ = the input."""
        return self._run(inputs)

    def features(self, inputs: Any) -> list[Any]:
        """States of the evolution after each step (after each cycle where single steps mean
        nothing), input first.

        Example:
            >>> import keras_pde
            >>> net = keras_pde.FSIResNet(cycles=1, cycle_length=3, filters=4)
            >>> len(net.features(np.zeros((1, 8, 8, 1))))
            4
        """
        if not self.built:
            self(inputs)
        states: list[Any] = []
        self._run(
            keras.tree.map_structure(
                lambda x: ops.convert_to_tensor(x, dtype=self.compute_dtype), inputs
            ),
            states,
        )
        return states

    def snapshot(self) -> Callable[[Any], Any]:
        """The network as a function with its weights as they are now.

        The bounds of ‖K‖ are computed once, and not in every call.

        The smaller the image, the more this saves. A network that is trained further needs a new
        function.

        Example:
            >>> import keras_pde
            >>> net, u = keras_pde.DiffusionResNet(2, filters=4), np.eye(8)[None, ..., None].astype("float32")
            >>> expected = net(u)
            >>> bool(np.allclose(net.snapshot()(u), expected, atol=1e-6))
            True
        """
        if not self.built:
            raise ValueError(
                "The model has no weights yet: build it first, by calling it or by"
                " build(input_shape)"
            )
        twin = type(self).from_config(self.get_config())
        twin.build_from_config(self.get_build_config())
        twin.set_weights(self.get_weights())
        prepared = [block.prepare() for block in twin.blocks]
        # in its graphs arrays are constants, and tensors inputs that are laid out in every call
        if keras.backend.backend() == "tensorflow":
            prepared = [
                Prepared(*keras.tree.map_structure(_as_array, (p.kernels, p.step, p.data_weight)))
                for p in prepared
            ]

        def run(inputs: Any) -> Any:
            return twin._run(
                keras.tree.map_structure(
                    lambda x: ops.convert_to_tensor(x, dtype=self.compute_dtype), inputs
                ),
                prepared=prepared,
            )

        run.prefers_xla = self.prefers_xla  # type: ignore[attr-defined]
        return run

    def _run(
        self, inputs: Any, states: list[Any] | None = None, prepared: list[Prepared] | None = None
    ) -> Any:
        f, noise, lower = self.lift(inputs)
        u = f
        if states is not None:
            states.append(u)
        prepared = prepared or [block.prepare() for block in self.blocks]
        for index, cycle in enumerate(self.schedule.cycles):
            first = index * len(cycle)
            freeze = functools.partial(
                self.blocks[first // self._sharing].freeze,
                prepared=prepared[first // self._sharing],
                noise=noise,
            )
            frozen = freeze(u) if self.schedule.frozen else None

            def step(k: int, pair: list[Any], tau: Any, w: Any, frozen: Any = frozen) -> list[Any]:
                block, ready = self.blocks[k // self._sharing], prepared[k // self._sharing]
                v = block.step(pair[0], ready, source=f, noise=noise, scale=tau, frozen=frozen)
                # without extrapolation the state before the last is not needed
                return (
                    [v]
                    if len(pair) == 1
                    else [as_in(w, v) * v + as_in(1 - w, v) * pair[1], pair[0]]
                )

            pair: list[Any] = [u, u] if cycle.extrapolates else [u]
            record = states if not self.schedule.frozen else None
            if self._sharing >= len(cycle) > 2 and record is None:
                lists = [
                    ops.convert_to_tensor(x, dtype=at_least_float32(u).dtype)
                    for x in (cycle.step_sizes, cycle.extrapolations)
                ]
                carried = (
                    freeze(u)
                    if frozen is None and self.blocks[first // self._sharing].stores_diffusivity
                    else []
                )
                body = functools.partial(
                    _looped, step, freeze if carried else None, first, len(pair)
                )
                pair = repeat(
                    body,
                    [*pair, *carried],
                    lists,
                    written_out=not self.blocks[first // self._sharing].operator.sliced,
                )
            else:
                for k, (tau, w) in enumerate(
                    zip(cycle.step_sizes, cycle.extrapolations, strict=True), start=first
                ):
                    pair = step(k, pair, tau, w)
                    if record is not None:
                        record.append(pair[0])
            u = pair[0]
            if self.schedule.frozen and states is not None:
                states.append(u)
        return lower(u)

    @property
    def prefers_xla(self) -> bool:
        """Whether XLA is the faster way to run the network on a CPU."""
        return bool(self.blocks[0].operator.prefers_xla)

    def energy(self, inputs: Any, source: Any = None) -> Any:
        """E(u) = Σψ(Ku) + β/2‖u − f‖² of a state u with source f, a value per sample.

        For tied blocks.
        """
        if len(self.blocks) > 1 or self.lifting is not None:
            raise ValueError(
                "Blocks with kernels of their own, or behind a lifting, have no common energy of"
                " the image: use tied=True, no lifting"
            )
        u, noise = inputs if isinstance(inputs, list | tuple) else (inputs, None)
        return self.blocks[0].energy(ops.convert_to_tensor(u), source=source, noise=noise)

    def certificate(self) -> Certificate:
        """What is proved about input ↦ output, from the weights at hand."""
        if not self.built:
            raise ValueError(
                "A certificate is computed from weights: build the model first, by calling it or by"
                " build(input_shape)"
            )
        facts = [block.facts() for block in self.blocks]
        steps = [facts[k // self._sharing] for k in range(len(self.schedule))]
        certificate = evolution_certificate(
            f"{type(self).__name__} {self.name!r}", self.schedule, steps, tied=len(self.blocks) == 1
        )
        return certificate if self.lifting is None else self.lifting.certify(certificate)

    def __repr__(self) -> str:
        return describe(self)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            "schedule": dataclasses.asdict(self.schedule),
            **self.block_config(),
            "tied": self.tied,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Rebuild from `get_config`."""
        config = block_arguments(config)
        if isinstance(config.get("schedule"), dict):
            config["schedule"] = Schedule(**config["schedule"])
        return cls(**config)


def _copy(block: DiffusionBlock, name: str, dtype: Any) -> DiffusionBlock:
    config = serialize_unbuilt(block)
    config["config"] = {
        **config["config"],
        "name": name,
        "dtype": keras.saving.serialize_keras_object(dtype),
    }
    return keras.saving.deserialize_keras_object(config)


def _looped(
    step: Callable[..., Any],
    freeze: Callable[..., Any] | None,
    k: int,
    size: int,
    state: list[Any],
    x: list[Any],
) -> list[Any]:
    """One step of a loop; with ``freeze``, the state also holds the diffusivity for the step to
    come.
    """
    if freeze is None:
        return step(k, state, x[0], x[1])
    pair = step(k, state[:size], x[0], x[1], frozen=state[size:])
    return [*pair, *freeze(pair[0])]


def _as_array(x: Any) -> Any:
    return x if isinstance(x, float | int) else ops.convert_to_numpy(x)
