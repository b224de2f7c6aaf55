"""A lit object over a ground: images whose seven latents are known, and can be read off the image.

    python -m generators.latent_scene --output data/my_scenes --samples 100      # with data/my_scenes/latents.npy
    python -m generators latent_scene --output data/scenes --samples 10000
    python -m train_ica --setting scene-laplace --output runs/ica/scene          # recover them

A small stand-in for 3DIdent (Zimmermann et al., ICML 2021). Latents lie in [-1, 1]: x and y of the object, its size,
its rotation, and the hues of object, light and ground. Each is uniform and a function of the image's number. No two
latents give one image, as contrastive learning asks for:

* the object is a drop, round at one end, so that a turn shows, and turns by up to 60 degrees either way, so that the
  ends differ in more than which end is round: with 90 they show one axis, and an encoder joins them to a ring, which
  takes two of its dimensions; it never leaves the frame, nor is it ever smaller than a seventh of it;
* hues of object and ground go around 0.8 of the wheel, so that their ends differ; that of the light, which is harder to
  see, around 0.45 of it, from red past green, for the same reason;
* all edges are soft, a pixel or so wide, so that images change smoothly with the latents: nothing jumps;
* what light does to a colour could be mistaken for the colour. So a white ambient light shows the colour of object and
  ground by itself, on the object's far side and in the corner that the light does not reach.

In coordinates from -1 to 1, with y down: the object's middle is 0.45 (x, y). Its radius is 0.15 to 0.34 at the round
end (geometric in the latent), 0.2 of that at the tip; between the two centres lies 1.8 of it. Colours are HSV: object
(h, 0.85, 0.95), ground (h, 0.6, 0.75), light (h, 0.65, 1). A pixel is colour · (0.35 + 0.65 · light · k); on the object
k is Lambert's cosine on a rounded surface for light from the upper left, on the ground it falls from 1 to 0.1 along the
diagonal.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit

from generators.process import check, option, stream_key
from utils.cli import UserError
from utils.seeding import uniforms

LATENTS = ("x", "y", "size", "rotation", "object hue", "light hue", "ground hue")
REACH = 0.45  # of the object's middle, of half the frame
SMALLEST, LARGEST = 0.15, 0.34  # radius of the round end
TIP, LENGTH = 0.2, 1.8  # radius of the tip, and distance between the two centres, of that radius
TURN = np.pi / 3  # rotation at latent 1
HUES = 0.8  # of the wheel, of object and ground
LIGHTS = 0.45  # of the wheel
AMBIENT = 0.35
LIGHT = np.array((-0.5, -0.6, 0.6245), np.float32)  # direction to it, of length 1


@njit(cache=True, nogil=True)
def rgb(hue: float, saturation: float, value: float) -> tuple[float, float, float]:
    """HSV with the hue in turns."""
    def channel(n: int) -> float:
        k = (n + 6 * hue) % 6
        return value - value * saturation * max(0.0, min(k, 4 - k, 1.0))

    return channel(5), channel(3), channel(1)


@njit(cache=True, nogil=True)
def paint(z: np.ndarray, image: np.ndarray, light: np.ndarray) -> None:
    """Render latents z, float64 [7], into image, uint8 [N, N, 3]."""
    resolution = len(image)
    turn = z[3] * TURN
    along_x, along_y = np.cos(turn), np.sin(turn)
    radius = SMALLEST * (LARGEST / SMALLEST) ** ((z[2] + 1) / 2)
    length = LENGTH * radius
    # The middle of the drop's extent, from its round end to its tip, lies at 0.45 (x, y).
    back = (length + TIP * radius - radius) / 2
    start_x, start_y = REACH * z[0] - back * along_x, REACH * z[1] - back * along_y
    colour = rgb(HUES * (z[4] + 1) / 2, 0.85, 0.95)
    shine = rgb(LIGHTS * (z[5] + 1) / 2, 0.65, 1.0)
    ground = rgb(HUES * (z[6] + 1) / 2, 0.6, 0.75)
    pixel = 2 / resolution
    for row in range(resolution):
        y = (row + 0.5) * pixel - 1
        for column in range(resolution):
            x = (column + 0.5) * pixel - 1
            away_x, away_y = x - start_x, y - start_y
            t = min(max((away_x * along_x + away_y * along_y) / length, 0.0), 1.0)
            away_x -= t * length * along_x
            away_y -= t * length * along_y
            here = radius * (1 - t + TIP * t)  # the drop's radius at the nearest point of its axis
            distance = np.sqrt(away_x**2 + away_y**2)
            cover = min(max((here - distance) / (1.5 * pixel) + 0.5, 0.0), 1.0)
            lit_object = 0.0
            if cover > 0:
                scale = 1 / max(here, distance)
                normal_x, normal_y = away_x * scale, away_y * scale
                normal_z = np.sqrt(max(1 - normal_x**2 - normal_y**2, 0.0))
                lit_object = max(normal_x * light[0] + normal_y * light[1] + normal_z * light[2], 0.0)
            lit_ground = 0.55 - 0.45 * (x + y) / 2
            for c in range(3):
                of_object = colour[c] * (AMBIENT + (1 - AMBIENT) * shine[c] * lit_object)
                of_ground = ground[c] * (AMBIENT + (1 - AMBIENT) * shine[c] * lit_ground)
                image[row, column, c] = int(255 * (cover * of_object + (1 - cover) * of_ground) + 0.5)


@dataclass(frozen=True)
class LatentScene:
    """Scenes of seven latents. Raises UserError for a resolution that cannot be."""

    resolution: int = option(64, "height and width of the images, in pixels")
    seed: int = option(0, "another seed gives other images")

    def __post_init__(self) -> None:
        check(self)

    def latents(self, indices: Sequence[int]) -> np.ndarray:
        """The latents of images `indices`: float64 [N, 7] in [-1, 1), columns as in LATENTS."""
        return 2 * uniforms(stream_key(self), np.asarray(indices, np.int64), len(LATENTS)) - 1

    def render(self, indices: Sequence[int]) -> np.ndarray:
        """Images number `indices`: uint8 [N, resolution, resolution, 3], RGB."""
        return self.render_latents(self.latents(indices))

    def render_latents(self, z: np.ndarray) -> np.ndarray:
        """The images of latents z, [N, 7] in [-1, 1]: uint8 [N, resolution, resolution, 3], RGB. Raises UserError for
        latents of another shape, or outside."""
        z = np.asarray(z, np.float64)
        if z.ndim != 2 or z.shape[1] != len(LATENTS) or not (np.abs(z) <= 1).all():
            raise UserError(f"a scene has {len(LATENTS)} latents from -1 to 1 ({', '.join(LATENTS)}); these are "
                            f"{list(z.shape)}{' or lie outside' if z.ndim == 2 else ''}")
        images = np.empty((len(z), self.resolution, self.resolution, 3), np.uint8)
        for one, image in zip(z, images, strict=True):
            paint(one, image, LIGHT)
        return images


if __name__ == "__main__":
    from generators.command import process_command

    process_command("latent_scene.LatentScene")
