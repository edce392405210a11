"""The workloads in JAX, run on request: one line of JSON in, one line out.

Data come as raw files from the folder that is the first argument. A request is
{"run": name, "dtype": "float32" | "float64", "out": file or null}; the answer {"seconds": ...}.
"""

import json
import resource
import sys
import time
from functools import partial

import jax

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.scipy.sparse.linalg import cg
from jax.tree_util import tree_leaves, tree_map

folder = sys.argv[1]
with open(f"{folder}/manifest.json") as file:
    manifest = json.load(file)


def load(dtype):
    raw = {
        name: np.fromfile(f"{folder}/{name}.bin", np.float64).reshape(shape)
        for name, shape in manifest["shapes"].items()
    }
    return {name: jnp.asarray(x, dtype) for name, x in raw.items()}


settings = manifest["settings"]


def axpy(a, x, y):
    return tree_map(lambda p, q: a * p + q, x, y)


def cross_entropy(y, z):
    return -jnp.mean(jnp.sum(y * jax.nn.log_softmax(z), -1))


def mlp(w, x, f):
    return f(x @ w["W1"] + w["b1"]) @ w["W2"] + w["b2"]


# W1


def w1_data(d):
    return d["w1_X"], d["w1_y"], d["w1_Xv"], d["w1_yv"]


def w1_loss(w, X, y):
    return jnp.mean(jax.nn.softplus(-y * (X @ w)))


def w1_inner(w, lam, data):
    X, y, _, _ = data
    return w1_loss(w, X, y) + 0.5 * jnp.sum(jnp.exp(lam) * w * w)


def w1_outer(w, data):
    _, _, X, y = data
    return w1_loss(w, X, y)


def neumann(product, b, terms, scale):
    def step(_, carry):
        p, total = carry
        p = axpy(-scale, product(p), p)
        return p, axpy(1.0, p, total)

    _, total = lax.fori_loop(0, terms - 1, step, (b, b))
    return tree_map(lambda x: scale * x, total)


def implicit(inner, outer, w, lam, data, solve):
    dw = jax.grad(outer)(w, data)
    _, product = jax.linearize(lambda w: jax.grad(inner)(w, lam, data), w)
    v = solve(product, dw)
    _, mixed = jax.vjp(lambda lam: jax.grad(inner)(w, lam, data), lam)
    return tree_map(jnp.negative, mixed(v)[0])


def by_neumann(terms, scale):
    return lambda product, b: neumann(product, b, terms, scale)


def by_cg(count):
    return lambda product, b: cg(product, b, tol=0.0, maxiter=count)[0]


def descend(gradient, w, rate, steps):
    return lax.fori_loop(0, steps, lambda _, w: axpy(-rate, gradient(w), w), w)


@jax.jit
def w1_run(w, lam, data):
    s = settings["w1"]
    w = descend(lambda w: jax.grad(w1_inner)(w, lam, data), w, s["rate"], s["steps"])
    return implicit(w1_inner, w1_outer, w, lam, data, by_neumann(s["terms"], s["scale"]))


@jax.jit
def w1_cg(w, lam, data):
    return implicit(w1_inner, w1_outer, w, lam, data, by_cg(20))


def unrolled(inner, outer, rate, steps):
    @jax.jit
    def run(w, lam, data):
        def total(lam):
            def step(w, _):
                return axpy(-rate, jax.grad(inner)(w, lam, data), w), None

            return outer(lax.scan(step, w, None, length=steps)[0], data)

        return jax.grad(total)(lam)

    return run


w1_unrolled = unrolled(w1_inner, w1_outer, settings["w1"]["rate"], settings["w1"]["steps"])

# W3


def w3_data(d):
    return d["w3_X"], d["w3_Y"], d["w3_Xv"], d["w3_Yv"]


def w3_w(d, prefix="w3"):
    return {name: d[f"{prefix}_{name}"] for name in ["W1", "b1", "W2", "b2"]}


def w3_inner(w, lam, data):
    X, Y, _, _ = data
    penalty = sum(tree_leaves(tree_map(lambda l, x: jnp.sum(jnp.exp(l) * x * x), lam, w)))
    return cross_entropy(Y, mlp(w, X, jnp.tanh)) + 0.5 * penalty


def w3_outer(w, data):
    _, _, X, Y = data
    return cross_entropy(Y, mlp(w, X, jnp.tanh))


