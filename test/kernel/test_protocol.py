"""The public test suite for Jupyter kernels, whole."""

from unittest.mock import patch

import jupyter_kernel_test
from conftest import TIMEOUT
from jupyter_client.manager import start_new_kernel
from jupyter_kernel_test import IopubWelcomeTests, KernelTests

# The suite skips what a kernel does not offer; this one offers everything.
jupyter_kernel_test.SkipTest = AssertionError
jupyter_kernel_test.TIMEOUT = TIMEOUT


class Patient(KernelTests):
    """The suite waits a tenth of a second for a message; a busy machine may take longer."""

    @classmethod
    def setUpClass(cls):
        cls.km, cls.kc = start_new_kernel(kernel_name=cls.kernel_name, startup_timeout=TIMEOUT)

    def flush_channels(self):
        """Takes all that comes up to the end of a request that is made now."""
        msg_id = self.kc.kernel_info()
        while self.kc.get_shell_msg(timeout=TIMEOUT)["parent_header"].get("msg_id") != msg_id:
            pass
        while True:
            message = self.kc.get_iopub_msg(timeout=TIMEOUT)
            is_its = message["parent_header"].get("msg_id") == msg_id
            if is_its and message["content"].get("execution_state") == "idle":
                return

    def execute_helper(self, code, timeout=TIMEOUT, **options):
        iopub = self.kc.iopub_channel
        get = jupyter_kernel_test.ensure_sync(iopub.get_msg)
        with patch.object(iopub, "get_msg", lambda timeout: get(timeout=TIMEOUT)):
            return super().execute_helper(code, timeout=TIMEOUT, **options)

    def history_helper(self, execute_first, timeout=TIMEOUT, **options):
        return super().history_helper(execute_first, timeout=TIMEOUT, **options)


class TestKernel(Patient):
    kernel_name = "implicit-kernel"
    language_name = "typescript"
    file_extension = ".ts"
    code_hello_world = "console.log('hello, world')"
    code_stderr = "console.error('oops')"
    code_generate_error = "throw new TypeError('wrong')"
    code_inspect_sample = "Array.isArray"
    code_page_something = "Array.isArray?"
    code_clear_output = (
        "(globalThis as any)[Symbol.for('implicit-kernel.clearOutput')]()"
    )
    code_history_pattern = "1?2*"
    supported_history_operations = ("tail", "range", "search")
    completion_samples = [
        {"text": "Array.isA", "matches": {"isArray"}},
        {"text": "const zebra = 1; zeb", "matches": {"zebra"}},
    ]
    complete_code_samples = ["1 + 1", "const f = (x: number) => x", "await 1", "`a\nb`"]
    incomplete_code_samples = ["`open", "function f() {", "[1, 2", "/* open", "const x ="]
    invalid_code_samples = ["let 1x", "1 +* 2", "const )"]
    code_display_data = [
        {"code": "import * as tslab from 'tslab'; tslab.display.html('<b>1</b>')", "mime": "text/html"},
        {"code": "import * as tslab from 'tslab'; tslab.display.png(new Uint8Array([1]))", "mime": "image/png"},
        {"code": "import * as tslab from 'tslab'; tslab.display.svg('<svg/>')", "mime": "image/svg+xml"},
        {"code": "import * as tslab from 'tslab'; tslab.display.markdown('*a*')", "mime": "text/markdown"},
        {"code": "import * as tslab from 'tslab'; tslab.display.raw('text/x', 'a')", "mime": "text/x"},
    ]
    code_execute_result = [
        {"code": "1+2+3", "result": "6"},
        {"code": "'a'.repeat(2)", "result": "'aa'"},
        {"code": "await Promise.resolve([1])", "result": "[ 1 ]"},
        {
            "code": "({ [Symbol.for('Jupyter.display')]: () => ({ 'text/html': '<i>2</i>' }) })",
            "mime": "text/html",
            "result": "<i>2</i>",
        },
        {"code": "2*4", "result": "8"},
        {"code": "3-4", "result": "-1"},
        {"code": "5**2", "result": "25"},
    ]


class TestWelcome(IopubWelcomeTests):
    kernel_name = "implicit-kernel"
    support_iopub_welcome = True


# Its templates would run once more under the names they are imported by.
del KernelTests, Patient, IopubWelcomeTests
