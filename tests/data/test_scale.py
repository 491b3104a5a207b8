import pytest

from kronface.data.scale import describe_scale, scale


@pytest.mark.parametrize(
    ("images", "people", "expected"),
    [
        (500_001, 20_001, "Large"),
        (500_000, 20_001, "Small"),  # more than half a million, not so many
        (500_001, 20_000, "Small"),
        (494_414, 10_575, "Small"),  # CASIA-WebFace
        (440_000, 10_000, "Small"),  # the paper's own
        (5_822_653, 85_742, "Large"),  # MS1M
        (202_599, 10_177, "Small"),  # CelebA
        (600_000, 10_000, "Small"),  # both must be exceeded, as the paper has it
    ],
)
def test_the_papers_rule(images: int, people: int, expected: str) -> None:
    assert scale(images, people) == expected


def test_in_words() -> None:
    assert describe_scale(494_414, 10_575) == (
        "training set: 494,414 images of 10,575 people, Small by the paper's rule"
    )
