"""FaceTracer on faces of noise of which one part shows the attribute, and against its definition in scikit-learn."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import balanced_accuracy_score
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from kronface.errors import ConfigError, DataError
from kronface.faces.align import REFERENCE_POINTS, reference_points
from kronface.methods.face_tracer import LOCAL, REGIONS, FaceTracer, boosted, cut, describe, placed
from kronface.methods.interface import AttributeMethod, Faces, Pixels

SIZE = 64
ATTRIBUTES = ("Red_Cheek", "Striped_Eye", "Always", "Never")


def painted(count: int, seed: int) -> Faces:
    """Noise in a random colour; a red right cheek or none, and bars across the eyes, of the left upright or lying.

    The face moves, turns and grows in the image; what is painted goes with the landmarks.
    """
    rng = np.random.default_rng(seed)
    answers = rng.random((count, 2)) < 0.5
    images, landmarks = [], []
    for red, upright in answers:
        shades = rng.integers(80, 130, 3) + rng.normal(0, 20, (SIZE, SIZE, 3))
        angle, scale = rng.uniform(-0.15, 0.15), rng.uniform(0.8, 1.0)
        turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        points = (reference_points(SIZE) - 31.5) @ turn.T + 31.5 + rng.uniform(-4, 4, 2)

        def window(point: NDArray[np.float64], half_width: int, half_height: int) -> tuple[slice, slice]:
            x, y = point.round().astype(int)
            return slice(y - half_height, y + half_height + 1), slice(x - half_width, x + half_width + 1)

        # At the cheek's outer edge, where no other part reaches, and as bright as before, so that HOG does not see it.
        shades[window(points[[1, 4]].mean(0) + turn @ [7, 2], 3, 6)] += red * np.array([70, -70 * 0.299 / 0.587, 0])
        bars = 50 * np.sign(np.sin((np.arange(-6, 7) + rng.integers(4)) * np.pi / 2 + 0.1))
        for point, stand in ((points[0], upright), (points[1], rng.random() < 0.5)):  # the right eye's say nothing
            shades[window(point, 6, 6)] += (bars if stand else bars[:, None])[..., None] * np.ones((13, 13, 1))
        images.append(np.clip(shades, 0, 255).astype(np.uint8))
        landmarks.append(points)
    labels = np.hstack([answers, np.tile([True, False], (count, 1))]).astype(np.float32)
    return Faces(np.stack(images), np.arange(count), ATTRIBUTES, labels, np.stack(landmarks).astype(np.float32))


@pytest.fixture(scope="module")
def train() -> Faces:
    return painted(140, seed=0)


@pytest.fixture(scope="module")
def validation() -> Faces:
    return painted(50, seed=1)


@pytest.fixture(scope="module")
def test() -> Faces:
    return painted(60, seed=2)


def accuracy(predicted: NDArray[np.float32], faces: Faces) -> NDArray[np.float64]:
    shares: NDArray[np.float64] = ((predicted >= 0.5) == (faces.labels > 0.5)).mean(0)
    return shares


def test_learns_what_one_region_shows(train: Faces, validation: Faces, test: Faces) -> None:
    method: AttributeMethod = FaceTracer()
    told: list[str] = []

    def listen(stage: str, done: int, total: int) -> None:
        told.append(stage)

    method.fit(train, validation, progress=listen)
    predicted = method.predict(test)
    assert predicted.shape == (60, 4)
    assert predicted.dtype == np.float32
    # Nearly all of the 5,676 features are noise here.
    assert accuracy(predicted, test)[:2].min() > 0.8, accuracy(predicted, test)
    np.testing.assert_array_equal(predicted[:, 2:], np.tile([1.0, 0.0], (60, 1)))
    assert ((predicted[:, :2] > 0) & (predicted[:, :2] < 1)).all()
    assert told[-4:] == [f"FaceTracer, {name}" for name in ATTRIBUTES]
    np.testing.assert_allclose(method.predict(test.take(np.array([5]))), predicted[5:6], rtol=1e-4)
    assert method.predict(test.take(np.array([], np.int64))).shape == (0, 4)

    # The landmarks are used: without them the moving parts are mostly missed.
    astray = replace(test, landmarks=test.landmarks + np.float32(12))
    assert accuracy(method.predict(astray), test)[0] < 0.8


def test_selection_picks_the_regions_that_show_it(train: Faces, validation: Faces, test: Faces) -> None:
    method = FaceTracer(select=3, costs=(1.0,))
    method.fit(train, validation)
    assert set(method.selected) == {"Red_Cheek", "Striped_Eye"}
    assert all(1 <= len(set(chosen)) == len(chosen) <= 3 for chosen in method.selected.values())
    assert method.selected["Red_Cheek"][0] in {("right cheek", "rgb"), ("right cheek", "hsv")}
    assert method.selected["Striped_Eye"][0] == ("left eye", "hog")
    assert accuracy(method.predict(test), test)[:2].min() > 0.9

    alone = FaceTracer(select=1, costs=(1.0,))
    alone.fit(train.take(np.arange(80)), validation)
    few = test.take(np.arange(20))
    hidden = few.images.copy()
    hidden[:, :12] = 0  # the hair
    seen, unseen = (alone.predict(replace(few, images=images)) for images in (few.images, hidden))
    np.testing.assert_array_equal(seen, unseen)


def test_picks_on_people_it_has_not_seen(train: Faces, validation: Faces) -> None:
    """Labels by chance in training: machines know them by heart, and only validation shows what they are worth."""
    rows = np.arange(40)
    chance = np.random.default_rng(3).random((40, 1)) < 0.5
    taught, held = train.take(rows), validation.take(rows)
    taught, held = (
        Faces(part.images, part.people, ("Chance",), chance.astype(np.float32), part.landmarks)
        for part in (taught, held)
    )
    by_heart = FaceTracer(select=5, costs=(10.0,))
    by_heart.fit(taught, held.take(rows[:0]))
    fair = FaceTracer(select=5, costs=(10.0,))
    fair.fit(taught, held)
    assert len(by_heart.selected["Chance"]) == 1  # one that is always right on what it has seen
    assert len(fair.selected["Chance"]) > 1


def test_equals_the_definition_and_leaves_missing_labels_out(train: Faces, validation: Faces, test: Faces) -> None:
    labels = train.labels.copy()
    labels[::3, 0] = np.nan
    labels[::5, 2] = np.nan
    some = replace(train, labels=labels).take(np.arange(60))
    method = FaceTracer(costs=(2.0,))
    method.fit(some, validation.take(np.arange(0)))

    features = np.stack([describe(*pair) for pair in zip(some.images, some.landmarks, strict=True)])
    scaler = StandardScaler().fit(features)
    known = ~np.isnan(some.labels[:, 0])
    machine = LinearSVC(C=2.0 / features.shape[1], class_weight="balanced", random_state=0)
    machine.fit(scaler.transform(features)[known], some.labels[known, 0])
    few = test.take(np.arange(20))
    shown = scaler.transform(np.stack([describe(*pair) for pair in zip(few.images, few.landmarks, strict=True)]))
    predicted = method.predict(few)
    np.testing.assert_allclose(predicted[:, 0], 1 / (1 + np.exp(-machine.decision_function(shown))), rtol=1e-4)
    np.testing.assert_array_equal(predicted[:, 0] >= 0.5, machine.predict(shown) > 0.5)
    np.testing.assert_array_equal(predicted[:, 2], 1)


def test_validation_chooses_the_cost(train: Faces, validation: Faces) -> None:
    part, held = train.take(np.arange(30)), validation.take(np.arange(24))
    part, held = (replace(faces, attributes=ATTRIBUTES[:1], labels=faces.labels[:, :1]) for faces in (part, held))

    def answers(costs: tuple[float, ...], shown: Faces) -> NDArray[np.float32]:
        method = FaceTracer(costs=costs)
        method.fit(part, shown)
        return method.predict(held)

    costs = (1e-3, 100.0)
    single = [answers((cost,), held) for cost in costs]
    right = [balanced_accuracy_score(held.labels > 0.5, found >= 0.5) for found in single]
    assert right[0] != right[1]
    better = int(np.argmax(right))
    np.testing.assert_array_equal(answers(costs, held), single[better])
    # Validation with turned answers finds the other one better; without images the middle one is taken.
    np.testing.assert_array_equal(answers(costs, replace(held, labels=1 - held.labels)), single[1 - better])
    np.testing.assert_array_equal(answers((1.0, costs[0], 1.0), held.take(np.arange(0))), single[0])


def test_boosting_by_hand() -> None:
    answers = np.array([True, True, True, False, False, False])
    wrong = np.zeros((6, 3), bool)
    wrong[0, 0] = wrong[[0, 1], 1] = wrong[[2, 3], 2] = True
    # Errors 1/6, 2/6, 2/6: the first. Then image 0 weighs 1/2, the others 1/10: errors 0.5, 0.6, 0.2: the third.
    # The second is wrong wherever the first is, so its turn never comes.
    said = wrong ^ answers[:, None]
    assert boosted(said, answers, 3) == [0, 2]
    assert boosted(said, answers, 1) == [0]
    assert boosted(said[:, 1:], answers, 2) == [0, 1]
    assert boosted(np.stack([~answers, answers, answers], 1), answers, 3) == [1]
    # Where yes is rare, 'always no' is worth nothing.
    rare = np.array([True] + [False] * 9)
    half = np.array([True] + [True] * 3 + [False] * 6)
    assert boosted(np.stack([np.zeros(10, bool), half], 1), rare, 1) == [1]
    assert boosted(np.zeros((10, 2), bool), rare, 2) == [0]  # nothing is any use; one must be taken


@pytest.mark.parametrize(("angle", "scale", "shift"), [(0, 1, (0, 0)), (0, 0.5, (30, -9)), (0.4, 0.8, (-5.5, 12))])
def test_regions_go_with_the_landmarks(angle: float, scale: float, shift: tuple[float, float]) -> None:
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = REFERENCE_POINTS @ turn.T + shift
    for region in REGIONS:
        matrix = placed(points, region, 5)
        width, height = region.columns * 5, region.rows * 5
        edges = np.array([[-0.5, -0.5], [width - 0.5, -0.5], [width - 0.5, height - 0.5], [-0.5, height - 0.5]])
        found = edges @ matrix[:, :2].T + matrix[:, 2]
        half = np.array([region.columns, region.rows]) * region.cell / 2
        centre = np.asarray(region.anchor) @ REFERENCE_POINTS + [region.right, region.down]
        corners = centre + np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half
        np.testing.assert_allclose(found, corners @ turn.T + shift, atol=1e-3)


def test_one_landmark_alone_moves_its_own_region() -> None:
    points = REFERENCE_POINTS.copy()
    points[3:] += [[0, 8], [0, 8]]
    places = {
        region.name: placed(points, region, 8)[:, 2] - placed(REFERENCE_POINTS, region, 8)[:, 2] for region in REGIONS
    }
    assert places["mouth"][1] > 5
    assert abs(places["left eye"][1]) < 2


def test_a_patch_shows_what_lies_there() -> None:
    across, down = np.meshgrid(np.arange(112), np.arange(112))
    image = np.stack([across, down, np.zeros_like(across)], 2).astype(np.uint8)
    parts = {region.name: cut(image, REFERENCE_POINTS, region) for region in REGIONS}
    assert parts["left eye"].shape == (24, 32, 3)
    for name, point in {
        "left eye": (38.3, 51.7),
        "right eye": (73.5, 51.5),
        "nose": (56.0, 65.7),
        "mouth": (56.1, 92.3),
        "forehead": (55.9, 24.6),
    }.items():
        np.testing.assert_allclose(parts[name].reshape(-1, 3).mean(0)[:2], point, atol=1)
    assert parts["left cheek"][..., 0].max() < parts["right cheek"][..., 0].min()
    assert parts["left brow"][..., 1].max() < 51 < parts["upper lip"][..., 1].min()
    assert parts["chin"][..., 1].min() > 92
    # The hair's upper part lies above the image, where the first row goes on.
    assert parts["hair"][..., 1].min() == 0
    assert parts["face"].shape == (112, 112, 3)


def test_features_do_not_change_when_the_face_moves() -> None:
    def shown(right: int, down: int) -> NDArray[np.float32]:
        image = np.full((120, 120, 3), 90, np.uint8)
        face = np.random.default_rng(4).integers(0, 256, (64, 64, 3), dtype=np.uint8)
        image[20 + down : 84 + down, 25 + right : 89 + right] = face
        points = (REFERENCE_POINTS + 0.5) * 64 / 112 - 0.5 + [25 + right, 20 + down]
        return describe(image, points)

    still, moved = shown(0, 0), shown(7, -11)
    np.testing.assert_allclose(still, moved, atol=0.02)
    assert np.abs(still - describe(np.full((120, 120, 3), 90, np.uint8), reference_points(120))).max() > 0.2


def test_features_of_all_sizes_have_one_length() -> None:
    image = np.random.default_rng(5).integers(0, 256, (56, 56, 3), dtype=np.uint8)
    lengths = set()
    for size in (32, 56, 112, 150):
        scaled: Pixels = cv2.resize(image, (size, size)).astype(np.uint8)
        features = describe(scaled, reference_points(size))
        assert np.isfinite(features).all()
        lengths.add(features.shape)
        unknown = np.full((5, 2), np.nan)
        np.testing.assert_array_equal(describe(scaled, unknown), features)
    assert lengths == {(5676,)}
    assert len(LOCAL) == 3 * len(REGIONS)
    # Shares of shades in sixteen parts: 255, 0 and 64 are in parts 15, 0 and 4, a hue of 345 of 360 degrees is in 15.
    rose = np.full((112, 112, 3), (255, 0, 64), np.uint8)
    colours = describe(rose, reference_points(112))[-96:].reshape(6, 16)
    np.testing.assert_allclose(colours.argmax(1), [15, 0, 4, 15, 15, 15])
    np.testing.assert_allclose(colours.max(1), 1)


def test_what_cannot_be_learned_is_refused(train: Faces) -> None:
    some = train.take(np.arange(4))
    with pytest.raises(ConfigError, match="fit it first"):
        FaceTracer().predict(some)
    with pytest.raises(DataError, match="other attributes"):
        FaceTracer().fit(some, replace(some, attributes=("A", "B", "C", "D")))
    labels = some.labels.copy()
    labels[:, 1] = np.nan
    with pytest.raises(DataError, match="Striped_Eye"):
        FaceTracer().fit(replace(some, labels=labels), some)
    with pytest.raises(ConfigError, match="select"):
        FaceTracer(select=0)
    with pytest.raises(ConfigError, match="costs"):
        FaceTracer(costs=(0.0,))
