"""Fluxes against MATHS.md section 3, splines and flux layers against their own claims."""

from __future__ import annotations

import decimal
import math

import keras
import numpy as np
import pytest
from arrays import value
from keras import ops
from scipy import integrate, optimize
from scipy.spatial.transform import Rotation

from keras_pde import FluxActivation, SplineFlux, activations
from keras_pde.fluxes import FAB

# name: L_g, L, inf Φ′, where it stands (None: not attained), max|Φ|, monotone; contrast 1
TABLE = {
    "linear": (1, 1, 1, None, math.inf, True),
    "charbonnier": (1, 1, 0, math.inf, 1, True),
    "truncated_tv": (1, 1, 0, 1, 1, True),
    "perona_malik": (1, 1, -1 / 8, math.sqrt(3), 0.5, False),
    "perona_malik_exponential": (1, 1, -0.4463, math.sqrt(3), 0.6065, False),
    "weickert": (1, 1, -2.335, 1.181, 0.9637, False),
    "truncated_bfb": (1, 1, -1, 1, 1, False),
    "fab": (1, 1, -1.142, None, None, False),
    "relu": (1, 1, 0, None, math.inf, True),
    "smooth_relu": (1, 1, 0, None, math.inf, True),
}
ODD = [name for name in TABLE if "relu" not in name]
G = {
    "linear": lambda r: np.ones_like(r),
    "charbonnier": lambda r: 1 / np.sqrt(1 + r),
    "truncated_tv": lambda r: np.where(r <= 1, 1, 1 / np.sqrt(np.maximum(r, 1))),
    "perona_malik": lambda r: 1 / (1 + r),
    "perona_malik_exponential": lambda r: np.exp(-r / 2),
    "weickert": lambda r: np.where(r > 0, 1 - np.exp(-3.31488 / np.maximum(r, 1e-9) ** 4), 1),
    "truncated_bfb": lambda r: np.where(r <= 1, 1, 1 / np.maximum(r, 1)),
    "fab": lambda r: 2 * np.exp(-4 * math.log(2) / 3 * r) - np.exp(-math.log(2) / 3 * r),
}
PSI = {
    "linear": lambda s: s**2 / 2,
    "charbonnier": lambda s: np.sqrt(1 + s**2) - 1,
    "truncated_tv": lambda s: np.where(np.abs(s) <= 1, s**2 / 2, np.abs(s) - 0.5),
    "perona_malik": lambda s: np.log(1 + s**2) / 2,
    "perona_malik_exponential": lambda s: 1 - np.exp(-(s**2) / 2),
    "smooth_relu": lambda s: s**2 / 4 + s * np.sqrt(s**2 + 4) / 4 + np.arcsinh(s / 2) - s,
    "truncated_bfb": lambda s: np.where(
        np.abs(s) <= 1, s**2 / 2, 0.5 + np.log(np.maximum(np.abs(s), 1))
    ),
}


def phi(flux, s) -> np.ndarray:
    return value(flux(ops.convert_to_tensor(s, dtype="float64")))


def slope(flux, s) -> np.ndarray:
    """Φ′ by central differences, exact to about 1e-9."""
    h = 1e-5
    s = np.asarray(s, dtype=np.float64)
    return (phi(flux, s + h) - phi(flux, s - h)) / (2 * h)


@pytest.fixture(params=TABLE)
def flux(request) -> activations.Flux:
    return activations.get(request.param)


GRID = np.linspace(-12, 12, 24001)


def test_flux_is_diffusivity_times_s(flux):
    if flux.name == "relu":
        np.testing.assert_array_equal(phi(flux, GRID), np.maximum(GRID, 0))
        return
    if flux.name == "smooth_relu":
        np.testing.assert_allclose(
            phi(flux, GRID), (GRID + np.sqrt(GRID**2 + 4)) / 2 - 1, rtol=1e-13, atol=1e-14
        )
        g = value(flux.diffusivity_at(ops.convert_to_tensor(GRID)))
        np.testing.assert_allclose(phi(flux, GRID), g * GRID, rtol=1e-14)
        return
    s = ops.convert_to_tensor(GRID)
    np.testing.assert_allclose(phi(flux, GRID), value(flux.diffusivity(s * s)) * GRID, rtol=1e-15)
    np.testing.assert_allclose(
        value(flux.diffusivity(s * s)), G[flux.name](GRID**2), rtol=1e-12, atol=1e-15
    )


