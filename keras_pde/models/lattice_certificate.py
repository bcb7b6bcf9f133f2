"""What is proved about a step of a lattice Boltzmann method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from keras_pde.certificates.certificate import Certificate
from keras_pde.certificates.certified import uncertified
from keras_pde.certificates.conservation import MassKept, MomentumKept
from keras_pde.certificates.equivariance import Equivariance
from keras_pde.layers.collision import NO_BOUND, SOLIDS, Collision
from keras_pde.operators.lattice import AXES, Lattice

Lids = Mapping[str, Sequence[float]] | None


def lattice_certificate(
    subject: str, collision: Collision, streaming: Lattice, lids: Lids
) -> Certificate:
    """Mass, momentum and symmetries, of any weights.

    Mass is kept at walls too: what leaves for one comes back, and what a lid adds is 0 in sum over
    its points (L3).
    """
    at = collision.certificate()
    walls = "walls" in streaming.boundaries
    momentum = at["momentum"]
    kept = (
        MomentumKept(None, "walls take momentum")
        if walls
        else MomentumKept(momentum.constant, momentum.reason)
    )
    same = symmetries(streaming, lids)
    solid = SOLIDS[streaming.ndim]
    whole = len(same) == len(streaming.velocity_set.rotations)
    group = f"the symmetries of the {solid}"
    elements = (streaming.lattice, *same)
    found = Equivariance(
        float(len(same)),
        at["equivariance"].reason,
        group=group
        if whole
        else f"those {len(same)} symmetries of the {solid} that keep the walls",
        inputs=elements,
        outputs=elements,
    )
    return uncertified(subject, NO_BOUND).with_guarantees(
        MassKept(1.0, at["mass"].reason),
        kept,
        found if len(same) > 1 else found.lost("the walls have no symmetry"),
    )


def symmetries(streaming: Lattice, lids: Lids) -> list[int]:
    """The elements of the point group that map boundaries to boundaries, and lids to lids.

    Example:
        >>> from keras_pde import Lattice
        >>> from keras_pde.models.lattice_certificate import symmetries
        >>> len(symmetries(Lattice("D2Q9", "walls"), None))
        8
        >>> len(symmetries(Lattice("D2Q9", "walls"), {"y+": [0.1, 0.0], "y-": [-0.1, 0.0]}))
        2
    """
    d, kinds = streaming.ndim, streaming.boundaries
    moved = np.zeros((d, 2, d))  # the velocity of each face
    for face, velocity in (lids or {}).items():
        moved[AXES.index(face[0]), "-+".index(face[1])] = velocity
    found = []
    for element, rotation in enumerate(streaming.velocity_set.rotations):
        same = True
        for new, row in enumerate(rotation):
            old = int(np.flatnonzero(row)[0])
            faces = moved[old] if row[old] > 0 else moved[old][::-1]
            turned = faces @ rotation.T
            same = same and kinds[new] == kinds[old] and np.array_equal(turned, moved[new])
        if same:
            found.append(element)
    return found
