"""Functions of the guest called one by one, each against a model in Python.

Every model takes a `WholeKernel` at rest and raises AssertionError where the guest disagrees; what it changes in
memory it may leave changed. `MODELS` lists them all.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterator

from simkernel.errors import GuestError
from simkernel.kernel import layout
from simkernel.kernel.abi import GO_ON, PARK_IN_THREAD, PARKED
from tests.guest.whole_kernel import MASK, C, WholeKernel

LOAD_AVG_PERIOD, LOAD_AVG_MAX = 32, 47742
# kernel/sched/sched-pelt.h is generated (Documentation/scheduler/sched-pelt.c): y^n in 32 bits, y^32 = 1/2.
Y_INVERSE = [int(((1 << 32) - 1) * 0.5 ** (n / 32)) for n in range(32)]
SCRATCH = C["USER_BASE"] + layout.TASKS_MAX * 0x200  # heap that nothing else uses
EACCES, EINVAL, EEXIST = -13, -22, -17


def signed32(value: int) -> int:
    value &= 0xFFFF_FFFF
    return value - (1 << 32) if value >> 31 else value


def signed64(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


def put(kernel: WholeKernel, address: int, *values: int) -> None:
    for number, value in enumerate(values):
        kernel.machine.memory.write_u64(address + 8 * number, value & MASK)


def chained(kernel: WholeKernel, first: int, following: int) -> list[int]:
    """A list in guest memory, from the word that holds its first entry; cut where it has no end."""
    chain: list[int] = []
    at = kernel.u64(first)
    while at and len(chain) < 10:
        chain.append(at)
        at = kernel.u64(at + following)
    return chain


# --- load tracking -----------------------------------------------------------------------------------------------


def decay_load(value: int, n: int) -> int:
    if n > LOAD_AVG_PERIOD * 63:
        return 0
    return (value >> n // LOAD_AVG_PERIOD) * Y_INVERSE[n % LOAD_AVG_PERIOD] >> 32


def accumulate_pelt_segments(periods: int, d1: int, d3: int) -> int:
    c2 = LOAD_AVG_MAX - decay_load(LOAD_AVG_MAX, periods) - 1024
    return (decay_load(d1, periods) + c2 + d3) & 0xFFFF_FFFF


def update_load_avg(now: int, average: list[int], load: int, weight: int) -> int:
    """___update_load_sum and ___update_load_avg on [last_update_time, load_sum, period_contrib, load_avg]."""
    last, total, contrib, _ = average
    delta = now - last
    if delta < 0:
        average[0] = now
        return 0
    delta >>= 10
    if delta == 0:
        return 0
    average[0] += delta << 10
    gained = delta
    delta += contrib
    periods, remainder = divmod(delta, 1024)
    if periods:
        total = decay_load(total, periods)
        gained = accumulate_pelt_segments(periods, 1024 - contrib, remainder)
    total += load * gained
    average[1:3] = [total, remainder]
    if not periods:
        return 0
    average[3] = weight * total // (LOAD_AVG_MAX - 1024 + remainder)
    return 1


def pelt(kernel: WholeKernel) -> None:
    """The arithmetic of load tracking, on random values and on the edges."""
    chance = random.Random(1)
    edges = [0, 1, 31, 32, 33, 63, 64, 2015, 2016, 2017, 1 << 33]
    for n in edges + [chance.randrange(3000) for _ in range(40)]:
        value = chance.choice([0, 1, 1024, LOAD_AVG_MAX, chance.getrandbits(40)])
        assert kernel.call("decay_load", value, n) == decay_load(value, n), (value, n)
        periods, d1, d3 = max(1, n & 0xFFFF), chance.randrange(1, 1025), chance.randrange(1024)
        found = kernel.call("__accumulate_pelt_segments", periods, d1, d3)
        assert found == accumulate_pelt_segments(periods, d1, d3), (periods, d1, d3)
    task, queue = SCRATCH, SCRATCH + 0x400
    entity, whole, now = [0, 0, 0, 0], [0, 0, 0, 0], 5_000_000
    put(kernel, task + C["TASK_AVG"], *entity)
    put(kernel, queue + C["CFS_AVG"], *whole)
    for _ in range(60):
        now += chance.choice([-2_000, 500, 1_024, 300_000, 1_100_000, 5_000_000, 3_000_000_000])
        on_rq, runnable = chance.randrange(2), chance.randrange(4)
        put(kernel, task + layout.TASK_ON_RQ, on_rq)
        put(kernel, queue + C["CFS_NR_RUNNING"], runnable)
        put(kernel, queue + C["RQ_CLOCK"], now)
        if chance.randrange(2):
            assert kernel.call("__update_load_avg_se", now, queue, task) == update_load_avg(now, entity, on_rq, 1024)
            ended = update_load_avg(now, whole, 1024 * runnable, 1)
            assert kernel.call("__update_load_avg_cfs_rq", now, queue) == ended
        else:
            update_load_avg(now, entity, on_rq, 1024)
            update_load_avg(now, whole, 1024 * runnable, 1)
            kernel.call("update_load_avg", queue, task, 0)
        assert list(kernel.words(task + C["TASK_AVG"], 4)) == entity
        assert list(kernel.words(queue + C["CFS_AVG"], 4)) == whole


# --- the fair class ----------------------------------------------------------------------------------------------


def fair(kernel: WholeKernel) -> None:
    """A queue in the order of vruntime: who comes, who goes, who is picked, what a slice is."""
    chance = random.Random(2)
    queue, slice_ = SCRATCH + 0x400, C["SCHED_SLICE"]
    entities = [SCRATCH + 0x1000 + 0x100 * number for number in range(6)]
    put(kernel, queue + C["CFS_LEFTMOST"], 0)
    put(kernel, queue + C["CFS_CURR"], 0)
    order: list[tuple[int, int]] = []
    for entity in entities:
        vruntime = chance.randrange(4)
        put(kernel, entity + layout.TASK_VRUNTIME, vruntime)
        put(kernel, entity + layout.TASK_ON_RQ, 1)
        kernel.call("__enqueue_entity", queue, entity)
        order.append((vruntime, entity))
    order.sort(key=lambda pair: pair[0])
    gone = order.pop(3)
    kernel.call("__dequeue_entity", queue, gone[1])
    chain = chained(kernel, queue + C["CFS_LEFTMOST"], C["TASK_NEXT"])
    assert chain == [entity for _, entity in order]
    assert kernel.call("pick_eevdf", queue) == order[0][1]
    put(kernel, queue + C["CFS_CURR"], gone[1])
    for vruntime, wanted in ((0, order[0][1]), (order[0][0] + 1, order[0][1])):
        put(kernel, gone[1] + layout.TASK_VRUNTIME, vruntime)
        wanted = gone[1] if vruntime < order[0][0] else wanted
        assert kernel.call("pick_eevdf", queue) == wanted
    for floor, vruntime in ((1000, 5), (5, 1000)):
        put(kernel, queue + C["CFS_MIN_VRUNTIME"], floor)
        put(kernel, gone[1] + layout.TASK_VRUNTIME, vruntime)
        kernel.call("place_entity", queue, gone[1], 0)
        placed = kernel.u64(gone[1] + layout.TASK_VRUNTIME), kernel.u64(gone[1] + C["TASK_SLICE_END"])
        assert placed == (1000, 1000 + slice_)
    for vruntime, used_up in ((1000 + slice_ - 1, 0), (1000 + slice_, 1)):
        put(kernel, gone[1] + layout.TASK_VRUNTIME, vruntime)
        assert kernel.call("update_deadline", queue, gone[1]) == used_up
    assert kernel.u64(gone[1] + C["TASK_SLICE_END"]) == 1000 + 2 * slice_
    put(kernel, queue + C["CFS_LEFTMOST"], 0)
    before = kernel.u64(gone[1] + layout.TASK_VRUNTIME)
    put(kernel, gone[1] + C["TASK_EXEC_START"], 0)
    put(kernel, queue + C["RQ_CLOCK"], 777)
    put(kernel, queue + C["CFS_NR_RUNNING"], 1)
    kernel.call("yield_task_fair", queue)
    assert kernel.u64(gone[1] + layout.TASK_VRUNTIME) == before + 777 + slice_


def ticks(kernel: WholeKernel) -> None:
    """A tick charges who runs, vruntime and load alike, and what it interrupted lets go of the CPU when asked to."""
    queue, task, now = SCRATCH + 0x400, SCRATCH, 9_000_000
    put(kernel, queue + C["CFS_LEFTMOST"], 0)
    put(kernel, queue + C["CFS_NR_RUNNING"], 1)
    put(kernel, queue + C["CFS_CURR"], task)
    put(kernel, queue + C["RQ_CLOCK"], now)
    put(kernel, queue + C["CFS_AVG"], 0, 0, 0, 0)
    put(kernel, task + C["TASK_AVG"], 0, 0, 0, 0)
    put(kernel, task + layout.TASK_ON_RQ, 1)
    put(kernel, task + layout.TASK_VRUNTIME, 50)
    put(kernel, task + C["TASK_EXEC_START"], now - 333)
    average = [0, 0, 0, 0]
    update_load_avg(now, average, 1, 1024)
    kernel.call("entity_tick", queue, task, 0)
    assert (kernel.u64(task + layout.TASK_VRUNTIME), kernel.u64(task + C["TASK_EXEC_START"])) == (50 + 333, now)
    assert list(kernel.words(task + C["TASK_AVG"], 4)) == average

    need, count = layout.PERCPU_BASE + layout.PCPU_NEED_RESCHED, layout.PERCPU_BASE + layout.PCPU_PREEMPT_COUNT
    before, held = kernel.rq(0, "RQ_SCHED_COUNT"), kernel.u64(count)
    put(kernel, need, 1)
    kernel.call("preempt_schedule_irq")
    assert (kernel.u64(need), kernel.u64(count), kernel.rq(0, "RQ_SCHED_COUNT")) == (0, held, before + 1)


def quiescent_states(kernel: WholeKernel) -> None:
    """A long loop notes a quiescent state where RCU is in need of one, and only there."""
    area = layout.PERCPU_BASE
    names = ("PCPU_RCU_URGENT", "PCPU_RCU_NO_QS", "PCPU_RCU_SEEN", "PCPU_RCU_ALL_QS")
    put(kernel, area + C["PCPU_RCU_NO_QS"], 1)
    for urgent in (0, 1):
        put(kernel, area + C["PCPU_RCU_URGENT"], urgent)
        _, waiting, seen, calls = (kernel.percpu(0, name) for name in names)
        kernel.call("rcu_all_qs")
        after = (0, waiting - urgent, seen + urgent, calls + urgent)
        assert tuple(kernel.percpu(0, name) for name in names) == after


# --- files -------------------------------------------------------------------------------------------------------


def rotate(value: int, bits: int) -> int:
    return (value << bits | value >> (64 - bits)) & MASK


def name_hash(name: bytes) -> int:
    """hash_name() of fs/namei.c with DCACHE_WORD_ACCESS on 64 bits, salt 0 (HASH_MIX, fold_hash)."""
    x = y = 0
    whole, rest = len(name) // 8 * 8, len(name) % 8
    for at in range(0, whole, 8):
        x ^= int.from_bytes(name[at : at + 8], "little")
        y ^= x
        x = (rotate(x, 12) + y) & MASK
        y = rotate(y, 45) * 9 & MASK
        x &= MASK
    if rest:
        x ^= int.from_bytes(name[whole:], "little")
    golden = 0x61C8_8646_80B5_83EB
    return ((y ^ x * golden & MASK) * golden & MASK) >> 32


def names(kernel: WholeKernel) -> None:
    """The hash of a name; the hashes in the image; a look-up that finds, and one that does not."""
    nameidata, filename = SCRATCH, SCRATCH + 0x100
    for text in (b"/etc/passwd", b"/etc/shadow", b"/tmp/log", b"/tmp/fifo", b"x", b"12345678", b"/no/such/file"):
        kernel.machine.memory.write(filename + C["FILENAME_NAME"], text.ljust(24, b"\0"))
        put(kernel, filename + C["FILENAME_LEN"], len(text))
        put(kernel, nameidata, filename, 0, 0, 0)
        assert kernel.call("link_path_walk.part.0.constprop.0", nameidata) == 0
        assert kernel.machine.memory.read_u32(nameidata + C["ND_HASH"]) == name_hash(text), text
        known = [symbol.name for symbol in kernel.image.symbols if symbol.name.startswith("dentry_")]
        wanted = next((k for k in known if k == "dentry_" + text.decode().rpartition("/")[2]), None)
        found = kernel.call("lookup_fast", nameidata)
        assert found == (kernel.image.address(wanted) if wanted else 0), text
    put(kernel, filename + C["FILENAME_LEN"], 0)
    assert signed32(kernel.call("link_path_walk.part.0.constprop.0", nameidata)) == -2


def seeks(kernel: WholeKernel) -> None:
    """SEEK_SET, SEEK_CUR and SEEK_END, and where a file may not be positioned."""
    file, chance = SCRATCH, random.Random(3)
    for _ in range(60):
        position, offset, whence = chance.randrange(500), chance.randrange(-400, 400), chance.randrange(3)
        put(kernel, file + C["FILE_POS"], position)
        wanted = offset + (0, position, 300)[whence]
        found = signed64(kernel.call("generic_file_llseek_size", file, offset & MASK, whence, 600, 300))
        if 0 <= wanted <= 600:
            assert (found, kernel.u64(file + C["FILE_POS"])) == (wanted, wanted)
        else:
            assert (found, kernel.u64(file + C["FILE_POS"])) == (EINVAL, position)


def permissions(kernel: WholeKernel) -> None:
    """What a profile allows for a kind of file and a family, and what a file was granted at its open."""
    file, inode, granted = SCRATCH, SCRATCH + 0x100, SCRATCH + 0x200
    table = kernel.image.address("aa_profiles")
    put(kernel, file + C["FILE_INODE"], inode)
    for profile in range(3):
        allowed = kernel.machine.memory.read(table + 0x20 * profile, 8)
        families = kernel.u64(table + 0x20 * profile + C["PROFILE_NET"])
        for rule in range(4):
            put(kernel, inode + C["INODE_RULE"], rule)
            for request in range(16):
                wanted = EACCES if request & ~allowed[rule] else 0
                assert signed32(kernel.call("aa_path_perm", profile, inode, request, granted)) == wanted
                assert kernel.machine.memory.read_u32(granted) == allowed[rule]
                kernel.machine.memory.write(file + C["FILE_ALLOW"], struct.pack("<I", 0xF))
                assert kernel.call("aa_file_perm", profile, file, request) == 0
                kernel.machine.memory.write(file + C["FILE_ALLOW"], struct.pack("<I", 0))
                again = wanted if profile and request else 0
                assert signed32(kernel.call("aa_file_perm", profile, file, request)) == again
        for family in range(8):
            wanted = 0 if families >> family & 1 else EACCES
            assert signed32(kernel.call("aa_af_perm", profile, 0, C["AA_MAY_CREATE"], family, 1)) == wanted


# --- memory ------------------------------------------------------------------------------------------------------


def counters(kernel: WholeKernel) -> None:
    """A node counter: what every CPU keeps back is within the threshold, and folded it is exact."""
    chance, threshold = random.Random(4), C["STAT_THRESHOLD"]
    node = kernel.image.address("vm_node_stat")
    kept = layout.PERCPU_BASE + C["PCPU_VM_NODE_STAT_DIFF"]
    for item in (0, 8, 16):
        total = signed64((kernel.u64(node + item) + kernel.u64(kept + item)) & MASK)
        for _ in range(30):
            delta = chance.randrange(-4, 5)
            total += delta
            kernel.call("__mod_node_page_state", node, item, delta & MASK)
            diff = signed64(kernel.u64(kept + item))
            assert abs(diff) <= threshold
            assert signed64((kernel.u64(node + item) + diff) & MASK) == total
        put(kernel, kept + item, 2)
    before = kernel.words(node, 3)
    assert kernel.call("refresh_cpu_vm_stats", 1) == 3
    assert kernel.words(kept, 3) == (0, 0, 0)
    assert kernel.words(node, 3) == tuple((old + 2) & MASK for old in before)


def objects(kernel: WholeKernel) -> None:
    """Objects of a cache: all different, inside its memory, none given twice, all given back."""
    cache = kernel.image.address("names_cachep")
    count, size = kernel.u64(cache + C["CACHE_OBJECTS"]), kernel.u64(cache + C["CACHE_OBJECT_SIZE"])
    base, chance = kernel.u64(cache + C["CACHE_MEMORY"]), random.Random(5)
    held: list[int] = []
    for _ in range(300):
        if held and chance.randrange(5) < 2:
            kernel.call("kmem_cache_free", cache, held.pop(chance.randrange(len(held))))
        else:
            taken = kernel.call("kmem_cache_alloc_noprof", cache, 0)
            if taken:
                assert taken not in held and (taken - base) % size == 0 and 0 <= taken - base < count * size
                held.append(taken)
            else:
                others = sum(
                    kernel.u64(kernel_area(cpu, cache, kernel) + C["CPU_SLAB_NR"]) for cpu in range(1, kernel.cpus)
                )
                assert len(held) + others == count
        assert kernel.u64(cache + C["CACHE_INUSE"]) == len(held)
    for taken in held:
        kernel.call("kmem_cache_free", cache, taken)
    assert kernel.u64(cache + C["CACHE_INUSE"]) == 0


def kernel_area(cpu: int, cache: int, kernel: WholeKernel) -> int:
    return layout.PERCPU_BASE + cpu * layout.PERCPU_SIZE + kernel.u64(cache + C["CACHE_CPU"])


# --- locks and timers --------------------------------------------------------------------------------------------


def locks(kernel: WholeKernel) -> None:
    """A lock's word, the preempt count and the flags, for each way to take it; sleeping locks too."""
    lock, count = SCRATCH, layout.PERCPU_BASE + layout.PCPU_PREEMPT_COUNT
    put(kernel, lock, 0)
    for take, release in (("_raw_spin_lock", "_raw_spin_unlock"), ("_raw_spin_lock_irq", "_raw_spin_unlock_irq")):
        before = kernel.u64(count)
        kernel.call(take, lock)
        assert (kernel.u64(lock), kernel.u64(count)) == (1, before + 1), take
        kernel.call(release, lock)
        assert (kernel.u64(lock), kernel.u64(count)) == (0, before), release
    flags = kernel.call("_raw_spin_lock_irqsave", lock)
    assert flags & 0x200 == 0 and kernel.u64(lock) == 1
    kernel.call("_raw_spin_unlock_irqrestore", lock, flags)
    assert kernel.u64(lock) == 0
    kernel.call("queued_spin_lock_slowpath", lock, 0)
    assert kernel.u64(lock) == 1
    current = kernel.percpu(0, "PCPU_CURRENT")
    for take in ("mutex_lock", "__mutex_lock_slowpath"):
        put(kernel, lock, 0)
        kernel.call(take, lock)
        assert kernel.u64(lock) == current, take
        kernel.call("mutex_unlock", lock)
        assert kernel.u64(lock) == 0, take
    for take, held, release in (("down_read", 0x100, "up_read"), ("down_write", 1, "up_write")):
        kernel.call(take, lock)
        assert kernel.u64(lock) == held, take
        kernel.call(release, lock)
        assert kernel.u64(lock) == 0, release


