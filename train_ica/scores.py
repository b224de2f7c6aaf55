"""How well representations h give back the latents z: R², MCC, and three scores of disentanglement.

All take float arrays z [N, n] and h [N, m], rows of which belong together, and return numbers of which 1 is perfect.
They raise UserError for numbers of rows that differ or are too few.
"""

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.stats import rankdata

from utils.cli import UserError

BINS = 20  # of each variable, for mutual information


def _checked(z: np.ndarray, h: np.ndarray, least: int) -> tuple[np.ndarray, np.ndarray]:
    z, h = np.asarray(z, np.float64), np.asarray(h, np.float64)
    if z.ndim != 2 or h.ndim != 2 or len(z) != len(h):
        raise UserError(f"latents {list(z.shape)} and representations {list(h.shape)} do not match in number")
    if len(z) < least:
        raise UserError(f"{len(z)} samples are too few for a score; pass at least {least}")
    return z, h


def _standardised(x: np.ndarray) -> np.ndarray:
    """Columns of mean 0 and variance 1; constant ones become 0."""
    x = x - x.mean(0)
    spread = x.std(0)
    return np.divide(x, spread, out=np.zeros_like(x), where=spread > 1e-12)


def r2_each(z: np.ndarray, h: np.ndarray, in_sample: bool = False) -> np.ndarray:
    """Coefficient of determination of each latent, [n], by least squares from h with an intercept.

    Fitted on the first half of the rows and scored on the second; `in_sample`, as the released code does for synthetic
    data, fitted and scored on all.
    """
    z, h = _checked(z, h, 2 * (np.shape(h)[-1] + 2))
    h = np.column_stack([h, np.ones(len(h))])
    half = len(z) // 2
    fit, score = (slice(None), slice(None)) if in_sample else (slice(half), slice(half, None))
    weights = np.linalg.lstsq(h[fit], z[fit], rcond=None)[0]
    missed = np.square(z[score] - h[score] @ weights).sum(0)
    spread = np.square(z[score] - z[score].mean(0)).sum(0)
    if not spread.all():
        raise UserError(f"latent {int(np.argmin(spread))} is the same in all samples that are scored, so R² says "
                        "nothing; score more samples, or leave it out")
    return 1 - missed / spread


def r2(z: np.ndarray, h: np.ndarray, in_sample: bool = False) -> float:
    """Mean of `r2_each`."""
    return float(r2_each(z, h, in_sample).mean())


def correlations(z: np.ndarray, h: np.ndarray, kind: str = "pearson") -> np.ndarray:
    """Correlation of every latent with every representation, [n, m]; kind: pearson or spearman (of the ranks). A
    constant correlates with nothing."""
    z, h = _checked(z, h, 3)
    if kind == "spearman":
        z, h = rankdata(z, axis=0), rankdata(h, axis=0)
    return _standardised(z).T @ _standardised(h) / len(z)


def mcc_each(z: np.ndarray, h: np.ndarray, kind: str = "pearson") -> np.ndarray:
    """|correlation| of each latent with its own representation, [n], under the best assignment of one to each. Where
    there are fewer representations than latents, those left over count 0."""
    size = np.abs(correlations(z, h, kind))
    rows, columns = linear_sum_assignment(-size)
    matched = np.zeros(len(size))
    matched[rows] = size[rows, columns]
    return matched


def mcc(z: np.ndarray, h: np.ndarray, kind: str = "pearson") -> float:
    """Mean correlation coefficient, of `mcc_each`."""
    return float(mcc_each(z, h, kind).mean())


def importances(z: np.ndarray, h: np.ndarray) -> np.ndarray:
    """|weight| of each representation for each latent, [m, n], in a linear regression of standardised variables."""
    z, h = _checked(z, h, np.shape(h)[-1] + 2)
    return np.abs(np.linalg.lstsq(_standardised(h), _standardised(z), rcond=None)[0])


def dci(z: np.ndarray, h: np.ndarray, weights: np.ndarray | None = None) -> tuple[float, float, float]:
    """Disentanglement, completeness and informativeness (Eastwood and Williams, ICLR 2018), with a linear regressor.

    Of the `weights` (importances unless given) disentanglement is 1 less the entropy of a representation's share in the
    latents, averaged by its weight; completeness the same of a latent's share in the representations; informativeness
    is `r2`.
    """
    weights = importances(z, h) if weights is None else weights

    def certainty(rows: np.ndarray) -> np.ndarray:
        shares = rows / np.maximum(rows.sum(1, keepdims=True), 1e-12)
        terms = np.where(shares > 0, shares * np.log(np.maximum(shares, 1e-300)), 0).sum(1)
        return 1 + terms / np.log(rows.shape[1]) if rows.shape[1] > 1 else np.ones(len(rows))

    total = max(weights.sum(), 1e-12)
    return (float((certainty(weights) * weights.sum(1)).sum() / total),
            float((certainty(weights.T) * weights.sum(0)).sum() / total), r2(z, h))


def _gap(table: np.ndarray) -> float:
    """Mean over rows of the largest entry less the second."""
    ordered = np.sort(np.column_stack([table, np.zeros(len(table))]), axis=1)
    return float((ordered[:, -1] - ordered[:, -2]).mean())


def sap(z: np.ndarray, h: np.ndarray) -> float:
    """Separated attribute predictability (Kumar et al., ICLR 2018): R² of each latent from its best representation
    alone, less that from the second best."""
    return _gap(correlations(z, h) ** 2)


def mutual_information(z: np.ndarray, h: np.ndarray, bins: int = BINS) -> tuple[np.ndarray, np.ndarray]:
    """In nats, of each latent with each representation, [n, m], and the entropy of each latent, [n]; of variables cut
    into `bins` equal parts of their range."""
    z, h = _checked(z, h, bins)

    def cut(x: np.ndarray) -> np.ndarray:
        low, high = x.min(0), x.max(0)
        return np.minimum((x - low) / np.where(high > low, high - low, 1) * bins, bins - 1).astype(np.int64)

    def entropy(codes: np.ndarray) -> float:
        p = np.unique(codes, return_counts=True)[1] / len(codes)
        return float(-(p * np.log(p)).sum())

    a, b = cut(z), cut(h)
    of_z, of_h = (np.array([entropy(column) for column in codes.T]) for codes in (a, b))
    both = np.array([[entropy(i * bins + j) for j in b.T] for i in a.T])
    return of_z[:, None] + of_h - both, of_z


def mig(z: np.ndarray, h: np.ndarray, bins: int = BINS) -> float:
    """Mutual information gap (Chen et al., NeurIPS 2018): that of each latent with its best representation, less that
    with the second best, over the entropy of the latent."""
    information, entropy = mutual_information(z, h, bins)
    return _gap(information / np.maximum(entropy, 1e-12)[:, None])


def all_scores(z: np.ndarray, h: np.ndarray) -> dict[str, float]:
    """Every score by name."""
    disentanglement, completeness, informativeness = dci(z, h)
    return {"r2": informativeness, "r2_in_sample": r2(z, h, in_sample=True), "mcc": mcc(z, h),
            "mcc_spearman": mcc(z, h, "spearman"), "dci_disentanglement": disentanglement,
            "dci_completeness": completeness, "sap": sap(z, h), "mig": mig(z, h)}
