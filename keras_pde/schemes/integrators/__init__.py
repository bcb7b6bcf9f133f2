r"""Time integrators of ∂ₜu = F(u): one step u ↦ S(u, Δt), and what is proved about it.

| name                     | step                                   | order | stable steps      |
|--------------------------|----------------------------------------|-------|-------------------|
| euler                    | u + Δt F(u)                            | 1     | 2                 |
| heun, ssp_rk3            | Runge-Kutta, convex sums of Euler's    | 2, 3  | 2; 2.5127, 1.7321 |
| rk4                      | the classical Runge-Kutta method       | 4     | 2.7853, 2.8284    |
| verlet                   | leapfrog for ∂ₜq = f(v), ∂ₜv = a(q)    | 2     | none; 2           |
| fed:n, fsi:n             | a cycle of n explicit steps            | 1     | 2n(n+1)/3         |
| theta:θ, implicit_euler, | (I − θΔtL)⁻¹(I + (1−θ)ΔtL), N explicit | 1     | all for θ ≥ ½     |
| crank_nicolson           |                                        | 2     | all               |
| imex_euler, imex_ars2    | L implicitly, N explicitly             | 1, 2  | all               |
| exponential_euler        | e^{ΔtL}u + Δtφ₁(ΔtL)N(u)               | 1     | all               |
| etdrk2, etdrk4           | exponential Runge-Kutta                | 2, 4  | all               |

Stable steps are Δt |λ| for real λ < 0, and for imaginary ones, of L alone where it is told apart.
`get` finds one by name, `register` adds one of one's own. Each states its amplification R(z), its
longest stable step on a spectrum, its order and its ssp coefficient. Those that split F(u) = Lu +
N(u) take a `RightHandSide`; the others any function of a state.

States are tensors (batch, \*spatial, channels) of any backend; amplifications are NumPy.
"""

from keras_pde.runtime import gate
from keras_pde.schemes.integrators.complex_pair import Complex
from keras_pde.schemes.integrators.cycles import Cycle, shortest_cycle
from keras_pde.schemes.integrators.exponential import Etdrk2, Etdrk4, ExponentialEuler
from keras_pde.schemes.integrators.imex import ImexArs2, ImexEuler
from keras_pde.schemes.integrators.integrator import (
    BUILT_IN,
    FAMILIES,
    INTEGRATORS,
    Integrator,
    get,
    names,
    register,
)
from keras_pde.schemes.integrators.phi_functions import phi_functions
from keras_pde.schemes.integrators.right_hand_side import RightHandSide, SemiLinear
from keras_pde.schemes.integrators.runge_kutta import RungeKutta, euler, heun, rk4, ssp_rk3
from keras_pde.schemes.integrators.theta import Theta
from keras_pde.schemes.integrators.verlet import Verlet

__all__ = [
    "Complex",
    "Cycle",
    "Etdrk2",
    "Etdrk4",
    "ExponentialEuler",
    "ImexArs2",
    "ImexEuler",
    "Integrator",
    "RightHandSide",
    "RungeKutta",
    "SemiLinear",
    "Theta",
    "Verlet",
    "euler",
    "get",
    "heun",
    "names",
    "phi_functions",
    "register",
    "rk4",
    "shortest_cycle",
    "ssp_rk3",
]

_FIXED = (
    *(euler(), heun(), ssp_rk3(), rk4()),
    Verlet(),
    *(Theta(0.5), Theta(1.0)),
    *(ImexEuler(), ImexArs2()),
    *(ExponentialEuler(), Etdrk2(), Etdrk4()),
)
INTEGRATORS.update({i.name: i for i in _FIXED})
BUILT_IN.update(INTEGRATORS)
FAMILIES.update(
    {
        "fed": lambda n: Cycle("fed", int(n) if n.is_integer() else gate.count(n, "steps")),
        "fsi": lambda n: Cycle("fsi", int(n) if n.is_integer() else gate.count(n, "steps")),
        "theta": Theta,
    }
)
