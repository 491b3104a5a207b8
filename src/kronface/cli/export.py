"""`kronface export`: a trained network for other programs."""

from pathlib import Path

from kronface.cli.checkpoints import choose_checkpoint


def export(*, out: Path, checkpoint: Path | None = None) -> str:
    """Writes a network as an ONNX file, with a card (.yaml) that says how pictures are prepared for it.

    The file is compared with the checkpoint before the command ends. Every command that takes --checkpoint takes the
    card, too; thresholds for unknown people go along.

    Args:
        out: the file, NAME.onnx; NAME.yaml and NAME.calibration.json are written beside it.
        checkpoint: a checkpoint folder, rendered or distilled; by default the package's own, or the demo's.
    """
    from kronface.runtime.export import export_onnx

    done = export_onnx(choose_checkpoint(checkpoint), out)
    size = done.model.stat().st_size / 1e6
    return "\n".join(
        [
            f"network: {done.model} ({size:.1f} MB), fingerprint {done.fingerprint[:16]}",
            f"card:    {done.card}",
            f"largest difference from the checkpoint in any number: {done.difference:.1e}",
        ]
    )
