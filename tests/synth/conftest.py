"""A head and people for all tests of the room."""

import pytest

from kronface.synth.head import Head, load_head
from kronface.synth.person import Person, make_person
from kronface.synth.settings import Rendering
from kronface.synth.statistics import draw_people

SEED = 11


@pytest.fixture(scope="session")
def head() -> Head:
    return load_head()


@pytest.fixture(scope="session")
def person(head: Head) -> Person:
    return make_person(head, 2, SEED)


@pytest.fixture(scope="session")
def crowd(head: Head) -> list[Person]:
    """A hundred people whose pictures nobody needs."""
    return list(draw_people(head, range(100), SEED, Rendering()))