def w3_by(solve):
    return jax.jit(lambda w, lam, data: implicit(w3_inner, w3_outer, w, lam, data, solve))


w3 = {f"W3 Neumann {k}": w3_by(by_neumann(k, settings["w3"]["scale"])) for k in [1, 6, 21]}
w3 |= {f"W3 CG {k}": w3_by(by_cg(k)) for k in [5, 20]}
w7_mlp = unrolled(w3_inner, w3_outer, settings["w7"]["rate"], settings["w7"]["steps"])


# Unrolling in float64: Chebyshev's method on a quadratic, forwards


@jax.jit
def chebyshev(H, dH, b, db, theta, x0):
    mu, L = settings["unroll"]["mu"], settings["unroll"]["L"]
    q = ((L - mu) / (L + mu)) ** 2

    def weights(count):
        omega, out = 1.0, []
        for t in range(1, count + 1):
            if t > 1:
                omega = 1 / (1 - q / 2) if t == 2 else 1 / (1 - omega * q / 4)
            out.append(omega)
        return jnp.asarray(out)

    def iterate(delta):
        A = H + jnp.tensordot(delta, dH, 1)
        c = b + delta @ db

        def step(carry, omega):
            x, before = carry
            new = omega * x + (1 - omega) * before - 2 * omega / (L + mu) * (A @ x - c)
            return (new, x), new

        return lax.scan(step, (x0, x0), weights(settings["unroll"]["steps"]))[1]

    # The derivative in each direction, for every iterate.
    return jax.vmap(lambda e: jax.jvp(iterate, (jnp.zeros_like(theta),), (e,))[1])(
        jnp.eye(theta.size)
    )


# Products and gradients


def network_loss(w, X, Y):
    return cross_entropy(Y, mlp(w, X, jax.nn.relu))


@jax.jit
def gradient(w, X, Y):
    return jax.value_and_grad(network_loss)(w, X, Y)[1]


@jax.jit
def twenty(w, v, X, Y):
    _, product = jax.linearize(lambda w: jax.grad(network_loss)(w, X, Y), w)
    # Of vectors that differ from one another, or the compiler makes one product of the twenty.
    return lax.fori_loop(0, 20, lambda _, before: product(axpy(1e-12, before, v)), v)


def cases(d):
    ordered = lambda tree: [tree[name] for name in ["W1", "b1", "W2", "b2"]]
    w1, lam1 = d["w1_w"], d["w1_lam"]
    w3w, lam3, data3 = w3_w(d), w3_w(d, "w3_lam"), w3_data(d)
    out = {
        "W1 inner steps, Neumann 10": lambda: w1_run(w1, lam1, w1_data(d)),
        "W1 CG 20": lambda: w1_cg(d["w1_solution"], lam1, w1_data(d)),
        "W7 logistic": lambda: w1_unrolled(w1, lam1, w1_data(d)),
        "W7 MLP": lambda: ordered(w7_mlp(w3_w(d, "w7"), lam3, data3)),
    }
    for name, run in w3.items():
        out[name] = lambda run=run: ordered(run(w3w, lam3, data3))
    for n in [128, 512]:
        X, Y = d["net_X"][:n], d["net_Y"][:n]
        w, v = w3_w(d, "net"), w3_w(d, "net_v")
        out[f"MLP {n} gradient"] = lambda w=w, X=X, Y=Y: ordered(gradient(w, X, Y))
        out[f"MLP {n} 20 products"] = lambda w=w, v=v, X=X, Y=Y: ordered(twenty(w, v, X, Y))
    q = [d[f"unroll_{name}"] for name in ["H", "dH", "b", "db", "theta", "x0"]]
    out["unroll float64"] = lambda: chebyshev(*q)
    return out


tables = {}
for line in sys.stdin:
    request = json.loads(line)
    dtype = request["dtype"]
    if dtype not in tables:
        tables[dtype] = cases(load(dtype))
    run = tables[dtype][request["run"]]
    start = time.perf_counter()
    result = jax.block_until_ready(run())
    seconds = time.perf_counter() - start
    if request.get("out"):
        flat = np.concatenate([np.asarray(x, np.float64).ravel() for x in tree_leaves(result)])
        flat.tofile(request["out"])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "peak": peak, "version": jax.__version__}), flush=True)
