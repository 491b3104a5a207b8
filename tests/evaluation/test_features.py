"""Embeddings from every kind of file, as their own libraries or `struct` write them, and what is refused of each."""

import json
import os
import pickle
import struct
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from safetensors.numpy import save_file

from kronface.errors import DataError
from kronface.evaluation.features import (
    FINGERPRINT,
    Features,
    check_comparable,
    parse_mat,
    read_devkit,
    read_features,
    read_labels,
    read_mat,
    read_template_list,
    write_features,
    write_mat,
)

from .megaface_reference import feature_bytes, write_devkit

VALUES = np.arange(12, dtype=np.float32).reshape(4, 3) - 5
PEOPLE = ["Ann", "Bo", "Ann", "Zoë B."]


def listed(values: np.ndarray | None) -> list[str]:
    assert values is not None
    return [str(value) for value in values]


# --- .npy ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["<f2", "<f4", ">f4", "<f8", "i1", "<i8", "u1"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_npy_stays_on_disk(tmp_path: Path, dtype: str, order: str) -> None:
    stored = np.asarray(np.abs(VALUES), np.dtype(dtype), order=order)  # type: ignore[call-overload]
    np.save(tmp_path / "f.npy", stored)
    found = read_features(tmp_path / "f.npy")
    assert isinstance(found.values, np.memmap)
    assert found.values.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(found.values, np.abs(VALUES))
    assert (len(found), found.identities, found.paths, found.fingerprint) == (4, None, None, None)
    assert found.source == str(tmp_path / "f.npy")
    with pytest.raises(ValueError, match="read-only"):
        found.values[0, 0] = 1


class Harmful:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch harmed",)


def test_pickles_are_never_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.save(tmp_path / "objects.npy", np.array([[Harmful()]]), allow_pickle=True)
    (tmp_path / "plain.npy").write_bytes(pickle.dumps(Harmful()))
    np.savez(tmp_path / "several.npz", a=VALUES)
    (tmp_path / "several.npz").rename(tmp_path / "several.npy")
    for name in ("objects", "plain", "several"):
        for read in (read_features, read_labels):
            with pytest.raises(DataError, match=f"{name}.npy is no plain array of numpy"):
                read(tmp_path / f"{name}.npy")
    assert not (tmp_path / "harmed").exists()


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (np.ones(3), r"shape \(3,\)"),
        (np.ones((2, 3, 1)), r"shape \(2, 3, 1\)"),
        (np.float32(1), r"shape \(\)"),
        (np.ones((3, 0)), r"shape \(3, 0\)"),
        (np.array([["a", "b"]]), "type <U1: bring numbers"),
        (np.ones((2, 2), bool), "type bool: bring numbers"),
        (np.ones((2, 2), complex), "type complex128: bring numbers"),
    ],
)
def test_npy_that_holds_no_table_of_numbers(tmp_path: Path, values: np.ndarray, said: str) -> None:
    np.save(tmp_path / "f.npy", values)
    with pytest.raises(DataError, match=said):
        read_features(tmp_path / "f.npy")


HEADERS = {
    "open": b"{'descr': '<f4', 'fortran_order': False, 'shape': (4, 3",
    "huge": b"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999999, 3), }",
    "larger than the file": b"{'descr': '<f4', 'fortran_order': False, 'shape': (40, 3), }",
    "negative": b"{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 3), }",
    "records": b"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2, 2), }",
    "deep": b"(" * 5000,
    "unknown": b"{'descr': 'nonsense', 'fortran_order': False, 'shape': (4, 3), }",
    "no table": b"42",
}


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS.keys())
def test_npy_with_a_damaged_header(tmp_path: Path, header: bytes) -> None:
    text = header + b"\n"
    (tmp_path / "f.npy").write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + bytes(48))
    with pytest.raises(DataError, match=r"f\.npy"):
        read_features(tmp_path / "f.npy")


def test_npy_cut_anywhere(tmp_path: Path) -> None:
    np.save(tmp_path / "f.npy", VALUES)
    content = (tmp_path / "f.npy").read_bytes()
    for size in range(len(content)):
        (tmp_path / "f.npy").write_bytes(content[:size])
        with pytest.raises(DataError, match=r"f\.npy"):
            read_features(tmp_path / "f.npy")


