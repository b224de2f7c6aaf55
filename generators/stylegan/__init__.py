"""Untrained StyleGAN2 networks: `images` has the process, the other modules its parts."""

from generators.stylegan.images import StyleGAN as StyleGAN
