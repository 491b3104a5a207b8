"""Two kinds of errors that annotators make in the identity attributes, each as frequent as in CelebA.

Both leave every attribute's base rate as it is, and let two labels of one person agree as often as two labels of one
person in CelebA: by κ = (agreement - chance) / (1 - chance), chance = r² + (1 - r)² at the base rate r.

- flips: a label is turned over with a probability that depends on nothing but the label. With independent errors the
  correlation of two labels of a person is (1 - p₊ - p₋)², where p₊ and p₋ are the probabilities that a positive and a
  negative are turned; it must be κ. The base rate stays if r p₊ = (1 - r) p₋. Hence p₊ = (1 - r)(1 - √κ) and
  p₋ = r (1 - √κ).
- appearance: the label is judged on the picture. What expression, pose and perspective do to an attribute's measurement
  on the posed geometry, and how much light, blur and expression mislead about what geometry does not show, is added to
  the person's own measurement before the threshold. It is a function of the scene alone: the same picture always gets
  the same label, and a narrowed eye is called narrow.

`python -m kronface.synth.noise` draws 50,000 identities with two scenes each and prints `JUDGES`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from kronface.data.attributes import PREDICTED
from kronface.errors import ConfigError
from kronface.files import Progress, no_progress
from kronface.synth.head import Head, load_head
from kronface.synth.identity import PRIOR_MALE, Identity, draw_identity
from kronface.synth.labels import (
    BASE_RATES,
    CHUNK,
    THRESHOLDS,
    Measured,
    add,
    measure_parameters,
    measure_shape,
    measured_places,
    rest_points,
)
from kronface.synth.person import Person
from kronface.synth.scene import Scene, draw_scene, rotation
from kronface.synth.settings import LABEL_NOISE, Rendering

RATES: Mapping[str, float] = MappingProxyType({"Male": PRIOR_MALE} | dict(BASE_RATES))

KAPPA: Mapping[str, float] = MappingProxyType(
    {
        "Narrow_Eyes": 0.166,
        "Big_Nose": 0.554,
        "Pointy_Nose": 0.379,
        "Chubby": 0.509,
        "Double_Chin": 0.428,
        "High_Cheekbones": 0.335,
        "Male": 0.975,
        "Bald": 0.618,
        "Big_Lips": 0.695,
        "Oval_Face": 0.469,
        "Young": 0.799,
    }
)
"""Agreement of two labels of a person beyond chance, over the pairs of CelebA's first 20,000 pictures."""

MISLEADS: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "Narrow_Eyes": {"bright": 0.25, "turn": 0.2},
        "Big_Nose": {"side": 0.3, "smile": 0.2},
        "Pointy_Nose": {"side": 0.4, "blur": -0.2},
        "Chubby": {"smile": 0.4, "side": -0.4, "bright": 0.2},
        "Double_Chin": {"down": 1.0, "open": 0.6, "above": 0.3, "turn": 0.3},
        "High_Cheekbones": {"smile": 1.0, "above": 0.4, "side": 0.3},
        "Male": {"frown": 0.6, "smile": -0.6, "side": 0.5, "blur": -0.4, "bright": -0.4, "down": -0.3, "turn": 0.3},
        "Bald": {"down": 0.8, "above": 0.5, "bright": 0.6, "turn": -0.3, "blur": 0.3},
        "Big_Lips": {"above": 0.3, "smile": -0.3},
        "Oval_Face": {"side": 0.4, "smile": -0.2},
        "Young": {"smile": -0.4, "frown": -0.4, "side": -0.7, "blur": 0.6, "bright": 0.5, "grain": -0.3},
    }
)
"""How far each circumstance (`circumstances`) moves a judgement, beside what the geometry does; chosen."""

MOST = 3.0
"""Deviations of the geometry count up to so many times their usual size: in a profile some distances nearly vanish."""


@dataclass(frozen=True)
class Judge:
    """How one attribute is judged on a picture: measurement + gain · (deviation / unit + what misleads) > threshold."""

    unit: float
    """Usual size of the deviation that expression, pose and perspective cause in the measurement."""
    gain: float
    """In units of the measurement: at this gain the labels have the κ."""
    threshold: float
    """At this one they have the base rate."""


