/*
 * fork.S: the tasks there are from the start (Linux: init_idle in kernel/sched/core.c, kernel/fork.c, copy_thread in
 * arch/x86/kernel/process.c). From start_kernel, on CPU0 alone, IF=0. No task is made or ends later.
 * Simplified: sched_init() is __init, so it has a site in Linux until its memory is given back.
 *
 *   void sched_init(void), void make_init_tasks(void)
 *   struct task_struct *make_task(row, cpu)              rdi rsi; rax
 *
 * A row of init_tasks (macros.S says what is in it): offsets below.
 */
.set INIT_PID, 0x10
.set INIT_CPU, 0x14
.set INIT_ENTRY, 0x18
.set INIT_ARG, 0x20
.set INIT_FLAGS, 0x28
.set INIT_SIZE, 0x30
.set INIT_EVERY_CPU, 0xff

/* init_idle() for each CPU: slot n, pid 0, `swapper/n`, on no queue. rbx = n. */
SYM_FUNC_START_NOTRACE sched_init
	pushq %rbx
	xorl %ebx, %ebx
.Lsched_init_cpu:
	imulq $TASK_SIZE, %rbx, %rdi
	addq $TASKS_BASE, %rdi
	movl %ebx, TASK_CPU(%rdi)
	leaq swapper_comm(%rip), %rsi
	movl %ebx, %edx
	call set_task_comm
	imulq $PERCPU_SIZE, %rbx, %rax
	movq %rdi, PERCPU_BASE + PCPU_IDLE_TASK(%rax)
	incq %rbx
	cmpq nr_cpu_ids(%rip), %rbx
	jne .Lsched_init_cpu
	movq %rbx, next_task_slot(%rip)
	popq %rbx
	ret
SYM_FUNC_END sched_init

/* Makes every task of the table: rbx row, r12 rows left, r13 CPU, r14 the last CPU that gets one, plus 1. */
SYM_FUNC_START_NOTRACE_LOCAL make_init_tasks
	pushq %rbx
	pushq %r12
	pushq %r13
	pushq %r14
	leaq init_tasks(%rip), %rbx
	movq (%rbx), %r12
	addq $0x8, %rbx
.Linit_row:
	testq %r12, %r12
	je .Linit_done
	movl INIT_CPU(%rbx), %r13d
	leaq 0x1(%r13), %r14
	cmpl $INIT_EVERY_CPU, %r13d
	jne .Linit_cpu
	xorl %r13d, %r13d
	movq nr_cpu_ids(%rip), %r14
/* A task for a CPU that this machine has not got is left out. */
.Linit_cpu:
	cmpq nr_cpu_ids(%rip), %r13
	jae .Linit_next
	movq %rbx, %rdi
	movl %r13d, %esi
	call make_task
	movq %rax, %rdi
	call enqueue_init_task
	incq %r13
	cmpq %r14, %r13
	jb .Linit_cpu
.Linit_next:
	addq $INIT_SIZE, %rbx
	decq %r12
	jmp .Linit_row
.Linit_done:
	popq %r14
	popq %r13
	popq %r12
	popq %rbx
	ret
SYM_FUNC_END make_init_tasks

/*
 * struct task_struct *make_task(row, cpu): rdi rsi; rax. copy_process() and copy_thread() in small: a slot, a name, a
 * pid, and a stack as __switch_to_asm wants to find it. r8 = the task, rdx = its stack pointer.
 */
SYM_FUNC_START_NOTRACE_LOCAL make_task
	movq next_task_slot(%rip), %rax
	cmpq $TASKS_MAX, %rax
	jae .Lmake_no_slot
	incq next_task_slot(%rip)
	imulq $TASK_SIZE, %rax, %r8
	addq $TASKS_BASE, %r8
	leaq 0x1(%rax), %rdx
	imulq $TASK_STACK_STRIDE, %rdx, %rdx
	addq $TASK_STACKS, %rdx
	movl %esi, TASK_CPU(%r8)
/* Tasks that are there once for each CPU have pids one after the other. */
	movl INIT_PID(%rdi), %eax
	cmpl $INIT_EVERY_CPU, INIT_CPU(%rdi)
	jne .Lmake_pid
	addl %esi, %eax
.Lmake_pid:
	movl %eax, TASK_PID(%r8)
	movq INIT_ENTRY(%rdi), %rax
	movq %rax, TASK_USER(%r8)
	movq $FORK_PREEMPT_COUNT, TASK_PREEMPT_COUNT(%r8)
/* The frame: r15 r14 r13 r12 rbx rbp, return address; below the top, which stays 0 for who looks for a caller. */
	subq $0x40, %rdx
	movq %rdx, TASK_SP(%r8)
	movq INIT_FLAGS(%rdi), %rcx
	movq %rcx, 0x10(%rdx)
	movq INIT_ARG(%rdi), %rcx
/* A stopper runs in the loop of the per-CPU threads, with its function as the argument. */
	leaq cpu_stopper_thread(%rip), %r9
	cmpq %r9, %rax
	jne .Lmake_entry
	movq %rax, %rcx
	leaq smpboot_thread_fn(%rip), %rax
.Lmake_entry:
	movq %rcx, 0x18(%rdx)
	movq %rax, 0x20(%rdx)
	leaq ret_from_fork_asm(%rip), %rax
	movq %rax, 0x30(%rdx)
	movl %esi, %edx
	movq %rdi, %rsi
	movq %r8, %rdi
	call set_task_comm
	movq %r8, %rax
	ret
/* The table asks for more tasks than the map has room for. */
.Lmake_no_slot:
	ud2
SYM_FUNC_END make_task

/* set_task_comm(task, char comm[16], cpu): rdi rsi edx. A name that ends in '/' gets the CPU's digit. Keeps rdi, r8. */
SYM_FUNC_START_NOTRACE_LOCAL set_task_comm
	movq (%rsi), %rax
	movq %rax, TASK_COMM(%rdi)
	movq 0x8(%rsi), %rax
	movq %rax, TASK_COMM + 0x8(%rdi)
	xorl %ecx, %ecx
.Lcomm_next:
	movzbl TASK_COMM(%rdi,%rcx,1), %eax
	incl %ecx
	testl %eax, %eax
	je .Lcomm_done
	cmpl $0x2f, %eax
	jne .Lcomm_next
	cmpb $0x0, TASK_COMM(%rdi,%rcx,1)
	jne .Lcomm_next
	addl $0x30, %edx
	movb %dl, TASK_COMM(%rdi,%rcx,1)
.Lcomm_done:
	ret
SYM_FUNC_END set_task_comm

.bss
SYM_DATA_START_LOCAL next_task_slot
	.quad 0x0
SYM_DATA_END next_task_slot
.data
SYM_DATA_START_LOCAL swapper_comm
	.ascii "swapper/"
	.quad 0x0
SYM_DATA_END swapper_comm
.text
