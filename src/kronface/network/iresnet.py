"""IResNet, the residual trunk of today's face networks (Duta et al., ICPR 2020; Deng et al., CVPR 2019, §3.2.2)."""

from collections.abc import Sequence

from torch import Tensor, nn

STAGES = 4


class Block(nn.Module):
    """Batch normalisation, convolution, batch normalisation, PReLU, convolution (here the stride), batch normalisation.

    Args:
        channels: that come in.
        filters: that go out.
        stride: of the second convolution.
        pooled: a shortcut between equal numbers of channels takes every second pixel as it is, as AdaFace's networks
            do, where InsightFace's convolve.
        compact: ReLU stands for PReLU.
    """

    def __init__(self, channels: int, filters: int, *, stride: int, pooled: bool, compact: bool) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv1 = nn.Conv2d(channels, filters, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(filters)
        self.prelu = _rectifier(filters, compact=compact)
        self.conv2 = nn.Conv2d(filters, filters, 3, stride=stride, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(filters)
        self.downsample: nn.Module | None = None
        if channels != filters or (stride != 1 and not pooled):
            shortcut = nn.Conv2d(channels, filters, 1, stride=stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(filters))
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) -> (N, filters, H / stride, W / stride), rounded up."""
        y = self.bn3(self.conv2(self.prelu(self.bn2(self.conv1(self.bn1(x))))))
        short = x[:, :, :: self.stride, :: self.stride] if self.downsample is None else self.downsample(x)
        out: Tensor = y + short
        return out


def _rectifier(channels: int, *, compact: bool) -> nn.Module:
    return nn.ReLU(inplace=True) if compact else nn.PReLU(channels)


class IResNet(nn.Module):
    """A convolution, four stages that halve the map, and a layer over all positions: no pooling, unlike `Trunk`.

    Names of layers are InsightFace's, so that its published weights fit key for key.

    Args:
        blocks: in each of the four stages.
        width: channels of the first stage; they double from stage to stage.
        size: side of the images, of which the last layer depends.
        output_size: length of the face vector.
        pooled: of `Block`.
        scaled: whether the last batch normalisation has learned scales and shifts; AdaFace's has none.
        dropout: before the last layer, in training alone.
        compact: the first convolution, 4x4, has the stride of 2 that is the first stage's otherwise, and ReLU stands
            for PReLU: maps of full size and PReLU's gradient cost most on a processor (`benchmarks/training.py`). No
            published weights fit.

    Shape:
        images (N, 3, size, size) float -> face vectors u (N, output_size).
    """

    pools = False

    def __init__(
        self,
        blocks: Sequence[int],
        *,
        width: int = 64,
        size: int = 112,
        output_size: int = 512,
        pooled: bool = False,
        scaled: bool = True,
        dropout: float = 0.0,
        compact: bool = False,
    ) -> None:
        super().__init__()
        side, stride = (4, 2) if compact else (3, 1)
        self.conv1 = nn.Conv2d(3, width, side, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.prelu = _rectifier(width, compact=compact)
        widths = [width, *(width * 2**stage for stage in range(STAGES))]
        strides = (1 if compact else 2, 2, 2, 2)
        stages = [
            nn.Sequential(
                *(
                    Block(
                        widths[stage + (place > 0)],
                        widths[stage + 1],
                        stride=1 if place else strides[stage],
                        pooled=pooled,
                        compact=compact,
                    )
                    for place in range(count)
                )
            )
            for stage, count in enumerate(blocks)
        ]
        self.layer1, self.layer2, self.layer3, self.layer4 = stages
        self.bn2 = nn.BatchNorm2d(widths[-1])
        self.dropout = nn.Dropout(dropout)
        first = size // 2 if compact else -(-size // 2)
        self.side = -(-first // 2 ** (STAGES - 1))
        self.fc = nn.Linear(widths[-1] * self.side**2, output_size)
        self.features = nn.BatchNorm1d(output_size, affine=scaled)
        self.output_size = output_size
        self.requires_grad_(True)

    def requires_grad_(self, requires_grad: bool = True) -> "IResNet":
        """As of any module, but that the last normalisation's scale is never learned, only its shift, as published."""
        super().requires_grad_(requires_grad)
        if self.features.affine:
            self.features.weight.requires_grad_(False)
        return self

    def forward_map(self, images: Tensor) -> Tensor:
        """The last convolutional map: (N, 3, size, size) -> (N, 8·width, size / 16, size / 16)."""
        x = self.prelu(self.bn1(self.conv1(images)))
        out: Tensor = self.bn2(self.layer4(self.layer3(self.layer2(self.layer1(x)))))
        return out

    def forward_pool(self, feature_map: Tensor) -> Tensor:
        """All positions of the map: (N, K, h, w) -> u (N, output_size)."""
        out: Tensor = self.features(self.fc(self.dropout(feature_map.flatten(1))))
        return out

    def forward(self, images: Tensor) -> Tensor:
        """(N, 3, size, size) -> u (N, output_size)."""
        return self.forward_pool(self.forward_map(images))
