"""The workloads in JAX."""

import jax

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp
from jax import lax
from jax.scipy.sparse.linalg import cg
from jax.tree_util import tree_leaves, tree_map

from serve import load, serve, settings


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


def ridge_loss(w, X, y):
    return 0.5 * jnp.mean((X @ w - y) ** 2)


def ridge_inner(w, lam, data):
    X, y, _, _ = data
    return ridge_loss(w, X, y) + 0.5 * jnp.sum(jnp.exp(lam) * w * w)


def ridge_outer(w, data):
    _, _, X, y = data
    return ridge_loss(w, X, y)


@jax.jit
def ridge_cg(w, lam, data):
    return implicit(ridge_inner, ridge_outer, w, lam, data, by_cg(20))


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


# W2: softmax regression with a penalty for each feature


def w2_inner(w, lam, data):
    X, Y, _, _ = data
    return cross_entropy(Y, X @ w) + 0.5 * jnp.sum(jnp.exp(lam)[:, None] * w * w)


def w2_outer(w, data):
    _, _, X, Y = data
    return cross_entropy(Y, X @ w)


w2_cg = jax.jit(lambda w, lam, data: implicit(w2_inner, w2_outer, w, lam, data, by_cg(10)))

# W4: the gradient of an equilibrium model


@jax.jit
def w4(w, X, Y):
    steps = settings["w4"]["steps"]

    def layer(w, z):
        return jnp.tanh(z @ w["A"] + X @ w["B"] + w["c"])

    driven = X @ w["B"] + w["c"]
    z = jnp.tanh(driven)
    z = lax.fori_loop(1, steps, lambda _, z: jnp.tanh(z @ w["A"] + driven), z)

    def loss(w, z):
        return cross_entropy(Y, z @ w["V"] + w["d"])

    direct, u = jax.grad(loss, (0, 1))(w, z)
    _, by_z = jax.vjp(lambda z: layer(w, z), z)
    v = lax.fori_loop(1, steps, lambda _, v: u + by_z(v)[0], u)
    _, by_w = jax.vjp(lambda w: layer(w, z), w)
    return axpy(1.0, direct, by_w(v)[0])


# W6: an implicit step


def implicit_step(curvature):
    @jax.jit
    def run(w, X, Y):
        rate, count = settings["w6"]["rate"], settings["w6"]["count"]
        g = jax.grad(network_loss)(w, X, Y)
        product = curvature(w, X, Y)
        s = cg(lambda v: axpy(rate, product(v), v), g, tol=0.0, maxiter=count)[0]
        return tree_map(lambda x: -rate * x, s)

    return run


def hessian_of_network(w, X, Y):
    return jax.linearize(lambda w: jax.grad(network_loss)(w, X, Y), w)[1]


def gauss_newton_of_network(w, X, Y):
    f = lambda w: mlp(w, X, jax.nn.relu)
    z, forward = jax.linearize(f, w)
    _, back = jax.vjp(f, w)
    s = jax.nn.softmax(z)

    def product(v):
        t = s * forward(v)
        return back((t - s * jnp.sum(t, -1, keepdims=True)) / z.shape[0])[0]

    return product


w6 = {
    "Hessian": implicit_step(hessian_of_network),
    "Gauss–Newton": implicit_step(gauss_newton_of_network),
}

# Convolutions, and a recurrence


def cnn(w, x):
    def stage(a, K, c):
        a = lax.conv_general_dilated(
            a, K, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )
        a = jax.nn.relu(a + c)
        return lax.reduce_window(a, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "SAME")

    a = stage(stage(x.reshape(-1, 28, 28, 1), w["K1"], w["c1"]), w["K2"], w["c2"])
    return a.reshape(x.shape[0], -1) @ w["W"] + w["b"]


def rnn(w, x):
    driven = jnp.swapaxes(x.reshape(-1, 28, 28), 0, 1) @ w["U"] + w["b"]
    h = lax.scan(lambda h, a: (jnp.tanh(a + h @ w["W"]), None), jnp.tanh(driven[0]), driven[1:])[0]
    return h @ w["V"] + w["c"]


def of_model(model):
    loss = lambda w, X, Y: cross_entropy(Y, model(w, X))
    gradient = jax.jit(jax.grad(loss))

    @jax.jit
    def product(w, v, X, Y):
        return jax.jvp(lambda w: jax.grad(loss)(w, X, Y), (w,), (v,))[1]

    @jax.jit
    def twenty(w, v, X, Y):
        _, product = jax.linearize(lambda w: jax.grad(loss)(w, X, Y), w)
        return lax.fori_loop(0, 20, lambda _, before: product(axpy(1e-12, before, v)), v)

    def by_calls(w, v, X, Y):
        for _ in range(20):
            last = product(w, v, X, Y)
        return last

    # A convolution inside fori_loop is several times slower than one product after the other.
    return gradient, by_calls if model is cnn else twenty


