/*
 * init.S: boot on CPU0 (Linux: init/main.c).
 *
 *   void start_kernel(void)        from startup_64, on the idle task's stack, IF=0; does not return
 *
 * Simplified: __init functions have sites in Linux too, until their memory is given back; here they have none.
 */

/*
 * The whole of boot; a line each. Simplified: in Linux rest_init() makes the first tasks and calls
 * cpu_startup_entry().
 */
SYM_FUNC_START_NOTRACE start_kernel
/* Traps first: from here on a fault ends in an oops and not in a reset. */
	call trap_init
/* One idle task a CPU: what runs when nothing else does. */
	call sched_init
/* The tasks of `init_tasks`, on their run queues. */
	call make_init_tasks
/* The host's ftrace_init() turns every `call __fentry__` into a NOP: the sites up to here called __fentry__. */
	call ftrace_init_wait
/* The other CPUs may run (smp_init). */
	movq $0x1, smp_go(%rip)
/* This CPU becomes its idle task, and from there takes the first task (arch_call_rest_init). */
	call cpu_startup_entry
SYM_FUNC_END start_kernel

SYM_FUNC_START_NOTRACE trap_init
	call idt_setup_from_table.constprop.0
	call load_current_idt
	ret
SYM_FUNC_END trap_init

/* ftrace_init() runs before there is a second CPU: it changes text with plain stores (text_poke_early). */
SYM_FUNC_START_NOTRACE_LOCAL ftrace_init_wait
	movq $0x1, boot_stage(%rip)
.Lftrace_init_wait:
	pause
	cmpq $0x2, boot_stage(%rip)
	jne .Lftrace_init_wait
	ret
SYM_FUNC_END ftrace_init_wait

.bss
/* 1: CPU0 waits for ftrace_init; 2: it has run (the host stores that). */
SYM_DATA_START_LOCAL boot_stage
	.quad 0x0
SYM_DATA_END boot_stage
/* 1: the other CPUs may go on. */
SYM_DATA_START_LOCAL smp_go
	.quad 0x0
SYM_DATA_END smp_go
.data
/* How many CPUs there are; the machine stores it before power-on. */
SYM_DATA_START nr_cpu_ids
	.quad 0x1
SYM_DATA_END nr_cpu_ids
.text
