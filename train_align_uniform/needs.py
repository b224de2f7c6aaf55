"""What named datasets, and the encoders trained on them, need on this machine: time, disk, memory.

    python -m train_align_uniform.needs                                    # the fourteen that the paper trained on
    python -m train_align_uniform.needs stat-wmm --workers 8 --gpus 0 1
    python -m train_align_uniform.needs stat-wmm --scale large --width 0.5 --epochs 100
    python -m train_align_uniform.needs stat-wmm --data data/small_scale/stat-wmm      # of images that are there

Renders and encodes some images and takes some training steps, all in memory, and multiplies: the lines under the table
state the arithmetic. Takes about ten seconds a dataset, but minutes for feature visualisations on a CPU, of which a
block of four is timed.
"""

from train_align_uniform.__main__ import TRAINER
from training.needs import print_needs
from utils.cli import run

if __name__ == "__main__":
    run(lambda: print_needs(TRAINER, __doc__))
