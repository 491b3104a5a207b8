"""One training run from pictures to a checkpoint: what `kronface train` does."""

import functools
import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kronface.data.attributes import FUSED, PREDICTED
from kronface.errors import CheckpointError, ConfigError
from kronface.files import Progress, no_progress, write_text

if TYPE_CHECKING:
    from kronface.studies.training_source import FileSource

CONFIG = "config.yaml"
SUMMARY = "summary.txt"
"""Written last of all: a run that has it is finished, thresholds included."""

START = "start"
"""The network before its first step, where parts of it were taken over."""

IDENTITIES, IMAGES = 400, 8
"""Rendered people, and pictures of each, where nothing else is asked for."""


def train(
    *,
    out: Path,
    root: Path | None = None,
    layout: str = "celeba",
    official: bool = False,
    aligned: bool = False,
    overlap: str = "as-paper",
    held_out: float = 0.1,
    identities: int | None = None,
    images: int | None = None,
    fresh: bool = True,
    max_yaw_rad: float = 1.309,
    redrawn: bool = False,
    without: list[str] | str = [],  # noqa: B006
    label_noise: str = "none",
    arm: str = "joint",
    variant: str = "vgg19",
    predicted: list[str] = list(PREDICTED),  # noqa: B006 - the command line shows it as the default
    fused: list[str] = list(FUSED),  # noqa: B006
    fusion: str = "kronecker",
    size: int = 112,
    batch_norm: bool = True,
    logits_per_attribute: int = 1,
    embedding_size: int | None = None,
    margin: str = "none",
    imagenet: Path | None = None,
    start: Path | None = None,
    take: list[str] = [],  # noqa: B006
    freeze: list[str] = [],  # noqa: B006
    replay: Path | None = None,
    replay_layout: str = "celeba",
    replay_share: float = 0.25,
    epochs: int = 100,
    batch_size: int = 128,
    learning_rate: float = 1e-3,
    schedule: str = "constant",
    attribute_weight: float = 1.0,
    balance_labels: bool = False,
    augment: str = "full",
    checkpoint_steps: int = 500,
    seed: int = 0,
    device: str = "auto",
    precision: str = "auto",
    workers: int = 0,
    max_bad_share: float = 0.01,
    licence: str = "not stated",
    progress: Progress = no_progress,
) -> str:
    """Trains one arm of the network; the same command goes on where an ended run was.

    The faces come from a data set, or from people who are rendered meanwhile, without files (`--layout synth`).

    The split `train` is trained on; people of the split `validation`, where there are any, choose the best epoch and
    set the threshold for unknown people. Leaves in `out`: `best/` and `last/` (checkpoints), `metrics.csv`,
    `config.yaml` (every option, for `--config`), `last.ckpt` (to resume from), and `summary.txt` (what was said at the
    end; its presence marks the run as finished). With `--start` also `start/`, the network before its first step.

    Args:
        out: the run's folder.
        root: the data set's folder; synth has none.
        layout: how the data set lies on disk, as kronface data layouts lists them; or synth, people who are rendered
            without files.
        official: require the official set's counts.
        aligned: the pictures are crops at the reference points already (folder, facescrub, megaface, fgnet).
        overlap: CASIA-WebFace's people who are also FaceScrub probes or in LFW: as-paper keeps them, removed leaves
            them out (casia, and recordio with train.lst).
        held_out: share of the people of a layout without splits that are kept from training for the best epoch and
            the threshold; with fewer than four such people, all are trained on. For synth, so many
            further people.
        identities: people to train on (synth); 400 by default.
        images: pictures of each, in each epoch (synth); 8 by default.
        fresh: show other pictures of the same people in every epoch (synth); otherwise always the same.
        max_yaw_rad: largest turn of the head to either side, in radians (synth).
        redrawn: draw hair, spectacles, clothes and background anew in every picture (synth).
        without: what is left out, as hats,flaws or "[hats, flaws]" (synth); names as in kronface synth write.
        label_noise: of the identity attributes: none, flips or appearance (synth).
        arm: identity-only, attributes-only or joint.
        variant: vgg19, vgg19-half, vgg19-quarter or compact; residual-half or residual-quarter; iresnet-18,
            iresnet-18-quarter, iresnet-50 or iresnet-100; ir-18, ir-50 or ir-101.
        predicted: attributes that the attribute branch predicts.
        fused: those of them that enter the fusion.
        fusion: kronecker, kronecker-detached, kronecker-tanh, concatenation or none.
        size: side of the aligned face in pixels; 112 by default, 64 to 224 are common.
        batch_norm: batch normalisation after every convolution and hidden layer.
        logits_per_attribute: 1 for a sigmoid, 2 for the paper's two-way soft-max.
        embedding_size: units of a further layer before the classes; none by default.
        margin: of the identity loss: none (soft-max, as in the paper), cosface, arcface or adaface.
        imagenet: torchvision's vgg19 or vgg19_bn state dict to start the trunk from.
        start: a checkpoint to take parts over from, bit for bit; attributes that it predicts need no labels here.
        take: trunk, or trunk,attribute_branch,fusion,identity_branch or some of them; everything else is new, and so is
            the class layer, whose rows are people of the other training set.
        freeze: parts that stay as they are, as attribute_branch; normalisation's statistics do too.
        replay: folder of a data set whose training faces are mixed into every batch, to teach attributes that the
            training set has no labels of.
        replay_layout: how that one lies on disk.
        replay_share: share of each batch that is replayed.
        epochs: passes over the training set.
        batch_size: images per step.
        learning_rate: Adam's.
        schedule: constant or cosine.
        attribute_weight: weight of the attribute loss beside the identity loss.
        balance_labels: positive and negative labels of an attribute count alike in all, however rare one of them is.
        augment: of the training images: none, mild (flips and small shifts; for short runs) or full (also turns,
            scale, light and colour).
        checkpoint_steps: steps between checkpoints where an epoch is longer.
        seed: of weights, order and augmentation, and of the rendered people.
        device: auto, cpu, cuda or cuda:N.
        precision: auto, fp32 or bf16.
        workers: processes that load or render images; 0 does it in this one.
        max_bad_share: share of unusable images above which the run stops.
        licence: what the model card says of the weights' licence.
        progress: called as the work goes on.

    Returns:
        A sentence that says where the checkpoint lies and what it is worth.

    Raises:
        KronfaceError: what is wrong with the data, the options or the folder, in one line.
    """
    from kronface.synth.settings import Rendering, ingredients

    left_out = ingredients(without)
    settings = {name: value for name, value in locals().items() if name in inspect.signature(train).parameters}
    settings = {name: value for name, value in settings.items() if name != "progress"} | {"without": list(left_out)}
    _check_start(start, take, imagenet)
    if _is_finished(out, settings):
        return f"{out} holds this run, finished: choose another --out to repeat it"

    import torch

    from kronface.data.augment import augmentation
    from kronface.data.scale import describe_scale, scale
    from kronface.hardware import resolve_device, resolve_precision
    from kronface.network.checkpoint import ModelCard, read_card
    from kronface.network.imagenet import load_imagenet
    from kronface.network.parts import take_over
    from kronface.network.variants import build
    from kronface.runtime.calibrate import calibrate_checkpoint
    from kronface.studies.training_source import SYNTH, FileSource, RenderedSource, TrainingSource
    from kronface.training.fit import check_freeze, check_recipe, fit

    resolve_precision(precision, resolve_device(device))
    augmentation(augment)
    _check_layout(
        layout, root=root, identities=identities, images=images, official=official, aligned=aligned, overlap=overlap
    )
    make = functools.partial(
        build,
        variant=variant,
        arm=arm,
        predicted=predicted,
        fused=fused,
        fusion=fusion,
        batch_norm=batch_norm,
        logits_per_attribute=logits_per_attribute,
        embedding_size=embedding_size,
        margin=margin,
        size=size,
        seed=seed,
    )
    with torch.device("meta"):  # shapes alone: whether there is such a network, before anybody is drawn or read
        make(identities=2)
    source: TrainingSource
    if layout == SYNTH:
        source = RenderedSource(
            identities=IDENTITIES if identities is None else identities,
            images=IMAGES if images is None else images,
            held_out=held_out,
            fresh=fresh,
            rendering=Rendering(max_yaw_rad=max_yaw_rad, redrawn=redrawn, without=left_out, label_noise=label_noise),
            seed=seed,
            workers=workers,
            progress=progress,
        )
    else:
        source = FileSource(
            _required(root),
            layout=layout,
            official=official,
            aligned=aligned,
            overlap=overlap,
            held_out=held_out,
            seed=seed,
            max_bad_share=max_bad_share,
        )
    records = source.records
    replayed = None if replay is None else _replayed(replay, replay_layout, seed, max_bad_share)
    unknown = [name for name in predicted if name not in records.attributes]
    untaught = [name for name in unknown if replayed is None or name not in replayed.records.attributes]
    if arm != "identity-only" and untaught and "attribute_branch" not in take:
        known = ", ".join(records.attributes) or "none"
        raise ConfigError(f"{root or layout} has no labels of the attribute {untaught[0]}: it has {known}")
    if arm == "identity-only" and replay is not None:
        raise ConfigError("--replay teaches attributes, and the arm identity-only predicts none: leave it out")
    splits = {name: records.select(split=name) for name in ("train", "validation")}
    if len(splits["train"]) == 0:
        raise ConfigError(f"{root} has no training images: check its partition file")
    people = splits["train"].identities()
    if arm != "attributes-only" and not people:
        raise ConfigError(f"{root} does not say who anybody is: choose --arm attributes-only, or bring its identities")
    network = make(identities=len(people))
    if imagenet is not None:
        load_imagenet(network, imagenet)
    begun = None if start is None else take_over(network, start, take)
    check_freeze(network, freeze)
    check_recipe(
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        attribute_weight=attribute_weight,
        schedule=schedule,
        checkpoint_steps=checkpoint_steps,
        seed=seed,
        workers=workers,
        images=len(splits["train"]),
        replay_share=None if replayed is None else replay_share,
    )

    datasets = {
        name: source.dataset(
            name,
            size=size,
            attributes=network.predicted,
            identities=people if name == "train" else (),
            augment=augmentation(augment) if name == "train" else None,
            progress=progress,
        )
        for name, part in splits.items()
        if len(part)
    }
    mixed_in = None
    if replayed is not None:
        mixed_in = replayed.dataset(
            "train",
            size=size,
            attributes=network.predicted,
            identities=(),
            augment=augmentation(augment),
            progress=lambda stage, done, total: progress(f"{stage} to replay", done, total),
        )
    # Not before everything has been looked at: a run that cannot begin leaves nothing behind.
    write_text(out / CONFIG, _as_yaml(settings))
    described = f"{records.name}: {len(people)} identities, {len(datasets['train'])} images of {source.name}"
    if replayed is not None and mixed_in is not None:
        described += f"; replayed for their attributes: {len(mixed_in)} images of {replayed.name}"
    if overlap != "as-paper":
        described += ", without people whom FaceScrub's probes or LFW show"
    shown = len(datasets["train"]) * (epochs if layout == SYNTH and fresh else 1)
    trained_on: dict[str, Any] = {"images": shown, "people": len(people), "scale": scale(shown, len(people))}
    seen: tuple[str, ...] = ()
    if start is not None and begun is not None:
        past = read_card(start)
        described += f"; the checkpoint it started from, on {past.training_data}"
        trained_on |= {"start": begun.fingerprint, "start_parts": begun.describe()}
        seen = past.seen
    card = ModelCard(training_data=described, licence=licence, training={"arm": arm} | trained_on, seen=seen)
    if start is not None:
        network.save_pretrained(out / START, card=card)
    history = fit(
        network,
        train=datasets["train"],
        validation=datasets.get("validation"),
        out=out,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        attribute_weight=attribute_weight,
        balance_labels=balance_labels,
        schedule=schedule,
        checkpoint_steps=checkpoint_steps,
        seed=seed,
        device=device,
        precision=precision,
        workers=workers,
        freeze=freeze,
        replay=mixed_in,
        replay_share=replay_share,
        card=card,
        progress=progress,
    )
    bad = {name: len(dataset.bad) for name, dataset in datasets.items() if dataset.bad}
    remarks = [describe_scale(shown, len(people)), *(f"note: {note}" for note in records.notes)]
    if start is not None and begun is not None:
        remarks.append(f"started from {start} ({begun.fingerprint[:16]}); {begun.describe()}")
    if arm != "identity-only" and untaught:
        remarks.append(f"note: no labels of {', '.join(untaught)}: nothing taught the attribute branch these")
    remarks += [f"{count} unusable images of {name} were left out" for name, count in bad.items()]
    if "validation" in splits and len(splits["validation"]) and arm != "attributes-only":
        reader = source.found_faces("validation", size=size)
        for name in ("best", "last"):
            calibrated = calibrate_checkpoint(
                out / name, splits["validation"], reader=reader, device=device, progress=progress
            )
            remarks.append(calibrated)
    figures = ", ".join(f"{name.replace('_', ' ')} {value:.4g}" for name, value in history[-1].items())
    said = "\n".join([f"trained: {figures}", *remarks, f"checkpoints: {out / 'best'} and {out / 'last'}"])
    write_text(out / SUMMARY, f"{said}\n")
    return said


