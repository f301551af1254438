/*
 * switch.S: from one task to another, and what runs when there is none (Linux: __switch_to_asm and ret_from_fork_asm in
 * arch/x86/entry/entry_64.S, __switch_to in arch/x86/kernel/process_64.c, kernel/sched/idle.c).
 *
 *   struct task_struct *__switch_to_asm(prev, next)    rdi rsi; rax = the task that ran before the one that returns
 *
 * From __schedule, IF=0. The stack of a task that does not run: r15 r14 r13 r12 rbx rbp, return address; TASK_SP points
 * to it. All other registers are the caller's to save, so nothing else has to be kept.
 */
SYM_CODE_START __switch_to_asm
	pushq %rbp
	pushq %rbx
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
/* This is the switch: from here on it is the other task's stack. An NMI between the two has a stack of its own. */
	movq %rsp, TASK_SP(%rdi)
	movq TASK_SP(%rsi), %rsp
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbx
	popq %rbp
	jmp __switch_to
SYM_CODE_END __switch_to_asm

/*
 * __switch_to(prev, next): what belongs to the task but lies in the CPU's area. Simplified: Linux has per-CPU only the
 * count, and it is the same at every switch; segments, FPU and TSS have nothing to be changed here. It has no site, as
 * where the graph tracer is built (__notrace_funcgraph).
 */
SYM_FUNC_START_NOTRACE __switch_to
	PER_CPU_READ PCPU_PREEMPT_COUNT, %rax
	movq %rax, TASK_PREEMPT_COUNT(%rdi)
	movq TASK_PREEMPT_COUNT(%rsi), %rax
	movq %rsi, %gs:PCPU_CURRENT
	movq %rax, %gs:PCPU_PREEMPT_COUNT
	movq %rdi, %rax
	ret
SYM_FUNC_END __switch_to

/*
 * A new task's first instruction; make_task (init.S) has laid its stack so that __switch_to returns here. rax = prev,
 * rbx = entry, r12 = its argument, r13 = INIT_KTHREAD or 0. Simplified: in Linux ret_from_fork() calls schedule_tail(),
 * and kthread() calls kswapd(), rcu_gp_kthread(), smpboot_thread_fn() and worker_thread(); here it does both itself,
 * and for a user part stores TASK_IN_USER, which is not in Linux.
 */
SYM_CODE_START ret_from_fork_asm
	movq %rax, %rdi
	call schedule_tail
	movq %r12, %rdi
	testq %r13, %r13
	jne .Lfork_kthread
	GET_CURRENT %rax
	movq $0x1, TASK_IN_USER(%rax)
.Lfork_kthread:
	call *%rbx
/* No task ends: its entry is a loop. */
	ud2
SYM_CODE_END ret_from_fork_asm

/* void cpu_startup_entry(enum cpuhp_state): the end of boot on a CPU; from here on it is the idle task. */
SYM_FUNC_START cpu_startup_entry
	movq $0x1, %gs:PCPU_ONLINE
.Lidle_for_ever:
	call do_idle
	jmp .Lidle_for_ever
SYM_FUNC_END cpu_startup_entry

/* void do_idle(void): sleep until there is somebody to run, then let them. preempt_count 1: no interrupt switches. */
SYM_FUNC_START_LOCAL do_idle
.Lidle_again:
	cli
	cmpq $0x0, %gs:PCPU_NEED_RESCHED
	jne .Lidle_leave
	call default_idle_call
	jmp .Lidle_again
.Lidle_leave:
	sti
	call schedule_idle
	ret
SYM_FUNC_END do_idle

/* IF=0 since the look at need_resched: an interrupt that asks for more comes behind STI's shadow, and ends HLT. */
SYM_FUNC_START_NOTRACE default_idle_call
	call default_idle
	ret
SYM_FUNC_END default_idle_call

/*
 * default_idle() (arch/x86/kernel/process.c). A halted CPU is at rest: Tasks RCU leaves idle
 * tasks out, and synchronize_rcu_tasks_rude() does not wait for it. Simplified: the words that it stores around HLT
 * (PCPU_HLT, TASK_IN_USER) are not in Linux.
 */
SYM_FUNC_START_NOTRACE default_idle
	GET_CURRENT %rax
	movq $0x1, TASK_IN_USER(%rax)
	movq $0x1, %gs:PCPU_HLT
HOST_LABEL default_idle_sti
	sti
	hlt
HOST_LABEL hlt_resume
	movq $0x0, %gs:PCPU_HLT
	movq $0x0, TASK_IN_USER(%rax)
	ret
SYM_FUNC_END default_idle
