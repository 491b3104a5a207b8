"""What is seen where: a visibility buffer, as Warp kernels that run on a processor or on CUDA.

`stage` turns the head and projects every vertex for the camera and for the main light; `add_normals` makes smooth
normals. `rasterise` writes, per sample, the nearest triangle's depth and number packed into one integer; it runs once
from the camera, once from the main light, and once for spectacles' lenses, which are looked through. `shading` lights
what is seen.
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
"""Skin that no hair grows on, though the hairline runs through it: the scalp lies behind."""
BEARD = 8
CLOTH = 9
"""Of hats, scarves and masks."""
FRAME = 10
"""Hard and shiny: spectacles, earrings."""
HAND = 11

EMPTY = wp.constant(wp.int64(9223372036854775807))
DEPTH_STEPS = wp.constant(1.0e9)
TILE = wp.constant(8)
"""Side of the squares of samples of which `farthest` knows the farthest one."""
PI = wp.constant(3.14159265)
BORDER = wp.constant(-1.0e-5)
"""Share of a triangle by which it reaches beyond its edges: rounding leaves no cracks between neighbours."""
texel = wp.types.vector(length=8, dtype=float)
"""Linear RGB of the skin, gloss, light that arrives, lips, upper lid, density of the beard."""


@wp.struct
class Growth:
    """Where hair is, on the template."""

    line: wp.array(dtype=float)
    """Height above which hair grows, by turn."""
    crown: float
    """Height above which it does not, on bald heads."""
    strands: wp.array2d(dtype=wp.vec4)
    """Fine and coarse straight strands, fine and coarse curls, in [0, 1]; turn across, height down."""
    offset: float
    """Turns by which the strands are shifted: everybody has others."""
    curl: float
    """0 straight, 1 curled."""
    low: float
    high: float
    """Heights between which textures lie."""
    crowding: float
    """How much denser the skin's columns lie in front."""


@wp.struct
class Paint:
    """What is on a person's surface in one picture."""

    iris: wp.vec3
    iris_radius: float
    pupil_radius: float
    spokes: float
    """Of the iris's pattern, around."""
    spokes_turn: float
    """By which they are turned, radians."""
    eye_left: wp.vec3
    """Centre of the eye at +x on the template."""
    eye_right: wp.vec3
    gloss: float
    beard: wp.vec3
    stubble: float
    """How much of the beard's density shows as colour on the skin."""
    lipstick: wp.vec3
    lips: float
    """How much the lipstick covers."""
    shadow: wp.vec3
    """Colour on the upper lids."""
    lids: float
    blush: float
    cloth: wp.vec3
    second: wp.vec3
    """Of patterns and collars."""
    tie: wp.vec3
    garment: int
    """0 round neck, 1 V-neck, 2 shirt, 3 shirt and tie under a jacket, 4 roll-neck."""
    pattern: int
    """0 plain, 1 stripes across, 2 stripes down, 3 checks."""
    neckline: float
    necklace: float
    hand: wp.vec3


@wp.struct
class Light:
    """Directional lights, of which the first casts shadows, and a two-tone ambient light; linear RGB."""

    directions: wp.array(dtype=wp.vec3)
    colours: wp.array(dtype=wp.vec3)
    sky: wp.vec3
    ground: wp.vec3
    right: wp.vec3
    """Axes of the light's view of the head."""
    down: wp.vec3
    forward: wp.vec3
    pixels: float
    """Of the shadow map per metre."""
    softness: float
    """Distance of the shadow's samples in its map's pixels."""
    dark: float
    """How much a shadow takes, in [0, 1]."""


@wp.struct
class View:
    """A pinhole camera at (0, -distance, 0) that looks along +y, and a similarity into the picture."""

    distance: float
    a: wp.vec3
    """Row of the matrix from the image plane to sample columns."""
    b: wp.vec3
    near: float
    far: float


@wp.func
def turn_of(rest: wp.vec3) -> float:
    """Radians about the vertical axis: 0 in front, positive towards the person's left."""
    return wp.atan2(rest[0], -rest[1])