def _check_layout(
    layout: str, *, root: Path | None, official: bool, aligned: bool, overlap: str, **rendered: int | None
) -> None:
    """Refuses options that do not go together."""
    from kronface.data.sources import LAYOUTS
    from kronface.data.sources.overlap import OVERLAP
    from kronface.studies.training_source import SYNTH

    if layout == SYNTH:
        of_files = {"root": root, "official": official, "aligned": aligned, "overlap": overlap != OVERLAP[0]}
        given = [name for name, value in of_files.items() if value]
        if given:
            raise ConfigError(f"--{given[0]} belongs to data sets on disk: the layout {SYNTH} has no files")
        return
    if layout not in LAYOUTS:
        raise ConfigError(f"unknown layout '{layout}': choose one of {', '.join([*LAYOUTS, SYNTH])}")
    given = [name for name, value in rendered.items() if value is not None]
    if given:
        raise ConfigError(f"--{given[0]} belongs to the layout {SYNTH}: {layout} has its own")


def _check_start(start: Path | None, take: list[str], imagenet: Path | None) -> None:
    """Refuses half of what belongs together, and a trunk from two places."""
    if take and start is None:
        raise ConfigError(
            f"--take names {take[0]}, but no checkpoint to take it from: name one by --start, or nothing by --take []"
        )
    if start is not None and not take:
        raise ConfigError("--start names a checkpoint, but nothing to take over from it: add --take trunk, or more")
    if start is not None and imagenet is not None:
        raise ConfigError("--imagenet and --start would both give the trunk: leave one of them out")


