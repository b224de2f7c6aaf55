"""Train an encoder on views that a second network learns to make, against it (Tamkin, Wu and Goodman, "Viewmaker
Networks", ICLR 2021), or on other views, to compare.

    python -m train_viewmaker --data data/cifar10 --encoder resnet18 --output runs/learned  # photos, or any folder
    python -m train_viewmaker --data dead_leaves-mixed --output runs/leaves     # no folder: no image comes twice
    python -m train_viewmaker --data data/fsdd --encoder resnet18 --output runs/sound  # python -m datasets.sound --help
    python -m train_viewmaker --data data/pamap2 --encoder resnet18 --output runs/sensors      # or datasets.sensors
    python -m train_viewmaker --data DIR --views expert --output runs/expert    # or none, both, hard
    python -m train_viewmaker --data DIR --budget 0.1 --spectral --output runs/dct     # spent on DCT coefficients
    python -m train_viewmaker --data DIR --objective inst-disc --output runs/bank      # or nt-xent, align-uniform
    python -m train_viewmaker --data DIR --scheme two-pass --output runs/published     # as published: twice the work
    python -m train_viewmaker --data DIR --output DIR --gpus --encoder resnet18 --width 0.25 --view_width 0.25 \\
        --batch_size 128 --steps 1000 --cosine --warmup_steps 20                       # a short run on a CPU
    python -m train_viewmaker.gallery runs/learned --data DIR                          # what its views look like

Defaults are the published training on CIFAR-10, but for one pass a step and the encoder. The same command resumes an
interrupted run, and does nothing when the run is finished.
"""

from train_viewmaker.examples import find_inputs
from train_viewmaker.learner import CommandLearner
from train_viewmaker.options import Options
from training.command import Trainer, command
from utils.cli import run

TRAINER = Trainer("train_viewmaker", __doc__, Options, CommandLearner, find_inputs)

if __name__ == "__main__":
    run(lambda: command(TRAINER))
