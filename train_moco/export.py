"""The checkpoint as MoCo publishes it, which other programs' evaluations read.

A dictionary with epoch, arch, state_dict and optimizer; in state_dict, under the prefix that DistributedDataParallel
leaves: encoder_q.* and encoder_k.* (torchvision's names, the projection as fc.0 and fc.2), queue [dim, K], queue_ptr.
"""

from typing import Any

import torch


def published(state: dict[str, Any], epoch: int) -> dict[str, Any]:
    """What `Moco.state` gives after `epoch` epochs, in the published format, on the CPU."""
    weights = {f"module.{theirs}.{name}": value.detach().cpu().contiguous().clone()
               for theirs, ours in (("encoder_q", "encoder"), ("encoder_k", "key_encoder"))
               for name, value in state[ours].items()}
    weights["module.queue"] = state["queue"].detach().cpu().float().T.contiguous()
    weights["module.queue_ptr"] = torch.tensor([state["pointer"]])
    return {"epoch": epoch, "arch": "resnet50", "state_dict": weights, "optimizer": state["optimizer"]}
