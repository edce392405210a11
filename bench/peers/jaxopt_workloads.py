"""Implicit derivatives by JAXopt: custom_root, with its CG."""

from importlib.metadata import version

import jax
from jaxopt import implicit_diff, linear_solve

from jax_workloads import finished, w1_data, w1_inner, w1_outer, w3_data, w3_inner, w3_outer, w3_w
from serve import load, serve


def by_root(inner, outer, count):
    def solve(matvec, b):
        return linear_solve.solve_cg(matvec, b, tol=0.0, maxiter=count)

    # The weights are the solution already, as in the other systems.
    @implicit_diff.custom_root(jax.grad(inner), solve=solve)
    def solution(w, lam, data):
        return w

    return jax.jit(jax.grad(lambda lam, w, data: outer(solution(w, lam, data), data)))


w1_cg = by_root(w1_inner, w1_outer, 20)
w3_cg = {count: by_root(w3_inner, w3_outer, count) for count in [5, 20]}


def cases(dtype):
    d = load(dtype, jax.numpy.asarray)
    lam1, lam3 = d["w1_lam"], w3_w(d, "w3_lam")
    out = {"W1 CG 20": lambda: w1_cg(lam1, d["w1_solution"], w1_data(d))}
    for count, run in w3_cg.items():
        out[f"W3 CG {count}"] = lambda run=run: run(lam3, w3_w(d), w3_data(d))
    return out


def ordered(result):
    names = ["W1", "b1", "W2", "b2"]
    return finished([result[name] for name in names] if isinstance(result, dict) else result)


serve(cases, ordered, version("jaxopt"))
