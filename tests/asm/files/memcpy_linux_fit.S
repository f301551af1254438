/* The same file after its list of errors was worked off. */

.section .noinstr.text, "ax"

SYM_FUNC_START(__memcpy)
	movq %rdi, %rax
	movq %rdx, %rcx
	rep movsb
	ret
SYM_FUNC_END(__memcpy)
EXPORT_SYMBOL(__memcpy)

SYM_FUNC_START_LOCAL(memcpy_orig)
	movq %rdi, %rax
	cmpq $0x20, %rdx
	jb .Lless
	movq 0*8(%rsi), %r8
	movq 1*8(%rsi), %r9
	movq %r8, 0*8(%rdi)
	movq %r9, 1*8(%rdi)
.Lless:
	ret
SYM_FUNC_END(memcpy_orig)