@pytest.mark.parametrize("contrast", [1.0, 0.3])
def test_potential_is_the_integral_of_the_flux(flux, contrast):
    flux = type(flux)(contrast=contrast)
    for s in (-2.0, -0.7, 0.2, 0.9, 1.05, 1.4, 3.0, 7.0):
        kinks = [
            k for k in (-contrast, contrast) if min(0, s * contrast) < k < max(0, s * contrast)
        ]
        integral, _ = integrate.quad(
            lambda x: float(phi(flux, x)),
            0,
            s * contrast,
            points=kinks or None,
            epsabs=1e-13,
            epsrel=1e-13,
            limit=200,
        )
        assert float(
            flux.potential(ops.convert_to_tensor(s * contrast, dtype="float64"))
        ) == pytest.approx(integral, rel=1e-10, abs=1e-12)


@pytest.mark.parametrize("name", PSI)
def test_potential_has_the_closed_form_of_the_table(name):
    flux = activations.get(name)
    np.testing.assert_allclose(
        value(flux.potential(ops.convert_to_tensor(GRID))), PSI[name](GRID), rtol=1e-12, atol=1e-15
    )


def test_weickert_potential_by_the_incomplete_gamma_function_is_exact_to_1e_12():
    s = np.array([0.3, 0.8, 1.0, 1.2, 2.0, 5.0])
    exact = [
        integrate.quad(
            lambda x: x * (1 - math.exp(-3.31488 / x**8)) if x else 0.0,
            0,
            t,
            epsabs=1e-14,
            epsrel=1e-14,
        )[0]
        for t in s
    ]
    np.testing.assert_allclose(
        value(activations.weickert.potential(ops.convert_to_tensor(s))), exact, rtol=1e-12
    )


def test_incomplete_gamma_function_is_exact_to_1e_13():
    from scipy import special

    from keras_pde.fluxes.classical import _upper_gamma

    t = np.concatenate([np.geomspace(1e-12, 700, 4000), [0.0, 8 - 1e-12, 8.0, 8 + 1e-12]])
    exact = special.gammaincc(0.75, t) * special.gamma(0.75)
    np.testing.assert_allclose(
        value(_upper_gamma(0.75, ops.convert_to_tensor(t))), exact, rtol=0, atol=1e-13
    )


def test_bounds_of_the_table(flux):
    L_g, L, low, where, largest, monotone = TABLE[flux.name]
    assert (flux.L_g, flux.L, flux.monotone) == (L_g, L, monotone)
    assert flux.slope_bounds[0] == pytest.approx(low, abs=6e-4)
    assert flux.mu == max(0.0, -flux.slope_bounds[0])
    corner = 0 if "relu" in flux.name else 1
    grid = GRID * 10 if flux.name == "smooth_relu" else GRID  # it nears its bounds like 1/s²
    slopes = slope(flux, grid[np.abs(np.abs(grid) - corner) > 1e-4])
    # never outside the bounds, and attained, so the bounds are the extremes
    assert flux.slope_bounds[0] - 1e-8 <= slopes.min() <= flux.slope_bounds[0] + 2e-3
    assert flux.L - 1e-3 <= slopes.max() <= flux.L + 1e-8
    far = [-1e3, 1e3, 1e5, 1e7]
    g = value(flux.diffusivity_at(ops.convert_to_tensor(np.concatenate([GRID, far]))))
    assert flux.diffusivity_bounds[0] - 1e-12 <= g.min() <= flux.diffusivity_bounds[0] + 2e-3
    assert flux.L_g - 1e-6 <= g.max() <= flux.L_g
    if where is not None and where not in (1, math.inf):
        minimum = optimize.minimize_scalar(
            lambda s: float(slope(flux, s)),
            bounds=(1.01, 3),
            method="bounded",
            options={"xatol": 1e-9},
        )
        assert minimum.x == pytest.approx(where, abs=6e-4)
        assert minimum.fun == pytest.approx(flux.slope_bounds[0], abs=1e-7)
    if largest is not None and largest < math.inf:
        assert np.abs(phi(flux, np.linspace(-2000, 2000, 400001))).max() == pytest.approx(
            largest, abs=1e-4
        )


