"""Implicit and unrolled derivatives by TorchOpt."""

import warnings

import torch
import torch.nn.functional as F
import torchopt
from torch.autograd import grad

from serve import load, serve, settings
from torch_workloads import cross_entropy, finished, leaves, mlp

# TorchOpt still calls functorch by its old name.
warnings.filterwarnings("ignore", category=FutureWarning)


def by_root(inner, outer, w, lam, count):
    # The weights are the solution already, as in the other systems.
    @torchopt.diff.implicit.custom_root(
        torch.func.grad(inner, argnums=0),
        argnums=1,
        solve=torchopt.linear_solve.solve_cg(maxiter=count, rtol=0.0, atol=0.0),
    )
    def solution(w, lam):
        return w

    def run():
        given = tuple(leaves(lam))
        return grad(outer(solution(tuple(w), given)), given)

    return run


def unrolled(inner, outer, w, lam, rate, steps):
    def run():
        given, at = leaves(lam), leaves(w)
        optimizer = torchopt.sgd(rate)
        state = optimizer.init(at)
        for _ in range(steps):
            slopes = grad(inner(at, given), at, create_graph=True)
            updates, state = optimizer.update(list(slopes), state, inplace=False)
            at = torchopt.apply_updates(at, updates, inplace=False)
        return grad(outer(at), given)

    return run


def cases(dtype):
    d = load(dtype, torch.from_numpy)
    of = lambda prefix, names: [d[f"{prefix}_{name}"] for name in names]
    layers = ["W1", "b1", "W2", "b2"]
    X1, y1, Xv1, yv1 = of("w1", ["X", "y", "Xv", "yv"])
    logistic = lambda w, X, y: F.softplus(-y * (X @ w)).mean()
    inner1 = lambda w, lam: logistic(w[0], X1, y1) + 0.5 * (lam[0].exp() * w[0] * w[0]).sum()
    outer1 = lambda w: logistic(w[0], Xv1, yv1)
    lam1 = of("w1", ["lam"])
    X3, Y3, Xv3, Yv3 = of("w3", ["X", "Y", "Xv", "Yv"])
    inner3 = lambda w, lam: (
        cross_entropy(Y3, mlp(w, X3, torch.tanh))
        + 0.5 * sum((l.exp() * x * x).sum() for l, x in zip(lam, w))
    )
    outer3 = lambda w: cross_entropy(Yv3, mlp(w, Xv3, torch.tanh))
    w3, lam3 = of("w3", layers), of("w3_lam", layers)
    s1, s7 = settings.get("w1"), settings.get("w7")
    out = {"W1 CG 20": by_root(inner1, outer1, of("w1", ["solution"]), lam1, 20)}
    for count in [5, 20]:
        out[f"W3 CG {count}"] = by_root(inner3, outer3, w3, lam3, count)
    out["W7 logistic"] = unrolled(inner1, outer1, of("w1", ["w"]), lam1, s1["rate"], s1["steps"])
    out["W7 MLP"] = unrolled(inner3, outer3, of("w7", layers), lam3, s7["rate"], s7["steps"])
    return out


serve(cases, finished, torchopt.__version__)
