"""What each operation's result depends on: against the operation itself, run on images that differ in one number."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from prunepipe.networks.connectivity import follow
from prunepipe.networks.recording import record

SHAPE = (4, 5, 6)
"""Channels, height and width, all different."""
Operation = Callable[[Tensor], Tensor]


class Only(nn.Module):
    """An operation on its own, beside a prunable layer that it never calls."""

    def __init__(self, operation: Operation) -> None:
        super().__init__()
        self.unused = nn.Linear(1, 1)
        self.operation = operation

    def forward(self, images: Tensor) -> Tensor:
        return self.operation(images)


def _changed_by(operation: Operation, shape: tuple[int, ...]) -> np.ndarray:
    """Return [results, numbers of the image]: which number changes which result, in some random image."""
    size = int(np.prod(shape))
    generator = torch.Generator().manual_seed(0)
    found = torch.zeros(size, 0)
    for change in (-4.0, 4.0, -0.5, 0.5) * 3:
        image = torch.randn(1, *shape, generator=generator, dtype=torch.float64)
        images = image + change * torch.eye(size, dtype=torch.float64).reshape(size, *shape)
        with torch.no_grad():
            before, after = operation(image.expand(size, *shape).clone()), operation(images)
        changed = (torch.view_as_real(before.cfloat()) != torch.view_as_real(after.cfloat())).any(-1)
        found = changed.flatten(1) if found.numel() == 0 else found | changed.flatten(1)
    return found.T.numpy()


def _reached_by(operation: Operation, shape: tuple[int, ...]) -> np.ndarray:
    """Return the same by paths: forward from each number, and back from each result."""
    recording = record(Only(operation).eval(), shape)
    kept = {name: torch.ones(weight.shape) for name, weight in recording.weights.items()}
    columns = []
    for place in range(int(np.prod(shape))):
        start = torch.zeros(2, int(np.prod(shape)))
        start[:, place] = 1
        maps = follow(recording, kept, start.reshape(2, *shape))
        columns.append(maps.reached(recording.outputs[0])[0].flatten())
    forward = torch.stack(columns, 1).numpy() > 0
    start = torch.ones(2, *shape, requires_grad=True)
    ends = follow(recording, kept, start).reached(recording.outputs[0])[0].flatten()
    rows = [torch.autograd.grad(end, start, retain_graph=True)[0][0].flatten() for end in ends]
    np.testing.assert_array_equal(torch.stack(rows).numpy() > 0, forward)
    return forward


def _inserted(images: Tensor) -> Tensor:
    result = torch.zeros(len(images), 6, 5, 6, dtype=images.dtype)
    result[:, 1:5] = images
    result[:, 2, 0] = 0.0
    return result


def _in_place(images: Tensor) -> Tensor:
    images = images.clone()
    images[:, 0].add_(images[:, 1]).relu_()
    images[:, 3] *= images[:, 2].mean((1, 2), keepdim=True)
    images.unsqueeze_(1)
    return images


def _attention(images: Tensor) -> Tensor:
    """Four heads, five tokens, six features."""
    return F.scaled_dot_product_attention(images, images.flip(2), images)


class Halves(torch.autograd.Function):
    """A function with a gradient of its own."""

    @staticmethod
    def forward(ctx, images):  # type: ignore[no-untyped-def]
        return images / 2

    @staticmethod
    def backward(ctx, gradient):  # type: ignore[no-untyped-def]
        return gradient / 2


def _double(module: nn.Module) -> nn.Module:
    """A module with random weights that takes the numbers of both passes."""
    for parameter in module.parameters():
        nn.init.uniform_(parameter, 0.5, 1.5, generator=torch.Generator().manual_seed(1))
    module = module.eval()
    twin = deepcopy(module).double()

    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.kinds = [module, twin]

        def forward(self, images: Tensor) -> Tensor:
            return self.kinds[images.dtype == torch.float64](images)

    return Both()


EXACT: dict[str, Operation] = {
    # pools, borders, slices
    "max-pool": nn.MaxPool2d(2),
    "max-pool, overlapping": nn.MaxPool2d((3, 2), stride=(1, 2), padding=1),
    "max-pool, dilated": nn.MaxPool2d(2, stride=1, dilation=2),
    "max-pool, last window over the edge": nn.MaxPool2d(2, stride=3, ceil_mode=True),
    "max-pool, with indices": lambda x: F.max_pool2d(x, 2, return_indices=True)[0],
    "max-pool of a row": lambda x: F.max_pool1d(x.flatten(2), 3, stride=2, padding=1),
    "max-pool of volumes": lambda x: F.max_pool3d(x, (2, 1, 2)),
    "average pool": nn.AvgPool2d(3, stride=2, padding=1),
    "average pool, last window over the edge": nn.AvgPool2d(3, stride=3, padding=1, ceil_mode=True),
    "average pool of a row": lambda x: F.avg_pool1d(x.flatten(2), 4),
    "adaptive average": nn.AdaptiveAvgPool2d((2, 3)),
    "adaptive maximum": nn.AdaptiveMaxPool2d((None, 3)),
    "adaptive, larger": nn.AdaptiveAvgPool2d(7),
    "power pool": nn.LPPool2d(2, 2),
    "zero padding": nn.ZeroPad2d((1, 0, 2, 3)),
    "constant padding": nn.ConstantPad2d(1, 2.0),
    "reflection": nn.ReflectionPad2d((2, 1, 0, 1)),
    "replication": nn.ReplicationPad2d(2),
    "circular padding": nn.CircularPad2d((0, 2, 1, 1)),
    "cropping": lambda x: F.pad(x, (-1, 1)),
    "padded channels": lambda x: F.pad(x, (0, 0, 0, 0, 1, 2), value=3.0),
    "slices": lambda x: x[:, 1:, 1:-1, ::2],
    "chosen channels": lambda x: x[:, [3, 1, 1]],
    "constant bool index": lambda x: x[:, torch.tensor([True, False, True, True])],
    "nearest": lambda x: F.interpolate(x, scale_factor=2),
    "bilinear, smaller": lambda x: F.interpolate(x, size=(3, 4), mode="bilinear"),
    "patches": lambda x: F.unfold(x, 2),
    "sliding window": lambda x: x.unfold(2, 2, 1),
    # moves
    "views": lambda x: x.view(x.size(0), 2, 2, -1).unsqueeze(-1).squeeze(-1).flatten(1),
    "permuted": lambda x: x.permute(0, 2, 3, 1).contiguous().flatten(1),
    "transposed": lambda x: x.transpose(1, 2).reshape(x.size(0), -1),
    "flipped, rolled": lambda x: x.flip(1).roll(2, 3),
    "repeated": lambda x: x.repeat(1, 1, 2, 1).expand(-1, 4, 10, 6),
    "concatenated": lambda x: torch.cat([x, torch.zeros_like(x), x.relu()], 1),
    "stacked": lambda x: torch.stack([x, x.flip(2)], 1),
    "chunks": lambda x: x.chunk(2, dim=1)[0] + x.chunk(2, dim=1)[1],
    "channel shuffle": lambda x: x.view(len(x), 2, 2, 5, 6).transpose(1, 2).reshape(len(x), 4, 5, 6),
    "pixel shuffle": nn.PixelShuffle(2),
    "lower triangle": torch.tril,
    "written into zeros": _inserted,
    "changed in place": _in_place,
    "other precision": lambda x: x.to(torch.float32).to(x.dtype),
    # numbers by themselves
    **{str(module): module for module in (nn.ReLU(), nn.GELU(), nn.SiLU(), nn.Hardswish(), nn.Sigmoid(), nn.ELU())},
    "parametric": _double(nn.PReLU(4)),
    "leaky, in place": lambda x: F.leaky_relu_(x.clone()),
    "dropout": lambda x: F.dropout(x, 0.5, training=False),
    "a number": lambda x: 2 * x - 1,
    "a constant": lambda x: x + torch.ones(1, 4, 1, 1),
    "batch normalisation": _double(nn.BatchNorm2d(4)),
    "own gradient": Halves.apply,
    "choice": lambda x: torch.where(x > 0, x, x.flip(3)),
    "complex numbers": lambda x: torch.view_as_real(torch.view_as_complex(x.view(len(x), 4, 5, 3, 2)) * (1 + 2j)),
    # sums and statistics
    "mean": lambda x: x.mean((2, 3), keepdim=True),
    "sum of channels": lambda x: x.sum(1),
    "maximum of channels": lambda x: x.amax(1),
    "greatest of a row": lambda x: x.max(3).values,
    "variance": lambda x: x.var((2, 3)),
    "running sum": lambda x: x.cumsum(2),
    "centred": lambda x: x - x.mean((1, 2, 3), keepdim=True),
    "gated by a mean": lambda x: x * torch.sigmoid(x.mean((2, 3), keepdim=True)),
    "softmax": lambda x: torch.softmax(x, 1),
    "log-softmax": lambda x: F.log_softmax(x.flatten(2), 2),
    "sorted": lambda x: x.sort(3).values,
    "unit vectors": F.normalize,
    "layer normalisation": lambda x: F.layer_norm(x, (5, 6)),
    "root mean square": lambda x: F.rms_norm(x, (6,)),
    "group normalisation": lambda x: F.group_norm(x, 2),
    "instance normalisation": lambda x: F.instance_norm(x),
    "local response": nn.LocalResponseNorm(2),
    "gated linear": nn.GLU(1),
    # products
    "matrix product": lambda x: x @ x.transpose(2, 3),
    "einsum": lambda x: torch.einsum("nchw,cd->ndhw", x, torch.ones(4, 3, dtype=x.dtype)),
    "row convolution": _double(nn.Sequential(nn.Flatten(2), nn.Conv1d(4, 2, 3, stride=2, padding=1, groups=2))),
    "volume convolution": _double(nn.Sequential(nn.Unflatten(1, (1, 4)), nn.Conv3d(1, 2, (2, 2, 1), dilation=2))),
    "transposed convolution": _double(nn.ConvTranspose2d(4, 2, 3, stride=2, padding=1)),
    "attention": _attention,
}  # fmt: skip


@pytest.mark.parametrize("name", EXACT)
def test_a_result_depends_on_what_a_path_reaches_it_from(name: str) -> None:
    np.testing.assert_array_equal(_reached_by(EXACT[name], SHAPE), _changed_by(EXACT[name], SHAPE))


CONSERVATIVE: dict[str, Operation] = {
    "bicubic": lambda x: F.interpolate(x, scale_factor=2, mode="bicubic"),
    "spectrum": lambda x: torch.fft.rfft2(x).real,
    "greatest two": lambda x: x.topk(2, dim=1).values,
    "gathered by value": lambda x: x.gather(1, x.argmax(1, keepdim=True)),
    "products of a row": lambda x: x.cumprod(3),
    "logarithm of a sum": lambda x: x.logsumexp((1, 2)),
    "recurrent": _double(nn.Sequential(nn.Flatten(1, 2), nn.LSTM(6, 2, batch_first=True))),
    "distances": lambda x: torch.cdist(x.flatten(2), x.flatten(2)),
    "sampled": lambda x: F.grid_sample(x, torch.zeros(len(x), 2, 2, 2, dtype=x.dtype), align_corners=False),
    "masked": lambda x: x * (torch.arange(6) > 2),
}


def _first(operation: Operation) -> Operation:
    def first(images: Tensor) -> Tensor:
        result = operation(images)
        return result[0] if isinstance(result, tuple) else result

    return first


@pytest.mark.parametrize("name", CONSERVATIVE)
def test_no_path_is_lost_where_an_operation_is_not_followed_exactly(name: str) -> None:
    operation = _first(CONSERVATIVE[name])
    assert (_reached_by(operation, SHAPE) >= _changed_by(operation, SHAPE)).all()


KERNELS = [
    (kernel, stride, padding, dilation, shape)
    for kernel in ((3, 3), (2, 1))
    for stride in (1, 2, 3)
    for padding in (0, 2, "same")
    for dilation in (1, 2)
    for shape in ((1, 1, 1), (1, 2, 3), (1, 5, 3))
    if (padding != "same" or stride == 1)  # torch has no strided "same"
    and (padding != 0 or min(shape[1:]) > (kernel[0] - 1) * dilation)  # the kernel must fit
]


def _assert_taps_read_what_the_convolution_reads(convolution: nn.Conv2d, shape: tuple[int, ...]) -> None:
    recording = record(convolution, shape)
    double = nn.Conv2d(
        1, 1, convolution.kernel_size, convolution.stride, convolution.padding, convolution.dilation,
        bias=False, padding_mode=convolution.padding_mode,
    ).double()  # fmt: skip
    for place in range(convolution.weight.numel()):
        kept = torch.zeros(convolution.weight.numel())
        kept[place] = 1
        double.weight.data = kept.reshape(convolution.weight.shape).double()
        columns = []
        for pixel in range(int(np.prod(shape))):
            start = torch.zeros(2, int(np.prod(shape)))
            start[:, pixel] = 1
            maps = follow(
                recording, {"weight": kept.reshape(convolution.weight.shape)}, start.reshape(2, *shape)
            )
            columns.append(maps.reached(recording.outputs[0])[0].flatten().numpy() > 0)
        np.testing.assert_array_equal(np.stack(columns, 1), _changed_by(double, shape))


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@pytest.mark.parametrize(("kernel", "stride", "padding", "dilation", "shape"), KERNELS)
def test_taps_read_what_the_convolution_reads(
    kernel: tuple[int, int], stride: int, padding: int | str, dilation: int, shape: tuple[int, ...]
) -> None:
    _assert_taps_read_what_the_convolution_reads(nn.Conv2d(1, 1, kernel, stride, padding, dilation), shape)


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
@pytest.mark.parametrize("padding", [(1, 2), "same"])
def test_taps_follow_borders_of_every_kind(mode: str, padding: tuple[int, int] | str) -> None:
    convolution = nn.Conv2d(1, 1, (3, 2), padding=padding, padding_mode=mode)
    _assert_taps_read_what_the_convolution_reads(convolution, (1, 5, 4))
