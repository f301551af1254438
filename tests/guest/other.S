/*
 * other.S: a kernel that is not the toy kernel. It lies at 0x100000, has no GS base: the words of CPU n are at
 * %gs:0x40000 + 0x1000 * n, its stack in the rest of the page. It has no tasks, no ring buffers, no IST, no idle loop.
 *
 * Each CPU calls `work` for ever, with interrupts on. `work` begins with a NOP of five bytes; patched, it calls `tap`.
 */
.set WORDS, 0x40000
.set TICKS, 0x8           /* the words of a CPU: clock, */
.set ASKED, 0x18          /* 1: run do_sync_core, */
.set HALTED, 0x28
.set UP, 0x30             /* 1 once it calls work, */
.set WORKED, 0x38         /* calls of work, */
.set TAPPED, 0x40         /* and of tap */
.set SELECTOR, 0x8
.set TRAP, 0x3
.set IPI, 0x60

begin:
	movq %rdi, %rbx
	shlq $0xc, %rbx
	leaq WORDS + 0x1000(%rbx), %rsp
	lgdt gdt_pointer(%rip)
	pushq $SELECTOR
	leaq new_cs(%rip), %rax
	pushq %rax
	lretq
new_cs:
	movl $0x10, %eax
	movw %ax, %ss
/* Both CPUs write the same gates: handler in three pieces, selector, present interrupt gate. */
	leaq trap(%rip), %rsi
	leaq gates + 0x10 * TRAP(%rip), %rdx
	call gate
	leaq ipi(%rip), %rsi
	leaq gates + 0x10 * IPI(%rip), %rdx
	call gate
	lidt gates_pointer(%rip)
	movq $0x1, %gs:WORDS + UP(%rbx)
	sti
again:
	call work
	incq %gs:WORDS + WORKED(%rbx)
	jmp again

gate:
	movq %rsi, %rax
	andl $0xffff, %eax
	orq $SELECTOR << 0x10, %rax
	movq %rsi, %rcx
	shrq $0x10, %rcx
	shlq $0x30, %rcx
	orq %rcx, %rax
	movabsq $0x8e0000000000, %rcx
	orq %rcx, %rax
	movq %rax, (%rdx)
	shrq $0x20, %rsi
	movq %rsi, 0x8(%rdx)
	ret

work:
	.byte 0x0f, 0x1f, 0x44, 0x00, 0x00
	leaq (%rdi,%rdi), %rax
	ret

/* Called from behind work's first instruction. */
tap:
	incq %gs:WORDS + TAPPED(%rbx)
	ret

/* The CPU's page is that of its stack. IRET serializes. */
ipi:
	pushq %rax
	movq %rsp, %rax
	andq $-0x1000, %rax
	subq $WORDS, %rax
	movq $0x0, %gs:WORDS + ASKED(%rax)
	popq %rax
	iretq

/*
 * An int3: the frame is pushed once more below, so that a return address can go where the first one was. Then rax is
 * the address of the int3, rcx the entry of the batch, rsi the entries left.
 */
trap:
	pushq 0x20(%rsp)
	pushq 0x20(%rsp)
	pushq 0x20(%rsp)
	pushq 0x20(%rsp)
	pushq 0x20(%rsp)
	pushq %rax
	pushq %rcx
	pushq %rdx
	pushq %rsi
	lock incl change + 0xc(%rip)
	movq 0x20(%rsp), %rax
	decq %rax
	movq change(%rip), %rcx
	movl change + 0x8(%rip), %esi
look:
	testl %esi, %esi
	je nobodys
	movslq (%rcx), %rdx
	leaq _stext(%rip), %r11
	addq %r11, %rdx
	cmpq %rdx, %rax
	je mine
	addq $0x10, %rcx
	decl %esi
	jmp look
mine:
	movzbl 0x8(%rcx), %edx
	addq %rdx, %rax
	movslq 0x4(%rcx), %rdx
	cmpb $0xe8, 0x9(%rcx)
	jne jump
/* A call: its return address goes on the stack that was interrupted. */
	movq 0x38(%rsp), %rsi
	subq $0x8, %rsi
	movq %rsi, 0x38(%rsp)
	movq %rax, (%rsi)
jump:
	addq %rdx, %rax
	movq %rax, 0x20(%rsp)
	lock decl change + 0xc(%rip)
	popq %rsi
	popq %rdx
	popq %rcx
	popq %rax
	iretq
nobodys:
	movq $0x1, dead(%rip)
stay:
	pause
	jmp stay

.data
gdt:
	.quad 0x0
	.quad 0xaf9b000000ffff
	.quad 0xcf93000000ffff
gdt_pointer:
	.word 0x17
	.quad gdt
gates_pointer:
	.word 0xfff
	.quad gates
dead:
	.quad 0x0
/* What is being changed: the entries, how many, how often they are in use. */
change:
	.quad 0x0
	.long 0x0
	.long 0x0
entries:
	.fill 0x400, 1, 0x0
gates:
	.fill 0x1000, 1, 0x0
