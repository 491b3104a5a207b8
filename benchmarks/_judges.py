"""dlib's own crops and calls (`dlib-bin`) beside its network in PyTorch, as an outside judge of faces.

`check_agreement` compares both networks in every run.
"""

from functools import cache

import dlib
import numpy as np
import torch
from numpy.typing import NDArray

from kronface.faces.detect import Face
from kronface.faces.image import Image
from kronface.runtime.dlib_network import CHIP, WEIGHTS, DlibNetwork, model_path


@cache
def network() -> DlibNetwork:
    """The network, in eval mode."""
    return DlibNetwork(model_path(WEIGHTS)).eval()


@cache
def _shape_predictor() -> dlib.shape_predictor:
    return dlib.shape_predictor(str(model_path("shape_predictor_5_face_landmarks.dat")))


def chip(image: Image, face: Face) -> Image:
    """(150, 150, 3): the face as dlib crops it, by its own landmarks inside the detector's box."""
    x, y, width, height = (float(value) for value in face.box)
    # dlib's boxes are squares from the brows to the chin.
    side = 0.5 * (width + height)
    left, top = x + 0.5 * (width - side), y + height - side
    box = dlib.rectangle(round(left), round(top), round(left + side), round(top + side))
    crop = dlib.get_face_chip(image, _shape_predictor()(image, box), size=CHIP, padding=0.25)
    return np.asarray(crop, np.uint8)


def embed(chips: list[Image], *, batch: int = 32) -> NDArray[np.float32]:
    """(N, 128) descriptors."""
    parts = []
    with torch.inference_mode():
        for start in range(0, len(chips), batch):
            pixels = torch.from_numpy(np.stack(chips[start : start + batch])).permute(0, 3, 1, 2).float()
            parts.append(network()(pixels.contiguous(memory_format=torch.channels_last)).numpy())
    return np.concatenate(parts)


def check_agreement(chips: list[Image]) -> float:
    """The largest difference of any number from what dlib's own call gives."""
    own = dlib.face_recognition_model_v1(str(model_path(WEIGHTS)))
    theirs = np.array([own.compute_face_descriptor(np.ascontiguousarray(face)) for face in chips])
    return float(np.abs(theirs - embed(chips)).max())
