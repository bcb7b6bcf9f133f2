"""Time discretisations as two short lists: step sizes τₖ and extrapolation weights wₖ.

Every scheme of this library is an instance of

    v = uᵏ − τₖ A uᵏ,    uᵏ⁺¹ = wₖ v + (1 − wₖ) uᵏ⁻¹,    u⁻¹ := u⁰ at the start of each cycle,

with A u = KᵀΦ(Ku). Explicit: τₖ = τ, wₖ = 1. FED: varying τₖ, wₖ = 1, A frozen within a cycle. FSI:
τₖ = τ, wₖ = (4k+2)/(2k+3). Du Fort-Frankel: τₖ = 1/(2α), wₖ = w constant. Pure NumPy: no tensors.
The package `integrators` steps right-hand sides of any kind.

Each scheme is a `Scheme` in a file of its own, which owns its lists and its theorems; `register`
adds one.

A schedule's ``max_step`` is the largest explicit step it is made for, 2/ρ(A). It is 1 by default:
the step sizes are then multiples of the block's own step, which is how the models use them.
"""

from keras_pde.schemes import integrators
from keras_pde.schemes.custom import Custom
from keras_pde.schemes.dufort_frankel import DuFortFrankel, dufort_frankel
from keras_pde.schemes.explicit import Explicit, explicit
from keras_pde.schemes.fed import Fed, fed, leja_order
from keras_pde.schemes.fsi import Fsi, fsi
from keras_pde.schemes.registry import SCHEMES
from keras_pde.schemes.retimed import retimed
from keras_pde.schemes.schedule import Schedule
from keras_pde.schemes.scheme import Scheme, register, scheme_of

__all__ = [
    "Schedule",
    "Scheme",
    "dufort_frankel",
    "explicit",
    "fed",
    "fsi",
    "integrators",
    "leja_order",
    "register",
    "retimed",
    "scheme_of",
]

SCHEMES.update({s.name: s for s in (Explicit(), Fed(), Fsi(), DuFortFrankel(), Custom())})