def test_files_that_are_no_features(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere.npy", tmp_path):
        with pytest.raises(DataError, match=f"{path} is no file of embeddings .* kronface extract"):
            read_features(path)
    (tmp_path / "f.csv").write_text("1,2\n")
    with pytest.raises(DataError, match=r"must end in one of \.npy, \.safetensors, \.parquet"):
        read_features(tmp_path / "f.csv")


# --- .safetensors ----------------------------------------------------------------------------------------------------


def test_safetensors(tmp_path: Path) -> None:
    path = tmp_path / "F.SAFETENSORS"
    save_file(
        {"embeddings": VALUES, "labels": np.array([3, 1, 3, 7]), "other": VALUES[:, :2].copy()},
        path,
        metadata={"kronface.fingerprint": "ab" * 32},
    )
    found = read_features(path)
    np.testing.assert_array_equal(found.values, VALUES)
    assert listed(found.identities) == ["3", "1", "3", "7"]
    assert (found.fingerprint, FINGERPRINT) == ("ab" * 32, "kronface.fingerprint")
    save_file({"any": VALUES.astype(np.float16), "identities": np.arange(4, dtype=np.uint8)}, path)
    found = read_features(path)
    assert found.values.dtype == np.float16
    assert (listed(found.identities), found.fingerprint) == (["0", "1", "2", "3"], None)
    save_file({"any": VALUES}, path)
    assert read_features(path).identities is None


@pytest.mark.parametrize(
    ("tensors", "said"),
    [
        ({"a": VALUES, "b": VALUES.copy()}, "not just one table: it has a, b"),
        ({"a": VALUES[0].copy()}, "no tensor 'embeddings'"),
        ({"embeddings": VALUES[0].copy()}, r"shape \(3,\)"),
        ({"embeddings": VALUES, "labels": np.arange(3)}, "3 labels for 4 embeddings"),
        ({"embeddings": VALUES, "labels": np.array([0.5, 1, 2, 3])}, "labels .*float64"),
        ({"embeddings": VALUES, "labels": np.ones((2, 2), int)}, r"labels .*\(2, 2\)"),
    ],
)
def test_safetensors_that_hold_something_else(tmp_path: Path, tensors: dict[str, np.ndarray], said: str) -> None:
    save_file(tensors, tmp_path / "f.safetensors")
    with pytest.raises(DataError, match=said):
        read_features(tmp_path / "f.safetensors")


def test_safetensors_cut_or_in_bfloat16(tmp_path: Path) -> None:
    path = tmp_path / "f.safetensors"
    save_file({"embeddings": VALUES}, path)
    content = path.read_bytes()
    for size in range(len(content)):
        path.write_bytes(content[:size])
        with pytest.raises(DataError, match=r"f\.safetensors"):
            read_features(path)
    header = json.dumps({"embeddings": {"dtype": "BF16", "shape": [1, 2], "data_offsets": [0, 4]}}).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(4))
    with pytest.raises(DataError, match=r"f\.safetensors"):
        read_features(path)


# --- .parquet --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind", [pl.List(pl.Float32), pl.List(pl.Float64), pl.Array(pl.Float32, 3), pl.List(pl.Int16), pl.Array(pl.Int8, 3)]
)
def test_parquet_of_lists_and_arrays(tmp_path: Path, kind: "pl.DataType") -> None:
    table = pl.DataFrame(
        {
            "identity": PEOPLE,
            "sex": ["F", "M", "F", None],
            "embedding": pl.Series(VALUES.tolist()).cast(kind),
            "path": ["a.jpg", "b c.jpg", "d", "e.png"],
            "age": [1, 2, None, 4],
        }
    )
    table.write_parquet(tmp_path / "f.parquet", metadata={"kronface.fingerprint": "cd" * 32})
    found = read_features(tmp_path / "f.parquet")
    assert found.values.shape == (4, 3)
    np.testing.assert_array_equal(found.values, VALUES)
    assert listed(found.identities) == PEOPLE
    assert listed(found.paths) == ["a.jpg", "b c.jpg", "d", "e.png"]
    assert list(found.columns) == ["sex", "age"]
    assert found.columns["sex"].tolist() == ["F", "M", "F", None]
    assert found.fingerprint == "cd" * 32


