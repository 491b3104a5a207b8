"""Whether a map points at the part of the face that an attribute is about: two measures that need the true region.

Both compare with a map that says nothing, which scores the region's share of the picture in both.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Region = NDArray[np.bool_]


def share_inside(map_: Floats, region: Region) -> float:
    """Share of what the map has above its mean that lies inside of the region.

    The energy-based pointing game (Wang et al. 2020) for maps that have no zero of their own.

    Args:
        map_: (H, W) of any sign.
        region: (H, W) of the same picture.

    Returns:
        0 to 1; of a map that is the same everywhere, the region's share of the picture.
    """
    above = np.maximum(map_ - map_.mean(dtype=np.float64), 0.0)
    total = above.sum()
    return float(above[region].sum() / total) if total > 0 else float(region.mean())


def peak_inside(map_: Floats, region: Region) -> float:
    """Whether the map's highest value lies inside of the region (the pointing game, Zhang et al. 2018).

    Args:
        map_: (H, W).
        region: (H, W) of the same picture.

    Returns:
        1 or 0; where several pixels are highest, the share of them that lies inside.
    """
    return float(region[map_ == map_.max()].mean())


def widen(region: Region, pixels: float) -> Region:
    """The region and all within so many pixels of it: a map is no finer than half the distance of its positions."""
    if pixels <= 0 or not region.any():
        return region
    apart = cv2.distanceTransform((~region).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(apart <= pixels, np.bool_)
