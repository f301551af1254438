/*
 * fair_queue.S: the fair class, coming and going (Linux: kernel/sched/fair.c). Conventions: fair.S.
 *
 *   void enqueue_task_fair(rq, p, flags), enqueue_entity(cfs_rq, se, flags), place_entity(cfs_rq, se, flags)
 *   bool dequeue_task_fair(rq, p, flags), dequeue_entity(cfs_rq, se, flags)
 *   void __enqueue_entity(cfs_rq, se), __dequeue_entity(cfs_rq, se)
 *   void yield_task_fair(rq), check_preempt_wakeup_fair(rq, p, wake_flags)
 *   void task_tick_fair(rq, curr, queued), entity_tick(cfs_rq, curr, queued)
 */

SYM_FUNC_START_LOCAL enqueue_task_fair
	incq RQ_NR_RUNNING(%rdi)
	call enqueue_entity
	ret
SYM_FUNC_END enqueue_task_fair

/* Load first, with the time it was away as time without load; then its place; then it counts. */
SYM_FUNC_START_LOCAL enqueue_entity
	pushq %rbx
	pushq %r12
	movq %rdi, %rbx
	movq %rsi, %r12
	call update_curr
	movq %rbx, %rdi
	movq %r12, %rsi
	movl $0x1, %edx
	call update_load_avg
	movq %rbx, %rdi
	movq %r12, %rsi
	call place_entity
	incq CFS_NR_RUNNING(%rbx)
	movq %rbx, %rdi
	movq %r12, %rsi
	call __enqueue_entity
	movq $0x1, TASK_ON_RQ(%r12)
	popq %r12
	popq %rbx
	ret
SYM_FUNC_END enqueue_entity

/* A sleeper keeps no credit: it starts at the queue's floor, with a slice of its own. */
SYM_FUNC_START_LOCAL place_entity
	movq CFS_MIN_VRUNTIME(%rdi), %rax
	cmpq %rax, TASK_VRUNTIME(%rsi)
	jae .Lplace_ahead
	movq %rax, TASK_VRUNTIME(%rsi)
.Lplace_ahead:
	movq TASK_VRUNTIME(%rsi), %rax
	addq $SCHED_SLICE, %rax
	movq %rax, TASK_SLICE_END(%rsi)
	ret
SYM_FUNC_END place_entity

/* rcx walks the links, not the entities, so the head is no special case. Equal ones keep their order. */
SYM_FUNC_START_LOCAL __enqueue_entity
	leaq CFS_LEFTMOST(%rdi), %rcx
	movq TASK_VRUNTIME(%rsi), %rdx
.Lenqueue_walk:
	movq (%rcx), %rax
	testq %rax, %rax
	je .Lenqueue_here
	cmpq %rdx, TASK_VRUNTIME(%rax)
	ja .Lenqueue_here
	leaq TASK_NEXT(%rax), %rcx
	jmp .Lenqueue_walk
.Lenqueue_here:
	movq %rax, TASK_NEXT(%rsi)
	movq %rsi, (%rcx)
	ret
SYM_FUNC_END __enqueue_entity

SYM_FUNC_START_LOCAL __dequeue_entity
	leaq CFS_LEFTMOST(%rdi), %rdx
.Ldequeue_walk:
	movq (%rdx), %rcx
	testq %rcx, %rcx
	je .Ldequeue_out
	cmpq %rsi, %rcx
	je .Ldequeue_found
	leaq TASK_NEXT(%rcx), %rdx
	jmp .Ldequeue_walk
.Ldequeue_found:
	movq TASK_NEXT(%rcx), %rax
	movq %rax, (%rdx)
	movq $0x0, TASK_NEXT(%rcx)
.Ldequeue_out:
	ret
SYM_FUNC_END __dequeue_entity

/* Simplified: dequeue_entities() calls dequeue_entity() in Linux, once for each level of groups. */
SYM_FUNC_START_LOCAL dequeue_task_fair
	pushq %rdi
	call dequeue_entity
	popq %rdi
	decq RQ_NR_RUNNING(%rdi)
	movl $0x1, %eax
	ret
SYM_FUNC_END dequeue_task_fair

/* The running entity is on no list, so only another one has to be taken off it. */
SYM_FUNC_START_LOCAL dequeue_entity
	pushq %rbx
	pushq %rsi
	movq %rdi, %rbx
	call update_curr
	movq %rbx, %rdi
	movq (%rsp), %rsi
	movl $0x1, %edx
	call update_load_avg
	popq %rsi
	movq %rbx, %rdi
	cmpq %rsi, CFS_CURR(%rbx)
	je .Ldequeue_running
	pushq %rsi
	call __dequeue_entity
	popq %rsi
.Ldequeue_running:
	movq $0x0, TASK_ON_RQ(%rsi)
	decq CFS_NR_RUNNING(%rbx)
	popq %rbx
	ret
SYM_FUNC_END dequeue_entity

/* Gives up the rest of its turn. Simplified: Linux moves the deadline; here, without one, vruntime moves. */
SYM_FUNC_START_LOCAL yield_task_fair
	pushq %rdi
	call update_curr
	popq %rdi
	movq CFS_CURR(%rdi), %rsi
	testq %rsi, %rsi
	je .Lyield_none
	addq $SCHED_SLICE, TASK_VRUNTIME(%rsi)
	addq $SCHED_SLICE, TASK_SLICE_END(%rsi)
.Lyield_none:
	ret
SYM_FUNC_END yield_task_fair

/* The one that wakes gets the CPU if it is behind the running one by now. */
SYM_FUNC_START_LOCAL check_preempt_wakeup_fair
	pushq %rdi
	pushq %rsi
	call update_curr
	popq %rsi
	popq %rdi
	movq CFS_CURR(%rdi), %rdx
	testq %rdx, %rdx
	je .Lpreempt_wakeup_not
	movq TASK_VRUNTIME(%rdx), %rax
	cmpq TASK_VRUNTIME(%rsi), %rax
	jbe .Lpreempt_wakeup_not
	incq RQ_NR_PREEMPT_WAKE(%rdi)
	call resched_curr
.Lpreempt_wakeup_not:
	ret
SYM_FUNC_END check_preempt_wakeup_fair

/* A tick charges the running entity and keeps its load up to date even if it never lets go of the CPU. */
SYM_FUNC_START_LOCAL task_tick_fair
	pushq %rsi
	call entity_tick
	popq %rsi
	incq TASK_TIMES(%rsi)
	ret
SYM_FUNC_END task_tick_fair

SYM_FUNC_START_LOCAL entity_tick
	pushq %rdi
	pushq %rsi
	call update_curr
	popq %rsi
	popq %rdi
	movl $0x1, %edx
	call update_load_avg
	ret
SYM_FUNC_END entity_tick
