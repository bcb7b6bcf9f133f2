"""The pictures show what they say: curves, counts, titles."""

from __future__ import annotations

import numpy as np
import pytest

from keras_pde import ConvOperator, FluxActivation, SplineFlux, from_preset, plotting, schemes


def test_flux_curves_are_the_fluxes() -> None:
    spline = SplineFlux(8)
    spline.build((None, 1))
    figure = plotting.plot_fluxes(
        ["perona_malik", spline, FluxActivation("charbonnier", 0.5)], extent=2.0
    )
    s, curve = figure.axes[0].lines[0].get_data()
    np.testing.assert_allclose(curve, s / (1 + s**2), atol=1e-6)
    _, clipped = figure.axes[0].lines[2].get_data()
    np.testing.assert_allclose(clipped, s / np.sqrt(1 + 4 * s**2), atol=1e-6)
    with pytest.raises(ValueError, match="No flux is called"):
        plotting.plot_fluxes(["nonsense"])


def test_kernels_show_the_stencil_and_need_a_built_operator() -> None:
    operator = ConvOperator(initializer="laplacian")
    with pytest.raises(ValueError, match="built 2-D"):
        plotting.plot_kernels(operator)
    operator.build((None, None, None, 1))
    shown = plotting.plot_kernels(operator).axes[0].images[0].get_array()
    np.testing.assert_array_equal(shown, [[0, 1, 0], [1, -4, 1], [0, 1, 0]])


def test_amplification_and_evolution(tmp_path) -> None:
    figure = plotting.plot_amplification([schemes.fed(10), schemes.explicit(10)])
    z, p = figure.axes[0].lines[0].get_data()
    np.testing.assert_allclose(p, np.abs(schemes.fed(10).amplification(z)), atol=1e-9)
    figure = plotting.plot_evolution(
        from_preset("truncated_tv_color"), np.random.default_rng(0).random((20, 20, 3))
    )
    assert [a.get_title() for a in figure.axes][:1] == ["input"]
    assert len(figure.axes) == 6
    figure.savefig(tmp_path / "evolution.png")
    assert (tmp_path / "evolution.png").stat().st_size > 1000
