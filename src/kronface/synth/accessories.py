"""What is worn or held in front of a face, as geometry: spectacles, hats, earrings, masks, scarves, hands."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from kronface.synth.hair import ear_vertices
from kronface.synth.head import Floats, Head, part_vertices
from kronface.synth.identity import eye_vertices
from kronface.synth.kernels import CLOTH, FRAME, HAND
from kronface.synth.labels import point_vertices
from kronface.synth.part import COVER_PAINT, FRAME_PAINT, HAT_PAINT, METAL_PAINT, Part, grid_triangles, tube
from kronface.synth.styling import Spectacles, Styling

HATS = ("beanie", "peaked", "brimmed", "headscarf")
COVERS = ("scarf", "mask", "hand")

OUTLINE = 22
"""Corners of a lens."""

NOSE = 0.0075
"""Half of the room between two lenses, at least; metres."""

MASK_COLUMNS, MASK_ROWS, MASK_TURN = 21, 11, 0.72
"""Vertices across and down, and the turn at which it ends on either side."""


def accessories(head: Head, styling: Styling, neutral: Floats, expressed: Floats) -> list[Part]:
    """All parts of a styling but hair.

    Args:
        head: the template.
        styling: what is worn.
        neutral: (V, 3) of the person at rest.
        expressed: (V, 3) in the picture's expression.
    """
    parts: list[Part] = []
    if styling.spectacles is not None:
        parts += spectacles(head, styling.spectacles, neutral)
    if styling.hat:
        parts += hat(head, styling.hat, neutral, styling.cover_seed)
    if styling.earrings:
        parts += earrings(head, neutral, styling.cover_seed)
    makers = {"mask": mask, "scarf": scarf, "hand": hand}
    if styling.cover:
        parts += makers[styling.cover](head, expressed, np.random.default_rng([styling.cover_seed, 3]))
    return parts


def spectacles(head: Head, pair: Spectacles, neutral: Floats) -> list[Part]:
    """Two rims, a bridge, two temples that reach to the ears, and two lenses."""
    eyes = [neutral[part_vertices(head, part)] for part in (2, 1)]  # at -x, at +x
    half = float(np.mean([abs(eye[:, 0].mean()) for eye in eyes]))
    front = float(min(eye[:, 1].min() for eye in eyes)) - 0.013
    angle = np.arange(OUTLINE) / OUTLINE * 2 * np.pi
    power = 2 / pair.roundness
    width = min(pair.width, half - NOSE)
    outline_x = width * np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** power
    outline_z = pair.height * np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** power
    # The outer upper corner a little higher, the lower edge narrower, as most frames are.
    outline_x = outline_x * np.where(outline_z < 0, 0.94, 1.0)
    ears = ear_vertices(head)
    face = neutral[part_vertices(head, 0)]
    for side, eye in zip((-1, 1), eyes, strict=True):
        # A large nose keeps them away from the eyes.
        across = np.abs(side * face[:, 0] - half - 0.001) / (width + 0.001)
        rise = np.abs(face[:, 2] - float(eye[:, 2].mean()) + 0.003) / (pair.height + 0.001)
        behind = face[across**pair.roundness + rise**pair.roundness < 1]
        front = min(front, float((behind[:, 1] - 3.2 * behind[:, 0] ** 2).min(initial=1.0)) + 0.0085)
    parts = []
    for side, eye in zip((-1, 1), eyes, strict=True):
        x = side * (half + 0.001) + side * outline_x
        z = float(eye[:, 2].mean()) - 0.003 + outline_z
        y = front + 3.2 * x**2 - 0.01
        rim = np.stack([x, y, z], 1)
        parts.append(_solid(*tube(rim, pair.rim, sides=5, closed=True), FRAME, FRAME_PAINT))
        centre = rim.mean(0) - (0, 0.0025, 0)
        glass = np.concatenate([centre[None], rim]).astype(np.float32)
        corner = np.arange(OUTLINE)
        fan = np.stack([np.zeros(OUTLINE, int), corner + 1, (corner + 1) % OUTLINE + 1], 1).astype(np.int32)
        covers = np.zeros(len(glass), np.float32)
        parts.append(Part(glass, glass, fan, FRAME, FRAME_PAINT, covers, casts=False, lens=True))
        ear = neutral[ears & (side * neutral[:, 0] > 0)]
        top = ear[ear[:, 2].argmax()]
        hinge = rim[np.abs(x).argmax()] + (0, 0, 0.35 * pair.height)
        end = np.array([top[0] * 0.97, top[1] + 0.004, top[2] - 0.003])
        middle = 0.45 * hinge + 0.55 * end + (side * 0.006, 0, 0.001)
        temple = np.stack([hinge, middle, end])
        parts.append(_solid(*tube(temple, max(pair.rim * 1.2, 0.0011), sides=5), FRAME, FRAME_PAINT))
    inner = half + 0.001 - width
    across = np.linspace(-inner, inner, 7)
    level = float(np.mean([eye[:, 2].mean() for eye in eyes])) + 0.25 * pair.height
    bridge = np.stack([across, np.full(7, front - 0.011), level + 0.004 * (1 - (across / inner) ** 2)], 1)
    parts.append(_solid(*tube(bridge, max(pair.rim, 0.001), sides=5), FRAME, FRAME_PAINT))
    return parts


def hat(head: Head, kind: str, neutral: Floats, seed: int) -> list[Part]:
    """A crown that follows the skull, and a peak, a brim or the cloth of a headscarf."""
    rng = np.random.default_rng([seed, 4])
    around, rows = 48, 8
    turn = np.linspace(-np.pi, np.pi, around, endpoint=False)
    front, back = {
        "beanie": (rng.uniform(0.0, 0.16), -0.35),
        "peaked": (0.2, -0.12),
        "brimmed": (0.24, -0.02),
        "headscarf": (rng.uniform(0.2, 0.34), -0.45),
    }[kind]
    low = front + (back - front) * (0.5 - 0.5 * np.cos(turn))
    if kind == "headscarf":
        low = np.where(np.abs(turn) > 0.7, -0.75, low)
    share = np.linspace(0, 1, rows)[:, None]
    rise = low[None] + (np.pi / 2 - low[None]) * share
    height = {"beanie": rng.uniform(0.004, 0.03), "peaked": 0.012, "brimmed": 0.02, "headscarf": 0.006}[kind]
    centre, radius = _skull(head, neutral, np.broadcast_to(turn, rise.shape), rise)
    stand = 0.0105 + height * np.sin(np.clip(rise, 0, np.pi / 2)) ** 2
    direction = np.stack([np.cos(rise) * np.sin(turn), -np.cos(rise) * np.cos(turn), np.sin(rise)], 2)
    where = centre + direction * (radius + stand)[..., None]
    parts = [_solid(where.reshape(-1, 3), grid_triangles(rows, around, closed=True), CLOTH, HAT_PAINT)]
    edge, outwards = where[0], direction[0] * (1, 1, 0)
    outwards = outwards / np.maximum(np.linalg.norm(outwards, axis=1, keepdims=True), 1e-6)
    if kind in ("peaked", "brimmed"):
        width = (
            0.075 * np.clip(np.cos(turn * 1.25), 0, 1) ** 0.6 * (np.abs(turn) < 1.25)
            if kind == "peaked"
            else (np.full(around, rng.uniform(0.035, 0.06)))
        )
        steps = np.linspace(0, 1, 4)[:, None, None]
        droop = -0.22 if kind == "peaked" else rng.uniform(-0.3, 0.15)
        sheet = edge[None] + steps * width[None, :, None] * outwards[None]
        sheet[..., 2] += droop * (steps[..., 0] ** 1.5) * width[None]
        if kind == "peaked":
            kept = np.abs(turn) < 1.3
            parts.append(_solid(sheet[:, kept].reshape(-1, 3), grid_triangles(4, int(kept.sum())), CLOTH, HAT_PAINT))
        else:
            parts.append(_solid(sheet.reshape(-1, 3), grid_triangles(4, around, closed=True), CLOTH, HAT_PAINT))
    if kind == "headscarf":
        opening = rng.uniform(0.78, 0.9)
        columns, lower = 60, 12
        turns = np.linspace(opening, 2 * np.pi - opening, columns)
        down = np.linspace(0, 1, lower)[:, None]
        width = np.abs(where[..., 0]).max() + 0.004
        depth = (where[..., 1].max() - where[..., 1].min()) / 2 + 0.004
        middle_y = (where[..., 1].max() + where[..., 1].min()) / 2
        bulge = 0.97 - 0.12 * down + 0.35 * down**3
        folds = 1 + 0.02 * np.sin(turns * rng.uniform(9, 16)) * down
        x, y = width * np.sin(turns) * bulge * folds, middle_y - depth * np.cos(turns) * bulge * folds
        z = np.broadcast_to(0.06 - 0.25 * down, x.shape)
        parts.append(_solid(np.stack([x, y, z], 2).reshape(-1, 3), grid_triangles(lower, columns), CLOTH, HAT_PAINT))
        parts += scarf(head, neutral, rng, high=-0.1, paint=HAT_PAINT)
    return parts


def earrings(head: Head, neutral: Floats, seed: int) -> list[Part]:
    """A stud or a ring below each ear."""
    rng = np.random.default_rng([seed, 5])
    ears, ring = ear_vertices(head), rng.random() < 0.5
    size = rng.uniform(0.008, 0.018) if ring else rng.uniform(0.0025, 0.005)
    angle = np.arange(14) / 14 * 2 * np.pi
    parts = []
    for side in (-1, 1):
        ear = neutral[ears & (side * neutral[:, 0] > 0)]
        lobe = ear[ear[:, 2].argmin()] + (side * 0.003, -0.004, 0.003)
        if ring:
            path = lobe + np.stack([0 * angle, size * np.sin(angle), -size + size * np.cos(angle)], 1)
            parts.append(_solid(*tube(path, 0.0011, sides=5, closed=True), FRAME, METAL_PAINT))
        else:
            parts.append(_solid(*_ball(lobe, np.full(3, size)), FRAME, METAL_PAINT))
    return parts


def mask(head: Head, expressed: Floats, rng: np.random.Generator) -> list[Part]:
    """A cloth over nose, mouth and chin, with its bands to the ears."""
    rows, columns = MASK_ROWS, MASK_COLUMNS
    across = np.linspace(-1, 1, columns)[None]
    down = np.linspace(0, 1, rows)[:, None]
    frame = _frame(head)
    points = point_vertices(head)
    tip, wing, chin = (float(expressed[points[name], 2].max() + frame[2]) for name in ("nose_tip", "nose_wing", "chin"))
    upper = max(0.704 + rng.uniform(-0.012, 0.004), tip + 0.006, wing + 0.009) - 0.012 * across**2
    lower = min(0.611, chin - 0.013) + 0.03 * across**2
    level = upper + (lower - upper) * down
    turn = MASK_TURN * across + 0 * down
    radius = _radius(head, expressed, turn, level) + 0.0035
    radius += _needed(head, expressed, radius, level)
    place = np.stack([radius * np.sin(turn), -radius * np.cos(turn), level], 2) - frame
    parts = [_solid(place.reshape(-1, 3), grid_triangles(rows, columns), CLOTH, COVER_PAINT)]
    ears = ear_vertices(head)
    for side, column in ((-1, 0), (1, -1)):
        ear = expressed[ears & (side * expressed[:, 0] > 0)]
        for row in (1, rows - 2):
            band = np.stack([place[row, column], ear.mean(0) + np.array([0, 0.004, 0.012 if row == 1 else -0.012])])
            parts.append(_solid(*tube(band, 0.001, sides=4), CLOTH, COVER_PAINT))
    return parts


def scarf(
    head: Head, expressed: Floats, rng: np.random.Generator, *, high: float | None = None, paint: int = COVER_PAINT
) -> list[Part]:
    """A thick cloth around the neck; now and then up to the mouth. `high` fixes the height of its middle."""
    frame = _frame(head)
    neck = expressed[(np.abs(head.template[:, 2] - 0.605) < 0.01) & (np.hypot(*(head.template[:, :2].T)) < 0.12)]
    middle = (neck.max(0) + neck.min(0)) / 2
    level = (rng.uniform(0.6, 0.64) - frame[2]) if high is None else high
    parts = []
    for loop in range(2):
        angle = np.arange(40) / 40 * 2 * np.pi
        thick = rng.uniform(0.02, 0.03) * (1 + 0.2 * np.sin(angle * rng.integers(2, 6) + rng.uniform(0, 6)))
        tilt = rng.uniform(-0.012, 0.012)
        wide = (neck.max(0) - neck.min(0)) / 2 + 0.012 + 0.006 * loop
        path = np.stack(
            [
                middle[0] + wide[0] * np.sin(angle),
                middle[1] - wide[1] * np.cos(angle) - 0.01 * np.cos(angle),
                level - 0.028 * loop + tilt * np.sin(angle) - 0.012 * np.cos(angle),
            ],
            1,
        )
        parts.append(_solid(*tube(path, thick, sides=9, closed=True), CLOTH, paint))
    return parts


def hand(head: Head, expressed: Floats, rng: np.random.Generator) -> list[Part]:
    """Fingers and part of a palm against chin, cheek, mouth or brow."""
    frame = _frame(head)
    side = float(rng.choice((-1, 1)))
    x, z, lean = {
        0: (0.03, 0.622, 0.15),  # the chin
        1: (0.062, 0.655, 0.1),  # the cheek
        2: (0.01, 0.64, 0.9),  # the mouth
        3: (0.05, 0.735, 0.8),  # the brow
    }[int(rng.choice(4, p=(0.35, 0.35, 0.2, 0.1)))]
    way = np.array([-side * np.sin(lean), 0.0, np.cos(lean)])
    beside = np.array([way[2], 0.0, -way[0]])
    anchor = np.array([side * x + rng.normal(0, 0.006), 0.0, z - frame[2] + rng.normal(0, 0.008)])
    skin = part_vertices(head, 0)
    face = expressed[skin[expressed[skin, 1] < 0.06]]

    def before(place: NDArray[np.float64], radius: float) -> NDArray[np.float64]:
        distance = (face[:, 0] - place[0]) ** 2 + (face[:, 2] - place[2]) ** 2
        near = face[distance < max(float(distance.min()) * 1.5, 0.010**2)]
        return np.array([place[0], float(near[:, 1].min()) - radius * 0.9, place[2]])

    parts = []
    steps = np.linspace(0, 1, 6)
    for finger in range(4):
        length = (0.062, 0.072, 0.068, 0.054)[finger] * rng.uniform(0.75, 1.0)
        radius = (0.0085, 0.009, 0.0087, 0.0078)[finger]
        base = anchor + beside * (0.0185 * (finger - 1.5)) * side
        bend = rng.uniform(-0.15, 0.15)
        path = np.stack([before(base + (way + bend * beside * share) * length * share, radius) for share in steps])
        taper = radius * np.array([1.0, 1.03, 0.95, 0.9, 0.8, 0.35])
        parts.append(_solid(*tube(path, taper, sides=8), HAND, COVER_PAINT))
    palm = before(anchor - 0.028 * way, 0.012)
    parts.append(_solid(*_ball(palm, np.array([0.034, 0.013, 0.036])), HAND, COVER_PAINT))
    # The wrist and the arm go down and outwards, away from the face.
    elbow = palm + 0.16 * (-way + np.array([side * 0.5, -0.35, -0.9]))
    arm = np.stack([palm - 0.02 * way, palm - 0.045 * way + (0, -0.006, 0), elbow])
    parts.append(_solid(*tube(arm, np.array([0.022, 0.021, 0.03]), sides=10), HAND, COVER_PAINT))
    return parts


def _solid(positions: NDArray[np.floating], triangles: NDArray[np.int32], material: int, paint: int) -> Part:
    """A part whose strands are looked up where it is."""
    where = np.asarray(positions, np.float32)
    return Part(where, where, triangles, material, paint, np.zeros(len(where), np.float32))


def _ball(centre: NDArray[np.floating], radii: NDArray[np.floating]) -> tuple[Floats, NDArray[np.int32]]:
    rows, columns = 8, 12
    polar = np.linspace(0, np.pi, rows)[:, None]
    around = np.linspace(0, 2 * np.pi, columns, endpoint=False)[None]
    ball = np.broadcast_arrays(np.sin(polar) * np.cos(around), np.sin(polar) * np.sin(around), np.cos(polar))
    where = np.asarray(centre) + np.stack(ball, 2).reshape(-1, 3) * radii
    return where.astype(np.float32), grid_triangles(rows, columns, closed=True)


@cache
def _frame(head: Head) -> Floats:
    """(3,) the point between the eyes on the template: a person's places plus it lie near the template's."""
    out: Floats = head.template[eye_vertices(head)].mean(0)
    return out


@cache
def _scalp(head: Head) -> NDArray[np.int64]:
    """Numbers of the skin's vertices from the mouth upwards, without ears."""
    rest = head.template
    used = np.flatnonzero((rest[:, 2] > 0.66) & ~ear_vertices(head) & (np.abs(rest[:, 0]) < 0.12))
    return np.intersect1d(used, part_vertices(head, 0))


