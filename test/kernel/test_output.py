"""Whatever a cell puts out arrives, once and in order."""

import pytest
from conftest import full


def test_20000_lines_of_one_cell_arrive_in_order(kernel):
    ran = kernel.run("for (let i = 0; i < 20000; i++) console.log(i)")
    assert ran.text() == "".join(f"{i}\n" for i in range(20000))
    assert len(ran.of("stream")) < 2000, "neighbouring prints are merged"


def test_5000_display_updates_of_one_cell_arrive_in_order(kernel):
    ran = kernel.run(
        "import { newDisplay } from 'tslab'; const live = newDisplay();"
        "for (let i = 0; i <= 5000; i++) live.text(String(i));"
    )
    updates = [c["data"]["text/plain"] for c in ran.of("update_display_data")]
    assert updates == [str(i) for i in range(1, 5001)]


@pytest.mark.parametrize("count", [1500 if full() else 300])
def test_every_one_of_many_cells_ends_idle_with_its_prints(kernel, count):
    if not full():
        print("300 cells instead of 1,500; FULL=1 runs them all")
    for i in range(count):
        ran = kernel.run(f"console.log('a{i}'); console.error('b{i}')")
        assert ran.status == "ok"
        assert (ran.text(), ran.text("stderr")) == (f"a{i}\n", f"b{i}\n")


def test_many_cells_sent_at_once_all_end_idle(kernel):
    ids = [kernel.start(f"console.log('c{i}')") for i in range(100)]
    assert [kernel.finish(i).text() for i in ids] == [f"c{i}\n" for i in range(100)]


def test_text_and_displays_keep_their_order(kernel):
    ran = kernel.run(
        "import { display } from 'tslab';"
        "console.log('1'); display.text('2'); console.error('3'); console.log('4')"
    )
    assert [m["msg_type"] for m in ran.messages] == ["stream", "display_data", "stream", "stream"]


def test_a_print_before_a_long_loop_is_seen_during_the_loop(kernel):
    # The loop ends only by the interrupt, which waits for the print.
    ran = kernel.interrupted_after("for (;;);", 0)
    assert ran.error["ename"] == "KeyboardInterrupt"


@pytest.mark.parametrize("loop", ["for (;;) console.log('x'.repeat(100))", "for (;;) { console.log('y'); await null; }"])
def test_endless_prints_are_capped_and_can_be_interrupted(kernel, loop):
    ran = kernel.interrupted_after(loop, 2)
    assert ran.error["ename"] == "KeyboardInterrupt"
    assert len(ran.text()) < 4_100_000
    assert kernel.run("'alive'").value == "'alive'"


def test_the_cap_is_told(kernel):
    ran = kernel.run("for (let i = 0; i < 50; i++) console.log('z'.repeat(100_000))")
    assert "not shown" in ran.text()[-200:]


def test_a_late_print_belongs_to_the_cell_that_started_it(kernel):
    first = kernel.start("let isLate = false; setTimeout(() => { console.log('late'); isLate = true }, 300); 0")
    ran = kernel.finish(first)
    second = kernel.run("while (!isLate) await new Promise((resolve) => setTimeout(resolve, 10))")
    assert kernel.printed(first, "late\n", ran) == "late\n"
    assert second.text() == ""


def test_output_of_other_processes_is_shown(kernel):
    msg_id = kernel.start(
        "import { spawnSync } from 'node:child_process'; spawnSync('echo', ['from outside'], { stdio: 'inherit' }); 0"
    )
    assert kernel.printed(msg_id, "outside\n", kernel.finish(msg_id)) == "from outside\n"
