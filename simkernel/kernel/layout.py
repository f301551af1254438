"""The memory map: one address space, at the addresses a 64-bit Linux kernel uses.

    0xffffffff81000000  TEXT     the guest's text, then (page aligned) its initialised data: one assembly
    0xffffffff82000000  SYNTH    text of a synthetic kernel's functions (`--functions N`), up to 96 MiB
    0xffffffff88000000  BSS      everything that starts as zeroes; the structures below, at fixed places
    0xffffffffc0400000  TRAMP    trampolines that ftrace allocates, 64 KiB, in the area of modules. That begins at
                                 MODULES_VADDR, 0xffffffffc0000000: CONFIG_RANDOMIZE_BASE, booted with `nokaslr`
                                 (asm/page_64_types.h, asm/pgtable_64_types.h)

All of it lies in the top 2 GiB, so `call rel32` reaches everything and a signed 32-bit displacement is an
absolute address (the kernel's code model, `-mcmodel=kernel`).

A CPU *runs* TEXT, SYNTH and TRAMP from bytes of its own (`hw/fetch.py`); it reads and writes all else in memory
that every CPU shares.

`Simplified:` Linux places per-CPU areas, stacks, task_structs and tables by allocators at run time, and maps
text read-only; here each has a fixed place and text is written by the patching task alone. A trampoline is in the first
free pages of its area, with a guard page behind it (execmem_alloc(), EXECMEM_FTRACE); here the pages lie side by side.

The numbers below are also the guest's: `assembler_constants()` hands every one to the assembler as `.set`.
"""

from __future__ import annotations

from simkernel.asm import Target

# The guest's sources use these by name, too.
from simkernel.hw.x86 import CACHE_LINE as CACHE_LINE
from simkernel.hw.x86 import PAGE_SIZE as PAGE_SIZE
from simkernel.hw.x86 import VECTOR_BP as VECTOR_BP
from simkernel.hw.x86 import VECTOR_DF as VECTOR_DF
from simkernel.hw.x86 import VECTOR_GP as VECTOR_GP
from simkernel.hw.x86 import VECTOR_NMI as VECTOR_NMI
from simkernel.hw.x86 import VECTOR_PF as VECTOR_PF
from simkernel.hw.x86 import VECTOR_UD as VECTOR_UD

NR_CPUS = 8

TEXT_BASE = 0xFFFF_FFFF_8100_0000
TEXT_SIZE = 0x0100_0000
SYNTH_BASE = 0xFFFF_FFFF_8200_0000
SYNTH_SIZE = 0x0600_0000
BSS_BASE = 0xFFFF_FFFF_8800_0000
TRAMP_BASE = 0xFFFF_FFFF_C040_0000
TRAMP_SIZE = 0x1_0000

# --- segments (GDT selectors), as in Linux's asm/segment.h -------------------------------------------------
KERNEL_CS = 0x10
KERNEL_DS = 0x18
TSS_SELECTOR = 0x40

# --- system vectors (Linux's asm/irq_vectors.h), IST stacks ---------------------------------------------------
VECTOR_CALL_FUNCTION = 0xFC
VECTOR_TIMER = 0xEC
IST_NMI = 2
IST_DF = 1

# --- BSS: fixed places ---------------------------------------------------------------------------------------
PERCPU_BASE = BSS_BASE  # one page a CPU: the per-CPU area that GS points to
PERCPU_SIZE = 0x1000

TSS_BASE = BSS_BASE + 0x2_0000  # one 0x100 area a CPU
TSS_STRIDE = 0x100
GDT_BASE = BSS_BASE + 0x2_1000  # one 0x100 area a CPU, filled in by the guest at boot
GDT_STRIDE = 0x100
IDT_BASE = BSS_BASE + 0x2_2000  # one IDT for all CPUs, 256 gates of 16 bytes, filled in by the guest at boot

TP_VEC = BSS_BASE + 0x2_4000  # struct text_poke_loc tp_vec[256]: the batch (alternative.c)
TP_VEC_MAX = 256
TP_LOC_SIZE = 16

# struct ftrace_ops: 16 slots of 0x80 bytes
FTRACE_OPS_BASE = BSS_BASE + 0x2_6000
FTRACE_OPS_SIZE = 0x80
FTRACE_OPS_MAX = 16

# task_struct: 64 slots of 0x100 bytes; slot index is not the pid
TASKS_BASE = BSS_BASE + 0x2_8000
TASK_SIZE = 0x100
TASKS_MAX = 64

