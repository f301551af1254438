/*
 * smp.S: what a CPU does when another asks it to (Linux: arch/x86/kernel/smp.c, kernel/smp.c, kernel/stop_machine.c,
 * arch/x86/kernel/alternative.c, asm/sync_core.h).
 *
 * The call function interrupt comes while IF=1, between any two instructions. The patching task has stored before it
 *   PCPU_CSD   1: run do_sync_core, then store 0 (text_poke_sync waits for that)
 *   PCPU_STOP  1: park in the stopper thread; 0x11: park here; then 2 parked (ours), 3 go on (its), 0 (ours)
 * Simplified: a word for each of the two stands for the queue of call_single_data; no interrupt has to be sent back.
 */

.set STOP_IN_THREAD, 0x1
.set STOP_PARKED, 0x2
.set STOP_GO_ON, 0x3
.set STOP_IN_IPI, 0x11

/* iret_to_self() (asm/sync_core.h): a frame that leads to the line behind it, with rsp as before the first push. */
.macro IRET_TO_SELF
movq %rsp, %rax
pushq $KERNEL_DS
pushq %rax
pushfq
pushq $KERNEL_CS
pushq $.Liret_here_\@
iretq
.Liret_here_\@:
.endm

DEFINE_IDTENTRY_SYSVEC sysvec_call_function

SYM_FUNC_START_LOCAL __sysvec_call_function
	call generic_smp_call_function_single_interrupt
	ret
SYM_FUNC_END __sysvec_call_function

SYM_FUNC_START generic_smp_call_function_single_interrupt
	jmp __flush_smp_call_function_queue
SYM_FUNC_END generic_smp_call_function_single_interrupt

/*
 * A request may be there for either reason, or for none: the interrupt only says "look". Simplified: in Linux the CPU
 * that asks calls wake_up_process() (cpu_stop_queue_work).
 */
SYM_FUNC_START_LOCAL __flush_smp_call_function_queue
	cmpq $0x0, %gs:PCPU_CSD
	je .Lflush_stop
	call do_sync_core
/* csd_unlock(): the answer. It comes after the function, so whoever reads it knows that this CPU has serialized. */
	movq $0x0, %gs:PCPU_CSD
.Lflush_stop:
	cmpq $0x0, %gs:PCPU_STOP
	jne .Lflush_park
	ret
.Lflush_park:
	cmpq $STOP_IN_IPI, %gs:PCPU_STOP
	je .Lflush_park_here
	cmpq $STOP_IN_THREAD, %gs:PCPU_STOP
	jne .Lflush_out
/* cpu_stop_queue_work(): the stopper is of the highest class, so it runs as soon as this task may be preempted. */
	PER_CPU_READ PCPU_RQ + RQ_STOP, %rdi
	call wake_up_process
	ret
/* Simplified: Linux never parks in the interrupt (with on_each_cpu one can); it shows what IRET at the end is worth. */
.Lflush_park_here:
	call stop_cpu_and_wait
.Lflush_out:
	ret
SYM_FUNC_END __flush_smp_call_function_queue

/*
 * void do_sync_core(void *info): one serializing instruction (sync_core()). IRET to the next instruction works on every
 * CPU and never traps to a hypervisor. Simplified: SERIALIZE, which Linux prefers, is not known to the simulated CPU;
 * and sync_with_cpuid is not in Linux 6.12, which has no CPUID here.
 */
SYM_FUNC_START_LOCAL do_sync_core
	cmpq $0x0, sync_with_cpuid(%rip)
	jne .Lsync_cpuid
	IRET_TO_SELF
	ret
.Lsync_cpuid:
	xorl %eax, %eax
	pushq %rbx
	cpuid
	popq %rbx
	ret
SYM_FUNC_END do_sync_core

/* int smpboot_thread_fn(fn): the loop of a per-CPU thread; rdi = its function. Sleeps until there is work for it. */
SYM_FUNC_START_LOCAL smpboot_thread_fn
	movq %rdi, %rbx
.Lsmpboot_again:
/* The state first, then the look: a wake-up between the two is not lost, it makes the state TASK_RUNNING again. */
	GET_CURRENT %rax
	movq $TASK_INTERRUPTIBLE, TASK_STATE(%rax)
	cmpq $STOP_IN_THREAD, %gs:PCPU_STOP
	je .Lsmpboot_run
	call schedule
	jmp .Lsmpboot_again
.Lsmpboot_run:
	movq $TASK_RUNNING, TASK_STATE(%rax)
	call *%rbx
	jmp .Lsmpboot_again
SYM_FUNC_END smpboot_thread_fn

/* void cpu_stopper_thread(unsigned int cpu): runs the one kind of work there is. */
SYM_FUNC_START_LOCAL cpu_stopper_thread
	call multi_cpu_stop
	ret
SYM_FUNC_END cpu_stopper_thread

/* int multi_cpu_stop(void *data): stands still with interrupts off while one task changes what all CPUs run. */
SYM_FUNC_START_LOCAL multi_cpu_stop
	PREEMPT_DISABLE
	cli
	call stop_cpu_and_wait
	sti
	PREEMPT_ENABLE multi_cpu_stop
	xorl %eax, %eax
	ret
SYM_FUNC_END multi_cpu_stop

/*
 * The state machine of multi_cpu_stop, from MULTI_STOP_DISABLE_IRQ to MULTI_STOP_EXIT; IF=0. Not traced: it runs while
 * sites are half written. An NMI can still come, and its traced code meets them (the reason for 2.6.28's hand-shake).
 * Simplified: in Linux the loop stands in multi_cpu_stop() itself, and one of these CPUs runs the function that writes.
 */
SYM_FUNC_START_NOTRACE_LOCAL stop_cpu_and_wait
	movq $STOP_PARKED, %gs:PCPU_STOP
.Lstop_wait:
	pause
	cmpq $STOP_GO_ON, %gs:PCPU_STOP
	jne .Lstop_wait
/*
 * A return does not serialize. Linux's stop_machine_text_poke() (alternative.c, for text_poke_smp()) asked for it from
 * commit 0e00f7aed6af (2011) on; the loop itself never did. In the interrupt, its IRET does.
 */
	cmpq $0x0, stop_serialize(%rip)
	je .Lstop_leave
	IRET_TO_SELF
.Lstop_leave:
	movq $0x0, %gs:PCPU_STOP
	ret
SYM_FUNC_END stop_cpu_and_wait

.bss
/* 1: do_sync_core uses CPUID. Simplified: a choice at boot, not of the CPU's model. */
SYM_DATA_START_LOCAL sync_with_cpuid
	.quad 0x0
SYM_DATA_END sync_with_cpuid

.data
/* 1: a CPU serializes when it leaves stop_machine. Written by the patching task before it lets them go on. */
SYM_DATA_START_LOCAL stop_serialize
	.quad 0x1
SYM_DATA_END stop_serialize
.text