MODELS = {
    "CNN": (cnn, ["K1", "c1", "K2", "c2", "W", "b"]),
    "RNN": (rnn, ["U", "W", "b", "V", "c"]),
}


# How cost grows: a network with a penalty for each group of weights


def grouped_inner(w, lam, data):
    X, Y, _, _ = data
    groups = jnp.exp(lam)[:, None] * jnp.reshape(w["W1"], (lam.size, -1)) ** 2
    rest = sum(jnp.sum(w[name] ** 2) for name in ["b1", "W2", "b2"])
    return cross_entropy(Y, mlp(w, X, jnp.tanh)) + 0.5 * (jnp.sum(groups) + rest)


def scaling(d, key):
    s = settings[key]
    w, lam = w3_w(d, key), d[f"{key}_lam"]
    data = tuple(d[f"{key}_{name}"] for name in ["X", "Y", "X", "Y"])
    if s["steps"] > 0:
        run = unrolled(grouped_inner, w3_outer, s["rate"], s["steps"])
    else:
        solve = by_neumann(s["terms"], s["rate"])
        run = jax.jit(
            lambda w, lam, data: implicit(grouped_inner, w3_outer, w, lam, data, solve)
        )
    return lambda: run(w, lam, data)


def cases(dtype):
    d = load(dtype, jnp.asarray)
    of = lambda prefix, names: {name: d[f"{prefix}_{name}"] for name in names}
    in_order = lambda tree, names: [tree[name] for name in names]
    ordered = lambda tree: in_order(tree, ["W1", "b1", "W2", "b2"])
    w1, lam1 = d["w1_w"], d["w1_lam"]
    w3w, lam3, data3 = w3_w(d), w3_w(d, "w3_lam"), w3_data(d)
    data2 = tuple(d[f"w2_{name}"] for name in ["X", "Y", "Xv", "Yv"])
    w4_names = ["A", "B", "c", "V", "d"]
    out = {
        "W1 inner steps, Neumann 10": lambda: w1_run(w1, lam1, w1_data(d)),
        "W1 CG 20": lambda: w1_cg(d["w1_solution"], lam1, w1_data(d)),
        "W2 CG 10": lambda: w2_cg(d["w2_w"], d["w2_lam"], data2),
        "W4 equilibrium": lambda: in_order(
            w4(of("w4", w4_names), d["w2_X"][:, :784], d["w4_Y"]), w4_names
        ),
        "W7 logistic": lambda: w1_unrolled(w1, lam1, w1_data(d)),
        "W7 MLP": lambda: ordered(w7_mlp(w3_w(d, "w7"), lam3, data3)),
    }
    for name, run in w3.items():
        out[name] = lambda run=run: ordered(run(w3w, lam3, data3))
    w, v = w3_w(d, "net"), w3_w(d, "net_v")
    for n in [128, 512]:
        X, Y = d["net_X"][:n], d["net_Y"][:n]
        out[f"MLP {n} gradient"] = lambda X=X, Y=Y: ordered(gradient(w, X, Y))
        out[f"MLP {n} 20 products"] = lambda X=X, Y=Y: ordered(twenty(w, v, X, Y))
    for name, run in w6.items():
        X, Y = d["net_X"][:128], d["net_Y"][:128]
        out[f"W6 {name}"] = lambda run=run, X=X, Y=Y: ordered(run(w, X, Y))
    for name, (model, names) in MODELS.items():
        n = settings[name.lower()]["batch"]
        given = of(name.lower(), names), of(f"{name.lower()}_v", names)
        X, Y = d["net_X"][:n], d["net_Y"][:n]
        slope, products = of_model(model)
        out[f"{name} gradient"] = lambda f=slope, g=given, X=X, Y=Y, names=names: in_order(
            f(g[0], X, Y), names
        )
        out[f"{name} 20 products"] = lambda f=products, g=given, X=X, Y=Y, names=names: in_order(
            f(*g, X, Y), names
        )
    for key in [key for key in settings if key.startswith("scaling_")]:
        out[key] = scaling(d, key)
    q = [d[f"unroll_{name}"] for name in ["H", "dH", "b", "db", "theta", "x0"]]
    out["unroll float64"] = lambda: chebyshev(*q)
    out["logistic float64, CG 20"] = out["W1 CG 20"]
    ridge = tuple(d[f"ridge_{name}"] for name in ["X", "y", "Xv", "yv"])
    out["ridge float64, CG 20"] = lambda: ridge_cg(d["ridge_w"], d["ridge_lam"], ridge)
    return out


def finished(result):
    return tree_leaves(jax.block_until_ready(result))


if __name__ == "__main__":
    serve(cases, finished, jax.__version__)