def test_a_number_that_is_missing_makes_an_image_without_a_face(tmp_path: Path) -> None:
    table = pl.DataFrame({"embedding": pl.Series([[1.0, None], [2.0, 3.0]], dtype=pl.List(pl.Float32))})
    table.write_parquet(tmp_path / "f.parquet")
    np.testing.assert_array_equal(read_features(tmp_path / "f.parquet").values, [[1, np.nan], [2, 3]])


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"vector": [[1.0]]}, "no column 'embedding'"),
        ({"embedding": [[1.0], [1.0, 2.0]]}, "differ in length"),
        ({"embedding": [[1.0], None]}, "differ in length, or some are missing"),
        ({"embedding": [1.0, 2.0]}, "list of numbers in every row"),
        ({"embedding": [["a"], ["b"]]}, "list of numbers in every row"),
        ({"embedding": pl.Series([[1.0], None], dtype=pl.Array(pl.Float32, 1))}, "list of numbers in every row"),
        ({"embedding": [[1.0], [2.0]], "identity": ["a", None]}, "some images have no label"),
        ({"embedding": [[1.0], [2.0]], "identity": [7, None]}, "some images have no label"),
        ({"embedding": [[1.0], [2.0]], "path": ["a", None]}, "some images have no label"),
        ({"embedding": [[1.0], [2.0]], "identity": ["a", ""]}, "label 1 is empty"),
        ({"embedding": [[1.0], [2.0]], "identity": [0.5, 1.0]}, "labels .*float64"),
    ],
)
def test_parquet_that_holds_something_else(tmp_path: Path, columns: dict[str, object], said: str) -> None:
    pl.DataFrame(columns).write_parquet(tmp_path / "f.parquet")
    with pytest.raises(DataError, match=said):
        read_features(tmp_path / "f.parquet")


def test_parquet_that_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "f.parquet"
    write_features(path, Features(VALUES, "f", np.array(PEOPLE)))
    content = path.read_bytes()
    for damaged in (b"", b"PAR1", content[:-9], b"no parquet at all", content[:40] + content[44:]):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=r"f\.parquet cannot be read as parquet"):
            read_features(path)


@pytest.mark.parametrize("place", [480, 475, 472, 217])
def test_parquet_at_which_polars_panics(tmp_path: Path, place: int) -> None:
    path = tmp_path / "f.parquet"
    write_features(path, Features(np.arange(12, dtype=np.float32).reshape(4, 3), "f", np.array(list("abcd"))))
    content = bytearray(path.read_bytes())
    content[-place] ^= 1  # of the description at the end
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"f\.parquet cannot be read as parquet"):
        read_features(path)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_what_is_written_reads_back(tmp_path: Path, dtype: type) -> None:
    path = tmp_path / "new" / "f.parquet"
    values: np.ndarray = VALUES.astype(dtype)
    values[1] = np.nan
    whole = Features(
        values, "x", np.array(PEOPLE), np.array(["a", "b", "c", "d"]), {"yaw": np.arange(4.0)}, fingerprint="ef" * 32
    )
    write_features(path, whole)
    found = read_features(path)
    np.testing.assert_array_equal(found.values, values)
    assert found.values.dtype == (np.float64 if dtype is np.float64 else np.float32)
    assert listed(found.identities) == PEOPLE
    assert listed(found.paths) == ["a", "b", "c", "d"]
    np.testing.assert_array_equal(found.columns["yaw"], np.arange(4.0))
    assert found.fingerprint == "ef" * 32
    write_features(path, Features(values, "x"))
    found = read_features(path)
    assert (found.identities, found.paths, found.fingerprint, dict(found.columns)) == (None, None, None, {})
    with pytest.raises(DataError, match=r"written as \.parquet"):
        write_features(tmp_path / "f.npy", whole)
    assert [entry.name for entry in path.parent.iterdir()] == ["f.parquet"]


# --- labels ----------------------------------------------------------------------------------------------------------


