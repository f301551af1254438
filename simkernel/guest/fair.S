/*
 * fair.S: the fair class, choosing and accounting (Linux: kernel/sched/fair.c). Pointers as in the prototypes;
 * rq stands for its cfs_rq, a task for its sched_entity. All of it runs under rq->lock.
 *
 *   struct task_struct *pick_next_task_fair(rq, prev, rf), *pick_task_fair(rq), *pick_eevdf(cfs_rq)
 *   void put_prev_entity(cfs_rq, prev), set_next_entity(cfs_rq, se), put_prev_task_fair, set_next_task_fair
 *   void update_curr(cfs_rq); bool update_deadline(cfs_rq, se); void update_load_avg(cfs_rq, se, flags)
 *
 * The queue is a list in the order of vruntime; the running entity (CFS_CURR) is not on it, as in Linux.
 * Simplified: Linux keeps a red-black tree and picks the earliest deadline among the eligible; here every slice
 * is equal, so the smallest vruntime has it. Weights are all NICE_0: vruntime runs with the clock.
 */

/* 0 if nothing is runnable. The previous task goes back to the queue only when another one follows. */
SYM_FUNC_START pick_next_task_fair
	pushq %rbx
	pushq %r12
	pushq %r13
	movq %rdi, %rbx
	movq %rsi, %r12
	call pick_task_fair
	testq %rax, %rax
	je .Lpick_fair_out
	cmpq %r12, %rax
	je .Lpick_fair_out
	movq %rax, %r13
	movq %rbx, %rdi
	movq %r12, %rsi
	call put_prev_task
	movq %rbx, %rdi
	movq %r13, %rsi
	call set_next_task_fair
	movq %r13, %rax
.Lpick_fair_out:
	popq %r13
	popq %r12
	popq %rbx
	ret
SYM_FUNC_END pick_next_task_fair

/* Charges the running entity first, so that it competes with its true vruntime. */
SYM_FUNC_START_LOCAL pick_task_fair
	xorl %eax, %eax
	cmpq %rax, CFS_NR_RUNNING(%rdi)
	je .Lpick_task_none
	pushq %rdi
	call update_curr
	popq %rdi
	call pick_eevdf
.Lpick_task_none:
	ret
SYM_FUNC_END pick_task_fair

SYM_FUNC_START_LOCAL pick_eevdf
	movq CFS_LEFTMOST(%rdi), %rax
	movq CFS_CURR(%rdi), %rdx
	testq %rdx, %rdx
	je .Leevdf_left
	cmpq $0x0, TASK_ON_RQ(%rdx)
	je .Leevdf_left
	testq %rax, %rax
	je .Leevdf_curr
	movq TASK_VRUNTIME(%rdx), %rcx
	subq TASK_VRUNTIME(%rax), %rcx
	jns .Leevdf_left
.Leevdf_curr:
	movq %rdx, %rax
.Leevdf_left:
	ret
SYM_FUNC_END pick_eevdf

/* These two walk up a hierarchy of groups in Linux. Simplified: here there are no groups, so one step. */
SYM_FUNC_START_LOCAL put_prev_task_fair
	call put_prev_entity
	ret
SYM_FUNC_END put_prev_task_fair

SYM_FUNC_START_LOCAL set_next_task_fair
	cmpq $0x0, TASK_ON_RQ(%rsi)
	je .Lset_next_fair_not
	call set_next_entity
.Lset_next_fair_not:
	ret
SYM_FUNC_END set_next_task_fair

/* One that went to sleep has been charged and taken off already. */
SYM_FUNC_START_LOCAL put_prev_entity
	pushq %rbx
	pushq %r12
	movq %rdi, %rbx
	movq %rsi, %r12
	cmpq $0x0, TASK_ON_RQ(%r12)
	je .Lput_prev_asleep
	call update_curr
	movq %rbx, %rdi
	movq %r12, %rsi
	call __enqueue_entity
	movq %rbx, %rdi
	movq %r12, %rsi
	xorl %edx, %edx
	call update_load_avg
