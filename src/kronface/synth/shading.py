"""The light of what is seen: deferred shading of the visibility buffer, and its names, as Warp kernels."""

import warp as wp

from kronface.synth.garments import garment_colour, on_necklace
from kronface.synth.kernels import (
    DEPTH_STEPS,
    EMPTY,
    Growth,
    Light,
    Paint,
    View,
    bilinear,
    edge,
    hair_density,
    shadow,
    skin_coordinates,
    strand,
    texel,
    turn_of,
)

SAME_SURFACE = wp.constant(0.004)
"""Metres between the depths of neighbouring samples of one surface, at most."""


@wp.func
def wrapped(cosine: float, wrap: float) -> float:
    """Light that bleeds around the terminator, as it does through skin."""
    return wp.max((cosine + wrap) / (1.0 + wrap), 0.0)


@wp.func
def shade_sample(
    x: float,
    y: float,
    key: wp.int64,
    points: wp.array(dtype=wp.vec3),
    positions: wp.array(dtype=wp.vec3),
    normals: wp.array(dtype=wp.vec3),
    rest: wp.array(dtype=wp.vec3),
    light_points: wp.array(dtype=wp.vec3),
    triangles: wp.array2d(dtype=wp.int32),
    materials: wp.array(dtype=wp.int32),
    paints: wp.array(dtype=wp.int32),
    palette: wp.array(dtype=wp.vec3),
    covers: wp.array(dtype=float),
    open_light: wp.array(dtype=float),
    texture: wp.array2d(dtype=texel),
    growth: Growth,
    paint: Paint,
    light: Light,
    light_keys: wp.array2d(dtype=wp.int64),
    light_near: float,
    light_far: float,
    eye: wp.vec3,
) -> wp.vec3:
    """One sample: interpolates its triangle, finds the material's colour, lights it; linear RGB."""
    t = int(key & wp.int64(4294967295))
    i = triangles[t, 0]
    j = triangles[t, 1]
    k = triangles[t, 2]
    a = points[i]
    b = points[j]
    c = points[k]
    area = edge(a, b, c[0], c[1])
    u = edge(b, c, x, y) / area
    v = edge(c, a, x, y) / area
    w = 1.0 - u - v
    place = u * rest[i] + v * rest[j] + w * rest[k]
    position = u * positions[i] + v * positions[j] + w * positions[k]
    normal = wp.normalize(u * normals[i] + v * normals[j] + w * normals[k])
    towards = wp.normalize(eye - position)
    material = materials[t]
    if wp.dot(normal, towards) < 0.0 and material != 0 and material != 7:
        normal = -normal

    turn = turn_of(place)
    albedo = palette[paints[t]]
    shine = float(0.0)
    hardness = float(18.0)
    bleed = wp.vec3(0.25, 0.12, 0.08)
    occlusion = float(0.8)
    grain = float(0.5)
    opened = float(1.0)
    if wp.max(i, wp.max(j, k)) < open_light.shape[0]:
        opened = u * open_light[i] + v * open_light[j] + w * open_light[k]
    if material == 0 or material == 7 or material == 6:
        painted = bilinear(texture, skin_coordinates(turn, place, growth))
        albedo = wp.vec3(painted[0], painted[1], painted[2])
        shine = paint.gloss * painted[3]
        occlusion = painted[4] * opened
        if paint.stubble > 0.0:
            grown = wp.min(painted[7] * paint.stubble, 0.95)
            albedo = albedo * (1.0 - grown) + paint.beard * grown
            shine = shine * (1.0 - grown)
        if painted[5] > 0.0:
            made = painted[5] * paint.lips
            albedo = albedo * (1.0 - made) + paint.lipstick * made
            shine = shine + 0.6 * made
        if painted[6] > 0.0:
            made = painted[6] * paint.lids
            albedo = albedo * (1.0 - made) + paint.shadow * made
        if paint.blush > 0.0:
            across = (wp.abs(turn) - 0.45) / 0.16
            rise = (place[2] - 0.694) / 0.014
            rosy = paint.blush * wp.exp(-across * across - rise * rise)
            albedo = wp.cw_mul(albedo, wp.vec3(1.0 - 0.05 * rosy, 1.0 - 0.4 * rosy, 1.0 - 0.35 * rosy))
        if material == 6:
            albedo = wp.cw_mul(albedo, wp.vec3(0.8, 0.6, 0.55))
            occlusion = 0.7
        if material == 0:
            density = hair_density(growth, turn, place)
            if density > 0.0:
                # Roots: where hair grows the scalp has its colour, so that no skin shines through at its edges.
                fine = strand(growth, turn, place, 5.0, 5.0)
                roots = wp.smoothstep(0.2, 0.8, density + 0.3 * (fine[0] - 0.5))
                dark = palette[0] * (0.35 + 0.5 * fine[0])
                albedo = albedo * (1.0 - roots) + dark * roots
                shine = shine * (1.0 - roots)
            if place[2] < 0.62:
                cloth = garment_colour(turn, place, paint, growth)
                if cloth[3] > 0.0:
                    albedo = wp.vec3(cloth[0], cloth[1], cloth[2])
                    shine = 0.0
                    bleed = wp.vec3(0.05, 0.05, 0.05)
                elif on_necklace(place, paint):
                    albedo = wp.vec3(0.6, 0.5, 0.3) * paint.necklace
                    shine = 2.0
                    hardness = 60.0
    elif material == 1:
        centre = paint.eye_left
        if place[0] < 0.0:
            centre = paint.eye_right
        dx = place[0] - centre[0]
        dz = place[2] - centre[2]
        r = wp.sqrt(dx * dx + dz * dz)
        angle = wp.atan2(dz, dx)
        sclera = wp.vec3(0.47, 0.43, 0.40) * (1.0 - 0.25 * wp.smoothstep(0.007, 0.012, r))
        fibres = 0.8 + 0.3 * wp.sin(angle * paint.spokes + paint.spokes_turn) * wp.sin(
            angle * 7.0 + 2.0 * paint.spokes_turn
        )
        rim = wp.smoothstep(paint.iris_radius * 0.8, paint.iris_radius, r)
        ring = paint.iris * fibres * (1.0 - 0.7 * rim)
        inside = 1.0 - wp.smoothstep(paint.iris_radius * 0.95, paint.iris_radius * 1.06, r)
        albedo = sclera * (1.0 - inside) + ring * inside
        black = 1.0 - wp.smoothstep(paint.pupil_radius * 0.85, paint.pupil_radius * 1.15, r)
        albedo = albedo * (1.0 - 0.97 * black)
        # The upper lid shades the eyeball; the corners lie deeper than the middle.
        occlusion = 0.95 - 0.6 * wp.smoothstep(0.001, 0.007, dz) - 0.4 * wp.smoothstep(0.007, 0.013, wp.abs(dx))
        shine = 1.1
        hardness = 160.0
        bleed = wp.vec3(0.2, 0.2, 0.2)
    elif material == 2:
        albedo = wp.vec3(0.16, 0.035, 0.03)
        occlusion = wp.clamp((-place[1] - 0.10) * 12.0, 0.05, 0.6)
        shine = 0.1
    elif material == 3 or material == 8:
        cover = u * covers[i] + v * covers[j] + w * covers[k]
        fine = strand(growth, turn, place, 5.0, 5.0)
        if material == 8:
            fine = strand(growth, turn, place, 9.0, 30.0)
        lock = strand(growth, turn, place, 1.0, 3.0)
        grain = fine[0]
        # Light reaches the tips, and the roots less.
        occlusion = 0.55 + 0.4 * cover
        albedo = albedo * (0.3 + 0.75 * fine[0] + 0.45 * lock[1])
        bleed = wp.vec3(0.15, 0.15, 0.15)
    elif material == 4:
        albedo = wp.vec3(0.62, 0.57, 0.47)
        # Gaps between the teeth, and gums.
        gap = wp.abs(wp.sin(place[0] * 380.0))
        albedo = albedo * (0.72 + 0.28 * wp.smoothstep(0.0, 0.25, gap))
        occlusion = 0.75 - 0.35 * wp.smoothstep(0.012, 0.02, wp.abs(place[0]))
        shine = 0.35
        hardness = 60.0
    elif material == 5:
        albedo = wp.vec3(0.32, 0.1, 0.09)
        occlusion = 0.5
    elif material == 9:
        weave = strand(growth, turn, place, 7.0, 12.0)
        albedo = albedo * (0.8 + 0.35 * weave[1] + 0.1 * wp.sin(place[2] * 1800.0))
        bleed = wp.vec3(0.08, 0.08, 0.08)
        occlusion = 0.85
    elif material == 10:
        shine = 3.0
        hardness = 60.0
        occlusion = 0.9
        bleed = wp.vec3(0.0, 0.0, 0.0)
    elif material == 11:
        albedo = paint.hand * (0.97 + 0.06 * strand(growth, turn, place, 3.0, 3.0)[1])
        shine = 0.4 * paint.gloss

    up = 0.5 + 0.5 * normal[2]
    ambient = (light.sky * up + light.ground * (1.0 - up)) * occlusion
    colour = wp.cw_mul(albedo, ambient)
    for number in range(light.directions.shape[0]):
        direction = light.directions[number]
        lit = float(1.0)
        cosine = wp.dot(normal, direction)
        if number == 0 and light.dark > 0.0:
            light_at = u * light_points[i] + v * light_points[j] + w * light_points[k]
            # A steeper surface passes through more depths within one pixel of the light's view.
            lean = wp.clamp(cosine, 0.15, 1.0)
            bias = 0.0025 + (0.0022 + 0.0008 * light.softness) * wp.sqrt(1.0 - lean * lean) / lean
            if material == 3 or material == 8:
                bias += 0.006
            lit = 1.0 - light.dark * (1.0 - shadow(light_keys, light_at, light_near, light_far, bias, light.softness))
        diffuse = wp.vec3(wrapped(cosine, bleed[0]), wrapped(cosine, bleed[1]), wrapped(cosine, bleed[2]))
        half = wp.normalize(direction + towards)
        strength = lit * (0.35 + 0.65 * occlusion)
        colour += wp.cw_mul(wp.cw_mul(albedo, diffuse), light.colours[number]) * strength
        if material == 3 or material == 8:
            # Highlights of hair lie across the strands, which run down the head.
            along = wp.normalize(wp.vec3(0.0, 0.0, -1.0) + normal * normal[2])
            cosine_along = wp.dot(along, half)
            glare = wp.exp(-30.0 * cosine_along * cosine_along)
            base = palette[paints[t]] + wp.vec3(0.03, 0.03, 0.03)
            colour += wp.cw_mul(base, light.colours[number]) * (
                0.8 * glare * lit * wp.max(cosine + 0.2, 0.0) * (0.3 + grain)
            )
        elif shine > 0.0 and cosine > 0.0:
            facing = wp.max(wp.dot(normal, half), 0.0)
            glint = wp.pow(facing, hardness) * (hardness + 8.0) / 25.0
            grazing = 1.0 - wp.max(wp.dot(half, towards), 0.0)
            fresnel = 0.04 + 0.96 * grazing * grazing * grazing * grazing * grazing
            colour += light.colours[number] * (shine * glint * fresnel * lit * cosine * occlusion)
    return colour


