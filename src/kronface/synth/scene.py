"""What changes from picture to picture: expression, gaze, pose, light, background, and the camera with its flaws."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from kronface.synth.head import Floats, Head
from kronface.synth.render import Lighting
from kronface.synth.settings import Rendering

SMILE = 0.25
"""Strength of the smile from which a picture counts as Smiling."""

OPEN = 0.06
"""Opening of the jaw from which a picture counts as Mouth_Slightly_Open."""

BLURRY = 1.15
"""Standard deviation of the blur, in pixels of a 178x218 picture, from which it counts as Blurry."""

EXPRESSIONS: Mapping[str, tuple[float, Mapping[str, float]]] = MappingProxyType(
    {
        "rest": (0.36, {}),
        "smile": (0.20, {"mouthSmile": 0.6, "cheekSquint": 0.3, "eyeSquint": 0.2, "mouthDimple": 0.2}),
        "laugh": (
            0.28,
            {
                "mouthSmile": 0.8,
                "cheekSquint": 0.5,
                "eyeSquint": 0.35,
                "mouthUpperUp": 0.35,
                "jawOpen": 0.15,
                "mouthStretch": 0.1,
            },
        ),
        "talk": (
            0.07,
            {"jawOpen": 0.16, "mouthClose": 0.08, "mouthFunnel": 0.25, "mouthLowerDown": 0.25, "mouthUpperUp": 0.15},
        ),
        "round": (0.02, {"jawOpen": 0.1, "mouthPucker": 0.5, "mouthFunnel": 0.4}),
        "surprise": (0.02, {"jawOpen": 0.35, "eyeWide": 0.6, "browInnerUp": 0.7, "browOuterUp": 0.6}),
        "anger": (0.015, {"browDown": 0.7, "noseSneer": 0.3, "mouthPress": 0.4, "eyeSquint": 0.3}),
        "sadness": (0.01, {"browInnerUp": 0.6, "mouthFrown": 0.6, "mouthShrugLower": 0.3, "eyeBlink": 0.15}),
        "disgust": (0.005, {"noseSneer": 0.7, "mouthUpperUp": 0.5, "browDown": 0.3, "eyeSquint": 0.4}),
        "doubt": (0.01, {"mouthLeft": 0.5, "mouthPress": 0.3, "browOuterUp": 0.3}),
        "shout": (0.01, {"jawOpen": 0.6, "mouthLowerDown": 0.5, "mouthUpperUp": 0.4, "browDown": 0.2}),
    }
)
"""Share of each kind of expression, and the facial actions that it is made of; names without a side move both."""

SMILING = ("smile", "laugh")


@dataclass(frozen=True)
class Flaws:
    """What a camera and its user do wrong."""

    exposure: float = 1.0
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)
    """Error of the white balance."""
    contrast: float = 1.0
    blur: float = 0.0
    """Standard deviation in pixels of a 178x218 picture."""
    motion: tuple[float, float] = (0.0, 0.0)
    """Path of the camera while the shutter was open, in pixels of a 178x218 picture."""
    grain: float = 0.0
    """Standard deviation of the noise, share of full range."""
    shrink: float = 1.0
    """By how much the picture was smaller once."""
    grey: bool = False
    quality: int = 95
    """Of the JPEG."""
    corners: float = 0.0
    """Share of the light that is lost in the corners (in the other world alone, as what follows)."""
    sepia: bool = False
    tones: int = 0
    """Of each colour; 0 leaves all."""
    old_quality: int = 0
    """Of a JPEG that the picture once was; 0: of none."""

    @property
    def damaged(self) -> bool:
        """Whether anything of the other world is to be done to it."""
        return bool(self.corners or self.sepia or self.tones or self.old_quality)

    @property
    def blurry(self) -> bool:
        """Whether a judge would say so."""
        return self.blur + 0.5 * float(np.hypot(*self.motion)) + 0.45 * (self.shrink - 1) > BLURRY


@dataclass(frozen=True)
class Scene:
    """One picture's circumstances."""

    actions: Floats
    """(52,) strengths of the facial actions, 0 to 1."""
    expression: str
    """A name in `EXPRESSIONS`."""
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
    """Seed of the background; negative for plain grey."""
    flaws: Flaws


