/*
 * entry.S: ways into the kernel and out of it (Linux: arch/x86/entry/entry_64.S, arch/x86/kernel/traps.c,
 * kernel/entry/common.c). Hardware jumps to the asm_ names through the IDT; calling.S says in which state.
 *
 * All of it is noinstr but irq_enter_rcu, irq_exit_rcu and nmi_handle: no site, and nothing traced is called before the
 * registers are saved or after they are restored.
 */

IDTENTRY asm_exc_invalid_op, exc_invalid_op
IDTENTRY_ERRORCODE asm_exc_general_protection, exc_general_protection
IDTENTRY_ERRORCODE asm_exc_page_fault, exc_page_fault
IDTENTRY_ERRORCODE asm_exc_double_fault, exc_double_fault
IDTENTRY asm_exc_nmi, exc_nmi

/*
 * asm_exc_int3: #BP. RIP is behind the int3; no IST, so this is the interrupted stack.
 *
 * The gap: the frame is copied six words down, and the six words above the copy are free. Emulating a call pushes its
 * return address on the interrupted stack, which is where the frame's own SS or the word above it lay.
 */
SYM_CODE_START asm_exc_int3
	ENTER_HANDLER
	pushq $-0x1
/* Only code of the kernel calls functions that are patched; a user's stack is another one anyway. */
	testb $0x3, 0x10(%rsp)
	jne .Lint3_no_gap
/* SS, RSP, RFLAGS, CS, RIP, ORIG_RAX: each is five words above when its turn comes. */
	.rept 0x6
	pushq 0x28(%rsp)
	.endr
.Lint3_no_gap:
	PUSH_REGS
	call exc_int3
	POP_REGS_AND_IRET
SYM_CODE_END asm_exc_int3

/*
 * void irqentry_exit(struct pt_regs *regs, u64 in_user): rdi rsi, IF=0. From the user part: let others run while one is
 * due. From the kernel: preempt, if IF was on there (an interrupt came, so it was) and nothing forbids it.
 * Simplified: in Linux raw_irqentry_exit_cond_resched() calls preempt_schedule_irq(), irqentry_exit_to_user_mode()
 * calls schedule(), and there is no TASK_IN_USER to be restored.
 */
SYM_FUNC_START_NOTRACE irqentry_exit
	cmpq $0x0, %gs:PCPU_NEED_RESCHED
	jne .Lirqentry_resched
.Lirqentry_done:
	GET_CURRENT %rax
	movq %rsi, TASK_IN_USER(%rax)
	ret
.Lirqentry_resched:
	cmpq $0x0, %gs:PCPU_PREEMPT_COUNT
	jne .Lirqentry_done
	testl $X86_EFLAGS_IF, PT_EFLAGS(%rdi)
	je .Lirqentry_done
	pushq %rdi
	pushq %rsi
	testq %rsi, %rsi
	jne .Lirqentry_user
	call preempt_schedule_irq
	popq %rsi
	popq %rdi
	jmp .Lirqentry_done
/* exit_to_user_mode_loop(): this switch counts as one of its own accord, for it is at rest. */
.Lirqentry_user:
	sti
	call schedule
	cli
	popq %rsi
	popq %rdi
	jmp irqentry_exit
SYM_FUNC_END irqentry_exit

/* A hard interrupt begins and ends (kernel/softirq.c). Simplified: no softirqs run at its end. */
SYM_FUNC_START irq_enter_rcu
	addq $HARDIRQ_OFFSET, %gs:PCPU_PREEMPT_COUNT
	ret
SYM_FUNC_END irq_enter_rcu

SYM_FUNC_START irq_exit_rcu
	subq $HARDIRQ_OFFSET, %gs:PCPU_PREEMPT_COUNT
	ret
SYM_FUNC_END irq_exit_rcu

/*
 * exc_nmi(regs): rdi, on the NMI stack, between any two instructions of anything. irqentry_nmi_enter() counts it as NMI
 * and hard interrupt; nothing is rescheduled at its end. Simplified: the machine holds the next NMI back while rsp is
 * on this stack; hardware does until an IRET, and Linux's asm_exc_nmi is long because of the int3's IRET. Simplified:
 * default_do_nmi() calls nmi_handle() in Linux.
 */
