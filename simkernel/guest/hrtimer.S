/*
 * hrtimer.S: sleeping for a time (Linux: kernel/time/hrtimer.c, kernel/time/timer.c).
 *
 *   void hrtimer_start_range_ns(timer, ktime_t expires)         rdi rsi
 *   int hrtimer_try_to_cancel(timer)                            rdi; rax 1 if it was still queued
 *   enum hrtimer_restart hrtimer_wakeup(timer)                  rdi; from the interrupt
 *   int do_nanosleep(timer, ns), long hrtimer_nanosleep(ns), long __x64_sys_nanosleep(struct timespec *)
 *   void usleep_range_state(min, max, state), int schedule_hrtimeout_range_clock(expires, delta)
 *
 * A task has one timer, so a pointer to the task stands for it; TASK_TIMER is when, 0 when it is not armed. Owner of
 * the queue: the base's lock of that CPU (irq safe); only its own CPU touches it.
 */

/* In the order of expiry, behind its equals. */
SYM_FUNC_START hrtimer_start_range_ns
	pushq %rbx
	pushq %r12
	movq %rdi, %rbx
	PER_CPU_READ PCPU_SELF, %r12
	movq %rsi, TASK_TIMER(%rbx)
	leaq PCPU_HRTIMER_LOCK(%r12), %rdi
	call _raw_spin_lock_irqsave
	leaq PCPU_HRTIMER_FIRST(%r12), %rcx
	movq TASK_TIMER(%rbx), %rsi
.Lhrtimer_walk:
	movq (%rcx), %rdx
	testq %rdx, %rdx
	je .Lhrtimer_here
	cmpq %rsi, TASK_TIMER(%rdx)
	ja .Lhrtimer_here
	leaq TASK_TIMER_NEXT(%rdx), %rcx
	jmp .Lhrtimer_walk
.Lhrtimer_here:
	movq %rdx, TASK_TIMER_NEXT(%rbx)
	movq %rbx, (%rcx)
	leaq PCPU_HRTIMER_LOCK(%r12), %rdi
	movq %rax, %rsi
	call _raw_spin_unlock_irqrestore
	popq %r12
	popq %rbx
	ret
SYM_FUNC_END hrtimer_start_range_ns

/* Somebody else may have woken the sleeper: then its timer must not stay behind. */
SYM_FUNC_START hrtimer_try_to_cancel
	pushq %rbx
	pushq %r12
	movq %rdi, %rbx
	PER_CPU_READ PCPU_SELF, %r12
	leaq PCPU_HRTIMER_LOCK(%r12), %rdi
	call _raw_spin_lock_irqsave
	movq %rax, %rsi
	xorl %edi, %edi
	leaq PCPU_HRTIMER_FIRST(%r12), %rcx
.Lcancel_walk:
	movq (%rcx), %rdx
	testq %rdx, %rdx
	je .Lcancel_out
	cmpq %rbx, %rdx
	je .Lcancel_found
	leaq TASK_TIMER_NEXT(%rdx), %rcx
	jmp .Lcancel_walk
.Lcancel_found:
	movq TASK_TIMER_NEXT(%rbx), %rdx
	movq %rdx, (%rcx)
	movq $0x0, TASK_TIMER_NEXT(%rbx)
	incl %edi
.Lcancel_out:
	movq $0x0, TASK_TIMER(%rbx)
	movl %edi, %ebx
	leaq PCPU_HRTIMER_LOCK(%r12), %rdi
	call _raw_spin_unlock_irqrestore
	movl %ebx, %eax
	popq %r12
	popq %rbx
	ret
SYM_FUNC_END hrtimer_try_to_cancel

/* Disarmed first: who wakes must see that its time is over. HRTIMER_NORESTART is 0. */
SYM_FUNC_START_LOCAL hrtimer_wakeup
	incq %gs:PCPU_HRTIMER_EXPIRED
	movq $0x0, TASK_TIMER(%rdi)
	call wake_up_process
	xorl %eax, %eax
	ret
SYM_FUNC_END hrtimer_wakeup

/*
 * rdi ns. Asleep before the timer is armed, or a quick timer would find nobody to wake. Simplified: Linux's caller
 * has not read the clock: hrtimer_start_range_ns() does (base->get_time, here ktime_get); and hrtimer_cancel() calls
 * hrtimer_try_to_cancel().
 */
SYM_FUNC_START_LOCAL do_nanosleep
	pushq %rbx
	pushq %r12
	GET_CURRENT %rbx
	movq %rdi, %r12
	call ktime_get
	addq %rax, %r12
.Lnanosleep_again:
	movq $TASK_INTERRUPTIBLE, TASK_STATE(%rbx)
	movq %rbx, %rdi
	movq %r12, %rsi
	call hrtimer_start_range_ns
	call schedule
	movq TASK_TIMER(%rbx), %rdx
	testq %rdx, %rdx
	je .Lnanosleep_over
/* Woken for another reason: sleep the rest. */
	movq %rbx, %rdi
	call hrtimer_try_to_cancel
	jmp .Lnanosleep_again
.Lnanosleep_over:
	movq $TASK_RUNNING, TASK_STATE(%rbx)
	xorl %eax, %eax
	popq %r12
	popq %rbx
	ret
SYM_FUNC_END do_nanosleep

/* The slack of a normal task is added to what it asked for. */
SYM_FUNC_START hrtimer_nanosleep
	addq $0xc350, %rdi
	call do_nanosleep
	cltq
	ret
SYM_FUNC_END hrtimer_nanosleep

/* tv_nsec of a second or more is no time. rdi: struct timespec. */
SYM_FUNC_START __x64_sys_nanosleep
	movq $0xffffffffffffffea, %rax
	movq 0x8(%rdi), %rdx
	cmpq $0x3b9aca00, %rdx
	jae .Lsys_nanosleep_out
	imulq $0x3b9aca00, (%rdi), %rdi
	addq %rdx, %rdi
	call hrtimer_nanosleep
.Lsys_nanosleep_out:
	ret
SYM_FUNC_END __x64_sys_nanosleep

/*
 * For kernel threads: between min and max ns from now (Linux: us). Once is enough, whoever wakes it. Simplified:
 * schedule_hrtimeout_range() is between it and schedule_hrtimeout_range_clock() in Linux.
 */
SYM_FUNC_START usleep_range_state
	pushq %rbx
	pushq %rdi
	subq %rdi, %rsi
	pushq %rsi
	GET_CURRENT %rbx
	movq %rdx, TASK_STATE(%rbx)
	call ktime_get
	popq %rsi
	popq %rdi
	addq %rax, %rdi
	call schedule_hrtimeout_range_clock
	movq $TASK_RUNNING, TASK_STATE(%rbx)
	popq %rbx
	ret
SYM_FUNC_END usleep_range_state

/*
 * rdi expires, rsi delta: armed for the end of the range. 0 if the time is over, -EINTR if it was woken before.
 * Simplified: hrtimer_cancel() calls hrtimer_try_to_cancel() in Linux.
 */
SYM_FUNC_START schedule_hrtimeout_range_clock
	pushq %rbx
	GET_CURRENT %rbx
	addq %rdi, %rsi
	movq %rbx, %rdi
	call hrtimer_start_range_ns
	call schedule
	movq TASK_TIMER(%rbx), %rax
	testq %rax, %rax
	je .Lhrtimeout_over
	movq %rbx, %rdi
	call hrtimer_try_to_cancel
	movq $0xfffffffffffffffc, %rax
.Lhrtimeout_over:
	popq %rbx
	ret
SYM_FUNC_END schedule_hrtimeout_range_clock
