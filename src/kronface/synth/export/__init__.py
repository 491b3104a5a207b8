"""Rendered people on disk: the engine that writes them, and one file per layout."""

from collections.abc import Mapping
from types import MappingProxyType

from kronface.synth.export.casia import CASIA
from kronface.synth.export.celeba import write_celeba
from kronface.synth.export.facescrub import FACESCRUB
from kronface.synth.export.fgnet import FGNET
from kronface.synth.export.folder import write_folder
from kronface.synth.export.ijb import IJB
from kronface.synth.export.lfw import LFW
from kronface.synth.export.megaface import write_megaface
from kronface.synth.export.recordio import RECORDIO
from kronface.synth.export.shape import Shape, write_shape

SHAPES: Mapping[str, Shape] = MappingProxyType(
    {shape.layout: shape for shape in (CASIA, RECORDIO, LFW, FACESCRUB, FGNET, IJB)}
)
"""The layouts that `write_shape` writes, by name."""

__all__ = ["SHAPES", "write_celeba", "write_folder", "write_megaface", "write_shape"]
