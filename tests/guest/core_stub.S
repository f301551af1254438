/*
 * core_stub.S: the least that the kernel's core can run with, for tests of the core alone: a round-robin scheduler, a
 * system call that adds through three traced functions, two tasks a CPU that check every register they should keep.
 */
.set STUB_PREEMPTIONS, PCPU_MISC

SYM_FUNC_START_NOTRACE rcu_is_watching
	movl $0x1, %eax
	ret
SYM_FUNC_END rcu_is_watching

SYM_FUNC_START_NOTRACE enqueue_init_task
	movq $0x1, TASK_ON_RQ(%rdi)
	movl TASK_CPU(%rdi), %eax
	shlq $0xc, %rax
	movq $0x1, PERCPU_BASE + PCPU_NEED_RESCHED(%rax)
	leaq cpu_stopper_thread(%rip), %rcx
	cmpq %rcx, TASK_USER(%rdi)
	jne .Lnot_stopper
	movq %rdi, PERCPU_BASE + PCPU_RQ + RQ_STOP(%rax)
.Lnot_stopper:
	ret
SYM_FUNC_END enqueue_init_task

/* rax: the stopper if it is TASK_RUNNING, else the next task of this CPU that is, else idle. */
SYM_FUNC_START pick_next_task_fair
	movq %gs:PCPU_RQ + RQ_STOP, %rax
	cmpq $0x0, TASK_STATE(%rax)
	je .Lpicked
	movq %gs:PCPU_CURRENT, %rax
	movl $TASKS_MAX, %ecx
.Lpick_next:
	addq $TASK_SIZE, %rax
	cmpq $TASKS_BASE + TASK_SIZE * TASKS_MAX, %rax
	jb .Lpick_in_map
	movq $TASKS_BASE, %rax
.Lpick_in_map:
	cmpq $0x0, TASK_ON_RQ(%rax)
	je .Lpick_other
	cmpq $0x0, TASK_STATE(%rax)
	jne .Lpick_other
	movl TASK_CPU(%rax), %edx
	cmpq %gs:PCPU_NUMBER, %rdx
	je .Lpicked
.Lpick_other:
	decl %ecx
	jne .Lpick_next
	movq %gs:PCPU_IDLE_TASK, %rax
.Lpicked:
	ret
SYM_FUNC_END pick_next_task_fair

SYM_FUNC_START_NOTRACE __schedule
	pushq %rbx
	cli
	PREEMPT_DISABLE
	movq %gs:PCPU_CURRENT, %rbx
	testq %rdi, %rdi
	jne .Lnot_voluntary
	incq TASK_NVCSW(%rbx)
.Lnot_voluntary:
	movq $0x0, %gs:PCPU_NEED_RESCHED
	call pick_next_task_fair
	cmpq %rax, %rbx
	je .Lsame
	movq %rbx, %rdi
	movq %rax, %rsi
	call __switch_to_asm
.Lsame:
	PREEMPT_ENABLE_NO_RESCHED
	sti
	popq %rbx
	ret
SYM_FUNC_END __schedule

SYM_FUNC_START schedule
	pushq %rbp
	movq %rsp, %rbp
	PREEMPT_DISABLE
	xorl %edi, %edi
	call __schedule
	PREEMPT_ENABLE_NO_RESCHED
	popq %rbp
	ret
SYM_FUNC_END schedule

SYM_FUNC_START schedule_idle
	movq $SM_IDLE, %rdi
	call __schedule
	ret
SYM_FUNC_END schedule_idle

SYM_FUNC_START preempt_schedule_irq
	incq %gs:STUB_PREEMPTIONS
	PREEMPT_DISABLE
	movl $SM_PREEMPT, %edi
	call __schedule
	cli
	PREEMPT_ENABLE_NO_RESCHED
	ret
SYM_FUNC_END preempt_schedule_irq

SYM_FUNC_START_NOTRACE preempt_schedule
	PREEMPT_DISABLE
	movl $SM_PREEMPT, %edi
	call __schedule
	PREEMPT_ENABLE_NO_RESCHED
	ret
SYM_FUNC_END preempt_schedule

SYM_FUNC_START schedule_tail
	PREEMPT_ENABLE_NO_RESCHED
	sti
	PREEMPT_ENABLE stub_tail
	ret
SYM_FUNC_END schedule_tail

SYM_FUNC_START wake_up_process
	movq $0x0, TASK_STATE(%rdi)
	movq $0x1, %gs:PCPU_NEED_RESCHED
	ret
SYM_FUNC_END wake_up_process

SYM_FUNC_START hrtimer_interrupt
	incq %gs:PCPU_TICKS
	call sched_tick
	ret
SYM_FUNC_END hrtimer_interrupt

SYM_FUNC_START sched_tick
	movq $0x1, %gs:PCPU_NEED_RESCHED
	ret
SYM_FUNC_END sched_tick

