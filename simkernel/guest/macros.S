/*
 * macros.S: the words that every other file of this kernel is written in (Linux: include/linux/linkage.h,
 * arch/x86/include/asm/{linkage,ftrace,preempt,percpu}.h). It emits no byte itself. Assembled first.
 *
 * Calling conventions, for all files
 *   C functions   System V: arguments rdi rsi rdx rcx r8 r9, result rax; rbx rbp r12-r15 are the callee's to
 *                 keep. DF is 0. No alignment of rsp is needed: there is no SSE here.
 *   traced        SYM_FUNC_START: `call __fentry__` is its first instruction. What ftrace puts there keeps every
 *                 register but r10 and r11, which a callback may change, and the flags. As in Linux: no caller
 *                 keeps any of these across a call, and no function expects anything in them at its entry.
 *   noinstr       SYM_FUNC_START_NOTRACE and SYM_CODE_START: no site, and calls nothing traced where Linux
 *                 forbids it (entry code, the int3 handler, trampolines, tracer callbacks, the context switch).
 *   interrupts    come between any two instructions while IF is 1, NMIs always; they keep all registers.
 *   per CPU       %gs:PCPU_x . Counters of preempt.h are in %gs:PCPU_PREEMPT_COUNT.
 *   macros        Keystone has no `\@`: a macro that needs a label of its own takes a word to make it from.
 *   Keystone traps (each seen): `movq %gs:CONST, %reg` loads from rip+CONST, so use PER_CPU_READ CONST, %reg
 *                 (stores, movl, inc, xadd, cmp, push with %gs:CONST are right); `.text` ends the process.
 *
 * What the subsystems provide to this core (prototypes as in kernel/sched/core.c)
 *   void enqueue_init_task(task)          boot only, IF=0: put a made task on the run queue of its TASK_CPU
 *   void schedule(void)                   traced;   gives up the CPU of its own accord
 *   void __schedule(long sched_mode)      notrace;  SM_NONE, SM_PREEMPT or SM_IDLE; entered with preempt_count 1,
 *                                         switches with preempt_count 2 and IF=0, comes back with IF=1, count 1
 *   void schedule_idle(void)              traced;   __schedule(SM_IDLE) until need_resched is 0
 *   void preempt_schedule_irq(void)       traced;   IF=0 and count 0 at entry and exit
 *   void preempt_schedule(void)           notrace;  behind PREEMPT_ENABLE
 *   void schedule_tail(prev)              traced;   first code of a new task: what follows the switch in __schedule
 *   long x64_sys_call(rdi rsi rdx, rcx nr) traced;  see do_syscall_64 in entry.S
 *   void hrtimer_interrupt(dev)           traced;   the tick, IF=0, in a hard interrupt. What it interrupted is in
 *                                         %gs:PCPU_IRQ_USER (user_mode(get_irq_regs())): TASK_IN_USER is 0 in a handler
 *   init_tasks                            data: u64 count, then per task 0x30 bytes: char comm[16]; u32 pid;
 *                                         u32 cpu (0xff: one for each CPU, pid + cpu; a comm that ends in '/' gets
 *                                         the CPU's digit); u64 entry (goes to TASK_USER); u64 arg; u64 flags:
 *                                         INIT_KTHREAD: entry(arg) runs in the kernel; else it is a user part
 * What this core provides to the subsystems
 *   prev __switch_to_asm(prev, next)      notrace;  IF=0; returns prev in rax, on next's stack
 *   long entry_SYSCALL_64(...)            notrace;  `call` it from a user part: rax nr, rdi rsi rdx args; result rax
 */

.set SM_NONE, 0x0
.set SM_PREEMPT, 0x1
.set SM_IDLE, 0xffffffffffffffff

/* 1 if the interrupt under way came in a task's user part or in the idle task's HLT. */
.set PCPU_IRQ_USER, 0xf8

/* asm/preempt.h: one count, four fields. */
.set PREEMPT_OFFSET, 0x1
.set HARDIRQ_OFFSET, 0x10000
.set NMI_OFFSET, 0x100000
/* FORK_PREEMPT_COUNT: a new task starts in schedule_tail with the two that __schedule took (asm/preempt.h). */
.set FORK_PREEMPT_COUNT, 0x2

/* Flags in init_tasks. A stopper's entry is cpu_stopper_thread (smp.S). */
.set INIT_KTHREAD, 0x1

.set X86_EFLAGS_IF, 0x200
.set X86_EFLAGS_FIXED, 0x2

/* CONFIG_X86_KERNEL_IBT is defined by the assembler's caller when a kernel with endbr64 is wanted. */
.ifdef CONFIG_X86_KERNEL_IBT
.set ENDBR_INSN_SIZE, 0x4
.else
.set ENDBR_INSN_SIZE, 0x0
.endif

