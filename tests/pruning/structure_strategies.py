"""Structures and scores to draw from, shared by the tests of allocations."""

import numpy as np
from hypothesis import strategies as st
from small_networks import make_structure

from prunepipe.artifacts import Arrays
from prunepipe.networks.structure import Structure
from prunepipe.plugins import load_function
from prunepipe.pruning.allocations import ALLOCATIONS

FUNCTIONS = {name: load_function(row.function) for name, row in ALLOCATIONS.items()}

SMALL = (("conv", (10,)), ("conv", (100,)), ("conv", (200,)), ("linear", (20,)))

CONV = st.tuples(st.just("conv"), st.tuples(*[st.integers(1, 12)] * 2, *[st.sampled_from([1, 3])] * 2))
LINEAR = st.tuples(st.just("linear"), st.tuples(st.integers(1, 10), st.integers(1, 12)))


@st.composite
def structures(draw: st.DrawFn) -> Structure:
    layers = draw(st.lists(CONV, min_size=1, max_size=6)) + draw(st.lists(LINEAR, max_size=2))
    return make_structure(*layers, residual=draw(st.booleans()))


def draw_scores(structure: Structure, seed: int = 0, levels: int | None = None) -> Arrays:
    """Positive scores; with `levels`, whole numbers below it, so that most are tied."""
    generator = np.random.default_rng(seed)
    if levels:
        return {
            layer.name: generator.integers(levels, size=layer.shape).astype(np.float32)
            for layer in structure.layers
        }
    return {layer.name: generator.random(layer.shape) for layer in structure.layers}
