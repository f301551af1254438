/*
 * sched_core.S: queueing, the tick, and small parts of the core (Linux: kernel/sched/core.c). rdi rsi rdx as in C:
 *
 *   void raw_spin_rq_lock_nested(rq, subclass), raw_spin_rq_unlock(rq), resched_curr(rq), update_rq_clock(rq)
 *   void enqueue_task(rq, p, flags), bool dequeue_task(rq, p, flags), void activate_task(rq, p, flags)
 *   void sched_tick(void); int __cond_resched(void); u64 sched_clock_cpu(int cpu) notrace
 *   {pick_task,put_prev_task,set_next_task}_idle (kernel/sched/idle.c)
 *   put_prev_task, set_next_task: dispatch to the class (inline in Linux)
 */


/* One reading of the clock serves all decisions until the lock is dropped. */
SYM_FUNC_START update_rq_clock
	pushq %rdi
	call sched_clock_cpu
	popq %rdi
	movq %rax, RQ_CLOCK(%rdi)
	ret
SYM_FUNC_END update_rq_clock

/* Nests like a lock of any object: count first, then the word. */
SYM_FUNC_START raw_spin_rq_lock_nested
	pushq %rdi
	call _raw_spin_lock
	popq %rdi
	incq RQ_LOCK_COUNT(%rdi)
	ret
SYM_FUNC_END raw_spin_rq_lock_nested

SYM_FUNC_START raw_spin_rq_unlock
	incq RQ_UNLOCK_COUNT(%rdi)
	call _raw_spin_unlock
	ret
SYM_FUNC_END raw_spin_rq_unlock

/* The task's class does the work; what came and went is counted apart from what is there. */
SYM_FUNC_START enqueue_task
	incq RQ_ENQUEUED(%rdi)
	cmpl $SCHED_STOP, TASK_CLASS(%rsi)
	je .Lenqueue_stop
	call enqueue_task_fair
	ret
.Lenqueue_stop:
	call enqueue_task_stop
	ret
SYM_FUNC_END enqueue_task

/* No site: Linux says `inline` of it, and that word brings notrace (linux/compiler_types.h). */
SYM_FUNC_START_NOTRACE dequeue_task
	incq RQ_DEQUEUED(%rdi)
	cmpl $SCHED_STOP, TASK_CLASS(%rsi)
	jne .Ldequeue_fair
	call dequeue_task_stop
	ret
.Ldequeue_fair:
	call dequeue_task_fair
	ret
SYM_FUNC_END dequeue_task

/* on_rq is set after the queue has the task, so who reads it under the lock can trust it. */
SYM_FUNC_START activate_task
	pushq %rsi
	call enqueue_task
	popq %rsi
	movq $0x1, TASK_ON_RQ(%rsi)
	ret
SYM_FUNC_END activate_task

/*
 * Asks the queue's CPU to choose again. Simplified: Linux sends another CPU an interrupt; here it finds the flag at
 * its next interrupt or preempt_enable(). An idle CPU sleeps on until its tick.
 */
SYM_FUNC_START resched_curr
	incq RQ_RESCHED_COUNT(%rdi)
	movq $0x1, PCPU_NEED_RESCHED - PCPU_RQ(%rdi)
	ret
SYM_FUNC_END resched_curr

/* The tick of the running task's class; IF=0. */
SYM_FUNC_START sched_tick
	pushq %rbx
	PER_CPU_READ PCPU_SELF, %rbx
	addq $PCPU_RQ, %rbx
	movq %rbx, %rdi
	xorl %esi, %esi
	call raw_spin_rq_lock_nested
	movq %rbx, %rdi
	call update_rq_clock
	movq RQ_CURR(%rbx), %rsi
	testq %rsi, %rsi
	je .Lsched_tick_done
	cmpq %rsi, PCPU_IDLE_TASK - PCPU_RQ(%rbx)
	je .Lsched_tick_done
	cmpl $SCHED_FAIR, TASK_CLASS(%rsi)
	jne .Lsched_tick_done
	movq %rbx, %rdi
	xorl %edx, %edx
	call task_tick_fair
.Lsched_tick_done:
	movq %rbx, %rdi
	call raw_spin_rq_unlock
	popq %rbx
	ret
SYM_FUNC_END sched_tick

/* A point where long work lets others run; rax 1 if it did. RCU may ask for a quiescent state here too. */
SYM_FUNC_START __cond_resched
	incq %gs:PCPU_COND_RESCHED
	cmpq $0x0, %gs:PCPU_NEED_RESCHED
	je .Lcond_resched_qs
	cmpq $0x0, %gs:PCPU_PREEMPT_COUNT
	jne .Lcond_resched_qs
	call preempt_schedule
	movl $0x1, %eax
	ret
.Lcond_resched_qs:
	call rcu_all_qs
	xorl %eax, %eax
	ret
SYM_FUNC_END __cond_resched

/*
 * Nanoseconds. Simplified: Linux scales the TSC; here a tick of the simulated clock, about an instruction, stands for
 * 1024 ns, so that load tracking's periods pass in a short run.
 */
SYM_FUNC_START_NOTRACE sched_clock_cpu
	movl $0x1, %eax
	xaddq %rax, %gs:PCPU_CLOCK
	shlq $0xa, %rax
	ret
SYM_FUNC_END sched_clock_cpu

/* Nothing to choose from: the CPU's own idle task, which is on no queue. */
SYM_FUNC_START pick_task_idle
	incq RQ_SCHED_GOIDLE(%rdi)
	PER_CPU_READ PCPU_IDLE_TASK, %rax
	ret
SYM_FUNC_END pick_task_idle

/* The time between these two is the time without work. */
SYM_FUNC_START_LOCAL set_next_task_idle
	movq RQ_CLOCK(%rdi), %rax
	movq %rax, RQ_IDLE_START(%rdi)
	ret
SYM_FUNC_END set_next_task_idle

SYM_FUNC_START_LOCAL put_prev_task_idle
	movq RQ_CLOCK(%rdi), %rdx
	subq RQ_IDLE_START(%rdi), %rdx
	addq %rdx, RQ_IDLE_TIME(%rdi)
	ret
SYM_FUNC_END put_prev_task_idle

/* put_prev_task(rq, prev): a task that was made without a class word is the idle task. */
SYM_FUNC_START_NOTRACE_LOCAL put_prev_task
	cmpq %rsi, PCPU_IDLE_TASK - PCPU_RQ(%rdi)
	je put_prev_task_idle
	cmpl $SCHED_STOP, TASK_CLASS(%rsi)
	je put_prev_task_stop
	jmp put_prev_task_fair
SYM_FUNC_END put_prev_task

SYM_FUNC_START_NOTRACE_LOCAL set_next_task
	cmpq %rsi, PCPU_IDLE_TASK - PCPU_RQ(%rdi)
	je set_next_task_idle
	cmpl $SCHED_STOP, TASK_CLASS(%rsi)
	je set_next_task_stop
	jmp set_next_task_fair
SYM_FUNC_END set_next_task
