r"""Problems A u = b for multigrid, on grids of grid size 1.

Poisson, screened Poisson, biharmonic, inpainting, nonlinear diffusion.

L = −Δ with the stencil −1, 2, −1 along each axis: zero beyond the boundary ("dirichlet"),
reflecting at the outer pixel edge ("neumann") or "periodic". For a grid size h multiply b by h² (h⁴
for the biharmonic problem).

Source: Trottenberg, Oosterlee, Schüller, Multigrid (2001); Mainberger et al. (2012) for inpainting
with the Laplace equation.
"""

from __future__ import annotations

import math
from typing import Any

import keras

from keras_pde import fluxes as activations
from keras_pde.fluxes.flux_activation import FluxActivation
from keras_pde.operators.boundary import check_boundary
from keras_pde.runtime.copying import serialize_unbuilt
from keras_pde.runtime.registry import Configured, find
from keras_pde.schemes.multigrid.grids import Grid
from keras_pde.schemes.multigrid.levels import Level
from keras_pde.schemes.multigrid.masked import MaskedLevel, StencilLevel, coarser_stencil
from keras_pde.schemes.multigrid.smoothers import Chebyshev, Smoother

__all__ = ["Biharmonic", "Diffusion", "Inpainting", "Poisson", "Problem", "ScreenedPoisson", "get"]

_REGISTERED = keras.saving.register_keras_serializable(package="keras_pde")


class Problem(Configured):
    """Base: A u = b, with its operator on every grid of a hierarchy.

    Example:
        >>> from keras_pde import problems
        >>> problems.get("poisson").equation
        '-Δu = b'
    """

    equation = ""
    default_cycle: str = "V(2,1)"
    default_smoother: str | Smoother = "red_black"
    order = 2
    masked = False
    flux: FluxActivation | None = None
    screening, stiffness = 0.0, 1.0

    def __init__(self, boundary: str = "dirichlet") -> None:
        self.boundary = check_boundary(boundary)

    @property
    def linear(self) -> bool:
        """Whether A is linear."""
        return self.flux is None

    @property
    def singular(self) -> bool:
        """Whether constants solve A u = 0.

        Then b must have mean 0, and the solution of mean 0 is meant.
        """
        return self.screening == 0 and self.boundary != "dirichlet"

    def levels(self, grids: list[Grid], dtype: str, data: Any = None) -> list[Any]:
        """The operator on every grid; ``data`` is what `prepare` made."""
        return [
            Level(
                g,
                dtype,
                screening=self.screening,
                stiffness=self.stiffness,
                order=self.order,
                flux=self.flux,
            )
            for g in grids
        ]

    def prepare(self, grids: list[Grid], dtype: str, mask: Any) -> Any:
        """What the levels need besides their grids, computed once for many cycles."""
        return []

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {"boundary": self.boundary}


@_REGISTERED
class Poisson(Problem):
    """−Δu = b.

    With a reflecting or periodic boundary b must have mean 0; the solution of mean 0 is found.

    Args:
        boundary: "dirichlet", "neumann" or "periodic".

    Raises:
        ValueError: unknown boundary.

    Example:
        >>> from keras_pde import MultigridUNet, problems
        >>> solver = MultigridUNet(problems.Poisson("periodic"))
        >>> b = np.cos(2 * np.pi * np.arange(32) / 32).reshape(1, 32, 1)
        >>> bool(np.allclose(solver.solve(b).x * (2 - 2 * np.cos(2 * np.pi / 32)), b, atol=1e-6))
        True
    """

    equation = "-Δu = b"


def _positive(step_size: float) -> float:
    if not (isinstance(step_size, int | float) and math.isfinite(step_size) and step_size > 0):
        raise ValueError(
            f"step_size must be a finite number > 0. Received: step_size={step_size!r}"
        )
    return float(step_size)


@_REGISTERED
class ScreenedPoisson(Problem):
    """(I − τΔ)u = b: an implicit step of homogeneous diffusion.

    Args:
        step_size: τ > 0.
        boundary: "neumann", "dirichlet" or "periodic".

    Raises:
        ValueError: step_size ≤ 0, unknown boundary.

    Example:
        >>> from keras_pde import problems
        >>> problems.ScreenedPoisson(step_size=4.0).equation
        'u - 4Δu = b'
    """

    def __init__(self, step_size: float = 1.0, boundary: str = "neumann") -> None:
        super().__init__(boundary)
        self.step_size = _positive(step_size)
        self.screening, self.stiffness = 1.0, self.step_size

    @property
    def equation(self) -> str:  # type: ignore[override]
        """The equation."""
        return f"u - {self.step_size:g}Δu = b"

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {"step_size": self.step_size, "boundary": self.boundary}


@_REGISTERED
class Biharmonic(Problem):
    """Δ²u = b, as the square of the second-order stencil.

    U = Δu = 0 on a zero boundary (a simply supported plate).

    Args:
        boundary: "dirichlet", "neumann" or "periodic".

    Raises:
        ValueError: unknown boundary.

    Example:
        >>> from keras_pde import problems
        >>> problems.Biharmonic().order
        4
    """

    equation = "Δ²u = b"
    order = 4
    default_cycle, default_smoother = "V(3,3)", "chebyshev"


