/*
 * ftrace_64.S: what a patch site calls (Linux: arch/x86/kernel/ftrace_64.S).
 *
 * A site is the first instruction of a function, so on entry to everything here
 *   (%rsp)   site + 5, the place in the function to go on at
 *   8(%rsp)  the function's own return address, in its caller: the "parent"
 * and all other registers hold the function's arguments or what its caller keeps. IF is as the function has it.
 * The callback has the C prototype
 *   void callback(unsigned long ip, unsigned long parent_ip, struct ftrace_ops *op, struct ftrace_regs *fregs)
 * Nothing here is traced and nothing here calls anything traced, so a site never leads to a site, unless an ops has
 * such a callback (trace_recursion.S).
 *
 * ftrace_caller and ftrace_regs_caller are shared by all ops and also the pattern that create_trampoline() copies:
 * from the first label to `_end`, then a RET of its own and the address of its ops. Only the movq at `_op_ptr` and
 * the call at `_call` (`ftrace_regs_call`) depend on the place; both are set again in each copy.
 * The bytes are those of Linux's file, built with `simkernel config`: no frame pointers, so MCOUNT_FRAME_SIZE is 0; no
 * call depth tracking; RET is a plain ret. A callback is a C function, so it may change r10 and r11, which no
 * ftrace_caller saves and of which ftrace_regs_caller restores r10 alone: no caller keeps them across a call.
 * Simplified: Linux's last ret is an ALTERNATIVE, with one byte of NOP behind it. ftrace_stub_direct_tramp, which
 * only its self-test calls, and the function graph tracer's part of the file are left out.
 */

/* Bits of struct ftrace_ops.flags that guest code reads (include/linux/ftrace.h). */
.set FTRACE_OPS_FL_SAVE_REGS, 0x4
.set FTRACE_OPS_FL_STUB, 0x20

/*
 * save_mcount_regs: an incomplete pt_regs, then rdi = the site, rsi = the parent. `added`: bytes pushed before. rbp goes
 * through rdx because a kernel with frame pointers has it on the stack.
 */
.macro SAVE_MCOUNT_REGS added
subq $FRAME_SIZE, %rsp
movq %rax, PT_RAX(%rsp)
movq %rcx, PT_RCX(%rsp)
movq %rdx, PT_RDX(%rsp)
movq %rsi, PT_RSI(%rsp)
movq %rdi, PT_RDI(%rsp)
movq %r8, PT_R8(%rsp)
movq %r9, PT_R9(%rsp)
movq $0x0, PT_ORIG_RAX(%rsp)
movq %rbp, %rdx
movq %rdx, PT_RBP(%rsp)
movq FRAME_SIZE + 0x8 + \added(%rsp), %rsi
movq FRAME_SIZE + \added(%rsp), %rdi
movq %rdi, PT_RIP(%rsp)
subq $0x5, %rdi
.endm

/* restore_mcount_regs: the way back; then the return address (or the flags) is on top, or `keep` bytes higher. */
.macro RESTORE_MCOUNT_REGS keep
movq PT_RBP(%rsp), %rbp
movq PT_R9(%rsp), %r9
movq PT_R8(%rsp), %r8
movq PT_RDI(%rsp), %rdi
movq PT_RSI(%rsp), %rsi
movq PT_RDX(%rsp), %rdx
movq PT_RCX(%rsp), %rcx
movq PT_RAX(%rsp), %rax
addq $FRAME_SIZE - \keep, %rsp
.endm

/* The callback that does nothing: where there is no ops, and between two of them. */
SYM_FUNC_START_NOTRACE ftrace_stub
	ret
SYM_FUNC_END ftrace_stub

/* What the compiler's call means until ftrace_init() has made it a NOP: nothing. */
SYM_FUNC_START_NOTRACE __fentry__
	ret
SYM_FUNC_END __fentry__

SYM_CODE_START ftrace_caller
	SAVE_MCOUNT_REGS 0x0
/* The callback may want the stack pointer as the function has it: above the return address. */
	leaq FRAME_SIZE + 0x8(%rsp), %rcx
	movq %rcx, PT_RSP(%rsp)
/* Third argument. A copy reads its own ops here, the shared one whatever the last update stored. */
SYM_INNER_LABEL ftrace_caller_op_ptr, SYM_L_GLOBAL
	movq function_trace_op(%rip), %rdx
/* Fourth argument. CS 0 says that these are not all registers (arch_ftrace_get_regs). */
	leaq (%rsp), %rcx
	movq $0x0, PT_CS(%rsp)
