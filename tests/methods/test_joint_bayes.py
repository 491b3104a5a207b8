"""Joint Bayes against brute-force Gaussians, a slow loop over people, and the fixed point worked out by hand."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import multivariate_normal
from sklearn.decomposition import PCA

from kronface.errors import ConfigError, DataError
from kronface.methods.interface import Faces, IdentificationMethod
from kronface.methods.joint_bayes import (
    JointBayesChen,
    JointBayesDevkit,
    JointBayesModel,
    fit_em,
    posterior_means,
)
from kronface.methods.lbp import LbpAhonen, LbpDevkit

Matrix = NDArray[np.float64]


def covariance(size: int, seed: int, scale: float = 1.0) -> Matrix:
    """A random one that is far from diagonal."""
    drawn = np.random.default_rng(seed).normal(size=(size, 2 * size))
    found: Matrix = scale * drawn @ drawn.T / (2 * size)
    return found


def sample(between: Matrix, within: Matrix, counts: NDArray[np.int64], seed: int) -> tuple[Matrix, NDArray[np.int64]]:
    """Features of people with the given numbers of images, shuffled, and whose they are."""
    rng = np.random.default_rng(seed)
    people = np.repeat(np.arange(len(counts)), counts)
    own = rng.multivariate_normal(np.zeros(len(between)), between, len(counts))
    features = 3 + own[people] + rng.multivariate_normal(np.zeros(len(within)), within, len(people))
    order = rng.permutation(len(people))
    return features[order], people[order]


def slow_em(features: Matrix, people: NDArray[np.int64], steps: int) -> tuple[Matrix, Matrix]:
    """Chen's formulas as they are written, person by person and image by image, after `steps` of them."""
    centred = features - features.mean(0)
    persons = [centred[people == person] for person in np.unique(people)]
    between = np.cov(np.stack([images.mean(0) for images in persons]).T)
    within = np.cov(np.concatenate([images - images.mean(0) for images in persons if len(images) > 1]).T)
    for _ in range(steps):
        identities: list[Matrix] = []
        errors: list[Matrix] = []
        f = np.linalg.inv(within)
        for images in persons:
            m = len(images)
            g = -np.linalg.inv(m * between + within) @ between @ f
            identities.append(np.sum([between @ (f + m * g) @ x for x in images], axis=0))
            errors.extend(x + within @ g @ images.sum(0) for x in images)
        between, within = np.cov(np.stack(identities).T), np.cov(np.stack(errors).T)
    return between, within


@pytest.mark.parametrize("images", [1, 2, 5])
def test_expectation_is_the_joint_gaussians(images: int) -> None:
    d = 3
    between, within = covariance(d, 0), covariance(d, 1, 0.5)
    x = np.random.default_rng(2).normal(size=(images, d))
    # h = (μ, ε_1 … ε_m) has a block-diagonal covariance of (m + 1) d, and x = P h.
    prior = np.zeros(((images + 1) * d, (images + 1) * d))
    prior[:d, :d] = between
    sums = np.zeros((images * d, (images + 1) * d))
    for image in range(images):
        block = slice(d * image, d * (image + 1))
        prior[d * (image + 1) : d * (image + 2), d * (image + 1) : d * (image + 2)] = within
        sums[block, :d] = np.eye(d)
        sums[block, d * (image + 1) : d * (image + 2)] = np.eye(d)
    expected = prior @ sums.T @ np.linalg.solve(sums @ prior @ sums.T, x.ravel())
    found = posterior_means(x.sum(0, keepdims=True), np.array([images]), between, within)[0]
    np.testing.assert_allclose(found, expected[:d], rtol=1e-9)
    np.testing.assert_allclose(x - found, expected[d:].reshape(images, d), rtol=1e-9)