JUDGES: Mapping[str, Judge] = MappingProxyType(
    {
        "Narrow_Eyes": Judge(0.06010, 0.08962, -0.12139),
        "Big_Nose": Judge(0.06483, 0.05441, 0.96533),
        "Pointy_Nose": Judge(0.03446, 0.09207, -0.10073),
        "Chubby": Judge(0.13837, 0.20191, 3.09274),
        "Double_Chin": Judge(1.00000, 0.32573, 1.27377),
        "High_Cheekbones": Judge(0.04881, 0.02335, 0.19063),
        "Male": Judge(1.00000, 0.20812, 0.54511),
        "Bald": Judge(1.00000, 0.15224, 1.06922),
        "Big_Lips": Judge(0.01408, 0.01194, 0.19248),
        "Oval_Face": Judge(0.12246, 0.10002, -0.16087),
        "Young": Judge(1.00000, 3.52168, -49.51753),
    }
)
"""Found once from 50,000 drawn identities with two scenes each."""


def flip_probabilities(rate: float, kappa: float) -> tuple[float, float]:
    """Probabilities that a positive and that a negative label is turned over.

    Args:
        rate: share of positives, in (0, 1).
        kappa: agreement of two labels of a person beyond chance, in [0, 1].
    """
    lost = 1 - np.sqrt(kappa)
    return float((1 - rate) * lost), float(rate * lost)


def noisy_labels(
    kind: str, person: Person, *, image: int, scene: Scene, points: NDArray[np.floating]
) -> dict[str, int]:
    """What an annotator would say of the eleven identity attributes in one picture.

    Args:
        kind: none, flips or appearance.
        person: whose labels without noise are known.
        image: the picture's number: flips depend on it.
        scene: the picture's circumstances: appearance depends on them.
        points: (P, 3) places of `labels.measured_places` on the posed head, in metres, the point between the eyes at
            the origin, the camera at (0, -scene.distance, 0).

    Raises:
        ConfigError: an unknown kind.
    """
    if kind not in LABEL_NOISE:
        raise ConfigError(f"unknown label noise '{kind}': choose one of {', '.join(LABEL_NOISE)}")
    identity, clean = person.identity, dict(person.labels)
    if kind == "none":
        return clean
    if kind == "flips":
        draws = np.random.default_rng([identity.seed, identity.number, 1 + image, 12]).random(len(PREDICTED))
        for name, draw in zip(PREDICTED, draws, strict=True):
            clean[name] = int(flipped(np.array(clean[name]), np.array(draw), name))
        return clean
    rest = measured_places(person.head).on(person.neutral)
    own = measure_all(person.head, [identity], rest[None])
    moved, misled = deviations(person.head, rest[None], points[None], [scene])
    return clean | {name: int(judge(name, own, moved, misled)[0]) for name in JUDGES}


def flipped(labels: NDArray[np.integer], draws: NDArray[np.floating], name: str) -> NDArray[np.int8]:
    """Labels of one attribute, some turned over.

    Args:
        labels: (N,) 1 or 0.
        draws: (N,) uniform in [0, 1).
        name: the attribute.
    """
    lost, gained = flip_probabilities(RATES[name], KAPPA[name])
    return np.where(labels == 1, draws >= lost, draws < gained).astype(np.int8)


def judge(
    name: str, own: Measured, moved: Measured, misled: Measured, *, judges: Mapping[str, Judge] = JUDGES
) -> NDArray[np.int8]:
    """(N,) labels of one attribute: judged in N pictures from what `measure_all` and `deviations` gave."""
    how = judges[name]
    return (own[name] + how.gain * _error(moved[name], misled[name], how.unit) > how.threshold).astype(np.int8)


def _error(moved: NDArray[np.float64], misled: NDArray[np.float64], unit: float) -> NDArray[np.float64]:
    return np.clip(moved / unit, -MOST, MOST) + misled


def measure_all(head: Head, identities: Sequence[Identity], rest: NDArray[np.floating]) -> Measured:
    """(N,) of all eleven measurements, Male's included: how much the shape is a man's; `rest` (N, P, 3)."""
    male = {"Male": np.array([1 - identity.phenotypes["gender"] for identity in identities])}
    return male | add(measure_shape(rest), measure_parameters(head, identities))


