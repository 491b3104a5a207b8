"""What changes from picture to picture: expression, gaze, pose, camera, light, background, and the camera's flaws."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from kronface.synth.head import Floats, Head
from kronface.synth.render import Lighting

MIDDLE = 0.2
"""Linear brightness that a metered face is drawn to."""


@dataclass(frozen=True)
class Scene:
    """One picture's circumstances."""

    actions: Floats
    """(52,) strengths of the facial actions, 0 to 1."""
    smiling: bool
    mouth_open: bool
    yaw: float
    """Radians; positive turns the face towards the picture's right."""
    pitch: float
    """Radians; positive looks up."""
    roll: float
    """Radians."""
    body_turn: float
    """Share of the yaw by which the shoulders turn with the head."""
    distance: float
    """Of the camera, metres."""
    lighting: Lighting
    backdrop: int
    """Seed of the background."""
    cloth: tuple[float, float, float]
    neckline: float
    exposure: float
    blur: float
    """Standard deviation in pixels of a 178x218 picture."""
    grain: float
    """Standard deviation of the noise, share of full range."""
    quality: int
    """Of the JPEG."""


def draw_scene(head: Head, seed: int, identity: int, image: int) -> Scene:
    """Circumstances of picture `image` of a person: the same whatever else is drawn."""
    rng = np.random.default_rng([seed, identity, 1 + image, 7])
    actions, smiling, mouth_open = _draw_expression(head, rng)
    cloth = np.exp(rng.normal(0, 0.35, 3) + rng.normal(-2.0, 0.7))
    return Scene(
        actions=actions,
        smiling=smiling,
        mouth_open=mouth_open,
        yaw=float(np.clip(rng.normal(0, 0.33), -0.75, 0.75)),
        pitch=float(np.clip(rng.normal(0, 0.12), -0.35, 0.35)),
        roll=float(np.clip(rng.normal(0, 0.09), -0.35, 0.35)),
        body_turn=float(rng.uniform(0.2, 0.8)),
        distance=float(np.exp(rng.uniform(np.log(0.6), np.log(2.5)))),
        lighting=_draw_lighting(rng),
        backdrop=int(rng.integers(1 << 31)),
        cloth=(float(cloth[0]), float(cloth[1]), float(cloth[2])),
        neckline=float(rng.uniform(0.545, 0.6)),
        exposure=float(np.exp(rng.normal(0, 0.2))),
        blur=float(max(rng.normal(0.35, 0.3), 0)),
        grain=float(abs(rng.normal(0.008, 0.008))),
        quality=int(rng.integers(72, 97)),
    )


def _draw_expression(head: Head, rng: np.random.Generator) -> tuple[Floats, bool, bool]:
    values = dict.fromkeys(head.actions, 0.0)

    def raise_both(name: str, amount: float, asymmetry: float = 0.1) -> None:
        for side in ("Left", "Right"):
            values[name + side] += max(amount * (1 + rng.normal(0, asymmetry)), 0)

    smile = float(rng.uniform(0.3, 0.95)) if rng.random() < 0.48 else float(max(rng.normal(0.02, 0.06), 0))
    raise_both("mouthSmile", smile)
    raise_both("cheekSquint", 0.5 * smile)
    raise_both("eyeSquint", 0.35 * smile + abs(rng.normal(0, 0.1)))
    raise_both("mouthUpperUp", 0.3 * smile * rng.random())
    opening = float(rng.uniform(0.08, 0.3)) if rng.random() < 0.25 + 0.35 * (smile > 0.4) else 0.0
    values["jawOpen"] += opening
    raise_both("eyeBlink", float(np.clip(rng.normal(0.06, 0.11), 0, 0.4)))
    raise_both("eyeWide", float(max(rng.normal(-0.05, 0.15), 0)))
    values["browInnerUp"] += float(max(rng.normal(0.05, 0.15), 0))
    raise_both("browDown", float(max(rng.normal(0.0, 0.15), 0)))
    raise_both("browOuterUp", float(max(rng.normal(0.0, 0.15), 0)))
    for name in ("mouthFrown", "mouthPress", "mouthStretch", "mouthDimple", "noseSneer"):
        raise_both(name, float(max(rng.normal(-0.05, 0.12), 0)), 0.3)
    for name in ("mouthPucker", "mouthFunnel", "mouthShrugLower", "mouthRollLower", "mouthLeft", "mouthRight"):
        values[name] += float(max(rng.normal(-0.06, 0.1), 0))
    across, up = rng.normal(0, 0.25), rng.normal(-0.05, 0.15)
    values["eyeLookOutLeft"] += max(across, 0)
    values["eyeLookInRight"] += max(across, 0)
    values["eyeLookInLeft"] += max(-across, 0)
    values["eyeLookOutRight"] += max(-across, 0)
    raise_both("eyeLookUp", max(up, 0), 0)
    raise_both("eyeLookDown", max(-up, 0), 0)
    strengths = np.clip(np.array([values[name] for name in head.actions], np.float32), 0, 1)
    return strengths, smile > 0.25, opening > 0


