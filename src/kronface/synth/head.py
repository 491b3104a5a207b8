"""The parametric head: what is needed of the body model `anny`, extracted once and kept as plain arrays."""

import os
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import platformdirs
from numpy.typing import NDArray

from kronface.errors import MissingExtraError
from kronface.files import atomic_path
from kronface.synth.linear import combine
from kronface.synth.silence import silenced

Floats = NDArray[np.float32]

FORMAT = 4
"""Raised when what is extracted changes."""

SHOULDERS = 0.36
"""Vertices above this height (metres, rest pose) are kept: head, neck, chest and shoulders."""

SHADELESS = 0.58
"""What lies below this height (metres, rest pose) throws no shadow on the face."""

PARTS = (
    "eye_front.L",
    "eye_front.R",
    "eye_back.L",
    "eye_back.R",
    "eye_cavity.L",
    "eye_cavity.R",
    "mouth_cavity",
    "tongue",
)
"""Parts that have a number of their own (1, 2, …) in `Head.parts`; everything else is skin (0)."""

REGIONS = ("cheek", "chin", "ear", "eyebrows", "eye", "forehead", "head", "mouth", "nose", "neck")
"""Regions whose local changes make an identity."""

LEFT_OUT = ("head-trans", "neck-trans", "nose-trans-out", "mouth-trans-out", "head-age", "neck-double", "head-fat")
"""Local changes that move a part bodily, or that the labels control on their own."""

ANCHORS = {
    "gender": (0.0, 1.0),
    "age": (-1 / 3, 0.0, 1 / 3, 2 / 3, 1.0),
    "muscle": (0.0, 0.5, 1.0),
    "weight": (0.0, 0.5, 1.0),
    "height": (0.0, 1.0),
    "proportions": (0.0, 1.0),
    "cupsize": (0.0, 0.5, 1.0),
    "firmness": (0.0, 0.5, 1.0),
}
"""Phenotypes that are interpolated linearly between variations, at these values of the parameter."""


@dataclass(frozen=True, eq=False)
class Head:
    """The head and its linear shape bases; metres, z up, the face looks towards -y, the person's left is +x."""

    template: Floats
    """(V, 3) rest positions; every painted feature is placed in these coordinates."""
    triangles: NDArray[np.int32]
    """(F, 3) vertex numbers; those that throw no shadow on the face (inside, and below the neck) come first."""
    parts: NDArray[np.int32]
    """(F,) 0 for skin, else 1 + the index in `PARTS`."""
    phenotype_mask: NDArray[np.bool_]
    """(K, 26) which variations each coefficient is the product of."""
    phenotype_projection: Floats
    """(K, P)."""
    phenotype_basis: Floats
    """(P, V·3)."""
    open_light: Floats
    """(V,) share of the light from all around that arrives at a vertex: little in sockets, nostrils, between lips."""
    actions: tuple[str, ...]
    """Names of the 52 facial actions."""
    action_basis: Floats
    """(52, V·3)."""
    changes: tuple[str, ...]
    """Names of the local changes by their positive shape (`nose-hump-incr`); each has a negative one too."""
    change_basis: Floats
    """(2·len(changes), V·3): the shape for positive values, then the one for negative ones."""

    def phenotype_coefficients(self, values: dict[str, float]) -> Floats:
        """Coefficients of `phenotype_basis` for phenotypes such as gender (0 man, 1 woman), age, weight, african.

        A coefficient is the product of the weights of its variations (MakeHuman's scheme); ancestries are normalised
        to sum 1; phenotypes that are not given have the value 0.5.
        """
        ancestries = np.array([values.get(name, 1 / 3) for name in ("african", "asian", "caucasian")])
        weights = [ancestries / ancestries.sum()]
        for name, anchors in ANCHORS.items():
            points = np.arange(len(anchors))
            position = np.interp(values.get(name, 0.5), anchors, points)
            weights.append(np.clip(1 - np.abs(points - position), 0, 1))
        spread = np.concatenate(weights)
        products = np.where(self.phenotype_mask, spread, 1.0).prod(1)
        return combine(products.astype(np.float32), self.phenotype_projection)


def cache_folder() -> Path:
    """Where extracted arrays are kept: the user's cache folder, or `KRONFACE_CACHE`."""
    return Path(os.environ.get("KRONFACE_CACHE") or platformdirs.user_cache_dir("kronface"))


