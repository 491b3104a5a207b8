"""Speed of a training step against the machine's own ceiling, a bare matrix product, in the same run.

Prints and writes `benchmarks/results/training.json`: images per second of small networks at 64x64 in fp32 and in bf16
autocast, the multiply-adds of an image, and the share of what `torch.mm` reaches on the same threads.
"""

import time
from pathlib import Path

import torch

from kronface.data.attributes import FUSED, PREDICTED
from kronface.files import write_json
from kronface.hardware import processor_name
from kronface.losses.attributes import attribute_loss
from kronface.losses.identity import identity_loss
from kronface.network.variants import build

BATCH, SIZE, PEOPLE, STEPS, REPEATS = 64, 64, 400, 4, 3
VARIANTS = ("vgg19-quarter", "compact", "residual-quarter", "iresnet-18-quarter", "residual-half")
"""`iresnet-18-quarter` has the channels of `residual-quarter`."""
RESULT = Path(__file__).parent / "results" / "training.json"


def product_rate(dtype: torch.dtype) -> float:
    """Multiply-adds per second of a 2,048-wide matrix product, the best of some."""
    a = torch.randn(2048, 2048).to(dtype)
    torch.mm(a, a)
    best = 0.0
    for _ in range(5):
        start = time.perf_counter()
        torch.mm(a, a)
        best = max(best, 2048**3 / (time.perf_counter() - start))
    return best


def step_rate(variant: str, *, autocast: bool) -> tuple[float, float]:
    """Images per second of training steps (median of repeats), and multiply-adds of one image's forward pass."""
    network = build(variant=variant, predicted=PREDICTED, fused=FUSED, identities=PEOPLE, size=SIZE).to(
        memory_format=torch.channels_last
    )  # type: ignore[call-overload]
    macs = 0.0

    def count(module: torch.nn.Module, _: object, output: torch.Tensor) -> None:
        nonlocal macs
        weight = getattr(module, "weight")  # noqa: B009 - convolutions and linear layers alike
        macs += weight[0].numel() * output.numel() / BATCH

    hooks = [
        m.register_forward_hook(count) for m in network.modules() if isinstance(m, torch.nn.Conv2d | torch.nn.Linear)
    ]
    optimizer = torch.optim.Adam(network.parameters())
    pixels = torch.randint(0, 256, (BATCH, SIZE, SIZE, 3), dtype=torch.uint8)
    labels = torch.randint(0, 2, (BATCH, len(PREDICTED))).float()
    identities = torch.randint(0, PEOPLE, (BATCH,))

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            output = network(network.preprocess(pixels))
        assert output.attribute_logits is not None
        assert output.identity_logits is not None
        loss = attribute_loss(output.attribute_logits.float(), labels)
        loss = loss + identity_loss(output.identity_logits.float(), identities)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    step()
    for hook in hooks:
        hook.remove()
    forward = macs
    rates = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        for _ in range(STEPS):
            step()
        rates.append(STEPS * BATCH / (time.perf_counter() - start))
    return sorted(rates)[REPEATS // 2], forward


def main() -> None:
    """Measures, prints and writes."""
    figures: dict[str, object] = {"processor": processor_name(), "threads": torch.get_num_threads()}
    for name, autocast, dtype in (("fp32", False, torch.float32), ("bf16", True, torch.bfloat16)):
        ceiling = product_rate(dtype)
        found: dict[str, object] = {"matrix_product_gflops": round(2 * ceiling / 1e9, 1)}
        for variant in VARIANTS:
            rate, forward = step_rate(variant, autocast=autocast)
            # A training step costs about three forward passes.
            found[variant] = {
                "images_per_second": round(rate, 1),
                "million_multiply_adds": round(forward / 1e6, 1),
                "share_of_matrix_product": round(3 * forward * rate / ceiling, 3),
            }
            print(name, variant, found[variant])
        figures[name] = found
    write_json(RESULT, figures)


if __name__ == "__main__":
    main()
