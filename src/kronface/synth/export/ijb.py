"""Rendered people as InsightFace's pack of IJB-C has them: crops, and the meta files of 1:1 and 1:N."""

from collections.abc import Iterator
from contextlib import ExitStack
from math import cos
from pathlib import Path

from kronface.data.sources.ijb import IMAGES, META, POINTS, SUBJECTS, TEMPLATES
from kronface.synth.export.shape import Numbers, Shape
from kronface.synth.export.truth import MEASURES
from kronface.synth.export.writing import Note, open_files

TARGET = "ijbc"
PAIRS = "template_pair_label.txt"
IMPOSTORS = 10
"""Pairs of two people for each pair of one."""

HEADER = "TEMPLATE_ID,SUBJECT_ID,FILENAME\n"


def _files(person: int, numbers: Numbers) -> tuple[str, ...]:
    first = person * numbers.images + 1
    return tuple(f"{IMAGES}/{first + image}.jpg" for image in range(numbers.images))


def _index(out: Path, notes: Iterator[Note], numbers: Numbers) -> None:
    half = numbers.images // 2
    names = [f"{META}/{TARGET}_{name}" for name in (POINTS, TEMPLATES, PAIRS, *SUBJECTS[TARGET])]
    with ExitStack() as stack:
        points, templates, pairs, first, second, probes = open_files(stack, out, names)
        for file in (first, second, probes):
            file.write(HEADER)
        for number, note in enumerate(notes, 1):
            truth = note.truth
            name = Path(truth.path).name
            searched = truth.image >= half
            template = 2 * truth.identity + 1 + searched
            # A probe's last two images are frames of one video, where it has as many.
            frame = searched and truth.image == numbers.images - 1 and numbers.images - half > 1
            # Faces that are turned away count less, as a detector's confidence would have it.
            faceness = cos(truth.measures[MEASURES.index("yaw_rad")])
            points.write(f"{name} {' '.join(f'{value:.3f}' for value in truth.landmarks)} {faceness:.6f}\n")
            templates.write(f"{name} {template} {number - frame}\n")
            listed = probes if searched else (first, second)[truth.identity % 2]
            listed.write(f"{template},{truth.identity + 1},{truth.path}\n")
        for person in range(numbers.identities):
            pairs.write(f"{2 * person + 1} {2 * person + 2} 1\n")
            for step in range(1, min(IMPOSTORS, numbers.identities - 1) + 1):
                pairs.write(f"{2 * person + 1} {2 * ((person + step) % numbers.identities) + 2} 0\n")


IJB = Shape(
    layout="ijb",
    title="Rendered people in the layout of InsightFace's pack of IJB-C.",
    lines=(
        f"Each person has two templates: the first half of the pictures, enrolled in {SUBJECTS[TARGET][0]} or",
        f"{SUBJECTS[TARGET][1]}, and the others, which are searched for; the last two of those are frames of a video.",
        "Faceness is the cosine of the head's turn to the side.",
    ),
    framing="portrait",
    files=_files,
    index=_index,
    least=(2, 2),
)
