"""Whatever a cell puts out, it is answered and the notebook can be saved afterwards."""

import nbformat
from nbformat.v4 import new_code_cell, new_notebook, output_from_msg


def saved(ran):
    """The outputs of a cell after a notebook that holds them was written as UTF-8 and read."""
    kinds = ("stream", "display_data", "execute_result", "error")
    outputs = [output_from_msg(m) for m in ran.messages if m["msg_type"] in kinds]
    notebook = new_notebook(cells=[new_code_cell("", outputs=outputs)])
    nbformat.validate(notebook)
    return nbformat.reads(nbformat.writes(notebook).encode("utf-8").decode("utf-8"), as_version=4).cells[0].outputs


HALF = "'so happy 😀😀'.slice(0, 10)"


def test_half_an_emoji_can_be_saved_wherever_it_is_put_out(kernel):
    ran = kernel.run(f"console.log({HALF}); console.error({HALF}); {HALF}")
    assert ran.text() == ran.text("stderr") == "so happy \ufffd\n"
    assert [output.output_type for output in saved(ran)] == ["stream", "stream", "execute_result"]
    ran = kernel.run(f"throw Object.assign(new Error({HALF}), {{ name: {HALF} }})")
    assert ran.error["evalue"] == "so happy \ufffd"
    saved(ran)
    saved(kernel.run("throw 'x\\ud83d'"))
    saved(kernel.run("const broken: '\\ud83d' = 'x'"))
    own = "{ 'text/plain': 'ok', 'application/json': { [" + HALF + "]: [" + HALF + "] } }"
    ran = kernel.run(f"({{ [Symbol.for('Jupyter.display')]: () => ({own}) }}) as {{}}")
    assert saved(ran)[0].data["application/json"] == {"so happy \ufffd": ["so happy \ufffd"]}


def test_characters_that_come_in_two_chunks_are_whole(kernel):
    ran = kernel.run("for (const byte of Buffer.from('é😀')) process.stdout.write(Buffer.of(byte))")
    assert ran.text() == "é😀"
    ran = kernel.run("process.stdout.write('😀'.slice(0, 1)); process.stdout.write('😀'.slice(1))")
    assert ran.text() == "😀"
