"""Published figures of others and of the paper, with their sources: what reports set beside what was measured.

Accuracies and rates are in per cent, with the digits that were printed. Where the paper's table differs from the work
that it quotes, the quoted work's figure stands here, and the footnote says so.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

PAPER = "Taherkhani, Nasrabadi and Dawson, CVPR Workshops 2018"
LIU = "Liu, Luo, Wang and Tang, ICCV 2015, Table 1"

REPORTED = ("Bald", "Big_Lips", "Big_Nose", "Chubby", "High_Cheekbones", "Male", "Narrow_Eyes", "Oval_Face", "Young")
"""The nine attributes of the paper's Table 1, in its order."""

UNREPORTED = ("Double_Chin", "Pointy_Nose")
"""Named among the paper's ten identity attributes, and missing in its table; Liu et al. give them."""

ALL = (*REPORTED, *UNREPORTED)


@dataclass(frozen=True)
class AttributeMethod:
    """One column of accuracies on CelebA's test split."""

    name: str
    source: str
    accuracy: Mapping[str, float]
    """Per cent, by attribute."""
    footnotes: Mapping[str, str]
    """By attribute."""


def _column(name: str, source: str, values: str, **footnotes: str) -> AttributeMethod:
    """From figures in the order of `ALL`; nine of them stop before the unreported two."""
    figures = [float(value) for value in values.split()]
    return AttributeMethod(
        name,
        source,
        MappingProxyType(dict(zip(ALL[: len(figures)], figures, strict=True))),
        MappingProxyType(footnotes),
    )


SEPARATELY = _column("paper, separately", f"{PAPER}, Table 1", "96.16 69.25 82.35 94.22 86.61 95.65 85.45 74.49 87.12")
JOINTLY = _column("paper, jointly", f"{PAPER}, Table 1", "98.93 71.69 84.67 95.27 87.79 98.61 87.9 75.94 88.54")

ATTRIBUTE_METHODS: tuple[AttributeMethod, ...] = (
    _column("FaceTracer", LIU, "89 64 74 86 84 91 82 64 80 88 68"),
    _column("PANDA-w", LIU, "92 61 70 82 80 93 79 62 77 85 65"),
    _column("PANDA-l", LIU, "96 67 75 86 86 97 84 65 84 88 71"),
    _column("[17]+ANet", LIU, "92 63 74 86 85 95 83 65 81 90 67"),
    _column("LNets+ANet (w/o)", LIU, "95 66 75 86 84 94 77 63 83 88 70"),
    _column(
        "LNets+ANet",
        LIU,
        "98 68 78 91 87 98 81 66 87 92 72",
        High_Cheekbones="87 in Liu et al.; the paper's Table 1 prints 88 for it",
    ),
    _column("MT-RBM-PCA", f"Ehrlich et al., CVPR Workshops 2016, as quoted by {PAPER}", "98 69 81 95 83 90 86 73 81"),
    SEPARATELY,
    JOINTLY,
)
"""Liu et al.'s columns with all eleven attributes, the others with the nine of the paper's table."""

MAJORITY: Mapping[str, float] = MappingProxyType(
    dict(zip(ALL, (97.7, 76.1, 76.3, 94.3, 55.0, 57.9, 88.4, 72.1, 78.0, 95.4, 72.4), strict=True))
)
"""Per cent that the more frequent answer gets among CelebA's first 20,000 images, all of the train split: counted,
not published. On other splits it differs: Male has 57.9 there and 61.35 on the test split."""

ATTRIBUTE_NOTES: tuple[str, ...] = (
    "FaceTracer, PANDA-l (there: PANDA) and LNets+ANet stand in the paper's Table 1 as well; [17]+ANet and (w/o) are "
    "Liu et al.'s own comparisons, and the bracketed number is of their list of references",
    "paper, separately and paper, jointly: its columns Ours-S and Ours-J; RBM-PCA there is MT-RBM-PCA",
    "The paper names ten identity attributes and reports nine: Double Chin and Pointy Nose are missing in its table, "
    "Young is reported and not named. Its text calls this table Table 2",
    "Accuracy alone can mislead: several published figures lie below what always giving the more frequent answer gets",
)
"""What a reader of the table has to know."""


@dataclass(frozen=True)
class Rank1Method:
    """One row of the paper's Table 2: rank-1 on FaceScrub among a million distractors."""

    name: str
    is_released: bool
    """Whether the table says so ("Rels")."""
    training_set: str
    """Large or Small: MegaFace's two protocols."""
    rank1: float
    """Per cent."""
    footnote: str = ""


RANK1_SOURCE = f"{PAPER}, Table 2; figures of others there are from MegaFace's website"

SEPARATELY_RANK1, JOINTLY_RANK1 = 76.15, 78.82
"""The paper's own, of identities trained alone, and jointly with attributes."""

RANK1_METHODS: tuple[Rank1Method, ...] = (
    Rank1Method("Google - FaceNet v8", True, "Large", 70.5),
    Rank1Method("NTechLAB - Large", False, "Large", 73.3),
    Rank1Method("Faceall Co. - Norm-1600", False, "Large", 64.8),
    Rank1Method("Faceall Co. - FaceAll-1600", False, "Large", 63.98),
    Rank1Method("Lightened CNN", True, "Small", 67.11),
    Rank1Method("Center Loss", True, "Small", 65.23, "Center Loss and SIAT-MMLAB bear the same figure"),
    Rank1Method("LBP", True, "Small", 3.02),
    Rank1Method("Joint Bayes", True, "Small", 2.33),
    Rank1Method("NTechLAB - Small", False, "Small", 58.22),
    Rank1Method("3DiVi Company", False, "Small", 33.71),
    Rank1Method("SIAT-MMLAB", False, "Small", 65.23, "Center Loss and SIAT-MMLAB bear the same figure"),
    Rank1Method("Barebones FR", False, "Small", 59.36),
    Rank1Method("Wang et al.", True, "Small", 77.74),
    Rank1Method("paper, separately", True, "Small", SEPARATELY_RANK1),
    Rank1Method(
        "paper, jointly",
        True,
        "Small",
        JOINTLY_RANK1,
        "At the ceiling of the raw lists: ArcFace of ResNet-50 on the same training set, CASIA-WebFace, has 77.50 on "
        "them, and 91.75 once wrong labels are taken out (Deng et al., CVPR 2019)",
    ),
)
"""The paper's Table 2, in its order."""

RANK1_NOTES: tuple[str, ...] = (
    "On the raw lists strong networks end between 77 and 83 %, since people of FaceScrub are among the distractors",
    "The paper says that it was fine-tuned on MegaFace, and gives neither the layer that is compared nor the "
    "similarity: its figures cannot be repeated from the text",
)
"""What a reader of the table has to know."""
