"""Learning rates as functions of the epoch alone, so that a resumed run continues with the same rates."""

from __future__ import annotations

from math import cos, pi


def step(
    learning_rate: float, epoch: int, first: int, epochs: int, *, milestones: tuple[int, ...], gamma: float
) -> float:
    """Return the learning rate of an epoch: it drops after each epoch listed in `milestones`.

    Args:
        learning_rate: at the start.
        epoch: counted from 0.
        first: the epoch at which warm-up has ended; milestones are counted from the run's start all the same.
        epochs: of the run.
        milestones: epochs after which the rate drops.
        gamma: factor of each drop.
    """
    return learning_rate * gamma ** sum(epoch >= drop for drop in milestones)


def cosine(learning_rate: float, epoch: int, first: int, epochs: int, *, final_learning_rate: float) -> float:
    """Return the learning rate of an epoch: half a period of a cosine, down to the final rate.

    Args:
        learning_rate: at the start.
        epoch: counted from 0.
        first: the epoch at which warm-up has ended.
        epochs: of the run.
        final_learning_rate: what the rate would be in the epoch after the last.
    Source: Loshchilov, Hutter, "SGDR", ICLR 2017, eq. 5, without restarts.
    """
    share = (1 + cos(pi * (epoch - first) / (epochs - first))) / 2
    return final_learning_rate + (learning_rate - final_learning_rate) * share


def linear(learning_rate: float, epoch: int, first: int, epochs: int, *, final_learning_rate: float) -> float:
    """Return the learning rate of an epoch: a straight line down to the final rate.

    Args:
        learning_rate: at the start.
        epoch: counted from 0.
        first: the epoch at which warm-up has ended.
        epochs: of the run.
        final_learning_rate: what the rate would be in the epoch after the last.
    """
    share = 1 - (epoch - first) / (epochs - first)
    return final_learning_rate + (learning_rate - final_learning_rate) * share


def constant(learning_rate: float, epoch: int, first: int, epochs: int) -> float:
    """Return the learning rate, the same in every epoch.

    Args:
        learning_rate: of the run.
        epoch, first, epochs: not used.
    """
    return learning_rate
