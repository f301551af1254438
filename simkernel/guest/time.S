/*
 * time.S: the tick (Linux: kernel/time/hrtimer.c, tick-sched.c, timekeeping.c, timer.c, kernel/sched/cputime.c).
 * All from the timer interrupt, IF=0, preempt_count with HARDIRQ_OFFSET.
 *
 *   void hrtimer_interrupt(struct clock_event_device *)              from __sysvec_apic_timer_interrupt
 *   void __hrtimer_run_queues(base, ktime_t now)                     rdi rsi
 *   int tick_nohz_handler(struct hrtimer *), void tick_sched_handle(ts, regs), update_process_times(int user_tick)
 *   void tick_do_update_jiffies64(ticks), update_wall_time(void); ktime_t ktime_get(void)
 *   void account_process_tick(p, int user_tick), account_{user,system,idle}_time
 *   int tick_program_event(ktime_t expires, int force)
 *
 * Simplified: the interrupt comes at a fixed period, so each one is the tick, and expired sleepers are found then.
 */
.set TICK_NSEC, 0x3d0900

/*
 * The base's lock is only held to look at its queue: what a timer does may take rq->lock. Simplified: Linux reads the
 * clock with ktime_get_update_offsets_now(), not ktime_get().
 */
SYM_FUNC_START hrtimer_interrupt
	pushq %rbx
	incq %gs:PCPU_HRTIMER_EVENTS
	call ktime_get
	movq %rax, %rbx
	PER_CPU_READ PCPU_SELF, %rdi
	movq %rbx, %rsi
	call __hrtimer_run_queues
	leaq TICK_NSEC(%rbx), %rdi
	xorl %esi, %esi
	call tick_program_event
	popq %rbx
	ret
SYM_FUNC_END hrtimer_interrupt

/*
 * The tick's own timer first, then whoever's time has come: the queue is in the order of expiry. rbx base, r12 now.
 * Simplified: Linux comes here with the base's lock (hrtimer_interrupt), drops it around each timer's function and
 * takes it back with _raw_spin_lock_irq(), not _raw_spin_lock_irqsave().
 */
SYM_FUNC_START_LOCAL __hrtimer_run_queues
	pushq %rbx
	pushq %r12
	movq %rdi, %rbx
	movq %rsi, %r12
	call tick_nohz_handler
.Lrun_queues_next:
	leaq PCPU_HRTIMER_LOCK(%rbx), %rdi
	call _raw_spin_lock_irqsave
	movq PCPU_HRTIMER_FIRST(%rbx), %rdx
	testq %rdx, %rdx
	je .Lrun_queues_last
	cmpq %r12, TASK_TIMER(%rdx)
	ja .Lrun_queues_last
	movq TASK_TIMER_NEXT(%rdx), %rcx
	movq %rcx, PCPU_HRTIMER_FIRST(%rbx)
	movq $0x0, TASK_TIMER_NEXT(%rdx)
	pushq %rdx
	leaq PCPU_HRTIMER_LOCK(%rbx), %rdi
	movq %rax, %rsi
	call _raw_spin_unlock_irqrestore
	popq %rdi
	call hrtimer_wakeup
	jmp .Lrun_queues_next
.Lrun_queues_last:
	leaq PCPU_HRTIMER_LOCK(%rbx), %rdi
	movq %rax, %rsi
	call _raw_spin_unlock_irqrestore
	popq %r12
	popq %rbx
	ret
SYM_FUNC_END __hrtimer_run_queues

/*
 * One CPU of all keeps the time for everybody (tick_do_timer_cpu). Simplified: tick_do_update_jiffies64() calls
 * update_wall_time() in Linux.
 */
SYM_FUNC_START_LOCAL tick_nohz_handler
	cmpq $0x0, %gs:PCPU_NUMBER
	jne .Ltick_not_mine
	movl $0x1, %edi
	call tick_do_update_jiffies64
	call update_wall_time
.Ltick_not_mine:
	call tick_sched_handle
	movl $0x1, %eax
	ret
