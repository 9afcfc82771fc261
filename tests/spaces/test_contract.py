"""Every registered space, and some made ones, pass the shipped contract."""

import pytest

import hwbench.spaces as spaces
from hwbench.spaces import Choice, Space
from hwbench.testing.spaces import SpaceContract

MADE = {
    "flat": Space("flat", (Choice("kind", ("a", "b", "c")), Choice("rate", (0.5, 1.0)))),
    "one": Space("one", (Choice("only", (7,)),)),
    "depth-last": Space(
        "depth-last",
        (Choice("width", (1, 2)), Choice("depth", (1, 3, 4))),
        (Choice("op", ("conv", "pool", "skip")),),
        depth="depth",
    ),
    "depth-first": Space(
        "depth-first",
        (Choice("depth", (2, 3)), Choice("fast", (False, True))),
        (Choice("op", (1, 2)), Choice("same", (5,)), Choice("flag", (False, True))),
        depth="depth",
    ),
    "sub": spaces.get("gpt-m").restrict(embed_dim=[512], n_layer=[22, 23], mlp_ratio=[2, 4]),
}
ALL = {**{name: spaces.get(name) for name in spaces.names()}, **MADE}


class TestContract(SpaceContract):
    @pytest.fixture(autouse=True, params=list(ALL))
    def _space(self, request):
        self._made = ALL[request.param]

    def space(self) -> Space:
        return self._made