@wp.func
def skin_coordinates(turn: float, rest: wp.vec3, growth: Growth) -> wp.vec2:
    """Turn and rest position -> (turn, height), both in [0, 1]: where the skin's texture is looked up."""
    t = turn / PI
    x = (1.0 + growth.crowding) * t / (1.0 + growth.crowding * wp.abs(t))
    return wp.vec2(0.5 + 0.5 * x, (growth.high - rest[2]) / (growth.high - growth.low))


@wp.func
def bilinear(texture: wp.array2d(dtype=texel), at: wp.vec2) -> texel:
    """Samples (H, W) texels between their centres; clamps."""
    height = texture.shape[0]
    width = texture.shape[1]
    x = wp.clamp(at[0] * float(width) - 0.5, 0.0, float(width) - 1.001)
    y = wp.clamp(at[1] * float(height) - 0.5, 0.0, float(height) - 1.001)
    x0 = int(x)
    y0 = int(y)
    fx = x - float(x0)
    fy = y - float(y0)
    top = texture[y0, x0] * (1.0 - fx) + texture[y0, x0 + 1] * fx
    bottom = texture[y0 + 1, x0] * (1.0 - fx) + texture[y0 + 1, x0 + 1] * fx
    return top * (1.0 - fy) + bottom * fy


@wp.func
def beard_density(texture: wp.array2d(dtype=texel), at: wp.vec2) -> float:
    """The last channel alone, at the nearest texel."""
    y = wp.clamp(int(at[1] * float(texture.shape[0])), 0, texture.shape[0] - 1)
    x = wp.clamp(int(at[0] * float(texture.shape[1])), 0, texture.shape[1] - 1)
    return texture[y, x][7]


@wp.func
def strand(growth: Growth, turn: float, rest: wp.vec3, around: float, down: float) -> wp.vec2:
    """(fine, coarse) brightness of the strand at a place, in [0, 1]."""
    height = growth.strands.shape[0]
    width = growth.strands.shape[1]
    share = turn / (2.0 * PI) + growth.offset
    x = (share - wp.floor(share)) * around
    x = (x - wp.floor(x)) * float(width)
    y = wp.abs(rest[2]) * down
    y = (y - wp.floor(y)) * float(height)
    found = growth.strands[wp.min(int(y), height - 1), wp.min(int(x), width - 1)]
    straight = 1.0 - growth.curl
    return wp.vec2(found[0] * straight + found[2] * growth.curl, found[1] * straight + found[3] * growth.curl)


@wp.func
def hair_density(growth: Growth, turn: float, rest: wp.vec3) -> float:
    """0 well below the hairline, one half at it, 1 well above; the same the other way round at a bald crown."""
    width = growth.line.shape[0]
    x = (turn / (2.0 * PI) + 0.5) * float(width) - 0.5
    x = wp.clamp(x, 0.0, float(width) - 1.001)
    x0 = int(x)
    fx = x - float(x0)
    line = growth.line[x0] * (1.0 - fx) + growth.line[x0 + 1] * fx
    above = wp.min(rest[2] - line, growth.crown - rest[2])
    return wp.clamp(0.5 + above / 0.012, 0.0, 1.0)


@wp.func
def edge(a: wp.vec3, b: wp.vec3, x: float, y: float) -> float:
    """Twice the signed area of (a, b, point)."""
    return (b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0])


@wp.func
def inverse(step: float) -> float:
    """1 / step, and a large positive number for 0."""
    result = 1.0e30
    if wp.abs(step) > 1.0e-20:
        result = 1.0 / step
    return result


@wp.func
def within(span: wp.vec2, start: float, inverse_step: float) -> wp.vec2:
    """The part of a row, (first, last) in samples, on which a share of a triangle is not below `BORDER`.

    The share is `start` at the row's sample 0, and grows evenly.
    """
    crossing = (BORDER - start) * inverse_step
    first = span[0]
    last = span[1]
    if inverse_step > 0.0:
        first = wp.max(first, crossing)
    else:
        last = wp.min(last, crossing)
    return wp.vec2(first, last)


