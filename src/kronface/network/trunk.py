"""The trunk (the paper's net@1): VGG-19's convolutions, ended by global average pooling."""

from torch import Tensor, nn

LAYOUT: tuple[int | None, ...] = (1, 1, None, 2, 2, None, 4, 4, 4, 4, None, 8, 8, 8, 8, None, 8, 8, 8, 8)
"""Channels of the 16 convolutions in multiples of the width; None is a 2x2 max-pool of stride 2 (paper, §2)."""


COMPACT_LAYOUT: tuple[int | None, ...] = (2, 2, *LAYOUT[5:])
"""The same for a compact trunk, whose first convolution has stride 2."""


class Trunk(nn.Module):
    """VGG-19's sixteen 3x3 convolutions, four max-pools, and global average pooling in the fifth's place (paper, §2).

    The layers lie in one `features` sequence with torchvision's indices, so that a `vgg19` or `vgg19_bn` state dict
    fits key for key. Batch normalisation stands after each convolution, before ReLU (paper, §5).

    Args:
        width: channels of the first convolution; 64 is VGG-19.
        batch_norm: whether each convolution is followed by batch normalisation.
        compact: one 4x4 convolution of stride 2 stands for the first block and its max-pool, which on a processor cost
            a third of the time. Such a trunk is no VGG-19, and takes no VGG-19's weights.

    Shape:
        images (N, 3, H, W) float, H and W at least 16 -> face vectors u (N, 8·width).
    """

    pools = True
    """The face vector is the mean of the last map over its positions."""

    def __init__(self, *, width: int = 64, batch_norm: bool = True, compact: bool = False) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for multiple in COMPACT_LAYOUT if compact else LAYOUT:
            if multiple is None:
                layers.append(nn.MaxPool2d(2, 2))
                continue
            halves = compact and not layers
            layers.append(nn.Conv2d(channels, multiple * width, 4 if halves else 3, 2 if halves else 1, padding=1))
            channels = multiple * width
            if batch_norm:
                layers.append(nn.BatchNorm2d(channels))
            layers.append(nn.ReLU(inplace=True))
        self.features = nn.Sequential(*layers)
        self.batch_norm = batch_norm
        self.compact = compact
        self.output_size = channels

    def forward_map(self, images: Tensor) -> Tensor:
        """The last convolutional map: (N, 3, H, W) -> (N, 8·width, H // 16, W // 16), after ReLU."""
        out: Tensor = self.features(images)
        return out

    def forward_pool(self, feature_map: Tensor) -> Tensor:
        """Global average pooling: (N, K, h, w) -> u (N, K)."""
        return feature_map.mean((2, 3))

    def forward(self, images: Tensor) -> Tensor:
        """(N, 3, H, W) -> u (N, 8·width)."""
        return self.forward_pool(self.forward_map(images))
