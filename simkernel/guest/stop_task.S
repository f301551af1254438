/*
 * stop_task.S: the stop class (Linux: kernel/sched/stop_task.c): one task a CPU, `migration/N`, before all others.
 *
 *   struct task_struct *pick_task_stop(rq)                                 rdi; rax the stopper if it has work, else 0
 *   void enqueue_task_stop(rq, p, flags), bool dequeue_task_stop(rq, p, flags)
 *   void put_prev_task_stop(rq, prev, next), set_next_task_stop(rq, stop, first)
 */

/* The stop class has one task a CPU, before all others and preempted by none. */
SYM_FUNC_START_LOCAL pick_task_stop
	movq RQ_STOP(%rdi), %rax
	testq %rax, %rax
	je .Lpick_stop_none
	cmpq $0x0, TASK_ON_RQ(%rax)
	jne .Lpick_stop_none
	xorl %eax, %eax
.Lpick_stop_none:
	ret
SYM_FUNC_END pick_task_stop

SYM_FUNC_START_LOCAL enqueue_task_stop
	addq $0x1, RQ_NR_RUNNING(%rdi)
	incq RQ_STOP_QUEUED(%rdi)
	ret
SYM_FUNC_END enqueue_task_stop

SYM_FUNC_START_LOCAL dequeue_task_stop
	subq $0x1, RQ_NR_RUNNING(%rdi)
	movq $0x0, TASK_ON_RQ(%rsi)
	movb $0x1, %al
	ret
SYM_FUNC_END dequeue_task_stop

SYM_FUNC_START_LOCAL set_next_task_stop
	movq RQ_CLOCK(%rdi), %rdx
	movq %rdx, TASK_EXEC_START(%rsi)
	incq RQ_STOP_RUNS(%rdi)
	ret
SYM_FUNC_END set_next_task_stop

/* update_curr_common(): its time counts for itself only. */
SYM_FUNC_START_LOCAL put_prev_task_stop
	movq RQ_CLOCK(%rdi), %rax
	subq TASK_EXEC_START(%rsi), %rax
	addq %rax, TASK_SUM_EXEC(%rsi)
	ret
SYM_FUNC_END put_prev_task_stop
