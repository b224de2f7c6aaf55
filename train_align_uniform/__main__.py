"""Train the contrastive encoder on a folder of images, or on a process that renders them meanwhile.

    python -m train_align_uniform --data data/small_scale/stat-wmm --output encoders/small_scale/stat-wmm
    python -m train_align_uniform --data dead_leaves-mixed --output DIR   # no folder: images that never come twice
    python -m train_align_uniform --data dead_leaves-mixed --samples 105000 --output DIR  # each epoch the same ones
    python -m train_align_uniform --data DIR --output DIR --gpus 0 1          # as in the paper: two GPUs, DataParallel
    torchrun --standalone --nproc-per-node=4 -m train_align_uniform --data DIR --output DIR    # one process a GPU, DDP
    python -m train_align_uniform --data DIR --output DIR --gpus --width 0.25 --batch_size 125 --steps 600 --cosine \
        --warmup_steps 20 --optimizer muon --lr 0.001 --half_size 0.9         # a short run on a CPU
    python -m train_align_uniform --data DIR --output DIR --profile 50        # where the time of a step goes; no run

The defaults are the paper's, but for --precision: bfloat16 where the hardware multiplies it. The same command resumes
an interrupted run, and does nothing when the run is finished.
"""

from train_align_uniform.learner import AlignUniform, Options
from training.command import Trainer, command
from utils.cli import run

TRAINER = Trainer("train_align_uniform", __doc__, Options, AlignUniform)

if __name__ == "__main__":
    run(lambda: command(TRAINER))
