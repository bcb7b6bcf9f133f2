"""Plug and play: a denoiser of the zoo as the prior of an inverse problem.

    python examples/plug_and_play.py [--problem deblur|inpaint] [--sample camera] [--out FILE.png]

It runs with a network for which convergence is a theorem, and with one for which it is not.

Proximal gradient iteration u ← N(u − γAᵀ(Au − f)) for the data f = A u₀ + noise. With ‖A‖ ≤ 1 and γ
< 2 the gradient step is averaged; for an averaged N so is the whole map T, and ‖T(u) − u‖ falls
from each iteration to the next, to 0 where a fixed point exists. The preset convex_equilibrium_2d
is averaged, and so is T. certified_resnet_2d beside it denoises better, and its certificate says
norm stable with a Lipschitz constant above 1: no theorem about this iteration. The script prints
and plots the residuals of both. Source: Venkatakrishnan, Bouman, Wohlberg (2013); Bauschke,
Combettes (2011).
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import keras_pde
from keras_pde.tasks.denoise.denoiser import Denoiser

PRESETS = ("convex_equilibrium_2d", "certified_resnet_2d")


def blur(
    shape: tuple[int, int], width: float = 1.6
) -> tuple[Callable[[np.ndarray], np.ndarray], Callable[[np.ndarray], np.ndarray]]:
    """Periodic Gaussian blur of so many pixels and its adjoint, itself; ‖A‖ = 1."""
    frequencies = np.meshgrid(*[np.fft.fftfreq(n) for n in shape], indexing="ij")
    symbol = np.exp(-2 * (np.pi * width) ** 2 * sum(f**2 for f in frequencies))

    def apply(u: np.ndarray) -> np.ndarray:
        return np.fft.ifft2(symbol * np.fft.fft2(u)).real

    return apply, apply


def mask(
    shape: tuple[int, int], share: float = 0.4, seed: int = 0
) -> tuple[Callable[[np.ndarray], np.ndarray], Callable[[np.ndarray], np.ndarray]]:
    """Keep a share of the pixels, and the adjoint, itself; ‖A‖ = 1."""
    known = np.random.default_rng(seed).random(shape) < share
    return lambda u: known * u, lambda u: known * u


def prior(denoiser: Denoiser, strength: float) -> Callable[[np.ndarray], np.ndarray]:
    """N: the denoiser on one grey image in float64, told a noise level in grey levels."""

    def denoise(u: np.ndarray) -> np.ndarray:
        return denoiser(u[..., None], strength).pixels[..., 0].astype("float64")

    return denoise


def iterate(
    denoise: Callable[[np.ndarray], np.ndarray],
    a: Any,
    at: Any,
    f: np.ndarray,
    start: np.ndarray,
    count: int,
) -> tuple[np.ndarray, list[float]]:
    """Last u and the residuals ‖T(u) − u‖ of the iteration with γ = 1.9."""
    u, residuals = start, []
    for _ in range(count):
        following = denoise(u - 1.9 * at(a(u) - f))
        residuals.append(float(np.linalg.norm(following - u)))
        u = following
    return u, residuals


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--problem", choices=("deblur", "inpaint"), default="deblur")
    parser.add_argument("--out", type=Path, default=Path("plug_and_play.png"))
    parser.add_argument("--iterations", type=int, default=100)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument(
        "--strength",
        type=float,
        default=4.0,
        help="noise level that the denoiser is told, in grey levels",
    )
    args = parser.parse_args()
    from matplotlib.figure import Figure
    from skimage import data
    from skimage.metrics import peak_signal_noise_ratio

    n = args.size
    clean = data.camera()[60 : 60 + n, 100 : 100 + n] / 255.0
    a, at = blur(clean.shape) if args.problem == "deblur" else mask(clean.shape)
    f = a(clean + 2 / 255 * np.random.default_rng(1).standard_normal(clean.shape))
    start = f
    if args.problem == "inpaint":
        start = f + clean.mean() * (a(np.ones_like(f)) == 0)
    figure = Figure(figsize=(11, 3.4), layout="constrained")
    axes = figure.subplots(1, 4)
    axes[0].imshow(f, cmap="gray", vmin=0, vmax=1)
    axes[0].set_title(
        f"data, {peak_signal_noise_ratio(clean, start.clip(0, 1), data_range=1.0):.2f} dB",
        fontsize="medium",
    )
    for axis, name in zip(axes[1:], PRESETS, strict=False):
        model = keras_pde.from_preset(name)
        denoise = prior(Denoiser(model, tuned=True), args.strength)
        u, residuals = iterate(denoise, a, at, f, start, args.iterations)
        rises = sum(later > earlier for earlier, later in itertools.pairwise(residuals))
        psnr = peak_signal_noise_ratio(clean, u.clip(0, 1), data_range=1.0)
        certificate = model.certificate()
        proved = (
            f"averaged, {certificate.averaged:.2f}"
            if certificate.averaged is not None
            else f"Lipschitz constant {certificate.lipschitz:.3g}"
        )
        print(
            f"{name} ({proved}): {psnr:.2f} dB, residual {residuals[0]:.3g} -> {residuals[-1]:.3g},"
            f" rises {rises} of {len(residuals) - 1} times"
        )
        axis.imshow(u, cmap="gray", vmin=0, vmax=1)
        axis.set_title(f"{name}\n{proved}, {psnr:.2f} dB", fontsize="small")
        axes[3].semilogy(residuals, label=name)
    for axis in axes[:3]:
        axis.axis("off")
    axes[3].set(title="‖T(u) − u‖", xlabel="iteration")
    axes[3].legend(fontsize="x-small")
    figure.savefig(args.out, dpi=90)
    print(f"wrote {args.out}")


if __name__ == "__main__":
    main()