@pytest.mark.parametrize(
    ("name", "s"),
    [("perona_malik", 1.0), ("perona_malik_exponential", 1.0), ("truncated_bfb", 1.0)],
)
def test_largest_flux_stands_at_the_contrast(name, s):
    grid = np.linspace(0, 5, 5001)
    assert grid[np.argmax(phi(activations.get(name), grid))] == pytest.approx(s, abs=1e-9)


def test_truncated_bfb_slope_is_minus_one_just_beyond_the_contrast():
    assert slope(activations.truncated_bfb, 1 + 2e-5) == pytest.approx(-1, abs=1e-3)


@pytest.mark.parametrize(("kappa", "low"), [(2.0, -1.142), (1.5, -0.813), (3.0, -1.488)])
def test_fab_slope_bounds_for_every_kappa(kappa, low):
    flux = FAB(kappa=kappa)
    assert flux.slope_bounds[0] == pytest.approx(low, abs=6e-4)
    s = np.linspace(0, 8, 16001)
    assert flux.slope_bounds[0] <= slope(flux, s).min() <= flux.slope_bounds[0] + 2e-4
    assert slope(flux, s).max() <= flux.slope_bounds[1] + 1e-8
    g = value(flux.diffusivity(ops.convert_to_tensor(s * s)))
    assert flux.diffusivity_bounds[0] <= g.min() < 0
    assert abs(g[np.argmin(np.abs(s - 1))]) < 1e-12  # g changes sign at the contrast
    assert (g[s > 1.001] < 0).all()


@pytest.mark.parametrize("kappa", [1.01, 1.1, 5.0, 20.0])
def test_fab_bounds_are_outward_for_extreme_kappa(kappa):
    flux = FAB(kappa=kappa)
    r = np.linspace(0, 6 / math.sqrt(flux._b), 2_000_001) ** 2
    fast, slow = np.exp(-flux._a * r), np.exp(-flux._b * r)
    assert (
        flux.slope_bounds[0]
        <= (2 * (1 - 2 * flux._a * r) * fast - (1 - 2 * flux._b * r) * slow).min()
    )
    assert flux.diffusivity_bounds[0] <= (2 * fast - slow).min()


def test_absolute_slope_exceeds_one_for_weickert_and_fab_only():
    beyond = {name for name in TABLE if -activations.get(name).slope_bounds[0] > 1}
    assert beyond == {"weickert", "fab"}


@pytest.mark.parametrize("name", ODD)
def test_flux_is_odd(name):
    np.testing.assert_array_equal(
        phi(activations.get(name), -GRID), -phi(activations.get(name), GRID)
    )


def test_flux_scales_with_its_contrast(flux):
    lam = 0.37
    scaled = type(flux)(contrast=lam)
    np.testing.assert_allclose(
        phi(scaled, GRID), lam * phi(flux, GRID / lam), rtol=1e-12, atol=1e-14
    )
    s = ops.convert_to_tensor(GRID)
    np.testing.assert_allclose(
        value(scaled.potential(s)), lam**2 * value(flux.potential(s / lam)), rtol=1e-12, atol=1e-14
    )
    assert (scaled.slope_bounds, scaled.diffusivity_bounds) == (
        flux.slope_bounds,
        flux.diffusivity_bounds,
    )
    # contrast at the call
    np.testing.assert_allclose(value(flux(s, lam)), value(scaled(s)), rtol=1e-14)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_b3_smooth_relu_is_exact_to_rounding_for_every_state(dtype):
    """Against 60 decimal digits: no cancellation for s → −∞ nor around 0, and no overflow."""
    half = np.geomspace(1e-7, 1e7, 141).astype(dtype).astype("float64")
    s = np.concatenate([-half[::-1], [0.0], half])
    exact: list[list[float]] = [[], [], [], []]
    with decimal.localcontext(prec=60):
        for x in map(decimal.Decimal, s.tolist()):
            root, sign = (x * x + 4).sqrt(), 1 if x >= 0 else -1
            phi_x = (x + root) / 2 - 1
            psi = x * x / 4 + x * root / 4 + sign * ((abs(x) + root) / 2).ln() - x
            found = phi_x, phi_x / x if x else 0.5, (1 + x / root) / 2, psi
            for each, number in zip(exact, found, strict=True):
                each.append(float(number))
    for contrast in (1.0, 2.0**-20, 2.0**20):
        flux = activations.SmoothReLU(contrast)
        functions = flux, flux.diffusivity_at, flux.slope, flux.potential
        for function, expected, power in zip(functions, exact, (1, 0, 0, 2), strict=True):
            found = value(function(ops.convert_to_tensor(s * contrast, dtype=dtype)))
            unit = np.finfo(dtype).eps
            np.testing.assert_allclose(found, np.array(expected) * contrast**power, rtol=20 * unit)
    ends = np.array([-3e38, 3e38], "float32")
    np.testing.assert_allclose(value(activations.smooth_relu(ends)), [-1, 3e38], rtol=1e-6)


