"""The pure functions as `torchmetrics.Metric`: fed in batches, in any order, over any number of processes.

The states are rows as they came, and `compute` calls the pure function on all of them, sorted by row number. So the
value does not depend on how the rows were dealt out, and a row that a sampler gave to two processes, to fill up their
last batches, counts once. Each row of T attributes takes 2T + 2 numbers of eight bytes, each of D features D + 2.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

from kronface.errors import DataError
from kronface.evaluation.attributes import score
from kronface.evaluation.identification import check_options, closed_set


class _Rows(Metric):
    """Rows of numbers with a row number and a person each.

    Args:
        tables: names of the float64 states, flat, each of as many numbers per row as the first update brings.
    """

    full_state_update = False

    def __init__(self, *tables: str) -> None:
        super().__init__()
        self._tables = tables
        self._widths: dict[str, int] = {}
        for name in (*tables, "rows", "identities"):
            self.add_state(name, [], dist_reduce_fx="cat")
        self.reset()

    def reset(self) -> None:
        """Forgets all rows."""
        super().reset()
        # A process without a batch still takes part in the exchange, where all must bring the same type.
        for name in (*self._tables, "rows", "identities"):
            kind = torch.float64 if name in self._tables else torch.int64
            getattr(self, name).append(torch.empty(0, dtype=kind, device=self.device))

    def _keep(self, rows: Tensor, identities: Tensor, **tables: Tensor) -> None:
        shapes = {name: tuple(table.shape) for name, table in tables.items()}
        if any(len(shape) != 2 or shape[0] != len(rows) for shape in (*shapes.values(), (len(identities), 1))):
            raise DataError(f"{len(rows)} rows do not fit {len(identities)} identities and tables of shapes {shapes}")
        for name, shape in shapes.items():
            if self._widths.setdefault(name, shape[1]) != shape[1]:
                raise DataError(f"{name} have {shape[1]} numbers a row where {self._widths[name]} are wanted")
        if len(rows) and int(identities.min()) < 0:
            raise DataError("an identity is below 0, which stands for nobody: leave images of unnumbered people out")
        for name, part in {"rows": rows, "identities": identities}.items():
            getattr(self, name).append(part.detach().to(torch.int64).flatten())
        for name, part in tables.items():
            getattr(self, name).append(part.detach().to(torch.float64).flatten())

    def _whole(self) -> tuple[NDArray[np.str_], tuple[NDArray[np.float64], ...]]:
        """(N,) people, and the tables, (N, …) each: every row once, by its number."""
        rows, people, *tables = (
            dim_zero_cat(getattr(self, name)).cpu().numpy() for name in ("rows", "identities", *self._tables)
        )
        numbers, first, inverse = np.unique(rows, return_index=True, return_inverse=True)
        differ = np.flatnonzero(people != people[first][inverse])
        if len(differ):
            raise DataError(f"row {rows[differ[0]]} shows two people: number the rows over all processes")
        if len(numbers) == 0:
            raise DataError("nothing was measured: call update before compute")
        return _names(people[first]), tuple(table.reshape(len(rows), -1)[first] for table in tables)


def _names(numbers: NDArray[np.int64]) -> NDArray[np.str_]:
    """Names that sort as the numbers do."""
    return np.char.zfill(numbers.astype(np.str_), len(str(numbers.max())))


class AttributeMetrics(_Rows):
    """`kronface.evaluation.attributes.score` over batches and processes.

    Args:
        names: (T,) of the attributes.
        threshold: probability from which the answer is positive, one for all or (T,).
        resamples: of the bootstrap over people.
        seed: of the bootstrap.

    `compute` gives, for each figure of `AttributeScore`, a float64 tensor (T,) in the order of `names`, with NaN where
    there is none; `forward`, which would compute a value of each batch, works but is seldom what is wanted.
    """

    def __init__(
        self, names: Sequence[str], *, threshold: ArrayLike = 0.5, resamples: int = 1000, seed: int = 0
    ) -> None:
        super().__init__("probabilities", "labels")
        self._widths = dict.fromkeys(self._tables, len(names))
        self.names, self.threshold = tuple(names), threshold
        self.resamples, self.seed = resamples, seed

    def update(self, rows: Tensor, probabilities: Tensor, labels: Tensor, identities: Tensor) -> None:
        """Adds a batch.

        Args:
            rows: (B,) int, number of each image in the whole set; of equal ones one is kept.
            probabilities: (B, T) in [0, 1]; NaN (no face was found) counts as a wrong answer.
            labels: (B, T) of 1 and 0; NaN marks a missing label.
            identities: (B,) int, number of each image's person, at least 0.

        Raises:
            DataError: tensors that do not fit together.
        """
        self._keep(rows, identities, probabilities=probabilities, labels=labels)

    def compute(self) -> dict[str, Tensor]:
        """The figures of all rows.

        Raises:
            DataError: no rows, or one row of two people.
        """
        people, (chances, truth) = self._whole()
        found = score(
            chances, truth, people, self.names, threshold=self.threshold, resamples=self.resamples, seed=self.seed
        )
        tables = {name: asdict(entry) for name, entry in found.items()}
        figures = next(iter(tables.values()), {})
        return {key: self._row([tables.get(name, {}).get(key) for name in self.names]) for key in figures}

    def _row(self, values: Sequence[Any]) -> Tensor:
        numbers = [float("nan") if value is None else float(value) for value in values]
        return torch.tensor(numbers, dtype=torch.float64, device=self.device)


class ClosedSetRank1(_Rows):
    """Rank-1 of `kronface.evaluation.identification.closed_set` over batches and processes.

    Args:
        gallery_images: enrolled images per person.
        draws: seeded choices of the gallery images.
        seed: of the choices.

    `compute` gives one float64 number. It needs people with more than `gallery_images` images, so it is of no use on
    single batches, as `forward` would call it.

    Raises:
        ConfigError: an impossible number.
    """

    higher_is_better = True

    def __init__(self, *, gallery_images: int = 1, draws: int = 10, seed: int = 0) -> None:
        super().__init__("embeddings")
        check_options(gallery_images=gallery_images, draws=draws, seed=seed, resamples=1)
        self.gallery_images, self.draws, self.seed = gallery_images, draws, seed

    def update(self, rows: Tensor, embeddings: Tensor, identities: Tensor) -> None:
        """Adds a batch.

        Args:
            rows: (B,) int, number of each image in the whole set; of equal ones one is kept.
            embeddings: (B, D); NaN where no face was found.
            identities: (B,) int, number of each image's person, at least 0.

        Raises:
            DataError: tensors that do not fit together.
        """
        self._keep(rows, identities, embeddings=embeddings)

    def compute(self) -> Tensor:
        """Rank-1 of all rows.

        Raises:
            DataError: no rows, too few people or images, or one row of two people.
        """
        people, (embeddings,) = self._whole()
        found = closed_set(
            embeddings,
            people,
            gallery_images=self.gallery_images,
            draws=self.draws,
            seed=self.seed,
            resamples=1,
            ranks=1,
        )
        return torch.tensor(found.rank1, dtype=torch.float64, device=self.device)