SYM_FUNC_END tick_nohz_handler

/* user_mode(regs). Simplified: user parts run in ring 0, so the entry code has noted what the tick interrupted. */
SYM_FUNC_START_LOCAL tick_sched_handle
	movl %gs:PCPU_IRQ_USER, %edi
	call update_process_times
	ret
SYM_FUNC_END tick_sched_handle

/* rdi ticks. Simplified: Linux is given the time and finds how many ticks have passed. */
SYM_FUNC_START_LOCAL tick_do_update_jiffies64
	movl %edi, %edi
	addq %rdi, jiffies_64(%rip)
	ret
SYM_FUNC_END tick_do_update_jiffies64

SYM_FUNC_START update_wall_time
	addq $TICK_NSEC, tk_xtime_nsec(%rip)
	ret
SYM_FUNC_END update_wall_time

/* One call a line: whose time it was, then what a tick drives. */
SYM_FUNC_START update_process_times
	pushq %rbx
	movl %edi, %ebx
	incq %gs:PCPU_TICKS
	GET_CURRENT %rdi
	movl %ebx, %esi
	call account_process_tick
	movl %ebx, %edi
	call rcu_sched_clock_irq
	call sched_tick
	popq %rbx
	ret
SYM_FUNC_END update_process_times

SYM_FUNC_START account_process_tick
	PER_CPU_READ PCPU_IDLE_TASK, %rax
	cmpq %rax, %rdi
	je .Laccount_idle
	testl %esi, %esi
	movl $TICK_NSEC, %esi
	je .Laccount_system
	call account_user_time
	ret
.Laccount_system:
	call account_system_time
	ret
.Laccount_idle:
	movl $TICK_NSEC, %edi
	call account_idle_time
	ret
SYM_FUNC_END account_process_tick

SYM_FUNC_START account_user_time
	addq %rsi, %gs:PCPU_USER_TICKS
	ret
SYM_FUNC_END account_user_time

SYM_FUNC_START account_system_time
	movl %esi, %eax
	addq %rax, %gs:PCPU_SYSTEM_TICKS
	ret
SYM_FUNC_END account_system_time

SYM_FUNC_START account_idle_time
	addq %rdi, %gs:PCPU_IDLE_TICKS
	ret
SYM_FUNC_END account_idle_time

/* Reads the clock word, and so moves it on by one: later readings are later. */
SYM_FUNC_START ktime_get
	movl $0x1, %eax
	xaddq %rax, %gs:PCPU_CLOCK
	salq $0xa, %rax
	ret
SYM_FUNC_END ktime_get

/* Simplified: remembers when the next interrupt should come; the machine keeps its own fixed period. */
SYM_FUNC_START tick_program_event
	movq %rdi, %gs:PCPU_NEXT_EVENT
	xorl %eax, %eax
	ret
SYM_FUNC_END tick_program_event

/* Time in ticks since boot, and in ns. Owner: the CPU that keeps the time. */
.data
SYM_DATA_START jiffies_64
	.quad 0x0
SYM_DATA_END jiffies_64
.bss
SYM_DATA_START_LOCAL tk_xtime_nsec
	.quad 0x0
SYM_DATA_END tk_xtime_nsec
/* Grace periods of RCU: rcu.S says whose they are. */
SYM_DATA_START_LOCAL rcu_node_lock
	.quad 0x0
SYM_DATA_END rcu_node_lock
SYM_DATA_START_LOCAL rcu_gp_seq
	.quad 0x0
SYM_DATA_END rcu_gp_seq
SYM_DATA_START_LOCAL rcu_qsmask
	.quad 0x0
SYM_DATA_END rcu_qsmask
SYM_DATA_START_LOCAL rcu_gp_task
	.quad 0x0
SYM_DATA_END rcu_gp_task
SYM_DATA_START_LOCAL rcu_n_force_qs
	.quad 0x0
SYM_DATA_END rcu_n_force_qs
.text
