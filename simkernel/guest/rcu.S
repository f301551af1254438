/*
 * rcu.S: quiescent states and grace periods (Linux: kernel/rcu/tree.c, kernel/rcu/tree_plugin.h, CONFIG_TREE_RCU). The
 * grace periods themselves: rcu_gp.S.
 *
 *   void rcu_note_context_switch(bool preempt), rcu_all_qs(void), rcu_qs(void)     a CPU holds nothing any more
 *   void rcu_sched_clock_irq(int user), rcu_core(void)                             from the tick
 *   void note_gp_changes(rdp), rcu_report_qs_rdp(rdp)                              rdi: the CPU's per-CPU area
 *   bool rcu_is_watching(void)                                                     eax
 *
 * A grace period is over when each CPU has passed a quiescent state after its start. rcu_gp_seq counts in fours:
 * the low two bits say that one is under way. Owner of rcu_gp_seq and rcu_qsmask: rcu_node_lock (irq safe).
 * Simplified: one rcu_node for all CPUs; rcu_core runs in the tick, not in a softirq; no callbacks.
 */

/*
 * RCU watches a CPU but in user mode and in the idle task's HLT: there it holds nothing. Changes eax only. Simplified:
 * Linux asks the CPU's context tracking (rcu_is_watching_curr_cpu), with preemption off; TASK_IN_USER is not in Linux.
 */
SYM_FUNC_START_NOTRACE rcu_is_watching
	GET_CURRENT %rax
	cmpq $0x0, TASK_IN_USER(%rax)
	sete %al
	movzbl %al, %eax
	ret
SYM_FUNC_END rcu_is_watching

/* A context switch is one; an urgent request is served by it too. */
SYM_FUNC_START rcu_note_context_switch
	call rcu_qs
	cmpq $0x0, %gs:PCPU_RCU_URGENT
	je .Lrcu_note_out
	movq $0x0, %gs:PCPU_RCU_URGENT
.Lrcu_note_out:
	incq %gs:PCPU_RCU_QS
	ret
SYM_FUNC_END rcu_note_context_switch

/* Asked from long loops, so it returns at once when nobody waits. Urgent is looked at twice: before, it may move. */
SYM_FUNC_START rcu_all_qs
	cmpq $0x0, %gs:PCPU_RCU_URGENT
	je .Lrcu_all_qs_out
	PREEMPT_DISABLE
	cmpq $0x0, %gs:PCPU_RCU_URGENT
	je .Lrcu_all_qs_enable
	movq $0x0, %gs:PCPU_RCU_URGENT
	incq %gs:PCPU_RCU_ALL_QS
	call rcu_qs
.Lrcu_all_qs_enable:
	PREEMPT_ENABLE rcu_all_qs
.Lrcu_all_qs_out:
	ret
SYM_FUNC_END rcu_all_qs

/* Only notes it on this CPU; rcu_core reports it. */
SYM_FUNC_START_LOCAL rcu_qs
	xorl %eax, %eax
	xchgq %rax, %gs:PCPU_RCU_NO_QS
	addq %rax, %gs:PCPU_RCU_SEEN
	ret
SYM_FUNC_END rcu_qs

/*
 * The tick in a user part, or in idle, proves that the kernel part holds nothing. Simplified: in Linux
 * invoke_rcu_core() raises a softirq, and that calls rcu_core().
 */
SYM_FUNC_START rcu_sched_clock_irq
	incq %gs:PCPU_RCU_TICKS
	testl %edi, %edi
	je .Lrcu_clock_kernel
	call rcu_qs
	jmp .Lrcu_clock_core
/* In the kernel: if RCU is in need, a reschedule brings the quiescent state (rcu_urgent_qs). */
.Lrcu_clock_kernel:
	cmpq $0x0, %gs:PCPU_RCU_URGENT
	je .Lrcu_clock_core
	movq $0x1, %gs:PCPU_NEED_RESCHED
.Lrcu_clock_core:
	call rcu_core
	ret
SYM_FUNC_END rcu_sched_clock_irq

/* rcu_check_quiescent_state(): learn of a new grace period, or report what has been noted since. */
SYM_FUNC_START_LOCAL rcu_core
	pushq %rbx
	PER_CPU_READ PCPU_SELF, %rbx
	movq %rbx, %rdi
	call note_gp_changes
	cmpq $0x0, PCPU_RCU_NO_QS(%rbx)
	jne .Lrcu_core_out
	cmpq $0x0, PCPU_RCU_NEEDS_QS(%rbx)
	je .Lrcu_core_out
	movq %rbx, %rdi
	call rcu_report_qs_rdp
.Lrcu_core_out:
	popq %rbx
	ret
SYM_FUNC_END rcu_core

/*
 * Simplified: Linux only tries the lock (raw_spin_trylock_rcu_node) and does not wait for it in
 * _raw_spin_lock_irqsave().
 */
SYM_FUNC_START_LOCAL note_gp_changes
	movq rcu_gp_seq(%rip), %rax
	cmpq PCPU_RCU_GP_SEQ(%rdi), %rax
	je .Lnote_gp_same
	pushq %rbx
	movq %rdi, %rbx
	leaq rcu_node_lock(%rip), %rdi
	call _raw_spin_lock_irqsave
	movq rcu_gp_seq(%rip), %rdx
	movq %rdx, PCPU_RCU_GP_SEQ(%rbx)
/* A quiescent state from before the start does not count, so the CPU starts anew if its bit is awaited. */
	movl PCPU_NUMBER(%rbx), %ecx
	movq rcu_qsmask(%rip), %rdx
	shrq %cl, %rdx
	andl $0x1, %edx
	movq %rdx, PCPU_RCU_NO_QS(%rbx)
	movq %rdx, PCPU_RCU_NEEDS_QS(%rbx)
	leaq rcu_node_lock(%rip), %rdi
	movq %rax, %rsi
	call _raw_spin_unlock_irqrestore
	popq %rbx
.Lnote_gp_same:
	ret
SYM_FUNC_END note_gp_changes

/*
 * The last CPU to report wakes the thread that waits for them all. Simplified: rcu_gp_kthread_wake() wakes the thread
 * in Linux, by swake_up_locked(), which calls try_to_wake_up() and not wake_up_process().
 */
SYM_FUNC_START_LOCAL rcu_report_qs_rdp
	pushq %rbx
	pushq %r12
	movq %rdi, %rbx
	leaq rcu_node_lock(%rip), %rdi
	call _raw_spin_lock_irqsave
	movq %rax, %r12
	movq $0x0, PCPU_RCU_NEEDS_QS(%rbx)
	incq PCPU_RCU_CORE(%rbx)
	movl PCPU_NUMBER(%rbx), %ecx
	movq rcu_qsmask(%rip), %rax
	btrq %rcx, %rax
	movq %rax, rcu_qsmask(%rip)
	movq %rax, %rbx
	movq %r12, %rsi
	leaq rcu_node_lock(%rip), %rdi
	call _raw_spin_unlock_irqrestore
	testq %rbx, %rbx
	jne .Lreport_qs_more
	movq rcu_gp_task(%rip), %rdi
	call wake_up_process
.Lreport_qs_more:
	popq %r12
	popq %rbx
	ret
SYM_FUNC_END rcu_report_qs_rdp
