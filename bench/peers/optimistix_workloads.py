"""An implicit derivative by optimistix, which solves by lineax."""

from importlib.metadata import version

import jax
import lineax
import optimistix

from jax_workloads import finished, w1_data, w1_inner, w1_outer
from serve import load, serve

# A solution that is handed over has to be found again: one step from where it is.
STEP = optimistix.GradientDescent(learning_rate=1.0, rtol=1e-6, atol=1e-6)
ADJOINT = optimistix.ImplicitAdjoint(lineax.CG(rtol=1e-5, atol=1e-7, max_steps=20))


@jax.jit
def w1_cg(w, lam, data):
    def solution(lam):
        return optimistix.minimise(
            lambda w, given: w1_inner(w, *given),
            STEP,
            w,
            args=(lam, data),
            max_steps=1,
            adjoint=ADJOINT,
            throw=False,
            tags=frozenset({lineax.positive_semidefinite_tag}),
        ).value

    return jax.grad(lambda lam: w1_outer(solution(lam), data))(lam)


def cases(dtype):
    d = load(dtype, jax.numpy.asarray)
    return {"W1 CG 20": lambda: w1_cg(d["w1_solution"], d["w1_lam"], w1_data(d))}


serve(cases, finished, version("optimistix"))