@cache
def load_head() -> Head:
    """The head, from the cache if it is there; the first time takes about a minute.

    Raises:
        MissingExtraError: `anny` or `warp-lang` is not installed.
    """
    try:
        mark = version("anny")
        version("warp-lang")
    except PackageNotFoundError as error:
        raise MissingExtraError("synth", "rendering people") from error
    path = cache_folder() / f"head-anny{mark}-{FORMAT}.npz"
    if not path.is_file():
        arrays = _extract()
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type] # one of its options has a name of its own
    with np.load(path, allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    names = {key: tuple(str(name) for name in arrays.pop(key)) for key in ("actions", "changes")}
    return Head(**arrays, **names)  # type: ignore[arg-type] # the arrays' types are what _extract gave them


@cache
def part_vertices(head: Head, part: int) -> NDArray[np.int64]:
    """Numbers of the vertices of a part, in order: 0 for skin, else 1 + the index in `PARTS`."""
    return np.unique(head.triangles[head.parts == part]).astype(np.int64)


def _extract() -> dict[str, NDArray[np.generic]]:
    import warnings

    with silenced(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import warp

        warp.config.log_level = warp.LOG_ERROR  # no banner
        import anny
        from anny.face_segmentation import get_face_segmentation_mask

        model = anny.Anny(local_changes="default", facial_actions="all", phenotypes="all")
        masks = [get_face_segmentation_mask(model, [name]) for name in PARTS]
    template = model.template_vertices.numpy()
    faces = model.faces.numpy()
    parts = np.zeros(len(faces), np.int32)
    for number, mask in enumerate(masks):
        parts[mask.numpy()] = number + 1
    kept_faces = (template[faces][:, :, 2] > SHOULDERS).all(1)
    # Arms are held away from the body: the upper part of the upper arms is kept.
    kept_faces &= (np.abs(template[faces][:, :, 0]) < 0.33).all(1)
    kept = np.unique(faces[kept_faces])
    number_of = np.full(len(template), -1)
    number_of[kept] = np.arange(len(kept))

    labels = list(model.blendshape_labels)
    shapes = model.blendshapes.numpy()[:, kept].astype(np.float32).reshape(len(labels), -1)
    actions = [i for i, name in enumerate(labels) if name.startswith("facial_action:")]
    phenotypes = [i for i, name in enumerate(labels) if name.startswith("phenotype_basis:")]
    changes: list[str] = []
    rows: list[int] = []
    first_change = next(i for i, name in enumerate(labels) if name.startswith("local_change:"))
    for i in range(first_change, len(labels), 2):
        name = labels[i].removeprefix("local_change:")
        bare = name.removeprefix("l-").removeprefix("r-")
        if bare.split("-")[0] in REGIONS and not bare.startswith(LEFT_OUT):
            changes.append(name)
            rows += [i, i + 1]
    for name in ("neck-double", "head-fat"):
        i = labels.index(f"local_change:{name}-incr")
        changes.append(f"{name}-incr")
        rows += [i, i + 1]
    order = np.flatnonzero(kept_faces)
    throws = (parts[order] == 0) & (template[faces[order]].mean(1)[:, 2] > SHADELESS)
    order = order[np.argsort(throws, kind="stable")]
    triangles = number_of[faces[order]].astype(np.int32)
    rest = template[kept].astype(np.float32)
    return {
        "template": rest,
        "triangles": triangles,
        "open_light": _open_light(rest, triangles),
        "parts": parts[order],
        "phenotype_mask": model.stacked_phenotype_blend_shapes_mask.numpy() > 0,
        "phenotype_projection": model.phenotype_blendshape_projection.numpy().astype(np.float32),
        "phenotype_basis": shapes[phenotypes],
        "actions": np.array([labels[i].removeprefix("facial_action:") for i in actions]),
        "action_basis": shapes[actions],
        "changes": np.array(changes),
        "change_basis": shapes[rows],
    }


LIGHT_REACH = 0.05
"""Metres within which the head keeps light from itself."""


def _open_light(positions: Floats, triangles: NDArray[np.int32]) -> Floats:
    """(V,) ambient light by rays from every vertex, in 256 directions spread evenly over the sphere."""
    import warp as wp

    from kronface.synth import kernels
    from kronface.synth.render import compile_kernels, vertex_normals

    compile_kernels()
    k = np.arange(256) + 0.5
    height, turn = 1 - 2 * k / 256, np.pi * (1 + 5**0.5) * k
    flat = np.sqrt(1 - height**2)
    directions = np.stack([flat * np.cos(turn), flat * np.sin(turn), height], 1).astype(np.float32)
    with wp.ScopedDevice("cpu"):
        points = wp.array(positions, dtype=wp.vec3)
        mesh = wp.Mesh(points, wp.array(triangles.ravel(), dtype=wp.int32))
        normals = wp.array(vertex_normals(positions, triangles), dtype=wp.vec3)
        out = wp.empty(len(positions), dtype=float)
        ways = wp.array(directions, dtype=wp.vec3)
        wp.launch(kernels.openness, len(positions), [mesh.id, points, normals, ways, LIGHT_REACH, out])
        return np.array(out.numpy(), np.float32)
