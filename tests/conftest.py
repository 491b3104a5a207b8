"""Rendered people that several rooms' tests read: made once per session, by the project's own writer."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def celeba_people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve people with four pictures each in CelebA's layout: six to train, four for validation, two for test."""
    from kronface.synth.export import write_celeba

    root = tmp_path_factory.mktemp("rendered") / "celeba"
    write_celeba(root, identities=12, images=4, seed=5, validation=4, test=2, workers=2)
    return root


@pytest.fixture(scope="session")
def folder_people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six people with three portraits each, one folder per person; the detector finds every face."""
    from kronface.synth.export import write_folder
    from kronface.synth.settings import Rendering

    root = tmp_path_factory.mktemp("rendered") / "folder"
    write_folder(root, identities=6, images=3, seed=5, rendering=Rendering(max_yaw_rad=0.785), workers=1)
    return root
