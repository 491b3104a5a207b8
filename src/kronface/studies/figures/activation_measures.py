"""Figure 4's people, pictures, maps and measures."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from kronface.errors import ConfigError
from kronface.files import Progress
from kronface.studies.figures.activation import FRAMINGS, ROWS

if TYPE_CHECKING:
    from kronface.network.network import Network
    from kronface.synth.picture import Picture
    from kronface.synth.settings import Rendering

REDRAWN = 3
"""Networks of the same shape with weights drawn anew that maps are compared with."""

POOL, MOST_DRAWN = 200, 20_000
"""People drawn at a time, and at most, in search of those who have an attribute."""

POSITION = 16
"""Pixels from one position of a map to the next."""


def choose(people: int, seed: int, progress: Progress) -> dict[str, list[int]]:
    """The first people of a seed who have each attribute.

    Raises:
        ConfigError: there are not so many.
    """
    from kronface.synth.statistics import draw_table

    chosen: dict[str, list[int]] = {name: [] for name in ROWS}
    for first in range(0, MOST_DRAWN, POOL):
        table = draw_table(POOL, seed, first=first, rendering=_rendering())
        for name, numbers in chosen.items():
            rows = np.flatnonzero(table.attributes[name] == 1)[: people - len(numbers)]
            numbers.extend(int(row) + first for row in rows)
        progress("looking for people", min(len(numbers) for numbers in chosen.values()), people)
        if all(len(numbers) == people for numbers in chosen.values()):
            return chosen
    raise ConfigError(f"people is {people}: so many who are bald are not among {MOST_DRAWN:,} people; ask for fewer")


def _rendering() -> "Rendering":
    """Pictures as plain as those that the demo and the ablation train on."""
    from kronface.studies.demo import LARGEST_YAW_RAD, LEFT_OUT
    from kronface.synth.settings import Rendering

    return Rendering(max_yaw_rad=LARGEST_YAW_RAD, without=LEFT_OUT)


def pictures(
    part: str, number: int, seed: int, size: int, framings: Sequence[str] = tuple(FRAMINGS)
) -> Iterator[tuple[str, NDArray[np.uint8], NDArray[np.bool_]]]:
    """One aligned face, and one whole picture in which the face is about as large; each with the part's region.

    Those of some framings alone are the same pictures.
    """
    import cv2

    from kronface.synth.head import load_head
    from kronface.synth.person import make_person
    from kronface.synth.picture import take_picture

    person = make_person(load_head(), number, seed, _rendering())
    for image, (framing, kind) in enumerate(FRAMINGS.items()):
        if framing not in framings:
            continue
        picture = take_picture(
            seed, number, image, framing=kind, person=person, rendering=_rendering(), size=size, masks=True
        )
        pixels, region = picture.image, region_of(picture, part)
        if framing == "whole":
            # The face of a portrait has about the pixels of an aligned one of 112.
            side = (round(pixels.shape[1] * size / 112), round(pixels.shape[0] * size / 112))
            pixels = np.asarray(cv2.resize(pixels, side, interpolation=cv2.INTER_AREA), np.uint8)
            region = cv2.resize(region.astype(np.uint8), side, interpolation=cv2.INTER_NEAREST) > 0
        yield framing, pixels, region


def region_of(picture: "Picture", part: str) -> NDArray[np.bool_]:
    """(H, W) where a part of the face is seen: nose, lips, eyes, or the top of the head, above the brows.

    Raises:
        ConfigError: the picture was taken without masks.
    """
    from kronface.synth.picture import REGIONS

    if picture.regions is None:
        raise ConfigError("the picture was taken without masks: take it with them")
    if part != "top of the head":
        return np.asarray(picture.regions == REGIONS.index(part), np.bool_)
    brows = picture.landmarks68[17:27]
    along = picture.landmarks[1] - picture.landmarks[0]
    up = np.array([along[1], -along[0]]) / np.linalg.norm(along)
    rows, columns = np.indices(picture.regions.shape)
    height = (columns - brows[:, 0].mean()) * up[0] + (rows - brows[:, 1].mean()) * up[1]
    above = height > max(float(((brows - brows.mean(0)) @ up).max()), 0.0)
    return np.asarray(above & np.isin(picture.regions, [REGIONS.index("skin"), REGIONS.index("hair")]))


class Mapper:
    """Makes the maps of a network, and of networks like it with weights drawn anew."""

    def __init__(self, network: "Network", device: str) -> None:
        from kronface.hardware import resolve_device
        from kronface.network.variants import initialise

        self._device = resolve_device(device)
        self._networks = [network, *(copy.deepcopy(network) for _ in range(REDRAWN))]
        for seed, other in enumerate(self._networks[1:], 1):
            initialise(other, seed)
        for each in self._networks:
            each.eval().to(self._device)

    def __call__(self, image: NDArray[np.uint8], name: str) -> list[dict[str, NDArray[np.float32]]]:
        """(H, W) maps of one picture (H, W, 3) by kind; those of the network itself come first."""
        import torch

        from kronface.explain.activation_maps import KINDS, enlarge, kinds

        found = []
        for network in self._networks:
            pixels = network.preprocess(torch.from_numpy(image[None]).to(self._device))
            made = {kind: enlarge(KINDS[kind](network, pixels, [name]), *image.shape[:2]) for kind in kinds(network)}
            found.append({kind: maps[0, 0].cpu().numpy() for kind, maps in made.items()})
        return found


def measure(
    region: NDArray[np.bool_], map_: NDArray[np.floating], redrawn: Sequence[NDArray[np.floating]]
) -> dict[str, float]:
    """How far one picture's map lies in a region, beside a uniform map and those of redrawn networks.

    Args:
        region: (H, W).
        map_: (H, W).
        redrawn: each (H, W); the mean of what they score counts.
    """
    from kronface.explain.localisation import peak_inside, share_inside, widen

    wide = widen(region, POSITION / 2)  # a map is no finer
    return {
        "share": share_inside(map_, wide),
        "share_redrawn": float(np.mean([share_inside(other, wide) for other in redrawn])),
        "peak": peak_inside(map_, wide),
        "peak_redrawn": float(np.mean([peak_inside(other, wide) for other in redrawn])),
        "uniform": float(wide.mean()),
    }


def summarise(rows: Sequence[Mapping[str, float]], *, seed: int = 0) -> dict[str, dict[str, float]]:
    """Means over people, and what they exceed the other maps by, with 95 % intervals: one row of `measure` each."""
    from kronface.evaluation.bootstrap import interval, ratio_samples

    summary: dict[str, dict[str, float]] = {}
    for key in ("share", "peak"):
        value = np.array([row[key] for row in rows])
        others = {"uniform": np.array([row["uniform"] for row in rows])}
        others["redrawn"] = np.array([row[f"{key}_redrawn"] for row in rows])
        found = {"value": value} | {f"minus_{name}": value - other for name, other in others.items()}
        part = {name: float(other.mean()) for name, other in others.items()}
        for name, values in found.items():
            low, high = interval(ratio_samples(values, np.ones(len(values)), seed=seed))
            prefix = "" if name == "value" else f"{name}_"
            part |= {name: float(values.mean()), f"{prefix}low": float(low), f"{prefix}high": float(high)}
        summary[key] = part
    return summary
