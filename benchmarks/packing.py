"""Do packed faces train faster than the pictures they come from?

Prints and writes `benchmarks/results/packing.json`. CelebA-like pictures (178x218, rendered) are read in random order
and aligned to 112 pixels: from their JPEG files, and from `kronface data pack`'s arrays, by one process, interleaved,
three times; then a quarter-width network at 64 pixels is trained from both, with one process that reads, which keeps
nothing in memory. Ratios are of medians; files stay in the system's cache, as a set that fits it does.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import DataLoader

from kronface.data.dataset import FaceDataset
from kronface.data.packed import pack
from kronface.data.records import Records
from kronface.data.sources.celeba import celeba
from kronface.data.sources.packed import packed
from kronface.files import write_json
from kronface.hardware import available_processors, processor_name
from kronface.network.variants import build
from kronface.synth.export import write_celeba

PEOPLE, IMAGES, SEED, REPEATS, BATCHES = 100, 10, 20_261_127, 3, 12
RESULT = Path(__file__).parent / "results" / "packing.json"


def main() -> None:
    """Measures, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=PEOPLE)
    parser.add_argument("--out", type=Path, default=RESULT)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        write_celeba(root / "pictures", identities=given.people, images=IMAGES, seed=SEED, workers=2)
        pictures = celeba(root / "pictures")
        pack(pictures, root / "faces", size=112)
        sets = {"files": pictures, "packed": packed(root / "faces")}
        reading: dict[str, list[float]] = {key: [] for key in sets}
        training: dict[str, list[float]] = {key: [] for key in sets}
        for repeat in range(REPEATS):
            for key, records in sets.items():
                reading[key].append(read_rate(records, repeat))
            for key, records in sets.items():
                training[key].append(train_rate(records, repeat))
    rates = {
        f"{what}_{key}": round(statistics.median(values), 1)
        for what, table in (("reading", reading), ("training", training))
        for key, values in table.items()
    }
    figures = {
        "processor": processor_name(),
        "threads": available_processors(),
        "pictures": given.people * IMAGES,
        **{f"{name}_images_per_second": rate for name, rate in rates.items()},
        "packed_over_files_reading": round(rates["reading_packed"] / rates["reading_files"], 2),
        "packed_over_files_training": round(rates["training_packed"] / rates["training_files"], 2),
    }
    for name, value in figures.items():
        print(f"{name}: {value}")
    write_json(given.out, figures)


def read_rate(records: Records, seed: int) -> float:
    """Aligned faces per second of one process, in random order."""
    dataset = FaceDataset(records, size=112)
    order = np.random.default_rng(seed).permutation(len(records))
    start = time.perf_counter()
    for row in order:
        dataset[int(row)]
    return len(order) / (time.perf_counter() - start)


def train_rate(records: Records, seed: int) -> float:
    """Images per second of forward, backward and step, without the first batches."""
    people = records.identities()
    dataset = FaceDataset(records, size=64, identities=people)
    loader = DataLoader(dataset, 64, shuffle=True, drop_last=True, num_workers=1, prefetch_factor=4)
    network = build(variant="vgg19-quarter", arm="identity-only", identities=len(people), size=64, seed=seed)
    network.train().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.SGD(network.parameters(), lr=0.01)

    def batches() -> Iterator[dict[str, torch.Tensor]]:
        while True:
            yield from loader

    seen, start = 0, 0.0
    for number, batch in enumerate(batches()):
        if number == 2:
            start = time.perf_counter()
        output = network(network.preprocess(batch["image"]))
        loss = torch.nn.functional.cross_entropy(output.identity_logits, batch["identity"])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        seen += len(batch["identity"]) if number >= 2 else 0
        if number == BATCHES + 1:
            break
    return seen / (time.perf_counter() - start)


if __name__ == "__main__":
    main()
