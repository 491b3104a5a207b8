"""From what was drawn to CelebA's attributes of a picture."""

from kronface.synth.person import Person
from kronface.synth.scene import Scene
from kronface.synth.styling import Styling


def known_attributes(person: Person, scene: Scene, worn: Styling) -> dict[str, int]:
    """CelebA attributes that are exact in a picture: the eleven of the identity, and those that the picture decides.

    Only Attractive, which is an opinion, is not among them.
    """
    look, hair, identity = person.appearance, worn.hair, person.identity
    bearded = "none" if worn.shaven and look.beard != "stubble" else look.beard
    grown = hair.length not in ("bald", "cropped") and not worn.hat
    coloured = {
        name: int(hair.colour == colour and not look.bald)
        for name, colour in (
            ("Black_Hair", "black"),
            ("Brown_Hair", "brown"),
            ("Blond_Hair", "blond"),
            ("Gray_Hair", "gray"),
        )
    }
    decided = {
        "5_o_Clock_Shadow": bearded == "stubble",
        "Arched_Eyebrows": look.brows.arch > 0.0063,
        "Bags_Under_Eyes": look.marks.bags > 0.55,
        "Bangs": hair.bangs and not worn.hat,
        "Blurry": scene.flaws.blurry,
        "Bushy_Eyebrows": look.brows.width * look.brows.density > 0.0056,
        "Eyeglasses": worn.spectacles is not None,
        "Goatee": bearded in ("goatee", "full"),
        "Heavy_Makeup": worn.make_up > 0.5,
        "Mouth_Slightly_Open": scene.mouth_open,
        "Mustache": bearded in ("moustache", "goatee", "full"),
        "No_Beard": bearded in ("none", "stubble"),
        "Pale_Skin": look.tone < 0.05,
        "Receding_Hairline": look.hair_front - 0.797 + 0.7 * look.hair_recess > 0.013 and not hair.bangs,
        "Rosy_Cheeks": worn.make_up > 0.85 or look.marks.flush > 1.5,
        "Sideburns": identity.male and (bearded == "full" or look.hair_beside < 0.693) and not look.bald,
        "Smiling": scene.smiling,
        "Straight_Hair": grown and hair.curl < 0.12,
        "Wavy_Hair": grown and hair.curl >= 0.25,
        "Wearing_Earrings": worn.earrings,
        "Wearing_Hat": bool(worn.hat),
        "Wearing_Lipstick": worn.make_up > 0.4,
        "Wearing_Necklace": worn.necklace,
        "Wearing_Necktie": worn.garment.kind == 3,
    }
    return person.labels | coloured | {name: int(value) for name, value in decided.items()}