def test_b3_smooth_relu_is_the_fixed_point_of_a_reaction():
    """Euler steps of ẋ = h + ax − x² from four starts end at Φ(a) + λ, h = λ²."""
    a, contrast = np.linspace(-3, 3, 13), 0.7
    for start in (1e-9, 0.5, 2.0, 6.0):
        x = np.full_like(a, start)
        for _ in range(4000):
            x = x + 0.02 * (contrast**2 + a * x - x**2)
        np.testing.assert_allclose(
            phi(activations.SmoothReLU(contrast), a) + contrast, x, atol=1e-12
        )


def test_flux_is_monotone_exactly_where_it_says_so(flux):
    assert (np.diff(phi(flux, GRID)) >= -1e-14).all() == flux.monotone


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_flux_and_its_gradient_are_finite_everywhere(flux, dtype):
    import tensorflow as tf

    largest = {"float16": 6e4, "bfloat16": 1e38, "float32": 1e38, "float64": 1e300}[dtype]
    s = [
        0.0,
        1e-30,
        1e-7,
        0.3,
        0.5,
        0.999,
        1.0,
        1.001,
        3.0,
        30.0,
        300.0,
        1e4,
        6e4,
        1e7,
        1e12,
        largest,
    ]
    s = tf.constant([x for x in [-y for y in s] + s if abs(x) <= largest], dtype=dtype)
    with tf.GradientTape() as tape:
        tape.watch(s)
        y = flux(s)
    assert np.isfinite(value(ops.cast(y, "float64"))).all()
    gradient = value(ops.cast(tape.gradient(y, s), "float64"))
    assert np.isfinite(gradient).all()
    assert gradient.min() >= flux.slope_bounds[0] - 0.02
    assert gradient.max() <= flux.L + 0.02


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("contrast", [1.0, 0.01, 1e-4])
def test_half_precision_flux_follows_float64_beyond_the_range_of_s_squared(flux, dtype, contrast):
    s = np.array([0.0, 0.001, 0.02, 0.5, 1.0, 5.0, 200.0, 300.0, 3e4])
    half = ops.cast(ops.convert_to_tensor(s), dtype)
    exact = phi(type(flux)(contrast=contrast), value(ops.cast(half, "float64")))
    for layer in (type(flux)(contrast=contrast), lambda x: flux(x, ops.cast(contrast, dtype))):
        np.testing.assert_allclose(
            value(ops.cast(layer(half), "float64")), exact, rtol=0.05, atol=1e-3 * contrast
        )


def test_get_and_serialize_are_inverse(flux):
    for contrast in (1.0, 0.25):
        f = type(flux)(contrast=contrast)
        again = activations.get(activations.serialize(f))
        assert again == f
        assert hash(again) == hash(f)
        assert again.contrast == contrast
    assert activations.get(flux) is flux
    assert activations.get(flux.name) == flux
    assert activations.get(f"keras_pde>{flux.name}") == flux
    assert activations.get(activations.serialize(FAB(kappa=3.0))).kappa == 3.0
    assert type(flux)(0.5) != flux


def test_unknown_flux_name_lists_the_near_ones():
    with pytest.raises(ValueError, match=r"perona_malk.*Did you mean perona_malik"):
        activations.get("perona_malk")
    with pytest.raises(ValueError, match="charbonnier, truncated_tv"):
        activations.get("zzzz")


@pytest.mark.parametrize("contrast", [0, -1, math.nan, math.inf, "1"])
def test_contrast_must_be_positive_and_finite(contrast):
    with pytest.raises(ValueError, match="finite number > 0"):
        activations.PeronaMalik(contrast)


@pytest.mark.parametrize("kappa", [1.0, 0.5, math.nan])
def test_fab_needs_kappa_above_one(kappa):
    with pytest.raises(ValueError, match="kappa > 1"):
        FAB(kappa=kappa)


