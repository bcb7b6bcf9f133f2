r"""Problems A u = b for multigrid, on grids of grid size 1.

| problem           | equation                              | operator          |
|-------------------|---------------------------------------|-------------------|
| `Poisson`         | −Δu = b                               | L                 |
| `ScreenedPoisson` | (I − τΔ)u = b                         | I + τL            |
| `Biharmonic`      | Δ²u = b                               | L²                |
| `Inpainting`      | u = f where known, −Δu = 0 elsewhere  | L between unknown |
| `Diffusion`       | u + τKᵀΦ(Ku) = b                      | nonlinear         |
| `Diffusion`       | cu − τ∇·(a∇u) = b with coefficient a  | given with b      |
| `StencilProblem`  | one of one's own                      | what `apply` does |

L = −Δ with the stencil −1, 2, −1 along each axis: zero beyond the boundary ("dirichlet"),
reflecting at the outer pixel edge ("neumann") or "periodic". For a grid size h multiply b by h² (h⁴
for the biharmonic problem); `Diffusion` with a coefficient takes h. Subclasses of `Problem` and of
`StencilProblem` are problems of one's own.

Source: Trottenberg, Oosterlee, Schüller, Multigrid (2001); Mainberger et al. (2012) for inpainting
with the Laplace equation.
"""

from __future__ import annotations

from typing import Any

from keras_pde.runtime.registry import find
from keras_pde.schemes.multigrid.problems.biharmonic import Biharmonic
from keras_pde.schemes.multigrid.problems.diffusion import Diffusion
from keras_pde.schemes.multigrid.problems.inpainting import Inpainting
from keras_pde.schemes.multigrid.problems.poisson import Poisson, ScreenedPoisson
from keras_pde.schemes.multigrid.problems.problem import Problem
from keras_pde.schemes.multigrid.problems.stencil_problem import StencilProblem

__all__ = [
    "Biharmonic",
    "Diffusion",
    "Inpainting",
    "Poisson",
    "Problem",
    "ScreenedPoisson",
    "StencilProblem",
    "get",
]

_BY_NAME: dict[str, type[Problem]] = {
    "poisson": Poisson,
    "screened_poisson": ScreenedPoisson,
    "biharmonic": Biharmonic,
    "inpainting": Inpainting,
    "diffusion": Diffusion,
}


def get(problem: str | Problem | dict[str, Any]) -> Problem:
    """Find a problem by name, by configuration, or return the problem given.

    Raises:
        ValueError: unknown name.

    Example:
        >>> from keras_pde import problems
        >>> problems.get("screened_poisson")
        ScreenedPoisson(step_size=1.0, boundary='neumann')
    """
    return find("problem", Problem, _BY_NAME, problem, "keras_pde.problems.Problem")
