"""Named settings: the rows of the paper's tables, and how they are trained. Later names overrule earlier ones."""

from typing import Any

from utils.cli import UserError


def _data(space: str, conditional: str, scale: float, **more: Any) -> dict[str, Any]:
    return {"space": (space,), "conditional": (conditional,), "conditional_scale": (scale,), **more}


def _model(model: str, p: float) -> dict[str, Any]:
    return {"model": (model,), "p": (p,)}


_NORMAL_SPHERE = {"marginal": ("normal",), "marginal_scale": (1.0,)}
_LAPLACE, _NORMAL = _data("box", "laplace", 0.05), _data("box", "normal", 0.05)
_GENNORM3 = _data("box", "gennorm", 0.05, exponent=(3.0,))
_UNBOUNDED = _data("unbounded", "normal", 1.0, marginal_scale=(1.0,))
# The noise is wide: of a latent itself a partner shows much, of its finer waves (the second harmonic of a hue) little,
# and such waves take the place of latents that are found late.
_SCENE = {"data": "latent_scene", "encoder": "cnn", "n": (7,), "box_min": -1.0, "box_max": 1.0, "batch_size": 256,
          "steps": 1000, "lr": 4e-3, "optimizer": "muon", "score_every": 100, "score_samples": 1024}
_3DIDENT = {"encoder": "resnet18", "n": (10,), "box_min": -1.0, "box_max": 1.0, "resolution": 224, "batch_size": 512,
            "steps": 30_000, "lr": 1e-4, "constant_lr": True, "warmup_steps": 0}

