"""What an exact search costs beside the bare matrix product of the same arrays, and beside FAISS.

Prints and writes `benchmarks/results/evaluation.json`. 3,530 probes of 80 people, each in turn the mate of every other
probe of the same person, are ranked among 1,000,000 distractors of 512 numbers and among 25,000 of 4,096: every rank of
every pair, exactly. In the same run, interleaved, three times each: the product alone, block by block into one buffer,
by numpy on all threads; and FAISS' `IndexFlatIP` for the best single match of each probe. Ratios are of medians.
`separable`: mates score well above most distractors, as with a trained network; `random`: mates score like anybody.
Memory is what the process holds at its peak beyond what it held with the features loaded.
"""

import argparse
import statistics
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kronface.evaluation.features import Features
from kronface.evaluation.protocols.arrays import identify_arrays
from kronface.evaluation.search import warm_up
from kronface.files import write_json
from kronface.hardware import available_processors, processor_name

PROBES, PEOPLE, SEED, REPEATS = 3530, 80, 20_261_127, 3
SHAPES = ((1_000_000, 512), (25_000, 4096))
BLOCK = 8192
RESULT = Path(__file__).parent / "results" / "evaluation.json"


def main() -> None:
    """Measures, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=REPEATS)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--scale", type=float, default=1.0, help="share of the distractors, for a quick look")
    parser.add_argument("--out", type=Path, default=RESULT)
    given = parser.parse_args()
    import faiss

    threads = available_processors()
    faiss.omp_set_num_threads(threads)
    figures: dict[str, object] = {"processor": processor_name(), "threads": threads, "probes": PROBES}
    ratios: dict[str, list[float]] = {"separable_over_product": [], "random_over_product": [], "over_faiss_k1": []}
    extra: list[float] = []
    for rows, size in SHAPES:
        count = int(rows * given.scale)
        distractors = random_rows(count, size, given.seed)
        index = faiss.IndexFlatIP(size)
        index.add(distractors)
        people = np.arange(PROBES) % PEOPLE
        for kind in ("separable", "random"):
            probes = make_probes(people, size, given.seed + 1, mated=kind == "separable")
            features = Features(probes, "probes", people.astype(np.str_))
            pool = Features(distractors, "distractors")
            warm_up(probes, distractors)
            times: dict[str, list[float]] = {"product": [], "search": [], "faiss": []}
            for _ in range(given.repeats):
                times["product"].append(timed(partial(product, probes, distractors)))
                held = Memory()
                with held:
                    times["search"].append(timed(partial(identify_arrays, features, None, pool)))
                extra.append(held.extra_gib)
                times["faiss"].append(timed(partial(index.search, probes, 1)))
            middle = {name: statistics.median(values) for name, values in times.items()}
            ratios[f"{kind}_over_product"].append(middle["search"] / middle["product"])
            ratios["over_faiss_k1"].append(middle["search"] / middle["faiss"])
            figures[f"{count}x{size} {kind}"] = {
                **{f"{name}_seconds": round(value, 3) for name, value in middle.items()},
                "product_gflops": round(2 * PROBES * count * size / middle["product"] / 1e9, 1),
                "search_over_product": round(ratios[f"{kind}_over_product"][-1], 3),
                "search_over_faiss_k1": round(ratios["over_faiss_k1"][-1], 3),
                "extra_gib": round(max(extra[-given.repeats :]), 3),
            }
            print(f"{count} x {size} {kind}:", figures[f"{count}x{size} {kind}"], flush=True)
        del index, distractors, pool
    figures |= {name: round(max(values), 3) for name, values in ratios.items()} | {"extra_gib": round(max(extra), 3)}
    for name in (*ratios, "extra_gib"):
        print(f"{name}: {figures[name]}")
    write_json(given.out, figures)


def random_rows(count: int, size: int, seed: int) -> NDArray[np.float32]:
    """(count, size) of length 1, in random directions."""
    rng = np.random.default_rng(seed)
    rows = np.empty((count, size), np.float32)
    for start in range(0, count, BLOCK):
        part = rng.standard_normal((min(BLOCK, count - start), size), dtype=np.float32)
        rows[start : start + BLOCK] = part / np.linalg.norm(part, axis=1, keepdims=True)
    return rows


def make_probes(people: NDArray[np.int64], size: int, seed: int, *, mated: bool) -> NDArray[np.float32]:
    """One row per entry of `people`, of length 1; where `mated`, two of the same person have a cosine of about 0.6."""
    own = random_rows(int(people.max()) + 1, size, seed)[people]
    noise = random_rows(len(people), size, seed + 1)
    rows = own * np.sqrt(0.6, dtype=np.float32) + noise * np.sqrt(0.4, dtype=np.float32) if mated else noise
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def product(probes: NDArray[np.float32], distractors: NDArray[np.float32]) -> None:
    """The float32 product alone; its results are overwritten block by block."""
    out = np.empty(len(probes) * BLOCK, np.float32)
    for start in range(0, len(distractors), BLOCK):
        block = distractors[start : start + BLOCK]
        np.matmul(probes, block.T, out=out[: len(probes) * len(block)].reshape(len(probes), len(block)))


def timed(work: Callable[[], object]) -> float:
    """Seconds."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


class Memory:
    """Watches what the process holds while a block runs."""

    def __enter__(self) -> "Memory":
        """Begins to watch."""
        self._done = threading.Event()
        self._before = self._peak = resident()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Ends."""
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(0.02):
            self._peak = max(self._peak, resident())

    @property
    def extra_gib(self) -> float:
        """At the peak, beyond what was held before."""
        return (self._peak - self._before) / 2**30


def resident() -> int:
    """Bytes of this process in memory."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096


if __name__ == "__main__":
    main()
