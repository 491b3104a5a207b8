"""Kronface: face identification and facial attributes with one network.

A VGG-19 trunk ends in global average pooling; one branch predicts identity-invariant attributes; their logits are
fused with the face vector by a Kronecker product; the identity branch classifies from that (Taherkhani, Nasrabadi and
Dawson, CVPR Workshops 2018). Importing this package imports none of the heavy libraries.
"""

from importlib.metadata import version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kronface.network.network import Network as Network

__all__ = ["Network", "__version__"]
__version__ = version("kronface")


def __getattr__(name: str) -> object:
    """Imports the public classes on first use, so that `import kronface` stays fast."""
    if name == "Network":
        from kronface.network.network import Network

        return Network
    raise AttributeError(f"module 'kronface' has no attribute {name!r}")