def _replayed(root: Path, layout: str, seed: int, max_bad_share: float) -> "FileSource":
    """The data set that is mixed in, all of its people in the split `train` where it has no splits."""
    from kronface.data.sources import LAYOUTS
    from kronface.studies.training_source import FileSource

    if layout not in LAYOUTS:
        raise ConfigError(f"unknown replay_layout '{layout}': choose one of {', '.join(LAYOUTS)}")
    source = FileSource(
        root,
        layout=layout,
        official=False,
        aligned=False,
        overlap="as-paper",
        held_out=0.0,
        seed=seed,
        max_bad_share=max_bad_share,
    )
    if len(source.records.select(split="train")) == 0:
        raise ConfigError(f"{root} has no training images to replay: check its partition file")
    return source


def _required(root: Path | None) -> Path:
    if root is None:
        raise ConfigError("no data set is given: name its folder with --root, or choose --layout synth")
    return root


def _is_finished(out: Path, settings: dict[str, Any]) -> bool:
    """Whether `out` holds this very run, finished; a run with other settings there is an error."""
    import yaml

    path = out / CONFIG
    if not (out / "last.ckpt").is_file() and not (out / SUMMARY).is_file():
        return False  # ended before there was anything to go on from
    if not path.is_file():
        raise CheckpointError(f"{out} holds a checkpoint but no {CONFIG}: choose another --out")
    try:
        stored = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: choose another --out, or delete {out}") from error
    plain = yaml.safe_load(_as_yaml(settings))
    # What a run of an older version could not be asked for, it did as is the default.
    defaults = {name: parameter.default for name, parameter in inspect.signature(train).parameters.items()}
    free = ("out", "workers", "device", "progress", "start")
    for name in plain:
        was = stored.get(name, defaults[name]) if isinstance(stored, dict) else None
        if name not in free and was != plain[name]:
            raise ConfigError(
                f"{out} holds a run with other options ({name} was {was}, now {plain[name]}): choose another --out"
            )
    _check_same_start(out, settings["start"])
    return (out / SUMMARY).is_file()


def _check_same_start(out: Path, start: Path | None) -> None:
    """A run goes on with what it was begun with: a checkpoint may have moved, and may be gone, but not be another."""
    from kronface.network.checkpoint import read_config

    if start is None or not start.exists():
        return
    was, now = read_config(out / START)["card"]["training"].get("start"), read_config(start)["fingerprint"]
    if was != now:
        raise ConfigError(
            f"{out} holds a run that was started from other weights ({str(was)[:16]}, now {now[:16]} in {start}): "
            "choose another --out"
        )


def _as_yaml(settings: dict[str, Any]) -> str:
    import yaml

    plain = {name: str(value) if isinstance(value, Path) else value for name, value in settings.items()}
    return yaml.safe_dump(plain, sort_keys=False)
