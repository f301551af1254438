/*
 * rcu_gp.S: the thread that begins and ends grace periods (Linux: kernel/rcu/tree.c). What they are: rcu.S.
 *
 *   int rcu_gp_kthread(void *)                          the task rcu_sched
 *   bool rcu_gp_init(void), void rcu_gp_fqs_loop(void), rcu_gp_cleanup(void)
 */

/* Every CPU that is up owes one quiescent state from now on. rax 1: under way. */
SYM_FUNC_START_LOCAL rcu_gp_init
	leaq rcu_node_lock(%rip), %rdi
	call _raw_spin_lock_irq
	incq rcu_gp_seq(%rip)
	xorl %eax, %eax
	movl nr_cpu_ids(%rip), %ecx
.Lgp_init_cpu:
	decl %ecx
	movl %ecx, %edx
	shlq $0xc, %rdx
	cmpq $0x0, PERCPU_BASE + PCPU_ONLINE(%rdx)
	je .Lgp_init_next
	btsq %rcx, %rax
.Lgp_init_next:
	testl %ecx, %ecx
	jne .Lgp_init_cpu
	movq %rax, rcu_qsmask(%rip)
	leaq rcu_node_lock(%rip), %rdi
	call _raw_spin_unlock_irq
	movl $0x1, %eax
	ret
SYM_FUNC_END rcu_gp_init

/* Waits; after each wait that did not do, it marks the CPUs that are late as urgent (rcu_gp_fqs). */
SYM_FUNC_START_LOCAL rcu_gp_fqs_loop
.Lgp_fqs_wait:
	KTHREAD_SLEEP 0x1000000
	incq rcu_n_force_qs(%rip)
	movq rcu_qsmask(%rip), %rax
	testq %rax, %rax
	je .Lgp_fqs_done
.Lgp_fqs_cpu:
	bsfq %rax, %rdx
	btrq %rdx, %rax
	shlq $0xc, %rdx
	movq $0x1, PERCPU_BASE + PCPU_RCU_URGENT(%rdx)
	testq %rax, %rax
	jne .Lgp_fqs_cpu
	jmp .Lgp_fqs_wait
.Lgp_fqs_done:
	ret
SYM_FUNC_END rcu_gp_fqs_loop

/* Both low bits set, plus one: the next multiple of four, no grace period under way. */
SYM_FUNC_START_LOCAL rcu_gp_cleanup
	leaq rcu_node_lock(%rip), %rdi
	call _raw_spin_lock_irq
	movq rcu_gp_seq(%rip), %rax
	orq $0x3, %rax
	incq %rax
	movq %rax, rcu_gp_seq(%rip)
	leaq rcu_node_lock(%rip), %rdi
	call _raw_spin_unlock_irq
	ret
SYM_FUNC_END rcu_gp_cleanup

/* The task rcu_sched: RCU_NAME_RAW of kernel/rcu/tree.h; with CONFIG_PREEMPT_RCU it is rcu_preempt. */
SYM_FUNC_START_LOCAL rcu_gp_kthread
	GET_CURRENT %rax
	movq %rax, rcu_gp_task(%rip)
.Lgp_kthread_again:
	call rcu_gp_init
	call rcu_gp_fqs_loop
	call rcu_gp_cleanup
	jmp .Lgp_kthread_again
SYM_FUNC_END rcu_gp_kthread
