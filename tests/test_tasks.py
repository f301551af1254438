"""What a task_struct says of itself."""

from __future__ import annotations

from simkernel.kernel import layout, tasks
from tests.ftrace.fakes import FakeMemory


def test_the_names_of_tasks_are_read_from_their_structs() -> None:
    memory = FakeMemory(layout.BSS_FIXED_SIZE)
    for at, (pid, comm) in enumerate([(0, b"swapper/0"), (201, b"bash"), (1977, b"sixteen-letters-")]):
        task = layout.TASKS_BASE + at * layout.TASK_SIZE
        memory.write(task + layout.TASK_PID, pid.to_bytes(4, "little"))
        memory.write(task + layout.TASK_COMM, comm)
    assert tasks.comms(memory) == {0: "swapper/0", 201: "bash", 1977: "sixteen-letters-"}
