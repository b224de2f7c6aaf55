import pytest
import torch
from torch import nn

from models import SmallAlexNet
from tests.files import user_error

# Names and shapes of the published encoders, batch statistics left out.
PUBLISHED = {
    "blocks.0.0.weight": (96, 3, 3, 3), "blocks.1.0.weight": (192, 96, 3, 3), "blocks.2.0.weight": (384, 192, 3, 3),
    "blocks.3.0.weight": (384, 384, 3, 3), "blocks.4.0.weight": (192, 384, 3, 3), "blocks.5.1.weight": (4096, 9408),
    "blocks.6.0.weight": (4096, 4096), "blocks.7.0.weight": (128, 4096), "blocks.7.0.bias": (128,)}
NORMS = {"blocks.0.1": 96, "blocks.1.1": 192, "blocks.2.1": 384, "blocks.3.1": 384, "blocks.4.1": 192,
         "blocks.5.2": 4096, "blocks.6.1": 4096}


def test_names_and_shapes_are_the_published_ones():
    with torch.device("meta"):
        model = SmallAlexNet()
    expected = dict(PUBLISHED)
    for name, channels in NORMS.items():
        expected |= {f"{name}.{part}": (channels,) for part in ("weight", "bias", "running_mean", "running_var")}
        expected[f"{name}.num_batches_tracked"] = ()
    assert {name: tuple(value.shape) for name, value in model.state_dict().items()} == expected
    assert sum(p.numel() for p in model.parameters()) == 58_678_368


def test_images_of_another_size_come_out_of_every_layer():
    model = SmallAlexNet(1 / 32).initialize(0).eval()
    for side in (16, 32, 100):
        x = torch.randn(2, 3, side, side)
        with torch.no_grad():
            convolved = model(x, layer_index=4)
            assert model(x).shape == (2, 128)
            stretched = nn.functional.interpolate(convolved, (7, 7), mode="bilinear")
            assert torch.equal(model(x, layer_index=5), model.blocks[5](stretched))


def test_layer_outputs():
    model = SmallAlexNet(1 / 32)
    x = torch.randn(2, 3, 64, 64)
    shapes = [(3, 31, 31), (6, 15, 15), (12, 15, 15), (12, 15, 15), (6, 7, 7), (128,), (128,), (128,)]
    assert len(shapes) == len(SmallAlexNet.LAYERS)
    with torch.no_grad():
        for index, shape in enumerate(shapes):
            assert model(x, index).shape == (2, *shape)
        model.eval()
        for index in range(-8, 0):
            assert torch.equal(model(x, index), model(x, index + 8))
        assert torch.equal(model(x), model(x, 7))


def test_forward_is_the_plain_chain_of_layers():
    model = SmallAlexNet(1 / 32).initialize(0).eval()
    state = model.state_dict()

    def norm(x, name):
        return nn.functional.batch_norm(x, state[f"{name}.running_mean"], state[f"{name}.running_var"],
                                        state[f"{name}.weight"], state[f"{name}.bias"]).relu()

    x = images = torch.randn(2, 3, 64, 64)
    for i in range(5):
        x = norm(nn.functional.conv2d(x, state[f"blocks.{i}.0.weight"], padding=1), f"blocks.{i}.1")
        if i in (0, 1, 4):
            x = nn.functional.max_pool2d(x, 3, 2)
    x = norm(x.flatten(1) @ state["blocks.5.1.weight"].T, "blocks.5.2")
    x = norm(x @ state["blocks.6.0.weight"].T, "blocks.6.1")
    x = x @ state["blocks.7.0.weight"].T + state["blocks.7.0.bias"]
    torch.testing.assert_close(model(images), x / x.norm(dim=1, keepdim=True))


@pytest.mark.parametrize("index", [8, -9])
def test_a_layer_that_is_not_there(index):
    with pytest.raises(IndexError):
        SmallAlexNet(1 / 32)(torch.zeros(2, 3, 64, 64), index)


@pytest.mark.parametrize("training", [True, False])
def test_embeddings_have_unit_length(training):
    model = SmallAlexNet(1 / 32).initialize(0).train(training)
    z = model(torch.randn(4, 3, 64, 64))
    assert z.dtype == torch.float32
    torch.testing.assert_close(z.norm(dim=1), torch.ones(4))


def test_initial_weights_have_their_distribution():
    model = SmallAlexNet(1 / 4).initialize(3)
    for module in model.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            w = module.weight.detach().double().flatten()
            n = len(w)
            assert abs(w.mean()) < 5 * 0.02 / n**0.5 and abs(w.std() / 0.02 - 1) < 5 / (2 * n) ** 0.5
            assert abs(((w / 0.02) ** 4).mean() - 3) < 5 * (96 / n) ** 0.5  # the fourth moment of a normal law
            if module.bias is not None:
                assert not module.bias.any()
        elif isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            assert (module.weight == 1).all() and (module.running_var == 1).all()
            assert not module.bias.any() and not module.running_mean.any()


@pytest.mark.parametrize("width", [0, 0.01, 4.1, float("nan"), -1])
def test_widths_that_cannot_be(width):
    user_error("width must lie between", SmallAlexNet, width)


def test_any_integer_is_a_seed():
    negative, huge = (SmallAlexNet(1 / 32).initialize(seed).blocks[0][0].weight for seed in (-1, 2**64 - 1 + 2**70))
    expected = nn.init.normal_(torch.empty_like(huge), 0.0, 0.02, generator=torch.Generator().manual_seed(-1))
    assert torch.equal(negative, expected) and torch.equal(huge, expected)


def test_initial_weights_depend_on_the_seed_alone():
    def weights(global_seed: int, seed: int) -> list[torch.Tensor]:
        torch.manual_seed(global_seed)
        model = SmallAlexNet(1 / 32)
        model(torch.randn(4, 3, 64, 64))  # moves the batch statistics, which initialize puts back
        before = torch.get_rng_state()
        values = list(model.initialize(seed).state_dict().values())
        assert torch.equal(torch.get_rng_state(), before)
        return values

    first = weights(1, 5)
    assert all(map(torch.equal, first, weights(2, 5))) and not all(map(torch.equal, first, weights(1, 6)))