@wp.kernel
def shade(
    keys: wp.array2d(dtype=wp.int64),
    lens_keys: wp.array2d(dtype=wp.int64),
    run: int,
    samples: int,
    points: wp.array(dtype=wp.vec3),
    positions: wp.array(dtype=wp.vec3),
    normals: wp.array(dtype=wp.vec3),
    rest: wp.array(dtype=wp.vec3),
    light_points: wp.array(dtype=wp.vec3),
    triangles: wp.array2d(dtype=wp.int32),
    materials: wp.array(dtype=wp.int32),
    paints: wp.array(dtype=wp.int32),
    palette: wp.array(dtype=wp.vec3),
    covers: wp.array(dtype=float),
    open_light: wp.array(dtype=float),
    texture: wp.array2d(dtype=texel),
    growth: Growth,
    paint: Paint,
    light: Light,
    view: View,
    light_keys: wp.array2d(dtype=wp.int64),
    light_near: float,
    light_far: float,
    lens: wp.vec4,
    background: wp.array2d(dtype=wp.vec3),
    out: wp.array2d(dtype=wp.vec3),
) -> None:
    """`run` pixels of a row, each the mean of its samples; linear RGB out.

    A sample that shows the same surface as the one before it (the same material, at nearly the same depth) is not
    shaded again: inside of a surface a pixel costs one shading, at its outline as many as it has surfaces. `lens` holds
    the share of light of each colour that spectacles let through, and how much of the sky they mirror.
    """
    y, part = wp.tid()
    eye = wp.vec3(0.0, -view.distance, 0.0)
    glass = lens_keys.shape[0] > 1
    for x in range(part * run, wp.min(part * run + run, out.shape[1])):
        total = wp.vec3(0.0, 0.0, 0.0)
        colour = wp.vec3(0.0, 0.0, 0.0)
        shaded = int(-1)
        shaded_depth = float(-1.0)
        for n in range(samples * samples):
            sy = y * samples + n // samples
            sx = x * samples + n % samples
            key = keys[sy, sx]
            seen = background[y, x]
            if key != EMPTY:
                material = materials[int(key & wp.int64(4294967295))]
                depth = float(key >> wp.int64(32)) / DEPTH_STEPS * (view.far - view.near)
                if material != shaded or wp.abs(depth - shaded_depth) > SAME_SURFACE:
                    shaded = material
                    shaded_depth = depth
                    colour = shade_sample(
                        float(sx),
                        float(sy),
                        key,
                        points,
                        positions,
                        normals,
                        rest,
                        light_points,
                        triangles,
                        materials,
                        paints,
                        palette,
                        covers,
                        open_light,
                        texture,
                        growth,
                        paint,
                        light,
                        light_keys,
                        light_near,
                        light_far,
                        eye,
                    )
                seen = colour
            if glass:
                over = lens_keys[sy, sx]
                if over < key:
                    t = int(over & wp.int64(4294967295))
                    normal = wp.normalize(
                        normals[triangles[t, 0]] + normals[triangles[t, 1]] + normals[triangles[t, 2]]
                    )
                    at = positions[triangles[t, 1]]
                    towards = wp.normalize(eye - at)
                    if wp.dot(normal, towards) < 0.0:
                        normal = -normal
                    mirrored = 2.0 * wp.dot(normal, towards) * normal - towards
                    glare = light.sky * wp.max(mirrored[2] + 0.15, 0.0)
                    for number in range(light.directions.shape[0]):
                        flash = wp.pow(wp.max(wp.dot(mirrored, light.directions[number]), 0.0), 24.0)
                        glare += light.colours[number] * flash
                    seen = wp.cw_mul(seen, wp.vec3(lens[0], lens[1], lens[2])) + glare * lens[3]
            total += seen
        out[y, x] = total / float(samples * samples)