def deviations(
    head: Head, rest: NDArray[np.floating], points: NDArray[np.floating], scenes: Sequence[Scene]
) -> tuple[Measured, Measured]:
    """What N pictures change about N people.

    Args:
        head: the template.
        rest: (N, P, 3) measured points at rest.
        points: (N, P, 3) the same, posed: see `noisy_labels`.
        scenes: N circumstances.

    Returns:
        (N,) deviations of each measurement, 0 where the geometry does not show the attribute; and (N,) how far the
        circumstances mislead, in units of the deviations' usual size.
    """
    distances = np.array([scene.distance for scene in scenes])
    near = (distances[:, None] / (distances[:, None] + points[:, :, 1]))[:, :, None]
    seen = _upright(np.where([True, False, True], points * near, points))
    before, after = measure_shape(rest), measure_shape(seen)
    given = circumstances(head, scenes)
    moved = {name: after[name] - before[name] if name in after else np.zeros(len(scenes)) for name in PREDICTED}
    misled = {
        name: np.sum([weight * given[what] for what, weight in weights.items()], axis=0)
        for name, weights in MISLEADS.items()
    }
    return moved, misled


def _upright(points: NDArray[np.floating]) -> NDArray[np.floating]:
    """(N, P, 3) points, turned in the picture so that the eyes are level: a tilted head misleads nobody."""
    across = points[:, 42:48].mean(1) - points[:, 36:42].mean(1)
    length = np.hypot(across[:, 0], across[:, 2])[:, None]
    cosine, sine = across[:, None, 0] / length, across[:, None, 2] / length
    x, z = points[:, :, 0], points[:, :, 2]
    return np.stack([cosine * x + sine * z, points[:, :, 1], cosine * z - sine * x], 2)


def circumstances(head: Head, scenes: Sequence[Scene]) -> Measured:
    """(N,) of what in a picture misleads a judge, each in units of about its usual size, at most three."""

    def action(*names: str) -> NDArray[np.float64]:
        numbers = [head.actions.index(name) for name in names]
        return np.array([scene.actions[numbers].mean() for scene in scenes], np.float64)

    light = np.array([_relief(scene) for scene in scenes])
    values = {
        "smile": action("mouthSmileLeft", "mouthSmileRight") / 0.35,
        "frown": action("browDownLeft", "browDownRight") / 0.15,
        "open": action("jawOpen") / 0.12,
        "down": np.array([-scene.pitch for scene in scenes]) / 0.14,
        "turn": np.abs([scene.yaw for scene in scenes]) / 0.3,
        "side": np.abs(light[:, 0]) / 0.25,
        "above": light[:, 1] / 0.25,
        "bright": np.log([scene.flaws.exposure for scene in scenes]) / 0.3,
        "blur": np.array([scene.flaws.blur for scene in scenes]) / 0.4,
        "grain": np.array([scene.flaws.grain for scene in scenes]) / 0.01,
    }
    return {name: np.clip(value, -3, 3) for name, value in values.items()}


def _relief(scene: Scene) -> tuple[float, float]:
    """Share of the light that the first lamp gives, times how far it stands to the side, and above."""
    lamps = scene.lighting
    key, ambient = float(lamps.colours[0].mean()), float(np.mean([lamps.sky, lamps.ground]))
    share = key / (key + ambient)
    return share * float(lamps.directions[0][0]), share * float(lamps.directions[0][2])


def kappa(labels: NDArray[np.integer]) -> float:
    """Agreement of two labels of a person beyond chance: (N, 2) labels, 1 or 0, of N people in two pictures."""
    rate = float(labels.mean())
    chance = rate**2 + (1 - rate) ** 2
    return (float((labels[:, 0] == labels[:, 1]).mean()) - chance) / (1 - chance)


