"""Figure 4: where the attribute branch looks, and whether that is where the attribute is."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from kronface.errors import ConfigError
from kronface.files import Progress, no_progress, write_bytes, write_json, write_text

ROWS: Mapping[str, str] = MappingProxyType(
    {"Big_Nose": "nose", "Big_Lips": "lips", "Narrow_Eyes": "eyes", "Bald": "top of the head"}
)
"""The paper's four attributes, and the part of the face that each is about."""

FRAMINGS: Mapping[str, str] = MappingProxyType({"aligned": "crop", "whole": "portrait"})
"""Aligned faces as in training; and whole pictures, in which nobody has looked for the face (the paper, §5.4)."""

SHOWN: Mapping[str, int] = MappingProxyType({"aligned": 2, "whole": 1})
"""Pictures of each attribute that are shown: those of the first people."""

LEAST_REGION = 8
"""Pixels of a region that can be pointed at."""

SEED = 44


def figure_4(
    checkpoint: Path,
    *,
    out: Path = Path("runs/figures"),
    people: int = 40,
    seed: int = SEED,
    device: str = "auto",
    progress: Progress = no_progress,
) -> str:
    """Draws activation maps of big nose, big lips, narrow eyes and bald, and measures whether they lie there.

    On rendered people who have the attribute, and whose nose, lips, eyes and top of the head are known: aligned faces,
    and whole pictures. Two kinds of map; of a network without global average pooling, which takes one size alone, the
    first kind on aligned faces. Each is compared with a map that is the same everywhere and with the same
    network with weights drawn anew. Leaves figure-4.png, figure-4.pdf, figure-4.json and figure-4.txt.

    Args:
        checkpoint: of a network that predicts the four attributes.
        out: folder for the files.
        people: of each attribute.
        seed: of the people; other people than those of other seeds.
        device: auto, cpu, cuda or cuda:N.
        progress: called as the work goes on.

    Returns:
        The measures, as a table.

    Raises:
        ConfigError: the network does not predict an attribute, or an impossible number.
    """
    from kronface.network.checkpoint import fingerprint
    from kronface.network.network import Network
    from kronface.studies.figures.activation_measures import (
        REDRAWN,
        Mapper,
        choose,
        measure,
        pictures,
        summarise,
    )
    from kronface.studies.figures.activation_panels import Panel, draw

    if people < max(SHOWN.values()):
        raise ConfigError(f"people is {people}: the figure shows {max(SHOWN.values())} of each attribute")
    network = Network.from_pretrained(checkpoint)
    for name in ROWS:
        if name not in network.predicted:
            raise ConfigError(f"{checkpoint} does not predict {name}, which figure 4 shows: bring a network that does")
    chosen = choose(people, seed, progress)
    framings = tuple(FRAMINGS) if network.trunk.pools else ("aligned",)
    maps_of = Mapper(network, device)
    found: list[dict[str, Any]] = []
    shown: list[Panel] = []
    done = 0
    for name, part in ROWS.items():
        values: dict[tuple[str, str], list[dict[str, float]]] = {}
        hidden = dict.fromkeys(FRAMINGS, 0)
        for place, number in enumerate(chosen[name]):
            for framing, image, region in pictures(part, number, seed, network.size, framings):
                maps, *redrawn = maps_of(image, name)
                if place < SHOWN[framing]:
                    shown.append(Panel(name, framing, image, region, maps))
                if region.sum() < LEAST_REGION:
                    hidden[framing] += 1
                    continue
                for kind, map_ in maps.items():
                    row = measure(region, map_, [other[kind] for other in redrawn])
                    values.setdefault((framing, kind), []).append(row)
            done += 1
            progress("drawing activation maps", done, people * len(ROWS))
        for (framing, kind), rows in values.items():
            described = {"attribute": name, "part": part, "picture": framing, "map": kind, "pictures": len(rows)}
            found.append(described | {"hidden": hidden[framing]} | summarise(rows))
    content = {
        "format": "kronface-figure-4/1",
        "checkpoint": str(checkpoint),
        "fingerprint": fingerprint(network),
        "size": network.size,
        "people": people,
        "seed": seed,
        "redrawn_networks": REDRAWN,
        "rows": found,
    }
    write_json(out / "figure-4.json", content)
    text = describe(content)
    write_text(out / "figure-4.txt", text + "\n")
    for suffix, data in draw(shown).items():
        write_bytes(out / f"figure-4.{suffix}", data)
    return f"{text}\n\nfigure: {out / 'figure-4.png'}"


def describe(content: Mapping[str, Any]) -> str:
    """The measures of figure-4.json, as a table and what it means."""
    lines = [
        f"{'attribute':12} {'part':16} {'picture':8} {'map':9} {'n':>4}  "
        f"{'share inside':21} {'uniform':>8} {'redrawn':>8}   {'peak inside':21} {'redrawn':>8}"
    ]
    for row in content["rows"]:
        share, peak = row["share"], row["peak"]
        lines.append(
            f"{row['attribute']:12} {row['part']:16} {row['picture']:8} {row['map']:9} {row['pictures']:4}  "
            f"{rate(share):21} {share['uniform']:8.3f} {share['redrawn']:8.3f}   "
            f"{rate(peak):21} {peak['redrawn']:8.3f}"
        )
    lines += ["", *conclusions(content), ""]
    lines.append(
        "Means over people with 95 % intervals. Share inside: of what the map has above its mean; peak inside: whether "
        "its highest value lies there. The uniform map scores the part's share of the picture in both."
    )
    return "\n".join(lines)


def conclusions(content: Mapping[str, Any]) -> list[str]:
    """What the measures support, a line for each kind of picture and of map."""
    lines = []
    for framing in FRAMINGS:
        rows = [row for row in content["rows"] if row["picture"] == framing]
        for kind in dict.fromkeys(row["map"] for row in rows):
            names = [row["attribute"] for row in rows if row["map"] == kind and _lies_there(row)]
            lines.append(
                f"{framing} pictures, {kind} maps: more of them lies where the attribute is than of a uniform map and "
                f"of a redrawn network's for {', '.join(names).replace('_', ' ') or 'none of the four'}."
            )
    return lines


def _lies_there(row: Mapping[str, Any]) -> bool:
    return all(row["share"][f"minus_{other}_low"] > 0 for other in ("uniform", "redrawn"))


def rate(value: Mapping[str, float]) -> str:
    """A mean with its interval."""
    return f"{value['value']:.3f} [{value['low']:.3f}, {value['high']:.3f}]"
