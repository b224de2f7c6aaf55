"""Train a copy of an encoder to see through a known corruption: from the corrupted image it gives the representation
that the frozen original gives the clean one, without labels (Ravula et al., "Inverse Problems Leveraging Pre-trained
Contrastive Representations", NeurIPS 2021).

    python -m train_distillation --data photos --distortion mask:0.75 --output runs/robust/mask   # efficientnet-lite0
    python -m train_distillation --data DIR --distortion noise:0.1-0.3 --teacher clip:RN101 --gpus 0 --output DIR
    python -m train_distillation --data dead_leaves-mixed --teacher encoders/mine/encoder.pth --output DIR  # no photo
    python -m train_distillation --data DIR --size 64 --batch_size 64 --steps 400 --cosine --lr 1e-3 --gpus \
        --hold_w 5 --output DIR                                   # a short run on a CPU, which stays good when clean
    torchrun --standalone --nproc-per-node=4 -m train_distillation --data DIR --output DIR    # one process a GPU
    python -m train_distillation.evaluation --help                                             # how good it is

The defaults are the published ones. The same command resumes an interrupted run, and does nothing when the run is
finished.
"""

from train_distillation.learner import Distillation
from train_distillation.options import Options
from training.command import Trainer, command
from utils.cli import run

TRAINER = Trainer("train_distillation", __doc__, Options, Distillation)

if __name__ == "__main__":
    run(lambda: command(TRAINER))
