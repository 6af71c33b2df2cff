"""The report's colours: read by everybody, told apart by the colour-blind, and never in motion.

The targets' colours are blue and vermilion of Okabe and Ito's palette ("Color Universal Design",
2008), in the dark its sky blue and a light orange. Colour blindness is simulated after Machado,
Oliveira and Fernandes ("A Physiologically-based Model for Simulation of Color Vision Deficiency",
2009), at full severity. Contrast is that of WCAG 2.2.
"""

from __future__ import annotations

import re

import numpy as np
import pytest

from dragstrip.report.html.assets import text_of

Colour = np.ndarray[tuple[int], np.dtype[np.float64]]

SIMULATED = {
    "none": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopia": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}
TO_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)
TOLD_APART = 20.0
"""CIE76 difference; about 2 is the least that is seen side by side."""


def themes() -> dict[str, dict[str, str]]:
    style = text_of("report.css")
    blocks = re.findall(r":root \{(.*?)\n *\}", style, re.DOTALL)
    light, dark, printed = (dict(re.findall(r"--([\w-]+): (#\w{6})", block)) for block in blocks)
    return {"light": light, "dark": light | dark, "print": light | printed}


def linear(colour: str) -> Colour:
    parts = np.array([int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)])
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted(float(TO_XYZ[1] @ linear(colour)) for colour in (one, other))
    return (lighter + 0.05) / (darker + 0.05)


def lab(rgb: Colour) -> Colour:
    x, y, z = TO_XYZ @ np.clip(rgb, 0, 1) / (TO_XYZ @ np.ones(3))
    f = np.cbrt([x, y, z])
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def difference(one: str, other: str, kind: str) -> float:
    seen = [lab(SIMULATED[kind] @ linear(colour)) for colour in (one, other)]
    return float(np.linalg.norm(seen[0] - seen[1]))


@pytest.mark.parametrize("theme", themes())
@pytest.mark.parametrize("kind", SIMULATED)
def test_the_targets_are_told_apart(theme: str, kind: str) -> None:
    colours = themes()[theme]
    assert difference(colours["baseline"], colours["challenger"], kind) > TOLD_APART


@pytest.mark.parametrize("theme", themes())
def test_text_and_marks_have_contrast_enough(theme: str) -> None:
    colours = themes()[theme]
    for text in ("ink", "soft", "focus", "good", "fair", "same", "open", "bad"):
        assert contrast(colours[text], colours["paper"]) >= 4.5, text
    for word in ("good", "fair", "same", "open", "bad"):
        assert contrast(colours[word], colours[f"{word}-back"]) >= 4.5, word
    for zone in ("good", "fair", "same", "bad"):
        assert contrast(colours["ink"], colours[f"zone-{zone}"]) >= 7, zone
    for mark in ("baseline", "challenger"):
        assert contrast(colours[mark], colours["paper"]) >= 3, mark


def test_nothing_moves() -> None:
    assert not re.search(r"animation|transition|scroll-behavior", text_of("report.css"))
