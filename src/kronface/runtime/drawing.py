"""Boxes, landmarks and names drawn onto a photograph."""

from collections.abc import Sequence

import cv2
import numpy as np

from kronface.faces.detect import Face
from kronface.faces.image import Image

COLOUR = (0, 158, 115)
WEIGHT = 500
"""Of the letters: between regular (400) and bold (700)."""


def draw_faces(image: Image, faces: Sequence[Face], labels: Sequence[str]) -> Image:
    """A copy of (H, W, 3) RGB with each face's box, five landmarks and label."""
    drawn = image.copy()
    font = cv2.FontFace("sans")
    line = max(round(max(image.shape[:2]) / 500), 1)
    for face, label in zip(faces, labels, strict=True):
        x, y, w, h = (round(float(value)) for value in face.box)
        cv2.rectangle(drawn, (x, y), (x + w, y + h), COLOUR, line)
        for point in face.landmarks:
            cv2.circle(drawn, (round(float(point[0])), round(float(point[1]))), line + 1, (240, 228, 66), -1)
        scale = max(w / 220, 0.4)
        text = "".join(letter if letter.isprintable() else "?" for letter in label)
        # Unlike OpenCV's older fonts, this one has letters beyond ASCII: names are written as they are.
        size = round(30 * scale)
        _, rise, width, extent = cv2.getTextSize((0, 0), text, (0, 0), font, size, WEIGHT)
        height, base = -rise, extent + rise
        top = y - base - 2 if y - height - base - 4 >= 0 else y + h + height + 4
        left = int(np.clip(x, 0, max(image.shape[1] - width, 0)))
        cv2.rectangle(drawn, (left, top - height - 2), (left + width, top + base), COLOUR, -1)
        cv2.putText(drawn, text, (left, top), (255, 255, 255), font, size, WEIGHT)
    return drawn
