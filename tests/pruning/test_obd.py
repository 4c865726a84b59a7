"""OBD against explicit curvature matrices and loops over single images."""

import pytest
import torch
from small_networks import NETWORKS, random_batch, score
from torch import Tensor, nn
from torch.func import functional_call, jacrev
from torch.nn.functional import softmax

from prunepipe.errors import ConfigError
from prunepipe.networks.prunable import prunable
from prunepipe.pruning.scores import squared_gradients
from prunepipe.pruning.scores.contract import Scores
from prunepipe.pruning.scores.obd import obd

BATCHES = [random_batch(4), random_batch(3, seed=1)]

CURVATURE = ("gauss_newton", "sampled_fisher", "empirical_fisher")


def explicit(network: nn.Module, batches=BATCHES, curvature: str = "gauss_newton") -> Scores:
    """1/2 h w^2 with h from J^T Q J, J the Jacobian of one image's logits, Q explicit; the mean over images."""
    network = network.eval()
    weights = {name: weight.detach() for name, weight in prunable(network).items()}
    diagonal = {name: torch.zeros_like(weight) for name, weight in weights.items()}
    pairs = [pair for images, labels in batches for pair in zip(images, labels, strict=True)]
    for image, label in pairs:
        logits = network(image[None])[0].detach()
        chances = softmax(logits, 0)
        middle = chances.diag() - chances.outer(chances)
        if curvature == "empirical_fisher":
            slope = chances - nn.functional.one_hot(label, len(logits))
            middle = slope.outer(slope)
        jacobians = jacrev(lambda w, image=image: functional_call(network, w, (image[None],))[0])(weights)
        for name, jacobian in jacobians.items():
            rows = jacobian.flatten(1)
            matrix = rows.T @ middle @ rows
            diagonal[name] += matrix.diag().view_as(diagonal[name]) / len(pairs)
    return {name: diagonal[name].detach() * weight**2 / 2 for name, weight in weights.items()}


def assert_close(first: Scores, second: Scores, **tolerance: float) -> None:
    assert list(first) == list(second)
    for name in first:
        torch.testing.assert_close(first[name], second[name], **tolerance)


# The three curvatures


@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
@pytest.mark.parametrize("curvature", ["gauss_newton", "empirical_fisher"])
def test_obd_is_the_diagonal_of_the_explicit_matrix(curvature: str, network) -> None:
    built = network()
    assert_close(
        score(obd, built.train(), BATCHES, curvature=curvature), explicit(built, curvature=curvature)
    )


def test_the_sampled_fisher_converges_to_the_gauss_newton_diagonal() -> None:
    network = NETWORKS["mixed"]()
    exact = torch.cat([layer.flatten() for layer in explicit(network).values()])

    def error(draws: int) -> float:
        runs = [
            score(obd, network, BATCHES, seed=seed, curvature="sampled_fisher", draws=draws)
            for seed in range(8)
        ]
        drawn = torch.stack([torch.cat([layer.flatten() for layer in run.values()]) for run in runs])
        return float((drawn - exact).square().mean().sqrt() / exact.square().mean().sqrt())

    few, many = error(4), error(1024)  # 256 times the draws: a 16th of the error
    assert 0.01 < few < 1
    assert few / 32 < many < few / 8


def test_labels_are_drawn_from_the_scores_own_stream() -> None:
    network = NETWORKS["mixed"]()
    once, again, other = (
        score(obd, network, BATCHES, seed, curvature="sampled_fisher") for seed in (0, 0, 1)
    )
    assert all(torch.equal(once[name], again[name]) for name in once)
    assert not all(torch.equal(once[name], other[name]) for name in once)
    exact, elsewhere = (score(obd, network, BATCHES, seed) for seed in (0, 1))
    assert all(torch.equal(exact[name], elsewhere[name]) for name in exact)


@pytest.mark.parametrize(("classes", "expected"), [(20, "gauss_newton"), (21, "sampled_fisher")])
def test_the_default_is_exact_for_few_classes(classes: int, expected: str) -> None:
    network, batches = nn.Sequential(nn.Flatten(), nn.Linear(12, classes)).double(), [random_batch(3, size=2)]
    default = score(obd, network, batches)
    named = {name: score(obd, network, batches, curvature=name)["1.weight"] for name in CURVATURE}
    assert [name for name in CURVATURE if torch.equal(named[name], default["1.weight"])] == [expected]


def test_a_network_that_fits_its_data_leaves_the_empirical_fisher_with_nothing() -> None:
    images, labels = random_batch(6, size=2)
    network = nn.Sequential(nn.Flatten(), nn.Linear(12, 3, bias=False)).double()
    answers = 12.0 * nn.functional.one_hot(labels).double()
    network[1].weight.data = torch.linalg.lstsq(images.flatten(1), answers).solution.T.contiguous()
    exact, empirical = (
        score(obd, network, [(images, labels)], curvature=curvature)["1.weight"].sum()
        for curvature in ("gauss_newton", "empirical_fisher")
    )
    assert 0 < empirical < 1e-4 * exact


@pytest.mark.parametrize("curvature", CURVATURE)
def test_obd_does_not_depend_on_how_images_are_batched(curvature: str, monkeypatch) -> None:
    network, (images, labels) = NETWORKS["mixed"](), random_batch(6)
    whole = score(obd, network, [(images, labels)], curvature=curvature)
    parts = [(images[:1], labels[:1]), (images[1:], labels[1:])]
    assert_close(whole, score(obd, network, parts, curvature=curvature))
    monkeypatch.setattr(squared_gradients, "IMAGES", 4)
    monkeypatch.setattr(squared_gradients, "SLOPE_BYTES", 1)  # one vector at a time
    assert_close(whole, score(obd, network, parts, curvature=curvature))


