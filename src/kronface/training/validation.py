"""What a network in training is worth on people whom it does not train on."""

import numpy as np
import torch
from torch.utils.data import DataLoader

from kronface.data.dataset import FaceDataset
from kronface.evaluation.attributes import score
from kronface.evaluation.identification import closed_set
from kronface.network.network import Network
from kronface.processes import end_with_parent


def predict(
    network: Network, dataset: FaceDataset, *, device: torch.device, batch_size: int = 128, workers: int = 0
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Embeddings (N, D) and attribute probabilities (N, T) of a data set, float32, in its order; None without a branch.

    The network is put into eval mode for this, and back into the mode it was in.
    """
    workers = 0 if dataset.in_memory else workers
    loader = DataLoader(
        dataset,
        batch_size,
        num_workers=workers,
        multiprocessing_context=dataset.start_method(workers),
        worker_init_fn=end_with_parent,
    )
    was_training = network.training
    network.eval()
    embeddings: list[np.ndarray] = []
    probabilities: list[np.ndarray] = []
    for batch in loader:
        given = batch["given"].to(device) if "given" in batch else None
        prediction = network.predict(batch["image"].to(device), given)
        if prediction.embeddings is not None:
            embeddings.append(prediction.embeddings.cpu().numpy())
        if prediction.probabilities is not None:
            probabilities.append(prediction.probabilities.cpu().numpy())
    network.train(was_training)
    return (
        np.concatenate(embeddings) if embeddings else None,
        np.concatenate(probabilities) if probabilities else None,
    )


def validate(network: Network, dataset: FaceDataset, *, device: torch.device, workers: int = 0) -> dict[str, float]:
    """Rank-1 among the data set's people (one gallery image each, one draw) and the mean balanced accuracy.

    A figure is left out where the network has no such branch or the data cannot give it.
    """
    embeddings, probabilities = predict(network, dataset, device=device, workers=workers)
    identities = dataset.records.people()
    figures: dict[str, float] = {}
    if embeddings is not None:
        _, counts = np.unique(identities, return_counts=True)
        if len(counts) > 1 and counts.max() > 1:
            figures["validation_rank1"] = float(closed_set(embeddings, identities, draws=1, resamples=2).rank1)
    if probabilities is not None:
        labels = dataset.records.labels(network.predicted)
        scores = score(probabilities, labels, identities, network.predicted, resamples=2)
        balanced = [entry.balanced_accuracy for entry in scores.values() if entry.balanced_accuracy is not None]
        if balanced:
            figures["validation_balanced_accuracy"] = float(np.mean(balanced))
    return figures
