"""What every method of the tables promises, whichever it is."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from kronface.data.attributes import PREDICTED
from kronface.errors import DataError
from kronface.faces.align import reference_points
from kronface.methods.interface import AttributeMethod, Faces, IdentificationMethod
from kronface.methods.learning import Budget
from kronface.studies.tables.rows import TABLE_1, TABLE_2

SIZE = 64
BUDGET = Budget(passes=48, batch_size=16, seed=3)


def people(count: int, images: int, seed: int) -> Faces:
    """Blurred patches of each person's own colours under noise, with labels at random."""
    rng = np.random.default_rng(seed)
    own = np.kron(rng.integers(30, 220, (count, 8, 8, 3)), np.ones((1, SIZE // 8, SIZE // 8, 1)))
    noisy = np.repeat(own, images, 0) + rng.normal(0, 20, (count * images, SIZE, SIZE, 3))
    labels = np.repeat(rng.integers(0, 2, (count, len(PREDICTED))), images, 0).astype(np.float32)
    labels[0], labels[-1] = 0, 1  # nothing that everybody has, or nobody
    marks = np.tile(reference_points(SIZE).astype(np.float32), (count * images, 1, 1))
    owners = np.repeat(np.arange(count), images)
    return Faces(np.clip(noisy, 0, 255).astype(np.uint8), owners, PREDICTED, labels, marks)


@pytest.fixture(scope="module")
def known() -> Faces:
    return people(24, 6, 0)


@pytest.fixture(scope="module")
def others() -> Faces:
    return people(6, 3, 1)


@pytest.fixture(scope="module", params=TABLE_2)
def identifier(request: pytest.FixtureRequest, known: Faces) -> IdentificationMethod:
    """Each method of table 2 after a few passes, which must leave what it learned from as it was."""
    method = TABLE_2[request.param].make(BUDGET)
    before = (known.images.copy(), known.people.copy(), known.labels.copy())
    method.fit(known)
    for was, now in zip(before, (known.images, known.people, known.labels), strict=True):
        np.testing.assert_array_equal(was, now)
    return method


def test_features_are_a_pictures_own(identifier: IdentificationMethod, others: Faces) -> None:
    images = others.images.copy()
    features = identifier.embed(images)
    np.testing.assert_array_equal(images, others.images)
    assert features.dtype == np.float32
    assert features.ndim == 2
    assert np.isfinite(features).all()
    np.testing.assert_array_equal(identifier.embed(images), features)
    order = np.random.default_rng(2).permutation(len(images))
    scale = np.abs(features).max()
    np.testing.assert_allclose(identifier.embed(images[order]), features[order], atol=1e-4 * scale)
    np.testing.assert_allclose(identifier.embed(images[4:5]), features[4:5], atol=1e-4 * scale)


def test_similarity_is_the_same_from_both_sides(identifier: IdentificationMethod, others: Faces) -> None:
    features = identifier.embed(others.images)
    found = identifier.similarity(features[:5], features)
    assert found.shape == (5, len(features))
    assert np.isfinite(found).all()
    np.testing.assert_allclose(
        identifier.similarity(features, features[:5]).T, found, atol=1e-3 * np.abs(found).max(), rtol=1e-3
    )
    np.testing.assert_allclose(  # a pair's is its own, whoever else is compared
        identifier.similarity(features[2:3], features[7:8]), found[2:3, 7:8], atol=1e-3 * np.abs(found).max()
    )


def test_pixels_of_another_shape_or_type_are_refused(identifier: IdentificationMethod, others: Faces) -> None:
    if identifier.name == TABLE_2["chance"].make(BUDGET).name:
        return  # whose features are bytes, of whatever shape
    floats: Any = others.images.astype(np.float32)
    for wrong in (others.images[0], others.images[..., :2], floats, others.images[:, :50]):
        with pytest.raises(DataError, match="uint8"):
            identifier.embed(wrong)


@pytest.fixture(scope="module", params=TABLE_1)
def reader(request: pytest.FixtureRequest, known: Faces) -> AttributeMethod:
    """Each method of table 1 after a few passes."""
    method = TABLE_1[request.param].make(BUDGET)
    method.fit(known, people(12, 3, 5))
    return method


def test_answers_are_shares_and_a_pictures_own(reader: AttributeMethod, others: Faces) -> None:
    said = reader.predict(others)
    assert said.shape == (len(others), len(PREDICTED))
    assert ((said >= 0) & (said <= 1)).all()
    np.testing.assert_array_equal(reader.predict(others), said)
    order = np.random.default_rng(2).permutation(len(others))
    np.testing.assert_allclose(reader.predict(others.take(order)), said[order], atol=1e-3)


def test_answers_do_not_look_at_labels_or_people(reader: AttributeMethod, others: Faces) -> None:
    blind = replace(others, labels=1 - others.labels, people=np.full_like(others.people, -1))
    np.testing.assert_array_equal(reader.predict(blind), reader.predict(others))


@pytest.mark.parametrize("kind", [*TABLE_2, *TABLE_1])
def test_a_reduced_size_is_in_the_name(kind: str) -> None:
    row = TABLE_2.get(kind) or TABLE_1[kind]
    assert ("compact" in row.make(BUDGET).name) == row.learned
