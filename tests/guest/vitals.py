"""What must be true of the default kernel when all its tasks sleep: small models of what each subsystem has done.

Each check takes a `WholeKernel` at rest and yields a sentence for each thing that is wrong. `problems()` runs them all.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

from simkernel.kernel import layout
from tests.guest.whole_kernel import MASK, C, Task, WholeKernel

TICK_NSEC = C["TICK_NSEC"]
INODES = ("passwd", "shadow", "log", "fifo")

# What one round of a user part costs in system calls, apart from the sleep at its end.
CAT_CALLS, WALKER_CALLS = 15, 2


def signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


def expect(what: str, found: object, wanted: object) -> Iterator[str]:
    if found != wanted:
        yield f"{what}: {found}, not {wanted}"


def rounds(kernel: WholeKernel, task: Task) -> int:
    """Rounds that a task has ended, counting the one in whose last sleep it is."""
    return kernel.user(task, "UB_ROUNDS") + (kernel.task(task, "TASK_TIMER") != 0)


def all_rounds(kernel: WholeKernel, comm: str) -> int:
    return sum(rounds(kernel, task) for task in kernel.tasks(comm))


def descriptors(kernel: WholeKernel) -> list[tuple[Task, int, tuple[int, ...]]]:
    """(task, number, struct file) of every open file."""
    found = []
    for task in kernel.tasks():
        for number, file in enumerate(kernel.words(task.files, C["FILES_MAX"])):
            if file:
                found.append((task, number, kernel.words(file, C["FILE_SIZE"] // 8)))
    return found


def tasks(kernel: WholeKernel) -> Iterator[str]:
    """Nobody has seen a wrong result, everybody gets on, and the system calls are those that the rounds make."""
    for task in kernel.tasks():
        yield from expect(f"{task.comm}: wrong results", kernel.task(task, "TASK_ERRORS"), 0)
    for comm in ("cat", "make", "sshd", "walker/", "rsyslogd"):
        for task in kernel.tasks(comm):
            if rounds(kernel, task) < 1:
                yield f"{task.comm} on CPU{task.cpu} never came round"
    for comm, calls in (("cat", CAT_CALLS), ("walker/", WALKER_CALLS)):
        for task in kernel.tasks(comm):
            n = rounds(kernel, task)
            yield from expect(f"{task.comm}: system calls", kernel.task(task, "TASK_SYSCALLS"), calls * n + n - 1)


def switching(kernel: WholeKernel) -> Iterator[str]:
    """Locks and counts are let go of as often as taken; queues are empty; time is either worked or idled away."""
    for cpu in range(kernel.cpus):
        at = f"CPU{cpu}: "
        yield from expect(at + "preempt_count of the idle task", kernel.percpu(cpu, "PCPU_PREEMPT_COUNT"), 1)
        yield from expect(at + "rq->lock", kernel.rq(cpu, "RQ_LOCK"), 0)
        yield from expect(at + "rq locks taken", kernel.rq(cpu, "RQ_LOCK_COUNT"), kernel.rq(cpu, "RQ_UNLOCK_COUNT"))
        for name in ("RQ_NR_RUNNING", "CFS_NR_RUNNING", "CFS_LEFTMOST", "CFS_CURR"):
            yield from expect(at + name, kernel.rq(cpu, name), 0)
        yield from expect(at + "came and went", kernel.rq(cpu, "RQ_ENQUEUED"), kernel.rq(cpu, "RQ_DEQUEUED"))
        own = [task for task in kernel.tasks() if task.cpu == cpu]
        fair = [task for task in own if not task.comm.startswith("migration")]
        worked = sum(kernel.task(task, "TASK_SUM_EXEC") for task in own)
        yield from expect(
            at + "exec_clock", kernel.rq(cpu, "RQ_EXEC_CLOCK"), sum(kernel.task(t, "TASK_SUM_EXEC") for t in fair)
        )
        yield from expect(at + "time", worked + kernel.rq(cpu, "RQ_IDLE_TIME"), kernel.rq(cpu, "RQ_IDLE_START"))
        yields = sum(rounds(kernel, task) for task in own if task.comm[:4] in ("walk", "make"))
        yield from expect(at + "yields", kernel.rq(cpu, "RQ_YLD_COUNT"), yields)
        for name in ("RQ_TTWU_COUNT", "RQ_SCHED_GOIDLE", "RQ_STOP_RUNS", "RQ_STOP_QUEUED", "RQ_NR_SWITCHES"):
            if kernel.rq(cpu, name) == 0:
                yield f"{at}{name} is 0"
        yield from expect(
            at + "context switches noted", kernel.percpu(cpu, "PCPU_RCU_QS"), kernel.rq(cpu, "RQ_SCHED_COUNT")
        )
        for task in fair:
            used, place = kernel.task(task, "TASK_SUM_EXEC"), kernel.task(task, "TASK_VRUNTIME")
            if not 0 < used <= place + 1:
                yield f"{task.comm}: vruntime {place} after {used} ns"
            if kernel.task(task, "TASK_SLICE_END") <= place - C["SCHED_SLICE"]:
                yield f"{task.comm}: its slice ended long ago"
        for task in own:
            yield from expect(f"{task.comm}: saved preempt_count", kernel.task(task, "TASK_PREEMPT_COUNT"), 2)
        if not any(kernel.task(task, "TASK_TIMES") for task in fair):
            yield f"{at}no tick ever hit a fair task"
    if sum(kernel.rq(cpu, "RQ_NR_PREEMPT_WAKE") for cpu in range(kernel.cpus)) == 0:
        yield "no wake-up ever preempted anybody"
    yield from expect("contended locks", kernel.total("PCPU_LOCK_CONTENDED"), kernel.total("PCPU_LOCK_SLOWPATH"))


def time(kernel: WholeKernel) -> Iterator[str]:
    """Every tick is counted once by each who counts ticks; every sleeper's timer lies in the order of expiry."""
    yield from expect("jiffies_64", kernel.word("jiffies_64"), kernel.percpu(0, "PCPU_TICKS"))
    yield from expect("wall time", kernel.word("tk_xtime_nsec"), kernel.word("jiffies_64") * TICK_NSEC)
    for cpu in range(kernel.cpus):
        ticks = kernel.percpu(cpu, "PCPU_TICKS")
        for name in ("PCPU_HRTIMER_EVENTS", "PCPU_RCU_TICKS"):
            yield from expect(f"CPU{cpu}: {name}", kernel.percpu(cpu, name), ticks)
        parts = [kernel.percpu(cpu, f"PCPU_{whose}_TICKS") for whose in ("USER", "SYSTEM", "IDLE")]
        yield from expect(f"CPU{cpu}: time accounted", sum(parts), ticks * TICK_NSEC)
        if 0 in parts:
            yield f"CPU{cpu}: no tick for one of user, system, idle: {parts}"
        if not 0 < kernel.percpu(cpu, "PCPU_HRTIMER_EXPIRED"):
            yield f"CPU{cpu}: no timer ever expired"
        after = kernel.percpu(cpu, "PCPU_NEXT_EVENT") - TICK_NSEC
        if not 0 < after <= kernel.percpu(cpu, "PCPU_CLOCK") << 10:
            yield f"CPU{cpu}: the next event is {after} ns after nothing"
        chain: list[int] = []
        task = kernel.percpu(cpu, "PCPU_HRTIMER_FIRST")
        while task and len(chain) <= layout.TASKS_MAX:
            chain.append(kernel.u64(task + C["TASK_TIMER"]))
            task = kernel.u64(task + C["TASK_TIMER_NEXT"])
        sleepers = [t for t in kernel.tasks() if t.cpu == cpu and kernel.task(t, "TASK_TIMER")]
        yield from expect(f"CPU{cpu}: timers in order", chain, sorted(chain))
        yield from expect(f"CPU{cpu}: timers", len(chain), len(sleepers))