def test_steps_equal_the_formulas_person_by_person() -> None:
    counts = np.array([1, 1, 2, 2, 2, 3, 4, 4, 7, 9, 1, 2, 6])
    features, people = sample(covariance(4, 3), covariance(4, 4, 0.5), counts, seed=5)
    for steps in (1, 2, 15):
        model = fit_em(features, people * 17 - 3, iterations=steps, tolerance=0)
        between, within = slow_em(features, people, steps)
        np.testing.assert_allclose(model.between, between, rtol=1e-8, atol=1e-10)
        np.testing.assert_allclose(model.within, within, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(model.mean, features.mean(0))


def test_ratio_is_twice_the_logarithm_of_scipys_densities() -> None:
    d = 4
    model = JointBayesModel(np.arange(d) / 2, covariance(d, 6, 2.0), covariance(d, 7))
    total = model.between + model.within
    f, g = np.linalg.inv(model.within), -np.linalg.inv(2 * model.between + model.within) @ model.between
    g = g @ f
    np.testing.assert_allclose(model.cross_form, g, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(model.own_form, np.linalg.inv(total) - (f + g), rtol=1e-9, atol=1e-12)

    pairs = np.random.default_rng(8).normal(size=(40, 2, d)) * 2
    mean = np.tile(model.mean, 2)
    same = multivariate_normal(mean, np.block([[total, model.between], [model.between, total]]))
    different = multivariate_normal(mean, np.block([[total, np.zeros((d, d))], [np.zeros((d, d)), total]]))
    logarithms = same.logpdf(pairs.reshape(40, -1)) - different.logpdf(pairs.reshape(40, -1))

    one, other = model.embed(pairs[:, 0]), model.embed(pairs[:, 1])
    found = JointBayesChen().similarity(one.astype(np.float32), other.astype(np.float32)).diagonal()
    assert np.ptp(logarithms) > 5
    constant = logarithms - found / 2
    np.testing.assert_allclose(constant, constant.mean(), atol=2e-5)
    # The projection's products are the cross term.
    np.testing.assert_allclose(
        one[:, :-1] @ other[:, :-1].T, -(pairs[:, 0] - model.mean) @ g @ (pairs[:, 1] - model.mean).T, atol=1e-9
    )


def fixed_point(a: float, b: float, m: int) -> tuple[float, float]:
    """Where posterior means lead to, for one coordinate (docstring of `fit_em`); it starts above the larger root."""
    c = m * a + b
    inside = (1 + 2 / m) ** 2 - 4 * (1 + 1 / m) / c * (a + b)
    if inside < 0:
        return 0.0, a + b
    t = (1 + 2 / m + inside**0.5) / (2 * (1 + 1 / m) / c)
    return t * t / (m * c), a + b - 2 * t / m + t * t / (m * c)


def test_a_sample_of_the_model_gives_it_back_as_far_as_posterior_means_can() -> None:
    m, spreads, noises = 10, np.array([4.0, 2.0, 1.0, 0.05]), np.array([1.0, 0.5, 1.0, 1.0])
    turn = np.linalg.qr(np.random.default_rng(9).normal(size=(4, 4)))[0]
    between, within = turn * spreads @ turn.T, turn * noises @ turn.T
    features, people = sample(between, within, np.full(4000, m), seed=10)
    model = fit_em(features, people)

    expected = np.array([fixed_point(a, b, m) for a, b in zip(spreads, noises, strict=True)])
    assert expected[3, 0] == 0  # too little to be kept
    assert 0.9 < expected[2, 0] < 0.92  # a = b = 1 leads to m / (m + 1)
    # Sampling: a covariance's entry errs by about √(2/4000) = 2 % of the variances, three times of that is allowed.
    for found, values in ((model.between, expected[:, 0]), (model.within, expected[:, 1])):
        seen = turn.T @ found @ turn
        np.testing.assert_allclose(seen.diagonal(), values, rtol=0.07, atol=1e-3)
        np.testing.assert_allclose(seen - np.diag(seen.diagonal()), 0, atol=0.15)
    # Both fall short of the truth, so does their sum: by 9 % where both variances are equal.
    sums = (turn.T @ (model.between + model.within) @ turn).diagonal() / (spreads + noises)
    np.testing.assert_allclose(sums[:3], expected[:3].sum(1) / (spreads + noises)[:3], rtol=0.07)
    assert (sums[:3] < 1).all()

    # What counts: pairs are ordered nearly as by the true model.
    true = JointBayesModel(np.full(4, 3.0), between, within)
    probes, _ = sample(between, within, np.full(60, 2), seed=11)
    ratios = [JointBayesChen().similarity(*[known.embed(probes).astype(np.float32)] * 2) for known in (true, model)]
    upper = np.triu_indices(len(probes), 1)
    assert np.corrcoef(ratios[0][upper], ratios[1][upper])[0, 1] > 0.97


def test_stops_when_little_changes() -> None:
    features, people = sample(covariance(3, 12, 3.0), covariance(3, 13), np.full(60, 6), seed=14)
    changes: list[float] = []

    def listen(stage: str, done: int, total: int) -> None:
        changes.append(float(stage.rsplit(maxsplit=1)[-1]))

    fit_em(features, people, tolerance=1e-3, progress=listen)
    few = len(changes)
    assert changes[-1] <= 1e-3 < changes[-2]
    fit_em(features, people, progress=listen)
    assert few < len(changes) - few < 500
    assert changes[-1] <= 1e-6


def test_people_with_one_image_say_something_of_who_differs() -> None:
    counts = np.concatenate([np.full(150, 8), np.full(600, 1)])
    features, people = sample(np.diag([6.0, 0.0]), np.eye(2), counts, seed=15)
    model = fit_em(features, people)
    vectors, ratios = model.basis
    assert ratios[1] > 1
    assert ratios[0] < 1e-3
    assert abs(vectors[0, 1]) > 20 * abs(vectors[1, 1])


def test_what_cannot_be_learned_is_refused() -> None:
    rng = np.random.default_rng(16)
    values = rng.normal(size=(20, 3))
    with pytest.raises(DataError, match="two people"):
        fit_em(values, np.zeros(20))
    with pytest.raises(DataError, match="two images"):
        fit_em(values, np.arange(20))
    with pytest.raises(DataError, match="do not fit"):
        fit_em(values, np.zeros(19))
    with pytest.raises(DataError, match="not finite"):
        fit_em(np.where(values > 1, np.nan, values), np.arange(20) // 2)
    with pytest.raises(DataError, match="fewer components"):
        fit_em(np.hstack([values, values[:, :1]]), np.arange(20) // 2)
    with pytest.raises(DataError, match="fewer components"):
        fit_em(np.repeat(values, 2, axis=0), np.arange(40) // 2)  # each person's two images are the same
    with pytest.raises(DataError, match="more images per person"):
        fit_em(rng.normal(size=(4000, 2)), np.arange(4000) // 2)


def people_of_noise(people: int, images: int, seed: int) -> Faces:
    """Blurred patterns: of a few the share is the person's, of a few others the image's; and noise."""
    size, identities, nuisances = 64, 10, 10
    fixed, rng = np.random.default_rng(100), np.random.default_rng(seed)
    numbers = np.repeat(np.arange(people), images)
    shapes = np.stack(
        [cv2.GaussianBlur(one, (0, 0), 2.0) for one in fixed.normal(size=(identities + nuisances, size, size))]
    )
    shares = np.hstack(
        [rng.normal(size=(people, identities))[numbers], 1.5 * rng.normal(size=(len(numbers), nuisances))]
    )
    grey = 128 + 120 * np.tensordot(shares, shapes, 1) + rng.normal(0, 3, (len(numbers), size, size))
    pixels = np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[..., None], 3, 3)
    nothing = np.zeros((len(numbers), 0), np.float32)
    return Faces(pixels, numbers, (), nothing, np.zeros((len(numbers), 5, 2), np.float32))


@pytest.mark.parametrize("method", [JointBayesChen(), JointBayesDevkit()], ids=lambda method: method.name)
def test_learned_projections_tell_new_people_apart_better_than_the_raw_features(
    method: IdentificationMethod,
) -> None:
    with pytest.raises(ConfigError, match="fit it first"):
        method.embed(np.zeros((1, 64, 64, 3), np.uint8))
    train, test = people_of_noise(60, 6, seed=17), people_of_noise(40, 2, seed=18)
    stranger = train.people.copy()
    stranger[:6] = -1
    method.fit(Faces(train.images, stranger, (), train.labels, train.landmarks))
    embedded = method.embed(test.images)
    assert embedded.dtype == np.float32
    assert embedded.shape == (80, 147 + (method.name == "Joint Bayes (Chen)"))  # half of 354 images - 59 people
    np.testing.assert_allclose(embedded[3:4], method.embed(test.images[3:4]), rtol=1e-4, atol=1e-5)

    scores = method.similarity(embedded[::2], embedded[1::2])
    np.testing.assert_allclose(scores, method.similarity(embedded[1::2], embedded[::2]).T, rtol=1e-5, atol=1e-5)
    raw = LbpAhonen() if method.name == "Joint Bayes (Chen)" else LbpDevkit()
    features = raw.embed(test.images)
    plain = raw.similarity(features[::2], features[1::2])
    learned, before = ((part.argmax(1) == np.arange(40)).mean() for part in (scores, plain))
    assert learned > before + 0.1, (learned, before)

    again = type(method)()
    again.fit(Faces(train.images, stranger, (), train.labels, train.landmarks))
    np.testing.assert_array_equal(again.embed(test.images), embedded)


def test_ratios_in_blocks_equal_a_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kronface.methods.joint_bayes.ROWS", 4)
    model = JointBayesModel(np.zeros(3), covariance(3, 19), covariance(3, 20))
    x = np.random.default_rng(21).normal(size=(11, 3))
    features = model.embed(x).astype(np.float32)
    found = JointBayesChen().similarity(features[:9], features)
    a, g = model.own_form, model.cross_form
    expected = [[one @ a @ one + other @ a @ other - 2 * one @ g @ other for other in x] for one in x[:9]]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)

    train = people_of_noise(8, 4, seed=22)
    blocks = JointBayesChen(components=3)
    blocks.fit(train)
    small = blocks.embed(train.images)
    monkeypatch.setattr("kronface.methods.joint_bayes.ROWS", 100)
    whole = JointBayesChen(components=3)
    whole.fit(train)
    assert small.shape == (32, 4)
    np.testing.assert_allclose(whole.embed(train.images), small, rtol=1e-4, atol=1e-5)


def test_methods_equal_their_parts_joined_by_hand() -> None:
    train, test = people_of_noise(30, 4, seed=25), people_of_noise(5, 1, seed=26)
    for method, raw in (
        (JointBayesChen(components=12), lambda images: np.sqrt(LbpAhonen().embed(images))),
        (JointBayesDevkit(components=12), LbpDevkit().embed),
    ):
        method.fit(train)
        components = PCA(12, random_state=0)
        model = fit_em(components.fit_transform(raw(train.images)), train.people)
        features = components.transform(raw(test.images)) - model.mean
        products = -features @ model.cross_form @ features.T
        owns = np.einsum("nd,de,ne->n", features, model.own_form, features)
        if isinstance(method, JointBayesChen):
            expected = 2 * products + owns[:, None] + owns
        else:  # (x - y)' L'L (x - y)
            expected = 2 * products - products.diagonal()[:, None] - products.diagonal()
        embedded = method.embed(test.images)
        np.testing.assert_allclose(method.similarity(embedded, embedded), expected, rtol=1e-3, atol=1e-3)


def test_too_few_people_or_odd_numbers_are_refused() -> None:
    single = people_of_noise(6, 1, seed=23)
    for method in (JointBayesChen(), JointBayesDevkit()):
        with pytest.raises(DataError, match="several images"):
            method.fit(single)
    alone = people_of_noise(1, 6, seed=24)
    with pytest.raises(DataError, match="two people"):
        JointBayesChen().fit(alone)
    with pytest.raises(ConfigError, match="components"):
        JointBayesDevkit(components=0)
