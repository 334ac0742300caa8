"""The net: fully convolutional, 32 pixels high, a symbol or blank for every 4 pixels of width; 309,000 weights.

From nothing it is trained with batch normalisation; going on from finished weights, where that is folded into the
convolutions, without.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx
import torch
from onnx import numpy_helper
from torch import nn

from infra.mrz_training.strings import BLANK

HEIGHT, STRIDE = 32, 4


class LineNet(nn.Module):  # type: ignore[misc, unused-ignore]
    """(n, 3, 32, width) normalised -> (n, width / 4, 38) log-probabilities, blank last."""

    def __init__(self, *, normal: bool) -> None:
        super().__init__()

        def norm(channels: int) -> Any:
            return nn.BatchNorm2d(channels) if normal else nn.Identity()

        def unit(into: int, out: int, stride: Any = 1, size: Any = 3, pad: Any = 1) -> nn.Sequential:
            convolution = nn.Conv2d(into, out, size, stride, pad, bias=not normal)
            return nn.Sequential(convolution, norm(out), nn.ReLU(inplace=True))

        def along(channels: int) -> _Residual:
            """Looks two steps to the left and right, then mixes channels."""
            depthwise = nn.Conv2d(channels, channels, (1, 5), 1, (0, 2), groups=channels, bias=not normal)
            return _Residual(depthwise, norm(channels), unit(channels, channels, 1, 1, 0))

        self.f = nn.Sequential(
            unit(3, 16, 2),
            unit(16, 32, 2),
            _Residual(unit(32, 32)),
            unit(32, 64, (2, 1)),
            _Residual(unit(64, 64), unit(64, 64)),
            unit(64, 96, (2, 1)),
            _Residual(unit(96, 96)),
            unit(96, 128, 1, (2, 1), 0),
            along(128),
            along(128),
            nn.Dropout(0.05),
            nn.Conv2d(128, BLANK + 1, 1),
        )

    def forward(self, x: Any) -> Any:
        return self.f(x)[:, :, 0].transpose(1, 2).log_softmax(-1)


class _Residual(nn.Module):  # type: ignore[misc, unused-ignore]
    def __init__(self, *parts: Any) -> None:
        super().__init__()
        self.f = nn.Sequential(*parts)

    def forward(self, x: Any) -> Any:
        return x + self.f(x)


def load(net: LineNet, path: Path) -> None:
    """Take the weights of an exported net; `net` has to be without normalisation."""
    graph = onnx.load(path).graph
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    convolutions = [module for module in net.modules() if isinstance(module, nn.Conv2d)]
    nodes = [node for node in graph.node if node.op_type == "Conv"]
    with torch.no_grad():
        for module, node in zip(convolutions, nodes, strict=True):
            module.weight.copy_(torch.from_numpy(stored[node.input[1]].copy()))
            module.bias.copy_(torch.from_numpy(stored[node.input[2]].copy()))


def export(net: LineNet, path: Path) -> None:
    """Write ONNX: any number of rows of any width."""
    net.eval()
    torch.onnx.export(
        net,
        (torch.randn(2, 3, HEIGHT, 200),),
        str(path),
        input_names=["x"],
        output_names=["lp"],
        dynamic_axes={"x": {0: "n", 3: "w"}, "lp": {0: "n", 1: "t"}},
        opset_version=17,
        dynamo=False,
    )