@wp.func
def shadow(
    keys: wp.array2d(dtype=wp.int64), at: wp.vec3, near: float, far: float, bias: float, softness: float
) -> float:
    """Share of nine samples around a point in the light's view that nothing hides, in [0, 1]."""
    lit = 0.0
    height = keys.shape[0]
    width = keys.shape[1]
    depth = (at[2] - bias - near) / (far - near)
    for dy in range(-1, 2):
        for dx in range(-1, 2):
            x = int(wp.round(at[0] + softness * float(dx)))
            y = int(wp.round(at[1] + softness * float(dy)))
            free = 1.0
            if x >= 0 and y >= 0 and x < width and y < height:
                key = keys[y, x]
                if key != EMPTY and float(key >> wp.int64(32)) / DEPTH_STEPS < depth:
                    free = 0.0
            lit += free
    return lit / 9.0


@wp.kernel
def stage(
    shape: wp.array(dtype=wp.vec3),
    head: wp.mat33,
    body: wp.mat33,
    pivot: wp.vec3,
    offset: wp.vec3,
    neck_low: float,
    neck_reach: float,
    view: View,
    light: Light,
    light_middle: wp.vec3,
    light_half: float,
    positions: wp.array(dtype=wp.vec3),
    points: wp.array(dtype=wp.vec3),
    light_points: wp.array(dtype=wp.vec3),
    normals: wp.array(dtype=wp.vec3),
) -> None:
    """Turns a vertex with the head, with the body, or with both where the neck is; projects it twice.

    Points are sample column, sample row, and distance along the axis of the camera or of the light.
    """
    v = wp.tid()
    centred = shape[v] - pivot
    w = wp.clamp((shape[v][2] - neck_low) / neck_reach, 0.0, 1.0)
    p = w * (head * centred) + (1.0 - w) * (body * centred) - offset
    positions[v] = p
    depth = p[1] + view.distance
    x = p[0] / depth
    y = -p[2] / depth
    points[v] = wp.vec3(view.a[0] * x + view.a[1] * y + view.a[2], view.b[0] * x + view.b[1] * y + view.b[2], depth)
    q = p - light_middle
    light_points[v] = wp.vec3(
        wp.dot(q, light.right) * light.pixels + light_half,
        wp.dot(q, light.down) * light.pixels + light_half,
        wp.dot(q, light.forward),
    )
    normals[v] = wp.vec3(0.0, 0.0, 0.0)


@wp.kernel
def add_normals(
    positions: wp.array(dtype=wp.vec3), triangles: wp.array2d(dtype=wp.int32), normals: wp.array(dtype=wp.vec3)
) -> None:
    """Adds each triangle's normal, as long as twice its area, to its corners."""
    t = wp.tid()
    i = triangles[t, 0]
    j = triangles[t, 1]
    k = triangles[t, 2]
    a = positions[i]
    n = wp.cross(positions[j] - a, positions[k] - a)
    wp.atomic_add(normals, i, n)
    wp.atomic_add(normals, j, n)
    wp.atomic_add(normals, k, n)


@wp.kernel
def openness(
    mesh: wp.uint64,
    points: wp.array(dtype=wp.vec3),
    normals: wp.array(dtype=wp.vec3),
    directions: wp.array(dtype=wp.vec3),
    reach: float,
    out: wp.array(dtype=float),
) -> None:
    """Share of the directions over a vertex that nothing stands in within `reach` metres, weighted by their cosine."""
    v = wp.tid()
    n = normals[v]
    start = points[v] + n * 0.0004
    total = float(0.0)
    free = float(0.0)
    for k in range(directions.shape[0]):
        d = directions[k]
        cosine = wp.dot(d, n)
        if cosine > 0.05:
            total += cosine
            if not wp.mesh_query_ray_anyhit(mesh, start, d, reach):
                free += cosine
    out[v] = free / total


@wp.kernel
def farthest(keys: wp.array2d(dtype=wp.int64), tiles: wp.array2d(dtype=wp.int64)) -> None:
    """The largest key of each tile of `TILE` by `TILE` samples."""
    row, column = wp.tid()
    largest = wp.int64(0)
    for y in range(row * TILE, wp.min((row + 1) * TILE, keys.shape[0])):
        for x in range(column * TILE, wp.min((column + 1) * TILE, keys.shape[1])):
            largest = wp.max(largest, keys[y, x])
    tiles[row, column] = largest


