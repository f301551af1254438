/*
 * traps.S: faults that end the kernel (Linux: arch/x86/kernel/traps.c, arch/x86/mm/fault.c, kernel/panic.c).
 *
 *   void exc_invalid_op(regs), exc_general_protection(regs, error), exc_page_fault(regs, error), exc_double_fault(...)
 *   void die(struct pt_regs *regs, long vector, long error)     rdi rsi rdx; does not return
 *
 * From entry.S, IF=0. The host prints the oops, in Linux's words, from the three words that die() leaves.
 * Simplified: every one of them is fatal (Linux looks for fixups, handles faults of user memory, BUG and WARN), die()
 * has no site here, and the first oops ends the run, as with panic_on_oops=1.
 */

SYM_FUNC_START_NOTRACE exc_invalid_op
	movl $VECTOR_UD, %esi
	xorl %edx, %edx
	jmp die
SYM_FUNC_END exc_invalid_op

SYM_FUNC_START_NOTRACE exc_general_protection
	movq %rsi, %rdx
	movl $VECTOR_GP, %esi
	jmp die
SYM_FUNC_END exc_general_protection

SYM_FUNC_START_NOTRACE exc_page_fault
	movq %rsi, %rdx
	movl $VECTOR_PF, %esi
	jmp die
SYM_FUNC_END exc_page_fault

/* On its own IST stack: the interrupted one may be the reason. */
SYM_FUNC_START_NOTRACE exc_double_fault
	movq %rsi, %rdx
	movl $VECTOR_DF, %esi
	jmp die
SYM_FUNC_END exc_double_fault

/* oops_in_progress is stored last, so who sees it sees the rest; the first CPU's stays. */
SYM_FUNC_START_NOTRACE die
	cli
	movq %rdi, %gs:PCPU_OOPS_REGS
	movq %rsi, %gs:PCPU_OOPS_VECTOR
	movq %rdx, %gs:PCPU_OOPS_ERROR
	PER_CPU_READ PCPU_NUMBER, %rcx
	incq %rcx
	xorl %eax, %eax
	lock cmpxchgq %rcx, oops_in_progress(%rip)
/* For ever: an NMI would come back here. */
.Ldie_halt:
HOST_LABEL panic_halt
	hlt
	jmp .Ldie_halt
SYM_FUNC_END die

.bss
/* 0, or 1 + the number of the CPU that oopsed first. */
SYM_DATA_START oops_in_progress
	.quad 0x0
SYM_DATA_END oops_in_progress
.text
