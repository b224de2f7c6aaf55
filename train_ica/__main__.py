"""Recover latents by contrastive learning (Zimmermann et al., "Contrastive Learning Inverts the Data Generating
Process", ICML 2021): up to a rotation on a sphere, up to permutation, sign and scale in a box.

    python -m train_ica --setting sphere-vmf10 --output runs/ica/sphere               # minutes on a laptop
    python -m train_ica --setting box-laplace --output runs/ica/box
    python -m train_ica --setting box-laplace --mode supervised --output runs/ica/supervised      # or identity
    python -m train_ica --setting box-laplace paper --gpus 0 --output runs/ica/paper  # as published: a GPU, a week
    python -m train_ica --setting box-laplace n10 --output runs/ica/n10 --steps 20000 --lr 2e-3   # any option

The same command resumes an interrupted run, and does nothing when the run is finished. Products of spaces take a value
for each: --space sphere box --n 3 2 --conditional vmf laplace --conditional_scale 10 0.05 --model sphere box --p 0 1.
"""

from train_ica.command import command
from utils.cli import run

if __name__ == "__main__":
    run(lambda: command(__doc__))
