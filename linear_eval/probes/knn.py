"""Protocol `knn`: a vote of the nearest training images, with nothing to train."""

import torch
from torch import Tensor
from torch.nn import functional as F

NEIGHBOURS = 20
TEMPERATURE = 0.07


def nearest_neighbours(features: Tensor, labels: Tensor, classes: int, queries: Tensor, neighbours: int = NEIGHBOURS,
                       temperature: float = TEMPERATURE) -> Tensor:
    """The class of each query by weighted vote of its nearest neighbours under the cosine of features: int64 [M].

    Neighbour i votes for its class with weight exp(cos_i / temperature) (Wu et al. 2018, "Unsupervised feature learning
    via non-parametric instance discrimination", section 3.4; 20 neighbours as in DINO, Caron et al. 2021). Of equal
    votes the lowest class wins. features: float32 [N, D]; labels: int64 [N]; queries: float32 [M, D].
    """
    bank, neighbours = F.normalize(features, dim=1), min(neighbours, len(features))
    predicted = []
    for part in queries.split(256):
        cosines, nearest = (F.normalize(part, dim=1) @ bank.T).topk(neighbours, dim=1)
        votes = torch.zeros(len(part), classes, dtype=torch.float64, device=part.device)
        votes.scatter_add_(1, labels[nearest], (cosines.double() / temperature).exp())
        predicted.append(votes.argmax(1))
    return torch.cat(predicted)
