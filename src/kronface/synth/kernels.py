"""The pixels: a visibility buffer and deferred shading, as Warp kernels that run on a processor or on CUDA.

Pass one writes, per pixel, the nearest triangle's depth and number packed into one integer; it is run once from the
camera and once from the main light. Pass two shades each pixel from the triangle that it shows.
"""

import warp as wp

wp.config.log_level = wp.LOG_ERROR  # no banner, and no advice on drivers
wp.config.enable_backward = False  # nothing is differentiated: half of the code to compile

SKIN = 0
EYE = 1
MOUTH = 2
HAIR = 3
TEETH = 4
TONGUE = 5
SOCKET = 6
EAR = 7
"""Skin that no hair grows on, though the texture has some there: the scalp behind it."""

EMPTY = wp.constant(wp.int64(9223372036854775807))
DEPTH_STEPS = wp.constant(1.0e9)
PI = wp.constant(3.14159265)
SAME_SURFACE = wp.constant(0.004)
"""Metres between the depths of neighbouring samples of one surface, at most."""

texel = wp.types.vector(length=6, dtype=float)
"""Linear RGB of the skin, density of hair, occlusion, brightness of the strand."""


@wp.func
def surface_coordinates(rest: wp.vec3, low: float, high: float) -> wp.vec2:
    """Rest position -> (turn about the vertical axis, height), both in [0, 1]: where textures are looked up."""
    return wp.vec2(wp.atan2(rest[0], -rest[1]) / (2.0 * PI) + 0.5, (high - rest[2]) / (high - low))


@wp.func
def bilinear(texture: wp.array2d(dtype=texel), at: wp.vec2) -> texel:
    """Samples (H, W) texels between their centres; wraps around the head, clamps in height."""
    height = texture.shape[0]
    width = texture.shape[1]
    x = at[0] * float(width) - 0.5
    y = wp.clamp(at[1] * float(height) - 0.5, 0.0, float(height) - 1.001)
    x0 = int(wp.floor(x))
    y0 = int(wp.floor(y))
    fx = x - float(x0)
    fy = y - float(y0)
    left = ((x0 % width) + width) % width
    right = (left + 1) % width
    below = wp.min(y0 + 1, height - 1)
    top = texture[y0, left] * (1.0 - fx) + texture[y0, right] * fx
    bottom = texture[below, left] * (1.0 - fx) + texture[below, right] * fx
    return top * (1.0 - fy) + bottom * fy


@wp.func
def strands(texture: wp.array2d(dtype=texel), at: wp.vec2, around: float, down: float) -> float:
    """Brightness of the strand at a place, in [0, 1]: the last channel, repeated around and stretched down."""
    height = texture.shape[0]
    width = texture.shape[1]
    x = at[0] * around * float(width) - 0.5
    x0 = int(wp.floor(x))
    fx = x - float(x0)
    y = wp.clamp(int(at[1] * down * float(height)), 0, height - 1)
    left = ((x0 % width) + width) % width
    right = (left + 1) % width
    return texture[y, left][5] * (1.0 - fx) + texture[y, right][5] * fx


@wp.func
def edge(a: wp.vec3, b: wp.vec3, x: float, y: float) -> float:
    """Twice the signed area of (a, b, point)."""
    return (b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0])