def test_flux_as_the_activation_of_a_keras_layer_survives_saving(tmp_path, flux):
    model = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(4, activation=type(flux)(contrast=0.5))]
    )
    x = np.random.default_rng(0).normal(size=(5, 3))
    path = tmp_path / "m.keras"
    model.save(path)
    again = keras.models.load_model(path)
    assert again.layers[-1].activation == type(flux)(contrast=0.5)
    np.testing.assert_array_equal(value(again(x)), value(model(x)))


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("tau", [0.05, 0.125, 0.25])
def test_explicit_step_is_one_level_of_shift_invariant_haar_shrinkage_to_1e_15(rng, name, tau):
    flux = activations.get(name)
    u = rng.normal(size=64)
    s = np.roll(u, -1) - u
    step = u - tau * (np.roll(phi(flux, s), 1) - phi(flux, s))
    # analysis with the orthonormal pair on both shifts, shrinkage of the details d = (u₊ − u)/√2,
    # synthesis, mean of the shifts
    mean, detail = (np.roll(u, -1) + u) / math.sqrt(2), (np.roll(u, -1) - u) / math.sqrt(2)
    shrunk = detail * (1 - 4 * tau * G[name](2 * detail**2))
    left, right = (mean - shrunk) / math.sqrt(2), (mean + shrunk) / math.sqrt(2)
    np.testing.assert_allclose(step, (left + np.roll(right, 1)) / 2, atol=2e-15)


@pytest.mark.parametrize(
    ("name", "shrinkage"),
    [
        ("truncated_tv", lambda d, t: np.sign(d) * np.maximum(np.abs(d) - t, 0)),  # soft
        # garrote
        (
            "truncated_bfb",
            lambda d, t: np.where(np.abs(d) > t, d - t**2 / np.where(d == 0, 1, d), 0),
        ),
    ],
)
def test_a_quarter_step_of_truncated_tv_is_soft_and_of_bfb_garrote_shrinkage(name, shrinkage):
    d = np.linspace(-4, 4, 2001)
    lam = 0.8
    g = value(activations.get(name).diffusivity(ops.convert_to_tensor(2 * d**2), lam))
    np.testing.assert_allclose(d * (1 - g), shrinkage(d, lam / math.sqrt(2)), atol=2e-15)


# --- SplineFlux ---


def spline(slopes, rng, channels=3, scale=4.0, **options) -> SplineFlux:
    layer = SplineFlux(knots=7, extent=2.1, slopes=slopes, dtype="float64", **options)
    layer.build((None, 5, channels))
    layer.raw_slopes.assign(rng.normal(scale=scale, size=layer.raw_slopes.shape))
    return layer


SLOPES = [(0.0, 1.0), (-0.5, 1.0), (-2.0, 0.5), (0.25, 1.5)]
GRADINGS = [1.0, 1.4, 0.7]


@pytest.mark.parametrize("grading", GRADINGS)
@pytest.mark.parametrize("slopes", SLOPES)
def test_spline_slopes_diffusivity_and_bounds_hold_for_random_weights(rng, slopes, grading):
    for _ in range(8):
        layer = spline(slopes, rng, contrast=0.7, grading=grading)
        s = np.linspace(-5, 5, 4001)[None, :, None].repeat(3, axis=2)
        y = value(layer(s))
        slopes_seen = np.diff(y, axis=1) / np.diff(s, axis=1)
        (low, high), (g0, g1) = layer.slope_bounds, layer.diffusivity_bounds
        assert slopes[0] - 1e-12 <= low
        assert high <= slopes[1] + 1e-12
        assert g0 >= 0
        assert layer.stiffness == slopes[1]
        assert low - 1e-9 <= slopes_seen.min()
        assert slopes_seen.max() <= high + 1e-9
        # g approaches the last slope far out
        far = np.concatenate([s, np.full((1, 1, 3), 1e4)], axis=1)
        g = value(layer.diffusivities([ops.convert_to_tensor(far)])[0])
        assert g0 - 1e-9 <= g.min()
        assert g.max() <= g1 + 1e-9
        # Φ = g s, and the two code paths agree
        np.testing.assert_allclose(g * far, value(layer(far)), rtol=1e-12, atol=1e-12)
        # the bounds are attained: the steepest and flattest segment, the extreme chords
        assert slopes_seen.min() <= low + 1e-6
        assert slopes_seen.max() >= high - 1e-6
        assert g.min() <= g0 + 0.02
        assert g.max() >= g1 - 0.02


