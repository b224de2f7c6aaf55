"""Train a ResNet-50 by momentum contrast (MoCo v2), the noise paper's large-scale experiment.

    python -m train_moco --data data/large_scale/stat-spectrum --output encoders/large_scale/stat-spectrum
    torchrun --standalone --nproc-per-node=8 -m train_moco --data DIR --output DIR    # one process a GPU, the same run
    python -m train_moco --data A --mix B C D --epoch_length 1300000 --epochs 800 --output DIR          # as mixed-4
    python -m train_moco --data DIR --output DIR --lr 0.03                    # MoCo v2's own rate for batches of 256
    python -m train_moco --data DIR --output DIR --profile 50                 # where the time of a step goes; no run
    python -m train_moco --data DIR --output DIR --gpus --size 32 --batch_size 16 --groups 2 --queue 64 --steps 9  # toy

--data is a folder of images or of tar shards (python -m generators NAME --scale large --format tar), or the name of a
dataset. The run folder gets encoder.pth, and checkpoint_0199.pth.tar in the published format. The same command resumes
an interrupted run, and does nothing when the run is finished. docs/scale.md: clusters, hours, disk.
"""

from train_moco.learner import Moco
from train_moco.options import Options
from training.command import Trainer, command
from utils.cli import run

TRAINER = Trainer("train_moco", __doc__, Options, Moco)

if __name__ == "__main__":
    run(lambda: command(TRAINER))
