/* SPDX-License-Identifier: GPL-2.0-only */
/* A memcpy in the way of Linux's assembly files: macros of linkage.h, an alternative, an export. */

#include <linux/export.h>
#include <linux/linkage.h>
#include <asm/alternative.h>

.section .noinstr.text, "ax"

SYM_TYPED_FUNC_START(__memcpy)
	ALTERNATIVE "jmp memcpy_orig", "", X86_FEATURE_FSRM
	movq %rdi, %rax
	movq %rdx, %rcx
	rep movsb
	RET
SYM_FUNC_END(__memcpy)
EXPORT_SYMBOL(__memcpy)

SYM_FUNC_ALIAS_MEMFUNC(memcpy, __memcpy)

SYM_FUNC_START_LOCAL(memcpy_orig)
	movq %rdi, %rax
	cmpq $0x20, %rdx
	jb .Lless
	movq 0*8(%rsi), %r8
	movq 1*8(%rsi), %r9
	movq %r8, 0*8(%rdi)
	movq %r9, 1*8(%rdi)
.Lless:
	RET
SYM_FUNC_END(memcpy_orig)
