"""Audits: every made-up fault is found, sound files raise no alarm, and bad files end in one clear message."""

from __future__ import annotations

import json
import pickle
import re
import struct
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import audit_files
import numpy as np
import pytest
import torch
from audit_files import FAULTS, FIRST, LARGE, LAST, RESNET, SOUND, VGG, Case, beside, pruned, save, vgg
from torch import nn

from prunepipe.errors import ArtifactError, ConfigError
from prunepipe.pruning.audit.audit import Audit, audit
from prunepipe.pruning.audit.building import NetworkRequest
from prunepipe.pruning.audit.claims import parse_claim
from prunepipe.pruning.audit.findings import RULES
from prunepipe.pruning.audit.patterns import pattern_of
from prunepipe.pruning.tickets import write_mask, write_ticket
from prunepipe.reports.page.audit import TITLES, build_audit_page

DOCS = Path(__file__).parents[2] / "docs" / "audit.md"


def audited(case: Case) -> Audit:
    claim = parse_claim(case.claimed) if case.claimed else None
    return audit(case.path, claim=claim, request=case.request, before=case.before)


@pytest.mark.parametrize("make", FAULTS, ids=lambda make: make.__name__)
def test_every_fault_is_found_and_no_other(make: Callable[[Path], Case], tmp_path: Path) -> None:
    found = audited(make(tmp_path))
    assert {finding.kind for finding in found.findings} == {FAULTS[make]}, found.findings


@pytest.mark.parametrize("make", SOUND, ids=lambda make: make.__name__)
def test_sound_files_raise_no_alarm(make: Callable[[Path], Case], tmp_path: Path) -> None:
    assert audited(make(tmp_path)).findings == ()


def test_every_kind_of_alarm_has_a_fault_a_title_and_a_line_in_the_documentation() -> None:
    kinds = {*RULES, "claimed_ratio", "revived"}
    assert kinds == set(FAULTS.values()) == set(TITLES)
    assert kinds == set(re.findall(r"^\| `(\w+)` \|", DOCS.read_text(encoding="utf-8"), re.M))


# What is measured


def test_a_file_and_its_forms_measure_the_same(tmp_path: Path) -> None:
    state, masks = pruned(vgg())
    arrays, kept = ({name: value.numpy() for name, value in held.items()} for held in (state, masks))
    write_mask(tmp_path / "mask.safetensors", kept)
    write_ticket(tmp_path / "ticket.safetensors", arrays, kept)
    forms = [
        save(tmp_path, state, "zeros.pt"),
        save(tmp_path, beside(state, masks), "beside.safetensors"),
        save(tmp_path, {f"masks.{name}": mask for name, mask in masks.items()} | state, "flat.pt"),
        save(tmp_path, {"weights": state, "masks": masks}, "apart.pt"),
        save(tmp_path, audit_files.torch_pruned(), "prune.pt"),
        tmp_path / "mask.safetensors",
        tmp_path / "ticket.safetensors",
    ]
    measured = [audit(path, request=VGG).measures for path in forms]
    counts = [[(layer.name, layer.kept, layer.effective) for layer in found.layers] for found in measured]
    assert all(count == counts[0] for count in counts)
    assert measured[0].prune_ratio == pytest.approx(0.9, abs=1e-3)


def test_multiply_adds_are_those_of_the_kept_weights(tmp_path: Path) -> None:
    path = save(tmp_path, pruned(vgg())[0])
    found = audit(path, request=VGG).measures
    first, last = found.layers[0], found.layers[-1]
    assert first.multiply_adds == 8 * 8 * first.kept  # an image of 8 x 8 pixels, padded
    assert last.multiply_adds == last.kept
    assert (
        found.dense_multiply_adds == 16 * 9 * 64 + (16 * 32 + 32 * 32) * 9 * 16 + (32 + 64) * 64 * 9 * 4 + 640
    )


