"""The pictures show what they say: curves, counts, titles; and look as they did."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import keras_pde
from keras_pde import ConvOperator, FluxActivation, SplineFlux, from_preset, plotting, schemes
from keras_pde.models.plotting.canvas import panels

GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "plots"
IMAGE = np.random.default_rng(0).random((20, 20))


def built(**options: Any) -> ConvOperator:
    operator = ConvOperator(**options)
    operator.build((None, None, None, 1))
    return operator


def test_flux_curves_are_the_fluxes() -> None:
    spline = SplineFlux(8)
    spline.build((None, 1))
    axes = plotting.plot_fluxes(
        ["perona_malik", spline, FluxActivation("charbonnier", 0.5)], extent=2.0
    )
    s, curve = axes[0].lines[0].get_data()
    np.testing.assert_allclose(curve, s / (1 + s**2), atol=1e-6)
    _, clipped = axes[0].lines[2].get_data()
    np.testing.assert_allclose(clipped, s / np.sqrt(1 + 4 * s**2), atol=1e-6)
    with pytest.raises(ValueError, match="No flux is called"):
        plotting.plot_fluxes(["nonsense"])


def test_kernels_show_the_stencil_and_its_spectrum() -> None:
    with pytest.raises(ValueError, match="built 2-D"):
        plotting.plot_kernels(ConvOperator(initializer="laplacian"))
    operator = built(initializer="laplacian")
    shown = plotting.plot_kernels(operator)[0].images[0].get_array()
    np.testing.assert_array_equal(shown, [[0, 1, 0], [1, -4, 1], [0, 1, 0]])
    spectrum = plotting.plot_spectra(operator)[0].images[0].get_array()
    omega = 2 * np.pi * np.arange(-32, 32) / 64
    expected = 4 - 2 * np.cos(omega)[:, None] - 2 * np.cos(omega)
    np.testing.assert_allclose(spectrum, expected, atol=1e-5)


def test_amplification_of_one_schedule_or_several() -> None:
    axis = plotting.plot_amplification(schemes.fed(10))
    z, p = axis.lines[0].get_data()
    np.testing.assert_allclose(p, np.abs(schemes.fed(10).amplification(z)), atol=1e-9)
    axis = plotting.plot_amplification([schemes.fed(10), schemes.fed(10), schemes.explicit(1)])
    same = axis.lines[:2]  # of curves that coincide the later is above, narrower and broken
    assert same[0].get_linewidth() > same[1].get_linewidth()
    assert same[0].get_linestyle() != same[1].get_linestyle()
    for wrong in ("fed", [3], None):
        with pytest.raises(ValueError, match="schedules must be"):
            plotting.plot_amplification(wrong)  # type: ignore[arg-type]


def test_evolution_shows_states_equally_far_apart(tmp_path: Path) -> None:
    model: Any = from_preset("truncated_tv_color")
    axes = plotting.plot_evolution(model, np.random.default_rng(0).random((20, 20, 3)))
    titles = [axis.get_title() for axis in axes]
    numbers = [int(title.split()[1]) for title in titles[1:]]
    assert titles[0] == "input"
    assert numbers[-1] == len(model.features(np.zeros((1, 8, 8, 3)))) - 1
    assert len(set(np.diff(numbers[1:]))) <= 1
    axes[0].figure.savefig(tmp_path / "evolution.png")
    assert (tmp_path / "evolution.png").stat().st_size > 1000
    short = keras_pde.DiffusionResNet(7, filters=2)
    shown = [a.get_title() for a in plotting.plot_evolution(short, IMAGE, most=9)]
    assert shown == ["input", *(f"step {k}" for k in range(1, 8))]


def test_energy_and_norm_fall_where_they_are_proved_to() -> None:
    model = keras_pde.DiffusionResNet(6, filters=4, flux="charbonnier", tied=True)
    model.build((None, None, None, 1))
    assert model.certificate().energy_descent
    lines = plotting.plot_energy(model, IMAGE).lines
    assert [line.get_label() for line in lines] == ["norm ‖u‖", "energy E(u)"]
    for line in lines:
        assert (np.diff(line.get_ydata()) <= 1e-6).all()
        assert line.get_ydata()[0] == 1
    untied = plotting.plot_energy(from_preset("certified_resnet_2d"), IMAGE, noise=0.1)
    assert [line.get_label() for line in untied.lines] == ["norm ‖u‖"]


def test_an_animation_has_a_frame_a_state(tmp_path: Path) -> None:
    model: Any = from_preset("truncated_tv_2d")
    movie = plotting.animate_evolution(model, IMAGE, interval=50)
    movie.save(tmp_path / "scale_space.gif", writer="pillow", dpi=30)
    from PIL import Image

    with Image.open(tmp_path / "scale_space.gif") as found:
        frames = len(model.features(np.zeros((1, 8, 8, 1))))
        assert 1 < found.n_frames <= frames  # equal frames are stored once


def test_convergence_shows_the_residuals_of_a_solution() -> None:
    solver, b = keras_pde.MultigridUNet("poisson"), np.ones((1, 15, 15, 1))
    found = solver.solve(b)
    assert np.array_equal(np.asarray(found), found.x)
    assert np.asarray(found, "float32").dtype == "float32"
    np.testing.assert_allclose(
        plotting.plot_convergence(found).lines[0].get_ydata(), found.residuals[:, 0]
    )
    layer = keras_pde.MonotoneImplicit(8)
    traced = layer.solve(np.ones((2, 3)), trace=True)
    axis = plotting.plot_convergence({"equilibrium": traced, "by hand": [1, 0.1, 0.0]})
    assert [line.get_label() for line in axis.lines] == ["equilibrium", "by hand"]
    assert np.isnan(axis.lines[1].get_ydata()[-1])
    with pytest.raises(ValueError, match="trace=True"):
        plotting.plot_convergence(layer.solve(np.ones((2, 3))))
    with pytest.raises(ValueError, match="Residuals are"):
        plotting.plot_convergence(np.ones((2, 2, 2)))


def test_a_certificate_is_a_bar_for_each_guarantee() -> None:
    certificate = from_preset("certified_resnet_2d").certificate()
    axis = plotting.plot_certificate(certificate)
    assert len(axis.patches) == len(certificate.guarantees)
    said = [text.get_text() for text in axis.texts]
    for guarantee, text in zip(certificate.guarantees, said, strict=True):
        assert text.endswith("not proved") != (guarantee.proved or guarantee.known)
    assert plotting.plot_certificate(keras_pde.Certificate("nothing")).texts


def test_levels_are_those_of_the_cycle() -> None:
    axes = plotting.plot_levels(keras_pde.MultigridUNet("poisson"), np.ones((7, 7)))
    assert [axis.get_title() for axis in axes] == ["7 × 7", "3 × 3", "1 × 1"]


def test_a_comparison_states_psnr_and_enlarges_a_detail() -> None:
    clean = np.full((40, 60), 0.5)
    given = {"clean": clean, "noisy": clean + 0.1}
    axes = plotting.plot_comparison(given, zoom=(4, 8, 10), reference=clean)
    assert [axis.get_title() for axis in axes] == ["clean", "noisy, 20.00 dB"]
    assert axes[0].child_axes[0].images[0].get_array().shape == (10, 10)
    assert not plotting.plot_comparison(given, zoom=(0, 0, 0))[0].child_axes
    for wrong in ((0, 0, 41), (-1, 0, 4), (35, 0, 10), (0.5, 0, 4)):
        with pytest.raises(ValueError, match="inside 40 × 60"):
            plotting.plot_comparison(given, zoom=wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="all of one size"):
        plotting.plot_comparison({"a": clean, "b": clean[1:]})
    with pytest.raises(ValueError, match="reference must have"):
        plotting.plot_comparison(given, reference=clean[1:])


def test_axes_of_ones_own_are_drawn_into() -> None:
    mine = panels(1, 3, 2.0, 2.0)
    assert list(plotting.plot_fluxes(["charbonnier"], ax=mine)) == list(mine)
    one = panels(1, 1, 2.0, 2.0)[0]
    assert plotting.plot_amplification(schemes.fed(3), ax=one) is one
    assert one.lines
    for few in (one, list(mine[:2]), "axes", 3):
        with pytest.raises(ValueError, match="ax must be 3 axes"):
            plotting.plot_fluxes(["charbonnier"], ax=few)


PICTURES = {
    "fluxes": lambda: plotting.plot_fluxes(["charbonnier", "perona_malik", "relu"]),
    "kernels": lambda: plotting.plot_kernels(built(filters=8, kernel_size=3, initializer="dct")),
    "spectra": lambda: plotting.plot_spectra(built(filters=8, kernel_size=3, initializer="dct")),
    "amplification": lambda: plotting.plot_amplification(
        [schemes.explicit(8), schemes.fed(8), schemes.fsi(8)]
    ),
    "evolution": lambda: plotting.plot_evolution(from_preset("perona_malik_2d"), IMAGE, most=4),
    "energy": lambda: plotting.plot_energy(from_preset("charbonnier_2d"), IMAGE),
    "certificate": lambda: plotting.plot_certificate(from_preset("linear_2d").certificate()),
    "levels": lambda: plotting.plot_levels(keras_pde.MultigridUNet("poisson"), np.ones((15, 15))),
    "convergence": lambda: plotting.plot_convergence({"a": [1, 0.1, 0.01], "b": [1, 0.5, 0.25]}),
    "comparison": lambda: plotting.plot_comparison({"a": IMAGE, "b": IMAGE / 2}, zoom=(1, 1, 5)),
}


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_look_as_they_did(name: str, request: pytest.FixtureRequest) -> None:
    """Against pictures that `python tests/models/test_plotting.py` draws, without their texts."""
    from PIL import Image

    with Image.open(GOLDEN / f"{name}.png") as kept:
        expected = np.asarray(kept, np.float64)
    with Image.open(io.BytesIO(drawn(name))) as found:
        now = np.asarray(found, np.float64)
    assert now.shape == expected.shape
    assert np.sqrt(np.mean(np.square(now - expected))) < 8  # grey levels: antialiasing differs


def drawn(name: str) -> bytes:
    """A picture without texts, whose fonts differ between machines, as a small PNG."""
    import matplotlib as mpl
    from matplotlib.testing.decorators import remove_ticks_and_titles

    with mpl.rc_context():
        mpl.rcdefaults()
        axes = np.ravel(np.asarray(PICTURES[name](), dtype=object))
        figure = axes[0].figure
        figure.set_layout_engine("none")
        for axis in figure.axes:
            axis.set(xlabel="", ylabel="")
            for text in [*axis.texts]:
                text.remove()
            if axis.get_legend() is not None:
                axis.get_legend().remove()
        remove_ticks_and_titles(figure)
        target = io.BytesIO()
        figure.savefig(target, format="png", dpi=40)
    return target.getvalue()


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for one in PICTURES:
        (GOLDEN / f"{one}.png").write_bytes(drawn(one))