@pytest.mark.parametrize("grading", GRADINGS)
@pytest.mark.parametrize("slopes", SLOPES)
def test_spline_is_odd_and_its_potential_has_the_flux_as_derivative(rng, slopes, grading):
    layer = spline(slopes, rng, contrast=0.9, grading=grading)
    s = rng.uniform(-4, 4, size=(1, 200, 3))
    np.testing.assert_array_equal(value(layer(-s)), -value(layer(s)))
    h = 1e-6
    plus, minus = (value(layer.potentials([ops.convert_to_tensor(s + d)])[0]) for d in (h, -h))
    np.testing.assert_allclose((plus - minus) / (2 * h), value(layer(s)), atol=3e-6)
    plus, minus = (value(layer(s + d)) for d in (h, -h))
    slope = value(layer.linearize([ops.convert_to_tensor(s)])[0])
    away = np.abs(np.abs(s[..., None]) - 0.9 * np.array(layer._edges)).min(axis=-1) > 2 * h
    np.testing.assert_allclose(((plus - minus) / (2 * h))[away], slope[away], atol=1e-8)
    assert (value(layer.potentials([ops.zeros((1, 4, 3), "float64")])[0]) == 0).all()


@pytest.mark.parametrize("grading", GRADINGS)
def test_spline_is_held_at_zero_by_a_lindley_recursion(rng, grading):
    layer = spline((-2.0, 1.0), rng, channels=5, grading=grading)
    raw = -2 + 3 / (1 + np.exp(-value(layer.raw_slopes)))
    widths = np.array([grading**j for j in range(layer.knots)])
    widths *= layer.extent / widths.sum()
    level = np.zeros(5)
    for j in range(layer.knots):
        level = np.maximum(level + widths[j] * raw[j], 0)
        knot = np.full((1, 1, 5), widths[: j + 1].sum())
        np.testing.assert_allclose(value(layer(knot))[0, 0], level, atol=1e-12)
    assert (level == 0).any()  # held somewhere: the recursion is exercised


def test_spline_starts_as_the_flux_it_is_given():
    s = np.linspace(-3, 3, 601)[None, :, None]
    for name, slopes, grading in (
        ("charbonnier", (0.0, 1.0), 1.0),
        ("perona_malik", (-0.5, 1.0), 1.0),
        ("perona_malik", (-0.5, 1.0), 1.02),
    ):
        layer = SplineFlux(
            knots=64, extent=4.0, slopes=slopes, start=name, grading=grading, dtype="float64"
        )
        np.testing.assert_allclose(
            value(layer(s))[0, :, 0], phi(activations.get(name), s[0, :, 0]), atol=0.03
        )


def test_spline_contrast_scales_the_knots_and_not_the_slopes(rng):
    a, b = (
        spline((-0.5, 1.0), rng),
        SplineFlux(knots=7, extent=2.1, slopes=(-0.5, 1.0), contrast=0.2, dtype="float64"),
    )
    b.build((None, 5, 3))
    b.raw_slopes.assign(a.raw_slopes)
    s = rng.normal(size=(1, 50, 3))
    np.testing.assert_allclose(value(b(s)), 0.2 * value(a(s / 0.2)), atol=1e-14)
    assert a.slope_bounds == b.slope_bounds


@pytest.mark.parametrize(
    "options",
    [
        {"knots": 0},
        {"extent": 0.0},
        {"grading": 0.0},
        {"grading": math.inf},
        {"grading": 1e-30},
        {"grading": 1e30},
        {"slopes": (1.0, 0.5)},
        {"slopes": (-2.0, -1.0)},
        {"slopes": (-math.inf, 1.0)},
        {"start": "nothing"},
    ],
)
def test_spline_refuses_impossible_options(options):
    with pytest.raises(ValueError, match=r"SplineFlux needs|^[a-z]* must|No flux"):
        SplineFlux(**options)


# --- FluxActivation ---


