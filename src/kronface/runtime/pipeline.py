"""From a photograph to its faces, each with an embedding and attributes."""

from dataclasses import dataclass

import numpy as np

from kronface.faces.align import align
from kronface.faces.detect import Detector, Face
from kronface.faces.image import Image
from kronface.runtime.embedder import Embedder, Floats


@dataclass(frozen=True)
class AnalysedFace:
    """One face of a photograph."""

    face: Face
    crop: Image
    """(S, S, 3) aligned, as the network saw it."""
    embedding: Floats | None
    """(D,) of length 1, or None where the network has no identity branch."""
    attributes: dict[str, float]
    """Probability of each predicted attribute, in [0, 1]."""


class Pipeline:
    """Detector, alignment and network in a row.

    Args:
        detector: finds the faces.
        embedder: the network.
    """

    def __init__(self, detector: Detector, embedder: Embedder) -> None:
        self.detector = detector
        self.embedder = embedder

    def analyse(self, image: Image) -> list[AnalysedFace]:
        """Every face of a photograph (H, W, 3) uint8 RGB, largest first; an empty list where there is none."""
        faces = self.detector.detect(image)
        if not faces:
            return []
        size, reference = self.embedder.size, self.embedder.reference
        crops = [align(image, face.landmarks, size, reference) for face in faces]
        embeddings, probabilities = self.embedder(np.stack(crops))
        return [
            AnalysedFace(
                face,
                crops[row],
                None if embeddings is None else embeddings[row],
                {}
                if probabilities is None
                else dict(zip(self.embedder.predicted, probabilities[row].tolist(), strict=True)),
            )
            for row, face in enumerate(faces)
        ]
