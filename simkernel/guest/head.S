/*
 * head.S: from power-on to C (Linux: arch/x86/kernel/head_64.S, arch/x86/kernel/cpu/common.c, arch/x86/kernel/idt.c).
 *
 * The machine starts every CPU here in 64-bit mode: rdi = the CPU's number, IF=0, all else 0 (no stack, GDT or IDT).
 * Simplified: firmware, real mode, page tables and the SIPI that wakes the other CPUs are left out; functions that are
 * __init or run before ftrace have sites in Linux, here none.
 */
.set MSR_GS_BASE, 0xc0000101
.set TSS_IST1, 0x24
/* Present, code, readable, 64 bit; present, data, writable; present, available 64-bit TSS, limit 0x67. */
.set GDT_ENTRY_KERNEL_CS, 0xaf9b000000ffff
.set GDT_ENTRY_KERNEL_DS, 0xcf93000000ffff
.set TSS_DESC_TYPE_AND_LIMIT, 0x890000000067
.set GATE_INTERRUPT, 0x8e00
.set GATE_DPL3, 0x6000
.set IDT_SIZE, 0x1000
.set DEF_IDTS_ROWS, 0x8

SYM_CODE_START startup_64
/* GS base: the CPU's own area. MSR_GS_BASE takes it in edx:eax. */
	movq %rdi, %rbx
	movq %rdi, %rsi
	shlq $0xc, %rsi
	addq $PERCPU_BASE, %rsi
	movq %rsi, %rax
	movq %rsi, %rdx
	shrq $0x20, %rdx
	movl $MSR_GS_BASE, %ecx
	wrmsr
	movq %rsi, %gs:PCPU_SELF
	movq %rbx, %gs:PCPU_NUMBER
/* The idle task of CPU n is in slot n, and boot runs on its stack. */
	movq %rbx, %rax
	imulq $TASK_SIZE, %rbx, %rsi
	addq $TASKS_BASE, %rsi
	movq %rsi, %gs:PCPU_CURRENT
	movq %rsi, %gs:PCPU_IDLE_TASK
	incq %rax
	imulq $TASK_STACK_STRIDE, %rax, %rsp
	addq $TASK_STACKS, %rsp
/* An idle task never has a count of 0: no interrupt may switch away from it (init_idle_preempt_count). */
	movq $PREEMPT_OFFSET, %gs:PCPU_PREEMPT_COUNT
	call cpu_init_exception_handling
/* Neither returns. A call, so that the stack of the idle task begins with where it came from (.Ljump_to_C_code). */
	testq %rbx, %rbx
	jne .Lsecondary
	call start_kernel
	int3
.Lsecondary:
	call start_secondary
	int3
SYM_CODE_END startup_64

/* start_secondary() (smpboot.c): the others wait until CPU0 has set up what all share. */
SYM_FUNC_START_NOTRACE_LOCAL start_secondary
.Lwait_for_go:
	pause
	cmpq $0x0, smp_go(%rip)
	je .Lwait_for_go
	call load_current_idt
/* A call at the end, for the same reason: a callback at its site looks for the parent (prevent_tail_call_optimization). */
	call cpu_startup_entry
SYM_FUNC_END start_secondary

/*
 * void cpu_init_exception_handling(void): this CPU's GDT, its segments, its TSS with the stacks of #DF and NMI.
 * r8 GDT, r9 TSS.
 */
SYM_FUNC_START_NOTRACE cpu_init_exception_handling
	PER_CPU_READ PCPU_NUMBER, %rax
	imulq $GDT_STRIDE, %rax, %r8
	addq $GDT_BASE, %r8
	imulq $TSS_STRIDE, %rax, %r9
	addq $TSS_BASE, %r9
	imulq $IRQ_STACK_STRIDE, %rax, %rdx
	addq $IRQ_STACKS + DF_STACK_TOP, %rdx
	movq %rdx, TSS_IST1(%r9)
	addq $NMI_STACK_TOP - DF_STACK_TOP, %rdx
	movq %rdx, TSS_IST1 + 0x8(%r9)
	movabsq $GDT_ENTRY_KERNEL_CS, %rax
	movq %rax, KERNEL_CS(%r8)
	movabsq $GDT_ENTRY_KERNEL_DS, %rax
	movq %rax, KERNEL_DS(%r8)