def test_labels_in_every_form(tmp_path: Path) -> None:
    np.save(tmp_path / "f.npy", VALUES)
    forms: dict[str, np.ndarray] = {
        "text.npy": np.array(PEOPLE),
        "bytes.npy": np.array([name.encode() for name in PEOPLE]),
        "column.npy": np.array(PEOPLE)[:, None],
    }
    for name, values in forms.items():
        np.save(tmp_path / name, values)
    pl.DataFrame({"x": [1, 2, 3, 4], "identity": PEOPLE}).write_parquet(tmp_path / "text.parquet")
    pl.DataFrame({"identity": pl.Series(PEOPLE, dtype=pl.Categorical)}).write_parquet(tmp_path / "kinds.parquet")
    pl.DataFrame({"identity": [name.encode() for name in PEOPLE]}).write_parquet(tmp_path / "bytes.parquet")
    text = "\n".join(PEOPLE)
    (tmp_path / "plain.txt").write_bytes(text.encode())
    (tmp_path / "ends.txt").write_bytes((text + "\n").encode())
    (tmp_path / "windows.lst").write_bytes((text.replace("\n", "\r\n") + "\r\n").encode("utf-8-sig"))
    names = [*forms, "text.parquet", "kinds.parquet", "bytes.parquet", "plain.txt", "ends.txt", "windows.lst"]
    for name in names:
        assert listed(read_features(tmp_path / "f.npy", labels=tmp_path / name).identities) == PEOPLE, name
    numbers: dict[str, np.ndarray] = {"a.npy": np.array([3, 1, 3, 12]), "b.npy": np.array([3, 1, 3, 12], np.uint8)}
    for name, values in numbers.items():
        np.save(tmp_path / name, values)
    pl.DataFrame({"identity": [3, 1, 3, 12]}).write_parquet(tmp_path / "c.parquet")
    (tmp_path / "d.txt").write_text("3\n1\n3\n12\n")
    for name in (*numbers, "c.parquet", "d.txt"):
        assert listed(read_labels(tmp_path / name)) == ["3", "1", "3", "12"], name


def test_labels_count_before_those_of_the_file(tmp_path: Path) -> None:
    write_features(tmp_path / "f.parquet", Features(VALUES, "f", np.array(PEOPLE)))
    (tmp_path / "l.txt").write_text("x\ny\nz\nz\n")
    assert listed(read_features(tmp_path / "f.parquet", labels=tmp_path / "l.txt").identities) == ["x", "y", "z", "z"]


def test_labels_that_are_none(tmp_path: Path) -> None:
    np.save(tmp_path / "f.npy", VALUES)

    def refused(name: str, said: str) -> None:
        with pytest.raises(DataError, match=said):
            read_features(tmp_path / "f.npy", labels=tmp_path / name)

    (tmp_path / "three.txt").write_text("a\nb\nc\n")
    refused("three.txt", r"three.txt has 3 labels for 4 embeddings in .*f\.npy")
    (tmp_path / "gap.txt").write_text("a\n\nb\nc\n")
    refused("gap.txt", "label 1 is empty")
    (tmp_path / "none.txt").write_text("")
    refused("none.txt", r"none\.txt")
    (tmp_path / "latin.txt").write_bytes("a\nb\nc\nZoë\n".encode("latin-1"))
    refused("latin.txt", "not text in UTF-8")
    np.save(tmp_path / "latin.npy", np.array([b"a", b"b", b"c", "Zoë".encode("latin-1")]))
    refused("latin.npy", "not text in UTF-8")
    np.save(tmp_path / "half.npy", np.array([0.5, 1, 2, 3]))
    refused("half.npy", "labels .*float64")
    np.save(tmp_path / "one-hot.npy", np.eye(4, dtype=int))
    refused("one-hot.npy", r"\(4, 4\)")
    pl.DataFrame({"person": PEOPLE}).write_parquet(tmp_path / "other.parquet")
    refused("other.parquet", "no column 'identity'")
    pl.DataFrame({"identity": [1, 2, None, 3]}).write_parquet(tmp_path / "null.parquet")
    refused("null.parquet", "some images have no label")
    refused("nowhere.txt", "nowhere.txt is not a file")


# --- mixtures --------------------------------------------------------------------------------------------------------


