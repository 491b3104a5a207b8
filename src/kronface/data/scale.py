"""Whether a training set is Small or Large by the paper's rule: methods are only compared within one of the two."""

from typing import Literal

Scale = Literal["Small", "Large"]

LARGE_IMAGES, LARGE_PEOPLE = 500_000, 20_000


def scale(images: int, people: int) -> Scale:
    """Large is a training set of more than 500,000 images and more than 20,000 people, every other one Small (§5.1)."""
    return "Large" if images > LARGE_IMAGES and people > LARGE_PEOPLE else "Small"


def describe_scale(images: int, people: int) -> str:
    """The same in words."""
    return f"training set: {images:,} images of {people:,} people, {scale(images, people)} by the paper's rule"
