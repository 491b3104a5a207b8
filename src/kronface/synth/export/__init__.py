"""Rendered people on disk: the engine that writes them, and one file per layout."""

from kronface.synth.export.celeba import write_celeba
from kronface.synth.export.folder import write_folder
from kronface.synth.export.megaface import write_megaface

__all__ = ["write_celeba", "write_folder", "write_megaface"]
