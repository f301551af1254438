/*
 * hello.S: a kernel of your own, small enough to read in one go. Boot and watch it:
 *
 *   simkernel demo --kernel simkernel/guest/examples/hello.S
 *   simkernel functions --kernel simkernel/guest/examples/hello.S
 *
 * Such a file brings what the kernel is for. The rest is always there: boot, entry code, interrupts, locks, scheduler,
 * timer and ftrace (the files named `core` in guest/ORDER). What the core wants from this file is two names:
 *
 *   x64_sys_call   a function: which system call does what
 *   init_tasks     a table in the data: who runs
 *
 * What macros.S gives you, most of all:
 *   SYM_FUNC_START name          a traced function: it begins with `call __fentry__`, and ftrace can find it
 *   SYM_FUNC_START_NOTRACE name  a function that ftrace does not see
 *   SYM_FUNC_START_LOCAL name    as the first, for what would be `static` in C: `simkernel show kallsyms` says t, not T
 *   SYM_FUNC_END name            ends each; a function without its end is an error
 *
 * Rules of the assembler: AT&T syntax, expressions as GNU as reads them (010 is 8; 1==1 is -1); `.text`, `.data` and
 * `.bss` (data of zeroes) switch between the parts; a label that begins with .L belongs to this file alone; FOO(%rip)
 * needs a label, not a constant. What `gcc -S -O2 -fno-pic -mcmodel=kernel -mgeneral-regs-only` makes can be put behind
 * this file. Not here: a C preprocessor (#include, #define), other files, 16-bit and 32-bit code, ports, syscall, rdtsc.
 */

/* The numbers of our system calls; a user part says which one it wants. */
.set NR_hello, 0x0
.set HELLO_ROUNDS, 0x5
/* 1 + 4 + 9 + 16 + 25: what hello(5) must return. */
.set HELLO_RESULT, 0x37

/*
 * long x64_sys_call(rdi, rsi, rdx: arguments, rcx: number): the core calls it for every system call; the result goes
 * back to the caller in rax.
 */
SYM_FUNC_START x64_sys_call
	cmpl $NR_hello, %ecx
	je .Lsys_hello
/* -ENOSYS: no such call. */
	movq $-0x26, %rax
	ret
.Lsys_hello:
	call sys_hello
	ret
SYM_FUNC_END x64_sys_call

/*
 * long sys_hello(long n): rdi; the sum of the squares of 1 to n. A function keeps rbx, rbp and r12 to r15 for its caller,
 * whether it is traced or not, so it may rely on the functions that it calls for the same.
 */
SYM_FUNC_START_LOCAL sys_hello
	push %rbp
	movq %rsp, %rbp
	pushq %rbx
	pushq %r12
	movq %rdi, %rbx
	xorl %r12d, %r12d
.Lhello_next:
	movq %rbx, %rdi
	call square
	addq %rax, %r12
	decq %rbx
	jne .Lhello_next
	call count_hello
	movq %r12, %rax
	popq %r12
	popq %rbx
	popq %rbp
	ret
SYM_FUNC_END sys_hello

/* long square(long n): rdi. A leaf: it calls nobody, but for __fentry__ when it is traced. */
SYM_FUNC_START_LOCAL square
	movq %rdi, %rax
	imulq %rdi, %rax
	ret
SYM_FUNC_END square

/*
 * void count_hello(void): counts under a lock that all CPUs share. Its site begins 0x3d bytes into a 64-byte cache line,
 * so the line ends after three of the five bytes: watch a change of it with the fetch model `line`.
 * Simplified: Linux aligns functions to 16 bytes, so there no function's site lies across a line.
 */
SYM_FUNC_START_STRADDLE count_hello, 0x3d
	leaq hello_lock(%rip), %rdi
	call _raw_spin_lock
	incq hello_count(%rip)
	leaq hello_lock(%rip), %rdi
	call _raw_spin_unlock
	ret
SYM_FUNC_END count_hello

/*
 * The user part of our task: system calls for ever. It checks each result and counts wrong ones in TASK_ERRORS, so you can
 * see that tracing changes nothing. The timer's tick lets other tasks run.
 */
SYM_FUNC_START_NOTRACE_LOCAL user_hello
	GET_CURRENT %r15
.Luser_again:
	movq $HELLO_ROUNDS, %rdi
	movl $NR_hello, %eax
	call entry_SYSCALL_64
	cmpq $HELLO_RESULT, %rax
	je .Luser_again
	incq TASK_ERRORS(%r15)
	jmp .Luser_again
SYM_FUNC_END user_hello

.bss
SYM_DATA_START_LOCAL hello_lock
	.quad 0x0
SYM_DATA_END hello_lock
SYM_DATA_START_LOCAL hello_count
	.quad 0x0
SYM_DATA_END hello_count

.data

/*
 * How many tasks, then a row for each: 16 bytes of name (one that ends in '/' gets the CPU's number), pid, CPU (0xff: one
 * on each CPU), where it starts, an argument, flags (INIT_KTHREAD: it runs in the kernel; 0: it is a user part).
 */
SYM_DATA_START init_tasks
	.quad 0x2
/* stop_machine asks this one to hold its CPU; without it the protocol `stop_machine` has nobody to ask. */
	.ascii "migration/"
	.fill 0x6, 0x1, 0x0
	.long 0x14, 0xff
	.quad cpu_stopper_thread, 0x0, INIT_KTHREAD
	.ascii "hello/"
	.fill 0xa, 0x1, 0x0
	.long 0x64, 0xff
	.quad user_hello, 0x0, 0x0
SYM_DATA_END init_tasks