# For each task slot a guard page that is not mapped, then the stack: 8 KiB (Linux: 16 KiB), growing down from the end.
TASK_STACKS = BSS_BASE + 0x4_0000
TASK_STACK_SIZE = 0x2000
TASK_STACK_STRIDE = PAGE_SIZE + TASK_STACK_SIZE

HEAP_BASE = BSS_BASE + 0x10_0000  # data of the subsystems: files, page cache, buffers of the tasks
HEAP_SIZE = 0x4_0000

# The IST stacks, per CPU: guard page, page for #DF, guard page, page for NMI (struct cea_exception_stacks).
IRQ_STACKS = BSS_BASE + 0x14_0000
DF_STACK_TOP = 0x2000  # offsets of the ends, from where the stacks grow down
NMI_STACK_TOP = 0x4000
IRQ_STACK_STRIDE = 0x4000

RING_BASE = BSS_BASE + 0x20_0000  # per-CPU ring buffers
RING_ENTRIES = 1024  # a power of two
RING_ENTRY_SIZE = 32
RING_STRIDE = RING_ENTRIES * RING_ENTRY_SIZE

BSS_FIXED_SIZE = 0x28_0000
# above it, sized when a kernel is loaded: dyn_ftrace records, then the ftrace_hash arena
DYN_FTRACE_BASE = BSS_BASE + 0x40_0000
DYN_FTRACE_SIZE = 16
HASH_ARENA_OFFSET_ALIGN = PAGE_SIZE

# --- the per-CPU area (offsets from GS) ----------------------------------------------------------------------
PCPU_SELF = 0x00  # this area's own address (Linux: this_cpu_off)
PCPU_NUMBER = 0x08  # cpu_number
PCPU_CURRENT = 0x10  # current_task: address of a task_struct
PCPU_PREEMPT_COUNT = 0x18  # u64: PREEMPT 0..7, SOFTIRQ 8..15, HARDIRQ 16..19, NMI 20..23 (asm/preempt.h)
PCPU_NEED_RESCHED = 0x20  # u64: TIF_NEED_RESCHED of the current task
PCPU_CLOCK = 0x28  # the clock word: set by the machine when a choice begins; each reading adds one
PCPU_CSD = 0x30  # call_single_data: 1 = the patching task asks for do_sync_core; the handler stores 0 when it has
PCPU_HLT = 0x38  # 1 from just before the idle task's HLT until the first instruction of any handler
PCPU_ONLINE = 0x40  # 1 once this CPU runs its scheduler
PCPU_STOP = 0x48  # stop_machine: host 1 (thread), 0x11 (IPI): park; guest 2: parked; host 3: go on; guest 0: done
PCPU_RING_HEAD = 0x50  # records reserved so far (a record's slot is head mod RING_ENTRIES)
PCPU_RING_OVERRUN = 0x58  # records that overwrote one not yet read
PCPU_RING_TAIL = 0x60  # records that the reader has consumed (control word: trace_pipe and buffer reset)
PCPU_TICKS = 0x68  # jiffies of this CPU
PCPU_OOPS_REGS = 0x70  # address of the pt_regs of an oops on this CPU
PCPU_OOPS_VECTOR = 0x78
PCPU_OOPS_ERROR = 0x80
PCPU_IDLE_TASK = 0x88  # address of this CPU's idle task_struct
PCPU_OOPS_GUARD = 0x90  # the address in a stack's guard page that an oops is about, 0: none
PCPU_RQ = 0x100  # struct rq of this CPU, to 0x3ff (guest/sched.S says what is in it)
RQ_NR_SWITCHES = 0x28  # in it: u64, context switches
PCPU_VMSTAT = 0x400  # vm_stat differentials and other per-CPU counters, to 0x5ff
PCPU_MISC = 0x600  # the rest belongs to the subsystems

# --- task_struct (offsets) -----------------------------------------------------------------------------------
TASK_SP = 0x00  # saved stack pointer while not running
TASK_PID = 0x08  # u32
TASK_CPU = 0x0C  # u32
TASK_COMM = 0x10  # char[16]
TASK_STATE = 0x20  # u64: 0 TASK_RUNNING, 1 TASK_INTERRUPTIBLE
TASK_ON_RQ = 0x28
TASK_NVCSW = 0x30  # voluntary context switches (rcu_tasks_nvcsw)
TASK_NIVCSW = 0x38  # involuntary ones: preemptions
TASK_IN_USER = 0x40  # 1 while the task runs its user part (or is the idle task)
TASK_SYSCALLS = 0x48  # system calls completed
TASK_VRUNTIME = 0x50
TASK_USER = 0x58  # address of the task's user part
TASK_ERRORS = 0x60  # wrong results that the task's user part has seen: must stay 0
TASK_PREEMPT_COUNT = 0x68  # saved preempt_count while not running
TASK_DATA = 0x70  # the rest belongs to the subsystems

