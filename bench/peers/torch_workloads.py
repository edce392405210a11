"""The workloads in PyTorch: derivatives by autograd twice, as hypertorch has them."""

import torch
import torch.nn.functional as F
from torch.autograd import grad

from serve import load, serve, settings


def leaves(tensors):
    return [x.detach().requires_grad_() for x in tensors]


def axpy(a, xs, ys):
    return [y + a * x for x, y in zip(xs, ys)]


def dot(xs, ys):
    return sum(torch.vdot(x.reshape(-1), y.reshape(-1)) for x, y in zip(xs, ys))


def cross_entropy(Y, z):
    return -(Y * F.log_softmax(z, -1)).sum(-1).mean()


def mlp(w, X, f):
    W1, b1, W2, b2 = w
    return f(X @ W1 + b1) @ W2 + b2


def neumann(product, b, terms, scale):
    p, total = b, b
    for _ in range(terms - 1):
        p = axpy(-scale, product(p), p)
        total = axpy(1.0, p, total)
    return [scale * x for x in total]


def cg(product, b, count):
    x, r, p = [torch.zeros_like(each) for each in b], b, b
    rho = dot(r, r)
    for _ in range(count):
        q = product(p)
        alpha = rho / dot(p, q)
        x, r = axpy(alpha, p, x), axpy(-alpha, q, r)
        before, rho = rho, dot(r, r)
        p = axpy(rho / before, p, r)
    return x


def implicit(inner, outer, w, lam, solve):
    w, lam = leaves(w), leaves(lam)
    dw = grad(outer(w), w)
    g = grad(inner(w, lam), w, create_graph=True)
    v = solve(lambda v: grad(g, w, v, retain_graph=True), list(dw))
    return [-x for x in grad(g, lam, v)]


def descended(inner, w, lam, rate, steps):
    for _ in range(steps):
        w = leaves(w)
        w = axpy(-rate, grad(inner(w, lam), w), w)
    return w


def unrolled(inner, outer, w, lam, rate, steps):
    w, lam = leaves(w), leaves(lam)
    for _ in range(steps):
        w = axpy(-rate, grad(inner(w, lam), w, create_graph=True), w)
    return grad(outer(w), lam)


def gradient(loss, w):
    w = leaves(w)
    return grad(loss(w), w)


def twenty(loss, w, v):
    w = leaves(w)
    g = grad(loss(w), w, create_graph=True)
    for _ in range(20):
        last = grad(g, w, v, retain_graph=True)
    return last


def equilibrium(w, X, Y):
    A, B, c, V, d = leaves(w)
    steps = settings["w4"]["steps"]
    with torch.no_grad():
        driven = X @ B + c
        z = torch.tanh(driven)
        for _ in range(steps - 1):
            z = torch.tanh(z @ A + driven)
    z = z.requires_grad_()
    u, dV, dd = grad(cross_entropy(Y, z @ V + d), [z, V, d])
    after = torch.tanh(z @ A + X @ B + c)
    v = u
    for _ in range(steps - 1):
        v = u + grad(after, z, v, retain_graph=True)[0]
    return [*grad(after, [A, B, c], v), dV, dd]


def implicit_step(curvature, predict, w, Y):
    w = leaves(w)
    rate, count = settings["w6"]["rate"], settings["w6"]["count"]
    z = predict(w)
    g = grad(cross_entropy(Y, z), w, create_graph=True)
    if curvature == "Hessian":
        product = lambda v: grad(g, w, v, retain_graph=True)
    else:
        u = torch.zeros_like(z, requires_grad=True)
        pulled = grad(z, w, u, create_graph=True)
        s = F.softmax(z.detach(), -1)

        def product(v):
            t = s * grad(pulled, u, v, retain_graph=True)[0]
            return grad(z, w, (t - s * t.sum(-1, keepdim=True)) / len(z), retain_graph=True)

    s = cg(lambda v: axpy(rate, product(v), v), [x.detach() for x in g], count)
    return [-rate * x for x in s]


def cnn(w, X):
    K1, c1, K2, c2, W, b = w

    def stage(a, K, c):
        a = F.conv2d(a, K.permute(3, 2, 0, 1), c, padding="same")
        return F.max_pool2d(torch.relu(a), 2)

    a = stage(stage(X.reshape(-1, 1, 28, 28), K1, c1), K2, c2)
    return a.permute(0, 2, 3, 1).reshape(len(X), -1) @ W + b


def rnn(w, X):
    U, W, b, V, c = w
    driven = X.reshape(-1, 28, 28).transpose(0, 1) @ U + b
    h = torch.tanh(driven[0])
    for a in driven[1:]:
        h = torch.tanh(a + h @ W)
    return h @ V + c


MODELS = {
    "CNN": (cnn, ["K1", "c1", "K2", "c2", "W", "b"]),
    "RNN": (rnn, ["U", "W", "b", "V", "c"]),
}


def scaling(w, lam, data, s):
    X, Y = data

    def outer(w):
        return cross_entropy(Y, mlp(w, X, torch.tanh))

    def inner(w, lam):
        groups = (lam[0].exp()[:, None] * w[0].reshape(len(lam[0]), -1) ** 2).sum()
        return outer(w) + 0.5 * (groups + sum((x**2).sum() for x in w[1:]))

    if s["steps"] > 0:
        return lambda: unrolled(inner, outer, w, lam, s["rate"], s["steps"])
    solve = lambda product, b: neumann(product, b, s["terms"], s["rate"])
    return lambda: implicit(inner, outer, w, lam, solve)