class Odd(nn.Module):
    """A transposed convolution, attention from one query to all places, and a Linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(1, 8, 2, stride=2)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.head = nn.Linear(8, 3)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        places = self.up(images).flatten(2).transpose(1, 2)  # [N, 256, 8]
        seen, _ = self.attention(places[:, :1], places, places)
        logits: torch.Tensor = self.head(seen[:, 0])
        return logits


def odd() -> nn.Module:
    return Odd()


def test_multiply_adds_of_transposed_convolutions_and_of_parts_of_attention(tmp_path: Path) -> None:
    state = Odd().state_dict()
    name = "attention.in_proj_weight"
    state[name][8:16] = 0  # no keys
    request = NetworkRequest(f"{__file__}:odd", image_size=8, channels=1)
    found = {layer.name: layer for layer in audit(save(tmp_path, state), request=request).measures.layers}
    assert (
        found["up.weight"].dense_multiply_adds == 8 * 8 * 8 * 2 * 2
    )  # each kernel once at each input position
    assert found["up.weight"].units == 8
    wide = audit(save(tmp_path, state), request=replace(request, image_size=(8, 4))).measures.layers
    assert wide[0].dense_multiply_adds == 8 * 4 * 8 * 2 * 2
    assert found[name].dense_multiply_adds == 8 * 8 * (
        1 + 256 + 256
    )  # one query, keys and values of all places
    assert found[name].multiply_adds == 8 * 8 * (1 + 256)
    assert [part.kept for part in found[name].parts] == [64, 0, 64]


def test_a_transposed_kernel_is_told_by_its_bias(tmp_path: Path) -> None:
    module = nn.Sequential(nn.ConvTranspose2d(32, 16, 2, groups=4))
    weight = module[0].weight.data  # [32, 16 / 4, 2, 2]
    weight[::2] = 0
    (layer,) = audit(save(tmp_path, module.state_dict())).measures.layers
    assert (layer.units, layer.empty_units) == (16, 0)
    assert layer.pattern == (1, 2, 0, 256)  # along the inputs, which come first


def test_overlap_with_magnitude_needs_the_values_of_pruned_weights(tmp_path: Path) -> None:
    state = audit_files.torch_pruned()
    largest = audit(save(tmp_path, state)).measures.magnitude
    assert largest is not None
    assert largest.jaccard == 1
    for name in [name for name in state if name.endswith("_mask")]:
        order = torch.randperm(state[name].numel(), generator=torch.Generator().manual_seed(0))
        state[name] = state[name].flatten()[order].view(state[name].shape)
    by_chance = audit(save(tmp_path, state)).measures.magnitude
    assert by_chance is not None
    assert by_chance.jaccard == pytest.approx(by_chance.expected, abs=0.01)
    zeros = audit(save(tmp_path, pruned(vgg())[0]))
    assert zeros.measures.magnitude is None
    assert any("magnitude" in text for text in zeros.unknown)


def test_without_the_network_it_says_what_cannot_be_known(tmp_path: Path) -> None:
    path = save(tmp_path, pruned(vgg())[0])
    alone, known = audit(path), audit(path, request=VGG)
    assert alone.measures.effective is alone.measures.collapsed is alone.measures.multiply_adds is None
    assert "smart" not in alone.measures.layers[0].expected
    assert any("--network" in text for text in alone.unknown)
    assert not any("--network" in text for text in known.unknown)
    assert set(known.measures.layers[0].expected) == {"smart", "uniform_all", "erk"}
    kept = [sum(layer.expected[name] for layer in known.measures.layers) for name in ("uniform_all", "erk")]
    assert kept == [known.measures.kept] * 2


def test_a_class_without_weights_is_seen_in_the_shapes_alone(tmp_path: Path) -> None:
    case = replace(audit_files.unreachable_class(tmp_path), request=None)
    assert [finding.kind for finding in audited(case).findings] == ["unreachable_class"]


def test_a_claim_that_counts_the_convolutions_alone_is_told(tmp_path: Path) -> None:
    state = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Linear(8, 100)).state_dict()
    state["0.weight"] *= audit_files.largest(state["0.weight"], 0.1)
    (finding,) = audit(save(tmp_path, state), claim=parse_claim("0.90")).findings
    assert "only the convolutions" in finding.text


@pytest.mark.parametrize(
    ("claim", "ratio", "fits"),
    [("0.95", 0.954, True), ("0.95", 0.956, False), ("0.9", 0.904, True), ("0.9", 0.91, False),
     ("95%", 0.954, True), ("99.8 %", 0.9984, True), ("0.998", 0.9986, False), ("0.950", 0.954, False)],
)  # fmt: skip
def test_a_claim_is_held_to_its_last_digit_and_at_most_half_a_percentage_point(
    claim: str, ratio: float, fits: bool
) -> None:
    assert parse_claim(claim).fits(ratio, 20, 10**8) == fits


@pytest.mark.parametrize("claim", ["much", "1", "95", "-0.1", "nan", ""])
def test_a_claim_that_is_no_share_is_refused(claim: str) -> None:
    with pytest.raises(ConfigError, match="--claimed"):
        parse_claim(claim)


@pytest.mark.parametrize("density", [0.02, 0.1, 0.25, 0.5, 0.75, 0.98])
def test_random_masks_have_no_pattern(density: float) -> None:
    generator = np.random.default_rng(0)
    assert not [pattern for _ in range(50) if (pattern := pattern_of(generator.random((16, 32)) < density))]


def test_a_pattern_runs_along_the_input_channels() -> None:
    mask = np.zeros((8, 16, 3, 3), bool)
    mask[:, ::2] = True
    assert pattern_of(mask) == (1, 2, 0, 8 * 8 * 9)
    assert pattern_of(mask.transpose(1, 0, 2, 3)) is None


def test_what_changed_is_counted_by_layer(tmp_path: Path) -> None:
    case = audit_files.revived(tmp_path)
    found = audited(case)
    assert found.change is not None
    for layer in found.change.layers:
        assert layer.kept == layer.kept_before + layer.revived - layer.lost
    assert sum(layer.revived for layer in found.change.layers) > 0


def test_weights_that_only_the_file_revives_are_counted(tmp_path: Path) -> None:
    state, masks = pruned(vgg())
    before = save(tmp_path, beside(state, masks), "before.pt")
    state[LARGE] = state[LARGE] + 1e-4 * ~masks[LARGE]
    found = audit(save(tmp_path, beside(state, masks)), before=before)
    assert {finding.kind for finding in found.findings} == {"mask_violated", "revived"}


def test_the_same_file_twice_was_not_trained(tmp_path: Path) -> None:
    path = save(tmp_path, pruned(vgg())[0])
    assert any("no training in between" in note for note in audit(path, before=path).notes)


# The page and the numbers


def test_page_and_numbers_hold_what_was_found(tmp_path: Path) -> None:
    case = audit_files.revived(tmp_path)
    facts = json.loads(json.dumps(audited(case).to_json(), allow_nan=False))
    page = build_audit_page(facts)
    assert facts["findings"][0]["text"].split(" (")[0] in page
    assert all(layer["name"] in page for layer in facts["layers"])
    assert "What changed since" in page
    assert "<script" not in page
    assert not re.search(r"(?:src|href)=\"(?!data:|#)", page)


def test_names_of_a_file_cannot_write_into_the_page(tmp_path: Path) -> None:
    path = save(tmp_path, {"<script>alert(1)</script>.weight": torch.eye(8)})
    assert "<script" not in build_audit_page(audit(path).to_json())


# Bad input


class Payload:
    def __reduce__(self) -> tuple[Callable[..., None], tuple[str, str]]:
        return Path.write_text, (Path("ran"), "code")  # type: ignore[return-value]


def test_a_file_that_would_run_code_is_refused_with_the_safe_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for held in (Payload(), {"state_dict": vgg()}, vgg()):
        with pytest.raises(ArtifactError, match=r"run code.*torch\.save\(network\.state_dict\(\)"):
            audit(save(tmp_path, held))
    path = tmp_path / "plain.pkl"
    path.write_bytes(pickle.dumps(Payload()))
    with pytest.raises(ArtifactError):
        audit(path)
    assert not Path("ran").exists()


def test_names_that_do_not_fit_are_told_with_the_nearest_names_and_shapes(tmp_path: Path) -> None:
    state = {name.replace("features", "layers"): value for name, value in pruned(vgg())[0].items()}
    with pytest.raises(ArtifactError) as caught:
        audit(save(tmp_path, state), request=VGG)
    assert f"no '{FIRST}' [16, 1, 3, 3] (closest: 'layers.0.weight' [16, 1, 3, 3])" in str(caught.value)


def test_shapes_that_do_not_fit_are_told(tmp_path: Path) -> None:
    state = pruned(vgg())[0]
    with pytest.raises(
        ArtifactError, match=re.escape(f"'{LAST}' is [10, 64] in the file and [7, 64] in the")
    ):
        audit(save(tmp_path, state), request=replace(VGG, classes=7))
    with pytest.raises(ArtifactError, match="does not fit the network"):
        audit(save(tmp_path, state), request=RESNET)


def test_a_mask_of_another_shape_or_layer_is_told(tmp_path: Path) -> None:
    state, masks = pruned(vgg())
    with pytest.raises(ArtifactError, match="in the shape of its weight"):
        audit(save(tmp_path, beside(state, {**masks, LAST: masks[LAST].T})))
    with pytest.raises(
        ArtifactError, match=r"the mask 'other\.weight' \[2, 2\] belongs to no prunable layer"
    ):
        audit(save(tmp_path, {**masks, "other.weight": torch.ones(2, 2, dtype=torch.bool)}), request=VGG)


def test_files_of_different_networks_are_not_compared(tmp_path: Path) -> None:
    first, second = (
        save(tmp_path, pruned(network)[0], f"{place}.pt")
        for place, network in enumerate((vgg(), audit_files.resnet()))
    )
    with pytest.raises(ArtifactError, match="different networks"):
        audit(second, before=first)


def test_kinds_of_tensors_whose_zeros_say_nothing_are_refused(tmp_path: Path) -> None:
    weight = torch.eye(8)
    with warnings.catch_warnings(action="ignore"):  # torch will give them up, but their files remain
        quantised = torch.quantize_per_tensor(weight, 0.1, 0, torch.qint8)
    kinds = {
        "qint8": quantised,
        "int8": weight.to(torch.int8),
        "float8_e4m3fn": weight.to(torch.float8_e4m3fn),
        "complex64": weight.to(torch.complex64),
    }
    for kind, value in kinds.items():
        with pytest.raises(ArtifactError, match=f"'a.weight' is of type {kind}.*before quantisation"):
            audit(save(tmp_path, {"a.weight": value}))
    with pytest.raises(ArtifactError, match=r"'a\.weight' is a sparse tensor.*to_dense"):
        audit(save(tmp_path, {"a.weight": weight.to_sparse()}))


def test_short_types_are_read_and_noted(tmp_path: Path) -> None:
    notes = audited(audit_files.sound_bfloat16(tmp_path)).notes
    assert any("bfloat16" in note for note in notes)


def test_a_file_of_ten_gigabytes_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.safetensors"
    header = json.dumps(
        {"a.weight": {"dtype": "F32", "shape": [50_000, 50_000], "data_offsets": [0, 10**10]}}
    )
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(header)) + header.encode())
        file.truncate(8 + len(header) + 10**10)  # holes take no disk
    with pytest.raises(ArtifactError, match=r"10\.0 GB of tensors, the limit is 2 GB \(--size-limit\)"):
        audit(path)


def test_tensors_that_are_larger_than_their_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"40\.0 GB"):
        audit(save(tmp_path, {"a.weight": torch.ones(1, 1).expand(100_000, 100_000)}))
    packed = tmp_path / "packed.pt"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data/0", bytes(3_000_000))
    with pytest.raises(ArtifactError, match=r"limit is 0.001 GB"):
        audit(packed, size_limit=0.001)


def test_files_that_are_damaged_or_hold_nothing_end_in_a_message(tmp_path: Path) -> None:
    whole = save(tmp_path, pruned(vgg())[0], "whole.safetensors").read_bytes()
    cut = save(tmp_path, pruned(vgg())[0]).read_bytes()
    bad = {"empty": b"", "text": b"hello, world", "cut safetensors": whole[:5000], "cut torch": cut[:5000]}
    for name, content in bad.items():
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(ArtifactError, match="not a safetensors or torch.save file, or truncated"):
            audit(path)
    np.savez(tmp_path / "arrays.npz", a=np.zeros(3))
    with pytest.raises(ArtifactError, match=r"numpy files are not read; write the arrays with safetensors"):
        audit(tmp_path / "arrays.npz")
    with pytest.raises(ArtifactError, match="no such file"):
        audit(tmp_path / "absent.pt")
    with pytest.raises(ArtifactError, match="no tensors by name; its keys are: epoch"):
        audit(save(tmp_path, {"epoch": 3}))
    with pytest.raises(ArtifactError, match="contains a list"):
        audit(save(tmp_path, [torch.eye(3)]))
    with pytest.raises(ArtifactError, match=r"no weight or mask of a convolution.*'a\.bias' \[3\]"):
        audit(save(tmp_path, {"a.bias": torch.zeros(3)}))


def test_a_network_that_takes_no_arguments_is_built(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from prunepipe.networks.vgg import vgg_digits\n"
        "def build(image_size=8): return vgg_digits(channels=1, classes=10, image_size=image_size)\n"
        "def nothing(): return 3\n"
    )
    path = save(tmp_path, pruned(vgg())[0])
    found = audit(path, request=replace(VGG, reference=f"{tmp_path / 'mine.py'}:build"))
    assert found.measures.effective is not None
    with pytest.raises(ConfigError, match="returned int"):
        audit(path, request=replace(VGG, reference=f"{tmp_path / 'mine.py'}:nothing"))
    with pytest.raises(ConfigError, match="which does not fit its options"):
        audit(path, request=replace(VGG, options={"depth": 3}))
