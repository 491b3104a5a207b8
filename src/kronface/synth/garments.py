"""Clothes at the neck and shoulders, as a function of Warp."""

import warp as wp

from kronface.synth.kernels import Growth, Paint, strand


@wp.func
def garment_colour(turn: float, place: wp.vec3, paint: Paint, growth: Growth) -> wp.vec4:
    """Colour of the clothes at a place of the neck and shoulders, and whether there are any (1) or bare skin (0)."""
    aside = wp.abs(place[0])
    front = wp.clamp(-place[1] * 12.0, 0.0, 1.0)
    beside = wp.max(aside - 0.03, 0.0)
    line = paint.neckline - 0.025 * front + 8.0 * beside * beside
    if paint.garment == 1 or paint.garment == 3:
        line = paint.neckline - front * wp.max(0.07 - 1.1 * aside, 0.0) + 8.0 * beside * beside
    if paint.garment == 2:
        line = paint.neckline + 0.012 - front * wp.max(0.035 - 1.3 * aside, 0.0) + 8.0 * beside * beside
    if paint.garment == 4:
        line = 0.604 + 0.004 * wp.sin(place[0] * 60.0)
    line = wp.min(line, 0.62)
    colour = paint.cloth
    wave = 0.0
    if paint.pattern == 1:
        wave = wp.sin(place[2] * 700.0)
    if paint.pattern == 2:
        wave = wp.sin(place[0] * 600.0)
    if paint.pattern == 3:
        wave = wp.sin(place[2] * 420.0) + wp.sin(place[0] * 420.0)
    if wave > 0.6:
        colour = paint.second
    there = 0.0
    if place[2] < line:
        there = 1.0
    if paint.garment == 3:
        # Under the jacket's V a shirt, its collar, and the tie down the middle.
        shirt = paint.neckline + 0.016 - front * wp.max(0.02 - 1.2 * aside, 0.0) + 8.0 * beside * beside
        if place[2] >= line and place[2] < wp.min(shirt, 0.615):
            there = 1.0
            colour = paint.second
            knot = wp.abs(place[2] - shirt + 0.012)
            if aside < 0.008 + 0.12 * wp.max(shirt - 0.02 - place[2], 0.0) and place[2] < shirt - 0.004:
                colour = paint.tie * (0.75 + 0.5 * wp.smoothstep(0.0, 0.01, knot))
    if paint.garment == 2 and place[2] > line - 0.013:
        colour = colour * (0.8 + 0.2 * wp.sin(place[2] * 900.0))
    folds = strand(growth, turn, place, 3.0, 9.0)
    colour = colour * (0.8 + 0.4 * folds[1])
    return wp.vec4(colour[0], colour[1], colour[2], there)


@wp.func
def on_necklace(place: wp.vec3, paint: Paint) -> bool:
    """Whether a chain hangs at a place of the neck."""
    hang = 0.582 - 0.02 * wp.clamp(-place[1] * 12.0, 0.0, 1.0) + 5.0 * place[0] * place[0]
    return paint.necklace > 0.0 and wp.abs(place[2] - hang) < 0.0016
