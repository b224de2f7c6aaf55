"""The 19 tasks of VTAB (Zhai et al., arXiv 1910.04867) in one table: what each is, how large, and where it comes from.

Sizes, splits and label rules are those of google-research/task_adaptation. Everything that prepares, checks, evaluates
or lists a task reads them here. A route is a way to its images (`datasets.vtab`):

    shards        the tar shards of huggingface.co/datasets/clip-benchmark, which hold VTAB's train and test splits
    torchvision   torchvision's copy, where its official splits are VTAB's trainval and test
    originals     the files of the dataset's authors
"""

from dataclasses import dataclass, field

from utils.cli import UserError

ROUTES = {"shards": "tar shards of clip-benchmark", "torchvision": "torchvision", "originals": "its authors' files"}
GROUPS = ("natural", "specialized", "structured")
OUR_SEED = 0  # of the splits that are ours because VTAB's cannot be rebuilt


@dataclass(frozen=True)
class VtabTask:
    """One task. `train`, `val`, `trainval` and `test` are VTAB's numbers of images."""

    name: str
    vtab_1k: str  # the folder in the VTAB-1k archive
    group: str
    classes: int
    train: int
    val: int
    trainval: int
    test: int
    repository: str  # of the shards
    routes: tuple[str, ...] = ("shards",)  # the default first
    native_classes: int = 0  # labels in the source, if VTAB puts several in one class
    unsplit: int = 0  # images in the shards, if these hold all without a split
    notes: dict[str, str] = field(default_factory=dict, hash=False)  # by route: how its split differs from VTAB's

    @property
    def full_name(self) -> str:
        """The task's name where other tasks stand beside those of VTAB: in records and results."""
        return f"vtab-{self.name}"

    def label(self, native: int, where: str) -> int:
        """The class of an image whose source says `native`: floor(native · classes / native classes).

        Raises UserError naming `where` if the source has no such label.
        """
        natives = self.native_classes or self.classes
        if not 0 <= native < natives:
            raise UserError(f"{where} has label {native}, but {self.name} has labels 0 to {natives - 1}; see that it "
                            "is the right dataset, or fetch it again")
        return native * self.classes // natives

    def sizes(self, route: str) -> tuple[str, int, int]:
        """What `route` gives: which split train/ is ('train' or 'trainval'), its size, and the size of val/."""
        if self.unsplit and route == "shards":
            return "trainval", self.unsplit - self.test, self.test
        return ("train", self.train, self.test) if route == "shards" else ("trainval", self.trainval, self.test)

    def note(self, route: str) -> str | None:
        """How the split of `route` differs from VTAB's trainval and test, None if it does not."""
        validation = (f"train is VTAB's train split; its {self.val:,} validation images are not in the shards"
                      if route == "shards" and not self.unsplit else None)
        return "; ".join(filter(None, (validation, self.notes.get(route)))) or None


_TORCHVISION = ("torchvision", "shards")
_ORIGINALS = ("shards", "originals")
_SPRITES = {"originals": f"VTAB splits the images 80/10/10 in TensorFlow Datasets' shuffled order, which cannot be "
                         f"rebuilt; this is a permutation of ours (seed {OUR_SEED}), with VTAB's sizes"}
_NORB = {"originals": "val is the second half of the official test set and train has the first, as in VTAB, but in the "
                      "order of the files; VTAB's order is TensorFlow Datasets' shuffled one"}
_SUN = {"shards": f"the shards hold all images in one split; these 21,750 of val are drawn by us (seed {OUR_SEED}), "
                  "VTAB's are others"}
_KITTI = {"shards": "built from version 3.3.0 of TensorFlow Datasets' kitti, VTAB from 3.1.0"}

TASKS: dict[str, VtabTask] = {task.name: task for task in (
    VtabTask("caltech101", "caltech101", "natural",
             102, 2754, 306, 3060, 6084, "wds_vtab-caltech101"),
    VtabTask("cifar100", "cifar", "natural",
             100, 45_000, 5000, 50_000, 10_000, "wds_vtab-cifar100", _TORCHVISION),
    VtabTask("dtd", "dtd", "natural",
             47, 1880, 1880, 3760, 1880, "wds_vtab-dtd", _TORCHVISION),
    VtabTask("flowers102", "oxford_flowers102", "natural",
             102, 1020, 1020, 2040, 6149, "wds_vtab-flowers", _TORCHVISION),
    VtabTask("pets", "oxford_iiit_pet", "natural",
             37, 2944, 736, 3680, 3669, "wds_vtab-pets", _TORCHVISION),
    VtabTask("sun397", "sun397", "natural",
             397, 76_128, 10_875, 87_003, 21_750, "wds_sun397", unsplit=108_754, notes=_SUN),
    VtabTask("svhn", "svhn", "natural",
             10, 65_931, 7326, 73_257, 26_032, "wds_vtab-svhn", _TORCHVISION),
    VtabTask("patch_camelyon", "patch_camelyon", "specialized",
             2, 262_144, 32_768, 294_912, 32_768, "wds_vtab-pcam", ("shards", "torchvision")),
    VtabTask("eurosat", "eurosat", "specialized",
             10, 16_200, 5400, 21_600, 5400, "wds_vtab-eurosat"),
    VtabTask("resisc45", "resisc45", "specialized",
             45, 18_900, 6300, 25_200, 6300, "wds_vtab-resisc45"),
    VtabTask("retinopathy", "diabetic_retinopathy", "specialized",
             5, 35_126, 10_906, 46_032, 42_670, "wds_vtab-diabetic_retinopathy"),
    VtabTask("clevr_count", "clevr_count", "structured",
             8, 63_000, 7000, 70_000, 15_000, "wds_vtab-clevr_count_all", _ORIGINALS),
    VtabTask("clevr_distance", "clevr_dist", "structured",
             6, 63_000, 7000, 70_000, 15_000, "wds_vtab-clevr_closest_object_distance", _ORIGINALS),
    VtabTask("dmlab", "dmlab", "structured",
             6, 65_550, 22_628, 88_178, 22_735, "wds_vtab-dmlab"),
    VtabTask("dsprites_location", "dsprites_loc", "structured",
             16, 589_824, 73_728, 663_552, 73_728, "wds_vtab-dsprites_label_x_position", _ORIGINALS,
             native_classes=32, notes=_SPRITES),
    VtabTask("dsprites_orientation", "dsprites_ori", "structured",
             16, 589_824, 73_728, 663_552, 73_728, "wds_vtab-dsprites_label_orientation", _ORIGINALS,
             native_classes=40, notes=_SPRITES),
    VtabTask("kitti_distance", "kitti", "structured",
             4, 6347, 423, 6770, 711, "wds_vtab-kitti_closest_vehicle_distance", notes=_KITTI),
    VtabTask("smallnorb_azimuth", "smallnorb_azi", "structured",
             18, 24_300, 12_150, 36_450, 12_150, "wds_vtab-smallnorb_label_azimuth", _ORIGINALS, notes=_NORB),
    VtabTask("smallnorb_elevation", "smallnorb_ele", "structured",
             9, 24_300, 12_150, 36_450, 12_150, "wds_vtab-smallnorb_label_elevation", _ORIGINALS, notes=_NORB),
)}
