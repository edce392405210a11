"""The settings of this course of nbgrader; `npm run nbgrader` writes them once, and they are yours."""

from nbgrader.preprocessors import (
    CheckCellMetadata,
    ClearHiddenTests,
    ClearMarkScheme,
    ClearOutput,
    ClearSolutions,
    ComputeChecksums,
    IncludeHeaderFooter,
    LockCells,
    SaveCells,
)


class ClearToStub(ClearSolutions):
    """Puts the stub in place of a solution that came with one, and clears others as usual."""

    def preprocess_cell(self, cell, resources, cell_index):
        stub = cell.metadata.pop("implicit-lab-stub", None)
        if stub is None:
            return super().preprocess_cell(cell, resources, cell_index)
        cell.source = stub
        return cell, resources


c = get_config()  # noqa: F821

c.CourseDirectory.course_id = "implicit-lab"

# For exercises of your own that have no stub next to them.
c.ClearSolutions.code_stub = {"typescript": "return todo();"}
c.ClearSolutions.enforce_metadata = True

c.GenerateAssignment.preprocessors = [
    IncludeHeaderFooter,
    ClearToStub,
    LockCells,
    ComputeChecksums,
    SaveCells,
    CheckCellMetadata,
    ClearOutput,
    ClearHiddenTests,
    ClearMarkScheme,
    ComputeChecksums,
    CheckCellMetadata,
]

# Seconds for a cell. One that goes on is interrupted, gives no points, and the next one is run.
c.ExecutePreprocessor.timeout = 60
c.ExecutePreprocessor.interrupt_on_timeout = True
c.ExecutePreprocessor.startup_timeout = 120