def test_obd_in_float32_differs_by_rounding() -> None:
    network = NETWORKS["residual"]()
    single, double = (score(obd, network, BATCHES, dtype=dtype) for dtype in ("float32", "float64"))
    assert not all(torch.equal(single[name], double[name]) for name in double)
    assert_close(single, double, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"curvature": "hessian"}, "curvature: got 'hessian'"),
        ({"draws": 0}, "draws: got 0"),
        ({"dtype": "float16"}, "dtype: got 'float16'"),
    ],
)
def test_impossible_options_are_refused(options, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        score(obd, NETWORKS["mixed"](), BATCHES, **options)


def test_obd_gives_zero_to_a_layer_that_is_not_used() -> None:
    network = NETWORKS["mixed"]()
    network.spare = nn.Linear(2, 2).double()
    scores = score(obd, network, [random_batch(3)])
    assert not scores["spare.weight"].any()
    assert scores["head.weight"].any()


# Layers that do not see one image a row


class Tokens(nn.Module):
    """A Linear layer on [tokens, images, features], or on [images, tokens, features]."""

    def __init__(self, tokens_first: bool) -> None:
        super().__init__()
        self.tokens_first = tokens_first
        self.inner, self.head = nn.Linear(6, 5), nn.Linear(5, 3)

    def forward(self, images: Tensor) -> Tensor:
        tokens = images.flatten(2).mT.reshape(len(images), -1, 6)
        tokens = tokens.transpose(0, 1) if self.tokens_first else tokens
        features = torch.tanh(self.inner(tokens))
        features = features.transpose(0, 1) if self.tokens_first else features
        return self.head(features.mean(1))


class Patches(nn.Module):
    """A convolution on patches that are folded into the batch."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 4, 2), nn.Linear(4, 3)

    def forward(self, images: Tensor) -> Tensor:
        patches = images.unfold(2, 3, 3).unfold(3, 3, 3).permute(0, 2, 3, 1, 4, 5)
        features = torch.tanh(self.conv(patches.flatten(0, 2)))
        return self.head(features.view(len(images), -1, *features.shape[1:]).mean((1, 3, 4)))


class Bordered(nn.Conv2d):
    """A convolution with a border that its attributes do not tell."""

    def forward(self, images: Tensor) -> Tensor:
        return nn.functional.conv2d(nn.functional.pad(images, (1, 1, 1, 1)), self.weight, self.bias)


class Doubled(nn.Conv2d):
    """A convolution whose output is not that of its weight, though it has its shape."""

    def forward(self, images: Tensor) -> Tensor:
        return nn.functional.conv2d(images, 2 * self.weight, self.bias)


class ByHand(nn.Module):
    """A Linear module that is never called, only its weight is used; and one that is called by keyword."""

    def __init__(self) -> None:
        super().__init__()
        self.used, self.head = nn.Linear(108, 5), nn.Linear(5, 3)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(input=nn.functional.linear(images.flatten(1), self.used.weight).tanh())


class Changing(nn.Module):
    """Puts tokens first from the fifth image of a batch on: not seen on the first images."""

    def __init__(self) -> None:
        super().__init__()
        self.last, self.first = Tokens(False), Tokens(True)
        self.first.inner, self.first.head = self.last.inner, self.last.head

    def forward(self, images: Tensor) -> Tensor:
        return (self.first if len(images) > 4 else self.last)(images)


UNUSUAL = {
    "tokens first": lambda: Tokens(True),
    "patches": Patches,
    "border": lambda: nn.Sequential(Bordered(3, 4, 3), nn.Tanh(), nn.Flatten(), nn.Linear(144, 3)),
    "other output": lambda: nn.Sequential(Doubled(3, 4, 3), nn.Tanh(), nn.Flatten(), nn.Linear(64, 3)),
    "by hand": ByHand,
    "changing": Changing,
}


@pytest.mark.parametrize("images", [2, 3, 7])
@pytest.mark.parametrize("build", UNUSUAL.values(), ids=UNUSUAL)
def test_layers_that_do_not_see_one_image_a_row_are_differentiated_image_by_image(build, images: int) -> None:
    torch.manual_seed(0)
    network, batches = build().double(), [random_batch(images)]
    assert_close(score(obd, network, batches), explicit(network, batches))


def test_layers_that_see_one_image_a_row_are_not(monkeypatch) -> None:
    torch.manual_seed(0)
    calls = []
    slow = squared_gradients._add_by_image
    monkeypatch.setattr(
        squared_gradients, "_add_by_image", lambda *given: (calls.append(len(given[3][0])), slow(*given))
    )
    for network in (NETWORKS["mixed"](), NETWORKS["residual"](), Tokens(False).double()):
        assert_close(score(obd, network, [random_batch(7)]), explicit(network, [random_batch(7)]))
    assert calls == [4, 4, 4]  # the trial alone


# Sums over images, vectors and places


@pytest.mark.parametrize("vectors", [1, 3])
@pytest.mark.parametrize("places", [1, 2, 7])
def test_both_sums_of_squares_are_the_definition(places: int, vectors: int, monkeypatch) -> None:
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(5, 2, 3, places, generator=generator, dtype=torch.float64)
    slopes = torch.randn(5, vectors, 2, 4, places, generator=generator, dtype=torch.float64)
    gradients = torch.einsum("bvgol,bgcl->bvgoc", slopes, inputs)
    expected = gradients.square().sum((0, 1))
    torch.testing.assert_close(squared_gradients._by_pairs(inputs, slopes), expected)
    for most in (1, 24, 50, 10**6):
        monkeypatch.setitem(squared_gradients.PRODUCT, "cpu", most)
        torch.testing.assert_close(squared_gradients._by_product(inputs, slopes), expected)