SETTINGS: dict[str, tuple[str, dict[str, Any]]] = {
    # Table 1 of the paper: identifiable up to a linear map, scored by R².
    "sphere-vmf1": ("vMF of kappa 1 on the sphere", {**_data("sphere", "vmf", 1.0), **_model("sphere", 0)}),
    "sphere-vmf10": ("vMF of kappa 10", {**_data("sphere", "vmf", 10.0), **_model("sphere", 0)}),
    "sphere-vmf10-matched": ("vMF of kappa 10, and the model has it too: --tau 0.1",
                             {**_data("sphere", "vmf", 10.0), **_model("sphere", 0), "tau": 0.1}),
    "sphere-laplace": ("projected Laplace noise", {**_data("sphere", "laplace", 0.05), **_model("sphere", 0)}),
    "sphere-normal": ("projected normal noise", {**_data("sphere", "normal", 0.05), **_model("sphere", 0)}),
    "sphere-normal-laplace": ("normal around a pole, Laplace noise",
                              {**_data("sphere", "laplace", 0.05, **_NORMAL_SPHERE), **_model("sphere", 0)}),
    "sphere-normal-normal": ("normal around a pole, normal noise",
                             {**_data("sphere", "normal", 0.05, **_NORMAL_SPHERE), **_model("sphere", 0)}),
    "unbounded-laplace": ("Laplace latents, normal noise, model the unbounded normal",
                          {**_UNBOUNDED, "marginal": ("laplace",), **_model("unbounded", 2)}),
    "unbounded-normal": ("normal latents, normal noise, model the unbounded normal",
                         {**_UNBOUNDED, "marginal": ("normal",), **_model("unbounded", 2)}),
    # Table 2: identifiable up to permutation, sign and scale, scored by MCC; the last three are not, or mismatched.
    "box-laplace": ("Laplace noise in a box, model the same", {**_LAPLACE, **_model("box", 1)}),
    # An exponent of 3 pulls by the square of the distance: weakly at the end, so it trains longer.
    "box-gennorm3": ("generalised normal of exponent 3, model the same",
                     {**_GENNORM3, **_model("box", 3), "steps": 3000, "lr": 2e-3}),
    "box-normal": ("normal noise, model the same", {**_NORMAL, **_model("box", 2)}),
    "box-laplace-unbounded": ("Laplace noise, model unbounded", {**_LAPLACE, **_model("unbounded", 1)}),
    "box-gennorm3-unbounded": ("generalised normal, model unbounded", {**_GENNORM3, **_model("unbounded", 3)}),
    "box-normal-unbounded": ("normal noise, model unbounded: recovered but for a rotation",
                             {**_NORMAL, **_model("unbounded", 2)}),
    "box-laplace-unbounded-normal": ("Laplace noise, model the unbounded normal",
                                     {**_LAPLACE, **_model("unbounded", 2)}),
    "box-laplace-unbounded-gennorm3": ("Laplace noise, model the unbounded generalised normal",
                                       {**_LAPLACE, **_model("unbounded", 3)}),
    "box-normal-unbounded-gennorm3": ("normal noise, model the unbounded generalised normal",
                                      {**_NORMAL, **_model("unbounded", 3)}),
    # After the paper.
    "sphere-cap": ("vMF without full support: no partner beyond 26 degrees (arXiv 2606.04280)",
                   {**_data("sphere", "vmf", 10.0), "least_cosine": 0.9, **_model("sphere", 0)}),
    "sphere-anisotropic": ("normal noise, 9 times wider in some dimensions; plain InfoNCE",
                           {**_data("sphere", "normal", 0.15), "anisotropy": 9.0, **_model("sphere", 0)}),
    "sphere-anisotropic-learned": ("the same, a weight for each dimension is learned (AnInfoNCE)",
                                   {**_data("sphere", "normal", 0.15), "anisotropy": 9.0, "learn_scales": True,
                                    **_model("sphere", 2)}),
    # Images. 3DIdent and KITTI Masks want their folder or file as --data.
    "scene-laplace": ("latent_scene, Laplace noise, model the same",
                      {**_data("box", "laplace", 0.25), **_SCENE, **_model("box", 1)}),
    "scene-normal-unbounded": ("latent_scene, normal noise, model unbounded: recovered but for a rotation",
                               {**_data("box", "normal", 0.25), **_SCENE, **_model("unbounded", 2)}),
    "scene-augmentation": ("latent_scene, two augmented views of one image in place of partners; a sphere",
                           {**_data("box", "laplace", 0.25), **_SCENE, **_model("sphere", 0), "pairs": "augmentation",
                            "tau": 0.1}),
    "3dident-normal": ("3DIdent, normal noise, model the same; for a GPU",
                       {**_data("box", "normal", 0.1), **_3DIDENT, **_model("box", 2)}),
    "3dident-normal-unbounded": ("3DIdent, normal noise, model unbounded",
                                 {**_data("box", "normal", 0.1), **_3DIDENT, **_model("unbounded", 2)}),
    "kitti-box": ("KITTI Masks, frames up to 5 apart, model a box with Laplace noise",
                  {"space": ("box",), "conditional": ("laplace",), "encoder": "kitti", "n": (10,), "batch_size": 32,
                   "steps": 300_000, "lr": 1e-4, "constant_lr": True, "warmup_steps": 0, **_model("box", 1)}),
    "kitti-unbounded": ("the same, model unbounded with Laplace noise",
                        {"space": ("unbounded",), "conditional": ("laplace",), "marginal": ("normal",),
                         "encoder": "kitti", "n": (10,), "batch_size": 32, "steps": 300_000, "lr": 1e-4,
                         "constant_lr": True, "warmup_steps": 0, **_model("unbounded", 1)}),
    # How to train.
    "n10": ("ten dimensions, as in the paper, on two cores",
            {"n": (10,), "batch_size": 1024, "steps": 2000, "optimizer": "muon-linear"}),
    "paper": ("the published training: ten dimensions, batch 6144, Adam at 1e-4, 300,003 steps; for a GPU",
              {"n": (10,), "batch_size": 6144, "steps": 300_003, "lr": 1e-4, "constant_lr": True, "warmup_steps": 0,
               "self_pairs": True, "small_weights": True}),
}


def defaults_of(names: list[str]) -> dict[str, Any]:
    """The options that the settings `names` set. Raises UserError for a name that is not there."""
    values: dict[str, Any] = {}
    for name in names:
        if name not in SETTINGS:
            raise UserError(f"there is no setting called {name!r}; the names are {', '.join(SETTINGS)}")
        values |= SETTINGS[name][1]
    return values


def table() -> str:
    """A line for each setting."""
    return "\n".join(f"  {name:31}{about}" for name, (about, _) in SETTINGS.items())
