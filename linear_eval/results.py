"""Result files: reading them, what makes two of them repetitions of one measurement, and what makes them contradict.

    cells = collect(read_results([Path("results/photos")]))
    mean = np.mean(cells[RowKey("stat-spectrum", "fc6", 0.25, "bfloat16"), Condition("cifar10", "cached", 5000)])
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

from datasets.vtab.tasks import TASKS
from utils.cli import UserError
from utils.files import read_json

NEEDED = ("encoder", "task", "protocol", "seed", "counts", "accuracy")
TEXTS = ("encoder", "task", "protocol", "layer", "architecture", "precision", "selection", "family")
IMAGES = ("task_sha256", "contents_sha256")  # of a task's files; results from before contents were hashed lack these
SAME = ("encoder_sha256", "init_seed", "kind", "counts")  # in all copies of one measurement
FAMILIES = {"imagenet100": "imagenet100", **{task.full_name: "vtab" for task in TASKS.values()}}  # by name of a task
Result = dict[str, Any]


class Condition(NamedTuple):
    """A column of the table."""

    task: str
    protocol: str  # with the way the training images were taken where that is out of the ordinary
    train: int

    def __str__(self) -> str:
        return f"{self.task}, {self.protocol}, {self.train:,} images"


class RowKey(NamedTuple):
    """A row of the table; layer "", width 0 and precision "" for rows without a network."""

    name: str
    layer: str  # "fc6" of a SmallAlexNet, "ResNet50.avgpool" of another architecture
    width: float
    precision: str = ""  # "bfloat16" or "float32", in which the network was computed; "" where a result does not say


Cells = dict[tuple[RowKey, Condition], list[float]]  # accuracies of the repetitions, in percent


def width_text(width: float, layer: str = "") -> str:
    """A network's width as a person wrote it: results hold the channels that it came to, as a share of the published,
    of which this is the shortest number. layer: of a `RowKey`, or the architecture."""
    channels, exact = 512 if layer.startswith("ResNet18") else 4096, f"{width:g}"
    texts = [exact] * (float(exact) == width) + [f"{width:.{digits}g}" for digits in range(1, 17)]
    return next((text for text in texts if round(float(text) * channels) == round(width * channels)), exact)


def escaped(text: object) -> str:
    """`text` as a cell of a Markdown table: without "|" and line ends, which would end the cell."""
    return " ".join(str(text).splitlines()).replace("|", r"\|")


def architecture(result: Result) -> str:
    """The architecture of the result's encoder; results from before there were several do not say."""
    return result.get("architecture", "SmallAlexNet")


def selection(result: Result) -> str:
    """How the training images were taken: "all", "class-balanced", "uniform" or "given list". Results from before there
    was a choice do not say."""
    counts = result["counts"]
    limited = counts["train"] < counts.get("train_available", counts["train"])
    return result.get("selection", "class-balanced" if limited else "all")


def task_of(result: Result) -> str:
    """The task's name, marked if some of its images were missing when it was probed: then it is another task."""
    return result["task"] if result.get("task_complete", True) else f"{result['task']} (partial)"


def family(result: Result) -> str:
    """Whose tables the result belongs to; results from before records said so go by the name of the task."""
    return result.get("family", FAMILIES.get(result["task"], ""))


def precision(result: Result) -> str:
    return result.get("precision", "") if result.get("layer") else ""


def row_of(result: Result) -> RowKey:
    layer = result.get("layer", "")
    if layer and architecture(result) != "SmallAlexNet":
        layer = f"{architecture(result)}.{layer}"
    return RowKey(result["encoder"], layer, result.get("width", 0), precision(result))


def condition_of(result: Result) -> Condition:
    taken = selection(result)
    unusual = "" if taken in ("all", "class-balanced") else f" ({taken})"
    return Condition(task_of(result), result["protocol"] + unusual, result["counts"]["train"])


def find_results(sources: Sequence[Path]) -> list[Result]:
    """Every result in the files and folders `sources`, with the baseline rows inside them, each with its "file". Other
    JSON in a folder is passed over. Raises UserError for a damaged result, or if a named file is no result."""
    results = []
    for source in sources:
        for path in sorted(filter(Path.is_file, source.rglob("*.json"))) if source.is_dir() else [source]:
            value = read_json(path)
            if _is_result(value):
                check(value, path)
                results += [{**entry, "file": str(path)} for entry in (value, *value.get("baselines", []))]
            elif not source.is_dir():
                raise UserError(f"{path} is not a result of linear_eval")
    return results


def check(value: Any, path: Path) -> None:
    """Raises UserError, one line, unless `value`, which was read from `path`, and its baselines are results."""
    if not _is_result(value):
        raise UserError(f"{path} is not a result of linear_eval")
    _check(value, f"the result in {path}")
    for baseline in value.get("baselines", []):
        if not _is_result(baseline):
            raise UserError(f"a baseline in {path} is not a result of linear_eval; probe again")
        _check(baseline, f"a baseline in {path}")


def is_text(value: Any) -> bool:
    """Whether `value` is a string that a table can hold: bytes of a file's name that are not UTF-8 cannot."""
    return isinstance(value, str) and value.encode(errors="ignore").decode() == value


def _is_result(value: Any) -> bool:
    return isinstance(value, dict) and all(key in value for key in NEEDED)