def test_mixtures_are_refused() -> None:
    a = Features(VALUES, "a.npy", fingerprint="a" * 64)
    b = Features(VALUES, "b.npy", fingerprint="b" * 64)
    unknown = Features(VALUES, "u.npy")
    check_comparable(a)
    check_comparable(a, a, unknown)
    check_comparable(unknown, unknown, b)
    with pytest.raises(DataError, match=r"a\.npy and b\.npy .*aaaaaaaaaaaaaaaa and bbbbbbbbbbbbbbbb"):
        check_comparable(a, unknown, b)
    # Also where the first file does not say.
    with pytest.raises(DataError, match=r"a\.npy and b\.npy come from different networks"):
        check_comparable(unknown, a, b)
    with pytest.raises(DataError, match=r"u\.npy holds embeddings of length 3, c\.npy of length 2"):
        check_comparable(unknown, Features(VALUES[:, :2], "c.npy"))


# --- the devkit's feature files --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "dtype"), [("float32", np.float32), ("float64", np.float64)])
def test_feature_files(tmp_path: Path, kind: str, dtype: type) -> None:
    vector = [0.1, -2.5, 0.0, 1e-30, float("nan")]
    path = tmp_path / "f.bin"
    path.write_bytes(feature_bytes(vector, kind))
    found = read_mat(path)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, np.array(vector, dtype))
    # The devkit's own writer announces 4 bytes per row with float64 too; others write one row.
    content = feature_bytes(vector, kind)
    for header in (struct.pack("<3i", 5, 1, 4), struct.pack("<3i", 1, 5, 5 * np.dtype(dtype).itemsize)):
        np.testing.assert_array_equal(parse_mat(header + content[12:], "w"), found)
    write_mat(path, np.array(vector, dtype))
    assert path.read_bytes() == content
    write_mat(path, np.array(vector, np.dtype(dtype).newbyteorder(">")))
    assert path.read_bytes() == content


def test_feature_files_that_are_damaged(tmp_path: Path) -> None:
    def header(rows: int, columns: int, kind: int) -> bytes:
        return struct.pack("<4i", rows, columns, 4, kind)

    for content, said in {
        b"": "has 0 bytes",
        header(1, 1, 5)[:15]: "has 15 bytes",
        header(2, 1, 5) + bytes(7): "has 23 bytes, not the 24",
        header(2, 1, 5) + bytes(9): "has 25 bytes, not the 24",
        header(2, 1, 6) + bytes(8): "has 24 bytes, not the 32",
        header(2, 1, 0) + bytes(2): "element type is 0",
        header(2, 2, 5) + bytes(16): "matrix of 2 x 2",
        header(0, 1, 5): "matrix of 0 x 1",
        header(1, 0, 5): "matrix of 1 x 0",
        header(-1, 1, 5): "matrix of -1 x 1",
        header(2**31 - 1, 1, 5): "has 16 bytes",
    }.items():
        (tmp_path / "f.bin").write_bytes(content)
        with pytest.raises(DataError, match=rf"f\.bin.*{said}"):
            read_mat(tmp_path / "f.bin")
    with pytest.raises(DataError, match=r"nowhere\.bin cannot be read"):
        read_mat(tmp_path / "nowhere.bin")
    for vector in (np.ones(3, np.float16), np.ones(3, int), np.ones((3, 1))):
        with pytest.raises(DataError, match="one vector of float32 or float64"):
            write_mat(tmp_path / "f.bin", vector)


@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_a_devkit_tree(tmp_path: Path, kind: str) -> None:
    kit = write_devkit(tmp_path, kind=kind, ending="_LBP_100x100.bin", missing_probes=[0, 4, 11])
    probes = read_template_list(kit.probe_list)
    assert (list(probes.paths), list(probes.ids or ())) == (kit.probe_paths, kit.ids)
    steps: list[tuple[str, int, int]] = []
    found = read_devkit(
        kit.probe_folder,
        probes.paths,
        kit.ending,
        missing="miss",
        stage="s",
        progress=lambda *step: steps.append(step),
    )
    np.testing.assert_array_equal(found.values, kit.probes)
    assert found.values.dtype == np.dtype(kind)
    assert listed(found.paths) == kit.probe_paths
    assert steps[-1] == ("s", 12, 12)
    with pytest.raises(DataError, match=r"Aaron Eckhart_3\.jpg_LBP_100x100\.bin is missing.*--missing miss"):
        read_devkit(kit.probe_folder, probes.paths, kit.ending)
    with pytest.raises(DataError, match=r"no feature file of the ending \.bin"):
        read_devkit(kit.probe_folder, probes.paths, ".bin", missing="miss")
    distractors = read_template_list(kit.distractor_list.with_name("megaface_features_list.json_10_2"))
    assert distractors.ids is None
    values = read_devkit(kit.distractor_folder, distractors.paths, kit.ending).values
    np.testing.assert_array_equal(values, kit.distractors_of(10, 2))


