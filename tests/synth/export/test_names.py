from itertools import product

import pytest

from kronface.synth.export import names
from kronface.synth.export.names import NAMES, invented_name, member_id, shuffled


def test_names_are_unique_as_texts_too() -> None:
    men = {start + end for start, end in product(names.GIVEN_STARTS, names.MENS_ENDS)}
    women = {start + end for start, end in product(names.GIVEN_STARTS, names.WOMENS_ENDS)}
    families = {"".join(parts) for parts in product(names.FAMILY_STARTS, names.FAMILY_MIDDLES, names.FAMILY_ENDS)}
    assert len(men) * len(families) == len(women) * len(families) == NAMES
    assert not men & women
    assert all(name.isascii() and name.isalpha() and name.istitle() for name in men | women | families)


def test_people_of_a_seed_share_no_name_and_seeds_differ() -> None:
    people = [invented_name(number, male=number % 3 == 0, seed=4) for number in range(5000)]
    assert len(set(people)) == 5000
    assert people[7] == invented_name(7, male=False, seed=4)
    assert people[7] != invented_name(7, male=False, seed=5)
    assert len({name.split()[0] for name in people[:60]}) > 30  # neighbours do not look alike


def test_members_numbers() -> None:
    members = {member_id(number, seed=4) for number in range(5000)}
    assert len(members) == 5000
    assert len({member[:3] for member in members}) > 500
    assert {len(member) for member in members} == {12}


@pytest.mark.parametrize("size", [1, 2, 30, 97])
def test_shuffling_loses_nothing(size: int) -> None:
    assert sorted(shuffled(number, size, 3) for number in range(size)) == list(range(size))