def timers(kernel: WholeKernel) -> None:
    """Timers in the order of expiry, and taken out again from anywhere in the queue."""
    first = layout.PERCPU_BASE + C["PCPU_HRTIMER_FIRST"]
    saved = kernel.u64(first)
    put(kernel, first, 0)
    sleepers = [SCRATCH + 0x100 * number for number in range(5)]
    for sleeper, expires in zip(sleepers, (30, 10, 50, 10, 40), strict=True):
        kernel.call("hrtimer_start_range_ns", sleeper, expires)
    for gone in (sleepers[3], sleepers[2], sleepers[1]):
        assert kernel.call("hrtimer_try_to_cancel", gone) == 1
        assert kernel.call("hrtimer_try_to_cancel", gone) == 0
    chain = chained(kernel, first, C["TASK_TIMER_NEXT"])
    assert [kernel.u64(sleeper + C["TASK_TIMER"]) for sleeper in chain] == [30, 40]
    put(kernel, first, saved)
    assert kernel.call("ktime_get") < kernel.call("ktime_get")


# --- interrupts --------------------------------------------------------------------------------------------------


def interrupts(kernel: WholeKernel) -> None:
    """An NMI is counted; a sync is answered after a serializing instruction; a CPU parks when asked, and goes on."""
    before = kernel.words(kernel.image.address("nmi_count"), kernel.cpus)
    for cpu in range(kernel.cpus):
        kernel.nmi(cpu)
        kernel.run(20)
    after = kernel.words(kernel.image.address("nmi_count"), kernel.cpus)
    assert after == tuple(count + 1 for count in before)
    word = layout.PERCPU_BASE + layout.PCPU_CSD
    put(kernel, word, 1)
    kernel.smp.ask_sync(0)
    assert kernel.irets_until_zero(word) > 0, "PCPU_CSD was answered without a serializing instruction"
    stop = layout.PERCPU_BASE + layout.PCPU_STOP
    put(kernel, stop, PARK_IN_THREAD)
    kernel.smp.ask_park(0)
    assert kernel.until(stop, PARKED), "did not park"
    put(kernel, stop, GO_ON)
    assert kernel.until(stop, 0), "did not go on"


MODELS: tuple[Callable[[WholeKernel], None], ...] = (
    pelt,
    fair,
    ticks,
    quiescent_states,
    names,
    seeks,
    permissions,
    counters,
    objects,
    locks,
    timers,
    interrupts,
)


def disagreements(kernel: WholeKernel) -> Iterator[str]:
    """Which models the guest disagrees with, each when it is found."""
    for model in MODELS:
        try:
            model(kernel)
        except (AssertionError, GuestError) as error:
            yield f"{model.__name__}: {error}"
