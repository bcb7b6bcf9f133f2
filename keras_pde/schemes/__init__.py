"""Time discretisations as two short lists: step sizes τₖ and extrapolation weights wₖ.

Every scheme of this library is an instance of

    v = uᵏ − τₖ A uᵏ,    uᵏ⁺¹ = wₖ v + (1 − wₖ) uᵏ⁻¹,    u⁻¹ := u⁰ at the start of each cycle,

with A u = KᵀΦ(Ku). Explicit: τₖ = τ, wₖ = 1. FED: varying τₖ, wₖ = 1, A frozen within a cycle. FSI:
τₖ = τ, wₖ = (4k+2)/(2k+3). Du Fort-Frankel: τₖ = 1/(2α), wₖ = w constant. Pure NumPy: no tensors.

A schedule's ``max_step`` is the largest explicit step it is made for, 2/ρ(A). It is 1 by default:
the step sizes are then multiples of the block's own step, which is how the models use them.
"""

from keras_pde.schemes.dufort_frankel import dufort_frankel
from keras_pde.schemes.explicit import explicit
from keras_pde.schemes.fed import fed, leja_order
from keras_pde.schemes.fsi import fsi
from keras_pde.schemes.retimed import retimed
from keras_pde.schemes.schedule import Schedule

__all__ = ["Schedule", "dufort_frankel", "explicit", "fed", "fsi", "leja_order", "retimed"]
