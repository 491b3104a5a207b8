"""`kronface pretrain`: a network that learns from endless rendered people."""

from pathlib import Path

from kronface.files import Progress, no_progress


def pretrain(
    *,
    out: Path,
    teacher: str = "none",
    rounds: int = 60,
    start: Path | None = None,
    window: int = 8,
    repeats: int = 1,
    head_start: int = 0,
    people: int = 400,
    images: int = 10,
    variant: str = "vgg19-quarter",
    size: int = 64,
    fusion: str = "kronecker-tanh",
    embedding_size: int = 128,
    batch_size: int = 128,
    learning_rate: float = 1e-3,
    weight_decay: float = 0.02,
    warm_up: int = 500,
    decay: float = 0.25,
    average: float = 0.999,
    teacher_weight: float = 1.0,
    identity_weight: float = 0.05,
    attribute_weight: float = 1.0,
    scale: float = 30.0,
    margin: float = 0.3,
    margin_from: float = 0.1,
    margin_to: float = 0.4,
    strength: float = 1.0,
    strength_at_first: float = 0.3,
    strength_to: float = 0.3,
    edge: float = 0.0,
    mixed_styles: float = 0.0,
    attribute_errors: float = 0.0,
    face_dropout: float = 0.0,
    averaged: bool = False,
    levelled: float = 0.0,
    mixed: float = 0.0,
    mixtures: int = 1,
    altered: float = 0.0,
    max_yaw_rad: float = 0.9,
    pitch_rad: float = 0.11,
    redrawn_people: float = 0.0,
    without: list[str] | str = [],  # noqa: B006 - the command line shows it as the default
    seed: int = 1,
    device: str = "auto",
    precision: str = "auto",
    workers: int = 1,
    pool: Path | None = None,
    progress: Progress = no_progress,
) -> str:
    """Trains the joint network on rendered people without end, for photographs; alone or taught.

    Each round draws new people, shows everybody of the newest rounds once, and leaves a checkpoint in `out/last`; the
    same command goes on after the last whole round. To train further than was planned, begin anew from that
    checkpoint, with another seed, which means other people.

    Args:
        out: the run's folder; faces that are being used lie in it, some gigabytes.
        teacher: none, renderer or dlib: whose embeddings of the same faces are learned beside the identities. The
            renderer's are the shape and look of the person who is drawn; dlib's are those of its network.
        rounds: each draws people x images faces, and shows as many for each round of the window.
        start: a checkpoint of this kind to begin from; its weights alone are taken over. On one of the fusion none,
            kronecker-tanh grows: it begins with the same answers.
        window: rounds in which a face is used, each time under other changes.
        repeats: times that it is shown in each of them.
        head_start: rounds' worth of people who are drawn before the first round.
        people: new ones in each round.
        images: of each person.
        variant: vgg19, vgg19-half, vgg19-quarter or compact; residual-half or residual-quarter.
        size: side of the aligned face in pixels.
        fusion: of attributes and identity: kronecker, kronecker-tanh, kronecker-detached, concatenation or none.
        embedding_size: numbers in an embedding; 128 with a teacher.
        batch_size: faces per step.
        learning_rate: AdamW's.
        weight_decay: AdamW's, of matrices alone.
        warm_up: steps in which the learning rate rises.
        decay: share of the rounds, at the end, in which it falls to 0.
        average: decay per step of the running mean of the weights, which is what is kept.
        teacher_weight: of the teacher's loss.
        identity_weight: of the identity loss, a soft-max over cosines among the people of the window.
        attribute_weight: of the attribute loss.
        scale: of those cosines.
        margin: taken from the own cosine.
        margin_from: share of the rounds from which the margin rises.
        margin_to: share at which it has risen.
        strength: of the changes that faces go through, 0 to 1.
        strength_at_first: the same in the first round.
        strength_to: share of the rounds at which it has grown.
        edge: probability that a photograph ends within the face's crop, black beyond.
        mixed_styles: probability that the first feature maps of a batch take on each other's means and deviations.
        attribute_errors: probability that a fused attribute is another face's, so that it is not trusted too much.
        face_dropout: probability that an entry of the face vector is withheld from the identity branch.
        averaged: whether the teacher says of each face what it says of the person's faces on average.
        levelled: how far the directions in which the teacher's embeddings of renderings differ little are raised in
            what is learned, from 0 to 0.5.
        mixed: share of a batch that are faces between people, altered, of whom the teacher alone speaks.
        mixtures: how many of those are made, as a multiple of the faces that are drawn.
        altered: probability that another face is seen in other light, by another camera.
        max_yaw_rad: largest turn of a head to either side.
        pitch_rad: standard deviation of its nod.
        redrawn_people: share of the people whose hair, spectacles, clothes and background change with every picture.
        without: what is not drawn, as hats,flaws; names as in kronface synth write.
        seed: of weights, people, order and changes.
        device: auto, cpu, cuda or cuda:N.
        precision: auto, fp32 or bf16.
        workers: processes that render meanwhile; 0 if another run draws the same people into the pool.
        pool: folder of faces that several runs of one seed share, in which they are kept; the run's own if left out.
        progress: called after every step.
    """
    from kronface.studies.pretraining.loop import LAST, METRICS, pretrain
    from kronface.studies.pretraining.provenance import card_of
    from kronface.studies.pretraining.recipe import PretrainingRecipe
    from kronface.synth.settings import ingredients

    recipe = PretrainingRecipe(
        rounds=rounds,
        window=window,
        repeats=repeats,
        head_start=head_start,
        people=people,
        images=images,
        teacher=teacher,
        variant=variant,
        size=size,
        fusion=fusion,
        embedding_size=embedding_size,
        batch_size=batch_size,
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        warm_up=warm_up,
        decay=decay,
        average=average,
        teacher_weight=teacher_weight,
        identity_weight=identity_weight,
        attribute_weight=attribute_weight,
        scale=scale,
        margin=margin,
        margin_from=margin_from,
        margin_to=margin_to,
        strength=strength,
        strength_at_first=strength_at_first,
        strength_to=strength_to,
        edge=edge,
        mixed_styles=mixed_styles,
        attribute_errors=attribute_errors,
        face_dropout=face_dropout,
        averaged=averaged,
        levelled=levelled,
        mixed=mixed,
        mixtures=mixtures,
        altered=altered,
        max_yaw_rad=max_yaw_rad,
        pitch_rad=pitch_rad,
        redrawn_people=redrawn_people,
        without=ingredients(without),
        seed=seed,
    )
    history = pretrain(
        out,
        recipe,
        card=card_of(recipe, start),
        start=start,
        device=device,
        precision=precision,
        workers=workers,
        pool=pool,
        progress=progress,
    )
    figures = ", ".join(f"{name.replace('_', ' ')} {value:.4g}" for name, value in history[-1].items())
    return f"{figures}\nall rounds: {out / METRICS}\ncheckpoint: {out / LAST}"
