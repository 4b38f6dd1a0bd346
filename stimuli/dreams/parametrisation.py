"""Pictures as Fourier coefficients of decorrelated colours, in which a climb moves all scales alike.

Pixels next to each other agree in a natural picture, and so do its three colour channels. A step of equal
size in every coefficient, divided by its spatial frequency, and along the axes in which natural colours
vary, is therefore a step among natural pictures; in pixels it would be noise.
"""

from __future__ import annotations

import torch
from torch.nn.functional import pad

#: columns: the axes along which colours vary in photographs, each as long as its standard deviation, the
#: longest 1. From the mean covariance of the R, G and B values (0 to 1) of scikit-image's photographs
#: astronaut, chelsea, coffee and rocket: eigenvectors times the roots of the eigenvalues.
COLOURS = (
    (0.5863, -0.2593, 0.0299),
    (0.5954, 0.0550, -0.0815),
    (0.5494, 0.2170, 0.0564),
)
#: values that a picture begins with are kept this far from black and white, where the sigmoid is flat
MARGIN = 0.02


class FourierPictures:
    """n square pictures whose pixel values are sigmoid(colours x inverse transform of scaled coefficients).

    ``coefficients`` (n, 3, side, side // 2 + 1, 2), the real and imaginary parts, is what is to be changed.
    """

    def __init__(self, pictures: torch.Tensor) -> None:
        """Begin with pictures (n, 3, side, side) of values in 0 to 1."""
        self.side = pictures.shape[-1]
        self._scale = amplitudes(self.side).to(pictures.device)
        self._colours = torch.tensor(COLOURS, device=pictures.device)
        values = torch.logit(pictures.clamp(MARGIN, 1 - MARGIN))
        plain = torch.einsum("dc,nchw->ndhw", torch.linalg.inv(self._colours), values)
        spectrum = torch.fft.rfft2(plain, norm="ortho") / self._scale
        self.coefficients = torch.view_as_real(spectrum).clone().requires_grad_(True)

    def pictures(self, side: int | None = None) -> torch.Tensor:
        """The pictures as they are now, (n, 3, side, side) in 0 to 1, differentiable.

        A larger ``side`` shows the same waves on more pixels and adds none.
        """
        whole = side or self.side
        spectrum = enlarged(torch.view_as_complex(self.coefficients) * self._scale, self.side, whole)
        plain = torch.fft.irfft2(spectrum, s=(whole, whole), norm="ortho")
        return torch.sigmoid(torch.einsum("cd,ndhw->nchw", self._colours, plain))


def enlarged(spectrum: torch.Tensor, side: int, larger: int) -> torch.Tensor:
    """The spectrum (…, larger, larger // 2 + 1) of the same waves on more pixels; ``side`` is odd then.

    An odd side has no frequency that is its own negative, so that nothing has to be shared out.
    """
    if side == larger:
        return spectrum
    if side % 2 == 0 or larger < side:
        raise ValueError(f"waves of {side} pixels are shown on more if their number is odd, not on {larger}")
    half = side // 2
    gap = spectrum.new_zeros((*spectrum.shape[:-2], larger - side, half + 1))
    rows = torch.cat([spectrum[..., : half + 1, :], gap, spectrum[..., half + 1 :, :]], dim=-2)
    return pad(rows, (0, larger // 2 - half)) * (larger / side)


def amplitudes(side: int) -> torch.Tensor:
    """Factors (side, side // 2 + 1) that fall as 1/f, of root-mean-square 1 over the whole plane.

    f is the spatial frequency in cycles per pixel; the mean is treated as one cycle in the picture.
    """
    frequency = torch.hypot(torch.fft.fftfreq(side)[:, None], torch.fft.rfftfreq(side)[None, :])
    factors = 1 / frequency.clamp(min=1 / side)
    whole = torch.hypot(torch.fft.fftfreq(side)[:, None], torch.fft.fftfreq(side)[None, :])
    return factors / (1 / whole.clamp(min=1 / side)).square().mean().sqrt()
