"""Protocol `knn`: a vote of the nearest training images, with nothing to train."""

import torch
from torch import Tensor
from torch.nn import functional as F

NEIGHBOURS = 20
TEMPERATURE = 0.07
PART, QUERIES = 8192, 256  # rows that are compared at a time


def nearest_neighbours(features: Tensor, labels: Tensor, classes: int, queries: Tensor, neighbours: int = NEIGHBOURS,
                       temperature: float = TEMPERATURE) -> Tensor:
    """The class of each query by weighted vote of its nearest neighbours under the cosine of features: int64 [M].

    Neighbour i votes for its class with weight exp(cos_i / temperature) (Wu et al. 2018, "Unsupervised feature learning
    via non-parametric instance discrimination", section 3.4; 20 neighbours as in DINO, Caron et al. 2021). Of equal
    votes the lowest class wins. features: float32 [N, D], of which a part at a time is copied to the device of labels,
    int64 [N]; queries: float32 [M, D].
    """
    device, neighbours = labels.device, min(neighbours, len(features))
    asked = [F.normalize(part.to(device), dim=1) for part in queries.split(QUERIES)]
    found = [(part.new_empty(len(part), 0), labels.new_empty(len(part), 0)) for part in asked]  # cosines, classes
    for part, classes_of in zip(features.split(PART), labels.split(PART), strict=True):
        bank = F.normalize(part.to(device), dim=1)
        for i, (query, (cosines, votes_for)) in enumerate(zip(asked, found, strict=True)):
            near, rows = (query @ bank.T).topk(min(neighbours, len(bank)), dim=1)
            near, votes_for = torch.cat([cosines, near], 1), torch.cat([votes_for, classes_of[rows]], 1)
            near, rows = near.topk(min(neighbours, near.shape[1]), dim=1)
            found[i] = near, votes_for.gather(1, rows)
    predicted = []
    for cosines, votes_for in found:
        votes = torch.zeros(len(cosines), classes, dtype=torch.float64, device=device)
        votes.scatter_add_(1, votes_for, (cosines.double() / temperature).exp())
        predicted.append(votes.argmax(1))
    return torch.cat(predicted)
