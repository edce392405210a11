"""What a library wants ended with the cell is called once the cell ends, in whatever way."""

import pytest

REGISTER = (
    "const ends = ((globalThis as any)[Symbol.for('implicit-kernel.cell-end')] ??= new Set<() => void>());"
    "const end = () => { ends.delete(end); console.log('ended') };"
    "ends.add(end);"
)

WAYS = {
    "done": "await null; console.log('before')",
    "failed": "console.log('before'); throw new Error('lost')",
}


@pytest.mark.parametrize("way", WAYS)
def test_called_when(kernel, way):
    ran = kernel.run("{" + REGISTER + WAYS[way] + "}")
    assert ran.text() == "before\nended\n"
    assert kernel.run("1").text() == ""


def test_called_when_interrupted(kernel):
    ran = kernel.interrupted_after("{" + REGISTER + "for (;;) {} }", 0.4)
    assert ran.error["ename"] == "KeyboardInterrupt"
    assert "ended\n" in ran.text()


def test_a_progress_bar_says_where_an_error_ended_it(kernel):
    ran = kernel.run(
        "import { progress } from 'implicit-lab-course';"
        "const bar = progress(10, 'training'); bar.update(3); throw new Error('lost')"
    )
    last = ran.of("update_display_data")[-1]["data"]["text/plain"]
    assert "training: stopped at 3 of 10" in last