def _draw_lighting(rng: np.random.Generator) -> Lighting:
    count = int(rng.integers(1, 4))
    directions = []
    colours = []
    warmth = rng.normal(0, 0.12)
    tint = np.array([1 + warmth, 1.0, 1 - warmth])
    for number in range(count):
        azimuth = rng.normal(0, 0.75 if number == 0 else 1.3)
        elevation = rng.uniform(0.05, 1.0)
        directions.append(
            (np.sin(azimuth) * np.cos(elevation), -np.cos(azimuth) * np.cos(elevation), np.sin(elevation))
        )
        strength = rng.uniform(0.7, 1.3) if number == 0 else rng.uniform(0.08, 0.4)
        colours.append(tint * strength * (1 + rng.normal(0, 0.04, 3)))
    sky = rng.uniform(0.22, 0.6) * np.array([1 - 0.4 * warmth, 1.0, 1 + 0.4 * warmth])
    ground = rng.uniform(0.3, 0.7) * sky * np.array([1.05, 1.0, 0.92])
    return Lighting(
        np.array(directions, np.float32),
        np.array(colours, np.float32),
        (float(sky[0]), float(sky[1]), float(sky[2])),
        (float(ground[0]), float(ground[1]), float(ground[2])),
    )


def rotation(yaw: float, pitch: float, roll: float) -> NDArray[np.float64]:
    """(3, 3): turns a face that looks towards -y; about z, then about x, then about y."""
    about_z = np.array([[np.cos(yaw), -np.sin(yaw), 0], [np.sin(yaw), np.cos(yaw), 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, np.cos(pitch), np.sin(pitch)], [0, -np.sin(pitch), np.cos(pitch)]])
    about_y = np.array([[np.cos(roll), 0, np.sin(roll)], [0, 1, 0], [-np.sin(roll), 0, np.cos(roll)]])
    out: NDArray[np.float64] = about_y @ about_x @ about_z
    return out


def background(seed: int, height: int, width: int) -> Floats:
    """(height, width, 3) linear RGB: a gradient, soft blobs, and now and then an edge."""
    rng = np.random.default_rng(seed)
    corners = np.exp(
        rng.normal(-1.5, 0.8, (1, 1, 1)) + rng.normal(0, 0.5, (2, 2, 1)) + rng.normal(0, 0.12, (2, 2, 3))
    ).astype(np.float32)
    field = cv2.resize(corners, (width, height), interpolation=cv2.INTER_LINEAR)
    for knots in (4, 9):
        blobs = rng.normal(0, 0.25, (knots, knots, 1)) + rng.normal(0, 0.04, (knots, knots, 3))
        field *= np.exp(cv2.resize(blobs.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC))
    for _ in range(int(rng.integers(0, 4))):
        x, y = rng.integers(0, width), rng.integers(0, height)
        w, h = rng.integers(width // 8, width // 2), rng.integers(height // 8, height)
        field[y : y + h, x : x + w] *= np.exp(rng.normal(0, 0.5)).astype(np.float32)
    blur = float(rng.uniform(0.004, 0.03)) * width
    out: Floats = cv2.GaussianBlur(field, (0, 0), blur).astype(np.float32)
    return out


def meter(linear: Floats, places: NDArray[np.floating]) -> float:
    """The factor by which a camera that looks at faces exposes: it evens out most, not all, of a face's brightness.

    Args:
        linear: (H, W, 3) linear RGB.
        places: (N, 2) pixels on faces, x then y; the rectangles of five consecutive ones (a face's landmarks) count.
    """
    height, width = linear.shape[:2]
    values = []
    for face in places.reshape(-1, 5, 2):
        x0, y0 = np.clip(np.floor(face.min(0)), 0, (width - 2, height - 2)).astype(int)
        x1, y1 = np.clip(np.ceil(face.max(0)), (x0 + 1, y0 + 1), (width, height)).astype(int)
        values.append(float(linear[y0:y1, x0:x1].mean()))
    return float(np.clip((MIDDLE / max(float(np.mean(values)), 1e-4)) ** 0.6, 0.4, 4.0))


def develop(linear: Floats, scene: Scene, rng: np.random.Generator, scale: float) -> NDArray[np.uint8]:
    """Exposure, a soft shoulder, gamma, blur and grain: linear RGB (H, W, 3) -> uint8.

    Args:
        linear: the rendered picture.
        scene: exposure, blur and grain.
        rng: of the grain.
        scale: the face's size relative to a 178x218 picture: blur grows with it.
    """
    exposed = linear * scene.exposure
    toned = exposed * (1 + exposed / 6.0) / (1 + exposed)  # highlights roll off (Reinhard's curve, white at 6^0.5)
    encoded = np.clip(toned * 1.45, 0, 1) ** (1 / 2.2)
    if scene.blur * scale > 0.15:
        encoded = cv2.GaussianBlur(encoded, (0, 0), scene.blur * scale)
    encoded = encoded + rng.normal(0, scene.grain, encoded.shape)
    return np.asarray(np.clip(np.round(encoded * 255), 0, 255), np.uint8)
