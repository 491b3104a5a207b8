"""The stream of training batches: a pure function of seed and step, so that a resumed run goes on exactly."""

from lightning.pytorch import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader

from kronface.data.dataset import FaceDataset
from kronface.data.replay import ReplayedDataset
from kronface.data.sampling import RoundBatches
from kronface.processes import end_with_parent


class TrainingData(LightningDataModule):
    """Serves the training set in rounds: stretches of batches that never cross the end of an epoch.

    A Lightning epoch is a round here. Checkpoints are written at the ends of rounds, where Lightning resumes exactly;
    an epoch that takes hours has many rounds.

    Args:
        dataset: the training set.
        batch_size: images per batch; what is left at an epoch's end is dropped.
        seed: of the order.
        steps_per_round: batches per round, at most those of an epoch.
        workers: processes that load and augment; 0 does both in the training process.
        replay: faces of another set that are mixed in.
        replayed: how many of a batch are of that set.
    """

    def __init__(
        self,
        dataset: FaceDataset,
        *,
        batch_size: int,
        seed: int,
        steps_per_round: int,
        workers: int = 0,
        replay: FaceDataset | None = None,
        replayed: int = 0,
    ) -> None:
        super().__init__()
        self.dataset = dataset if replay is None else ReplayedDataset(dataset, replay)
        self.batch_size = batch_size
        self.seed = seed
        self.workers = workers
        self._batches = RoundBatches(
            len(dataset),
            batch_size=batch_size,
            seed=seed,
            replayed=replayed,
            replayed_length=0 if replay is None else len(replay),
        )
        self.steps_per_epoch = self._batches.per_epoch
        self.steps_per_round = min(steps_per_round, self.steps_per_epoch)
        self._loader: DataLoader[dict[str, Tensor]] | None = None

    @property
    def rounds_per_epoch(self) -> int:
        """Rounds in one pass over the data; the last one may be shorter."""
        return -(-self.steps_per_epoch // self.steps_per_round)

    def train_dataloader(self) -> DataLoader[dict[str, Tensor]]:
        """The batches of the round that the trainer's step lies in."""
        step = 0 if self.trainer is None else self.trainer.global_step
        epoch, start = divmod(step, self.steps_per_epoch)
        stop = min(start + self.steps_per_round, self.steps_per_epoch)
        self._batches.choose(epoch, start, stop)
        if self._loader is None:
            self._loader = DataLoader(
                self.dataset,
                batch_sampler=self._batches,
                num_workers=self.workers,
                persistent_workers=self.workers > 0,  # those that are spawned take seconds to start
                pin_memory=self.trainer is not None and self.trainer.strategy.root_device.type == "cuda",
                multiprocessing_context=self.dataset.start_method(self.workers),
                worker_init_fn=end_with_parent,
            )
        return self._loader