/* endbr64, as bytes because Keystone does not know it (asm/ibt.h). */
.macro ENDBR
.ifdef CONFIG_X86_KERNEL_IBT
.byte 0xf3, 0x0f, 0x1e, 0xfa
.endif
.endm

/*
 * Linkage (linkage.h): SYM_*_START is known to all files, SYM_*_START_LOCAL to its own, as a C function that is static.
 * The bytes are the same; kallsyms has a capital letter for the former. Objects that are not in Linux are local.
 */
.macro SYM_ENTRY name
.p2align 0x4, 0xcc
\name:
ENDBR
.endm

/* A traced C function, as gcc -pg -mfentry makes one: 16-byte aligned, the call first (FUNCTION_ALIGNMENT_16B). */
.macro SYM_FUNC_START name
SYM_ENTRY \name
call __fentry__
.endm
.macro SYM_FUNC_START_LOCAL name
SYM_ENTRY \name
call __fentry__
.endm

/*
 * The same, with the site `off` bytes after a 64-byte line (a page) begins: off 0x3d lets the line end after
 * three of the five bytes. Simplified: Linux aligns functions, so no site at a function's entry lies so there;
 * the inner call of a trampoline, jump labels and static calls can.
 */
.macro SYM_FUNC_START_STRADDLE name, off
.p2align 0x6, 0xcc
.fill \off - ENDBR_INSN_SIZE, 0x1, 0xcc
\name:
ENDBR
call __fentry__
.endm
.macro SYM_FUNC_START_STRADDLE_PAGE name, off
.p2align 0xc, 0xcc
.fill \off - ENDBR_INSN_SIZE, 0x1, 0xcc
\name:
ENDBR
call __fentry__
.endm

/* A notrace or noinstr C function. */
.macro SYM_FUNC_START_NOTRACE name
SYM_ENTRY \name
.endm
.macro SYM_FUNC_START_NOTRACE_LOCAL name
SYM_ENTRY \name
.endm
.macro SYM_FUNC_END name
.Lend_\name:
.endm

/* Code with a convention of its own: entry points, trampolines. */
.macro SYM_CODE_START name
SYM_ENTRY \name
.endm
.macro SYM_CODE_END name
.Lend_\name:
.endm

/* A name for a place inside a function: linkage SYM_L_GLOBAL or SYM_L_LOCAL. */
.macro SYM_INNER_LABEL name, linkage:req
\name:
.endm

/* A place that the machine or the patching task looks for. Linux has none, or a .L label: kallsyms leaves it out. */
.macro HOST_LABEL name
\name:
.endm

/*
 * An object in the data part: write `.data` before it (`.bss` where all of it begins as 0), `.text` after it. A
 * constant is in .data too: to nm, Linux's .rodata can be written, for __ro_after_init lies in it (RO_DATA,
 * vmlinux.lds.h).
 */
.macro SYM_DATA_START name
.p2align 0x3, 0x0
\name:
.endm
.macro SYM_DATA_START_LOCAL name
.p2align 0x3, 0x0
\name:
.endm
.macro SYM_DATA_END name
.Lend_\name:
.endm

/* Reads a 64-bit per-CPU word (this_cpu_read, asm/percpu.h). `(,%riz)` makes Keystone encode the plain offset. */
.macro PER_CPU_READ offset, reg
movq %gs:\offset(,%riz), \reg
.endm

/* Moves this CPU's current task to a register (asm/current.h). */
.macro GET_CURRENT reg
PER_CPU_READ PCPU_CURRENT, \reg
.endm

/* preempt_disable() and preempt_enable_no_resched(): one instruction each on x86 (asm/preempt.h). */
.macro PREEMPT_DISABLE
incq %gs:PCPU_PREEMPT_COUNT
.endm
.macro PREEMPT_ENABLE_NO_RESCHED
decq %gs:PCPU_PREEMPT_COUNT
.endm

/*
 * preempt_enable(): if the count falls to 0 and a reschedule is due, preempt now. `tag` is any word used once.
 * All registers are kept (preempt_schedule_thunk, arch/x86/entry/thunk.S), flags are not.
 */
.macro PREEMPT_ENABLE tag
decq %gs:PCPU_PREEMPT_COUNT
jnz .Lpreempt_\tag
cmpq $0x0, %gs:PCPU_NEED_RESCHED
je .Lpreempt_\tag
call preempt_schedule_thunk
.Lpreempt_\tag:
.endm

/* local_irq_save(reg), local_irq_restore(reg) (asm/irqflags.h). */
.macro LOCAL_IRQ_SAVE reg
pushfq
popq \reg
cli
.endm
.macro LOCAL_IRQ_RESTORE reg
pushq \reg
popfq
.endm
