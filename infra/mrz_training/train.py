"""Trains the net that reads MRZ rows: on generated rows only, with a seed and a fixed number of steps.

    python -m infra.mrz_training.train OUT.onnx [--steps N] [--seed N] [--scratch]

Begins with the weights of start.onnx, or from nothing. Stopped and called again, it goes on from its last checkpoint
beside OUT.
"""

from __future__ import annotations

import argparse
import math
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing import Pool
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from infra.mrz_training import crops
from infra.mrz_training.net import STRIDE, LineNet, export, load
from infra.mrz_training.strings import BLANK

STEPS, SEED = 3072, 6
START = Path(__file__).with_name("start.onnx")
_BATCH, _CHUNK, _PASSES = 64, 3072, 2  # each chunk of fresh pictures is gone through twice, differently
_SCRATCH_RATE, _RATE, _WARM = 3e-3, 1e-3, 0.08  # highest learning rates; share of the steps with a rising one
_HELPED = 0.5  # share of the steps of a training from nothing that are told where each symbol stands
_HELD_OUT = range(10**9, 10**9 + 600)


@dataclass
class State:
    """All that is needed to go on."""

    seed: int
    steps: int
    scratch: bool
    step: int = 0
    loss: float = 0.0
    seconds: float = 0.0

    def __post_init__(self) -> None:
        self.net = LineNet(normal=self.scratch)
        if not self.scratch:
            load(self.net, START)
        self.net.to(memory_format=torch.channels_last)
        matrices = [weights for weights in self.net.parameters() if weights.ndim > 1]
        vectors = [weights for weights in self.net.parameters() if weights.ndim < 2]
        groups = [{"params": matrices, "weight_decay": 0.02}, {"params": vectors, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.98))
        self.average = {name: value.clone() for name, value in self.net.state_dict().items()}

    @property
    def done(self) -> float:
        return self.step / self.steps


def prepared(pictures: NDArray[Any]) -> NDArray[np.float32]:
    """(n, 3, height, width) of 0..255 -> each picture with mean 0 and deviation 1, as the reader does it."""
    values = pictures.astype(np.float32)
    mean = values.mean(axis=(1, 2, 3), keepdims=True)
    return np.asarray((values - mean) / (values.std(axis=(1, 2, 3), keepdims=True) + 8), np.float32)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("out", type=Path)
    arguments.add_argument("--steps", type=int, default=STEPS)
    arguments.add_argument("--seed", type=int, default=SEED)
    arguments.add_argument("--scratch", action="store_true")
    arguments.add_argument("--threads", type=int, default=2)
    given = arguments.parse_args()
    torch.set_num_threads(given.threads)
    torch.manual_seed(given.seed)
    state, checkpoint = State(given.seed, given.steps, given.scratch), given.out.with_suffix(".pt")
    _resume(state, checkpoint)
    with Pool(2, crops.prepare) as pool:
        held_out = pool.map(crops.sample, _HELD_OUT, 50)
        print(_progress(state, _error_rate(state, held_out)), flush=True)
        for chunk in _chunks(state, pool):
            started = time.monotonic()
            _learn(state, chunk)
            state.seconds += time.monotonic() - started
            _save(state, checkpoint)
            rate = _error_rate(state, held_out) if state.step % 768 == 0 or state.step >= state.steps else None
            print(_progress(state, rate), flush=True)
            export(_averaged(state), given.out)


