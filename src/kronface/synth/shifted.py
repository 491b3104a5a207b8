"""The other world: poses, faces, lights, cameras, backgrounds and damage of pictures that the usual one never draws.

A set that is drawn in it says how a network that was trained in the usual world bears a change, as from renderings to
photographs, without a photograph. It was fixed before any network was trained for photographs. What a rendering is
asked for may reach into it: with `pitch_rad` at 0.2, every sixth head nods as far as here.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from kronface.data.augment import LUMA
from kronface.faces.image import compressed
from kronface.synth.head import Floats, Head
from kronface.synth.render import Lighting
from kronface.synth.scene import EXPRESSIONS, OPEN, SMILE, Flaws, Scene

PATTERNS = 1 << 31
"""Backdrops from this number on are patterns with sharp edges; the usual ones are smaller, and soft."""

LIGHTS = ("below", "stage", "neon", "window")


def shift_scene(scene: Scene, head: Head, seed: int, identity: int, image: int, largest_yaw: float) -> Scene:
    """The same picture's circumstances in the other world.

    - The head is turned by more than 0.35 radians or tilted by more than 0.28, which the usual world does seldom.
    - Two expressions at once, each stronger than usual.
    - One hard light from below or the side, or two in glaring colours; hardly any sky.
    - The camera is nearer than an arm, or further than across a street.
    - Behind are stripes, checks or discs with sharp edges.
    - The picture is sepia, posterised, dark in its corners, or compressed beyond recognition of detail.
    """
    rng = np.random.default_rng([seed, identity, 1 + image, 11])
    yaw, pitch = scene.yaw, scene.pitch
    if rng.random() < 0.6 and largest_yaw > 0.35:
        yaw = float(rng.choice((-1, 1)) * rng.uniform(0.35, min(largest_yaw, 0.8)))
    else:
        pitch = float(rng.choice((-1, 1)) * rng.uniform(0.28, 0.45))
    actions = _mixed(head, rng)
    names = head.actions
    smile = (actions[names.index("mouthSmileLeft")] + actions[names.index("mouthSmileRight")]) / 2
    near = rng.random() < 0.5
    return replace(
        scene,
        actions=actions,
        expression="mixed",
        smiling=bool(smile > SMILE),
        mouth_open=bool(actions[names.index("jawOpen")] > OPEN),
        yaw=yaw,
        pitch=pitch,
        roll=float(np.clip(rng.normal(0, 0.2), -0.5, 0.5)),
        distance=float(rng.uniform(0.42, 0.55) if near else rng.uniform(4.0, 9.0)),
        lighting=_lighting(rng),
        backdrop=PATTERNS + int(rng.integers(1 << 31)),
        flaws=_flaws(rng),
    )


def pattern(seed: int, height: int, width: int) -> Floats:
    """(height, width, 3) linear RGB: stripes, checks or discs of two colours."""
    rng = np.random.default_rng(seed)
    one, other = np.exp(rng.uniform(-3.5, 0.5, (2, 3)))
    down, across = np.mgrid[:height, :width].astype(np.float32)
    angle, period = rng.uniform(0, np.pi), rng.uniform(0.05, 0.3) * width
    along, beside = across * np.cos(angle) + down * np.sin(angle), down * np.cos(angle) - across * np.sin(angle)
    kind = int(rng.integers(3))
    if kind == 0:
        mask = along % period < period / 2
    elif kind == 1:
        mask = (along % period < period / 2) ^ (beside % period < period / 2)
    else:
        mask = np.hypot(along % period - period / 2, beside % period - period / 2) < period * rng.uniform(0.2, 0.45)
    return np.asarray(np.where(mask[:, :, None], one, other), np.float32)


def damage(picture: NDArray[np.uint8], flaws: Flaws) -> NDArray[np.uint8]:
    """(H, W, 3) RGB: dark corners, sepia, few tones, and an old JPEG, one after the other."""
    height, width = picture.shape[:2]
    out: NDArray[np.floating] = picture.astype(np.float32)
    if flaws.corners:
        y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
        out *= (1 - flaws.corners * np.clip((x**2 + y**2) / 2, 0, 1))[:, :, None].astype(np.float32)
    if flaws.sepia:
        grey = out @ np.array(LUMA, np.float32)
        out = np.asarray(np.clip(grey[:, :, None] * np.array([1.07, 0.93, 0.72]), 0, 255), np.float32)
    if flaws.tones:
        step = 255 / (flaws.tones - 1)
        out = np.round(out / step) * step
    whole: NDArray[np.uint8] = np.clip(out + 0.5, 0, 255).astype(np.uint8)
    return compressed(whole, flaws.old_quality) if flaws.old_quality else whole


def _mixed(head: Head, rng: np.random.Generator) -> Floats:
    values = dict.fromkeys(head.actions, 0.0)
    kinds = [name for name in EXPRESSIONS if name != "rest"]
    for kind in rng.choice(len(kinds), 2, replace=False):
        strength = rng.uniform(0.6, 0.9)
        for name, amount in EXPRESSIONS[kinds[kind]][1].items():
            for side in [name] if name in values else [f"{name}Left", f"{name}Right"]:
                values[side] += amount * strength
    up = rng.choice((-1, 1)) * rng.uniform(0.3, 0.6)
    for side in ("Left", "Right"):
        values[f"eyeLook{'Up' if up > 0 else 'Down'}{side}"] += abs(up)
    return np.clip(np.array([values[name] for name in head.actions], np.float32), 0, 1)


def _lighting(rng: np.random.Generator) -> Lighting:
    kind = LIGHTS[int(rng.integers(len(LIGHTS)))]
    side = float(rng.choice((-1, 1)))
    azimuths, rises, colours = {
        "below": ([0.3 * side], [-0.8], [(1.2, 1.0, 0.75)]),
        "stage": ([1.2 * side], [1.1], [(1.7, 1.6, 1.5)]),
        "neon": ([1.1 * side, -1.1 * side], [0.1, 0.2], [(1.3, 0.25, 0.9), (0.15, 0.7, 1.3)]),
        "window": ([1.5 * side], [0.2], [(1.1, 1.2, 1.4)]),
    }[kind]
    directions = [
        (np.sin(azimuth) * np.cos(rise), -np.cos(azimuth) * np.cos(rise), np.sin(rise))
        for azimuth, rise in zip(azimuths, rises, strict=True)
    ]
    sky = float(rng.uniform(0.05, 0.13))
    return Lighting(
        np.array(directions, np.float32),
        np.array(colours, np.float32) * np.float32(rng.uniform(0.9, 1.3)),
        (sky, sky, sky),
        (sky, sky, sky),
        softness=0.5,
        dark=0.9,
    )


def _flaws(rng: np.random.Generator) -> Flaws:
    kind = int(rng.integers(4))
    return Flaws(
        exposure=float(np.exp(rng.normal(0, 0.25))),
        contrast=float(rng.uniform(1.25, 1.5)),
        blur=float(rng.uniform(0, 0.6)),
        grain=float(rng.uniform(0, 0.02)),
        corners=float(rng.uniform(0.5, 0.9)) if kind == 0 else 0.0,
        sepia=kind == 1,
        tones=int(rng.integers(5, 9)) if kind == 2 else 0,
        old_quality=int(rng.integers(8, 22)) if kind == 3 else 0,
    )