@wp.kernel
def rasterise(
    points: wp.array(dtype=wp.vec3),
    triangles: wp.array2d(dtype=wp.int32),
    materials: wp.array(dtype=wp.int32),
    rest: wp.array(dtype=wp.vec3),
    texture: wp.array2d(dtype=texel),
    low: float,
    high: float,
    near: float,
    far: float,
    width: int,
    height: int,
    keys: wp.array2d(dtype=wp.int64),
) -> None:
    """Keeps, per pixel, the smallest key: depth in the upper half, triangle number in the lower.

    Triangles run against the clock as seen from outside. Hair is there only where channel 3 of the texture, its
    density, exceeds one half.
    """
    t = wp.tid()
    i = triangles[t, 0]
    j = triangles[t, 1]
    k = triangles[t, 2]
    a = points[i]
    b = points[j]
    c = points[k]
    area = edge(a, b, c[0], c[1])
    material = materials[t]
    if wp.abs(area) < 1.0e-9:
        return
    if area > 0.0 and (material == 0 or material == 1 or material == 7):
        return  # skin and eyes are closed: what faces away is hidden by what faces here
    x0 = wp.max(int(wp.ceil(wp.min(a[0], wp.min(b[0], c[0])))), 0)
    x1 = wp.min(int(wp.floor(wp.max(a[0], wp.max(b[0], c[0])))), width - 1)
    y0 = wp.max(int(wp.ceil(wp.min(a[1], wp.min(b[1], c[1])))), 0)
    y1 = wp.min(int(wp.floor(wp.max(a[1], wp.max(b[1], c[1])))), height - 1)
    hair = material == 3
    for y in range(y0, y1 + 1):
        for x in range(x0, x1 + 1):
            u = edge(b, c, float(x), float(y)) / area
            v = edge(c, a, float(x), float(y)) / area
            w = 1.0 - u - v
            if u >= 0.0 and v >= 0.0 and w >= 0.0:
                depth = (u * a[2] + v * b[2] + w * c[2] - near) / (far - near)
                if depth > 0.0 and depth < 1.0:
                    key = (wp.int64(depth * DEPTH_STEPS) << wp.int64(32)) | wp.int64(t)
                    if key < keys[y, x]:
                        covered = True
                        if hair:
                            at = surface_coordinates(u * rest[i] + v * rest[j] + w * rest[k], low, high)
                            covered = bilinear(texture, at)[3] > 0.5
                        if covered:
                            wp.atomic_min(keys, y, x, key)