/* rdi + rsi + nr in rcx; nr 1 with interrupts off meanwhile, nr 2 gives up the CPU first. */
SYM_FUNC_START x64_sys_call
	cmpq $0x2, %rcx
	je .Lcall_yield
	cmpq $0x1, %rcx
	je .Lcall_irqs_off
.Lcall_plain:
	call stub_add
	ret
.Lcall_irqs_off:
	cli
	call stub_add
	sti
	ret
.Lcall_yield:
	pushq %rdi
	pushq %rsi
	pushq %rcx
	call schedule
	popq %rcx
	popq %rsi
	popq %rdi
	jmp .Lcall_plain
SYM_FUNC_END x64_sys_call

SYM_FUNC_START stub_add
	call stub_add_first
	addq %rcx, %rax
	ret
SYM_FUNC_END stub_add

SYM_FUNC_START_STRADDLE stub_add_first, 0x3d
	PREEMPT_DISABLE
	call stub_add_second
	PREEMPT_ENABLE stub_add_first
	ret
SYM_FUNC_END stub_add_first

SYM_FUNC_START stub_add_second
	leaq (%rdi,%rsi,1), %rax
	ret
SYM_FUNC_END stub_add_second

/* Every register holds a value of its own while the kernel is called; rcx and r11 may change. */
SYM_CODE_START stub_user
	movq %rdi, %rbx
	movq $0x1000, %rbp
	movq $0x1001, %r12
	movq $0x1002, %r13
	movq $0x1003, %r14
	xorl %r15d, %r15d
HOST_LABEL stub_user_again
	movq %r15, %rdi
	movq %rbx, %rsi
	movq $0x1004, %rdx
	movq $0x1005, %r8
	movq $0x1006, %r9
	movq $0x1007, %r10
	movq %r15, %rax
	andl $0x3, %eax
	call entry_SYSCALL_64
	movq %r15, %rcx
	andl $0x3, %ecx
	addq %r15, %rcx
	addq %rbx, %rcx
	xorq %rcx, %rax
	leaq -0x1000(%rbp), %rcx
	orq %rcx, %rax
	leaq -0x1001(%r12), %rcx
	orq %rcx, %rax
	leaq -0x1002(%r13), %rcx
	orq %rcx, %rax
	leaq -0x1003(%r14), %rcx
	orq %rcx, %rax
	leaq -0x1004(%rdx), %rcx
	orq %rcx, %rax
	leaq -0x1005(%r8), %rcx
	orq %rcx, %rax
	leaq -0x1006(%r9), %rcx
	orq %rcx, %rax
	leaq -0x1007(%r10), %rcx
	orq %rcx, %rax
	xorq %r15, %rdi
	orq %rdi, %rax
	xorq %rbx, %rsi
	orq %rsi, %rax
	je .Luser_right
	movq %gs:PCPU_CURRENT, %rcx
	incq TASK_ERRORS(%rcx)
.Luser_right:
	incq %r15
	jmp stub_user_again
SYM_CODE_END stub_user

.data
SYM_DATA_START init_tasks
	.quad 0x3
	.asciz "migration/"
	.fill 0x5, 0x1, 0x0
	.long 0x10, 0xff
	.quad cpu_stopper_thread, 0x0, INIT_KTHREAD
	.asciz "first"
	.fill 0xa, 0x1, 0x0
	.long 0x20, 0xff
	.quad stub_user, 0x111, 0x0
	.asciz "second"
	.fill 0x9, 0x1, 0x0
	.long 0x30, 0xff
	.quad stub_user, 0x222, 0x0
SYM_DATA_END init_tasks
.text

/*
 * A callback for tests of ftrace_regs_caller: keeps a copy of pt_regs, then sets RIP, ORIG_RAX and bits of EFLAGS, where
 * the test has put something else than 0.
 */
SYM_FUNC_START_NOTRACE stub_regs_callback
	xorl %eax, %eax
.Lcopy_regs:
	movq (%rcx,%rax,1), %r8
	movq %r8, HEAP_BASE + 0x20000(%rax)
	addq $0x8, %rax
	cmpl $FRAME_SIZE, %eax
	jne .Lcopy_regs
	movq HEAP_BASE + 0x21000, %rax
	testq %rax, %rax
	je .Lkeep_rip
	movq %rax, PT_RIP(%rcx)
.Lkeep_rip:
	movq HEAP_BASE + 0x21008, %rax
	movq %rax, PT_ORIG_RAX(%rcx)
	movq HEAP_BASE + 0x21018, %rax
	orq %rax, PT_EFLAGS(%rcx)
	ret
SYM_FUNC_END stub_regs_callback

/* What RIP or a direct call may lead to: another body for stub_add_second, and a function that counts and returns. */
SYM_FUNC_START_NOTRACE stub_other_body
	leaq 0x7(%rdi,%rsi), %rax
	ret
SYM_FUNC_END stub_other_body

SYM_FUNC_START_NOTRACE stub_direct
	incq HEAP_BASE + 0x21010
	ret
SYM_FUNC_END stub_direct
