/*
 * sched.S: the scheduler's core (Linux: kernel/sched/core.c): giving up the CPU, choosing, switching.
 *
 *   void schedule(void), schedule_idle(void), preempt_schedule_irq(void)   traced; preempt_schedule(void) notrace
 *   void __schedule(int sched_mode)                                  notrace, as in Linux; macros.S has its rules
 *   void schedule_tail(prev), finish_task_switch(prev)                     rdi
 *
 * A run queue belongs to one CPU and lies in its per-CPU area. rq->lock is taken with IF=0 and is held across the
 * switch: the next task lets it go (finish_task_switch). Simplified: tasks never migrate.
 */

/*
 * The exhibit: `call __fentry__` at +0, `push %rbp` at +5. A wake-up may have come while it was choosing. Simplified: a
 * frame is in all functions of kernel/sched/core.c or in none (CONFIG_SCHED_OMIT_FRAME_POINTER); here it is in this
 * one.
 */
SYM_FUNC_START schedule
	pushq %rbp
	movq %rsp, %rbp
.Lschedule_again:
	PREEMPT_DISABLE
	xorl %edi, %edi
	call __schedule
	PREEMPT_ENABLE_NO_RESCHED
	cmpq $0x0, %gs:PCPU_NEED_RESCHED
	jne .Lschedule_again
	popq %rbp
	ret
SYM_FUNC_END schedule

/* The idle task runs with preempt_count 1 all the time, so it disables nothing. */
SYM_FUNC_START schedule_idle
.Lschedule_idle_again:
	movq $SM_IDLE, %rdi
	call __schedule
	cmpq $0x0, %gs:PCPU_NEED_RESCHED
	jne .Lschedule_idle_again
	ret
SYM_FUNC_END schedule_idle

/* From the exit of an interrupt: IF is 0 and stays so for the caller, but not while it chooses. */
SYM_FUNC_START preempt_schedule_irq
.Lpreempt_irq_again:
	PREEMPT_DISABLE
	sti
	movl $SM_PREEMPT, %edi
	call __schedule
	cli
	PREEMPT_ENABLE_NO_RESCHED
	testb $0x1, %gs:PCPU_NEED_RESCHED
	jne .Lpreempt_irq_again
	ret
SYM_FUNC_END preempt_schedule_irq

/* Behind preempt_enable(): does nothing where it may not (count not 0, or interrupts off). */
SYM_FUNC_START_NOTRACE preempt_schedule
	pushfq
	popq %rax
	testl $X86_EFLAGS_IF, %eax
	je .Lpreempt_not_now
	cmpq $0x0, %gs:PCPU_PREEMPT_COUNT
	jne .Lpreempt_not_now
	PREEMPT_DISABLE
	movl $SM_PREEMPT, %edi
	call __schedule
	PREEMPT_ENABLE_NO_RESCHED
	cmpq $0x0, %gs:PCPU_NEED_RESCHED
	jne preempt_schedule
.Lpreempt_not_now:
	ret
SYM_FUNC_END preempt_schedule

/* rbx prev, r12 sched_mode, r13 rq. It comes back on the stack of whoever runs next, much later for this one. */
SYM_FUNC_START_NOTRACE_LOCAL __schedule
	pushq %rbp
	pushq %rbx
	pushq %r12
	pushq %r13
	pushq %r14
	movq %rdi, %r12
	cli
	GET_CURRENT %rbx
	xorl %edi, %edi
	testq %r12, %r12
	setg %dil
	call rcu_note_context_switch
	PER_CPU_READ PCPU_SELF, %r13
	addq $PCPU_RQ, %r13
	movq %r13, %rdi
	xorl %esi, %esi
	call raw_spin_rq_lock_nested
	movq %r13, %rdi
	call update_rq_clock
	incq RQ_SCHED_COUNT(%r13)
/* Only who gave up the CPU itself and is not TASK_RUNNING leaves the queue; who was preempted stays on it. */
	testq %r12, %r12
	jne .Lsched_counted
	cmpq $TASK_RUNNING, TASK_STATE(%rbx)
	je .Lsched_pick
	movq %r13, %rdi
	movq %rbx, %rsi
	movl $DEQUEUE_SLEEP, %edx
	call dequeue_task
.Lsched_pick:
/*
 * Simplified: Linux counts a voluntary switch only if another task follows, and clears rcu_tasks_holdout apart;
 * here this count alone tells Tasks RCU that the task has been at rest.
 */
	incq TASK_NVCSW(%rbx)
.Lsched_counted:
	movq %r13, %rdi
	movq %rbx, %rsi
	call __pick_next_task
	movq %rax, %r14
	movq $0x0, %gs:PCPU_NEED_RESCHED
	cmpq %rbx, %r14
	je .Lsched_same
	cmpq $SM_PREEMPT, %r12
	jne .Lsched_switch
	incq TASK_NIVCSW(%rbx)
.Lsched_switch:
	incq RQ_NR_SWITCHES(%r13)
	movq %r14, RQ_CURR(%r13)
	movq %rbx, %rdi
	movq %r14, %rsi
	call __switch_to_asm
	movq %rax, %rdi
	call finish_task_switch.isra.0
	jmp .Lsched_out
.Lsched_same:
	movq %r13, %rdi
	call raw_spin_rq_unlock
	sti
.Lsched_out:
	popq %r14
	popq %r13
	popq %r12
	popq %rbx
	popq %rbp
	ret
SYM_FUNC_END __schedule

/*
 * __pick_next_task(rq, prev): rdi rsi; rax the next task. The classes by rank: stop, fair, idle. pick_next_task_fair
 * puts and sets itself; the others leave that to here (put_prev_set_next_task). Simplified: inline in Linux.
 */
SYM_FUNC_START_NOTRACE_LOCAL __pick_next_task
	pushq %rbx
	pushq %r12
	movq %rdi, %rbx
	movq %rsi, %r12
	call pick_task_stop
	testq %rax, %rax
	jne .Lpick_put_set
	movq %rbx, %rdi
	movq %r12, %rsi
	call pick_next_task_fair
	testq %rax, %rax
	jne .Lpick_done
	movq %rbx, %rdi
	call pick_task_idle
.Lpick_put_set:
	cmpq %r12, %rax
	je .Lpick_done
	pushq %rax
	movq %rbx, %rdi
	movq %r12, %rsi
	call put_prev_task
	movq (%rsp), %rsi
	movq %rbx, %rdi
	call set_next_task
	popq %rax
.Lpick_done:
	popq %r12
	popq %rbx
	ret
SYM_FUNC_END __pick_next_task

/*
 * What is left to do for the task that has just stopped running: the lock, and interrupts on. `.isra.0` is gcc's: it
 * compiled the function without its result, which no caller uses (-fipa-sra), and gave it a name that says so.
 */
SYM_FUNC_START_LOCAL finish_task_switch.isra.0
	pushq %rbx
	PER_CPU_READ PCPU_SELF, %rbx
	addq $PCPU_RQ, %rbx
	movq %rbx, %rdi
	call raw_spin_rq_unlock
	sti
	popq %rbx
	ret
SYM_FUNC_END finish_task_switch.isra.0

/* A new task starts here, as if it came back from __schedule, and takes back the count that schedule() took. */
SYM_FUNC_START schedule_tail
	call finish_task_switch.isra.0
	PREEMPT_ENABLE schedule_tail
	ret
SYM_FUNC_END schedule_tail
