import numpy as np
import pytest
from matplotlib.colors import to_rgb

from skgenetics.inspection.displays import _style

# Machado, Oliveira and Fernandes (2009), severity 1, on linear RGB
VISION = {
    "normal": np.eye(3),
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


def lab(color, vision):
    """CIE L*a*b* of an sRGB color as seen with a kind of color vision."""
    encoded = np.array(to_rgb(color))
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    linear = np.clip(np.array(VISION[vision]) @ linear, 0, 1)
    xyz = np.array(
        [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    ) @ (linear)
    xyz = xyz / [0.9505, 1, 1.089]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize("palette", ["CATEGORY_COLORS", "ORDERED_COLORS"])
def test_colors_stay_apart_in_every_kind_of_color_vision(palette, vision):
    seen = [lab(color, vision) for color in getattr(_style, palette)]
    gaps = [np.linalg.norm(a - b) for i, a in enumerate(seen) for b in seen[:i]]
    assert min(gaps) > 15  # about 2.3 is just noticeable


def test_ordered_colors_darken_in_grey():
    lightness = [lab(color, "normal")[0] for color in _style.ORDERED_COLORS]
    assert np.all(np.diff(lightness) < -7)


def test_rising_colors_darken_and_signed_ones_from_the_middle_out():
    rising = [lab(color, "normal")[0] for color in _style.RISING_COLORS]
    assert np.all(np.diff(rising) < -15)
    for vision in VISION:
        signed = [lab(color, vision) for color in _style.SIGNED_COLORS]
        lightness = np.array([color[0] for color in signed])
        assert np.all(np.diff(lightness[:3]) > 15)
        assert np.all(np.diff(lightness[2:]) < -15)
        for negative, positive in zip(signed[:2], signed[:2:-1]):
            assert np.linalg.norm(negative - positive) > 30


def test_color_scale_starts_at_zero_or_is_symmetric():
    rising = _style.color_scale(np.array([0.1, 0.4]))
    assert (rising["vmin"], rising["vmax"]) == (0.0, 0.4)
    signed = _style.color_scale(np.array([-0.5, 0.4]))
    assert (signed["vmin"], signed["vmax"]) == (-0.5, 0.5)
    assert _style.color_scale(np.zeros(2))["vmax"] > 0