@pytest.mark.parametrize(
    "make",
    [
        lambda **o: FluxActivation("perona_malik", dtype="float64", **o),
        lambda **o: SplineFlux(dtype="float64", **o),
    ],
)
def test_learned_contrast_starts_at_the_given_one_and_acts(rng, make):
    s = rng.normal(size=(2, 6, 3))
    for contrast in (0.01, 0.5, 3.0):
        fixed, learned = make(contrast=contrast), make(contrast=contrast, learn_contrast=True)
        np.testing.assert_allclose(value(learned(s)), value(fixed(s)), rtol=1e-6)
        learned.raw_contrast.assign(learned.raw_contrast + 1.0)
        assert np.abs(value(learned(s)) - value(fixed(s))).max() > 1e-4


def test_contrast_per_channel_acts_channel_by_channel(rng):
    layer = FluxActivation("perona_malik", learn_contrast=True, per_channel=True, dtype="float64")
    s = rng.normal(size=(1, 6, 2))
    before = value(layer(s))
    layer.raw_contrast.assign([3.0, value(layer.raw_contrast)[1]])
    after = value(layer(s))
    assert np.abs(after - before)[..., 0].min() > 0
    np.testing.assert_array_equal(after[..., 1], before[..., 1])


def test_contrast_per_channel_of_a_stencil_in_parts_is_cut_like_the_channels(rng):
    layer = FluxActivation("perona_malik", learn_contrast=True, per_channel=True, dtype="float64")
    layer.build((None, 6, 4))
    layer.raw_contrast.assign([-1.0, 0.0, 1.0, 2.0])
    s = ops.convert_to_tensor(rng.normal(size=(1, 6, 4)))
    parts = layer.fluxes(ops.split(s, 2, -1))
    np.testing.assert_allclose(
        np.concatenate([value(p) for p in parts], -1), value(layer(s)), rtol=1e-14
    )


def test_noise_conditioned_contrast_is_r_times_softplus_of_theta_plus_eta_log_r(rng):
    layer = FluxActivation("charbonnier", 0.5, noise_conditioned=True, dtype="float64")
    s = rng.normal(size=(2, 4, 5, 3))
    with pytest.raises(ValueError, match="depends on the noise level"):
        layer(s)
    layer(s, noise=np.array([0.1, 0.2]))
    layer.noise_slope.assign(2.0)
    theta = float(value(layer.raw_contrast))
    sigma = np.array([0.1, 0.7])

    def contrast(sigma):
        r = sigma / (25 / 255)
        return r * np.log1p(np.exp(theta + 2 * np.log(r)))

    lam = contrast(sigma)
    expected = s / np.sqrt(1 + (s / lam[:, None, None, None]) ** 2)
    np.testing.assert_allclose(value(layer(s, noise=sigma)), expected, rtol=1e-12)
    np.testing.assert_allclose(value(layer(s, noise=sigma[:, None])), expected, rtol=1e-12)
    level = rng.uniform(size=(2, 4, 5, 1))
    mapped = value(layer(s, noise=level))
    np.testing.assert_allclose(mapped, s / np.sqrt(1 + (s / contrast(level)) ** 2), rtol=1e-12)
    np.testing.assert_allclose(
        value(layer(s, noise=0.3)), value(layer(s, noise=np.array([0.3, 0.3]))), rtol=1e-6
    )


@pytest.mark.parametrize("flux", ["perona_malik", "charbonnier"])
def test_without_slope_a_noise_conditioned_flux_scales_with_the_noise(flux, rng):
    layer, s = (
        FluxActivation(flux, 0.2, noise_conditioned=True, dtype="float64"),
        rng.normal(size=(1, 4, 5, 3)),
    )
    np.testing.assert_allclose(
        value(layer(3 * s, noise=0.3)), 3 * value(layer(s, noise=0.1)), rtol=1e-6
    )
    np.testing.assert_allclose(
        value(layer(s, noise=25 / 255)),
        value(FluxActivation(flux, 0.2, dtype="float64")(s)),
        rtol=1e-6,
    )
    assert np.abs(value(layer(s, noise=0.0))).max() < 1e-3  # no noise, hardly any flux


@pytest.mark.parametrize("shape", [(1, 4, 5), (1, 4, 5, 3), (4, 5)])
def test_noise_of_another_shape_is_refused_instead_of_broadcast(shape):
    layer = FluxActivation(noise_conditioned=True)
    with pytest.raises(ValueError, match="a value per sample"):
        layer(np.ones((1, 4, 5, 3)), noise=np.ones(shape))