def _chunks(state: State, pool: Any) -> Iterator[list[crops.Sample]]:
    """Fresh pictures until the steps are done; the next ones are drawn while the net learns."""
    a_chunk = _CHUNK * _PASSES // _BATCH
    first = state.seed * 10**7

    def drawn(number: int) -> Any:
        return pool.map_async(crops.sample, range(first + number * _CHUNK, first + (number + 1) * _CHUNK), 64)

    coming = drawn(state.step // a_chunk)
    while state.step < state.steps:
        ready = coming.get()
        coming = drawn(state.step // a_chunk + 1)
        yield ready


def _learn(state: State, chunk: list[crops.Sample]) -> None:
    random = np.random.default_rng((state.seed, state.step))
    torch.manual_seed(state.seed * 10**6 + state.step)
    state.net.train()
    for _ in range(_PASSES):
        for batch in np.array_split(random.permutation(len(chunk)), len(chunk) // _BATCH):
            if state.step >= state.steps:
                return
            _step(state, [chunk[at] for at in batch], random)


def _step(state: State, batch: list[crops.Sample], random: np.random.Generator) -> None:
    for group in state.optimizer.param_groups:
        group["lr"] = _rate(state)
    shift = int(random.integers(0, STRIDE))
    pictures = np.roll(np.stack([one.picture for one in batch]).transpose(0, 3, 1, 2), shift, 3)
    if random.random() < 0.3:
        pictures = pictures[:, random.permutation(3)]
    contrast = random.uniform(0.75, 1.25, (len(batch), 1, 1, 1)).astype(np.float32)
    read = state.net(torch.from_numpy(np.ascontiguousarray(prepared(pictures) * contrast)))
    loss = _loss(state, read, batch, shift)
    state.optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(state.net.parameters(), 2.0)
    state.optimizer.step()
    state.step += 1
    seen = float(loss.detach())
    state.loss = seen if state.step == 1 else 0.98 * state.loss + 0.02 * seen
    keep = min(0.998, state.step / (state.step + 20))
    for name, value in state.net.state_dict().items():
        if value.is_floating_point():
            state.average[name].mul_(keep).add_(value, alpha=1 - keep)
        else:
            state.average[name].copy_(value)


def _rate(state: State) -> float:
    """Up, then down along a cosine."""
    highest = _SCRATCH_RATE if state.scratch else _RATE
    if state.done < _WARM:
        return highest * state.done / _WARM + 2e-6
    return highest * 0.5 * (1 + math.cos(math.pi * (state.done - _WARM) / (1 - _WARM))) + 2e-6


def _loss(state: State, read: Any, batch: list[crops.Sample], shift: int) -> Any:
    """CTC; from nothing, in the first half also each symbol at its known place."""
    frames = torch.full((len(batch),), read.shape[1])
    symbols = torch.tensor([symbol for one in batch for symbol in one.symbols])
    lengths = torch.tensor([len(one.symbols) for one in batch])
    loss = functional.ctc_loss(read.transpose(0, 1), symbols, frames, lengths, blank=BLANK, zero_infinity=True)
    help_share = max(0.0, 1 - state.done / _HELPED) if state.scratch else 0.0
    if not help_share:
        return loss
    places = torch.full(read.shape[:2], BLANK)
    for at, one in enumerate(batch):
        centres = ((one.centres + shift - (STRIDE - 1) / 2) / STRIDE).round().astype(int)
        places[at, np.clip(centres, 0, read.shape[1] - 1)] = torch.tensor(one.symbols)
    weights = torch.ones(BLANK + 1)
    weights[BLANK] = 0.35
    return loss + help_share * functional.nll_loss(read.reshape(-1, BLANK + 1), places.reshape(-1), weights)


def _averaged(state: State) -> LineNet:
    net = LineNet(normal=state.scratch)
    net.load_state_dict(state.average)
    net.eval()
    return net


def _error_rate(state: State, held_out: list[crops.Sample]) -> float:
    """Wrong symbols of all, in pictures never learned from."""
    net, wrong, symbols = _averaged(state), 0, 0
    with torch.no_grad():
        for at in range(0, len(held_out), _BATCH):
            batch = held_out[at : at + _BATCH]
            pictures = prepared(np.stack([one.picture for one in batch]).transpose(0, 3, 1, 2))
            for one, read in zip(batch, net(torch.from_numpy(pictures)).numpy(), strict=True):
                best = read.argmax(-1)
                text = [int(b) for i, b in enumerate(best) if b != BLANK and (i == 0 or best[i - 1] != b)]
                wrong += _distance(text, one.symbols)
                symbols += len(one.symbols)
    return wrong / symbols


def _distance(read: list[int], printed: list[int]) -> int:
    row = list(range(len(printed) + 1))
    for i, symbol in enumerate(read):
        previous, row[0] = row[0], i + 1
        for j, other in enumerate(printed):
            previous, row[j + 1] = row[j + 1], min(row[j + 1] + 1, row[j] + 1, previous + (symbol != other))
    return row[-1]


def _progress(state: State, rate: float | None) -> str:
    told = f"steps {state.step} of {state.steps}, {state.seconds / 60:.1f} min, loss {state.loss:.3f}"
    return told + (f", held out: {rate:.3%} of symbols wrong" if rate is not None else "")


def _save(state: State, path: Path) -> None:
    draft = path.with_suffix(".part")
    kept = {"net": state.net.state_dict(), "average": state.average, "optimizer": state.optimizer.state_dict()}
    torch.save(kept | {"step": state.step, "loss": state.loss, "seconds": state.seconds}, draft)
    os.replace(draft, path)


def _resume(state: State, path: Path) -> None:
    if not path.exists():
        return
    kept = torch.load(path, weights_only=True)
    state.net.load_state_dict(kept["net"])
    state.optimizer.load_state_dict(kept["optimizer"])
    state.average = kept["average"]
    state.step, state.loss, state.seconds = kept["step"], kept["loss"], kept["seconds"]


if __name__ == "__main__":
    main()
