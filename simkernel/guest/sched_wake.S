/*
 * sched_wake.S: waking (Linux: kernel/sched/core.c). rdi rsi rdx as in the prototypes:
 *
 *   int try_to_wake_up(p, state, wake_flags), int wake_up_process(p), void ttwu_do_activate(rq, p, wake_flags)
 *   void wakeup_preempt(rq, p, flags), void wake_up_new_task(p)
 *   int default_wake_function(wait_queue_entry_t *, unsigned mode, int wake_flags, void *key)
 *   void enqueue_init_task(p)   notrace, ours: boot only
 *
 * The rq of a task is that of its TASK_CPU, for ever. Simplified: Linux may choose another CPU for it.
 */

/* A higher class preempts at once, an equal one if the fair class says so, idle always. */
SYM_FUNC_START wakeup_preempt
	movq RQ_CURR(%rdi), %rax
	testq %rax, %rax
	je .Lwakeup_resched
	cmpq %rax, PCPU_IDLE_TASK - PCPU_RQ(%rdi)
	je .Lwakeup_resched
	cmpl $SCHED_STOP, TASK_CLASS(%rsi)
	je .Lwakeup_resched
	cmpl $SCHED_STOP, TASK_CLASS(%rax)
	je .Lwakeup_not
	call check_preempt_wakeup_fair
.Lwakeup_not:
	ret
.Lwakeup_resched:
	call resched_curr
	ret
SYM_FUNC_END wakeup_preempt

SYM_FUNC_START_LOCAL ttwu_do_activate
	pushq %rbx
	pushq %r12
	movq %rdi, %rbx
	movq %rsi, %r12
	movl $ENQUEUE_WAKEUP, %edx
	call activate_task
	movq %rbx, %rdi
	movq %r12, %rsi
	xorl %edx, %edx
	call wakeup_preempt
	movq $TASK_RUNNING, TASK_STATE(%r12)
	popq %r12
	popq %rbx
	ret
SYM_FUNC_END ttwu_do_activate

/*
 * Wakes p if it is in one of the states of the mask; rax 1 if it did. pi_lock makes one waker win; p's own way
 * to sleep runs under rq->lock, so holding that too means: p is either still on the queue or switched out.
 * r12 p, r13 rq, r14 result, r15 flags.
 */
SYM_FUNC_START try_to_wake_up
	pushq %rbx
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	movq %rdi, %r12
	movq %rsi, %rbx
	leaq TASK_PI_LOCK(%r12), %rdi
	call _raw_spin_lock_irqsave
	movq %rax, %r15
	xorl %r14d, %r14d
	testq %rbx, TASK_STATE(%r12)
	je .Lttwu_out
	incl %r14d
	movl TASK_CPU(%r12), %r13d
	shlq $0xc, %r13
	addq $PERCPU_BASE + PCPU_RQ, %r13
	movq %r13, %rdi
	xorl %esi, %esi
	call raw_spin_rq_lock_nested
	incq RQ_TTWU_COUNT(%r13)
/* It had not got as far as leaving the queue (ttwu_runnable): then it need not sleep at all. */
	cmpq $0x0, TASK_ON_RQ(%r12)
	movq $TASK_RUNNING, TASK_STATE(%r12)
	jne .Lttwu_unlock
	movq %r13, %rdi
	call update_rq_clock
	movq %r13, %rdi
	movq %r12, %rsi
	call ttwu_do_activate
.Lttwu_unlock:
	movq %r13, %rdi
	call raw_spin_rq_unlock
.Lttwu_out:
	leaq TASK_PI_LOCK(%r12), %rdi
	movq %r15, %rsi
	call _raw_spin_unlock_irqrestore
	movl %r14d, %eax
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbx
	ret
SYM_FUNC_END try_to_wake_up

SYM_FUNC_START wake_up_process
	movl $TASK_NORMAL, %esi
	xorl %edx, %edx
	call try_to_wake_up
	ret
SYM_FUNC_END wake_up_process

/* What a plain wait queue entry does: wake its task (WAIT_TASK). */
SYM_FUNC_START default_wake_function
	movq WAIT_TASK(%rdi), %rdi
	call try_to_wake_up
	ret
SYM_FUNC_END default_wake_function

/*
 * The first time: no sleep to come back from, and the load starts now. Simplified: __task_rq_lock() calls
 * raw_spin_rq_lock_nested() in Linux.
 */
SYM_FUNC_START wake_up_new_task
	pushq %rbx
	pushq %r12
	pushq %r13
	movq %rdi, %r12
	leaq TASK_PI_LOCK(%r12), %rdi
	call _raw_spin_lock_irqsave
	movq %rax, %r13
	movq $TASK_RUNNING, TASK_STATE(%r12)
	movl TASK_CPU(%r12), %ebx
	shlq $0xc, %rbx
	addq $PERCPU_BASE + PCPU_RQ, %rbx
	movq %rbx, %rdi
	xorl %esi, %esi
	call raw_spin_rq_lock_nested
	movq %rbx, %rdi
	call update_rq_clock
	movq RQ_CLOCK(%rbx), %rax
	movq %rax, TASK_AVG + AVG_LAST_UPDATE_TIME(%r12)
	movq %rbx, %rdi
	movq %r12, %rsi
	xorl %edx, %edx
	call activate_task
	movq %rbx, %rdi
	movq %r12, %rsi
	call wakeup_preempt
	movq %rbx, %rdi
	call raw_spin_rq_unlock
	leaq TASK_PI_LOCK(%r12), %rdi
	movq %r13, %rsi
	call _raw_spin_unlock_irqrestore
	popq %r13
	popq %r12
	popq %rbx
	ret
SYM_FUNC_END wake_up_new_task

/*
 * Finishes a task that the core has made: its class, its table of open files, its place in the queue. The CPU's
 * stopper is known by its entry and remembered in the queue (cpu_stop_create, sched_set_stop_task). Simplified: not
 * in Linux, where kernel_clone() calls wake_up_new_task().
 */
SYM_FUNC_START_NOTRACE_LOCAL enqueue_init_task
	movq %rdi, %rax
	subq $TASKS_BASE, %rax
	addq $FILES_BASE, %rax
	movq %rax, TASK_FILES(%rdi)
/* A profile attaches by the program's name: cat and sshd are confined (aa_profiles). */
	xorl %ecx, %ecx
	cmpl $0x746163, TASK_COMM(%rdi)
	je .Linit_task_cat
	cmpl $0x64687373, TASK_COMM(%rdi)
	jne .Linit_task_profile
	incl %ecx
.Linit_task_cat:
	incl %ecx
.Linit_task_profile:
	movq %rcx, FILES_PROFILE(%rax)
	movl $SCHED_FAIR, TASK_CLASS(%rdi)
	leaq cpu_stopper_thread(%rip), %rax
	cmpq %rax, TASK_USER(%rdi)
	jne .Linit_task_fair
	movl $SCHED_STOP, TASK_CLASS(%rdi)
	movl TASK_CPU(%rdi), %eax
	shlq $0xc, %rax
	movq %rdi, PERCPU_BASE + PCPU_RQ + RQ_STOP(%rax)
.Linit_task_fair:
	call wake_up_new_task
	ret
SYM_FUNC_END enqueue_init_task