# --- struct ftrace_ops (offsets; the fields of Linux's struct that this kernel uses, in its order) -----------
OPS_FUNC = 0x00
OPS_NEXT = 0x08
OPS_FLAGS = 0x10
OPS_PRIVATE = 0x18
OPS_SAVED_FUNC = 0x20
OPS_NOTRACE_HASH = 0x28  # address of a struct ftrace_hash, 0 = EMPTY_HASH
OPS_FILTER_HASH = 0x30
OPS_TRAMPOLINE = 0x38
OPS_TRAMPOLINE_SIZE = 0x40
OPS_HITS = 0x48  # times its callback ran (counted by callbacks that only count)

# struct ftrace_hash: u64 count, then the addresses, sorted. `Simplified:` Linux's is a hash table.
HASH_COUNT = 0x00
HASH_IPS = 0x08

# --- struct text_poke_loc (offsets; alternative.c, 6.12) -----------------------------------------------------
TP_REL_ADDR = 0  # s32: address of the site, less _stext (TEXT_BASE)
TP_DISP = 4  # s32
TP_LEN = 8  # u8
TP_OPCODE = 9  # u8, of the instruction to emulate
TP_TEXT = 10  # u8[5]
TP_OLD = 15  # u8

# struct bp_patching_desc (offsets; alternative.c, 6.12)
DESC_VEC = 0  # address of the batch's first text_poke_loc
DESC_NR_ENTRIES = 8  # int
DESC_REFS = 12  # atomic_t
DESC_SIZE = 16

# --- a ring buffer record (offsets) ---------------------------------------------------------------------------
REC_TS = 0x00
REC_OWN = 0x08  # what follows up to the pid depends on the record's type (trace/entries)
REC_IP = 0x08
REC_PARENT = 0x10
REC_PID = 0x18  # u32
REC_FLAGS = 0x1C  # u32: see below; stored last, 0 while the record is being written

REC_VALID = 0x8000_0000
REC_IRQS_OFF = 0x0000_0001
REC_NEED_RESCHED = 0x0000_0002
REC_HARDIRQ = 0x0000_0004
REC_NMI = 0x0000_0008
REC_TYPE_SHIFT = 4  # the record's type in bits 4..7 (trace/table.py); 0: a traced call
REC_TYPE_MASK = 0xF
REC_PREEMPT_SHIFT = 8  # preempt depth in bits 8..15, as it was at the traced function's entry

# --- struct pt_regs (offsets; ftrace_64.S and asm/ptrace.h) --------------------------------------------------
PT_R15 = 0
PT_R14 = 8
PT_R13 = 16
PT_R12 = 24
PT_RBP = 32
PT_RBX = 40
PT_R11 = 48
PT_R10 = 56
PT_R9 = 64
PT_R8 = 72
PT_RAX = 80
PT_RCX = 88
PT_RDX = 96
PT_RSI = 104
PT_RDI = 112
PT_ORIG_RAX = 120
PT_RIP = 128
PT_CS = 136
PT_EFLAGS = 144
PT_RSP = 152
PT_SS = 160
FRAME_SIZE = 168


def hash_arena(sites: int) -> tuple[int, int]:
    """Where the ftrace hashes of a kernel with so many sites lie: the first address, and the size in bytes.

    They begin on the page behind the dyn_ftrace records. There is room for many hashes of a small kernel, and for four
    of a large one that hold every site (struct ftrace_hash: a count and the sites, 8 bytes each).
    """
    end = DYN_FTRACE_BASE + sites * DYN_FTRACE_SIZE
    base = -(-end // HASH_ARENA_OFFSET_ALIGN) * HASH_ARENA_OFFSET_ALIGN
    return base, max(0x4_0000, 4 * (8 * sites + 16))


def assembler_constants() -> dict[str, int]:
    """Every integer constant of this page, by name, for the assembler's `.set` prelude."""
    return {name: value for name, value in globals().items() if name.isupper() and isinstance(value, int)}


def target() -> Target:
    """What a kernel of this map is assembled for."""
    return Target(assembler_constants(), TEXT_BASE, TEXT_SIZE)