@wp.kernel
def rasterise(
    points: wp.array(dtype=wp.vec3),
    triangles: wp.array2d(dtype=wp.int32),
    materials: wp.array(dtype=wp.int32),
    covers: wp.array(dtype=float),
    rest: wp.array(dtype=wp.vec3),
    texture: wp.array2d(dtype=texel),
    growth: Growth,
    first: int,
    near: float,
    far: float,
    width: int,
    height: int,
    tiles: wp.array2d(dtype=wp.int64),
    keys: wp.array2d(dtype=wp.int64),
) -> None:
    """Keeps, per sample, the smallest key: depth in the upper half, triangle number in the lower.

    Triangles run against the clock as seen from outside. Hair and beard are there only where their density is high
    enough and the strand at that place is longer than the layer is high (`covers`, 0 at the root, 1 at the tip).
    What lies behind all of `tiles` (of `farthest`; (1, 1) for none) is left out: most hair is behind the head.
    """
    t = wp.tid() + first
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
    if x0 > x1 or y0 > y1:
        return
    reach = 1.0 / (far - near)
    if tiles.shape[0] > 1:
        # A little nearer than it is: interpolated depths are rounded.
        nearest = wp.max((wp.min(a[2], wp.min(b[2], c[2])) - near) * reach - 1.0e-5, 0.0)
        least = wp.int64(nearest * DEPTH_STEPS) << wp.int64(32)
        seen = int(0)
        for row in range(y0 // TILE, y1 // TILE + 1):
            for column in range(x0 // TILE, x1 // TILE + 1):
                if tiles[row, column] > least:
                    seen = 1
        if seen == 0:
            return
    scale = 1.0 / area
    u_step = -(c[1] - b[1]) * scale
    v_step = -(a[1] - c[1]) * scale
    w_step = -(u_step + v_step)
    u_inverse = inverse(u_step)
    v_inverse = inverse(v_step)
    w_inverse = inverse(w_step)
    depth_step = (u_step * a[2] + v_step * b[2] + w_step * c[2]) * reach
    for y in range(y0, y1 + 1):
        u_start = edge(b, c, float(x0), float(y)) * scale
        v_start = edge(c, a, float(x0), float(y)) * scale
        w_start = 1.0 - u_start - v_start
        # Most samples of a triangle's box lie outside of it: they are skipped, not tested one by one.
        span = wp.vec2(0.0, float(x1 - x0))
        span = within(span, u_start, u_inverse)
        span = within(span, v_start, v_inverse)
        span = within(span, w_start, w_inverse)
        if span[0] <= span[1]:
            depth_start = (u_start * a[2] + v_start * b[2] + w_start * c[2] - near) * reach
            for step in range(int(wp.ceil(span[0])), int(wp.floor(span[1])) + 1):
                x = x0 + step
                depth = depth_start + float(step) * depth_step
                if depth > 0.0 and depth < 1.0:
                    key = (wp.int64(depth * DEPTH_STEPS) << wp.int64(32)) | wp.int64(t)
                    if key < keys[y, x]:
                        covered = True
                        if material == 3 or material == 8:
                            u = u_start + float(step) * u_step
                            v = v_start + float(step) * v_step
                            w = 1.0 - u - v
                            place = u * rest[i] + v * rest[j] + w * rest[k]
                            cover = u * covers[i] + v * covers[j] + w * covers[k]
                            turn = turn_of(place)
                            if material == 3:
                                density = float(1.0)
                                if place[2] < 0.83 or growth.crown < 0.83:
                                    density = hair_density(growth, turn, place)
                                if density < 0.25:
                                    covered = False
                                elif cover > 0.0 or density < 0.75:
                                    long = strand(growth, turn, place, 3.0, 5.0)
                                    covered = (
                                        0.4 * long[0] + 0.6 * long[1] >= cover
                                        and density + 0.45 * (long[0] - 0.5) > 0.5
                                    )
                            else:
                                long = strand(growth, turn, place, 9.0, 30.0)
                                dense = beard_density(texture, skin_coordinates(turn, place, growth))
                                covered = dense * (0.4 + long[0]) > 0.35 + 0.5 * cover
                        if covered:
                            wp.atomic_min(keys, y, x, key)
