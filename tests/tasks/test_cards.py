"""The cards of all presets are what their recipe, weights and measured numbers say.

Nothing in them is typed by hand.
"""

from __future__ import annotations

import re

import numpy as np
import pytest

from keras_pde import from_preset, presets
from keras_pde.tasks.cards import card_of
from keras_pde.tasks.training.publish import trained

NUMBER = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?(?:e[+-]?\d+)?")


# one of each kind of card comes first
KINDS = ["certified_resnet_2d", "linear_1d", "multigrid_poisson_1d", "multigrid_inpaint_2d"]
NAMES = [*KINDS, *sorted(set(presets.index()) - set(KINDS))]


@pytest.mark.parametrize("name", NAMES)
def test_a_card_is_what_its_task_writes(name: str) -> None:
    entry, folder = presets.index()[name], presets.folder_of(name)
    shipped = (folder / "README.md").read_text(encoding="utf-8")
    made = card_of(folder, entry)
    if name in trained():
        # as loaded, which multigrid networks are not any more once they have seen an image
        assert f"\n{from_preset(name)}\n" in shipped
    assert NUMBER.sub("0", made).split() == NUMBER.sub("0", shipped).split()
    # the last digits of a certificate's constants are rounding, and not the same on every machine
    numbers = [
        [float(x.replace(",", "")) for x in NUMBER.findall(text)] for text in (made, shipped)
    ]
    np.testing.assert_allclose(*numbers, rtol=1e-3)