@wp.kernel
def label(
    keys: wp.array2d(dtype=wp.int64),
    samples: int,
    points: wp.array(dtype=wp.vec3),
    rest: wp.array(dtype=wp.vec3),
    triangles: wp.array2d(dtype=wp.int32),
    materials: wp.array(dtype=wp.int32),
    texture: wp.array2d(dtype=texel),
    brows: wp.array2d(dtype=float),
    growth: Growth,
    paint: Paint,
    out: wp.array2d(dtype=wp.uint8),
) -> None:
    """What a pixel shows: 0 background, 1 skin, 2 brow, 3 eye, 4 nose, 5 lips, 6 hair, 7 other."""
    y, x = wp.tid()
    key = keys[y * samples, x * samples]
    kind = int(0)
    if key != EMPTY:
        t = int(key & wp.int64(4294967295))
        material = materials[t]
        kind = 7
        if material == 1:
            kind = 3
        if material == 3 or material == 8:
            kind = 6
        if material == 7 or material == 6:
            kind = 1
        if material == 0:
            kind = 1
            i = triangles[t, 0]
            j = triangles[t, 1]
            k = triangles[t, 2]
            a = points[i]
            b = points[j]
            c = points[k]
            area = edge(a, b, c[0], c[1])
            u = edge(b, c, float(x * samples), float(y * samples)) / area
            v = edge(c, a, float(x * samples), float(y * samples)) / area
            place = u * rest[i] + v * rest[j] + (1.0 - u - v) * rest[k]
            turn = turn_of(place)
            at = skin_coordinates(turn, place, growth)
            painted = bilinear(texture, at)
            row = wp.clamp(int(at[1] * float(brows.shape[0])), 0, brows.shape[0] - 1)
            column = wp.clamp(int(at[0] * float(brows.shape[1])), 0, brows.shape[1] - 1)
            slope = wp.clamp((0.735 - place[2]) / 0.045, 0.0, 1.0)
            if place[2] > 0.679 and place[2] < 0.737 and wp.abs(turn) < 0.05 + 0.08 * slope:
                kind = 4
            if painted[5] > 0.5:
                kind = 5
            if brows[row, column] > 0.35:
                kind = 2
            if hair_density(growth, turn, place) > 0.5:
                kind = 6
            if place[2] < 0.62 and garment_colour(turn, place, paint, growth)[3] > 0.0:
                kind = 7
    out[y, x] = wp.uint8(kind)