def cases(dtype):
    d = load(dtype, torch.from_numpy)
    of = lambda prefix, names: [d[f"{prefix}_{name}"] for name in names]
    layers = ["W1", "b1", "W2", "b2"]
    out = {}

    X1, y1, Xv1, yv1 = of("w1", ["X", "y", "Xv", "yv"])
    logistic = lambda w, X, y: F.softplus(-y * (X @ w)).mean()
    inner1 = lambda w, lam: logistic(w[0], X1, y1) + 0.5 * (lam[0].exp() * w[0] * w[0]).sum()
    outer1 = lambda w: logistic(w[0], Xv1, yv1)
    w1, lam1, s1 = of("w1", ["w"]), of("w1", ["lam"]), settings["w1"]
    by_neumann = lambda terms, scale: lambda product, b: neumann(product, b, terms, scale)
    by_cg = lambda count: lambda product, b: cg(product, b, count)

    def w1_run():
        w = descended(inner1, w1, lam1, s1["rate"], s1["steps"])
        return implicit(inner1, outer1, w, lam1, by_neumann(s1["terms"], s1["scale"]))

    out["W1 inner steps, Neumann 10"] = w1_run
    out["W1 CG 20"] = lambda: implicit(inner1, outer1, of("w1", ["solution"]), lam1, by_cg(20))
    out["logistic float64, CG 20"] = out["W1 CG 20"]
    out["W7 logistic"] = lambda: unrolled(inner1, outer1, w1, lam1, s1["rate"], s1["steps"])

    Xr, yr, Xvr, yvr = of("ridge", ["X", "y", "Xv", "yv"])
    squares = lambda w, X, y: 0.5 * ((X @ w - y) ** 2).mean()
    inner_r = lambda w, lam: squares(w[0], Xr, yr) + 0.5 * (lam[0].exp() * w[0] * w[0]).sum()
    outer_r = lambda w: squares(w[0], Xvr, yvr)
    out["ridge float64, CG 20"] = lambda: implicit(
        inner_r, outer_r, of("ridge", ["w"]), of("ridge", ["lam"]), by_cg(20)
    )

    X2, Y2, Xv2, Yv2 = of("w2", ["X", "Y", "Xv", "Yv"])
    inner2 = lambda w, lam: (
        cross_entropy(Y2, X2 @ w[0]) + 0.5 * (lam[0].exp()[:, None] * w[0] * w[0]).sum()
    )
    outer2 = lambda w: cross_entropy(Yv2, Xv2 @ w[0])
    out["W2 CG 10"] = lambda: implicit(inner2, outer2, of("w2", ["w"]), of("w2", ["lam"]), by_cg(10))

    X4 = X2[:, :784].contiguous()
    out["W4 equilibrium"] = lambda: equilibrium(of("w4", ["A", "B", "c", "V", "d"]), X4, d["w4_Y"])

    X3, Y3, Xv3, Yv3 = of("w3", ["X", "Y", "Xv", "Yv"])
    inner3 = lambda w, lam: cross_entropy(Y3, mlp(w, X3, torch.tanh)) + 0.5 * sum(
        (l.exp() * x * x).sum() for l, x in zip(lam, w)
    )
    outer3 = lambda w: cross_entropy(Yv3, mlp(w, Xv3, torch.tanh))
    w3, lam3 = of("w3", layers), of("w3_lam", layers)
    for terms in [1, 6, 21]:
        solve = by_neumann(terms, settings["w3"]["scale"])
        out[f"W3 Neumann {terms}"] = lambda solve=solve: implicit(inner3, outer3, w3, lam3, solve)
    for count in [5, 20]:
        out[f"W3 CG {count}"] = lambda count=count: implicit(
            inner3, outer3, w3, lam3, by_cg(count)
        )
    s7 = settings["w7"]
    out["W7 MLP"] = lambda: unrolled(
        inner3, outer3, of("w7", layers), lam3, s7["rate"], s7["steps"]
    )

    for key in [key for key in settings if key.startswith("scaling_")]:
        out[key] = scaling(of(key, layers), of(key, ["lam"]), of(key, ["X", "Y"]), settings[key])

    net, net_v = of("net", layers), of("net_v", layers)
    for n in [128, 512]:
        X, Y = d["net_X"][:n], d["net_Y"][:n]
        loss = lambda w, X=X, Y=Y: cross_entropy(Y, mlp(w, X, torch.relu))
        out[f"MLP {n} gradient"] = lambda loss=loss: gradient(loss, net)
        out[f"MLP {n} 20 products"] = lambda loss=loss: twenty(loss, net, net_v)
    for kind in ["Hessian", "Gauss–Newton"]:
        X, Y = d["net_X"][:128], d["net_Y"][:128]
        predict = lambda w, X=X: mlp(w, X, torch.relu)
        out[f"W6 {kind}"] = lambda kind=kind, predict=predict, Y=Y: implicit_step(
            kind, predict, net, Y
        )
    for name, (model, names) in MODELS.items():
        n = settings[name.lower()]["batch"]
        X, Y = d["net_X"][:n], d["net_Y"][:n]
        w, v = of(name.lower(), names), of(f"{name.lower()}_v", names)
        loss = lambda w, model=model, X=X, Y=Y: cross_entropy(Y, model(w, X))
        out[f"{name} gradient"] = lambda loss=loss, w=w: gradient(loss, w)
        out[f"{name} 20 products"] = lambda loss=loss, w=w, v=v: twenty(loss, w, v)
    return out


def finished(result):
    return [x.detach().numpy() for x in result]


if __name__ == "__main__":
    serve(cases, finished, torch.__version__)