/* The inner call: ftrace changes its target by the same int3 protocol as a site. */
SYM_INNER_LABEL ftrace_call, SYM_L_GLOBAL
	call ftrace_stub
/* A callback may have set another place to go on at (live patching). */
	movq PT_RIP(%rsp), %rax
	movq %rax, FRAME_SIZE(%rsp)
	RESTORE_MCOUNT_REGS 0x0
SYM_INNER_LABEL ftrace_caller_end, SYM_L_GLOBAL
	ret
SYM_CODE_END ftrace_caller

/* The same with every register in pt_regs, for ops with SAVE_REGS: about twice as long. */
SYM_CODE_START ftrace_regs_caller
/* The flags first: the code below changes them, and here they are given back. */
	pushfq
	SAVE_MCOUNT_REGS 0x8
SYM_INNER_LABEL ftrace_regs_caller_op_ptr, SYM_L_GLOBAL
	movq function_trace_op(%rip), %rdx
	movq %r15, PT_R15(%rsp)
	movq %r14, PT_R14(%rsp)
	movq %r13, PT_R13(%rsp)
	movq %r12, PT_R12(%rsp)
	movq %r11, PT_R11(%rsp)
	movq %r10, PT_R10(%rsp)
	movq %rbx, PT_RBX(%rsp)
/* What an exception's frame would hold, so that the callback sees a full pt_regs. */
	movq FRAME_SIZE(%rsp), %rcx
	movq %rcx, PT_EFLAGS(%rsp)
	movq $KERNEL_DS, %rcx
	movq %rcx, PT_SS(%rsp)
	movq $KERNEL_CS, %rcx
	movq %rcx, PT_CS(%rsp)
	leaq FRAME_SIZE + 0x10(%rsp), %rcx
	movq %rcx, PT_RSP(%rsp)
	leaq (%rsp), %rcx
SYM_INNER_LABEL ftrace_regs_call, SYM_L_GLOBAL
	call ftrace_stub
/* The callback may have changed flags, RIP and registers: they become the function's. */
	movq PT_EFLAGS(%rsp), %rax
	movq %rax, FRAME_SIZE(%rsp)
	movq PT_RIP(%rsp), %rax
	movq %rax, FRAME_SIZE + 0x8(%rsp)
	movq PT_R15(%rsp), %r15
	movq PT_R14(%rsp), %r14
	movq PT_R13(%rsp), %r13
	movq PT_R12(%rsp), %r12
	movq PT_R10(%rsp), %r10
	movq PT_RBX(%rsp), %rbx
/* ORIG_RAX not 0: a direct call's target (arch_ftrace_set_direct_caller). It waits in the SS slot, below the flags. */
	movq PT_ORIG_RAX(%rsp), %rax
	movq %rax, PT_SS(%rsp)
	testq %rax, %rax
/* In a copy that no direct call can use, two bytes of NOP stand here. */
SYM_INNER_LABEL ftrace_regs_caller_jmp, SYM_L_GLOBAL
	jnz .Lregs_caller_direct
	RESTORE_MCOUNT_REGS 0x0
	popfq
SYM_INNER_LABEL ftrace_regs_caller_end, SYM_L_GLOBAL
	ret

/* Flags below, target above: popfq takes the one, ret goes to the other, which returns to the function. */
.Lregs_caller_direct:
	movq FRAME_SIZE(%rsp), %rdi
	movq %rdi, PT_SS(%rsp)
	movq %rax, FRAME_SIZE(%rsp)
	RESTORE_MCOUNT_REGS 0x8
	popfq
/* A ret without its call puts the CPU's return stack buffer out of step; a call that does not return puts it right. */
	call .Ldo_rebalance
	int3
.Ldo_rebalance:
	addq $0x8, %rsp
	ret
SYM_CODE_END ftrace_regs_caller

.data
/* The third argument of the shared trampolines' callback. Written by ftrace_modify_all_code() only. */
SYM_DATA_START function_trace_op
	.quad ftrace_list_end
SYM_DATA_END function_trace_op

/* Head of the list of registered ops, newest first; the list ends with ftrace_list_end, which does nothing. */
SYM_DATA_START ftrace_ops_list
	.quad ftrace_list_end
SYM_DATA_END ftrace_ops_list

SYM_DATA_START ftrace_list_end
	.quad ftrace_stub
	.quad 0x0
	.quad FTRACE_OPS_FL_STUB
	.fill FTRACE_OPS_SIZE - 0x18, 0x1, 0x0
SYM_DATA_END ftrace_list_end
.text