/* A TSS descriptor has its base in pieces (SDM vol. 3, figure 8-4): bits 0-23 at 16, 24-31 at 56, the rest above. */
	movq %r9, %rax
	andl $0xffffff, %eax
	shlq $0x10, %rax
	movl %r9d, %edx
	shrl $0x18, %edx
	shlq $0x38, %rdx
	orq %rdx, %rax
	movabsq $TSS_DESC_TYPE_AND_LIMIT, %rdx
	orq %rdx, %rax
	movq %rax, TSS_SELECTOR(%r8)
	movq %r9, %rax
	shrq $0x20, %rax
	movq %rax, TSS_SELECTOR + 0x8(%r8)
/* LGDT reads ten bytes: limit, base. */
	subq $0x10, %rsp
	movw $GDT_STRIDE - 0x1, (%rsp)
	movq %r8, 0x2(%rsp)
	lgdt (%rsp)
	addq $0x10, %rsp
	movl $KERNEL_DS, %eax
	movw %ax, %ds
	movw %ax, %es
	movw %ax, %ss
/* CS can only be loaded by a far transfer: a return to the next line. */
	pushq $KERNEL_CS
	pushq $.Lnew_cs
	lretq
.Lnew_cs:
	movl $TSS_SELECTOR, %eax
	ltr %ax
	ret
SYM_FUNC_END cpu_init_exception_handling

/* void load_current_idt(void): one table for all CPUs. */
SYM_FUNC_START_NOTRACE load_current_idt
	subq $0x10, %rsp
	movw $IDT_SIZE - 0x1, (%rsp)
	movq $IDT_BASE, 0x2(%rsp)
	lidt (%rsp)
	addq $0x10, %rsp
	ret
SYM_FUNC_END load_current_idt

/* void idt_setup_from_table(void): gates from def_idts below. rdi row, rcx rows left, rdx gate, rax handler. */
SYM_FUNC_START_NOTRACE_LOCAL idt_setup_from_table.constprop.0
	leaq def_idts(%rip), %rdi
	movq $DEF_IDTS_ROWS, %rcx
.Lidt_row:
	movzwl (%rdi), %edx
	shlq $0x4, %rdx
	addq $IDT_BASE, %rdx
	movq 0x8(%rdi), %rax
	movw %ax, (%rdx)
	movw $KERNEL_CS, 0x2(%rdx)
	movw 0x2(%rdi), %si
	movw %si, 0x4(%rdx)
	shrq $0x10, %rax
	movw %ax, 0x6(%rdx)
	shrq $0x10, %rax
	movl %eax, 0x8(%rdx)
	addq $0x10, %rdi
	decq %rcx
	jne .Lidt_row
	ret
SYM_FUNC_END idt_setup_from_table.constprop.0

.data
/*
 * A row: vector, the gate's word with IST in bits 0-2, type in 8-11, DPL in 13-14, present in 15; handler. All are
 * interrupt gates (0xe), #BP too (SYSG): a CPU that has taken an int3 answers no sync before its handler is done.
 */
SYM_DATA_START_LOCAL def_idts
	.2byte VECTOR_NMI, GATE_INTERRUPT + IST_NMI, 0x0, 0x0
	.quad asm_exc_nmi
	.2byte VECTOR_BP, GATE_INTERRUPT + GATE_DPL3, 0x0, 0x0
	.quad asm_exc_int3
	.2byte VECTOR_UD, GATE_INTERRUPT, 0x0, 0x0
	.quad asm_exc_invalid_op
	.2byte VECTOR_DF, GATE_INTERRUPT + IST_DF, 0x0, 0x0
	.quad asm_exc_double_fault
	.2byte VECTOR_GP, GATE_INTERRUPT, 0x0, 0x0
	.quad asm_exc_general_protection
	.2byte VECTOR_PF, GATE_INTERRUPT, 0x0, 0x0
	.quad asm_exc_page_fault
	.2byte VECTOR_TIMER, GATE_INTERRUPT, 0x0, 0x0
	.quad asm_sysvec_apic_timer_interrupt
	.2byte VECTOR_CALL_FUNCTION, GATE_INTERRUPT, 0x0, 0x0
	.quad asm_sysvec_call_function
SYM_DATA_END def_idts
.text
