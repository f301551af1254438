/*
 * tiny.S: the least that the assembler takes for a kernel, after macros.S: for tests of the assembler and the image.
 * Nobody runs it.
 */

SYM_FUNC_START_NOTRACE __fentry__
	ret
SYM_FUNC_END __fentry__

/* A loop with a numbered label, per-CPU words, an absolute address and a label. */
SYM_FUNC_START first
	push %rbp
	PER_CPU_READ PCPU_CURRENT, %rax
	movq %gs:PCPU_CLOCK, %rdx
1:
	incq %gs:PCPU_TICKS
	jne 1b
	movq FTRACE_OPS_BASE, %rcx
	movq counter + 0x8(%rip), %rsi
	call second
	sti
	hlt
hlt_resume:
	pop %rbp
	ret
SYM_FUNC_END first

/* Its site lies across a cache line. */
SYM_FUNC_START_STRADDLE second, 0x3d
	.rept 0x3
	lock decq counter(%rip)
	.endr
	ret
SYM_FUNC_END second

.data
SYM_DATA_START counter
	.quad 0x5, first
SYM_DATA_END counter
synth_roots:
	.quad 0x0
synth_roots_count:
	.quad 0x0
synth_name:
	.asciz "no; comment # here"