def _check(result: Result, what: str) -> None:
    """Raises UserError, one line that opens with `what`, for a fact whose type or range tables cannot use."""
    counts = result["counts"] if isinstance(result["counts"], dict) else {}
    train = counts.get("train")
    fine = {key: is_text(result.get(key, "")) for key in TEXTS} | {
        "seed": _within(result["seed"], 0, math.inf, int),
        "counts": _within(train, 1, math.inf, int) and _within(counts.get("train_available", train), train, math.inf,
                                                               int),
        "width": _within(result.get("width", 1), 0, 1000),
        "accuracy": _within(result["accuracy"], 0, 100),
        "standard_error": _within(result.get("standard_error", 0), 0, 100),
        "task_complete": isinstance(result.get("task_complete", True), bool),
        "baselines": isinstance(result.get("baselines", []), list),
    }
    for fact, is_fine in fine.items():
        if not is_fine:
            raise UserError(f"{what} has {fact} {result[fact]!r:.80}, which no probe gives; probe again")


def _within(value: Any, low: float, high: float, *types: type) -> bool:
    return type(value) in (types or (int, float)) and low <= value <= high  # true is no number here, nor NaN


def read_results(sources: Sequence[Path]) -> list[Result]:
    """`find_results`, but raises UserError also if a source is missing or if there is no result at all."""
    for source in sources:
        if not source.exists():
            raise UserError(f"{source} is not there; pass result files of linear_eval, or folders of them")
    results = find_results(sources)
    if not results:
        raise UserError(f"no results in {', '.join(map(str, sources))}; make some: python -m linear_eval --help")
    return results


def distinct(results: Sequence[Result]) -> list[Result]:
    """Each measurement once, however often it was read (a file named twice, a baseline beside several encoders).

    A cell is an encoder, layer, width, precision, task, protocol, number of training images and seed. Baselines and
    random initialisations are computed again on every machine; such copies count as one, their mean, if they lie within
    two standard errors of each other. Raises UserError, naming both files, if a cell otherwise holds two different
    runs, or if one task name stands for different images.
    """
    images: dict[tuple[str, str, bool], Result] = {}  # by fact and task; VTAB-1k's lists are images of their own
    cells: dict[tuple[Any, ...], list[Result]] = defaultdict(list)
    for result in results:
        for fact in (fact for fact in IMAGES if fact in result):
            first = images.setdefault((fact, task_of(result), selection(result) == "given list"), result)
            if first[fact] != result[fact]:
                raise UserError(f"{_both(first, result)} measure on different images that are both called "
                                f"{result['task']!r}; name one with --task when probing")
        cells[row_of(result), condition_of(result), result["seed"]].append(result)
    return [_merged(copies) for _, copies in sorted(cells.items())]


def _merged(copies: list[Result]) -> Result:
    """Copies of one measurement as one."""
    first = min(copies, key=lambda copy: (copy["accuracy"], copy.get("file", "")))
    tolerance = 0 if first.get("kind", "encoder") == "encoder" else 2 * first.get("standard_error", 0)
    for other in copies:
        differ = [fact for fact in SAME if first.get(fact) != other.get(fact)]
        differ += ["accuracy"] * (abs(first["accuracy"] - other["accuracy"]) > tolerance)
        if differ:
            cell = f"{first['encoder']}, {condition_of(first)}, seed {first['seed']}"
            raise UserError(f"{_both(first, other)} hold two runs of one cell ({cell}) that differ in "
                            f"{' and '.join(differ)}; delete one, or probe one again with another --name or --seed")
    return {**first, "accuracy": fmean({copy["accuracy"] for copy in copies})}


def _both(a: Result, b: Result) -> str:
    return " and ".join(sorted({a.get("file", "a result"), b.get("file", "another")}))


def collect(results: Sequence[Result]) -> Cells:
    """Accuracies by row and condition, one a seed. Raises UserError for results that contradict (`distinct`)."""
    cells: Cells = defaultdict(list)
    for result in distinct(results):
        cells[row_of(result), condition_of(result)].append(result["accuracy"])
    return cells


class Setting(NamedTuple):
    """How encoders were probed, on whatever task: what the rows of one table share."""

    architecture: str
    layer: str
    width: float
    protocol: str
    limit: float  # training images at most, as `--train-limit`; infinite: all
    selection: str  # how they are taken where a task has more
    precision: str = ""  # that networks were computed in

    def __str__(self) -> str:
        images = "all training images" if self.selection == "all" else (
            f"up to {self.limit:,} training images ({self.selection})")
        features = f", {self.layer} of {self.architecture}" if self.layer else ""
        width = f" at width {width_text(self.width, self.architecture)}" if self.width not in (0, 1) else ""
        return f"protocol {self.protocol}, {images}{features}{width}" + f", {self.precision}" * bool(self.precision)

    def takes(self, result: Result) -> bool:
        """Whether `result` was made so. All images of a small task also count as at most a larger number of them."""
        network = (self.architecture, self.layer, self.width, self.precision)
        if result["protocol"] != self.protocol or (result.get("layer") and _network(result) != network):
            return False
        train, how = result["counts"]["train"], selection(result)
        return train <= self.limit if how == "all" else (train, how) == (self.limit, self.selection)


def _network(result: Result) -> tuple[str, str, float, str]:
    return architecture(result), result.get("layer", ""), result.get("width", 0), precision(result)


def settings(results: Sequence[Result]) -> list[Setting]:
    """The smallest set of settings that takes all `results`. Rows without a network go with any network.

    Those of the paper's tables come first: SmallAlexNet, its fc6, protocol paper, more training images, full width.
    """
    results = [result for result in results if result.get("layer")] or results
    found: set[Setting] = set()
    for result in sorted(results, key=lambda result: selection(result) == "all"):  # the limits first
        if not any(setting.takes(result) for setting in found):
            limit = math.inf if selection(result) == "all" else result["counts"]["train"]
            *network, computed_in = _network(result)
            found.add(Setting(*network, result["protocol"], limit, selection(result), computed_in))
    return sorted(found, key=lambda it: (it.architecture != "SmallAlexNet", it.layer != "fc6", it.protocol != "paper",
                                         -it.limit, -it.width, it))
