/*
 * calling.S: how a handler is entered and left (Linux: arch/x86/entry/calling.h, idtentry of entry_64.S). Macros only.
 *
 * Hardware has aligned the stack to 16 bytes and pushed SS RSP RFLAGS CS RIP [error code]; the gate is an interrupt
 * gate, so IF is 0. An entry completes that to a struct pt_regs and calls its C half with rdi = regs.
 *
 * Simplified: no CLAC, no swapgs and no other page tables, for there is no user mode; registers are not cleared.
 */

/*
 * The first instruction of every handler says that the CPU is not halted any more: the machine cannot tell a run that
 * ended in HLT from one that ended in an IRET to the instruction after it, and this word can. Simplified: the store to
 * the idle mark (PCPU_HLT) is not in Linux, where CLAC and CLD come first.
 */
.macro ENTER_HANDLER
movq $0x0, %gs:PCPU_HLT
.endm

/* PUSH_AND_CLEAR_REGS: the general registers, behind ORIG_RAX, so that rsp points to a struct pt_regs. */
.macro PUSH_REGS
pushq %rdi
pushq %rsi
pushq %rdx
pushq %rcx
pushq %rax
pushq %r8
pushq %r9
pushq %r10
pushq %r11
pushq %rbx
pushq %rbp
pushq %r12
pushq %r13
pushq %r14
pushq %r15
/* C code relies on DF 0, and the interrupted code may have set it. */
cld
movq %rsp, %rdi
.endm

/* error_return: every register as it was, ORIG_RAX thrown away, and back. IRET serializes. */
.macro POP_REGS_AND_IRET
popq %r15
popq %r14
popq %r13
popq %r12
popq %rbp
popq %rbx
popq %r11
popq %r10
popq %r9
popq %r8
popq %rax
popq %rcx
popq %rdx
popq %rsi
popq %rdi
addq $0x8, %rsp
iretq
.endm

/* idtentry for a vector without an error code: -1 takes its place. */
.macro IDTENTRY name, cfunc
SYM_CODE_START \name
ENTER_HANDLER
pushq $-0x1
PUSH_REGS
call \cfunc
POP_REGS_AND_IRET
SYM_CODE_END \name
.endm

/* idtentry for a vector with one: it is the second argument, and the slot then says "no system call". */
.macro IDTENTRY_ERRORCODE name, cfunc
SYM_CODE_START \name
ENTER_HANDLER
PUSH_REGS
movq PT_ORIG_RAX(%rsp), %rsi
movq $-0x1, PT_ORIG_RAX(%rsp)
call \cfunc
POP_REGS_AND_IRET
SYM_CODE_END \name
.endm

/*
 * irqentry_enter() (kernel/entry/common.c) for code that runs C with rsp -> [state, return address, pt_regs]: whoever
 * was interrupted in its user part or in HLT is in the kernel now, for Tasks RCU. irqentry_exit restores the state.
 * Simplified: the word TASK_IN_USER is not in Linux: regs say whether user mode was interrupted.
 */
.macro IRQENTRY_ENTER
GET_CURRENT %rax
pushq TASK_IN_USER(%rax)
movq $0x0, TASK_IN_USER(%rax)
.endm

/*
 * DEFINE_IDTENTRY_SYSVEC (asm/idtentry.h): the noinstr half of a device-like interrupt around its traced half __name.
 * Simplified: on the stack of the task; Linux changes to the CPU's interrupt stack (run_sysvec_on_irqstack_cond).
 */
.macro DEFINE_IDTENTRY_SYSVEC name
IDTENTRY asm_\name, \name
SYM_FUNC_START_NOTRACE \name
IRQENTRY_ENTER
call irq_enter_rcu
leaq 0x10(%rsp), %rdi
call __\name
call irq_exit_rcu
popq %rsi
leaq 0x8(%rsp), %rdi
jmp irqentry_exit
SYM_FUNC_END \name
.endm