@pytest.mark.parametrize("dtype", ["float32", "mixed_float16"])
@pytest.mark.parametrize("flux", ["charbonnier", "perona_malik", "truncated_tv", "weickert"])
def test_learned_contrast_never_underflows_to_nan(flux, dtype):
    layer = FluxActivation(flux, 0.1, noise_conditioned=True, learn_contrast=True, dtype=dtype)
    s = np.array([0.0, 1e-3, 1.0], dtype="float32").reshape(1, 3, 1)
    layer(s, noise=np.array([1.0]))
    layer.noise_slope.assign(-20.0)  # r = 2601: θ + η log r = −160
    y = value(ops.cast(layer(s, noise=np.array([255.0])), "float32"))
    assert np.isfinite(y).all()
    assert (np.abs(y) <= np.abs(s)).all()


@pytest.mark.parametrize("name", ODD)
def test_coupled_flux_shares_one_diffusivity_and_is_rotation_invariant(rng, name):
    layer = FluxActivation(name, 0.8, coupled=True, dtype="float64")
    s = rng.normal(size=(40, 3))
    y = value(layer(s))
    r = (s**2).sum(-1, keepdims=True) / 0.64
    np.testing.assert_allclose(y, G[name](r) * s, rtol=1e-12, atol=1e-15)
    turn = Rotation.random(random_state=1).as_matrix()
    np.testing.assert_allclose(value(layer(s @ turn)), y @ turn, atol=1e-14)
    channelwise = FluxActivation(name, 0.8, dtype="float64")
    if name != "linear":
        assert np.abs(value(channelwise(s @ turn)) - value(channelwise(s)) @ turn).max() > 1e-2
    one = rng.normal(size=(5, 1))  # for a single channel both are the same
    np.testing.assert_allclose(value(layer(one)), value(channelwise(one)), rtol=1e-14)
    parts = layer.fluxes(ops.split(ops.convert_to_tensor(s), 3, -1))
    np.testing.assert_allclose(np.concatenate([value(p) for p in parts], -1), y, rtol=1e-13)


@pytest.mark.parametrize("name", ODD)
def test_coupled_slope_bounds_contain_the_eigenvalues_of_the_jacobian(rng, name):
    import tensorflow as tf

    layer = FluxActivation(name, coupled=True, dtype="float64")
    radius = rng.uniform(0.01, 3, size=(400, 1))
    direction = rng.normal(size=(400, 3))
    s = tf.constant(radius * direction / np.linalg.norm(direction, axis=1, keepdims=True))
    with tf.GradientTape() as tape:
        tape.watch(s)
        y = layer(s)
    jacobian = tape.batch_jacobian(y, s).numpy()
    np.testing.assert_allclose(jacobian, jacobian.swapaxes(1, 2), atol=1e-12)
    eigenvalues = np.linalg.eigvalsh(jacobian)
    low, high = layer.slope_bounds
    assert low - 1e-9 <= eigenvalues.min() <= low + 0.1
    assert high - 0.1 <= eigenvalues.max() <= high + 1e-9


@pytest.mark.parametrize("name", ODD)
def test_coupled_potential_has_the_coupled_flux_as_gradient(rng, name):
    import tensorflow as tf

    layer = FluxActivation(name, 0.7, coupled=True, dtype="float64")
    s = tf.constant(rng.normal(size=(6, 3)))
    with tf.GradientTape() as tape:
        tape.watch(s)
        energy = tf.reduce_sum(layer.potentials([s])[0])
    np.testing.assert_allclose(tape.gradient(energy, s).numpy(), value(layer(s)), atol=1e-10)


def test_flux_activation_refuses_options_that_exclude_each_other():
    for options, message in (
        ({"per_channel": True}, "needs learn_contrast"),
        ({"per_channel": True, "learn_contrast": True, "coupled": True}, "per_channel or coupled"),
        ({"flux": "relu", "coupled": True}, "cannot be coupled"),
        ({"contrast": -1.0}, "finite number > 0"),
        ({"flux": "nothing"}, "No flux is called"),
    ):
        with pytest.raises(ValueError, match=message):
            FluxActivation(**options)
    for flux in (activations.relu, activations.smooth_relu):
        with pytest.raises(ValueError, match="no diffusivity"):
            flux.diffusivity(1.0)