def find_judges(
    people: int = 50_000,
    seed: int = 20_261_125,
    progress: Progress = no_progress,
    *,
    rendering: Rendering = Rendering(),  # noqa: B008 - it cannot change
) -> tuple[dict[str, Judge], dict[str, float]]:
    """Judges at which drawn people have the base rates and the κ, and the κ that they reach; takes some minutes.

    `JUDGES` are those of the usual scenes. Where `rendering` leaves some of them out, less misleads, and others are
    needed.
    """
    own, moved, misled = draw_judgements(people, seed, progress, rendering=rendering)
    judges, reached = {}, {}
    thresholds = dict(THRESHOLDS) | {"Male": 0.5}
    for name in PREDICTED:
        # The share of those who are drawn, not the rate that they are drawn from: what noise adds is looked for alone.
        rate = float((own[name] > thresholds[name]).mean())
        unit = float(moved[name].std()) or 1.0
        error = _error(moved[name], misled[name], unit)
        usual = float(np.diff(np.quantile(own[name], (1 - rate, 1 - rate / 2)))[0])
        low, high = 0.0, 64.0
        for _ in range(30):
            gain = (low + high) / 2
            total = own[name][:, None] + gain * usual * error
            threshold = float(np.quantile(total, 1 - rate))
            reached[name] = kappa((total > threshold).astype(np.int8))
            low, high = (gain, high) if reached[name] > KAPPA[name] else (low, gain)
        judges[name] = Judge(unit, gain * usual, threshold)
    return judges, reached


def draw_judgements(
    people: int,
    seed: int,
    progress: Progress = no_progress,
    *,
    images: int = 2,
    rendering: Rendering = Rendering(),  # noqa: B008 - it cannot change
) -> tuple[Measured, Measured, Measured]:
    """What `people` drawn identities measure (N,), and the deviations of drawn scenes of each (N, images).

    Identities and scenes are those of a rendered set with the same seed.
    """
    head = load_head()
    parts = []
    for first in range(0, people, CHUNK):
        progress("judging people", first, people)
        identities = [draw_identity(head, number, seed) for number in range(first, min(first + CHUNK, people))]
        rest = rest_points(head, identities)
        moved, misled = [], []
        for image in range(images):
            scenes = [draw_scene(head, seed, identity.number, image, rendering) for identity in identities]
            two = deviations(head, rest, posed_points(head, rest, scenes), scenes)
            moved.append(two[0])
            misled.append(two[1])
        parts.append((measure_all(head, identities, rest), _side_by_side(moved), _side_by_side(misled)))
    own, moves, misleads = (_end_to_end([part[k] for part in parts]) for k in range(3))
    return own, moves, misleads


def annotate(
    people: int,
    seed: int,
    *,
    images: int,
    judges: Mapping[str, Judge],
    rendering: Rendering = Rendering(),  # noqa: B008 - it cannot change
    progress: Progress = no_progress,
) -> dict[str, NDArray[np.int8]]:
    """What annotators would say of the pictures of a rendered set by appearance: (people, images) of each attribute."""
    own, moved, misled = draw_judgements(people, seed, progress, images=images, rendering=rendering)
    return {name: judge(name, {name: own[name][:, None]}, moved, misled, judges=judges) for name in judges}


def posed_points(head: Head, rest: NDArray[np.floating], scenes: Sequence[Scene]) -> NDArray[np.float64]:
    """(N, P, 3) measured points at rest -> the same in the scenes' expressions and poses."""
    basis = _measured_actions(head)
    actions = np.stack([scene.actions for scene in scenes]).astype(np.float64)
    expressed = np.array(rest, np.float64)
    for number, moves in enumerate(basis):
        expressed += actions[:, number, None, None] * moves
    middle = expressed[:, 36:48].mean(1, keepdims=True)
    turns = np.stack([rotation(scene.yaw, scene.pitch, scene.roll) for scene in scenes])
    return np.asarray(np.einsum("nij,npj->npi", turns, expressed - middle), np.float64)


@cache
def _measured_actions(head: Head) -> NDArray[np.float64]:
    """(52, P, 3) how the facial actions move the measured points."""
    places = measured_places(head)
    columns = places.vertices[:, :, None] * 3 + np.arange(3)
    moved = np.einsum("npkd,pk->npd", head.action_basis[:, columns].astype(np.float64), places.weights)
    return np.asarray(moved, np.float64)


def _side_by_side(parts: Sequence[Measured]) -> Measured:
    return {name: np.stack([part[name] for part in parts], 1) for name in parts[0]}


def _end_to_end(parts: Sequence[Measured]) -> Measured:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


if __name__ == "__main__":
    found, kappas = find_judges()
    for attribute, how in found.items():
        row = f"Judge({how.unit:.5f}, {how.gain:.5f}, {how.threshold:.5f})"
        print(f'        "{attribute}": {row},  # kappa {kappas[attribute]:.3f}')  # noqa: T201
