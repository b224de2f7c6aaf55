"""Positive pairs of images: rendered anew for each pair, found in a finite set, augmented, or frames of a video."""

from pathlib import Path

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from datasets.kitti_masks import factors, read_masks
from datasets.latent_images import LatentImages
from datasets.views.batched import make_views
from datasets.views.parameters import draw_parameters
from generators.latent_scene import LatentScene
from train_ica.latents.draws import SCORING, TRAINING, Batch, LatentDraws
from train_ica.options import Options
from utils.cli import UserError
from utils.seeding import generator, stable_key

MEAN, STD = (0.5,) * 3, (0.25,) * 3  # of pixels in [0, 1], for all images alike


def as_input(images: np.ndarray, device: torch.device) -> Tensor:
    """uint8 [N, H, W, 3] to normalised float32 [N, 3, H, W]."""
    x = torch.from_numpy(images).to(device).permute(0, 3, 1, 2).float()
    return (x / 255 - MEAN[0]) / STD[0]


def two_views(images: np.ndarray, options: Options, step: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Two random views of each image: SimCLR's crops, flips and colours."""
    height, width = images.shape[1:3]
    pixels = torch.from_numpy(images).to(device)
    x, y = (make_views(pixels, draw_parameters(options.seed, step, view, np.arange(len(images)), height, width),
                       options.resolution, MEAN, STD) for view in (0, 1))
    return x, y


class RenderedPairs:
    """Latents and partners of `latent_scene`, each rendered when it is asked for."""

    def __init__(self, options: Options, device: torch.device):
        self.options, self.device, self.latents = options, device, LatentDraws(options)
        self.scene = LatentScene(options.resolution, options.seed)
        self.scene.render_latents(self.latents.draw(TRAINING, 0, 2)[0])  # latents that are no scene's are refused now

    def training(self, step: int) -> Batch:
        z, partner = self.latents.draw(TRAINING, step, self.options.batch_size)
        images = self.scene.render_latents(z)
        if self.options.pairs == "augmentation":
            return Batch(*two_views(images, self.options, step, self.device), z)
        return Batch(as_input(images, self.device), as_input(self.scene.render_latents(partner), self.device), z)

    def scoring(self, number: int, samples: int) -> tuple[Tensor, np.ndarray]:
        z, _ = self.latents.draw(SCORING, number, samples)
        return as_input(self.scene.render_latents(z), self.device), z


class StoredPairs:
    """Pairs of a finite set: latents and partners are drawn as ever, and each becomes the stored image whose latents
    lie nearest; a partner that becomes the same image becomes the second nearest.

    `snap_distance` is how far, on average, these lie from what was drawn. Of the images a tenth, at least 1, is kept
    for scores.
    """

    def __init__(self, options: Options, device: torch.device):
        self.options, self.device, self.images = options, device, LatentImages(options.data)
        count, dim = self.images.latents.shape
        if dim != options.dim:
            raise UserError(f"{options.data} has {dim} latents, and --n asks for {options.dim}; pass --n {dim}")
        order = generator(stable_key("held-out images"), 0).permutation(count)
        self.held_out, self.kept = order[: max(count // 10, 1)], order[max(count // 10, 1) :]
        if len(self.kept) < 2:
            raise UserError(f"{options.data} has too few images for pairs ({count}); pass a folder with more")
        self.tree, self.latents = cKDTree(self.images.latents[self.kept]), LatentDraws(options)
        self.snap_distance = self.snap(*self.latents.draw(TRAINING, 0, 256))[2]

    def snap(self, z: np.ndarray, partner: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
        """Numbers of the stored images for latents and partners, [N, n] each, and the mean distance moved."""
        distance, near = self.tree.query(z)
        distances, nears = self.tree.query(partner, k=2)
        second = (nears[:, 0] == near).astype(np.int64)
        rows = np.arange(len(z))
        moved = np.concatenate([distance, distances[rows, second]]).mean()
        return self.kept[near], self.kept[nears[rows, second]], float(moved)

    def observe(self, indices: np.ndarray) -> Tensor:
        return as_input(self.images.read(indices.tolist(), self.options.resolution), self.device)

    def training(self, step: int) -> Batch:
        first, second, _ = self.snap(*self.latents.draw(TRAINING, step, self.options.batch_size))
        z = self.images.latents[first]
        if self.options.pairs == "augmentation":
            images = self.images.read(first.tolist(), self.options.resolution)
            return Batch(*two_views(images, self.options, step, self.device), z)
        return Batch(self.observe(first), self.observe(second), z)

    def scoring(self, number: int, samples: int) -> tuple[Tensor, np.ndarray]:
        rng = generator(stable_key("scored images", self.options.seed), number)
        chosen = rng.permutation(self.held_out)[:samples]
        return self.observe(chosen), self.images.latents[chosen]


class KittiPairs:
    """Frames of one pedestrian, 1 to `max_delta_t` apart; a tenth of the sequences, at least 1, is kept for scores."""

    def __init__(self, options: Options, device: torch.device):
        self.options, self.device = options, device
        if options.pairs == "augmentation" or options.mode != "unsupervised":
            raise UserError("KITTI Masks goes with pairs of frames, unsupervised; leave out --pairs and --mode")
        sequences = read_masks(options.data)
        if len(sequences) < 2:
            raise UserError(f"{options.data} has one sequence only, and none would be left to score; this is another "
                            "archive")
        order = generator(stable_key("held-out sequences"), 0).permutation(len(sequences))
        held_out = max(len(sequences) // 10, 1)
        self.sequences = [sequences[i] for i in order[held_out:]]
        self.frames = np.concatenate([sequences[i] for i in order[:held_out]])

    def _input(self, masks: np.ndarray) -> Tensor:
        return torch.from_numpy(masks[:, None]).float().to(self.device)

    def training(self, step: int) -> Batch:
        rng = generator(stable_key("frames", self.options.seed), step)
        first, second = [], []
        for _ in range(self.options.batch_size):
            sequence = self.sequences[rng.integers(len(self.sequences))]
            start = rng.integers(len(sequence) - 1)
            first.append(sequence[start])
            second.append(sequence[min(start + rng.integers(1, self.options.max_delta_t + 1), len(sequence) - 1)])
        x, y = np.stack(first), np.stack(second)
        return Batch(self._input(x), self._input(y), factors(x))

    def scoring(self, number: int, samples: int) -> tuple[Tensor, np.ndarray]:
        rng = generator(stable_key("scored frames", self.options.seed), number)
        chosen = self.frames[rng.permutation(len(self.frames))[:samples]]
        return self._input(chosen), factors(chosen)


def open_images(options: Options, device: torch.device) -> RenderedPairs | StoredPairs | KittiPairs:
    """The pairs that --data asks for. Raises UserError if it, or an encoder that goes with it, is not there."""
    if (options.encoder == "kitti") != Path(options.data).is_file():
        raise UserError("--encoder kitti goes with the file of KITTI Masks, and only that; see that --data "
                        f"{options.data} and --encoder {options.encoder} are what you mean")
    if options.data == "latent_scene":
        return RenderedPairs(options, device)
    if options.encoder == "kitti":
        return KittiPairs(options, device)
    if not Path(options.data).is_dir():
        raise UserError(f"{options.data} is not latent_scene, a folder with latents, nor the file of KITTI Masks")
    return StoredPairs(options, device)
