"""Times an MLP and a CNN in PyTorch on the GPU: gradient, Hessian and Gauss-Newton product, in ms.

Prints JSON, {"mlp 128": {"gradient": ...}, ...}, for the batch sizes given as arguments.
"""

import json
import statistics
import sys
import time

import torch
import torch.nn.functional as F
from torch.func import functional_call, grad, jvp, vjp

assert torch.cuda.is_available(), "no GPU that PyTorch can use"
torch.backends.cuda.matmul.allow_tf32 = False
torch.backends.cudnn.allow_tf32 = False


def mlp():
    return torch.nn.Sequential(torch.nn.Linear(784, 200), torch.nn.ReLU(), torch.nn.Linear(200, 10))


def cnn():
    return torch.nn.Sequential(
        torch.nn.Unflatten(1, (1, 28, 28)),
        torch.nn.Conv2d(1, 8, 3, padding=1), torch.nn.ReLU(), torch.nn.MaxPool2d(2),
        torch.nn.Conv2d(8, 16, 3, padding=1), torch.nn.ReLU(), torch.nn.MaxPool2d(2),
        torch.nn.Flatten(), torch.nn.Linear(7 * 7 * 16, 10))


def median(run):
    for _ in range(3):
        run()
    rounds = []
    for _ in range(7):
        torch.cuda.synchronize()
        start = time.perf_counter()
        for _ in range(5):
            run()
        torch.cuda.synchronize()
        rounds.append((time.perf_counter() - start) / 5 * 1000)
    return statistics.median(rounds)


def times(model, batch):
    model = model().cuda()
    x = torch.rand(batch, 784, device="cuda")
    y = torch.arange(batch, device="cuda") * 7 % 10
    params = {k: p.detach() for k, p in model.named_parameters()}
    v = {k: torch.randn_like(p) for k, p in params.items()}
    predict = lambda p: functional_call(model, p, (x,))
    loss = lambda z: F.cross_entropy(z, y)
    gradient = grad(lambda p: loss(predict(p)))

    def gauss_newton():
        z, dz = jvp(predict, (params,), (v,))
        _, curved = jvp(grad(loss), (z,), (dz,))
        return vjp(predict, params)[1](curved)

    return {
        "gradient": median(lambda: gradient(params)),
        "hessian": median(lambda: jvp(gradient, (params,), (v,))),
        "gaussNewton": median(gauss_newton),
    }


print(json.dumps({f"{model.__name__} {batch}": times(model, batch)
                  for model in (mlp, cnn) for batch in map(int, sys.argv[1:])}))
