"""The vocabulary of facial attributes: CelebA's 40, the paper's ten, the nine of its Table 1."""

CELEBA: tuple[str, ...] = (
    "5_o_Clock_Shadow",
    "Arched_Eyebrows",
    "Attractive",
    "Bags_Under_Eyes",
    "Bald",
    "Bangs",
    "Big_Lips",
    "Big_Nose",
    "Black_Hair",
    "Blond_Hair",
    "Blurry",
    "Brown_Hair",
    "Bushy_Eyebrows",
    "Chubby",
    "Double_Chin",
    "Eyeglasses",
    "Goatee",
    "Gray_Hair",
    "Heavy_Makeup",
    "High_Cheekbones",
    "Male",
    "Mouth_Slightly_Open",
    "Mustache",
    "Narrow_Eyes",
    "No_Beard",
    "Oval_Face",
    "Pale_Skin",
    "Pointy_Nose",
    "Receding_Hairline",
    "Rosy_Cheeks",
    "Sideburns",
    "Smiling",
    "Straight_Hair",
    "Wavy_Hair",
    "Wearing_Earrings",
    "Wearing_Hat",
    "Wearing_Lipstick",
    "Wearing_Necklace",
    "Wearing_Necktie",
    "Young",
)
"""CelebA's attributes in the order of `list_attr_celeba.txt`."""

FUSED: tuple[str, ...] = (
    "Narrow_Eyes",
    "Big_Nose",
    "Pointy_Nose",
    "Chubby",
    "Double_Chin",
    "High_Cheekbones",
    "Male",
    "Bald",
    "Big_Lips",
    "Oval_Face",
)
"""The paper's ten identity attributes (§5.2), in its order: what enters the product by default."""

PREDICTED: tuple[str, ...] = (*FUSED, "Young")
"""What the attribute branch outputs by default: the ten, and Young, which Table 1 scores but the text does not name."""

TABLE_1: tuple[str, ...] = (
    "Bald",
    "Big_Lips",
    "Big_Nose",
    "Chubby",
    "High_Cheekbones",
    "Male",
    "Narrow_Eyes",
    "Oval_Face",
    "Young",
)
"""The nine attributes that the paper's Table 1 reports, in its order."""
