"""Protocol `moco-linear`: a linear layer on the frozen features of a ResNet-50, as MoCo is evaluated.

He et al. 2020 (section 4.1) and the noise paper's large-scale experiments: batches of 256, SGD with learning rate 30,
momentum 0.9, no weight decay, 100 epochs, rate ×0.1 at epochs 60 and 80, RandomResizedCrop(224) and horizontal flip;
accuracy on the middle 224×224 at 256, after the last epoch. Weights begin as N(0, 0.01²), biases at 0.
"""

import torch

from linear_eval.probes.paper import DECAY_AT, EPOCHS, Recipe

SIZE, BATCH_SIZE, LEARNING_RATE, MOMENTUM, DECAY = 224, 256, 30.0, 0.9, 0.1
MOCO = Recipe(
    SIZE, BATCH_SIZE,
    lambda parameters: torch.optim.SGD(parameters, lr=LEARNING_RATE, momentum=MOMENTUM), DECAY,
    {"optimizer": "SGD", "lr": LEARNING_RATE, "momentum": MOMENTUM, "weight_decay": 0, "epochs": EPOCHS,
     "batch_size": BATCH_SIZE, "decay": DECAY, "decay_at": list(DECAY_AT)}, deviation=0.01)
