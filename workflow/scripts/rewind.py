"""Publish the weights of one rewind point: they are scored, or retraining starts from them."""

from stage import run

from prunepipe.artifacts import read_arrays, require_same_shapes, write_arrays
from prunepipe.networks.structure import read_structure


def main(files, settings):
    """Check a checkpoint against the network's structure and write it under the point's name."""
    weights, _ = read_arrays(files.source)
    structure = read_structure(files.structure)
    prunable = {layer.name: layer.shape for layer in structure.layers}
    require_same_shapes(files.source, {name: weights.get(name) for name in prunable}, prunable)
    write_arrays(files.weights, weights, **settings)


run(__doc__, main, "source", "structure", "weights")