SYM_FUNC_START_NOTRACE exc_nmi
	addq $NMI_OFFSET + HARDIRQ_OFFSET, %gs:PCPU_PREEMPT_COUNT
	IRQENTRY_ENTER
	movq %rdi, %rsi
	xorl %edi, %edi
	call nmi_handle
	GET_CURRENT %rax
	popq TASK_IN_USER(%rax)
	subq $NMI_OFFSET + HARDIRQ_OFFSET, %gs:PCPU_PREEMPT_COUNT
/*
 * Between the store of PCPU_HLT and HLT the CPU goes on to halt, so the word that our entry cleared is set again.
 * Simplified: PCPU_HLT is not in Linux.
 */
	movq 0x8 + PT_RIP(%rsp), %rax
	subq $default_idle_sti, %rax
	cmpq $hlt_resume - default_idle_sti, %rax
	jae .Lnmi_done
	movq $0x1, %gs:PCPU_HLT
.Lnmi_done:
	ret
SYM_FUNC_END exc_nmi

/* int nmi_handle(unsigned int type, regs) (arch/x86/kernel/nmi.c): one handler, which counts; eax = handled. */
SYM_FUNC_START_LOCAL nmi_handle
	PER_CPU_READ PCPU_NUMBER, %rax
	incq nmi_count(,%rax,8)
	movl $0x1, %eax
	ret
SYM_FUNC_END nmi_handle

/*
 * entry_SYSCALL_64: a system call. rax nr, rdi rsi rdx arguments; result in rax, all other registers but rcx and r11
 * are kept, as SYSCALL does. Simplified: user parts run in ring 0 and enter by a call, so it ends in a ret and builds
 * no pt_regs. Linux's begins with swapgs, builds one, and ends in SYSRET or IRET.
 */
SYM_CODE_START entry_SYSCALL_64
	pushq %rdi
	pushq %rsi
	pushq %rdx
	pushq %r8
	pushq %r9
	pushq %r10
	movq %rax, %rcx
	call do_syscall_64
	popq %r10
	popq %r9
	popq %r8
	popq %rdx
	popq %rsi
	popq %rdi
	ret
SYM_CODE_END entry_SYSCALL_64

/*
 * long do_syscall_64(rdi rsi rdx, rcx nr) (arch/x86/entry/common.c): in the kernel from the first line to the last but
 * one. Exit work (exit_to_user_mode_loop) is looked for with IF=0, so that no request comes behind the last look.
 * Simplified: syscall_exit_to_user_mode() calls schedule() in Linux, in exit_to_user_mode_loop(); TASK_IN_USER (for
 * Tasks RCU) and TASK_SYSCALLS (which counts) are not in Linux.
 */
SYM_FUNC_START_NOTRACE do_syscall_64
	GET_CURRENT %rax
	movq $0x0, TASK_IN_USER(%rax)
	call x64_sys_call
	pushq %rax
	GET_CURRENT %rax
	incq TASK_SYSCALLS(%rax)
.Lsyscall_exit_work:
	cli
	cmpq $0x0, %gs:PCPU_NEED_RESCHED
	je .Lsyscall_exit
	sti
	call schedule
	jmp .Lsyscall_exit_work
.Lsyscall_exit:
	GET_CURRENT %rax
	movq $0x1, TASK_IN_USER(%rax)
	sti
	popq %rax
	ret
SYM_FUNC_END do_syscall_64

/* Behind PREEMPT_ENABLE, anywhere in a function: the registers that a call may change are kept (entry/thunk.S). */
SYM_CODE_START preempt_schedule_thunk
	pushq %rdi
	pushq %rsi
	pushq %rdx
	pushq %rcx
	pushq %rax
	pushq %r8
	pushq %r9
	pushq %r10
	pushq %r11
	call preempt_schedule
	popq %r11
	popq %r10
	popq %r9
	popq %r8
	popq %rax
	popq %rcx
	popq %rdx
	popq %rsi
	popq %rdi
	ret
SYM_CODE_END preempt_schedule_thunk

.bss
/* NMIs handled, for each CPU. */
SYM_DATA_START_LOCAL nmi_count
	.fill NR_CPUS, 0x8, 0x0
SYM_DATA_END nmi_count
.text