.Lput_prev_asleep:
	movq $0x0, CFS_CURR(%rbx)
	popq %r12
	popq %rbx
	ret
SYM_FUNC_END put_prev_entity

/* From here on its time counts (update_stats_curr_start). */
SYM_FUNC_START_LOCAL set_next_entity
	pushq %r12
	pushq %rbx
	movq %rdi, %rbx
	movq %rsi, %r12
	call __dequeue_entity
	movq %r12, %rsi
	movq %rbx, %rdi
	movl $0x1, %edx
	call update_load_avg
	movq RQ_CLOCK(%rbx), %rax
	movq %rax, TASK_EXEC_START(%r12)
	movq %r12, CFS_CURR(%rbx)
	popq %rbx
	popq %r12
	ret
SYM_FUNC_END set_next_entity

/* Moves the time since exec_start from the clock to the running entity, and asks for a choice if its slice is up. */
SYM_FUNC_START_LOCAL update_curr
	movq CFS_CURR(%rdi), %rsi
	testq %rsi, %rsi
	je .Lupdate_curr_none
	movq RQ_CLOCK(%rdi), %rax
	movq %rax, %rcx
	subq TASK_EXEC_START(%rsi), %rax
	jle .Lupdate_curr_none
	movq %rcx, TASK_EXEC_START(%rsi)
	addq %rax, TASK_SUM_EXEC(%rsi)
	addq %rax, RQ_EXEC_CLOCK(%rdi)
	addq %rax, TASK_VRUNTIME(%rsi)
	pushq %rdi
	call update_deadline
	popq %rdi
	testl %eax, %eax
	je .Lupdate_curr_none
	cmpq $0x1, CFS_NR_RUNNING(%rdi)
	je .Lupdate_curr_none
	call resched_curr
.Lupdate_curr_none:
	ret
SYM_FUNC_END update_curr

/*
 * rax 1 when the slice is used up; it gets the next one then. The queue's floor follows the smallest vruntime,
 * never back: a task that wakes is placed there. Simplified: Linux places by the average and the lag.
 */
SYM_FUNC_START_LOCAL update_deadline
	movq TASK_VRUNTIME(%rsi), %rcx
	movq %rcx, %rdx
	movq CFS_LEFTMOST(%rdi), %rax
	testq %rax, %rax
	je .Ldeadline_floor
	cmpq %rdx, TASK_VRUNTIME(%rax)
	cmovbq TASK_VRUNTIME(%rax), %rdx
.Ldeadline_floor:
	cmpq CFS_MIN_VRUNTIME(%rdi), %rdx
	jbe .Ldeadline_slice
	movq %rdx, CFS_MIN_VRUNTIME(%rdi)
.Ldeadline_slice:
	xorl %eax, %eax
	cmpq TASK_SLICE_END(%rsi), %rcx
	jb .Ldeadline_left
	addq $SCHED_SLICE, %rcx
	movq %rcx, TASK_SLICE_END(%rsi)
	incl %eax
.Ldeadline_left:
	ret
SYM_FUNC_END update_deadline

/*
 * The entity first, then the queue (update_cfs_rq_load_avg), both to the queue's last reading of the clock.
 * Simplified: `static inline` in Linux, and so without a site; here one copy serves all callers.
 */
SYM_FUNC_START_NOTRACE_LOCAL update_load_avg
	pushq %rbx
	movq %rdi, %rbx
	movq %rsi, %rdx
	movq %rdi, %rsi
	movq RQ_CLOCK(%rbx), %rdi
	call __update_load_avg_se
	movq RQ_CLOCK(%rbx), %rdi
	movq %rbx, %rsi
	call __update_load_avg_cfs_rq
	popq %rbx
	ret
SYM_FUNC_END update_load_avg
