"""Small sets as their owners' tools write them, byte for byte; none of these functions is the project's own writer."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import polars as pl

from kronface.data.attributes import CELEBA
from tests.data.conftest import picture

Sidecars = Mapping[str, Any]


def write_picture(path: Path, number: int = 0, height: int = 120, width: int = 100) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    suffix = path.suffix if path.suffix.lower() in (".jpg", ".jpeg", ".png") else ".jpg"
    path.write_bytes(cv2.imencode(suffix, picture(number, height, width)[:, :, ::-1])[1].tobytes())


def celeba_labels(count: int) -> np.ndarray:
    return np.where(np.random.default_rng(5).random((count, 40)) < 0.3, 1, -1)


def write_celeba_csv(root: Path, *, first: str = "image_id", folder: str = "img_align_celeba/img_align_celeba") -> Path:
    """Kaggle's mirror: attributes, splits and landmarks of six pictures."""
    names = [f"{number:06d}.jpg" for number in range(1, 7)]
    for number, name in enumerate(names):
        write_picture(root / folder / name, number, 218, 178)
    lines = [",".join([first, *CELEBA])]
    lines += [f"{name},{','.join(map(str, row))}" for name, row in zip(names, celeba_labels(6), strict=True)]
    (root / "list_attr_celeba.csv").write_bytes(("\n".join(lines) + "\n").encode())
    rows = [f"{name},{split}" for name, split in zip(names, (0, 0, 0, 1, 2, 2), strict=True)]
    (root / "list_eval_partition.csv").write_bytes(("\r\n".join([f"{first},partition", *rows]) + "\r\n").encode())
    points = "lefteye_x,lefteye_y,righteye_x,righteye_y,nose_x,nose_y,leftmouth_x,leftmouth_y,rightmouth_x,rightmouth_y"
    lines = [f"{first},{points}"]
    lines += [f"{name},69,{109 + k},106,113,77,142,73,152,108,154" for k, name in enumerate(names)]
    (root / "list_landmarks_align_celeba.csv").write_bytes(("\n".join(lines) + "\n").encode())
    return root


HUB_IDS = {"train": (1, 1, 2, 10177, 2), "valid": (30,), "test": (40, 41)}


def hub_table(split: str, numbers: Sequence[int]) -> pl.DataFrame:
    """Rows of the Hub's set: its picture k of a split is `picture(100 * split + k)`."""
    start = 100 * list(HUB_IDS).index(split)
    pictures = [cv2.imencode(".png", picture(start + k, 218, 178)[:, :, ::-1])[1].tobytes() for k in numbers]
    labels = np.random.default_rng(start).random((50, 40)) < 0.4
    columns: dict[str, Any] = {
        "image": pl.Series(
            [{"bytes": data, "path": f"{k:06d}.png"} for k, data in zip(numbers, pictures, strict=True)],
            dtype=pl.Struct({"bytes": pl.Binary, "path": pl.String}),
        ),
        "celeb_id": pl.Series([HUB_IDS[split][k] for k in numbers], dtype=pl.Int64),
    }
    return pl.DataFrame(columns | {name: labels[list(numbers), place] for place, name in enumerate(CELEBA)})


def write_celeba_hub(root: Path, *, converted: bool = False) -> Path:
    """`flwrlabs/celeba` as it was uploaded, or as the Hub converts it."""
    for split, ids in HUB_IDS.items():
        parts = [range(3), range(3, 5)] if split == "train" else [range(len(ids))]
        for number, rows in enumerate(parts):
            name = f"{split}/{number:04d}.parquet" if converted else f"{split}-{number:05d}-of-{len(parts):05d}.parquet"
            path = root / "img_align+identity+attr" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            hub_table(split, list(rows)).write_parquet(path, compression="snappy", row_group_size=2)
    return root


CASIA = {"0000045": 3, "0000099": 2, "0111013": 1, "0000513": 2, "6573001": 1}
"""One who is a FaceScrub probe, one who is in LFW."""


def write_casia(root: Path, *, top: str = "CASIA-WebFace") -> Path:
    number = 0
    for person, count in CASIA.items():
        for image in range(1, count + 1):
            write_picture(root / top / person / f"{image:03d}.jpg", number := number + 1)
    return root


def write_lfw(root: Path, *, top: str = "lfw") -> Path:
    for number, (person, count) in enumerate({"Aaron_Eckhart": 1, "Zoë_O'Neill-Jr": 3, "Björk": 2}.items()):
        for image in range(1, count + 1):
            write_picture(root / top / person / f"{person}_{image:04d}.jpg", 10 * number + image, 250, 250)
    return root


FACES = (
    ("Aaron Eckhart", 1, True, "8,20,88,110", ".jpg"),
    ("Aaron Eckhart", 3, True, "10,11,60,71", ".JPG"),
    ("Zoe O'Neill", 57, False, "0,0,90,100", ".png"),
    ("Zoe O'Neill", 91, False, "5,5,80,90", ""),
    ("Zoe O'Neill", 92, False, "5,5,80,90", None),
)
"""Name, number, a man, box, ending (None: listed, but not there)."""