@_REGISTERED
class Inpainting(Problem):
    """u = f where the mask is 1, and −Δu = 0 (order 2) or Δ²u = 0 (order 4) elsewhere, reflecting
    boundary.

    Args:
        order: 2, homogeneous diffusion, obeys the max-min principle; 4, biharmonic, smoother, and
            may overshoot.

    Raises:
        ValueError: another order.

    Source: Masnou, Morel (1998); Galić et al. (2008); Mainberger et al. (2012).

    Example:
        >>> from keras_pde import MultigridUNet, problems
        >>> f = np.zeros((1, 5, 5, 1)); f[0, 0] = 1.0
        >>> mask = np.zeros((1, 5, 5, 1)); mask[0, 0] = mask[0, 4] = 1.0
        >>> np.round(MultigridUNet(problems.Inpainting()).solve([f, mask]).x[0, :, 2, 0], 6).tolist()
        [1.0, 0.75, 0.5, 0.25, 0.0]
    """

    default_cycle, default_smoother = "V(2,2)", Chebyshev(symmetric=True)  # for conjugate gradients
    masked = True
    singular = False

    def __init__(self, order: int = 2) -> None:
        super().__init__("neumann")
        if order not in (2, 4):
            raise ValueError(
                "Inpainting is of order 2 (homogeneous diffusion) or 4 (biharmonic). Received:"
                f" order={order}"
            )
        self.order = order

    @property
    def equation(self) -> str:  # type: ignore[override]
        """The equation."""
        return f"u = f where known, {'-Δu' if self.order == 2 else 'Δ²u'} = 0 elsewhere"

    def levels(self, grids: list[Grid], dtype: str, data: Any = None) -> list[Any]:
        """The masked operator, and Galerkin stencils below it."""
        unknown, *stencils = data
        return [
            MaskedLevel(grids[0], dtype, unknown, self.order),
            *(StencilLevel(g, dtype, s) for g, s in zip(grids[1:], stencils, strict=True)),
        ]

    def prepare(self, grids: list[Grid], dtype: str, mask: Any) -> Any:
        """Unknown pixels and the weights of every coarser operator."""
        unknown = 1 - keras.ops.cast(mask > 0, dtype)
        level: Level = MaskedLevel(grids[0], dtype, unknown, self.order)
        data = [unknown]
        for grid in grids[1:]:
            data.append(coarser_stencil(level, self.order // 2))
            level = StencilLevel(grid, dtype, data[-1])
        return data

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {"order": self.order}


@_REGISTERED
class Diffusion(Problem):
    """u + τKᵀΦ(Ku) = b with forward differences K.

    An implicit step of nonlinear diffusion, for the full approximation scheme.

    Args:
        flux: a flux name or `Flux` (coupled: one diffusivity for all directions and channels), or a
            `FluxActivation` without weights.
        step_size: τ > 0.
        boundary: "neumann" or "periodic".

    Raises:
        ValueError: step_size ≤ 0, a flux with weights, a zero boundary.

    Source: Brandt (1977) for the scheme; Alt et al., arXiv:2107.14742 (2021) for its reading as a
    U-net.

    Example:
        >>> from keras_pde import activations, problems
        >>> problems.Diffusion(activations.Charbonnier(0.05), step_size=10.0).equation
        'u + 10KᵀΦ(Ku) = b, charbonnier flux, contrast 0.05'
    """

    def __init__(
        self,
        flux: str | activations.Flux | FluxActivation = "charbonnier",
        step_size: float = 1.0,
        boundary: str = "neumann",
    ) -> None:
        super().__init__(boundary)
        if boundary == "dirichlet":
            raise ValueError(
                "Nonlinear diffusion is for boundary='neumann' or 'periodic': across a zero"
                " boundary K has no row for the first wall"
            )
        self.step_size = _positive(step_size)
        self.flux = flux if isinstance(flux, FluxActivation) else FluxActivation(flux, coupled=True)
        if self.flux.learn_contrast or self.flux.noise_conditioned:
            raise ValueError("The flux of a problem has no weights: give it a fixed contrast")
        self.screening, self.stiffness = 1.0, self.step_size

    @property
    def equation(self) -> str:  # type: ignore[override]
        """The equation."""
        assert self.flux is not None
        return (
            f"u + {self.step_size:g}KᵀΦ(Ku) = b, {self.flux.flux.name} flux, contrast"
            f" {self.flux.contrast:g}"
        )

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            "flux": serialize_unbuilt(self.flux),
            "step_size": self.step_size,
            "boundary": self.boundary,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Diffusion:
        """Rebuild from `get_config`."""
        flux = config["flux"]
        return cls(
            **{
                **config,
                "flux": (
                    keras.saving.deserialize_keras_object(flux) if isinstance(flux, dict) else flux
                ),
            }
        )


_NAMES: dict[str, type[Problem]] = {
    "poisson": Poisson,
    "screened_poisson": ScreenedPoisson,
    "biharmonic": Biharmonic,
    "inpainting": Inpainting,
    "diffusion": Diffusion,
}


def get(problem: str | Problem | dict[str, Any]) -> Problem:
    """A problem by name, by configuration, or itself.

    Raises:
        ValueError: unknown name.

    Example:
        >>> from keras_pde import problems
        >>> problems.get("screened_poisson")
        ScreenedPoisson(step_size=1.0, boundary='neumann')
    """
    return find("problem", Problem, _NAMES, problem, "keras_pde.problems.Problem")