@wp.func
def shadow(
    keys: wp.array2d(dtype=wp.int64), at: wp.vec3, near: float, far: float, bias: float, width: int, height: int
) -> float:
    """Share of nine samples around a point in the light's view that nothing hides, in [0, 1]."""
    lit = 0.0
    depth = (at[2] - bias - near) / (far - near)
    for dy in range(-1, 2):
        for dx in range(-1, 2):
            x = int(wp.round(at[0] + 1.2 * float(dx)))
            y = int(wp.round(at[1] + 1.2 * float(dy)))
            free = 1.0
            if x >= 0 and y >= 0 and x < width and y < height:
                key = keys[y, x]
                if key != EMPTY and float(key >> wp.int64(32)) / DEPTH_STEPS < depth:
                    free = 0.0
            lit += free
    return lit / 9.0


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
    texture: wp.array2d(dtype=texel),
    low: float,
    high: float,
    light_keys: wp.array2d(dtype=wp.int64),
    light_near: float,
    light_far: float,
    eye: wp.vec3,
    light_directions: wp.array(dtype=wp.vec3),
    light_colours: wp.array(dtype=wp.vec3),
    sky: wp.vec3,
    ground: wp.vec3,
    eye_left: wp.vec3,
    eye_right: wp.vec3,
    iris: wp.vec3,
    iris_radius: float,
    pupil_radius: float,
    hair: wp.vec3,
    cloth: wp.vec3,
    neckline: float,
    gloss: float,
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
    at = surface_coordinates(place, low, high)
    painted = bilinear(texture, at)

    albedo = wp.vec3(painted[0], painted[1], painted[2])
    shine = gloss
    hardness = 18.0
    bleed = wp.vec3(0.35, 0.2, 0.15)
    occlusion = painted[4]
    if material == 0 and painted[3] > 0.0:
        # Roots: where hair grows the scalp has its colour, so that no skin shines through at partings and edges.
        roots = wp.smoothstep(0.15, 0.75, painted[3])
        dark = hair * (0.3 + 0.6 * painted[5])
        albedo = albedo * (1.0 - roots) + dark * roots
        shine = gloss * (1.0 - roots)
    if material == 7:
        material = 0
    if material == 0:
        # The neckline is deeper in front, and shoulders are always covered.
        deeper = 0.025 * wp.clamp(-place[1] * 12.0, 0.0, 1.0)
        beside = wp.max(wp.abs(place[0]) - 0.03, 0.0)
        higher = 8.0 * beside * beside
        if place[2] < wp.min(neckline - deeper + higher, 0.62):
            albedo = cloth * (0.85 + 0.3 * (strands(texture, at, 7.0, 1.0) - 0.5))
            shine = 0.0
            bleed = wp.vec3(0.05, 0.05, 0.05)
    elif material == 1:
        centre = eye_left
        if place[0] < 0.0:
            centre = eye_right
        dx = place[0] - centre[0]
        dz = place[2] - centre[2]
        r = wp.sqrt(dx * dx + dz * dz)
        turn = wp.atan2(dz, dx)
        sclera = wp.vec3(0.55, 0.5, 0.47)
        fibres = 0.8 + 0.25 * wp.sin(turn * 23.0) * wp.sin(turn * 7.0 + 1.0)
        rim = wp.smoothstep(iris_radius * 0.8, iris_radius, r)
        ring = iris * fibres * (1.0 - 0.7 * rim)
        inside = 1.0 - wp.smoothstep(iris_radius * 0.95, iris_radius * 1.06, r)
        albedo = sclera * (1.0 - inside) + ring * inside
        black = 1.0 - wp.smoothstep(pupil_radius * 0.85, pupil_radius * 1.15, r)
        albedo = albedo * (1.0 - 0.97 * black)
        # The upper lid shades the eyeball; the corners lie deeper than the middle.
        occlusion = 1.0 - 0.55 * wp.smoothstep(0.001, 0.008, dz) - 0.35 * wp.smoothstep(0.008, 0.014, wp.abs(dx))
        shine = 1.1
        hardness = 160.0
        bleed = wp.vec3(0.2, 0.2, 0.2)
    elif material == 2:
        albedo = wp.vec3(0.16, 0.035, 0.03)
        occlusion = wp.clamp((-place[1] - 0.10) * 12.0, 0.05, 0.6)
        shine = 0.1
    elif material == 3:
        strand = strands(texture, at, 5.0, 0.5)
        lock = strands(texture, at, 1.0, 0.3)
        albedo = hair * (0.35 + 0.7 * strand + 0.5 * lock)
        occlusion = 0.75
        shine = 0.0
        bleed = wp.vec3(0.15, 0.15, 0.15)
    elif material == 4:
        albedo = wp.vec3(0.62, 0.57, 0.47)
        occlusion = 0.75
        shine = 0.35
        hardness = 60.0
    elif material == 5:
        albedo = wp.vec3(0.32, 0.1, 0.09)
        occlusion = 0.5
    elif material == 6:
        albedo = wp.cw_mul(albedo, wp.vec3(0.8, 0.6, 0.55))
        occlusion = 0.7

    up = 0.5 + 0.5 * normal[2]
    ambient = (sky * up + ground * (1.0 - up)) * occlusion
    colour = wp.cw_mul(albedo, ambient)
    for number in range(light_directions.shape[0]):
        direction = light_directions[number]
        lit = 1.0
        if number == 0:
            light_at = u * light_points[i] + v * light_points[j] + w * light_points[k]
            # A steeper surface passes through more depths within one pixel of the light's view.
            lean = wp.clamp(wp.dot(normal, direction), 0.15, 1.0)
            bias = 0.0025 + 0.003 * wp.sqrt(1.0 - lean * lean) / lean
            lit = shadow(light_keys, light_at, light_near, light_far, bias, light_keys.shape[1], light_keys.shape[0])
        cosine = wp.dot(normal, direction)
        diffuse = wp.vec3(wrapped(cosine, bleed[0]), wrapped(cosine, bleed[1]), wrapped(cosine, bleed[2]))
        half = wp.normalize(direction + towards)
        strength = lit * (0.5 + 0.5 * occlusion)
        colour += wp.cw_mul(wp.cw_mul(albedo, diffuse), light_colours[number]) * strength
        if material == 3:
            # Highlights of hair lie across the strands, which run down the head.
            along = wp.normalize(wp.vec3(0.0, 0.0, -1.0) + normal * normal[2])
            sine = wp.sqrt(wp.max(1.0 - wp.pow(wp.dot(along, half), 2.0), 0.0))
            colour += wp.cw_mul(hair + wp.vec3(0.03, 0.03, 0.03), light_colours[number]) * (
                0.9 * wp.pow(sine, 60.0) * lit * wp.max(cosine + 0.2, 0.0) * (0.4 + strands(texture, at, 5.0, 0.5))
            )
        elif shine > 0.0 and cosine > 0.0:
            glint = wp.pow(wp.max(wp.dot(normal, half), 0.0), hardness) * (hardness + 8.0) / 25.0
            fresnel = 0.04 + 0.96 * wp.pow(1.0 - wp.max(wp.dot(half, towards), 0.0), 5.0)
            colour += light_colours[number] * (shine * glint * fresnel * lit * cosine * occlusion)
    return colour