def write_facescrub(root: Path, *, cropped: bool = False, lists: bool = True) -> Path:
    header = "name\timage_id\tface_id\turl\tbbox\tsha256\n"
    texts = {True: header, False: header}
    for place, (name, face, male, box, ending) in enumerate(FACES):
        texts[male] += f"{name}\t{face - 1}\t{face}\thttp://a.example/{face}.jpg\t{box}\t{'0' * 64}\n"
        if ending is not None:
            stem = name.replace(" ", "_") if cropped else name
            write_picture(root / "facescrub" / stem / f"{stem}_{face}{'.png' if cropped else ending}", place)
    if lists:
        (root / "facescrub_actors.txt").write_bytes(texts[True].encode())
        (root / "facescrub_actresses.txt").write_bytes(texts[False].encode())
    return root


THREE: dict[str, dict[str, Any]] = {"1": {"x": 30.5, "y": 40}, "0": {"x": 60, "y": 41.5}, "2": {"x": 46, "y": 60}}
BOX = {"x": 20, "y": 25.5, "width": 55, "height": 70}
FIVE = {str(k): {"x": 10 + k, "y": 20 + k} for k in range(5)}

SIDECARS: Sidecars = {
    "534/53415754@N00/37731000_1.jpg": {"bounding_box": BOX, "landmarks": THREE},
    "534/53415754@N00/37731001_0.jpg": {"landmarks": THREE},
    "100/10066622@N07/4321_0.jpg": {"bounding_box": BOX},
    "100/10066622@N07/4321_1.jpg": {"bounding_box": BOX, "landmarks": FIVE},
    "100/10066622@N07/4322_0.jpg": {"bounding_box": {"x": 1, "y": 2, "width": 3}, "landmarks": {"0": {"x": 1, "y": 2}}},
    "100/10066622@N07/4323_0.jpg": {"landmarks": THREE | {"2": {"x": 46}}},
    "100/10066622@N07/4324_0.jpg": {},
    "100/10066622@N07/4325_0.jpg": None,
    "100/10066622@N07/4326_0.jpg": b"{cut",
    "100/10066622@N07/4327_0.jpg": [1, 2],
    "100/10066622@N07/4328_0.jpg": {
        "bounding_box": BOX | {"width": 0},
        "landmarks": THREE | {"1": {"x": True, "y": 1}},
    },
}
"""Whole, with missing parts, missing, damaged."""


def write_megaface(root: Path, *, top: str = "FlickrFinal2", sidecars: Sidecars = SIDECARS) -> Path:
    for number, (name, content) in enumerate(sidecars.items()):
        write_picture(root / top / name, number)
        path = root / top / f"{name}.json"
        if isinstance(content, bytes):
            path.write_bytes(content)
        elif content is not None:
            path.write_text(json.dumps(content))
    return root


def write_fgnet(root: Path, *, folders: bool = False) -> Path:
    for number, name in enumerate(("001A02", "001A43a", "001A43b", "002A00", "082A69Gf")):
        path = root / (name[:3] if folders else "images") / f"{name}.JPG"
        write_picture(path, number)
        if folders:
            Path(f"{path}.json").write_text(json.dumps({"landmarks": THREE}))
    return root


IJB = ((1, 1, 11), (2, 1, 11), (3, 2, 12), (4, 7, 13), (5, 8, 14))
"""Image, template, medium."""
IJB_PEOPLE = {1: 1001, 2: 1001, 7: 33, 8: 1001}


def write_ijb(root: Path, *, target: str = "ijbc", lists: bool = True) -> Path:
    meta = root / "meta"
    meta.mkdir(parents=True)
    for image, _, _ in IJB:
        write_picture(root / "loose_crop" / f"{image}.jpg", image)
    points = "30.25 40.5 60.0 41.5 46.125 60.0 33.0 80.0 58.0 81.0 0.9987"
    (meta / f"{target}_name_5pts_score.txt").write_text("".join(f"{image}.jpg {points}\n" for image, _, _ in IJB))
    (meta / f"{target}_face_tid_mid.txt").write_text("".join(f"{i}.jpg {t} {m}\n" for i, t, m in IJB))
    one, two = ("G1", "G2") if target == "ijbc" else ("S1", "S2")
    header = "TEMPLATE_ID,SUBJECT_ID,FILENAME\n"
    if lists:
        (meta / f"{target}_1N_gallery_{one}.csv").write_text(f"{header}1,1001,img/1.jpg\n1,1001,img/2.jpg\n")
        (meta / f"{target}_1N_gallery_{two}.csv").write_text(f"{header}7,33,img/3.jpg\n")
        (meta / f"{target}_1N_probe_mixed.csv").write_text(f"{header}2,1001,img/4.jpg\n8,1001,img/5.jpg\n")
    return root
