"""What the command keras-pde denoise says of an image that it has denoised."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import click

from keras_pde.cli import files
from keras_pde.cli.denoise_request import Request
from keras_pde.cli.plumbing import in_options
from keras_pde.cli.tables import show_quality

if TYPE_CHECKING:
    import numpy as np

    from keras_pde.data.images import Image
    from keras_pde.tasks.denoise.calibrating import Calibrated
    from keras_pde.tasks.denoise.denoiser import Denoised, Denoiser
    from keras_pde.tasks.denoise.noisy_image import NoisyImage
    from keras_pde.tasks.quality import Quality


@dataclass(frozen=True)
class Report:
    """Lines about an image, in their order.

    Args:
        about: the image, and its noise.
        questions: what would be better told than estimated.
        network: which it is, and what is proved of it.
        measured: PSNR and SSIM, by what they are of.
        notes: tiles, files, what was dropped.
        seen: the pictures in [0, 1] to look at, by name.
    """

    about: str
    questions: list[str] = field(default_factory=list)
    network: list[str] = field(default_factory=list)
    measured: dict[str, Quality] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    seen: dict[str, np.ndarray] = field(default_factory=dict)

    def show(self) -> None:
        """Print it."""
        for line in (self.about, *self.questions, *self.network):
            click.echo(line)
        if self.measured:
            show_quality(self.measured)
        for line in self.notes:
            click.echo(line)


def report_of(
    request: Request,
    image: Image,
    known: NoisyImage,
    chosen: Denoiser,
    result: Denoised,
    measured: dict[str, Quality],
    fitted: Calibrated | None,
) -> Report:
    """What is said of an image, its noise, the network and the result."""
    from keras_pde.data import images
    from keras_pde.tasks.denoise.composed import composed

    name, model, tuned = chosen.name, chosen.network, chosen.tuned
    about = known.about
    if request.add_noise:
        told = f", told as {request.noise}" if request.noise else ""
        about = f"noise {request.add_noise:g} added, seed {request.seed}{told}"
    elif request.noise is None and known.level:
        about += " (--noise tells another level)"
    if known.sensor is not None:
        about += f": {known.sensor.times(image.unit)}"
    about += files.say_range(known.unit, image)
    if known.grey and model.input_channels == 1:
        about += "; three equal channels, filtered as one"
    questions = [in_options(question, {"noise"}) for question in known.questions]
    how = (
        ""
        if known.grey or model.input_channels == image.pixels.shape[-1]
        else ", each colour channel by itself"
    )
    network = [f"{name}: {model.description}{how}"]
    certificate = model.certificate() if fitted is None else fitted.certificate()
    if known.sensor is not None:
        certificate = composed(certificate, known.sensor, known.range.high)
    proved = certificate.claims()
    network.append(
        f"proved: {', '.join(proved) or 'nothing; this filter has no stability guarantee'}"
    )
    if not tuned and not model.noise_conditioned:
        network.append(f"{name} has no table of noise levels: the network was used as it is")
    if fitted is not None:
        network.append(fitted.summary())
    notes = [str(result.tiling)] if result.tiling.count > 1 else []
    notes.append(f"wrote {request.out}" + (f" and {request.compare}" if request.compare else ""))
    if lost := images.dropped(request.out, image):
        notes.append(lost)
    if result.diagnosis is not None:
        notes.append(result.diagnosis.summary())
    line = f"{request.source}: {image}; {about}"
    return Report(line, questions, network, measured, notes)