def test_devkit_trees_that_do_not_fit(tmp_path: Path) -> None:
    for name, content in {"a": feature_bytes([1, 2]), "b": feature_bytes([1, 2, 3]), "c": b"?"}.items():
        (tmp_path / f"{name}.bin").write_bytes(content)
    with pytest.raises(DataError, match=r"b\.bin has 3 numbers, others 2"):
        read_devkit(tmp_path, ["a", "b"], ".bin")
    with pytest.raises(DataError, match=r"c\.bin has 1 bytes"):
        read_devkit(tmp_path, ["a", "c"], ".bin", missing="miss")
    for name in ("../a", "/etc/a", "x/../../a"):
        with pytest.raises(DataError, match="leads out of"):
            read_devkit(tmp_path / "inner", [name], ".bin", missing="miss")
    for name in ("a\0", "a\ud800"):
        with pytest.raises(DataError, match="no name of a file"):
            read_devkit(tmp_path, [name], ".bin", missing="miss")


# --- template lists --------------------------------------------------------------------------------------------------


def test_template_lists(tmp_path: Path) -> None:
    path = tmp_path / "facescrub_features_list.json"
    path.write_text(json.dumps({"id": ["Zoë B", 7], "path": ["Zoë B/Zoë B_1.jpg", "068/068A03.JPG"]}), encoding="utf-8")
    found = read_template_list(path)
    assert found.paths == ("Zoë B/Zoë B_1.jpg", "068/068A03.JPG")
    assert (found.ids, found.source) == (("Zoë B", "7"), str(path))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "no template list"),
        ("{", "no template list"),
        ("[1]", "no template list"),
        ("3", "no template list"),
        ('{"id": ["a"]}', "no template list"),
        ('{"path": []}', "no template list"),
        ('{"path": "a.jpg"}', "no template list"),
        ('{"path": {"a.jpg": 1}}', "no template list"),
        ('{"path": ["a", 1]}', "no template list"),
        ('{"path": ["a", ""]}', "no template list"),
        ('{"path": ["a"], "id": "b"}', "no template list"),
        ('{"path": ["a"], "id": [null]}', "no template list"),
        ('{"path": ["a"], "id": [["b"]]}', "no template list"),
        ('{"path": ["a"], "id": null}', "no template list"),
        ('{"path": ["a", "b"], "id": ["x"]}', "2 paths and 1 ids"),
        ('{"path": ["a", "b", "c", "b"]}', "lists b twice"),
        ("[" * 100_000, "no template list"),
    ],
)
def test_template_lists_that_are_damaged(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "l.json").write_text(content)
    with pytest.raises(DataError, match=rf"l\.json.*{said}"):
        read_template_list(tmp_path / "l.json")


def test_a_long_template_list_with_a_name_that_comes_twice(tmp_path: Path) -> None:
    paths = [f"{number}.jpg" for number in range(200_000)]
    (tmp_path / "l.json").write_text(json.dumps({"path": [*paths, paths[-1]]}))
    with pytest.raises(DataError, match=r"lists 199999\.jpg twice"):  # in no time, though there are many to compare
        read_template_list(tmp_path / "l.json")


def test_template_lists_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere\.json cannot be read"):
        read_template_list(tmp_path / "nowhere.json")
    (tmp_path / "l.json").write_bytes(b'{"path": ["\xff"]}')
    with pytest.raises(DataError, match="no template list"):
        read_template_list(tmp_path / "l.json")
