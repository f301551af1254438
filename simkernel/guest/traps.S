/*
 * traps.S: faults that end the kernel (Linux: arch/x86/kernel/traps.c, arch/x86/kernel/dumpstack.c and dumpstack_64.c,
 * arch/x86/mm/fault.c, kernel/panic.c).
 *
 *   void exc_invalid_op(regs), exc_general_protection(regs, error), exc_page_fault(regs, error), exc_double_fault(...)
 *   void handle_stack_overflow(struct pt_regs *regs, unsigned long fault_address)   rdi rsi, edx; does not return
 *   void die(struct pt_regs *regs, long vector, long error)     rdi rsi rdx; does not return
 *
 * From entry.S, IF=0. The host prints the oops, in Linux's words, from the words that these leave.
 *
 * A stack that overflows: below it lies a guard page, so a push there is a page fault, whose frame finds no room
 * either. The CPU takes a double fault, on a stack of its own, and CR2 says where the stack was missed.
 *
 * Simplified: every one of them is fatal (Linux looks for fixups, handles faults of user memory, BUG and WARN);
 * handle_stack_overflow() and die() have no site here; the first oops ends the run, as with panic_on_oops=1.
 */

/*
 * get_stack_guard_info(): on if the address rdi is not in a stack but in the page below one; else to `other`.
 * Simplified: no struct stack_info is filled in; the host finds the stack from the address.
 */
.macro GET_STACK_GUARD_INFO other
GET_CURRENT %rsi
call get_stack_info_noinstr
testl %eax, %eax
jne \other
addq $PAGE_SIZE, %rdi
call get_stack_info_noinstr
testl %eax, %eax
je \other
.endm

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

/*
 * A guard page that was missed by so much that there was room for this frame: page_fault_oops() goes to the stack of #DF
 * (call_on_stack), for what is left of this one may be little. Simplified: it asks is_vmalloc_addr() too.
 */
SYM_FUNC_START_NOTRACE exc_page_fault
	pushq %rdi
	pushq %rsi
	movq %cr2, %rdi
	GET_STACK_GUARD_INFO .Lpage_fault_other
	popq %rsi
	popq %rdi
	movq %cr2, %rsi
	movl $VECTOR_PF, %edx
	imulq $IRQ_STACK_STRIDE, %gs:PCPU_NUMBER, %rax
	leaq IRQ_STACKS + DF_STACK_TOP - 0x8(%rax), %rsp
	call handle_stack_overflow
.Lpage_fault_other:
	popq %rdx
	popq %rdi
	movl $VECTOR_PF, %esi
	jmp die
SYM_FUNC_END exc_page_fault

/* On its own IST stack: the interrupted one may be the reason. It counts as an NMI (irqentry_nmi_enter). */
SYM_FUNC_START_NOTRACE exc_double_fault
	addq $NMI_OFFSET + HARDIRQ_OFFSET, %gs:PCPU_PREEMPT_COUNT
	pushq %rdi
	pushq %rsi
	movq %cr2, %rdi
	GET_STACK_GUARD_INFO .Ldouble_fault_other
	popq %rsi
	popq %rdi
	movq %cr2, %rsi
	movl $VECTOR_DF, %edx
	call handle_stack_overflow
.Ldouble_fault_other:
	popq %rdx
	popq %rdi
	movl $VECTOR_DF, %esi
	jmp die
SYM_FUNC_END exc_double_fault

/* "stack guard page", with error code 0. Simplified: edx is the vector, where Linux has the struct stack_info. */
SYM_FUNC_START_NOTRACE handle_stack_overflow
	movq %rsi, %gs:PCPU_OOPS_GUARD
	movl %edx, %esi
	xorl %edx, %edx
	jmp die
SYM_FUNC_END handle_stack_overflow

/*
 * bool get_stack_info_noinstr(unsigned long *stack, struct task_struct *task): rdi, rsi = current; eax. Keeps both.
 * Simplified: there is no interrupt stack and no entry stack to look at.
 */
SYM_FUNC_START_NOTRACE get_stack_info_noinstr
	call in_task_stack
	testl %eax, %eax
	jne .Lstack_info_out
/* in_exception_stack(): four pages for this CPU; guard, #DF, guard, NMI. */
	imulq $IRQ_STACK_STRIDE, %gs:PCPU_NUMBER, %rcx
	leaq -IRQ_STACKS(%rdi), %rdx
	subq %rcx, %rdx
	cmpq $IRQ_STACK_STRIDE, %rdx
	jae .Lstack_info_out
	shrq $0xc, %rdx
	movl %edx, %eax
	andl $0x1, %eax
.Lstack_info_out:
	ret
SYM_FUNC_END get_stack_info_noinstr

/* bool in_task_stack(unsigned long *stack, struct task_struct *task): rdi rsi, kept; eax. Above the task's guard page. */
SYM_FUNC_START_NOTRACE in_task_stack
	leaq -TASKS_BASE(%rsi), %rcx
	imulq $TASK_STACK_STRIDE / TASK_SIZE, %rcx, %rcx
	leaq -TASK_STACKS(%rdi), %rdx
	subq %rcx, %rdx
	subq $PAGE_SIZE, %rdx
	xorl %eax, %eax
	cmpq $TASK_STACK_SIZE, %rdx
	setb %al
	ret
SYM_FUNC_END in_task_stack

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