def draw_scene(head: Head, seed: int, identity: int, image: int, rendering: Rendering = Rendering()) -> Scene:  # noqa: B008
    """Circumstances of picture `image` of a person: the same whatever else is drawn."""
    rng = np.random.default_rng([seed, identity, 1 + image, 7])
    actions, expression = _draw_expression(head, rng, rendering)
    yaw = _draw_yaw(rng, rendering.max_yaw_rad)
    pitch, roll = rng.normal(0, (rendering.pitch_rad, 0.09))
    distance = float(np.exp(rng.uniform(np.log(0.65), np.log(3.0))))
    lighting = _draw_lighting(rng, rendering)
    body_turn, backdrop = float(rng.uniform(0.2, 0.8)), int(rng.integers(1 << 31))
    flaws = _draw_flaws(rng) if rendering.has("flaws") else Flaws()
    names = head.actions
    smiling = (actions[names.index("mouthSmileLeft")] + actions[names.index("mouthSmileRight")]) / 2 > SMILE
    usual = Scene(
        actions=actions,
        expression=expression,
        smiling=bool(smiling),
        mouth_open=bool(actions[names.index("jawOpen")] > OPEN),
        yaw=yaw,
        pitch=float(np.clip(pitch, -0.5, 0.5)),
        roll=float(np.clip(roll, -0.4, 0.4)),
        body_turn=body_turn,
        distance=distance if rendering.has("camera") else 1.2,
        lighting=lighting,
        backdrop=backdrop if rendering.has("background") else -1,
        flaws=flaws,
    )
    if rendering.world == "usual":
        return usual
    from kronface.synth.shifted import shift_scene

    return shift_scene(usual, head, seed, identity, image, rendering.max_yaw_rad)


def _draw_yaw(rng: np.random.Generator, largest: float) -> float:
    """Most faces look about ahead, some to the side, a few are profiles; what lies beyond the limit is drawn again."""
    tries = np.where(rng.random(12) < 0.86, rng.normal(0, 0.29, 12), rng.uniform(-1.309, 1.309, 12))
    inside = tries[np.abs(tries) <= largest]
    return float(inside[0]) if len(inside) else float(rng.uniform(-largest, largest))


def _draw_expression(head: Head, rng: np.random.Generator, rendering: Rendering) -> tuple[Floats, str]:
    values = dict.fromkeys(head.actions, 0.0)

    def move(name: str, amount: float, unevenness: float = 0.12) -> None:
        if name in values:
            values[name] += amount
            return
        for side in ("Left", "Right"):
            values[name + side] += max(amount * (1 + rng.normal(0, unevenness)), 0)

    kinds = list(EXPRESSIONS)
    kind = str(rng.choice(kinds, p=[share for share, _ in EXPRESSIONS.values()]))
    strength = float(np.exp(rng.normal(-0.32, 0.3)))
    for name, amount in EXPRESSIONS[kind][1].items():
        move(name, amount * strength * float(np.exp(rng.normal(0, 0.2))))
    # A trace of everything: no face is ever quite at rest.
    for name in ("browInnerUp", "browDown", "browOuterUp", "eyeWide", "mouthFrown", "mouthPress", "mouthStretch"):
        move(name, float(max(rng.normal(-0.03, 0.08), 0)), 0.3)
    for name in ("mouthDimple", "noseSneer", "eyeSquint", "mouthShrugLower", "mouthShrugUpper", "mouthRollLower"):
        move(name, float(max(rng.normal(-0.05, 0.08), 0)), 0.3)
    for name in ("mouthPucker", "mouthFunnel", "mouthLeft", "mouthRight", "jawLeft", "jawRight", "jawForward"):
        move(name, float(max(rng.normal(-0.06, 0.07), 0)), 0.3)
    for name in ("cheekPuff", "mouthRollUpper", "tongueOut"):
        move(name, float(max(rng.normal(-0.12, 0.07), 0)), 0.3)
    lids = float(np.clip(rng.normal(0.06, 0.09), 0, 0.35)) if rng.random() > 0.02 else float(rng.uniform(0.7, 1.0))
    move("eyeBlink", lids, 0.05)
    across, up = rng.normal(0, 0.25), rng.normal(-0.05, 0.15)
    if not rendering.has("expression"):
        # Drawn all the same: what is left out changes nothing else.
        values, kind = dict.fromkeys(head.actions, 0.0), "rest"
    if not rendering.has("gaze"):
        across = up = 0.0
    values["eyeLookOutLeft"] += max(across, 0)
    values["eyeLookInRight"] += max(across, 0)
    values["eyeLookInLeft"] += max(-across, 0)
    values["eyeLookOutRight"] += max(-across, 0)
    move("eyeLookUp", max(up, 0), 0)
    move("eyeLookDown", max(-up, 0), 0)
    # The upper lid follows the eye.
    move("eyeBlink", 0.25 * max(-up, 0), 0)
    return np.clip(np.array([values[name] for name in head.actions], np.float32), 0, 1), kind


_SOFT = Lighting(
    np.array([[0.0, -0.9, 0.436]], np.float32),
    np.full((1, 3), 0.9, np.float32),
    (0.4, 0.4, 0.4),
    (0.25, 0.25, 0.25),
    softness=2.0,
)

LIGHTS = ("room", "sun", "overcast", "studio", "flash", "evening")