def rcu(kernel: WholeKernel) -> Iterator[str]:
    """Grace periods come to their end, by reports of the CPUs."""
    seq = kernel.word("rcu_gp_seq")
    if seq < 8:
        yield f"rcu_gp_seq is {seq}: no two grace periods"
    if seq & 3 > 1:
        yield f"rcu_gp_seq is {seq}: neither idle nor under way"
    reports = kernel.total("PCPU_RCU_CORE")
    bits = bin(kernel.word("rcu_qsmask")).count("1")
    started = (seq + 3) // 4
    if not started <= reports + bits <= started * kernel.cpus:
        yield f"{reports} reports, {bits} awaited, in {started} grace periods"
    if kernel.total("PCPU_COND_RESCHED") == 0 or kernel.word("rcu_n_force_qs") < seq // 4:
        yield "nobody looked whether RCU is in need"


def files(kernel: WholeKernel) -> Iterator[str]:
    """Open files, their inodes and what was looked up: all as the tables of the tasks say."""
    held = descriptors(kernel)
    yield from expect("nr_files", kernel.word("nr_files"), len(held))
    yield from expect("sockets", kernel.word("sockets_in_use"), 0)
    for cache, used in (("filp_cachep", len(held)), ("names_cachep", 0)):
        yield from slab(kernel, cache, used)
    for task in kernel.tasks():
        numbers = sum(1 << number for owner, number, _ in held if owner == task)
        yield from expect(f"{task.comm}: numbers in use", kernel.u64(task.files + C["FILES_OPEN"]), numbers)
        yield from expect(f"{task.comm}: file_lock", kernel.u64(task.files + C["FILES_LOCK"]), 0)
    for name in INODES[:3]:
        inode = kernel.image.address(f"{name}_inode")
        opens = sum(file[C["FILE_INODE"] // 8] == inode for _, _, file in held)
        yield from expect(f"{name}: opens", kernel.u64(inode + C["INODE_OPENS"]), opens)
        yield from expect(f"{name}: i_rwsem", kernel.u64(inode + C["INODE_RWSEM"]), 0)
        yield from expect(f"{name}: invalidate_lock", kernel.u64(inode + C["INODE_INVALIDATE_LOCK"]), 0)
    for task, number, file in held:
        reading = task.comm == "sshd" or (task.comm == "make" and number == 0)
        owner = task.address if reading else 0
        yield from expect(f"{task.comm}: f_pos_lock of {number}", file[C["FILE_POS_LOCK"] // 8], owner)
    cat, sshd = all_rounds(kernel, "cat"), sum(kernel.user(task, "UB_ROUNDS") for task in kernel.tasks("sshd"))
    blocked = sum(kernel.task(task, "TASK_TIMER") == 0 for task in kernel.tasks("make"))
    logs, readers = len(kernel.tasks("rsyslogd")), len(kernel.tasks("sshd"))
    wanted = {"passwd": cat, "shadow": cat + sshd, "log": logs, "fifo": readers + all_rounds(kernel, "make") + blocked}
    for name, hits in wanted.items():
        yield from expect(f"{name}: looked up", kernel.word(f"dentry_{name}", C["DENTRY_HITS"]), hits)
    log = all_rounds(kernel, "rsyslogd")
    denied = {1: 2 * cat, 2: 2 * sshd}
    checks = {0: logs + log + all_rounds(kernel, "make") + blocked, 1: 4 * cat, 2: readers + 3 * sshd}
    for profile in range(3):
        at = 0x20 * profile
        yield from expect(
            f"profile {profile}: denied", kernel.word("aa_profiles", at + C["PROFILE_DENIED"]), denied.get(profile, 0)
        )
        yield from expect(
            f"profile {profile}: checks", kernel.word("aa_profiles", at + C["PROFILE_CHECKS"]), checks[profile]
        )
    calls = sum(kernel.task(task, "TASK_SYSCR") + kernel.task(task, "TASK_SYSCW") for task in kernel.tasks())
    yield from expect(
        "permission checks of reads and writes", kernel.total("PCPU_AA_CHECKS"), calls + readers + blocked
    )


def slab(kernel: WholeKernel, name: str, used: int) -> Iterator[str]:
    """Every object is either in use, on a CPU's list or on the node's."""
    cache = kernel.image.address(name)
    lists = [kernel.u64(cache + C["CACHE_NODE"])]
    for cpu in range(kernel.cpus):
        area = layout.PERCPU_BASE + cpu * layout.PERCPU_SIZE + kernel.u64(cache + C["CACHE_CPU"])
        lists.append(kernel.u64(area))
        count = chain(kernel, lists[-1])
        yield from expect(f"{name}: CPU{cpu}'s list", count, kernel.u64(area + C["CPU_SLAB_NR"]))
        if count > C["CPU_SLAB_BATCH"]:
            yield f"{name}: CPU{cpu} keeps {count} objects"
    free = sum(chain(kernel, head) for head in lists)
    yield from expect(f"{name}: in use", kernel.u64(cache + C["CACHE_INUSE"]), used)
    yield from expect(f"{name}: objects", free + used, kernel.u64(cache + C["CACHE_OBJECTS"]))


def chain(kernel: WholeKernel, head: int) -> int:
    """Length of a list of free objects; a list without end counts as too long."""
    length = 0
    while head and length < 1_000:
        length, head = length + 1, kernel.u64(head)
    return length


def pipe(kernel: WholeKernel) -> Iterator[str]:
    """What was written is what was read and what is in the pipe."""
    at = kernel.image.address("fifo_pipe")
    head, tail = kernel.u64(at + C["PIPE_HEAD"]), kernel.u64(at + C["PIPE_TAIL"])
    writers, readers = kernel.tasks("make"), kernel.tasks("sshd")
    yield from expect("pipe->mutex", kernel.u64(at + C["PIPE_MUTEX"]), 0)
    yield from expect("written", head, sum(kernel.task(task, "TASK_WCHAR") for task in writers))
    yield from expect("read", tail, sum(kernel.task(task, "TASK_RCHAR") for task in readers))
    ring = kernel.machine.memory.read(at + C["PIPE_BUF"], C["PIPE_SIZE"])
    inside = bytes(ring[place % C["PIPE_SIZE"]] for place in range(tail, head)) if head - tail <= 64 else b""
    held = sum(struct.unpack_from("<Q", inside, place)[0] for place in range(0, len(inside), 16))
    sums = [sum(kernel.user(task, "UB_SUM") for task in group) for group in (writers, readers)]
    yield from expect("sum of the messages", sums[0], sums[1] + held)
    if tail < 64:
        yield "not one turn of the ring was read"
    for task in writers:
        n = kernel.task(task, "TASK_SYSCW")
        yield from expect(f"{task.comm}: sum", kernel.user(task, "UB_SUM"), n * (n + 1) // 2)
        yield from expect(f"{task.comm}: wchar", kernel.task(task, "TASK_WCHAR"), 16 * n)
    for task in readers:
        yield from expect(f"{task.comm}: reads", kernel.task(task, "TASK_SYSCR"), kernel.user(task, "UB_ROUNDS"))
    ends = [task for task, number, _ in descriptors(kernel) if number == 0 and task.comm in ("make", "sshd")]
    yield from expect("ends of the pipe", kernel.u64(at + C["PIPE_FILES"]), len(ends))
    yield from expect("writers", kernel.u64(at + C["PIPE_WRITERS"]), sum(task.comm == "make" for task in ends))
    asleep = waiters(kernel, at + C["PIPE_RD_WAIT"])
    yield from expect("readers that wait", asleep, len(readers))
    if asleep and head != tail:
        yield f"{head - tail} bytes in the pipe, and nobody has woken a reader"
    blocked = sum(kernel.task(task, "TASK_TIMER") == 0 for task in writers)
    yield from expect("writers that wait", waiters(kernel, at + C["PIPE_WR_WAIT"]), blocked)
    if blocked and head - tail <= C["PIPE_SIZE"] - 16:
        yield f"{head - tail} bytes in the pipe, and nobody has woken a writer"


def waiters(kernel: WholeKernel, queue: int) -> int:
    """Length of a wait queue; one without end counts as too long."""
    length, entry = 0, kernel.u64(queue + C["WQ_FIRST"])
    while entry and length < 100:
        length, entry = length + 1, kernel.u64(entry + C["WAIT_NEXT"])
    return length


def page_cache(kernel: WholeKernel) -> Iterator[str]:
    """Pages are where the files say, hold what the disk holds, and are counted once each."""
    pages, dirty, active = 0, 0, 0
    for name in INODES[:3]:
        inode = kernel.image.address(f"{name}_inode")
        slots = kernel.words(inode + C["INODE_PAGES"], C["INODE_MAX_PAGES"])
        yield from expect(f"{name}: nrpages", kernel.u64(inode + C["INODE_NRPAGES"]), sum(map(bool, slots)))
        disk = kernel.u64(inode + C["INODE_DISK"])
        for index, folio in enumerate(slots):
            if not folio:
                continue
            pages += 1
            flags, references, at, mapping = kernel.words(folio, 4)
            dirty += flags >> C["PG_dirty"] & 1
            active += flags >> C["PG_active"] & 1
            state = (flags & 1, flags >> C["PG_uptodate"] & 1, references & 0xFFFFFFFF, at, mapping)
            yield from expect(f"{name}: page {index}", state, (0, 1, 1, index, inode))
            data = kernel.machine.memory.read(C["PAGES_BASE"] + (folio - C["FOLIOS_BASE"]) * 4, C["FOLIO_BYTES"])
            if disk:
                yield from expect(f"{name}: data", data, kernel.machine.memory.read(disk + 128 * index, 128))
    for number, (what, count) in enumerate((("pages", pages), ("dirty pages", dirty), ("active pages", active))):
        folded = kernel.word("vm_node_stat", 8 * number)
        parts = sum(kernel.u64(kernel_word(cpu, "PCPU_VM_NODE_STAT_DIFF") + 8 * number) for cpu in range(kernel.cpus))
        yield from expect(f"vm_node_stat: {what}", signed((folded + parts) & MASK), count)
    allocated, freed, updates = (
        sum(kernel.u64(kernel_word(cpu, "PCPU_VM_EVENTS") + 8 * event) for cpu in range(kernel.cpus))
        for event in range(3)
    )
    yield from expect("pages in use", allocated - freed, pages)
    yield from expect("pages free", bin(kernel.word("zone_free")).count("1"), C["FOLIO_MAX"] - pages)
    yield from expect("vmstat_update", updates, kernel.total("PCPU_WORKS"))
    yield from expect("works", kernel.word("vmstat_work", 8), updates)
    if updates < kernel.cpus or kernel.word("pageoutrun") == 0 or kernel.word("pgsteal_kswapd") == 0:
        yield "a thread of the kernel never had its turn"
    if not any(kernel.u64(kernel_word(cpu, "PCPU_VM_EVENTS") + 24) for cpu in range(kernel.cpus)):
        yield "no page was ever activated"
    if kernel.word("pgsteal_kswapd") > freed:
        yield "more pages stolen than given back"


def kernel_word(cpu: int, name: str) -> int:
    return layout.PERCPU_BASE + cpu * layout.PERCPU_SIZE + C[name]


def reads_and_writes(kernel: WholeKernel) -> Iterator[str]:
    """What the tasks are charged with is what their rounds read and write; the times of the inodes go on."""
    for task in kernel.tasks("cat"):
        n = rounds(kernel, task)
        yield from expect("cat: bytes", kernel.task(task, "TASK_RCHAR"), 336 * n)
        yield from expect("cat: sum", kernel.user(task, "UB_SUM"), 320 * n)
        yield from expect("cat: reads", kernel.task(task, "TASK_SYSCR"), 6 * n)
    lines = 0
    log = kernel.image.address("log_inode")
    for task in kernel.tasks("rsyslogd"):
        n = rounds(kernel, task)
        lines += n
        counts = [kernel.task(task, name) for name in ("TASK_RCHAR", "TASK_SYSCR", "TASK_WCHAR", "TASK_SYSCW")]
        yield from expect("rsyslogd: charged", counts, [32 * n, 2 * n, 24 * n, n])
        page = (task.cpu & 3) + 1
        folio = kernel.u64(log + C["INODE_PAGES"] + 8 * page)
        line = kernel.words(C["PAGES_BASE"] + (folio - C["FOLIOS_BASE"]) * 4, 3) if folio else ()
        if folio and not kernel.u64(folio) >> C["PG_dirty"] & 1:
            yield "rsyslogd: its page is not dirty"
        yield from expect("rsyslogd: its line", line, (0x1D * n & MASK, page << C["FOLIO_SHIFT"], task.address))
    yield from expect("dirtied", kernel.total("PCPU_BDP_RATELIMITS"), lines)
    if kernel.word("passwd_inode", C["INODE_ATIME"]) == 0:
        yield "nobody has noted that /etc/passwd was read"
    if kernel.tasks("rsyslogd") and kernel.u64(log + C["INODE_MTIME"]) == 0:
        yield "nobody has noted that /tmp/log was written"


CHECKS: tuple[Callable[[WholeKernel], Iterator[str]], ...] = (
    tasks,
    switching,
    time,
    rcu,
    files,
    pipe,
    page_cache,
    reads_and_writes,
)


def problems(kernel: WholeKernel) -> list[str]:
    """Everything that is wrong with a kernel at rest."""
    return [f"{check.__name__}: {problem}" for check in CHECKS for problem in check(kernel)]
