"""`kronface convert`: published weights as a checkpoint."""

from pathlib import Path


def convert(source: str, *, out: Path) -> str:
    """Makes a checkpoint of InsightFace's or AdaFace's published PyTorch weights, to train on from by --start.

    To use them as they are, no checkpoint is needed: every --checkpoint takes insightface:FILE and adaface:FILE, .pth
    or .onnx.

    Args:
        source: insightface:FILE or adaface:FILE, a PyTorch file of tensors.
        out: folder of the checkpoint.
    """
    from kronface.errors import ConfigError
    from kronface.network.published import SUFFIXES
    from kronface.runtime.load import family_of, published

    meant = family_of(Path(source))
    if meant is None or meant[1].suffix.lower() not in SUFFIXES:
        raise ConfigError(f"{source} names no published weights: write insightface:FILE.pth or adaface:FILE.ckpt")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ConfigError(f"{out} holds other files: name a new folder by --out")
    network, card = published(*meant)
    mark = network.save_pretrained(out, card=card)
    variant = (network.architecture or {})["variant"]
    return f"{variant}, {mark[:16]} (licence: {card.licence})\ncheckpoint: {out}"
