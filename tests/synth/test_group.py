import numpy as np

from kronface.faces.detect import YuFaceDetector
from kronface.synth.group import take_group_photo
from tests.synth.conftest import SEED


def test_everybody_is_found_where_the_photo_says() -> None:
    photo = take_group_photo([3, 1, 2], seed=SEED)
    again = take_group_photo([3, 1, 2], seed=SEED)
    np.testing.assert_array_equal(photo.image, again.image)
    assert photo.people == (3, 1, 2)
    assert photo.image.shape == (480, 960, 3)
    centres = [float(points.mean(0)[0]) for points in photo.landmarks]
    assert centres == sorted(centres)
    faces = sorted(YuFaceDetector().detect(photo.image), key=lambda face: float(face.box[0]))
    assert len(faces) == 3
    for face, landmarks, box in zip(faces, photo.landmarks, photo.boxes, strict=True):
        unit = np.linalg.norm(landmarks[3:].mean(0) - landmarks[:2].mean(0))
        assert np.linalg.norm(face.landmarks - landmarks, axis=1).mean() < 0.25 * unit
        assert (landmarks > box[:2]).all()
        assert (landmarks < box[:2] + box[2:]).all()
        low, high = np.maximum(face.box[:2], box[:2]), np.minimum(face.box[:2] + face.box[2:], box[:2] + box[2:])
        overlap = np.prod(np.maximum(high - low, 0))
        assert overlap > 0.5 * (np.prod(face.box[2:]) + np.prod(box[2:]) - overlap)
