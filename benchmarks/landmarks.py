"""How far the detector's landmarks lie from the true ones on rendered faces: what pretraining adds to exact landmarks.

Prints, for each of the five, the mean and the standard deviation of the difference in x and y, as shares of the side of
the aligned face (`studies.pretraining.shards.LANDMARK_BIAS` and `LANDMARK_ERROR`).
"""

import argparse

import numpy as np

from kronface.faces.align import REFERENCE_POINTS, REFERENCE_SIZE, similarity
from kronface.faces.detect import YuFaceDetector, largest_face
from kronface.studies.pretraining.recipe import PretrainingRecipe
from kronface.synth.head import load_head
from kronface.synth.person import make_person
from kronface.synth.picture import take_picture

SEED = 2_000_011


def main() -> None:
    """Draws, detects and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=400, help="one picture of each")
    given = parser.parse_args()
    rendering, detector, differences = PretrainingRecipe().shards().rendering(), YuFaceDetector(), []
    for identity in range(given.people):
        person = make_person(load_head(), identity, SEED, rendering)
        picture = take_picture(SEED, identity, 0, framing="celeba", person=person, rendering=rendering)
        face = largest_face(picture.image, detector)
        if face is not None:
            matrix = similarity(picture.landmarks, REFERENCE_POINTS)
            away = (face.landmarks - picture.landmarks) @ matrix[:, :2].T
            differences.append(away / REFERENCE_SIZE)
    found = np.array(differences)
    print(f"{len(found)} of {given.people} faces found")
    print("mean:", found.mean(0).round(3).tolist())
    print("standard deviation:", found.std(0).round(3).tolist())


if __name__ == "__main__":
    main()