def _draw_lighting(rng: np.random.Generator, rendering: Rendering) -> Lighting:
    """One to three lights and the sky."""
    kind = LIGHTS[int(rng.choice(len(LIGHTS), p=(0.35, 0.06, 0.27, 0.17, 0.11, 0.04)))]
    spread, low, high, strength, sky, softness = {
        "room": (0.42, 0.2, 0.9, 0.85, 0.4, 2.4),
        "sun": (0.75, 0.25, 1.0, 1.3, 0.36, 0.9),
        "overcast": (0.7, 0.5, 1.2, 0.6, 0.55, 3.0),
        "studio": (0.4, 0.1, 0.65, 1.0, 0.32, 2.6),
        "flash": (0.12, -0.05, 0.15, 1.1, 0.22, 0.9),
        "evening": (0.8, 0.0, 0.5, 0.9, 0.28, 1.8),
    }[kind]
    count = {"overcast": 1, "flash": 1, "studio": 3}.get(kind, int(rng.integers(1, 4)))
    warmth = rng.normal({"room": 0.08, "evening": 0.15, "overcast": -0.05}.get(kind, 0.0), 0.07)
    tint = np.array([1 + warmth, 1.0, 1 - warmth])
    directions, colours = [], []
    for number in range(count):
        behind = number == 2  # a rim
        azimuth = np.pi + rng.normal(0, 0.7) if behind else rng.normal(0, spread if number == 0 else 1.2)
        rise = rng.uniform(low, high) if number == 0 else rng.uniform(0.0, 0.9)
        directions.append((np.sin(azimuth) * np.cos(rise), -np.cos(azimuth) * np.cos(rise), np.sin(rise)))
        much = strength * rng.uniform(0.75, 1.25) if number == 0 else rng.uniform(0.08, 0.45)
        own = tint if number == 0 else tint * np.exp(rng.normal(0, (0.12, 0.04, 0.12)))
        colours.append(own * much * (1 + rng.normal(0, 0.04, 3)))
    above = sky * rng.uniform(0.75, 1.3) * np.array([1 - 0.4 * warmth, 1.0, 1 + 0.4 * warmth])
    below = rng.uniform(0.3, 0.7) * above * np.array([1.06, 1.0, 0.92])
    drawn = Lighting(
        np.array(directions, np.float32),
        np.array(colours, np.float32),
        (float(above[0]), float(above[1]), float(above[2])),
        (float(below[0]), float(below[1]), float(below[2])),
        softness=float(softness * rng.uniform(0.8, 1.25)),
        dark=float(rng.uniform(0.5, 0.88)),  # light comes back from all around
    )
    chosen = drawn if rendering.has("lights") else _SOFT
    return chosen if rendering.has("shadows") else replace(chosen, dark=0.0)


def _draw_flaws(rng: np.random.Generator) -> Flaws:
    odd = rng.random(6)
    exposure = rng.normal(0, 0.16) if odd[0] > 0.06 else rng.choice((-1, 1)) * rng.uniform(0.5, 0.9)
    tint = np.exp(rng.normal(0, (0.05, 0.02, 0.06)))
    angle, length = rng.uniform(0, np.pi), rng.uniform(1.5, 4.0) if odd[1] < 0.025 else 0.0
    return Flaws(
        exposure=float(np.exp(exposure)),
        tint=(float(tint[0]), float(tint[1]), float(tint[2])),
        contrast=float(np.exp(rng.normal(0.06, 0.12))),
        blur=float(max(rng.normal(0.25, 0.25), 0)) + (float(rng.uniform(0.6, 1.5)) if odd[2] < 0.035 else 0.0),
        motion=(float(length * np.cos(angle)), float(length * np.sin(angle))),
        grain=float(abs(rng.normal(0.006, 0.006))) + (float(rng.uniform(0.01, 0.03)) if odd[3] < 0.06 else 0.0),
        shrink=float(rng.uniform(1.3, 2.6)) if odd[4] < 0.06 else 1.0,
        grey=bool(odd[5] < 0.04),
        quality=int(rng.integers(45, 97)) if rng.random() < 0.25 else int(rng.integers(75, 97)),
    )


def rotation(yaw: float, pitch: float, roll: float) -> NDArray[np.float64]:
    """(3, 3): turns a face that looks towards -y; about z, then about x, then about y."""
    about_z = np.array([[np.cos(yaw), -np.sin(yaw), 0], [np.sin(yaw), np.cos(yaw), 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, np.cos(pitch), np.sin(pitch)], [0, -np.sin(pitch), np.cos(pitch)]])
    about_y = np.array([[np.cos(roll), 0, np.sin(roll)], [0, 1, 0], [-np.sin(roll), 0, np.cos(roll)]])
    out: NDArray[np.float64] = about_y @ about_x @ about_z
    return out