def _skull(
    head: Head, neutral: Floats, turn: NDArray[np.floating], rise: NDArray[np.floating]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Middle of the skull (3,), and the distance of the scalp from it in each direction."""
    rest = head.template
    used = _scalp(head)
    crown = neutral[used[rest[used, 2] > 0.76]]
    middle = (crown.max(0) + crown.min(0)) / 2
    centre = np.array([0.0, middle[1], 0.76 - float(_frame(head)[2])])
    arms = neutral[used] - centre
    lengths = np.linalg.norm(arms, axis=1)
    units = arms / lengths[:, None]
    wanted = np.stack([np.cos(rise) * np.sin(turn), -np.cos(rise) * np.cos(turn), np.sin(rise)], -1).reshape(-1, 3)
    return centre, _soft_maximum(wanted @ units.T, lengths, 90.0).reshape(turn.shape)


def _radius(head: Head, places: Floats, turn: NDArray[np.floating], level: NDArray[np.floating]) -> NDArray[np.float64]:
    """Distance of the skin from the template's vertical axis at places of a turn and a height on the template."""
    turns, levels, radii = _polar(head, places)
    near = (np.abs(turns) < 1.1) & (levels > 0.55) & (levels < 0.74)
    turns, levels, radii = turns[near], levels[near], radii[near]
    far = ((turn.reshape(-1, 1) - turns) / 0.085) ** 2 + ((level.reshape(-1, 1) - levels) / 0.0095) ** 2
    return _soft_maximum(1 - far, radii, 1.0).reshape(turn.shape)


def _needed(
    head: Head, places: Floats, radius: NDArray[np.float64], level: NDArray[np.floating]
) -> NDArray[np.float64]:
    """How much further out a mask's vertices must lie so that no skin sticks out of its triangles: noses do.

    Args:
        head: the template.
        places: (V, 3) of the person.
        radius: (rows, columns) of the mask's vertices from the vertical axis.
        level: (rows, columns) their heights on the template.
    """
    rows, columns = radius.shape
    turns, levels, radii = _polar(head, places)
    x = (turns / MASK_TURN + 1) / 2 * (columns - 1)
    inside = (x >= 0) & (x < columns - 1)
    x, levels, radii = x[inside], levels[inside], radii[inside]
    left = x.astype(int)
    upper, lower = (np.interp(x, np.arange(columns), row) for row in (level[0], level[-1]))
    y = (upper - levels) / (upper - lower) * (rows - 1)
    inside = (y >= 0) & (y < rows - 1)
    x, y, left, radii = x[inside], y[inside], left[inside], radii[inside]
    top = y.astype(int)
    x, y = x - left, y - top
    out = np.zeros_like(radius)
    for _ in range(2):
        a, b, c, d = ((radius + out)[top + i, left + j] for i in (0, 1) for j in (0, 1))
        cloth = np.where(x + y < 1, a + x * (b - a) + y * (c - a), d + (1 - x) * (c - d) + (1 - y) * (b - d))
        missing = radii + 0.0035 - cloth
        for i in (0, 1):
            for j in (0, 1):
                np.maximum.at(out, (top + i, left + j), out[top + i, left + j] + missing)
    return out


def _polar(head: Head, places: Floats) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Turn, height and distance from the template's vertical axis of the skin's vertices."""
    skin = part_vertices(head, 0)
    x, y, z = (places[skin] + _frame(head)).astype(np.float64).T
    return np.arctan2(x, -y), z, np.hypot(x, y)


def _soft_maximum(
    closeness: NDArray[np.floating], values: NDArray[np.floating], sharpness: float
) -> NDArray[np.float64]:
    """(N,) for each row of closeness (N, M) about the largest of the near values: what lies over them all."""
    # In single precision, which costs a ten-thousandth of a millimetre; numbers below its range would be slow.
    near = closeness.astype(np.float32)
    near -= near.max(1, keepdims=True)
    near *= np.float32(sharpness)
    near += (120 * (values - values.max())).astype(np.float32)
    weights = np.exp(np.maximum(near, -80, out=near), out=near)
    return np.asarray(np.einsum("nm,m->n", weights, values.astype(np.float32)) / weights.sum(1), np.float64)