@wp.kernel
def shade(
    keys: wp.array2d(dtype=wp.int64),
    samples: int,
    points: wp.array(dtype=wp.vec3),
    positions: wp.array(dtype=wp.vec3),
    normals: wp.array(dtype=wp.vec3),
    rest: wp.array(dtype=wp.vec3),
    light_points: wp.array(dtype=wp.vec3),
    triangles: wp.array2d(dtype=wp.int32),
    materials: wp.array(dtype=wp.int32),
    texture: wp.array2d(dtype=texel),
    low: float,
    high: float,
    depth_range: float,
    light_keys: wp.array2d(dtype=wp.int64),
    light_near: float,
    light_far: float,
    eye: wp.vec3,
    light_directions: wp.array(dtype=wp.vec3),
    light_colours: wp.array(dtype=wp.vec3),
    sky: wp.vec3,
    ground: wp.vec3,
    eye_left: wp.vec3,
    eye_right: wp.vec3,
    iris: wp.vec3,
    iris_radius: float,
    pupil_radius: float,
    hair: wp.vec3,
    cloth: wp.vec3,
    neckline: float,
    gloss: float,
    background: wp.array2d(dtype=wp.vec3),
    out: wp.array2d(dtype=wp.vec3),
) -> None:
    """One pixel: the mean of its samples; linear RGB out.

    A sample that shows the same surface as the one before it (the same material, at nearly the same depth) is not
    shaded again: inside of a surface a pixel costs one shading, at its outline as many as it has surfaces.
    """
    y, x = wp.tid()
    total = wp.vec3(0.0, 0.0, 0.0)
    colour = wp.vec3(0.0, 0.0, 0.0)
    shaded = int(-1)  # noqa: RUF046 - Warp needs to see which numbers are variables
    shaded_depth = float(-1.0)
    for n in range(samples * samples):
        sy = y * samples + n // samples
        sx = x * samples + n % samples
        key = keys[sy, sx]
        if key == EMPTY:
            total += background[y, x]
            continue
        material = materials[int(key & wp.int64(4294967295))]
        depth = float(key >> wp.int64(32)) / DEPTH_STEPS * depth_range
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
                texture,
                low,
                high,
                light_keys,
                light_near,
                light_far,
                eye,
                light_directions,
                light_colours,
                sky,
                ground,
                eye_left,
                eye_right,
                iris,
                iris_radius,
                pupil_radius,
                hair,
                cloth,
                neckline,
                gloss,
            )
        total += colour
    out[y, x] = total / float(samples * samples)
