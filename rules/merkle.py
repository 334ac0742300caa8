"""A tree of hashes over rows: one root stands for all of them, and a short path shows that a row is among them.

As in RFC 6962: a leaf and a node are hashed with different first bytes, so that neither passes for the other. The
left part of n leaves is the greatest power of two below n.

>>> leaves = [bytes([n]) * 32 for n in range(5)]
>>> tree = Tree(leaves)
>>> all(root_by(leaf, n, 5, tree.path(n)) == tree.root for n, leaf in enumerate(leaves))
True
>>> root_by(leaves[1], 2, 5, tree.path(2)) == tree.root
False
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256


def _leaf(content: bytes) -> bytes:
    return sha256(b"\x00" + content).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def _left_of(count: int) -> int:
    return 1 << (count - 1).bit_length() - 1


class Tree:
    """The tree over at least one leaf; made once, it gives the path of any leaf at once."""

    def __init__(self, leaves: Sequence[bytes]) -> None:
        level = [_leaf(one) for one in leaves]
        self._levels = [level]
        while len(level) > 1:
            pairs = [_node(level[n], level[n + 1]) for n in range(0, len(level) - 1, 2)]
            level = pairs + level[len(pairs) * 2 :]  # one without a neighbour moves up as it is
            self._levels.append(level)

    @property
    def root(self) -> bytes:
        """32 bytes."""
        return self._levels[-1][0]

    def path(self, place: int) -> list[bytes]:
        """What is needed beside a leaf, counted from 0, to come to the root; from the leaf upwards."""
        steps = []
        for level in self._levels[:-1]:
            beside = place ^ 1
            if beside < len(level):
                steps.append(level[beside])
            place //= 2
        return steps


def root_by(leaf: bytes, place: int, count: int, steps: Sequence[bytes]) -> bytes | None:
    """The root that a leaf at a place of `count` leaves comes to by its path; None where the path cannot be its."""
    if not 0 <= place < count:
        return None
    turns = []  # from the root downwards: whether the leaf lies to the left
    while count > 1:
        left = _left_of(count)
        turns.append(place < left)
        place, count = (place, left) if place < left else (place - left, count - left)
    if len(turns) != len(steps):
        return None
    found = _leaf(leaf)
    for is_left, beside in zip(reversed(turns), steps, strict=True):
        found = _node(found, beside) if is_left else _node(beside, found)
    return found
