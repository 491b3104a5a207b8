"""Boxes, landmarks and names drawn onto a photograph."""

from collections.abc import Sequence

import cv2
import numpy as np

from kronface.faces.detect import Face
from kronface.faces.image import Image

COLOUR = (0, 158, 115)


def draw_faces(image: Image, faces: Sequence[Face], labels: Sequence[str]) -> Image:
    """A copy of (H, W, 3) RGB with each face's box, five landmarks and label (letters outside of ASCII as ?)."""
    drawn = image.copy()
    line = max(round(max(image.shape[:2]) / 500), 1)
    for face, label in zip(faces, labels, strict=True):
        x, y, w, h = (round(float(value)) for value in face.box)
        cv2.rectangle(drawn, (x, y), (x + w, y + h), COLOUR, line)
        for point in face.landmarks:
            cv2.circle(drawn, (round(float(point[0])), round(float(point[1]))), line + 1, (240, 228, 66), -1)
        scale = max(w / 220, 0.4)
        text = label.encode("ascii", "replace").decode()
        (width, height), base = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, line)
        top = y - base - 2 if y - height - base - 4 >= 0 else y + h + height + 4
        left = int(np.clip(x, 0, max(image.shape[1] - width, 0)))
        cv2.rectangle(drawn, (left, top - height - 2), (left + width, top + base), COLOUR, -1)
        cv2.putText(drawn, text, (left, top), cv2.FONT_HERSHEY_SIMPLEX, scale, (255, 255, 255), line, cv2.LINE_AA)
    return drawn
