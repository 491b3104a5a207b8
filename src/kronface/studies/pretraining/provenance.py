"""What stands behind a pretrained network, for its model card."""

from pathlib import Path

from kronface.network.checkpoint import ModelCard, read_card
from kronface.studies.pretraining.recipe import PretrainingRecipe

RENDERED = "people who do not exist, rendered by Kronface (seed {seed}); no photograph"
TAUGHT = (
    "people who do not exist, rendered by Kronface (seed {seed}), and what dlib's face network says of the same "
    "pictures; that network (CC0) was trained on about three million photographs, half of them from FaceScrub and "
    "VGG-Face"
)
LICENCE = "Apache-2.0"
THEN = "; then "
"""Between what one part of a training learned from, and what the next one did."""


def card_of(recipe: PretrainingRecipe, start: Path | None = None) -> ModelCard:
    """A card with data, licence, and the layouts of data sets whose people the teacher has seen.

    Args:
        recipe: of the training.
        start: the checkpoint that it begins from, whose past is its own.

    Raises:
        CheckpointError: that is no checkpoint.
    """
    seen: tuple[str, ...] = ()
    if recipe.teacher == "dlib":
        from kronface.runtime.dlib_network import SEEN

        seen = SEEN
    data = (TAUGHT if recipe.teacher == "dlib" else RENDERED).format(seed=recipe.seed)
    if start is None:
        return ModelCard(data, LICENCE, {}, seen)
    before = read_card(start)
    passes = before.training.get("passes_altogether", before.training.get("passes", 0))
    return ModelCard(
        f"{before.training_data}{THEN}{data}",
        LICENCE,
        {"passes_before": passes},
        tuple(dict.fromkeys((*before.seen, *seen))),
    )


def each_once(training_data: str) -> str:
    """The parts of a training's past, without those that learned from the same as one before."""
    return THEN.join(dict.fromkeys(training_data.split(THEN)))
