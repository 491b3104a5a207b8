"""A head and a person for all tests of the room."""

import pytest

from kronface.synth.head import Head, load_head
from kronface.synth.person import Person, make_person

SEED = 11


@pytest.fixture(scope="session")
def head() -> Head:
    return load_head()


@pytest.fixture(scope="session")
def person(head: Head) -> Person:
    return make_person(head, 2, SEED)
